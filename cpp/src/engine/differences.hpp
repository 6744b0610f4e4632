// Closed forms at large exponents, from differences of coordinates instead of squared norms and
// inner products, one vector of pairs at a time (alignment.hpp says why).
#pragma once

#include "engine/engine.hpp"
#include "engine/tile_product.hpp"
#include "symkernel/alignment.hpp"
#include "symkernel/bessel.hpp"
#include "symkernel/matrix_fisher.hpp"
#include "symkernel/octahedral.hpp"

SYMKERNEL_BEGIN_NAMESPACE

// One sample of x against the lanes of y; all points of y in the order of `rows`.
template <class T>
class Differences {
  using S = TileShape<T>;
  using V = typename S::V;

 public:
  // Exponents up to this size are known to some 2e-13 in double precision as they are.
  static constexpr double least_exponent = 1024;
  // Beyond this share of it (relative rounding 1e-4) inner products no longer tell which pairs are
  // near, and the invariants of degree six that the matrix Fisher constant is made of come near
  // overflow.
  static constexpr double largest_exponent = 1e12;

  Differences(const Job<T>& job, const T* x, const T* y, const std::int32_t* rows, T rate)
      : job_(job), x_(x), y_(y), rows_(rows), rate_(rate) {}

  template <bool Reflections>
  V fisher(const MatrixFisher<V, Reflections>& form, const V (&matrix)[9], V& slope) const {
    SpatialAlignment<V> clouds(matrix);
    const PointBlock& block = job_.g.blocks[0];
    for (std::int64_t point = 0; point < block.points; ++point) {
      V a[3], b[3];
      load(block, point, a, b);
      clouds.add(a, b);
    }
    if (job_.form.has_slopes) return form.aligned(clouds, V(rate_), slope);
    return form.aligned(clouds, V(rate_));
  }

  // M of a block of the plane: m[k], k = 0 .. 3, `stride` apart.
  V planar(const SphereAverage<V>& sphere, const SphereAverage<V>& above, const T* m,
           V& slope) const {
    V value(T(1)), exponent(T(0)), logarithmic(T(0));
    for (std::int64_t n = 0; n < job_.g.n_blocks; ++n) {
      const PointBlock& block = job_.g.blocks[n];
      const T* from = m + block.entry * S::nr;
      value = value * turned<false>(sphere, above, block, V::load(from) + V::load(from + 3 * S::nr),
                                    V::load(from + S::nr) - V::load(from + 2 * S::nr), exponent,
                                    logarithmic);
    }
    value = value * power(exponent);
    slope = value * logarithmic;
    return value;
  }
  V planar_with_reflections(const SphereAverage<V>& sphere, const SphereAverage<V>& above,
                            const T* m, V& slope) const {
    const V a = V::load(m), d = V::load(m + 3 * S::nr);
    const V c = V::load(m + S::nr), e = V::load(m + 2 * S::nr);
    V first(T(0)), second(T(0)), growth(T(0)), other(T(0)), half(T(0.5));
    V same = turned<false>(sphere, above, job_.g.blocks[0], a + d, c - e, first, growth);
    V mirrored = turned<true>(sphere, above, job_.g.blocks[0], a - d, c + e, second, other);
    same = same * power(first);
    mirrored = mirrored * power(second);
    slope = fma(same, growth, mirrored * other) * half;
    return (same + mirrored) * half;
  }

  // |x| - |y| from the difference of squares, which is known to eps |x|^2.
  V sphere(const SphereAverage<V>& form, const SphereAverage<V>& above, V x2, V y2,
           V& slope) const {
    const V t(rate_), zero(T(0)), one(T(1));
    const V sum = sqrt(x2) + sqrt(y2);
    const V difference = (x2 - y2) / select(sum > zero, sum, one);
    const V z = V(T(2)) * t * sqrt(x2) * sqrt(y2), z2 = z * z;
    V exponent = -(difference * difference * t);
    V logarithmic = exponent;
    if (job_.form.has_slopes) logarithmic = logarithmic + form.scaled_growth(above, z2);
    const V factor = form.scaled_factor(z2, exponent);
    const V value = factor * power(exponent);
    slope = value * logarithmic;
    return value;
  }

  template <bool Rotations>
  V octahedral(V& slope) const {
    V near[9], far[9];
    for (int k = 0; k < 9; ++k) near[k] = far[k] = V(T(0));
    const PointBlock& block = job_.g.blocks[0];
    for (std::int64_t point = 0; point < block.points; ++point) {
      V a[3], b[3];
      load(block, point, a, b);
      for (int k = 0; k < 9; ++k) {
        const V minus = a[k / 3] - b[k % 3], plus = a[k / 3] + b[k % 3];
        near[k] = fma(minus, minus, near[k]);
        far[k] = fma(plus, plus, far[k]);
      }
    }
    const V scale(rate_ * log2e);
    for (int k = 0; k < 9; ++k) {
      near[k] = near[k] * scale;
      far[k] = far[k] * scale;
    }
    const auto form = Octahedral<V, Rotations>::of_distances(near, far);
    if (job_.form.has_slopes) slope = form.slope(near, far);
    return form.mean(V(T(1)));
  }

 private:
  static constexpr T log2e = T(1.4426950408889634074);
  static SYMKERNEL_INLINE V power(V exponent) { return exp2(exponent * V(log2e)); }

  template <int Dimension>
  SYMKERNEL_INLINE void load(const PointBlock& block, std::int64_t point, V (&a)[Dimension],
                             V (&b)[Dimension]) const {
    const std::int64_t row = rows_[block.first_point + point];
    for (int k = 0; k < Dimension; ++k) {
      a[k] = V(x_[(block.feature + point * Dimension + k) * S::mr]);
      b[k] = V::load(y_ + (block.feature + row * Dimension + k) * S::nr);
    }
  }

  // I_0(2 t |S|) exp(-t (|x|^2 + |y|^2)) = result * exp(what was added to exponent); its t d/dt
  // relative to itself is added to `logarithmic`.
  template <bool Mirrored>
  V turned(const SphereAverage<V>& form, const SphereAverage<V>& above, const PointBlock& block,
           V re, V im, V& exponent, V& logarithmic) const {
    PlanarAlignment<V, Mirrored> clouds(re, im);
    for (std::int64_t point = 0; point < block.points; ++point) {
      V a[2], b[2];
      load(block, point, a, b);
      clouds.add(a, b);
    }
    const V t(rate_), two_t(rate_ + rate_);
    exponent = exponent - clouds.residual * t;
    re = re * two_t;
    im = im * two_t;
    const V z2 = fma(re, re, im * im);
    if (job_.form.has_slopes)
      logarithmic = logarithmic - clouds.residual * t + form.scaled_growth(above, z2);
    return form.scaled_factor(z2, exponent);
  }

  const Job<T>& job_;
  const T* x_;
  const T* y_;
  const std::int32_t* rows_;
  T rate_;
};

SYMKERNEL_END_NAMESPACE
