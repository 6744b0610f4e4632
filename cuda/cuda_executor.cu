#include <cstdio>
#include <map>
#include <mutex>

#include "cuda/cuda_executor.hpp"

namespace symkernel {
namespace gpu {

namespace {

// Freed memory that a pool keeps for the next call.
constexpr std::uint64_t kept_bytes = std::uint64_t(256) << 20;

std::string error_message(const char* call, cudaError_t code) {
  return std::string(call) + " failed: " + cudaGetErrorString(code) + " (" +
         cudaGetErrorName(code) + ")";
}

std::string gigabytes(double bytes) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3g GB", bytes * 1e-9);
  return text;
}

// One pool of our own for each device, kept until the process ends: memory is handed from call to
// call without asking the driver. Null where the device has no pools.
cudaMemPool_t memory_pool(int device) {
  static std::mutex mutex;
  static std::map<int, cudaMemPool_t> pools;
  const std::lock_guard<std::mutex> lock(mutex);
  const auto found = pools.find(device);
  if (found != pools.end()) return found->second;
  int supported = 0;
  check_cuda("cudaDeviceGetAttribute",
             cudaDeviceGetAttribute(&supported, cudaDevAttrMemoryPoolsSupported, device));
  cudaMemPool_t pool = nullptr;
  if (supported != 0) {
    cudaMemPoolProps properties = {};
    properties.allocType = cudaMemAllocationTypePinned;
    properties.location.type = cudaMemLocationTypeDevice;
    properties.location.id = device;
    check_cuda("cudaMemPoolCreate", cudaMemPoolCreate(&pool, &properties));
    std::uint64_t threshold = kept_bytes;
    check_cuda("cudaMemPoolSetAttribute",
               cudaMemPoolSetAttribute(pool, cudaMemPoolAttrReleaseThreshold, &threshold));
  }
  return pools[device] = pool;
}

}  // namespace

CudaError::CudaError(const char* call, cudaError_t code)
    : std::runtime_error(error_message(call, code)), code_(code) {}

OutOfDeviceMemory::OutOfDeviceMemory(std::int64_t bytes)
    : bytes_(bytes),
      message_("out of device memory: " + gigabytes(static_cast<double>(bytes)) + " asked for") {
  std::size_t free = 0, total = 0;
  if (cudaMemGetInfo(&free, &total) == cudaSuccess) {
    message_ += ", " + gigabytes(static_cast<double>(free)) + " free of " +
                gigabytes(static_cast<double>(total));
  } else {
    (void)cudaGetLastError();
  }
}

void check_cuda(const char* call, cudaError_t code) {
  if (code == cudaSuccess) return;
  (void)cudaGetLastError();
  throw CudaError(call, code);
}

int device_count(std::string& why) noexcept {
  int count = 0;
  const cudaError_t code = cudaGetDeviceCount(&count);
  why.clear();
  if (code == cudaSuccess && count > 0) return count;
  (void)cudaGetLastError();
  try {
    why =
        code == cudaSuccess ? "there is no CUDA device" : error_message("cudaGetDeviceCount", code);
  } catch (...) {  // no memory for a message
  }
  return 0;
}

CurrentDevice::CurrentDevice(int device) {
  check_cuda("cudaGetDevice", cudaGetDevice(&former_));
  check_cuda("cudaSetDevice", cudaSetDevice(device));
}

CurrentDevice::~CurrentDevice() {
  if (cudaSetDevice(former_) != cudaSuccess) (void)cudaGetLastError();
}

CudaExecutor::CudaExecutor(int device, cudaStream_t stream)
    : device_(device), current_(device), stream_(stream) {
  check_cuda("cudaDeviceGetAttribute",
             cudaDeviceGetAttribute(&units_, cudaDevAttrMultiProcessorCount, device));
  pool_ = memory_pool(device);
}

void CudaExecutor::synchronize() {
  check_cuda("cudaStreamSynchronize", cudaStreamSynchronize(stream_));
}

// Not of the pool: cudaFree waits for all work on memory of cudaMalloc, whatever stream it is on.
void* CudaExecutor::keep(int device, std::int64_t bytes) {
  const CurrentDevice current(device);
  void* memory = nullptr;
  const cudaError_t code = cudaMalloc(&memory, static_cast<std::size_t>(bytes));
  if (code == cudaErrorMemoryAllocation) {
    (void)cudaGetLastError();
    throw OutOfDeviceMemory(bytes);
  }
  check_cuda("cudaMalloc", code);
  return memory;
}

void CudaExecutor::drop(int device, void* memory) noexcept {
  try {
    const CurrentDevice current(device);
    if (cudaFree(memory) != cudaSuccess) (void)cudaGetLastError();
  } catch (...) {  // the driver has shut down
  }
}

void* CudaExecutor::allocate(std::int64_t bytes) {
  void* memory = nullptr;
  const auto size = static_cast<std::size_t>(bytes);
  const cudaError_t code = pool_ != nullptr ? cudaMallocFromPoolAsync(&memory, size, pool_, stream_)
                                            : cudaMalloc(&memory, size);
  if (code == cudaErrorMemoryAllocation) {
    (void)cudaGetLastError();
    throw OutOfDeviceMemory(bytes);
  }
  check_cuda(pool_ != nullptr ? "cudaMallocFromPoolAsync" : "cudaMalloc", code);
  return memory;
}

void CudaExecutor::release(void* memory) noexcept {
  const cudaError_t code = pool_ != nullptr ? cudaFreeAsync(memory, stream_) : cudaFree(memory);
  if (code != cudaSuccess) (void)cudaGetLastError();
}

void CudaExecutor::upload(void* to, const void* from, std::int64_t bytes) {
  check_cuda("cudaMemcpyAsync", cudaMemcpyAsync(to, from, static_cast<std::size_t>(bytes),
                                                cudaMemcpyHostToDevice, stream_));
}

void CudaExecutor::clear(void* memory, std::int64_t bytes) {
  check_cuda("cudaMemsetAsync",
             cudaMemsetAsync(memory, 0, static_cast<std::size_t>(bytes), stream_));
}

void CudaExecutor::launch_kernel(const void* kernel, Grid grid, int threads,
                                 std::int64_t shared_bytes, const void* arguments) {
  if (grid.x > 2147483647 || grid.y > 65535 || grid.z > 65535)
    throw std::length_error("too many samples for one launch on the device");
  if (shared_bytes > 48 * 1024) {
    check_cuda("cudaFuncSetAttribute",
               cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                    static_cast<int>(shared_bytes)));
  }
  const dim3 blocks(static_cast<unsigned>(grid.x), static_cast<unsigned>(grid.y),
                    static_cast<unsigned>(grid.z));
  void* pointers[] = {const_cast<void*>(arguments)};
  check_cuda("cudaLaunchKernel",
             cudaLaunchKernel(kernel, blocks, dim3(static_cast<unsigned>(threads)), pointers,
                              static_cast<std::size_t>(shared_bytes), stream_));
}

}  // namespace gpu
}  // namespace symkernel
