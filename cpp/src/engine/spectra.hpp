// Panels of spectra for shift groups: see fourier.hpp for their order.
#pragma once

#include "engine/engine.hpp"
#include "engine/tile_product.hpp"

SYMKERNEL_BEGIN_NAMESPACE

// Two sets of lanes (real and imaginary parts of the input), the transform's own scratch, and its
// result.
template <class T>
std::int64_t spectra_scratch(const Elements<T>& g) {
  using V = typename TileShape<T>::V;
  return 6 * V::width * static_cast<std::int64_t>(g.transform.size);
}

// Lane l of grid point k, read as number k of the plan's inputs, from sample sample(l).
template <class T, class Sample>
SYMKERNEL_INLINE void gather_lanes(const T* rows, std::int64_t n, const Elements<T>& g,
                                   std::int64_t channel, T scale, Sample sample, T* lanes) {
  using V = typename TileShape<T>::V;
  const std::int64_t size = g.transform.size;
  for (std::int64_t k = 0; k < size; ++k) {
    const std::int64_t feature = g.layout[channel * size + k];
    for (int l = 0; l < V::width; ++l) {
      const std::int64_t i = sample(l);
      lanes[k * V::width + l] = i >= 0 && i < n ? scale * rows[i * g.d + feature] : T(0);
    }
  }
}

// out[pair][channel][k]: re, im of the transform of x1 + i x2, for the mr / 2 pairs of a panel; the
// inverse transform's 1/n and the kernel's factor are in `scale`.
template <class T>
void pack_pair_spectra(const T* rows, std::int64_t n, const Elements<T>& g, double scale,
                       std::int64_t panel, T* out, T* scratch) {
  using S = TileShape<T>;
  using V = typename S::V;
  constexpr int pairs = S::mr / 2;
  static_assert(pairs <= V::width, "the pairs of a panel fit into one vector");
  const std::int64_t size = g.transform.size, lanes = size * V::width;
  const T factor = static_cast<T>(scale / static_cast<double>(size));
  T *re = scratch, *im = re + lanes, *z = im + lanes, *to = z + 2 * lanes;
  for (std::int64_t c = 0; c < g.channels; ++c) {
    const auto first = [panel](int l) -> std::int64_t {
      return l < pairs ? panel * S::mr + 2 * l : -1;
    };
    const auto second = [panel](int l) -> std::int64_t {
      return l < pairs ? panel * S::mr + 2 * l + 1 : -1;
    };
    gather_lanes(rows, n, g, c, factor, first, re);
    gather_lanes(rows, n, g, c, factor, second, im);
    spectrum<V>(g.transform, re, im, V::width, z, to);
    for (int pair = 0; pair < pairs; ++pair) {
      T* at = out + (pair * g.channels + c) * 2 * size;
      for (std::int64_t k = 0; k < size; ++k) {
        at[2 * k] = to[k * 2 * V::width + pair];
        at[2 * k + 1] = to[k * 2 * V::width + V::width + pair];
      }
    }
  }
}

// out[vector][channel][k]: re of the lanes, im of the lanes, for the nv vectors of a panel.
template <class T>
void pack_spectra(const T* rows, std::int64_t n, const Elements<T>& g, std::int64_t panel, T* out,
                  T* scratch) {
  using S = TileShape<T>;
  using V = typename S::V;
  const std::int64_t size = g.transform.size, lanes = size * V::width;
  for (int v = 0; v < S::nv; ++v) {
    const auto sample = [panel, v](int l) -> std::int64_t {
      return panel * S::nr + v * V::width + l;
    };
    for (std::int64_t c = 0; c < g.channels; ++c) {
      gather_lanes(rows, n, g, c, T(1), sample, scratch);
      spectrum<V>(g.transform, scratch, nullptr, V::width, scratch + lanes,
                  out + (v * g.channels + c) * 2 * lanes);
    }
  }
}

SYMKERNEL_END_NAMESPACE
