// Sums over the shifts of a grid: the products x . gy of a pair for all shifts are a circular
// cross-correlation, from spectra that are computed once per sample (spectra.hpp).
//
// What is cheapest on a card, for 64 shifts of 64 features and two pairs of samples, which share
// one complex transform (fourier.hpp):
//
//   element by element   8192 multiply-adds;
//   transforms           256 operations for the product, 832 in two passes of radix 8, 196 for
//                        twiddle factors: 1284 on the same units;
//   matrix units         circulant blocks are 8192 products again, three times that in TF32 for
//                        the accuracy of float32, at eight times the rate: 3072 as counted above.
//                        Passes as 16 x 16 real matrices take 4096, times three, at eight times
//                        the rate, and the twiddle factors remain.
//
// So transforms are computed, beside which the exponentials of 128 elements, on units of their own
// in float32, take as long as 1024 operations.
#pragma once

#include <cstdint>

#include "cuda/butterflies.hpp"
#include "cuda/kernel_maps.hpp"
#include "cuda/refine.hpp"
#include "cuda/spectra.hpp"
#include "cuda/tile_job.hpp"

namespace symkernel {
namespace gpu {

template <class T>
struct ShiftArguments : TileArguments<T> {
  BlockTransform<T> transform;
  // A tile is of lanes x lanes pairs of samples: its columns are lanes, its rows come 2 pairs at a
  // time.
  int lanes = 1, pairs = 1;
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

template <class T, template <class> class Maps, Planes P>
struct ShiftSum {
  static constexpr int threads = shift_threads, blocks_per_unit = sizeof(T) == 4 ? 2 : 1;
  static constexpr int planes = plane_count<T, P>;
  using Arguments = ShiftArguments<T>;

  // The sums of a tile, and the parts of a batch of pairs or what is to be transformed.
  static std::int64_t shared_numbers(const Arguments& a) {
    const std::int64_t partial = 2 * planes * threads;
    const std::int64_t values = a.scratch == nullptr ? a.value_numbers() : 0;
    return round_up(tile_numbers(a.lanes), 2) + (values > partial ? values : partial);
  }

  template <class Team>
  SYMKERNEL_HD void operator()(Team& team, const Arguments& a) const {
    const std::int64_t parts =
        a.job.output == Output::matvec ? ceil_div(a.tiles.column_tiles, a.columns_per_block) : 1;
    for (std::int64_t at = team.block().x; at < a.tile_count; at += team.blocks().x) {
      std::int64_t p = 0, q = 0;
      if (a.job.output != Output::matvec) {
        if (!a.tiles.find(at, p, q)) continue;
        run(team, a, p, q);
        write(team, a, p, q);
        continue;
      }
      p = at / parts;
      const std::int64_t part = at % parts, end = (part + 1) * a.columns_per_block;
      for (q = part * a.columns_per_block; q < end && q < a.tiles.column_tiles; ++q) {
        run(team, a, p, q);
        multiply(team, a, p, q, q > part * a.columns_per_block,
                 a.sink.k + part * a.sink.n * a.sink.columns);
      }
    }
  }

 private:
  // A thread's pair of samples against its sample of y.
  struct Pair {
    std::int64_t i, j;
    T bias[2];
  };
  using Sums = T[planes][2];

  static SYMKERNEL_HD std::int64_t tile_numbers(int lanes) {
    return static_cast<std::int64_t>(planes) * lanes * (lanes + 1);
  }
  static SYMKERNEL_INLINE T* tile_memory(char* shared) { return reinterpret_cast<T*>(shared); }

  // Sums of tile (p, q) into shared memory, [plane][row][column], rows one number apart.
  template <class Team>
  static SYMKERNEL_INLINE void run(Team& team, const Arguments& a, std::int64_t p, std::int64_t q) {
    const std::int64_t size = a.transform.f.size, channels = a.job.g.channels;
    T* tile = tile_memory(team.shared());
    T* memory = tile + round_up(tile_numbers(a.lanes), 2);
    const int groups = threads / a.lanes, group = team.thread() / a.lanes;
    Lane<T> lane;
    lane.lanes = a.lanes;
    lane.lane = team.thread() % a.lanes;
    lane.members = groups / a.pairs;
    lane.member = group % lane.members;
    const int pair = group / lane.members;
    lane.z = (a.scratch == nullptr ? memory : a.scratch + team.block().x * a.value_numbers()) +
             pair * (2 * size * a.lanes);
    SpectraOfLane<T> spectra;
    spectra.channels = static_cast<int>(channels);
    spectra.y = a.y + 2 * (q * channels * size * a.lanes + lane.lane);
    SYMKERNEL_UNROLL_BY(1)
    for (int row = 0; row < a.lanes; row += 2 * a.pairs) {
      const std::int64_t first = p * a.lanes + row;
      if (first >= a.job.x.n) break;
      Pair samples;
      samples.i = first + 2 * pair;
      samples.j = q * a.lanes + lane.lane;
      const T by = a.job.y.bias[samples.j];
      samples.bias[0] = a.job.x.bias[samples.i] + by;
      samples.bias[1] = a.job.x.bias[samples.i + 1] + by;
      spectra.x = a.x + (samples.i / 2) * (2 * channels * size);
      Sums sums;
      SYMKERNEL_UNROLL
      for (int c = 0; c < planes; ++c) sums[c][0] = sums[c][1] = T(0);
      SYMKERNEL_UNROLL_BY(1)
      for (std::int64_t h = 0; h < a.job.g.n_maps; ++h) {
        spectra.rows = a.job.g.spectral_rows + h * size;
        correlate_lanes(team, a.transform, spectra, lane);
        Maps<T>::with(a.job.kernel, a.job.parameters,
                      [&](const auto& kernel) { add(kernel, a, lane, samples, h * size, sums); });
        team.sync();  // correlations make room for the next ones
      }
      SYMKERNEL_UNROLL
      for (int c = 0; c < planes; ++c) {
        SYMKERNEL_UNROLL
        for (int s = 0; s < 2; ++s) memory[(c * 2 + s) * threads + team.thread()] = sums[c][s];
      }
      team.sync();
      gather(team, a, row, lane.members, memory, tile);
      team.sync();
    }
  }

  // The thread's share of the correlations, numbered from element e on.
  template <class Kernel>
  static SYMKERNEL_INLINE void add(const Kernel& kernel, const Arguments& a, const Lane<T>& lane,
                                   const Pair& samples, std::int64_t e, Sums& sums) {
    const int size = a.transform.f.size;
    SYMKERNEL_UNROLL_BY(4)
    for (int k = lane.member; k < size; k += lane.members) {
      const ComplexLanes<T> value = load_value(lane.at(k));
      const T t[2] = {value.re, value.im};
      SYMKERNEL_UNROLL
      for (int s = 0; s < 2; ++s) {
        const T b = samples.bias[s];
        T form = fma(a.factor, t[s], b);
        if (Maps<T>::cancels && a.refine.wants(t[s], b, form))
          form = refined(a, e + k, samples.i + s, samples.j, b, form);
        if constexpr (P == Planes::value) {
          sums[0][s] += kernel.value(form);
        } else {
          T d[max_gradients + 1];
          sums[0][s] += kernel.gradient(form, d);
          SYMKERNEL_UNROLL
          for (int c = 0; c < Kernel::n_gradients; ++c) sums[1 + c][s] += d[c];
        }
      }
    }
  }

  static SYMKERNEL_INLINE T refined(const Arguments& a, std::int64_t e, std::int64_t i,
                                    std::int64_t j, T b, T form) {
    if (i >= a.job.x.n || j >= a.job.y.n) return form;  // a panel's end
    if (Maps<T>::unit_rows && a.job.unit_rows) return refined_from_rows(a.job, e, i, j, b, form);
    return static_cast<T>(a.job.self) * shifted_square(a.job, e, i, j);
  }

  // The sums of a batch of pairs, from those of the threads.
  template <class Team>
  static SYMKERNEL_INLINE void gather(Team& team, const Arguments& a, int row, int members,
                                      const T* memory, T* tile) {
    const int count = 2 * planes * a.pairs * a.lanes;
    for (int at = team.thread(); at < count; at += threads) {
      const int lane = at % a.lanes, pair = at / a.lanes % a.pairs, c = at / (a.lanes * a.pairs);
      const T* from = memory + c * threads + pair * members * a.lanes + lane;
      T sum = T(0);
      for (int m = 0; m < members; ++m) sum += from[m * a.lanes];
      const int to = row + 2 * pair + c % 2;
      tile[(c / 2 * a.lanes + to) * (a.lanes + 1) + lane] = sum;
    }
  }

  // The tile to k and dk, where y is x entries on and above the diagonal and their mirror images.
  template <class Team>
  static SYMKERNEL_INLINE void write(Team& team, const Arguments& a, std::int64_t p,
                                     std::int64_t q) {
    const SinkArguments<T>& sink = a.sink;
    T* tile = tile_memory(team.shared());
    const int lanes = a.lanes, pitch = lanes + 1;
    const std::int64_t i0 = p * lanes, j0 = q * lanes;
    for (int c = 0; c < planes; ++c) {
      if (c > sink.derivatives) break;
      T* out = c == 0 ? sink.k : sink.dk + c - 1;
      const std::int64_t step = c == 0 ? 1 : sink.derivatives;
      T* plane = tile + c * lanes * pitch;
      for (int at = team.thread(); at < lanes * lanes; at += threads) {
        const std::int64_t i = i0 + at / lanes, j = j0 + at % lanes;
        if (i >= sink.n || j >= sink.m || (sink.symmetric && j < i)) continue;
        T* entry = plane + at / lanes * pitch + at % lanes;
        out[(i * sink.m + j) * step] = *entry = *entry * pair_scale(sink, i, j);
      }
      team.sync();
      for (int at = team.thread(); sink.symmetric && at < lanes * lanes; at += threads) {
        const std::int64_t i = i0 + at % lanes, j = j0 + at / lanes;
        if (i < j && j < sink.m)
          out[(j * sink.m + i) * step] = plane[at % lanes * pitch + at / lanes];
      }
    }
    team.sync();
  }

  // out[i][c] (+)= sum_j k[i][j] v[j][c] for the rows of the tile.
  template <class Team>
  static SYMKERNEL_INLINE void multiply(Team& team, const Arguments& a, std::int64_t p,
                                        std::int64_t q, bool later, T* out) {
    const SinkArguments<T>& sink = a.sink;
    const T* tile = tile_memory(team.shared());
    const std::int64_t i0 = p * a.lanes, j0 = q * a.lanes;
    const std::int64_t rows = sink.n - i0 < a.lanes ? sink.n - i0 : a.lanes;
    const int count = static_cast<int>(sink.m - j0 < a.lanes ? sink.m - j0 : a.lanes);
    for (std::int64_t at = team.thread(); at < rows * sink.columns; at += threads) {
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
