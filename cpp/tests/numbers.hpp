// What the numeric tests share: number types under test, inputs, distances in units of rounding.
//
// The numeric tests are compiled once per instruction set, and once without vector extensions.
#pragma once

#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <limits>

#include "symkernel/simd.hpp"

SYMKERNEL_BEGIN_NAMESPACE

// Loads, stores and names of a number type R: a plain number or a Vec.
template <class R>
struct Number {
  static constexpr int width = R::width;
  static R load(const Scalar<R>* p) { return R::load(p); }
  static void store(R r, Scalar<R>* p) { r.store(p); }
};
template <>
struct Number<double> {
  static constexpr int width = 1;
  static double load(const double* p) { return *p; }
  static void store(double r, double* p) { *p = r; }
};
template <>
struct Number<float> {
  static constexpr int width = 1;
  static float load(const float* p) { return *p; }
  static void store(float r, float* p) { *p = r; }
};

// f(x) through the number type R, with x in every lane in turn and other inputs in the others.
template <class R, class F>
Scalar<R> through(F f, Scalar<R> x, int lane) {
  using T = Scalar<R>;
  T in[16], out[16];
  for (int i = 0; i < Number<R>::width; ++i) in[i] = T(0.25);
  in[lane % Number<R>::width] = x;
  Number<R>::store(f(Number<R>::load(in)), out);
  return out[lane % Number<R>::width];
}

// Calls test.template run<R>() for every number type.
template <class Test>
void for_number_types(Test test) {
  test.template run<double>("double");
  test.template run<float>("float");
  test.template run<Vec<double, 2>>("Vec<double, 2>");
  test.template run<Vec<double, 4>>("Vec<double, 4>");
  test.template run<Vec<double, 8>>("Vec<double, 8>");
  test.template run<Vec<float, 4>>("Vec<float, 4>");
  test.template run<Vec<float, 8>>("Vec<float, 8>");
  test.template run<Vec<float, 16>>("Vec<float, 16>");
}

// Reproducible random numbers (splitmix64): the same on every machine.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t bits() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  // In [low, high).
  double uniform(double low, double high) {
    return low + (high - low) * std::ldexp(static_cast<double>(bits() >> 11), -53);
  }
  std::int64_t below(std::int64_t n) {
    return static_cast<std::int64_t>(bits() % static_cast<std::uint64_t>(n));
  }

 private:
  std::uint64_t state_;
};

// One unit in the last place of T at `value`.
template <class T>
long double ulp(long double value) {
  const long double magnitude = std::fabs(value);
  const long double least = std::numeric_limits<T>::min();
  const int exponent = std::ilogb(magnitude < least ? least : magnitude);
  return std::ldexp(1.0L, exponent - FloatTraits<T>::mantissa_bits);
}

SYMKERNEL_END_NAMESPACE
