// The matrix Fisher normalising constant: the average of exp(tr M^T R) over rotations R of space.
//
//     c(M) = \int_{SO(3)} exp(tr M^T R) dR      (Haar measure, normalised)
//
// It is a Bingham constant on the sphere of unit quaternions (Wood, Austral. J. Statist. 35, 1993;
// Lee, arXiv 1710.03746). With P and L of davenport.hpp, the Gaussian integral of
// exp(-q^T (t - L) q) over R^4 in polar coordinates is the Laplace transform of r c(rM), hence
//
//     c(M) = 1/(2 pi i) \int e^t P(t)^(-1/2) dt
//          = e^shift F,   F = 1/(2 pi i) \int e^z Q(z)^(-1/2) dz
//
// around the roots, which are real, and with shift = s1 + s2 + s3 or a little more they lie at
// z <= 0. (Expanding P(1/z)^(-1/2) in powers of z gives the moments of tr M^T R.)
//
// A rational function sum_k alpha_k / (z - z_k) close to e^z on z <= 0 turns F into a sum over its
// poles, F = Re sum_k alpha_k Q(z_k)^(-1/2), whose error falls like 9.29^(-N) for N poles whatever
// M is (Trefethen, Weideman & Schmelzer, BIT 46, 2006): eight conjugate pairs reach 2e-13 for every
// M, three 4e-14 while s1 + s2 + |s3| <= 1. A node costs two reciprocal roots; no Bessel function,
// no exponential, no singular values, no case of equal or vanishing ones. (The usual integral of
// two Bessel functions takes 8 to 128 nodes of two Bessel functions each, and an SVD.)
//
// Q is wanted to 1e-13 at |z| of order one. From f, D and A it has an error of eps f^2, small
// beside Q for |M| < 30 always and for most M up to 1000; the worst is M near -s R, R a rotation
// (mirror images), where Q = z^3 (z + 4s). Where it is too large, Q comes from Cholesky factors.
#pragma once

#include <cmath>

#include "symkernel/alignment.hpp"
#include "symkernel/config.hpp"
#include "symkernel/davenport.hpp"
#include "symkernel/lanes.hpp"
#include "symkernel/math.hpp"
#include "symkernel/matrix_fisher_poles.hpp"
#include "symkernel/roots.hpp"

SYMKERNEL_BEGIN_NAMESPACE

// The poles and what is needed at each of them, prepared once.
template <class T>
struct FisherNodes {
  static constexpr int max_count = 8;
  struct alignas(16) Node {  // so that a device loads four numbers at a time
    // w = turn Q(z)/z = sum_k (re[k] + i im[k]) q[k]. Q/z has an argument between 0 and 3 arg z;
    // |turn| = 1 centres it. As arg z < 119 degrees (a bound kept when the poles were computed),
    // the principal root of w is the product of the principal roots of the factors.
    T re[5], im[5];
    T value[2];     // alpha z^(-1/2) turn^(1/2) / sqrt(2)
    T slope[2];     // times z: for z e^z in the place of e^z
    T cubed[4][2];  // alpha z^(j-3/2) turn^(3/2) / sqrt(2): for z^j e^z Q^(-3/2)
  };
  // e^z = offset + r(z) where it matters: a constant adds nothing to F, and offset / sqrt(q0) to
  // the integral with z e^z, which must be 1 for M = 0.
  T offset;
  int count = 0;   // nodes, a real pole last
  int paired = 0;  // complex ones, each for itself and its conjugate
  Node node[max_count];

  // Poles for nuclear norms s1 + s2 + |s3| <= bound.
  explicit FisherNodes(double bound) {
    const FisherTier* tier = sizeof(T) == 8 ? fisher_tiers_double : fisher_tiers_float;
    while (tier->bound > 0 && !(bound <= tier->bound)) ++tier;
    count = tier->count;
    double at_zero = 1;
    for (int k = 0; k < count; ++k) {
      const double* pole = fisher_poles[tier->first + k];
      set(node[k], pole);
      if (pole[1] > 0) ++paired;
      at_zero -= (pole[2] * pole[0] + pole[3] * pole[1]) / (pole[0] * pole[0] + pole[1] * pole[1]);
    }
    offset = static_cast<T>(at_zero);
  }

 private:
  // p r e^(i phi)
  static void times(const double* p, double r, double phi, T* out) {
    const double c = r * ::cos(phi), s = r * ::sin(phi);
    out[0] = static_cast<T>(p[0] * c - p[1] * s);
    out[1] = static_cast<T>(p[0] * s + p[1] * c);
  }
  static void set(Node& n, const double* pole) {
    const double radius = ::hypot(pole[0], pole[1]), angle = ::atan2(pole[1], pole[0]);
    const double turn = -1.5 * angle, half = ::sqrt(0.5), one[2] = {1.0, 0.0};
    const double* alpha = pole + 2;
    for (int k = 0; k < 5; ++k) {
      T w[2];
      times(one, ::pow(radius, 3.0 - k), (3 - k) * angle + turn, w);
      n.re[k] = w[0];
      n.im[k] = w[1];
    }
    times(alpha, half / ::sqrt(radius), -0.5 * angle + 0.5 * turn, n.value);
    times(alpha, half * ::sqrt(radius), 0.5 * angle + 0.5 * turn, n.slope);
    for (int j = 0; j < 4; ++j)
      times(alpha, half * ::pow(radius, j - 1.5), (j - 1.5) * angle + 1.5 * turn, n.cubed[j]);
  }
};

// Averages over SO(3) of exp(tr M^T R - bias), or over O(3), which is the mean of c(M) and c(-M).
// M comes row by row; bias, (|x|^2 + |y|^2) / (2 l^2) for the RBF kernel, keeps the value finite.
template <class R, bool Reflections = false>
class MatrixFisher {
  using T = Scalar<R>;
  using Quartic = ShiftedQuartic<R>;
  // Beyond this distance of the exponents c(-M) is rounding beside c(M).
  static constexpr T negligible = sizeof(T) == 8 ? T(40) : T(20);

 public:
  // Nuclear norms up to which the results have their meaning: beyond, the exponent has no digit
  // left after the point, and squares of Q leave the range of float.
  static constexpr double largest_bound = sizeof(T) == 8 ? 1e14 : 1e5;

  // bound: of the nuclear norm of every M to come, for which max |x| max |y| / l^2 will do. The
  // rounding of M alone costs eps |M|: for 5e-6 in float it should not exceed 32.
  explicit MatrixFisher(double bound)
      : nodes_(bound),
        steps_(bound <= 2    ? 0
               : bound <= 16 ? 1
                             : 2) {}

  int node_count() const { return nodes_.count; }

  SYMKERNEL_HD R value(const R (&m)[9], R bias) const {
    Parts p;
    set(p, m, bias);
    return finish(p);
  }

  // The same for `count` vectors of pairs: load(k, m, bias) fetches the k-th, store(k, value) puts
  // it away. The search for the shift is one long chain of dependent operations, the nodes are
  // many short ones: in turn they would leave the pipes empty, in blocks they fill them.
  template <class Load, class Store>
  SYMKERNEL_INLINE void values(int count, Load load, Store store) const {
    constexpr int block = 16;
    Parts p[block];
    for (int first = 0; first < count; first += block) {
      const int n = count - first < block ? count - first : block;
      for (int k = 0; k < n; ++k) {
        R m[9], bias;
        load(first + k, m, bias);
        set(p[k], m, bias);
      }
      for (int k = 0; k < n; ++k) store(first + k, finish(p[k]));
    }
  }

  // sum_i weight[i] value(factor[i] M, factor[i] bias) for factors between 0 and 1: kernels that
  // are mixtures of RBF kernels over the length scale. Everything but the nodes is done once.
  SYMKERNEL_HD R mixture(const R (&m)[9], R bias, const T* factor, const T* weight,
                         int count) const {
    Parts p;
    set(p, m, bias);
    R sum(T(0));
    for (int i = 0; i < count; ++i) {
      const R t(factor[i]);
      Parts scaled;
      scaled.bias = p.bias * t;
      scaled.q = p.q.times(t);
      if constexpr (Reflections) scaled.mirror = p.mirror.times(t);
      sum = fma(R(weight[i]), finish(scaled), sum);
    }
    return sum;
  }

  // The value, and its derivative with respect to log |M| at constant bias. For the RBF kernel
  // dk/dlog l = 2 (bias value - slope). From d/dt c(tM) with integration by parts:
  // M . dc/dM = e^shift ((shift - 1) F + 1/(2 pi i) \int z e^z Q(z)^(-1/2) dz).
  SYMKERNEL_HD R value_and_slope(const R (&m)[9], R bias, R& slope) const {
    Parts p;
    set(p, m, bias);
    R value = with_slope(p.q, bias, slope);
    if constexpr (Reflections) {
      R other;
      value = (value + with_slope(p.mirror, bias, other)) * R(T(0.5));
      slope = (slope + other) * R(T(0.5));
    }
    return value;
  }

  // The value, and d value / dM row by row. e^-bias dc/dM = value E[R], E[R] the mean rotation
  // under the density exp(tr M^T R): entries at most 1, smooth where singular values meet or
  // vanish.
  SYMKERNEL_HD R value_and_gradient(const R (&m)[9], R bias, R (&gradient)[9]) const {
    const FisherInvariants<R> inv(m);
    const R value = with_gradient(m, inv, bias, gradient);
    if constexpr (!Reflections) {
      return value;
    } else {
      R minus[9], other[9];
      SYMKERNEL_UNROLL
      for (int k = 0; k < 9; ++k) minus[k] = -m[k];
      FisherInvariants<R> mirrored = inv;
      mirrored.det = -inv.det;
      const R v = with_gradient(minus, mirrored, bias, other);
      SYMKERNEL_UNROLL
      for (int k = 0; k < 9; ++k) gradient[k] = (gradient[k] - other[k]) * R(T(0.5));
      return (value + v) * R(T(0.5));
    }
  }

  // Averages of exp(-rate |x - R y|^2) from the clouds themselves, for exponents so large that bias
  // and s1 + s2 + s3 have lost the digits of their difference (alignment.hpp).
  SYMKERNEL_HD R aligned(const SpatialAlignment<R>& clouds, R rate) const {
    const R value = aligned(clouds.best(), rate);
    if constexpr (!Reflections) return value;
    return (value + aligned(clouds.mirrored(), rate)) * R(T(0.5));
  }

  // The same, and its t d/dt for t = rate: neither exponents nor their derivatives cancel.
  SYMKERNEL_HD R aligned(const SpatialAlignment<R>& clouds, R rate, R& slope) const {
    const R value = aligned_with_slope(clouds.best(), rate, slope);
    if constexpr (!Reflections) return value;
    R other;
    const R mirrored = aligned_with_slope(clouds.mirrored(), rate, other);
    slope = (slope + other) * R(T(0.5));
    return (value + mirrored) * R(T(0.5));
  }

  // c(M) e^-(s1+s2+s3) from signed singular values s1 >= s2 >= |s3|.
  SYMKERNEL_HD R scaled(R s1, R s2, R s3) const {
    const Quartic q = quartic_of_pair_sums(s2 + s3, s1 + s3, s1 + s2);
    return q.scale * integral<false>(q);
  }

 private:
  struct One {
    Quartic q;
    R bias;
  };
  struct Two {
    Quartic q, mirror;
    R bias;
  };
  template <bool, class A, class>
  struct Choose {
    using Type = A;
  };
  template <class A, class B>
  struct Choose<false, A, B> {
    using Type = B;
  };
  using Parts = typename Choose<Reflections, Two, One>::Type;

  SYMKERNEL_HD R aligned(const Aligned<R>& pair, R rate) const {
    const R t = rate + rate;
    const Quartic q = quartic_of_pair_sums(pair.sums[0] * t, pair.sums[1] * t, pair.sums[2] * t);
    return power(-(at_least(R(T(0)), pair.residual) * rate)) * q.scale * integral<false>(q);
  }

  // With Q = z (z + a) (z + b) (z + c), t d/dt of Q^(-1/2) is -1/2 (a/(z+a) + b/(z+b) + c/(z+c))
  // times it: a bounded factor at every pole.
  SYMKERNEL_HD R aligned_with_slope(const Aligned<R>& pair, R rate, R& slope) const {
    const R t = rate + rate, zero(T(0));
    const Quartic q = quartic_of_pair_sums(pair.sums[0] * t, pair.sums[1] * t, pair.sums[2] * t);
    R sum(T(0)), growth(T(0));
    for (int k = 0; k < nodes_.count; ++k) {
      const auto& n = nodes_.node[k];
      const R re = polynomial<false>(n.re, q.q), im = polynomial<false>(n.im, q.q);
      R size;
      const R inverse = rsqrt(fma(re, re, im * im), size);
      const R s = size + re;
      const R factor = inverse * rsqrt(s);
      const R own = fma(R(n.value[0]), s, R(n.value[1]) * im) * factor;
      const R turned = fma(R(n.value[1]), s, -(R(n.value[0]) * im)) * factor;
      // the pole itself, from the turns of z^0 and z^-1
      const T length = n.re[4] * n.re[4] + n.im[4] * n.im[4];
      const T z_re = (n.re[3] * n.re[4] + n.im[3] * n.im[4]) / length;
      const T z_im = (n.im[3] * n.re[4] - n.re[3] * n.im[4]) / length;
      R share_re(T(0)), share_im(T(0));
      for (int j = 0; j < 3; ++j) {
        const R a = at_least(zero, (pair.sums[j] + pair.sums[j]) * t);
        const R b = a + R(z_re);
        const R over = a / fma(b, b, R(z_im * z_im));
        share_re = fma(over, b, share_re);
        share_im = fma(-over, R(z_im), share_im);
      }
      sum = sum + own;
      growth = growth + fma(own, share_re, -(turned * share_im));
    }
    const R exponent = at_least(zero, pair.residual) * rate;
    const R e = power(-exponent) * q.scale;
    const R value = e * sum;
    slope = fma(e, growth * R(T(-0.5)), -(exponent * value));
    return value;
  }

  SYMKERNEL_INLINE void set(Parts& p, const R (&m)[9], R bias) const {
    FisherInvariants<R> inv(m);
    p.bias = bias;
    if constexpr (!Reflections) {
      p.q = resolved_quartic(m, inv, steps_);
    } else {
      // Of M and -M the one with a positive determinant has the larger value.
      const R sign = with_sign(R(T(1)), inv.det);
      R turned[9];
      inv.det = abs(inv.det);
      SYMKERNEL_UNROLL
      for (int k = 0; k < 9; ++k) turned[k] = m[k] * sign;
      p.q = resolved_quartic(turned, inv, steps_);
      inv.det = -inv.det;
      SYMKERNEL_UNROLL
      for (int k = 0; k < 9; ++k) turned[k] = -turned[k];
      p.mirror = shifted_quartic(inv.f, inv.det, inv.adj, steps_);
      if (!trusted(p.mirror, inv.f) && counts(p))
        p.mirror = refined_quartic(turned, inv.f, p.mirror);
    }
  }

  static SYMKERNEL_INLINE bool counts(const Two& p) {
    return any(p.q.shift - p.mirror.shift, R(negligible));
  }

  SYMKERNEL_INLINE R finish(const Parts& p) const {
    R value = power(p.q.shift - p.bias) * integral<true>(p.q);
    if constexpr (Reflections) {
      if (counts(p)) value = fma(power(p.mirror.shift - p.bias), integral<true>(p.mirror), value);
      value = value * R(T(0.5));
    }
    return value;
  }

  static SYMKERNEL_INLINE R power(R x) { return exp2(x * R(T(1.4426950408889634074))); }

  // w at a node; Unit: q0 = 1.
  template <bool Unit>
  static SYMKERNEL_INLINE R polynomial(const T (&c)[5], const R (&q)[5]) {
    R w;
    if constexpr (Unit)
      w = fma(R(c[1]), q[1], R(c[0]));
    else
      w = fma(R(c[1]), q[1], R(c[0]) * q[0]);
    return fma(R(c[4]), q[4], fma(R(c[3]), q[3], fma(R(c[2]), q[2], w)));
  }

  // F / scale = Re sum_k alpha_k w^(-1/2), and
  // Re alpha w^(-1/2) = (alpha_re s + alpha_im im) / (|w| sqrt(2 s)),  s = |w| + re.
  template <bool Unit>
  SYMKERNEL_INLINE R integral(const Quartic& q) const {
    R sum(T(0));
    for (int k = 0; k < nodes_.paired; ++k) {
      const auto& n = nodes_.node[k];
      const R re = polynomial<Unit>(n.re, q.q), im = polynomial<Unit>(n.im, q.q);
      R size;
      const R inverse = rsqrt(fma(re, re, im * im), size);
      const R s = size + re;
      sum = fma(fma(R(n.value[0]), s, R(n.value[1]) * im) * inverse, rsqrt(s), sum);
    }
    if (nodes_.paired < nodes_.count) {
      const auto& n = nodes_.node[nodes_.paired];
      const T alpha = n.value[0] * T(1.4142135623730950488);
      sum = fma(R(alpha), rsqrt(polynomial<Unit>(n.re, q.q)), sum);
    }
    return sum;
  }

  SYMKERNEL_HD R with_slope(const Quartic& q, R bias, R& slope) const {
    R sum(T(0)), moment(nodes_.offset);
    for (int k = 0; k < nodes_.count; ++k) {
      const auto& n = nodes_.node[k];
      const R re = polynomial<true>(n.re, q.q), im = polynomial<true>(n.im, q.q);
      R size;
      const R inverse = rsqrt(fma(re, re, im * im), size);
      const R s = size + re;
      const R factor = inverse * rsqrt(s);
      sum = fma(fma(R(n.value[0]), s, R(n.value[1]) * im), factor, sum);
      moment = fma(fma(R(n.slope[0]), s, R(n.slope[1]) * im), factor, moment);
    }
    const R e = power(q.shift - bias);
    slope = e * fma(q.shift - R(T(1)), sum, moment);
    return e * sum;
  }

  // E[q q^T] = (H3 + H2 (q1 - B) + H1 (q2 - q1 B + B^2) + H0 adj B) / (2 F) with
  // H_j = 1/(2 pi i) \int z^j e^z Q(z)^(-3/2) dz, since adj(z + B) has these coefficients.
  SYMKERNEL_HD R with_gradient(const R (&m)[9], const FisherInvariants<R>& inv, R bias,
                               R (&g)[9]) const {
    // The refined shift always: its B is positive definite beyond rounding.
    const Quartic whole =
        refined_quartic(m, inv.f, shifted_quartic(inv.f, inv.det, inv.adj, steps_));
    const Quartic q = whole.normalised();
    R sum(T(0)), h0(T(0)), h1(T(0)), h2(T(0)), h3(T(0));
    for (int k = 0; k < nodes_.count; ++k) {
      const auto& n = nodes_.node[k];
      const R re = polynomial<false>(n.re, q.q), im = polynomial<false>(n.im, q.q);
      R size;
      const R inverse = rsqrt(fma(re, re, im * im), size);
      const R s = size + re;
      const R factor = inverse * rsqrt(s);
      sum = fma(fma(R(n.value[0]), s, R(n.value[1]) * im), factor, sum);
      // w^(-3/2) = (x - i y) / (|w|^3 sqrt(2 s))
      const R cube = factor * inverse * inverse;
      const R x = cube * fma(s, re, -(im * im)), y = cube * (im * (s + re));
      h0 = fma(R(n.cubed[0][0]), x, fma(R(n.cubed[0][1]), y, h0));
      h1 = fma(R(n.cubed[1][0]), x, fma(R(n.cubed[1][1]), y, h1));
      h2 = fma(R(n.cubed[2][0]), x, fma(R(n.cubed[2][1]), y, h2));
      h3 = fma(R(n.cubed[3][0]), x, fma(R(n.cubed[3][1]), y, h3));
    }
    const R value = power(q.shift - bias) * q.scale * sum;
    // H_j carries scale^3 and F scale: dividing by F leaves scale^2.
    const R weight = value * q.scale * q.scale / sum;
    const R w3 = h3 * weight, w2 = h2 * weight, w1 = h1 * weight, w0 = h0 * weight;
    const DavenportFactors<R> factors(m, q.shift);
    R a[4][4];  // 2 value E[q q^T]
    factors.combine(fma(w1, whole.q[2], fma(w2, whole.q[1], w3)), -fma(w1, whole.q[1], w2), w1, w0,
                    a);
    const R half(T(0.5));
    const R d0 = a[0][0] * half, d1 = a[1][1] * half, d2 = a[2][2] * half, d3 = a[3][3] * half;
    g[0] = (d0 - d1) + (d3 - d2);
    g[4] = (d1 - d0) + (d3 - d2);
    g[8] = (d2 - d0) + (d3 - d1);
    g[1] = a[1][0] - a[3][2];
    g[3] = a[1][0] + a[3][2];
    g[2] = a[2][0] + a[3][1];
    g[6] = a[2][0] - a[3][1];
    g[5] = a[2][1] - a[3][0];
    g[7] = a[2][1] + a[3][0];
    return value;
  }

  FisherNodes<T> nodes_;
  int steps_;  // of Laguerre's, taken unasked
};

SYMKERNEL_END_NAMESPACE
