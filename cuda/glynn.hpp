// Large permanents by Glynn's sum (symkernel/permanent_glynn.hpp), a block of threads for every
// pair of samples: threads share the tables of the low columns and take the signs of the others in
// turn. What its error estimate finds too inaccurate is left to the recurrence over subsets.
#pragma once

#include <cstdint>

#include "cuda/permanents.hpp"

namespace symkernel {
namespace gpu {

template <class T>
struct GlynnProgram {
  static constexpr int threads = 128, blocks_per_unit = 3;
  using Arguments = PermanentArguments<T>;
  using Sum = Glynn<double>;

  // Points of the largest block; numbers of shared memory.
  static SYMKERNEL_HD std::int64_t shared_numbers(std::int64_t n) {
    const std::int64_t matrices = 2 * n * n + 2 * n + 8, low = 2 * glynn_patterns * n;
    return matrices + low + 2 * n * threads + 3 * threads;
  }

  template <class Team>
  SYMKERNEL_HD void operator()(Team& team, const Arguments& arguments) const {
    const FormArguments<T>& a = arguments.a;
    for (std::int64_t number = team.block().x; number < arguments.pairs.count;
         number += team.blocks().x) {
      std::int64_t i = 0, j = 0;
      if (!arguments.pairs.find(number, i, j)) continue;
      const PairOfPanels<T> pair(a, i, j);
      for (std::int64_t m = 0; m < a.n_rates; ++m) {
        for (std::int64_t b = 0; b < a.n_blocks; ++b) {
          const PointBlock& block = arguments.blocks[b].block;
          if (block.points <= subset_limit) continue;
          const T factor = mean(team, arguments, pair, block, a.rates[m]);
          if (team.thread() == 0)
            arguments.known[(m * a.n_blocks + b) * arguments.pairs.count + number] = factor;
        }
      }
    }
  }

 private:
  struct Memory {
    double *a, *scaled, *row, *column, *low, *low_error, *base, *base_error, *sums, *result;
    SYMKERNEL_INLINE Memory(double* at, std::int64_t n) {
      a = at;
      scaled = a + n * n;
      row = scaled + n * n;
      column = row + n;
      result = column + n;  // exponent, factor
      low = result + 8;
      low_error = low + glynn_patterns * n;
      base = low_error + glynn_patterns * n;
      base_error = base + n * threads;
      sums = base_error + n * threads;
    }
  };

  // per / n! to the first thread; NaN where the estimated error is too large.
  template <class Team>
  static SYMKERNEL_INLINE T mean(Team& team, const Arguments& arguments,
                                 const PairOfPanels<T>& pair, const PointBlock& block, T rate) {
    const int n = static_cast<int>(block.points), t = team.thread();
    const Memory memory(reinterpret_cast<double*>(team.shared()), n);
    team.sync();  // nobody reads the matrix before
    for (int at = t; at < n * n; at += threads)
      memory.a[at] =
          static_cast<double>(dual_entry(arguments, pair, block, at / n, at % n, rate).value);
    team.sync();
    if (t == 0) scale(memory, n);
    team.sync();
    const double* matrix = memory.scaled;
    const auto entry = [&](int i, int column) SYMKERNEL_LAMBDA { return matrix[column * n + i]; };
    for (int at = t; at < n * glynn_patterns; at += threads)
      Sum::tabulate_low(n, at / glynn_patterns, at % glynn_patterns, entry, memory.low,
                        memory.low_error);
    team.sync();
    double total = 0, correction = 0, squares = 0;
    add_blocks(memory, n, t, entry, total, correction, squares);
    return finish(team, arguments, memory, n, total, correction, squares);
  }

  static SYMKERNEL_NOINLINE void scale(const Memory& memory, int n) {
    equilibrate<double>(memory.a, n, detail::equilibrate_rounds, memory.scaled, memory.row,
                        memory.column);
    memory.result[0] = detail::scaling_exponent<double>(memory.row, memory.column, n);
    memory.result[1] = detail::balance<double>(memory.scaled, n, memory.row, memory.column);
  }

  // Blocks t, t + threads, ... of terms: signs of the columns that are not in the tables.
  template <class Entry>
  static SYMKERNEL_INLINE void add_blocks(const Memory& memory, int n, int t, Entry entry,
                                          double& total, double& correction, double& squares) {
    const int columns = n - 1 - glynn_low;
    const int compensated = Sum::compensated_columns(n);
    double *base = memory.base + t, *base_error = memory.base_error + t;
    const auto base_at = [&](int i) SYMKERNEL_LAMBDA { return base[i * threads]; };
    const auto error_at = [&](int i) SYMKERNEL_LAMBDA { return base_error[i * threads]; };
    for (std::uint64_t block = static_cast<std::uint64_t>(t); block < std::uint64_t(1) << columns;
         block += threads) {
      for (int i = 0; i < n; ++i) {
        double sum = entry(i, 0), lost = 0;
        for (int bit = 0; bit < columns; ++bit) {
          const double term = entry(i, 1 + glynn_low + bit);
          double e;
          sum = two_sum(sum, ((block >> bit) & 1) != 0 ? -term : term, e);
          lost = lost + e;
        }
        base[i * threads] = sum;
        base_error[i * threads] = lost;
      }
      const bool negative = Sum::odd(block);
      if (bit_count(block) <= compensated) {
        Sum::compensated_terms(n, n, memory.low, memory.low_error, negative, base_at, error_at,
                               total, correction);
      } else {
        const double sum = Sum::plain_terms(n, n, memory.low, base_at, squares);
        double e;
        total = two_sum(total, negative ? -sum : sum, e);
        correction = correction + e;
      }
    }
  }

  template <class Team>
  static SYMKERNEL_INLINE T finish(Team& team, const Arguments& arguments, const Memory& memory,
                                   int n, double total, double correction, double squares) {
    const int t = team.thread();
    double* sums = memory.sums;
    sums[t] = total;
    sums[threads + t] = correction;
    sums[2 * threads + t] = squares;
    team.sync();
    if (t != 0) return T(0);
    for (int s = 1; s < threads; ++s) {  // exactly, in a fixed order
      double e;
      total = two_sum(total, sums[s], e);
      correction = correction + (e + sums[threads + s]);
      squares = squares + sums[2 * threads + s];
    }
    double error;
    const double value = Sum::finish(n, total, correction, squares, error);
    if (error > arguments.tolerance * abs(value)) return static_cast<T>(::nan(""));
    const ScaledPermanent<double> scaled = {value / memory.result[1], memory.result[0]};
    return static_cast<T>(permanent_mean(scaled, n));
  }
};

}  // namespace gpu
}  // namespace symkernel
