// From a request for a closed form to launches: checks, prepares samples and tables.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "cuda/elements.hpp"
#include "cuda/executor.hpp"
#include "cuda/form_gradients_run.hpp"
#include "cuda/forms_run.hpp"
#include "cuda/gram.hpp"
#include "cuda/permanent_gradients_run.hpp"
#include "cuda/permanents_driver.hpp"
#include "cuda/prepare.hpp"
#include "request_checks.hpp"
#include "symkernel/error.hpp"

namespace symkernel {
namespace gpu {

// Tables of averages over spheres take milliseconds to make: once per dimension.
template <class T>
const SphereTables<T>& sphere_tables(int dimension) {
  static std::mutex mutex;
  static std::map<int, std::unique_ptr<const SphereTables<T>>> states;
  const std::lock_guard<std::mutex> lock(mutex);
  std::unique_ptr<const SphereTables<T>>& state = states[dimension];
  if (state == nullptr) state = std::make_unique<const SphereTables<T>>(dimension);
  return *state;
}

// Point number p of x meets point sources[p] of y, counted over all blocks: (n_row_permutations,
// n_points).
template <class Executor>
class PointSources {
 public:
  PointSources(const OrbitAction& action, Keeper<Executor>& keeper) {
    std::vector<std::int32_t> sources = action.rows();
    const std::int64_t points = action.n_points();
    for (std::size_t at = 0; at < sources.size(); at += static_cast<std::size_t>(points)) {
      for (const PointBlock& b : action.blocks()) {
        for (std::int64_t p = b.first_point; p < b.first_point + b.points; ++p)
          sources[at + static_cast<std::size_t>(p)] += static_cast<std::int32_t>(b.first_point);
      }
    }
    sources_ = KeptArray<std::int32_t, Executor>(keeper, sources);
  }
  const std::int32_t* data() const { return sources_.data(); }

 private:
  KeptArray<std::int32_t, Executor> sources_;
};

// The averages of fisher_table_count ranges of exponents.
template <class T, bool Reflections, class Executor>
class FisherTables {
  using Average = MatrixFisher<T, Reflections>;

 public:
  FisherTables(const OrbitAction&, Keeper<Executor>& keeper) {
    std::vector<Average> averages;
    for (int table = 0; table < fisher_table_count; ++table)
      averages.emplace_back(fisher_table_bound(table));
    averages_ = KeptArray<Average, Executor>(keeper, averages);
  }
  const Average* data() const { return averages_.data(); }

 private:
  KeptArray<Average, Executor> averages_;
};

template <class T, class Executor>
class FormDriver {
 public:
  FormDriver(const GramRequest<T>& request, Executor& executor)
      : request_(request),
        form_(*request.form),
        executor_(executor),
        action_(*request.action),
        symmetric_(request.y.data == nullptr),
        y_(symmetric_ ? request.x : request.y) {
    check_request(request, false, false);
    require(request_.output != Output::packed, "the device has no packed form");
    require(form_.planes <= max_form_planes, "closed forms have at most two derivatives");
  }

  void gram() {
    const std::int64_t n = request_.x.rows, m = y_.rows;
    const bool gradient_x = request_.output == Output::gradient_x;
    const bool matvec = request_.output == Output::matvec;
    if (n == 0 || ((matvec || gradient_x) && request_.v.columns == 0)) return;
    if (m == 0) {
      const std::int64_t numbers = request_.v.columns * (gradient_x ? action_.degree() : 1);
      if (matvec || gradient_x) executor_.clear(request_.k, n * numbers * bytes_each);
      return;
    }
    prepare();
    if (gradient_x) {
      run_gradient_x(FormMode::matvec, request_.k);
    } else if (request_.output == Output::ard) {
      run_scales(FormMode::tiles, n * m);
    } else if (matvec) {
      run_matvec();
    } else {
      launch_.arguments.mode = FormMode::tiles;
      launch_.grid = {launch_.arguments.tiles.blocks()};
      run();
    }
  }

  // K(x_i, x_i).
  void diagonal() {
    require(symmetric_ && request_.output != Output::matvec,
            "a diagonal is of one sample set, and no product");
    if (request_.x.rows == 0) return;
    prepare();
    if (request_.output == Output::gradient_x)
      return run_gradient_x(FormMode::diagonal, request_.dk);
    if (request_.output == Output::ard) return run_scales(FormMode::diagonal, request_.x.rows);
    launch_.arguments.mode = FormMode::diagonal;
    launch_.grid = {launch_.arguments.tiles.row_tiles};
    run();
  }

 private:
  static constexpr std::int64_t bytes_each = static_cast<std::int64_t>(sizeof(T));
  template <class U>
  using Array = DeviceArray<U, Executor>;

  bool spherical() const {
    return form_.base != FormBase::powers &&
           (form_.form == PairForm::rotations_2 || form_.form == PairForm::orthogonal_2 ||
            form_.form == PairForm::sphere);
  }
  bool permanents() const { return form_.form >= PairForm::permanents; }

  void prepare() {
    elements_ = kept<DeviceElements<T, Executor>>(action_, executor_);
    typename Prepared<T, Executor>::How how;
    how.basis = elements_->basis();
    how.layout = elements_->elements().layout;
    how.width = form_width;
    symkernel::Producer producer;  // rows as they are, squared norms as their bias
    producer.self = 1.0;
    prepared_x_ = Prepared<T, Executor>(request_.x, producer, how, executor_);
    if (!symmetric_) prepared_y_ = Prepared<T, Executor>(y_, producer, how, executor_);
    fill_arguments();
    sources_ = kept<PointSources<Executor>>(action_, executor_);
    launch_.arguments.sources = sources_->data();
    fill_rates();
    if (permanents()) return;
    x_bounds_ = panel_bounds(launch_.arguments.x);
    if (!symmetric_) y_bounds_ = panel_bounds(launch_.arguments.y);
    launch_.arguments.x_bounds = x_bounds_.data();
    launch_.arguments.y_bounds = symmetric_ ? x_bounds_.data() : y_bounds_.data();
    if (form_.base != FormBase::powers) fill_states();
  }

  void fill_arguments() {
    FormArguments<T>& a = launch_.arguments;
    const Elements<T>& g = elements_->elements();
    launch_.base = form_.base;
    a.form = form_.form;
    a.x = prepared_x_.operand();
    a.y = symmetric_ ? prepared_x_.operand() : prepared_y_.operand();
    a.d = g.d;
    a.n_points = g.n_points;
    a.n_blocks = g.n_blocks;
    a.n_row_permutations = g.n_row_permutations;
    a.blocks = g.blocks;
    a.tiles.row_tiles = ceil_div(a.x.n, form_width);
    a.tiles.column_tiles = ceil_div(a.y.n, form_width);
    a.tiles.symmetric = symmetric_ && request_.output != Output::matvec;
    SinkArguments<T>& sink = a.sink;
    sink.n = a.x.n;
    sink.m = a.y.n;
    sink.mean = static_cast<T>(1.0 / static_cast<double>(g.order));
    sink.symmetric = a.tiles.symmetric;
    sink.k = request_.k;
    sink.dk = request_.dk;
    sink.derivatives = request_.output == Output::gradient ? form_.planes - 1 : 0;
    sink.v = request_.v.data;
    sink.columns = request_.v.columns;
  }

  void fill_rates() {
    FormArguments<T>& a = launch_.arguments;
    a.planes = request_.output == Output::gradient ? form_.planes : 1;
    a.n_rates = static_cast<std::int64_t>(form_.values.size()) / form_.planes;
    rates_ = Array<T>(executor_, converted<T>(form_.rates));
    values_ = Array<T>(executor_, converted<T>(form_.values));
    slopes_ = Array<T>(executor_, converted<T>(form_.slopes));
    a.rates = rates_.data();
    a.values = values_.data();
    a.slopes = slopes_.data();
    if (form_.base == FormBase::powers) return;
    for (std::int64_t k = 0; k < a.planes * a.n_rates; ++k)
      launch_.has_slopes = launch_.has_slopes || form_.slopes[static_cast<std::size_t>(k)] != 0.0;
  }

  Array<T> panel_bounds(const Operand<T>& operand) {
    const std::int64_t panels = ceil_div(operand.n, form_width);
    Array<T> bounds(executor_, panels);
    using Program = PanelBounds<T>;
    executor_.template launch<Program>({ceil_div(panels, Program::threads)}, 0,
                                       {operand.bias, operand.n, bounds.data()});
    return bounds;
  }

  void fill_states() {
    FormStates<T>& states = launch_.states;
    if (spherical())
      states.sphere = &sphere_tables<T>(
          form_.form == PairForm::sphere ? static_cast<int>(action_.degree()) : 2);
    switch (form_.form) {
      case PairForm::rotations_3:
        states.averages = averages<false>();
        break;
      case PairForm::orthogonal_3:
        states.averages = averages<true>();
        break;
      case PairForm::octahedral:
      case PairForm::octahedral_rotations:
        fill_sides(launch_.arguments.x, x_rest_, states.octahedral.x_sides,
                   states.octahedral.x_padded);
        fill_sides(launch_.arguments.y, y_rest_, states.octahedral.y_sides,
                   states.octahedral.y_padded);
        break;
      case PairForm::sign_flips:
        fill_magnitudes(launch_.arguments.x, x_rest_, states.flips.x, states.flips.x_size);
        fill_magnitudes(launch_.arguments.y, y_rest_, states.flips.y, states.flips.y_size);
        break;
      default:
        break;
    }
  }

  template <bool Reflections>
  const void* averages() {
    const auto tables = kept<FisherTables<T, Reflections, Executor>>(action_, executor_);
    averages_ = tables;
    return tables->data();
  }

  void fill_sides(const Operand<T>& operand, Array<T>& memory, const T*& sides,
                  std::int64_t& padded) {
    const FormArguments<T>& a = launch_.arguments;
    padded = round_up(operand.n, form_width);
    memory = Array<T>(executor_, a.n_rates * padded * 4);
    sides = memory.data();
    using Program = OctahedralSides<T>;
    executor_.template launch<Program>({ceil_div(padded, Program::threads), a.n_rates}, 0,
                                       {operand.panels, a.rates, a.d, padded, memory.data()});
  }

  void fill_magnitudes(const Operand<T>& operand, Array<T>& memory, const T*& scaled,
                       std::int64_t& size) {
    const FormArguments<T>& a = launch_.arguments;
    size = round_up(operand.n, form_width) * a.d;
    memory = Array<T>(executor_, a.n_rates * size);
    scaled = memory.data();
    if (form_.base == FormBase::laplacian) return scale<LaplacianFlips>(operand, memory);
    scale<RbfFlips>(operand, memory);
  }
  template <template <class> class Flips>
  void scale(const Operand<T>& operand, const Array<T>& memory) {
    const FormArguments<T>& a = launch_.arguments;
    const std::int64_t size = round_up(operand.n, form_width) * a.d;
    using Program = ScaleMagnitudes<T, Flips>;
    executor_.template launch<Program>({ceil_div(size, Program::threads), a.n_rates}, 0,
                                       {operand.panels, a.rates, size, memory.data()});
  }

  FormGradientLaunch<T> gradient_launch(FormMode mode) {
    FormGradientLaunch<T> launch;
    launch.arguments.a = launch_.arguments;
    launch.arguments.a.mode = mode;
    launch.arguments.layout.features = elements_->elements().layout;
    launch.states = launch_.states;
    launch.base = launch_.base;
    return launch;
  }

  // Gradients of K v in the rows of x, or of K(x_i, x_i).
  void run_gradient_x(FormMode mode, T* out) {
    FormGradientLaunch<T> launch = gradient_launch(mode);
    const bool diagonal = mode == FormMode::diagonal;
    if (diagonal) launch.arguments.a.sink.columns = 1;
    // K(x, y) is symmetric: both arguments of K(x, x) give the same
    const double factor = (diagonal ? 2.0 : 1.0) / static_cast<double>(action_.order());
    if (permanents())
      return run_permanent_gradient_x(launch, action_, factor, elements_->basis(), out, executor_);
    run_form_gradient_x(launch, factor, elements_->basis(), out, executor_);
  }

  // Derivatives for length scales per feature, added up over what the sums consist of.
  void run_scales(FormMode mode, std::int64_t pairs) {
    executor_.clear(request_.dk, pairs * action_.degree() * bytes_each);
    const FormGradientLaunch<T> launch = gradient_launch(mode);
    if (permanents()) return run_permanent_scales(launch, action_, executor_);
    run_form_scales(launch, executor_);
  }

  // Rows of tiles are the blocks; where they are too few to fill the device, columns are shared
  // among several, and their parts added in a fixed order.
  void run_matvec() {
    FormArguments<T>& a = launch_.arguments;
    a.mode = FormMode::matvec;
    if (permanents()) return run();
    std::int64_t parts = ceil_div(8 * executor_.units(), a.tiles.row_tiles);
    a.columns_per_block = ceil_div(a.tiles.column_tiles, parts);
    parts = ceil_div(a.tiles.column_tiles, a.columns_per_block);
    const std::int64_t size = request_.x.rows * request_.v.columns;
    Array<T> sums;
    if (parts > 1) {
      sums = Array<T>(executor_, parts * size);
      a.sink.k = sums.data();
    }
    launch_.grid = {a.tiles.row_tiles, parts};
    run();
    if (parts > 1)
      executor_.template launch<AddParts<T>>({ceil_div(size, AddParts<T>::threads)}, 0,
                                             {sums.data(), parts, size, request_.k});
  }

  void run() {
    if (permanents()) {
      run_permanents(launch_, action_, executor_);
    } else {
      run_form(launch_, executor_);
    }
  }

  const GramRequest<T>& request_;
  const ClosedForm& form_;
  Executor& executor_;
  const OrbitAction& action_;
  bool symmetric_;
  MatrixView<const T> y_;
  std::shared_ptr<const DeviceElements<T, Executor>> elements_;
  std::shared_ptr<const PointSources<Executor>> sources_;
  std::shared_ptr<const void> averages_;
  Prepared<T, Executor> prepared_x_, prepared_y_;
  Array<T> rates_, values_, slopes_, x_bounds_, y_bounds_, x_rest_, y_rest_;
  FormLaunch<T> launch_;
};

}  // namespace gpu
}  // namespace symkernel
