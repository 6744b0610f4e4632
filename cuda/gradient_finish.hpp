// The end of all gradients in x: parts added up in a fixed order, and gradients made of them at the
// rows as they were given.
#pragma once

#include <cstdint>

#include "cuda/executor.hpp"
#include "cuda/prepare.hpp"

namespace symkernel {
namespace gpu {

// Memory for partial sums: rows of x are taken in turns that fit.
constexpr std::int64_t gradient_budget = std::int64_t(256) << 20;

template <class T>
struct FinishGradientX {
  static constexpr int threads = 128, blocks_per_unit = 4;
  static constexpr std::int64_t shared_bytes = threads * sizeof(double);
  struct Arguments {
    Operand<T> x;
    std::int64_t d;
    double* sums;  // (parts, n, columns, d + 1); the last number is the multiple of x
    std::int64_t parts, columns;
    double factor;
    bool unit_rows;
    int power;
    const double* basis;  // (d, d) or null
    T* out;               // (n, columns, d)
  };

  template <class Team>
  SYMKERNEL_HD void operator()(Team& team, const Arguments& a) const {
    double* memory = reinterpret_cast<double*>(team.shared());
    const std::int64_t d = a.d, row = team.block().x, i = row / a.columns;
    const std::int64_t rows = a.x.n * a.columns;
    const T* x = a.x.rows + i * d;
    double* sums = a.sums + row * (d + 1);
    for (std::int64_t k = team.thread(); k <= d; k += threads) {
      for (std::int64_t s = 1; s < a.parts; ++s) sums[k] += a.sums[(s * rows + row) * (d + 1) + k];
    }
    team.sync();
    double radial = sums[d], scale = a.factor;
    double unit = 1.0;  // what x is multiplied by
    if (a.unit_rows) {
      // k = |x|^n k(x/|x|): the derivative of the second factor is orthogonal to x
      unit = a.x.inverse_norm[i];
      double along = 0;
      for (std::int64_t k = team.thread(); k < d; k += threads)
        along += sums[k] * static_cast<double>(x[k]) * unit;
      radial -= block_sum<threads>(team, along, memory);
      if (a.power == 0) scale *= unit;
      if (a.power == 2) scale *= unit > 0 ? 1.0 / unit : 0.0;
    }
    for (std::int64_t k = team.thread(); k < d; k += threads)
      sums[k] += radial * static_cast<double>(x[k]) * unit;
    team.sync();
    for (std::int64_t k = team.thread(); k < d; k += threads) {
      double value = a.basis == nullptr ? sums[k] : 0.0;
      for (std::int64_t c = 0; a.basis != nullptr && c < d; ++c)
        value += a.basis[k * d + c] * sums[c];
      a.out[row * d + k] = static_cast<T>(scale * value);
    }
  }
};

// Some rows of an operand.
template <class T>
Operand<T> operand_rows(const Operand<T>& all, std::int64_t first, std::int64_t count,
                        std::int64_t d) {
  Operand<T> part = all;
  part.n = count;
  part.rows = all.rows + first * d;
  if (all.inverse_norm != nullptr) part.inverse_norm = all.inverse_norm + first;
  if (all.bias != nullptr) part.bias = all.bias + first;
  if (all.weight != nullptr) part.weight = all.weight + first;
  return part;
}

// How rows of x and what they are summed over are cut: tiles of `side` rows, and parts enough to
// fill a device.
struct GradientCut {
  std::int64_t rows;  // at a time
  std::int64_t d, columns;

  GradientCut(std::int64_t n, std::int64_t d_, std::int64_t columns_, std::int64_t side)
      : rows(round_up(n, side)), d(d_), columns(columns_) {
    const std::int64_t most = gradient_budget / (numbers(side) * std::int64_t(sizeof(double)));
    if (rows > most * side) rows = (most > 1 ? most : 1) * side;
  }
  std::int64_t numbers(std::int64_t n) const { return n * columns * (d + 1); }
  // Parts of `steps` for n rows in `tiles` blocks each; no part is empty.
  std::int64_t parts(std::int64_t n, std::int64_t tiles, std::int64_t steps, int units,
                     std::int64_t& steps_per_part) const {
    const std::int64_t most = gradient_budget / (numbers(n) * std::int64_t(sizeof(double)));
    std::int64_t wanted = ceil_div(std::int64_t(4) * units, tiles);
    if (wanted > most) wanted = most;
    if (wanted > steps) wanted = steps;
    if (wanted < 1) wanted = 1;
    steps_per_part = ceil_div(steps, wanted);
    return ceil_div(steps, steps_per_part);
  }
};

}  // namespace gpu
}  // namespace symkernel
