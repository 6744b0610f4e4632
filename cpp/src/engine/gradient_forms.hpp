// Gradients in x of closed forms.
#pragma once

#include "engine/engine.hpp"
#include "engine/form_derivatives.hpp"
#include "engine/gradient_lanes.hpp"

SYMKERNEL_BEGIN_NAMESPACE

template <class T>
class GradientForms {
  using S = TileShape<T>;
  using V = typename S::V;
  using Derivatives = FormDerivatives<T>;
  static constexpr int step = Derivatives::step;

 public:
  static std::int64_t scratch_size(const Job<T>& job) {
    return Derivatives::scratch_size(job) + job.v_columns * job.g.d * S::nr;
  }

  GradientForms(const Job<T>& job, GradientLanes<T>& lanes, T* scratch, int thread)
      : job_(job),
        lanes_(lanes),
        thread_(thread),
        weighted_(scratch),
        forms_(job, scratch + job.v_columns * job.g.d * S::nr, thread) {}

  // Adds the moved samples of y to the lanes, and leaves the radial coefficients in `radial`.
  // Returns false when the computation was stopped.
  bool run(const Block& block, T* radial) {
    const std::int64_t q = block.q, p0 = block.p0, p1 = block.p1;
    for (std::int64_t i = 0; i < (p1 - p0) * S::size; ++i) radial[i] = T(0);
    forms_.begin(q);
    if (forms_.has_matrix()) lanes_.weight_panel(q, weighted_);
    for (std::int64_t p = p0; p < p1; ++p) {
      for (std::int64_t s = 0; s < job_.g.n_row_permutations; ++s) {
        for (int i = 0; i < S::mr && p * S::mr + i < job_.x.n; ++i) {
          if (forms_.has_matrix() && i % step == 0) forms_.multiply(p, q, i, s);
          if (!forms_.has_matrix() && stop_requested(job_.token, thread_)) return false;
          sample(p, q, i, s, radial + (p - p0) * S::size + i * S::nr);
        }
        if (stop_requested(job_.token, thread_)) return false;
      }
    }
    return true;
  }

 private:
  // Where samples are paired with themselves: the lane of the sample in vector v, or another
  // number.
  std::int64_t own_lane(std::int64_t p, std::int64_t q, int i, int v) const {
    return p * S::mr + i - q * S::nr - v * S::width;
  }

  void sample(std::int64_t p, std::int64_t q, int i, std::int64_t s, T* radial) {
    bool any_pairs = false;
    for (int v = 0; v < S::nv; ++v) {
      const std::int64_t own = own_lane(p, q, i, v);
      if (forms_.has_matrix()) forms_.clear_matrix(v);
      if (job_.paired && (own < 0 || own >= S::width)) continue;
      any_pairs = true;
      V keep(T(1)), along(T(0)), other;
      if (job_.paired) {
        T mask[S::width] = {};
        mask[own] = T(1);
        keep = V::load(mask);
      }
      if (forms_.has_matrix()) {
        forms_.add_matrix(p, q, i, v, along);
        if (job_.paired) mask_matrix(v, keep);
      } else if (forms_.is_sphere()) {
        forms_.sphere(p, q, i, v, along, other);
      } else {
        forms_.template features<false>(p, q, i, v, [&](V value, const T* slopes) {
          add_slopes(p, q, i, v, value * keep, slopes);
        });
      }
      T* to = radial + v * S::width;
      (V::load(to) + along * keep).store(to);
    }
    if (any_pairs && forms_.has_matrix())
      lanes_.add_points(p * S::mr + i, s, forms_.matrix(), weighted_);
  }

  void mask_matrix(int v, V keep) {
    for (std::int64_t e = 0; e < job_.g.n_entries; ++e) {
      T* at = forms_.matrix() + e * S::nr + v * S::width;
      (V::load(at) * keep).store(at);
    }
  }

  // Adds value times the slopes of all features to the lanes of sample i of panel p.
  void add_slopes(std::int64_t p, std::int64_t q, int i, int v, V value, const T* slopes) {
    for (std::int64_t c = 0; c < job_.v_columns; ++c) {
      const V w = value * V::load(lanes_.weights(q, c) + v * S::width);
      T* to = lanes_.features(p, c) + i * S::width;
      for (std::int64_t k = 0; k < job_.g.d; ++k) {
        T* at = to + k * S::mr * S::width;
        fma(w, V::load(slopes + k * S::width), V::load(at)).store(at);
      }
    }
  }

  const Job<T>& job_;
  GradientLanes<T>& lanes_;
  int thread_;
  T* weighted_;  // panels of v_j y_j
  Derivatives forms_;
};

SYMKERNEL_END_NAMESPACE
