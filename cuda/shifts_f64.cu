#include "cuda/cuda_executor.hpp"
#include "cuda/shifts_run.hpp"

namespace symkernel {
namespace gpu {

template void run_shift_spectra<double>(ShiftSpectra<double>::Arguments, CudaExecutor&);
template void run_shift_sum(const ShiftArguments<double>&, CudaExecutor&);

}  // namespace gpu
}  // namespace symkernel
