// Alignments, compiled with the flags of this instruction set: see CMakeLists.txt. Apart from
// engine_avx2.cpp so that neither takes long to compile.
#define SYMKERNEL_ISA avx2
#include "engine/joint_parts.hpp"
#include "engine/matching.hpp"
#include "engine/nearest.hpp"
#include "engine/rotations.hpp"

namespace symkernel {

template std::int64_t avx2::nearest_scratch<double>(const Job<double>&, std::int64_t);
template std::int64_t avx2::nearest_scratch<float>(const Job<float>&, std::int64_t);
template void avx2::run_nearest<double>(const Job<double>&, const Block&, double*, int);
template void avx2::run_nearest<float>(const Job<float>&, const Block&, float*, int);

extern const PairEngine avx2_pairs;
constexpr PairEngine avx2_pairs = {
    TileShape<double>::V::width, avx2::match_scratch, avx2::match,
    avx2::rotation_scratch,      avx2::rotate,        avx2::joint_scratch,
    avx2::joint_apply,           avx2::joint_block,   avx2::joint_turns};

}  // namespace symkernel
