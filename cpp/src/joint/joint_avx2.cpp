// Compiled with the flags of this instruction set: see CMakeLists.txt.
#define SYMKERNEL_ISA avx2
#include "joint/joint_impl.hpp"

namespace symkernel {
extern const JointEngine avx2_joint;
constexpr JointEngine avx2_joint = avx2::make_joint_engine("avx2");
}  // namespace symkernel
