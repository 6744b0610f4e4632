// What joint_rotations.cpp of each instruction set offers to its table.
#pragma once

#include "engine/pair_engine.hpp"
#include "symkernel/config.hpp"

SYMKERNEL_BEGIN_NAMESPACE

std::int64_t joint_scratch(const JointJob& job);
void joint_apply(const JointJob& job, std::int64_t i, double* scratch, int thread);
void joint_block(const JointJob& job, std::int64_t i, std::int64_t q, double* scratch);
void joint_turns(const JointJob& job, std::int64_t first, std::int64_t last, std::int64_t q,
                 double* scratch);

SYMKERNEL_END_NAMESPACE
