#include "cuda/cuda_executor.hpp"
#include "cuda/permanent_gradients_run.hpp"

namespace symkernel {
namespace gpu {

template void run_permanent_scales(const FormGradientLaunch<float>&, const OrbitAction&,
                                   CudaExecutor&);
template void run_permanent_scales(const FormGradientLaunch<double>&, const OrbitAction&,
                                   CudaExecutor&);
template void run_permanent_gradient_x(const FormGradientLaunch<float>&, const OrbitAction&, double,
                                       const double*, float*, CudaExecutor&);
template void run_permanent_gradient_x(const FormGradientLaunch<double>&, const OrbitAction&,
                                       double, const double*, double*, CudaExecutor&);

}  // namespace gpu
}  // namespace symkernel
