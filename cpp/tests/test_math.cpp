// The elementary functions against the C library in long double, at random and extreme inputs.
#include "check.hpp"
#include "numbers.hpp"
#include "numeric.hpp"
#include "symkernel/math.hpp"

SYMKERNEL_BEGIN_NAMESPACE

namespace {

constexpr int samples = 20000;

struct Exp2 {
  template <class R>
  void run(const char* name) {
    using T = Scalar<R>;
    const bool is_double = sizeof(T) == 8;
    const double lowest = is_double ? -1022 : -126, highest = is_double ? 1023 : 127;
    const T infinity = std::numeric_limits<T>::infinity();
    const auto f = [](R v) { return exp2(v); };
    Random random(3);
    for (int i = 0; i < samples; ++i) {
      const double reach = i % 3 == 0 ? 1e-3 : (i % 3 == 1 ? 3.0 : 0.999 * highest);
      const T y = static_cast<T>(random.uniform(-reach, reach));
      const long double expected = std::exp2(static_cast<long double>(y));
      check::context("%s exp2(%.17g)", name, static_cast<double>(y));
      // 1 ulp with fused multiply-adds, a little more without; subnormal numbers may become 0
      const long double least = std::numeric_limits<T>::min();
      CHECK_NEAR(through<R>(f, y, i), expected,
                 expected < least ? least : 1.25L * ulp<T>(expected));
    }
    for (int i = 0; i < Number<R>::width; ++i) {
      check::context("%s exp2 at the edges, lane %d", name, i);
      CHECK(through<R>(f, T(0), i) == T(1));
      CHECK(through<R>(f, T(-0.0), i) == T(1));
      CHECK(through<R>(f, T(1), i) == T(2));
      CHECK(through<R>(f, T(lowest), i) == std::numeric_limits<T>::min());
      CHECK(through<R>(f, T(highest), i) == std::ldexp(T(1), static_cast<int>(highest)));
      for (const double y : {1.08 * lowest, 2 * lowest, 1e4 * lowest, -1e30})
        CHECK(through<R>(f, T(y) - T(is_double ? 0 : 24), i) == T(0));
      for (const double y : {highest + 1, 2 * highest, 1e30})
        CHECK(through<R>(f, T(y), i) == infinity);
      CHECK(through<R>(f, -infinity, i) == T(0));
      CHECK(through<R>(f, infinity, i) == infinity);
      CHECK(std::isnan(through<R>(f, std::numeric_limits<T>::quiet_NaN(), i)));
      // below the normal range: 0 or a subnormal number
      const T y = T(lowest) - T(3.3);
      CHECK_NEAR(through<R>(f, y, i), std::exp2(static_cast<long double>(y)),
                 std::numeric_limits<T>::min());
    }
  }
};

// The rounding of y log2(e) makes a relative error of |y| eps, like the rounding of y itself.
struct Exp {
  template <class R>
  void run(const char* name) {
    using T = Scalar<R>;
    const auto f = [](R v) { return exp(v); };
    Random random(4);
    for (int i = 0; i < samples; ++i) {
      const T y = static_cast<T>(random.uniform(-80, 80));
      const long double expected = std::exp(static_cast<long double>(y));
      check::context("%s exp(%.17g)", name, static_cast<double>(y));
      CHECK_NEAR(through<R>(f, y, i), expected, (1 + 2 * std::fabs(y)) * ulp<T>(expected));
    }
    CHECK(through<R>(f, T(0), 0) == T(1));
    CHECK(through<R>(f, -std::numeric_limits<T>::infinity(), 0) == T(0));
    CHECK(std::isnan(through<R>(f, std::numeric_limits<T>::quiet_NaN(), 0)));
  }
};

struct Log1p {
  template <class R>
  void run(const char* name) {
    using T = Scalar<R>;
    const int high = std::numeric_limits<T>::max_exponent - 2;
    const auto f = [](R v) { return log1p(v); };
    Random random(5);
    for (int i = 0; i < samples; ++i) {
      // even in the exponent, with a share near 1 where the result is small
      const int exponent = i % 2 == 0 ? static_cast<int>(random.below(2 * high) - high)
                                      : static_cast<int>(random.below(8) - 4);
      const T u = static_cast<T>(std::ldexp(random.uniform(1, 2), exponent));
      const long double expected = std::log1p(static_cast<long double>(u));
      check::context("%s log1p(%.17g)", name, static_cast<double>(u));
      CHECK_NEAR(through<R>(f, u, i), expected, 3 * ulp<T>(expected));
    }
    check::context("%s log1p at the edges", name);
    CHECK(through<R>(f, T(0), 0) == T(0));
    const T tiny = std::numeric_limits<T>::min();
    CHECK_NEAR(through<R>(f, tiny, 0), tiny, ulp<T>(tiny));
    CHECK(std::isnan(through<R>(f, std::numeric_limits<T>::quiet_NaN(), 0)));
  }
};

struct AsinPositive {
  template <class R>
  void run(const char* name) {
    using T = Scalar<R>;
    const auto f = [](R v) { return asin_positive(v); };
    Random random(6);
    for (int i = 0; i < samples; ++i) {
      const double reach = i % 2 == 0 ? 0.75 : std::ldexp(1.0, -static_cast<int>(i % 60));
      const T z = static_cast<T>(random.uniform(0, reach < 0.75 ? reach : 0.75));
      const long double expected = std::asin(static_cast<long double>(z));
      check::context("%s asin(%.17g)", name, static_cast<double>(z));
      CHECK_NEAR(through<R>(f, z, i), expected, 2.5L * ulp<T>(expected));
    }
    check::context("%s asin at the edges", name);
    CHECK(through<R>(f, T(0), 0) == T(0));
    for (const T z : {T(0.5), std::nextafter(T(0.5), T(1)), T(0.75)}) {
      const long double expected = std::asin(static_cast<long double>(z));
      CHECK_NEAR(through<R>(f, z, 0), expected, 2.5L * ulp<T>(expected));
    }
    CHECK(std::isnan(through<R>(f, std::numeric_limits<T>::quiet_NaN(), 0)));
  }
};

}  // namespace

void test_math() {
  for_number_types(Exp2());
  for_number_types(Exp());
  for_number_types(Log1p());
  for_number_types(AsinPositive());
}

SYMKERNEL_END_NAMESPACE
