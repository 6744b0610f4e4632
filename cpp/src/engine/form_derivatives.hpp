// Derivatives of closed forms, pair by pair: for the features of x, and for their length scales.
// With F(t) as in closed_forms.hpp,
//
//   dF/dx = -2 t F x + 2 t exp(-t b) (d/dM of the average of exp(tr M^T g)) y,   M = 2 t X^T (sY),
//
// for forms of M; products over features and permanents have derivatives feature by feature.
#pragma once

#include "engine/closed_forms.hpp"
#include "engine/engine.hpp"
#include "engine/fisher_forms.hpp"
#include "engine/lane_pair.hpp"
#include "engine/tile_product.hpp"
#include "symkernel/forms/octahedral.hpp"
#include "symkernel/forms/permanents.hpp"
#include "symkernel/forms/planar.hpp"
#include "symkernel/forms/rotation.hpp"
#include "symkernel/forms/sign_flips.hpp"
#include "symkernel/forms/sphere.hpp"
#include "symkernel/permanent.hpp"

SYMKERNEL_BEGIN_NAMESPACE

// One sample of x, number i of panel p, against vector v of the samples in panel q of y. Mixtures
// over rates are summed here.
template <class T>
class FormDerivatives {
  using S = TileShape<T>;
  using V = typename S::V;

 public:
  // Samples of x whose matrices M are formed at once, from a multiple of it in a panel on.
  static constexpr int step = point_samples<T>;

  static std::int64_t scratch_size(const Job<T>& job) {
    const std::int64_t d = job.g.d, n = largest_block(job);
    std::int64_t size = d * S::nr + (d + 16) + 2 * d * S::width;
    size += (1 + step) * job.g.n_entries * S::nr;
    if (is_permanent(job))
      size += 4 * n * n * S::width + 64 +
              permanent_gradient_scratch<V>(static_cast<int>(n)) / std::int64_t(sizeof(T));
    return size + 64;
  }

  FormDerivatives(const Job<T>& job, T* scratch, int thread)
      : job_(job),
        tables_(static_cast<const SphereTables<V>*>(job.form.state)),
        stops_{job.token, thread},
        y_(scratch) {
    const std::int64_t d = job.g.d;
    x_ = y_ + d * S::nr;
    slopes_ = x_ + (d + 15) / 16 * 16;
    matrix_ = slopes_ + d * S::width;
    entries_ = matrix_ + job.g.n_entries * S::nr;
    rest_ = entries_ + step * job.g.n_entries * S::nr;
    if (is_fisher(job)) find_bound();
  }

  // Is it a form of M? If not, it is the sphere's, or one of features.
  bool has_matrix() const {
    return job_.form.form >= PairForm::rotations_2 &&
           job_.form.form <= PairForm::octahedral_rotations;
  }
  bool is_sphere() const { return job_.form.form == PairForm::sphere; }

  void begin(std::int64_t q) {
    if (job_.form.form != PairForm::sign_flips) return;
    for (std::int64_t k = 0; k < job_.g.d * S::nr; k += S::width)
      abs(V::load(y_panel(q) + k)).store(y_ + k);
  }

  // ---- forms of M
  // --------------------------------------------------------------------------------

  // M of `step` samples of x from number i on, for row permutation s.
  void multiply(std::int64_t p, std::int64_t q, int i, std::int64_t s) {
    const Elements<T>& g = job_.g;
    for (std::int64_t n = 0; n < g.n_blocks; ++n) {
      const PointBlock& b = g.blocks[n];
      point_product(x_panel(p) + b.feature * S::mr + i, S::mr, y_panel(q) + b.feature * S::nr,
                    g.point_rows + s * g.n_points + b.first_point, b.points, b.dimension,
                    entries_ + b.entry * S::nr, g.n_entries * S::nr, job_.x.n - p * S::mr - i);
    }
  }

  // Sums of the derivatives for X^T (sY): entry e, for samples of y from j on, at e * nr + j.
  T* matrix() const { return matrix_; }
  void clear_matrix(int v) {
    for (std::int64_t e = 0; e < job_.g.n_entries; ++e)
      V(T(0)).store(matrix_ + e * S::nr + v * S::width);
  }

  // Adds the derivatives of K to the matrix; K, and what multiplies x in its gradient.
  V add_matrix(std::int64_t p, std::int64_t q, int i, int v, V& radial) {
    const LanePair<T> pair = pair_of(p, q, i, v);
    T* to = matrix_ + v * S::width;
    V total(T(0));
    radial = V(T(0));
    if (job_.form.base == FormBase::powers) return moments(pair, to);
    for (std::int64_t m = 0; m < job_.form.n_rates; ++m) {
      const T rate = job_.form.rates[m];
      const V weight(job_.form.values[m]);
      const double bound = 2.0 * static_cast<double>(rate) * bound_;
      V value(T(0));
      switch (job_.form.form) {
        case PairForm::rotations_2:
          value = planes(pair, rate, weight, to);
          break;
        case PairForm::orthogonal_2:
          value = add_gradient<4>(PlanarForm<V, true>{*tables_}, pair, rate, weight, to);
          break;
        case PairForm::rotations_3:
          value = add_gradient<9>(RotationForm<V, false>{FisherForms<V, false>::within(bound)},
                                  pair, rate, weight, to);
          break;
        case PairForm::orthogonal_3:
          value = add_gradient<9>(RotationForm<V, true>{FisherForms<V, true>::within(bound)}, pair,
                                  rate, weight, to);
          break;
        case PairForm::octahedral:
          value = add_gradient<9>(octahedral<false>(pair, rate), pair, rate, weight, to);
          break;
        case PairForm::octahedral_rotations:
          value = add_gradient<9>(octahedral<true>(pair, rate), pair, rate, weight, to);
          break;
        default:
          break;
      }
      total = fma(weight, value, total);
      radial = radial - weight * V(rate + rate) * value;
    }
    return total;
  }

  // ---- one vector
  // --------------------------------------------------------------------------------

  // K, and what multiplies x and y in the gradients for them.
  V sphere(std::int64_t p, std::int64_t q, int i, int v, V& radial_x, V& radial_y) const {
    const V x2(job_.x.bias[p * S::mr + i]), y2 = V::load(job_.y.bias + q * S::nr + v * S::width);
    V total(T(0));
    if (job_.form.base == FormBase::powers) {
      return sphere_moments_gradient(x2, y2, static_cast<int>(job_.g.d), job_.form.values,
                                     static_cast<int>(job_.form.n_rates) - 1, radial_x, radial_y);
    }
    radial_x = radial_y = V(T(0));
    for (std::int64_t m = 0; m < job_.form.n_rates; ++m) {
      const V weight(job_.form.values[m]);
      V own_x, own_y;
      const V value = SphereForm<V>{*tables_}.gradient(x2, y2, job_.form.rates[m], own_x, own_y);
      total = fma(weight, value, total);
      radial_x = fma(weight, own_x, radial_x);
      radial_y = fma(weight, own_y, radial_y);
    }
    return total;
  }

  // ---- features one by one
  // -----------------------------------------------------------------------

  // For every rate the derivatives of log F for every feature of x, or with Scales for the
  // logarithm of its length scale, in the order of panels: add(w F, derivatives).
  template <bool Scales, class Add>
  void features(std::int64_t p, std::int64_t q, int i, int v, Add add) {
    for (std::int64_t m = 0; m < job_.form.n_rates; ++m) {
      const T rate = job_.form.rates[m];
      V value(job_.form.values[m]);
      if (job_.form.form == PairForm::sign_flips) {
        value = value * (is_laplacian() ? flips<LaplacianFlips, Scales>(p, i, v, rate)
                                        : flips<RbfFlips, Scales>(p, i, v, rate));
      } else {
        for (std::int64_t n = 0; n < job_.g.n_blocks; ++n)
          value = value * permanent<Scales>(p, q, i, v, rate, job_.g.blocks[n]);
      }
      add(value, static_cast<const T*>(slopes_));
    }
  }

 private:
  static bool is_permanent(const Job<T>& job) {
    return job.form.form == PairForm::permanents || job.form.form == PairForm::signed_permanents;
  }
  static bool is_fisher(const Job<T>& job) {
    return job.form.base == FormBase::rbf &&
           (job.form.form == PairForm::rotations_3 || job.form.form == PairForm::orthogonal_3);
  }
  bool is_laplacian() const { return job_.form.base == FormBase::laplacian; }
  static std::int64_t largest_block(const Job<T>& job) {
    std::int64_t n = 0;
    for (std::int64_t b = 0; b < job.g.n_blocks; ++b)
      n = job.g.blocks[b].points > n ? job.g.blocks[b].points : n;
    return n;
  }
  const T* x_panel(std::int64_t p) const { return job_.x.panels + p * job_.x_depth * S::mr; }
  const T* y_panel(std::int64_t q) const { return job_.y.panels + q * job_.depth * S::nr; }
  LanePair<T> pair_of(std::int64_t p, std::int64_t q, int i, int v) const {
    return {V(job_.x.bias[p * S::mr + i]),
            V::load(job_.y.bias + q * S::nr + v * S::width),
            job_.g,
            x_panel(p) + i,
            y_panel(q) + v * S::width,
            entries_ + i % step * job_.g.n_entries * S::nr + v * S::width,
            nullptr};
  }

  static SYMKERNEL_INLINE void add_to(T* at, V value) { (V::load(at) + value).store(at); }

  // |M| is at most |x| |y|, its nuclear norm as well.
  void find_bound() {
    double x_most = 0, y_most = 0;
    for (std::int64_t i = 0; i < job_.x.n; ++i)
      x_most = job_.x.bias[i] > x_most ? job_.x.bias[i] : x_most;
    for (std::int64_t j = 0; j < job_.y.n; ++j)
      y_most = job_.y.bias[j] > y_most ? job_.y.bias[j] : y_most;
    bound_ = ::sqrt(x_most * y_most);
  }

  // Adds the derivatives of a form of one block to the sums.
  template <int Entries, class Form>
  static V add_gradient(const Form& form, const LanePair<T>& pair, T rate, V weight, T* to) {
    V m[Entries], gradient[Entries];
    pair.matrix(0, m);
    for (V& g : gradient) g = V(T(0));
    const V value = form.gradient(m, pair.x2() + pair.y2(), rate, weight, gradient);
    store_sums(gradient, to);
    return value;
  }
  template <int Entries>
  static SYMKERNEL_INLINE void store_sums(const V (&gradient)[Entries], T* to) {
    SYMKERNEL_UNROLL
    for (int e = 0; e < Entries; ++e) add_to(to + e * S::nr, gradient[e]);
  }

  // Moments of the inner product, of which a polynomial kernel is the sum.
  V moments(const LanePair<T>& pair, T* to) const {
    switch (job_.form.form) {
      case PairForm::rotations_3:
        return add_moments<9, RotationForm<V, false>>(pair, to);
      case PairForm::orthogonal_3:
        return add_moments<9, RotationForm<V, true>>(pair, to);
      case PairForm::rotations_2:
        return add_moments<4, PlanarForm<V, false>>(pair, to);
      default:
        return add_moments<4, PlanarForm<V, true>>(pair, to);
    }
  }
  template <int Entries, class Form>
  V add_moments(const LanePair<T>& pair, T* to) const {
    V m[Entries], gradient[Entries];
    pair.matrix(0, m);
    for (V& g : gradient) g = V(T(0));
    const V value = Form::moments_gradient(m, job_.form.values,
                                           static_cast<int>(job_.form.n_rates) - 1, gradient);
    store_sums(gradient, to);
    return value;
  }

  // SO(2) on the blocks of each plane: the derivatives of one need the product of all.
  V planes(const LanePair<T>& pair, T rate, V weight, T* to) {
    const PlanarForm<V, false> form{*tables_};
    V exponent = -((pair.x2() + pair.y2()) * V(rate)), value(T(1)), m[4];
    T* ratios = slopes_;  // of every block
    for (std::int64_t n = 0; n < job_.g.n_blocks; ++n) {
      V ratio;
      pair.matrix(n, m);
      value = value * form.block_factor(m, rate, exponent, ratio);
      ratio.store(ratios + n * S::width);
    }
    value = value * natural_power(exponent);
    for (std::int64_t n = 0; n < job_.g.n_blocks; ++n) {
      V gradient[4] = {V(T(0)), V(T(0)), V(T(0)), V(T(0))};
      pair.matrix(n, m);
      form.add_block(m, rate, weight * value, V::load(ratios + n * S::width), gradient);
      store_sums(gradient, to + job_.g.blocks[n].entry * S::nr);
    }
    return value;
  }

  template <bool RotationsOnly>
  static OctahedralForm<V, RotationsOnly> octahedral(const LanePair<T>& pair, T rate) {
    return {pair.x_side(rate), pair.y_side(rate)};
  }

  // ---- forms of features -----------------------------------------------------------------------

  template <template <class> class Flips, bool Scales>
  V flips(std::int64_t p, int i, int v, T rate) {
    const std::int64_t d = job_.g.d;
    using Form = SignFlipForm<V, Flips>;
    const T scale = Form::scale(rate);
    const T* x = x_panel(p) + i;
    for (std::int64_t k = 0; k < d; ++k) {
      x_[k] = (x[k * S::mr] < T(0) ? -x[k * S::mr] : x[k * S::mr]) * scale;
      (V::load(y_ + k * S::nr + v * S::width) * V(scale)).store(rest_ + k * S::width);
    }
    if (Scales) return sign_flips_gradient<V, Flips>(x_, 1, rest_, S::width, d, slopes_, S::width);
    const V value = sign_flips_slopes<V, Flips>(x_, 1, rest_, S::width, d, slopes_, S::width);
    for (std::int64_t k = 0; k < d; ++k) {
      T* at = slopes_ + k * S::width;
      (V::load(at) * V(Form::sign_of(x[k * S::mr], scale))).store(at);
    }
    return value;
  }

  // The permanent of one block over n!, and derivatives of its logarithm.
  template <bool Scales>
  V permanent(std::int64_t p, std::int64_t q, int i, int v, T rate, const PointBlock& block) {
    const int n = static_cast<int>(block.points);
    const std::int64_t size = std::int64_t(n) * n * S::width, r = block.dimension;
    T *a = rest_, *plus = a + size, *minus = plus + size, *minors = minus + size;
    const bool both_signs = job_.form.form == PairForm::signed_permanents;
    const T* x = x_panel(p) + block.feature * S::mr + i;
    const T* y = y_panel(q) + block.feature * S::nr + v * S::width;
    const bool laplacian = is_laplacian();
    const V zero(T(0));
    for (int row = 0; row < n; ++row) {
      for (int column = 0; column < n; ++column) {
        V near = zero, far = zero;
        for (std::int64_t k = 0; k < r; ++k) {
          const V xk(x[(row * r + k) * S::mr]), yk = V::load(y + (column * r + k) * S::nr);
          near = feature_distance(laplacian, xk - yk, near);
          far = feature_distance(laplacian, xk + yk, far);
        }
        const std::int64_t at = (row * n + column) * S::width;
        V first, second;
        permanent_terms(near, far, rate, both_signs, first, second);
        first.store(plus + at);
        second.store(minus + at);
        (first + second).store(a + at);
      }
    }
    const ScaledPermanent<V> scaled =
        permanent_and_minors<V>(a, n, minors + size + 32, minors, stops_);
    // one that is 0 leaves no slope, whatever its minors are
    const V mean = permanent_mean(scaled, n);
    const V factor(T(Scales ? 2 : (is_laplacian() ? -1 : -2)) * rate);
    const auto positive = mean > zero;
    const V safe = select(positive, scaled.value, V(T(1)));
    for (int row = 0; row < n; ++row) {
      for (std::int64_t k = 0; k < r; ++k) {
        const V xk(x[(row * r + k) * S::mr]);
        V slope = zero;
        for (int column = 0; column < n; ++column) {
          const std::int64_t at = (row * n + column) * S::width;
          const V yk = V::load(y + (column * r + k) * S::nr);
          V first = V::load(plus + at) * feature_slope(laplacian, xk - yk);
          V second = V::load(minus + at) * feature_slope(laplacian, xk + yk);
          if (Scales) {  // of the RBF kernel alone
            first = first * (xk - yk);
            second = second * (xk + yk);
          }
          slope = fma(V::load(minors + at), first + second, slope);
        }
        select(positive, slope / safe * factor, zero)
            .store(slopes_ + (block.feature + row * r + k) * S::width);
      }
    }
    return mean;
  }

  const Job<T>& job_;
  const SphereTables<V>* tables_;
  StopQuestion stops_;
  T* y_;              // sign flips: |y|
  T* x_;              // sign flips: scaled magnitudes of one sample
  T* slopes_;         // of every feature (planar forms: a ratio for every block)
  T* matrix_;         // sums of derivatives
  T* entries_;        // X^T (sY) of `step` samples
  T* rest_;           // scaled |y|, or matrices of permanents and what they need
  double bound_ = 0;  // of |x| |y|
};

SYMKERNEL_END_NAMESPACE
