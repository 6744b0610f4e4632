// Permanents by signed sums: no table, hence the fastest way for large n, but terms cancel.
//
//   per(a) = 2^(1-n) sum_{d in {1,-1}^n, d_0 = 1} prod_k d_k  prod_i sum_j d_j a[i][j]
//
// D. Glynn, The permanent of a square matrix, European Journal of Combinatorics 31 (2010) 1887;
// H. J. Ryser, Combinatorial Mathematics (1963) has the same with d in {0, 1}: twice as many terms
// and more cancellation.
//
// Rounding is kept at bay in four ways. Row sums are not updated in Gray code order, which would
// let errors pile up, but put together from tables and a path over the columns.
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

// Columns 1 .. 5 are summed in a table of 16 patterns, each used with both common signs; three more
// in a table of 8; the others along a path. Four patterns at a time give eight chains of products.
constexpr int glynn_low = 5, glynn_patterns = 1 << (glynn_low - 1), glynn_group = 4;
constexpr int glynn_middle = 3, glynn_middle_patterns = 1 << glynn_middle;

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
  // Doubles of scratch for n x n matrices, n > 9.
  static SYMKERNEL_HD std::int64_t scratch_size(int n) {
    const std::int64_t columns = 2 * glynn_patterns + glynn_middle_patterns + n;
    return columns * n * M::width;
  }

  SYMKERNEL_HD Glynn(const double* a, int n, double* scratch)
      : a_(a), n_(n), step_(static_cast<std::int64_t>(n) * M::width), middle_(scratch) {
    low_ = middle_ + glynn_middle_patterns * step_;
    low_error_ = low_ + glynn_patterns * step_;
    base_ = low_error_ + glynn_patterns * step_;
    base_error_ = base_ + step_;
    path_ = base_error_ + step_;
    path_columns_ = n - 1 - glynn_low - glynn_middle;
  }

  // The permanent; `error` receives an estimate of its absolute error.
  template <class Stops = NeverStops>
  SYMKERNEL_HD R run(R& error, const Stops& stops = Stops()) {
    tabulate();
    R total(0.0), correction(0.0), squares(0.0);
    const std::uint64_t blocks = std::uint64_t(1) << (path_columns_ + glynn_middle);
    const int compensated = compensated_columns(n_);
    for (std::uint64_t block = 0; block < blocks; ++block) {
      if (block % blocks_unasked == blocks_unasked - 1 && stops()) break;
      if (block % glynn_middle_patterns == 0) descend(block >> glynn_middle);
      const bool negative = odd(block);
      if (bit_count(block) <= compensated) {
        compensated_block(block, negative, total, correction);
      } else {
        const R sum = plain_block(block % glynn_middle_patterns, squares);
        R e;
        total = two_sum(total, negative ? -sum : sum, e);
        correction = correction + e;
      }
    }
    return finish(n_, total, correction, squares, error);
  }

  // The low columns: signed sums in all patterns, the first with +, and their rounding errors.
  // Patterns of a group stand side by side: [group][row][pattern]. step: a row of vectors.
  static SYMKERNEL_INLINE std::int64_t low_at(std::int64_t step, int pattern, int i) {
    return (pattern / glynn_group) * glynn_group * step +
           (i * glynn_group + pattern % glynn_group) * M::width;
  }
  template <class Entry>
  static SYMKERNEL_INLINE void tabulate_low(std::int64_t step, int i, int pattern, Entry entry,
                                            double* low, double* low_error) {
    R sum = entry(i, 1), lost(0.0);
    for (int c = 0; c + 1 < glynn_low; ++c) {
      const R term = entry(i, 2 + c);
      R e;
      sum = two_sum(sum, ((pattern >> c) & 1) != 0 ? -term : term, e);
      lost = lost + e;
    }
    M::store(sum, low + low_at(step, pattern, i));
    M::store(lost, low_error + low_at(step, pattern, i));
  }

  // The sum over all patterns of the low columns, with both common signs, on top of base(i), the
  // sum of the other columns in row i; and of the squares of its terms.
  template <class Base>
  static SYMKERNEL_INLINE R plain_terms(int n, std::int64_t step, const double* table, Base base,
                                        R& squares) {
    R sum(0.0);
    for (int g = 0; g < glynn_patterns / glynn_group; ++g) {
      const double* low = table + g * glynn_group * step;
      R plus[glynn_group], minus[glynn_group];
      const R first = base(0);
      SYMKERNEL_UNROLL
      for (int u = 0; u < glynn_group; ++u) {
        const R d = M::load(low + u * M::width);
        plus[u] = first + d;
        minus[u] = first - d;
      }
      for (int i = 1; i < n; ++i) {
        const R b = base(i);
        SYMKERNEL_UNROLL
        for (int u = 0; u < glynn_group; ++u) {
          const R d = M::load(low + (i * glynn_group + u) * M::width);
          plus[u] = plus[u] * (b + d);
          minus[u] = minus[u] * (b - d);
        }
      }
      R difference[glynn_group], square[glynn_group];
      SYMKERNEL_UNROLL
      for (int u = 0; u < glynn_group; ++u) {
        // Minus: the common sign of five columns, an odd number of signs.
        difference[u] = plus[u] - minus[u];
        square[u] = fma(plus[u], plus[u], minus[u] * minus[u]);
      }
      const R group = (difference[0] - difference[1]) - (difference[2] - difference[3]);
      squares = squares + ((square[0] + square[1]) + (square[2] + square[3]));
      sum = odd(g) ? sum - group : sum + group;
    }
    return sum;
  }

  // The same in compensated arithmetic, added to total + correction.
  template <class Base, class Error>
  static SYMKERNEL_INLINE void compensated_terms(int n, std::int64_t step, const double* low,
                                                 const double* low_error, bool negative, Base base,
                                                 Error base_error, R& total, R& correction) {
    for (int p = 0; p < glynn_patterns; ++p) {
      for (int common = 0; common < 2; ++common) {
        R product(1.0), lost(0.0);
        for (int i = 0; i < n; ++i) {
          const R d = M::load(low + low_at(step, p, i));
          const R f = M::load(low_error + low_at(step, p, i));
          R e;
          const R factor = two_sum(base(i), common != 0 ? -d : d, e);
          e = e + (base_error(i) + (common != 0 ? -f : f));
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

  // Blocks of terms with at most so many negative columns are the largest.
  static SYMKERNEL_INLINE int compensated_columns(int n) {
    return n < 19 ? 1 : (n < 21 ? 2 : (n < 24 ? 3 : 4));
  }
  // The permanent from sums over all blocks; 2n roundings a term, independent between terms but for
  // what they share in the tables.
  static SYMKERNEL_INLINE R finish(int n, R total, R correction, R squares, R& error) {
    double scale = 1.0;
    for (int i = 1; i < n; ++i) scale *= 0.5;
    error = sqrt(squares) * R(8.0 * FloatTraits<double>::epsilon * scale);
    return (total + correction) * R(scale);
  }
  static SYMKERNEL_INLINE bool odd(std::uint64_t signs) { return (bit_count(signs) & 1) != 0; }

 private:
  // per(a) = per(a^T): the column that a sign belongs to is a row in memory.
  SYMKERNEL_INLINE R entry(int i, int column) const {
    return M::load(a_ + column * step_ + i * M::width);
  }
  // A column where the bit of `signs` says +, its negative where it says -.
  SYMKERNEL_INLINE R signed_entry(int i, int column, std::uint64_t signs, int bit) const {
    const R term = entry(i, column);
    return ((signs >> bit) & 1) != 0 ? -term : term;
  }
  // Blocks between two questions whether to stop: some tenths of a millisecond.
  static constexpr std::uint64_t blocks_unasked = 1 << 9;
  static constexpr int first_middle = 1 + glynn_low, first_path = first_middle + glynn_middle;

  // Signed sums of the low columns, the first with +, their rounding errors, and of the middle
  // ones.
  SYMKERNEL_HD void tabulate() {
    for (int i = 0; i < n_; ++i) {
      for (int p = 0; p < glynn_patterns; ++p)
        tabulate_low(
            step_, i, p, [&](int row, int column) SYMKERNEL_LAMBDA { return entry(row, column); },
            low_, low_error_);
      for (int p = 0; p < glynn_middle_patterns; ++p) {
        R sum(0.0);
        for (int c = 0; c < glynn_middle; ++c) sum = sum + signed_entry(i, first_middle + c, p, c);
        M::store(sum, middle_ + p * step_ + i * M::width);
      }
      M::store(entry(i, 0), path_ + i * M::width);
    }
  }

  // path[level] = column 0 and the signed sum of `level` path columns. The highest bit of `signs`
  // decides the first of them: from one call to the next two levels change on average.
  SYMKERNEL_HD void descend(std::uint64_t signs) {
    int bit = signs == 0 ? path_columns_ - 1 : lowest_bit(signs);
    for (; bit >= 0; --bit) {
      const double* from = path_ + (path_columns_ - 1 - bit) * step_;
      double* to = path_ + (path_columns_ - bit) * step_;
      for (int i = 0; i < n_; ++i) {
        const R sum = M::load(from + i * M::width) + signed_entry(i, first_path + bit, signs, bit);
        M::store(sum, to + i * M::width);
      }
    }
  }

  // All patterns of the low columns, with both common signs, on top of path and middle columns.
  SYMKERNEL_INLINE R plain_block(std::uint64_t pattern, R& squares) {
    const double* end = path_ + path_columns_ * step_;
    const double* middle = middle_ + static_cast<std::int64_t>(pattern) * step_;
    for (int i = 0; i < n_ * M::width; i += M::width)
      M::store(M::load(end + i) + M::load(middle + i), base_ + i);
    return plain_terms(
        n_, step_, low_, [&](int i) SYMKERNEL_LAMBDA { return M::load(base_ + i * M::width); },
        squares);
  }

  SYMKERNEL_HD void compensated_block(std::uint64_t block, bool negative, R& total, R& correction) {
    for (int i = 0; i < n_; ++i) {
      R sum = entry(i, 0), lost(0.0);
      for (int bit = 0; bit < glynn_middle + path_columns_; ++bit) {
        R e;
        sum = two_sum(sum, signed_entry(i, first_middle + bit, block, bit), e);
        lost = lost + e;
      }
      M::store(sum, base_ + i * M::width);
      M::store(lost, base_error_ + i * M::width);
    }
    compensated_terms(
        n_, step_, low_, low_error_, negative,
        [&](int i) SYMKERNEL_LAMBDA { return M::load(base_ + i * M::width); },
        [&](int i) SYMKERNEL_LAMBDA { return M::load(base_error_ + i * M::width); }, total,
        correction);
  }

  const double* a_;
  int n_, path_columns_;
  std::int64_t step_;  // one vector of row sums
  double *middle_, *low_, *low_error_, *base_, *base_error_, *path_;
};

SYMKERNEL_END_NAMESPACE
