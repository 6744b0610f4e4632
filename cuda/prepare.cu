#include "cuda/cuda_executor.hpp"
#include "cuda/prepare.hpp"

namespace symkernel {
namespace gpu {

template DeviceArray<double, CudaExecutor> find_mean(MatrixView<const float>, CudaExecutor&);
template DeviceArray<double, CudaExecutor> find_mean(MatrixView<const double>, CudaExecutor&);
template DeviceArray<double, CudaExecutor> find_center(MatrixView<const float>,
                                                       const Elements<double>&, const double*,
                                                       CudaExecutor&);
template DeviceArray<double, CudaExecutor> find_center(MatrixView<const double>,
                                                       const Elements<double>&, const double*,
                                                       CudaExecutor&);
template class Prepared<float, CudaExecutor>;
template class Prepared<double, CudaExecutor>;

}  // namespace gpu
}  // namespace symkernel
