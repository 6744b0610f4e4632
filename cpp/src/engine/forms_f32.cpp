// Compiled once per instruction set, named by SYMKERNEL_ISA and with its flags: see CMakeLists.txt.
#include "engine/forms.hpp"

SYMKERNEL_BEGIN_NAMESPACE

template void make_form_state(const Job<float>&, void*);
template std::int64_t forms_scratch(const Job<float>&, std::int64_t);
template void run_forms(const Job<float>&, const Block&, float*, int);
template std::int64_t gradient_forms_scratch(const Job<float>&, std::int64_t);
template void run_gradient_forms(const Job<float>&, const Block&, float*, int);

SYMKERNEL_END_NAMESPACE
