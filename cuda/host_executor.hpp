// HostExecutor: an executor that emulates a device on the CPU, for tests. Every launch is checked
// against the limits of real cards; device memory holds NaN until it is written, and all of it must
// be released before the executor goes.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <new>
#include <stdexcept>

#include "cuda/executor.hpp"
#include "cuda/host_team.hpp"

namespace symkernel {
namespace gpu {

class HostExecutor {
 public:
  explicit HostExecutor(FiberOrder order = FiberOrder::ascending, int units = 2)
      : order_(order), units_(units) {}
  HostExecutor(const HostExecutor&) = delete;
  HostExecutor& operator=(const HostExecutor&) = delete;
  ~HostExecutor() {
    if (!sizes_.empty()) std::abort();  // memory that was not released
  }

  void* allocate(std::int64_t bytes) {
    if (held_ + bytes > memory_limit_) throw std::bad_alloc();
    void* memory = ::operator new(static_cast<std::size_t>(bytes), alignment);
    std::memset(memory, 0xff, static_cast<std::size_t>(bytes));
    sizes_[memory] = bytes;
    held_ += bytes;
    most_held_ = held_ > most_held_ ? held_ : most_held_;
    return memory;
  }
  void release(void* memory) noexcept {
    const auto at = sizes_.find(memory);
    if (at == sizes_.end()) std::abort();  // not ours, or released twice
    held_ -= at->second;
    sizes_.erase(at);
    ::operator delete(memory, alignment);
  }
  // Kept memory is not one executor's.
  static int device() { return 0; }
  static void* keep(int, std::int64_t bytes) {
    return ::operator new(static_cast<std::size_t>(bytes), alignment);
  }
  static void drop(int, void* memory) noexcept { ::operator delete(memory, alignment); }
  void synchronize() {}

  void upload(void* to, const void* from, std::int64_t bytes) {
    std::memcpy(to, from, static_cast<std::size_t>(bytes));
  }
  void clear(void* memory, std::int64_t bytes) {
    std::memset(memory, 0, static_cast<std::size_t>(bytes));
  }

  template <class Program>
  void launch(Grid grid, std::int64_t shared_bytes, const typename Program::Arguments& arguments) {
    using Arguments = typename Program::Arguments;
    static_assert(Program::threads > 0 && Program::threads <= 1024, "threads of a block");
    static_assert(sizeof(Arguments) <= 4096, "arguments of a launch");
    if (grid.x < 1 || grid.y < 1 || grid.z < 1 || grid.x > 2147483647 || grid.y > 65535 ||
        grid.z > 65535)
      throw std::runtime_error("launch: no such grid");
    if (shared_bytes < 0 || shared_bytes > max_shared_bytes)
      throw std::runtime_error("launch: too much shared memory");
    ++launches_;
    for (std::int64_t b = 0; b < grid.blocks(); ++b) {
      const Grid block = {b % grid.x, b / grid.x % grid.y, b / grid.x / grid.y};
      run_block<Program>(block, grid, shared_bytes, arguments);
    }
  }

  int units() const { return units_; }

  // For tests: what was asked of it, and a limit of what it grants at a time.
  std::int64_t held() const { return held_; }
  std::int64_t most_held() const { return most_held_; }
  std::int64_t launches() const { return launches_; }
  void limit_memory(std::int64_t bytes) { memory_limit_ = bytes; }

 private:
  static constexpr std::align_val_t alignment = std::align_val_t(256);
  struct Release {
    void operator()(char* memory) const { ::operator delete(memory, alignment); }
  };

  template <class Program>
  struct Context {
    const typename Program::Arguments& arguments;
    Grid block, grid;
    char* shared;
  };

  template <class Program>
  void run_block(Grid block, Grid grid, std::int64_t shared_bytes,
                 const typename Program::Arguments& arguments) {
    const auto bytes = static_cast<std::size_t>(shared_bytes);
    const std::unique_ptr<char, Release> shared(
        static_cast<char*>(::operator new(bytes, alignment)));
    std::memset(shared.get(), 0xff, bytes);
    Context<Program> context{arguments, block, grid, shared.get()};
    fibers_.run(
        Program::threads, order_,
        [](void* at, FiberBlock& fibers, int thread) {
          const auto& c = *static_cast<Context<Program>*>(at);
          HostTeam team(fibers, thread, c.block, c.grid, c.shared);
          Program()(team, c.arguments);
        },
        &context);
  }

  FiberOrder order_;
  int units_;
  FiberBlock fibers_;
  std::map<void*, std::int64_t> sizes_;
  std::int64_t held_ = 0, most_held_ = 0, launches_ = 0;
  std::int64_t memory_limit_ = std::int64_t(1) << 40;
};

}  // namespace gpu
}  // namespace symkernel
