// Gradients of K(x, y) v in the rows of x for orbit sums, and of K(x_i, x_i). See
// gradient_pairs.hpp; sums over y, g and columns of v are
//
//   sum_j v_j sum_g (toward_gij direction_gij + radial_gij x_i).
//
// A block has 16 samples of x and walks over 16 samples of y and 4 elements at a time: first its
// threads are pairs of samples, which get their coefficients, then features of two samples of x,
// which add up 64 directions in registers. Moved samples lie in shared memory, 32 features at a
// time.
#pragma once

#include <cstdint>
#include <type_traits>

#include "cuda/executor.hpp"
#include "cuda/gradient_finish.hpp"
#include "cuda/gradient_pairs.hpp"
#include "cuda/prepare.hpp"

namespace symkernel {
namespace gpu {

template <class T>
struct GradientXArguments {
  Job<T> job;
  const double* mean = nullptr;  // of samples that lost the group's share of it, or null
  const T* v = nullptr;          // (m, columns)
  std::int64_t columns = 1;
  std::int64_t steps = 0, steps_per_part = 0;  // batches of elements times panels of y
  double* sums = nullptr;  // (parts, n, columns, d + 1), zero; the last one: of x itself
};

// |mean|^2 in units of the form, for all threads.
template <int Threads, class Team, class T>
SYMKERNEL_INLINE double mean_offset(Team& team, const GradientXArguments<T>& a, double* memory) {
  if (a.mean == nullptr) return 0.0;
  double sum = 0;
  for (std::int64_t k = team.thread(); k < a.job.g.d; k += Threads) sum += a.mean[k] * a.mean[k];
  return block_sum<Threads>(team, sum, memory) * ::fabs(a.job.self);
}

// Feature k of sample i of x, and of element e of sample j of y, as the kernel sees them.
template <KernelFamily F, class T>
SYMKERNEL_INLINE double own_feature(const Job<T>& job, std::int64_t i, std::int64_t k) {
  const double value = job.x.rows[i * job.g.d + feature_of(job.g, k)];
  return F == KernelFamily::angle ? value * job.x.inverse_norm[i] : value;
}
template <KernelFamily F, class T>
SYMKERNEL_INLINE double moved_feature(const Job<T>& job, std::int64_t e, std::int64_t j,
                                      std::int64_t k) {
  const double value = acted(job.g, e, job.y.rows + j * job.g.d, k);
  return F == KernelFamily::angle ? value * job.y.inverse_norm[j] : value;
}

template <class T, KernelFamily F>
struct GradientX {
  static constexpr int threads = 256, blocks_per_unit = 2;
  static constexpr int side = 16, elements = 4, features = 32;  // of a tile, at a time
  static constexpr int pitch = side + 1, pair_pitch = side + 2;
  // Angles near 0 and pi are known from differences of unit vectors, which are not kept in float.
  using A = std::conditional_t<F == KernelFamily::angle, double, T>;
  using Slope = PairSlope<F, A>;
  using Arguments = GradientXArguments<T>;

  static constexpr std::int64_t panel = features * pitch, pairs = side * pair_pitch;
  static constexpr bool has_signs = F == KernelFamily::angle;
  static constexpr std::int64_t shared_bytes =
      ((1 + elements) * panel + (has_signs ? 3 * elements + 1 : 2 * elements) * pairs) *
      static_cast<std::int64_t>(sizeof(A));
  static_assert(shared_bytes >= threads * static_cast<std::int64_t>(sizeof(double)),
                "sums over the block fit");

  static std::int64_t steps(const Job<T>& job) {
    return ceil_div(job.y.n, side) * ceil_div(job.g.order, elements);
  }

  template <class Team>
  SYMKERNEL_HD void operator()(Team& team, const Arguments& a) const {
    const double offset = mean_offset<threads>(team, a, reinterpret_cast<double*>(team.shared()));
    Tile tile;
    A* memory = reinterpret_cast<A*>(team.shared());
    tile.toward = memory;  // first: read by packs
    tile.weighted = tile.toward + elements * pairs;
    tile.sign = tile.weighted + elements * pairs;
    tile.radial = tile.sign + (has_signs ? elements * pairs : 0);
    tile.x = tile.radial + (has_signs ? pairs : 0);
    tile.moved = tile.x + panel;
    tile.i0 = team.block().x * side;
    tile.sums = a.sums + team.block().y * a.job.x.n * a.columns * (a.job.g.d + 1);
    const bool one_chunk = a.job.g.d <= features;
    const std::int64_t first = team.block().y * a.steps_per_part;
    const std::int64_t end =
        first + a.steps_per_part < a.steps ? first + a.steps_per_part : a.steps;
    const std::int64_t batches = ceil_div(a.job.g.order, elements);
    if (one_chunk) load_x(team, a.job, tile, 0);
    for (std::int64_t step = first; step < end; ++step) {
      tile.j0 = step / batches * side;
      tile.e0 = step % batches * elements;
      const std::int64_t left = a.job.g.order - tile.e0;
      tile.count = left < elements ? static_cast<int>(left) : elements;
      coefficients(team, a, tile, offset);
      for (std::int64_t k0 = 0; k0 < a.job.g.d; k0 += features) {
        if (!one_chunk) load(team, a.job, tile, k0);
        add_directions(team, a, tile, k0);
      }
    }
  }

 private:
  struct Tile {
    std::int64_t i0, j0, e0;
    int count;                             // of elements
    double* sums;                          // of this part
    A *x, *moved;                          // [k][i], [e][k][j]
    A *toward, *weighted, *sign, *radial;  // [e][j][i]; the last one [j][i]
  };

  template <class Team>
  static SYMKERNEL_INLINE void load_x(Team& team, const Job<T>& job, const Tile& tile,
                                      std::int64_t k0) {
    for (int at = team.thread(); at < features * side; at += threads) {
      const std::int64_t k = k0 + at % features, i = tile.i0 + at / features;
      const bool valid = k < job.g.d && i < job.x.n;
      tile.x[at % features * pitch + at / features] =
          valid ? static_cast<A>(own_feature<F>(job, i, k)) : A(0);
    }
  }
  template <class Team>
  static SYMKERNEL_INLINE void load_moved(Team& team, const Job<T>& job, const Tile& tile,
                                          std::int64_t k0) {
    for (int at = team.thread(); at < tile.count * features * side; at += threads) {
      const int l = at % features, row = at / features % side, e = at / features / side;
      const std::int64_t k = k0 + l, j = tile.j0 + row;
      const bool valid = k < job.g.d && j < job.y.n;
      tile.moved[e * panel + l * pitch + row] =
          valid ? static_cast<A>(moved_feature<F>(job, tile.e0 + e, j, k)) : A(0);
    }
  }
  // A chunk of features from k0 on, in the place of the former one.
  template <class Team>
  static SYMKERNEL_INLINE void load(Team& team, const Job<T>& job, const Tile& tile,
                                    std::int64_t k0) {
    team.sync();
    if (job.g.d > features) load_x(team, job, tile, k0);
    load_moved(team, job, tile, k0);
    team.sync();
  }

  // Threads are pairs of samples.
  template <class Team>
  static SYMKERNEL_INLINE void coefficients(Team& team, const Arguments& a, const Tile& tile,
                                            double offset) {
    const Job<T>& job = a.job;
    const int row = team.thread() / side, column = team.thread() % side;
    PairSum<F, A> sums[elements];
    for (std::int64_t k0 = 0; k0 < job.g.d; k0 += features) {
      load(team, job, tile, k0);
      const int count = job.g.d - k0 < features ? static_cast<int>(job.g.d - k0) : features;
      SYMKERNEL_UNROLL_BY(2)
      for (int k = 0; k < count; ++k) {
        const A x = tile.x[k * pitch + row];
        SYMKERNEL_UNROLL
        for (int e = 0; e < elements; ++e)  // those beyond `count` are not used
          if (e < tile.count) sums[e].add(x, tile.moved[e * panel + k * pitch + column]);
      }
    }
    const std::int64_t i = tile.i0 + row, j = tile.j0 + column;
    const bool valid = i < job.x.n && j < job.y.n;
    const std::int64_t own = column * pair_pitch + row;
    SYMKERNEL_UNROLL
    for (int e = 0; e < elements; ++e) {  // by way of memory: registers cannot be indexed
      tile.toward[e * pairs + own] = sums[e].near;
      if (has_signs) tile.sign[e * pairs + own] = sums[e].far;
    }
    A radial = A(0);
    SYMKERNEL_UNROLL_BY(1)
    for (int e = 0; e < tile.count; ++e) {
      const std::int64_t at = e * pairs + own;
      PairSum<F, A> sum;
      sum.near = tile.toward[at];
      if (has_signs) sum.far = tile.sign[at];
      Slope slope;
      if (valid) slope = pair_slope<F>(job, i, j, sum, offset);
      tile.toward[at] = slope.toward;
      if (has_signs) tile.sign[at] = slope.sign;
      radial = radial + slope.radial;
    }
    if (has_signs) tile.radial[own] = radial;
  }

  // Threads are features of two samples of x.
  template <class Team>
  static SYMKERNEL_INLINE void add_directions(Team& team, const Arguments& a, const Tile& tile,
                                              std::int64_t k0) {
    const Job<T>& job = a.job;
    const int t = team.thread(), l = t % features, row = t / features * 2;
    const std::int64_t d = job.g.d, k = k0 + l;
    const int valid = job.y.n - tile.j0 < side ? static_cast<int>(job.y.n - tile.j0) : side;
    const A first_x = tile.x[l * pitch + row], second_x = tile.x[l * pitch + row + 1];
    for (std::int64_t c = 0; c < a.columns; ++c) {
      weigh(team, a, tile, c);
      team.sync();
      A first = A(0), second = A(0);
      for (int e = 0; e < tile.count; ++e) {
        const A* moved = tile.moved + e * panel + l * pitch;
        for (int j = 0; j < valid; ++j) {
          const std::int64_t at = e * pairs + j * pair_pitch + row;
          const auto w = load_pack<2>(tile.weighted + at);
          A signs[2] = {A(1), A(1)};
          if (has_signs) {
            const auto s = load_pack<2>(tile.sign + at);
            signs[0] = s.v[0];
            signs[1] = s.v[1];
          }
          first = fma(w.v[0], Slope::direction(first_x, moved[j], signs[0]), first);
          second = fma(w.v[1], Slope::direction(second_x, moved[j], signs[1]), second);
        }
      }
      if (k < d) {
        const std::int64_t feature = feature_of(job.g, k);
        add(a, tile, row, c, feature, first);
        add(a, tile, row + 1, c, feature, second);
      }
      if (has_signs && k0 == 0 && t < side) {
        A sum = A(0);
        for (int j = 0; j < valid; ++j)
          sum +=
              tile.radial[j * pair_pitch + t] * static_cast<A>(a.v[(tile.j0 + j) * a.columns + c]);
        add(a, tile, t, c, d, sum);
      }
      team.sync();
    }
  }

  // Coefficients times column c of v, by the threads that wrote them.
  template <class Team>
  static SYMKERNEL_INLINE void weigh(Team& team, const Arguments& a, const Tile& tile,
                                     std::int64_t c) {
    const int row = team.thread() / side, column = team.thread() % side;
    const std::int64_t j = tile.j0 + column;
    const A v = j < a.job.y.n ? static_cast<A>(a.v[j * a.columns + c]) : A(0);
    for (int e = 0; e < tile.count; ++e) {
      const std::int64_t at = e * pairs + column * pair_pitch + row;
      tile.weighted[at] = tile.toward[at] * v;
    }
  }

  static SYMKERNEL_INLINE void add(const Arguments& a, const Tile& tile, int row, std::int64_t c,
                                   std::int64_t feature, A value) {
    const std::int64_t i = tile.i0 + row;
    if (i < a.job.x.n)
      tile.sums[(i * a.columns + c) * (a.job.g.d + 1) + feature] += static_cast<double>(value);
  }
};

// The same for sample i and its own images: sums (n, d + 1), overwritten. A block has a sample; its
// threads are elements, 128 at a time, then features.
template <class T, KernelFamily F>
struct DiagonalGradientX {
  static constexpr int threads = 128, blocks_per_unit = 4;
  static constexpr std::int64_t shared_bytes = 2 * threads * sizeof(double);
  using Slope = PairSlope<F, double>;
  using Arguments = GradientXArguments<T>;

  template <class Team>
  SYMKERNEL_HD void operator()(Team& team, const Arguments& a) const {
    double* toward = reinterpret_cast<double*>(team.shared());
    double* sign = toward + threads;
    const Job<T>& job = a.job;
    const std::int64_t i = team.block().x, d = job.g.d, order = job.g.order;
    double* sums = a.sums + i * (d + 1);
    const double offset = mean_offset<threads>(team, a, toward);
    const int t = team.thread();
    double radial = 0;
    for (std::int64_t first = 0; first < order; first += threads) {
      const int count = static_cast<int>(order - first < threads ? order - first : threads);
      if (t < count) {
        PairSum<F, double> sum;
        for (std::int64_t k = 0; k < d; ++k)
          sum.add(own_feature<F>(job, i, k), moved_feature<F>(job, first + t, i, k));
        const Slope slope = pair_slope<F>(job, i, i, sum, offset);
        toward[t] = slope.toward;
        sign[t] = slope.sign;
        radial += slope.radial;
      }
      team.sync();
      for (std::int64_t k = t; k < d; k += threads) {
        const double x = own_feature<F>(job, i, k);
        double total = 0;
        for (int l = 0; l < count; ++l)
          total += toward[l] * Slope::direction(x, moved_feature<F>(job, first + l, i, k), sign[l]);
        double* to = sums + feature_of(job.g, k);
        *to = first > 0 ? *to + total : total;
      }
      team.sync();
    }
    radial = block_sum<threads>(team, radial, toward);
    if (t == 0) sums[d] = radial;
  }
};

// What becomes of the sums.
template <class T>
struct GradientXResult {
  double factor = 1.0;
  int power = 0;
  const double* basis = nullptr;
  T* out = nullptr;  // (n, columns, d)
};

template <class T, class Executor>
void finish_gradient_x(const GradientXArguments<T>& a, const GradientXResult<T>& result,
                       std::int64_t parts, T* out, Executor& executor) {
  using Finish = FinishGradientX<T>;
  executor.template launch<Finish>({a.job.x.n * a.columns}, Finish::shared_bytes,
                                   {a.job.x, a.job.g.d, a.sums, parts, a.columns, result.factor,
                                    a.job.unit_rows, result.power, result.basis, out});
}

template <class T, KernelFamily F, class Executor>
void run_gradient_x_of(GradientXArguments<T> a, const GradientXResult<T>& result,
                       Executor& executor) {
  using Program = GradientX<T, F>;
  const Operand<T> x = a.job.x;
  const std::int64_t d = a.job.g.d;
  const GradientCut cut(x.n, d, a.columns, Program::side);
  a.steps = Program::steps(a.job);
  for (std::int64_t first = 0; first < x.n; first += cut.rows) {
    const std::int64_t count = cut.rows < x.n - first ? cut.rows : x.n - first;
    const std::int64_t tiles = ceil_div(count, Program::side);
    const std::int64_t parts = cut.parts(count, tiles, a.steps, executor.units(), a.steps_per_part);
    const std::int64_t size = parts * cut.numbers(count);
    const DeviceArray<double, Executor> sums(executor, size);
    executor.clear(sums.data(), size * std::int64_t(sizeof(double)));
    a.job.x = operand_rows(x, first, count, d);
    a.sums = sums.data();
    executor.template launch<Program>({tiles, parts}, Program::shared_bytes, a);
    finish_gradient_x(a, result, parts, result.out + first * a.columns * d, executor);
  }
}

template <class T, KernelFamily F, class Executor>
void run_diagonal_gradient_x_of(GradientXArguments<T> a, const GradientXResult<T>& result,
                                Executor& executor) {
  using Program = DiagonalGradientX<T, F>;
  const DeviceArray<double, Executor> sums(executor, a.job.x.n * (a.job.g.d + 1));
  a.sums = sums.data();
  a.columns = 1;
  executor.template launch<Program>({a.job.x.n}, Program::shared_bytes, a);
  finish_gradient_x(a, result, 1, result.out, executor);
}

// paired: sample i of x against its own images, and no v.
template <class T, class Executor>
void run_gradient_x(const GradientXArguments<T>& a, const GradientXResult<T>& result,
                    KernelFamily family, bool paired, Executor& executor) {
  const auto run = [&](auto f) {
    constexpr KernelFamily F = decltype(f)::value;
    if (paired) return run_diagonal_gradient_x_of<T, F>(a, result, executor);
    run_gradient_x_of<T, F>(a, result, executor);
  };
  switch (family) {
    case KernelFamily::distance:
      return run(std::integral_constant<KernelFamily, KernelFamily::distance>());
    case KernelFamily::angle:
      return run(std::integral_constant<KernelFamily, KernelFamily::angle>());
    case KernelFamily::product:
      return run(std::integral_constant<KernelFamily, KernelFamily::product>());
    case KernelFamily::manhattan:
      return run(std::integral_constant<KernelFamily, KernelFamily::manhattan>());
  }
}

}  // namespace gpu
}  // namespace symkernel
