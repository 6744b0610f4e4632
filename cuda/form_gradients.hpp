// Derivatives of closed forms, a thread for every pair: for the features of x, and for their length
// scales. What cpp/src/engine/form_derivatives.hpp is on the CPU. With K a function of M = X^T (sY)
// and of the norms,
//
//   dK/dx = (dK/dM) sy + radial x,
//   dK/dlog l_k = -2 x_k ((dK/dM) sy)_k - radial (x_k^2 + y_k^2)
//
// where the latter are added up over features that the group mixes (engine/scale_forms.hpp).
//
// Every thread hands the derivatives of its pair, feature by feature, to a sink that all threads of
// the block share (form_gradient_sink.hpp).
#pragma once

#include <cstdint>
#include <type_traits>

#include "cuda/form_gradient_sink.hpp"
#include "cuda/forms.hpp"

namespace symkernel {
namespace gpu {

// Derivatives of a pair for the points of a block, from those for its M.
template <int D, bool Scales, class Team, class T, class Points>
SYMKERNEL_INLINE void add_points(Team& team, const Points& points, const PointBlock& block,
                                 const T (&gradient)[D * D], T radial,
                                 FeatureSink<T, Scales>& sink) {
  SYMKERNEL_UNROLL_BY(1)
  for (std::int64_t p = block.first_point; p < block.first_point + block.points; ++p) {
    T x[D], y[D];
    points.load(p, x, y);
    SYMKERNEL_UNROLL
    for (int c = 0; c < D; ++c) {
      T moved = T(0);
      SYMKERNEL_UNROLL
      for (int b = 0; b < D; ++b) moved = fma(gradient[c * D + b], y[b], moved);
      if constexpr (Scales) {
        sink.add(team, p * D + c, -fma(T(2) * x[c], moved, radial * square_sum(x[c], y[c])));
      } else {
        sink.add(team, p * D + c, fma(radial, x[c], moved));
      }
    }
  }
}

template <int D, bool Scales, class Team, class T>
SYMKERNEL_INLINE void add_points(Team& team, const FormArguments<T>& a, const FormTile<T>& tile,
                                 const PointBlock& block, const T (&gradient)[D * D], T radial,
                                 FeatureSink<T, Scales>& sink) {
  if (a.resident) {
    add_points<D>(team, tile.template shared_points<D>(), block, gradient, radial, sink);
  } else {
    add_points<D>(team, tile.template global_points<D>(), block, gradient, radial, sink);
  }
}

// Forms of the M of one block. Rule::derive(team, a, state, tile, matrix, gradient, radial) returns
// K and adds to its derivatives.
template <class T, class Rule>
struct MatrixGradient {
  static constexpr int dimension = Rule::dimension, blocks_per_unit = Rule::blocks_per_unit;
  static constexpr std::int64_t own_bytes = Rule::own_bytes;
  using State = typename Rule::State;

  template <bool Scales, class Team>
  static SYMKERNEL_INLINE T add(Team& team, const FormArguments<T>& a, const State& state,
                                FormTile<T>& tile, FeatureSink<T, Scales>& sink) {
    constexpr int D = dimension;
    T matrix[D * D], gradient[D * D], radial = T(0);
    pair_matrix<D>(a, tile, a.blocks[0], matrix);
    SYMKERNEL_UNROLL
    for (int e = 0; e < D * D; ++e) gradient[e] = T(0);
    const T value = Rule::derive(team, a, state, tile, matrix, gradient, radial);
    add_points<D, Scales>(team, a, tile, a.blocks[0], gradient, radial, sink);
    sink.finish(team, a.d);
    return value;
  }
};

// K and its derivatives of a form of one block, form_at(r) for rate number r.
template <int Entries, class T, class FormAt>
SYMKERNEL_INLINE T sum_of_rates(const FormArguments<T>& a, const FormTile<T>& tile,
                                const T (&m)[Entries], T (&gradient)[Entries], T& radial,
                                FormAt form_at) {
  const T squares = a.x.bias[tile.i()] + a.y.bias[tile.j()];
  T total = T(0);
  for (std::int64_t r = 0; r < a.n_rates; ++r) {
    const T rate = a.rates[r], weight = a.values[r];
    const T value = form_at(r).gradient(m, squares, rate, weight, gradient);
    radial = fma(-weight * (rate + rate), value, radial);
    total = fma(weight, value, total);
  }
  return total;
}

template <class T, bool Reflections>
struct FisherRule {
  using Pairs = FisherPairs<T, Reflections, true>;
  using State = typename Pairs::State;
  static constexpr int dimension = 3, blocks_per_unit = 1;
  static constexpr std::int64_t own_bytes = Pairs::own_bytes;

  template <class Team>
  static SYMKERNEL_INLINE T derive(Team& team, const FormArguments<T>& a, const State& state,
                                   FormTile<T>& tile, const T (&m)[9], T (&gradient)[9],
                                   T& radial) {
    return sum_of_rates(a, tile, m, gradient, radial, [&](std::int64_t r) SYMKERNEL_LAMBDA {
      return Pairs::load(team, state, tile_rate(a, tile, r).exponent, tile);
    });
  }
};

template <class T, bool Reflections>
struct PlanarRule {
  using State = SphereTables<T>;
  static constexpr int dimension = 2, blocks_per_unit = sizeof(T) == 8 ? 1 : 2;
  static constexpr std::int64_t own_bytes = 0;

  template <class Team>
  static SYMKERNEL_INLINE T derive(Team&, const FormArguments<T>& a, const State& state,
                                   FormTile<T>& tile, const T (&m)[4], T (&gradient)[4],
                                   T& radial) {
    return sum_of_rates(a, tile, m, gradient, radial, [&](std::int64_t) SYMKERNEL_LAMBDA {
      return PlanarForm<T, Reflections>{state};
    });
  }
};

template <class T, bool RotationsOnly>
struct OctahedralRule {
  using Pairs = OctahedralPairs<T, RotationsOnly, true>;
  using State = typename Pairs::State;
  static constexpr int dimension = 3, blocks_per_unit = 1;
  static constexpr std::int64_t own_bytes = 0;

  template <class Team>
  static SYMKERNEL_INLINE T derive(Team&, const FormArguments<T>& a, const State& state,
                                   FormTile<T>& tile, const T (&m)[9], T (&gradient)[9],
                                   T& radial) {
    return sum_of_rates(a, tile, m, gradient, radial, [&](std::int64_t r) SYMKERNEL_LAMBDA {
      return Pairs::form_of(state, tile, r);
    });
  }
};

// Polynomial kernels: a.values holds one coefficient for every power.
template <class T, int D, bool Reflections>
struct MomentRule {
  struct State {};
  static constexpr int dimension = D, blocks_per_unit = sizeof(T) == 8 ? 1 : 2;
  static constexpr std::int64_t own_bytes = 0;

  template <class Team>
  static SYMKERNEL_INLINE T derive(Team&, const FormArguments<T>& a, const State&, FormTile<T>&,
                                   const T (&m)[D * D], T (&gradient)[D * D], T&) {
    return FormOfPoints<T, D, Reflections>::moments_gradient(
        m, a.values, static_cast<int>(a.n_rates) - 1, gradient);
  }
};

// Products over several planes: the derivatives of each need the product of all, so that every rate
// has its own.
template <class T>
struct PlanesGradient {
  using State = SphereTables<T>;
  static constexpr int dimension = 2, blocks_per_unit = sizeof(T) == 8 ? 1 : 2;
  static constexpr std::int64_t own_bytes = 0;

  template <bool Scales, class Team>
  static SYMKERNEL_INLINE T add(Team& team, const FormArguments<T>& a, const State& state,
                                FormTile<T>& tile, FeatureSink<T, Scales>& sink) {
    T total = T(0);
    for (std::int64_t r = 0; r < a.n_rates; ++r) {
      const PlanarForm<T, false> form{state};
      const T rate = a.rates[r];
      T exponent = -((a.x.bias[tile.i()] + a.y.bias[tile.j()]) * rate), value = T(1);
      SYMKERNEL_UNROLL_BY(1)
      for (std::int64_t n = 0; n < a.n_blocks; ++n) {
        T m[4], ratio;
        pair_matrix<2>(a, tile, a.blocks[n], m);
        value = value * form.block_factor(m, rate, exponent, ratio);
      }
      value = a.values[r] * value * natural_power(exponent);
      SYMKERNEL_UNROLL_BY(1)
      for (std::int64_t n = 0; n < a.n_blocks; ++n) {
        T m[4], gradient[4] = {T(0), T(0), T(0), T(0)}, ratio, unused = T(0);
        pair_matrix<2>(a, tile, a.blocks[n], m);
        form.block_factor(m, rate, unused, ratio);
        form.add_block(m, rate, value, ratio, gradient);
        add_points<2, Scales>(team, a, tile, a.blocks[n], gradient, -(rate + rate) * value, sink);
      }
      sink.finish(team, a.d);
      total = total + value;
    }
    return total;
  }
};

// Multiples of x and y.
template <class T, bool Powers>
struct SphereGradient {
  struct NoState {};
  using State = std::conditional_t<Powers, NoState, SphereTables<T>>;
  static constexpr int dimension = 0, blocks_per_unit = 2;
  static constexpr std::int64_t own_bytes = 0;

  template <bool Scales, class Team>
  static SYMKERNEL_INLINE T add(Team& team, const FormArguments<T>& a, const State& state,
                                FormTile<T>& tile, FeatureSink<T, Scales>& sink) {
    const T x2 = a.x.bias[tile.i()], y2 = a.y.bias[tile.j()];
    T total = T(0), along_x = T(0), along_y = T(0);
    if constexpr (Powers) {
      total = sphere_moments_gradient(x2, y2, static_cast<int>(a.d), a.values,
                                      static_cast<int>(a.n_rates) - 1, along_x, along_y);
    } else {
      for (std::int64_t r = 0; r < a.n_rates; ++r) {
        T own_x, own_y;
        const T value = SphereForm<T>{state}.gradient(x2, y2, a.rates[r], own_x, own_y);
        along_x = fma(a.values[r], own_x, along_x);
        along_y = fma(a.values[r], own_y, along_y);
        total = fma(a.values[r], value, total);
      }
    }
    SYMKERNEL_UNROLL_BY(1)
    for (std::int64_t k = 0; k < a.d; ++k) {
      const T x = tile.x[k * form_width + tile.row], y = tile.y[k * form_width + tile.column];
      sink.add(team, k, Scales ? -fma(along_x, x * x, along_y * (y * y)) : along_x * x);
    }
    sink.finish(team, a.d);
    return total;
  }
};

// Products over features: their derivatives need the whole product, hence two passes.
template <class T, template <class> class Flips>
struct FlipGradient {
  using State = typename FlipPairs<T, Flips, true>::State;
  static constexpr int dimension = 0, blocks_per_unit = 2;
  static constexpr std::int64_t own_bytes = 0;

  template <bool Scales, class Team>
  static SYMKERNEL_INLINE T add(Team& team, const FormArguments<T>& a, const State& state,
                                FormTile<T>& tile, FeatureSink<T, Scales>& sink) {
    T total = T(0);
    for (std::int64_t r = 0; r < a.n_rates; ++r) {
      const std::int64_t panel = a.d * form_width;
      const T* u = state.x + r * state.x_size + tile.p * panel + tile.row;
      const T* w = state.y + r * state.y_size + tile.q * panel + tile.column;
      const T value = a.values[r] * sign_flips<T, Flips>(u, form_width, w, form_width, a.d);
      if constexpr (Scales) {
        sign_flips_gradient_to<T, Flips>(
            u, form_width, w, form_width, a.d,
            [&](std::int64_t k, T slope) SYMKERNEL_LAMBDA { sink.add(team, k, value * slope); });
      } else {
        const T* x = tile.x + tile.row;
        using Form = SignFlipForm<T, Flips>;
        const T scaled = value * Form::scale(a.rates[r]);
        sign_flips_slopes_to<T, Flips>(
            u, form_width, w, form_width, a.d, [&](std::int64_t k, T slope) SYMKERNEL_LAMBDA {
              sink.add(team, k, Form::sign_of(x[k * form_width], scaled) * slope);
            });
      }
      sink.finish(team, a.d);
      total = total + value;
    }
    return total;
  }
};

// ---- the program
// ---------------------------------------------------------------------------------

template <class T>
struct FormGradientArguments {
  FormArguments<T> a;  // its mode: matvec for gradients in x, tiles for scales, or diagonal
  SinkLayout<T> layout;
  std::int64_t first_tile = 0;  // of rows
};

template <class T, class Form, bool Scales>
struct FormGradient {
  static constexpr int threads = tile_threads, blocks_per_unit = Form::blocks_per_unit;
  struct Arguments {
    FormGradientArguments<T> arguments;
    typename Form::State state;
  };
  using S = FormShape<T>;
  using Sink = FeatureSink<T, Scales>;
  static constexpr bool has_points = Form::dimension > 1;
  static constexpr int dimension = has_points ? Form::dimension : 2;

  static SYMKERNEL_HD std::int64_t panel_numbers(const FormArguments<T>& a) {
    return has_points ? a.n_points * form_width * point_pitch<dimension> : 0;
  }
  static std::int64_t shared_bytes(const FormArguments<T>& a) {
    const std::int64_t points = a.resident ? 2 * panel_numbers(a) : 0;
    return Form::own_bytes + (points + Sink::size) * static_cast<std::int64_t>(sizeof(T));
  }

  template <class Team>
  SYMKERNEL_HD void operator()(Team& team, const Arguments& all) const {
    const FormArguments<T>& a = all.arguments.a;
    FormTile<T> tile;
    tile.p = all.arguments.first_tile + team.block().x;
    std::int64_t q = tile.p, end = q + 1;
    if (a.mode != FormMode::diagonal) {
      q = team.block().y * a.columns_per_block;
      end = q + a.columns_per_block < a.tiles.column_tiles ? q + a.columns_per_block
                                                           : a.tiles.column_tiles;
      if (Scales && a.tiles.symmetric && q < tile.p) q = tile.p;  // from the diagonal on
    }
    const Place<S> place(team.thread());
    const std::int64_t size = a.resident ? panel_numbers(a) : 0, panel = a.d * form_width;
    tile.own = team.shared();
    tile.x_shared = reinterpret_cast<T*>(team.shared() + Form::own_bytes);
    tile.y_shared = tile.x_shared + size;
    tile.row = place.tile_row(0);
    tile.column = place.tile_column(0);
    tile.x = a.x.panels + tile.p * panel;
    Sink sink(all.arguments.layout, a, tile, tile.y_shared + size, team.block().y);
    if (has_points && a.resident)
      fill_points<dimension>(team, tile.x_shared, tile.x, nullptr, a.n_points);
    SYMKERNEL_UNROLL_BY(1)
    for (; q < end; ++q) {
      tile.q = q;
      tile.y = a.y.panels + q * panel;
      sink.begin(tile);
      T value = T(0);
      SYMKERNEL_UNROLL_BY(1)
      for (std::int64_t s = 0; s < a.n_row_permutations; ++s) {
        tile.sources = a.sources + s * a.n_points;
        if (has_points && a.resident) {
          team.sync();  // nobody reads what was there
          fill_points<dimension>(team, tile.y_shared, tile.y, tile.sources, a.n_points);
          team.sync();
        }
        value = value + Form::template add<Scales>(team, a, all.state, tile, sink);
      }
      sink.write_value(value);
    }
  }
};

}  // namespace gpu
}  // namespace symkernel
