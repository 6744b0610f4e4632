// Permanents by signed sums: no table, hence the fastest way for large n, but terms cancel.
//
//   per(a) = 2^(1-n) sum_{d in {1,-1}^n, d_0 = 1} prod_k d_k  prod_i sum_j d_j a[i][j]
//
// D. Glynn, The permanent of a square matrix, European Journal of Combinatorics 31 (2010) 1887;
// H. J. Ryser, Combinatorial Mathematics (1963) has the same with d in {0, 1}: twice as many terms
// and more cancellation.
//
// Rounding is kept at bay in four ways. Row sums are not updated in Gray code order, which would
// let errors pile up, but put together from a table over five columns and a path over the others.
// For non-negative matrices the largest terms have (nearly) all d_j = 1: those are computed in
// compensated arithmetic (Ogita, Rump & Oishi, Accurate sum and dot product, SIAM J. Sci. Comput.
// 26, 2005; Graillat, Accurate floating-point product and exponentiation, IEEE Trans. Comput. 58,
// 2009). The sum of blocks is compensated. And the remaining error is estimated from the terms.
//
// The terms are bounded by the permanent times a few thousand only if the matrix is close to
// doubly stochastic: scale it first.
#pragma once

#include "symkernel/config.hpp"
#include "symkernel/lanes.hpp"

SYMKERNEL_BEGIN_NAMESPACE

constexpr int glynn_low_columns = 5;
constexpr int glynn_patterns = 1 << (glynn_low_columns - 1);  // up to a common sign
constexpr int glynn_group = 4;  // patterns at a time: eight products hide the latency

// a + b = s + e exactly. Source: Knuth, The Art of Computer Programming 2, section 4.2.2.
template <class R>
SYMKERNEL_INLINE R two_sum(R a, R b, R& e) {
  const R s = a + b;
  const R t = s - a;
  e = (a - (s - t)) + (b - t);
  return s;
}

template <class R>
class Glynn {
  using M = InMemory<R>;

 public:
  // Doubles of scratch for n x n matrices, n > glynn_low_columns.
  static SYMKERNEL_HD std::int64_t scratch_size(int n) {
    return static_cast<std::int64_t>(2 * glynn_patterns + n - glynn_low_columns + 2) * n * M::width;
  }

  SYMKERNEL_HD Glynn(const double* a, int n, double* scratch)
      : a_(a), n_(n), high_(n - 1 - glynn_low_columns) {
    low_ = scratch;
    low_error_ = low_ + static_cast<std::int64_t>(glynn_patterns) * n * M::width;
    path_ = low_error_ + static_cast<std::int64_t>(glynn_patterns) * n * M::width;
    base_error_ = path_ + static_cast<std::int64_t>(high_ + 1) * n * M::width;
  }

  // The permanent; `error` receives the estimated absolute error (a standard deviation or two:
  // roundings of different terms are independent).
  SYMKERNEL_HD R run(R& error) {
    tabulate();
    R total(0.0), correction(0.0), squares(0.0);
    const std::uint64_t blocks = std::uint64_t(1) << high_;
    const int compensated = n_ < 18 ? 0 : (n_ < 22 ? 1 : 2);
    for (std::uint64_t block = 0; block < blocks; ++block) {
      const bool negative = (bit_count(block) & 1) != 0;
      if (bit_count(block) <= compensated) {
        compensated_block(block, negative, total, correction);
      } else {
        descend(block);
        const R sum = plain_block(squares);
        R e;
        total = two_sum(total, negative ? -sum : sum, e);
        correction = correction + e;
      }
    }
    double scale = 1.0;
    for (int i = 1; i < n_; ++i) scale *= 0.5;
    // sqrt(2 n) roundings a term, each eps / (2 sqrt(3)), and what their correlations add
    error = sqrt(squares) * R(8.0 * FloatTraits<double>::epsilon * scale);
    return (total + correction) * R(scale);
  }

 private:
  SYMKERNEL_INLINE R entry(int i, int j) const { return M::load(a_ + (i * n_ + j) * M::width); }
  static SYMKERNEL_INLINE bool odd(int pattern) {
    return (bit_count(static_cast<std::uint64_t>(pattern)) & 1) != 0;
  }
  // Patterns of a group stand side by side: [group][row][pattern].
  SYMKERNEL_INLINE std::int64_t low_at(int pattern, int i) const {
    return ((static_cast<std::int64_t>(pattern / glynn_group) * n_ + i) * glynn_group +
            pattern % glynn_group) *
           M::width;
  }

  // Signed sums of columns 1 .. 5, column 1 with +, and their rounding errors.
  SYMKERNEL_HD void tabulate() {
    for (int p = 0; p < glynn_patterns; ++p) {
      for (int i = 0; i < n_; ++i) {
        R sum = entry(i, 1), lost(0.0);
        for (int c = 0; c + 1 < glynn_low_columns; ++c) {
          const R term = entry(i, 2 + c);
          R e;
          sum = two_sum(sum, ((p >> c) & 1) ? -term : term, e);
          lost = lost + e;
        }
        M::store(sum, low_ + low_at(p, i));
        M::store(lost, low_error_ + low_at(p, i));
      }
    }
    for (int i = 0; i < n_; ++i) M::store(entry(i, 0), path_ + i * M::width);
  }

  // path[level] = column 0 and the signed sum of the first `level` high columns. The block's
  // highest bit decides the first of them, so that on average two levels change per block.
  SYMKERNEL_HD void descend(std::uint64_t block) {
    // Blocks that were compensated did not touch the path: start from the last one that did.
    const std::uint64_t changed = block ^ last_;
    int level = high_ - 1;
    if (valid_) {
      while (((changed >> level) & 1) == 0) --level;
    }
    for (; level >= 0; --level) {
      const double* from = path_ + static_cast<std::int64_t>(high_ - 1 - level) * n_ * M::width;
      double* to = path_ + static_cast<std::int64_t>(high_ - level) * n_ * M::width;
      const bool minus = ((block >> level) & 1) != 0;
      for (int i = 0; i < n_; ++i) {
        const R term = entry(i, 1 + glynn_low_columns + level);
        M::store(M::load(from + i * M::width) + (minus ? -term : term), to + i * M::width);
      }
    }
    last_ = block;
    valid_ = true;
  }

  // All patterns of the low columns, with both common signs, on top of the path's end.
  SYMKERNEL_INLINE R plain_block(R& squares) const {
    const double* base = path_ + static_cast<std::int64_t>(high_) * n_ * M::width;
    R sum(0.0);
    for (int g = 0; g < glynn_patterns / glynn_group; ++g) {
      const double* low = low_ + low_at(g * glynn_group, 0);
      R plus[glynn_group], minus[glynn_group];
      const R first = M::load(base);
      SYMKERNEL_UNROLL
      for (int u = 0; u < glynn_group; ++u) {
        const R d = M::load(low + u * M::width);
        plus[u] = first + d;
        minus[u] = first - d;
      }
      for (int i = 1; i < n_; ++i) {
        const R b = M::load(base + i * M::width);
        SYMKERNEL_UNROLL
        for (int u = 0; u < glynn_group; ++u) {
          const R d = M::load(low + (i * glynn_group + u) * M::width);
          plus[u] = plus[u] * (b + d);
          minus[u] = minus[u] * (b - d);
        }
      }
      R group(0.0);
      SYMKERNEL_UNROLL
      for (int u = 0; u < glynn_group; ++u) {
        // Five low columns: the common sign of all of them is an odd number of signs.
        squares = fma(plus[u], plus[u], squares);
        squares = fma(minus[u], minus[u], squares);
        const R difference = plus[u] - minus[u];
        group = odd(u) ? group - difference : group + difference;
      }
      sum = odd(g) ? sum - group : sum + group;
    }
    return sum;
  }

  SYMKERNEL_HD void compensated_block(std::uint64_t block, bool negative, R& total,
                                      R& correction) const {
    double* base = path_ + static_cast<std::int64_t>(high_) * n_ * M::width;
    double* base_error = base_error_;
    for (int i = 0; i < n_; ++i) {
      R sum = entry(i, 0), lost(0.0);
      for (int level = 0; level < high_; ++level) {
        const R term = entry(i, 1 + glynn_low_columns + level);
        R e;
        sum = two_sum(sum, ((block >> level) & 1) ? -term : term, e);
        lost = lost + e;
      }
      M::store(sum, base + i * M::width);
      M::store(lost, base_error + i * M::width);
    }
    for (int p = 0; p < glynn_patterns; ++p) {
      for (int common = 0; common < 2; ++common) {
        R product(1.0), lost(0.0);
        for (int i = 0; i < n_; ++i) {
          const R d = M::load(low_ + low_at(p, i)), f = M::load(low_error_ + low_at(p, i));
          R e;
          const R factor = two_sum(M::load(base + i * M::width), common ? -d : d, e);
          e = e + (M::load(base_error + i * M::width) + (common ? -f : f));
          const R next = product * factor;
          const R rounding = exact_fma(product, factor, -next);
          lost = fma(lost, factor, fma(product, e, rounding));
          product = next;
        }
        const bool flip = (common != 0) != (odd(p) != negative);
        R e;
        total = two_sum(total, flip ? -product : product, e);
        correction = correction + (e + (flip ? -lost : lost));
      }
    }
  }

  const double* a_;
  int n_, high_;
  double *low_, *low_error_, *path_, *base_error_;
  std::uint64_t last_ = 0;
  bool valid_ = false;
};

SYMKERNEL_END_NAMESPACE
