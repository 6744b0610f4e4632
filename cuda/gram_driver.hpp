// From a request to launches: checks, prepares samples and elements, and chooses tiles. Definitions
// of what gram.hpp declares.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <new>
#include <numeric>
#include <utility>
#include <vector>

#include "cuda/diagonal.hpp"
#include "cuda/elements.hpp"
#include "cuda/executor.hpp"
#include "cuda/expand.hpp"
#include "cuda/forms_driver.hpp"
#include "cuda/gradient_x.hpp"
#include "cuda/gram.hpp"
#include "cuda/kernel_maps.hpp"
#include "cuda/orbit_programs.hpp"
#include "cuda/points.hpp"
#include "cuda/prepare.hpp"
#include "cuda/shifts_driver.hpp"
#include "request_checks.hpp"

namespace symkernel {
namespace gpu {

// Up to this many features, where many pairs of samples come close, differences are summed instead
// of products: no form cancels then.
constexpr std::int64_t max_difference_features = 8;
// Memory for panels of gy, for as many elements at a time as it holds.
constexpr std::int64_t panel_budget = std::int64_t(256) << 20;

template <class T, class Executor>
class GramDriver {
 public:
  GramDriver(const GramRequest<T>& request, Executor& executor)
      : request_(request),
        executor_(executor),
        action_(*request.action),
        symmetric_(request.y.data == nullptr),
        y_(symmetric_ ? request.x : request.y),
        producer_(producer_of(*request.kernel)) {
    check_request(request, producer_.manhattan, true);
  }

  void diagonal() {
    const std::int64_t n = request_.x.rows;
    if (n == 0) return;
    elements_ = kept<DeviceElements<T, Executor>>(action_, executor_);
    prepare();
    fill_job();
    if (request_.output == Output::gradient_x) return run_gradients(true, request_.dk);
    DiagonalArguments<T> arguments;
    arguments.job = arguments_.job;
    arguments.antipode = opposite_limit<T>(T(2));  // of two unit squares
    arguments.k = request_.k;
    arguments.dk = request_.dk;
    arguments.derivatives = derivatives();
    run_diagonal(arguments, n, executor_);
  }

  void gram() {
    const std::int64_t n = request_.x.rows, m = y_.rows;
    const bool matvec = request_.output == Output::matvec;
    const bool gradient_x = request_.output == Output::gradient_x;
    if (n == 0 || ((matvec || gradient_x) && request_.v.columns == 0)) return;
    if (m == 0) {
      const std::int64_t numbers = request_.v.columns * (gradient_x ? action_.degree() : 1);
      if (matvec || gradient_x) executor_.clear(request_.k, n * numbers * bytes_each);
      return;
    }
    if (ShiftDriver<T, Executor>::serves(request_, producer_))
      return ShiftDriver<T, Executor>(request_, producer_, executor_).gram();
    elements_ = kept<DeviceElements<T, Executor>>(action_, executor_);
    if (gradient_x) {
      prepare();
      fill_job();
      run_gradients(false, request_.k);
      return;
    }
    choose_tiles();
    prepare();
    fill_arguments();
    if (matvec) {
      run_matvec();
    } else {
      run_tiles();
    }
  }

 private:
  static constexpr std::int64_t bytes_each = static_cast<std::int64_t>(sizeof(T));

  bool stationary() const { return is_stationary(producer_); }
  bool permutes() const { return elements_->elements().kind == ActionKind::signed_permutations; }

  void choose_tiles() {
    rule_ = refine_rule<T>(*request_.kernel, producer_);
    if (producer_.manhattan) {
      kind_ = ProductKind::absolute_difference;
    } else if (needs_refinement<T>(producer_) && stationary() && permutes() &&
               action_.degree() <= max_difference_features) {
      kind_ = ProductKind::squared_difference;
    }
    if (kind_ != ProductKind::multiply_add || point_dimension() != 0 ||
        !has_large_tiles(request_.kernel->id, request_.output))
      return;
    const std::int64_t rows = ceil_div(request_.x.rows, gpu::tile_rows<T>(TileSize::large));
    const std::int64_t columns = ceil_div(y_.rows, gpu::tile_columns<T>(TileSize::large));
    const std::int64_t tiles = symmetric_ ? rows * (columns + 1) / 2 : rows * columns;
    if (tiles >= executor_.units()) size_ = TileSize::large;
  }

  // Dimension of the points that matrices act on, where all of a pair's products fit into
  // registers; else 0.
  int point_dimension() const {
    if (action_.kind() != ActionKind::points || action_.blocks().size() != 1) return 0;
    const std::int64_t dimension = action_.blocks()[0].dimension;
    return dimension == 2 || dimension == 3 ? static_cast<int>(dimension) : 0;
  }
  int tile_rows() const {
    return point_dimension() != 0 ? PointShape<T>::rows : gpu::tile_rows<T>(size_);
  }
  int tile_columns() const {
    return point_dimension() != 0 ? PointShape<T>::columns : gpu::tile_columns<T>(size_);
  }

  void prepare() {
    if (stationary()) {
      center_ = find_center(y_, elements_->exact(), elements_->basis(), executor_);
      constants_.center = center_.data();
    }
    constants_.basis = elements_->basis();
    constants_.layout = elements_->elements().layout;
    auto how = constants_;
    how.width = tile_rows();
    how.constant = producer_.constant;
    prepared_x_ = Prepared<T, Executor>(request_.x, producer_, how, executor_);
    how = constants_;
    how.width = tile_columns();
    how.negated_copy = elements_->elements().has_signs;
    prepared_y_ = Prepared<T, Executor>(y_, producer_, how, executor_);
  }

  std::int64_t derivatives() const {
    if (request_.output == Output::ard) return action_.degree();
    return request_.output == Output::gradient ? request_.kernel->gradients : 0;
  }

  void fill_job() {
    Job<T>& job = arguments_.job;
    job.kernel = request_.kernel->id;
    std::copy(request_.kernel->parameters, request_.kernel->parameters + max_parameters,
              job.parameters);
    job.cross = producer_.cross;
    job.self = producer_.self;
    job.manhattan = producer_.manhattan;
    job.unit_rows = producer_.unit_rows;
    job.gradients = request_.kernel->gradients;
    job.x = prepared_x_.operand();
    job.y = prepared_y_.operand();
    job.g = elements_->elements();
    job.x_depth = job.g.d;
    job.depth = job.g.has_signs ? 2 * job.g.d : job.g.d;
    job.output = request_.output;
  }

  void fill_arguments() {
    fill_job();
    const Job<T>& job = arguments_.job;
    arguments_.refine = rule_;
    arguments_.factor = static_cast<T>(producer_.cross);
    if (kind_ == ProductKind::squared_difference) {
      arguments_.factor = static_cast<T>(producer_.self);
      arguments_.biased = false;
      arguments_.refine = {};
    }
    TileGrid& tiles = arguments_.tiles;
    tiles.row_tiles = ceil_div(job.x.n, tile_rows());
    tiles.column_tiles = ceil_div(job.y.n, tile_columns());
    tiles.ratio = tile_columns() / tile_rows();
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
    sink.derivatives = derivatives();
    sink.v = request_.v.data;
    sink.columns = request_.v.columns;
  }

  void run_tiles() {
    const Grid grid = {arguments_.tiles.blocks()};
    if (request_.output != Output::ard) {
      run_elements(grid);
      return;
    }
    for (std::int64_t f = 0; f < arguments_.job.g.d; f += features_at_a_time<T>) {
      arguments_.first_feature = f;
      run_elements(grid);
    }
  }

  // The mean of the samples, as the part that the trivial group fixes.
  DeviceArray<double, Executor> plain_mean() {
    std::vector<std::int32_t> identity(static_cast<std::size_t>(action_.degree()));
    std::iota(identity.begin(), identity.end(), 0);
    const DeviceArray<std::int32_t, Executor> rows(executor_, identity);
    Elements<double> trivial;
    trivial.order = 1;
    trivial.d = action_.degree();
    trivial.rows = rows.data();
    return find_center(y_, trivial, nullptr, executor_);
  }

  // Gradients of K v in the rows of x, or of K(x_i, x_i).
  void run_gradients(bool paired, T* out) {
    GradientXArguments<T> arguments;
    arguments.job = arguments_.job;
    const DeviceArray<double, Executor> mean =
        stationary() ? plain_mean() : DeviceArray<double, Executor>();
    arguments.mean = mean.data();
    arguments.v = request_.v.data;
    arguments.columns = request_.v.columns;
    GradientXResult<T> result;
    // K(x, y) is symmetric: both arguments of K(x, x) give the same
    result.factor = (paired ? 2.0 : 1.0) * producer_.cross / static_cast<double>(action_.order());
    result.power = producer_.power;
    result.basis = elements_->basis();
    result.out = out;
    run_gradient_x(arguments, result, request_.kernel->traits().family, paired, executor_);
  }

  // Rows of tiles are the blocks; where they are too few to fill the device, columns are shared
  // among several, and their parts added in a fixed order.
  void run_matvec() {
    TileGrid& tiles = arguments_.tiles;
    std::int64_t parts = ceil_div(2 * executor_.units(), tiles.row_tiles);
    arguments_.columns_per_block = ceil_div(tiles.column_tiles, parts);
    parts = ceil_div(tiles.column_tiles, arguments_.columns_per_block);
    const std::int64_t size = request_.x.rows * request_.v.columns;
    DeviceArray<T, Executor> sums;
    if (parts > 1) {
      sums = DeviceArray<T, Executor>(executor_, parts * size);
      arguments_.sink.k = sums.data();
    }
    run_elements({tiles.row_tiles, parts});
    if (parts > 1)
      executor_.template launch<AddParts<T>>({ceil_div(size, AddParts<T>::threads)}, 0,
                                             {sums.data(), parts, size, request_.k});
  }

  // All elements in one launch where they permute, else panels of gy for some of them at a time.
  void run_elements(Grid grid) {
    Job<T>& job = arguments_.job;
    if (point_dimension() != 0) {
      PointArguments<T> points;
      static_cast<TileArguments<T>&>(points) = arguments_;
      run_point_sum(points, point_dimension(), grid, executor_);
      return;
    }
    if (permutes()) {
      arguments_.n_elements = job.g.order;
      const bool resident = fits_shared(job, size_);
      run_orbit_sum(arguments_, size_, kind_, resident, grid, executor_);
      return;
    }
    const Operand<T> y = job.y;
    const std::int64_t panels = arguments_.tiles.column_tiles, width = tile_columns();
    arguments_.panel_stride = panels * width * job.g.d;
    std::int64_t chunk = panel_budget / (arguments_.panel_stride * bytes_each);
    chunk = std::max<std::int64_t>(1, std::min<std::int64_t>({chunk, job.g.order, 65535}));
    const DeviceArray<T, Executor> acted = allocate_panels(chunk);
    using Expand = ExpandPanels<T>;
    for (std::int64_t e = 0; e < job.g.order; e += chunk) {
      const std::int64_t count = std::min(chunk, job.g.order - e);
      const typename Expand::Arguments expand = {job.g, y.panels, width,       panels,
                                                 e,     count,    acted.data()};
      executor_.template launch<Expand>(Expand::grid(expand), 0, expand);
      job.y.panels = acted.data();
      arguments_.first_element = e;
      arguments_.n_elements = count;
      arguments_.sink.first = e == 0;
      arguments_.sink.last = e + count == job.g.order;
      run_orbit_sum(arguments_, size_, kind_, false, grid, executor_);
    }
    job.y = y;
  }

  // Panels of gy for `chunk` elements, or for fewer where memory is short.
  DeviceArray<T, Executor> allocate_panels(std::int64_t& chunk) {
    for (;; chunk /= 2) {
      try {
        return DeviceArray<T, Executor>(executor_, chunk * arguments_.panel_stride);
      } catch (const std::bad_alloc&) {
        if (chunk == 1) throw;
      }
    }
  }

  const GramRequest<T>& request_;
  Executor& executor_;
  const OrbitAction& action_;
  bool symmetric_;
  MatrixView<const T> y_;
  symkernel::Producer producer_;
  RefineRule<T> rule_;
  ProductKind kind_ = ProductKind::multiply_add;
  TileSize size_ = TileSize::small;
  std::shared_ptr<const DeviceElements<T, Executor>> elements_;
  DeviceArray<double, Executor> center_;
  typename Prepared<T, Executor>::How constants_;
  Prepared<T, Executor> prepared_x_, prepared_y_;
  OrbitSumArguments<T> arguments_;
};

template <class T, class Executor>
void gram(const GramRequest<T>& request, Executor& executor) {
  if (request.form != nullptr) return FormDriver<T, Executor>(request, executor).gram();
  GramDriver<T, Executor>(request, executor).gram();
}

template <class T, class Executor>
void diagonal(const GramRequest<T>& request, Executor& executor) {
  if (request.form != nullptr) return FormDriver<T, Executor>(request, executor).diagonal();
  GramDriver<T, Executor>(request, executor).diagonal();
}

}  // namespace gpu
}  // namespace symkernel
