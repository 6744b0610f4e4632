#include "cuda/cuda_executor.hpp"
#include "cuda/gradient_x.hpp"

namespace symkernel {
namespace gpu {

template void run_gradient_x(const GradientXArguments<float>&, const GradientXResult<float>&,
                             KernelFamily, bool, CudaExecutor&);
template void run_gradient_x(const GradientXArguments<double>&, const GradientXResult<double>&,
                             KernelFamily, bool, CudaExecutor&);

}  // namespace gpu
}  // namespace symkernel
