// What programs of closed forms share: their arguments, the tile in work, and its pairs as the
// forms of symkernel/forms see them.
#pragma once

#include <cstdint>

#include "cuda/form_points.hpp"
#include "cuda/sinks.hpp"
#include "symkernel/decide/exponents.hpp"

namespace symkernel {
namespace gpu {

template <class T>
using FormShape = Shape<T, 1, 1>;
static_assert(form_width == FormShape<double>::rows, "panels are as wide as tiles");

enum class FormMode { tiles, matvec, diagonal };

template <class T>
struct FormArguments {
  PairForm form = PairForm::none;
  FormMode mode = FormMode::tiles;
  Operand<T> x, y;  // panels of form_width samples
  std::int64_t d = 0, n_points = 0, n_blocks = 0, n_row_permutations = 1;
  const PointBlock* blocks = nullptr;
  const std::int32_t* sources = nullptr;  // (n_row_permutations, n_points), see PairOfPoints
  bool resident = false;                  // points lie in shared memory
  std::int64_t n_rates = 0, planes = 1;
  const T *rates = nullptr, *values = nullptr, *slopes = nullptr;
  const T *x_bounds = nullptr, *y_bounds = nullptr;  // the largest bias of every panel
  TileGrid tiles;
  SinkArguments<T> sink;
  std::int64_t columns_per_block = 0;  // matvec
};

// The largest squared norm of every panel.
template <class T>
struct PanelBounds {
  static constexpr int threads = 128, blocks_per_unit = 4;
  struct Arguments {
    const T* bias;
    std::int64_t n;
    T* bounds;
  };
  template <class Team>
  SYMKERNEL_HD void operator()(Team& team, const Arguments& a) const {
    const std::int64_t p = team.block().x * threads + team.thread();
    if (p * form_width >= a.n) return;
    T most = T(0);
    for (std::int64_t i = p * form_width; i < a.n && i < (p + 1) * form_width; ++i)
      most = at_least(most, a.bias[i]);
    a.bounds[p] = most;
  }
};

// What a thread knows of the tile in work.
template <class T>
struct FormTile {
  std::int64_t p = 0, q = 0;
  int row = 0, column = 0;  // its pair
  bool active = true;
  const T *x = nullptr, *y = nullptr;  // panels
  T *x_shared = nullptr, *y_shared = nullptr;
  const std::int32_t* sources = nullptr;
  char* own = nullptr;  // shared memory of the form
  int loaded = -1;      // what lies there

  SYMKERNEL_INLINE std::int64_t i() const { return p * form_width + row; }
  SYMKERNEL_INLINE std::int64_t j() const { return q * form_width + column; }

  template <int D>
  SYMKERNEL_INLINE PairOfPoints<T, D, true> shared_points() const {
    constexpr int pitch = point_pitch<D>;
    return {x_shared + row * pitch, y_shared + column * pitch, nullptr};
  }
  template <int D>
  SYMKERNEL_INLINE PairOfPoints<T, D, false> global_points() const {
    return {x + row, y + column, sources};
  }
};

template <class T>
using FormSums = T[max_form_planes];

// F and D = t F' at rate m, added to the planes of the output.
template <bool Slopes, class T>
SYMKERNEL_INLINE void add_planes(const FormArguments<T>& a, std::int64_t m, T value, T slope,
                                 FormSums<T>& sums) {
  SYMKERNEL_UNROLL
  for (int c = 0; c < max_form_planes; ++c) {
    if (c >= a.planes) break;
    const std::int64_t k = c * a.n_rates + m;
    sums[c] = fma(a.values[k], value, sums[c]);
    if constexpr (Slopes) sums[c] = fma(a.slopes[k], slope, sums[c]);
  }
}

// M = X^T (sY) of block `block`, row by row.
template <int D, class T>
SYMKERNEL_INLINE void pair_matrix(const FormArguments<T>& a, const FormTile<T>& tile,
                                  const PointBlock& block, T (&m)[D * D]) {
  if (a.resident) {
    inner_products(tile.template shared_points<D>(), block, m);
  } else {
    inner_products(tile.template global_points<D>(), block, m);
  }
}

// Rate number m in the tile in work.
template <class T>
SYMKERNEL_INLINE FormRate<T> tile_rate(const FormArguments<T>& a, const FormTile<T>& tile,
                                       std::int64_t m) {
  const TileNorms norms = {static_cast<double>(a.x_bounds[tile.p]),
                           static_cast<double>(a.y_bounds[tile.q])};
  return norms.rate(a.rates[m], a.n_rates);
}

// ---- pairs as forms see them (symkernel/forms/sphere.hpp) ----

// The pair of a thread. Points of dimension D; 0 for none.
template <class T, int D, bool OneBlock>
struct TilePair {
  const FormArguments<T>& a;
  const FormTile<T>& tile;
  mutable T entries[D > 0 ? D * D : 1];  // the M that was asked for last, in registers

  SYMKERNEL_INLINE TilePair(const FormArguments<T>& arguments, const FormTile<T>& own)
      : a(arguments), tile(own) {
    if constexpr (D > 0) {
      if (OneBlock || a.n_blocks == 1) pair_matrix<D>(a, tile, a.blocks[0], entries);
    }
  }
  // (read when they are wanted: registers are scarce)
  SYMKERNEL_INLINE T x2() const { return a.x.bias[tile.i()]; }
  SYMKERNEL_INLINE T y2() const { return a.y.bias[tile.j()]; }
  SYMKERNEL_INLINE std::int64_t blocks() const { return OneBlock ? 1 : a.n_blocks; }
  template <int Entries>
  SYMKERNEL_INLINE void matrix(std::int64_t n, T (&m)[Entries]) const {
    if (!OneBlock && a.n_blocks > 1) pair_matrix<D>(a, tile, a.blocks[n], entries);
    SYMKERNEL_UNROLL
    for (int e = 0; e < Entries; ++e) m[e] = entries[e];
  }
};

// The same for differences, with its points.
template <class T, int D, bool Shared>
struct CloudPair {
  PairOfPoints<T, D, Shared> points;
  const PointBlock* list;
  std::int64_t n_blocks;

  SYMKERNEL_INLINE std::int64_t blocks() const { return n_blocks; }
  SYMKERNEL_INLINE void matrix(std::int64_t n, T (&m)[D * D]) const {
    inner_products(points, list[n], m);
  }
  template <int, class Visit>
  SYMKERNEL_INLINE void visit(std::int64_t n, Visit f) const {
    const std::int64_t end = list[n].first_point + list[n].points;
    SYMKERNEL_UNROLL_BY(1)
    for (std::int64_t point = list[n].first_point; point < end; ++point) {
      T x[D], y[D];
      points.load(point, x, y);
      f(x, y);
    }
  }
};
template <class T>
struct NormPair {
  T x_square, y_square;
  SYMKERNEL_INLINE T x2() const { return x_square; }
  SYMKERNEL_INLINE T y2() const { return y_square; }
};

// A form where exponents are large, of which there is then one rate: false where they are not.
template <bool Slopes, class T, class Form>
SYMKERNEL_INLINE bool add_differences(const FormArguments<T>& a, const Form& form,
                                      const FormTile<T>& tile, FormSums<T>& sums) {
  constexpr int D = Form::dimension;
  if constexpr (sizeof(T) == 4) return false;
  const FormRate<T> rate = tile_rate(a, tile, 0);
  if (!rate.large) return false;
  T value, slope = T(0);
  if constexpr (D == 0) {
    const NormPair<T> pair = {a.x.bias[tile.i()], a.y.bias[tile.j()]};
    value = form.from_differences(pair, rate, Slopes, slope);
  } else if (a.resident) {
    const CloudPair<T, D, true> pair = {tile.template shared_points<D>(), a.blocks, a.n_blocks};
    value = form.from_differences(pair, rate, Slopes, slope);
  } else {
    const CloudPair<T, D, false> pair = {tile.template global_points<D>(), a.blocks, a.n_blocks};
    value = form.from_differences(pair, rate, Slopes, slope);
  }
  add_planes<Slopes>(a, 0, value, slope, sums);
  return true;
}

// Rate number m of a form elsewhere, added to the planes of the output.
template <bool Slopes, class T, class Form, class Pair>
SYMKERNEL_INLINE void add_rate(const FormArguments<T>& a, const Form& form, const Pair& pair,
                               std::int64_t m, FormSums<T>& sums) {
  T slope = T(0);
  const T value = form.value(pair, plain_rate(a.rates[m]), Slopes, slope);
  add_planes<Slopes>(a, m, value, slope, sums);
}

}  // namespace gpu
}  // namespace symkernel
