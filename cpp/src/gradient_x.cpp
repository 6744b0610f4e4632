#include "gradient_x.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

namespace symkernel {

namespace {

constexpr std::int64_t row_share = 64;  // rows finished per task

// Partial sums of one thread in numbers: more columns of weights go in turns, each of which maps
// the kernel again.
constexpr std::int64_t largest_lanes = std::int64_t(1) << 23;
// Partial results of all parts together in numbers.
constexpr std::int64_t largest_parts = std::int64_t(1) << 22;
// As many as panels of x may take together, so that they stay near the processor; more where a
// block of many panels saves work.
constexpr std::int64_t near_lanes = std::int64_t(1) << 16, matrix_lanes = std::int64_t(1) << 19;

std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

}  // namespace

template <class T>
void GradientTask<T>::run() {
  const std::int64_t n = request.x.rows, d = job.g.d, columns = request.v.columns;
  const std::int64_t lanes = engine.mr * d * (engine.nr / 2);
  const std::int64_t group = std::max<std::int64_t>(1, largest_lanes / lanes);
  for (std::int64_t first = 0; first < columns; first += group) {
    const std::int64_t count = std::min(group, columns - first);
    Buffer<T> v;
    pack_weights(first, count, v);
    const std::int64_t panels = block_panels(count);
    const std::int64_t blocks = ceil_div(ceil_div(n, engine.mr), panels);
    const std::int64_t y_panels = ceil_div(job.y.n, engine.nr);
    // few samples of x: the samples of y are shared out as well
    const std::int64_t size = std::max<std::int64_t>(1, n * count * (d + 1));
    const std::int64_t wanted = 4 * threads / std::max<std::int64_t>(1, blocks);
    const std::int64_t parts =
        std::max<std::int64_t>(1, std::min({y_panels, wanted, largest_parts / size}));
    Buffer<T> sums(parts * n * count * (d + 1));
    job.k = sums.data();
    run_blocks(panels, parts);
    finish_rows(sums.data(), parts, first, count);
  }
}

// Columns from number `first` on: parts added up, and gradients made of them.
template <class T>
void GradientTask<T>::finish_rows(const T* sums, std::int64_t parts, std::int64_t first,
                                  std::int64_t count) {
  const std::int64_t n = request.x.rows, d = job.g.d, columns = request.v.columns;
  auto body = [&](std::int64_t share, int) {
    std::vector<double> row(static_cast<std::size_t>(d + 1));
    const std::int64_t end = std::min(n, (share + 1) * row_share);
    for (std::int64_t at = share * row_share * count; at < end * count; ++at) {
      std::fill(row.begin(), row.end(), 0.0);
      for (std::int64_t part = 0; part < parts; ++part) {
        const T* own = sums + (part * n * count + at) * (d + 1);
        for (std::int64_t k = 0; k <= d; ++k) row[static_cast<std::size_t>(k)] += own[k];
      }
      const std::int64_t i = at / count, column = first + at % count;
      finish_row(i, 1.0, row.data(), request.k + (i * columns + column) * d);
    }
  };
  parallel_for(ceil_div(n, row_share), threads, token, body);
}

template <class T>
void GradientTask<T>::run_paired() {
  const std::int64_t n = request.x.rows, d = job.g.d, y_panels = ceil_div(n, engine.nr);
  Buffer<T> v(y_panels * engine.nr), sums(n * (d + 1));
  const T mean = static_cast<T>(1.0 / static_cast<double>(job.g.order));
  for (std::int64_t i = 0; i < n; ++i) v[i] = mean;
  job.v = v.data();
  job.v_columns = 1;
  job.paired = true;
  job.k = sums.data();
  run_blocks(1, 1);
  finish_paired(sums.data());
}

template <class T>
void GradientTask<T>::finish_paired(const T* sums) {
  const std::int64_t n = request.x.rows, d = job.g.d;
  auto body = [&](std::int64_t share, int) {
    std::vector<double> row(static_cast<std::size_t>(d + 1));
    for (std::int64_t i = share * row_share; i < std::min(n, (share + 1) * row_share); ++i) {
      for (std::int64_t k = 0; k <= d; ++k)
        row[static_cast<std::size_t>(k)] = sums[i * (d + 1) + k];
      // K(x, y) is symmetric: both arguments give the same
      const double weight = job.y.weight != nullptr ? static_cast<double>(job.y.weight[i]) : 1.0;
      finish_row(i, 2.0 * producer.cross * weight, row.data(), request.dk + i * d);
    }
  };
  parallel_for(ceil_div(n, row_share), threads, token, body);
}

// Weights by panel of y, with every factor that depends on neither x nor g.
template <class T>
void GradientTask<T>::pack_weights(std::int64_t first, std::int64_t columns, Buffer<T>& v) {
  const std::int64_t m = request.v.rows, nr = engine.nr;
  v = Buffer<T>(ceil_div(m, nr) * columns * nr);
  const double factor = producer.cross / static_cast<double>(job.g.order);
  for (std::int64_t j0 = 0; j0 < m; j0 += nr) {
    T* panel = v.data() + j0 * columns;
    for (std::int64_t j = j0; j < std::min(m, j0 + nr); ++j) {
      const double own = job.y.weight != nullptr ? factor * job.y.weight[j] : factor;
      for (std::int64_t c = 0; c < columns; ++c)
        panel[c * nr + j - j0] = static_cast<T>(own * request.v(j, first + c));
    }
  }
  job.v = v.data();
  job.v_columns = columns;
}

// Panels of x in a block: matrices form panels of gy once per block and panel of y, which should
// not take longer than what is done with them.
template <class T>
std::int64_t GradientTask<T>::block_panels(std::int64_t columns) const {
  const std::int64_t x_panels = ceil_div(request.x.rows, engine.mr);
  const std::int64_t lanes = engine.mr * job.g.d * (engine.nr / 2) * columns;
  const bool matrices = job.g.kind == ActionKind::matrices && request.form == nullptr;
  const std::int64_t wanted = matrices ? ceil_div(job.g.d, engine.mr) : 4;
  const std::int64_t by_cache = (matrices ? matrix_lanes : near_lanes) / lanes;
  const std::int64_t by_balance = matrices ? x_panels : x_panels / (4 * threads);
  return std::max<std::int64_t>(1, std::min({wanted, by_cache, by_balance}));
}

template <class T>
void GradientTask<T>::run_blocks(std::int64_t panels, std::int64_t parts) {
  const std::int64_t n = request.x.rows;
  const std::int64_t x_panels = ceil_div(n, engine.mr), y_panels = ceil_div(job.y.n, engine.nr);
  std::vector<Block> blocks;
  for (std::int64_t p = 0; p < x_panels; p += panels) {
    const std::int64_t end = std::min(x_panels, p + panels);
    for (std::int64_t part = 0; part < parts; ++part) {
      Block block = {y_panels * part / parts, p, end, y_panels * (part + 1) / parts, part};
      if (job.paired) {
        block.q = p * engine.mr / engine.nr;
        block.q1 = ceil_div(std::min(n, end * engine.mr), engine.nr);
      }
      blocks.push_back(block);
    }
  }
  const std::int64_t size = ceil_div(engine.scratch_size(job, panels) + 512, 64) * 64;
  Buffer<T> scratch(size * threads);
  auto body = [&](std::int64_t index, int thread) {
    engine.run(job, blocks[static_cast<std::size_t>(index)], scratch.data() + thread * size,
               thread);
  };
  parallel_for(static_cast<std::int64_t>(blocks.size()), threads, token, body);
}

// From the sum of moved samples and the multiple of x (d + 1 numbers) to the gradient at row i as
// it was given, times `factor`.
template <class T>
void GradientTask<T>::finish_row(std::int64_t i, double factor, double* sums, T* out) const {
  const std::int64_t d = job.g.d;
  const T* x = job.x.rows + i * d;
  const double radial = sums[d];
  double scale = factor;
  if (producer.unit_rows) {
    // k = |x|^n k(x/|x|): the derivative of the second factor is orthogonal to x
    const double inverse = job.x.inverse_norm[i];
    double along = 0;
    for (std::int64_t k = 0; k < d; ++k) along += sums[k] * x[k] * inverse;
    for (std::int64_t k = 0; k < d; ++k) sums[k] += (radial - along) * x[k] * inverse;
    if (producer.power == 0) scale *= inverse;
    if (producer.power == 2) scale *= inverse > 0 ? 1.0 / inverse : 0.0;
  } else {
    for (std::int64_t k = 0; k < d; ++k) sums[k] += radial * x[k];
  }
  const std::vector<double>& basis = request.action->basis();
  for (std::int64_t k = 0; k < d; ++k) {
    double value = 0;
    if (basis.empty()) {
      value = sums[k];
    } else {
      for (std::int64_t c = 0; c < d; ++c)
        value += basis[static_cast<std::size_t>(k * d + c)] * sums[c];
    }
    out[k] = static_cast<T>(scale * value);
  }
}

template struct GradientTask<double>;
template struct GradientTask<float>;

}  // namespace symkernel
