// What the programs for shifts share: their arguments, near-coincident pairs from differences, and
// how the sums of a tile leave.
#pragma once

#include <cstdint>

#include "cuda/butterflies.hpp"
#include "cuda/refine.hpp"
#include "cuda/tile_job.hpp"

namespace symkernel {
namespace gpu {

template <class T>
struct ShiftArguments : TileArguments<T> {
  BlockTransform<T> transform;
  // A tile is of lanes x lanes pairs of samples: its columns are lanes, its rows come 2 pairs at a
  // time.
  int lanes = 1, lane_bits = 0, pairs = 1;
  const T *x = nullptr, *y = nullptr;  // spectra
  std::int64_t tile_count = 0;         // tiles; matvec: rows of tiles, times parts
  T* scratch = nullptr;                // value_numbers a block; null: values lie in shared memory

  SYMKERNEL_HD std::int64_t value_numbers() const {
    return static_cast<std::int64_t>(2) * transform.f.size * lanes * pairs;
  }
};

// sum_k (x_k - (gy)_k)^2 of samples i and j, for shift number e % size after map e / size.
template <class T>
SYMKERNEL_NOINLINE T shifted_square(const Job<T>& job, std::int64_t e, std::int64_t i,
                                    std::int64_t j) {
  const Elements<T>& g = job.g;
  const std::int32_t size = g.transform.size, last = g.grid_shape[g.grid_axes - 1];
  const std::int32_t* map = g.grid_maps + e / size * size;
  const std::int32_t shift = g.shifts[e % size], along = shift % last;
  const T *x = job.x.rows + i * g.d, *y = job.y.rows + j * g.d;
  T sum = T(0);
  for (std::int32_t p0 = 0; p0 < size; p0 += last) {
    const std::int32_t moved = grid_sum(g, p0, shift) - along;
    for (std::int32_t p = 0; p < last; ++p) {
      const std::int32_t q = map[moved + (p + along < last ? p + along : p + along - last)];
      for (std::int64_t c = 0; c < g.d; c += size) {
        const T difference = x[g.grid_features[c + p0 + p]] - y[g.grid_features[c + q]];
        sum = fma(difference, difference, sum);
      }
    }
  }
  return sum;
}

// A tile's sums in shared memory, [plane][row][column], rows one number apart. Threads: of a block.
template <class T, int Threads, int Count>
struct ShiftTile {
  static SYMKERNEL_HD std::int64_t numbers(int lanes) {
    return round_up(static_cast<std::int64_t>(Count) * lanes * (lanes + 1), pack_size<T>);
  }

  // The tiles of a block, one after the other: compute(p, q) leaves the sums of each in `tile`.
  template <class Team, class Compute>
  static SYMKERNEL_INLINE void each(Team& team, const ShiftArguments<T>& a, T* tile,
                                    const Compute& compute) {
    const bool matvec = a.job.output == Output::matvec;
    const std::int64_t parts = matvec ? ceil_div(a.tiles.column_tiles, a.columns_per_block) : 1;
    SYMKERNEL_UNROLL_BY(1)
    for (std::int64_t at = team.block().x; at < a.tile_count; at += team.blocks().x) {
      std::int64_t p = at / parts, first = at % parts * a.columns_per_block;
      if (!matvec && !a.tiles.find(at, p, first)) continue;
      std::int64_t end = first + (matvec ? a.columns_per_block : 1);
      if (end > a.tiles.column_tiles) end = a.tiles.column_tiles;
      SYMKERNEL_UNROLL_BY(1)
      for (std::int64_t q = first; q < end; ++q) {
        compute(p, q);
        if (matvec) {
          multiply(team, a, p, q, q > first, tile,
                   a.sink.k + at % parts * a.sink.n * a.sink.columns);
        } else {
          write(team, a, p, q, tile);
        }
      }
    }
  }

 private:
  // The tile to k and dk, where y is x entries on and above the diagonal and their mirror images.
  template <class Team>
  static SYMKERNEL_INLINE void write(Team& team, const ShiftArguments<T>& a, std::int64_t p,
                                     std::int64_t q, T* tile) {
    const SinkArguments<T>& sink = a.sink;
    const int lanes = a.lanes, bits = a.lane_bits, pitch = lanes + 1, within = lanes - 1;
    const std::int64_t i0 = p * lanes, j0 = q * lanes;
    for (int c = 0; c < Count; ++c) {
      if (c > sink.derivatives) break;
      T* out = c == 0 ? sink.k : sink.dk + c - 1;
      const std::int64_t step = c == 0 ? 1 : sink.derivatives;
      T* plane = tile + c * lanes * pitch;
      for (int at = team.thread(); at < lanes * lanes; at += Threads) {
        const int row = at >> bits, column = at & within;
        const std::int64_t i = i0 + row, j = j0 + column;
        if (i >= sink.n || j >= sink.m || (sink.symmetric && j < i)) continue;
        T* entry = plane + row * pitch + column;
        out[(i * sink.m + j) * step] = *entry = *entry * pair_scale(sink, i, j);
      }
      team.sync();
      for (int at = team.thread(); sink.symmetric && at < lanes * lanes; at += Threads) {
        const int row = at & within, column = at >> bits;
        const std::int64_t i = i0 + row, j = j0 + column;
        if (i < j && j < sink.m) out[(j * sink.m + i) * step] = plane[row * pitch + column];
      }
    }
    team.sync();
  }

  // out[i][c] (+)= sum_j k[i][j] v[j][c] for the rows of the tile.
  template <class Team>
  static SYMKERNEL_INLINE void multiply(Team& team, const ShiftArguments<T>& a, std::int64_t p,
                                        std::int64_t q, bool later, const T* tile, T* out) {
    const SinkArguments<T>& sink = a.sink;
    const std::int64_t i0 = p * a.lanes, j0 = q * a.lanes;
    const std::int64_t rows = sink.n - i0 < a.lanes ? sink.n - i0 : a.lanes;
    const int count = static_cast<int>(sink.m - j0 < a.lanes ? sink.m - j0 : a.lanes);
    for (std::int64_t at = team.thread(); at < rows * sink.columns; at += Threads) {
      const std::int64_t row = at / sink.columns, c = at % sink.columns, i = i0 + row;
      const T* k = tile + row * (a.lanes + 1);
      T sum = T(0);
      for (int j = 0; j < count; ++j)
        sum = fma(k[j] * pair_scale(sink, i, j0 + j), sink.v[(j0 + j) * sink.columns + c], sum);
      T* to = out + i * sink.columns + c;
      *to = later ? *to + sum : sum;
    }
    team.sync();
  }
};

}  // namespace gpu
}  // namespace symkernel
