// Averages of exp(x . R y) over rotations R of one vector, and everything made of I_0.
//
//     H_d(z) = \int exp(z u_1) du over the unit sphere of R^d = 0F1(; d/2; z^2/4)
//            = Gamma(d/2) (2/z)^(d/2-1) I_(d/2-1)(z)
//
// SO(d) and O(d) on one vector, d >= 2:    z = |x| |y| / l^2.
// SO(2) on planar clouds (I_0 = H_2):      z = |S|, S = sum_i conj(x_i) y_i / l^2; O(2): the mean
//                                          with S' = sum_i x_i y_i / l^2.
// Joint shifts of angles, von Mises:       prod_a I_0(kappa |sum_i exp(i (x_ia - y_ia))|).
// Derivatives:                             dH_d/d(z^2) = H_(d+2) / (2 d).
//
// The form follows the uniform expansion of I_nu (DLMF 10.41.3), nu = d/2 - 1, with a larger radius
// k = sqrt(nu^2 + 64), w = sqrt(k^2 + z^2), u = z^2/(w + k) (which is w - k), p = k/w:
//
//     H_d(z) = exp(u - nu log(1 + u/(2k)) + b (1 - p)) sqrt(p) C(p)
//
// with C smooth on 0 <= p <= 1, C(1) = 1, and b such that C(0) = 1: between, C stays near 1.
//
// It is a function of z^2, so it is smooth at z = 0; it never overflows, as the caller's bias joins
// the exponent; and a polynomial of degree 30 or less serves as C for every d and all z >= 0. (64
// is the value with the lowest degree for d < 20; beyond, nu^2 rules.)
#pragma once

#include <cmath>

#include "symkernel/config.hpp"
#include "symkernel/math.hpp"
#include "symkernel/roots.hpp"

SYMKERNEL_BEGIN_NAMESPACE

// log H_d(z) - z in plain arithmetic, about 18 digits, for plans and tests. With u_1 = tanh(t),
//   H_d(z) e^-z = \int exp(-z (1 - tanh t)) cosh(t)^(1-d) dt / \int cosh(t)^(1-d) dt,
// and the trapezoidal rule converges geometrically for both.
class SphereIntegral {
 public:
  explicit SphereIntegral(int d) : power_(d - 1) {
    // A tenth for the strip of analyticity |Im t| < pi/4, less for the width 1/sqrt(2 power).
    const long double width = 0.45L / ::sqrtl(2.0L * power_);
    step_ = width < 0.1L ? width : 0.1L;
    at_zero_ = log_sum(0);
  }
  long double operator()(long double z) const { return log_sum(z) - at_zero_; }

 private:
  // -2 z / (1 + e^2t) - power log cosh t
  long double exponent(long double z, long double t) const {
    const long double a = ::fabsl(t);
    return -2 * z / (1 + ::expl(2 * t)) -
           power_ * (a + ::log1pl(::expl(-2 * a)) - 0.69314718055994530942L);
  }
  long double log_sum(long double z) const {
    // The exponent is unimodal with its peak where 2 z / cosh^2 t = power tanh t, at t >= 0.
    long double low = 0, high = 60;
    for (int i = 0; i < 80; ++i) {
      const long double t = (low + high) / 2, c = ::coshl(t);
      (2 * z > power_ * 2 * ::tanhl(t) * c * c ? low : high) = t;
    }
    const long double peak = exponent(z, low);
    long double sum = 1;
    for (int side = -1; side <= 1; side += 2) {
      for (int i = 1;; ++i) {
        const long double term = ::expl(exponent(z, low + side * i * step_) - peak);
        sum += term;
        if (term < 1e-24L) break;
      }
    }
    return peak + ::logl(sum);
  }
  long double power_, step_, at_zero_;
};

template <class R>
class SphereAverage {
  using T = Scalar<R>;
  static constexpr int max_terms = 34;

 public:
  explicit SphereAverage(int d) {
    const long double nu = 0.5L * d - 1, k = ::sqrtl(nu * nu + 64);
    nu_ = static_cast<T>(nu);
    square_ = static_cast<T>(k * k);
    radius_ = static_cast<T>(k);
    half_inverse_ = static_cast<T>(0.5L / k);
    fit(SphereIntegral(d), nu, k);
  }

  int terms() const { return terms_; }

  // H_d(z) e^-bias from z^2.
  SYMKERNEL_INLINE R value(R z2, R bias) const {
    R exponent = -bias;
    const R f = factor(z2, exponent);
    return f * exp2(exponent * R(T(1.4426950408889634074)));
  }

  // H_d(z) = result * exp(what was added to exponent): for products of several.
  SYMKERNEL_INLINE R factor(R z2, R& exponent) const { return factor<false>(z2, exponent); }

  // H_d(z) e^-z = the same: for large z, which the caller takes from its exponent (alignment.hpp).
  SYMKERNEL_INLINE R scaled_factor(R z2, R& exponent) const { return factor<true>(z2, exponent); }

  // z d/dz log(H_d(z) e^-z) = z^2 H_(d+2) / (d H_d) - z, `above` for d + 2. For large z, where
  // that cancels, the asymptotic series (DLMF 10.40.1): the next term is below 1e-9 of the first.
  SYMKERNEL_INLINE R scaled_growth(const SphereAverage& above, R z2) const {
    const T nu = nu_, middle = T(4) * nu * nu - T(1);
    R own(T(0)), other(T(0));
    const R f = scaled_factor(z2, own), g = above.scaled_factor(z2, other);
    const R ratio = g / f * exp2((other - own) * R(T(1.4426950408889634074)));
    const R z = sqrt(z2), one(T(1)), start(T(1000) * (T(1) + nu * nu));
    const R inverse = one / at_least(one, z);
    const R series = fma(R(middle * T(0.125)), fma(inverse, inverse, inverse), R(T(-0.5) - nu));
    return select(z > start, series, fma(z2, ratio * R(T(0.5) / (nu + T(1))), -z));
  }

 private:
  template <bool Scaled>
  SYMKERNEL_INLINE R factor(R z2, R& exponent) const {
    const R one(T(1));
    R w;
    const R inverse = rsqrt(R(square_) + z2, w);
    const R u = z2 / (w + R(radius_));
    const R p = R(radius_) * inverse;
    R growth = u;
    if constexpr (Scaled) {  // u - z = -k (u + z) / (w + z)
      const R z = sqrt(z2);
      growth = -(R(radius_) * (u + z) / (w + z));
    }
    exponent = exponent + fma(R(growth_), one - p, growth);
    if (nu_ > T(0)) exponent = exponent - R(nu_) * log1p(u * R(half_inverse_));
    // Even and odd powers apart: half the length of the chain.
    const R t = p + p - one, t2 = t * t;
    R even(coefficients_[terms_ - 2]), odd(coefficients_[terms_ - 1]);
    for (int i = terms_ - 4; i >= 0; i -= 2) {
      even = fma(even, t2, R(coefficients_[i]));
      odd = fma(odd, t2, R(coefficients_[i + 1]));
    }
    return fma(odd, t, even) * sqrt(p);
  }

  static constexpr long double pi = 3.14159265358979323846L;

  // C at Chebyshev points, its Chebyshev series cut at the rounding of T, then powers of t = 2p
  // - 1. (The series falls faster than the powers in T_n grow, so the sum has no cancellation.)
  void fit(const SphereIntegral& log_h, long double nu, long double k) {
    constexpr int n = max_terms;
    long double point[n], sample[n], series[n], powers[n];
    for (int i = 0; i < n; ++i) {
      const long double p = point[i] = (1 + ::cosl(pi * (i + 0.5L) / n)) / 2;
      const long double w = k / p, z = ::sqrtl((w - k) * (w + k));
      const long double rest = k - k * k / (w + z);  // z - u
      sample[i] = log_h(z) + rest + nu * ::log1pl((w - k) / (2 * k)) - ::logl(p) / 2;
    }
    growth_ = static_cast<T>(sample[n - 1]);
    for (int i = 0; i < n; ++i)
      sample[i] = ::expl(sample[i] - static_cast<long double>(growth_) * (1 - point[i]));
    long double least = sample[0];
    for (int i = 1; i < n; ++i)
      if (sample[i] < least) least = sample[i];
    for (int j = 0; j < n; ++j) {
      long double sum = 0;
      for (int i = 0; i < n; ++i) sum += sample[i] * ::cosl(pi * j * (i + 0.5L) / n);
      series[j] = sum * (j == 0 ? 1 : 2) / n;
      powers[j] = 0;
    }
    const long double small = least * static_cast<long double>(FloatTraits<T>::epsilon) / 8;
    terms_ = n;
    long double tail = 0;
    while (terms_ > 4) {
      tail += ::fabsl(series[terms_ - 1]);
      if (tail > small) break;
      --terms_;
    }
    terms_ += terms_ & 1;
    // T_0 = 1, T_1 = t, T_(j+1) = 2 t T_j - T_(j-1)
    long double a[n] = {1}, b[n] = {0, 1};
    for (int j = 0; j < terms_; ++j) {
      for (int i = 0; i <= j; ++i) powers[i] += series[j] * a[i];
      long double c[n] = {0};
      for (int i = 0; i < n; ++i) c[i] = (i > 0 ? 2 * b[i - 1] : 0) - a[i];
      for (int i = 0; i < n; ++i) {
        a[i] = b[i];
        b[i] = c[i];
      }
    }
    for (int i = 0; i < terms_; ++i) coefficients_[i] = static_cast<T>(powers[i]);
  }

  T nu_, square_, radius_, half_inverse_, growth_;
  int terms_;
  T coefficients_[max_terms];
};

SYMKERNEL_END_NAMESPACE
