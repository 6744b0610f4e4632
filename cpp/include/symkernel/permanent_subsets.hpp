// Permanents by a recurrence over subsets of columns: only sums of products of entries.
//
//   P(S) = sum_{j in S} a[|S| - 1][j] P(S \ {j}),   P({}) = 1,   per(a) = P(all columns)
//
// P(S) is the permanent of the first |S| rows on the columns S (expand along the last row). For
// non-negative entries nothing cancels: every P(S) has full relative accuracy, about n roundings.
// In general the error is at most about n eps per(|a|). It takes n 2^(n-1) multiply-adds, and no
// algorithm without subtractions takes fewer than n (2^(n-1) - 1) multiplications (Jerrum & Snir,
// Some exact complexity results for straight-line computations over semirings, JACM 29, 1982).
//
// All n^2 minors follow from the same table read backwards: with Q(S) the permanent of the last
// n - |S| rows on the columns outside S, the derivative for a[r][j] is
//
//   sum_{|S| = r, j not in S} P(S) Q(S u {j}),   Q(S) = sum_{j not in S} a[|S|][j] Q(S u {j}).
#pragma once

#include "symkernel/config.hpp"
#include "symkernel/lanes.hpp"

SYMKERNEL_BEGIN_NAMESPACE

// The subsets of this many columns are computed together, in registers: 16 sums and five
// coefficients out of 32 vector registers, or 8 and four out of 16.
#if defined(__AVX512F__) || defined(__aarch64__) || defined(__CUDA_ARCH__)
constexpr int subset_tile_columns = 4;
#else
constexpr int subset_tile_columns = 3;
#endif

// Tiles between two questions whether to stop: some tenths of a millisecond.
constexpr std::uint64_t subset_sets_unasked = 1 << 12;

// Each lane holds its own matrix: nothing passes between lanes.
template <class R>
struct MatrixPerLane {
  SYMKERNEL_INLINE R finish(int, R sum) const { return sum; }
};

// The lanes hold the subsets of log2(width) more columns of one matrix. A sum that has arrived at
// lane q ^ x moves on to lane q, x a part of q, by filling the columns x with the next rows:
// weights[size][x][q] is the permanent of those rows and columns. size is |S| without the lanes.
template <class R>
struct SubsetPerLane {
  const double* weights;
  SYMKERNEL_INLINE R finish(int size, R sum) const {
    constexpr int W = InMemory<R>::width;
    const double* w = weights + static_cast<std::int64_t>(size) * W * W;
    if constexpr (W == 1) {
      return sum;
    } else if constexpr (W == 2) {
      return fma(R::load(w + W), exchange_lanes<1>(sum), sum);
    } else {
      const R one = fma(R::load(w + W), exchange_lanes<1>(sum), sum);
      const R two = R::load(w + 2 * W) * exchange_lanes<2>(sum);
      const R low = one + fma(R::load(w + 3 * W), exchange_lanes<3>(sum), two);
      if constexpr (W == 4) {
        return low;
      } else {
        static_assert(W == 8, "at most three columns in the lanes");
        const R four = fma(R::load(w + 5 * W), exchange_lanes<5>(sum),
                           R::load(w + 4 * W) * exchange_lanes<4>(sum));
        const R six = fma(R::load(w + 7 * W), exchange_lanes<7>(sum),
                          R::load(w + 6 * W) * exchange_lanes<6>(sum));
        return low + (four + six);
      }
    }
  }
};

// Fills the columns of the tile, its columns 0 .. C-1; sum[q] belongs to the subset q of them.
// `rows` starts at the row that a set of `size` + 1 columns ends with.
template <class R, int C, class Lanes>
SYMKERNEL_INLINE void fill_tile(const Scalar<R>* rows, int columns, const Lanes& lanes, int size,
                                R (&sum)[1 << C]) {
  using M = InMemory<R>;
  SYMKERNEL_UNROLL
  for (int q = 0; q < (1 << C); ++q) {
    const int count = bit_count(static_cast<std::uint64_t>(q));
    SYMKERNEL_UNROLL
    for (int c = 0; c < C; ++c) {
      if ((q >> c) & 1)
        sum[q] =
            fma(M::load(rows + ((count - 1) * columns + c) * M::width), sum[q ^ (1 << c)], sum[q]);
    }
    sum[q] = lanes.finish(size + count, sum[q]);
  }
}

// The 2^C entries of subset_table for the sets that hold `set` of the columns from C on; all
// entries for smaller sets are there.
template <class R, int C, class Lanes>
SYMKERNEL_INLINE void subset_tile(const Scalar<R>* SYMKERNEL_RESTRICT rows, int columns,
                                  const Lanes& lanes, R empty, std::uint64_t set,
                                  Scalar<R>* table) {
  using M = InMemory<R>;
  constexpr int tile = 1 << C;
  const int size = bit_count(set);
  R sum[tile];
  SYMKERNEL_UNROLL
  for (int q = 0; q < tile; ++q) sum[q] = R(Scalar<R>(0));
  if (set == 0) sum[0] = empty;
  const Scalar<R>* next = rows + static_cast<std::int64_t>(size) * columns * M::width;
  for (std::uint64_t rest = set; rest != 0; rest &= rest - 1) {
    const int j = lowest_bit(rest);
    const Scalar<R>* from = table + (set ^ (std::uint64_t(1) << j)) * (tile * M::width);
    R a[C + 1];
    SYMKERNEL_UNROLL
    for (int i = 0; i <= C; ++i) a[i] = M::load(next + ((i - 1) * columns + C + j) * M::width);
    SYMKERNEL_UNROLL
    for (int q = 0; q < tile; ++q)
      sum[q] =
          fma(a[bit_count(static_cast<std::uint64_t>(q))], M::load(from + q * M::width), sum[q]);
  }
  fill_tile<R, C>(next, columns, lanes, size, sum);
  Scalar<R>* to = table + set * (tile * M::width);
  SYMKERNEL_UNROLL
  for (int q = 0; q < tile; ++q) M::store(sum[q], to + q * M::width);
}

// table[S] = P(S) for all subsets S of `columns` >= C columns, 2^columns numbers R. `rows` holds
// (columns, columns) numbers R: row s - 1 is the row that a set of s columns ends with.
template <class R, int C, class Lanes, class Stops = NeverStops>
SYMKERNEL_HD void subset_table(const Scalar<R>* SYMKERNEL_RESTRICT rows, int columns,
                               const Lanes& lanes, R empty, Scalar<R>* table,
                               const Stops& stops = Stops()) {
  const std::uint64_t count = std::uint64_t(1) << (columns - C);
  for (std::uint64_t set = 0; set < count; ++set) {
    if (set % subset_sets_unasked == subset_sets_unasked - 1 && stops()) return;
    subset_tile<R, C>(rows, columns, lanes, empty, set, table);
  }
}

// The permanents of all n^2 minors, gradient[i][j] = d per(a) / d a[i][j], from table[S] = P(S) of
// subset_table; `back` receives Q(S). 2 n 2^(n-1) multiply-adds.
template <class R, int C, class Stops = NeverStops>
SYMKERNEL_HD void subset_minors(const Scalar<R>* SYMKERNEL_RESTRICT rows, int columns,
                                const Scalar<R>* SYMKERNEL_RESTRICT table, Scalar<R>* back,
                                Scalar<R>* SYMKERNEL_RESTRICT gradient,
                                const Stops& stops = Stops()) {
  using M = InMemory<R>;
  constexpr int tile = 1 << C;
  const R zero(Scalar<R>(0));
  for (int i = 0; i < columns * columns; ++i) M::store(zero, gradient + i * M::width);
  const std::uint64_t count = std::uint64_t(1) << (columns - C);
  for (std::uint64_t set = count; set-- > 0;) {
    if (set % subset_sets_unasked == subset_sets_unasked - 1 && stops()) return;
    const std::int64_t size = bit_count(set);
    const Scalar<R>* next = rows + size * columns * M::width;
    Scalar<R>* slope = gradient + size * columns * M::width;
    const Scalar<R>* value = table + set * (tile * M::width);
    R sum[tile];
    SYMKERNEL_UNROLL
    for (int q = 0; q < tile; ++q) sum[q] = zero;
    if (set == count - 1) sum[tile - 1] = R(Scalar<R>(1));
    for (std::uint64_t rest = (count - 1) ^ set; rest != 0; rest &= rest - 1) {
      const int j = lowest_bit(rest);
      const Scalar<R>* from = back + (set | (std::uint64_t(1) << j)) * (tile * M::width);
      R part[C + 1];
      SYMKERNEL_UNROLL
      for (int i = 0; i <= C; ++i) part[i] = zero;
      SYMKERNEL_UNROLL
      for (int q = 0; q < tile; ++q) {
        const int i = bit_count(static_cast<std::uint64_t>(q));
        const R above = M::load(from + q * M::width);
        sum[q] = fma(M::load(next + (i * columns + C + j) * M::width), above, sum[q]);
        part[i] = fma(M::load(value + q * M::width), above, part[i]);
      }
      SYMKERNEL_UNROLL
      for (int i = 0; i <= C; ++i) {
        Scalar<R>* g = slope + (i * columns + C + j) * M::width;
        M::store(M::load(g) + part[i], g);
      }
    }
    SYMKERNEL_UNROLL
    for (int q = tile - 1; q >= 0; --q) {
      const int i = bit_count(static_cast<std::uint64_t>(q));
      const R below = M::load(value + q * M::width);
      SYMKERNEL_UNROLL
      for (int c = 0; c < C; ++c) {
        if (((q >> c) & 1) == 0) {
          const std::int64_t at = (i * columns + c) * M::width;
          const R above = sum[q | (1 << c)];
          sum[q] = fma(M::load(next + at), above, sum[q]);
          M::store(fma(below, above, M::load(slope + at)), slope + at);
        }
      }
    }
    Scalar<R>* to = back + set * (tile * M::width);
    SYMKERNEL_UNROLL
    for (int q = 0; q < tile; ++q) M::store(sum[q], to + q * M::width);
  }
}

// Permanents of n x n matrices, one per lane; table: 2^n numbers R (none for n <= 4, where the
// recurrence is the closed form and stays in registers).
template <class R, class Stops = NeverStops>
SYMKERNEL_HD R permanent_by_subsets(const Scalar<R>* a, int n, Scalar<R>* table,
                                    const Stops& stops = Stops()) {
  using M = InMemory<R>;
  constexpr int C = subset_tile_columns;
  const R one(Scalar<R>(1)), zero(Scalar<R>(0));
  const MatrixPerLane<R> lanes;
  switch (n) {
    case 0:
      return one;
    case 1:
      return M::load(a);
    case 2: {
      R sum[4] = {one, zero, zero, zero};
      fill_tile<R, 2>(a, n, lanes, 0, sum);
      return sum[3];
    }
    case 3: {
      R sum[8] = {one, zero, zero, zero, zero, zero, zero, zero};
      fill_tile<R, 3>(a, n, lanes, 0, sum);
      return sum[7];
    }
    case 4: {
      R sum[16] = {one,  zero, zero, zero, zero, zero, zero, zero,
                   zero, zero, zero, zero, zero, zero, zero, zero};
      fill_tile<R, 4>(a, n, lanes, 0, sum);
      return sum[15];
    }
    default:
      subset_table<R, C>(a, n, lanes, one, table, stops);
      return M::load(table + ((std::int64_t(1) << n) - 1) * M::width);
  }
}

// The same with all minors, gradient[n * n]; table: 2 * 2^n numbers R.
template <class R, class Stops = NeverStops>
SYMKERNEL_HD R permanent_and_minors_by_subsets(const Scalar<R>* a, int n, Scalar<R>* table,
                                               Scalar<R>* gradient, const Stops& stops = Stops()) {
  using M = InMemory<R>;
  const R one(Scalar<R>(1));
  const MatrixPerLane<R> lanes;
  const std::int64_t size = std::int64_t(1) << n;
  Scalar<R>* back = table + size * M::width;
  if (n == 0) return one;
  if (n < 3) {
    subset_table<R, 1>(a, n, lanes, one, table);
    subset_minors<R, 1>(a, n, table, back, gradient);
  } else {
    constexpr int C = 3;  // sums, partial derivatives and coefficients share the registers
    subset_table<R, C>(a, n, lanes, one, table, stops);
    subset_minors<R, C>(a, n, table, back, gradient, stops);
  }
  return M::load(table + (size - 1) * M::width);
}

// The permanent of one n x n matrix, b[n * n], with subsets of columns in the lanes: the table
// shrinks to 2^n scalars. n >= 8; scratch as single_permanent_scratch says.
template <class R>
std::int64_t SYMKERNEL_HD single_permanent_scratch(int n) {
  constexpr int W = InMemory<R>::width;
  return (std::int64_t(1) << n) + std::int64_t(n) * n * W + std::int64_t(n + 1) * W * W;
}

template <class R, class Stops = NeverStops>
SYMKERNEL_HD double single_permanent(const double* b, int n, double* scratch,
                                     const Stops& stops = Stops()) {
  using M = InMemory<R>;
  constexpr int W = M::width;
  constexpr int in_lanes = W == 8 ? 3 : (W == 4 ? 2 : (W == 2 ? 1 : 0));
  const int columns = n - in_lanes;
  double* rows = scratch;
  double* weights = rows + static_cast<std::int64_t>(columns) * columns * W;
  double* table = scratch + single_permanent_scratch<R>(n) - (std::int64_t(1) << n);
  for (int s = 0; s < columns; ++s) {
    for (int j = 0; j < columns; ++j) {
      for (int q = 0; q < W; ++q) {
        const int row = s + bit_count(static_cast<std::uint64_t>(q));
        rows[(s * columns + j) * W + q] = b[row * n + in_lanes + j];
      }
    }
  }
  // The permanents of rows first, first + 1, ... on the lane columns x, by the same recurrence.
  for (int size = 0; size <= columns; ++size) {
    for (int before = 0; before <= in_lanes; ++before) {
      double p[8] = {1};
      for (int x = 1; x < W; ++x) {
        const int row = size + before + bit_count(static_cast<std::uint64_t>(x)) - 1;
        p[x] = 0;
        for (int c = 0; c < in_lanes; ++c) {
          if (((x >> c) & 1) && row < n) p[x] += b[row * n + c] * p[x ^ (1 << c)];
        }
      }
      for (int x = 0; x < W; ++x) {
        for (int q = 0; q < W; ++q) {
          double* w = weights + (static_cast<std::int64_t>(size) * W + x) * W + q;
          if ((x & q) != x) {
            *w = 0;
          } else if (bit_count(static_cast<std::uint64_t>(q ^ x)) == before) {
            *w = p[x];
          }
        }
      }
    }
  }
  double start[8] = {1};
  const SubsetPerLane<R> lanes{weights};
  subset_table<R, subset_tile_columns>(rows, columns, lanes, M::load(start), table, stops);
  return table[(std::int64_t(1) << n) - 1];
}

SYMKERNEL_END_NAMESPACE
