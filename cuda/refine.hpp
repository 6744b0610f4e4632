// Affine forms that cancel (symkernel/decide/refine.hpp), computed again in the tiles of a device.
#pragma once

#include <cstdint>

#include "engine/refine.hpp"
#include "orbit_sum.hpp"
#include "symkernel/decide/refine.hpp"
#include "symkernel/lanes.hpp"

namespace symkernel {
namespace gpu {

// Where many pairs are refined unless data are smooth on the scale of the kernel.
template <class T>
bool needs_refinement(const symkernel::Producer& producer) {
  return producer.refine || (sizeof(T) == 4 && is_stationary(producer));
}

template <class T>
RefineRule<T> refine_rule(const BaseKernel& kernel, const symkernel::Producer& producer) {
  return {producer, harmless_bias<T>(kernel.traits().flatness)};
}

// A pair that the rule wants; b, what its form is at t = 0, and a, what was computed, say whether
// it is near coincidence or the antipode. (Not inlined: it is rare, and its registers would be the
// tile's.)
template <class T>
SYMKERNEL_NOINLINE T refined_from_rows(const Job<T>& job, std::int64_t e, std::int64_t i,
                                       std::int64_t j, T b, T a) {
  return form_from_rows(job, e, i, j, job.unit_rows && a > b);
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
