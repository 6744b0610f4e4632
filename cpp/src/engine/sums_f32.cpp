// Compiled once per instruction set, named by SYMKERNEL_ISA and with its flags: see CMakeLists.txt.
#include "engine/sums.hpp"

SYMKERNEL_BEGIN_NAMESPACE

template std::int64_t sums_scratch(const Job<float>&, std::int64_t);
template void run_sums(const Job<float>&, const Block&, float*, int);
template std::int64_t gradient_sums_scratch(const Job<float>&, std::int64_t);
template void run_gradient_sums(const Job<float>&, const Block&, float*, int);
template std::int64_t diagonal_sums_scratch(const Job<float>&);
template void run_diagonal(const Job<float>&, std::int64_t, float*, int);

SYMKERNEL_END_NAMESPACE
