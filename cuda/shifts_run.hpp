// The programs for shifts there are, and the doors to them.
#pragma once

#include <algorithm>
#include <cstdint>

#include "cuda/executor.hpp"
#include "cuda/shifts.hpp"
#include "cuda/shifts_registers.hpp"

namespace symkernel {
namespace gpu {

// Shared memory for values in work: two blocks at a time hide each other's barriers, also where a
// multiprocessor has only 100 kB.
constexpr std::int64_t shift_value_bytes = 40 * 1024;
constexpr int max_shift_lanes = 32, min_shift_lanes = 2;
// Blocks of a launch; where there are more tiles a block computes several.
constexpr std::int64_t max_shift_blocks = std::int64_t(1) << 30;

// Spectra of all samples of one side.
template <class T, class Executor>
void run_shift_spectra(typename ShiftSpectra<T>::Arguments a, Executor& executor) {
  using Program = ShiftSpectra<T>;
  const std::int64_t bytes =
      2 * a.lanes * a.transform.f.size * static_cast<std::int64_t>(sizeof(T));
  if (bytes <= max_shared_bytes) {
    executor.template launch<Program>({std::min(a.panels, max_shift_blocks)}, bytes, a);
    return;
  }
  const std::int64_t blocks = std::min<std::int64_t>(a.panels, executor.units());
  const DeviceArray<char, Executor> scratch(executor, blocks * bytes);
  a.scratch = reinterpret_cast<T*>(scratch.data());
  executor.template launch<Program>({blocks}, 0, a);
}

template <class Program, class T, class Executor>
void launch_shift_sum(ShiftArguments<T> a, Executor& executor) {
  constexpr auto each = static_cast<std::int64_t>(sizeof(T));
  const std::int64_t bytes = Program::shared_numbers(a) * each;
  if (bytes <= max_shared_bytes) {
    executor.template launch<Program>({std::min(a.tile_count, max_shift_blocks)}, bytes, a);
    return;
  }
  const std::int64_t blocks = std::min<std::int64_t>(a.tile_count, 2 * executor.units());
  const DeviceArray<T, Executor> scratch(executor, blocks * a.value_numbers());
  a.scratch = scratch.data();
  executor.template launch<Program>({blocks}, Program::shared_numbers(a) * each, a);
}

// In registers where there is a program for this transform and its spectra fit into shared memory.
template <class Transform, class T, class Executor>
bool run_in_registers(const ShiftArguments<T>& a, Executor& executor) {
  using Program = RegisterShiftSum<T, Transform>;
  if (!Transform::is(a.transform.f) || a.lanes != Program::lanes ||
      Program::shared_numbers(a) * static_cast<std::int64_t>(sizeof(T)) > max_shared_bytes)
    return false;
  launch_shift_sum<Program>(a, executor);
  return true;
}

// Values of 64 complex numbers fill the registers of a thread in float32; in float64 exponentials
// take longer than transforms, and 64 do not fit.
template <class T, class Executor>
bool run_in_registers(const ShiftArguments<T>& a, Executor& executor) {
  if constexpr (sizeof(T) == 4) {
    if (a.job.kernel != kernel_id<Rbf> || a.job.output == Output::gradient) return false;
    return run_in_registers<RegisterTransform<8, 8, true>>(a, executor) ||
           run_in_registers<RegisterTransform<8, 8, false>>(a, executor) ||
           run_in_registers<RegisterTransform<8, 4, true>>(a, executor) ||
           run_in_registers<RegisterTransform<4, 4, true>>(a, executor);
  } else {
    return false;
  }
}

// The one door to all of them.
template <class T, class Executor>
void run_shift_sum(const ShiftArguments<T>& a, Executor& executor) {
  if (run_in_registers(a, executor)) return;
  if (a.job.output == Output::gradient) {
    launch_shift_sum<ShiftSum<T, AnyMap, Planes::gradient>>(a, executor);
  } else if (a.job.kernel == kernel_id<Rbf>) {
    launch_shift_sum<ShiftSum<T, RbfMap, Planes::value>>(a, executor);
  } else {
    launch_shift_sum<ShiftSum<T, AnyMap, Planes::value>>(a, executor);
  }
}

}  // namespace gpu
}  // namespace symkernel
