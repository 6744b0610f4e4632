#include "cuda/cuda_executor.hpp"
#include "cuda/form_gradients_run.hpp"

namespace symkernel {
namespace gpu {

template void run_form_scales(FormGradientLaunch<double>, CudaExecutor&);
template void run_form_gradient_x(FormGradientLaunch<double>, double, const double*, double*,
                                  CudaExecutor&);

}  // namespace gpu
}  // namespace symkernel
