// Compiled with the flags of this instruction set: see CMakeLists.txt.
#define SYMKERNEL_ISA avx2
#include "triangular/triangular_impl.hpp"

namespace symkernel {
extern const TriangularEngine avx2_triangular;
constexpr TriangularEngine avx2_triangular = avx2::make_triangular_engine("avx2");
}  // namespace symkernel
