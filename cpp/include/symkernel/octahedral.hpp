// RBF averages over the octahedral groups acting on clouds of points in R^3, in nine pairs of
// exponentials instead of 48 (or 24) exponentials.
//
// O_h consists of the 48 signed permutation matrices. With X_i and Y_j the coordinates of a cloud
// as vectors over its points, M[i][j] = X_i . Y_j / l^2 and h = |.|^2 / (2 l^2),
//
//   sum_g exp(<g, M>) = sum_s prod_i (e^M[i][s(i)] + e^-M[i][s(i)]) = per(2 cosh M).
//
// The 24 rotations O are the signed permutations with an even permutation and an even number of
// signs, or both odd. That is (per(2 cosh M) + det(2 sinh M)) / 2, which cancels when improper
// elements dominate; here the products are collected by parity, so that only positive terms are
// added: row r meeting column c with + is followed by the parities of the other two rows.
//
// Since |M[i][j]| <= h(X_i) + h(Y_j), every factor exp(+-M[i][j] - h(X_i) - h(Y_j)) is at most 1.
// The integers next above h (in base two) are folded into each exponent, exactly, and what remains
// is one factor per sample: nothing overflows, and nothing underflows but negligible terms.
#pragma once

#include <cmath>

#include "symkernel/config.hpp"
#include "symkernel/math.hpp"

SYMKERNEL_BEGIN_NAMESPACE

// up = 2^(shift + y), down = 2^(shift - y) for an integer shift <= 1 - |y|. One reduction serves
// both: 2^r = E(r^2) + r O(r^2), 2^-r = E(r^2) - r O(r^2).
template <class R>
SYMKERNEL_INLINE void exp2_pair(R y, R shift, R& up, R& down) {
  using T = Scalar<R>;
  const R n = round_nearest(y);
  const R r = y - n;
  const R t = r * r;
  R even, odd;
  if constexpr (sizeof(T) == 8) {
    const T e[] = {1.0,
                   0.24022650695910159567,
                   0.0096181291075872566681,
                   0.00015403530463724354209,
                   1.3215432535912376166e-6,
                   7.0741942972885210056e-9};  // relative error 3e-18
    const T o[] = {0.69314718055994530925,     0.055504108664821627039,  0.0013333558146406470697,
                   0.000015252733841556772589, 1.0178057087733941105e-7, 4.455817908336064493e-10};
    even = horner(t, e);
    odd = horner(t, o);  // relative error 2e-19
  } else {
    const T e[] = {1.0f, 0.24022651213498092661f, 0.0096180256133180342494f,
                   0.00015469729214118297093f};  // relative error 4e-11
    const T o[] = {0.69314718802622878106f, 0.055503571142190778186f,
                   0.0013390863364671234381f};  // relative error 1e-8
    even = horner(t, e);
    odd = horner(t, o);
  }
  // Below every range; also keeps the conversion to an integer defined in scalar code.
  const R lowest(T(-3000));
  up = scale_exponent(fma(r, odd, even), at_least(lowest, shift + n));
  down = scale_exponent(fma(-r, odd, even), at_least(lowest, shift - n));
}

// What a sample contributes: integers >= h(X_i) / log(2) and 2^(what they exceed it by in sum).
struct OctahedralSample {
  double shift[3];
  double weight;
};

// half_squares[i] = |X_i|^2 / (2 l^2 log(2)).
inline OctahedralSample octahedral_sample(const double* half_squares) {
  OctahedralSample s;
  double excess = 0;
  for (int i = 0; i < 3; ++i) {
    s.shift[i] = std::ceil(half_squares[i]);
    excess += s.shift[i] - half_squares[i];
  }
  s.weight = std::exp2(excess);
  return s;
}

template <class R, bool Rotations>
class Octahedral {
 public:
  // m[3 i + j] = X_i . Y_j / (l^2 log(2)); shifts of x and of y.
  SYMKERNEL_INLINE Octahedral(const R (&m)[9], const R (&x_shift)[3], const R (&y_shift)[3]) {
    SYMKERNEL_UNROLL
    for (int i = 0; i < 3; ++i) {
      SYMKERNEL_UNROLL
      for (int j = 0; j < 3; ++j)
        exp2_pair(m[3 * i + j], -(x_shift[i] + y_shift[j]), up_[i][j], down_[i][j]);
    }
  }

  // near[3 i + j] = |X_i - Y_j|^2 / (2 l^2 log(2)) and far with +: both samples' weights are
  // then 1.
  static SYMKERNEL_INLINE Octahedral of_distances(const R (&near)[9], const R (&far)[9]) {
    Octahedral form;
    SYMKERNEL_UNROLL
    for (int k = 0; k < 9; ++k) {
      form.up_[k / 3][k % 3] = exp2(-near[k]);
      form.down_[k / 3][k % 3] = exp2(-far[k]);
    }
    return form;
  }

  // The average of exp(-|x - g y|^2 / (2 l^2)); weight: the product of both samples' weights.
  SYMKERNEL_INLINE R mean(R weight) const {
    R sum(Scalar<R>(0));
    SYMKERNEL_UNROLL
    for (int j = 0; j < 3; ++j) {
      R plus, minus;
      cofactors(2, j, plus, minus);
      sum = fma(plus, up_[2][j], fma(minus, down_[2][j], sum));
    }
    return sum * weight * R(Scalar<R>(Rotations ? 1.0 / 24.0 : 1.0 / 48.0));
  }

  // t d/dt of the mean of exp(-t |x - g y|^2), of a form made of distances: every term has one
  // factor from every row.
  SYMKERNEL_INLINE R slope(const R (&near)[9], const R (&far)[9]) const {
    using T = Scalar<R>;
    R sum(T(0));
    SYMKERNEL_UNROLL
    for (int i = 0; i < 3; ++i) {
      SYMKERNEL_UNROLL
      for (int j = 0; j < 3; ++j) {
        R plus, minus;
        cofactors(i, j, plus, minus);
        sum = fma(near[3 * i + j], plus * up_[i][j], fma(far[3 * i + j], minus * down_[i][j], sum));
      }
    }
    return sum * R(T(Rotations ? -1.0 / 24.0 : -1.0 / 48.0) * T(0.69314718055994530942));
  }

  // gradient[3 i + j] = d mean / d M[i][j] with the exponents' shifts held; for log l and for
  // positions: d mean / d log l = 2 (h(x) + h(y)) mean - 2 sum M[i][j] gradient[i][j].
  SYMKERNEL_INLINE void gradient(R weight, R (&g)[9]) const {
    const R scale = weight * R(Scalar<R>(Rotations ? 1.0 / 24.0 : 1.0 / 48.0));
    SYMKERNEL_UNROLL
    for (int i = 0; i < 3; ++i) {
      SYMKERNEL_UNROLL
      for (int j = 0; j < 3; ++j) {
        R plus, minus;
        cofactors(i, j, plus, minus);
        g[3 * i + j] = (plus * up_[i][j] - minus * down_[i][j]) * scale;
      }
    }
  }

 private:
  SYMKERNEL_INLINE Octahedral() {}

  // The sums that multiply up[i][j] and down[i][j]: over both ways to match the other rows and
  // columns and, for rotations, over the signs of the right parity. Taking rows and columns in
  // cyclic order, the first matching is an even permutation, the second an odd one.
  SYMKERNEL_INLINE void cofactors(int i, int j, R& plus, R& minus) const {
    const int a = (i + 1) % 3, b = (i + 2) % 3, c = (j + 1) % 3, d = (j + 2) % 3;
    if constexpr (Rotations) {
      const R even = fma(up_[a][c], up_[b][d], down_[a][c] * down_[b][d]);
      plus = fma(up_[a][d], down_[b][c], fma(down_[a][d], up_[b][c], even));
      const R odd = fma(up_[a][c], down_[b][d], down_[a][c] * up_[b][d]);
      minus = fma(up_[a][d], up_[b][c], fma(down_[a][d], down_[b][c], odd));
    } else {
      plus = fma(up_[a][c] + down_[a][c], up_[b][d] + down_[b][d],
                 (up_[a][d] + down_[a][d]) * (up_[b][c] + down_[b][c]));
      minus = plus;
    }
  }

  R up_[3][3], down_[3][3];
};

SYMKERNEL_END_NAMESPACE
