// What becomes of affine forms in gradients with respect to x: derivatives, which multiply moved
// samples of y.
#pragma once

#include "engine/adjoint_product.hpp"
#include "engine/engine.hpp"
#include "engine/gradient_lanes.hpp"
#include "engine/kernel_maps.hpp"
#include "engine/producers.hpp"
#include "engine/refine.hpp"

SYMKERNEL_BEGIN_NAMESPACE

// The sums in tiles, one plane, are those of the radial coefficients.
template <class T>
class GradientSums {
  using S = TileShape<T>;
  using V = typename S::V;

 public:
  static std::int64_t planes(const Job<T>&) { return 1; }
  static std::int64_t scratch_size(const Job<T>& job) {
    const Elements<T>& g = job.g;
    std::int64_t size = (S::mr + point_chunk) * S::nr;
    if (g.kind == ActionKind::points)
      size += g.n_entries * S::nr + job.v_columns * g.d * S::nr;
    else if (g.kind == ActionKind::shifts)
      size += 6 * S::width * g.transform.size;
    else
      size += job.v_columns * adjoint_elements * S::size;
    return size;
  }

  GradientSums(const Job<T>& job, GradientLanes<T>& lanes, T* scratch)
      : job_(job),
        lanes_(lanes),
        maps_(maps_of<T>(job.kernel)),
        by_difference_(job.refine && job.x.weight == nullptr),
        radial_(scratch),
        extra_(radial_ + (S::mr + point_chunk) * S::nr) {
    weighted_ = extra_ + job.g.n_entries * S::nr;
  }

  void begin(std::int64_t q, std::int64_t) {
    if (job_.g.kind != ActionKind::points) return;
    clear_matrix();
    lanes_.weight_panel(q, weighted_);
  }

  void element(std::int64_t e, std::int64_t p, std::int64_t q, const T* gy,
               const std::int32_t* rows, T* tile, T* sum) {
    if (job_.refine) {
      for (int i = 0; i < S::mr; ++i) refine(e, p * S::mr + i, q * S::nr, S::nr, tile, i);
    }
    derive(e, tile, panel_rows<T>(job_.x.n, p), sum);
    moved_.panel[moved_.count] = gy;
    moved_.rows[moved_.count] = rows;
    for (std::int64_t c = 0; c < job_.v_columns; ++c)
      store_weighted(tile, lanes_.weights(q, c), coefficients(c) + moved_.count * S::size);
    if (++moved_.count == adjoint_elements) elements_done(p, q);
  }

  void elements_done(std::int64_t p, std::int64_t) {
    const std::int64_t d = job_.g.d, samples = job_.x.n - p * S::mr;
    const T* x = job_.x.panels + p * job_.x_depth * S::mr;
    const auto product = job_.manhattan ? adjoint_product<T, AddSigned, true>
                         : job_.g.kind == ActionKind::matrices
                             ? adjoint_product<T, AddMultiple, false>
                             : adjoint_product<T, AddMultiple, true>;
    for (std::int64_t c = 0; c < job_.v_columns; ++c)
      product(moved_, coefficients(c), x, d, samples, lanes_.features(p, c));
    moved_.count = 0;
  }

  // The coefficients of all matrices add up to one matrix per pair.
  void point_elements(std::int64_t e, std::int64_t count, std::int64_t sample, std::int64_t q,
                      T* tile, T* sum) {
    const Elements<T>& g = job_.g;
    for (std::int64_t c = 0; job_.refine && c < count; ++c)
      refine(e + c, sample, q * S::nr, S::nr, tile, c);
    map(weights_from(job_, e), tile, count);
    for (std::int64_t c = 0; c < count; ++c) add_row(radial_ + c * S::nr, sum);
    combine_matrices(tile, count, g.point_matrices + e % g.n_matrices * g.n_entries, g.n_entries,
                     extra_);
  }

  void point_rows_done(std::int64_t s, std::int64_t sample, std::int64_t) {
    lanes_.add_points(sample, s, extra_, weighted_);
    clear_matrix();
  }

  void shifts(std::int64_t e, std::int64_t count, std::int64_t sample, int samples, std::int64_t j,
              T* values, const bool (&near)[2], T* sum) {
    const std::int64_t n = job_.g.transform.size;
    const std::int32_t* places = job_.g.places + e % n;
    for (std::int64_t c = 0; c < count; c += S::mr) {
      T* tile = values + c * S::nr;  // a row holds both samples
      const std::int64_t rows = count - c < S::mr ? count - c : std::int64_t(S::mr);
      for (int l = 0; l < samples; ++l) {
        for (std::int64_t r = 0; near[l] && r < rows; ++r)
          refine(e + c + r, sample + l, j, S::width, tile, r, l * S::width);
      }
      map(weights_from(job_, e + c), tile, rows);
      for (std::int64_t r = 0; r < rows; ++r) {
        for (int l = 0; l < samples; ++l) {
          const int half = l * S::width;
          add_vector(radial_ + r * S::nr + half, sum + l * S::nr);
          T* to = extra_ + (l * n + places[c + r]) * S::width;
          V::load(tile + r * S::nr + half).store(to);
        }
      }
    }
  }

  // The coefficients of both samples as one complex sequence, transformed: at every frequency they
  // multiply the spectrum of y.
  void shifts_done(std::int64_t h, std::int64_t sample, std::int64_t j) {
    const Elements<T>& g = job_.g;
    const std::int64_t n = g.transform.size, lanes = n * S::width, p = sample / S::mr;
    T *re = extra_, *im = re + lanes, *work = im + lanes, *z = work + 2 * lanes;
    if (sample + 1 >= job_.x.n) {
      for (std::int64_t k = 0; k < lanes; ++k) im[k] = T(0);
    }
    spectrum<V>(g.transform, re, im, S::width, work, z);
    const std::int64_t q = j / S::nr, half = j % S::nr;
    const T* y = job_.y.panels + q * job_.depth * S::nr + half * 2 * g.d;
    const std::int32_t* rows = g.spectral_rows + h * n;
    for (std::int64_t c = 0; c < job_.v_columns; ++c) {
      const V w = V::load(lanes_.weights(q, c) + half);
      T* to = lanes_.spectrum(p, c, sample % S::mr);
      for (std::int64_t channel = 0; channel < g.channels; ++channel, to += 2 * lanes) {
        const T* from = y + channel * 2 * lanes;
        for (std::int64_t k = 0; k < n; ++k) {
          const ComplexLanes<V> a = load_complex<V>(z + k * 2 * S::width);
          const ComplexLanes<V> b =
              load_complex<V>(from + static_cast<std::int64_t>(rows[k]) * (2 * S::width));
          T* at = to + k * 2 * S::width;
          const V ar = a.re * w, ai = a.im * w;
          fma(ar, b.re, V::load(at) - ai * b.im).store(at);
          fma(ar, b.im, fma(ai, b.re, V::load(at + S::width))).store(at + S::width);
        }
      }
    }
  }

 private:
  T* coefficients(std::int64_t column) const {
    return extra_ + column * adjoint_elements * S::size;
  }
  void clear_matrix() {
    for (std::int64_t k = 0; k < job_.g.n_entries * S::nr; ++k) extra_[k] = T(0);
  }
  static void add_vector(const T* from, T* to) { (V::load(to) + V::load(from)).store(to); }
  static void add_row(const T* from, T* to) {
    for (int v = 0; v < S::nv; ++v) add_vector(from + v * S::width, to + v * S::width);
  }
  static void scale_row(T* row, T weight) {
    for (int v = 0; v < S::nr; v += S::width) (V::load(row + v) * V(weight)).store(row + v);
  }
  static void store_weighted(const T* tile, const T* w, T* to) {
    for (int v = 0; v < S::nv; ++v) {
      const V weight = V::load(w + v * S::width);
      for (int i = 0; i < S::mr; ++i) {
        const int at = i * S::nr + v * S::width;
        (V::load(tile + at) * weight).store(to + at);
      }
    }
  }

  void derive(std::int64_t e, T* tile, std::int64_t rows, T* sum) {
    map({weights_from(job_, e).first, 0}, tile, rows);
    for (std::int64_t r = 0; r < rows; ++r) add_row(radial_ + r * S::nr, sum + r * S::nr);
  }

  // Derivatives in the place of `rows` rows of affine forms, each times its weight, and what goes
  // with them in radial_; entries that are taken from differences are added at once, and leave 0
  // behind.
  void map(Weights<T> weights, T* tile, std::int64_t rows) {
    maps_.derivative(job_.parameters, tile, rows * S::nr, radial_);
    for (std::int64_t r = 0; job_.weight_step != 0 && r < rows; ++r) {
      scale_row(tile + r * S::nr, weights[r]);
      scale_row(radial_ + r * S::nr, weights[r]);
    }
    for (std::int64_t k = 0; k < near_count_; ++k) {
      const Near& near = near_[k];
      const T coefficient = tile[near.at];
      tile[near.at] = T(0);
      if (!job_.unit_rows) radial_[near.at] = T(0);
      if (near.sign != 0) add_difference(near, coefficient);
    }
    near_count_ = 0;
  }

  // An entry of a tile whose moved sample of y, less (sign 1) or plus (-1) x, is small; 0: nothing.
  struct Near {
    std::int64_t e, i, j;
    int at, sign;
  };

  // Sample i against `width` samples j of y in row r of the tile, from `offset` on.
  void refine(std::int64_t e, std::int64_t i, std::int64_t j0, int width, T* tile, std::int64_t r,
              int offset = 0) {
    if (i >= job_.x.n) return;
    const V sign(job_.self < 0 ? T(-1) : T(1)), same(coincidence(job_, T(0)));
    for (int v = 0; v < width; v += S::width) {
      const int at = static_cast<int>(r) * S::nr + offset + v;
      if (!wants_refinement(job_, i, j0 + v, tile + at) && !any(V::load(tile + at) * sign, same))
        continue;
      for (int l = 0; l < S::width && j0 + v + l < job_.y.n; ++l)
        refine_one(e, i, j0 + v + l, tile, at + l);
    }
  }

  void refine_one(std::int64_t e, std::int64_t i, std::int64_t j, T* tile, int at) {
    const T scale = job_.x.bias[i] + job_.y.bias[j];
    T& a = tile[at];
    const Refined refined = refine_entry(job_, e, i, j, scale, a);
    if (!by_difference_) return;
    const bool sum = refined == Refined::sum;
    const T square = sum ? (a < T(0) ? -a : T(0)) : a * (job_.self < 0 ? T(-1) : T(1));
    const bool same = square <= coincidence(job_, scale);
    if (same || refined != Refined::none)
      near_[near_count_++] = {e, i, j, at, same ? 0 : (sum ? -1 : 1)};
  }

  // coefficient (gy - sign x).
  void add_difference(const Near& near, T coefficient) {
    const Elements<T>& g = job_.g;
    const T* x = job_.x.rows + near.i * g.d;
    const T* y = job_.y.rows + near.j * g.d;
    const double x_scale = near.sign * (job_.unit_rows ? job_.x.inverse_norm[near.i] : 1.0);
    const double y_scale = job_.unit_rows ? job_.y.inverse_norm[near.j] : 1.0;
    for (std::int64_t k = 0; k < g.d; ++k) {
      const std::int64_t feature = feature_of(g, k);
      const double difference = acted(g, near.e, y, k) * y_scale - x[feature] * x_scale;
      lanes_.add(near.i, g.kind == ActionKind::shifts ? feature : k, near.j,
                 coefficient * static_cast<T>(difference));
    }
  }

  const Job<T>& job_;
  GradientLanes<T>& lanes_;
  Maps<T> maps_;
  bool by_difference_;
  MovedPanels<T> moved_;
  Near near_[S::size > point_chunk* S::nr ? S::size : point_chunk * S::nr];
  std::int64_t near_count_ = 0;
  T* radial_;    // of a tile
  T* extra_;     // coefficients of elements, of a matrix per pair, or of shifts
  T* weighted_;  // points: panels of v_j y_j
};

SYMKERNEL_END_NAMESPACE
