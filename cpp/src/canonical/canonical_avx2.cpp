// Compiled with the flags of this instruction set: see CMakeLists.txt.
// The tables are constants: initialising them must not run code of an instruction set that the
// machine may lack.
#define SYMKERNEL_ISA avx2
#include "canonical/engine_impl.hpp"

namespace symkernel {
extern const CanonicalEngine<double> canonical_avx2_f64;
extern const CanonicalEngine<float> canonical_avx2_f32;
constexpr CanonicalEngine<double> canonical_avx2_f64 = avx2::make_canonical<double>("avx2");
constexpr CanonicalEngine<float> canonical_avx2_f32 = avx2::make_canonical<float>("avx2");
}  // namespace symkernel
