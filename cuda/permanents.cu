#include "cuda/cuda_executor.hpp"
#include "cuda/permanents_driver.hpp"

namespace symkernel {
namespace gpu {

template void run_permanents(const FormLaunch<float>&, const OrbitAction&, CudaExecutor&);
template void run_permanents(const FormLaunch<double>&, const OrbitAction&, CudaExecutor&);

}  // namespace gpu
}  // namespace symkernel
