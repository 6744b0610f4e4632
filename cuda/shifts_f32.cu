#include "cuda/cuda_executor.hpp"
#include "cuda/shifts_run.hpp"

namespace symkernel {
namespace gpu {

template void run_shift_spectra<float>(ShiftSpectra<float>::Arguments, CudaExecutor&);
template void run_shift_sum(const ShiftArguments<float>&, CudaExecutor&);

}  // namespace gpu
}  // namespace symkernel
