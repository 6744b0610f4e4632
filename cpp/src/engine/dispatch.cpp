// Chooses the engine at run time by the processor's features; SYMKERNEL_ISA in the environment, or
// select_isa, overrides the choice.
#include <cstdlib>
#include <cstring>

#include "engine/engine.hpp"
#include "engine/pair_engine.hpp"

namespace symkernel {

extern const Engine<double> baseline_f64;
extern const Engine<float> baseline_f32;
extern const PairEngine baseline_pairs;
#if defined(SYMKERNEL_X86_ENGINES)
extern const Engine<double> avx2_f64, avx512_f64;
extern const Engine<float> avx2_f32, avx512_f32;
extern const PairEngine avx2_pairs, avx512_pairs;
#endif

namespace {

struct Choice {
  const Engine<double>* f64;
  const Engine<float>* f32;
  const PairEngine* pairs;
};

constexpr int max_choices = 3;

bool supported(int index) {
#if defined(SYMKERNEL_X86_ENGINES)
  __builtin_cpu_init();
  if (index == 0)
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw");
  if (index == 1) return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#endif
  return index == 2;
}

Choice choice(int index) {
#if defined(SYMKERNEL_X86_ENGINES)
  if (index == 0) return {&avx512_f64, &avx512_f32, &avx512_pairs};
  if (index == 1) return {&avx2_f64, &avx2_f32, &avx2_pairs};
#endif
  (void)index;
  return {&baseline_f64, &baseline_f32, &baseline_pairs};
}

int find(const char* name) {
  for (int i = 0; i < max_choices; ++i) {
    if (supported(i) && std::strcmp(choice(i).f64->isa, name) == 0) return i;
  }
  return -1;
}

int best() {
  for (int i = 0; i < max_choices; ++i) {
    if (supported(i)) return i;
  }
  return max_choices - 1;
}

int initial() {
  const char* name = std::getenv("SYMKERNEL_ISA");
  if (name != nullptr && *name != '\0') {
    const int i = find(name);
    if (i >= 0) return i;
  }
  return best();
}

int& selected() {
  static int index = initial();
  return index;
}

}  // namespace

const Engine<double>& engine_f64() { return *choice(selected()).f64; }
const Engine<float>& engine_f32() { return *choice(selected()).f32; }
const PairEngine& pair_engine() { return *choice(selected()).pairs; }

const char* const* available_isas() {
  static const char* names[max_choices + 1] = {};
  if (names[0] == nullptr) {
    int n = 0;
    for (int i = 0; i < max_choices; ++i) {
      if (supported(i)) names[n++] = choice(i).f64->isa;
    }
  }
  return names;
}

const char* current_isa() { return choice(selected()).f64->isa; }

bool select_isa(const char* name) {
  const int i = find(name);
  if (i >= 0) selected() = i;
  return i >= 0;
}

}  // namespace symkernel
