// Base kernels on the device: which one a program is for, decided when it is compiled or when it
// runs.
//
//   Maps::with(id, parameters, f)   calls f(kernel), kernel a base kernel for plain numbers T
//   Maps::cancels                   whether affine forms may have to be refined (refine.hpp)
//   Maps::unit_rows                 whether some of its kernels are of angles
//
// The commonest kernel has programs of its own; for the others one program serves all, and asks
// once per element of the group and tile.
#pragma once

#include "orbit_sum.hpp"
#include "symkernel/kernel_list.hpp"

namespace symkernel {
namespace gpu {

template <class T>
struct RbfMap {
  static constexpr bool cancels = true, unit_rows = false;
  template <class F>
  static SYMKERNEL_INLINE void with(KernelId, const double* parameters, F&& f) {
    f(Rbf<T>(parameters));
  }
};

template <class T, class Wanted>
struct MapOf {
  template <class F>
  static SYMKERNEL_INLINE void with(KernelId id, const double* parameters, F&& f) {
    Kernels::with<T, Wanted>(id, parameters, f);
  }
};

template <class Wanted, template <class> class... K>
constexpr int count_of(KernelList<K...>) {
  return (static_cast<int>(Wanted::template take<K<double>>) + ...);
}

// The one kernel of the L1 distance: no comparison of numbers, which takes registers.
template <class T>
struct LaplacianMap {
  static_assert(count_of<KernelsOf<KernelFamily::manhattan>>(Kernels()) == 1,
                "a second kernel of the L1 distance makes this a MapOf");
  static constexpr bool cancels = false, unit_rows = false;
  template <class F>
  static SYMKERNEL_INLINE void with(KernelId, const double* parameters, F&& f) {
    f(Laplacian<T>(parameters));
  }
};

// All but those.
template <class T>
struct AnyMap
    : MapOf<T, KernelsOf<KernelFamily::distance, KernelFamily::angle, KernelFamily::product>> {
  static constexpr bool cancels = true, unit_rows = true;
};

template <class T>
struct EveryMap : MapOf<T, EveryKernel> {};

// Kernels with derivatives for length scales per feature.
template <class T>
struct SlopeMap : MapOf<T, KernelsPerFeature> {
  static constexpr bool cancels = true, unit_rows = false;
};

}  // namespace gpu
}  // namespace symkernel
