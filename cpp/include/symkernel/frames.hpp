// Frames of clouds of points that turn along with the cloud: W clouds at a time, one per lane.
//
// Of a cloud x_1..x_p in R^d with masses w_i the axes are the eigenvectors of sum_i w_i x_i x_i^T,
// in descending order, and y_ik = axis_k . x_i are the coordinates in that frame. Odd moments give
// the axes their directions: axis k is turned so that sum_i w_i y_ik^3 > 0, or, where that nearly
// vanishes, sum_i w_i y_ik |x_i|^2 > 0. In the plane the angle is that of sum_i w_i z_i |z_i|^2, or
// of sum_i w_i z_i, z = x + i y: no eigenvalues need to differ. Rotations have the last axis
// complete a right-handed frame, which tells mirror images apart.
//
// Each choice leaves a margin: an estimate, right to first order, of how far the cloud has to move,
// in |x| = (sum_i w_i |x_i|^2)^(1/2), until the choice would be another. "Nearly" is `band`; a
// cloud without a clear choice is undecided, and its margin tells how far it is from a decided one.
#pragma once

#include <cmath>
#include <cstdint>

#include "symkernel/config.hpp"
#include "symkernel/lanes.hpp"
#include "symkernel/simd.hpp"

SYMKERNEL_BEGIN_NAMESPACE

// What clouds of a batch have in common.
struct FrameRule {
  const double* weights;  // masses, at most 1
  double total;           // their sum
  int points;
  int dim;
  int independent;  // points that can be chosen freely: one less where clouds are centred
  bool proper;      // rotations alone
  double band;
  double null;  // an axis along which the cloud is thinner than this, over |x|, is a null axis
};

template <class R>
struct FrameLanes {
  const R* x;   // (points, dim)
  R thin;       // absolute thickness below which an axis is null
  R* y;         // (points, dim): coordinates in the frame
  R* axes;      // (dim, dim): an axis per row
  R* work;      // dim * dim
  R margin;     // of the nearest choice
  R undecided;  // 1 or 0
  R rank;       // axes that are not null; right only where decided
};

// A margin that nothing has bounded.
constexpr double no_margin = 1e300;

template <class R>
SYMKERNEL_INLINE R least(R a, R b) {
  return select(a < b, a, b);
}

// Eigenvalues of the symmetric matrix a onto its diagonal, eigenvectors into the rows of v, which
// form a rotation. Cyclic Jacobi (Golub & Van Loan, section 8.5): rotations by the smaller angle
// keep v orthogonal to rounding however close eigenvalues are.
template <int D, class R>
SYMKERNEL_INLINE void symmetric_eigen(R* a, R* v, int given) {
  const int d = D > 0 ? D : given;
  R trace(0.0);
  for (int i = 0; i < d; ++i) {
    trace = trace + a[i * d + i];
    for (int j = 0; j < d; ++j) v[i * d + j] = R(i == j ? 1.0 : 0.0);
  }
  const R done = trace * R(1e-14);
  for (int sweep = 0; sweep < 40; ++sweep) {
    R seen(0.0);
    for (int p = 0; p < d - 1; ++p) {
      for (int q = p + 1; q < d; ++q) {
        const R g = a[p * d + q], h = a[q * d + q] - a[p * d + p], g2 = g + g;
        seen = at_least(abs(g), seen);
        // tan of the angle; the last term keeps 0/0 from arising
        const R root = sqrt(fma(h, h, fma(g2, g2, R(1e-300))));
        const R t = select(h < R(0.0), -g2, g2) / (abs(h) + root);
        const R c = R(1.0) / sqrt(fma(t, t, R(1.0))), s = c * t;
        a[p * d + p] = fma(-t, g, a[p * d + p]);
        a[q * d + q] = fma(t, g, a[q * d + q]);
        a[p * d + q] = R(0.0);
        for (int r = 0; r < d; ++r) {
          if (r != p && r != q) {
            R& rp = r < p ? a[r * d + p] : a[p * d + r];
            R& rq = r < q ? a[r * d + q] : a[q * d + r];
            const R old = rp;
            rp = fma(c, old, -(s * rq));
            rq = fma(s, old, c * rq);
          }
          const R vp = v[p * d + r], vq = v[q * d + r];
          v[p * d + r] = fma(c, vp, -(s * vq));
          v[q * d + r] = fma(s, vp, c * vq);
        }
      }
    }
    if (!any(done, seen)) break;
  }
}

// Takes one choice into account where `matters` is 1: it is clear where its margin is positive.
// `open` collects how far an undecided cloud is from a decided one.
template <class R>
SYMKERNEL_INLINE void take_choice(FrameLanes<R>& f, R& open, R margin, R matters) {
  const R zero(0.0), half(0.5), huge(no_margin);
  const R clear = select(margin > zero, R(1.0), zero);
  const R bound = select(margin > zero, margin, huge);
  f.margin = least(f.margin, select(matters > half, bound, huge));
  const R unclear = matters - matters * clear;
  f.undecided = at_least(unclear, f.undecided);
  open = at_least(select(unclear > half, -margin, zero), open);
}

// The first of two odd moments unless it nearly vanishes, else the second; and the margin of that.
template <class R>
SYMKERNEL_INLINE R first_clear(R& moment, R margin, R second, R second_margin) {
  const R zero(0.0);
  moment = select(margin > zero, moment, second);
  const R later =
      select(second_margin > zero, least(-margin, second_margin), at_least(margin, second_margin));
  return select(margin > zero, margin, later);
}

template <class R>
SYMKERNEL_INLINE R inverse_or_zero(R a) {
  const R zero(0.0);
  return select(a > zero, R(1.0) / select(a > zero, a, R(1.0)), zero);
}

// What is left to do when all choices are taken.
template <class R>
SYMKERNEL_INLINE void close_choices(const FrameRule& rule, FrameLanes<R>& f, R open) {
  f.margin = select(f.undecided > R(0.5), open, f.margin);
  if (rule.independent <= 1) f.margin = R(no_margin);  // one vector: |x| e_1 is continuous
}

// Eigenvectors and odd moments. D is the dimension, 0 for any.
template <int D, class R>
SYMKERNEL_INLINE void moment_frame(const FrameRule& rule, FrameLanes<R>& f) {
  const int d = D > 0 ? D : rule.dim, p = rule.points;
  const R zero(0.0), one(1.0), band(rule.band);
  R *a = f.work, *v = f.axes;
  for (int j = 0; j < d * d; ++j) a[j] = zero;
  R fourth = zero;
  for (int i = 0; i < p; ++i) {
    const R* x = f.x + static_cast<std::int64_t>(i) * d;
    const R w(rule.weights[i]);
    R square = zero;
    for (int j = 0; j < d; ++j) {
      const R wx = w * x[j];
      square = fma(x[j], x[j], square);
      for (int k = j; k < d; ++k) a[j * d + k] = fma(wx, x[k], a[j * d + k]);
    }
    fourth = fma(w * square, square, fourth);
  }
  R size2 = zero;
  for (int j = 0; j < d; ++j) size2 = size2 + a[j * d + j];
  const R inverse_size = inverse_or_zero(sqrt(size2));
  const R thin = at_least(R(rule.null) * sqrt(size2), f.thin);
  symmetric_eigen<D>(a, v, d);

  R handed = one;  // determinant of the axes
  for (int i = 0; i < d - 1; ++i) {
    for (int j = d - 1; j > i; --j) {
      R &high = a[(j - 1) * d + j - 1], &low = a[j * d + j];
      const auto wrong = high < low;
      const R old = high;
      high = select(wrong, low, high);
      low = select(wrong, old, low);
      for (int k = 0; k < d; ++k) {
        const R upper = v[(j - 1) * d + k];
        v[(j - 1) * d + k] = select(wrong, v[j * d + k], upper);
        v[j * d + k] = select(wrong, upper, v[j * d + k]);
      }
      handed = select(wrong, -handed, handed);
    }
  }

  R open = zero, before = zero;
  f.margin = R(no_margin);
  f.undecided = zero;
  f.rank = zero;
  const R radial_slope = inverse_or_zero(R(3.0) * sqrt(fourth)) * inverse_size;
  const int eigenvectors = rule.independent < d ? rule.independent : d;
  for (int k = 0; k < d; ++k) {
    R second = zero, cubic = zero, cubic_size = zero, quartic = zero;
    R radial = zero, radial_size = zero;
    for (int i = 0; i < p; ++i) {
      const R* x = f.x + static_cast<std::int64_t>(i) * d;
      const R w(rule.weights[i]);
      R y = zero, square = zero;
      for (int j = 0; j < d; ++j) {
        y = fma(v[k * d + j], x[j], y);
        square = fma(x[j], x[j], square);
      }
      f.y[static_cast<std::int64_t>(i) * d + k] = y;
      const R wy = w * y, y2 = y * y, wy3 = wy * y2;
      second = fma(wy, y, second);
      cubic = cubic + wy3;
      cubic_size = cubic_size + abs(wy3);
      quartic = fma(wy3, y, quartic);
      radial = fma(wy, square, radial);
      radial_size = fma(abs(wy), square, radial_size);
    }
    const R thickness = sqrt(second);
    const R solid = select(thickness > thin, one, zero);
    f.rank = f.rank + solid;
    // The nearest cloud with two equal eigenvalues is |s_k - s_(k+1)| / sqrt 2 away.
    if (k > 0 && k < eigenvectors) {
      const R apart = (before - thickness) * R(0.70710678118654752) * inverse_size;
      take_choice(f, open, apart - band, select(before > thin, one, zero));
    }
    before = thickness;
    R sign = handed;
    if (!rule.proper || k < d - 1) {
      const R cubic_slope = inverse_or_zero(R(3.0) * sqrt(quartic)) * inverse_size;
      const R m1 = (abs(cubic) - band * cubic_size) * cubic_slope;
      const R m2 = (abs(radial) - band * radial_size) * radial_slope;
      take_choice(f, open, first_clear(cubic, m1, radial, m2), solid);
      sign = select(cubic < zero, -one, one);
      sign = select(solid > zero, sign, one);
    }
    handed = handed * sign;
    for (int j = 0; j < d; ++j) v[k * d + j] = v[k * d + j] * sign;
    for (int i = 0; i < p; ++i) {
      R& y = f.y[static_cast<std::int64_t>(i) * d + k];
      y = y * sign;
    }
  }
  close_choices(rule, f, open);
}

// The plane: the angle of an odd complex moment, and for O(2) the side of the axis.
template <class R>
SYMKERNEL_INLINE void planar_frame(const FrameRule& rule, FrameLanes<R>& f) {
  const int p = rule.points;
  const R zero(0.0), one(1.0), band(rule.band);
  R a1 = zero, b1 = zero, cubic_size = zero, a2 = zero, b2 = zero, linear_size = zero;
  R size2 = zero, fourth = zero;
  for (int i = 0; i < p; ++i) {
    const R a = f.x[2 * i], b = f.x[2 * i + 1], w(rule.weights[i]);
    const R square = fma(a, a, b * b), r = sqrt(square), ws = w * square;
    a1 = fma(ws, a, a1);
    b1 = fma(ws, b, b1);
    cubic_size = fma(ws, r, cubic_size);
    a2 = fma(w, a, a2);
    b2 = fma(w, b, b2);
    linear_size = fma(w, r, linear_size);
    size2 = size2 + ws;
    fourth = fma(ws, square, fourth);
  }
  const R size = sqrt(size2), inverse_size = inverse_or_zero(size);
  const R thin = at_least(R(rule.null) * size, f.thin);
  const R slope = inverse_or_zero(R(3.0) * sqrt(fourth)) * inverse_size;
  const R solid = select(size > thin, one, zero);
  R open = zero;
  f.margin = R(no_margin);
  f.undecided = zero;
  R length = sqrt(fma(a1, a1, b1 * b1));
  const R length2 = sqrt(fma(a2, a2, b2 * b2));
  const R m1 = (length - band * cubic_size) * slope;
  const R m2 = (length2 - band * linear_size) * (inverse_size * R(1.0 / ::sqrt(rule.total)));
  a1 = select(m1 > zero, a1, a2);
  b1 = select(m1 > zero, b1, b2);
  take_choice(f, open, first_clear(length, m1, length2, m2), solid);
  const R inverse = inverse_or_zero(length);
  const R c = select(inverse > zero, a1 * inverse, one), s = b1 * inverse;

  R second = zero, even = zero, even_size = zero, third = zero, third_size = zero;
  for (int i = 0; i < p; ++i) {
    const R w(rule.weights[i]), x0 = f.x[2 * i], x1 = f.x[2 * i + 1];
    const R a = fma(c, x0, s * x1), b = fma(c, x1, -(s * x0));
    f.y[2 * i] = a;
    f.y[2 * i + 1] = b;
    const R aa = a * a, bb = b * b, wb = w * b;
    second = fma(wb, b, second);
    const R e = wb * a * sqrt(aa + bb), t = wb * fma(R(3.0), aa, -bb);
    even = even + e;
    even_size = even_size + abs(e);
    third = third + t;
    third_size = third_size + abs(t);
  }
  const R wide = select(sqrt(second) > thin, one, zero);
  f.rank = solid + solid * wide;
  R sign = one;
  if (!rule.proper) {
    const R n1 = (abs(even) - band * even_size) * slope;
    const R n2 = (abs(third) - band * third_size) * slope;
    take_choice(f, open, first_clear(even, n1, third, n2), solid * wide);
    sign = select(wide > zero, select(even < zero, -one, one), one);
    for (int i = 0; i < p; ++i) f.y[2 * i + 1] = f.y[2 * i + 1] * sign;
  }
  f.axes[0] = c;
  f.axes[1] = s;
  f.axes[2] = -s * sign;
  f.axes[3] = c * sign;
  close_choices(rule, f, open);
}

SYMKERNEL_END_NAMESPACE
