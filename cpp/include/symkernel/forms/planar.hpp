// Planar clouds under SO(2), each block turning on its own, or O(2). With M = X^T Y of a block,
// F(t) = E exp(-t |x - g y|^2) is a product over blocks of I_0(2 t |S|) = H_2, S = re + i im,
//
//   rotations    re = M_00 + M_11, im = M_01 - M_10
//   reflections  re = M_00 - M_11, im = M_01 + M_10
//
// times exp(-t (|x|^2 + |y|^2)); for O(2), of one block, the mean over the cloud and its mirror
// image. What a form has: forms/sphere.hpp.
#pragma once

#include <cstdint>

#include "symkernel/alignment.hpp"
#include "symkernel/forms/sphere.hpp"

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

template <class R, bool Reflections>
struct PlanarForm {
  using T = Scalar<R>;
  static constexpr int dimension = 2;
  const SphereTables<R>& tables;  // of dimension 2

  template <class Pair>
  SYMKERNEL_INLINE R value(const Pair& pair, FormRate<T> rate, bool slopes, R& slope) const {
    const T t = rate.resolved;
    const R b = (pair.x2() + pair.y2()) * R(t), four_t2(T(4) * t * t);
    if constexpr (Reflections) {
      R m[4], first(T(0)), second(T(0));
      pair.matrix(0, m);
      const R same = tables.average(plane_sum<false>(m).square() * four_t2, b, slopes, first);
      const R mirrored = tables.average(plane_sum<true>(m).square() * four_t2, b, slopes, second);
      slope = (first + second) * R(T(0.5));
      return (same + mirrored) * R(T(0.5));
    } else {
      R exponent = -b, value(T(1)), logarithmic = -b;
      const std::int64_t blocks = pair.blocks();
      SYMKERNEL_UNROLL_BY(1)
      for (std::int64_t n = 0; n < blocks; ++n) {
        R m[4], own(T(0));
        pair.matrix(n, m);
        const R z2 = plane_sum<false>(m).square() * four_t2;
        const R factor = tables.sphere.factor(z2, own);
        if (slopes) {
          R other(T(0));
          const R derivative = tables.above.factor(z2, other);
          const R ratio = derivative / factor * natural_power(other - own);
          logarithmic = logarithmic + z2 * ratio * R(T(0.5));  // 2 z^2 H_4 / (4 H_2)
        }
        value = value * factor;
        exponent = exponent + own;
      }
      value = value * natural_power(exponent);
      slope = value * logarithmic;
      return value;
    }
  }

  template <class Pair>
  SYMKERNEL_INLINE R from_differences(const Pair& pair, FormRate<T> rate, bool slopes,
                                      R& slope) const {
    R exponent(T(0)), growth(T(0)), value(T(1));
    if constexpr (Reflections) {
      R other(T(0)), other_growth(T(0));
      R same = aligned<false>(pair, 0, rate.exact, slopes, exponent, growth);
      R mirrored = aligned<true>(pair, 0, rate.exact, slopes, other, other_growth);
      same = same * natural_power(exponent);
      mirrored = mirrored * natural_power(other);
      slope = fma(same, growth, mirrored * other_growth) * R(T(0.5));
      return (same + mirrored) * R(T(0.5));
    } else {
      const std::int64_t blocks = pair.blocks();
      SYMKERNEL_UNROLL_BY(1)
      for (std::int64_t n = 0; n < blocks; ++n)
        value = value * aligned<false>(pair, n, rate.exact, slopes, exponent, growth);
      value = value * natural_power(exponent);
      slope = value * growth;
      return value;
    }
  }

  // F of one block with M = m; gradient += weight dF/dM with b held. d log H_2 = 2 t^2 (H_4 / H_2)
  // d(|S|^2 / 2).
  SYMKERNEL_INLINE R gradient(const R (&m)[4], R squares, T rate, R weight,
                              R (&gradient)[4]) const {
    const T two_t = rate + rate;
    const R four_t2(two_t * two_t), b = squares * R(rate);
    const R scale = weight * four_t2 * R(T(Reflections ? 0.25 : 0.5));
    const R same = add_factor<false>(m, b, four_t2, scale, gradient);
    if constexpr (!Reflections) return same;
    return (same + add_factor<true>(m, b, four_t2, scale, gradient)) * R(T(0.5));
  }

  // The same for a product over several blocks needs the product first: factors and the ratios
  // H_4 / H_2, and then what each block adds to its gradient.
  SYMKERNEL_INLINE R block_factor(const R (&m)[4], T rate, R& exponent, R& ratio) const {
    const T two_t = rate + rate;
    return tables.factor(plane_sum<false>(m).square() * R(two_t * two_t), exponent, ratio);
  }
  static SYMKERNEL_INLINE void add_block(const R (&m)[4], T rate, R weighted_value, R ratio,
                                         R (&gradient)[4]) {
    const T two_t = rate + rate;
    add_plane<false>(plane_sum<false>(m), weighted_value * R(two_t * two_t * T(0.5)) * ratio,
                     gradient);
  }

  template <class Pair, class Sink>
  static SYMKERNEL_INLINE void moments(const Pair& pair, int degree, Sink sink) {
    R m[4];
    pair.matrix(0, m);
    const auto half = [&](int k, R moment)
                          SYMKERNEL_LAMBDA { sink(k, Reflections ? moment * R(T(0.5)) : moment); };
    sphere_moments(plane_sum<false>(m).square(), 2, degree, half);
    if constexpr (Reflections) sphere_moments(plane_sum<true>(m).square(), 2, degree, half);
  }

  // sum_k c[k] m_k; gradient += its derivatives for M.
  static SYMKERNEL_INLINE R moments_gradient(const R (&m)[4], const T* c, int degree,
                                             R (&gradient)[4]) {
    const PlaneSum<R> turned = plane_sum<false>(m), mirrored = plane_sum<true>(m);
    R slope;
    const R value = sphere_moments_slope(turned.square(), 2, c, degree, slope);
    if constexpr (!Reflections) {
      add_plane<false>(turned, slope + slope, gradient);
      return value;
    }
    R other_slope;
    const R other = sphere_moments_slope(mirrored.square(), 2, c, degree, other_slope);
    add_plane<false>(turned, slope, gradient);
    add_plane<true>(mirrored, other_slope, gradient);
    return (value + other) * R(T(0.5));
  }

 private:
  template <bool Mirrored>
  SYMKERNEL_INLINE R add_factor(const R (&m)[4], R b, R four_t2, R scale, R (&gradient)[4]) const {
    const PlaneSum<R> s = plane_sum<Mirrored>(m);
    R exponent = -b, ratio;
    const R factor = tables.factor(s.square() * four_t2, exponent, ratio);
    const R value = factor * natural_power(exponent);
    add_plane<Mirrored>(s, scale * value * ratio, gradient);
    return value;
  }

  // I_0(2 t |S|) exp(-t (|x|^2 + |y|^2)) of block n = result * exp(what was added to exponent); its
  // t d/dt relative to itself is added to growth.
  template <bool Mirrored, class Pair>
  SYMKERNEL_INLINE R aligned(const Pair& pair, std::int64_t n, T rate, bool slopes, R& exponent,
                             R& growth) const {
    R m[4];
    pair.matrix(n, m);
    PlaneSum<R> s = plane_sum<Mirrored>(m);
    PlanarAlignment<R, Mirrored> clouds(s.re, s.im);
    pair.template visit<2>(
        n, [&](const R(&a)[2], const R(&b)[2]) SYMKERNEL_LAMBDA { clouds.add(a, b); });
    const R t(rate), two_t(rate + rate);
    exponent = exponent - clouds.residual * t;
    s.re = s.re * two_t;
    s.im = s.im * two_t;
    const R z2 = s.square();
    if (slopes)
      growth = growth - clouds.residual * t + tables.sphere.scaled_growth(tables.above, z2);
    return tables.sphere.scaled_factor(z2, exponent);
  }
};

SYMKERNEL_END_NAMESPACE
