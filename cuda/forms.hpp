// Averages over compact and large finite groups by their closed forms, a thread for every pair:
// what cpp/src/engine/closed_forms.hpp is on the CPU. Sums over row permutations and over rates are
// taken in registers.
//
// A block takes 16 x 16 pairs. Points of its samples lie in shared memory, those of y in the order
// of the row permutation in work, so that inner products and differences read them in turn; clouds
// that do not fit are read from where they are.
#pragma once

#include <cstdint>

#include "cuda/form_differences.hpp"
#include "cuda/form_points.hpp"
#include "cuda/sinks.hpp"
#include "symkernel/moments.hpp"
#include "symkernel/sign_flips.hpp"

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

// Where the exponents 2 t |x| |y| of a single Gaussian lose digits. (In a mixture the broad terms
// outweigh what the sharp ones lose, and float samples of that size are widened by the caller.)
template <class T>
SYMKERNEL_INLINE bool exponents_are_large(const FormArguments<T>& a, double exponent) {
  return sizeof(T) == 8 && a.n_rates == 1 && exponent > least_difference_exponent;
}
template <class T>
SYMKERNEL_INLINE double largest_exponent(const FormArguments<T>& a, const FormTile<T>& tile,
                                         T rate) {
  return 2.0 * static_cast<double>(rate) *
         ::sqrt(static_cast<double>(a.x_bounds[tile.p]) * static_cast<double>(a.y_bounds[tile.q]));
}

// ---- SO(3), O(3)
// ---------------------------------------------------------------------------------

// Nuclear norms up to which each table of poles serves; the last one has no limit.
constexpr int fisher_table_count = 6;
SYMKERNEL_INLINE double fisher_table_bound(int table) {
  return table + 1 < fisher_table_count ? static_cast<double>(1 << table) : 1e300;
}

template <class T, bool Reflections, bool Slopes>
struct FisherPairs {
  using Average = MatrixFisher<T, Reflections>;
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
    T entries[9] = {T(0)};
    if (tile.active) pair_matrix<3>(a, tile, a.blocks[0], entries);
    for (std::int64_t m = 0; m < a.n_rates; ++m) {
      const T rate = a.rates[m];
      // |M| is at most |x| |y|, its nuclear norm as well
      const double exponent = largest_exponent(a, tile, rate);
      load(team, state, exponent, tile);
      if (!tile.active) continue;
      const auto& average = *reinterpret_cast<const Average*>(tile.own);
      T matrix[9];
      SYMKERNEL_UNROLL
      for (int e = 0; e < 9; ++e) matrix[e] = entries[e] * (rate + rate);
      const T bias = (a.x.bias[tile.i()] + a.y.bias[tile.j()]) * rate;
      T value, slope = T(0);
      if constexpr (Slopes) {
        value = average.value_and_slope(matrix, bias, slope);
        slope = slope - bias * value;
      } else {
        value = average.value(matrix, bias);
      }
      if constexpr (sizeof(T) == 8) {
        if (exponents_are_large(a, exponent) && value > T(0)) {
          value = a.resident ? fisher_from_differences(average, matrix, a.blocks[0],
                                                       tile.template shared_points<3>(), rate)
                             : fisher_from_differences(average, matrix, a.blocks[0],
                                                       tile.template global_points<3>(), rate);
        }
      }
      add_planes<Slopes>(a, m, value, slope, sums);
    }
  }

  // Puts the poles for exponents up to `exponent` into shared memory.
  template <class Team>
  static SYMKERNEL_INLINE void load(Team& team, const State& state, double exponent,
                                    FormTile<T>& tile) {
    int wanted = 0;
    while (wanted + 1 < fisher_table_count && exponent > fisher_table_bound(wanted)) ++wanted;
    if (wanted == tile.loaded) return;
    tile.loaded = wanted;
    team.sync();  // nobody reads what was there
    const char* from = reinterpret_cast<const char*>(state.averages + wanted);
    for (int at = team.thread() * vector_bytes; at < static_cast<int>(sizeof(Average));
         at += tile_threads * vector_bytes)
      team.copy_async(tile.own + at, from + at);
    team.commit();
    team.wait();
    team.sync();
  }
};

// ---- SO(2), O(2), spheres
// ------------------------------------------------------------------------

// Averages over spheres: in d dimensions, and in d + 2 for the derivative.
template <class T>
struct SphereState {
  SphereAverage<T> sphere, derivative;
  int dimension;
  explicit SphereState(int d) : sphere(d), derivative(d + 2), dimension(d) {}

  // H_d(z) e^-b and its t d/dt, from z^2: z H_d'(z) = z^2 H_(d+2)(z) / d.
  template <bool Slopes>
  SYMKERNEL_INLINE T average(T z2, T b, T& slope) const {
    const T value = sphere.value(z2, b);
    if constexpr (Slopes) {
      const T above = derivative.value(z2, b);
      slope = z2 * above * static_cast<T>(1.0 / dimension) - b * value;
    }
    return value;
  }
};

// Products over planes of I_0(2 t |S|); for O(2) the mean over one plane and its mirror image.
template <class T, bool Reflections, bool Slopes>
struct PlanarPairs {
  static constexpr int dimension = 2, blocks_per_unit = sizeof(T) == 8 ? 2 : 3;
  static constexpr std::int64_t own_bytes = 0;
  using State = SphereState<T>;

  template <class Team>
  static SYMKERNEL_INLINE void add(Team&, const FormArguments<T>& a, const State& state,
                                   FormTile<T>& tile, FormSums<T>& sums) {
    if (!tile.active) return;
    T entries[4] = {T(0), T(0), T(0), T(0)};
    const bool one_block = Reflections || a.n_blocks == 1;
    if (one_block) pair_matrix<2>(a, tile, a.blocks[0], entries);
    for (std::int64_t m = 0; m < a.n_rates; ++m) {
      const T rate = a.rates[m], b = (a.x.bias[tile.i()] + a.y.bias[tile.j()]) * rate;
      T value, slope = T(0);
      if constexpr (Reflections) {
        value = reflected(state, entries, rate, b, slope);
      } else {
        value = turned(a, state, tile, entries, one_block, rate, b, slope);
      }
      if constexpr (sizeof(T) == 8) {
        if (exponents_are_large(a, largest_exponent(a, tile, rate)) && value > T(0)) {
          value =
              a.resident
                  ? planar_from_differences<Reflections>(state.sphere, a.blocks, a.n_blocks,
                                                         tile.template shared_points<2>(), rate)
                  : planar_from_differences<Reflections>(state.sphere, a.blocks, a.n_blocks,
                                                         tile.template global_points<2>(), rate);
        }
      }
      add_planes<Slopes>(a, m, value, slope, sums);
    }
  }

 private:
  static SYMKERNEL_INLINE T reflected(const State& state, const T (&s)[4], T rate, T b, T& slope) {
    const T four_t2 = T(4) * rate * rate;
    T first = T(0), second = T(0);
    const T same =
        state.template average<Slopes>(square_sum(s[0] + s[3], s[1] - s[2]) * four_t2, b, first);
    const T mirrored =
        state.template average<Slopes>(square_sum(s[0] - s[3], s[1] + s[2]) * four_t2, b, second);
    slope = (first + second) * T(0.5);
    return (same + mirrored) * T(0.5);
  }

  static SYMKERNEL_INLINE T turned(const FormArguments<T>& a, const State& state,
                                   const FormTile<T>& tile, T (&s)[4], bool one_block, T rate, T b,
                                   T& slope) {
    const T four_t2 = T(4) * rate * rate, log2e = T(1.4426950408889634074);
    T exponent = -b, value = T(1), logarithmic = -b;
    SYMKERNEL_UNROLL_BY(1)
    for (std::int64_t n = 0; n < a.n_blocks; ++n) {
      if (!one_block) pair_matrix<2>(a, tile, a.blocks[n], s);
      const T z2 = square_sum(s[0] + s[3], s[1] - s[2]) * four_t2;
      T own = T(0);
      const T factor = state.sphere.factor(z2, own);
      if constexpr (Slopes) {
        T above = T(0);
        const T derivative = state.derivative.factor(z2, above);
        const T ratio = derivative / factor * exp2((above - own) * log2e);
        logarithmic = logarithmic + z2 * ratio * T(0.5);  // 2 z^2 H_4 / (4 H_2)
      }
      value = value * factor;
      exponent = exponent + own;
    }
    value = value * exp2(exponent * log2e);
    slope = value * logarithmic;
    return value;
  }
};

template <class T, bool Slopes>
struct SpherePairs {
  static constexpr int dimension = 0, blocks_per_unit = sizeof(T) == 8 ? 2 : 4;
  static constexpr std::int64_t own_bytes = 0;
  using State = SphereState<T>;

  template <class Team>
  static SYMKERNEL_INLINE void add(Team&, const FormArguments<T>& a, const State& state,
                                   FormTile<T>& tile, FormSums<T>& sums) {
    if (!tile.active) return;
    const T x2 = a.x.bias[tile.i()], y2 = a.y.bias[tile.j()];
    for (std::int64_t m = 0; m < a.n_rates; ++m) {
      const T rate = a.rates[m];
      T slope = T(0);
      T value =
          state.template average<Slopes>(x2 * y2 * (T(4) * rate * rate), (x2 + y2) * rate, slope);
      if constexpr (sizeof(T) == 8) {
        if (exponents_are_large(a, largest_exponent(a, tile, rate)) && value > T(0))
          value = sphere_from_differences(state.sphere, x2, y2, rate);
      }
      add_planes<Slopes>(a, m, value, slope, sums);
    }
  }
};

// ---- octahedral groups
// ---------------------------------------------------------------------------

// What a sample contributes at one rate: integers not below t |X_i|^2 / log 2, and 2^(what they
// exceed it by in sum). sides[(m * padded + i) * 4 ..] for panels of form_width samples.
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
    T squares[3] = {T(0), T(0), T(0)};
    for (std::int64_t k = 0; k < a.d; k += 3) {
      SYMKERNEL_UNROLL
      for (int c = 0; c < 3; ++c) {
        const T value = from[(k + c) * form_width];
        squares[c] = fma(value, value, squares[c]);
      }
    }
    T* to = a.sides + (m * a.padded + i) * 4;
    const T scale = a.rates[m] * T(1.4426950408889634074);
    T excess = T(0);
    for (int c = 0; c < 3; ++c) {
      const T h = squares[c] * scale, shift = round_nearest(h + T(0.5));
      excess = excess + (shift - h);
      to[c] = shift;
    }
    to[3] = exp2(excess);
  }
};

template <class T, bool Rotations, bool Slopes>
struct OctahedralPairs {
  static constexpr int dimension = 3, blocks_per_unit = sizeof(T) == 8 ? 1 : 3;
  static constexpr std::int64_t own_bytes = 0;
  struct State {
    const T *x_sides, *y_sides;
    std::int64_t x_padded, y_padded;
  };

  template <class Team>
  static SYMKERNEL_INLINE void add(Team&, const FormArguments<T>& a, const State& state,
                                   FormTile<T>& tile, FormSums<T>& sums) {
    if (!tile.active) return;
    T entries[9];
    pair_matrix<3>(a, tile, a.blocks[0], entries);
    for (std::int64_t m = 0; m < a.n_rates; ++m) {
      const T rate = a.rates[m], log2e = T(1.4426950408889634074);
      T x_shift[3], y_shift[3], matrix[9];
      const T weight = side(state.x_sides + (m * state.x_padded + tile.i()) * 4, x_shift) *
                       side(state.y_sides + (m * state.y_padded + tile.j()) * 4, y_shift);
      SYMKERNEL_UNROLL
      for (int e = 0; e < 9; ++e) matrix[e] = entries[e] * (T(2) * rate * log2e);
      const Octahedral<T, Rotations> form(matrix, x_shift, y_shift);
      T value = form.mean(weight), slope = T(0);
      if constexpr (Slopes) {
        T gradient[9];
        form.gradient(weight, gradient);
        slope = -((a.x.bias[tile.i()] + a.y.bias[tile.j()]) * rate * value);
        SYMKERNEL_UNROLL
        for (int e = 0; e < 9; ++e)  // entries are in base two
          slope = fma(matrix[e] * T(0.69314718055994530942), gradient[e], slope);
      }
      if constexpr (sizeof(T) == 8) {
        if (exponents_are_large(a, largest_exponent(a, tile, rate)) && value > T(0)) {
          value = a.resident ? octahedral_from_differences<Rotations>(
                                   a.blocks[0], tile.template shared_points<3>(), rate)
                             : octahedral_from_differences<Rotations>(
                                   a.blocks[0], tile.template global_points<3>(), rate);
        }
      }
      add_planes<Slopes>(a, m, value, slope, sums);
    }
  }

  // The shifts of a sample, and its weight.
  static SYMKERNEL_INLINE T side(const T* from, T (&shift)[3]) {
    SYMKERNEL_UNROLL
    for (int c = 0; c < 3; ++c) shift[c] = from[c];
    return from[3];
  }
};

// ---- sign flips
// ----------------------------------------------------------------------------------

// The scale of features at a rate; power: of the flips (symkernel/sign_flips.hpp).
template <class T>
SYMKERNEL_INLINE T flip_scale(T rate, int power) {
  const double c = static_cast<double>(rate) * 1.4426950408889634074;
  return static_cast<T>(power == 2 ? ::sqrt(c) : c);
}

// out = scale |in| for panels of samples, once per rate.
template <class T>
struct ScaleMagnitudes {
  static constexpr int threads = 256, blocks_per_unit = 4;
  struct Arguments {
    const T *in, *rates;
    std::int64_t size;
    int power;
    T* out;
  };
  template <class Team>
  SYMKERNEL_HD void operator()(Team& team, const Arguments& a) const {
    const std::int64_t at = team.block().x * threads + team.thread(), m = team.block().y;
    if (at >= a.size) return;
    a.out[m * a.size + at] = abs(a.in[at]) * flip_scale(a.rates[m], a.power);
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
    if constexpr (Slopes) {
      T total = T(0);
      const T value = sign_flips_gradient_to<T, Flips>(
          u, form_width, w, form_width, a.d,
          [&](std::int64_t, T own) SYMKERNEL_LAMBDA { total = total + own; });
      slope = value * total * (T(-1) / T(Flips<T>::power));  // d/d log s = -power t d/dt
      return value;
    } else {
      slope = T(0);
      return sign_flips<T, Flips>(u, form_width, w, form_width, a.d);
    }
  }
};

// ---- polynomial kernels
// --------------------------------------------------------------------------

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
    if constexpr (D == 3) {
      T matrix[9];
      pair_matrix<3>(a, tile, a.blocks[0], matrix);
      rotation_moments<Reflections>(FisherInvariants<T>(matrix), degree, sink);
    } else if constexpr (D == 2) {
      T s[4];
      pair_matrix<2>(a, tile, a.blocks[0], s);
      // for O(2) the mean over one plane and its mirror image
      const auto half = [&](int k, T moment)
                            SYMKERNEL_LAMBDA { sink(k, Reflections ? moment * T(0.5) : moment); };
      sphere_moments(square_sum(s[0] + s[3], s[1] - s[2]), 2, degree, half);
      if constexpr (Reflections)
        sphere_moments(square_sum(s[0] - s[3], s[1] + s[2]), 2, degree, half);
    } else {
      sphere_moments(a.x.bias[tile.i()] * a.y.bias[tile.j()], static_cast<int>(a.d), degree, sink);
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
