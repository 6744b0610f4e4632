// Sums over 16 to 64 shifts of the commonest kernel in single precision: a thread computes all
// correlations of two samples of x with one of y in its own registers (register_transform.hpp), 128
// for 64 shifts, and nothing passes through memory between spectra and sums. A warp has 32 samples
// of y and the same two of x, whose spectrum is read once for all of its threads.
//
// Instructions of a thread for 64 shifts and two pairs: 256 for the product and 112 loads, 1028 in
// the transform, and for each of 128 elements one multiply-add with the norms, one comparison, one
// exponential, which has a unit of its own, and one addition: 1900, 15 per element.
#pragma once

#include <cstdint>

#include "cuda/kernel_maps.hpp"
#include "cuda/register_transform.hpp"
#include "cuda/shift_tiles.hpp"

namespace symkernel {
namespace gpu {

template <class T, class Transform>
struct RegisterShiftSum {
  // 255 registers a thread, so that loads come long before their use; butterflies beside each
  // other keep the units busy with eight warps
  static constexpr int threads = 128, blocks_per_unit = 2;
  static constexpr int size = Transform::size, lanes = 32, pairs = lanes / 2;
  using Arguments = ShiftArguments<T>;
  using Tile = ShiftTile<T, threads, 1>;
  static constexpr int at_a_time = Transform::R2;
  using Values = ComplexLanes<T>[at_a_time];

  // The sums of a tile, the spectra of its samples, and the order of those of y.
  static std::int64_t shared_numbers(const Arguments& a) {
    return Tile::numbers(lanes) + a.job.g.channels * 2 * size * (lanes + pairs) + size;
  }

  template <class Team>
  SYMKERNEL_HD void operator()(Team& team, const Arguments& a) const {
    T* tile = reinterpret_cast<T*>(team.shared());
    Tile::each(team, a, tile, [&](std::int64_t p, std::int64_t q) { run(team, a, p, q, tile); });
  }

 private:
  template <class Team>
  static SYMKERNEL_INLINE void copy(Team& team, T* to, const T* from, std::int64_t count) {
    for (std::int64_t at = team.thread() * pack_size<T>; at < count; at += threads * pack_size<T>)
      team.copy_async(to + at, from + at);
  }

  template <class Team>
  static SYMKERNEL_INLINE void run(Team& team, const Arguments& a, std::int64_t p, std::int64_t q,
                                   T* tile) {
    const int channels = static_cast<int>(a.job.g.channels), lane = team.thread() % lanes;
    T* x = tile + Tile::numbers(lanes);
    T* y = x + 2 * size * channels * pairs;
    auto* rows = reinterpret_cast<std::int32_t*>(y + 2 * size * channels * lanes);
    copy(team, x, a.x + p * (2 * size * channels * pairs), 2 * size * channels * pairs);
    copy(team, y, a.y + q * (2 * size * channels * lanes), 2 * size * channels * lanes);
    team.commit();
    team.wait();
    const T by = a.job.y.bias[q * lanes + lane];
    SYMKERNEL_UNROLL_BY(1)
    for (std::int64_t h = 0; h < a.job.g.n_maps; ++h) {
      for (int k = team.thread(); k < size; k += threads)
        rows[k] = a.job.g.spectral_rows[h * size + k] * (2 * lanes);
      team.sync();
      SYMKERNEL_UNROLL_BY(1)
      for (int pair = team.thread() / lanes; pair < pairs; pair += threads / lanes) {
        const std::int64_t i = p * lanes + 2 * pair;
        ComplexLanes<T> z[size];
        product(x + pair * (2 * size * channels), y + 2 * lane, rows, channels, z);
        const T b[2] = {a.job.x.bias[i] + by, a.job.x.bias[i + 1] + by};
        T sum[2] = {T(0), T(0)};
        Transform::apply(z, [&](int first, Values& values) SYMKERNEL_LAMBDA {
          add(a, h * size + first, i, q * lanes + lane, b, values, sum);
        });
        T* to = tile + 2 * pair * (lanes + 1) + lane;
        to[0] = h == 0 ? sum[0] : to[0] + sum[0];
        to[lanes + 1] = h == 0 ? sum[1] : to[lanes + 1] + sum[1];
      }
      team.sync();  // the order of another map
    }
  }

  // sum over channels of C_k conj(Y_rows[k])
  static SYMKERNEL_INLINE void product(const T* x, const T* y, const std::int32_t* rows,
                                       int channels, ComplexLanes<T> (&z)[size]) {
    SYMKERNEL_UNROLL
    for (int k = 0; k < size; ++k) z[k] = {T(0), T(0)};
    SYMKERNEL_UNROLL_BY(1)
    for (int c = 0; c < channels; ++c, x += 2 * size, y += 2 * size * lanes) {
      SYMKERNEL_UNROLL
      for (int k = 0; k < size; k += 4) {
        const auto at = load_pack<4>(rows + k);
        SYMKERNEL_UNROLL
        for (int l = 0; l < 4; ++l) {
          const ComplexLanes<T> u = load_value(x + 2 * (k + l)), v = load_value(y + at.v[l]);
          ComplexLanes<T>& sum = z[k + l];
          sum.re = fma(u.im, v.im, fma(u.re, v.re, sum.re));
          sum.im = fma(-u.re, v.im, fma(u.im, v.re, sum.im));
        }
      }
    }
  }

  // Elements e, e + 1, ... added to the sums of both samples of x.
  static SYMKERNEL_INLINE void add(const Arguments& a, std::int64_t e, std::int64_t i,
                                   std::int64_t j, const T (&b)[2], const Values& z, T (&sum)[2]) {
    // RefineRule::wants, of a kernel that has no antipodes
    T most[2] = {z[0].re, z[0].im}, forms[2 * at_a_time];
    SYMKERNEL_UNROLL
    for (int k = 0; k < at_a_time; ++k) {
      most[0] = static_cast<T>(::fmax(z[k].re, most[0]));
      most[1] = static_cast<T>(::fmax(z[k].im, most[1]));
      forms[2 * k] = fma(a.factor, z[k].re, b[0]);
      forms[2 * k + 1] = fma(a.factor, z[k].im, b[1]);
    }
    if (most[0] > fma(a.refine.slope, b[0], a.refine.offset) ||
        most[1] > fma(a.refine.slope, b[1], a.refine.offset)) {
      T memory[2 * at_a_time];  // registers cannot be indexed
      SYMKERNEL_UNROLL
      for (int k = 0; k < 2 * at_a_time; ++k) memory[k] = forms[k];
      refine(a, e, i, j, b[0], b[1], memory);
      SYMKERNEL_UNROLL
      for (int k = 0; k < 2 * at_a_time; ++k) forms[k] = memory[k];
    }
    const Rbf<T> kernel(a.job.parameters);
    SYMKERNEL_UNROLL
    for (int k = 0; k < 2 * at_a_time; ++k) sum[k % 2] += kernel.value(forms[k]);
  }

  // Affine forms that cancel: few of them.
  static SYMKERNEL_NOINLINE void refine(const Arguments& a, std::int64_t e, std::int64_t i,
                                        std::int64_t j, T b0, T b1, T* forms) {
    if (j >= a.job.y.n) return;
    const T inverse = T(1) / a.factor;
    for (int at = 0; at < 2 * at_a_time; ++at) {
      const T b = at % 2 == 0 ? b0 : b1;
      if (i + at % 2 < a.job.x.n && a.refine.wants((forms[at] - b) * inverse, b, forms[at]))
        forms[at] = static_cast<T>(a.job.self) * shifted_square(a.job, e + at / 2, i + at % 2, j);
    }
  }
};

}  // namespace gpu
}  // namespace symkernel
