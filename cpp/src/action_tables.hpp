// The elements of an action as the engines take them: converted once per action, dtype and
// instruction set, and shared by every call and every set of samples prepared for it.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "buffer.hpp"
#include "engine/engine.hpp"
#include "symkernel/fourier_plan.hpp"

namespace symkernel {

class OrbitAction;

// Views of an action's own arrays, and what had to be converted. The action must live as long.
template <class T>
class ActionTables {
 public:
  ActionTables(const OrbitAction& action, const Engine<T>& engine);

  const Elements<T>& elements() const { return elements_; }
  const Engine<T>& engine() const { return engine_; }
  const OrbitAction& action() const { return action_; }

 private:
  void fill_matrices();
  void fill_shifts();
  void fill_inverse();
  const T* pack_matrices(std::int64_t rows, std::int64_t columns, std::int64_t count);

  const OrbitAction& action_;
  const Engine<T>& engine_;
  Elements<T> elements_;
  Buffer<T> matrices_, matrix_panels_;
  std::unique_ptr<FourierPlan<T>> fourier_;
  std::vector<std::int32_t> spectral_rows_, input_layout_, natural_rows_, mirrored_, places_;
};

// The tables of an action for an engine: those of the last call where they still serve.
template <class T>
std::shared_ptr<const ActionTables<T>> tables_of(const OrbitAction& action,
                                                 const Engine<T>& engine);

}  // namespace symkernel
