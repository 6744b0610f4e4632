// Spectra of samples for shift groups, in the orders of fourier.hpp: made once per request, n log n
// operations a sample.
#pragma once

#include <cstdint>

#include "cuda/butterflies.hpp"
#include "cuda/prepare.hpp"
#include "cuda/team.hpp"

namespace symkernel {
namespace gpu {

constexpr int shift_threads = 256;

// Transforms of `lanes` sequences a block. Of y every lane is a sample, and its spectrum goes to
// [panel][channel][k][lane]; of x a lane is a pair x1 + i x2 of neighbours, and goes to
// [pair][channel][k].
template <class T>
struct ShiftSpectra {
  static constexpr int threads = shift_threads, blocks_per_unit = 2;
  struct Arguments {
    BlockTransform<T> transform;
    const T* rows;
    std::int64_t n, d, channels;
    const std::int32_t* layout;  // feature that is read as number k, (channels, size)
    T scale;
    bool pairs;
    int lanes;
    T* scratch;  // 2 size lanes numbers a block; null: they fit into shared memory
    std::int64_t panels;
    T* out;
  };

  template <class Team>
  SYMKERNEL_HD void operator()(Team& team, const Arguments& a) const {
    const std::int64_t size = a.transform.f.size;
    Lane<T> lane;
    lane.z = a.scratch == nullptr ? reinterpret_cast<T*>(team.shared())
                                  : a.scratch + team.block().x * (2 * size * a.lanes);
    lane.lanes = a.lanes;
    lane.lane = team.thread() % a.lanes;
    lane.member = team.thread() / a.lanes;
    lane.members = threads / a.lanes;
    for (std::int64_t q = team.block().x; q < a.panels; q += team.blocks().x) {
      for (std::int64_t c = 0; c < a.channels; ++c) run(team, a, lane, q, c);
    }
  }

 private:
  template <class Team>
  static SYMKERNEL_INLINE void run(Team& team, const Arguments& a, const Lane<T>& lane,
                                   std::int64_t q, std::int64_t c) {
    const std::int64_t size = a.transform.f.size, item = q * a.lanes + lane.lane;
    const std::int64_t first = a.pairs ? 2 * item : item, second = first + 1;
    const bool has_first = first < a.n, has_second = a.pairs && second < a.n;
    for (std::int64_t k = lane.member; k < size; k += lane.members) {
      const std::int64_t feature = a.layout[c * size + k];
      // conjugate: the passes have the sign of the inverse transform
      store_value(lane.at(k), {has_first ? a.scale * a.rows[first * a.d + feature] : T(0),
                               has_second ? -(a.scale * a.rows[second * a.d + feature]) : T(0)});
    }
    team.sync();
    run_passes(team, a.transform, 0, lane);
    T* out = a.out + 2 * (a.pairs ? (item * a.channels + c) * size
                                  : (q * a.channels + c) * size * a.lanes + lane.lane);
    const std::int64_t step = a.pairs ? 2 : 2 * a.lanes;
    for (std::int64_t i = lane.member; i < size; i += lane.members) {
      const ComplexLanes<T> value = load_value(lane.at(i));
      store_value(out + a.transform.f.order[i] * step, {value.re, -value.im});
    }
    team.sync();  // values make room for the next ones
  }
};

// The part of a mean that shifts fix, and automorphisms of the grid do not change: every channel
// takes the mean of its points. A block for every channel.
struct ChannelMeans {
  static constexpr int threads = shift_threads, blocks_per_unit = 1;
  static constexpr std::int64_t shared_bytes = threads * sizeof(double);
  struct Arguments {
    const double* mean;
    const std::int32_t* layout;  // (channels, size)
    std::int64_t size;
    double* center;
  };
  template <class Team>
  SYMKERNEL_HD void operator()(Team& team, const Arguments& a) const {
    const std::int32_t* layout = a.layout + team.block().x * a.size;
    double sum = 0;
    for (std::int64_t p = team.thread(); p < a.size; p += threads) sum += a.mean[layout[p]];
    sum = block_sum<threads>(team, sum, reinterpret_cast<double*>(team.shared()));
    const double mean = sum / static_cast<double>(a.size);
    for (std::int64_t p = team.thread(); p < a.size; p += threads) a.center[layout[p]] = mean;
  }
};

}  // namespace gpu
}  // namespace symkernel
