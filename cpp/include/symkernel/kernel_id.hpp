// Which base kernel, for those who need not know what there are: a new one leaves them as they are.
#pragma once

namespace symkernel {

// A place in the list of kernel_list.hpp.
enum class KernelId : int {};

// What a base kernel is a function of: |x - y|, the angle between x and y (and their norms), x.y,
// or |x - y|_1.
enum class KernelFamily { distance, angle, product, manhattan };

}  // namespace symkernel
