// Transforms of fourier.hpp by the threads of a block: 2^k lanes are sequences of their own, and
// the members of a lane share its butterflies. Values stand lane by lane, real part beside
// imaginary part, so that the threads of a warp touch neighbouring pairs of numbers.
#pragma once

#include <cstdint>

#include "cuda/team.hpp"
#include "symkernel/fourier.hpp"

namespace symkernel {
namespace gpu {

// Division by a number that is known before the launch: a product and a shift for numerators whose
// product with the divisor is below 2^32.
struct Divider {
  std::uint32_t divisor = 1, inverse = 0;

  static Divider by(std::int64_t divisor, std::int64_t most) {
    Divider d;
    d.divisor = static_cast<std::uint32_t>(divisor);
    if (divisor > 1 && most < (std::int64_t(1) << 32) / divisor)
      d.inverse = static_cast<std::uint32_t>((std::int64_t(1) << 32) / divisor + 1);
    return d;
  }
  SYMKERNEL_INLINE int quotient(int a) const {
    const auto u = static_cast<std::uint32_t>(a);
    if (inverse == 0) return static_cast<int>(divisor == 1 ? u : u / divisor);
    return static_cast<int>((static_cast<std::uint64_t>(u) * inverse) >> 32);
  }
};

// What the host works out for a transform, beside the plan.
struct PassDividers {
  Divider length, blocks;
};

template <class T>
struct BlockTransform {
  FourierTransform<T> f;
  PassDividers passes[fourier_max_passes];
  // radix of the pass that reads spectra: 1 where that is a step of its own
  std::int32_t first_radix = 1;
};

template <class T>
BlockTransform<T> block_transform(const FourierTransform<T>& f) {
  BlockTransform<T> t;
  t.f = f;
  for (int i = 0; i < f.n_passes; ++i) {
    t.passes[i].length = Divider::by(f.passes[i].length, f.size);
    t.passes[i].blocks = Divider::by(f.passes[i].blocks, f.size);
  }
  if (f.passes[0].radix <= fourier_register_radix) t.first_radix = f.passes[0].radix;
  return t;
}

// A thread's lane of the values z, and its share of the butterflies: number `member` of `members`.
template <class T>
struct Lane {
  T* z;
  int lanes, lane, member, members;

  SYMKERNEL_INLINE T* at(std::int64_t k) const { return z + 2 * (k * lanes + lane); }
};

template <class T>
SYMKERNEL_INLINE ComplexLanes<T> load_value(const T* from) {
  const auto pair = load_pack<2>(from);
  return {pair.v[0], pair.v[1]};
}
template <class T>
SYMKERNEL_INLINE void store_value(T* to, ComplexLanes<T> a) {
#if defined(__CUDA_ARCH__)
  *reinterpret_cast<Pack<T, 2>*>(to) = {a.re, a.im};
#else
  to[0] = a.re;
  to[1] = a.im;
#endif
}

// One pass of radix R, in place.
template <int R, class T>
SYMKERNEL_INLINE void butterflies(const BlockTransform<T>& transform, int number,
                                  const Lane<T>& lane) {
  const FourierPass<T>& pass = transform.f.passes[number];
  const PassDividers& divide = transform.passes[number];
  const int length = pass.length, blocks = pass.blocks, count = transform.f.size / R;
  SYMKERNEL_UNROLL_BY(1)
  for (int j = lane.member; j < count; j += lane.members) {
    const int block = divide.length.quotient(j), u = j - block * length;
    T* at = lane.at(block * (R * length) + u);
    const int step = 2 * length * lane.lanes;
    ComplexLanes<T> z[R];
    SYMKERNEL_UNROLL
    for (int t = 0; t < R; ++t) z[t] = load_value(at + static_cast<std::int64_t>(t) * step);
    const int b = block - divide.blocks.quotient(block) * blocks;
    if (b != 0) {
      const T* w = pass.twiddles + b * (2 * (R - 1));
      SYMKERNEL_UNROLL
      for (int t = 1; t < R; ++t) z[t] = rotated(z[t], w + 2 * (t - 1));
    }
    SmallTransform<R>::apply(z);
    SYMKERNEL_UNROLL
    for (int t = 0; t < R; ++t) store_value(at + static_cast<std::int64_t>(t) * step, z[t]);
  }
}

template <class T>
SYMKERNEL_NOINLINE void odd_butterflies(const BlockTransform<T>& transform, int number,
                                        const Lane<T>& lane) {
  const FourierPass<T>& pass = transform.f.passes[number];
  const PassDividers& divide = transform.passes[number];
  const int radix = pass.radix, length = pass.length, count = transform.f.size / radix;
  for (int j = lane.member; j < count; j += lane.members) {
    const int block = divide.length.quotient(j), u = j - block * length;
    const int b = block - divide.blocks.quotient(block) * pass.blocks;
    const T* w = pass.twiddles + b * (2 * (radix - 1));
    T* at = lane.at(block * (radix * length) + u);
    const std::int64_t step = std::int64_t(2) * length * lane.lanes;
    const auto leg = [&](int t) {
      const ComplexLanes<T> a = load_value(at + t * step);
      return b == 0 || t == 0 ? a : rotated(a, w + 2 * (t - 1));
    };
    odd_butterfly<T>(radix, pass.roots, leg,
                     [&](int f, ComplexLanes<T> a) { store_value(at + f * step, a); });
  }
}

// Passes [first, n_passes), a barrier after each.
template <class Team, class T>
SYMKERNEL_NOINLINE void run_passes(Team& team, const BlockTransform<T>& transform, int first,
                                   const Lane<T>& lane) {
  SYMKERNEL_UNROLL_BY(1)
  for (int i = first; i < transform.f.n_passes; ++i) {
    switch (transform.f.passes[i].radix) {
      case 1:
        break;
      case 2:
        butterflies<2>(transform, i, lane);
        break;
      case 3:
        butterflies<3>(transform, i, lane);
        break;
      case 4:
        butterflies<4>(transform, i, lane);
        break;
      case 5:
        butterflies<5>(transform, i, lane);
        break;
      case 7:
        butterflies<7>(transform, i, lane);
        break;
      case 8:
        butterflies<8>(transform, i, lane);
        break;
      default:
        odd_butterflies(transform, i, lane);
    }
    team.sync();
  }
}

// ---- products of spectra -----------------------------------------------------------------------

// Spectra of a pair of samples of x, [channel][k], and of the lanes of y, [channel][k][lane], in
// the order in which the product reads them; rows: see FourierPlan::rows.
template <class T>
struct SpectraOfLane {
  const T *x, *y;
  const std::int32_t* rows;
  int channels;
};

// The product, and the first pass where its radix is R > 1: its legs are neighbours in the spectra.
template <int R, class T>
SYMKERNEL_INLINE void product_butterflies(const SpectraOfLane<T>& s, std::int64_t size,
                                          const Lane<T>& lane) {
  const int length = static_cast<int>(size) / R;
  const std::int64_t step = std::int64_t(2) * length * lane.lanes;
  SYMKERNEL_UNROLL_BY(1)
  for (int u = lane.member; u < length; u += lane.members) {
    // sum over channels of C_k conj(Y_rows[k]), the loads of all legs beside each other
    ComplexLanes<T> z[R];
    SYMKERNEL_UNROLL
    for (int t = 0; t < R; ++t) z[t] = {T(0), T(0)};
    const T *x = s.x + static_cast<std::int64_t>(2) * u * R, *y = s.y;
    SYMKERNEL_UNROLL_BY(1)
    for (int c = 0; c < s.channels; ++c, x += 2 * size, y += 2 * size * lane.lanes) {
      SYMKERNEL_UNROLL
      for (int t = 0; t < R; ++t) {
        const ComplexLanes<T> a = load_value(x + 2 * t);
        const ComplexLanes<T> b =
            load_value(y + static_cast<std::int64_t>(s.rows[u * R + t]) * (2 * lane.lanes));
        z[t].re = fma(a.im, b.im, fma(a.re, b.re, z[t].re));
        z[t].im = fma(-a.re, b.im, fma(a.im, b.re, z[t].im));
      }
    }
    SmallTransform<R>::apply(z);
    T* at = lane.at(u);
    SYMKERNEL_UNROLL
    for (int t = 0; t < R; ++t) store_value(at + t * step, z[t]);
  }
}

// All correlations of the lane's pair with its sample of y: number i stands at lane.at(i) after the
// barrier at the end.
template <class Team, class T>
SYMKERNEL_INLINE void correlate_lanes(Team& team, const BlockTransform<T>& transform,
                                      const SpectraOfLane<T>& s, const Lane<T>& lane) {
  const std::int64_t size = transform.f.size;
  switch (transform.first_radix) {
    case 2:
      product_butterflies<2>(s, size, lane);
      break;
    case 3:
      product_butterflies<3>(s, size, lane);
      break;
    case 4:
      product_butterflies<4>(s, size, lane);
      break;
    case 5:
      product_butterflies<5>(s, size, lane);
      break;
    case 7:
      product_butterflies<7>(s, size, lane);
      break;
    case 8:
      product_butterflies<8>(s, size, lane);
      break;
    default:
      product_butterflies<1>(s, size, lane);
  }
  team.sync();
  run_passes(team, transform, transform.first_radix > 1 ? 1 : 0, lane);
}

}  // namespace gpu
}  // namespace symkernel
