// Blocks of covariances between one sample and a few others: of values, and of derivatives along
// given directions. With d = g x - y, h = -2 phi' and directions A at x, B at y, a block is
//
//     sum_g [sum_c h_gc W_c] A_g  B^T  -  4 sum_gc phi''_gc (A_g W_c d) (B W_c d)^T:
//
// three products of matrices in a core's cache (panel_product.hpp), of which the last has an inner
// size of as many elements and components as are taken at once.
#pragma once

#include "joint/jobs.hpp"
#include "joint/panel_product.hpp"
#include "joint/write_blocks.hpp"

SYMKERNEL_BEGIN_NAMESPACE

// Samples of y in a tile, and pairs of an element and a component that are taken at once.
constexpr std::int64_t most_tile = 8, terms_at_once = 64;

inline std::int64_t pair_tile(const PairJob& job) { return job.components == 1 ? most_tile : 4; }

inline std::int64_t elements_of_tile(const PairJob& job) {
  const std::int64_t most = terms_at_once / job.components;
  return most < 1 ? 1 : most > job.order ? job.order : most;
}

// Places of a tile's numbers in the scratch memory of a thread. A term is a pair of an element and
// a component; x_padded and y_padded are 0 where there are no directions.
struct TileMemory {
  double* weighted;                  // W_c d: (tile, terms, padded)
  double *s, *phi, *first, *second;  // (tile, terms)
  double* metric;                    // sum_c h_gc W_c: (tile, elements, padded)
  double* moved;                     // the sum over g of that times A_g: (tile, features, x_padded)
  double* outward;                   // A_g W_c d: (tile, terms, x_padded)
  double* inward;                    // B W_c d: (tile, terms, y_padded)
  double* panel;                     // B, transposed: (tile, features, y_padded)
  double* block;                     // (tile, s, x_padded), (tile, y_padded), or (tile) values
  std::int64_t size;

  static std::int64_t whole(std::int64_t n) { return (n + 7) / 8 * 8; }

  // Of a null pointer only the size counts.
  TileMemory(const PairJob& job, double* base) : size(0) {
    const std::int64_t tile = pair_tile(job), elements = elements_of_tile(job);
    const std::int64_t terms = elements * job.components;
    const auto take = [&](std::int64_t n) {
      double* here = base == nullptr ? nullptr : base + size;
      size += whole(n);
      return here;
    };
    weighted = take(tile * terms * job.padded);
    s = take(tile * terms);
    phi = take(tile * terms);
    first = take(tile * terms);
    second = take(tile * terms);
    metric = take(tile * elements * job.padded);
    moved = take(tile * job.padded * (job.x_padded > 0 ? job.x_padded : 1));
    outward = take(tile * terms * job.x_padded);
    inward = take(tile * terms * job.y_padded);
    panel = take(tile * job.features * job.y_padded);
    const std::int64_t rows = job.x_padded > 0 ? job.x_padded : 1;
    const std::int64_t columns = job.x_padded > 0 || job.y_padded == 0 ? job.s : job.y_padded;
    block = take(tile * rows * columns);
  }
};

// A sample of x with `count` samples of y from the given one on.
struct PairTile {
  std::int64_t x, y, count;
};

// Numbers of pointers to columns, on the stack.
constexpr std::int64_t most_columns = 64;

class PairLoop {
 public:
  static std::int64_t scratch(const PairJob& job) { return TileMemory(job, nullptr).size; }

  static void run(const PairJob& job, const PairRange& range, double* scratch) {
    const TileMemory memory(job, scratch);
    PairTile tile{0, range.first_y, range.last_y - range.first_y};
    if (job.y_directions != nullptr) {
      const std::int64_t size = job.s * job.features;
      for (std::int64_t j = 0; j < tile.count; ++j)
        transpose_into_panel(job.y_directions + (tile.y + j) * size, job.s, job.features,
                             job.y_padded, memory.panel + j * job.features * job.y_padded);
    }
    for (tile.x = range.first_x; tile.x < range.last_x; ++tile.x) {
      tile.count = range.last_y - range.first_y;
      if (job.first >= 0 && job.first + tile.x + 1 - tile.y < tile.count)
        tile.count = job.first + tile.x + 1 - tile.y;
      if (tile.count > 0) block(job, tile, memory);
    }
  }

 private:
  static void block(const PairJob& job, const PairTile& tile, const TileMemory& m) {
    const bool x_slopes = job.x_directions != nullptr, y_slopes = job.y_directions != nullptr;
    const std::int64_t most = elements_of_tile(job);
    if (x_slopes && y_slopes) {
      zero(m.moved, tile.count * job.features * job.x_padded);
    } else if (y_slopes) {
      zero(m.moved, tile.count * job.padded);
    } else {
      zero(m.block, tile.count * (x_slopes ? job.x_padded : 1));
    }
    bool begun = false;
    for (std::int64_t g0 = 0; g0 < job.order; g0 += most) {
      const std::int64_t elements = g0 + most < job.order ? most : job.order - g0;
      const std::int64_t terms = elements * job.components;
      differences(job, tile, m, g0, elements);
      const std::int64_t count = (tile.count * terms + joint_width - 1) / joint_width * joint_width;
      for (std::int64_t k = tile.count * terms; k < count; ++k) m.s[k] = 0;
      map_radial<false>(job.kernel, job.parameter, {m.s, m.phi, m.first, m.second}, count);
      if (!x_slopes && !y_slopes) {
        add_values(job, tile, m, terms);
        continue;
      }
      weigh_metrics(job, tile, m, elements);
      if (!x_slopes) {
        add_gradients(job, tile, m, g0, elements);
      } else if (!y_slopes) {
        add_slopes(job, tile, m, g0, elements);
      } else {
        add_moved(job, tile, m, g0, elements);
        add_products(job, tile, m, g0, elements, begun);
        begun = true;
      }
    }
    if (y_slopes && x_slopes) {
      for (std::int64_t j = 0; j < tile.count; ++j)
        rows_of_y(job, tile.y + j, m.moved + j * job.features * job.x_padded, job.x_padded,
                  m.block + j * job.s * job.x_padded);
    } else if (y_slopes) {
      for (std::int64_t j = 0; j < tile.count; ++j) {
        const double* from[1] = {m.moved + j * job.padded};
        double* to[1] = {m.block + j * job.y_padded};
        panel_product(m.panel + j * job.features * job.y_padded, job.y_padded, job.features,
                      {from, to, 1, 1}, false);
      }
    }
    for (std::int64_t j = 0; j < tile.count; ++j) write(job, tile, m, j);
  }

  static SYMKERNEL_INLINE void zero(double* at, std::int64_t n) {
    for (std::int64_t k = 0; k < n; ++k) at[k] = 0;
  }

  // W_c (g x - y) and s for all terms of a tile.
  static void differences(const PairJob& job, const PairTile& tile, const TileMemory& m,
                          std::int64_t g0, std::int64_t elements) {
    using V = JointVec;
    const std::int64_t pp = job.padded;
    double* to = m.weighted;
    double* s = m.s;
    for (std::int64_t j = 0; j < tile.count; ++j) {
      const double* y = job.y + (tile.y + j) * pp;
      for (std::int64_t g = g0; g < g0 + elements; ++g) {
        const double* x = job.images + (tile.x * job.order + g) * pp;
        for (std::int64_t c = 0; c < job.components; ++c) {
          const double* w = job.metrics + c * pp;
          V sum(0.0);
          for (std::int64_t q = 0; q < pp; q += joint_width) {
            const V d = V::load(x + q) - V::load(y + q), wd = V::load(w + q) * d;
            sum = fma(wd, d, sum);
            wd.store(to + q);
          }
          *s++ = sum_of_lanes(sum);
          to += pp;
        }
      }
    }
  }

  static void add_values(const PairJob& job, const PairTile& tile, const TileMemory& m,
                         std::int64_t terms) {
    for (std::int64_t j = 0; j < tile.count; ++j) {
      double sum = 0;
      const double* phi = m.phi + j * terms;
      for (std::int64_t k = 0; k < terms; k += job.components) {
        for (std::int64_t c = 0; c < job.components; ++c) sum += job.amplitudes[c] * phi[k + c];
      }
      m.block[j] += sum;
    }
  }

  // sum_c h_gc W_c, and -4 phi'' in the place of phi''.
  static void weigh_metrics(const PairJob& job, const PairTile& tile, const TileMemory& m,
                            std::int64_t elements) {
    using V = JointVec;
    const std::int64_t pp = job.padded, all = job.components;
    for (std::int64_t jg = 0; jg < tile.count * elements; ++jg) {
      double *first = m.first + jg * all, *second = m.second + jg * all;
      for (std::int64_t c = 0; c < all; ++c) {
        first[c] *= -2.0 * job.amplitudes[c];
        second[c] *= -4.0 * job.amplitudes[c];
      }
      for (std::int64_t q = 0; q < pp; q += joint_width) {
        V sum(0.0);
        for (std::int64_t c = 0; c < all; ++c)
          sum = fma(V(first[c]), V::load(job.metrics + c * pp + q), sum);
        sum.store(m.metric + jg * pp + q);
      }
    }
  }

  // metric times d.
  static SYMKERNEL_INLINE JointVec bent(const PairJob& job, const PairTile& tile,
                                        const TileMemory& m, std::int64_t elements, std::int64_t j,
                                        std::int64_t g, std::int64_t g0, std::int64_t q) {
    using V = JointVec;
    const V d = V::load(job.images + (tile.x * job.order + g0 + g) * job.padded + q) -
                V::load(job.y + (tile.y + j) * job.padded + q);
    return d * V::load(m.metric + (j * elements + g) * job.padded + q);
  }

  // Gradients in y of the values: sum_g metric d.
  static void add_gradients(const PairJob& job, const PairTile& tile, const TileMemory& m,
                            std::int64_t g0, std::int64_t elements) {
    using V = JointVec;
    for (std::int64_t j = 0; j < tile.count; ++j) {
      double* to = m.moved + j * job.padded;
      for (std::int64_t g = 0; g < elements; ++g) {
        for (std::int64_t q = 0; q < job.padded; q += joint_width)
          (V::load(to + q) + bent(job, tile, m, elements, j, g, g0, q)).store(to + q);
      }
    }
  }

  // Derivatives along A of the values: -sum_g A_g metric d.
  static void add_slopes(const PairJob& job, const PairTile& tile, const TileMemory& m,
                         std::int64_t g0, std::int64_t elements) {
    const double* from[most_tile];
    double* to[most_tile];
    for (std::int64_t g = 0; g < elements; ++g) {
      for (std::int64_t j = 0; j < tile.count; ++j) {
        double* here = m.metric + (j * elements + g) * job.padded;
        for (std::int64_t q = 0; q < job.padded; q += joint_width)
          (-bent(job, tile, m, elements, j, g, g0, q)).store(here + q);
        from[j] = here;
        to[j] = m.block + j * job.x_padded;
      }
      panel_product(directions(job, tile.x, g0 + g), job.x_padded, job.features,
                    {from, to, tile.count, 1}, true);
    }
  }

  static SYMKERNEL_INLINE const double* directions(const PairJob& job, std::int64_t x,
                                                   std::int64_t g) {
    return job.x_directions + (x * job.order + g) * job.features * job.x_padded;
  }

  // moved_j[q] += sum_g metric_gj[q] A_g[q], four samples of y at a time.
  static void add_moved(const PairJob& job, const PairTile& tile, const TileMemory& m,
                        std::int64_t g0, std::int64_t elements) {
    for (std::int64_t j = 0; j < tile.count;) {
      const std::int64_t left = tile.count - j;
      if (left >= 4) {
        add_moved_of<4>(job, tile, m, g0, elements, j);
        j += 4;
      } else if (left >= 2) {
        add_moved_of<2>(job, tile, m, g0, elements, j);
        j += 2;
      } else {
        add_moved_of<1>(job, tile, m, g0, elements, j);
        ++j;
      }
    }
  }

  template <int N>
  static SYMKERNEL_INLINE void add_moved_of(const PairJob& job, const PairTile& tile,
                                            const TileMemory& m, std::int64_t g0,
                                            std::int64_t elements, std::int64_t j) {
    constexpr int most = joint_width == 8 ? 3 : 2;  // vectors whose sums stay in registers
    std::int64_t r = 0;
    for (; r + most * joint_width <= job.x_padded; r += most * joint_width)
      add_moved_columns<N, most>(job, tile, m, g0, elements, j, r);
    for (; r < job.x_padded; r += joint_width)
      add_moved_columns<N, 1>(job, tile, m, g0, elements, j, r);
  }

  template <int N, int Vectors>
  static void add_moved_columns(const PairJob& job, const PairTile& tile, const TileMemory& m,
                                std::int64_t g0, std::int64_t elements, std::int64_t j,
                                std::int64_t r) {
    using V = JointVec;
    const std::int64_t size = job.features * job.x_padded;
    const double* first = directions(job, tile.x, g0) + r;
    const double* metric = m.metric + j * elements * job.padded;
    double* to = m.moved + j * size + r;
    for (std::int64_t q = 0; q < job.features; ++q, first += job.x_padded, to += job.x_padded) {
      V sum[N][Vectors];
      SYMKERNEL_UNROLL
      for (int n = 0; n < N; ++n) {
        SYMKERNEL_UNROLL
        for (int v = 0; v < Vectors; ++v) sum[n][v] = V::load(to + n * size + v * joint_width);
      }
      for (std::int64_t g = 0; g < elements; ++g) {
        V a[Vectors];
        SYMKERNEL_UNROLL
        for (int v = 0; v < Vectors; ++v) a[v] = V::load(first + g * size + v * joint_width);
        SYMKERNEL_UNROLL
        for (int n = 0; n < N; ++n) {
          const V factor(metric[(n * elements + g) * job.padded + q]);
          SYMKERNEL_UNROLL
          for (int v = 0; v < Vectors; ++v) sum[n][v] = fma(factor, a[v], sum[n][v]);
        }
      }
      SYMKERNEL_UNROLL
      for (int n = 0; n < N; ++n) {
        SYMKERNEL_UNROLL
        for (int v = 0; v < Vectors; ++v) sum[n][v].store(to + n * size + v * joint_width);
      }
    }
  }

  // block_j (+)= sum over terms of -4 phi'' (A_g W_c d) (B_j W_c d)^T.
  static void add_products(const PairJob& job, const PairTile& tile, const TileMemory& m,
                           std::int64_t g0, std::int64_t elements, bool begun) {
    using V = JointVec;
    const std::int64_t all = job.components, terms = elements * all;
    const double* from[most_columns];
    double* to[most_columns];
    // the same directions of x serve all samples of y
    const std::int64_t step = most_columns / tile.count;
    for (std::int64_t g = 0; g < elements; ++g) {
      for (std::int64_t c0 = 0; c0 < all; c0 += step) {
        const std::int64_t now = c0 + step < all ? step : all - c0;
        std::int64_t n = 0;
        for (std::int64_t j = 0; j < tile.count; ++j) {
          for (std::int64_t c = 0; c < now; ++c, ++n) {
            const std::int64_t term = j * terms + g * all + c0 + c;
            from[n] = m.weighted + term * job.padded;
            to[n] = m.outward + term * job.x_padded;
          }
        }
        panel_product(directions(job, tile.x, g0 + g), job.x_padded, job.features, {from, to, n, 1},
                      false);
      }
    }
    for (std::int64_t k = 0; k < tile.count * terms; ++k) {
      const V factor(m.second[k]);
      double* here = m.outward + k * job.x_padded;
      for (std::int64_t r = 0; r < job.x_padded; r += joint_width)
        (factor * V::load(here + r)).store(here + r);
    }
    for (std::int64_t j = 0; j < tile.count; ++j) {
      double* inward = m.inward + j * terms * job.y_padded;
      for (std::int64_t k0 = 0; k0 < terms; k0 += most_columns) {
        const std::int64_t n = k0 + most_columns < terms ? most_columns : terms - k0;
        for (std::int64_t k = 0; k < n; ++k) {
          from[k] = m.weighted + (j * terms + k0 + k) * job.padded;
          to[k] = inward + (k0 + k) * job.y_padded;
        }
        panel_product(m.panel + j * job.features * job.y_padded, job.y_padded, job.features,
                      {from, to, n, 1}, false);
      }
      for (std::int64_t s0 = 0; s0 < job.s; s0 += most_columns) {
        const std::int64_t n = s0 + most_columns < job.s ? most_columns : job.s - s0;
        for (std::int64_t k = 0; k < n; ++k) {
          from[k] = inward + s0 + k;
          to[k] = m.block + (j * job.s + s0 + k) * job.x_padded;
        }
        panel_product(m.outward + j * terms * job.x_padded, job.x_padded, terms,
                      {from, to, n, job.y_padded}, begun);
      }
    }
  }

  // block[s] += sum_q panel[q] B[s][q] for the directions B of a sample of y.
  static void rows_of_y(const PairJob& job, std::int64_t y, const double* panel, std::int64_t rows,
                        double* block) {
    const double* b = job.y_directions + y * job.s * job.features;
    const double* from[most_columns];
    double* to[most_columns];
    for (std::int64_t s0 = 0; s0 < job.s; s0 += most_columns) {
      const std::int64_t n = s0 + most_columns < job.s ? most_columns : job.s - s0;
      for (std::int64_t k = 0; k < n; ++k) {
        from[k] = b + (s0 + k) * job.features;
        to[k] = block + (s0 + k) * rows;
      }
      panel_product(panel, rows, job.features, {from, to, n, 1}, true);
    }
  }

  static void write(const PairJob& job, const PairTile& tile, const TileMemory& m, std::int64_t j) {
    const BlockTarget& t = job.target;
    const std::int64_t step = job.x_directions != nullptr ? job.x_padded : 1;
    const std::int64_t columns =
        job.x_directions == nullptr && job.y_directions != nullptr ? job.y_padded : job.s;
    write_block(t, t.row + tile.x * job.r, job.r, t.column + (tile.y + j) * job.s, job.s,
                m.block + j * step * columns, step);
  }
};

SYMKERNEL_END_NAMESPACE
