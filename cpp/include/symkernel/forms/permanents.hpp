// Sets of points under S_n, or with a sign for each point: F(t) is the permanent of k(x_i, y_j)
// over n!, per block of points (permanent.hpp). These are its entries, from differences.
#pragma once

#include "symkernel/config.hpp"
#include "symkernel/math.hpp"

SYMKERNEL_BEGIN_NAMESPACE

// What the exponent of a factor is the sum of over coordinates: |z|^2, or |z| of a Laplacian.
template <class R>
SYMKERNEL_INLINE R feature_distance(bool laplacian, R z, R sum) {
  return laplacian ? sum + abs(z) : fma(z, z, sum);
}

// Its derivative for z; over 2 where it is z^2.
template <class R>
SYMKERNEL_INLINE R feature_slope(bool laplacian, R z) {
  if (!laplacian) return z;
  const R zero(Scalar<R>(0)), one(Scalar<R>(1));
  return select(z > zero, one, select(z < zero, -one, zero));
}

// k(x, y) and its t d/dt; with both signs the mean with k(x, -y). near, far: sums over coordinates
// of x - y and x + y.
template <class R>
SYMKERNEL_INLINE R permanent_entry(R near, R far, Scalar<R> rate, bool both_signs, R& slope) {
  using T = Scalar<R>;
  const R c(-rate * T(1.4426950408889634074)), minus_t(-rate), half(T(0.5));
  const R entry = exp2(near * c);
  slope = entry * near * minus_t;
  if (!both_signs) return entry;
  const R other = exp2(far * c);
  slope = fma(other, far * minus_t, slope) * half;
  return (entry + other) * half;
}

// The terms of the same for y and for -y, whose sum it is.
template <class R>
SYMKERNEL_INLINE void permanent_terms(R near, R far, Scalar<R> rate, bool both_signs, R& plus,
                                      R& minus) {
  using T = Scalar<R>;
  const R c(-rate * T(1.4426950408889634074)), share(both_signs ? T(0.5) : T(1));
  plus = exp2(near * c) * share;
  minus = both_signs ? exp2(far * c) * share : R(T(0));
}

SYMKERNEL_END_NAMESPACE
