// Clouds in space under the octahedral group O_h or its rotations O: F(t) = E exp(-t |x - g y|^2)
// from nine pairs of exponentials (octahedral.hpp). What a form has: forms/sphere.hpp.
#pragma once

#include <cstdint>

#include "symkernel/config.hpp"
#include "symkernel/decide/exponents.hpp"
#include "symkernel/math.hpp"
#include "symkernel/octahedral.hpp"

SYMKERNEL_BEGIN_NAMESPACE

// What a sample contributes at one rate t: integers next above t |X_c|^2 / log(2) or one more, and
// 2^(what they exceed it by in sum).
template <class R>
struct OctahedralSide {
  R shift[3], weight;
};

// Of a sample of d / 3 points whose coordinates are feature(k).
template <class R, class Feature>
SYMKERNEL_INLINE OctahedralSide<R> octahedral_side(std::int64_t d, Scalar<R> rate,
                                                   Feature feature) {
  using T = Scalar<R>;
  R squares[3] = {R(T(0)), R(T(0)), R(T(0))}, excess(T(0));
  for (std::int64_t k = 0; k < d; k += 3) {
    SYMKERNEL_UNROLL
    for (int c = 0; c < 3; ++c) {
      const R value = feature(k + c);
      squares[c] = fma(value, value, squares[c]);
    }
  }
  OctahedralSide<R> side;
  SYMKERNEL_UNROLL
  for (int c = 0; c < 3; ++c) {
    const R h = squares[c] * R(rate * T(1.4426950408889634074));
    side.shift[c] = round_nearest(h + R(T(0.5)));
    excess = excess + (side.shift[c] - h);
  }
  side.weight = exp2(excess);
  return side;
}

template <class R, bool RotationsOnly>
struct OctahedralForm {
  using T = Scalar<R>;
  static constexpr int dimension = 3;
  OctahedralSide<R> x, y;  // at the resolved rate

  template <class Pair>
  SYMKERNEL_INLINE R value(const Pair& pair, FormRate<T> rate, bool slopes, R& slope) const {
    const T t = rate.resolved;
    R matrix[9];
    pair.matrix(0, matrix);
    to_base_two(t, matrix);
    const Octahedral<R, RotationsOnly> form(matrix, x.shift, y.shift);
    const R weight = x.weight * y.weight, value = form.mean(weight);
    if (slopes) {
      R gradient[9];
      form.gradient(weight, gradient);
      slope = -((pair.x2() + pair.y2()) * R(t) * value);
      SYMKERNEL_UNROLL
      for (int e = 0; e < 9; ++e)
        slope = fma(matrix[e] * R(T(0.69314718055994530942)), gradient[e], slope);
    }
    return value;
  }

  template <class Pair>
  SYMKERNEL_INLINE R from_differences(const Pair& pair, FormRate<T> rate, bool slopes,
                                      R& slope) const {
    R near[9], far[9];
    SYMKERNEL_UNROLL
    for (int k = 0; k < 9; ++k) near[k] = far[k] = R(T(0));
    pair.template visit<3>(0, [&](const R(&a)[3], const R(&b)[3]) SYMKERNEL_LAMBDA {
      SYMKERNEL_UNROLL
      for (int k = 0; k < 9; ++k) {
        const R minus = a[k / 3] - b[k % 3], plus = a[k / 3] + b[k % 3];
        near[k] = fma(minus, minus, near[k]);
        far[k] = fma(plus, plus, far[k]);
      }
    });
    const R scale(rate.exact * T(1.4426950408889634074));
    SYMKERNEL_UNROLL
    for (int k = 0; k < 9; ++k) {
      near[k] = near[k] * scale;
      far[k] = far[k] * scale;
    }
    const auto form = Octahedral<R, RotationsOnly>::of_distances(near, far);
    if (slopes) slope = form.slope(near, far);
    return form.mean(R(T(1)));
  }

  // F of M = m; gradient += weight dF/dM with |x|^2 + |y|^2 held.
  SYMKERNEL_INLINE R gradient(const R (&m)[9], R, T rate, R weight, R (&gradient)[9]) const {
    R matrix[9], own[9];
    SYMKERNEL_UNROLL
    for (int e = 0; e < 9; ++e) matrix[e] = m[e];
    to_base_two(rate, matrix);
    const Octahedral<R, RotationsOnly> form(matrix, x.shift, y.shift);
    const R both = x.weight * y.weight, scale = weight * R(rate + rate);
    form.gradient(both, own);
    SYMKERNEL_UNROLL
    for (int e = 0; e < 9; ++e) gradient[e] = fma(own[e], scale, gradient[e]);
    return form.mean(both);
  }

 private:
  static SYMKERNEL_INLINE void to_base_two(T rate, R (&matrix)[9]) {
    const R scale(T(2) * rate * T(1.4426950408889634074));
    SYMKERNEL_UNROLL
    for (int e = 0; e < 9; ++e) matrix[e] = matrix[e] * scale;
  }
};

SYMKERNEL_END_NAMESPACE
