// Mean rotations under kernels between clouds: one pair a lane, some samples of x against one panel
// of y (matrix_fisher_mean.hpp; joint_rotations.hpp where exponents are large, and in the plane).
#pragma once

#include "engine/joint_rotations.hpp"
#include "symkernel/decide/exponents.hpp"
#include "symkernel/matrix_fisher_mean.hpp"

SYMKERNEL_BEGIN_NAMESPACE

template <int D>
class TurnPairs {
  using V = TileShape<double>::V;
  static constexpr int width = V::width;
  // The search for the shift is one long chain of dependent operations: several pairs fill the
  // pipes.
  static constexpr int block = 8;

 public:
  TurnPairs(const JointJob& job, double* scratch)
      : job_(job), length_(job.points * D), aligned_(job, scratch) {}

  void run(std::int64_t first, std::int64_t last, std::int64_t q) {
    if (job_.symmetric && last > (q + 1) * width) last = (q + 1) * width;
    const double* y = job_.y + q * length_ * width;
    V y2(0.0);
    for (std::int64_t k = 0; k < length_; ++k) {
      const V own = V::load(y + k * width);
      y2 = fma(own, own, y2);
    }
    double largest = 0;
    for (int l = 0; l < width; ++l) largest = y2.lane(l) > largest ? y2.lane(l) : largest;
    for (std::int64_t i = first; i < last; i += block) {
      const int count = static_cast<int>(last - i < block ? last - i : block);
      reserve(i, count, q);
      V total[block][D * D];
      for (int k = 0; k < count; ++k) {
        for (V& entry : total[k]) entry = V(0.0);
      }
      if (!by_invariants(i, count, y, y2, largest, total)) {
        for (int k = 0; k < count; ++k) aligned_.add_turns(i + k, q, total[k]);
      }
      write(i, count, q, total);
    }
  }

 private:
  // Where exponents have digits: those of the broadest term, beside which the sharp ones, whose
  // means fall with their rates, lose nothing that counts.
  bool by_invariants(std::int64_t i, int count, const double* y, V y2, double largest,
                     V (&total)[block][D * D]) const {
    if constexpr (D == 3) {
      double x2[block], most = 0;
      for (int k = 0; k < count; ++k) {
        const double* x = job_.x + (i + k) * length_;
        x2[k] = 0;
        for (std::int64_t c = 0; c < length_; ++c) x2[k] += x[c] * x[c];
        most = x2[k] > most ? x2[k] : most;
      }
      if (job_.n_rates == 0) return true;
      const double size = 2.0 * ::sqrt(most * largest), sharp = job_.rates[job_.n_rates - 1];
      if (!(size * job_.rates[0] <= least_difference_exponent &&
            size * sharp <= largest_product_exponent))
        return false;
      const int steps = size * sharp <= 2 ? 0 : size * sharp <= 16 ? 1 : 2;
      if (job_.reflections) {
        add<true>(i, count, y, x2, y2, steps, total);
      } else {
        add<false>(i, count, y, x2, y2, steps, total);
      }
      return true;
    }
    return false;
  }

  template <bool Reflections>
  void add(std::int64_t i, int count, const double* y, const double* x2, V y2, int steps,
           V (&total)[block][D * D]) const {
    using Mean = MeanRotation<V, Reflections>;
    static const Mean mean;
    const double sharp = job_.rates[job_.n_rates - 1], least = job_.rates[0] / sharp;
    for (std::int64_t s = 0; s < job_.n_rows; ++s) {
      V m[block][9];
      typename Mean::Parts parts[block];
      for (int k = 0; k < count; ++k) {
        multiply(job_.x + (i + k) * length_, y, job_.rows + s * job_.points, 2.0 * sharp, m[k]);
        mean.set(m[k], steps, least, parts[k]);
      }
      for (int k = 0; k < count; ++k) {
        const V bias = (V(x2[k]) + y2) * V(sharp), residual = bias - parts[k].q.shift;
        typename Mean::Shares shares = {V(0.0), V(0.0), V(0.0)};
        for (std::int64_t r = 0; r < job_.n_rates; ++r) {  // from the smallest on
          const double t = r + 1 < job_.n_rates ? job_.rates[r] / sharp : 1.0;
          if (!any(residual * V(t), V(joint_negligible))) break;
          mean.add(parts[k], bias, t, 2.0 * job_.rates[r] * job_.weights[r], shares);
        }
        Mean::expand(m[k], shares, total[k]);
      }
    }
  }

  // scale X^T (s Y)
  SYMKERNEL_INLINE void multiply(const double* x, const double* y, const std::int32_t* rows,
                                 double scale, V (&m)[9]) const {
    V sum[9];
    SYMKERNEL_UNROLL
    for (int e = 0; e < 9; ++e) sum[e] = V(0.0);
    for (std::int64_t p = 0; p < job_.points; ++p) {
      const double* to = y + std::int64_t(rows[p]) * 3 * width;
      SYMKERNEL_UNROLL
      for (int e = 0; e < 9; ++e)
        sum[e] = fma(V(x[3 * p + e / 3]), V::load(to + e % 3 * width), sum[e]);
    }
    SYMKERNEL_UNROLL
    for (int e = 0; e < 9; ++e) m[e] = sum[e] * V(scale);
  }

  // Fetches the lines that write() will fill, while there is other work: results are larger than
  // caches, and their rows far apart.
  void reserve(std::int64_t i, int count, std::int64_t q) const {
    const std::int64_t j0 = q * width, m = job_.m;
    const std::int64_t end = m - j0 < width ? m - j0 : std::int64_t(width);
    for (int r = 0; r < count * D; ++r) prefetch(job_.turns + ((i * D + r) * m + j0) * D, end * D);
    if (!job_.symmetric) return;
    for (int r = 0; r < end * D; ++r) prefetch(job_.turns + ((j0 * D + r) * m + i) * D, count * D);
  }
  static SYMKERNEL_INLINE void prefetch(const double* at, std::int64_t length) {
#if defined(__GNUC__) || defined(__clang__)
    for (std::int64_t k = 0; k < length; k += 8) __builtin_prefetch(at + k, 1);
#else
    (void)at;
    (void)length;
#endif
  }

  // All of a block at once: lanes are read long after they were stored, and what is mirrored comes
  // in pieces of some lines.
  void write(std::int64_t i, int count, std::int64_t q, const V (&total)[block][D * D]) const {
    double lanes[block][D * D][width];
    for (int k = 0; k < count; ++k) {
      for (int e = 0; e < D * D; ++e) total[k][e].store(lanes[k][e]);
    }
    const std::int64_t j0 = q * width, m = job_.m;
    const std::int64_t end = m - j0 < width ? m - j0 : std::int64_t(width);
    for (int k = 0; k < count; ++k) {
      for (int a = 0; a < D; ++a) {
        double* to = job_.turns + (((i + k) * D + a) * m + j0) * D;
        for (std::int64_t l = job_.symmetric ? above(i + k, j0) : 0; l < end; ++l) {
          for (int b = 0; b < D; ++b) to[l * D + b] = lanes[k][a * D + b][l];
        }
      }
    }
    if (!job_.symmetric) return;
    for (std::int64_t l = 0; l < end; ++l) {
      const std::int64_t before = j0 + l - i, rows = before < count ? before : count;
      for (int b = 0; b < D; ++b) {
        double* to = job_.turns + (((j0 + l) * D + b) * m + i) * D;
        for (std::int64_t k = 0; k < rows; ++k) {
          for (int a = 0; a < D; ++a) to[k * D + a] = lanes[k][a * D + b][l];
        }
      }
    }
  }
  // The first sample of a panel that is not before sample i.
  static SYMKERNEL_INLINE std::int64_t above(std::int64_t i, std::int64_t j0) {
    return i > j0 ? i - j0 : 0;
  }

  const JointJob& job_;
  std::int64_t length_;
  JointPairs<D> aligned_;
};

SYMKERNEL_END_NAMESPACE
