// Permanents, octahedral averages and sign flips: known values, laws, and sums over the group.
//
// References are computed in long double, by algorithms other than those tested where there is one.
#include <algorithm>
#include <vector>

#include "check.hpp"
#include "numbers.hpp"
#include "numeric.hpp"
#include "symkernel/octahedral.hpp"
#include "symkernel/permanent.hpp"
#include "symkernel/sign_flips.hpp"

SYMKERNEL_BEGIN_NAMESPACE

void test_permanent();

namespace {

using Matrix = std::vector<double>;  // n x n, row by row

long double by_permutations(const Matrix& a, int n) {
  std::vector<int> s(static_cast<std::size_t>(n));
  for (int i = 0; i < n; ++i) s[static_cast<std::size_t>(i)] = i;
  long double sum = 0;
  do {
    long double product = 1;
    for (int i = 0; i < n; ++i)
      product *= a[static_cast<std::size_t>(i * n + s[static_cast<std::size_t>(i)])];
    sum += product;
  } while (std::next_permutation(s.begin(), s.end()));
  return sum;
}

// The subset recurrence; with `magnitudes`, the permanent of |a|.
long double by_subsets(const Matrix& a, int n, bool magnitudes = false) {
  std::vector<long double> p(std::size_t(1) << n, 0.0L);
  p[0] = 1;
  for (std::size_t set = 1; set < p.size(); ++set) {
    const int row = bit_count(set) - 1;
    for (int j = 0; j < n; ++j) {
      if (((set >> j) & 1) == 0) continue;
      const long double entry = a[static_cast<std::size_t>(row * n + j)];
      p[set] += (magnitudes ? std::fabs(entry) : entry) * p[set ^ (std::size_t(1) << j)];
    }
  }
  return p.back();
}

template <class R>
class Scratch {
 public:
  explicit Scratch(std::int64_t bytes) : memory_(static_cast<std::size_t>(bytes / 8 + 9)) {}
  void* get() { return memory_.data(); }

 private:
  std::vector<double> memory_;
};

// One matrix per lane, n x n; lanes beyond the last matrix repeat the first.
template <class R>
std::vector<Scalar<R>> in_lanes(const std::vector<Matrix>& matrices, int n) {
  constexpr int width = InMemory<R>::width;
  std::vector<Scalar<R>> a(static_cast<std::size_t>(n * n * width + 1));
  for (int k = 0; k < n * n; ++k) {
    for (int lane = 0; lane < width; ++lane) {
      const std::size_t m =
          static_cast<std::size_t>(lane) < matrices.size() ? static_cast<std::size_t>(lane) : 0;
      a[static_cast<std::size_t>(k * width + lane)] =
          static_cast<Scalar<R>>(matrices[m][static_cast<std::size_t>(k)]);
    }
  }
  return a;
}

template <class R>
std::vector<long double> permanents(const std::vector<Matrix>& matrices, int n) {
  constexpr int width = InMemory<R>::width;
  const std::vector<Scalar<R>> a = in_lanes<R>(matrices, n);
  Scratch<R> scratch(permanent_scratch<R>(n));
  const ScaledPermanent<R> p = permanent<R>(a.data(), n, scratch.get());
  Scalar<R> value[16], exponent[16];
  InMemory<R>::store(p.value, value);
  InMemory<R>::store(p.exponent, exponent);
  std::vector<long double> result;
  for (int lane = 0; lane < width; ++lane)
    result.push_back(
        std::ldexp(static_cast<long double>(value[lane]), static_cast<int>(exponent[lane])));
  return result;
}

// Values of the type, so that references see the same matrix.
template <class T>
double rounded(double x) {
  return static_cast<double>(static_cast<T>(x));
}

enum class Kind { uniform, smooth, sharp, range, sparse, tied, zero_row, no_matching, gauss };
constexpr Kind all_kinds[] = {Kind::uniform,  Kind::smooth,      Kind::sharp,
                              Kind::range,    Kind::sparse,      Kind::tied,
                              Kind::zero_row, Kind::no_matching, Kind::gauss};

template <class T>
Matrix make(Kind kind, int n, Random& random) {
  Matrix a(static_cast<std::size_t>(n * n + 1));
  std::vector<double> x, y;
  for (int i = 0; i < 2 * n; ++i) {
    x.push_back(random.uniform(0, 1));
    y.push_back(random.uniform(0, 1));
  }
  const double decades = sizeof(T) == 8 ? 250 : 25;
  for (int i = 0; i < n; ++i) {
    for (int j = 0; j < n; ++j) {
      const double u = random.uniform(0, 1);
      const std::size_t p = static_cast<std::size_t>(2 * i), q = static_cast<std::size_t>(2 * j);
      const double square =
          (x[p] - y[q]) * (x[p] - y[q]) + (x[p + 1] - y[q + 1]) * (x[p + 1] - y[q + 1]);
      double v = u;
      if (kind == Kind::smooth) v = std::exp(-2 * square);
      if (kind == Kind::sharp) v = std::exp(-(sizeof(T) == 8 ? 200 : 40) * square);
      if (kind == Kind::range) v = std::pow(10.0, -decades * u);
      if (kind == Kind::sparse) v = random.below(2) == 0 ? 0 : std::pow(10.0, -decades * u);
      if (kind == Kind::tied) v = y[static_cast<std::size_t>(j)];
      if (kind == Kind::zero_row && i == n / 2) v = 0;
      if (kind == Kind::no_matching && i < 2 && j > 0) v = 0;
      if (kind == Kind::gauss) v = u + random.uniform(-1, 0) + random.uniform(-1, 1);
      a[static_cast<std::size_t>(i * n + j)] = rounded<T>(v);
    }
  }
  return a;
}

struct KnownPermanents {
  template <class R>
  void run(const char* name) {
    using T = Scalar<R>;
    long double factorial = 1, derangements = 1, fibonacci[2] = {1, 1};
    for (int n = 0; n <= 16; ++n) {
      if (n > 0) {
        factorial *= n;
        derangements = n * derangements + (n % 2 == 0 ? 1 : -1);
      }
      Matrix ones(static_cast<std::size_t>(n * n + 1), 1.0), off = ones, band = ones, cycle = ones;
      for (int i = 0; i < n; ++i) {
        for (int j = 0; j < n; ++j) {
          const std::size_t at = static_cast<std::size_t>(i * n + j);
          off[at] = i == j ? 0 : 1;
          band[at] = std::abs(i - j) <= 1 ? 1 : 0;
          cycle[at] = i == j || (i + 1) % n == j ? 1 : 0;
        }
      }
      const long double tolerance = sizeof(T) == 8 ? 5e-14L : 2e-6L;
      check::context("%s, n = %d", name, n);
      CHECK_NEAR(permanents<R>({ones}, n)[0] / factorial, 1, tolerance);
      if (n > 1) CHECK_NEAR(permanents<R>({off}, n)[0] / derangements, 1, tolerance);
      CHECK_NEAR(permanents<R>({band}, n)[0] / fibonacci[1], 1, tolerance);
      if (n > 2) CHECK_NEAR(permanents<R>({cycle}, n)[0], 2, 2 * tolerance);
      if (n > 0) {
        const long double next = fibonacci[0] + fibonacci[1];
        fibonacci[0] = fibonacci[1];
        fibonacci[1] = next;
      }
    }
  }
};

struct Permanents {
  template <class R>
  void run(const char* name) {
    using T = Scalar<R>;
    constexpr int width = InMemory<R>::width;
    Random random(3);
    for (int n : {1, 2, 3, 4, 5, 6, 7, 9, 12, 14, 15, 16}) {
      for (Kind kind : all_kinds) {
        std::vector<Matrix> matrices;
        const int count = n > 12 ? std::min(width, 2) : width;
        for (int i = 0; i < count; ++i) matrices.push_back(make<T>(kind, n, random));
        const std::vector<long double> got = permanents<R>(matrices, n);
        for (int i = 0; i < count; ++i) {
          const Matrix& a = matrices[static_cast<std::size_t>(i)];
          const long double expected = n <= 6 ? by_permutations(a, n) : by_subsets(a, n);
          const long double scale = kind == Kind::gauss ? by_subsets(a, n, true) : expected;
          const long double tolerance =
              sizeof(T) == 8 ? (n > subset_limit ? 1e-13L : 5e-15L) : 5e-6L;
          check::context("%s, n = %d, kind %d, lane %d", name, n, static_cast<int>(kind), i);
          CHECK_NEAR(got[static_cast<std::size_t>(i)], expected, tolerance * scale);
        }
      }
    }
  }
};

// Expansion along any row and along any column; minors against permanents of smaller matrices.
struct Minors {
  template <class R>
  void run(const char* name) {
    using T = Scalar<R>;
    constexpr int width = InMemory<R>::width;
    Random random(4);
    for (int n : {0, 1, 2, 3, 4, 5, 8, 10}) {
      for (Kind kind : all_kinds) {
        const Matrix a = make<T>(kind, n, random);
        const std::vector<T> lanes = in_lanes<R>({a}, n);
        std::vector<T> gradient(lanes.size());
        Scratch<R> scratch(permanent_gradient_scratch<R>(n));
        const ScaledPermanent<R> p =
            permanent_and_minors<R>(lanes.data(), n, scratch.get(), gradient.data());
        T value[16], exponent[16];
        InMemory<R>::store(p.value, value);
        InMemory<R>::store(p.exponent, exponent);
        const auto scaled = [&](T v) {
          return std::ldexp(static_cast<long double>(v), static_cast<int>(exponent[0]));
        };
        const long double whole = by_subsets(a, n), scale = by_subsets(a, n, true);
        const long double epsilon = sizeof(T) == 8 ? 5e-15L : 3e-6L;
        check::context("%s, n = %d, kind %d", name, n, static_cast<int>(kind));
        CHECK_NEAR(scaled(value[0]), whole, epsilon * scale);
        for (int i = 0; i < n; ++i) {
          long double row = 0, column = 0;
          for (int j = 0; j < n; ++j) {
            const auto term = [&](int r, int c) {
              const std::size_t at = static_cast<std::size_t>(r * n + c);
              return a[at] * scaled(gradient[at * static_cast<std::size_t>(width)]);
            };
            row += term(i, j);
            column += term(j, i);
          }
          CHECK_NEAR(row, whole, epsilon * scale);
          CHECK_NEAR(column, whole, epsilon * scale);
        }
        if (n == 0 || (kind != Kind::uniform && kind != Kind::zero_row)) continue;
        for (int i = 0; i < n; ++i) {
          Matrix minor;
          for (int k = 0; k < n * n; ++k) {
            if (k / n != i && k % n != (i + 1) % n) minor.push_back(a[static_cast<std::size_t>(k)]);
          }
          minor.push_back(0);
          const long double expected = by_subsets(minor, n - 1);
          const std::size_t at = static_cast<std::size_t>((i * n + (i + 1) % n) * width);
          CHECK_NEAR(scaled(gradient[at]), expected, epsilon * expected);
        }
      }
    }
  }
};

// Clouds of four points, coordinate by coordinate, and sums over the group in long double.
struct OctahedralAverages {
  template <class R>
  void run(const char* name) {
    check_group<R, false>(name);
    check_group<R, true>(name);
  }

 private:
  static constexpr int points = 4;

  static long double dot(const double* x, const double* y) {
    long double sum = 0;
    for (int p = 0; p < points; ++p) sum += static_cast<long double>(x[p]) * y[p];
    return sum * 1.4426950408889634073599L;  // in base two
  }

  template <class R, bool Rotations>
  static void check_group(const char* name) {
    using T = Scalar<R>;
    Random random(5);
    for (double size : {0.0, 1e-8, 0.3, 2.0, 10.0, 100.0}) {
      for (int like = 0; like < 4; ++like) {  // y: any cloud, x, -x, and x turned
        double x[3][points], y[3][points], half_x[3], half_y[3];
        T m[9], shift_x[3], shift_y[3];
        for (auto& row : x) {
          for (double& v : row) v = size * random.uniform(-1, 1);
        }
        for (int i = 0; i < 3; ++i) {
          for (int p = 0; p < points; ++p) {
            const double any = size * random.uniform(-1, 1);
            y[i][p] = like == 0   ? any
                      : like == 1 ? x[i][p]
                      : like == 2 ? -x[i][p]
                                  : x[(i + 1) % 3][p];
          }
        }
        long double bias = 0;
        for (int i = 0; i < 3; ++i) {
          half_x[i] = static_cast<double>(dot(x[i], x[i]) / 2);
          half_y[i] = static_cast<double>(dot(y[i], y[i]) / 2);
          bias -= static_cast<long double>(half_x[i]) + half_y[i];
          for (int j = 0; j < 3; ++j) m[3 * i + j] = static_cast<T>(dot(x[i], y[j]));
        }
        const OctahedralSample sx = octahedral_sample(half_x), sy = octahedral_sample(half_y);
        R entries[9], row_shift[3], column_shift[3];
        for (int k = 0; k < 9; ++k) entries[k] = R(m[k]);
        for (int i = 0; i < 3; ++i) {
          shift_x[i] = static_cast<T>(sx.shift[i]);
          shift_y[i] = static_cast<T>(sy.shift[i]);
          row_shift[i] = R(shift_x[i]);
          column_shift[i] = R(shift_y[i]);
        }
        const R weight(static_cast<T>(sx.weight * sy.weight));
        const Octahedral<R, Rotations> k(entries, row_shift, column_shift);
        R gradient[9];
        k.gradient(weight, gradient);
        T out[16], slope[16];
        InMemory<R>::store(k.mean(weight), out);

        long double sum = 0, slopes[9] = {};
        int s[3] = {0, 1, 2};
        do {
          const int inversions = (s[0] > s[1]) + (s[0] > s[2]) + (s[1] > s[2]);
          for (int signs = 0; signs < 8; ++signs) {
            const int parity = inversions + bit_count(static_cast<std::uint64_t>(signs));
            if (Rotations && parity % 2 != 0) continue;
            long double exponent = bias;
            for (int i = 0; i < 3; ++i)
              exponent += ((signs >> i) & 1) != 0 ? -static_cast<long double>(m[3 * i + s[i]])
                                                  : static_cast<long double>(m[3 * i + s[i]]);
            const long double term = std::exp2(exponent) / (Rotations ? 24 : 48);
            sum += term;
            for (int i = 0; i < 3; ++i)
              slopes[3 * i + s[i]] += ((signs >> i) & 1) != 0 ? -term : term;
          }
        } while (std::next_permutation(s, s + 3));
        const long double least = std::numeric_limits<T>::min();
        const long double tolerance = sizeof(T) == 8 ? 2e-15L * sum + least : 2e-6L * sum + least;
        check::context("%s, %s, size %g, cloud %d", name, Rotations ? "O" : "O_h", size, like);
        CHECK_NEAR(out[0], sum, tolerance);
        for (int e = 0; e < 9; ++e) {
          InMemory<R>::store(gradient[e], slope);
          CHECK_NEAR(slope[0], slopes[e], tolerance);
        }

        // the same from half squares of distances, +-m = h(x) + h(y) - these
        R near[9], far[9];
        for (int e = 0; e < 9; ++e) {
          const double h = half_x[e / 3] + half_y[e % 3];
          near[e] = R(static_cast<T>(h - static_cast<double>(m[e])));
          far[e] = R(static_cast<T>(h + static_cast<double>(m[e])));
        }
        const auto exact = Octahedral<R, Rotations>::of_distances(near, far);
        InMemory<R>::store(exact.mean(R(T(1))), out);
        const long double rounding = FloatTraits<T>::epsilon * 4 * std::fabs(bias);
        CHECK_NEAR(out[0], sum, tolerance + rounding * sum);
        // its slope, against differences at rates a little apart
        if (sizeof(T) == 8) {
          const auto at = [&](double factor) {
            R a[9], b[9];
            for (int e = 0; e < 9; ++e) {
              a[e] = near[e] * R(static_cast<T>(factor));
              b[e] = far[e] * R(static_cast<T>(factor));
            }
            T mean[16];
            InMemory<R>::store(Octahedral<R, Rotations>::of_distances(a, b).mean(R(T(1))), mean);
            return static_cast<double>(mean[0]);
          };
          const double want = (at(1 + 1e-6) - at(1 - 1e-6)) / 2e-6;
          InMemory<R>::store(exact.slope(near, far), out);
          CHECK_NEAR(out[0], want, 1e-8 + 1e-6 * std::fabs(want));
        }
      }
    }
  }
};

struct FlipAverages {
  template <class R>
  void run(const char* name) {
    flips<R, RbfFlips>(name);
    flips<R, LaplacianFlips>(name);
  }

 private:
  // -log2 k(x, y) of one feature, x and y in units of its scale and of any sign.
  template <int Power>
  static long double exponent_of(long double x, long double y) {
    return Power == 2 ? (x - y) * (x - y) : std::fabs(x - y);
  }

  template <class R, template <class> class Flips>
  static void flips(const char* name) {
    using T = Scalar<R>;
    constexpr int width = InMemory<R>::width;
    constexpr int power = Flips<R>::power;
    const long double epsilon = std::numeric_limits<T>::epsilon();
    Random random(6);
    for (int n : {0, 1, 2, 7, 64, 65, 300, 3000}) {
      for (double size : {0.0, 1e-4, 0.5, 3.0, 40.0}) {
        std::vector<T> x(static_cast<std::size_t>(n + 1)),
            y(static_cast<std::size_t>(n * width + 1));
        std::vector<T> slopes(y.size());
        const double spread = size / std::sqrt(1.0 + n / 8);
        for (T& v : x) v = static_cast<T>(spread * random.uniform(0, 1));
        for (T& v : y) v = static_cast<T>(spread * random.uniform(0, 1));
        T out[16], again[16];
        InMemory<R>::store(sign_flips<R, Flips>(x.data(), 1, y.data(), width, n), out);
        const R k =
            sign_flips_gradient<R, Flips>(x.data(), 1, y.data(), width, n, slopes.data(), width);
        InMemory<R>::store(k, again);
        std::vector<T> pulls(y.size());
        sign_flips_slopes<R, Flips>(x.data(), 1, y.data(), width, n, pulls.data(), width);
        check::context("%s, power %d, n = %d, size %g", name, power, n, size);
        for (int lane = 0; lane < width; ++lane) {
          long double log_sum = 0, exponent = 0, worst = 0;
          for (int i = 0; i < n; ++i) {
            const std::size_t at = static_cast<std::size_t>(i * width + lane);
            const long double u = x[static_cast<std::size_t>(i)], v = y[at];
            const long double e = exponent_of<power>(u, v), f = exponent_of<power>(u, -v);
            const long double near = std::exp2(-e), far = std::exp2(-f);
            log_sum += std::log2((near + far) / 2);
            exponent += e;
            // d log k / d log(length) = power log 2 * -log2 k for each of the two factors
            const long double expected =
                power * 0.69314718055994530942L * (near * e + far * f) / (near + far);
            const long double error =
                std::fabs(slopes[at] - expected) / (expected > 0 ? expected : 1);
            worst = std::max(worst, error);
            // d log k / du, from -d(e, f)/du
            const auto sign = [](long double t) { return (t > 0) - (t < 0); };
            const long double down = power == 2 ? 2 * (v - u) : sign(v - u);
            const long double up = power == 2 ? -2 * (u + v) : (u + v > 0 ? -1 : 0);
            const long double pull =
                0.69314718055994530942L * (near * down + far * up) / (near + far);
            if (u > 0) worst = std::max(worst, std::fabs(pulls[at] - pull) / (1 + u + v));
          }
          CHECK_NEAR(worst, 0, 60 * epsilon);
          const long double expected = std::exp2(log_sum);
          const long double tolerance =
              (4 + n + std::sqrt(4.0L + n) * exponent) * epsilon * expected +
              std::numeric_limits<T>::min();
          CHECK_NEAR(out[lane], expected, tolerance);
          CHECK_NEAR(again[lane], expected, tolerance);
        }
      }
    }
  }
};

}  // namespace

void test_permanent() {
  for_number_types(KnownPermanents());
  for_number_types(Permanents());
  for_number_types(Minors());
  for_number_types(OctahedralAverages());
  for_number_types(FlipAverages());
}

SYMKERNEL_END_NAMESPACE
