// When shifts of a grid are transformed rather than summed one by one.
#pragma once

#include <cstdint>

namespace symkernel {
namespace gpu {

// Up to this many products per pair and map, inner products one by one are cheaper than a
// transform.
constexpr std::int64_t max_direct_products = 256;

}  // namespace gpu
}  // namespace symkernel
