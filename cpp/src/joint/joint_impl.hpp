// The engine of one instruction set. Included once by each joint_<isa>.cpp.
#pragma once

#include "joint/field_lanes.hpp"
#include "joint/jobs.hpp"
#include "joint/pair_tiles.hpp"

SYMKERNEL_BEGIN_NAMESPACE

constexpr JointEngine make_joint_engine(const char* isa) {
  return {isa,
          joint_width,
          field_lanes,
          &FieldLoop::scratch,
          &FieldLoop::apply,
          &ContractLoop::scratch,
          &ContractLoop::contract,
          &pair_tile,
          &PairLoop::scratch,
          &PairLoop::run};
}

SYMKERNEL_END_NAMESPACE
