// Compiled once per instruction set, named by SYMKERNEL_ISA and with its flags: see CMakeLists.txt.
#include "engine/sums.hpp"

SYMKERNEL_BEGIN_NAMESPACE

template std::int64_t sums_scratch(const Job<double>&, std::int64_t);
template void run_sums(const Job<double>&, const Block&, double*, int);
template std::int64_t gradient_sums_scratch(const Job<double>&, std::int64_t);
template void run_gradient_sums(const Job<double>&, const Block&, double*, int);
template std::int64_t diagonal_sums_scratch(const Job<double>&);
template void run_diagonal(const Job<double>&, std::int64_t, double*, int);

SYMKERNEL_END_NAMESPACE
