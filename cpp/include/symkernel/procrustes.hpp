// The rotation that takes one cloud nearest to another: min over R of sum_i |x_i - R y_i|^2.
//
// Kabsch (1976) and Umeyama (1991): for M = sum_i x_i y_i^T = U S V^T with rotations U, V and
// signed singular values, R = U V^T, or U diag(1, 1, -1) V^T where reflections are allowed and that
// is nearer. Points are handed over one by one, first to make M, then to make the residual as a sum
// of squared differences: |x|^2 + |y|^2 - 2 tr S would leave eps |x|^2 of what should be 0.
#pragma once

#include "symkernel/config.hpp"
#include "symkernel/math.hpp"
#include "symkernel/svd3.hpp"

SYMKERNEL_BEGIN_NAMESPACE

// Cosine and sine of the angle of (c, s); of the angle 0 where both vanish.
template <class R>
SYMKERNEL_INLINE void direction(R c, R s, R length, R& cosine, R& sine) {
  const R zero(Scalar<R>(0)), one(Scalar<R>(1));
  const auto positive = length > zero;
  const R inverse = one / select(positive, length, one);
  cosine = select(positive, c * inverse, one);
  sine = s * inverse;
}

// The turn t of a plane (2 x 2, row by row), or the reflection, with the largest tr(t^T m), which
// is returned.
template <bool Mirrored, class R>
SYMKERNEL_INLINE R best_turn(const R (&m)[4], R (&t)[4]) {
  const R along = Mirrored ? m[0] - m[3] : m[0] + m[3];
  const R across = Mirrored ? m[1] + m[2] : m[2] - m[1];
  const R length = sqrt(fma(along, along, across * across));
  R c, s;
  direction(along, across, length, c, s);
  t[0] = c;
  t[1] = Mirrored ? s : -s;
  t[2] = s;
  t[3] = Mirrored ? -c : c;
  return length;
}

// Clouds in R^D, D = 2 or 3. visit(f) calls f(x, y) for every pair of points, arrays of D numbers.
template <class R, int D>
struct Procrustes {
  R rotation[D * D];  // row by row
  R residual;

  template <class Visit>
  SYMKERNEL_INLINE static void inner(const Visit& visit, R (&m)[D * D]) {
    SYMKERNEL_UNROLL
    for (int k = 0; k < D * D; ++k) m[k] = R(Scalar<R>(0));
    visit([&](const R(&x)[D], const R(&y)[D]) SYMKERNEL_LAMBDA {
      SYMKERNEL_UNROLL
      for (int k = 0; k < D * D; ++k) m[k] = fma(x[k / D], y[k % D], m[k]);
    });
  }

  // max over R of tr(R^T M), to a few eps |M|.
  SYMKERNEL_INLINE static R largest_trace(const R (&m)[D * D], bool reflections) {
    if constexpr (D == 2) {
      R turn[4];
      const R proper = best_turn<false>(m, turn);
      return reflections ? at_least(best_turn<true>(m, turn), proper) : proper;
    } else {
      R s1, s2, s3;
      signed_singular_values(m, s1, s2, s3);
      return s1 + s2 + (reflections ? abs(s3) : s3);
    }
  }

  // Rotation and reflection are told apart by what they leave: in clouds that are almost flat the
  // sign of s3 is rounding.
  template <class Visit>
  SYMKERNEL_INLINE Procrustes(const Visit& visit, const R (&m)[D * D], bool reflections) {
    R frames[2 * D * D], plane[4];
    if constexpr (D == 2) {
      for (int k = 0; k < 4; ++k) plane[k] = m[k];
    } else {
      in_space(visit, m, frames, plane);
    }
    R turn[4];
    best_turn<false>(plane, turn);
    place(frames, turn, rotation);
    residual = left_by(visit, rotation);
    if (!reflections) return;
    R mirrored[D * D];
    best_turn<true>(plane, turn);
    place(frames, turn, mirrored);
    const R left = left_by(visit, mirrored);
    const auto nearer = left < residual;
    residual = select(nearer, left, residual);
    SYMKERNEL_UNROLL
    for (int k = 0; k < D * D; ++k) rotation[k] = select(nearer, mirrored[k], rotation[k]);
  }

 private:
  template <class Visit>
  SYMKERNEL_INLINE static R left_by(const Visit& visit, const R (&turn)[D * D]) {
    R sum = R(Scalar<R>(0));
    visit([&](const R(&x)[D], const R(&y)[D]) SYMKERNEL_LAMBDA {
      SYMKERNEL_UNROLL
      for (int a = 0; a < D; ++a) {
        R difference = x[a];
        SYMKERNEL_UNROLL
        for (int b = 0; b < D; ++b) difference = fma(-turn[a * D + b], y[b], difference);
        sum = fma(difference, difference, sum);
      }
    });
    return sum;
  }

  // In clouds so thin that s2 and s3 are rounding beside s1, the frames stand at any angle about
  // the first axis; inner products within the plane of the other two have not lost those digits,
  // and say how to turn it.
  template <class Visit>
  SYMKERNEL_INLINE static void in_space(const Visit& visit, const R (&m)[9], R (&frames)[18],
                                        R (&plane)[4]) {
    R u[3][3], v[3][3];
    singular_frames(m, u, v);
    SYMKERNEL_UNROLL
    for (int k = 0; k < 9; ++k) {
      frames[k] = u[k / 3][k % 3];
      frames[9 + k] = v[k / 3][k % 3];
    }
    SYMKERNEL_UNROLL
    for (int k = 0; k < 4; ++k) plane[k] = R(Scalar<R>(0));
    visit([&](const R(&x)[3], const R(&y)[3]) SYMKERNEL_LAMBDA {
      const R a[2] = {jacobi3::dot(u[1], x), jacobi3::dot(u[2], x)};
      const R b[2] = {jacobi3::dot(v[1], y), jacobi3::dot(v[2], y)};
      SYMKERNEL_UNROLL
      for (int k = 0; k < 4; ++k) plane[k] = fma(a[k / 2], b[k % 2], plane[k]);
    });
  }

  // u0 v0^T + (u1 u2) turn (v1 v2)^T; in the plane the turn itself.
  SYMKERNEL_INLINE static void place(const R (&frames)[2 * D * D], const R (&turn)[4],
                                     R (&out)[D * D]) {
    if constexpr (D == 2) {
      for (int k = 0; k < 4; ++k) out[k] = turn[k];
    } else {
      SYMKERNEL_UNROLL
      for (int b = 0; b < 3; ++b) {
        const R v0 = frames[9 + b], v1 = frames[12 + b], v2 = frames[15 + b];
        const R second = fma(turn[0], v1, turn[1] * v2);
        const R third = fma(turn[2], v1, turn[3] * v2);
        SYMKERNEL_UNROLL
        for (int a = 0; a < 3; ++a)
          out[3 * a + b] = fma(frames[a], v0, fma(frames[3 + a], second, frames[6 + a] * third));
      }
    }
  }
};

SYMKERNEL_END_NAMESPACE
