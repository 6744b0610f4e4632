// Compiled with the flags of this instruction set: see CMakeLists.txt.
// The tables are constants: initialising them must not run code of an instruction set that the
// machine may lack.
#define SYMKERNEL_ISA baseline
#include "engine/engine_impl.hpp"

namespace symkernel {
extern const Engine<double> baseline_f64;
extern const Engine<float> baseline_f32;
constexpr Engine<double> baseline_f64 = baseline::make_engine<double>("baseline");
constexpr Engine<float> baseline_f32 = baseline::make_engine<float>("baseline");
}  // namespace symkernel
