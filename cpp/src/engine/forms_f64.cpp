// Compiled once per instruction set, named by SYMKERNEL_ISA and with its flags: see CMakeLists.txt.
#include "engine/forms.hpp"

SYMKERNEL_BEGIN_NAMESPACE

template void make_form_state(const Job<double>&, void*);
template std::int64_t forms_scratch(const Job<double>&, std::int64_t);
template void run_forms(const Job<double>&, const Block&, double*, int);
template std::int64_t gradient_forms_scratch(const Job<double>&, std::int64_t);
template void run_gradient_forms(const Job<double>&, const Block&, double*, int);

SYMKERNEL_END_NAMESPACE
