// Alignments, compiled with the flags of this instruction set: see CMakeLists.txt. Apart from
// engine_avx512.cpp so that neither takes long to compile.
#define SYMKERNEL_ISA avx512
#include "engine/joint_parts.hpp"
#include "engine/matching.hpp"
#include "engine/nearest.hpp"
#include "engine/rotations.hpp"

namespace symkernel {

template std::int64_t avx512::nearest_scratch<double>(const Job<double>&, std::int64_t);
template std::int64_t avx512::nearest_scratch<float>(const Job<float>&, std::int64_t);
template void avx512::run_nearest<double>(const Job<double>&, const Block&, double*, int);
template void avx512::run_nearest<float>(const Job<float>&, const Block&, float*, int);

extern const PairEngine avx512_pairs;
constexpr PairEngine avx512_pairs = {
    TileShape<double>::V::width, avx512::match_scratch, avx512::match,
    avx512::rotation_scratch,    avx512::rotate,        avx512::joint_scratch,
    avx512::joint_apply,         avx512::joint_block,   avx512::joint_turns};

}  // namespace symkernel
