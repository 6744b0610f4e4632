// Compiled with the flags of this instruction set: see CMakeLists.txt.
// The tables are constants: initialising them must not run code of an instruction set that the
// machine may lack.
#define SYMKERNEL_ISA avx512
#include "engine/engine_impl.hpp"

namespace symkernel {
extern const Engine<double> avx512_f64;
extern const Engine<float> avx512_f32;
constexpr Engine<double> avx512_f64 = avx512::make_engine<double>("avx512");
constexpr Engine<float> avx512_f32 = avx512::make_engine<float>("avx512");
}  // namespace symkernel
