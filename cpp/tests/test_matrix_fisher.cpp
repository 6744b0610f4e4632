// The matrix Fisher constant, its derivatives and signed singular values against 45-digit values.
#include <algorithm>

#include "check.hpp"
#include "fisher_reference.hpp"
#include "numbers.hpp"
#include "numeric.hpp"
#include "symkernel/alignment.hpp"
#include "symkernel/matrix_fisher.hpp"
#include "symkernel/matrix_fisher_mean.hpp"
#include "symkernel/svd3.hpp"

SYMKERNEL_BEGIN_NAMESPACE

namespace {

using fisher_reference::Matrix;

constexpr double unbounded = 1e14;

// One matrix in every lane, or one in this lane and another elsewhere.
template <class R>
R lanes_of(double x, double other, int lane) {
  Scalar<R> v[16];
  for (int i = 0; i < Number<R>::width; ++i) v[i] = static_cast<Scalar<R>>(i == lane ? x : other);
  return Number<R>::load(v);
}

template <class R>
double lane_of(R r, int lane) {
  Scalar<R> v[16];
  Number<R>::store(r, v);
  return v[lane];
}

// The relative error allowed: the stated one and what rounding M and the exponent must cost.
template <class R>
double allowed(double size) {
  const bool is_double = sizeof(Scalar<R>) == 8;
  return (is_double ? 1e-12 : 5e-6) + 6.0 * FloatTraits<Scalar<R>>::epsilon * size;
}

struct ScaledConstant {
  template <class R>
  void run(const char* name) {
    const double tolerance = allowed<R>(0);
    for (const auto& c : fisher_reference::scaled_values) {
      check::context("%s scaled(%g, %g, %g)", name, c.s[0], c.s[1], c.s[2]);
      const double nuclear = c.s[0] + c.s[1] + std::fabs(c.s[2]);
      for (const double bound : {nuclear, unbounded}) {
        const MatrixFisher<R> fisher(bound);
        const R got =
            fisher.scaled(R(Scalar<R>(c.s[0])), R(Scalar<R>(c.s[1])), R(Scalar<R>(c.s[2])));
        CHECK_NEAR(lane_of(got, 0) / c.scaled, 1, tolerance);
      }
    }
  }
};

struct FromMatrix {
  template <class R>
  void run(const char* name) {
    int lane = 0;
    for (const Matrix& c : fisher_reference::matrices) {
      const double nuclear = c.s[0] + c.s[1] + std::fabs(c.s[2]);
      lane = (lane + 1) % Number<R>::width;
      for (const double bound : {nuclear, unbounded}) {
        // other lanes with another matrix, one that takes the other path to Q
        for (const double scale : {1.0, nuclear > 40 ? 0.01 : 100.0}) {
          if (scale > 1 && bound < unbounded) continue;
          check::context("%s M = (%g, %g, %g, ...), bound %g", name, c.m[0], c.m[1], c.m[2], bound);
          R m[9];
          for (int k = 0; k < 9; ++k) m[k] = lanes_of<R>(c.m[k], scale * c.m[(k + 4) % 9], lane);
          const R bias = lanes_of<R>(c.top, scale * c.top, lane);
          const double rounded = lane_of(bias, lane);
          const MatrixFisher<R> fisher(bound);
          const MatrixFisher<R, true> both(bound);
          one(c, fisher, both, m, bias, lane, c.scaled * std::exp(c.top - rounded));
        }
      }
    }
  }

 private:
  template <class R>
  void one(const Matrix& c, const MatrixFisher<R>& fisher, const MatrixFisher<R, true>& both,
           const R (&m)[9], R bias, int lane, double expected) {
    const double nuclear = c.s[0] + c.s[1] + std::fabs(c.s[2]);
    const double tolerance = allowed<R>(nuclear), large = nuclear < 1 ? 1 : nuclear;
    CHECK_NEAR(lane_of(fisher.value(m, bias), lane) / expected, 1, tolerance);

    R slope;
    const R with_slope = fisher.value_and_slope(m, bias, slope);
    CHECK_NEAR(lane_of(with_slope, lane) / expected, 1, tolerance);
    CHECK_NEAR(lane_of(slope, lane) / expected, c.slope, 20 * tolerance * large);

    R gradient[9];
    const R with_gradient = fisher.value_and_gradient(m, bias, gradient);
    CHECK_NEAR(lane_of(with_gradient, lane) / expected, 1, tolerance);
    for (int k = 0; k < 9; ++k)
      CHECK_NEAR(lane_of(gradient[k], lane) / expected, c.rotation[k], 10 * tolerance);

    if constexpr (sizeof(Scalar<R>) == 8) {
      // beside the largest value of the kernel for s of this size, e^(-2 |s3|) where det M < 0
      const double share = c.s[2] < 0 ? std::exp(2 * c.s[2]) : 1;
      if (nuclear <= 1024) mean_rotation(c, m, bias, lane, expected / share, share, nuclear);
    }

    // O(3): the mean with -M, where the bias serves both
    R minus[9];
    for (int k = 0; k < 9; ++k) minus[k] = -m[k];
    const R safe = bias + bias + R(Scalar<R>(1)) * with_sign(R(Scalar<R>(0)), bias);
    const double here = lane_of(fisher.value(m, safe), lane);
    const double there = lane_of(fisher.value(minus, safe), lane);
    const double mean = 0.5 * (here + there);
    if (mean < std::numeric_limits<float>::min() || std::isinf(mean)) return;
    CHECK_NEAR(lane_of(both.value(m, safe), lane) / mean, 1, tolerance);
    R other[9], first[9], both_slope, other_slope;
    fisher.value_and_gradient(m, safe, first);
    fisher.value_and_gradient(minus, safe, other);
    const R v = both.value_and_gradient(m, safe, gradient);
    CHECK_NEAR(lane_of(v, lane) / mean, 1, tolerance);
    for (int k = 0; k < 9; ++k)
      CHECK_NEAR(lane_of(gradient[k], lane) / mean,
                 0.5 * (lane_of(first[k], lane) - lane_of(other[k], lane)) / mean, 10 * tolerance);
    both.value_and_slope(m, safe, both_slope);
    fisher.value_and_slope(m, safe, slope);
    fisher.value_and_slope(minus, safe, other_slope);
    CHECK_NEAR(lane_of(both_slope, lane) / mean,
               0.5 * (lane_of(slope, lane) + lane_of(other_slope, lane)) / mean,
               20 * tolerance * large);
  }

  template <class R>
  void mean_rotation(const Matrix& c, const R (&m)[9], R bias, int lane, double largest,
                     double share, double size) {
    const MeanRotation<R, false> mean;
    typename MeanRotation<R, false>::Parts parts;
    typename MeanRotation<R, false>::Shares shares = {R(0.0), R(0.0), R(0.0)};
    R found[9];
    for (R& entry : found) entry = R(0.0);
    mean.set(m, 2, 1.0, parts);
    mean.add(parts, bias, 1.0, 1.0, shares);
    MeanRotation<R, false>::expand(m, shares, found);
    for (int k = 0; k < 9; ++k)
      CHECK_NEAR(lane_of(found[k], lane) / largest, share * c.rotation[k], 2 * allowed<R>(size));
  }
};

// Rows of many pairs, and mixtures, are what single pairs give.
struct RowsAndMixtures {
  template <class R>
  void run(const char* name) {
    using T = Scalar<R>;
    check::context("%s rows and mixtures", name);
    constexpr int n = 37;
    Random random(8);
    R m[n][9], bias[n], got[n];
    for (int i = 0; i < n; ++i) {
      T v[16];
      const double size = std::pow(10.0, random.uniform(-2, 1.3));
      for (int k = 0; k < 10; ++k) {
        for (int l = 0; l < 16; ++l) v[l] = static_cast<T>(random.uniform(-1, 1) * size);
        (k < 9 ? m[i][k] : bias[i]) = Number<R>::load(v);
      }
      bias[i] = abs(bias[i]) + R(T(3 * size));
    }
    const T factors[] = {T(1), T(0.5), T(0.03), T(0)}, weights[] = {T(0.5), T(1), T(2), T(0.25)};
    compare(MatrixFisher<R>(60), m, bias, got, factors, weights);
    compare(MatrixFisher<R, true>(60), m, bias, got, factors, weights);
  }

 private:
  template <class R, bool Reflections, int N>
  void compare(const MatrixFisher<R, Reflections>& fisher, const R (&m)[N][9], const R (&bias)[N],
               R (&got)[N], const Scalar<R>* factors, const Scalar<R>* weights) {
    fisher.values(
        N,
        [&](int i, R(&to)[9], R& b) {
          for (int k = 0; k < 9; ++k) to[k] = m[i][k];
          b = bias[i];
        },
        [&](int i, R v) { got[i] = v; });
    for (int i = 0; i < N; ++i) {
      const R one = fisher.value(m[i], bias[i]);
      const R mixture = fisher.mixture(m[i], bias[i], factors, weights, 4);
      R sum(Scalar<R>(0));
      for (int j = 0; j < 4; ++j) {
        R scaled[9];
        for (int k = 0; k < 9; ++k) scaled[k] = m[i][k] * R(factors[j]);
        sum = sum + R(weights[j]) * fisher.value(scaled, bias[i] * R(factors[j]));
      }
      for (int l = 0; l < Number<R>::width; ++l) {
        CHECK_NEAR(lane_of(got[i], l) / lane_of(one, l), 1, allowed<R>(0));
        CHECK_NEAR(lane_of(mixture, l) / lane_of(sum, l), 1, 3 * allowed<R>(20));
      }
    }
  }
};

// Data scaled to the ends of the number range: finite values, never NaN.
struct Extremes {
  template <class R>
  void run(const char* name) {
    using T = Scalar<R>;
    for (const double scale : {1e-30, 1e-15, 1e-5, 1e3, 1e5, 1e12}) {
      for (const Matrix& c : fisher_reference::matrices) {
        const double nuclear = scale * (c.s[0] + c.s[1] + std::fabs(c.s[2]));
        if (nuclear > MatrixFisher<R>::largest_bound) continue;
        check::context("%s scale %g, M = (%g, %g, %g, ...)", name, scale, c.m[0], c.m[1], c.m[2]);
        R m[9], g[9], slope;
        for (int k = 0; k < 9; ++k) m[k] = R(static_cast<T>(scale * c.m[k]));
        const R bias(static_cast<T>(nuclear));
        const MatrixFisher<R> fisher(unbounded);
        const MatrixFisher<R, true> both(unbounded);
        // the exponent is known to a few eps |M|: a bound for the value, nothing more
        const double reach = 1.001 * std::exp(20 * FloatTraits<T>::epsilon * lane_of(bias, 0));
        const double v = lane_of(fisher.value(m, bias), 0), w = lane_of(both.value(m, bias), 0);
        CHECK(v >= 0 && v <= reach);
        CHECK(w >= 0 && w <= reach);
        CHECK(lane_of(fisher.value_and_gradient(m, bias, g), 0) >= 0);
        for (int k = 0; k < 9; ++k) CHECK(std::fabs(lane_of(g[k], 0)) <= reach);
        CHECK(lane_of(both.value_and_gradient(m, bias, g), 0) >= 0);
        for (int k = 0; k < 9; ++k) CHECK(std::fabs(lane_of(g[k], 0)) <= reach);
        fisher.value_and_slope(m, bias, slope);
        CHECK(std::isfinite(lane_of(slope, 0)));
      }
    }
  }
};

struct SingularValues {
  template <class R>
  void run(const char* name) {
    using T = Scalar<R>;
    for (const double scale : {1.0, 9.094947017729282e-13, 1048576.0}) {
      for (const Matrix& c : fisher_reference::matrices) {
        check::context("%s singular values of (%g, %g, %g, ...)", name, c.m[0], c.m[1], c.m[2]);
        R m[9], s1, s2, s3;
        for (int k = 0; k < 9; ++k) m[k] = R(static_cast<T>(scale * c.m[k]));
        signed_singular_values(m, s1, s2, s3);
        const double tolerance = 8 * FloatTraits<T>::epsilon * scale * c.s[0];
        CHECK_NEAR(lane_of(s1, 0), scale * c.s[0], tolerance);
        CHECK_NEAR(lane_of(s2, 0), scale * c.s[1], tolerance);
        CHECK_NEAR(lane_of(s3, 0), scale * c.s[2], tolerance);
      }
    }
  }
};

// U^T M V is diagonal, U and V are rotations: for M as given, of low rank, nearly so, and zero.
struct SingularFrames {
  template <class R>
  void run(const char* name) {
    for (const double scale : {1.0, 9.094947017729282e-13, 1048576.0}) {
      for (const Matrix& c : fisher_reference::matrices) one<R>(name, c.m, scale);
    }
    Random random(11);
    for (const double thin : {1.0, 1e-3, 1e-7, 1e-12, 0.0}) {
      for (int repeat = 0; repeat < 20; ++repeat) {
        double m[9], u[3], v[3];
        for (int k = 0; k < 3; ++k) {
          u[k] = random.uniform(-1, 1);
          v[k] = random.uniform(-1, 1);
        }
        for (int k = 0; k < 9; ++k) m[k] = u[k / 3] * v[k % 3] + thin * random.uniform(-1, 1);
        one<R>(name, m, 3e4);
      }
    }
  }

 private:
  using Real = long double;
  template <class R>
  static Real entry(const R (&a)[3][3], int column, int row) {
    return static_cast<Real>(lane_of(a[column][row], 0));
  }
  template <class R>
  void one(const char* name, const double (&m)[9], double scale) {
    using T = Scalar<R>;
    check::context("%s frames of %g (%g, %g, %g, ...)", name, scale, m[0], m[1], m[2]);
    R in[9], u[3][3], v[3][3], s1, s2, s3;
    for (int k = 0; k < 9; ++k) in[k] = R(static_cast<T>(scale * m[k]));
    singular_frames(in, u, v);
    signed_singular_values(in, s1, s2, s3);
    const Real eps = FloatTraits<T>::epsilon, size = static_cast<Real>(lane_of(s1, 0));
    Real turned[3][3];
    for (int i = 0; i < 3; ++i) {
      for (int j = 0; j < 3; ++j) {
        Real uu = 0, vv = 0, sum = 0;
        for (int k = 0; k < 3; ++k) {
          uu += entry(u, i, k) * entry(u, j, k);
          vv += entry(v, i, k) * entry(v, j, k);
          for (int l = 0; l < 3; ++l)
            sum += entry(u, i, k) * static_cast<Real>(lane_of(in[3 * k + l], 0)) * entry(v, j, l);
        }
        CHECK_NEAR(uu, i == j ? 1 : 0, 6 * eps);
        CHECK_NEAR(vv, i == j ? 1 : 0, 6 * eps);
        turned[i][j] = sum;
      }
    }
    for (const auto* a : {&u, &v}) {  // det = 1
      Real det = 0;
      for (int k = 0; k < 3; ++k) {
        const int l = (k + 1) % 3, n = (k + 2) % 3;
        det += entry(*a, 0, k) *
               (entry(*a, 1, l) * entry(*a, 2, n) - entry(*a, 1, n) * entry(*a, 2, l));
      }
      CHECK_NEAR(det, 1, 10 * eps);
    }
    CHECK_NEAR(turned[0][0], size, 20 * eps * size);
    // the largest is uncoupled from the others, to second order in the rounding of M
    for (int k = 1; k < 3; ++k) {
      CHECK_NEAR(turned[0][k], 0, (sizeof(T) == 8 ? 1e-12L : 1e-5L) * size);
      CHECK_NEAR(turned[k][0], 0, (sizeof(T) == 8 ? 1e-12L : 1e-5L) * size);
    }
  }
};

// Clouds almost aligned: the residual by definition, and the constant from it.
struct AlignedClouds {
  template <class R>
  void run(const char* name) {
    using T = Scalar<R>;
    const bool is_double = sizeof(T) == 8;
    Random random(5);
    for (const double size : {1.0, 30.0, is_double ? 1e4 : 200.0}) {
      for (int repeat = 0; repeat < 10; ++repeat) {
        check::context("%s aligned, size %g", name, size);
        T x[4][3], y[4][3];
        long double bias = 0, m[9] = {};
        for (int p = 0; p < 4; ++p) {
          const double thin = repeat % 3 == 1 ? (repeat % 2 == 0 ? 1e-3 : 1e-6) : 1;
          const double flat = repeat % 3 == 2 ? 0 : 1;
          for (int k = 0; k < 3; ++k) {
            const double width = std::sqrt(size) * (k == 1 ? thin : k == 2 ? thin * flat : 1);
            x[p][k] = static_cast<T>(width * random.uniform(-1, 1));
          }
          // y is x in turned axes and a little off; mirrored every other time
          const T sign = repeat % 2 == 0 ? T(1) : T(-1);
          for (int k = 0; k < 3; ++k)
            y[p][k] = static_cast<T>(0.3 * random.uniform(-1, 1)) +
                      (k == 0 ? sign : T(1)) * x[p][(k + 1) % 3];
          for (int k = 0; k < 3; ++k) {
            bias += (static_cast<long double>(x[p][k]) * x[p][k] +
                     static_cast<long double>(y[p][k]) * y[p][k]) /
                    2;
            for (int l = 0; l < 3; ++l) m[3 * k + l] += static_cast<long double>(x[p][k]) * y[p][l];
          }
        }
        R matrix[9];
        for (int k = 0; k < 9; ++k) matrix[k] = R(static_cast<T>(m[k]));
        SpatialAlignment<R> clouds(matrix);
        for (int p = 0; p < 4; ++p) {
          const R a[3] = {R(x[p][0]), R(x[p][1]), R(x[p][2])};
          const R b[3] = {R(y[p][0]), R(y[p][1]), R(y[p][2])};
          clouds.add(a, b);
        }
        // signed singular values, and the residuals that they leave
        long double s[3];
        precise_singular_values(m, s);
        const long double eps = FloatTraits<T>::epsilon;
        check_pair(clouds.best(), bias, s[0], s[1], s[2], eps);
        check_pair(clouds.mirrored(), bias, s[0], s[1], -s[2], eps);
        const R rounded(static_cast<T>(bias));
        const double unrounded = std::exp(static_cast<double>(lane_of(rounded, 0) - bias));
        compare(MatrixFisher<R>(unbounded), matrix, rounded, clouds, unrounded, bias);
        compare(MatrixFisher<R, true>(unbounded), matrix, rounded, clouds, unrounded, bias);
      }
    }
  }

 private:
  // By Jacobi rotations of columns in long double.
  static void precise_singular_values(const long double (&m)[9], long double (&s)[3]) {
    long double w[3][3];
    for (int k = 0; k < 9; ++k) w[k % 3][k / 3] = m[k];
    const auto dot = [](const long double* a, const long double* b) {
      return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
    };
    for (int sweep = 0; sweep < 40; ++sweep) {
      for (int i = 0; i < 3; ++i) {
        for (int j = i + 1; j < 3; ++j) {
          const long double angle =
              std::atan2(2 * dot(w[i], w[j]), dot(w[i], w[i]) - dot(w[j], w[j])) / 2;
          const long double c = std::cos(angle), t = std::sin(angle);
          for (int k = 0; k < 3; ++k) {
            const long double a = w[i][k], b = w[j][k];
            w[i][k] = c * a + t * b;
            w[j][k] = c * b - t * a;
          }
        }
      }
    }
    long double det = 0;
    for (int k = 0; k < 3; ++k)
      det +=
          w[0][k] * (w[1][(k + 1) % 3] * w[2][(k + 2) % 3] - w[1][(k + 2) % 3] * w[2][(k + 1) % 3]);
    for (int k = 0; k < 3; ++k) s[k] = std::sqrt(dot(w[k], w[k]));
    std::sort(s, s + 3, [](long double a, long double b) { return a > b; });
    if (det < 0) s[2] = -s[2];
  }

  template <class R>
  void check_pair(const Aligned<R>& pair, long double bias, long double s1, long double s2,
                  long double s3, long double eps) {
    const long double residual = 2 * (bias - s1 - s2 - s3);
    const long double got = static_cast<long double>(lane_of(pair.residual, 0));
    CHECK_NEAR(got, residual, 8 * eps * std::sqrt(bias * residual) + 8 * eps + 1e-17L * bias);
    const long double sums[3] = {s2 + s3, s1 + s3, s1 + s2};
    for (int k = 0; k < 3; ++k) {
      const long double sum = static_cast<long double>(lane_of(pair.sums[k], 0));
      CHECK_NEAR(sum, sums[k], 8 * eps * (std::sqrt(sums[k] * s1) + 1));
    }
  }

  template <class R, bool Reflections>
  void compare(const MatrixFisher<R, Reflections>& fisher, const R (&matrix)[9], R bias,
               const SpatialAlignment<R>& clouds, double unrounded, long double size) {
    const double plain = lane_of(fisher.value(matrix, bias), 0) * unrounded;
    const double got = lane_of(fisher.aligned(clouds, R(Scalar<R>(0.5))), 0);
    if (plain < 1e-30) return;
    CHECK_NEAR(got / plain, 1, allowed<R>(2 * static_cast<double>(size)));
    if (sizeof(Scalar<R>) != 8) return;
    R slope;
    CHECK_NEAR(lane_of(fisher.aligned(clouds, R(Scalar<R>(0.5)), slope), 0) / got, 1, 1e-12);
    const auto at = [&](double rate) {
      return static_cast<double>(
          lane_of(fisher.aligned(clouds, R(static_cast<Scalar<R>>(rate))), 0));
    };
    const double want = (at(0.5 + 5e-6) - at(0.5 - 5e-6)) / 2e-5;
    CHECK_NEAR(lane_of(slope, 0) / got, want / got, 1e-6);
  }
};

// Plain loops stand for every width alike, and take a compiler minutes.
template <class Test>
void for_some_number_types(Test test) {
#if defined(SYMKERNEL_VECTOR_EXTENSIONS)
  for_number_types(test);
#else
  test.template run<double>("double");
  test.template run<float>("float");
  test.template run<Vec<double, 2>>("Vec<double, 2>");
  test.template run<Vec<float, 4>>("Vec<float, 4>");
#endif
}

}  // namespace

void test_matrix_fisher() {
  for_some_number_types(ScaledConstant());
  for_some_number_types(FromMatrix());
  for_some_number_types(RowsAndMixtures());
  for_some_number_types(Extremes());
  for_some_number_types(SingularValues());
  for_some_number_types(SingularFrames());
  for_some_number_types(AlignedClouds());
}

SYMKERNEL_END_NAMESPACE
