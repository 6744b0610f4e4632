// The rotation that takes one cloud nearest to another: min over R of sum_i |x_i - R y_i|^2.
//
// Kabsch (1976) and Umeyama (1991): for M = sum_i x_i y_i^T = U S V^T with rotations U, V and
// signed singular values, R = U V^T, or U diag(1, 1, -1) V^T where reflections are allowed and s3 is
// negative. Points are handed over one by one, first to make M, then to make the residual as a sum
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

// The turn t (2 x 2, row by row) of a plane, or reflection, with the largest tr(t^T m). Where both
// are as good it is a rotation.
template <class R>
SYMKERNEL_INLINE R best_turn(const R (&m)[4], bool reflections, R (&t)[4]) {
  const R trace = m[0] + m[3], skew = m[2] - m[1];
  const R sum = sqrt(fma(trace, trace, skew * skew));
  R c, s;
  direction(trace, skew, sum, c, s);
  t[0] = t[3] = c;
  t[1] = -s;
  t[2] = s;
  if (!reflections) return sum;
  const R difference = m[0] - m[3], shear = m[1] + m[2];
  const R gap = sqrt(fma(difference, difference, shear * shear));
  const auto mirrored = sum < gap;
  direction(difference, shear, gap, c, s);
  t[0] = select(mirrored, c, t[0]);
  t[1] = select(mirrored, s, t[1]);
  t[2] = select(mirrored, s, t[2]);
  t[3] = select(mirrored, -c, t[3]);
  return select(mirrored, gap, sum);
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
      return best_turn(m, reflections, turn);
    } else {
      R s1, s2, s3;
      signed_singular_values(m, s1, s2, s3);
      return s1 + s2 + (reflections ? abs(s3) : s3);
    }
  }

  template <class Visit>
  SYMKERNEL_INLINE Procrustes(const Visit& visit, const R (&m)[D * D], bool reflections) {
    if constexpr (D == 2) {
      best_turn(m, reflections, rotation);
    } else {
      in_space(visit, m, reflections);
    }
    residual = R(Scalar<R>(0));
    visit([&](const R(&x)[D], const R(&y)[D]) SYMKERNEL_LAMBDA {
      SYMKERNEL_UNROLL
      for (int a = 0; a < D; ++a) {
        R difference = x[a];
        SYMKERNEL_UNROLL
        for (int b = 0; b < D; ++b) difference = fma(-rotation[a * D + b], y[b], difference);
        residual = fma(difference, difference, residual);
      }
    });
  }

 private:
  // In clouds so thin that s2 and s3 are rounding beside s1, the frames stand at any angle about
  // the first axis; inner products within the frames have not lost those digits, and say how to
  // turn them.
  template <class Visit>
  SYMKERNEL_INLINE void in_space(const Visit& visit, const R (&m)[9], bool reflections) {
    R u[3][3], v[3][3], across[4], turn[4];
    singular_frames(m, u, v);
    SYMKERNEL_UNROLL
    for (int k = 0; k < 4; ++k) across[k] = R(Scalar<R>(0));
    visit([&](const R(&x)[3], const R(&y)[3]) SYMKERNEL_LAMBDA {
      const R a[2] = {jacobi3::dot(u[1], x), jacobi3::dot(u[2], x)};
      const R b[2] = {jacobi3::dot(v[1], y), jacobi3::dot(v[2], y)};
      SYMKERNEL_UNROLL
      for (int k = 0; k < 4; ++k) across[k] = fma(a[k / 2], b[k % 2], across[k]);
    });
    best_turn(across, reflections, turn);
    SYMKERNEL_UNROLL
    for (int b = 0; b < 3; ++b) {
      const R second = fma(turn[0], v[1][b], turn[1] * v[2][b]);
      const R third = fma(turn[2], v[1][b], turn[3] * v[2][b]);
      SYMKERNEL_UNROLL
      for (int a = 0; a < 3; ++a)
        rotation[3 * a + b] = fma(u[0][a], v[0][b], fma(u[1][a], second, u[2][a] * third));
    }
  }
};

SYMKERNEL_END_NAMESPACE
