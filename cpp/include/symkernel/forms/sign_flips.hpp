// Features under all sign flips: F(t) of the RBF or the Laplacian kernel as a product over features
// (sign_flips.hpp), from magnitudes that were scaled for a rate.
#pragma once

#include <cmath>
#include <cstdint>

#include "symkernel/config.hpp"
#include "symkernel/sign_flips.hpp"

SYMKERNEL_BEGIN_NAMESPACE

template <class R, template <class> class Flips>
struct SignFlipForm {
  using T = Scalar<R>;
  static constexpr int power = Flips<R>::power;

  // What magnitudes are multiplied by at a rate.
  static SYMKERNEL_INLINE T scale(T rate) {
    const double c = static_cast<double>(rate) * 1.4426950408889634074;
    return static_cast<T>(power == 2 ? ::sqrt(c) : c);
  }

  // F and with slopes D = t F'(t), for one sample of x, features x_stride apart, against the lanes
  // of y.
  static SYMKERNEL_INLINE R value(const T* x, std::int64_t x_stride, const T* y,
                                  std::int64_t y_stride, std::int64_t d, bool slopes, R& slope) {
    if (!slopes) return sign_flips<R, Flips>(x, x_stride, y, y_stride, d);
    R total(T(0));
    const R value = sign_flips_gradient_to<R, Flips>(x, x_stride, y, y_stride, d,
                                                     [&](std::int64_t, R own)
                                                         SYMKERNEL_LAMBDA { total = total + own; });
    slope = value * total * R(T(-1) / T(power));  // d/d log s = -power t d/dt
    return value;
  }

  // What derivatives for a scaled magnitude are multiplied by to be those for the feature itself.
  static SYMKERNEL_INLINE T sign_of(T feature, T scaled) {
    return feature < T(0) ? -scaled : feature > T(0) ? scaled : T(0);
  }
};

SYMKERNEL_END_NAMESPACE
