// Derivatives of closed forms for what they are functions of: M = X^T Y of planar clouds, and the
// squared norms of one vector. With F(t) = E exp(-t |x - g y|^2), b = t (|x|^2 + |y|^2) and
// H_d the average over the sphere of R^d (bessel.hpp), H_d'(z) = z H_(d+2)(z) / d.
//
// In the plane |x| and |y| apart, F is H_2(2 t |S|), S = re + i im,
//
//   rotations    re = M_00 + M_11, im = M_01 - M_10
//   reflections  re = M_00 - M_11, im = M_01 + M_10
#pragma once

#include <cstdint>

#include "symkernel/bessel.hpp"
#include "symkernel/config.hpp"
#include "symkernel/lanes.hpp"
#include "symkernel/moments.hpp"

SYMKERNEL_BEGIN_NAMESPACE

template <class R>
struct PlaneSum {
  R re, im;
  SYMKERNEL_INLINE R square() const { return fma(re, re, im * im); }
};

// Of M, row by row, for rotations or for reflections.
template <bool Mirrored, class R>
SYMKERNEL_INLINE PlaneSum<R> plane_sum(const R (&m)[4]) {
  if constexpr (Mirrored) return {m[0] - m[3], m[1] + m[2]};
  return {m[0] + m[3], m[1] - m[2]};
}

// gradient += factor d(|S|^2 / 2) / dM.
template <bool Mirrored, class R>
SYMKERNEL_INLINE void add_plane(const PlaneSum<R>& s, R factor, R (&gradient)[4]) {
  const R re = factor * s.re, im = factor * s.im;
  gradient[0] = gradient[0] + re;
  gradient[1] = gradient[1] + im;
  gradient[2] = gradient[2] + (Mirrored ? im : -im);
  gradient[3] = gradient[3] + (Mirrored ? -re : re);
}

// The factor of one plane, H_2(2 t |S|) = result * exp(what was added to exponent), and H_4 / H_2,
// so that d log H_2 = 2 t^2 (H_4 / H_2) d|S|^2 / 2. (The ratio is to have its own rounding, not
// that of exponents of size z: they are taken relative to e^z.)
template <class R>
SYMKERNEL_INLINE R plane_factor(const SphereAverage<R>& sphere, const SphereAverage<R>& above,
                                R square, R four_t2, R& exponent, R& ratio) {
  using T = Scalar<R>;
  const R z2 = square * four_t2;
  R own(T(0)), other(T(0));
  const R factor = sphere.scaled_factor(z2, own);
  const R derivative = above.scaled_factor(z2, other);
  ratio = derivative / factor * exp2((other - own) * R(T(1.4426950408889634074)));
  exponent = exponent + sqrt(z2) + own;
  return factor;
}

// O(2): the mean over a plane and its mirror image, times e^-b. gradient += weight dF/dM.
template <class R>
SYMKERNEL_INLINE R mirrored_plane_gradient(const SphereAverage<R>& sphere,
                                           const SphereAverage<R>& above, const R (&m)[4], R b,
                                           R two_t, R weight, R (&gradient)[4]) {
  using T = Scalar<R>;
  const R four_t2 = two_t * two_t, scale = weight * four_t2 * R(T(0.25));
  const PlaneSum<R> turned = plane_sum<false>(m), mirrored = plane_sum<true>(m);
  const R log2e(T(1.4426950408889634074));
  R exponent = -b, other = -b, ratio, other_ratio;
  const R factor = plane_factor(sphere, above, turned.square(), four_t2, exponent, ratio);
  const R second = plane_factor(sphere, above, mirrored.square(), four_t2, other, other_ratio);
  const R value = factor * exp2(exponent * log2e), far = second * exp2(other * log2e);
  add_plane<false>(turned, scale * value * ratio, gradient);
  add_plane<true>(mirrored, scale * far * other_ratio, gradient);
  return (value + far) * R(T(0.5));
}

// sum_k c[k] m_k of SO(2) or O(2); gradient += its derivatives for M.
template <bool Reflections, class R>
SYMKERNEL_INLINE R plane_moments_gradient(const R (&m)[4], const Scalar<R>* c, int degree,
                                          R (&gradient)[4]) {
  using T = Scalar<R>;
  const PlaneSum<R> turned = plane_sum<false>(m);
  R slope;
  const R value = sphere_moments_slope(turned.square(), 2, c, degree, slope);
  if constexpr (!Reflections) {
    add_plane<false>(turned, slope + slope, gradient);
    return value;
  }
  const PlaneSum<R> mirrored = plane_sum<true>(m);
  R other_slope;
  const R other = sphere_moments_slope(mirrored.square(), 2, c, degree, other_slope);
  add_plane<false>(turned, slope, gradient);
  add_plane<true>(mirrored, other_slope, gradient);
  return (value + other) * R(T(0.5));
}

// One vector of R^d: F = H_d(2 t |x| |y|) e^-b, and what multiplies x and y in its gradients for
// them,
//
//   dF/dx = -2 t x (F - 2 t |y|^2 H_(d+2) e^-b / d).
template <class R>
SYMKERNEL_INLINE R sphere_gradient(const SphereAverage<R>& sphere, const SphereAverage<R>& above,
                                   int d, R x2, R y2, Scalar<R> rate, R& radial_x, R& radial_y) {
  using T = Scalar<R>;
  const R two_t(rate + rate);
  R exponent = -((x2 + y2) * R(rate)), ratio;
  const R factor = plane_factor(sphere, above, x2 * y2, two_t * two_t, exponent, ratio);
  const R value = factor * exp2(exponent * R(T(1.4426950408889634074)));
  const R over = two_t * R(static_cast<T>(1.0 / d)) * value * ratio;
  radial_x = two_t * fma(over, y2, -value);
  radial_y = two_t * fma(over, x2, -value);
  return value;
}

// The same for sum_k c[k] m_k.
template <class R>
SYMKERNEL_INLINE R sphere_moments_gradient(R x2, R y2, int d, const Scalar<R>* c, int degree,
                                           R& radial_x, R& radial_y) {
  R slope;
  const R value = sphere_moments_slope(x2 * y2, d, c, degree, slope);
  radial_x = R(Scalar<R>(2)) * slope * y2;
  radial_y = R(Scalar<R>(2)) * slope * x2;
  return value;
}

SYMKERNEL_END_NAMESPACE
