// Averages over permutations of points, per[k(x_i, y_j)] / n!, by the recurrence over subsets of
// columns (symkernel/permanent_subsets.hpp): a group of threads for every pair of samples, as many
// as the widest layer of subsets of one size keeps busy. Derivatives travel along as dual numbers.
#pragma once

#include <cstdint>

#include "cuda/forms.hpp"
#include "cuda/prepare.hpp"
#include "symkernel/forms/permanents.hpp"
#include "symkernel/permanent.hpp"

namespace symkernel {
namespace gpu {

// value + epsilon slope, for derivatives with respect to one parameter.
template <class T>
struct Dual {
  using Scalar = T;
  static constexpr int width = 2;  // in memory
  T value, slope;

  Dual() = default;
  SYMKERNEL_INLINE Dual(T v, T s = T(0)) : value(v), slope(s) {}
  static SYMKERNEL_INLINE Dual load(const T* p) { return {p[0], p[1]}; }
  SYMKERNEL_INLINE void store(T* p) const {
    p[0] = value;
    p[1] = slope;
  }
  friend SYMKERNEL_INLINE Dual fma(Dual a, Dual b, Dual c) {
    return {fma(a.value, b.value, c.value), fma(a.value, b.slope, fma(a.slope, b.value, c.slope))};
  }
};

// The number type that permanents are computed with, and its parts.
template <class W, bool Slopes>
struct PermanentNumber {
  using R = W;
  static SYMKERNEL_INLINE R make(W value, W) { return value; }
  static SYMKERNEL_INLINE W value(R r) { return r; }
  static SYMKERNEL_INLINE W slope(R) { return W(0); }
};
template <class W>
struct PermanentNumber<W, true> {
  using R = Dual<W>;
  static SYMKERNEL_INLINE R make(W value, W slope) { return {value, slope}; }
  static SYMKERNEL_INLINE W value(R r) { return r.value; }
  static SYMKERNEL_INLINE W slope(R r) { return r.slope; }
};

// Columns whose subsets a thread computes together.
constexpr int permanent_tile_columns = 3;

struct PermanentBlock {
  PointBlock block;
  // Subsets of the other columns by size: (2^(points - permanent_tile_columns)).
  const std::int32_t* sets;
};

// `count` pairs from number `first` on: of tiles of one pair, rows counted from first_row, or pairs
// (i, i).
struct PairList {
  TileGrid tiles;
  std::int64_t first_row = 0, first = 0, count = 0;
  bool diagonal = false;

  SYMKERNEL_HD bool find(std::int64_t number, std::int64_t& i, std::int64_t& j) const {
    i = j = first + number;
    if (diagonal) return true;
    const bool found = tiles.find(first + number, i, j);
    i += first_row;
    return found;
  }
};

template <class T>
struct PermanentArguments {
  FormArguments<T> a;
  FormBase base;
  const PermanentBlock* blocks;
  PairList pairs;
  int group, largest;  // threads of a pair; points of the largest block
  bool table_in_shared;
  char *tables, *spare;  // of every block of threads; of every group of the grid
  T *k, *dk;             // entry (i, j) goes to k[(i - first_row) * m + j], or to k[i]
  // Factors of large blocks of points, (n_rates, n_blocks, count), where they are known; the others
  // are NaN. The share of itself that a factor may err by.
  T* known;
  double tolerance;
};

// Columns of panels.
template <class T>
struct PairOfPanels {
  const T *x, *y;
  SYMKERNEL_INLINE PairOfPanels(const FormArguments<T>& a, std::int64_t i, std::int64_t j)
      : x(a.x.panels + i / form_width * a.d * form_width + i % form_width),
        y(a.y.panels + j / form_width * a.d * form_width + j % form_width) {}
};

// k(x_row, y_column) and its t d/dt, from differences.
template <class T>
SYMKERNEL_INLINE Dual<T> dual_entry(const PermanentArguments<T>& arguments,
                                    const PairOfPanels<T>& pair, const PointBlock& block, int row,
                                    int column, T rate) {
  const bool both_signs = arguments.a.form == PairForm::signed_permanents;
  const bool laplacian = arguments.base == FormBase::laplacian;
  const std::int64_t r = block.dimension;
  const T* x = pair.x + (block.feature + row * r) * form_width;
  const T* y = pair.y + (block.feature + column * r) * form_width;
  T near = T(0), far = T(0);
  for (std::int64_t k = 0; k < r; ++k) {
    const T xk = x[k * form_width], yk = y[k * form_width];
    near = feature_distance(laplacian, xk - yk, near);
    far = feature_distance(laplacian, xk + yk, far);
  }
  Dual<T> e;
  e.value = permanent_entry(near, far, rate, both_signs, e.slope);
  return e;
}

// W: what permanents are computed in.
template <class T, class W, bool Slopes>
struct PermanentProgram {
  static constexpr int threads = 256;
  static constexpr int blocks_per_unit = sizeof(W) == 8 || Slopes ? 1 : 2;
  static constexpr int C = permanent_tile_columns;
  using Arguments = PermanentArguments<T>;
  using Number = PermanentNumber<W, Slopes>;
  using R = typename Number::R;
  using M = InMemory<R>;
  static constexpr std::int64_t number_bytes = M::width * sizeof(W), flag_bytes = 16;

  static SYMKERNEL_HD std::int64_t table_numbers(int n) {
    return n > small_permanent ? std::int64_t(1) << n : 0;
  }
  static std::int64_t table_bytes(int n) { return table_numbers(n) * number_bytes; }
  static std::int64_t shared_bytes(int n, int group, bool table_in_shared) {
    const std::int64_t own = n * n + (table_in_shared ? table_numbers(n) : 0);
    return flag_bytes + threads / group * own * number_bytes;
  }
  // Of one group: where matrices are scaled whose permanents leave the range of W.
  static SYMKERNEL_HD std::int64_t spare_numbers(int n) { return 2 * n * n + 2 * n; }
  static std::int64_t spare_bytes(int n) {
    return spare_numbers(n) * static_cast<std::int64_t>(sizeof(W));
  }

  template <class Team>
  SYMKERNEL_HD void operator()(Team& team, const Arguments& arguments) const {
    const FormArguments<T>& a = arguments.a;
    const int groups = threads / arguments.group;
    Worker worker = worker_of(team, arguments);
    for (std::int64_t first = team.block().x * groups; first < arguments.pairs.count;
         first += team.blocks().x * groups) {
      const std::int64_t number = first + worker.group;
      std::int64_t i = 0, j = 0;
      const bool valid = number < arguments.pairs.count && arguments.pairs.find(number, i, j);
      if (!valid) i = arguments.pairs.first_row, j = 0;  // takes part in what all threads do
      const PairOfPanels<T> pair(a, i, j);
      FormSums<T> sums = {T(0), T(0), T(0)};
      for (std::int64_t m = 0; m < a.n_rates; ++m) {
        T product = T(1), logarithmic = T(0);
        for (std::int64_t b = 0; b < a.n_blocks; ++b) {
          const PermanentBlock& block = arguments.blocks[b];
          T own = T(0), factor = T(-1);
          // (one group then, so that its threads agree)
          if (arguments.known != nullptr && block.block.points > subset_limit)
            factor = arguments.known[(m * a.n_blocks + b) * arguments.pairs.count + number];
          if (!(factor >= T(0)))
            factor = permanent_factor(team, arguments, worker, pair, block, a.rates[m], own);
          product = product * factor;
          logarithmic = logarithmic + own / (factor > T(0) ? factor : T(1));
        }
        add_planes<Slopes>(a, m, product, product * logarithmic, sums);
      }
      if (valid && worker.lane == 0) write(arguments, i, j, sums);
    }
  }

 private:
  static constexpr int small_permanent = 4;  // up to here the recurrence stays in registers

  struct Worker {
    int group, lane, size;  // of the block of threads; in the group; threads of the group
    int* flag;
    W *matrix, *table, *spare;
  };

  template <class Team>
  static SYMKERNEL_INLINE Worker worker_of(Team& team, const Arguments& arguments) {
    const int groups = threads / arguments.group, n = arguments.largest;
    Worker w;
    w.size = arguments.group;
    w.group = team.thread() / w.size;
    w.lane = team.thread() % w.size;
    w.flag = reinterpret_cast<int*>(team.shared());
    W* numbers = reinterpret_cast<W*>(team.shared() + flag_bytes);
    const std::int64_t matrix = static_cast<std::int64_t>(n) * n * M::width;
    const std::int64_t table = table_numbers(n) * M::width;
    w.matrix = numbers + w.group * matrix;
    w.table = arguments.table_in_shared
                  ? numbers + groups * matrix + w.group * table
                  : reinterpret_cast<W*>(arguments.tables) + team.block().x * table;
    w.spare = reinterpret_cast<W*>(arguments.spare) +
              (team.block().x * groups + w.group) * spare_numbers(n);
    return w;
  }

  // per / n! of one block of points, known to the first thread of the group, and its t d/dt.
  template <class Team>
  static SYMKERNEL_INLINE T permanent_factor(Team& team, const Arguments& arguments,
                                             const Worker& worker, const PairOfPanels<T>& pair,
                                             const PermanentBlock& points, T rate, T& slope) {
    const int n = static_cast<int>(points.block.points);
    team.sync();  // nobody reads the matrix before
    if (team.thread() == 0) *worker.flag = 0;
    for (int at = worker.lane; at < n * n; at += worker.size) {
      const Dual<T> e = dual_entry(arguments, pair, points.block, at / n, at % n, rate);
      M::store(Number::make(static_cast<W>(e.value), static_cast<W>(e.slope)),
               worker.matrix + at * M::width);
    }
    team.sync();
    R value = recurrence(team, worker, points, n);
    W exponent = W(0);
    // entries of a kernel are at most 1
    const bool is_short =
        worker.lane == 0 && detail::range_is_short_for<W>(W(1), n, Number::value(value));
    if (is_short) *worker.flag = 1;
    team.sync();
    if (*worker.flag != 0) {
      if (is_short) exponent = scale(worker, n);
      team.sync();
      const R scaled = recurrence(team, worker, points, n);
      if (is_short) value = scaled;
    }
    slope = static_cast<T>(permanent_mean(ScaledPermanent<W>{Number::slope(value), exponent}, n));
    return static_cast<T>(permanent_mean(ScaledPermanent<W>{Number::value(value), exponent}, n));
  }

  // The permanent of worker.matrix, to the first thread of the group.
  template <class Team>
  static SYMKERNEL_INLINE R recurrence(Team& team, const Worker& worker,
                                       const PermanentBlock& points, int n) {
    if (n <= small_permanent) {
      if (worker.lane != 0) return R(W(0));
      return permanent_by_subsets<R>(worker.matrix, n, static_cast<W*>(nullptr));
    }
    // layer by layer: sets of one size need those of the size below
    const int columns = n - C;
    std::int64_t first = 0, count = 1;
    for (int size = 0; size <= columns; ++size) {
      for (std::int64_t at = worker.lane; at < count; at += worker.size)
        subset_tile<R, C>(worker.matrix, n, MatrixPerLane<R>(), R(W(1)),
                          static_cast<std::uint64_t>(points.sets[first + at]), worker.table);
      team.sync();
      first += count;
      count = count * (columns - size) / (size + 1);
    }
    return M::load(worker.table + ((std::int64_t(1) << n) - 1) * M::width);
  }

  // Scales the matrix by powers of two, and returns what the permanent is to be multiplied by.
  static SYMKERNEL_NOINLINE W scale(const Worker& worker, int n) {
    W *plain = worker.spare, *scaled = plain + n * n, *row = scaled + n * n, *column = row + n;
    for (int at = 0; at < n * n; ++at)
      plain[at] = Number::value(M::load(worker.matrix + at * M::width));
    equilibrate<W>(plain, n, detail::equilibrate_rounds, scaled, row, column);
    for (int at = 0; at < n * n; ++at) {
      const R former = M::load(worker.matrix + at * M::width);
      const W power = row[at / n] + column[at % n];
      M::store(Number::make(scaled[at], scale_far(Number::slope(former), power)),
               worker.matrix + at * M::width);
    }
    return detail::scaling_exponent<W>(row, column, n);
  }

  static SYMKERNEL_INLINE void write(const Arguments& arguments, std::int64_t i, std::int64_t j,
                                     const FormSums<T>& sums) {
    const PairList& pairs = arguments.pairs;
    const std::int64_t m = arguments.a.sink.m;
    const std::int64_t at = pairs.diagonal ? i : (i - pairs.first_row) * m + j;
    write_at(arguments, at, sums);
    if (pairs.tiles.symmetric && i != j) write_at(arguments, j * m + i, sums);
  }
  static SYMKERNEL_INLINE void write_at(const Arguments& arguments, std::int64_t at,
                                        const FormSums<T>& sums) {
    const std::int64_t derivatives = arguments.a.sink.derivatives;
    arguments.k[at] = sums[0];
    SYMKERNEL_UNROLL
    for (int c = 1; c < max_form_planes; ++c) {
      if (c <= derivatives) arguments.dk[at * derivatives + c - 1] = sums[c];
    }
  }
};

// out[i][c] = sum_j k[i][j] v[j][c] for some rows of K.
template <class T>
struct MultiplyRows {
  static constexpr int threads = 256, blocks_per_unit = 4;
  static constexpr std::int64_t shared_bytes = threads * sizeof(double);
  struct Arguments {
    const T *k, *v;
    std::int64_t m, columns;
    T* out;
  };
  template <class Team>
  SYMKERNEL_HD void operator()(Team& team, const Arguments& a) const {
    const std::int64_t i = team.block().x, c = team.block().y;
    double sum = 0;
    for (std::int64_t j = team.thread(); j < a.m; j += threads)
      sum += static_cast<double>(a.k[i * a.m + j]) * static_cast<double>(a.v[j * a.columns + c]);
    sum = block_sum<threads>(team, sum, reinterpret_cast<double*>(team.shared()));
    if (team.thread() == 0) a.out[i * a.columns + c] = static_cast<T>(sum);
  }
};

}  // namespace gpu
}  // namespace symkernel
