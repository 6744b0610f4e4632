// From a request for shifts of a grid to launches: spectra of the samples, and tiles.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "cuda/executor.hpp"
#include "cuda/gram.hpp"
#include "cuda/kept.hpp"
#include "cuda/prepare.hpp"
#include "cuda/shifts_rule.hpp"
#include "cuda/shifts_run.hpp"
#include "symkernel/error.hpp"
#include "symkernel/fourier_plan.hpp"

namespace symkernel {
namespace gpu {

// Elements as the CPU's engines have them (engine/engine.hpp), in device memory.
template <class T, class Executor>
class ShiftTables {
 public:
  ShiftTables(const OrbitAction& action, Keeper<Executor>& keeper) {
    const FourierPlan<T> plan(action.grid_shape());
    const auto place = [&](const auto& table) { return this->place(table, keeper); };
    Elements<T>& g = elements_;
    const std::int64_t size = plan.size();
    g.kind = ActionKind::shifts;
    g.order = action.order();
    g.d = action.degree();
    g.transform = plan.transform(place);
    g.channels = g.d / size;
    g.n_maps = action.n_matrices();
    g.grid_maps = place(action.rows());
    g.shifts = place(plan.shifts());
    g.grid_shape = place(action.grid_shape());
    g.grid_axes = static_cast<int>(action.grid_shape().size());
    g.grid_features = place(action.layout());
    std::vector<std::int32_t> spectral_rows, inputs;
    for (std::int64_t h = 0; h < g.n_maps; ++h) {
      const auto map = action.rows().begin() + h * size;
      const std::vector<std::int32_t> rows = plan.rows({map, map + size});
      spectral_rows.insert(spectral_rows.end(), rows.begin(), rows.end());
    }
    g.spectral_rows = place(spectral_rows);
    for (std::int64_t k = 0; k < g.d; ++k) {
      const std::int32_t point = plan.inputs()[static_cast<std::size_t>(k % size)];
      inputs.push_back(action.layout()[static_cast<std::size_t>(k / size * size + point)]);
    }
    g.layout = place(inputs);
  }
  const Elements<T>& elements() const { return elements_; }

 private:
  const std::int32_t* place(const std::vector<std::int32_t>& table, Keeper<Executor>& keeper) {
    integers_.emplace_back(keeper, table);
    return integers_.back().data();
  }
  const T* place(const std::vector<T>& table, Keeper<Executor>& keeper) {
    numbers_.emplace_back(keeper, table);
    return numbers_.back().data();
  }

  Elements<T> elements_;
  std::vector<KeptArray<std::int32_t, Executor>> integers_;
  std::vector<KeptArray<T, Executor>> numbers_;
};

template <class T, class Executor>
class ShiftDriver {
 public:
  // Requests that transforms serve; the others are summed element by element.
  static bool serves(const GramRequest<T>& request, const symkernel::Producer& producer) {
    const OrbitAction& action = *request.action;
    const bool served = request.output == Output::gram || request.output == Output::gradient ||
                        request.output == Output::matvec;
    return served && action.kind() == ActionKind::shifts && !producer.manhattan &&
           action.n_points() * action.degree() > max_direct_products;
  }

  ShiftDriver(const GramRequest<T>& request, const symkernel::Producer& producer,
              Executor& executor)
      : request_(request),
        executor_(executor),
        action_(*request.action),
        producer_(producer),
        symmetric_(request.y.data == nullptr),
        y_(symmetric_ ? request.x : request.y),
        tables_(kept<ShiftTables<T, Executor>>(action_, executor)) {
    arguments_.job.g = tables_->elements();
    arguments_.transform = block_transform(arguments_.job.g.transform);
  }

  // Of at least one sample on either side.
  void gram() {
    choose_lanes();
    prepare();
    fill_arguments();
    if (request_.output == Output::matvec) {
      run_matvec();
    } else {
      arguments_.tile_count = arguments_.tiles.blocks();
      run_shift_sum(arguments_, executor_);
    }
  }

 private:
  static constexpr std::int64_t bytes_each = static_cast<std::int64_t>(sizeof(T));
  template <class U>
  using Array = DeviceArray<U, Executor>;

  std::int64_t size() const { return action_.n_points(); }

  // As many lanes as a warp has threads where their values fit; then as many pairs at a time.
  void choose_lanes() {
    const std::int64_t each = 2 * size() * bytes_each;
    int lanes = max_shift_lanes, pairs = 1;
    while (lanes > min_shift_lanes && each * lanes > shift_value_bytes) lanes /= 2;
    while (4 * pairs <= lanes && pairs * lanes < shift_threads &&
           2 * pairs * each * lanes <= shift_value_bytes)
      pairs *= 2;
    arguments_.lanes = lanes;
    while (1 << arguments_.lane_bits < lanes) ++arguments_.lane_bits;
    arguments_.pairs = pairs;
  }

  void prepare() {
    typename Prepared<T, Executor>::How how;
    if (is_stationary(producer_)) {
      const Array<double> mean = find_mean(y_, executor_);
      center_ = Array<double>(executor_, action_.degree());
      executor_.template launch<ChannelMeans>(
          {arguments_.job.g.channels}, ChannelMeans::shared_bytes,
          {mean.data(), arguments_.job.g.grid_features, size(), center_.data()});
      how.center = center_.data();
    }
    how.width = max_shift_lanes;
    how.packed = false;
    prepared_y_ = Prepared<T, Executor>(y_, producer_, how, executor_);
    how.constant = producer_.constant;
    prepared_x_ = Prepared<T, Executor>(request_.x, producer_, how, executor_);
    // the inverse transform's 1/n
    x_spectra_ = spectra(prepared_x_, request_.x.rows, 1.0 / static_cast<double>(size()), true);
    y_spectra_ = spectra(prepared_y_, y_.rows, 1.0, false);
    arguments_.x = x_spectra_.data();
    arguments_.y = y_spectra_.data();
  }

  Array<T> spectra(const Prepared<T, Executor>& samples, std::int64_t n, double scale, bool pairs) {
    const int lanes = arguments_.lanes;
    const std::int64_t panels = ceil_div(n, pairs ? 2 * lanes : lanes);
    Array<T> out(executor_, 2 * panels * lanes * action_.degree());
    typename ShiftSpectra<T>::Arguments a;
    a.transform = arguments_.transform;
    a.rows = samples.final_rows();
    a.n = n;
    a.d = action_.degree();
    a.channels = arguments_.job.g.channels;
    a.layout = arguments_.job.g.layout;
    a.scale = static_cast<T>(scale);
    a.pairs = pairs;
    a.lanes = lanes;
    a.scratch = nullptr;
    a.panels = panels;
    a.out = out.data();
    run_shift_spectra<T>(a, executor_);
    return out;
  }

  void fill_arguments() {
    const BaseKernel& kernel = *request_.kernel;
    Job<T>& job = arguments_.job;
    job.kernel = kernel.id;
    std::copy(kernel.parameters, kernel.parameters + max_parameters, job.parameters);
    job.cross = producer_.cross;
    job.self = producer_.self;
    job.unit_rows = producer_.unit_rows;
    job.gradients = kernel.gradients;
    job.x = prepared_x_.operand();
    job.y = prepared_y_.operand();
    job.output = request_.output;
    arguments_.refine = refine_rule<T>(kernel, producer_);
    arguments_.factor = static_cast<T>(producer_.cross);
    TileGrid& tiles = arguments_.tiles;
    tiles.row_tiles = ceil_div(job.x.n, arguments_.lanes);
    tiles.column_tiles = ceil_div(job.y.n, arguments_.lanes);
    tiles.symmetric = symmetric_ && request_.output != Output::matvec;
    SinkArguments<T>& sink = arguments_.sink;
    sink.n = job.x.n;
    sink.m = job.y.n;
    sink.mean = static_cast<T>(1.0 / static_cast<double>(job.g.order));
    sink.x_weight = job.x.weight;
    sink.y_weight = job.y.weight;
    sink.symmetric = tiles.symmetric;
    sink.k = request_.k;
    sink.dk = request_.dk;
    sink.derivatives = request_.output == Output::gradient ? kernel.gradients : 0;
    sink.v = request_.v.data;
    sink.columns = request_.v.columns;
  }

  // Rows of tiles are the blocks; where they are too few to fill the device, columns are shared
  // among several, and their parts added in a fixed order.
  void run_matvec() {
    TileGrid& tiles = arguments_.tiles;
    std::int64_t parts = ceil_div(4 * executor_.units(), tiles.row_tiles);
    arguments_.columns_per_block = ceil_div(tiles.column_tiles, parts);
    parts = ceil_div(tiles.column_tiles, arguments_.columns_per_block);
    arguments_.tile_count = tiles.row_tiles * parts;
    const std::int64_t size = request_.x.rows * request_.v.columns;
    Array<T> sums;
    if (parts > 1) {
      sums = Array<T>(executor_, parts * size);
      arguments_.sink.k = sums.data();
    }
    run_shift_sum(arguments_, executor_);
    if (parts > 1)
      executor_.template launch<AddParts<T>>({ceil_div(size, AddParts<T>::threads)}, 0,
                                             {sums.data(), parts, size, request_.k});
  }

  const GramRequest<T>& request_;
  Executor& executor_;
  const OrbitAction& action_;
  symkernel::Producer producer_;
  bool symmetric_;
  MatrixView<const T> y_;
  std::shared_ptr<const ShiftTables<T, Executor>> tables_;
  Array<double> center_;
  Prepared<T, Executor> prepared_x_, prepared_y_;
  Array<T> x_spectra_, y_spectra_;
  ShiftArguments<T> arguments_;
};

}  // namespace gpu
}  // namespace symkernel
