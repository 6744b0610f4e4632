// Affine forms that cancel are computed again from differences: the rule of engine/refine.hpp, with
// its shares, as a comparison of t = x.gy against one threshold per pair.
//
// With b = self (|x|^2 + |y|^2) and a = cross t + b, cross = -2 self, the rule |a| < share |b|
// reads
//
//     t > b (1 - share) / (2 self).
//
// Kernels with a bounded slope keep their digits where |b| is small, however close the pair is: for
// them the rule is |a| < share (|b| - b0), which adds a constant. Without it, data of few
// dimensions would refine many of their pairs in single precision.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>

#include "engine/refine.hpp"
#include "orbit_sum.hpp"
#include "symkernel/base_kernels.hpp"
#include "symkernel/lanes.hpp"

namespace symkernel {
namespace gpu {

template <class T>
struct RefineRule {
  // Coincidences: t > slope b + offset. Antipodes, where rows are unit vectors: a > antipode b +
  // antipode_offset. Offsets are infinite where the kernel has no such thing.
  T slope = T(0), offset = std::numeric_limits<T>::infinity();
  T antipode = T(0), antipode_offset = std::numeric_limits<T>::infinity();

  SYMKERNEL_INLINE bool wants(T t, T b, T a) const {
    return t > fma(slope, b, offset) || a > fma(antipode, b, antipode_offset);
  }
};

// |b| up to which rounding of a by eps |b| matters to no value of the kernel. Single precision: 4
// over the largest slope of its map, for an error of 2e-7 to 7e-7; double: 64, for 2e-14.
template <class T>
double harmless_bias(const BaseKernel& kernel) {
  const double bias = sizeof(T) == 4 ? 4.0 : 64.0;
  return bias * kernel.traits().flatness;
}

// Where many pairs are refined unless data are smooth on the scale of the kernel.
template <class T>
bool needs_refinement(const symkernel::Producer& producer) {
  const bool stationary = producer.self != 0.0 && !producer.unit_rows;
  return producer.refine || (sizeof(T) == 4 && stationary);
}

template <class T>
RefineRule<T> refine_rule(const BaseKernel& kernel, const symkernel::Producer& producer) {
  RefineRule<T> rule;
  if (producer.self == 0.0) return rule;
  const double share = static_cast<double>(refine_share<T>);
  const double harmless = harmless_bias<T>(kernel);
  rule.slope = static_cast<T>((1.0 - share) / (2.0 * producer.self));
  rule.offset = static_cast<T>(share * harmless / (2.0 * std::fabs(producer.self)));
  if (producer.unit_rows) {
    rule.antipode = T(2) - antipode_share<T>;
    rule.antipode_offset = T(0);
  }
  return rule;
}

// The affine form of samples i, j and element e from the rows themselves; b, what it is at t = 0,
// and a, what was computed, say whether the pair is near coincidence or the antipode. (Not inlined:
// it is rare, and its registers would be the tile's.)
template <class T>
SYMKERNEL_NOINLINE T refined_from_rows(const Job<T>& job, std::int64_t e, std::int64_t i,
                                       std::int64_t j, T b, T a) {
  if (job.unit_rows && a > b) {
    // Antipode: the square of the sum, marked by its sign; 0 marks nothing and needs no mark.
    const T far = static_cast<T>(-acted_square(job, e, i, j, 1.0));
    return far < T(0) ? far : T(4);
  }
  return static_cast<T>(job.self * acted_square(job, e, i, j, -1.0));
}

// sum_k (x[k] - y[rows[k]])^2 down two columns of panels; rows null: y[k]. Differences of equal
// numbers are exact, and those of matrices' products err by no more than the matrices' own
// rounding.
template <class T>
SYMKERNEL_HD T panel_square(const T* x, int x_stride, const T* y, int y_stride,
                            const std::int32_t* rows, std::int64_t d) {
  T sum = T(0);
  SYMKERNEL_UNROLL_BY(1)
  for (std::int64_t k = 0; k < d; ++k) {
    const std::int64_t row = rows != nullptr ? static_cast<std::int64_t>(rows[k]) : k;
    const T difference = x[k * x_stride] - y[row * y_stride];
    sum = fma(difference, difference, sum);
  }
  return sum;
}

}  // namespace gpu
}  // namespace symkernel
