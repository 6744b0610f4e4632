// Moments of Bingham's distribution, which a rotation of the plane or of space is drawn from.
//
// On the unit sphere of R^(n+1), with density exp(-sum_i beta_i q_i^2) and beta_0 = 0, the average
// of that density over the sphere is, for n = 1 and n = 3, an inverse Laplace transform
//
//     F = 1/(2 pi i) \int e^z prod_i (z + beta_i)^(-1/2) dz
//
// (matrix_fisher.hpp; n = 1 is e^-k I_0(k) for beta_1 = 2k). Every derivative in a beta divides by
// z + beta once more, so that the moments are integrals of the same kind,
//
//     F E[q_i^2]       = 1/2 1/(2 pi i) \int e^z prod (.)^(-1/2) / (z + beta_i) dz
//     F E[q_i^2 q_j^2] = 1/4 (3/4 for i = j) ... / ((z + beta_i) (z + beta_j)),
//
// and those of odd powers vanish. Each is a sum over the poles of matrix_fisher_poles.hpp for an
// unbounded argument: relative errors stay below 2e-12 whatever the betas are, equal, zero or 1e20
// times one another (measured against 40-digit contour integrals). The poles of bounded arguments
// were fitted to F itself, and lose the moments: 2e-10.
#pragma once

#include <cmath>

#include "symkernel/config.hpp"
#include "symkernel/matrix_fisher_poles.hpp"
#include "symkernel/roots.hpp"

SYMKERNEL_BEGIN_NAMESPACE

// What a node brings, for the product of N roots beside that of z itself.
template <class T, int N>
struct BinghamNodes {
  static constexpr int max_count = 8;
  struct Node {
    T z[2], inverse[2];
    T turn[2];   // centres the argument of prod (z + beta_i), between 0 and N arg z < N 117 degrees
    T value[2];  // alpha z^(-1/2) turn^(1/2) / sqrt(2)
  };
  int count = 0;
  Node node[max_count];

  BinghamNodes() {
    const FisherTier* tier = fisher_tiers_double;
    while (tier->bound > 0) ++tier;
    count = tier->count;
    for (int k = 0; k < count; ++k) set(node[k], fisher_poles[tier->first + k]);
  }

 private:
  static void polar(double radius, double angle, T* out) {
    out[0] = static_cast<T>(radius * ::cos(angle));
    out[1] = static_cast<T>(radius * ::sin(angle));
  }
  static void set(Node& n, const double* pole) {
    const double radius = ::hypot(pole[0], pole[1]), angle = ::atan2(pole[1], pole[0]);
    const double turn = -0.5 * N * angle;
    n.z[0] = static_cast<T>(pole[0]);
    n.z[1] = static_cast<T>(pole[1]);
    polar(1.0 / radius, -angle, n.inverse);
    polar(1.0, turn, n.turn);
    polar(::hypot(pole[2], pole[3]) * ::sqrt(0.5 / radius),
          ::atan2(pole[3], pole[2]) + 0.5 * (turn - angle), n.value);
  }
};

template <class R, int N>
struct BinghamMoments {
  R value;         // F
  R first[N];      // F E[q_i^2], i = 1 .. N
  R with_zero[N];  // F E[q_i^2 q_0^2]
  R second[N][N];  // F E[q_i^2 q_j^2], j <= i
};

template <class R, int N>
SYMKERNEL_INLINE BinghamMoments<R, N> bingham_moments(const BinghamNodes<Scalar<R>, N>& nodes,
                                                      const R (&beta)[N]) {
  using T = Scalar<R>;
  const R zero(T(0)), one(T(1));
  // (z + beta) / (1 + beta) = u z + v is of order one.
  R u[N], v[N], root(T(1));
  SYMKERNEL_UNROLL
  for (int i = 0; i < N; ++i) {
    u[i] = one / (one + beta[i]);
    v[i] = beta[i] * u[i];
    root = root * sqrt(u[i]);
  }
  BinghamMoments<R, N> sum;
  sum.value = zero;
  SYMKERNEL_UNROLL
  for (int i = 0; i < N; ++i) {
    sum.first[i] = sum.with_zero[i] = zero;
    SYMKERNEL_UNROLL
    for (int j = 0; j <= i; ++j) sum.second[i][j] = zero;
  }
  SYMKERNEL_UNROLL_BY(1)
  for (int k = 0; k < nodes.count; ++k) {
    const auto& n = nodes.node[k];
    R p[N], q[N], square[N], re(n.turn[0]), im(n.turn[1]), all(T(1));
    SYMKERNEL_UNROLL
    for (int i = 0; i < N; ++i) {
      p[i] = fma(u[i], R(n.z[0]), v[i]);
      q[i] = u[i] * R(n.z[1]);
      square[i] = fma(p[i], p[i], q[i] * q[i]);
      all = all * square[i];
      const R turned = fma(re, p[i], -(im * q[i]));
      im = fma(re, q[i], im * p[i]);
      re = turned;
    }
    // (x + i y) = alpha z^(-1/2) w^(-1/2), as in matrix_fisher.hpp
    R size;
    const R inverse = rsqrt(all, size), s = size + re;
    const R factor = inverse * rsqrt(s), inverse2 = inverse * inverse;
    const R x = fma(R(n.value[0]), s, R(n.value[1]) * im) * factor;
    const R y = fma(R(n.value[1]), s, -(R(n.value[0]) * im)) * factor;
    sum.value = sum.value + x;
    R over[N];  // 1 / |z + beta_i|^2
    SYMKERNEL_UNROLL
    for (int i = 0; i < N; ++i) {
      over[i] = inverse2;
      SYMKERNEL_UNROLL
      for (int j = 0; j < N; ++j)
        if (j != i) over[i] = over[i] * square[j];
    }
    SYMKERNEL_UNROLL
    for (int i = 0; i < N; ++i) {
      const R a = fma(x, p[i], y * q[i]) * over[i], b = fma(y, p[i], -(x * q[i])) * over[i];
      sum.first[i] = sum.first[i] + a;
      sum.with_zero[i] = fma(a, R(n.inverse[0]), fma(-b, R(n.inverse[1]), sum.with_zero[i]));
      SYMKERNEL_UNROLL
      for (int j = 0; j <= i; ++j)
        sum.second[i][j] = fma(fma(a, p[j], b * q[j]), over[j], sum.second[i][j]);
    }
  }
  const R half(T(0.5)), quarter(T(0.25)), most(T(0.75));
  sum.value = sum.value * root;
  SYMKERNEL_UNROLL
  for (int i = 0; i < N; ++i) {
    const R own = root * u[i];
    sum.first[i] = sum.first[i] * own * half;
    sum.with_zero[i] = sum.with_zero[i] * own * quarter;
    SYMKERNEL_UNROLL
    for (int j = 0; j <= i; ++j)
      sum.second[i][j] = sum.second[i][j] * (own * u[j]) * (i == j ? most : quarter);
  }
  return sum;
}

SYMKERNEL_END_NAMESPACE
