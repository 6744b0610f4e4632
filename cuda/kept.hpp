// What is made of an action once per device: kept with the action, for every call and every
// hyperparameter to come.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>

#include "cuda/executor.hpp"
#include "orbit_sum.hpp"

namespace symkernel {
namespace gpu {

// Larger tables are made anew by every call rather than kept for the life of the group.
constexpr std::int64_t largest_kept_bytes = std::int64_t(1) << 28;

// About what the tables of an action take on a device: those of shifts count as permutations.
inline std::int64_t table_bytes(const OrbitAction& action) {
  const auto numbers = static_cast<std::int64_t>(action.matrix_entries().size());
  const auto rows = static_cast<std::int64_t>(action.rows().size());
  const std::int64_t shifts =
      action.kind() == ActionKind::shifts ? action.order() * action.degree() : 0;
  return 12 * numbers + 4 * (rows + shifts);
}

// Memory that outlives the call it is filled in: what a DeviceArray asks of an executor.
template <class Executor>
class Keeper {
 public:
  explicit Keeper(Executor& executor) : device_(executor.device()), executor_(&executor) {}
  void* allocate(std::int64_t bytes) { return Executor::keep(device_, bytes); }
  void release(void* memory) noexcept { Executor::drop(device_, memory); }
  void upload(void* to, const void* from, std::int64_t bytes) {
    executor_->upload(to, from, bytes);
  }

 private:
  int device_;
  Executor* executor_;  // of the call in which arrays are filled
};

template <class U, class Executor>
using KeptArray = DeviceArray<U, Keeper<Executor>>;

// Made(action, keeper), as it was made before for this action and device.
template <class Made, class Executor>
std::shared_ptr<const Made> kept(const OrbitAction& action, Executor& executor) {
  static char kind = 0;  // its address tells one Made from another
  struct Entry {
    Keeper<Executor> keeper;
    Made made;
    Entry(const OrbitAction& a, Executor& e) : keeper(e), made(a, keeper) {}
  };
  TableCache& cache = action.tables();
  const std::lock_guard<std::mutex> lock(cache.mutex);
  const std::pair<const void*, int> key(&kind, executor.device());
  const auto found = cache.devices.find(key);
  std::shared_ptr<const void> entry;
  if (found != cache.devices.end()) {
    entry = found->second;
  } else {
    entry = std::make_shared<const Entry>(action, executor);
    executor.synchronize();  // other streams may be the next to read it
    ++cache.uploads;
    if (table_bytes(action) <= largest_kept_bytes) cache.devices.emplace(key, entry);
  }
  return {entry, &static_cast<const Entry*>(entry.get())->made};
}

}  // namespace gpu
}  // namespace symkernel
