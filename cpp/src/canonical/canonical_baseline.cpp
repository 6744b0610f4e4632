// Compiled with the flags of this instruction set: see CMakeLists.txt.
// The tables are constants: initialising them must not run code of an instruction set that the
// machine may lack.
#define SYMKERNEL_ISA baseline
#include "canonical/engine_impl.hpp"

namespace symkernel {
extern const CanonicalEngine<double> canonical_baseline_f64;
extern const CanonicalEngine<float> canonical_baseline_f32;
constexpr CanonicalEngine<double> canonical_baseline_f64 =
    baseline::make_canonical<double>("baseline");
constexpr CanonicalEngine<float> canonical_baseline_f32 =
    baseline::make_canonical<float>("baseline");
}  // namespace symkernel
