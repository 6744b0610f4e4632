// The vocabulary of simd.hpp: what every number type must do, lane by lane.
#include "check.hpp"
#include "numbers.hpp"
#include "numeric.hpp"

SYMKERNEL_BEGIN_NAMESPACE

namespace {

struct Arithmetic {
  template <class R>
  void run(const char* name) {
    using T = Scalar<R>;
    using N = Number<R>;
    constexpr int width = N::width;
    const T nan = std::numeric_limits<T>::quiet_NaN();
    const T infinity = std::numeric_limits<T>::infinity();
    Random random(1);
    T a[16], b[16], c[16], out[16];
    for (int round = 0; round < 200; ++round) {
      for (int i = 0; i < width; ++i) {
        a[i] = static_cast<T>(random.uniform(-100, 100));
        b[i] = random.below(4) == 0 ? a[i] : static_cast<T>(random.uniform(-100, 100));
        c[i] = static_cast<T>(random.uniform(-100, 100));
      }
      const R x = N::load(a), y = N::load(b), z = N::load(c);
      const auto same = [&](const char* what, R got, auto expected, T tolerance = T(0)) {
        N::store(got, out);
        for (int i = 0; i < width; ++i) {
          check::context("%s %s lane %d", name, what, i);
          CHECK_NEAR(out[i], expected(a[i], b[i], c[i]), tolerance);
        }
      };
      same("+", x + y, [](T p, T q, T) { return p + q; });
      same("-", x - y, [](T p, T q, T) { return p - q; });
      same("*", x * y, [](T p, T q, T) { return p * q; });
      same("/", x / y, [](T p, T q, T) { return p / q; });
      same("negation", -x, [](T p, T, T) { return -p; });
      same("abs", abs(x), [](T p, T, T) { return std::fabs(p); });
      same("sqrt", sqrt(abs(x)), [](T p, T, T) { return std::sqrt(std::fabs(p)); });
      same("round", round_nearest(x), [](T p, T, T) { return std::nearbyint(p); });
      same("select <", select(x < y, x, z), [](T p, T q, T r) { return p < q ? p : r; });
      same("select >", select(x > y, x, z), [](T p, T q, T r) { return p > q ? p : r; });
      same("at_least", at_least(x, y), [](T p, T q, T) { return q < p ? p : q; });
      same("at_most", at_most(x, y), [](T p, T q, T) { return q > p ? p : q; });
      same("broadcast", R(a[0]), [&](T, T, T) { return a[0]; });
      // one rounding or two
      same(
          "fma", fma(x, y, z), [](T p, T q, T r) { return p * q + r; },
          T(10100) * FloatTraits<T>::epsilon);
    }
    for (int i = 0; i < width; ++i) {
      const auto value = [&](T v, auto f) { return through<R>(f, v, i); };
      check::context("%s special values, lane %d", name, i);
      CHECK(std::isnan(value(nan, [](R v) { return at_least(R(T(1)), v); })));
      CHECK(std::isnan(value(nan, [](R v) { return at_most(R(T(1)), v); })));
      CHECK(std::isnan(value(nan, [](R v) { return abs(v); })));
      CHECK(std::isnan(value(T(-1), [](R v) { return sqrt(v); })));
      CHECK(std::signbit(value(T(0), [](R v) { return -v; })));
      CHECK(!std::signbit(value(T(-0.0), [](R v) { return abs(v); })));
      CHECK(std::signbit(value(T(-0.0), [](R v) { return v; })));
      CHECK(value(-infinity, [](R v) { return abs(v); }) == infinity);
      CHECK(value(infinity, [](R v) { return at_most(R(T(2)), v); }) == T(2));
      CHECK(value(-infinity, [](R v) { return at_least(R(T(2)), v); }) == T(2));
    }
    // halves go to even; R(-0.0) keeps its sign in a broadcast
    CHECK(value_of<R>(round_nearest(R(T(2.5)))) == T(2));
    CHECK(value_of<R>(round_nearest(R(T(-3.5)))) == T(-4));
    CHECK(std::signbit(value_of<R>(R(T(-0.0)))));
  }

 private:
  template <class R>
  static Scalar<R> value_of(R r) {
    Scalar<R> out[16];
    Number<R>::store(r, out);
    return out[0];
  }
};

// a = m 2^e with m in [sqrt(1/2), sqrt(2)), and back.
struct Exponents {
  template <class R>
  void run(const char* name) {
    using T = Scalar<R>;
    const int low = -FloatTraits<T>::exponent_bias + 1, high = FloatTraits<T>::exponent_bias;
    Random random(2);
    for (int round = 0; round < 2000; ++round) {
      const T factor = static_cast<T>(random.uniform(1, 2));
      const T a = std::ldexp(factor, static_cast<int>(low + random.below(high - low)));
      T exponent = 0;
      const auto split = [&](R v) {
        R e;
        const R m = split_exponent(v, e);
        T lanes[16];
        Number<R>::store(e, lanes);
        exponent = lanes[round % Number<R>::width];
        return m;
      };
      const T mantissa = through<R>(split, a, round);
      check::context("%s split of %.9g", name, static_cast<double>(a));
      // The boundary itself may fall on either side of its rounding.
      CHECK(mantissa >= T(0.7071067) && mantissa < T(1.4142137));
      CHECK(std::ldexp(mantissa, static_cast<int>(exponent)) == a);
      const auto back = [&](R m) { return scale_exponent(m, R(exponent)); };
      if (exponent <= T(high) && exponent >= T(low)) CHECK(through<R>(back, mantissa, round) == a);
    }
    check::context("%s exponents out of range", name);
    const auto scaled = [&](int n) {
      return through<R>([&](R p) { return scale_exponent(p, R(static_cast<T>(n))); }, T(1.25), 0);
    };
    CHECK(scaled(2 * low) == T(0));
    CHECK(scaled(2 * high) == std::numeric_limits<T>::infinity());
    // below the normal range: 0 or a subnormal number
    CHECK_NEAR(scaled(low - 1), std::ldexp(T(1.25), low - 1), std::numeric_limits<T>::min());
  }
};

template <class T, int W>
void check_any() {
  T a[W], b[W];
  for (int i = 0; i < W; ++i) a[i] = b[i] = T(i);
  check::context("any of %d lanes", W);
  CHECK(!any(Vec<T, W>::load(a), Vec<T, W>::load(b)));
  for (int i = 0; i < W; ++i) {
    b[i] = T(i) + T(0.5);
    CHECK(any(Vec<T, W>::load(a), Vec<T, W>::load(b)));
    b[i] = std::numeric_limits<T>::quiet_NaN();
    CHECK(!any(Vec<T, W>::load(a), Vec<T, W>::load(b)));
    b[i] = T(i);
    CHECK(Vec<T, W>::load(a).lane(i) == T(i));
  }
}

}  // namespace

void test_simd() {
  for_number_types(Arithmetic());
  for_number_types(Exponents());
  check_any<double, 2>();
  check_any<double, 4>();
  check_any<double, 8>();
  check_any<float, 4>();
  check_any<float, 8>();
  check_any<float, 16>();
}

SYMKERNEL_END_NAMESPACE
