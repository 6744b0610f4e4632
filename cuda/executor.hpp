// What work above a launch is written for: an executor owns a queue of launches and the memory they
// use. CudaExecutor (cuda_executor.hpp) drives a device, HostExecutor (host_executor.hpp) emulates
// one for tests. An executor has
//
//   void* allocate(std::int64_t bytes);              // aligned to 256 bytes; throws std::bad_alloc
//   void release(void* memory) noexcept;             // after all work queued so far
//   void upload(void* to, const void* from, std::int64_t bytes);  // `from` may be freed afterwards
//   void clear(void* memory, std::int64_t bytes);    // to zero
//   template <class Program>
//   void launch(Grid grid, std::int64_t shared_bytes, const typename Program::Arguments&
//   arguments); int units() const;   // multiprocessors: blocks that run at a time int device()
//   const; void synchronize();  // waits for all that was queued static void* keep(int device,
//   std::int64_t bytes);    // memory that outlives the executor, static void drop(int device,
//   void* memory) noexcept;  // and its end, when nobody uses it
//
// All of it happens in the order of the calls, but not before they return.
#pragma once

#include <cstdint>
#include <new>
#include <vector>

#include "cuda/team.hpp"

namespace symkernel {
namespace gpu {

// Memory of an executor for `size` numbers; nothing for none.
template <class T, class Executor>
class DeviceArray {
 public:
  DeviceArray() = default;
  DeviceArray(Executor& executor, std::int64_t size) : executor_(&executor), size_(size) {
    constexpr std::int64_t most = (std::int64_t(1) << 60) / static_cast<std::int64_t>(sizeof(T));
    if (size < 0 || size > most) throw std::bad_array_new_length();
    if (size > 0) data_ = static_cast<T*>(executor.allocate(size * bytes_each));
  }
  DeviceArray(Executor& executor, const std::vector<T>& values)
      : DeviceArray(executor, static_cast<std::int64_t>(values.size())) {
    if (size_ > 0) executor.upload(data_, values.data(), size_ * bytes_each);
  }
  DeviceArray(DeviceArray&& other) noexcept
      : executor_(other.executor_), data_(other.data_), size_(other.size_) {
    other.data_ = nullptr;
    other.size_ = 0;
  }
  DeviceArray& operator=(DeviceArray&& other) noexcept {
    if (this != &other) {
      free();
      executor_ = other.executor_;
      data_ = other.data_;
      size_ = other.size_;
      other.data_ = nullptr;
      other.size_ = 0;
    }
    return *this;
  }
  DeviceArray(const DeviceArray&) = delete;
  DeviceArray& operator=(const DeviceArray&) = delete;
  ~DeviceArray() { free(); }

  T* data() const { return data_; }
  std::int64_t size() const { return size_; }

 private:
  static constexpr std::int64_t bytes_each = static_cast<std::int64_t>(sizeof(T));
  void free() noexcept {
    if (data_ != nullptr) executor_->release(data_);
  }
  Executor* executor_ = nullptr;
  T* data_ = nullptr;
  std::int64_t size_ = 0;
};

// Values of another type, rounded.
template <class T>
std::vector<T> converted(const std::vector<double>& values) {
  std::vector<T> result;
  result.reserve(values.size());
  for (const double value : values) result.push_back(static_cast<T>(value));
  return result;
}

}  // namespace gpu
}  // namespace symkernel
