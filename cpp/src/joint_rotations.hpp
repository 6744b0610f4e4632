// Covariances of values and gradients under rotations: packs samples, shares them out among
// threads.
#pragma once

#include "engine/pair_engine.hpp"
#include "parallel.hpp"

namespace symkernel {

// What JointJob says, with all that belongs to y not in panels but sample by sample. The
// weights are those of the average; rates may come in any order.
//
// Throws std::invalid_argument for a job whose parts do not fit together.
void joint_field(const JointJob& job, int n_threads, StopToken& token);
void joint_blocks(const JointJob& job, int n_threads, StopToken& token);
void joint_turns(const JointJob& job, int n_threads, StopToken& token);

}  // namespace symkernel
