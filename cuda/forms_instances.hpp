// Closed forms that are compiled on their own: see instances.hpp.
#pragma once

#include "cuda/cuda_executor.hpp"
#include "cuda/form_gradients_run.hpp"
#include "cuda/forms_run.hpp"
#include "cuda/permanent_gradients_run.hpp"
#include "cuda/permanents_driver.hpp"

namespace symkernel {
namespace gpu {

extern template void run_form(const FormLaunch<float>&, CudaExecutor&);
extern template void run_form(const FormLaunch<double>&, CudaExecutor&);
extern template void run_permanents(const FormLaunch<float>&, const OrbitAction&, CudaExecutor&);
extern template void run_permanents(const FormLaunch<double>&, const OrbitAction&, CudaExecutor&);
extern template void run_form_scales(FormGradientLaunch<float>, CudaExecutor&);
extern template void run_form_scales(FormGradientLaunch<double>, CudaExecutor&);
extern template void run_form_gradient_x(FormGradientLaunch<float>, double, const double*, float*,
                                         CudaExecutor&);
extern template void run_form_gradient_x(FormGradientLaunch<double>, double, const double*, double*,
                                         CudaExecutor&);
extern template void run_permanent_scales(const FormGradientLaunch<float>&, const OrbitAction&,
                                          CudaExecutor&);
extern template void run_permanent_scales(const FormGradientLaunch<double>&, const OrbitAction&,
                                          CudaExecutor&);
extern template void run_permanent_gradient_x(const FormGradientLaunch<float>&, const OrbitAction&,
                                              double, const double*, float*, CudaExecutor&);
extern template void run_permanent_gradient_x(const FormGradientLaunch<double>&, const OrbitAction&,
                                              double, const double*, double*, CudaExecutor&);

}  // namespace gpu
}  // namespace symkernel
