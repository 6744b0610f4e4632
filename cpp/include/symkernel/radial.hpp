// Kernels as functions phi of s = |x - y|^2 / l^2 with derivatives in s: what learns from
// gradients.
//
// d/ds of a Matern kernel is -nu / (2 (nu - 1)) times that of nu - 1 with the same argument
// a = sqrt(2 nu s). A derivative that is infinite at s = 0 (the second of nu = 3/2, the third of
// nu = 3/2 and 5/2) stands with factors that vanish there faster, and is 0 below the smallest a
// whose powers are normal numbers.
#pragma once

#include "symkernel/config.hpp"
#include "symkernel/math.hpp"
#include "symkernel/radial_kernel.hpp"

SYMKERNEL_BEGIN_NAMESPACE

// phi and its derivatives in s.
template <class R>
struct RadialValues {
  R value, first, second, third;
};

// c / a, and 0 where a has no reciprocal whose third power is finite.
template <class R>
SYMKERNEL_INLINE R ratio_or_zero(R c, R a) {
  using T = Scalar<R>;
  const R least(sizeof(T) == 8 ? T(1e-100) : T(1e-12)), zero(T(0));
  return select(a > least, c / at_least(least, a), zero);
}

template <class R>
struct RbfRadial {
  SYMKERNEL_INLINE explicit RbfRadial(double) {}
  SYMKERNEL_INLINE RadialValues<R> operator()(R s) const {
    using T = Scalar<R>;
    const R value = exp(s * R(T(-0.5)));
    return {value, value * R(T(-0.5)), value * R(T(0.25)), value * R(T(-0.125))};
  }
};

template <class R, int TwoNu>
struct MaternRadial {
  SYMKERNEL_INLINE explicit MaternRadial(double) {}
  SYMKERNEL_INLINE RadialValues<R> operator()(R s) const {
    using T = Scalar<R>;
    const R one(T(1));
    const R a = sqrt(s * R(T(TwoNu)));
    const R e = exp(-a);
    const R linear = fma(a, e, e);
    if constexpr (TwoNu == 3) {
      const R second = ratio_or_zero(R(T(2.25)) * e, a);
      const R inverse = ratio_or_zero(one, a);  // (1 + a) / a^2 in parts: a may be large
      return {linear, e * R(T(-1.5)), second, R(T(-1.5)) * second * fma(inverse, inverse, inverse)};
    } else if constexpr (TwoNu == 5) {
      return {fma(s * e, R(T(5.0 / 3.0)), linear), linear * R(T(-5.0 / 6.0)), e * R(T(25.0 / 12.0)),
              ratio_or_zero(e * R(T(-125.0 / 24.0)), a)};
    } else {
      static_assert(TwoNu == 7, "derivatives of other orders are not written down");
      const R square = a * (a * e);
      const R value = fma(square, fma(a, R(T(1.0 / 15.0)), R(T(0.4))), linear);
      return {value, R(T(-0.7)) * fma(square, R(T(1.0 / 3.0)), linear), linear * R(T(49.0 / 60.0)),
              e * R(T(-343.0 / 120.0))};
    }
  }
};

template <class R>
struct RationalQuadraticRadial {
  SYMKERNEL_INLINE explicit RationalQuadraticRadial(double alpha) : alpha_(Scalar<R>(alpha)) {}
  SYMKERNEL_INLINE RadialValues<R> operator()(R s) const {
    using T = Scalar<R>;
    const R one(T(1)), half(T(-0.5));
    const R log_base = log1p(s * (R(T(0.5)) / alpha_));
    const R factor = exp(-log_base);
    const R value = exp(-(alpha_ * log_base));
    const R first = half * value * factor;
    const R second = half * ((alpha_ + one) / alpha_) * first * factor;
    return {value, first, second, half * ((alpha_ + one + one) / alpha_) * second * factor};
  }

 private:
  R alpha_;
};

// Calls f(phi) for the kernel asked for.
template <class R, class F>
SYMKERNEL_INLINE void with_radial(RadialKernel kernel, double parameter, F&& f) {
  switch (kernel) {
    case RadialKernel::rbf:
      return f(RbfRadial<R>(parameter));
    case RadialKernel::matern32:
      return f(MaternRadial<R, 3>(parameter));
    case RadialKernel::matern52:
      return f(MaternRadial<R, 5>(parameter));
    case RadialKernel::matern72:
      return f(MaternRadial<R, 7>(parameter));
    case RadialKernel::rational_quadratic:
      return f(RationalQuadraticRadial<R>(parameter));
  }
}

SYMKERNEL_END_NAMESPACE
