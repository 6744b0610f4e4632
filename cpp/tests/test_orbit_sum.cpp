// Orbit sums against a triple loop: every action, kernel, output, number type, instruction set, at
// sizes that leave remainders in every tile.
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "actions.hpp"
#include "check.hpp"
#include "naive.hpp"
#include "orbit_sum.hpp"
#include "symkernel/error.hpp"

namespace symkernel {

namespace {

using naive::Real;

template <class T>
const char* type_name() {
  return sizeof(T) == 8 ? "double" : "float";
}

template <class T>
std::vector<T> samples(std::int64_t n, std::int64_t d, Random& random) {
  std::vector<T> x;
  const double scale = 1.0 / std::sqrt(static_cast<double>(d));
  for (std::int64_t i = 0; i < n * d; ++i)
    x.push_back(static_cast<T>(scale * random.uniform(-1.7, 1.7)));
  return x;
}

// An output array: poisoned, so that what is not written is seen, with guards behind its end.
template <class T>
class Output_ {
 public:
  explicit Output_(std::int64_t size)
      : size_(size),
        values_(static_cast<std::size_t>(size + guards), std::numeric_limits<T>::quiet_NaN()) {
    for (std::int64_t i = size; i < size + guards; ++i) values_[static_cast<std::size_t>(i)] = 7;
  }
  T* data() { return values_.data(); }
  bool guards_intact() const {
    for (std::int64_t i = size_; i < size_ + guards; ++i) {
      if (values_[static_cast<std::size_t>(i)] != T(7)) return false;
    }
    return true;
  }
  void check(const std::vector<Real>& expected, Real tolerance) const {
    CHECK(static_cast<std::int64_t>(expected.size()) == size_);
    for (std::size_t i = 0; i < expected.size(); ++i)
      CHECK_NEAR(values_[i], expected[i], tolerance);
    CHECK(guards_intact());
  }

 private:
  static constexpr std::int64_t guards = 64;
  std::int64_t size_;
  std::vector<T> values_;
};

// Means over the group of k(x_i, g y_j) and of its derivatives.
template <class T>
struct Truth {
  std::vector<Real> k, dk, ard;
  Real scale = 1;  // largest |k(x_i, g y_j)|: sums over g may cancel

  Truth(const naive::Kernel& kernel, const test::Action& action, const std::vector<T>& x,
        const std::vector<T>& y, bool derivatives) {
    const std::int64_t d = action.d, order = action.native.order();
    const std::int64_t n = static_cast<std::int64_t>(x.size()) / d;
    const std::int64_t m = static_cast<std::int64_t>(y.size()) / d;
    const std::size_t pairs = static_cast<std::size_t>(n * m);
    const std::size_t features = static_cast<std::size_t>(d);
    const std::size_t gradients = static_cast<std::size_t>(kernel.gradients);
    k.assign(pairs, 0);
    if (derivatives) dk.assign(pairs * gradients, 0);
    const naive::Kernel unit = kernel.slope ? naive::unit(kernel) : kernel;
    if (derivatives && kernel.slope) ard.assign(pairs * features, 0);
    std::vector<Real> gy(features), xi(features);
    for (std::int64_t e = 0; e < order; ++e) {
      for (std::int64_t j = 0; j < m; ++j) {
        for (std::int64_t f = 0; f < d; ++f) {
          gy[static_cast<std::size_t>(f)] = 0;
          for (std::int64_t b = 0; b < d; ++b)
            gy[static_cast<std::size_t>(f)] +=
                static_cast<Real>(static_cast<T>(action.row(e, f)[b])) *
                y[static_cast<std::size_t>(j * d + b)];
        }
        for (std::int64_t i = 0; i < n; ++i) {
          for (std::int64_t f = 0; f < d; ++f)
            xi[static_cast<std::size_t>(f)] = x[static_cast<std::size_t>(i * d + f)];
          const std::size_t at = static_cast<std::size_t>(i * m + j);
          const Real value = naive::value(kernel, xi.data(), gy.data(), d);
          scale = std::fmax(scale, std::fabs(value));
          k[at] += value / order;
          if (!derivatives) continue;
          for (std::size_t p = 0; p < gradients; ++p)
            dk[at * gradients + p] +=
                naive::gradient(kernel, static_cast<int>(p), xi.data(), gy.data(), d) / order;
          for (std::size_t f = 0; kernel.slope && f < features; ++f)
            ard[at * features + f] += per_feature(unit, xi, gy, f) / order;
        }
      }
    }
  }

 private:
  // dk/dlog l_f at unit length scales.
  static Real per_feature(const naive::Kernel& unit, const std::vector<Real>& x,
                          const std::vector<Real>& y, std::size_t f) {
    const Real p[] = {unit.p[0], unit.p[1], unit.p[2]};
    std::vector<Real> l(x.size(), 1);
    return naive::derivative([&](Real t) {
      l[f] = std::exp(t);
      return naive::value(unit, p, x.data(), y.data(), static_cast<long>(x.size()), l.data());
    });
  }
};

template <class T>
class Case {
 public:
  Case(const naive::Kernel& kernel, const test::Action& action, const std::vector<T>& x,
       const std::vector<T>& y)
      : truth_kernel_(kernel),
        kernel_(BaseKernel::by_name(kernel.name, parameters(kernel))),
        action_(action),
        x_(x),
        y_(y) {
    CHECK(kernel_.gradients == kernel.gradients);
  }

  // All outputs on every instruction set, with 1 and 3 threads.
  void check(bool derivatives) {
    const Truth<T> rectangular(truth_kernel_, action_, x_, y_, derivatives);
    const Truth<T> symmetric(truth_kernel_, action_, x_, x_, derivatives);
    for (const char* const* isa = available_isas(); *isa != nullptr; ++isa) {
      CHECK(select_isa(*isa));
      for (const int threads : {1, 3}) {
        threads_ = threads;
        describe(*isa, "x, y");
        check_outputs(rectangular, &y_, derivatives);
        describe(*isa, "x, x");
        check_outputs(symmetric, nullptr, derivatives);
        describe(*isa, "diagonal");
        check_diagonal(symmetric, derivatives);
      }
    }
  }

 private:
  static std::vector<double> parameters(const naive::Kernel& kernel) {
    return std::vector<double>(kernel.p, kernel.p + kernel.parameters);
  }
  std::int64_t rows(const std::vector<T>& x) const {
    return static_cast<std::int64_t>(x.size()) / action_.d;
  }
  void describe(const char* isa, const char* what) const {
    check::context("%s, %s, %s, %s, d=%ld, n=%ld, m=%ld, %s, %d threads", truth_kernel_.name,
                   action_.name.c_str(), type_name<T>(), isa, static_cast<long>(action_.d),
                   static_cast<long>(rows(x_)), static_cast<long>(rows(y_)), what, threads_);
  }
  // The promise of the library: 1e-13 and 2e-6, relative to the summands.
  Real tolerance(const Truth<T>& truth) const {
    return truth.scale * (sizeof(T) == 8 ? 1e-13L : 2e-6L);
  }

  GramRequest<T> request(const std::vector<T>* y) const {
    static const T nothing[1] = {};  // no samples are still an array
    GramRequest<T> r;
    r.kernel = &kernel_;
    r.action = &action_.native;
    r.x = {x_.empty() ? nothing : x_.data(), rows(x_), action_.d};
    if (y != nullptr) r.y = {y->empty() ? nothing : y->data(), rows(*y), action_.d};
    r.n_threads = threads_;
    return r;
  }

  void check_outputs(const Truth<T>& truth, const std::vector<T>* y, bool derivatives) {
    StopToken token(nullptr);
    const std::int64_t n = rows(x_), m = y != nullptr ? rows(*y) : n;
    GramRequest<T> r = request(y);
    Output_<T> k(n * m);
    r.k = k.data();
    gram(r, token);
    k.check(truth.k, tolerance(truth));
    if (y == nullptr) {
      check_symmetric(k.data(), n);
      check_packed(k.data(), n);
    }

    for (const std::int64_t columns : {1, 3}) {
      std::vector<T> v;
      Random random(9);
      for (std::int64_t i = 0; i < m * columns; ++i)
        v.push_back(static_cast<T>(random.uniform(-1, 1)));
      std::vector<Real> expected(static_cast<std::size_t>(n * columns), 0);
      for (std::int64_t i = 0; i < n * m * columns; ++i) {
        const std::int64_t row = i / (m * columns), j = i / columns % m, c = i % columns;
        expected[static_cast<std::size_t>(row * columns + c)] +=
            truth.k[static_cast<std::size_t>(row * m + j)] *
            v[static_cast<std::size_t>(j * columns + c)];
      }
      Output_<T> out(n * columns);
      r.output = Output::matvec;
      r.v = {v.data(), m, columns};
      r.k = out.data();
      gram(r, token);
      out.check(expected, tolerance(truth) * static_cast<Real>(m));
    }

    if (!derivatives) return;
    r = request(y);
    r.output = Output::gradient;
    Output_<T> k2(n * m), dk(n * m * kernel_.gradients);
    r.k = k2.data();
    r.dk = dk.data();
    gram(r, token);
    k2.check(truth.k, tolerance(truth));
    dk.check(truth.dk, 10 * tolerance(truth));

    if (!truth_kernel_.slope || action_.native.kind() == ActionKind::points) return;
    const naive::Kernel one = naive::unit(truth_kernel_);
    const BaseKernel unit =
        BaseKernel::by_name(one.name, std::vector<double>(one.p, one.p + one.parameters));
    r.kernel = &unit;
    r.output = Output::ard;
    Output_<T> k3(n * m), per_feature(n * m * action_.d);
    r.k = k3.data();
    r.dk = per_feature.data();
    gram(r, token);
    std::vector<Real> expected = truth.ard;
    if (y == nullptr) mirror(expected, n, action_.d);
    per_feature.check(expected, 10 * tolerance(truth));
    CHECK(k3.guards_intact());
  }

  // Derivatives per feature are symmetric in the samples only when features that the group
  // exchanges are added up; K(x, x) computes those with i <= j and mirrors them.
  static void mirror(std::vector<Real>& dk, std::int64_t n, std::int64_t d) {
    for (std::int64_t i = 0; i < n; ++i) {
      for (std::int64_t j = 0; j < i; ++j) {
        for (std::int64_t f = 0; f < d; ++f)
          dk[static_cast<std::size_t>((i * n + j) * d + f)] =
              dk[static_cast<std::size_t>((j * n + i) * d + f)];
      }
    }
  }

  // Mirrored, not computed twice.
  static void check_symmetric(const T* k, std::int64_t n) {
    bool symmetric = true;
    for (std::int64_t i = 0; i < n; ++i) {
      for (std::int64_t j = 0; j < i; ++j) symmetric = symmetric && k[i * n + j] == k[j * n + i];
    }
    CHECK(symmetric);
  }

  // The lower triangle of K in LAPACK's rectangular full packed format: for even n, with half =
  // n/2, an array of n + 1 rows that has entry (i, j) at (i + 1, j), or at (j - half, i - half)
  // where j >= half; for odd n, with half = (n + 1)/2, an array of n rows that has it at (i, j), or
  // at (j - half, i - half + 1).
  void check_packed(const T* k, std::int64_t n) {
    std::vector<Real> expected(static_cast<std::size_t>(n * (n + 1) / 2), -1);
    const std::int64_t half = (n + 1) / 2, rows = n % 2 == 0 ? n + 1 : n;
    for (std::int64_t i = 0; i < n; ++i) {
      for (std::int64_t j = 0; j <= i; ++j) {
        const std::int64_t row = j >= half ? j - half : rows - n + i;
        const std::int64_t column = j >= half ? i - half + 1 - (rows - n) : j;
        expected[static_cast<std::size_t>(column * rows + row)] = k[i * n + j];
      }
    }
    StopToken token(nullptr);
    GramRequest<T> r = request(nullptr);
    Output_<T> packed(n * (n + 1) / 2);
    r.output = Output::packed;
    r.k = packed.data();
    gram(r, token);
    packed.check(expected, 0);
  }

  void check_diagonal(const Truth<T>& truth, bool derivatives) {
    StopToken token(nullptr);
    const std::int64_t n = rows(x_);
    const std::size_t gradients = static_cast<std::size_t>(kernel_.gradients);
    std::vector<Real> expected, slopes;
    for (std::int64_t i = 0; i < n; ++i) {
      const std::size_t at = static_cast<std::size_t>(i * n + i);
      expected.push_back(truth.k[at]);
      for (std::size_t p = 0; derivatives && p < gradients; ++p)
        slopes.push_back(truth.dk[at * gradients + p]);
    }
    GramRequest<T> r = request(nullptr);
    Output_<T> k(n), dk(derivatives ? n * kernel_.gradients : 0);
    r.output = derivatives ? Output::gradient : Output::gram;
    r.k = k.data();
    r.dk = dk.data();
    diagonal(r, token);
    k.check(expected, tolerance(truth));
    dk.check(slopes, 10 * tolerance(truth));
  }

  const naive::Kernel& truth_kernel_;
  BaseKernel kernel_;
  const test::Action& action_;
  const std::vector<T>& x_;
  const std::vector<T>& y_;
  int threads_ = 1;
};

bool applies(const naive::Kernel& kernel, const test::Action& action) {
  return !naive::is(kernel, "laplacian") || action.native.kind() == ActionKind::signed_permutations;
}

// Sizes around the tiles of every instruction set (4, 6, 12 rows; 4 to 32 columns), kernels in
// turn.
template <class T>
void test_sizes() {
  const std::int64_t sizes[] = {0, 1, 2, 11, 12, 13, 17, 33};
  Random random(10);
  int turn = 0;
  for (const std::int64_t d : {1, 2, 3, 7, 24}) {
    for (const test::Action& action : test::actions(d, random)) {
      for (const std::int64_t n : sizes) {
        for (const std::int64_t m : sizes) {
          const naive::Kernel* kernel = &naive::kernels[turn++ % naive::kernel_count];
          if (!applies(*kernel, action)) kernel = &naive::kernels[0];
          const std::vector<T> x = samples<T>(n, d, random), y = samples<T>(m, d, random);
          Case<T>(*kernel, action, x, y).check(false);
        }
      }
    }
  }
}

// Every kernel with every action, all outputs, at one awkward size.
template <class T>
void test_kernels() {
  Random random(11);
  for (const std::int64_t d : {6, 7}) {
    for (const test::Action& action : test::actions(d, random)) {
      for (const naive::Kernel& kernel : naive::kernels) {
        if (!applies(kernel, action)) continue;
        const std::vector<T> x = samples<T>(13, d, random), y = samples<T>(9, d, random);
        Case<T>(kernel, action, x, y).check(true);
      }
    }
  }
}

// More matrices than are mapped at a time, and than fit in cache; point dimensions 1 to 5.
template <class T>
void test_many_elements() {
  Random random(12);
  std::vector<test::Action> all;
  for (const std::int64_t r : {1, 2, 3, 4, 5}) {
    all.push_back(test::points(2, 19, {{2, r}}, false, random));
    all.push_back(test::points(2, 36, {{2, r}}, true, random));
    all.push_back(test::points(3, 17, {{1, 3}, {4, r}, {2, 1}}, false, random));
    all.push_back(test::points(3, 24, {{1, 3}, {4, r}, {2, 1}}, true, random));
  }
  all.push_back(test::matrices(70, 13, random));
  all.push_back(test::matrices(5, 100, random));
  all.push_back(test::signed_permutations(130, 9, true, random));
  for (const test::Action& action : all) {
    for (const char* name : {"matern52", "arccosine1", "matern12"}) {
      for (const naive::Kernel& kernel : naive::kernels) {
        if (!naive::is(kernel, name)) continue;
        const std::vector<T> x = samples<T>(14, action.d, random);
        const std::vector<T> y = samples<T>(3, action.d, random);
        Case<T>(kernel, action, x, y).check(false);
      }
    }
  }
}

// Equal, opposite and zero rows: distances that cancel, and angles 0, pi and undefined.
template <class T>
void test_coincidences() {
  Random random(13);
  const std::int64_t d = 6;
  for (const test::Action& action : test::actions(d, random)) {
    std::vector<T> x = samples<T>(5, d, random), y = x;
    for (std::int64_t k = 0; k < d; ++k) {
      y[static_cast<std::size_t>(d + k)] *= -1;
      x[static_cast<std::size_t>(2 * d + k)] = 0;
      y[static_cast<std::size_t>(3 * d + k)] *= T(1) + T(1e-3);
    }
    for (const naive::Kernel& kernel : naive::kernels) {
      if (applies(kernel, action)) Case<T>(kernel, action, x, y).check(false);
    }
  }
}

// A row of NaN makes its own row of K, and no other entry, NaN.
template <class T>
void test_nan_stays_in_its_row() {
  Random random(14);
  const std::int64_t d = 6, n = 13, m = 18, bad = 4;
  for (const test::Action& action : test::actions(d, random)) {
    std::vector<T> x = samples<T>(n, d, random);
    const std::vector<T> y = samples<T>(m, d, random);
    x[static_cast<std::size_t>(bad * d + 2)] = std::numeric_limits<T>::quiet_NaN();
    for (const naive::Kernel& truth : naive::kernels) {
      if (!applies(truth, action)) continue;
      const BaseKernel kernel =
          BaseKernel::by_name(truth.name, std::vector<double>(truth.p, truth.p + truth.parameters));
      for (const char* const* isa = available_isas(); *isa != nullptr; ++isa) {
        CHECK(select_isa(*isa));
        check::context("NaN, %s, %s, %s", truth.name, action.name.c_str(), *isa);
        std::vector<T> k(static_cast<std::size_t>(n * m));
        StopToken token(nullptr);
        GramRequest<T> r;
        r.kernel = &kernel;
        r.action = &action.native;
        r.x = {x.data(), n, d};
        r.y = {y.data(), m, d};
        r.k = k.data();
        gram(r, token);
        bool as_expected = true;
        for (std::int64_t i = 0; i < n * m; ++i)
          as_expected = as_expected && std::isnan(k[static_cast<std::size_t>(i)]) == (i / m == bad);
        CHECK(as_expected);
      }
    }
  }
}

// Threads take blocks as they come: the numbers must not depend on it.
void test_threads_agree() {
  Random random(15);
  const std::int64_t n = 150, d = 10;
  for (const test::Action& action : test::actions(d, random)) {
    const std::vector<double> x = samples<double>(n, d, random);
    const BaseKernel kernel = BaseKernel::by_name("matern32", {0.9});
    std::vector<double> first;
    for (const int threads : {1, 2, 3, 7}) {
      std::vector<double> k(static_cast<std::size_t>(n * n));
      StopToken token(nullptr);
      GramRequest<double> r;
      r.kernel = &kernel;
      r.action = &action.native;
      r.x = {x.data(), n, d};
      r.k = k.data();
      r.n_threads = threads;
      gram(r, token);
      if (first.empty()) first = k;
      check::context("%d threads, %s", threads, action.name.c_str());
      bool near = true;
      for (std::size_t i = 0; i < k.size(); ++i) near = near && std::fabs(k[i] - first[i]) <= 1e-14;
      CHECK(near);
    }
  }
}

}  // namespace

}  // namespace symkernel

void check::tests() {
  using namespace symkernel;
  test_sizes<double>();
  test_sizes<float>();
  test_kernels<double>();
  test_kernels<float>();
  test_many_elements<double>();
  test_many_elements<float>();
  test_coincidences<double>();
  test_coincidences<float>();
  test_nan_stays_in_its_row<double>();
  test_nan_stays_in_its_row<float>();
  test_threads_agree();
}
