// Compiled with the flags of this instruction set: see CMakeLists.txt.
#define SYMKERNEL_ISA avx512
#include "joint/joint_impl.hpp"

namespace symkernel {
extern const JointEngine avx512_joint;
constexpr JointEngine avx512_joint = avx512::make_joint_engine("avx512");
}  // namespace symkernel
