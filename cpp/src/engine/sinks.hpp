// Sinks: what happens to a finished tile of sums over g. Division by |G| and weights live here.
#pragma once

#include "engine/engine.hpp"
#include "engine/tile_product.hpp"

SYMKERNEL_BEGIN_NAMESPACE

template <class T>
SYMKERNEL_INLINE T pair_weight(const Job<T>& job, std::int64_t i, std::int64_t j, T mean) {
  return job.x.weight == nullptr ? mean : mean * job.x.weight[i] * job.y.weight[j];
}

// Turns sums into means in place and writes the tile at (p, q) to the Gram matrix; where y is x,
// its entries on and above the diagonal.
template <class T>
void write_gram(const Job<T>& job, std::int64_t p, std::int64_t q, T* sum) {
  using S = TileShape<T>;
  const std::int64_t i0 = p * S::mr, j0 = q * S::nr, m = job.y.n;
  const std::int64_t rows = job.x.n - i0 < S::mr ? job.x.n - i0 : S::mr;
  const std::int64_t columns = m - j0 < S::nr ? m - j0 : S::nr;
  const T mean = static_cast<T>(1.0 / static_cast<double>(job.g.order));
  for (std::int64_t i = 0; i < rows; ++i) {
    T* tile = sum + i * S::nr;
    for (std::int64_t j = 0; j < columns; ++j)
      tile[j] = tile[j] * pair_weight(job, i0 + i, j0 + j, mean);
    const std::int64_t first = job.symmetric && i0 + i > j0 ? i0 + i - j0 : 0;
    T* out = job.k + (i0 + i) * m + j0;
    for (std::int64_t j = first; j < columns; ++j) out[j] = tile[j];
  }
}

// The mirror image of finished tiles (p0 .. p1, q): row j of the matrix gets column j of all of
// them at once, so that what is written is contiguous. Tiles are `step` numbers apart.
template <class T>
void write_mirror(const Job<T>& job, std::int64_t p0, std::int64_t p1, std::int64_t q,
                  const T* sums, std::int64_t step) {
  using S = TileShape<T>;
  const std::int64_t j0 = q * S::nr, m = job.y.n;
  for (std::int64_t j = 0; j < S::nr && j0 + j < m; ++j) {
    const std::int64_t end = p1 * S::mr < j0 + j ? p1 * S::mr : j0 + j;  // below the diagonal
    T* out = job.k + (j0 + j) * m;
    for (std::int64_t i = p0 * S::mr; i < end; i += S::mr) {
      const T* column = sums + (i / S::mr - p0) * step + j;
      const std::int64_t rows = end - i < S::mr ? end - i : S::mr;
      for (std::int64_t r = 0; r < rows; ++r) out[i + r] = column[r * S::nr];
    }
  }
}

// Writes derivative planes: dk[i][j][p], mirrored like the Gram matrix.
template <class T>
void write_gradient(const Job<T>& job, std::int64_t p, std::int64_t q, const T* planes,
                    std::int64_t count) {
  using S = TileShape<T>;
  const std::int64_t i0 = p * S::mr, j0 = q * S::nr, m = job.y.n;
  const T mean = static_cast<T>(1.0 / static_cast<double>(job.g.order));
  for (std::int64_t i = i0; i < job.x.n && i < i0 + S::mr; ++i) {
    for (std::int64_t j = job.symmetric && i > j0 ? i : j0; j < m && j < j0 + S::nr; ++j) {
      const T scale = pair_weight(job, i, j, mean);
      for (std::int64_t c = 0; c < count; ++c) {
        const T value = planes[c * S::size + (i - i0) * S::nr + (j - j0)] * scale;
        job.dk[(i * m + j) * count + c] = value;
        if (job.symmetric) job.dk[(j * m + i) * count + c] = value;
      }
    }
  }
}

// lanes[i][c] += sum_j k[i][j] v[c][j], one vector of partial sums per row and column of v.
template <class T>
void add_matvec(const Job<T>& job, std::int64_t p, std::int64_t q, const T* sum, T* lanes) {
  using S = TileShape<T>;
  using V = typename S::V;
  const std::int64_t i0 = p * S::mr;
  const T mean = static_cast<T>(1.0 / static_cast<double>(job.g.order));
  for (int i = 0; i < S::mr && i0 + i < job.x.n; ++i) {
    V k[S::nv];
    for (int v = 0; v < S::nv; ++v) {
      k[v] = V::load(sum + i * S::nr + v * S::width) * V(mean);
      if (job.x.weight != nullptr)
        k[v] = k[v] * V(job.x.weight[i0 + i]) * V::load(job.y.weight + q * S::nr + v * S::width);
    }
    for (std::int64_t c = 0; c < job.v_columns; ++c) {
      const T* vc = job.v + (q * job.v_columns + c) * S::nr;
      T* lane = lanes + (i * job.v_columns + c) * S::width;
      V total = V::load(lane);
      for (int v = 0; v < S::nv; ++v) total = fma(k[v], V::load(vc + v * S::width), total);
      total.store(lane);
    }
  }
}

// K(x, x) v from tiles on and above the diagonal: out[i] += sum_j k[i][j] v[j] over j >= i, and
// out[j] += k[i][j] v[i] over i < j. Both v and out hold (panel, column, nr) numbers.
template <class T>
void add_both_sides(const Job<T>& job, std::int64_t p, std::int64_t q, T* sum, T* out) {
  using S = TileShape<T>;
  using V = typename S::V;
  const std::int64_t i0 = p * S::mr, j0 = q * S::nr;
  const T mean = static_cast<T>(1.0 / static_cast<double>(job.g.order));
  for (int i = 0; i < S::mr && i0 + i < job.x.n; ++i) {
    const std::int64_t row = i0 + i;
    T* tile = sum + i * S::nr;
    for (int v = 0; v < S::nv; ++v) {
      V k = V::load(tile + v * S::width) * V(mean);
      if (job.x.weight != nullptr)
        k = k * V(job.x.weight[row]) * V::load(job.y.weight + j0 + v * S::width);
      k.store(tile + v * S::width);
    }
    for (std::int64_t j = 0; j < S::nr && j0 + j < row; ++j) tile[j] = T(0);
    const std::int64_t own = row / S::nr * job.v_columns * S::nr + row % S::nr;
    for (std::int64_t c = 0; c < job.v_columns; ++c) {
      const T* v = job.v + (q * job.v_columns + c) * S::nr;
      V total(T(0));
      for (int l = 0; l < S::nv; ++l)
        total = fma(V::load(tile + l * S::width), V::load(v + l * S::width), total);
      T added = T(0);
      for (int l = 0; l < S::width; ++l) added += total.lane(l);
      out[own + c * S::nr] += added;
    }
    if (row >= j0 && row < j0 + S::nr) tile[row - j0] = T(0);  // the diagonal counts once
    for (std::int64_t c = 0; c < job.v_columns; ++c) {
      const V weight(job.v[own + c * S::nr]);
      T* to = out + (q * job.v_columns + c) * S::nr;
      for (int l = 0; l < S::nv; ++l)
        fma(V::load(tile + l * S::width), weight, V::load(to + l * S::width))
            .store(to + l * S::width);
    }
  }
}

template <class T>
void write_matvec(const Job<T>& job, std::int64_t p, const T* lanes, T* out) {
  using S = TileShape<T>;
  const std::int64_t i0 = p * S::mr;
  for (int i = 0; i < S::mr && i0 + i < job.x.n; ++i) {
    for (std::int64_t c = 0; c < job.v_columns; ++c) {
      const T* lane = lanes + (i * job.v_columns + c) * S::width;
      T total = T(0);
      for (int l = 0; l < S::width; ++l) total += lane[l];
      out[(i0 + i) * job.v_columns + c] = total;
    }
  }
}

SYMKERNEL_END_NAMESPACE
