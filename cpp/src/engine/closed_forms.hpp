// Closed forms: the average over a whole compact or large finite group, pair by pair, without its
// elements. What is summed over is at most a short list of row permutations and of rates.
//
// With b = |x|^2 + |y|^2 and M = X^T (sY), every form is F(t) = exp(-t b) * average of
// exp(2 t tr M^T g); its derivative is returned as D = t F'(t). Polynomial kernels take the moments
// of tr M^T g in its place.
#pragma once

#include "engine/engine.hpp"
#include "engine/fisher_forms.hpp"
#include "engine/lane_pair.hpp"
#include "engine/producers.hpp"
#include "engine/tile_product.hpp"
#include "symkernel/decide/exponents.hpp"
#include "symkernel/forms/octahedral.hpp"
#include "symkernel/forms/permanents.hpp"
#include "symkernel/forms/planar.hpp"
#include "symkernel/forms/rotation.hpp"
#include "symkernel/forms/sign_flips.hpp"
#include "symkernel/forms/sphere.hpp"
#include "symkernel/permanent.hpp"

SYMKERNEL_BEGIN_NAMESPACE

template <class T>
class ClosedForms {
  using S = TileShape<T>;
  using V = typename S::V;
  static constexpr int step = point_samples<T>;

 public:
  static std::int64_t planes(const Job<T>& job) { return job.form.planes; }
  static std::int64_t sums_size(const Job<T>& job, std::int64_t panels) {
    return panels * planes(job) * S::size;
  }
  static std::int64_t scratch_size(const Job<T>& job) {
    const std::int64_t n = largest_block(job), matrix = n * n * S::width;
    std::int64_t size = S::mr * entries_size(job) + job.form.n_rates * 4 * S::nr + 256;
    if (job.form.form == PairForm::sign_flips) size += job.g.d * (2 * S::nr + 16);
    if (is_permanent(job)) size += 4 * matrix + 64 + permanent_bytes(job) / std::int64_t(sizeof(T));
    return size;
  }

  ClosedForms(const Job<T>& job, T* scratch, int thread)
      : job_(job), thread_(thread), entries_(scratch) {
    y_part_ = entries_ + S::mr * entries_size(job);
    rest_ = y_part_ + job.form.n_rates * 4 * S::nr;
  }

  // Columns of tiles to take at once: the values of a few samples of x against one panel of y would
  // leave the pipes empty.
  static std::int64_t span(const Job<T>& job) {
    const std::int64_t lone = job.x.n * job.g.n_row_permutations;
    return is_fisher(job) && lone > 0 && lone < S::mr ? S::mr / lone : 1;
  }

  // Returns false when the computation was stopped; sums are then incomplete.
  bool run(const Block& block, T* sums) {
    const std::int64_t p0 = block.p0, p1 = block.p1, panels = p1 - p0;
    const std::int64_t columns = block.q1 - block.q, size = sums_size(job_, panels);
    for (std::int64_t i = 0; i < columns * size; ++i) sums[i] = T(0);
    norms_.x2 = largest_bias(job_.x.bias + p0 * S::mr, panels * S::mr, job_.x.n - p0 * S::mr);
    norms_.y2 =
        largest_bias(job_.y.bias + block.q * S::nr, columns * S::nr, job_.y.n - block.q * S::nr);
    used_ = 0;
    for (std::int64_t q = block.q; q < block.q1; ++q, sums += size) {
      prepare_y(q);
      for (std::int64_t p = p0; p < p1; ++p) {
        T* sum = sums + (p - p0) * planes(job_) * S::size;
        for (std::int64_t s = 0; s < job_.g.n_row_permutations; ++s) {
          if (!panel(p, q, s, sum)) return false;
        }
      }
    }
    return used_ == 0 || fisher_values();
  }

 private:
  static bool is_permanent(const Job<T>& job) {
    return job.form.form == PairForm::permanents || job.form.form == PairForm::signed_permanents;
  }
  static bool needs_matrix(const Job<T>& job) {
    return job.form.form >= PairForm::rotations_2 &&
           job.form.form <= PairForm::octahedral_rotations;
  }
  static bool is_fisher(const Job<T>& job) {
    return job.form.base == FormBase::rbf &&
           (job.form.form == PairForm::rotations_3 || job.form.form == PairForm::orthogonal_3);
  }
  static std::int64_t entries_size(const Job<T>& job) {
    return needs_matrix(job) ? job.g.n_entries * S::nr : 0;
  }
  static std::int64_t largest_block(const Job<T>& job) {
    std::int64_t n = 0;
    for (std::int64_t b = 0; b < job.g.n_blocks; ++b)
      n = job.g.blocks[b].points > n ? job.g.blocks[b].points : n;
    return n;
  }
  static std::int64_t permanent_bytes(const Job<T>& job) {
    const int n = static_cast<int>(largest_block(job));
    const std::int64_t value = permanent_scratch<V>(n);
    const std::int64_t slope = job.form.has_slopes ? permanent_gradient_scratch<V>(n) : 0;
    return value > slope ? value : slope;
  }
  static double largest_bias(const T* bias, std::int64_t count, std::int64_t valid) {
    double most = 0;
    for (std::int64_t i = 0; i < count && i < valid; ++i) most = bias[i] > most ? bias[i] : most;
    return most;
  }
  const T* x_panel(std::int64_t p) const { return job_.x.panels + p * job_.x_depth * S::mr; }
  const T* y_panel(std::int64_t q) const { return job_.y.panels + q * job_.depth * S::nr; }

  // What depends on y alone, once per column of tiles.
  void prepare_y(std::int64_t q) {
    const T* y = y_panel(q);
    if (job_.form.form == PairForm::octahedral ||
        job_.form.form == PairForm::octahedral_rotations) {
      for (std::int64_t m = 0; m < job_.form.n_rates; ++m) {
        for (int v = 0; v < S::nv; ++v) {
          const OctahedralSide<V> side =
              octahedral_side<V>(job_.g.d, rate(m).resolved, [&](std::int64_t k) SYMKERNEL_LAMBDA {
                return V::load(y + k * S::nr + v * S::width);
              });
          T* to = y_part_ + (m * S::nv + v) * 4 * S::width;
          for (int c = 0; c < 3; ++c) side.shift[c].store(to + c * S::width);
          side.weight.store(to + 3 * S::width);
        }
      }
    }
    if (job_.form.form == PairForm::sign_flips) {
      for (std::int64_t k = 0; k < job_.g.d * S::nr; k += S::width)
        abs(V::load(y + k)).store(rest_ + k);
    }
  }

  bool panel(std::int64_t p, std::int64_t q, std::int64_t s, T* sum) {
    std::int64_t valid = job_.x.n - p * S::mr < S::mr ? job_.x.n - p * S::mr : std::int64_t(S::mr);
    if (job_.symmetric) {  // rows below the diagonal are not needed
      const std::int64_t above = (q + 1) * S::nr - p * S::mr;
      valid = above < valid ? above : valid;
    }
    if (is_fisher(job_)) return fisher_panel(p, q, s, static_cast<int>(valid), sum);
    if (needs_matrix(job_)) multiply(p, q, s, valid, entries_);
    if (job_.form.base == FormBase::powers) {
      for (int i = 0; i < valid; ++i) {
        for (int v = 0; v < S::nv; ++v) moments(p, q, i, v, sum + i * S::nr + v * S::width);
      }
      return !stop_requested(job_.token, thread_);
    }
    for (int i = 0; i < valid; ++i) {
      // a permanent may take seconds, and there are many in a tile
      if (is_permanent(job_) && stop_requested(job_.token, thread_)) return false;
      for (int v = 0; v < S::nv; ++v) pair(p, q, s, i, v, sum + i * S::nr + v * S::width);
    }
    return !stop_requested(job_.token, thread_);
  }

  // X^T (sY) of the first `valid` samples of panel p.
  void multiply(std::int64_t p, std::int64_t q, std::int64_t s, std::int64_t valid, T* to) const {
    const Elements<T>& g = job_.g;
    const std::int64_t size = entries_size(job_);
    for (std::int64_t i = 0; i < valid; i += step) {
      for (std::int64_t n = 0; n < g.n_blocks; ++n) {
        const PointBlock& b = g.blocks[n];
        point_product(x_panel(p) + b.feature * S::mr + i, S::mr, y_panel(q) + b.feature * S::nr,
                      g.point_rows + s * g.n_points + b.first_point, b.points, b.dimension,
                      to + i * size + b.entry * S::nr, size, valid - i);
      }
    }
  }

  // Matrices M lie in entries_ at number `slot`.
  LanePair<T> pair_of(std::int64_t p, std::int64_t q, std::int64_t s, int i, int v,
                      int slot) const {
    return {V(job_.x.bias[p * S::mr + i]),
            V::load(job_.y.bias + q * S::nr + v * S::width),
            job_.g,
            x_panel(p) + i,
            y_panel(q) + v * S::width,
            entries_ + slot * entries_size(job_) + v * S::width,
            job_.g.point_rows + s * job_.g.n_points};
  }

  // Forms of features are made of differences as they are.
  FormRate<T> rate(std::int64_t m) const {
    const T t = job_.form.rates[m];
    if (needs_matrix(job_) || job_.form.form == PairForm::sphere)
      return norms_.rate(t, job_.form.n_rates);
    return plain_rate(t);
  }

  // Adds F and D at rate m to the planes of one vector of pairs.
  SYMKERNEL_INLINE void add(std::int64_t m, V value, V slope, T* sum) const {
    for (std::int64_t c = 0; c < job_.form.planes; ++c) {
      T* at = sum + c * S::size;
      const std::int64_t k = c * job_.form.n_rates + m;
      V total = fma(V(job_.form.values[k]), value, V::load(at));
      if (job_.form.has_slopes) total = fma(V(job_.form.slopes[k]), slope, total);
      total.store(at);
    }
  }

  // ---- polynomial kernels ----------------------------------------------------------------------

  void moments(std::int64_t p, std::int64_t q, int i, int v, T* sum) const {
    const std::int64_t count = job_.form.n_rates;
    const int planes = static_cast<int>(job_.form.planes), degree = static_cast<int>(count) - 1;
    V total[max_form_planes];
    for (int c = 0; c < planes; ++c) total[c] = V(T(0));
    const auto sink = [&](int k, V moment) SYMKERNEL_LAMBDA {
      for (int c = 0; c < planes; ++c)
        total[c] = fma(V(job_.form.values[c * count + k]), moment, total[c]);
    };
    const LanePair<T> pair = pair_of(p, q, 0, i, v, i);
    switch (job_.form.form) {
      case PairForm::rotations_3:
        RotationForm<V, false>::moments(pair, degree, sink);
        break;
      case PairForm::orthogonal_3:
        RotationForm<V, true>::moments(pair, degree, sink);
        break;
      case PairForm::rotations_2:
        PlanarForm<V, false>::moments(pair, degree, sink);
        break;
      case PairForm::orthogonal_2:
        PlanarForm<V, true>::moments(pair, degree, sink);
        break;
      default:
        sphere_moments(pair.x2() * pair.y2(), static_cast<int>(job_.g.d), degree, sink);
    }
    for (int c = 0; c < planes; ++c)
      (V::load(sum + c * S::size) + total[c]).store(sum + c * S::size);
  }

  // ---- SO(3), O(3) -----------------------------------------------------------------------------

  // One sample of x for one row permutation against one panel of y: its matrices M lie in
  // entries_, at its own number.
  struct Line {
    std::int64_t p, q, s;
    int i;
    T* sum;
  };

  // Values wait until there are as many lines as a panel of x has.
  bool fisher_panel(std::int64_t p, std::int64_t q, std::int64_t s, int valid, T* sum) {
    if (used_ + valid > S::mr && !fisher_values()) return false;
    multiply(p, q, s, valid, entries_ + used_ * entries_size(job_));
    for (int i = 0; i < valid; ++i) lines_[used_++] = {p, q, s, i, sum + i * S::nr};
    return true;
  }

  bool fisher_values() {
    if (job_.form.form == PairForm::rotations_3) {
      fisher<false>();
    } else {
      fisher<true>();
    }
    used_ = 0;
    return !stop_requested(job_.token, thread_);
  }

  template <bool Reflections>
  void fisher() {
    const auto pair_at = [&](int k) SYMKERNEL_LAMBDA {
      const Line& line = lines_[k / S::nv];
      return pair_of(line.p, line.q, line.s, line.i, k % S::nv, k / S::nv);
    };
    const auto target = [&](int k) SYMKERNEL_LAMBDA {
      return lines_[k / S::nv].sum + (k % S::nv) * S::width;
    };
    for (std::int64_t m = 0; m < job_.form.n_rates; ++m) {
      const FormRate<T> t = rate(m);
      // |M| is at most |x| |y|, its nuclear norm as well
      const RotationForm<V, Reflections> form{FisherForms<V, Reflections>::within(t.exponent)};
      if (!job_.form.has_slopes && !t.large) {
        form.values(used_ * S::nv, t, pair_at,
                    [&](int k, V value) SYMKERNEL_LAMBDA { add(m, value, value, target(k)); });
        continue;
      }
      for (int k = 0; k < used_ * S::nv; ++k) add_form(form, pair_at(k), t, m, target(k));
    }
  }

  // ---- the other forms, one vector of pairs at a time ------------------------------------------

  // Adds one rate of a form of norms and inner products.
  template <class Form>
  void add_form(const Form& form, const LanePair<T>& pair, FormRate<T> t, std::int64_t m,
                T* sum) const {
    V slope(T(0));
    V value = form.value(pair, t, job_.form.has_slopes, slope);
    if (t.large && any(V(T(0)), value))
      value = form.from_differences(pair, t, job_.form.has_slopes, slope);
    add(m, value, slope, sum);
  }

  void pair(std::int64_t p, std::int64_t q, std::int64_t s, int i, int v, T* sum) {
    const LanePair<T> lanes = pair_of(p, q, s, i, v, i);
    const auto* tables = static_cast<const SphereTables<V>*>(job_.form.state);
    for (std::int64_t m = 0; m < job_.form.n_rates; ++m) {
      const FormRate<T> t = rate(m);
      V slope(T(0)), value(T(0));
      switch (job_.form.form) {
        case PairForm::rotations_2:
          add_form(PlanarForm<V, false>{*tables}, lanes, t, m, sum);
          continue;
        case PairForm::orthogonal_2:
          add_form(PlanarForm<V, true>{*tables}, lanes, t, m, sum);
          continue;
        case PairForm::sphere:
          add_form(SphereForm<V>{*tables}, lanes, t, m, sum);
          continue;
        case PairForm::octahedral:
          add_form(octahedral<false>(lanes, t, v, m), lanes, t, m, sum);
          continue;
        case PairForm::octahedral_rotations:
          add_form(octahedral<true>(lanes, t, v, m), lanes, t, m, sum);
          continue;
        case PairForm::sign_flips:
          value = job_.form.base == FormBase::laplacian
                      ? flips<LaplacianFlips>(p, i, v, t.exact, slope)
                      : flips<RbfFlips>(p, i, v, t.exact, slope);
          break;
        default:
          value = permanents(p, q, i, v, t.exact, slope);
      }
      add(m, value, slope, sum);
    }
  }

  template <bool RotationsOnly>
  OctahedralForm<V, RotationsOnly> octahedral(const LanePair<T>& pair, FormRate<T> t, int v,
                                              std::int64_t m) const {
    OctahedralForm<V, RotationsOnly> form;
    form.x = pair.x_side(t.resolved);
    const T* side = y_part_ + (m * S::nv + v) * 4 * S::width;
    for (int c = 0; c < 3; ++c) form.y.shift[c] = V::load(side + c * S::width);
    form.y.weight = V::load(side + 3 * S::width);
    return form;
  }

  template <template <class> class Flips>
  V flips(std::int64_t p, int i, int v, T t, V& slope) {
    using Form = SignFlipForm<V, Flips>;
    const std::int64_t d = job_.g.d;
    const T scale = Form::scale(t);
    T* u = rest_ + d * S::nr;
    T* w = u + (d + 15) / 16 * 16;
    for (std::int64_t k = 0; k < d; ++k) {
      const T value = x_panel(p)[k * S::mr + i];
      u[k] = (value < T(0) ? -value : value) * scale;
      (V::load(rest_ + k * S::nr + v * S::width) * V(scale)).store(w + k * S::width);
    }
    return Form::value(u, 1, w, S::width, d, job_.form.has_slopes, slope);
  }

  // Products over blocks of per[k(x_i, y_j)] / n!, entries from differences.
  V permanents(std::int64_t p, std::int64_t q, int i, int v, T t, V& slope) {
    V product(T(1)), logarithmic(T(0));
    for (std::int64_t n = 0; n < job_.g.n_blocks; ++n) {
      V own(T(0));
      const V factor = one_permanent(p, q, i, v, t, job_.g.blocks[n], own);
      product = product * factor;
      logarithmic = logarithmic + own / select(factor > V(T(0)), factor, V(T(1)));
    }
    slope = product * logarithmic;
    return product;
  }

  V one_permanent(std::int64_t p, std::int64_t q, int i, int v, T t, const PointBlock& block,
                  V& slope) {
    const int n = static_cast<int>(block.points);
    const std::int64_t size = std::int64_t(n) * n * S::width;
    T *a = rest_, *t_derivative = a + size, *minors = t_derivative + size;
    T* scratch = minors + size + 32;
    const bool both_signs = job_.form.form == PairForm::signed_permanents;
    const T* x = x_panel(p) + block.feature * S::mr + i;
    const T* y = y_panel(q) + block.feature * S::nr + v * S::width;
    const bool laplacian = job_.form.base == FormBase::laplacian;
    for (int row = 0; row < n; ++row) {
      for (int column = 0; column < n; ++column) {
        V near(T(0)), far(T(0)), derivative;
        for (std::int64_t k = 0; k < block.dimension; ++k) {
          const V xk(x[(row * block.dimension + k) * S::mr]);
          const V yk = V::load(y + (column * block.dimension + k) * S::nr);
          near = feature_distance(laplacian, xk - yk, near);
          if (both_signs) far = feature_distance(laplacian, xk + yk, far);
        }
        const V entry = permanent_entry(near, far, t, both_signs, derivative);
        entry.store(a + (row * n + column) * S::width);
        derivative.store(t_derivative + (row * n + column) * S::width);
      }
    }
    if (!job_.form.has_slopes) return permanent_mean(permanent<V>(a, n, scratch, stops()), n);
    const ScaledPermanent<V> value = permanent_and_minors<V>(a, n, scratch, minors, stops());
    ScaledPermanent<V> derivative = {V(T(0)), value.exponent};
    for (std::int64_t k = 0; k < size; k += S::width)
      derivative.value = fma(V::load(minors + k), V::load(t_derivative + k), derivative.value);
    slope = permanent_mean(derivative, n);
    return permanent_mean(value, n);
  }

  StopQuestion stops() const { return {job_.token, thread_}; }

  const Job<T>& job_;
  int thread_;
  TileNorms norms_;    // of the tiles in work
  T* entries_;         // M of every sample of a panel, or of every line
  T* y_part_;          // octahedral: shifts and weight of y, for every rate
  T* rest_;            // sign flips: |y|; permanents: matrices
  Line lines_[S::mr];  // whose values are due
  int used_ = 0;
};

SYMKERNEL_END_NAMESPACE
