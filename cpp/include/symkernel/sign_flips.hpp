// Averages over all sign flips Z_2^n of kernels that are products over features, in n + 1
// exponentials instead of 2^n:
//
//   K = prod_i (k_i(x_i, y_i) + k_i(x_i, -y_i)) / 2
//
// The larger of the two factors is the one for |x_i| and |y_i|: near_i = 2^-a_i; the other one is
// 2^-z_i times it, z_i >= 0. Hence
//
//   K = 2^-(sum_i a_i) prod_i (1 + 2^-z_i) / 2,
//
//   RBF        a = c (|x| - |y|)^2,   z = 4 c |x y|,             c = 1 / (2 l^2 log(2))
//   Laplacian  a = c ||x| - |y||,     z = 2 c min(|x|, |y|),     c = gamma / log(2)
//
// where c may differ from feature to feature. Every term is positive and every exponential at most
// 1. The product lies in [2^-n, 1]: its exponent is split off from time to time, so that K
// underflows only where it is itself below the range.
#pragma once

#include "symkernel/config.hpp"
#include "symkernel/lanes.hpp"
#include "symkernel/math.hpp"

SYMKERNEL_BEGIN_NAMESPACE

// Features as a flip kernel sees them: u = scale |x| and v = scale |y|, scale^2 = c for the RBF and
// scale = c for the Laplacian, so that a and z need no further constants: they are homogeneous in
// the scale, of degree `power`.
template <class R>
struct RbfFlips {
  static constexpr int power = 2;
  static double feature_scale(double length_scale) {
    return 0.84932180028801904272 / length_scale;  // 1 / sqrt(2 log 2)
  }
  static SYMKERNEL_INLINE R add_near(R u, R v, R sum) {
    const R d = u - v;
    return fma(d, d, sum);
  }
  static SYMKERNEL_INLINE R gap(R u, R v) { return R(Scalar<R>(4)) * (u * v); }
  // d/du of -a and of -z
  static SYMKERNEL_INLINE R near_slope(R u, R v) { return R(Scalar<R>(2)) * (v - u); }
  static SYMKERNEL_INLINE R gap_slope(R, R v) { return R(Scalar<R>(-4)) * v; }
};

template <class R>
struct LaplacianFlips {
  static constexpr int power = 1;
  static double feature_scale(double gamma) { return 1.4426950408889634074 * gamma; }
  static SYMKERNEL_INLINE R add_near(R u, R v, R sum) { return sum + abs(u - v); }
  static SYMKERNEL_INLINE R gap(R u, R v) { return R(Scalar<R>(2)) * at_most(u, v); }
  // where u = v the mean of both sides
  static SYMKERNEL_INLINE R near_slope(R u, R v) {
    const R one(Scalar<R>(1));
    return select(u < v, one, select(u > v, -one, R(Scalar<R>(0))));
  }
  static SYMKERNEL_INLINE R gap_slope(R u, R v) { return -near_slope(u, v) - R(Scalar<R>(1)); }
};

// The running product prod (1 + 2^-z): mantissa and exponent.
template <class R>
struct FlipProduct {
  R mantissa = R(Scalar<R>(1)), exponent = R(Scalar<R>(0));
  // After at most 64 factors <= 2: 2^64.5 fits every type.
  SYMKERNEL_INLINE void normalise() {
    R e;
    mantissa = split_exponent(mantissa, e);
    exponent = exponent + e;
  }
};

constexpr std::int64_t flip_block = 64;

// K for one sample of x, features x_stride apart, against the lanes of y, features y_stride apart:
// scaled magnitudes u and v as the flip kernel asks for them.
template <class R, template <class> class Flips>
SYMKERNEL_INLINE R sign_flips(const Scalar<R>* x, std::int64_t x_stride, const Scalar<R>* y,
                              std::int64_t y_stride, std::int64_t n) {
  using T = Scalar<R>;
  using M = InMemory<R>;
  using K = Flips<R>;
  R near(T(0));
  FlipProduct<R> product;
  for (std::int64_t i = 0; i < n;) {
    const std::int64_t end = i + flip_block < n ? i + flip_block : n;
    R part(T(0));
    for (; i < end; ++i) {
      const R u(x[i * x_stride]), v = M::load(y + i * y_stride);
      part = K::add_near(u, v, part);
      const R w = exp2(-K::gap(u, v));
      product.mantissa = fma(product.mantissa, w, product.mantissa);
    }
    near = near + part;
    product.normalise();
  }
  const R halves(static_cast<T>(n));
  return scale_exponent(exp2(-near) * product.mantissa, product.exponent - halves);
}

// The same; each(i, u, v, a, z, w) is called for every feature, w = 2^-z.
template <class R, template <class> class Flips, class Each>
SYMKERNEL_INLINE R sign_flips_with(const Scalar<R>* x, std::int64_t x_stride, const Scalar<R>* y,
                                   std::int64_t y_stride, std::int64_t n, Each&& each) {
  using T = Scalar<R>;
  using M = InMemory<R>;
  using K = Flips<R>;
  const R zero(T(0));
  R near = zero;
  FlipProduct<R> product;
  for (std::int64_t i = 0; i < n;) {
    const std::int64_t end = i + flip_block < n ? i + flip_block : n;
    R part = zero;
    for (; i < end; ++i) {
      const R u(x[i * x_stride]), v = M::load(y + i * y_stride);
      const R a = K::add_near(u, v, zero), z = K::gap(u, v);
      const R w = exp2(-z);
      part = part + a;
      product.mantissa = fma(product.mantissa, w, product.mantissa);
      each(i, u, v, a, z, w);
    }
    near = near + part;
    product.normalise();
  }
  const R halves(static_cast<T>(n));
  return scale_exponent(exp2(-near) * product.mantissa, product.exponent - halves);
}

// K and, for every feature, d log K / d log s_i, with s_i the length scale (RBF) or 1 / gamma
// (Laplacian) of feature i:
//
//   power log(2) (a_i + z_i 2^-z_i / (1 + 2^-z_i)).
//
// sink(i, slope) receives it in the lanes of y; their sum is the derivative for a shared scale,
// d K / d log s = K sum_i slopes_i.
template <class R, template <class> class Flips, class Sink>
SYMKERNEL_INLINE R sign_flips_gradient_to(const Scalar<R>* x, std::int64_t x_stride,
                                          const Scalar<R>* y, std::int64_t y_stride, std::int64_t n,
                                          Sink sink) {
  using T = Scalar<R>;
  const R one(T(1)), zero(T(0)), factor(T(Flips<R>::power * 0.69314718055994530942));
  return sign_flips_with<R, Flips>(x, x_stride, y, y_stride, n,
                                   [&](std::int64_t i, R, R, R a, R z, R w) SYMKERNEL_LAMBDA {
                                     // Beyond the range of w, z w is 0 and z may be anything up to
                                     // infinity.
                                     const R far = select(w > zero, z, zero) * w / (one + w);
                                     sink(i, factor * (a + far));
                                   });
}

// The same into memory: slopes[i * slope_stride].
template <class R, template <class> class Flips>
SYMKERNEL_INLINE R sign_flips_gradient(const Scalar<R>* x, std::int64_t x_stride,
                                       const Scalar<R>* y, std::int64_t y_stride, std::int64_t n,
                                       Scalar<R>* slopes, std::int64_t slope_stride) {
  return sign_flips_gradient_to<R, Flips>(x, x_stride, y, y_stride, n,
                                          [&](std::int64_t i, R slope) SYMKERNEL_LAMBDA {
                                            InMemory<R>::store(slope, slopes + i * slope_stride);
                                          });
}

// K and, for every feature, d log K / d u_i = log(2) (-da_i/du_i - dz_i/du_i 2^-z_i / (1 +
// 2^-z_i)), which sink(i, slope) receives.
template <class R, template <class> class Flips, class Sink>
SYMKERNEL_INLINE R sign_flips_slopes_to(const Scalar<R>* x, std::int64_t x_stride,
                                        const Scalar<R>* y, std::int64_t y_stride, std::int64_t n,
                                        Sink sink) {
  using T = Scalar<R>;
  using K = Flips<R>;
  const R one(T(1)), log2(T(0.69314718055994530942));
  return sign_flips_with<R, Flips>(
      x, x_stride, y, y_stride, n, [&](std::int64_t i, R u, R v, R, R, R w) SYMKERNEL_LAMBDA {
        const R slope = fma(K::gap_slope(u, v), w / (one + w), K::near_slope(u, v));
        sink(i, log2 * slope);
      });
}

// The same into memory: slopes[i * slope_stride].
template <class R, template <class> class Flips>
SYMKERNEL_INLINE R sign_flips_slopes(const Scalar<R>* x, std::int64_t x_stride, const Scalar<R>* y,
                                     std::int64_t y_stride, std::int64_t n, Scalar<R>* slopes,
                                     std::int64_t slope_stride) {
  return sign_flips_slopes_to<R, Flips>(x, x_stride, y, y_stride, n,
                                        [&](std::int64_t i, R slope) SYMKERNEL_LAMBDA {
                                          InMemory<R>::store(slope, slopes + i * slope_stride);
                                        });
}

SYMKERNEL_END_NAMESPACE
