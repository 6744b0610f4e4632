// Compiled with the flags of this instruction set: see CMakeLists.txt.
// The tables are constants: initialising them must not run code of an instruction set that the
// machine may lack.
#define SYMKERNEL_ISA avx512
#include "canonical/engine_impl.hpp"

namespace symkernel {
extern const CanonicalEngine<double> canonical_avx512_f64;
extern const CanonicalEngine<float> canonical_avx512_f32;
constexpr CanonicalEngine<double> canonical_avx512_f64 = avx512::make_canonical<double>("avx512");
constexpr CanonicalEngine<float> canonical_avx512_f32 = avx512::make_canonical<float>("avx512");
}  // namespace symkernel
