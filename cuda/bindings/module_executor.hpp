// Where the module computes: on CUDA devices or, built with SYMKERNEL_CUDA=EMULATE, on the host,
// where every thread of every block is run for tests.
#pragma once

#include <cstdint>

#include "bindings.hpp"

#if defined(SYMKERNEL_CUDA_EMULATED)
#include "cuda/canonical.hpp"
#include "cuda/gram_driver.hpp"
#include "cuda/host_executor.hpp"
#else
#include "cuda/canonical_cuda.hpp"
#include "cuda/gram_cuda.hpp"
#endif

namespace symkernel {

#if defined(SYMKERNEL_CUDA_EMULATED)
using ModuleDevice = nb::device::cpu;
using ModuleExecutor = gpu::HostExecutor;
inline ModuleExecutor make_executor(int, std::uintptr_t) { return ModuleExecutor(); }
#else
using ModuleDevice = nb::device::cuda;
using ModuleExecutor = gpu::CudaExecutor;
inline ModuleExecutor make_executor(int device, std::uintptr_t stream) {
  return ModuleExecutor(device, reinterpret_cast<cudaStream_t>(stream));
}
#endif

}  // namespace symkernel
