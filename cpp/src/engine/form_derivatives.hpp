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
#include "engine/tile_product.hpp"
#include "symkernel/bessel.hpp"
#include "symkernel/form_gradients.hpp"
#include "symkernel/moments.hpp"
#include "symkernel/octahedral.hpp"
#include "symkernel/permanent.hpp"
#include "symkernel/sign_flips.hpp"

SYMKERNEL_BEGIN_NAMESPACE

// One sample of x, number i of panel p, against vector v of the samples in panel q of y. Mixtures
// over rates are summed here.
template <class T>
class FormDerivatives {
  using S = TileShape<T>;
  using V = typename S::V;
  using Rotations = FisherForms<V, false>;
  using Orthogonal = FisherForms<V, true>;
  static constexpr double log2e = 1.4426950408889634074;

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
        state_(static_cast<const FormState<T>*>(job.form.state)),
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
    const T* from = entries_ + i % step * job_.g.n_entries * S::nr + v * S::width;
    T* to = matrix_ + v * S::width;
    V total(T(0));
    radial = V(T(0));
    if (job_.form.base == FormBase::powers) return moments(from, to);
    for (std::int64_t m = 0; m < job_.form.n_rates; ++m) {
      const T rate = job_.form.rates[m];
      const V weight(job_.form.values[m]), two_t(rate + rate);
      const V b = bias(p, q, i, v) * V(rate);
      V value(T(0));
      switch (job_.form.form) {
        case PairForm::rotations_2:
          value = planar(from, b, two_t, weight, to);
          break;
        case PairForm::orthogonal_2:
          value = mirrored_planar(from, b, two_t, weight, to);
          break;
        case PairForm::rotations_3:
          value = fisher<Rotations>(from, b, rate, two_t, weight, to);
          break;
        case PairForm::orthogonal_3:
          value = fisher<Orthogonal>(from, b, rate, two_t, weight, to);
          break;
        case PairForm::octahedral:
          value = octahedral<false>(p, q, i, v, from, rate, weight, to);
          break;
        case PairForm::octahedral_rotations:
          value = octahedral<true>(p, q, i, v, from, rate, weight, to);
          break;
        default:
          break;
      }
      total = fma(weight, value, total);
      radial = radial - weight * two_t * value;
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
      const V value = sphere_gradient(state_->sphere, state_->derivative, state_->dimension, x2, y2,
                                      job_.form.rates[m], own_x, own_y);
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
  V bias(std::int64_t p, std::int64_t q, int i, int v) const {
    return V(job_.x.bias[p * S::mr + i]) + V::load(job_.y.bias + q * S::nr + v * S::width);
  }

  static SYMKERNEL_INLINE void load_plane(const T* from, V (&m)[4]) {
    SYMKERNEL_UNROLL
    for (int e = 0; e < 4; ++e) m[e] = V::load(from + e * S::nr);
  }
  static SYMKERNEL_INLINE void add_plane_to(T* to, const V (&gradient)[4]) {
    SYMKERNEL_UNROLL
    for (int e = 0; e < 4; ++e) add_to(to + e * S::nr, gradient[e]);
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

  template <class Forms>
  V fisher(const T* from, V b, T rate, V two_t, V weight, T* to) const {
    const auto& form = Forms::within(2.0 * rate * bound_);
    V matrix[9], gradient[9];
    SYMKERNEL_UNROLL
    for (int e = 0; e < 9; ++e) matrix[e] = V::load(from + e * S::nr) * two_t;
    const V value = form.value_and_gradient(matrix, b, gradient);
    const V scale = weight * two_t;
    SYMKERNEL_UNROLL
    for (int e = 0; e < 9; ++e) add_to(to + e * S::nr, gradient[e] * scale);
    return value;
  }

  // Moments of the inner product, of which a polynomial kernel is the sum.
  V moments(const T* from, T* to) const {
    const int degree = static_cast<int>(job_.form.n_rates) - 1;
    const T* c = job_.form.values;
    if (job_.form.form == PairForm::rotations_3 || job_.form.form == PairForm::orthogonal_3) {
      V matrix[9], gradient[9];
      for (int e = 0; e < 9; ++e) matrix[e] = V::load(from + e * S::nr);
      const V value = job_.form.form == PairForm::rotations_3
                          ? rotation_moments_gradient<false>(matrix, c, degree, gradient)
                          : rotation_moments_gradient<true>(matrix, c, degree, gradient);
      for (int e = 0; e < 9; ++e) add_to(to + e * S::nr, gradient[e]);
      return value;
    }
    V matrix[4], gradient[4];
    load_plane(from, matrix);
    for (V& g : gradient) g = V(T(0));
    const V value = job_.form.form == PairForm::rotations_2
                        ? plane_moments_gradient<false>(matrix, c, degree, gradient)
                        : plane_moments_gradient<true>(matrix, c, degree, gradient);
    add_plane_to(to, gradient);
    return value;
  }

  V planar(const T* from, V b, V two_t, V weight, T* to) {
    const V four_t2 = two_t * two_t, half(T(0.5));
    V exponent = -b, value(T(1)), matrix[4];
    T* ratios = slopes_;  // of every block
    for (std::int64_t n = 0; n < job_.g.n_blocks; ++n) {
      load_plane(from + job_.g.blocks[n].entry * S::nr, matrix);
      V ratio;
      value = value * plane_factor(state_->sphere, state_->derivative,
                                   plane_sum<false>(matrix).square(), four_t2, exponent, ratio);
      ratio.store(ratios + n * S::width);
    }
    value = value * exp2(exponent * V(static_cast<T>(log2e)));
    const V scale = weight * value * four_t2 * half;
    for (std::int64_t n = 0; n < job_.g.n_blocks; ++n) {
      const std::int64_t entry = job_.g.blocks[n].entry * S::nr;
      V gradient[4] = {V(T(0)), V(T(0)), V(T(0)), V(T(0))};
      load_plane(from + entry, matrix);
      add_plane<false>(plane_sum<false>(matrix), scale * V::load(ratios + n * S::width), gradient);
      add_plane_to(to + entry, gradient);
    }
    return value;
  }

  V mirrored_planar(const T* from, V b, V two_t, V weight, T* to) const {
    V matrix[4], gradient[4] = {V(T(0)), V(T(0)), V(T(0)), V(T(0))};
    load_plane(from, matrix);
    const V value = mirrored_plane_gradient(state_->sphere, state_->derivative, matrix, b, two_t,
                                            weight, gradient);
    add_plane_to(to, gradient);
    return value;
  }

  template <bool RotationsOnly>
  V octahedral(std::int64_t p, std::int64_t q, int i, int v, const T* from, T rate, V weight,
               T* to) const {
    const V two_t(rate + rate);
    V x_squares[3], y_squares[3];
    for (int c = 0; c < 3; ++c) x_squares[c] = y_squares[c] = V(T(0));
    const T *x = x_panel(p) + i, *y = y_panel(q) + v * S::width;
    for (std::int64_t k = 0; k < job_.g.d; k += 3) {
      for (int c = 0; c < 3; ++c) {
        const V xk(x[(k + c) * S::mr]), yk = V::load(y + (k + c) * S::nr);
        x_squares[c] = fma(xk, xk, x_squares[c]);
        y_squares[c] = fma(yk, yk, y_squares[c]);
      }
    }
    V x_shift[3], y_shift[3], x_weight, y_weight, matrix[9], gradient[9];
    octahedral_side(x_squares, rate, x_shift, x_weight);
    octahedral_side(y_squares, rate, y_shift, y_weight);
    const V scale = two_t * V(static_cast<T>(log2e));
    SYMKERNEL_UNROLL
    for (int e = 0; e < 9; ++e) matrix[e] = V::load(from + e * S::nr) * scale;
    const Octahedral<V, RotationsOnly> form(matrix, x_shift, y_shift);
    form.gradient(x_weight * y_weight, gradient);
    SYMKERNEL_UNROLL
    for (int e = 0; e < 9; ++e) add_to(to + e * S::nr, gradient[e] * (weight * two_t));
    return form.mean(x_weight * y_weight);
  }

  // ---- forms of features -----------------------------------------------------------------------

  template <template <class> class Flips, bool Scales>
  V flips(std::int64_t p, int i, int v, T rate) {
    const std::int64_t d = job_.g.d;
    const double c = static_cast<double>(rate) * log2e;
    const T scale = static_cast<T>(Flips<V>::power == 2 ? ::sqrt(c) : c);
    const T* x = x_panel(p) + i;
    for (std::int64_t k = 0; k < d; ++k) {
      x_[k] = (x[k * S::mr] < T(0) ? -x[k * S::mr] : x[k * S::mr]) * scale;
      (V::load(y_ + k * S::nr + v * S::width) * V(scale)).store(rest_ + k * S::width);
    }
    if (Scales) return sign_flips_gradient<V, Flips>(x_, 1, rest_, S::width, d, slopes_, S::width);
    const V value = sign_flips_slopes<V, Flips>(x_, 1, rest_, S::width, d, slopes_, S::width);
    for (std::int64_t k = 0; k < d; ++k) {
      T* at = slopes_ + k * S::width;
      const T xk = x[k * S::mr];
      (V::load(at) * V(xk < T(0) ? -scale : (xk > T(0) ? scale : T(0)))).store(at);
    }
    return value;
  }

  // What the exponent of a factor is the sum of over coordinates: |z|^2, or |z| of a Laplacian; and
  // its derivative, over 2 for the former.
  SYMKERNEL_INLINE V distance(V z, V sum) const {
    return is_laplacian() ? sum + abs(z) : fma(z, z, sum);
  }
  SYMKERNEL_INLINE V slope_of(V z) const {
    if (!is_laplacian()) return z;
    const V zero(T(0)), one(T(1));
    return select(z > zero, one, select(z < zero, -one, zero));
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
    const V c(static_cast<T>(-rate * log2e)), share(both_signs ? T(0.5) : T(1)), zero(T(0));
    for (int row = 0; row < n; ++row) {
      for (int column = 0; column < n; ++column) {
        V near = zero, far = zero;
        for (std::int64_t k = 0; k < r; ++k) {
          const V xk(x[(row * r + k) * S::mr]), yk = V::load(y + (column * r + k) * S::nr);
          near = distance(xk - yk, near);
          far = distance(xk + yk, far);
        }
        const std::int64_t at = (row * n + column) * S::width;
        const V first = exp2(near * c) * share, second = both_signs ? exp2(far * c) * share : zero;
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
          V first = V::load(plus + at) * slope_of(xk - yk);
          V second = V::load(minus + at) * slope_of(xk + yk);
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
  const FormState<T>* state_;
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
