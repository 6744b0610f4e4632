#include "cuda/canonical.hpp"
#include "cuda/canonical_cuda.hpp"

namespace symkernel {
namespace gpu {

template void sort_points(const CanonicalRequest<float>&, const std::vector<std::int64_t>&, bool,
                          bool, std::int32_t*, std::int8_t*, CudaExecutor&);
template void sort_points(const CanonicalRequest<double>&, const std::vector<std::int64_t>&, bool,
                          bool, std::int32_t*, std::int8_t*, CudaExecutor&);
template void rotate_points(const CanonicalRequest<float>&, bool, std::int32_t*, std::uint8_t*,
                            CudaExecutor&);
template void rotate_points(const CanonicalRequest<double>&, bool, std::int32_t*, std::uint8_t*,
                            CudaExecutor&);

}  // namespace gpu
}  // namespace symkernel
