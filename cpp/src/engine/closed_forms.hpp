// Closed forms: the average over a whole compact or large finite group, pair by pair, without its
// elements. What is summed over is at most a short list of row permutations and of rates.
//
// With b = |x|^2 + |y|^2 and M = X^T (sY), every form is F(t) = exp(-t b) * average of
// exp(2 t tr M^T g); its derivative is returned as D = t F'(t). Polynomial kernels take the moments
// of tr M^T g in its place.
#pragma once

#include "engine/differences.hpp"
#include "engine/engine.hpp"
#include "engine/fisher_forms.hpp"
#include "engine/form_state.hpp"
#include "engine/producers.hpp"
#include "engine/tile_product.hpp"
#include "symkernel/moments.hpp"
#include "symkernel/octahedral.hpp"
#include "symkernel/permanent.hpp"
#include "symkernel/sign_flips.hpp"

SYMKERNEL_BEGIN_NAMESPACE

template <class T>
class ClosedForms {
  using S = TileShape<T>;
  using V = typename S::V;
  static constexpr int step = point_samples<T>;
  static constexpr T log2e = T(1.4426950408889634074);

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
    const double x2 = largest_bias(job_.x.bias + p0 * S::mr, panels * S::mr, job_.x.n - p0 * S::mr);
    const double y2 =
        largest_bias(job_.y.bias + block.q * S::nr, columns * S::nr, job_.y.n - block.q * S::nr);
    bound_ = x2 * y2;
    largest_ = x2 > y2 ? x2 : y2;
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
          V squares[3];
          for (int c = 0; c < 3; ++c) squares[c] = V(T(0));
          for (std::int64_t k = 0; k < job_.g.d; ++k) {
            const V value = V::load(y + k * S::nr + v * S::width);
            squares[k % 3] = fma(value, value, squares[k % 3]);
          }
          V shift[3], weight;
          octahedral_side(squares, resolved(job_.form.rates[m]), shift, weight);
          T* to = y_part_ + (m * S::nv + v) * 4 * S::width;
          for (int c = 0; c < 3; ++c) shift[c].store(to + c * S::width);
          weight.store(to + 3 * S::width);
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

  V bias(std::int64_t p, std::int64_t q, int i, int v) const {
    return V(job_.x.bias[p * S::mr + i]) + V::load(job_.y.bias + q * S::nr + v * S::width);
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
    const T* from = entries_ + i * entries_size(job_) + v * S::width;
    switch (job_.form.form) {
      case PairForm::rotations_3:
      case PairForm::orthogonal_3: {
        V matrix[9];
        for (int e = 0; e < 9; ++e) matrix[e] = V::load(from + e * S::nr);
        const FisherInvariants<V> invariants(matrix);
        if (job_.form.form == PairForm::rotations_3) {
          rotation_moments<false>(invariants, degree, sink);
        } else {
          rotation_moments<true>(invariants, degree, sink);
        }
        break;
      }
      case PairForm::sphere:
        sphere_moments(
            V(job_.x.bias[p * S::mr + i]) * V::load(job_.y.bias + q * S::nr + v * S::width),
            static_cast<int>(job_.g.d), degree, sink);
        break;
      default: {
        const V a = V::load(from), d = V::load(from + 3 * S::nr);
        const V c = V::load(from + S::nr), e = V::load(from + 2 * S::nr);
        sphere_moments(square_sum(a + d, c - e), 2, degree, sink);
        if (job_.form.form == PairForm::rotations_2) break;
        sphere_moments(square_sum(a - d, c + e), 2, degree, sink);
        for (int plane = 0; plane < planes; ++plane) total[plane] = total[plane] * V(T(0.5));
      }
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
    for (std::int64_t m = 0; m < job_.form.n_rates; ++m) {
      const T sharp = job_.form.rates[m], rate = resolved(sharp);
      // |M| is at most |x| |y|, its nuclear norm as well
      const auto& form = FisherForms<V, Reflections>::within(2.0 * sharp * std::sqrt(bound_));
      const V scale(rate + rate);
      const auto load = [&](int k, V(&matrix)[9], V& b) SYMKERNEL_LAMBDA {
        const int v = k % S::nv;
        const Line& line = lines_[k / S::nv];
        const T* from = entries_ + k / S::nv * entries_size(job_) + v * S::width;
        SYMKERNEL_UNROLL
        for (int e = 0; e < 9; ++e) matrix[e] = V::load(from + e * S::nr) * scale;
        b = bias(line.p, line.q, line.i, v) * V(rate);
      };
      const auto target = [&](int k) SYMKERNEL_LAMBDA {
        return lines_[k / S::nv].sum + (k % S::nv) * S::width;
      };
      const bool large = exponents_are_large(sharp);
      if (!job_.form.has_slopes && !large) {
        form.values(used_ * S::nv, load,
                    [&](int k, V value) SYMKERNEL_LAMBDA { add(m, value, value, target(k)); });
        continue;
      }
      for (int k = 0; k < used_ * S::nv; ++k) {
        V matrix[9], b, slope(T(0));
        load(k, matrix, b);
        V value =
            job_.form.has_slopes ? form.value_and_slope(matrix, b, slope) : form.value(matrix, b);
        slope = slope - b * value;
        if (large && any(V(T(0)), value)) {
          const Line& line = lines_[k / S::nv];
          value = differences(line.p, line.q, line.s, line.i, k % S::nv, sharp)
                      .template fisher<Reflections>(form, matrix, slope);
        }
        add(m, value, slope, target(k));
      }
    }
  }

  // ---- the other forms, one vector of pairs at a time ------------------------------------------

  void pair(std::int64_t p, std::int64_t q, std::int64_t s, int i, int v, T* sum) {
    for (std::int64_t m = 0; m < job_.form.n_rates; ++m) {
      const T sharp = job_.form.rates[m], rate = resolved(sharp);
      V slope(T(0));
      V value(T(0));
      switch (job_.form.form) {
        case PairForm::rotations_2:
          value = planar(p, q, i, v, rate, false, slope);
          break;
        case PairForm::orthogonal_2:
          value = planar(p, q, i, v, rate, true, slope);
          break;
        case PairForm::sphere:
          value = sphere(p, q, i, v, rate, slope);
          break;
        case PairForm::octahedral:
          value = octahedral<false>(p, q, i, v, m, rate, slope);
          break;
        case PairForm::octahedral_rotations:
          value = octahedral<true>(p, q, i, v, m, rate, slope);
          break;
        case PairForm::sign_flips:
          value = job_.form.base == FormBase::laplacian
                      ? flips<LaplacianFlips>(p, i, v, rate, slope)
                      : flips<RbfFlips>(p, i, v, rate, slope);
          break;
        default:
          value = permanents(p, q, i, v, rate, slope);
      }
      if (exponents_are_large(sharp) && any(V(T(0)), value))
        value = from_differences(p, q, s, i, v, sharp, value, slope);
      add(m, value, slope, sum);
    }
  }

  // Where the exponents 2 t |x| |y| of a single Gaussian lose digits in these tiles. (In a mixture
  // the broad terms outweigh what the sharp ones lose, and float samples of that size are widened.)
  bool exponents_are_large(T rate) const {
    return sizeof(T) == 8 && job_.form.n_rates == 1 &&
           (2.0 * rate * std::sqrt(bound_) > Differences<T>::least_exponent ||
            rate * largest_ > Differences<T>::largest_exponent);
  }

  // The rate at which near pairs are found: a sharp one leaves inner products without a digit. Its
  // values are at least those of the sharp one, up to what differences replace.
  T resolved(T rate) const {
    if (sizeof(T) != 8 || job_.form.n_rates != 1 || !needs_inner_products()) return rate;
    const double most = Differences<T>::largest_exponent;
    return rate * largest_ > most ? static_cast<T>(most / largest_) : rate;
  }
  bool needs_inner_products() const {
    return needs_matrix(job_) || job_.form.form == PairForm::sphere;
  }

  Differences<T> differences(std::int64_t p, std::int64_t q, std::int64_t s, int i, int v,
                             T rate) const {
    return {job_, x_panel(p) + i, y_panel(q) + v * S::width,
            job_.g.point_rows + s * job_.g.n_points, rate};
  }

  V from_differences(std::int64_t p, std::int64_t q, std::int64_t s, int i, int v, T rate, V value,
                     V& slope) const {
    const Differences<T> exact = differences(p, q, s, i, v, rate);
    const T* entries = entries_ + i * entries_size(job_) + v * S::width;
    const auto* state = static_cast<const FormState<T>*>(job_.form.state);
    switch (job_.form.form) {
      case PairForm::rotations_2:
        return exact.planar(state->sphere, state->derivative, entries, slope);
      case PairForm::orthogonal_2:
        return exact.planar_with_reflections(state->sphere, state->derivative, entries, slope);
      case PairForm::sphere:
        return exact.sphere(state->sphere, state->derivative, V(job_.x.bias[p * S::mr + i]),
                            V::load(job_.y.bias + q * S::nr + v * S::width), slope);
      case PairForm::octahedral:
        return exact.template octahedral<false>(slope);
      case PairForm::octahedral_rotations:
        return exact.template octahedral<true>(slope);
      default:
        return value;  // made of differences as it is
    }
  }

  // Products over planes of I_0(2 t |S|); for O(2) the mean over one plane and its mirror image.
  V planar(std::int64_t p, std::int64_t q, int i, int v, T rate, bool reflections, V& slope) {
    const auto& state = *static_cast<const FormState<T>*>(job_.form.state);
    const V b = bias(p, q, i, v) * V(rate), four_t2(T(4) * rate * rate);
    const T* from = entries_ + i * entries_size(job_) + v * S::width;
    if (reflections) {
      const V a = V::load(from), d = V::load(from + 3 * S::nr);
      const V c = V::load(from + S::nr), e = V::load(from + 2 * S::nr);
      V first, second;
      const V turned = average(state, square_sum(a + d, c - e) * four_t2, b, first);
      const V mirrored = average(state, square_sum(a - d, c + e) * four_t2, b, second);
      slope = (first + second) * V(T(0.5));
      return (turned + mirrored) * V(T(0.5));
    }
    V exponent = -b, value(T(1)), logarithmic = -b;
    for (std::int64_t n = 0; n < job_.g.n_blocks; ++n) {
      const T* m = from + job_.g.blocks[n].entry * S::nr;
      const V re = V::load(m) + V::load(m + 3 * S::nr);
      const V im = V::load(m + S::nr) - V::load(m + 2 * S::nr);
      const V z2 = square_sum(re, im) * four_t2;
      V own(T(0));
      const V factor = state.sphere.factor(z2, own);
      if (job_.form.has_slopes) {
        V above(T(0));
        const V derivative = state.derivative.factor(z2, above);
        const V ratio = derivative / factor * exp2((above - own) * V(log2e));
        logarithmic = logarithmic + z2 * ratio * V(T(0.5));  // 2 z^2 H_4 / (4 H_2)
      }
      value = value * factor;
      exponent = exponent + own;
    }
    value = value * exp2(exponent * V(log2e));
    slope = value * logarithmic;
    return value;
  }

  static SYMKERNEL_INLINE V square_sum(V a, V b) { return fma(a, a, b * b); }

  // H_d(z) e^-b and its t d/dt, from z^2: z H_d'(z) = z^2 H_(d+2)(z) / d.
  V average(const FormState<T>& state, V z2, V b, V& slope) const {
    const V value = state.sphere.value(z2, b);
    if (job_.form.has_slopes) {
      const V derivative = state.derivative.value(z2, b);
      slope = z2 * derivative * V(static_cast<T>(1.0 / state.dimension)) - b * value;
    }
    return value;
  }

  V sphere(std::int64_t p, std::int64_t q, int i, int v, T rate, V& slope) {
    const auto& state = *static_cast<const FormState<T>*>(job_.form.state);
    const V z2 = V(job_.x.bias[p * S::mr + i]) * V::load(job_.y.bias + q * S::nr + v * S::width) *
                 V(T(4) * rate * rate);
    return average(state, z2, bias(p, q, i, v) * V(rate), slope);
  }

  template <bool Rotations>
  V octahedral(std::int64_t p, std::int64_t q, int i, int v, std::int64_t m, T rate, V& slope) {
    V squares[3];
    for (int c = 0; c < 3; ++c) squares[c] = V(T(0));
    const T* x = x_panel(p) + i;
    for (std::int64_t k = 0; k < job_.g.d; k += 3) {
      for (int c = 0; c < 3; ++c) {
        const V value(x[(k + c) * S::mr]);
        squares[c] = fma(value, value, squares[c]);
      }
    }
    V x_shift[3], x_weight, y_shift[3];
    octahedral_side(squares, rate, x_shift, x_weight);
    const T* side = y_part_ + (m * S::nv + v) * 4 * S::width;
    for (int c = 0; c < 3; ++c) y_shift[c] = V::load(side + c * S::width);
    const V weight = x_weight * V::load(side + 3 * S::width);
    const T* from = entries_ + i * entries_size(job_) + v * S::width;
    V matrix[9];
    const V scale(T(2) * rate * log2e);
    SYMKERNEL_UNROLL
    for (int e = 0; e < 9; ++e) matrix[e] = V::load(from + e * S::nr) * scale;
    const Octahedral<V, Rotations> form(matrix, x_shift, y_shift);
    const V value = form.mean(weight);
    if (job_.form.has_slopes) {
      V gradient[9];
      form.gradient(weight, gradient);
      slope = -(bias(p, q, i, v) * V(rate) * value);
      for (int e = 0; e < 9; ++e)  // entries are in base two
        slope = fma(matrix[e] * V(T(0.69314718055994530942)), gradient[e], slope);
    }
    return value;
  }

  template <template <class> class Flips>
  V flips(std::int64_t p, int i, int v, T rate, V& slope) {
    const std::int64_t d = job_.g.d;
    const double c = static_cast<double>(rate) * log2e;
    const T scale = static_cast<T>(Flips<V>::power == 2 ? std::sqrt(c) : c);
    T* u = rest_ + d * S::nr;
    T* w = u + (d + 15) / 16 * 16;
    for (std::int64_t k = 0; k < d; ++k) {
      const T value = x_panel(p)[k * S::mr + i];
      u[k] = (value < T(0) ? -value : value) * scale;
      (V::load(rest_ + k * S::nr + v * S::width) * V(scale)).store(w + k * S::width);
    }
    if (!job_.form.has_slopes) return sign_flips<V, Flips>(u, 1, w, S::width, d);
    T* slopes = w + d * S::width;
    const V value = sign_flips_gradient<V, Flips>(u, 1, w, S::width, d, slopes, S::width);
    V total(T(0));
    for (std::int64_t k = 0; k < d; ++k) total = total + V::load(slopes + k * S::width);
    slope = value * total * V(T(-1) / T(Flips<V>::power));  // d/d log s = -power t d/dt
    return value;
  }

  // Products over blocks of per[k(x_i, y_j)] / n!, entries from differences.
  V permanents(std::int64_t p, std::int64_t q, int i, int v, T rate, V& slope) {
    V product(T(1)), logarithmic(T(0));
    for (std::int64_t n = 0; n < job_.g.n_blocks; ++n) {
      V own(T(0));
      const V factor = one_permanent(p, q, i, v, rate, job_.g.blocks[n], own);
      product = product * factor;
      logarithmic = logarithmic + own / select(factor > V(T(0)), factor, V(T(1)));
    }
    slope = product * logarithmic;
    return product;
  }

  // What the exponent of a factor is the sum of over coordinates: |z|^2, or |z| of a Laplacian.
  SYMKERNEL_INLINE V distance(V z, V sum) const {
    return job_.form.base == FormBase::laplacian ? sum + abs(z) : fma(z, z, sum);
  }

  V one_permanent(std::int64_t p, std::int64_t q, int i, int v, T rate, const PointBlock& block,
                  V& slope) {
    const int n = static_cast<int>(block.points);
    const std::int64_t size = std::int64_t(n) * n * S::width;
    T *a = rest_, *t_derivative = a + size, *minors = t_derivative + size;
    T* scratch = minors + size + 32;
    const bool both_signs = job_.form.form == PairForm::signed_permanents;
    const T* x = x_panel(p) + block.feature * S::mr + i;
    const T* y = y_panel(q) + block.feature * S::nr + v * S::width;
    const V c(-rate * log2e), half(T(0.5)), minus_t(-rate);
    for (int row = 0; row < n; ++row) {
      for (int column = 0; column < n; ++column) {
        V near(T(0)), far(T(0));
        for (std::int64_t k = 0; k < block.dimension; ++k) {
          const V xk(x[(row * block.dimension + k) * S::mr]);
          const V yk = V::load(y + (column * block.dimension + k) * S::nr);
          near = distance(xk - yk, near);
          if (both_signs) far = distance(xk + yk, far);
        }
        V entry = exp2(near * c), derivative = entry * near * minus_t;
        if (both_signs) {
          const V other = exp2(far * c);
          derivative = fma(other, far * minus_t, derivative) * half;
          entry = (entry + other) * half;
        }
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
  double bound_ = 0;    // max |x|^2 max |y|^2 of the tiles in work
  double largest_ = 0;  // max of both
  T* entries_;          // M of every sample of a panel, or of every line
  T* y_part_;           // octahedral: shifts and weight of y, for every rate
  T* rest_;             // sign flips: |y|; permanents: matrices
  Line lines_[S::mr];   // whose values are due
  int used_ = 0;
};

SYMKERNEL_END_NAMESPACE
