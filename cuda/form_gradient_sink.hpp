// Where the derivatives of pairs go, 16 features at a time: weighted and added up over samples of y
// for gradients in x, or written as they are for length scales.
#pragma once

#include <cstdint>

#include "cuda/forms.hpp"

namespace symkernel {
namespace gpu {

template <class T>
struct SinkLayout {
  const std::int32_t* features = nullptr;  // feature number k of panels
  double* sums = nullptr;                  // (parts, rows, columns, d + 1), zero
  std::int64_t first_row = 0, rows = 0;    // of x
};

// Used by all threads of a block together, each with its own pair of the tile.
template <class T, bool Scales>
class FeatureSink {
 public:
  static constexpr int width = form_width;                           // features at a time
  static constexpr int pitch = form_width * form_width + 1;          // pairs of a tile
  static constexpr std::int64_t size = std::int64_t(width) * pitch;  // numbers of shared memory

  SYMKERNEL_INLINE FeatureSink(const SinkLayout<T>& layout, const FormArguments<T>& a,
                               const FormTile<T>& tile, T* memory, std::int64_t part)
      : layout_(layout), a_(a), memory_(memory) {
    own_ = tile.row * form_width + tile.column;
    i0_ = tile.p * form_width;
    sums_ = layout.sums + part * layout.rows * a.sink.columns * (a.d + 1);
  }

  SYMKERNEL_INLINE void begin(const FormTile<T>& tile) { j0_ = tile.q * form_width; }

  // Features come in the order of panels.
  template <class Team>
  SYMKERNEL_INLINE void add(Team& team, std::int64_t k, T value) {
    const int at = static_cast<int>(k % width);
    memory_[at * pitch + own_] = value;
    if (at == width - 1) flush(team, k - at, width);
  }
  // After the last of d features.
  template <class Team>
  SYMKERNEL_INLINE void finish(Team& team, std::int64_t d) {
    if (d % width != 0) flush(team, d - d % width, static_cast<int>(d % width));
  }

  // K of this thread's pair.
  SYMKERNEL_INLINE void write_value(T value) const {
    if constexpr (Scales) {
      const std::int64_t i = i0_ + own_ / form_width, j = j0_ + own_ % form_width;
      if (!is_wanted(i, j)) return;
      a_.sink.k[entry(i, j)] = value * a_.sink.mean;
      if (a_.tiles.symmetric) a_.sink.k[entry(j, i)] = value * a_.sink.mean;
    }
  }

 private:
  SYMKERNEL_INLINE bool is_wanted(std::int64_t i, std::int64_t j) const {
    if (i >= a_.sink.n || j >= a_.sink.m) return false;
    return a_.mode == FormMode::diagonal ? i == j : !a_.tiles.symmetric || i <= j;
  }
  SYMKERNEL_INLINE std::int64_t entry(std::int64_t i, std::int64_t j) const {
    return a_.mode == FormMode::diagonal ? i : i * a_.sink.m + j;
  }

  template <class Team>
  SYMKERNEL_NOINLINE void flush(Team& team, std::int64_t k0, int count) {
    team.sync();
    const int l = team.thread() % width, row = team.thread() / width;
    if (l < count) {
      const std::int64_t feature = layout_.features[k0 + l];
      if constexpr (Scales) {
        write(memory_ + l * pitch, row, feature);
      } else {
        add_up(memory_ + l * pitch + row * form_width, row, feature);
      }
    }
    team.sync();
  }

  // Row `row` of pairs: the share of 16 threads.
  SYMKERNEL_INLINE void write(const T* pairs, int row, std::int64_t feature) const {
    const std::int64_t i = i0_ + row;
    for (int column = 0; column < form_width; ++column) {
      const std::int64_t j = j0_ + column;
      if (!is_wanted(i, j)) continue;
      T& to = a_.sink.dk[entry(i, j) * a_.d + feature];
      to += pairs[row * form_width + column] * a_.sink.mean;
      if (a_.tiles.symmetric) a_.sink.dk[entry(j, i) * a_.d + feature] = to;
    }
  }

  SYMKERNEL_INLINE void add_up(const T* pairs, int row, std::int64_t feature) const {
    const std::int64_t i = i0_ + row - layout_.first_row, columns = a_.sink.columns;
    if (i >= layout_.rows) return;
    double* to = sums_ + i * columns * (a_.d + 1) + feature;
    if (a_.mode == FormMode::diagonal) {
      *to += static_cast<double>(pairs[row]);
      return;
    }
    const std::int64_t left = a_.sink.m - j0_;
    const int valid = left < form_width ? static_cast<int>(left) : form_width;
    const T* v = a_.sink.v + j0_ * columns;
    for (std::int64_t c = 0; c < columns; ++c) {
      T sum = T(0);
      for (int j = 0; j < valid; ++j) sum = fma(pairs[j], v[j * columns + c], sum);
      to[c * (a_.d + 1)] += static_cast<double>(sum);
    }
  }

  const SinkLayout<T>& layout_;
  const FormArguments<T>& a_;
  T* memory_;
  double* sums_ = nullptr;
  std::int64_t i0_ = 0, j0_ = 0;
  int own_ = 0;
};

}  // namespace gpu
}  // namespace symkernel
