#include "cuda/cuda_executor.hpp"
#include "cuda/form_gradients_run.hpp"

namespace symkernel {
namespace gpu {

template void run_form_scales(FormGradientLaunch<float>, CudaExecutor&);
template void run_form_gradient_x(FormGradientLaunch<float>, double, const double*, float*,
                                  CudaExecutor&);

}  // namespace gpu
}  // namespace symkernel
