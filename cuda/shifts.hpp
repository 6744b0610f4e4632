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
#include "cuda/shift_tiles.hpp"
#include "cuda/spectra.hpp"

namespace symkernel {
namespace gpu {

template <class T, template <class> class Maps, Planes P>
struct ShiftSum {
  static constexpr int threads = shift_threads;
  // two blocks at a time hide each other's barriers, where a thread can do with 128 registers
  static constexpr bool light = P == Planes::value && (sizeof(T) == 4 || !Maps<T>::unit_rows);
  static constexpr int blocks_per_unit = light ? 2 : 1;
  static constexpr int planes = plane_count<T, P>;
  using Arguments = ShiftArguments<T>;
  using Tile = ShiftTile<T, threads, planes>;

  // The sums of a tile, those of every thread, and what is to be transformed.
  static std::int64_t shared_numbers(const Arguments& a) {
    return Tile::numbers(a.lanes) + partial + (a.scratch == nullptr ? a.value_numbers() : 0);
  }

  template <class Team>
  SYMKERNEL_HD void operator()(Team& team, const Arguments& a) const {
    T* tile = reinterpret_cast<T*>(team.shared());
    Tile::each(team, a, tile, [&](std::int64_t p, std::int64_t q) { run(team, a, p, q, tile); });
  }

 private:
  static constexpr int partial = 2 * planes * threads;
  // A thread's pair of samples against its sample of y.
  struct Pair {
    std::int64_t i, j;
    T bias[2];

    SYMKERNEL_INLINE Pair(const Arguments& a, std::int64_t i_, std::int64_t j_) : i(i_), j(j_) {
      const T own = a.job.y.bias[j];
      bias[0] = a.job.x.bias[i] + own;
      bias[1] = a.job.x.bias[i + 1] + own;
    }
  };

  // Sums of tile (p, q) into shared memory.
  template <class Team>
  static SYMKERNEL_INLINE void run(Team& team, const Arguments& a, std::int64_t p, std::int64_t q,
                                   T* tile) {
    const std::int64_t size = a.transform.f.size, channels = a.job.g.channels;
    T *sums = tile + Tile::numbers(a.lanes), *memory = sums + partial;
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
      spectra.x = a.x + (first / 2 + pair) * (2 * channels * size);
      SYMKERNEL_UNROLL_BY(1)
      for (std::int64_t h = 0; h < a.job.g.n_maps; ++h) {
        spectra.rows = a.job.g.spectral_rows + h * size;
        correlate_lanes(team, a.transform, spectra, lane);
        const Pair samples(a, first + 2 * pair, q * a.lanes + lane.lane);
        Maps<T>::with(a.job.kernel, a.job.parameters, [&](const auto& kernel) {
          add(kernel, a, lane, samples, h, sums + team.thread());
        });
        team.sync();  // correlations make room for the next ones
      }
      gather(team, a, row, lane.members, sums, tile);
      team.sync();
    }
  }

  // The thread's share of the correlations after map h, added to its sums. (These wait in shared
  // memory: in registers they would be in the way of the transforms.)
  template <class Kernel>
  static SYMKERNEL_INLINE void add(const Kernel& kernel, const Arguments& a, const Lane<T>& lane,
                                   const Pair& samples, std::int64_t h, T* to) {
    const int size = a.transform.f.size;
    T sums[planes][2];
    SYMKERNEL_UNROLL
    for (int c = 0; c < planes; ++c) sums[c][0] = sums[c][1] = T(0);
    SYMKERNEL_UNROLL_BY(2)
    for (int k = lane.member; k < size; k += lane.members) {
      const ComplexLanes<T> value = load_value(lane.at(k));
      const T t[2] = {value.re, value.im};
      SYMKERNEL_UNROLL
      for (int s = 0; s < 2; ++s) {
        const T b = samples.bias[s];
        T form = fma(a.factor, t[s], b);
        if (Maps<T>::cancels && a.refine.wants(t[s], b, form))
          form = refined(a, h * size + k, samples.i + s, samples.j, b, form);
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
    SYMKERNEL_UNROLL
    for (int l = 0; l < 2 * planes; ++l) {
      T& sum = to[l * threads];
      sum = h == 0 ? sums[l / 2][l % 2] : sum + sums[l / 2][l % 2];
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
                                      const T* sums, T* tile) {
    const int count = 2 * planes * a.pairs * a.lanes;
    for (int at = team.thread(); at < count; at += threads) {
      const int lane = at % a.lanes, pair = at / a.lanes % a.pairs, c = at / (a.lanes * a.pairs);
      const T* from = sums + c * threads + pair * members * a.lanes + lane;
      T sum = T(0);
      for (int m = 0; m < members; ++m) sum += from[m * a.lanes];
      const int to = row + 2 * pair + c % 2;
      tile[(c / 2 * a.lanes + to) * (a.lanes + 1) + lane] = sum;
    }
  }
};

}  // namespace gpu
}  // namespace symkernel
