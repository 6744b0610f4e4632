// The formulas of base_kernels.hpp against their definitions, derivatives against differences.
#include "check.hpp"
#include "naive.hpp"
#include "numbers.hpp"
#include "numeric.hpp"
#include "symkernel/base_kernels.hpp"
#include "symkernel/decide/refine.hpp"
#include "symkernel/power_exponential.hpp"

SYMKERNEL_BEGIN_NAMESPACE

namespace {

const naive::Kernel& by_name(const char* name) {
  for (const naive::Kernel& kernel : naive::kernels) {
    if (naive::is(kernel, name)) return kernel;
  }
  CHECK(false);
  return naive::kernels[0];
}

// A pair of samples in the plane whose affine form is `a`.
struct Pair {
  naive::Real x[2], y[2];

  Pair(const Producer& q, const char* name, naive::Real a) : x{1, 0}, y{1, 0} {
    if (q.manhattan) {
      y[1] = a / q.cross;
    } else if (q.unit_rows) {
      const naive::Real angle = 2 * std::asin(std::sqrt(a) / 2);
      y[0] = std::cos(angle);
      y[1] = std::sin(angle);
    } else if (q.self != 0) {
      CHECK(q.cross == -2 * q.self);
      y[1] = std::sqrt(a / q.self);
    } else {
      y[0] = (a - q.constant) / q.cross;
    }
    CHECK(q.unit_rows == (name[0] == 'a' && name[1] == 'r'));
  }
};

template <template <class> class K>
struct Agreement {
  const char* kernel_name;
  double low, high;      // affine forms
  long double rounding;  // allowed error in units of eps (1 + |a|)

  template <class R>
  void run(const char* number_name) {
    using T = Scalar<R>;
    const naive::Kernel& truth = by_name(kernel_name);
    CHECK(K<R>::n_gradients == truth.gradients);
    const Producer q = K<R>::producer(truth.p);
    const K<R> kernel(truth.p);
    Random random(7);
    for (int i = 0; i < 500; ++i) {
      const T a = i == 0 ? T(low) : static_cast<T>(random.uniform(low, high));
      const Pair pair(q, kernel_name, a);
      check::context("%s of %s at %.17g", kernel_name, number_name, static_cast<double>(a));
      const naive::Real expected = naive::value(truth, pair.x, pair.y, 2);
      const naive::Real tolerance = rounding * (1 + std::fabs(a)) *
                                    (std::fabs(expected) < 1 ? 1 : std::fabs(expected)) *
                                    FloatTraits<T>::epsilon;
      CHECK_NEAR(through<R>([&](R v) { return kernel.value(v); }, a, i), expected, tolerance);
      for (int p = 0; p < truth.gradients; ++p) {
        T value[16];
        const auto derivative = [&](R v) {
          R d[3] = {R(T(0)), R(T(0)), R(T(0))};
          Number<R>::store(kernel.gradient(v, d), value);
          return d[p];
        };
        const T got = through<R>(derivative, a, i);
        CHECK_NEAR(value[i % Number<R>::width], expected, tolerance);
        const naive::Real slope = naive::gradient(truth, p, pair.x, pair.y, 2);
        CHECK_NEAR(got, slope, 4 * tolerance + 1e-14L);
      }
    }
    check::context("%s of %s at NaN", kernel_name, number_name);
    const T nan = std::numeric_limits<T>::quiet_NaN();
    CHECK(std::isnan(through<R>([&](R v) { return kernel.value(v); }, nan, 0)));
  }
};

// slope(a) = -2 dk/d(r^2), r in units of the length scale.
template <template <class> class K>
struct Slope {
  const char* kernel_name;

  template <class R>
  void run(const char* number_name) {
    using T = Scalar<R>;
    const naive::Kernel& truth = by_name(kernel_name);
    const naive::Kernel one = naive::unit(truth);
    const naive::Real p[] = {one.p[0], one.p[1], one.p[2]};
    const K<R> kernel(one.p);
    const Producer q = K<R>::producer(one.p);
    Random random(8);
    for (int i = 0; i < 200; ++i) {
      const naive::Real square = static_cast<naive::Real>(random.uniform(0.1, 8));
      const T a = static_cast<T>(square * q.self);
      const auto k = [&](naive::Real t) {
        const naive::Real x[] = {0}, y[] = {std::sqrt(static_cast<naive::Real>(a) / q.self + t)};
        return naive::value(truth, p, x, y, 1);
      };
      T value[16];
      const auto slope = [&](R v) {
        R k_of_v;
        const R s = kernel.slope(v, k_of_v);
        Number<R>::store(k_of_v, value);
        return s;
      };
      const T got = through<R>(slope, a, i);
      check::context("%s of %s: slope at %.17g", kernel_name, number_name, static_cast<double>(a));
      const naive::Real eps = FloatTraits<T>::epsilon;
      CHECK_NEAR(value[i % Number<R>::width], k(0), 100 * eps);
      CHECK_NEAR(got, -2 * naive::derivative(k), 100 * eps + 1e-10L);  // differences: 1e-10 at 0.1
    }
    check::context("%s of %s: slope at 0", kernel_name, number_name);
    const T at_zero = through<R>(
        [&](R v) {
          R k;
          return kernel.slope(v, k);
        },
        T(0), 0);
    CHECK(std::isfinite(at_zero));
  }
};

// The gradient in x, made of the derivative and the radial part.
template <template <class> class K>
struct Derivative {
  const char* kernel_name;
  double low, high;  // affine forms, away from kinks

  template <class R>
  void run(const char* number_name) {
    using T = Scalar<R>;
    const naive::Kernel& truth = by_name(kernel_name);
    const Producer q = K<R>::producer(truth.p);
    const K<R> kernel(truth.p);
    Random random(9);
    for (int i = 0; i < 200; ++i) {
      const T a = static_cast<T>(random.uniform(low, high));
      const Pair pair(q, kernel_name, a);
      T radial[16];
      const auto both = [&](R v) {
        R r;
        const R d = kernel.derivative(v, r);
        Number<R>::store(r, radial);
        return d;
      };
      const naive::Real derivative = through<R>(both, a, i);
      const naive::Real along = radial[i % Number<R>::width];
      check::context("%s of %s: gradient at %.17g", kernel_name, number_name,
                     static_cast<double>(a));
      naive::Real inner = 0;
      for (int k = 0; k < 2; ++k) inner += pair.x[k] * pair.y[k];
      for (int k = 0; k < 2; ++k) {
        const naive::Real expected = naive::derivative([&](naive::Real t) {
          naive::Real x[] = {pair.x[0], pair.x[1]};
          x[k] += t;
          return naive::value(truth, x, pair.y, 2);
        });
        naive::Real moved = pair.y[k];
        if (q.unit_rows) moved -= inner * pair.x[k];
        if (q.manhattan) moved = (pair.x[k] > pair.y[k]) - (pair.x[k] < pair.y[k]);
        if (q.manhattan && k == 0) continue;  // at the kink
        const naive::Real got = q.cross * (derivative * moved + along * pair.x[k]);
        const naive::Real scale = std::fabs(q.cross * derivative) + std::fabs(q.cross * along) + 1;
        CHECK_NEAR(got, expected, scale * (1 + std::fabs(a)) * 8 * FloatTraits<T>::epsilon + 1e-8L);
      }
    }
    check::context("%s of %s: derivative at a kink", kernel_name, number_name);
    for (const T a : {T(0), T(4)}) {
      const auto derivative = [&](R v) {
        R radial;
        return kernel.derivative(v, radial);
      };
      CHECK(std::isfinite(through<R>(derivative, a, 0)));
      if (naive::is(truth, "arccosine0") || (naive::is(truth, "matern12") && a == T(0)))
        CHECK(through<R>(derivative, a, 0) == T(0));
    }
  }
};

// Near the antipode the kernels of order 1 and 2 vanish like a power of pi - theta; v = -a is
// given.
template <template <class> class K>
struct Antipode {
  const char* kernel_name;
  int order;

  template <class R>
  void run(const char* number_name) {
    using T = Scalar<R>;
    const K<R> kernel(nullptr);
    for (int i = 0; i < 40; ++i) {
      const naive::Real phi = std::ldexp(1.0L, -i / 2);
      const T v = static_cast<T>(4 * std::sin(phi / 2) * std::sin(phi / 2));
      const naive::Real exact = 2 * std::asin(std::sqrt(static_cast<naive::Real>(v)) / 2);
      // J_n by its power series, n = 0, 1, 2
      naive::Real expected = exact, term = 0;
      if (order == 1) {
        expected = 0;
        term = exact * exact * exact / 6;
        for (int k = 1; k < 12; ++k) {
          expected += 2 * k * term;
          term *= -exact * exact / ((2 * k + 2) * (2 * k + 3));
        }
      } else if (order == 2) {
        expected = 0;
        const naive::Real psi = 2 * exact;
        term = psi * psi * psi * psi * psi / 120;
        for (int k = 2; k < 20; ++k) {
          expected += (k - 1) * term;
          term *= -psi * psi / ((2 * k + 2) * (2 * k + 3));
        }
      }
      expected /= naive::pi;
      check::context("%s of %s at pi - %.9Lg", kernel_name, number_name, exact);
      const T got = through<R>([&](R a) { return kernel.value(a); }, -v, i);
      // relative to the value: nothing cancels
      CHECK_NEAR(got, expected, 40 * FloatTraits<T>::epsilon * expected);
    }
  }
};

template <class R>
using Matern12 = Matern<R, 1>;
template <class R>
using Matern32 = Matern<R, 3>;
template <class R>
using Matern52 = Matern<R, 5>;
template <class R>
using ArcCosine0 = ArcCosine<R, 0>;
template <class R>
using ArcCosine1 = ArcCosine<R, 1>;
template <class R>
using ArcCosine2 = ArcCosine<R, 2>;

// The rule for entries that cancel says the same of the form a (on the CPU) and of x.gy (on
// devices).
template <class T>
void test_refine_rule(const Producer& q, double flatness) {
  const double harmless = harmless_bias<T>(flatness);
  const RefineRule<T> rule(q, harmless);
  const T sign = q.self < 0 ? T(-1) : T(1), margin = sizeof(T) == 8 ? T(1e-12) : T(1e-4);
  Random random(5);
  int counts[2] = {0, 0};
  for (int i = 0; i < 10000; ++i) {
    const double size = q.unit_rows ? 2 * std::fabs(q.self) : std::exp(random.uniform(-3, 12));
    const double share = q.unit_rows ? random.uniform(0, 2) : std::exp(random.uniform(-12, 1));
    const T b = sign * static_cast<T>(size), a = b * static_cast<T>(share);
    const T t = (a - b) / static_cast<T>(q.cross);
    const T near = near_limit<T>(static_cast<T>(size), static_cast<T>(harmless));
    const T opposite = opposite_limit<T>(b);
    const bool close = std::fabs(a * sign - near) < margin * size ||
                       (q.unit_rows && std::fabs(a - opposite) < margin * size);
    if (close) continue;
    const bool wanted = a * sign < near || (q.unit_rows && a > opposite);
    CHECK(rule.wants(t, b, a) == wanted);
    if (wanted) CHECK(may_refine(q, harmless, size));
    ++counts[wanted ? 1 : 0];
  }
  CHECK(counts[0] > 50 && counts[1] > 50);
}

template <template <class> class K>
void test_refinement(double flatness) {
  const double parameters[] = {1.3, 0.8, 1.0};
  test_refine_rule<double>(K<double>::producer(parameters), flatness);
  test_refine_rule<float>(K<float>::producer(parameters), flatness);
}

}  // namespace

void test_base_kernels() {
  const double one[] = {1.0, 1.0, 1.0};
  test_refinement<Rbf>(1.0);
  test_refinement<Matern12>(0.0);
  test_refinement<Matern32>(2.0);
  test_refinement<ArcCosine1>(0.0);
  CHECK(!RefineRule<double>(DotProduct<double>::producer(one), 0).wants(1e300, 0, 0));
  for_number_types(Agreement<Rbf>{"rbf", -40, 0, 2});
  for_number_types(Agreement<Matern12>{"matern12", 0, 40, 4});
  for_number_types(Agreement<Matern32>{"matern32", 0, 40, 4});
  for_number_types(Agreement<Matern52>{"matern52", 0, 40, 4});
  for_number_types(Agreement<RationalQuadratic>{"rational_quadratic", 0, 40, 4});
  for_number_types(Agreement<PowerExponential>{"power_exponential", 0, 40, 4});
  for_number_types(Agreement<DotProduct>{"dot_product", -4, 4, 2});
  for_number_types(Agreement<Polynomial>{"polynomial", -4, 4, 4});
  for_number_types(Agreement<Laplacian>{"laplacian", 0, 40, 2});
  for_number_types(Agreement<ArcCosine0>{"arccosine0", 0, 3.9, 4});
  for_number_types(Agreement<ArcCosine1>{"arccosine1", 0, 4, 4});
  for_number_types(Agreement<ArcCosine2>{"arccosine2", 0, 4, 4});
  for_number_types(Slope<Rbf>{"rbf"});
  for_number_types(Slope<Matern12>{"matern12"});
  for_number_types(Slope<Matern32>{"matern32"});
  for_number_types(Slope<Matern52>{"matern52"});
  for_number_types(Slope<PowerExponential>{"power_exponential"});
  for_number_types(Derivative<PowerExponential>{"power_exponential", 0.2, 20});
  for_number_types(Derivative<Rbf>{"rbf", -20, -0.2});
  for_number_types(Derivative<Matern12>{"matern12", 0.2, 20});
  for_number_types(Derivative<Matern32>{"matern32", 0.2, 20});
  for_number_types(Derivative<Matern52>{"matern52", 0.2, 20});
  for_number_types(Derivative<RationalQuadratic>{"rational_quadratic", 0.2, 20});
  for_number_types(Derivative<DotProduct>{"dot_product", -4, 4});
  for_number_types(Derivative<Polynomial>{"polynomial", -4, 4});
  for_number_types(Derivative<Laplacian>{"laplacian", 0.2, 20});
  for_number_types(Derivative<ArcCosine0>{"arccosine0", 0.2, 3.8});
  for_number_types(Derivative<ArcCosine1>{"arccosine1", 0.2, 3.8});
  for_number_types(Derivative<ArcCosine2>{"arccosine2", 0.2, 3.8});
  for_number_types(Antipode<ArcCosine0>{"arccosine0", 0});
  for_number_types(Antipode<ArcCosine1>{"arccosine1", 1});
  for_number_types(Antipode<ArcCosine2>{"arccosine2", 2});
}

SYMKERNEL_END_NAMESPACE
