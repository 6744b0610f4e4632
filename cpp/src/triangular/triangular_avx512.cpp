// Compiled with the flags of this instruction set: see CMakeLists.txt.
#define SYMKERNEL_ISA avx512
#include "triangular/triangular_impl.hpp"

namespace symkernel {
extern const TriangularEngine avx512_triangular;
constexpr TriangularEngine avx512_triangular = avx512::make_triangular_engine("avx512");
}  // namespace symkernel
