// Forward substitution by blocks of as many rows as a tile has: all but the corner on the diagonal
// is a product of tiles. Included once by each triangular_<isa>.cpp.
#pragma once

#include "engine/tile_product.hpp"
#include "triangular/triangular.hpp"

SYMKERNEL_BEGIN_NAMESPACE

// The triangle in blocks of mr rows: what is left of the corner, column by column, then the corner,
// row by row, with the inverse of its diagonal. Rows beyond the last are those of a zero matrix.
struct TriangularLoop {
  using S = TileShape<double>;
  using V = S::V;

  static std::int64_t blocks(std::int64_t size) { return (size + S::mr - 1) / S::mr; }
  // Block b has b squares on its left and its corner.
  static std::int64_t offset(std::int64_t b) { return b * (b + 1) / 2 * S::mr * S::mr; }
  static std::int64_t packed_size(std::int64_t size) { return offset(blocks(size)); }

  static void pack(const TriangularJob& job, double* packed) {
    const std::int64_t n = job.size;
    for (std::int64_t b = 0; b < blocks(n); ++b) {
      double* to = packed + offset(b);
      const std::int64_t first = b * S::mr;
      for (std::int64_t k = 0; k < first; ++k) {
        for (std::int64_t i = 0; i < S::mr; ++i, ++to)
          *to = first + i < n ? job.triangle[(first + i) * n + k] : 0.0;
      }
      for (std::int64_t i = 0; i < S::mr; ++i) {
        for (std::int64_t k = 0; k < S::mr; ++k, ++to) {
          const double value =
              k <= i && first + i < n ? job.triangle[(first + i) * n + first + k] : 0.0;
          *to = k == i && first + i < n ? 1.0 / value : value;
        }
      }
    }
  }

  static std::int64_t panel_size(std::int64_t size) { return blocks(size) * S::mr * S::nr; }
  static std::int64_t scratch_size(std::int64_t size, std::int64_t groups) {
    return groups * panel_size(size) + S::size + S::nr + S::mr;
  }

  static void run(const TriangularJob& job, const double* packed, std::int64_t first,
                  std::int64_t groups, double* scratch) {
    const std::int64_t panel = panel_size(job.size), left = job.count - first;
    const std::int64_t panels = left < groups * S::nr ? (left + S::nr - 1) / S::nr : groups;
    double *tile = scratch + groups * panel, *zeros = tile + S::size;
    for (int i = 0; i < S::nr + S::mr; ++i) zeros[i] = 0.0;
    gather(job, first, panels, panel, scratch);
    // A block of the triangle stays in cache for all panels, which stay in the next one.
    for (std::int64_t b = 0; b < blocks(job.size); ++b) {
      const double* rows = packed + offset(b);
      const std::int64_t depth = b * S::mr;
      for (std::int64_t p = 0; p < panels; ++p) {
        double* z = scratch + p * panel;
        tile_product<double, MultiplyAdd, false>(rows, z, nullptr, depth, zeros, zeros, tile);
        corner(rows + depth * S::mr, tile, z + depth * S::nr);
      }
    }
    scatter(job, first, panels, panel, scratch);
  }

 private:
  // Every row is subtracted from those below as soon as it is known: all stay in registers, and
  // what is subtracted does not wait for one another.
  static void corner(const double* SYMKERNEL_RESTRICT triangle,
                     const double* SYMKERNEL_RESTRICT known, double* SYMKERNEL_RESTRICT z) {
    V left[S::mr][S::nv];
    SYMKERNEL_UNROLL
    for (int i = 0; i < S::mr; ++i) {
      SYMKERNEL_UNROLL
      for (int v = 0; v < S::nv; ++v)
        left[i][v] =
            V::load(z + i * S::nr + v * S::width) - V::load(known + i * S::nr + v * S::width);
    }
    SYMKERNEL_UNROLL
    for (int k = 0; k < S::mr; ++k) {
      const V inverse(triangle[k * S::mr + k]);
      V negative[S::nv];
      SYMKERNEL_UNROLL
      for (int v = 0; v < S::nv; ++v) {
        const V value = left[k][v] * inverse;
        value.store(z + k * S::nr + v * S::width);
        negative[v] = V(0.0) - value;
      }
      SYMKERNEL_UNROLL
      for (int i = k + 1; i < S::mr; ++i) {
        const V factor(triangle[i * S::mr + k]);
        SYMKERNEL_UNROLL
        for (int v = 0; v < S::nv; ++v) left[i][v] = fma(factor, negative[v], left[i][v]);
      }
    }
  }

  static std::int64_t filled(const TriangularJob& job, std::int64_t first) {
    const std::int64_t left = job.count - first;
    return left < S::nr ? left : std::int64_t(S::nr);
  }

  // Rows of all panels at once: those of a matrix of many columns lie on pages of their own.
  static void gather(const TriangularJob& job, std::int64_t first, std::int64_t panels,
                     std::int64_t panel, double* scratch) {
    const std::int64_t lanes = filled(job, first + (panels - 1) * S::nr);
    for (std::int64_t i = 0; i < job.size; ++i) {
      const double* from = job.columns + i * job.count + first;
      double* to = scratch + i * S::nr;
      for (std::int64_t p = 0; p < panels - 1; ++p, from += S::nr, to += panel) {
        for (int v = 0; v < S::nv; ++v) V::load(from + v * S::width).store(to + v * S::width);
      }
      for (std::int64_t j = 0; j < lanes; ++j) to[j] = from[j];
      for (std::int64_t j = lanes; j < S::nr; ++j) to[j] = 0.0;
    }
    for (std::int64_t p = 0; p < panels; ++p) {
      for (std::int64_t i = job.size * S::nr; i < panel; ++i) scratch[p * panel + i] = 0.0;
    }
  }

  static void scatter(const TriangularJob& job, std::int64_t first, std::int64_t panels,
                      std::int64_t panel, const double* scratch) {
    const std::int64_t lanes = filled(job, first + (panels - 1) * S::nr);
    for (std::int64_t i = 0; i < job.size; ++i) {
      double* to = job.columns + i * job.count + first;
      const double* from = scratch + i * S::nr;
      for (std::int64_t p = 0; p < panels - 1; ++p, from += panel, to += S::nr) {
        for (int v = 0; v < S::nv; ++v) V::load(from + v * S::width).store(to + v * S::width);
      }
      for (std::int64_t j = 0; j < lanes; ++j) to[j] = from[j];
    }
  }
};

constexpr TriangularEngine make_triangular_engine(const char* isa) {
  return {isa,
          TriangularLoop::S::nr,
          &TriangularLoop::packed_size,
          &TriangularLoop::pack,
          &TriangularLoop::scratch_size,
          &TriangularLoop::run};
}

SYMKERNEL_END_NAMESPACE
