// One sample of x against the lanes of a vector of samples of y, as closed forms see a pair
// (symkernel/forms/sphere.hpp).
#pragma once

#include "engine/engine.hpp"
#include "engine/tile_product.hpp"
#include "symkernel/forms/octahedral.hpp"

SYMKERNEL_BEGIN_NAMESPACE

template <class T>
struct LanePair {
  using S = TileShape<T>;
  using V = typename S::V;

  V x_square, y_square;
  const Elements<T>& g;
  const T *x, *y;            // feature k: x[k * mr], and lanes at y + k * nr
  const T* entries;          // M of all blocks, entry e at e * nr
  const std::int32_t* rows;  // the row permutation

  SYMKERNEL_INLINE V x2() const { return x_square; }
  SYMKERNEL_INLINE V y2() const { return y_square; }
  SYMKERNEL_INLINE std::int64_t blocks() const { return g.n_blocks; }

  template <int Entries>
  SYMKERNEL_INLINE void matrix(std::int64_t n, V (&m)[Entries]) const {
    const T* from = n == 0 ? entries : entries + g.blocks[n].entry * S::nr;
    SYMKERNEL_UNROLL
    for (int e = 0; e < Entries; ++e) m[e] = V::load(from + e * S::nr);
  }

  template <int D, class Visit>
  SYMKERNEL_INLINE void visit(std::int64_t n, Visit f) const {
    const PointBlock& block = g.blocks[n];
    for (std::int64_t point = 0; point < block.points; ++point) {
      const std::int64_t row = rows[block.first_point + point];
      V a[D], b[D];
      SYMKERNEL_UNROLL
      for (int k = 0; k < D; ++k) {
        a[k] = V(x[(block.feature + point * D + k) * S::mr]);
        b[k] = V::load(y + (block.feature + row * D + k) * S::nr);
      }
      f(a, b);
    }
  }

  // What octahedral forms take of either sample.
  OctahedralSide<V> x_side(T rate) const {
    return octahedral_side<V>(g.d, rate,
                              [&](std::int64_t k) SYMKERNEL_LAMBDA { return V(x[k * S::mr]); });
  }
  OctahedralSide<V> y_side(T rate) const {
    return octahedral_side<V>(
        g.d, rate, [&](std::int64_t k) SYMKERNEL_LAMBDA { return V::load(y + k * S::nr); });
  }
};

SYMKERNEL_END_NAMESPACE
