// The mean rotation under the matrix Fisher distribution: E[R exp(tr M^T R)] = grad c(M).
//
// c(M) = 1/(2 pi i) \int e^t P(t)^(-1/2) dt (matrix_fisher.hpp) knows M by |M|_F^2 = f, det M and
// |cof M|_F^2 alone, whose gradients are 2 M, cof M and 2 f M - 2 M M^T M. With
// P = (t^2 - f)^2 - 8 t det M - 4 |cof M|_F^2 of davenport.hpp,
//
//     grad c(M) = 1/(2 pi i) \int e^t P^(-3/2) (2 (t^2 + f) M + 4 t cof M - 4 M M^T M) dt,
//
// three numbers a pair, from H_j = 1/(2 pi i) \int z^j e^z Q(z)^(-3/2) dz with t = shift + z: no
// factors, no singular values, nothing special where those meet or vanish. A sum over rates t of
// gradients at t M needs nothing but these three numbers of each.
//
// Errors are eps f^(3/2) / Q beside c(M), at most that of c(M) itself: below 1e-12 while |M| is a
// thousand, but for M near -s R, R a rotation, s > 15. There c(M) is e^(-2s) of what |M| would
// allow, and the error as small a share of the largest value of the kernel. (with_gradient of
// matrix_fisher.hpp keeps relative digits there as well.) In double precision: cubes of Q leave the
// range of float.
#pragma once

#include <cmath>

#include "symkernel/config.hpp"
#include "symkernel/davenport.hpp"
#include "symkernel/math.hpp"
#include "symkernel/matrix_fisher.hpp"
#include "symkernel/roots.hpp"

SYMKERNEL_BEGIN_NAMESPACE

// grad c(M), or grad c(M) - grad c(-M), which is twice that of the mean over O(3).
template <class R, bool Reflections>
class MeanRotation {
  using T = Scalar<R>;
  using Quartic = ShiftedQuartic<R>;
  static constexpr T negligible = T(40);  // distance of exponents beyond which -M does not count
  FisherNodes<T> nodes_{HUGE_VAL};        // (those of bounded M were fitted to c alone)

 public:
  struct Parts {
    Quartic q, mirror;  // of sign M and of -sign M, det (sign M) >= 0; of M alone without mirrors
    R f, sign;
  };
  // A matrix as matrix M + cofactor cof M + cube M M^T M.
  struct Shares {
    R matrix, cofactor, cube;
  };

  // For multiples of M from `least` to 1. steps: of Laguerre's, taken unasked.
  SYMKERNEL_INLINE void set(const R (&m)[9], int steps, T least, Parts& p) const {
    FisherInvariants<R> inv(m);
    p.f = inv.f;
    if constexpr (!Reflections) {
      p.q = resolved_quartic(m, inv, steps);
    } else {
      p.sign = with_sign(R(T(1)), inv.det);
      inv.det = abs(inv.det);
      R turned[9];
      SYMKERNEL_UNROLL
      for (int k = 0; k < 9; ++k) turned[k] = m[k] * p.sign;
      p.q = resolved_quartic(turned, inv, steps);
      inv.det = -inv.det;
      SYMKERNEL_UNROLL
      for (int k = 0; k < 9; ++k) turned[k] = -turned[k];
      p.mirror = shifted_quartic(inv.f, inv.det, inv.adj, steps);
      if (!trusted(p.mirror, inv.f) && counts(p, least))
        p.mirror = refined_quartic(turned, inv.f, p.mirror);
    }
  }

  // Adds weight e^(-bias t) times those of t M, 0 < t <= 1.
  SYMKERNEL_INLINE void add(const Parts& p, R bias, T t, T weight, Shares& to) const {
    const Shares own = shares(p.q, p.f, bias, t, weight);
    to.matrix = to.matrix + own.matrix;
    to.cube = to.cube + own.cube;
    if constexpr (!Reflections) {
      to.cofactor = to.cofactor + own.cofactor;
    } else {
      to.cofactor = fma(p.sign, own.cofactor, to.cofactor);
      if (!counts(p, t)) return;
      const Shares other = shares(p.mirror, p.f, bias, t, weight);
      to.matrix = to.matrix + other.matrix;
      to.cofactor = fma(-p.sign, other.cofactor, to.cofactor);
      to.cube = to.cube + other.cube;
    }
  }

  // Adds the matrix that has these shares.
  static SYMKERNEL_INLINE void expand(const R (&m)[9], const Shares& s, R (&to)[9]) {
    R right[9];  // matrix + cube M^T M
    SYMKERNEL_UNROLL
    for (int i = 0; i < 3; ++i) {
      SYMKERNEL_UNROLL
      for (int j = i; j < 3; ++j) {
        const R inner = fma(m[i], m[j], fma(m[3 + i], m[3 + j], m[6 + i] * m[6 + j]));
        right[3 * i + j] = i == j ? fma(s.cube, inner, s.matrix) : s.cube * inner;
        right[3 * j + i] = right[3 * i + j];
      }
    }
    SYMKERNEL_UNROLL
    for (int i = 0; i < 3; ++i) {
      SYMKERNEL_UNROLL
      for (int j = 0; j < 3; ++j) {
        const int i1 = 3 * ((i + 1) % 3), i2 = 3 * ((i + 2) % 3), j1 = (j + 1) % 3,
                  j2 = (j + 2) % 3;
        const R cofactor = fma(m[i1 + j1], m[i2 + j2], -(m[i1 + j2] * m[i2 + j1]));
        R sum = fma(s.cofactor, cofactor, to[3 * i + j]);
        SYMKERNEL_UNROLL
        for (int k = 0; k < 3; ++k) sum = fma(m[3 * i + k], right[3 * k + j], sum);
        to[3 * i + j] = sum;
      }
    }
  }

 private:
  static SYMKERNEL_INLINE bool counts(const Parts& p, T t) {
    return any((p.q.shift - p.mirror.shift) * R(t), R(negligible));
  }

  SYMKERNEL_INLINE Shares shares(const Quartic& whole, R f, R bias, T t, T weight) const {
    const Quartic q = whole.times(R(t));
    R h0(T(0)), h1(T(0)), h2(T(0));
    for (int k = 0; k < nodes_.count; ++k) {
      const auto& n = nodes_.node[k];
      R re = fma(R(n.re[1]), q.q[1], R(n.re[0])), im = fma(R(n.im[1]), q.q[1], R(n.im[0]));
      SYMKERNEL_UNROLL
      for (int c = 2; c < 5; ++c) {
        re = fma(R(n.re[c]), q.q[c], re);
        im = fma(R(n.im[c]), q.q[c], im);
      }
      // w^(-3/2) = (x - i y) / (|w|^3 sqrt(2 s)) of w = re + i im
      R size;
      const R inverse = rsqrt(fma(re, re, im * im), size);
      const R s = size + re;
      const R cube = (inverse * inverse) * (inverse * rsqrt(s));
      const R x = cube * fma(s, re, -(im * im)), y = cube * (im * (s + re));
      h0 = fma(R(n.cubed[0][0]), x, fma(R(n.cubed[0][1]), y, h0));
      h1 = fma(R(n.cubed[1][0]), x, fma(R(n.cubed[1][1]), y, h1));
      h2 = fma(R(n.cubed[2][0]), x, fma(R(n.cubed[2][1]), y, h2));
    }
    const R exponent = fma(-bias, R(t), q.shift);
    const R e = exp2(exponent * R(T(1.4426950408889634074))) * R(weight * t);
    const R squares = fma(q.shift, q.shift, f * R(t * t));
    const R two(T(2)), four(T(4));
    Shares own;
    own.matrix = two * e * fma(squares, h0, fma(two * q.shift, h1, h2));
    own.cofactor = four * e * R(t) * fma(q.shift, h0, h1);
    own.cube = -(four * e * R(t * t) * h0);
    return own;
  }
};

SYMKERNEL_END_NAMESPACE
