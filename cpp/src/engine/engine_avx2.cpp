// Compiled with the flags of this instruction set: see CMakeLists.txt.
// The tables are constants: initialising them must not run code of an instruction set that the
// machine may lack.
#define SYMKERNEL_ISA avx2
#include "engine/engine_impl.hpp"

namespace symkernel {
extern const Engine<double> avx2_f64;
extern const Engine<float> avx2_f32;
constexpr Engine<double> avx2_f64 = avx2::make_engine<double>("avx2");
constexpr Engine<float> avx2_f32 = avx2::make_engine<float>("avx2");
}  // namespace symkernel
