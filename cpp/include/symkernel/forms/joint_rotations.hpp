// Averages over rotations of exp(-t |x - g y|^2) and their first and mixed second derivatives in
// the samples, for positive sums of them over t.
//
// With M = X^T Y = U diag(s) V^T the clouds X U and Y V are aligned, and what g = U R V^T is there,
// R, has the density exp(2 t sum_i s_i R_ii). With D = X U - Y V, a = X's direction times U, b that
// of y times V, A = a^T Y V, B = (X U)^T b:
//
//   a . (x - g y)    =  D . a + sum_i (1 - R_ii) A_ii - sum_{i != j} R_ij A_ij
//   b . (y - g' x)   = -D . b + sum_i (1 - R_ii) B_ii - sum_{i != j} R_ij B_ij
//   d_a F            = -2t E[k a . (x - g y)]
//   d_a d_b F        = E[k (4 t^2 a . (x - g y) b . (y - g' x) + 2 t a . g b)]
//
// In unit quaternions, or in cosine and sine of half the angle, 1 - R_ii is a sum of squares and
// R_ij + R_ji and R_ij - R_ji are products of two components, whose moments bingham.hpp has: sums
// of positive numbers throughout. Nothing is subtracted but clouds that are aligned, so that near
// samples keep their digits and exponents do not cancel, however large the samples.
#pragma once

#include "symkernel/bingham.hpp"
#include "symkernel/config.hpp"
#include "symkernel/forms/planar.hpp"
#include "symkernel/forms/sphere.hpp"
#include "symkernel/svd3.hpp"

SYMKERNEL_BEGIN_NAMESPACE

// Exponents beyond which a term of a sum of Gaussians is nothing beside rounding, whatever the
// square of its rate multiplies it with.
constexpr double joint_negligible = 120;

// Sums over rates t with weights w of F, of 2 t F, and of 4 t^2 F, times moments.
template <class R, int D>
struct JointSums {
  R value, slope, curve;
  R slope_gap[D];     // 2 t F E[1 - R_ii]
  R curve_gap[D];     // 4 t^2 F E[1 - R_ii]
  R gaps[D][D];       // 4 t^2 F E[(1 - R_ii) (1 - R_jj)]
  R even[D], odd[D];  // 4 t^2 F E[((R_ij + R_ji) / 2)^2] and of the difference, k beside i and j

  SYMKERNEL_INLINE void clear() {
    const R zero(Scalar<R>(0));
    value = slope = curve = zero;
    SYMKERNEL_UNROLL
    for (int i = 0; i < D; ++i) {
      slope_gap[i] = curve_gap[i] = even[i] = odd[i] = zero;
      SYMKERNEL_UNROLL
      for (int j = 0; j < D; ++j) gaps[i][j] = zero;
    }
  }
};

// How clouds of D-dimensional points meet: frames from M, and sums from aligned clouds.
template <class R, int D>
class JointRotations;

template <class R>
class JointRotations<R, 3> {
  using T = Scalar<R>;
  BinghamNodes<T, 3> nodes_;

 public:
  static SYMKERNEL_INLINE void frames(const R (&m)[9], bool mirrored, R (&u)[3][3], R (&v)[3][3]) {
    if (!mirrored) {
      singular_frames(m, u, v);
      return;
    }
    // of -y in the frame whose first two axes are turned round, those of y still being there
    SYMKERNEL_UNROLL
    for (int k = 0; k < 3; ++k) v[2][k] = -v[2][k];
  }

  // sum += those of a rate t, w exp(-t residual) times moments; s_i = sum over points of x_i y_i.
  SYMKERNEL_INLINE void add(const R (&s)[3], R residual, T t, T w, JointSums<R, 3>& sum) const {
    const R zero(T(0)), four_t(T(4) * t);
    const R beta[3] = {at_least(zero, s[1] + s[2]) * four_t, at_least(zero, s[0] + s[2]) * four_t,
                       at_least(zero, s[0] + s[1]) * four_t};
    const BinghamMoments<R, 3> m = bingham_moments<R, 3>(nodes_, beta);
    const R scale = natural_power(-(residual * R(t))) * R(w);
    const R once = scale * R(T(2) * t), twice = scale * R(T(4) * t * t);
    sum.value = fma(scale, m.value, sum.value);
    sum.slope = fma(once, m.value, sum.slope);
    sum.curve = fma(twice, m.value, sum.curve);
    // 1 - R_ii = 2 (q_j^2 + q_k^2)
    const R two(T(2)), once2 = once * two, twice2 = twice * two, twice4 = twice2 * two;
    SYMKERNEL_UNROLL
    for (int i = 0; i < 3; ++i) {
      const int j = (i + 1) % 3, k = (i + 2) % 3;
      const R gap = m.first[j] + m.first[k];
      const R jj = m.second[j][j], kk = m.second[k][k], jk = pair(m, j, k);
      sum.slope_gap[i] = fma(once2, gap, sum.slope_gap[i]);
      sum.curve_gap[i] = fma(twice2, gap, sum.curve_gap[i]);
      sum.gaps[i][i] = fma(twice4, jj + kk + jk + jk, sum.gaps[i][i]);
      // (q_j^2 + q_k^2) (q_k^2 + q_i^2) for 1 - R_ii and 1 - R_jj
      const R both = kk + jk + pair(m, k, i) + pair(m, i, j);
      sum.gaps[i][j] = fma(twice4, both, sum.gaps[i][j]);
      sum.gaps[j][i] = sum.gaps[i][j];
      sum.even[k] = fma(twice4, pair(m, i, j), sum.even[k]);
      sum.odd[k] = fma(twice4, m.with_zero[k], sum.odd[k]);
    }
  }

 private:
  static SYMKERNEL_INLINE R pair(const BinghamMoments<R, 3>& m, int i, int j) {
    return i > j ? m.second[i][j] : m.second[j][i];
  }
};

template <class R>
class JointRotations<R, 2> {
  using T = Scalar<R>;
  BinghamNodes<T, 1> nodes_;

 public:
  // x stays, and y is turned onto it (or its mirror image): the argument of a complex sum.
  static SYMKERNEL_INLINE void frames(const R (&m)[4], bool mirrored, R (&u)[2][2], R (&v)[2][2]) {
    const R zero(T(0)), one(T(1));
    const PlaneSum<R> s = mirrored ? plane_sum<true>(m) : plane_sum<false>(m);
    const R largest = at_least(abs(s.re), abs(s.im));
    const auto some = largest > zero;
    const R unit = one / select(some, largest, one), re = s.re * unit, im = s.im * unit;
    const R inverse = one / sqrt(select(some, fma(re, re, im * im), one));
    const R c = select(some, re * inverse, one), d = im * inverse;
    u[0][0] = u[1][1] = one;
    u[0][1] = u[1][0] = zero;
    v[0][0] = c;
    v[0][1] = d;
    v[1][0] = mirrored ? d : -d;
    v[1][1] = mirrored ? -c : c;
  }

  SYMKERNEL_INLINE void add(const R (&s)[2], R residual, T t, T w, JointSums<R, 2>& sum) const {
    const R beta[1] = {at_least(R(T(0)), s[0] + s[1]) * R(T(4) * t)};
    const BinghamMoments<R, 1> m = bingham_moments<R, 1>(nodes_, beta);
    const R scale = natural_power(-(residual * R(t))) * R(w);
    const R once = scale * R(T(2) * t), twice = scale * R(T(4) * t * t);
    sum.value = fma(scale, m.value, sum.value);
    sum.slope = fma(once, m.value, sum.slope);
    sum.curve = fma(twice, m.value, sum.curve);
    // 1 - cos = 2 q_1^2, sin = 2 q_1 q_0
    const R two(T(2)), four(T(4));
    sum.slope_gap[0] = fma(once * two, m.first[0], sum.slope_gap[0]);
    sum.curve_gap[0] = fma(twice * two, m.first[0], sum.curve_gap[0]);
    sum.gaps[0][0] = fma(twice * four, m.second[0][0], sum.gaps[0][0]);
    sum.odd[0] = fma(twice * four, m.with_zero[0], sum.odd[0]);
    sum.slope_gap[1] = sum.slope_gap[0];
    sum.curve_gap[1] = sum.curve_gap[0];
    sum.gaps[0][1] = sum.gaps[1][0] = sum.gaps[1][1] = sum.gaps[0][0];
  }
};

// Which of even and odd belong to i and j: of three the one beside them, of two the only one.
template <int D>
SYMKERNEL_INLINE constexpr int beside(int i, int j) {
  return D == 3 ? 3 - i - j : 0;
}

// What A_ij is multiplied by in the mixed derivative, less what D . a is, for B and along = -D . b.
template <class R, int D>
SYMKERNEL_INLINE void joint_weights(const JointSums<R, D>& sum, const R (&b)[D][D], R along,
                                    R& constant, R (&weight)[D][D]) {
  constant = sum.curve * along;
  SYMKERNEL_UNROLL
  for (int i = 0; i < D; ++i) {
    R own = sum.curve_gap[i] * along;
    constant = fma(sum.curve_gap[i], b[i][i], constant);
    SYMKERNEL_UNROLL
    for (int j = 0; j < D; ++j) {
      own = fma(sum.gaps[i][j], b[j][j], own);
      if (i == j) continue;
      const R even = sum.even[beside<D>(i, j)], odd = sum.odd[beside<D>(i, j)];
      weight[i][j] = fma(even, b[i][j] + b[j][i], odd * (b[i][j] - b[j][i]));
    }
    weight[i][i] = own;
  }
}

// The mixed derivative for coordinate i of a point of x and j of one of y as delta_ij (slope -
// slope_gap) for points that meet, and
//
//   constant[i] D_j + sum_l tensor[i][j][l] X_l     (D and X of the point of y)
//
// for the point of x at aligned coordinates y (of its partner) and d = x - y.
template <class R, int D>
SYMKERNEL_INLINE void joint_tensor(const JointSums<R, D>& sum, const R (&y)[D], const R (&d)[D],
                                   R (&constant)[D], R (&tensor)[D][D][D]) {
  const R zero(Scalar<R>(0));
  SYMKERNEL_UNROLL
  for (int i = 0; i < D; ++i) {
    constant[i] = -fma(sum.curve, d[i], sum.curve_gap[i] * y[i]);
    SYMKERNEL_UNROLL
    for (int j = 0; j < D; ++j) {
      SYMKERNEL_UNROLL
      for (int l = 0; l < D; ++l) tensor[i][j][l] = zero;
    }
  }
  SYMKERNEL_UNROLL
  for (int i = 0; i < D; ++i) {
    SYMKERNEL_UNROLL
    for (int j = 0; j < D; ++j) {
      tensor[i][j][j] = tensor[i][j][j] + fma(sum.curve_gap[j], d[i], sum.gaps[i][j] * y[i]);
      if (i == j) continue;
      const R even = sum.even[beside<D>(i, j)], odd = sum.odd[beside<D>(i, j)];
      tensor[i][j][i] = fma(even + odd, y[j], tensor[i][j][i]);
      tensor[i][i][j] = fma(even - odd, y[j], tensor[i][i][j]);
    }
  }
}

SYMKERNEL_END_NAMESPACE
