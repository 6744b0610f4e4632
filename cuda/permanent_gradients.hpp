// Derivatives of permanents for the features of x and for their length scales, by all minors: a
// group of threads for every pair of samples, in double.
//
// With P(S) the permanent of the first |S| rows on the columns S (symkernel/permanent_subsets.hpp)
// and P' the same of the rows in reverse order, the minor without row i and column j is
//
//   sum over sets S of i columns without j of P(S) P'(all columns but S and j).
#pragma once

#include <cstdint>

#include "cuda/form_gradient_sink.hpp"
#include "cuda/permanents.hpp"

namespace symkernel {
namespace gpu {

template <class T>
struct PermanentGradientArguments {
  FormArguments<T> a;  // its mode: matvec for gradients in x, tiles for scales, or diagonal
  FormBase base;
  bool scales;
  const PermanentBlock* blocks;
  const std::int32_t* const* sets;  // of every block: subsets of all its columns by size
  SinkLayout<T> layout;             // sums have a part for every group
  std::int64_t parts = 1;           // of the columns of a row
  int group = 4, largest = 0;       // threads of a pair; points of the largest block
  bool table_in_shared = true;
  double* tables = nullptr;  // of every block of threads
};

template <class T>
struct PermanentGradient {
  static constexpr int threads = 128, blocks_per_unit = 2;
  static constexpr int C = permanent_tile_columns;
  using Arguments = PermanentGradientArguments<T>;

  static SYMKERNEL_HD std::int64_t table_numbers(int n) { return std::int64_t(2) << n; }
  // Of one group: matrices, scales, what is summed by several threads, slopes, the exponent.
  static SYMKERNEL_HD std::int64_t own_numbers(int n, int group, std::int64_t d) {
    return 5 * n * n + 2 * n + (n > group ? n : group) + d + 1;
  }
  static std::int64_t shared_bytes(int n, int group, std::int64_t d, bool table_in_shared) {
    const std::int64_t own = own_numbers(n, group, d) + (table_in_shared ? table_numbers(n) : 0);
    return (1 + threads / group * own) * static_cast<std::int64_t>(sizeof(double));
  }

  template <class Team>
  SYMKERNEL_HD void operator()(Team& team, const Arguments& all) const {
    const FormArguments<T>& a = all.a;
    const int groups = threads / all.group;
    const Worker worker = worker_of(team, all);
    const bool diagonal = a.mode == FormMode::diagonal;
    const std::int64_t per_part = ceil_div(a.sink.m, all.parts);
    for (std::int64_t item = team.block().x; item < all.layout.rows * all.parts;
         item += team.blocks().x) {
      const std::int64_t i = all.layout.first_row + item / all.parts, part = item % all.parts;
      std::int64_t j0 = diagonal ? i : part * per_part;
      std::int64_t end = diagonal ? i + 1 : j0 + per_part;
      if (all.scales && a.tiles.symmetric && j0 < i) j0 = i;  // from the diagonal on
      if (end > a.sink.m) end = a.sink.m;
      const std::int64_t count = end - j0;
      for (std::int64_t at = 0; at < count; at += groups) {
        const bool valid = at + worker.group < count;
        // (a group without a pair takes part in what all threads do)
        add_pair(team, all, worker, i, j0 + at + (valid ? worker.group : 0), part, valid);
      }
    }
  }

 private:
  struct Worker {
    int group, lane, size;
    int* flag;
    double *plus, *minus, *matrix, *reversed, *minors;
    double *row, *column, *partial, *slopes, *exponent, *table;
  };

  template <class Team>
  static SYMKERNEL_INLINE Worker worker_of(Team& team, const Arguments& all) {
    const int n = all.largest, square = n * n;
    Worker w;
    w.size = all.group;
    w.group = team.thread() / w.size;
    w.lane = team.thread() % w.size;
    w.flag = reinterpret_cast<int*>(team.shared());
    double* numbers = reinterpret_cast<double*>(team.shared()) + 1;
    const std::int64_t own = own_numbers(n, w.size, all.a.d);
    w.plus = numbers + w.group * own;
    w.minus = w.plus + square;
    w.matrix = w.minus + square;
    w.reversed = w.matrix + square;
    w.minors = w.reversed + square;
    w.row = w.minors + square;
    w.column = w.row + n;
    w.partial = w.column + n;
    w.slopes = w.partial + (n > w.size ? n : w.size);
    w.exponent = w.slopes + all.a.d;
    w.table = all.table_in_shared ? numbers + threads / w.size * own + w.group * table_numbers(n)
                                  : all.tables + team.block().x * table_numbers(n);
    return w;
  }

  // One pair, all rates.
  template <class Team>
  static SYMKERNEL_INLINE void add_pair(Team& team, const Arguments& all, const Worker& w,
                                        std::int64_t i, std::int64_t j, std::int64_t part,
                                        bool valid) {
    const FormArguments<T>& a = all.a;
    const PairOfPanels<T> pair(a, i, j);
    double total = 0;
    for (std::int64_t m = 0; m < a.n_rates; ++m) {
      double value = static_cast<double>(a.values[m]);
      for (std::int64_t b = 0; b < a.n_blocks; ++b) {
        const double rate = static_cast<double>(a.rates[m]);
        value *= permanent(team, all, w, all.blocks[b], all.sets[b], pair, rate);
      }
      team.sync();  // all slopes are there
      if (valid) add_slopes(all, w, i, j, part, value);
      total += value;
    }
    if (valid && all.scales && w.lane == 0) {
      const T mean = static_cast<T>(total * static_cast<double>(a.sink.mean));
      a.sink.k[entry(a, i, j)] = mean;
      if (a.tiles.symmetric) a.sink.k[entry(a, j, i)] = mean;
    }
  }

  static SYMKERNEL_INLINE std::int64_t entry(const FormArguments<T>& a, std::int64_t i,
                                             std::int64_t j) {
    return a.mode == FormMode::diagonal ? i : i * a.sink.m + j;
  }

  // value times the slopes of all features.
  static SYMKERNEL_INLINE void add_slopes(const Arguments& all, const Worker& w, std::int64_t i,
                                          std::int64_t j, std::int64_t part, double value) {
    const FormArguments<T>& a = all.a;
    const std::int64_t d = a.d, columns = a.sink.columns, row = i - all.layout.first_row;
    const std::int64_t sums = part * (threads / w.size) + w.group;
    for (std::int64_t k = w.lane; k < d; k += w.size) {
      const std::int64_t feature = all.layout.features[k];
      const double slope = value * w.slopes[k];
      if (all.scales) {
        T* to = a.sink.dk + entry(a, i, j) * d + feature;
        *to += static_cast<T>(slope * static_cast<double>(a.sink.mean));
        if (a.tiles.symmetric) a.sink.dk[entry(a, j, i) * d + feature] = *to;
        continue;
      }
      double* to = all.layout.sums + ((sums * all.layout.rows + row) * columns) * (d + 1) + feature;
      const bool diagonal = a.mode == FormMode::diagonal;
      for (std::int64_t c = 0; c < columns; ++c)
        to[c * (d + 1)] +=
            diagonal ? slope : slope * static_cast<double>(a.sink.v[j * columns + c]);
    }
  }

  // The permanent of one block over n!, and the derivatives of its logarithm into w.slopes.
  template <class Team>
  static SYMKERNEL_INLINE double permanent(Team& team, const Arguments& all, const Worker& w,
                                           const PermanentBlock& points, const std::int32_t* sets,
                                           const PairOfPanels<T>& pair, double rate) {
    const int n = static_cast<int>(points.block.points);
    team.sync();  // nobody reads the matrices before
    if (team.thread() == 0) *w.flag = 0;
    fill(all, w, points.block, pair, rate);
    if (w.lane == 0) *w.exponent = 0;
    team.sync();
    recurrences(team, w, points, n);
    const double* last = w.table + (std::int64_t(1) << n) - 1;
    // entries of a kernel are at most 1
    const bool is_short = detail::range_is_short_for<double>(1.0, n, *last);
    if (is_short) *w.flag = 1;
    team.sync();
    if (*w.flag != 0) {
      if (is_short && w.lane == 0) scale(w, n);
      team.sync();
      recurrences(team, w, points, n);
    }
    find_minors(team, w, sets, n, is_short);
    const ScaledPermanent<double> scaled = {*last, *w.exponent};
    const double mean = permanent_mean(scaled, n);
    add_features(all, w, points.block, pair, rate, mean > 0 ? *last : 0.0);
    return mean;
  }

  // Entries for both signs of y, their sum, and its rows in reverse order.
  static SYMKERNEL_INLINE void fill(const Arguments& all, const Worker& w, const PointBlock& block,
                                    const PairOfPanels<T>& pair, double rate) {
    const bool both = all.a.form == PairForm::signed_permanents;
    const bool laplacian = all.base == FormBase::laplacian;
    const int n = static_cast<int>(block.points);
    for (int at = w.lane; at < n * n; at += w.size) {
      const int row = at / n, column = at % n;
      double near = 0, far = 0;
      for (std::int64_t k = 0; k < block.dimension; ++k) {
        const double x = feature(pair.x, block, row, k), y = feature(pair.y, block, column, k);
        near = feature_distance(laplacian, x - y, near);
        far = feature_distance(laplacian, x + y, far);
      }
      permanent_terms(near, far, rate, both, w.plus[at], w.minus[at]);
      w.matrix[at] = w.minors[at] = w.plus[at] + w.minus[at];
      w.reversed[(n - 1 - row) * n + column] = w.matrix[at];
    }
  }
  static SYMKERNEL_INLINE double feature(const T* panel, const PointBlock& block, int point,
                                         std::int64_t k) {
    return static_cast<double>(panel[(block.feature + point * block.dimension + k) * form_width]);
  }

  // The permanents of all sets of columns, layer by layer: sets of one size need those of the size
  // below.
  template <class Team>
  static SYMKERNEL_INLINE void recurrences(Team& team, const Worker& w,
                                           const PermanentBlock& points, int n) {
    if (n < C) return small_recurrences(team, w, n);
    const int columns = n - C;
    std::int64_t first = 0, count = 1;
    for (int size = 0; size <= columns; ++size) {
      for (std::int64_t at = w.lane; at < 2 * count; at += w.size) {
        const bool back = at >= count;
        const std::int32_t set =
            points.sets == nullptr ? 0 : points.sets[first + (back ? at - count : at)];
        subset_tile<double, C>(back ? w.reversed : w.matrix, n, MatrixPerLane<double>(), 1.0,
                               static_cast<std::uint64_t>(set),
                               w.table + (back ? std::int64_t(1) << n : 0));
      }
      team.sync();
      first += count;
      count = count * (columns - size) / (size + 1);
    }
  }
  template <class Team>
  static SYMKERNEL_INLINE void small_recurrences(Team& team, const Worker& w, int n) {
    if (w.lane == 0) {
      const MatrixPerLane<double> lanes;
      subset_table<double, 1>(w.matrix, n, lanes, 1.0, w.table);
      subset_table<double, 1>(w.reversed, n, lanes, 1.0, w.table + (std::int64_t(1) << n));
    }
    team.sync();
  }

  // Scales the matrix, a copy of which is where minors will be.
  static SYMKERNEL_NOINLINE void scale(const Worker& w, int n) {
    equilibrate<double>(w.minors, n, detail::equilibrate_rounds, w.matrix, w.row, w.column);
    for (int at = 0; at < n * n; ++at) w.reversed[(n - 1 - at / n) * n + at % n] = w.matrix[at];
    *w.exponent = detail::scaling_exponent<double>(w.row, w.column, n);
  }

  // All minors, to be scaled like the permanent (symkernel/permanent.hpp).
  template <class Team>
  static SYMKERNEL_INLINE void find_minors(Team& team, const Worker& w, const std::int32_t* sets,
                                           int n, bool is_scaled) {
    const std::int32_t all = (std::int32_t(1) << n) - 1;
    const double *front = w.table, *back = w.table + all + 1;
    const int parts = w.size > n ? w.size / n : 1;
    std::int64_t first = 0, count = 1;
    for (int i = 0; i < n; ++i) {
      for (int at = w.lane; at < n * parts; at += w.size) {
        const std::int32_t own = std::int32_t(1) << (at % n);
        double sum = 0;
        for (std::int64_t s = at / n; s < count; s += parts) {
          const std::int32_t set = sets[first + s];
          if ((set & own) == 0) sum = fma(front[set], back[all ^ set ^ own], sum);
        }
        w.partial[at] = sum;
      }
      team.sync();
      for (int j = w.lane; j < n; j += w.size) {
        double sum = 0;
        for (int p = 0; p < parts; ++p) sum += w.partial[p * n + j];
        if (is_scaled) sum = at_most(1e307, scale_far(sum, w.row[i] + w.column[j]));
        w.minors[i * n + j] = sum;
      }
      team.sync();
      first += count;
      count = count * (n - i) / (i + 1);
    }
  }

  // value: of the permanent, or 0 where that leaves the range of the type.
  static SYMKERNEL_INLINE void add_features(const Arguments& all, const Worker& w,
                                            const PointBlock& block, const PairOfPanels<T>& pair,
                                            double rate, double value) {
    const bool laplacian = all.base == FormBase::laplacian;
    const int n = static_cast<int>(block.points);
    const int r = static_cast<int>(block.dimension);
    const double factor = (all.scales ? 2.0 : laplacian ? -1.0 : -2.0) * rate;
    for (int at = w.lane; at < n * r; at += w.size) {
      const int row = at / r;
      const double x = feature(pair.x, block, row, at % r);
      double slope = 0;
      for (int column = 0; column < n; ++column) {
        const double y = feature(pair.y, block, column, at % r);
        double near = w.plus[row * n + column] * feature_slope(laplacian, x - y);
        double far = w.minus[row * n + column] * feature_slope(laplacian, x + y);
        if (all.scales) {  // of the RBF kernel alone
          near *= x - y;
          far *= x + y;
        }
        slope = fma(w.minors[row * n + column], near + far, slope);
      }
      // a permanent that is 0 leaves no slope, whatever its minors are
      w.slopes[block.feature + at] = value > 0 ? slope / value * factor : 0.0;
    }
  }
};

}  // namespace gpu
}  // namespace symkernel
