// Which kernel of radial.hpp, for those who need no formula.
#pragma once

namespace symkernel {

enum class RadialKernel : int { rbf, matern32, matern52, matern72, rational_quadratic };
constexpr int radial_kernel_count = 5;

}  // namespace symkernel
