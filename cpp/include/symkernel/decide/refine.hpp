// Which entries of affine forms that cancel are computed again from differences, for both
// executors.
//
// With b = self (|x|^2 + |y|^2) and a = cross x.gy + b, cross = -2 self, rounding of a is relative
// to |b|: entries with |a| < share (|b| - harmless) have lost too many digits. `harmless` is the
// |b| up to which that matters to no value of the kernel, however close the pair is; kernels whose
// map has an unbounded slope at distance 0 have none. Near the antipode of unit rows it is the sum
// x + gy that is wanted.
#pragma once

#include <cmath>

#include "symkernel/base_kernels.hpp"
#include "symkernel/config.hpp"
#include "symkernel/math.hpp"

SYMKERNEL_BEGIN_NAMESPACE

// Share of |x|^2 + |y|^2 below which the affine form has lost too many digits.
template <class T>
constexpr T refine_share = sizeof(T) == 8 ? T(0.01) : T(0.1);

// Near the antipode (unit rows) a kernel of order n falls with the 2n+1-th power of the angle that
// is left, which magnifies the error of that angle: in single precision more entries need it.
template <class T>
constexpr T antipode_share = sizeof(T) == 8 ? T(0.02) : T(0.75);

// |b| whose rounding matters to no value; flatness: 1 / the largest slope of the kernel's map.
// Single precision: an error of 2e-7 to 7e-7; double: 8e-14.
template <class T>
constexpr double harmless_bias(double flatness) {
  return flatness * (sizeof(T) == 4 ? 4.0 : 256.0);
}

// A kernel of the distance |x - gy|: rows may be shifted by any vector that the group fixes, and
// are, to the group's part of the mean of y.
inline bool is_stationary(const Producer& producer) {
  return producer.self != 0.0 && !producer.unit_rows;
}

// Whether some entries can be wanted, where |b| is at most `largest`.
inline bool may_refine(const Producer& producer, double harmless, double largest) {
  return producer.self != 0.0 && (producer.unit_rows || largest > harmless);
}

// An entry is near where |a| is below this; size: |b|.
template <class T, class R>
SYMKERNEL_INLINE R near_limit(R size, T harmless) {
  return R(refine_share<T>) * (size - R(harmless));
}
// Unit rows are opposite where a is above this.
template <class T, class R>
SYMKERNEL_INLINE R opposite_limit(R b) {
  return R(T(2) - antipode_share<T>) * b;
}

// The same as a comparison of t = x.gy against one threshold per pair.
template <class T>
struct RefineRule {
  // Near: t > slope b + offset. Opposite: a > antipode b + antipode_offset. Offsets are infinite
  // where the kernel has no such thing.
  T slope = T(0), offset = static_cast<T>(HUGE_VAL);
  T antipode = T(0), antipode_offset = static_cast<T>(HUGE_VAL);

  RefineRule() = default;
  RefineRule(const Producer& producer, double harmless) {
    if (producer.self == 0.0) return;
    const double share = static_cast<double>(refine_share<T>);
    slope = static_cast<T>((1.0 - share) / (2.0 * producer.self));
    offset = static_cast<T>(share * harmless / (2.0 * std::fabs(producer.self)));
    if (!producer.unit_rows) return;
    antipode = opposite_limit<T>(T(1));
    antipode_offset = T(0);
  }

  SYMKERNEL_INLINE bool wants(T t, T b, T a) const {
    return t > fma(slope, b, offset) || a > fma(antipode, b, antipode_offset);
  }
};

// Samples closer than this share of their norms, or of what was taken off them, are the same up to
// rounding, and what lies between them has no direction: the square of that distance.
template <class T, class R>
SYMKERNEL_INLINE R coincidence(R scale) {
  constexpr Scalar<R> share = 32 * static_cast<Scalar<R>>(FloatTraits<T>::epsilon);
  return R(share * share) * scale;
}

SYMKERNEL_END_NAMESPACE
