// Gradients in x pair by pair: with every kernel's derivative and radial part (base_kernels.hpp)
//
//   dk(x, gy)/dx = cross (toward direction + radial x),   direction = gy, gy -+ x or sign(x - gy).
//
// Distances come from differences, and directions are differences where the kernel depends on a
// distance, so nothing cancels.
#pragma once

#include <cstdint>

#include "cuda/kernel_maps.hpp"
#include "engine/refine.hpp"

namespace symkernel {
namespace gpu {

// What is summed over the features of a pair, in numbers A.
template <KernelFamily F, class A>
struct PairSum {
  A near = A(0), far = A(0);  // of differences, products or magnitudes; of sums (angles)

  SYMKERNEL_INLINE void add(A x, A y) {
    if constexpr (F == KernelFamily::product) {
      near = fma(x, y, near);
    } else if constexpr (F == KernelFamily::manhattan) {
      near = near + abs(x - y);
    } else {
      near = fma(x - y, x - y, near);
      if constexpr (F == KernelFamily::angle) far = fma(x + y, x + y, far);
    }
  }
};

// What moved samples and x are multiplied by. sign: of the x that is taken off moved samples.
template <KernelFamily F, class A>
struct PairSlope {
  A toward = A(0), radial = A(0), sign = A(1);

  SYMKERNEL_INLINE A direction(A x, A y) const { return direction(x, y, sign); }
  static SYMKERNEL_INLINE A direction(A x, A y, A sign) {
    if constexpr (F == KernelFamily::distance) return y - x;
    if constexpr (F == KernelFamily::angle) return fma(-sign, x, y);
    if constexpr (F == KernelFamily::product) return y;
    return x > y ? A(1) : x < y ? A(-1) : A(0);
  }
};

// Samples i and j of the job; offset: |mean|^2 of what rows lost, in units of the form.
template <KernelFamily F, class T, class A>
SYMKERNEL_INLINE PairSlope<F, A> pair_slope(const Job<T>& job, std::int64_t i, std::int64_t j,
                                            const PairSum<F, A>& sum, double offset) {
  PairSlope<F, A> slope;
  A form = sum.near;
  bool same = false;
  if constexpr (F == KernelFamily::angle) {
    // a zero row is at pi / 2 to everything
    const bool zero = job.x.inverse_norm[i] == 0.0 || job.y.inverse_norm[j] == 0.0;
    if (zero) form = A(2);
    const bool opposite = form > A(2);
    slope.sign = zero ? A(0) : opposite ? A(-1) : A(1);
    const A square = opposite ? sum.far : form;
    same = job.x.weight == nullptr && !zero && square <= coincidence<T>(A(2));
    if (opposite) form = sum.far > A(0) ? -sum.far : A(4);
  } else if constexpr (F == KernelFamily::distance) {
    form = form * static_cast<A>(job.self);
    const A scale = static_cast<A>(job.x.bias[i]) + static_cast<A>(job.y.bias[j]);
    same = abs(form) <= coincidence<T>(abs(scale) + static_cast<A>(offset));
  } else {
    form = fma(static_cast<A>(job.cross), form, static_cast<A>(job.x.bias[i]));
  }
  Kernels::with<A, KernelsOf<F>>(job.kernel, job.parameters, [&](const auto& kernel) {
    slope.toward = kernel.derivative(form, slope.radial);
  });
  if (F != KernelFamily::angle) slope.radial = A(0);  // in the differences, or 0
  if (same) slope.toward = A(0);
  if (job.y.weight != nullptr) {
    const A weight = static_cast<A>(job.y.weight[j]);
    slope.toward = slope.toward * weight;
    slope.radial = slope.radial * weight;
  }
  return slope;
}

}  // namespace gpu
}  // namespace symkernel
