// Sums over g of k(x, g y) for matrices acting on points of the plane or of space: with
// M = sum_p x_p y_s(p)^T, in registers and formed once for every row permutation s, x . h y is
// <h, M> for every matrix h, four or nine multiply-adds instead of as many as there are features.
#pragma once

#include <cstdint>

#include "cuda/kernel_maps.hpp"
#include "cuda/refine.hpp"
#include "cuda/tile_job.hpp"

namespace symkernel {
namespace gpu {

template <class T>
struct PointArguments : TileArguments<T> {
  std::int64_t chunk = 0;  // matrices kept in shared memory at a time
};

// Pairs of a thread, each with R^2 entries in registers.
template <class T>
using PointShape = Shape<T, 2, sizeof(T) == 8 ? 2 : 4>;

// R: the dimension of the points. Resident: panels of samples are kept in shared memory, else they
// are read where they are.
template <class T, int R, template <class> class Maps, Planes P, bool Resident>
struct PointSum {
  static constexpr int threads = tile_threads;
  // two blocks at a time where 128 registers a thread are enough: not for all kernels' formulas
  static constexpr bool light = P == Planes::value && Resident && !Maps<T>::unit_rows;
  static constexpr int blocks_per_unit = light && (sizeof(T) == 4 || R == 2) ? 2 : 1;
  using Arguments = PointArguments<T>;
  using S = PointShape<T>;
  using L = Slice<S>;
  static constexpr int planes = plane_count<T, P>;
  static constexpr int entries = R * R;
  // a matrix in whole vectors
  static constexpr int stride = (entries + pack_size<T> - 1) / pack_size<T> * pack_size<T>;

  static std::int64_t shared_numbers(const Job<T>& job, std::int64_t chunk) {
    const std::int64_t slice = job.output == Output::matvec ? L::matvec_size : L::size;
    const std::int64_t y =
        Resident && job.depth * S::columns > slice ? job.depth * S::columns : slice;
    return S::rows + S::columns + chunk * stride + (Resident ? job.x_depth * S::rows : 0) + y;
  }

  template <class Team>
  SYMKERNEL_HD void operator()(Team& team, const Arguments& a) const {
    std::int64_t p = 0, q0 = 0, q1 = 0;
    if (a.find(team.block(), p, q0, q1)) run(team, a, p, q0, q1);
  }

 private:
  struct Tile {
    std::int64_t i0, j0;
    const T *x, *y;    // columns of panels, in shared or global memory
    const T *bx, *by;  // in shared memory
  };

  template <class Team>
  static SYMKERNEL_INLINE void run(Team& team, const Arguments& a, std::int64_t p, std::int64_t q0,
                                   std::int64_t q1) {
    const Place<S> place(team.thread());
    T* bx = reinterpret_cast<T*>(team.shared());
    T *by = bx + S::rows, *matrices = by + S::columns, *x_memory = matrices + a.chunk * stride;
    T* y_memory = x_memory + (Resident ? a.job.x_depth * S::rows : 0);
    const T* x_panel = a.job.x.panels + p * a.job.x_depth * S::rows;
    if (Resident) copy_block(team, x_memory, x_panel, a.job.x_depth * S::rows);
    Tile tile = {p * S::rows, 0, Resident ? x_memory : x_panel, nullptr, bx, by};
    for (int l = team.thread(); l < S::rows; l += threads) bx[l] = a.job.x.bias[tile.i0 + l];
    for (std::int64_t q = q0; q < q1; ++q) {
      const T* y_panel = a.job.y.panels + q * a.job.depth * S::columns;
      tile.j0 = q * S::columns;
      tile.y = Resident ? y_memory : y_panel;
      for (int l = team.thread(); l < S::columns; l += threads) by[l] = a.job.y.bias[tile.j0 + l];
      if (Resident) {
        copy_block(team, y_memory, y_panel, a.job.depth * S::columns);
        team.commit();
        team.wait();
      }
      team.sync();
      T sums[planes][S::tm][S::tn];
      SYMKERNEL_UNROLL
      for (int l = 0; l < planes * S::tm * S::tn; ++l)
        sums[l / (S::tm * S::tn)][l / S::tn % S::tm][l % S::tn] = T(0);
      for (std::int64_t s = 0; s < a.job.g.n_row_permutations; ++s)
        add_row_permutation(team, a, place, tile, s, matrices, sums);
      team.sync();  // panels of y make room for slices
      write_tile<S>(team, a, tile.i0, tile.j0, q > q0, sums, y_memory);
    }
  }

  template <class Team>
  static SYMKERNEL_INLINE void add_row_permutation(Team& team, const Arguments& a,
                                                   const Place<S>& place, const Tile& tile,
                                                   std::int64_t s, T* matrices,
                                                   T (&sums)[planes][S::tm][S::tn]) {
    const Elements<T>& g = a.job.g;
    const std::int32_t* rows = g.point_rows + s * g.n_points;
    T m[S::tm][S::tn][entries];
    point_products(tile, place, rows, static_cast<int>(g.n_points), m);
    for (std::int64_t first = 0; first < g.n_matrices; first += a.chunk) {
      const int count =
          static_cast<int>(g.n_matrices - first < a.chunk ? g.n_matrices - first : a.chunk);
      if (g.n_matrices > a.chunk || s == 0) {
        team.sync();  // until the matrices there were are done with
        const T* from = g.point_matrices + first * entries;
        for (int l = team.thread(); l < count * stride; l += threads)
          matrices[l] = l % stride < entries ? from[l / stride * entries + l % stride] : T(0);
        team.sync();
      }
      Maps<T>::with(a.job.kernel, a.job.parameters, [&](const auto& kernel) {
        SYMKERNEL_UNROLL_BY(1)
        for (int h = 0; h < count; ++h)
          add_element(kernel, a, place, tile, rows, s * g.n_matrices + first + h,
                      matrices + h * stride, m, sums);
      });
    }
  }

  // m[i][j] = sum_p x_p y_rows[p]^T of pair (i, j).
  static SYMKERNEL_INLINE void point_products(const Tile& tile, const Place<S>& place,
                                              const std::int32_t* rows, int points,
                                              T (&m)[S::tm][S::tn][entries]) {
    SYMKERNEL_UNROLL
    for (int l = 0; l < S::tm * S::tn * entries; ++l)
      m[l / (S::tn * entries)][l / entries % S::tn][l % entries] = T(0);
    SYMKERNEL_UNROLL_BY(1)
    for (int p = 0; p < points; ++p) {
      const T* x = tile.x + p * R * S::rows;
      const T* y = tile.y + rows[p] * R * S::columns;
      T xp[R][S::tm], yp[R][S::tn];
      SYMKERNEL_UNROLL
      for (int c = 0; c < R; ++c) {
        load_rows<S>(x + c * S::rows, place, xp[c]);
        load_columns<S>(y + c * S::columns, place, yp[c]);
      }
      SYMKERNEL_UNROLL
      for (int i = 0; i < S::tm; ++i) {
        SYMKERNEL_UNROLL
        for (int j = 0; j < S::tn; ++j) {
          SYMKERNEL_UNROLL
          for (int l = 0; l < entries; ++l)
            m[i][j][l] = fma(xp[l / R][i], yp[l % R][j], m[i][j][l]);
        }
      }
    }
  }

  template <class Kernel>
  static SYMKERNEL_INLINE void add_element(const Kernel& kernel, const Arguments& a,
                                           const Place<S>& place, const Tile& tile,
                                           const std::int32_t* rows, std::int64_t e,
                                           const T* matrix, const T (&m)[S::tm][S::tn][entries],
                                           T (&sums)[planes][S::tm][S::tn]) {
    forget_memory();
    T h[stride];
    SYMKERNEL_UNROLL
    for (int l = 0; l < stride; l += pack_size<T>) {
      const auto pack = load_pack<pack_size<T>>(matrix + l);
      SYMKERNEL_UNROLL
      for (int i = 0; i < pack_size<T>; ++i) h[l + i] = pack.v[i];
    }
    T bx[S::tm], by[S::tn], form[S::tm][S::tn];
    load_rows<S>(tile.bx, place, bx);
    load_columns<S>(tile.by, place, by);
    bool cancels = false;
    SYMKERNEL_UNROLL
    for (int i = 0; i < S::tm; ++i) {
      SYMKERNEL_UNROLL
      for (int j = 0; j < S::tn; ++j) {
        T t = h[0] * m[i][j][0];
        SYMKERNEL_UNROLL
        for (int l = 1; l < entries; ++l) t = fma(h[l], m[i][j][l], t);
        const T b = bx[i] + by[j];
        form[i][j] = fma(a.factor, t, b);
        if (Maps<T>::cancels) cancels |= a.refine.wants(t, b, form[i][j]);
      }
    }
    if (Maps<T>::cancels && cancels) refine(a, place, tile, rows, e, matrix, form);
    SYMKERNEL_UNROLL
    for (int i = 0; i < S::tm; ++i) {
      SYMKERNEL_UNROLL
      for (int j = 0; j < S::tn; ++j) {
        if constexpr (P == Planes::value) {
          sums[0][i][j] += kernel.value(form[i][j]);
        } else {
          T d[max_gradients + 1];
          sums[0][i][j] += kernel.gradient(form[i][j], d);
          SYMKERNEL_UNROLL
          for (int c = 0; c < Kernel::n_gradients; ++c) sums[1 + c][i][j] += d[c];
        }
      }
    }
  }

  // Pairs whose affine form cancels, by way of memory: registers cannot be indexed.
  static SYMKERNEL_INLINE void refine(const Arguments& a, const Place<S>& place, const Tile& tile,
                                      const std::int32_t* rows, std::int64_t e, const T* matrix,
                                      T (&form)[S::tm][S::tn]) {
    T forms[S::tm * S::tn];
    SYMKERNEL_UNROLL
    for (int l = 0; l < S::tm * S::tn; ++l) forms[l] = form[l / S::tn][l % S::tn];
    refine_forms(a, place, tile, rows, e, matrix, forms);
    SYMKERNEL_UNROLL
    for (int l = 0; l < S::tm * S::tn; ++l) form[l / S::tn][l % S::tn] = forms[l];
  }

  static SYMKERNEL_INLINE void refine_forms(const Arguments& a, const Place<S>& place,
                                            const Tile& tile, const std::int32_t* rows,
                                            std::int64_t e, const T* matrix, T* forms) {
    const T inverse = T(1) / a.factor;
    SYMKERNEL_UNROLL_BY(1)
    for (int at = 0; at < S::tm * S::tn; ++at) {
      const int i = place.tile_row(at / S::tn), j = place.tile_column(at % S::tn);
      const T b = tile.bx[i] + tile.by[j];
      if (!a.refine.wants((forms[at] - b) * inverse, b, forms[at])) continue;
      if (Maps<T>::unit_rows && a.job.unit_rows) {
        forms[at] = refined_from_rows(a.job, e, tile.i0 + i, tile.j0 + j, b, forms[at]);
      } else {
        forms[at] =
            static_cast<T>(a.job.self) *
            point_square(tile.x + i, tile.y + j, rows, static_cast<int>(a.job.g.n_points), matrix);
      }
    }
  }

  // sum_p |x_p - h y_rows[p]|^2 down two columns of panels.
  static SYMKERNEL_INLINE T point_square(const T* x, const T* y, const std::int32_t* rows,
                                         int points, const T* h) {
    T sum = T(0);
    SYMKERNEL_UNROLL_BY(1)
    for (int p = 0; p < points; ++p) {
      SYMKERNEL_UNROLL
      for (int c = 0; c < R; ++c) {
        T difference = x[(p * R + c) * S::rows];
        SYMKERNEL_UNROLL
        for (int l = 0; l < R; ++l)
          difference = fma(-h[c * R + l], y[(rows[p] * R + l) * S::columns], difference);
        sum = fma(difference, difference, sum);
      }
    }
    return sum;
  }
};

// ---- the programs there are ----

// Matrices in shared memory at a time.
constexpr std::int64_t max_matrix_chunk = 256;

template <class T, int R, template <class> class Maps, Planes P, class Executor>
void launch_point_sum(PointArguments<T> a, Grid grid, Executor& executor) {
  a.chunk = a.job.g.n_matrices < max_matrix_chunk ? a.job.g.n_matrices : max_matrix_chunk;
  constexpr auto each = static_cast<std::int64_t>(sizeof(T));
  using Fast = PointSum<T, R, Maps, P, true>;
  using Slow = PointSum<T, R, Maps, P, false>;
  const std::int64_t bytes = Fast::shared_numbers(a.job, a.chunk) * each;
  if (bytes <= max_shared_bytes) {
    executor.template launch<Fast>(grid, bytes, a);
  } else {
    executor.template launch<Slow>(grid, Slow::shared_numbers(a.job, a.chunk) * each, a);
  }
}

template <class T, template <class> class Maps, Planes P, class Executor>
void launch_point_sum(const PointArguments<T>& a, int dimension, Grid grid, Executor& executor) {
  if (dimension == 2) {
    launch_point_sum<T, 2, Maps, P>(a, grid, executor);
  } else {
    launch_point_sum<T, 3, Maps, P>(a, grid, executor);
  }
}

// One block of points of dimension 2 or 3.
template <class T, class Executor>
void run_point_sum(const PointArguments<T>& a, int dimension, Grid grid, Executor& executor) {
  if (a.job.output == Output::gradient) {
    launch_point_sum<T, AnyMap, Planes::gradient>(a, dimension, grid, executor);
  } else if (a.job.kernel == kernel_id<Rbf>) {
    launch_point_sum<T, RbfMap, Planes::value>(a, dimension, grid, executor);
  } else {
    launch_point_sum<T, AnyMap, Planes::value>(a, dimension, grid, executor);
  }
}

}  // namespace gpu
}  // namespace symkernel
