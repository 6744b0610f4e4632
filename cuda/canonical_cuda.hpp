// canonical.hpp for CUDA devices: the functions that the library is built with.
#pragma once

#include <cstdint>
#include <vector>

#include "cuda/canonical.hpp"
#include "cuda/cuda_executor.hpp"

namespace symkernel {
namespace gpu {

extern template void sort_points(const CanonicalRequest<float>&, const std::vector<std::int64_t>&,
                                 bool, bool, std::int32_t*, std::int8_t*, CudaExecutor&);
extern template void sort_points(const CanonicalRequest<double>&, const std::vector<std::int64_t>&,
                                 bool, bool, std::int32_t*, std::int8_t*, CudaExecutor&);
extern template void rotate_points(const CanonicalRequest<float>&, bool, std::int32_t*,
                                   std::uint8_t*, CudaExecutor&);
extern template void rotate_points(const CanonicalRequest<double>&, bool, std::int32_t*,
                                   std::uint8_t*, CudaExecutor&);

}  // namespace gpu
}  // namespace symkernel
