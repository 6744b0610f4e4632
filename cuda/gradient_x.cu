#include "cuda/cuda_executor.hpp"
#include "cuda/gradient_x.hpp"

namespace symkernel {
namespace gpu {

template void run_gradient_x(const GradientXArguments<float>&, const GradientXResult<float>&,
                             PairFamily, bool, CudaExecutor&);
template void run_gradient_x(const GradientXArguments<double>&, const GradientXResult<double>&,
                             PairFamily, bool, CudaExecutor&);

}  // namespace gpu
}  // namespace symkernel
