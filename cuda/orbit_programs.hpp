// The orbit sums that are compiled, and the one door to them.
#pragma once

#include "cuda/orbit_tiles.hpp"

namespace symkernel {
namespace gpu {

// Large tiles reach the highest rate; small ones fill the device when there are few pairs, and
// leave room for many planes and large formulas.
enum class TileSize { small, large };

template <class T>
using SmallShape = Shape<T, 4, 4>;
template <class T>
using LargeShape = Shape<T, sizeof(T) == 8 ? 4 : 8, 8>;

template <class T>
int tile_rows(TileSize size) {
  return size == TileSize::small ? SmallShape<T>::rows : LargeShape<T>::rows;
}
template <class T>
int tile_columns(TileSize size) {
  return size == TileSize::small ? SmallShape<T>::columns : LargeShape<T>::columns;
}
// Large tiles are for values of this kernel alone.
inline bool has_large_tiles(KernelId kernel, Output output) {
  return kernel == kernel_id<Rbf> && (output == Output::gram || output == Output::matvec);
}

enum class ProductKind { multiply_add, absolute_difference, squared_difference };

template <class T, class S, template <class> class Maps, Planes P, class Op, bool Resident,
          class Executor>
void launch_orbit_sum(const OrbitSumArguments<T>& a, Grid grid, Executor& executor) {
  using Program = OrbitSum<T, S, Maps, P, Op, Resident>;
  executor.template launch<Program>(
      grid, Program::shared_numbers(a.job) * static_cast<std::int64_t>(sizeof(T)), a);
}

// Whether the panels of a tile fit into shared memory.
template <class T>
bool fits_shared(const Job<T>& job, TileSize size) {
  const auto bytes = [&](auto shape) {
    using Program = OrbitSum<T, decltype(shape), RbfMap, Planes::value, MultiplyAdd, true>;
    return Program::shared_numbers(job) * static_cast<std::int64_t>(sizeof(T));
  };
  return (size == TileSize::small ? bytes(SmallShape<T>()) : bytes(LargeShape<T>())) <=
         max_shared_bytes;
}

// Small tiles. Squared differences come only with panels in shared memory.
template <class T, template <class> class Maps, Planes P, class Executor>
void run_small_tiles(const OrbitSumArguments<T>& a, ProductKind kind, bool resident, Grid grid,
                     Executor& executor) {
  using S = SmallShape<T>;
  if (kind == ProductKind::squared_difference) {
    launch_orbit_sum<T, S, Maps, P, SquaredDifference, true>(a, grid, executor);
  } else if (resident) {
    launch_orbit_sum<T, S, Maps, P, MultiplyAdd, true>(a, grid, executor);
  } else {
    launch_orbit_sum<T, S, Maps, P, MultiplyAdd, false>(a, grid, executor);
  }
}

template <class T, Planes P, class Executor>
void run_laplacian_tiles(const OrbitSumArguments<T>& a, bool resident, Grid grid,
                         Executor& executor) {
  using S = SmallShape<T>;
  if (resident) {
    launch_orbit_sum<T, S, LaplacianMap, P, AbsoluteDifference, true>(a, grid, executor);
  } else {
    launch_orbit_sum<T, S, LaplacianMap, P, AbsoluteDifference, false>(a, grid, executor);
  }
}

// The one door to all of them.
template <class T, class Executor>
void run_orbit_sum(const OrbitSumArguments<T>& a, TileSize size, ProductKind kind, bool resident,
                   Grid grid, Executor& executor) {
  const Output output = a.job.output;
  if (size == TileSize::large) {
    using S = LargeShape<T>;
    if (resident) {
      launch_orbit_sum<T, S, RbfMap, Planes::value, MultiplyAdd, true>(a, grid, executor);
    } else {
      launch_orbit_sum<T, S, RbfMap, Planes::value, MultiplyAdd, false>(a, grid, executor);
    }
  } else if (output == Output::ard) {
    run_small_tiles<T, SlopeMap, Planes::features>(a, kind, resident, grid, executor);
  } else if (output == Output::gradient) {
    if (kind == ProductKind::absolute_difference) {
      run_laplacian_tiles<T, Planes::gradient>(a, resident, grid, executor);
    } else {
      run_small_tiles<T, AnyMap, Planes::gradient>(a, kind, resident, grid, executor);
    }
  } else if (kind == ProductKind::absolute_difference) {
    run_laplacian_tiles<T, Planes::value>(a, resident, grid, executor);
  } else {
    run_small_tiles<T, AnyMap, Planes::value>(a, kind, resident, grid, executor);
  }
}

}  // namespace gpu
}  // namespace symkernel
