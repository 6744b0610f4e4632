// Compiled with the flags of this instruction set: see CMakeLists.txt.
#define SYMKERNEL_ISA baseline
#include "triangular/triangular_impl.hpp"

namespace symkernel {
extern const TriangularEngine baseline_triangular;
constexpr TriangularEngine baseline_triangular = baseline::make_triangular_engine("baseline");
}  // namespace symkernel
