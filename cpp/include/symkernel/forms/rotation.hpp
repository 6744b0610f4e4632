// Clouds in space under SO(3) or O(3): F(t) = E exp(-t |x - R y|^2) is the normalising constant of
// the matrix Fisher distribution of 2 t M, M = X^T Y (matrix_fisher.hpp), times exp(-t (|x|^2 +
// |y|^2)). What a form has: forms/sphere.hpp.
#pragma once

#include "symkernel/alignment.hpp"
#include "symkernel/decide/exponents.hpp"
#include "symkernel/matrix_fisher.hpp"
#include "symkernel/moments.hpp"

SYMKERNEL_BEGIN_NAMESPACE

template <class R, bool Reflections>
struct RotationForm {
  using T = Scalar<R>;
  static constexpr int dimension = 3;
  using Average = MatrixFisher<R, Reflections>;
  const Average& average;  // whose bound is that of 2 t |x| |y|, above |2 t M|

  template <class Pair>
  SYMKERNEL_INLINE R value(const Pair& pair, FormRate<T> rate, bool slopes, R& slope) const {
    R matrix[9];
    scaled(pair, rate.resolved, matrix);
    const R b = bias(pair, rate.resolved);
    if (!slopes) return average.value(matrix, b);
    const R value = average.value_and_slope(matrix, b, slope);
    slope = slope - b * value;
    return value;
  }

  // value(...) without slopes for `count` pairs at a time: pair(k) is the k-th.
  template <class Pairs, class Store>
  SYMKERNEL_INLINE void values(int count, FormRate<T> rate, Pairs pair, Store store) const {
    average.values(
        count,
        [&](int k, R(&matrix)[9], R& b) SYMKERNEL_LAMBDA {
          const auto own = pair(k);
          scaled(own, rate.resolved, matrix);
          b = bias(own, rate.resolved);
        },
        store);
  }

  template <class Pair>
  SYMKERNEL_INLINE R from_differences(const Pair& pair, FormRate<T> rate, bool slopes,
                                      R& slope) const {
    R matrix[9];
    scaled(pair, rate.resolved, matrix);
    SpatialAlignment<R> clouds(matrix);
    pair.template visit<3>(
        0, [&](const R(&a)[3], const R(&b)[3]) SYMKERNEL_LAMBDA { clouds.add(a, b); });
    if (slopes) return average.aligned(clouds, R(rate.exact), slope);
    return average.aligned(clouds, R(rate.exact));
  }

  // F of M = m; gradient += weight dF/dM with |x|^2 + |y|^2 held.
  SYMKERNEL_INLINE R gradient(const R (&m)[9], R squares, T rate, R weight,
                              R (&gradient)[9]) const {
    const R two_t(rate + rate), scale = weight * two_t;
    R matrix[9], own[9];
    SYMKERNEL_UNROLL
    for (int e = 0; e < 9; ++e) matrix[e] = m[e] * two_t;
    const R value = average.value_and_gradient(matrix, squares * R(rate), own);
    SYMKERNEL_UNROLL
    for (int e = 0; e < 9; ++e) gradient[e] = fma(own[e], scale, gradient[e]);
    return value;
  }

  template <class Pair, class Sink>
  static SYMKERNEL_INLINE void moments(const Pair& pair, int degree, Sink sink) {
    R m[9];
    pair.matrix(0, m);
    rotation_moments<Reflections>(FisherInvariants<R>(m), degree, sink);
  }

  // sum_k c[k] m_k; gradient = its derivatives for M.
  static SYMKERNEL_INLINE R moments_gradient(const R (&m)[9], const T* c, int degree,
                                             R (&gradient)[9]) {
    return rotation_moments_gradient<Reflections>(m, c, degree, gradient);
  }

 private:
  // 2 t M, and t (|x|^2 + |y|^2).
  template <class Pair>
  static SYMKERNEL_INLINE void scaled(const Pair& pair, T rate, R (&matrix)[9]) {
    const R two_t(rate + rate);
    pair.matrix(0, matrix);
    SYMKERNEL_UNROLL
    for (int e = 0; e < 9; ++e) matrix[e] = matrix[e] * two_t;
  }
  template <class Pair>
  static SYMKERNEL_INLINE R bias(const Pair& pair, T rate) {
    return (pair.x2() + pair.y2()) * R(rate);
  }
};

SYMKERNEL_END_NAMESPACE
