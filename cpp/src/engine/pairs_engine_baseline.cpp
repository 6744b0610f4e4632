// Alignments, compiled with the flags of this instruction set: see CMakeLists.txt. Apart from
// engine_baseline.cpp so that neither takes long to compile.
#define SYMKERNEL_ISA baseline
#include "engine/joint_parts.hpp"
#include "engine/matching.hpp"
#include "engine/nearest.hpp"
#include "engine/rotations.hpp"

namespace symkernel {

template std::int64_t baseline::nearest_scratch<double>(const Job<double>&, std::int64_t);
template std::int64_t baseline::nearest_scratch<float>(const Job<float>&, std::int64_t);
template void baseline::run_nearest<double>(const Job<double>&, const Block&, double*, int);
template void baseline::run_nearest<float>(const Job<float>&, const Block&, float*, int);

extern const PairEngine baseline_pairs;
constexpr PairEngine baseline_pairs = {
    TileShape<double>::V::width, baseline::match_scratch, baseline::match,
    baseline::rotation_scratch,  baseline::rotate,        baseline::joint_scratch,
    baseline::joint_apply,       baseline::joint_block,   baseline::joint_turns};

}  // namespace symkernel
