// Covariances of values and gradients of an invariant function of clouds: one pair a lane, samples
// of y in panels of one vector (forms/joint_rotations.hpp).
#pragma once

#include "engine/pair_engine.hpp"
#include "engine/tile_product.hpp"
#include "symkernel/forms/joint_rotations.hpp"

namespace symkernel {
bool stop_requested(StopToken* token, int thread);  // defined outside the per-ISA code
}  // namespace symkernel

SYMKERNEL_BEGIN_NAMESPACE

template <int D>
class JointPairs {
  using V = TileShape<double>::V;
  static constexpr int width = V::width;
  static constexpr int block_size = 3;  // directions at a time: sums stay in registers
  using Sums = JointSums<V, D>;

 public:
  static std::int64_t scratch_size(const JointJob& job) {
    const std::int64_t length = job.points * D;
    return width * length * (5 + (job.mixed != nullptr ? length + job.from : 0));
  }

  JointPairs(const JointJob& job, double* scratch)
      : job_(job),
        length_(job.points * D),
        x_(scratch),
        y_(x_ + length_ * width),
        b_(y_ + length_ * width),
        turned_(b_ + length_ * width),
        slope_(turned_ + length_ * width),
        mixed_(slope_ + length_ * width),
        half_(mixed_ + length_ * length_ * width) {}

  // f(x_i) and its gradient, for f = sum_j [a_j + b_j . grad_y] K(., y_j).
  void apply(std::int64_t i, int thread) {
    const double* x = job_.x + i * length_;
    const std::int64_t panels = (job_.m + width - 1) / width;
    V total(0.0);
    clear(slope_, length_);
    for (std::int64_t q = 0; q < panels; ++q) {
      const double* a = job_.a + q * width;
      const double* b = job_.b + q * length_ * width;
      visit(x, q,
            [&](const std::int32_t* rows) { total = total + add_field(rows, V::load(a), b); });
      if (stop_requested(job_.token, thread)) return;
    }
    double sum = 0;
    for (int l = 0; l < width; ++l) sum += total.lane(l);
    job_.values[i] = sum;
    if (job_.slopes == nullptr) return;
    for (std::int64_t k = 0; k < length_; ++k) {
      const V lanes = V::load(slope_ + k * width);
      double own = 0;
      for (int l = 0; l < width; ++l) own += lanes.lane(l);
      job_.slopes[i * length_ + k] = own;
    }
  }

  // K(x_i, y_j), and when asked its derivatives in x and its mixed ones, for y of panel q.
  void block(std::int64_t i, std::int64_t q) {
    V total(0.0);
    clear(slope_, length_);
    if (job_.mixed != nullptr) clear(mixed_, length_ * length_);
    visit(job_.x + i * length_, q, [&](const std::int32_t* rows) {
      total = total + sums_.value;
      if (job_.slopes != nullptr) add_slopes();
      if (job_.mixed != nullptr) add_mixed(rows);
    });
    for (int l = 0; l < width && q * width + l < job_.m; ++l) {
      const std::int64_t at = i * job_.m + q * width + l;
      job_.values[at] = total.lane(l);
      if (job_.slopes != nullptr) lane(slope_, length_, l, job_.slopes + at * length_);
    }
    if (job_.mixed == nullptr) return;
    multiply_left(job_.directions_x + i * job_.from * length_);
    multiply_right(i, q);
  }

  // total += derivatives of K(x_i, y_j) in M, for y of panel q.
  void add_turns(std::int64_t i, std::int64_t q, V (&total)[D * D]) {
    visit(job_.x + i * length_, q, [&](const std::int32_t*) {
      SYMKERNEL_UNROLL
      for (int e = 0; e < D * D; ++e) total[e] = add_turn(e / D, e % D, total[e]);
    });
  }

 private:
  static const JointRotations<V, D>& rotations() {
    static const JointRotations<V, D> made;
    return made;
  }
  static void clear(double* at, std::int64_t count) {
    for (std::int64_t k = 0; k < count * width; ++k) at[k] = 0.0;
  }
  static SYMKERNEL_INLINE std::int64_t least(std::int64_t a, std::int64_t b) {
    return a < b ? a : b;
  }
  static void lane(const double* from, std::int64_t count, int l, double* to) {
    for (std::int64_t k = 0; k < count; ++k) to[k] = from[k * width + l];
  }
  static SYMKERNEL_INLINE void load(const double* at, V (&point)[D]) {
    SYMKERNEL_UNROLL
    for (int k = 0; k < D; ++k) point[k] = V::load(at + k * width);
  }
  // (u_0 . p, u_1 . p, ...)
  static SYMKERNEL_INLINE void turn(const V (&u)[D][D], const V (&p)[D], double* to) {
    SYMKERNEL_UNROLL
    for (int k = 0; k < D; ++k) {
      V sum = u[k][0] * p[0];
      SYMKERNEL_UNROLL
      for (int c = 1; c < D; ++c) sum = fma(u[k][c], p[c], sum);
      sum.store(to + k * width);
    }
  }

  // Aligns sample x with panel q of y for every element, and calls each(rows) with the
  // sums over rates in sums_, frames in u_ and v_, and aligned clouds in x_ and y_.
  template <class Each>
  SYMKERNEL_INLINE void visit(const double* x, std::int64_t q, Each each) {
    const double* y = job_.y + q * length_ * width;
    for (std::int64_t s = 0; s < job_.n_rows; ++s) {
      const std::int32_t* rows = job_.rows + s * job_.points;
      V m[D * D];
      for (V& entry : m) entry = V(0.0);
      for (std::int64_t p = 0; p < job_.points; ++p) {
        V b[D];
        load(y + std::int64_t(rows[p]) * D * width, b);
        SYMKERNEL_UNROLL
        for (int e = 0; e < D * D; ++e) m[e] = fma(V(x[p * D + e / D]), b[e % D], m[e]);
      }
      for (int mirrored = 0; mirrored <= (job_.reflections ? 1 : 0); ++mirrored) {
        align(x, y, rows, m, mirrored != 0);
        each(rows);
      }
    }
  }

  // (Apart from its callers, for it is large.)
  SYMKERNEL_NOINLINE void align(const double* x, const double* y, const std::int32_t* rows,
                                const V (&m)[D * D], bool mirrored) {
    JointRotations<V, D>::frames(m, mirrored, u_, v_);
    V along[D], residual(0.0);
    for (V& entry : along) entry = V(0.0);
    for (std::int64_t p = 0; p < job_.points; ++p) {
      V a[D], b[D];
      SYMKERNEL_UNROLL
      for (int k = 0; k < D; ++k) a[k] = V(x[p * D + k]);
      load(y + std::int64_t(rows[p]) * D * width, b);
      double *x_at = x_ + p * D * width, *y_at = y_ + p * D * width;
      turn(u_, a, x_at);
      turn(v_, b, y_at);
      load(x_at, a);
      load(y_at, b);
      SYMKERNEL_UNROLL
      for (int k = 0; k < D; ++k) {
        const V d = a[k] - b[k];
        along[k] = fma(a[k], b[k], along[k]);
        residual = fma(d, d, residual);
      }
    }
    sums_.clear();
    const auto& average = rotations();
    for (std::int64_t r = 0; r < job_.n_rates; ++r) {  // from the smallest on
      const double t = job_.rates[r];
      if (!any(residual * V(t), V(joint_negligible))) break;
      average.add(along, residual, t, job_.weights[r], sums_);
    }
  }

  // Adds what a and b of the panel bring: the value is returned, the gradient goes to slope_.
  SYMKERNEL_INLINE V add_field(const std::int32_t* rows, V a, const double* panel) {
    V inner[D][D], along(0.0);
    for (auto& row : inner) {
      for (V& entry : row) entry = V(0.0);
    }
    for (std::int64_t p = 0; p < job_.points; ++p) {
      V own[D], x[D], y[D];
      load(panel + std::int64_t(rows[p]) * D * width, own);
      turn(v_, own, b_ + p * D * width);
      load(b_ + p * D * width, own);
      load(x_ + p * D * width, x);
      load(y_ + p * D * width, y);
      SYMKERNEL_UNROLL
      for (int i = 0; i < D; ++i) {
        along = fma(y[i] - x[i], own[i], along);
        SYMKERNEL_UNROLL
        for (int j = 0; j < D; ++j) inner[i][j] = fma(x[i], own[j], inner[i][j]);
      }
    }
    V value = fma(a, sums_.value, -(sums_.slope * along));
    SYMKERNEL_UNROLL
    for (int i = 0; i < D; ++i) value = fma(-sums_.slope_gap[i], inner[i][i], value);
    if (job_.slopes == nullptr) return value;
    V constant, weight[D][D];
    joint_weights<V, D>(sums_, inner, along, constant, weight);
    constant = fma(-a, sums_.slope, constant);
    SYMKERNEL_UNROLL
    for (int i = 0; i < D; ++i) weight[i][i] = fma(-a, sums_.slope_gap[i], weight[i][i]);
    for (std::int64_t p = 0; p < job_.points; ++p) {
      V own[D], x[D], y[D], g[D];
      load(b_ + p * D * width, own);
      load(x_ + p * D * width, x);
      load(y_ + p * D * width, y);
      SYMKERNEL_UNROLL
      for (int i = 0; i < D; ++i) {
        g[i] = fma(constant, x[i] - y[i], (sums_.slope - sums_.slope_gap[i]) * own[i]);
        SYMKERNEL_UNROLL
        for (int j = 0; j < D; ++j) g[i] = fma(weight[i][j], y[j], g[i]);
      }
      add_back(g, slope_ + p * D * width);
    }
    return value;
  }

  // to += U g
  SYMKERNEL_INLINE void add_back(const V (&g)[D], double* to) const {
    SYMKERNEL_UNROLL
    for (int c = 0; c < D; ++c) {
      V sum = V::load(to + c * width);
      SYMKERNEL_UNROLL
      for (int k = 0; k < D; ++k) sum = fma(u_[k][c], g[k], sum);
      sum.store(to + c * width);
    }
  }

  SYMKERNEL_INLINE void add_slopes() {
    for (std::int64_t p = 0; p < job_.points; ++p) {
      V x[D], y[D], g[D];
      load(x_ + p * D * width, x);
      load(y_ + p * D * width, y);
      SYMKERNEL_UNROLL
      for (int i = 0; i < D; ++i) g[i] = -fma(sums_.slope, x[i] - y[i], sums_.slope_gap[i] * y[i]);
      add_back(g, slope_ + p * D * width);
    }
  }

  // Entry (c, e) of the derivative in M, added to sum.
  SYMKERNEL_INLINE V add_turn(int c, int e, V sum) const {
    SYMKERNEL_UNROLL
    for (int k = 0; k < D; ++k)
      sum = fma((sums_.slope - sums_.slope_gap[k]) * u_[k][c], v_[k][e], sum);
    return sum;
  }

  // mixed_ += d_x d_y, in the coordinates of the samples.
  SYMKERNEL_INLINE void add_mixed(const std::int32_t* rows) {
    for (std::int64_t q = 0; q < job_.points; ++q) {  // V (x - y)
      V d[D];
      SYMKERNEL_UNROLL
      for (int k = 0; k < D; ++k) {
        const std::int64_t at = (q * D + k) * width;
        d[k] = V::load(x_ + at) - V::load(y_ + at);
      }
      SYMKERNEL_UNROLL
      for (int e = 0; e < D; ++e) {
        V sum = v_[0][e] * d[0];
        SYMKERNEL_UNROLL
        for (int k = 1; k < D; ++k) sum = fma(v_[k][e], d[k], sum);
        sum.store(turned_ + (q * D + e) * width);
      }
    }
    for (std::int64_t p = 0; p < job_.points; ++p) {
      V constant[D], tensor[D][D][D];
      turned_tensor(p, constant, tensor);
      for (std::int64_t q = 0; q < job_.points; ++q) {
        V x[D], d[D];
        load(x_ + q * D * width, x);
        load(turned_ + q * D * width, d);
        SYMKERNEL_UNROLL
        for (int c = 0; c < D; ++c) {
          double* row = mixed_ + ((p * D + c) * length_ + std::int64_t(rows[q]) * D) * width;
          SYMKERNEL_UNROLL
          for (int e = 0; e < D; ++e) {
            V sum = fma(constant[c], d[e], V::load(row + e * width));
            SYMKERNEL_UNROLL
            for (int l = 0; l < D; ++l) sum = fma(tensor[c][e][l], x[l], sum);
            sum.store(row + e * width);
          }
        }
      }
      SYMKERNEL_UNROLL
      for (int c = 0; c < D; ++c) {  // points that meet
        double* row = mixed_ + ((p * D + c) * length_ + std::int64_t(rows[p]) * D) * width;
        SYMKERNEL_UNROLL
        for (int e = 0; e < D; ++e) add_turn(c, e, V::load(row + e * width)).store(row + e * width);
      }
    }
  }

  // half_ = A mixed_, (from, d), for directions A of x.
  void multiply_left(const double* a) {
    for (std::int64_t r = 0; r < job_.from; r += block_size) {
      for (std::int64_t e = 0; e < length_; e += D) {
        V sum[block_size][D];
        for (auto& row : sum) {
          for (V& entry : row) entry = V(0.0);
        }
        const std::int64_t rows = least(block_size, job_.from - r);
        for (std::int64_t c = 0; c < length_; ++c) {
          V entry[D];
          load(mixed_ + (c * length_ + e) * width, entry);
          SYMKERNEL_UNROLL
          for (int k = 0; k < block_size; ++k) {
            const V factor(a[(r + (k < rows ? k : 0)) * length_ + c]);
            SYMKERNEL_UNROLL
            for (int l = 0; l < D; ++l) sum[k][l] = fma(factor, entry[l], sum[k][l]);
          }
        }
        for (int k = 0; k < rows; ++k) {
          for (int l = 0; l < D; ++l) sum[k][l].store(half_ + ((r + k) * length_ + e + l) * width);
        }
      }
    }
  }

  // The result, half_ times the directions of y.
  void multiply_right(std::int64_t i, std::int64_t q) {
    const double* b = job_.directions_y + q * job_.to * length_ * width;
    for (std::int64_t r = 0; r < job_.from; r += block_size) {
      const std::int64_t rows = least(block_size, job_.from - r);
      for (std::int64_t s = 0; s < job_.to; s += block_size) {
        const std::int64_t columns = least(block_size, job_.to - s);
        V sum[block_size][block_size];
        for (auto& row : sum) {
          for (V& entry : row) entry = V(0.0);
        }
        for (std::int64_t e = 0; e < length_; ++e) {
          V left[block_size], right[block_size];
          SYMKERNEL_UNROLL
          for (int k = 0; k < block_size; ++k) {
            left[k] = V::load(half_ + ((r + (k < rows ? k : 0)) * length_ + e) * width);
            right[k] = V::load(b + ((s + (k < columns ? k : 0)) * length_ + e) * width);
          }
          SYMKERNEL_UNROLL
          for (int k = 0; k < block_size; ++k) {
            SYMKERNEL_UNROLL
            for (int l = 0; l < block_size; ++l) sum[k][l] = fma(left[k], right[l], sum[k][l]);
          }
        }
        for (int k = 0; k < rows; ++k) {
          for (int lane_of = 0; lane_of < width && q * width + lane_of < job_.m; ++lane_of) {
            double* to =
                job_.mixed + ((i * job_.from + r + k) * job_.m + q * width + lane_of) * job_.to + s;
            for (int l = 0; l < columns; ++l) to[l] = sum[k][l].lane(lane_of);
          }
        }
      }
    }
  }

  // Of point p of x: U constant, and U tensor V^T.
  SYMKERNEL_INLINE void turned_tensor(std::int64_t p, V (&constant)[D], V (&tensor)[D][D][D]) {
    V x[D], y[D], own[D], plain[D][D][D];
    load(x_ + p * D * width, x);
    load(y_ + p * D * width, y);
    SYMKERNEL_UNROLL
    for (int k = 0; k < D; ++k) x[k] = x[k] - y[k];
    joint_tensor<V, D>(sums_, y, x, own, plain);
    SYMKERNEL_UNROLL
    for (int c = 0; c < D; ++c) {
      V sum(0.0), half[D][D];  // half: of j and l
      SYMKERNEL_UNROLL
      for (int i = 0; i < D; ++i) sum = fma(u_[i][c], own[i], sum);
      constant[c] = sum;
      SYMKERNEL_UNROLL
      for (int j = 0; j < D; ++j) {
        SYMKERNEL_UNROLL
        for (int l = 0; l < D; ++l) {
          half[j][l] = u_[0][c] * plain[0][j][l];
          SYMKERNEL_UNROLL
          for (int i = 1; i < D; ++i) half[j][l] = fma(u_[i][c], plain[i][j][l], half[j][l]);
        }
      }
      SYMKERNEL_UNROLL
      for (int e = 0; e < D; ++e) {
        SYMKERNEL_UNROLL
        for (int l = 0; l < D; ++l) {
          V entry = half[0][l] * v_[0][e];
          SYMKERNEL_UNROLL
          for (int j = 1; j < D; ++j) entry = fma(half[j][l], v_[j][e], entry);
          tensor[c][e][l] = entry;
        }
      }
    }
  }

  const JointJob& job_;
  std::int64_t length_;
  double *x_, *y_, *b_, *turned_, *slope_, *mixed_, *half_;
  V u_[D][D], v_[D][D];
  Sums sums_;
};

SYMKERNEL_END_NAMESPACE
