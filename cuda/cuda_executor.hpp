// CudaExecutor: an executor (executor.hpp) for one stream of one CUDA device. Every call of the
// runtime is checked; the exception names the call that failed, and the context stays usable.
//
// The only header that includes the CUDA runtime. launch() is for translation units that nvcc
// compiles; everything else is for any C++ compiler.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>
#include <new>
#include <stdexcept>
#include <string>

#include "cuda/executor.hpp"

namespace symkernel {
namespace gpu {

// A call of the CUDA runtime that failed.
class CudaError : public std::runtime_error {
 public:
  CudaError(const char* call, cudaError_t code);
  cudaError_t code() const { return code_; }

 private:
  cudaError_t code_;
};

// Device memory that is not there; what() says how much was asked for.
class OutOfDeviceMemory : public std::bad_alloc {
 public:
  explicit OutOfDeviceMemory(std::int64_t bytes);
  const char* what() const noexcept override { return message_.c_str(); }
  std::int64_t bytes() const { return bytes_; }

 private:
  std::int64_t bytes_;
  std::string message_;
};

// Throws CudaError unless code is success. Errors that do not spoil the context are cleared.
void check_cuda(const char* call, cudaError_t code);

// How many devices there are; where there are none, `why` says the reason. Never throws.
int device_count(std::string& why) noexcept;

// The device is current for the calling thread as long as this lives.
class CurrentDevice {
 public:
  explicit CurrentDevice(int device);
  ~CurrentDevice();
  CurrentDevice(const CurrentDevice&) = delete;
  CurrentDevice& operator=(const CurrentDevice&) = delete;

 private:
  int former_ = 0;
};

class CudaExecutor {
 public:
  // The stream is the caller's.
  CudaExecutor(int device, cudaStream_t stream);
  CudaExecutor(const CudaExecutor&) = delete;
  CudaExecutor& operator=(const CudaExecutor&) = delete;

  int device() const { return device_; }
  cudaStream_t stream() const { return stream_; }
  int units() const { return units_; }
  // Waits for all work queued on the stream; throws what went wrong in it.
  void synchronize();

  static void* keep(int device, std::int64_t bytes);
  static void drop(int device, void* memory) noexcept;
  void* allocate(std::int64_t bytes);
  void release(void* memory) noexcept;
  void upload(void* to, const void* from, std::int64_t bytes);
  void clear(void* memory, std::int64_t bytes);

#if defined(__CUDACC__)
  template <class Program>
  void launch(Grid grid, std::int64_t shared_bytes, const typename Program::Arguments& arguments) {
    static_assert(sizeof(typename Program::Arguments) <= 4096, "arguments of a launch");
    auto* kernel = &run_program<Program>;
    launch_kernel(reinterpret_cast<const void*>(kernel), grid, Program::threads, shared_bytes,
                  &arguments);
  }
#endif

 private:
  void launch_kernel(const void* kernel, Grid grid, int threads, std::int64_t shared_bytes,
                     const void* arguments);

  int device_, units_ = 0;
  CurrentDevice current_;
  cudaStream_t stream_;
  cudaMemPool_t pool_ = nullptr;
};

}  // namespace gpu
}  // namespace symkernel
