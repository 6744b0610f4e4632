// The power exponential kernel exp(-(|x - y| / l)^p), 0 < p <= 2: a mixture of Gaussians, by stable
// laws. Parameters: p, l. The affine form is a = |x - y|^2 / l^2, and s = a^(p/2).
//
// For p < 2 its slope in a is unbounded at 0; for p <= 1 it has a kink there, where the derivative
// is 0, the mean over opposite directions. Source: Rasmussen & Williams (2006), section 4.2.1.
#pragma once

#include "symkernel/base_kernels.hpp"

SYMKERNEL_BEGIN_NAMESPACE

template <class R>
struct PowerExponential {
  static constexpr const char* name = "power_exponential";
  static constexpr int n_parameters = 2, n_gradients = 2;
  static constexpr KernelFamily family = KernelFamily::distance;
  static constexpr bool per_feature = true, mixture = true;
  static constexpr double flatness(const double* p) { return p[0] < 2.0 ? 0.0 : 1.0; }
  static Producer producer(const double* p) {
    const double c = 1.0 / (p[1] * p[1]);
    Producer q;
    q.cross = -2.0 * c;
    q.self = c;
    q.refine = flatness(p) == 0.0;
    return q;
  }
  SYMKERNEL_INLINE explicit PowerExponential(const double* p)
      : half_power_(Scalar<R>(0.5 * p[0])), at_zero_(Scalar<R>(p[0] < 2.0 ? 0.0 : 1.0)) {}
  SYMKERNEL_INLINE R value(R a) const { return exp(-raised(at_least(R(Scalar<R>(0)), a))); }
  SYMKERNEL_INLINE R gradient(R a, R* d) const {
    using T = Scalar<R>;
    a = at_least(R(T(0)), a);
    R log2_a;
    const R s = raised(a, log2_a);
    const R k = exp(-s);
    const R slope = half_power_ * s * k;  // d/dlog p = -(p/2) s log(a) k, d/dlog l = p s k
    d[0] = slope * log2_a * R(T(-0.69314718055994530942));
    d[1] = slope + slope;
    return k;
  }
  SYMKERNEL_INLINE R slope(R a, R& k) const {
    const R d = half_slope(a, k);
    return d + d;
  }
  SYMKERNEL_INLINE R derivative(R a, R& radial) const {
    R k;
    radial = half_slope(a, k);
    return -radial;
  }

 private:
  // -dk/da = (p/2) a^(p/2 - 1) k
  SYMKERNEL_INLINE R half_slope(R a, R& k) const {
    using T = Scalar<R>;
    const R zero(T(0));
    a = at_least(zero, a);
    const R s = raised(a);
    k = exp(-s);
    const R ratio = select(a > zero, s / at_least(R(least), a), at_zero_);
    return half_power_ * ratio * k;
  }
  SYMKERNEL_INLINE R raised(R a) const {
    R log2_a;
    return raised(a, log2_a);
  }
  // a^(p/2) and log2(a), which is 0 for a = 0; a below the normal range counts as its edge, and NaN
  // stays NaN.
  SYMKERNEL_INLINE R raised(R a, R& log2_a) const {
    using T = Scalar<R>;
    const R zero(T(0));
    R e;
    const R m = split_exponent(at_least(R(least), a), e);
    log2_a = select(a > zero, fma(log_near_one(m), R(T(1.4426950408889634074)), e), zero);
    return select(a > zero, exp2(half_power_ * log2_a), a);
  }

  // Smallest normal number.
  static constexpr Scalar<R> least = static_cast<Scalar<R>>(
      sizeof(Scalar<R>) == 8 ? 2.2250738585072014e-308 : 1.1754943508222875e-38);
  R half_power_, at_zero_;
};

SYMKERNEL_END_NAMESPACE
