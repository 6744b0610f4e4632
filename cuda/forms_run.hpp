// The programs of closed forms there are, and the one door to them.
#pragma once

#include <cstdint>

#include "cuda/executor.hpp"
#include "cuda/forms.hpp"

namespace symkernel {
namespace gpu {

// What the forms need beside their arguments; each has its own part.
template <class T>
struct FormStates {
  const void* averages = nullptr;  // MatrixFisher<T, Reflections>, one for every table of poles
  const SphereTables<T>* sphere = nullptr;  // host memory
  typename OctahedralPairs<T, false, false>::State octahedral = {};
  typename FlipPairs<T, RbfFlips, false>::State flips = {};
};

template <class T>
struct FormLaunch {
  FormArguments<T> arguments;
  FormStates<T> states;
  FormBase base = FormBase::rbf;
  bool has_slopes = false;
  Grid grid;
};

// Decides whether points fit into shared memory, and launches.
template <class Form, class T, class Executor>
void launch_form(const FormLaunch<T>& launch, const typename Form::State& state,
                 Executor& executor) {
  using Program = FormProgram<T, Form>;
  typename Program::Arguments arguments{launch.arguments, state};
  arguments.a.resident = Form::dimension > 0;
  if (Program::shared_bytes(arguments.a) > max_shared_bytes) arguments.a.resident = false;
  executor.template launch<Program>(launch.grid, Program::shared_bytes(arguments.a), arguments);
}

template <class T, bool Slopes, class Executor>
void run_form_of_rates(const FormLaunch<T>& launch, Executor& executor) {
  const FormStates<T>& states = launch.states;
  switch (launch.arguments.form) {
    case PairForm::rotations_2:
      return launch_form<PlanarPairs<T, false, Slopes>>(launch, *states.sphere, executor);
    case PairForm::orthogonal_2:
      return launch_form<PlanarPairs<T, true, Slopes>>(launch, *states.sphere, executor);
    case PairForm::rotations_3:
      return launch_form<FisherPairs<T, false, Slopes>>(
          launch, {static_cast<const MatrixFisher<T, false>*>(states.averages)}, executor);
    case PairForm::orthogonal_3:
      return launch_form<FisherPairs<T, true, Slopes>>(
          launch, {static_cast<const MatrixFisher<T, true>*>(states.averages)}, executor);
    case PairForm::octahedral:
      return launch_form<OctahedralPairs<T, false, Slopes>>(
          launch,
          {states.octahedral.x_sides, states.octahedral.y_sides, states.octahedral.x_padded,
           states.octahedral.y_padded},
          executor);
    case PairForm::octahedral_rotations:
      return launch_form<OctahedralPairs<T, true, Slopes>>(
          launch,
          {states.octahedral.x_sides, states.octahedral.y_sides, states.octahedral.x_padded,
           states.octahedral.y_padded},
          executor);
    case PairForm::sphere:
      return launch_form<SpherePairs<T, Slopes>>(launch, *states.sphere, executor);
    case PairForm::sign_flips: {
      const auto& flips = states.flips;
      if (launch.base == FormBase::laplacian)
        return launch_form<FlipPairs<T, LaplacianFlips, Slopes>>(
            launch, {flips.x, flips.y, flips.x_size, flips.y_size}, executor);
      return launch_form<FlipPairs<T, RbfFlips, Slopes>>(
          launch, {flips.x, flips.y, flips.x_size, flips.y_size}, executor);
    }
    case PairForm::none:
    case PairForm::permanents:
    case PairForm::signed_permanents:
      break;
  }
}

template <class T, class Executor>
void run_form_of_powers(const FormLaunch<T>& launch, Executor& executor) {
  switch (launch.arguments.form) {
    case PairForm::rotations_2:
      return launch_form<MomentPairs<T, 2, false>>(launch, {}, executor);
    case PairForm::orthogonal_2:
      return launch_form<MomentPairs<T, 2, true>>(launch, {}, executor);
    case PairForm::rotations_3:
      return launch_form<MomentPairs<T, 3, false>>(launch, {}, executor);
    case PairForm::orthogonal_3:
      return launch_form<MomentPairs<T, 3, true>>(launch, {}, executor);
    default:
      return launch_form<MomentPairs<T, 0, false>>(launch, {}, executor);
  }
}

// All but permanents.
template <class T, class Executor>
void run_form(const FormLaunch<T>& launch, Executor& executor) {
  if (launch.base == FormBase::powers) return run_form_of_powers(launch, executor);
  if (launch.has_slopes) return run_form_of_rates<T, true>(launch, executor);
  run_form_of_rates<T, false>(launch, executor);
}

}  // namespace gpu
}  // namespace symkernel
