// Clouds rotated onto clouds: one pair a lane, samples of y in panels of one vector.
#pragma once

#include <math.h>

#include "engine/pair_engine.hpp"
#include "engine/tile_product.hpp"
#include "symkernel/procrustes.hpp"

namespace symkernel {
bool stop_requested(StopToken* token, int thread);  // defined outside the per-ISA code
}  // namespace symkernel

SYMKERNEL_BEGIN_NAMESPACE

template <int D, bool Paired>
class Rotations {
  using V = TileShape<double>::V;
  static constexpr int width = V::width;

 public:
  static std::int64_t scratch_size(const RotationJob& job) { return 2 * job.points * D * width; }

  Rotations(const RotationJob& job, double* scratch)
      : job_(job), y_(scratch), x_(scratch + job.points * D * width) {}

  void run(std::int64_t q, int thread) {
    const std::int64_t length = job_.points * D;
    pack(job_.y, job_.m, q, y_);
    if constexpr (Paired) {
      pack(job_.x, job_.n, q, x_);
      one(q * width, q, x_);
    } else {
      for (std::int64_t i = 0; i < job_.n; ++i) {
        if (job_.symmetric && i >= (q + 1) * width) break;  // below the diagonal
        one(i, q, job_.x + i * length);
        if (stop_requested(job_.token, thread)) return;
      }
    }
  }

 private:
  void pack(const double* samples, std::int64_t count, std::int64_t q, double* panel) {
    const std::int64_t length = job_.points * D;
    for (std::int64_t k = 0; k < length; ++k) {
      for (int l = 0; l < width; ++l) {
        const std::int64_t j = q * width + l;
        panel[k * width + l] = j < count ? samples[j * length + k] : 0.0;
      }
    }
  }

  // What squares of one sample add up to, a lane for each of the panel.
  V square(const double* x) const {
    V sum(0.0);
    for (std::int64_t k = 0; k < job_.points * D; ++k) {
      const V a = Paired ? V::load(x + k * width) : V(x[k]), b = V::load(y_ + k * width);
      sum = fma(a, a, fma(b, b, sum));
    }
    return sum;
  }

  // Sample i of x (or the panel of x that starts with it) against the panel of y.
  void one(std::int64_t i, std::int64_t q, const double* x) {
    const V whole = square(x);
    V least(HUGE_VAL), which(0.0), rotation[D * D];
    for (int k = 0; k < D * D; ++k) rotation[k] = V(0.0);
    for (std::int64_t s = 0; s < job_.n_rows; ++s) {
      const std::int32_t* rows = job_.rows + s * job_.points;
      const auto visit = [&](const auto& f) SYMKERNEL_LAMBDA {
        for (std::int64_t p = 0; p < job_.points; ++p) {
          V a[D], b[D];
          SYMKERNEL_UNROLL
          for (int k = 0; k < D; ++k) {
            const double* at = x + (p * D + k) * (Paired ? width : 1);
            a[k] = Paired ? V::load(at) : V(*at);
            b[k] = V::load(y_ + (static_cast<std::int64_t>(rows[p]) * D + k) * width);
          }
          f(a, b);
        }
      };
      V m[D * D];
      Procrustes<V, D>::inner(visit, m);
      // The trace says which permutations are worth a rotation, up to what it cancels.
      const V trace = Procrustes<V, D>::largest_trace(m, job_.reflections);
      const V bound = fma(V(-1e-12), whole, whole - (trace + trace));
      if (s > 0 && !any(bound, least)) continue;
      const Procrustes<V, D> found(visit, m, job_.reflections);
      const auto nearer = found.residual < least;
      least = select(nearer, found.residual, least);
      which = select(nearer, V(static_cast<double>(s)), which);
      for (int k = 0; k < D * D; ++k) rotation[k] = select(nearer, found.rotation[k], rotation[k]);
    }
    write(i, q, least, which, rotation);
  }

  void write(std::int64_t i, std::int64_t q, V least, V which, const V (&rotation)[D * D]) {
    for (int l = 0; l < width && q * width + l < job_.m; ++l) {
      const std::int64_t j = q * width + l;
      if (job_.symmetric && j < i) continue;
      job_.squares[Paired ? j : i * job_.m + j] = least.lane(l);
      if (job_.symmetric) job_.squares[j * job_.m + i] = least.lane(l);
      if (!Paired || job_.rotations == nullptr) continue;
      job_.which[j] = static_cast<std::int32_t>(which.lane(l));
      for (int k = 0; k < D * D; ++k) job_.rotations[j * D * D + k] = rotation[k].lane(l);
    }
  }

  const RotationJob& job_;
  double *y_, *x_;
};

inline std::int64_t rotation_scratch(const RotationJob& job) {
  return Rotations<3, true>::scratch_size(job);
}

inline void rotate(const RotationJob& job, std::int64_t q, double* scratch, int thread) {
  if (job.dimension == 2 && job.paired) Rotations<2, true>(job, scratch).run(q, thread);
  if (job.dimension == 2 && !job.paired) Rotations<2, false>(job, scratch).run(q, thread);
  if (job.dimension == 3 && job.paired) Rotations<3, true>(job, scratch).run(q, thread);
  if (job.dimension == 3 && !job.paired) Rotations<3, false>(job, scratch).run(q, thread);
}

SYMKERNEL_END_NAMESPACE
