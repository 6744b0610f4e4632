// The gradients of closed forms there are, and the one door to them.
#pragma once

#include <cstdint>

#include "cuda/executor.hpp"
#include "cuda/form_gradients.hpp"
#include "cuda/forms_run.hpp"
#include "cuda/gradient_finish.hpp"

namespace symkernel {
namespace gpu {

template <class T>
struct FormGradientLaunch {
  FormGradientArguments<T> arguments;
  FormStates<T> states;
  FormBase base = FormBase::rbf;
  bool scales = false;
  Grid grid;
};

template <class Form, bool Scales, class T, class Executor>
void launch_form_gradient(const FormGradientLaunch<T>& launch, const typename Form::State& state,
                          Executor& executor) {
  using Program = FormGradient<T, Form, Scales>;
  typename Program::Arguments all{launch.arguments, state};
  FormArguments<T>& a = all.arguments.a;
  a.resident = Program::has_points;
  if (Program::shared_bytes(a) > max_shared_bytes) a.resident = false;
  executor.template launch<Program>(launch.grid, Program::shared_bytes(a), all);
}

template <class T, bool Scales, class Executor>
void run_gradient_of_rates(const FormGradientLaunch<T>& launch, Executor& executor) {
  const FormStates<T>& states = launch.states;
  const FormArguments<T>& a = launch.arguments.a;
  const auto run = [&](auto form, const auto& state) {
    launch_form_gradient<decltype(form), Scales>(launch, state, executor);
  };
  switch (a.form) {
    case PairForm::rotations_2:
      if (a.n_blocks > 1) return run(PlanesGradient<T>(), *states.sphere);
      return run(MatrixGradient<T, PlanarRule<T, false>>(), *states.sphere);
    case PairForm::orthogonal_2:
      return run(MatrixGradient<T, PlanarRule<T, true>>(), *states.sphere);
    case PairForm::rotations_3: {
      using Rule = FisherRule<T, false>;
      const auto* averages = static_cast<const typename Rule::Pairs::Average*>(states.averages);
      return run(MatrixGradient<T, Rule>(), typename Rule::State{averages});
    }
    case PairForm::orthogonal_3: {
      using Rule = FisherRule<T, true>;
      const auto* averages = static_cast<const typename Rule::Pairs::Average*>(states.averages);
      return run(MatrixGradient<T, Rule>(), typename Rule::State{averages});
    }
    case PairForm::octahedral: {
      using Rule = OctahedralRule<T, false>;
      const auto& o = states.octahedral;
      return run(MatrixGradient<T, Rule>(),
                 typename Rule::State{o.x_sides, o.y_sides, o.x_padded, o.y_padded});
    }
    case PairForm::octahedral_rotations: {
      using Rule = OctahedralRule<T, true>;
      const auto& o = states.octahedral;
      return run(MatrixGradient<T, Rule>(),
                 typename Rule::State{o.x_sides, o.y_sides, o.x_padded, o.y_padded});
    }
    case PairForm::sphere:
      return run(SphereGradient<T, false>(), *states.sphere);
    case PairForm::sign_flips: {
      const auto& f = states.flips;
      if constexpr (!Scales) {
        using Laplacian = FlipGradient<T, LaplacianFlips>;
        if (launch.base == FormBase::laplacian)
          return run(Laplacian(), typename Laplacian::State{f.x, f.y, f.x_size, f.y_size});
      }
      using Form = FlipGradient<T, RbfFlips>;
      return run(Form(), typename Form::State{f.x, f.y, f.x_size, f.y_size});
    }
    case PairForm::none:
    case PairForm::permanents:
    case PairForm::signed_permanents:
      break;
  }
}

template <class T, class Executor>
void run_gradient_of_powers(const FormGradientLaunch<T>& launch, Executor& executor) {
  const auto run = [&](auto rule) {
    using Form = MatrixGradient<T, decltype(rule)>;
    launch_form_gradient<Form, false>(launch, {}, executor);
  };
  switch (launch.arguments.a.form) {
    case PairForm::rotations_2:
      return run(MomentRule<T, 2, false>());
    case PairForm::orthogonal_2:
      return run(MomentRule<T, 2, true>());
    case PairForm::rotations_3:
      return run(MomentRule<T, 3, false>());
    case PairForm::orthogonal_3:
      return run(MomentRule<T, 3, true>());
    default:
      return launch_form_gradient<SphereGradient<T, true>, false>(launch, {}, executor);
  }
}

// All but permanents.
template <class T, class Executor>
void run_form_gradient(const FormGradientLaunch<T>& launch, Executor& executor) {
  if (launch.base == FormBase::powers) return run_gradient_of_powers(launch, executor);
  if (launch.scales) return run_gradient_of_rates<T, true>(launch, executor);
  run_gradient_of_rates<T, false>(launch, executor);
}

// ---- how the work is cut
// -------------------------------------------------------------------------

// Derivatives for length scales: dk, all zero, is added to.
template <class T, class Executor>
void run_form_scales(FormGradientLaunch<T> launch, Executor& executor) {
  FormArguments<T>& a = launch.arguments.a;
  launch.scales = true;
  launch.grid = {a.tiles.row_tiles, 1};
  if (a.mode != FormMode::diagonal) {
    const std::int64_t parts = ceil_div(std::int64_t(8) * executor.units(), a.tiles.row_tiles);
    a.columns_per_block = ceil_div(a.tiles.column_tiles, parts);
    launch.grid.y = ceil_div(a.tiles.column_tiles, a.columns_per_block);
  }
  run_form_gradient(launch, executor);
}

// Gradients in x, of a.sink.columns columns of v or (diagonal) of K(x_i, x_i), times `factor`.
template <class T, class Executor>
void run_form_gradient_x(FormGradientLaunch<T> launch, double factor, const double* basis, T* out,
                         Executor& executor) {
  FormArguments<T>& a = launch.arguments.a;
  SinkLayout<T>& layout = launch.arguments.layout;
  const bool diagonal = a.mode == FormMode::diagonal;
  const std::int64_t columns = a.sink.columns;
  const GradientCut cut(a.x.n, a.d, columns, form_width);
  for (std::int64_t first = 0; first < a.x.n; first += cut.rows) {
    const std::int64_t count = cut.rows < a.x.n - first ? cut.rows : a.x.n - first;
    const std::int64_t tiles = ceil_div(count, form_width);
    const std::int64_t steps = diagonal ? 1 : a.tiles.column_tiles;
    const std::int64_t parts =
        cut.parts(count, tiles, steps, executor.units(), a.columns_per_block);
    const std::int64_t size = parts * cut.numbers(count);
    const DeviceArray<double, Executor> sums(executor, size);
    executor.clear(sums.data(), size * std::int64_t(sizeof(double)));
    layout.sums = sums.data();
    layout.first_row = first;
    layout.rows = count;
    launch.arguments.first_tile = first / form_width;
    launch.grid = {tiles, parts};
    run_form_gradient(launch, executor);
    using Finish = FinishGradientX<T>;
    executor.template launch<Finish>(
        {count * columns}, Finish::shared_bytes,
        {operand_rows(a.x, first, count, a.d), a.d, sums.data(), parts, columns, factor, false, 0,
         basis, out + first * columns * a.d});
  }
}

}  // namespace gpu
}  // namespace symkernel
