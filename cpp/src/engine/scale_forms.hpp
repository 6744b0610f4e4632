// Closed forms and their derivatives for length scales per feature. In units of those scales
//
//   dK/dlog l_k = -x_k dK/dx_k - y_k dK/dy_k,
//
// added up over features that the group mixes, whose length scales are equal: there the parts of
// forms of M that belong to x and to y agree, and x stands for both.
#pragma once

#include "engine/engine.hpp"
#include "engine/form_derivatives.hpp"

SYMKERNEL_BEGIN_NAMESPACE

// Planes of sums per tile of pairs: the value, then one per feature.
template <class T>
class ScaleForms {
  using S = TileShape<T>;
  using V = typename S::V;
  using Derivatives = FormDerivatives<T>;

 public:
  static std::int64_t planes(const Job<T>& job) { return 1 + job.g.d; }
  static std::int64_t scratch_size(const Job<T>& job) { return Derivatives::scratch_size(job); }

  ScaleForms(const Job<T>& job, T* scratch, int thread)
      : job_(job), thread_(thread), forms_(job, scratch, thread) {}

  // One column of tiles: derivatives are no products.
  static std::int64_t span(const Job<T>&) { return 1; }

  // Returns false when the computation was stopped; sums are then incomplete.
  bool run(const Block& block, T* sums) {
    const std::int64_t q = block.q, p0 = block.p0, p1 = block.p1, tile = planes(job_) * S::size;
    for (std::int64_t i = 0; i < (p1 - p0) * tile; ++i) sums[i] = T(0);
    forms_.begin(q);
    for (std::int64_t p = p0; p < p1; ++p) {
      std::int64_t valid = job_.x.n - p * S::mr;
      const std::int64_t above = (q + 1) * S::nr - p * S::mr;
      if (job_.symmetric && above < valid) valid = above;  // rows below the diagonal
      for (std::int64_t s = 0; s < job_.g.n_row_permutations; ++s) {
        for (int i = 0; i < S::mr && i < valid; ++i) {
          if (forms_.has_matrix() && i % Derivatives::step == 0) forms_.multiply(p, q, i, s);
          if (!forms_.has_matrix() && stop_requested(job_.token, thread_)) return false;
          for (int v = 0; v < S::nv; ++v)
            pairs(p, q, i, v, s, sums + (p - p0) * tile + i * S::nr + v * S::width);
        }
        if (stop_requested(job_.token, thread_)) return false;
      }
    }
    return true;
  }

 private:
  static SYMKERNEL_INLINE void add_to(T* at, V value) { (V::load(at) + value).store(at); }
  // The plane of feature k in the order of panels.
  T* plane(T* sum, std::int64_t k) const { return sum + (1 + job_.g.layout[k]) * S::size; }

  void pairs(std::int64_t p, std::int64_t q, int i, int v, std::int64_t s, T* sum) {
    V along_x(T(0)), along_y(T(0));
    if (forms_.has_matrix()) {
      forms_.clear_matrix(v);
      add_to(sum, forms_.add_matrix(p, q, i, v, along_x));
      along_y = along_x;
      add_moved(p, q, i, v, s, sum);
    } else if (forms_.is_sphere()) {
      add_to(sum, forms_.sphere(p, q, i, v, along_x, along_y));
    } else {
      forms_.template features<true>(p, q, i, v, [&](V value, const T* slopes) {
        add_to(sum, value);
        for (std::int64_t k = 0; k < job_.g.d; ++k)
          add_to(plane(sum, k), value * V::load(slopes + k * S::width));
      });
      return;
    }
    const T *x = job_.x.panels + p * job_.x_depth * S::mr + i,
            *y = job_.y.panels + q * job_.depth * S::nr + v * S::width;
    for (std::int64_t k = 0; k < job_.g.d; ++k) {
      const V xk(x[k * S::mr]), yk = V::load(y + k * S::nr);
      add_to(plane(sum, k), -fma(along_x, xk * xk, along_y * (yk * yk)));
    }
  }

  // -2 x_k (matrix times the moved points of y)_k.
  void add_moved(std::int64_t p, std::int64_t q, int i, int v, std::int64_t s, T* sum) {
    const Elements<T>& g = job_.g;
    for (std::int64_t n = 0; n < g.n_blocks; ++n) {
      const PointBlock& b = g.blocks[n];
      const T* x = job_.x.panels + (p * job_.x_depth + b.feature) * S::mr + i;
      const T* y = job_.y.panels + (q * job_.depth + b.feature) * S::nr + v * S::width;
      const T* h = forms_.matrix() + b.entry * S::nr + v * S::width;
      const std::int32_t* rows = g.point_rows + s * g.n_points + b.first_point;
      const std::int64_t r = b.dimension;
      for (std::int64_t k = 0; k < b.points * r; ++k) {
        V moved(T(0));
        for (std::int64_t c = 0; c < r; ++c)
          moved = fma(V::load(h + (k % r * r + c) * S::nr),
                      V::load(y + (rows[k / r] * r + c) * S::nr), moved);
        add_to(plane(sum, b.feature + k), moved * V(T(-2) * x[k * S::mr]));
      }
    }
  }

  const Job<T>& job_;
  int thread_;
  Derivatives forms_;
};

SYMKERNEL_END_NAMESPACE
