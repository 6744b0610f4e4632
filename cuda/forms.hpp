// Averages over compact and large finite groups by their closed forms, a thread for every pair:
// what cpp/src/engine/closed_forms.hpp is on the CPU. Sums over row permutations and over rates are
// taken in registers.
//
// A block takes 16 x 16 pairs. Points of its samples lie in shared memory, those of y in the order
// of the row permutation in work, so that inner products and differences read them in turn; clouds
// that do not fit are read from where they are.
#pragma once

#include <cstdint>
#include <type_traits>

#include "cuda/form_tile.hpp"
#include "symkernel/forms/octahedral.hpp"
#include "symkernel/forms/planar.hpp"
#include "symkernel/forms/rotation.hpp"
#include "symkernel/forms/sign_flips.hpp"
#include "symkernel/forms/sphere.hpp"

namespace symkernel {
namespace gpu {

// ---- SO(3), O(3)
// ---------------------------------------------------------------------------------

// Nuclear norms up to which each table of poles serves; the last one has no limit.
constexpr int fisher_table_count = 6;
SYMKERNEL_INLINE double fisher_table_bound(int table) {
  return table + 1 < fisher_table_count ? static_cast<double>(1 << table) : 1e300;
}

template <class T, bool Reflections, bool Slopes>
struct FisherPairs {
  using Form = RotationForm<T, Reflections>;
  using Average = typename Form::Average;
  static_assert(sizeof(Average) % vector_bytes == 0, "copied by vectors");
  static constexpr int dimension = 3;
  static constexpr int blocks_per_unit = sizeof(T) == 8 ? 1 : (Reflections ? 2 : 3);
  static constexpr std::int64_t own_bytes = sizeof(Average);
  struct State {
    const Average* averages;  // fisher_table_count of them
  };

  template <class Team>
  static SYMKERNEL_INLINE void add(Team& team, const FormArguments<T>& a, const State& state,
                                   FormTile<T>& tile, FormSums<T>& sums) {
    const Form first = load(team, state, tile_rate(a, tile, 0).exponent, tile);
    if (tile.active && add_differences<Slopes>(a, first, tile, sums)) return;
    const TilePair<T, 3, true> pair(a, tile);
    for (std::int64_t m = 0; m < a.n_rates; ++m) {
      const Form form = load(team, state, tile_rate(a, tile, m).exponent, tile);
      if (tile.active) add_rate<Slopes>(a, form, pair, m, sums);
    }
  }

  // Puts the poles for exponents up to `exponent` into shared memory.
  template <class Team>
  static SYMKERNEL_INLINE Form load(Team& team, const State& state, double exponent,
                                    FormTile<T>& tile) {
    // |M| is at most |x| |y|, its nuclear norm as well
    int wanted = 0;
    while (wanted + 1 < fisher_table_count && exponent > fisher_table_bound(wanted)) ++wanted;
    const Form form{*reinterpret_cast<const Average*>(tile.own)};
    if (wanted == tile.loaded) return form;
    tile.loaded = wanted;
    team.sync();  // nobody reads what was there
    const char* from = reinterpret_cast<const char*>(state.averages + wanted);
    for (int at = team.thread() * vector_bytes; at < static_cast<int>(sizeof(Average));
         at += tile_threads * vector_bytes)
      team.copy_async(tile.own + at, from + at);
    team.commit();
    team.wait();
    team.sync();
    return form;
  }
};

// ---- SO(2), O(2), spheres
// ------------------------------------------------------------------------

// Form: SphereForm<T> or PlanarForm<T, Reflections>.
template <class T, class Form, bool OneBlock, bool Slopes, int BlocksOfFloat>
struct TablePairs {
  static constexpr int dimension = Form::dimension;
  static constexpr int blocks_per_unit = sizeof(T) == 8 ? 2 : BlocksOfFloat;
  static constexpr std::int64_t own_bytes = 0;
  using State = SphereTables<T>;

  template <class Team>
  static SYMKERNEL_INLINE void add(Team&, const FormArguments<T>& a, const State& state,
                                   FormTile<T>& tile, FormSums<T>& sums) {
    const Form form{state};
    if (!tile.active || add_differences<Slopes>(a, form, tile, sums)) return;
    const TilePair<T, dimension, OneBlock> pair(a, tile);
    for (std::int64_t m = 0; m < a.n_rates; ++m) add_rate<Slopes>(a, form, pair, m, sums);
  }
};

template <class T, bool Reflections, bool Slopes>
using PlanarPairs = TablePairs<T, PlanarForm<T, Reflections>, Reflections, Slopes, 3>;
template <class T, bool Slopes>
using SpherePairs = TablePairs<T, SphereForm<T>, true, Slopes, 4>;

// ---- octahedral groups
// ---------------------------------------------------------------------------

// What samples contribute at every rate: sides[(m * padded + i) * 4 ..] for panels of form_width
// samples.
template <class T>
struct OctahedralSides {
  static constexpr int threads = 128, blocks_per_unit = 4;
  struct Arguments {
    const T *panels, *rates;
    std::int64_t d, padded;
    T* sides;
  };
  template <class Team>
  SYMKERNEL_HD void operator()(Team& team, const Arguments& a) const {
    const std::int64_t i = team.block().x * threads + team.thread(), m = team.block().y;
    if (i >= a.padded) return;
    const T* from = a.panels + i / form_width * a.d * form_width + i % form_width;
    const OctahedralSide<T> side = octahedral_side<T>(
        a.d, a.rates[m], [&](std::int64_t k) SYMKERNEL_LAMBDA { return from[k * form_width]; });
    T* to = a.sides + (m * a.padded + i) * 4;
    for (int c = 0; c < 3; ++c) to[c] = side.shift[c];
    to[3] = side.weight;
  }
};

template <class T, bool RotationsOnly, bool Slopes>
struct OctahedralPairs {
  using Form = OctahedralForm<T, RotationsOnly>;
  static constexpr int dimension = 3, blocks_per_unit = sizeof(T) == 8 ? 1 : 3;
  static constexpr std::int64_t own_bytes = 0;
  struct State {
    const T *x_sides, *y_sides;
    std::int64_t x_padded, y_padded;
  };

  template <class Team>
  static SYMKERNEL_INLINE void add(Team&, const FormArguments<T>& a, const State& state,
                                   FormTile<T>& tile, FormSums<T>& sums) {
    if (!tile.active || add_differences<Slopes>(a, Form(), tile, sums)) return;
    const TilePair<T, 3, true> pair(a, tile);
    for (std::int64_t m = 0; m < a.n_rates; ++m)
      add_rate<Slopes>(a, form_of(state, tile, m), pair, m, sums);
  }

  static SYMKERNEL_INLINE Form form_of(const State& state, const FormTile<T>& tile,
                                       std::int64_t m) {
    return {side(state.x_sides + (m * state.x_padded + tile.i()) * 4),
            side(state.y_sides + (m * state.y_padded + tile.j()) * 4)};
  }

 private:
  static SYMKERNEL_INLINE OctahedralSide<T> side(const T* from) {
    return {{from[0], from[1], from[2]}, from[3]};
  }
};

// ---- sign flips
// ----------------------------------------------------------------------------------

// out = scale |in| for panels of samples, once per rate.
template <class T, template <class> class Flips>
struct ScaleMagnitudes {
  static constexpr int threads = 256, blocks_per_unit = 4;
  struct Arguments {
    const T *in, *rates;
    std::int64_t size;
    T* out;
  };
  template <class Team>
  SYMKERNEL_HD void operator()(Team& team, const Arguments& a) const {
    const std::int64_t at = team.block().x * threads + team.thread(), m = team.block().y;
    if (at >= a.size) return;
    a.out[m * a.size + at] = abs(a.in[at]) * SignFlipForm<T, Flips>::scale(a.rates[m]);
  }
};

template <class T, template <class> class Flips, bool Slopes>
struct FlipPairs {
  static constexpr int dimension = 1, blocks_per_unit = sizeof(T) == 8 ? 2 : 4;
  static constexpr std::int64_t own_bytes = 0;
  struct State {
    const T *x, *y;  // scaled magnitudes, panels for every rate
    std::int64_t x_size, y_size;
  };

  template <class Team>
  static SYMKERNEL_INLINE void add(Team& team, const FormArguments<T>& a, const State& state,
                                   FormTile<T>& tile, FormSums<T>& sums) {
    const std::int64_t panel = a.d * form_width;
    for (std::int64_t m = 0; m < a.n_rates; ++m) {
      const T* x = state.x + m * state.x_size + tile.p * panel;
      const T* y = state.y + m * state.y_size + tile.q * panel;
      T value = T(0), slope = T(0);
      if (a.resident) {
        team.sync();  // nobody reads what was there
        copy_block(team, tile.x_shared, x, panel);
        copy_block(team, tile.y_shared, y, panel);
        team.commit();
        team.wait();
        team.sync();
        if (tile.active)
          value = pair(a, tile.x_shared + tile.row, tile.y_shared + tile.column, slope);
      } else if (tile.active) {
        value = pair(a, x + tile.row, y + tile.column, slope);
      }
      add_planes<Slopes>(a, m, value, slope, sums);
    }
  }

 private:
  static SYMKERNEL_INLINE T pair(const FormArguments<T>& a, const T* u, const T* w, T& slope) {
    return SignFlipForm<T, Flips>::value(u, form_width, w, form_width, a.d, Slopes, slope);
  }
};

// ---- polynomial kernels
// --------------------------------------------------------------------------

template <class T, int D, bool Reflections>
using FormOfPoints =
    std::conditional_t<D == 3, RotationForm<T, Reflections>, PlanarForm<T, Reflections>>;

// sum_k values[k] m_k. D: of the points; 0 on spheres.
template <class T, int D, bool Reflections>
struct MomentPairs {
  static constexpr int dimension = D, blocks_per_unit = sizeof(T) == 8 ? 2 : 4;
  static constexpr std::int64_t own_bytes = 0;
  struct State {};

  template <class Team>
  static SYMKERNEL_INLINE void add(Team&, const FormArguments<T>& a, const State&,
                                   FormTile<T>& tile, FormSums<T>& sums) {
    if (!tile.active) return;
    const int degree = static_cast<int>(a.n_rates) - 1;
    const auto sink = [&](int k, T moment)
                          SYMKERNEL_LAMBDA { add_planes<false>(a, k, moment, T(0), sums); };
    const TilePair<T, D, true> pair(a, tile);
    if constexpr (D == 0) {
      sphere_moments(pair.x2() * pair.y2(), static_cast<int>(a.d), degree, sink);
    } else {
      FormOfPoints<T, D, Reflections>::moments(pair, degree, sink);
    }
  }
};

// ---- the program
// ---------------------------------------------------------------------------------

template <class T, class Form>
struct FormProgram {
  static constexpr int threads = tile_threads, blocks_per_unit = Form::blocks_per_unit;
  struct Arguments {
    FormArguments<T> a;
    typename Form::State state;
  };
  using S = FormShape<T>;
  using L = Slice<S>;
  static constexpr std::int64_t bytes_each = sizeof(T);

  // Numbers of the points of one panel; even, so that what follows is aligned for vectors.
  static SYMKERNEL_HD std::int64_t panel_numbers(const FormArguments<T>& a) {
    if (Form::dimension == 0) return 0;
    return a.d / (Form::dimension > 0 ? Form::dimension : 1) * form_width *
           point_pitch<Form::dimension>;
  }
  // Whether points lie in shared memory is for the caller to decide.
  static std::int64_t shared_bytes(const FormArguments<T>& a) {
    const std::int64_t slice = a.mode == FormMode::matvec ? L::matvec_size : L::size;
    return Form::own_bytes + ((a.resident ? 2 * panel_numbers(a) : 0) + slice) * bytes_each;
  }

  template <class Team>
  SYMKERNEL_HD void operator()(Team& team, const Arguments& arguments) const {
    const FormArguments<T>& a = arguments.a;
    std::int64_t p = team.block().x, q = p;
    std::int64_t end = p + 1;
    if (a.mode == FormMode::matvec) {
      q = team.block().y * a.columns_per_block;
      end = q + a.columns_per_block < a.tiles.column_tiles ? q + a.columns_per_block
                                                           : a.tiles.column_tiles;
    } else if (a.mode == FormMode::tiles) {
      if (!a.tiles.find(team.block().x, p, q)) return;
      end = q + 1;
    }
    run(team, arguments, p, q, end);
  }

 private:
  // Tile row p against tile columns [q0, q1).
  template <class Team>
  static SYMKERNEL_INLINE void run(Team& team, const Arguments& arguments, std::int64_t p,
                                   std::int64_t q0, std::int64_t q1) {
    const FormArguments<T>& a = arguments.a;
    const Place<S> place(team.thread());
    const std::int64_t size = a.resident ? panel_numbers(a) : 0, panel = a.d * form_width;
    FormTile<T> tile;
    tile.own = team.shared();
    tile.x_shared = reinterpret_cast<T*>(team.shared() + Form::own_bytes);
    tile.y_shared = tile.x_shared + size;
    T* slice = tile.y_shared + size;
    tile.p = p;
    tile.row = place.tile_row(0);
    tile.column = place.tile_column(0);
    tile.active = a.mode != FormMode::diagonal || tile.row == tile.column;
    tile.x = a.x.panels + p * panel;
    // (magnitudes are copied by the form itself)
    constexpr bool has_points = Form::dimension > 1;
    constexpr int dimension = has_points ? Form::dimension : 2;
    if (has_points && a.resident)
      fill_points<dimension>(team, tile.x_shared, tile.x, nullptr, a.n_points);
    SYMKERNEL_UNROLL_BY(1)
    for (std::int64_t q = q0; q < q1; ++q) {
      tile.q = q;
      tile.y = a.y.panels + q * panel;
      FormSums<T> sums = {T(0), T(0), T(0)};
      SYMKERNEL_UNROLL_BY(1)
      for (std::int64_t s = 0; s < a.n_row_permutations; ++s) {
        tile.sources = a.sources + s * a.n_points;
        if (has_points && a.resident) {
          if (s > 0 || q > q0) team.sync();  // nobody reads what was there
          fill_points<dimension>(team, tile.y_shared, tile.y, tile.sources, a.n_points);
          team.sync();
        }
        Form::add(team, a, arguments.state, tile, sums);
      }
      write(team, a, tile, q > q0, sums, slice);
    }
  }

  template <class Team>
  static SYMKERNEL_INLINE void write(Team& team, const FormArguments<T>& a, const FormTile<T>& tile,
                                     bool later_columns, const FormSums<T>& sums, T* slice) {
    const std::int64_t i0 = tile.p * form_width, j0 = tile.q * form_width;
    if (a.mode == FormMode::diagonal) {
      if (!tile.active || tile.i() >= a.sink.n) return;
      a.sink.k[tile.i()] = sums[0] * a.sink.mean;
      SYMKERNEL_UNROLL
      for (int c = 1; c < max_form_planes; ++c) {
        if (c <= a.sink.derivatives)
          a.sink.dk[tile.i() * a.sink.derivatives + c - 1] = sums[c] * a.sink.mean;
      }
      return;
    }
    T plane[1][1] = {{sums[0]}};
    if (a.mode == FormMode::matvec) {
      add_matvec<S>(team, a.sink, i0, j0, !later_columns, plane, slice,
                    a.sink.k + team.block().y * a.sink.n * a.sink.columns);
      return;
    }
    write_plane<S>(team, a.sink, i0, j0, plane, slice, a.sink.k, 1);
    SYMKERNEL_UNROLL
    for (int c = 1; c < max_form_planes; ++c) {
      if (c > a.sink.derivatives) break;
      plane[0][0] = sums[c];
      write_plane<S>(team, a.sink, i0, j0, plane, slice, a.sink.dk + c - 1, a.sink.derivatives);
    }
  }
};

}  // namespace gpu
}  // namespace symkernel
