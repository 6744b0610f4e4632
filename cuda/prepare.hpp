// Samples as the tiles want them: centred, turned or of unit length, with squared norms, and packed
// into panels. What cpp/src/orbit_sum.cpp does on the CPU, in O(n d) on the device; squares and
// means are summed in double.
#pragma once

#include <cmath>
#include <cstdint>

#include "cuda/elements.hpp"
#include "cuda/executor.hpp"
#include "engine/refine.hpp"
#include "symkernel/base_kernels.hpp"
#include "symkernel/view.hpp"

namespace symkernel {
namespace gpu {

// The sum of `value` over the threads of a block, for all of them: the same on every run. memory
// holds one number a thread.
template <int Threads, class Team>
SYMKERNEL_HD double block_sum(Team& team, double value, double* memory) {
  const int t = team.thread();
  memory[t] = value;
  team.sync();
  for (int half = Threads / 2; half > 0; half /= 2) {
    if (t < half) memory[t] += memory[t + half];
    team.sync();
  }
  const double sum = memory[0];
  team.sync();
  return sum;
}

// ---- the mean of the samples ----

// partial[b][k] = sum of column k over the rows of block b.
template <class T>
struct ColumnSums {
  static constexpr int threads = 256, blocks_per_unit = 4, columns = 32;
  static constexpr std::int64_t shared_bytes = threads * sizeof(double);
  struct Arguments {
    const T* samples;
    std::int64_t n, d, rows_per_block;
    double* partial;
  };
  template <class Team>
  SYMKERNEL_HD void operator()(Team& team, const Arguments& a) const {
    double* memory = reinterpret_cast<double*>(team.shared());
    const int t = team.thread(), column = t % columns;
    const std::int64_t k = team.block().x * columns + column;
    const std::int64_t first = team.block().y * a.rows_per_block;
    const std::int64_t end = first + a.rows_per_block < a.n ? first + a.rows_per_block : a.n;
    double sum = 0;
    for (std::int64_t i = first + t / columns; k < a.d && i < end; i += threads / columns)
      sum += static_cast<double>(a.samples[i * a.d + k]);
    memory[t] = sum;
    team.sync();
    if (t >= columns || k >= a.d) return;
    for (int row = 1; row < threads / columns; ++row) sum += memory[row * columns + column];
    a.partial[team.block().y * a.d + k] = sum;
  }
};

// mean[k] = sum_b partial[b][k] / n.
struct FinishMean {
  static constexpr int threads = 128, blocks_per_unit = 1;
  struct Arguments {
    const double* partial;
    std::int64_t blocks, n, d;
    double* mean;
  };
  template <class Team>
  SYMKERNEL_HD void operator()(Team& team, const Arguments& a) const {
    const std::int64_t k = team.block().x * threads + team.thread();
    if (k >= a.d) return;
    double sum = 0;
    for (std::int64_t b = 0; b < a.blocks; ++b) sum += a.partial[b * a.d + k];
    a.mean[k] = sum / static_cast<double>(a.n);
  }
};

// to = from times the basis of the action's blocks, (d, d).
struct TurnMean {
  static constexpr int threads = 128, blocks_per_unit = 1;
  struct Arguments {
    const double *from, *basis;
    std::int64_t d;
    double* to;
  };
  template <class Team>
  SYMKERNEL_HD void operator()(Team& team, const Arguments& a) const {
    const std::int64_t c = team.block().x * threads + team.thread();
    if (c >= a.d) return;
    double sum = 0;
    for (std::int64_t k = 0; k < a.d; ++k) sum += a.from[k] * a.basis[k * a.d + c];
    a.to[c] = sum;
  }
};

// center = mean over g of g mean, the part that the group fixes; a block for every feature.
struct FixedPart {
  static constexpr int threads = 128, blocks_per_unit = 4;
  static constexpr std::int64_t shared_bytes = threads * sizeof(double);
  struct Arguments {
    Elements<double> g;
    const double* mean;
    double* center;
  };
  template <class Team>
  SYMKERNEL_HD void operator()(Team& team, const Arguments& a) const {
    double* memory = reinterpret_cast<double*>(team.shared());
    const std::int64_t k = team.block().x;
    double sum = 0;
    for (std::int64_t e = team.thread(); e < a.g.order; e += threads)
      sum += acted(a.g, e, a.mean, k);
    sum = block_sum<threads>(team, sum, memory);
    if (team.thread() == 0) {
      const std::int64_t feature = a.g.kind == ActionKind::points ? a.g.layout[k] : k;
      a.center[feature] = sum / static_cast<double>(a.g.order);
    }
  }
};

// ---- rows ----

// Rows, squared norms and weights: rows shifted to the center, or of unit length, or as they are.
template <class T>
struct PrepareRows {
  static constexpr int threads = 256, blocks_per_unit = 4, lanes = 32, rows = threads / lanes;
  static constexpr std::int64_t shared_bytes = threads * sizeof(double);
  struct Arguments {
    const T* samples;
    std::int64_t n, d, padded;
    const double *basis, *center;  // null where there is none
    double self, constant;
    bool unit_rows;
    int power;
    T *turned, *rows;  // null where samples serve as they are
    T *bias, *weight;  // (padded); weight null without a power
    double* inverse_norm;
  };
  template <class Team>
  SYMKERNEL_HD void operator()(Team& team, const Arguments& a) const {
    double* memory = reinterpret_cast<double*>(team.shared());
    const int lane = team.thread() % lanes;
    const std::int64_t i = team.block().x * rows + team.thread() / lanes;
    const bool valid = i < a.n;
    const std::int64_t at = valid ? i * a.d : 0;
    const std::int64_t d = valid ? a.d : 0;
    if (a.basis != nullptr) {
      for (std::int64_t c = lane; c < d; c += lanes) {
        double sum = 0;
        for (std::int64_t k = 0; k < d; ++k)
          sum += static_cast<double>(a.samples[at + k]) * a.basis[k * d + c];
        a.turned[at + c] = static_cast<T>(sum);
      }
    }
    // every thread reads back only what it wrote itself
    const T* from = (a.basis != nullptr ? a.turned : a.samples) + at;
    double square = 0;
    for (std::int64_t k = lane; k < d; k += lanes) {
      double value = from[k];
      if (a.center != nullptr) value -= a.center[k];
      // the square must be that of the rounded row, or distances between equal rows are not 0
      if (a.rows != nullptr) {
        const T kept = static_cast<T>(value);
        a.rows[at + k] = kept;
        value = static_cast<double>(kept);
      }
      square += value * value;
    }
    square = lane_sum(team, square, memory);
    T bias = T(0), weight = T(0);
    if (valid) {
      if (a.unit_rows) {
        const double norm = ::sqrt(square);
        const double scale = norm > 0 ? 1.0 / norm : 0.0;
        for (std::int64_t k = lane; k < d; k += lanes)
          a.rows[at + k] = static_cast<T>(static_cast<double>(from[k]) * scale);
        if (lane == 0) a.inverse_norm[i] = scale;
        weight = static_cast<T>(::pow(norm, static_cast<double>(a.power)));
        square = 1.0;  // a zero row keeps it: its angle to everything is then pi/2
      }
      bias = static_cast<T>(static_cast<double>(static_cast<T>(a.self * square)) + a.constant);
    }
    if (lane != 0 || i >= a.padded) return;
    a.bias[i] = bias;
    if (a.weight != nullptr) a.weight[i] = weight;
  }

 private:
  // The sum over the threads of a row, for all of them.
  template <class Team>
  static SYMKERNEL_HD double lane_sum(Team& team, double value, double* memory) {
    const int t = team.thread();
    memory[t] = value;
    team.sync();
    for (int half = lanes / 2; half > 0; half /= 2) {
      if (t % lanes < half) memory[t] += memory[t + half];
      team.sync();
    }
    return memory[t - t % lanes];
  }
};

// panels[(p * depth + k) * width + l] = rows[p * width + l][layout[k]], zero beyond the samples;
// where depth is 2 d a negated copy follows.
template <class T>
struct PackPanels {
  static constexpr int threads = 256, blocks_per_unit = 4, tile = 32, pitch = tile + 1;
  static constexpr std::int64_t shared_bytes = tile * pitch * sizeof(T);
  struct Arguments {
    const T* rows;
    std::int64_t n, d;
    const std::int32_t* layout;  // null: features in their order
    std::int64_t width, depth;
    T* panels;
  };
  template <class Team>
  SYMKERNEL_HD void operator()(Team& team, const Arguments& a) const {
    T* memory = reinterpret_cast<T*>(team.shared());
    const std::int64_t i0 = team.block().x * tile, k0 = team.block().y * tile;
    const int fast = team.thread() % tile, slow = team.thread() / tile;
    const std::int64_t k = k0 + fast;
    const std::int64_t feature = k < a.d && a.layout != nullptr ? a.layout[k] : k;
    for (int row = slow; row < tile; row += threads / tile) {
      const std::int64_t i = i0 + row;
      memory[row * pitch + fast] = i < a.n && k < a.d ? a.rows[i * a.d + feature] : T(0);
    }
    team.sync();
    for (int row = slow; row < tile && k0 + row < a.d; row += threads / tile) {
      const std::int64_t i = i0 + fast;
      if (i >= round_up(a.n, a.width)) break;
      const T value = memory[fast * pitch + row];
      T* to = a.panels + (i / a.width * a.depth + k0 + row) * a.width + i % a.width;
      *to = value;
      if (a.depth > a.d) to[a.d * a.width] = -value;
    }
  }
};

// ---- one sample set ----

// The mean of the samples, (d).
template <class T, class Executor>
DeviceArray<double, Executor> find_mean(MatrixView<const T> samples, Executor& executor) {
  const std::int64_t n = samples.rows, d = samples.columns;
  std::int64_t blocks = ceil_div(n, 64), most = 4 * executor.units();
  if (blocks > most) blocks = most;
  const std::int64_t rows = ceil_div(n, blocks);
  blocks = ceil_div(n, rows);
  DeviceArray<double, Executor> partial(executor, blocks * d), mean(executor, d);
  executor.template launch<ColumnSums<T>>({ceil_div(d, ColumnSums<T>::columns), blocks},
                                          ColumnSums<T>::shared_bytes,
                                          {samples.data, n, d, rows, partial.data()});
  executor.template launch<FinishMean>({ceil_div(d, FinishMean::threads)}, 0,
                                       {partial.data(), blocks, n, d, mean.data()});
  return mean;
}

// Where samples are centred: the part of their mean that the group fixes. Subtracting it changes no
// distance |x - gy|, and squares cancel less.
template <class T, class Executor>
DeviceArray<double, Executor> find_center(MatrixView<const T> samples, const Elements<double>& g,
                                          const double* basis, Executor& executor) {
  const std::int64_t d = samples.columns;
  DeviceArray<double, Executor> mean = find_mean(samples, executor), center(executor, d);
  if (basis != nullptr) {
    DeviceArray<double, Executor> turned(executor, d);
    executor.template launch<TurnMean>({ceil_div(d, TurnMean::threads)}, 0,
                                       {mean.data(), basis, d, turned.data()});
    mean = std::move(turned);
  }
  executor.template launch<FixedPart>({d}, FixedPart::shared_bytes,
                                      {g, mean.data(), center.data()});
  return center;
}

// One sample set and the device memory behind it.
template <class T, class Executor>
class Prepared {
 public:
  Prepared() = default;
  struct How {
    const double* basis = nullptr;         // (d, d), device
    const double* center = nullptr;        // (d), device
    const std::int32_t* layout = nullptr;  // of panels, device
    std::int64_t width = 1;                // of panels
    bool negated_copy = false;
    double constant = 0;  // of the affine form, carried by one side
    bool packed = true;   // whether panels are made
  };

  Prepared(MatrixView<const T> samples, const symkernel::Producer& producer, const How& how,
           Executor& executor) {
    const std::int64_t n = samples.rows, d = samples.columns;
    const std::int64_t padded = round_up(n, how.width), depth = how.negated_copy ? 2 * d : d;
    const bool turned = how.basis != nullptr;
    const bool copy = producer.unit_rows || how.center != nullptr || turned;
    operand_.n = n;
    if (n == 0) return;
    bias_ = DeviceArray<T, Executor>(executor, padded);
    if (turned) turned_ = DeviceArray<T, Executor>(executor, n * d);
    if (copy) rows_ = DeviceArray<T, Executor>(executor, n * d);
    if (producer.unit_rows) inverse_norm_ = DeviceArray<double, Executor>(executor, n);
    if (producer.power > 0) weight_ = DeviceArray<T, Executor>(executor, padded);
    using Rows = PrepareRows<T>;
    executor.template launch<Rows>(
        {ceil_div(padded, Rows::rows)}, Rows::shared_bytes,
        {samples.data, n, d, padded, how.basis, how.center, producer.self, how.constant,
         producer.unit_rows, producer.power, turned_.data(), rows_.data(), bias_.data(),
         weight_.data(), inverse_norm_.data()});
    final_rows_ = copy ? rows_.data() : samples.data;
    if (how.packed) {
      panels_ = DeviceArray<T, Executor>(executor, padded * depth);
      using Panels = PackPanels<T>;
      executor.template launch<Panels>(
          {ceil_div(padded, Panels::tile), ceil_div(d, Panels::tile)}, Panels::shared_bytes,
          {final_rows_, n, d, how.layout, how.width, depth, panels_.data()});
      operand_.panels = panels_.data();
    }
    operand_.bias = bias_.data();
    operand_.weight = weight_.data();
    operand_.inverse_norm = inverse_norm_.data();
    // Where rows are made unit rows, refinement wants them as they were, and their norms.
    operand_.rows = samples.data;
    if (turned) operand_.rows = turned_.data();
    if (copy && !producer.unit_rows) operand_.rows = rows_.data();
  }

  const Operand<T>& operand() const { return operand_; }
  // Rows whose inner products are wanted: shifted, of unit length, or as they are.
  const T* final_rows() const { return final_rows_; }

 private:
  Operand<T> operand_;
  const T* final_rows_ = nullptr;
  DeviceArray<T, Executor> rows_, turned_, panels_, bias_, weight_;
  DeviceArray<double, Executor> inverse_norm_;
};

}  // namespace gpu
}  // namespace symkernel
