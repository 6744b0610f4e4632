// Alignments of point sets: checks what was asked, and shares it out among threads.
#pragma once

#include "engine/pair_engine.hpp"
#include "parallel.hpp"

namespace symkernel {

// Throws std::invalid_argument for a job whose parts do not fit together.
void match_points(const MatchJob& job, int n_threads, StopToken& token);
void rotate_points(const RotationJob& job, int n_threads, StopToken& token);

}  // namespace symkernel
