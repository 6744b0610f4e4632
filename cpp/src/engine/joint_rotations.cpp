// Compiled once per instruction set, named by SYMKERNEL_ISA and with its flags: see CMakeLists.txt.
#include "engine/joint_rotations.hpp"

#include "engine/joint_parts.hpp"
#include "engine/rotation_turns.hpp"

SYMKERNEL_BEGIN_NAMESPACE

std::int64_t joint_scratch(const JointJob& job) {
  return job.dimension == 3 ? JointPairs<3>::scratch_size(job) : JointPairs<2>::scratch_size(job);
}

void joint_apply(const JointJob& job, std::int64_t i, double* scratch, int thread) {
  if (job.dimension == 3) JointPairs<3>(job, scratch).apply(i, thread);
  if (job.dimension == 2) JointPairs<2>(job, scratch).apply(i, thread);
}

void joint_block(const JointJob& job, std::int64_t i, std::int64_t q, double* scratch) {
  if (job.dimension == 3) JointPairs<3>(job, scratch).block(i, q);
  if (job.dimension == 2) JointPairs<2>(job, scratch).block(i, q);
}

void joint_turns(const JointJob& job, std::int64_t first, std::int64_t last, std::int64_t q,
                 double* scratch) {
  if (job.dimension == 3) TurnPairs<3>(job, scratch).run(first, last, q);
  if (job.dimension == 2) TurnPairs<2>(job, scratch).run(first, last, q);
}

SYMKERNEL_END_NAMESPACE
