// Compiled with the flags of this instruction set: see CMakeLists.txt.
#define SYMKERNEL_ISA baseline
#include "joint/joint_impl.hpp"

namespace symkernel {
extern const JointEngine baseline_joint;
constexpr JointEngine baseline_joint = baseline::make_joint_engine("baseline");
}  // namespace symkernel
