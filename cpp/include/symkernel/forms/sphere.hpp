// One vector of R^d under SO(d) or O(d). With F(t) = E exp(-t |x - g y|^2) and H_d the average over
// the sphere (bessel.hpp),
//
//   F = H_d(z) exp(-t (|x|^2 + |y|^2)),  z = 2 t |x| |y|,  z H_d'(z) = z^2 H_(d+2)(z) / d.
//
// Every form of this folder has, for R a number or lanes of them and a pair of samples as the loop
// that calls it sees them,
//
//   value(pair, rate, slopes, slope)             F, and with slopes D = t F'(t)
//   from_differences(pair, rate, slopes, slope)  the same at large exponents (decide/exponents.hpp)
//   gradient(...)                                F, and its derivatives for what it depends on
//   moments(pair, degree, sink)                  of x . g y, which polynomial kernels are sums of
//
// and pair has what the form asks of these:
//
//   x2(), y2()                                   squared norms
//   blocks()                                     how many blocks of points there are
//   matrix(n, m)                                 M = X^T (sY) of block n, row by row
//   visit<D>(n, f)                               f(a, b) for every point of x in block n with the
//                                                one of y that it meets
#pragma once

#include <cstdint>

#include "symkernel/bessel.hpp"
#include "symkernel/config.hpp"
#include "symkernel/decide/exponents.hpp"
#include "symkernel/math.hpp"
#include "symkernel/moments.hpp"

SYMKERNEL_BEGIN_NAMESPACE

template <class R>
SYMKERNEL_INLINE R natural_power(R exponent) {
  return exp2(exponent * R(Scalar<R>(1.4426950408889634074)));
}

// Averages over spheres: in d dimensions, and in d + 2 for derivatives.
template <class R>
struct SphereTables {
  using T = Scalar<R>;
  SphereAverage<R> sphere, above;
  int dimension;
  explicit SphereTables(int d) : sphere(d), above(d + 2), dimension(d) {}

  // H_d(z) e^-b and its t d/dt.
  SYMKERNEL_INLINE R average(R z2, R b, bool slopes, R& slope) const {
    const R value = sphere.value(z2, b);
    if (slopes) slope = z2 * above.value(z2, b) * R(static_cast<T>(1.0 / dimension)) - b * value;
    return value;
  }

  // H_d = result * exp(what was added to exponent), and H_(d+2) / H_d. (The ratio is to have its
  // own rounding, not that of exponents of size z: they are taken relative to e^z.)
  SYMKERNEL_INLINE R factor(R z2, R& exponent, R& ratio) const {
    R own(T(0)), other(T(0));
    const R value = sphere.scaled_factor(z2, own);
    const R derivative = above.scaled_factor(z2, other);
    ratio = derivative / value * natural_power(other - own);
    exponent = exponent + sqrt(z2) + own;
    return value;
  }
};

template <class R>
struct SphereForm {
  using T = Scalar<R>;
  static constexpr int dimension = 0;  // of points: it takes none
  const SphereTables<R>& tables;

  template <class Pair>
  SYMKERNEL_INLINE R value(const Pair& pair, FormRate<T> rate, bool slopes, R& slope) const {
    const T t = rate.resolved;
    return tables.average(pair.x2() * pair.y2() * R(T(4) * t * t), (pair.x2() + pair.y2()) * R(t),
                          slopes, slope);
  }

  // |x| - |y| from the difference of squares, which is known to eps |x|^2.
  template <class Pair>
  SYMKERNEL_INLINE R from_differences(const Pair& pair, FormRate<T> rate, bool slopes,
                                      R& slope) const {
    const R t(rate.exact), zero(T(0)), one(T(1));
    const R sum = sqrt(pair.x2()) + sqrt(pair.y2());
    const R difference = (pair.x2() - pair.y2()) / select(sum > zero, sum, one);
    const R z = R(T(2)) * t * sqrt(pair.x2()) * sqrt(pair.y2()), z2 = z * z;
    R exponent = -(difference * difference * t), logarithmic = exponent;
    if (slopes) logarithmic = logarithmic + tables.sphere.scaled_growth(tables.above, z2);
    const R factor = tables.sphere.scaled_factor(z2, exponent);
    const R value = factor * natural_power(exponent);
    slope = value * logarithmic;
    return value;
  }

  // F, and what multiplies x and y in its gradients for them,
  //
  //   dF/dx = -2 t x (F - 2 t |y|^2 H_(d+2) e^-b / d).
  SYMKERNEL_INLINE R gradient(R x2, R y2, T rate, R& radial_x, R& radial_y) const {
    const R two_t(rate + rate);
    R exponent = -((x2 + y2) * R(rate)), ratio;
    const R factor = tables.factor(x2 * y2 * (two_t * two_t), exponent, ratio);
    const R value = factor * natural_power(exponent);
    const R over = two_t * R(static_cast<T>(1.0 / tables.dimension)) * value * ratio;
    radial_x = two_t * fma(over, y2, -value);
    radial_y = two_t * fma(over, x2, -value);
    return value;
  }
};

// sum_k c[k] m_k for one vector of R^d, and what multiplies x and y in its gradients for them.
template <class R>
SYMKERNEL_INLINE R sphere_moments_gradient(R x2, R y2, int d, const Scalar<R>* c, int degree,
                                           R& radial_x, R& radial_y) {
  R slope;
  const R value = sphere_moments_slope(x2 * y2, d, c, degree, slope);
  radial_x = R(Scalar<R>(2)) * slope * y2;
  radial_y = R(Scalar<R>(2)) * slope * x2;
  return value;
}

SYMKERNEL_END_NAMESPACE
