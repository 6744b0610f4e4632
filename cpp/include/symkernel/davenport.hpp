// Where exp(tr M^T R) is largest over rotations R of space, and how it falls off around there.
//
// In unit quaternions q = (i, j, k, 1) tr M^T R is a quadratic form q^T L q; L is Davenport's 4x4
// matrix of Wahba's problem, symmetric with trace zero. Its eigenvalues are s1 + s2 + s3 and the
// same with two signs turned, s the signed singular values of M, and its characteristic polynomial
//
//     P(t) = det(t - L) = (t^2 - f)^2 - 8 D t - 4 A,   f = |M|_F^2, D = det M, A = |cof M|_F^2
//
// needs three invariants of M. What is built here is a shift at or little above the largest root,
// and Q(z) = P(shift + z) = q0 z^4 + q1 z^3 + q2 z^2 + q3 z + q4, which has its roots at z <= 0.
#pragma once

#include "symkernel/config.hpp"
#include "symkernel/lanes.hpp"
#include "symkernel/math.hpp"
#include "symkernel/roots.hpp"

SYMKERNEL_BEGIN_NAMESPACE

// scale^2 Q(z); q0 = scale = 1 unless said otherwise.
template <class R>
struct ShiftedQuartic {
  R shift, scale, q[5];

  // That of tM for 0 <= t <= 1.
  SYMKERNEL_INLINE ShiftedQuartic times(R t) const {
    ShiftedQuartic r;
    r.shift = shift * t;
    r.scale = scale;
    r.q[0] = q[0];
    R power = t;
    SYMKERNEL_UNROLL
    for (int k = 1; k < 5; ++k) {
      r.q[k] = q[k] * power;
      power = power * t;
    }
    return r;
  }

  // Coefficients of order one, so that cubes of Q neither overflow nor vanish.
  SYMKERNEL_INLINE ShiftedQuartic normalised() const {
    const R one(Scalar<R>(1));
    const R factor = one / (one + q[1] + q[2] + at_least(R(Scalar<R>(0)), q[3]));
    ShiftedQuartic r;
    r.shift = shift;
    r.scale = sqrt(factor);
    SYMKERNEL_UNROLL
    for (int k = 0; k < 5; ++k) r.q[k] = q[k] * factor;
    return r;
  }
};

template <class R>
struct FisherInvariants {
  R f, det, adj;  // |M|_F^2, det M, |cof M|_F^2

  SYMKERNEL_INLINE explicit FisherInvariants(const R (&m)[9]) {
    R cof[9];
    SYMKERNEL_UNROLL
    for (int i = 0; i < 3; ++i) {
      SYMKERNEL_UNROLL
      for (int j = 0; j < 3; ++j) {
        const int i1 = (i + 1) % 3, i2 = (i + 2) % 3, j1 = (j + 1) % 3, j2 = (j + 2) % 3;
        cof[3 * i + j] = fma(m[3 * i1 + j1], m[3 * i2 + j2], -(m[3 * i1 + j2] * m[3 * i2 + j1]));
      }
    }
    det = fma(m[0], cof[0], fma(m[1], cof[1], m[2] * cof[2]));
    f = m[0] * m[0];
    adj = cof[0] * cof[0];
    SYMKERNEL_UNROLL
    for (int k = 1; k < 9; ++k) {
      f = fma(m[k], m[k], f);
      adj = fma(cof[k], cof[k], adj);
    }
  }
};

// Laguerre's step down to the largest root from a t above it (cubic, and for real roots it never
// passes the largest), shortened by more than its rough roots may err. q2, q3, q4 are half the
// second derivative, the slope and the value at t.
template <class R>
SYMKERNEL_INLINE R laguerre_step(R q2, R q3, R q4) {
  using T = Scalar<R>;
  const R tiny(T(1e-30));
  const R p = at_least(R(T(0)), q4), slope = at_least(tiny, q3);
  const R under = at_least(tiny, fma(R(T(9)) * slope, slope, R(T(-24)) * p * q2));
  return R(T(3.998)) * p * rough_reciprocal(fma(under, rough_rsqrt(under), slope));
}

// A shift above the largest root of P by at most 1/2, and Q there, from the invariants.
//
// The largest root solves t^2 = f + 2 sqrt(A + 2 D t) and lies between sqrt(f/3) and sqrt(3 f). The
// right side at the upper bound where D > 0, at the lower where D < 0, is again an upper bound, and
// a far better one: for D > 0 the map contracts by 9. Laguerre's steps do the rest, and
// t - root <= 4 P/P' says when to stop. A number of them, enough for most, is taken unasked, which
// keeps the pipe full; the loop behind serves M near minus a rotation (roots s, s, s, -3s).
template <class R>
SYMKERNEL_INLINE ShiftedQuartic<R> shifted_quartic(R f, R det, R adj, int steps) {
  using T = Scalar<R>;
  const R zero(T(0));
  const R tiny(T(1e-30));  // keeps 1/sqrt finite for M = 0
  const R f3 = fma(R(T(3)), f, tiny);
  const R rise = at_least(det + det, det * R(T(2.0 / 3.0)));
  const R inner = at_least(tiny, fma(rise, f3 * rough_rsqrt(f3), adj));
  const R top = fma(inner + inner, rough_rsqrt(inner), f + tiny);
  // P below its own rounding says nothing: the shift is then as good as a multiple root allows.
  const R noise = R(T(128) * FloatTraits<T>::epsilon) * (f * f);
  const R det2 = det + det, adj4 = R(T(4)) * adj;
  ShiftedQuartic<R> r;
  // Above the bound by more than three rough roots can have lost.
  R t = top * rough_rsqrt(top) * R(T(1.00012));
  auto expand = [&] {
    const R u = fma(t, t, -f), t4 = R(T(4)) * t;
    r.q[1] = t4;
    r.q[2] = fma(t4, t, u + u);
    r.q[3] = R(T(4)) * fma(u, t, -det2);
    r.q[4] = fma(u, u, -fma(det2, t4, adj4));
  };
  auto step = [&] {
    const auto far = r.q[3] + noise < R(T(8)) * r.q[4];
    t = t - select(far, laguerre_step(r.q[2], r.q[3], r.q[4]), zero);
    expand();
  };
  expand();
  for (int k = 0; k < steps; ++k) step();
  for (int k = 0; k < 6 && any(r.q[3] + noise, R(T(8)) * r.q[4]); ++k) step();
  r.q[0] = r.scale = R(T(1));
  r.shift = t;
  return r;
}

// B = t - L = U D U^T by Cholesky, and W = U^-1. Its errors are those of a change of M by a few
// eps |M|, which no method can avoid, as long as B is positive definite beyond rounding.
template <class R>
struct DavenportFactors {
  R b[4][4];  // lower triangle
  R d[4];
  R w10, w20, w21, w30, w31, w32;
  R d01, d23;

  SYMKERNEL_INLINE DavenportFactors(const R (&m)[9], R t) {
    const R one(Scalar<R>(1));
    const R least = t * R(FloatTraits<Scalar<R>>::epsilon);  // a divisor never vanishes
    b[0][0] = t - (m[0] - (m[4] + m[8]));
    b[1][1] = t - (m[4] - (m[0] + m[8]));
    b[2][2] = t - (m[8] - (m[0] + m[4]));
    b[3][3] = t - (m[0] + (m[4] + m[8]));
    b[1][0] = -(m[1] + m[3]);
    b[2][0] = -(m[2] + m[6]);
    b[2][1] = -(m[5] + m[7]);
    b[3][0] = m[5] - m[7];
    b[3][1] = m[6] - m[2];
    b[3][2] = m[1] - m[3];
    d[0] = at_least(least, b[0][0]);
    const R i0 = one / d[0];
    const R u10 = b[1][0] * i0, u20 = b[2][0] * i0, u30 = b[3][0] * i0;
    d[1] = at_least(least, fma(-u10, b[1][0], b[1][1]));
    const R c21 = fma(-u10, b[2][0], b[2][1]);
    const R c31 = fma(-u10, b[3][0], b[3][1]);
    const R c32 = fma(-u20, b[3][0], b[3][2]);
    const R i1 = one / d[1];
    const R u21 = c21 * i1, u31 = c31 * i1;
    d[2] = at_least(least, fma(-u21, c21, fma(-u20, b[2][0], b[2][2])));
    const R e32 = fma(-u21, c31, c32);
    const R u32 = e32 / d[2];
    d[3] = fma(-u32, e32, fma(-u31, c31, fma(-u30, b[3][0], b[3][3])));
    w10 = -u10;
    w21 = -u21;
    w32 = -u32;
    w20 = -fma(u21, w10, u20);
    w31 = -fma(u32, w21, u31);
    w30 = -fma(u32, w20, fma(u31, w10, u30));
    d01 = d[0] * d[1];
    d23 = d[2] * d[3];
  }

  // Q(0) and Q'(0): the determinant, and the sum over k of |row k of W|^2 prod_{j != k} d_j.
  // Products and sums of positive numbers, no cancellation.
  SYMKERNEL_INLINE R q4() const { return d01 * d23; }
  SYMKERNEL_INLINE R q3() const {
    const R one(Scalar<R>(1));
    const R row1 = fma(w10, w10, one);
    const R row2 = fma(w20, w20, fma(w21, w21, one));
    const R row3 = fma(w30, w30, fma(w31, w31, fma(w32, w32, one)));
    return fma(fma(row1, d[0], d[1]), d23, fma(row2, d[3], row3 * d[2]) * d01);
  }

  // a = x0 + x1 B + x2 B^2 + x3 adj B, lower triangle.
  SYMKERNEL_INLINE void combine(R x0, R x1, R x2, R x3, R (&a)[4][4]) const {
    R full[4][4];
    SYMKERNEL_UNROLL
    for (int i = 0; i < 4; ++i) {
      SYMKERNEL_UNROLL
      for (int j = 0; j < 4; ++j) full[i][j] = i < j ? b[j][i] : b[i][j];
    }
    const R one(Scalar<R>(1)), zero(Scalar<R>(0));
    const R w[4][4] = {{one, zero, zero, zero},
                       {w10, one, zero, zero},
                       {w20, w21, one, zero},
                       {w30, w31, w32, one}};
    const R minor[4] = {x3 * d[1] * d23, x3 * d[0] * d23, x3 * d01 * d[3], x3 * d01 * d[2]};
    SYMKERNEL_UNROLL
    for (int i = 0; i < 4; ++i) {
      SYMKERNEL_UNROLL
      for (int j = 0; j <= i; ++j) {
        R square(Scalar<R>(0)), adjugate(Scalar<R>(0));
        SYMKERNEL_UNROLL
        for (int k = 0; k < 4; ++k) square = fma(full[i][k], full[k][j], square);
        SYMKERNEL_UNROLL
        for (int k = 0; k < 4; ++k)
          if (k >= i) adjugate = fma(minor[k] * w[k][i], w[k][j], adjugate);
        a[i][j] = fma(x2, square, fma(x1, full[i][j], adjugate));
        if (i == j) a[i][j] = a[i][j] + x0;
      }
    }
  }
};

// Q where the rounding of f, D and A would drown it, from the Cholesky factors. The coefficient of
// z^2 needs no care: its rounding is eps |M| beside Q. (Not forced inline, like all that is large
// and rare: one copy serves its callers.)
template <class R>
SYMKERNEL_HD ShiftedQuartic<R> refined_quartic(const R (&m)[9], R f,
                                               const ShiftedQuartic<R>& rough) {
  using T = Scalar<R>;
  constexpr T eps = FloatTraits<T>::epsilon;
  // The rounding N of Q(0) leaves an error of at most N / q3 or sqrt(N / q2) in the shift, and of
  // eps^(1/3) |M| at a triple root; that much above it B is surely positive definite.
  const R tiny(T(1e-30));
  const R noise = fma(R(T(16) * eps) * f, f, tiny);
  const R spread = rough.q[2] * noise;  // (sqrt(N q2))^2
  const R root = spread * rough_rsqrt(spread + tiny);
  const R margin = at_most(rough.shift * R(T(sizeof(T) == 8 ? 3e-5 : 2.5e-2)),
                           noise * rough_reciprocal(root + at_least(tiny, rough.q[3])));
  ShiftedQuartic<R> r;
  R t = fma(rough.shift, R(T(8) * eps), rough.shift + margin);
  for (int pass = 0;; ++pass) {
    const DavenportFactors<R> b(m, t);
    r.q[4] = b.q4();
    r.q[3] = b.q3();
    r.q[2] = fma(R(T(6)) * t, t, -(f + f));
    r.q[1] = R(T(4)) * t;
    // t - root <= 4 Q(0)/Q'(0); too much of it for e^z is taken back, short of all of it.
    if (pass == 48 || !any(r.q[3], R(T(8)) * r.q[4])) break;
    const R down = laguerre_step(r.q[2], r.q[3], r.q[4]);
    t = t - select(r.q[3] < R(T(8)) * r.q[4], down * R(T(0.97)), R(T(0)));
  }
  r.q[0] = r.scale = R(T(1));
  r.shift = t;
  return r;
}

// Is f^2 eps, the rounding of Q from invariants, small beside Q in all lanes? 1/2, 2 and 13 are the
// effective |z|^k of simple, double and triple roots; the bound on f^2 eps / Q is 2e-13 for double
// and 2e-6 for float.
template <class R>
SYMKERNEL_INLINE bool trusted(const ShiftedQuartic<R>& q, R f) {
  using T = Scalar<R>;
  const R size = fma(R(T(0.5)), q.q[3], fma(R(T(2)), q.q[2], fma(R(T(13)), q.q[1], R(T(60)))));
  return !any(R(T(sizeof(T) == 8 ? 360 : 7)) * size, f * f);
}

// Q from the invariants of M, or from its factors where those are not to be trusted.
template <class R>
SYMKERNEL_INLINE ShiftedQuartic<R> resolved_quartic(const R (&m)[9], const FisherInvariants<R>& inv,
                                                    int steps) {
  const ShiftedQuartic<R> q = shifted_quartic(inv.f, inv.det, inv.adj, steps);
  if (trusted(q, inv.f)) return q;
  R copy[9];  // so that m and q can stay in registers on the common path
  SYMKERNEL_UNROLL
  for (int k = 0; k < 9; ++k) copy[k] = m[k];
  const ShiftedQuartic<R> rough = q;
  return refined_quartic(copy, inv.f, rough);
}

// Q = z (z + a) (z + b) (z + c) from sums of signed singular values, a = 2 (s2 + s3) and so on,
// with a factor that keeps its coefficients of order one. The shift is s1 + s2 + s3.
template <class R>
SYMKERNEL_INLINE ShiftedQuartic<R> quartic_of_pair_sums(R s23, R s13, R s12) {
  using T = Scalar<R>;
  const R one(T(1)), zero(T(0));
  const R a = at_least(zero, s23 + s23), b = at_least(zero, s13 + s13), c = s12 + s12;
  const R ia = one / (one + a), ib = one / (one + b), ic = one / (one + c);
  const R ua = a * ia, ub = b * ib, uc = c * ic;  // (z + a) / (1 + a) = ia z + ua
  const R ab0 = ia * ib, ab1 = fma(ia, ub, ua * ib), ab2 = ua * ub;
  ShiftedQuartic<R> r;
  r.q[0] = ab0 * ic;
  r.q[1] = fma(ab0, uc, ab1 * ic);
  r.q[2] = fma(ab1, uc, ab2 * ic);
  r.q[3] = ab2 * uc;
  r.q[4] = zero;
  r.scale = sqrt(ia) * sqrt(ib) * sqrt(ic);
  r.shift = R(T(0.5)) * (s12 + (s13 + s23));
  return r;
}

SYMKERNEL_END_NAMESPACE
