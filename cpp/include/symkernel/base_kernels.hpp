// Base kernels, written once: what a tile must produce for each pair and how it becomes a value.
//
// For an orthogonal action every kernel of the distance |x - gy| or of the inner product x.gy
// depends on g only through t = x.gy. A kernel therefore states
//
//     affine   a = cross * t + self * (|x|^2 + |y|^2) + constant      (Producer)
//     value    k = value(a)                                           (map)
//     gradient dk/dtheta_p = gradient(a), theta_p = log of hyperparameter p
//     slope    -2 dk/d(r^2), r the distance in units of l; length scales per feature need it
//     derivative   dk/da, and radial, for the gradient in x:
//
//         dk/dx = cross (derivative gy + radial x)
//
// and the tile knows no formula. The L1 kernel replaces the affine form by sum_i |x_i - (gy)_i|;
// its derivative multiplies the signs of x_i - (gy)_i. With unit rows x and y are unit vectors,
// only the part of gy orthogonal to x counts, and radial x is the change of k with the norm that x
// had. Where a kernel has a kink (distance 0 for Matern 1/2, angles 0 and pi for the arc-cosine of
// order 0) the derivative is 0, the mean over opposite directions. Hyperparameters are sorted by
// name, as scikit-learn sorts them.
//
// What the rest of the library asks of a kernel it states as well, and the compiler misses what is
// forgotten (kernel_list.hpp, where every kernel is listed):
//
//     name          by which it is known outside
//     n_parameters, n_gradients   how many parameters; the first n_gradients are hyperparameters
//     family        what it is a function of: KernelFamily
//     per_feature   whether it has a slope, for derivatives in length scales per feature; the last
//                   hyperparameter is then the length scale
//     mixture       whether it is a mixture, of positive weights, of exp(-t |x - y|^2) over t (of
//                   exp(-t |x - y|_1) in the family of those)
//     flatness(p)   kernels of the distance: 1 / the largest slope |dk/da|, 0 where it is unbounded
//     kink          the others: whether derivatives jump where x meets y
//     degree(p)     kernels of the product: the degree of the polynomial in x.gy that they are
#pragma once

#include "symkernel/config.hpp"
#include "symkernel/kernel_id.hpp"
#include "symkernel/math.hpp"

SYMKERNEL_BEGIN_NAMESPACE

struct Producer {
  double cross = 1.0;
  double self = 0.0;
  double constant = 0.0;
  bool manhattan = false;  // a = cross * sum_i |x_i - (gy)_i| instead of the affine form
  bool unit_rows = false;  // rows are normalised first; `power` of the norms multiplies the mean
  int power = 0;
  // a is a squared distance whose map has an unbounded slope at 0: entries where the affine form
  // cancels are computed again from differences (and at the antipode, where unit_rows, from sums).
  bool refine = false;
};

// exp(-|x - y|^2 / (2 l^2)). Parameter: l. The affine form is the exponent in base two.
template <class R>
struct Rbf {
  static constexpr const char* name = "rbf";
  static constexpr int n_parameters = 1, n_gradients = 1;
  static constexpr KernelFamily family = KernelFamily::distance;
  static constexpr bool per_feature = true, mixture = true;
  static constexpr double flatness(const double*) { return 1.0; }
  static Producer producer(const double* p) {
    const double c = 1.4426950408889634074 / (p[0] * p[0]);
    Producer q;
    q.cross = c;
    q.self = -0.5 * c;
    return q;
  }
  SYMKERNEL_INLINE explicit Rbf(const double*) {}
  SYMKERNEL_INLINE R value(R a) const { return exp2(a); }
  SYMKERNEL_INLINE R gradient(R a, R* d) const {
    const R k = exp2(a);
    d[0] = a * k * R(Scalar<R>(-1.3862943611198906188));  // d/dlog l = k |x-y|^2/l^2
    return k;
  }
  SYMKERNEL_INLINE R slope(R a, R& k) const { return k = exp2(a); }
  SYMKERNEL_INLINE R derivative(R a, R& radial) const {
    const R d = exp2(a) * R(Scalar<R>(0.69314718055994530942));
    radial = -d;
    return d;
  }
};

// Matern, s = sqrt(2 nu) |x - y| / l, the affine form is s^2. Parameter: l.
// nu = 1/2: exp(-s). nu = 3/2: (1 + s) exp(-s). nu = 5/2: (1 + s + s^2/3) exp(-s).
// Source: Rasmussen & Williams, Gaussian Processes for Machine Learning (2006), eq. 4.17.
template <class R, int TwoNu>
struct Matern {
  static constexpr const char* name = TwoNu == 1   ? "matern12"
                                      : TwoNu == 3 ? "matern32"
                                                   : "matern52";
  static constexpr int n_parameters = 1, n_gradients = 1;
  static constexpr KernelFamily family = KernelFamily::distance;
  static constexpr bool per_feature = true, mixture = true;
  // exp(-s) has a slope in s^2 of order 1/s; for nu > 1/2 it is bounded
  static constexpr double flatness(const double*) { return TwoNu == 1 ? 0.0 : 2.0; }
  static Producer producer(const double* p) {
    const double c = TwoNu / (p[0] * p[0]);
    Producer q;
    q.cross = -2.0 * c;
    q.self = c;
    q.refine = flatness(p) == 0.0;
    return q;
  }
  SYMKERNEL_INLINE explicit Matern(const double*) {}
  SYMKERNEL_INLINE R value(R a) const {
    R d[1];
    return both<false>(a, d);
  }
  SYMKERNEL_INLINE R gradient(R a, R* d) const { return both<true>(a, d); }
  SYMKERNEL_INLINE R slope(R a, R& k) const {
    using T = Scalar<R>;
    const R zero(T(0)), one(T(1));
    a = at_least(zero, a);
    const R s = sqrt(a);
    const R e = exp(-s);
    if constexpr (TwoNu == 1) {
      k = e;
      return select(a > zero, e / select(a > zero, s, one), zero);  // the pole at 0 has weight 0
    } else if constexpr (TwoNu == 3) {
      k = fma(s, e, e);
      return R(T(3)) * e;
    } else {
      k = fma(a, R(T(1.0 / 3.0)), one + s) * e;
      return R(T(5.0 / 3.0)) * (one + s) * e;
    }
  }
  SYMKERNEL_INLINE R derivative(R a, R& radial) const {
    R k;
    radial = slope(a, k) * R(Scalar<R>(0.5 / TwoNu));
    return -radial;
  }

 private:
  template <bool Gradient>
  SYMKERNEL_INLINE R both(R a, R* d) const {
    using T = Scalar<R>;
    a = at_least(R(T(0)), a);
    const R s = sqrt(a);
    const R e = exp(-s);
    if constexpr (TwoNu == 1) {
      if constexpr (Gradient) d[0] = s * e;
      return e;
    } else if constexpr (TwoNu == 3) {
      if constexpr (Gradient) d[0] = a * e;
      return fma(s, e, e);
    } else {
      const R third = a * R(T(1.0 / 3.0));
      const R one_plus_s = R(T(1)) + s;
      if constexpr (Gradient) d[0] = third * e * one_plus_s;  // e first: the others may overflow
      return (one_plus_s + third) * e;
    }
  }
};

// (1 + |x - y|^2 / (2 alpha l^2))^(-alpha). Parameters: alpha, l. The affine form is the fraction.
// Source: Rasmussen & Williams (2006), eq. 4.19.
template <class R>
struct RationalQuadratic {
  static constexpr const char* name = "rational_quadratic";
  static constexpr int n_parameters = 2, n_gradients = 2;
  static constexpr KernelFamily family = KernelFamily::distance;
  static constexpr bool per_feature = false, mixture = true;
  static constexpr double flatness(const double* p) { return p[0] > 1.0 ? 1.0 / p[0] : 1.0; }
  static Producer producer(const double* p) {
    const double c = 0.5 / (p[0] * p[1] * p[1]);
    Producer q;
    q.cross = -2.0 * c;
    q.self = c;
    return q;
  }
  SYMKERNEL_INLINE explicit RationalQuadratic(const double* p) : alpha_(Scalar<R>(p[0])) {}
  SYMKERNEL_INLINE R value(R a) const {
    a = at_least(R(Scalar<R>(0)), a);
    return exp(-(alpha_ * log1p(a)));
  }
  SYMKERNEL_INLINE R gradient(R a, R* d) const {
    using T = Scalar<R>;
    a = at_least(R(T(0)), a);
    const R log_base = log1p(a);
    const R k = exp(-(alpha_ * log_base));
    const R slope = alpha_ * a / (R(T(1)) + a);
    d[0] = k * (slope - alpha_ * log_base);
    d[1] = k * (slope + slope);
    return k;
  }
  SYMKERNEL_INLINE R derivative(R a, R& radial) const {
    a = at_least(R(Scalar<R>(0)), a);
    radial = alpha_ * exp(-(alpha_ * log1p(a))) / (R(Scalar<R>(1)) + a);
    return -radial;
  }

 private:
  R alpha_;
};

// x.y + sigma_0^2. Parameter: sigma_0.
template <class R>
struct DotProduct {
  static constexpr const char* name = "dot_product";
  static constexpr int n_parameters = 1, n_gradients = 1;
  static constexpr KernelFamily family = KernelFamily::product;
  static constexpr bool per_feature = false, mixture = false;
  static constexpr bool kink = false;
  static int degree(const double*) { return 1; }
  static Producer producer(const double* p) {
    Producer q;
    q.constant = p[0] * p[0];
    return q;
  }
  SYMKERNEL_INLINE explicit DotProduct(const double* p) : slope_(Scalar<R>(2.0 * p[0] * p[0])) {}
  SYMKERNEL_INLINE R value(R a) const { return a; }
  SYMKERNEL_INLINE R gradient(R a, R* d) const {
    d[0] = slope_;
    return a;
  }
  SYMKERNEL_INLINE R derivative(R, R& radial) const {
    radial = R(Scalar<R>(0));
    return R(Scalar<R>(1));
  }

 private:
  R slope_;
};

// (gamma x.y + coef0)^degree, degree a non-negative integer. Parameters: coef0, gamma, degree.
template <class R>
struct Polynomial {
  static constexpr const char* name = "polynomial";
  static constexpr int n_parameters = 3, n_gradients = 2;
  static constexpr KernelFamily family = KernelFamily::product;
  static constexpr bool per_feature = false, mixture = false;
  static constexpr bool kink = false;
  static int degree(const double* p) { return static_cast<int>(p[2]); }
  static Producer producer(const double* p) {
    Producer q;
    q.cross = p[1];
    q.constant = p[0];
    return q;
  }
  SYMKERNEL_INLINE explicit Polynomial(const double* p)
      : coef0_(Scalar<R>(p[0])), degree_(static_cast<int>(p[2])) {}
  SYMKERNEL_INLINE R value(R a) const { return power(a, degree_); }
  SYMKERNEL_INLINE R gradient(R a, R* d) const {
    if (degree_ == 0) {
      d[0] = d[1] = R(Scalar<R>(0));
      return R(Scalar<R>(1));
    }
    const R slope = R(Scalar<R>(degree_)) * power(a, degree_ - 1);
    d[0] = slope * coef0_;
    d[1] = slope * (a - coef0_);
    return power(a, degree_);
  }
  SYMKERNEL_INLINE R derivative(R a, R& radial) const {
    radial = R(Scalar<R>(0));
    return degree_ == 0 ? radial : R(Scalar<R>(degree_)) * power(a, degree_ - 1);
  }

 private:
  static SYMKERNEL_INLINE R power(R a, int n) {
    R r(Scalar<R>(1));
    for (; n > 0; n >>= 1) {
      if (n & 1) r = r * a;
      a = a * a;
    }
    return r;
  }
  R coef0_;
  int degree_;
};

// exp(-gamma |x - y|_1). Parameter: gamma. The affine form is -gamma |x - y|_1 in base two.
template <class R>
struct Laplacian {
  static constexpr const char* name = "laplacian";
  static constexpr int n_parameters = 1, n_gradients = 1;
  static constexpr KernelFamily family = KernelFamily::manhattan;
  static constexpr bool per_feature = false, mixture = true;
  static constexpr bool kink = true;
  static Producer producer(const double* p) {
    Producer q;
    q.cross = 1.4426950408889634074 * p[0];
    q.manhattan = true;
    return q;
  }
  SYMKERNEL_INLINE explicit Laplacian(const double*) {}
  SYMKERNEL_INLINE R value(R a) const { return exp2(-a); }
  SYMKERNEL_INLINE R gradient(R a, R* d) const {
    const R k = exp2(-a);
    d[0] = a * k * R(Scalar<R>(-0.69314718055994530942));
    return k;
  }
  SYMKERNEL_INLINE R derivative(R a, R& radial) const {
    radial = R(Scalar<R>(0));
    return exp2(-a) * R(Scalar<R>(-0.69314718055994530942));
  }
};

// Arc-cosine kernel of order n: |x|^n |y|^n J_n(theta) / pi, theta the angle between x and y, with
//   J_0 = pi - theta,  J_1 = sin theta + (pi - theta) cos theta,
//   J_2 = 3 sin theta cos theta + (pi - theta) (1 + 2 cos^2 theta).
// Source: Cho & Saul, Kernel Methods for Deep Learning, NeurIPS 2009, eqs. 3 to 6.
//
// The affine form is u = |x/|x| - y/|y||^2 in [0, 4], so theta = 2 asin(sqrt(u)/2) keeps its digits
// near 0. Beyond u = 2 the supplement phi = pi - theta is used, from v = 4 - u; a negative a is -v
// given directly, which keeps the digits near the antipode. A zero row gets theta = pi/2.
template <class R, int Order>
struct ArcCosine {
  static constexpr const char* name = Order == 0   ? "arccosine0"
                                      : Order == 1 ? "arccosine1"
                                                   : "arccosine2";
  static constexpr int n_parameters = 0, n_gradients = 0;
  static constexpr KernelFamily family = KernelFamily::angle;
  static constexpr bool per_feature = false, mixture = false;
  static constexpr bool kink = Order == 0;
  static Producer producer(const double*) {
    Producer q;
    q.cross = -2.0;
    q.self = 1.0;
    q.unit_rows = true;
    q.power = Order;
    q.refine = true;
    return q;
  }
  SYMKERNEL_INLINE explicit ArcCosine(const double*) {}
  SYMKERNEL_INLINE R gradient(R a, R*) const { return value(a); }
  SYMKERNEL_INLINE R value(R a) const { return angular<Order>(Angle(a)) * R(inverse_pi); }

  // With u the affine form: dJ_0/du = -1/(2 sin theta), dJ_1/du = -(pi - theta)/2, dJ_2/du = -2
  // J_1.
  SYMKERNEL_INLINE R derivative(R a, R& radial) const {
    using T = Scalar<R>;
    const Angle angle(a);
    const R zero(T(0)), half(T(-0.5) * inverse_pi);
    if constexpr (Order == 0) {
      radial = zero;
      const R sine = angle.sine();
      return select(sine > zero, half / select(sine > zero, sine, R(T(1))), zero);
    } else {
      radial = R(T(Order)) * half * angular<Order>(angle);  // over `cross`
      if constexpr (Order == 1) return half * angle.phi;
      return R(T(4)) * half * angular<1>(angle);
    }
  }

 private:
  static constexpr Scalar<R> inverse_pi = Scalar<R>(0.31830988618379067154);

  struct Angle {
    R w, phi, cosine;  // |x/|x| -+ y/|y||^2, pi - theta, cos theta

    SYMKERNEL_INLINE explicit Angle(R a) {
      using T = Scalar<R>;
      const R zero(T(0)), one(T(1)), two(T(2)), pi(T(3.14159265358979323846));
      const R supplement = select(a < zero, -a, R(T(4)) - a);
      w = select(a < zero, supplement, select(a > two, supplement, a));
      // angle in [0, pi/2]: theta itself, or phi where w is the supplement
      const R z = sqrt(w) * R(T(0.5));
      const R half_angle = asin_positive(z);
      const R angle = half_angle + half_angle;
      phi = select(a < zero, angle, select(a > two, angle, pi - angle));
      const R magnitude = one - w * R(T(0.5));
      cosine = select(a < zero, -magnitude, select(a > two, -magnitude, magnitude));
    }
    SYMKERNEL_INLINE R sine() const { return sqrt(w * (R(Scalar<R>(1)) - R(Scalar<R>(0.25)) * w)); }
  };

  // J_n.
  template <int N>
  static SYMKERNEL_INLINE R angular(const Angle& t) {
    using T = Scalar<R>;
    if constexpr (N == 0) {
      return t.phi;
    } else {
      R direct, series;
      if constexpr (N == 1) {
        direct = fma(t.phi, t.cosine, t.sine());
        series = small_j1(t.phi);
      } else {
        const R c2 = t.cosine * t.cosine;
        direct = fma(R(T(3)) * t.sine(), t.cosine, t.phi * fma(R(T(2)), c2, R(T(1))));
        series = small_j2(t.phi);
      }
      // Where the direct form has lost about two digits; the series still has all of them there.
      const R switch_at(sizeof(T) == 8 ? T(0.8) : T(1.6));
      return select(t.phi < switch_at, series, direct);
    }
  }

  // J_1 = sum_{k>=1} (-1)^(k+1) 2k/(2k+1)! phi^(2k+1): direct evaluation cancels for small phi.
  static SYMKERNEL_INLINE R small_j1(R phi) {
    using T = Scalar<R>;
    const T c[] = {T(1.0 / 3.0),           T(-1.0 / 30.0),           T(1.0 / 840.0),
                   T(-1.0 / 45360.0),      T(1.0 / 3991680.0),       T(-1.0 / 518918400.0),
                   T(14.0 / 1307674368e3), T(-16.0 / 355687428096e3)};
    const R t = phi * phi;
    return phi * t * horner(t, c);
  }
  // J_2 = sum_{k>=2} (-1)^k (k-1)/(2k+1)! (2 phi)^(2k+1).
  static SYMKERNEL_INLINE R small_j2(R phi) {
    using T = Scalar<R>;
    const T c[] = {T(1.0 / 120.0),
                   T(-2.0 / 5040.0),
                   T(3.0 / 362880.0),
                   T(-4.0 / 39916800.0),
                   T(5.0 / 6227020800.0),
                   T(-6.0 / 1307674368e3),
                   T(7.0 / 355687428096e3),
                   T(-8.0 / 121645100408832e3),
                   T(9.0 / 51090942171709440e3)};
    const R psi = phi + phi;
    const R t = psi * psi;
    return psi * t * t * horner(t, c);
  }
};

SYMKERNEL_END_NAMESPACE
