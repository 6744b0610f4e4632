// Parts of the library that are compiled on their own, each in the .cu file of its name, and not
// again where they are used.
#pragma once

#include "cuda/cuda_executor.hpp"
#include "cuda/diagonal.hpp"
#include "cuda/gradient_x.hpp"
#include "cuda/orbit_programs.hpp"
#include "cuda/points.hpp"
#include "cuda/prepare.hpp"
#include "cuda/shifts_run.hpp"

namespace symkernel {
namespace gpu {

extern template DeviceArray<double, CudaExecutor> find_mean(MatrixView<const float>, CudaExecutor&);
extern template DeviceArray<double, CudaExecutor> find_mean(MatrixView<const double>,
                                                            CudaExecutor&);
extern template DeviceArray<double, CudaExecutor> find_center(MatrixView<const float>,
                                                              const Elements<double>&,
                                                              const double*, CudaExecutor&);
extern template DeviceArray<double, CudaExecutor> find_center(MatrixView<const double>,
                                                              const Elements<double>&,
                                                              const double*, CudaExecutor&);
extern template class Prepared<float, CudaExecutor>;
extern template class Prepared<double, CudaExecutor>;
extern template void run_orbit_sum(const OrbitSumArguments<float>&, TileSize, ProductKind, bool,
                                   Grid, CudaExecutor&);
extern template void run_orbit_sum(const OrbitSumArguments<double>&, TileSize, ProductKind, bool,
                                   Grid, CudaExecutor&);
extern template void run_point_sum(const PointArguments<float>&, int, Grid, CudaExecutor&);
extern template void run_point_sum(const PointArguments<double>&, int, Grid, CudaExecutor&);
extern template void run_diagonal(const DiagonalArguments<float>&, std::int64_t, CudaExecutor&);
extern template void run_diagonal(const DiagonalArguments<double>&, std::int64_t, CudaExecutor&);
extern template void run_gradient_x(const GradientXArguments<float>&, const GradientXResult<float>&,
                                    KernelFamily, bool, CudaExecutor&);
extern template void run_gradient_x(const GradientXArguments<double>&,
                                    const GradientXResult<double>&, KernelFamily, bool,
                                    CudaExecutor&);
extern template void run_shift_spectra<float>(ShiftSpectra<float>::Arguments, CudaExecutor&);
extern template void run_shift_spectra<double>(ShiftSpectra<double>::Arguments, CudaExecutor&);
extern template void run_shift_sum(const ShiftArguments<float>&, CudaExecutor&);
extern template void run_shift_sum(const ShiftArguments<double>&, CudaExecutor&);

}  // namespace gpu
}  // namespace symkernel
