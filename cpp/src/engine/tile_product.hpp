// The tile: mr samples of x against nr of y, accumulators in registers.
//
//   out[i][j] = bx[i] + by[j] + sum_k x[k][i] * y[rows[k]][j]
//
// A permutation g reads y's panel in another order of rows, so the orbit of y is never formed;
// with a negated copy of y below it in the panel, a signed permutation is a permutation too.
#pragma once

#include "symkernel/simd.hpp"

SYMKERNEL_BEGIN_NAMESPACE

// Register budget: 32 vector registers with AVX-512, 16 otherwise; mr * nv accumulators, nv
// columns and a broadcast must fit.
template <class T>
struct TileShape {
#if defined(__AVX512F__)
  static constexpr int width = 64 / sizeof(T);
  static constexpr int mr = 12;
#elif defined(__AVX2__)
  static constexpr int width = 32 / sizeof(T);
  static constexpr int mr = 6;
#else
  static constexpr int width = 16 / sizeof(T);
  static constexpr int mr = 4;
#endif
  static constexpr int nv = 2;
  static constexpr int nr = nv * width;
  static constexpr int size = mr * nr;
  using V = Vec<T, width>;
};

struct MultiplyAdd {
  template <class V>
  static SYMKERNEL_INLINE V apply(V x, V y, V sum) {
    return fma(x, y, sum);
  }
};

struct AbsoluteDifference {
  template <class V>
  static SYMKERNEL_INLINE V apply(V x, V y, V sum) {
    return sum + abs(x - y);
  }
};

// N rows of the tile: the others are left as they are.
template <class T, class Operation, bool Permuted, int N = TileShape<T>::mr>
void tile_product(const T* SYMKERNEL_RESTRICT x, const T* SYMKERNEL_RESTRICT y,
                  const std::int32_t* SYMKERNEL_RESTRICT rows, std::int64_t depth,
                  const T* SYMKERNEL_RESTRICT bx, const T* SYMKERNEL_RESTRICT by,
                  T* SYMKERNEL_RESTRICT out) {
  using S = TileShape<T>;
  using V = typename S::V;
  V sum[N][S::nv];
  SYMKERNEL_UNROLL
  for (int i = 0; i < N; ++i) {
    SYMKERNEL_UNROLL
    for (int v = 0; v < S::nv; ++v) sum[i][v] = V(T(0));
  }
  for (std::int64_t k = 0; k < depth; ++k) {
    const T* yk = y + (Permuted ? static_cast<std::int64_t>(rows[k]) : k) * S::nr;
    const T* xk = x + k * S::mr;
    V b[S::nv];
    SYMKERNEL_UNROLL
    for (int v = 0; v < S::nv; ++v) b[v] = V::load(yk + v * S::width);
    SYMKERNEL_UNROLL
    for (int i = 0; i < N; ++i) {
      const V a(xk[i]);
      SYMKERNEL_UNROLL
      for (int v = 0; v < S::nv; ++v) sum[i][v] = Operation::apply(a, b[v], sum[i][v]);
    }
  }
  // The biases come last: products are rounded at their own size, not at that of |x|^2.
  SYMKERNEL_UNROLL
  for (int i = 0; i < N; ++i) {
    SYMKERNEL_UNROLL
    for (int v = 0; v < S::nv; ++v) {
      const V a = (sum[i][v] + V(bx[i])) + V::load(by + v * S::width);
      a.store(out + i * S::nr + v * S::width);
    }
  }
}

template <class T>
using TileProduct = void (*)(const T* x, const T* y, const std::int32_t* rows, std::int64_t depth,
                             const T* bx, const T* by, T* out);

// The product that computes the first `rows` rows of a tile, and no more of the others than it
// must.
template <class T, class Operation, bool Permuted>
TileProduct<T> product_of_rows(std::int64_t rows) {
  if (rows == 1) return tile_product<T, Operation, Permuted, 1>;
  if (rows == 2) return tile_product<T, Operation, Permuted, 2>;
  if (rows <= 4) return tile_product<T, Operation, Permuted, 4>;
  if constexpr (TileShape<T>::mr > 8) {
    if (rows <= 8) return tile_product<T, Operation, Permuted, 8>;
  }
  return tile_product<T, Operation, Permuted>;
}

// Samples of x in panel p.
template <class T>
SYMKERNEL_INLINE std::int64_t panel_rows(std::int64_t n, std::int64_t p) {
  const std::int64_t left = n - p * TileShape<T>::mr;
  return left < TileShape<T>::mr ? left : std::int64_t(TileShape<T>::mr);
}

// m[n][a * r + b][j] = sum_p x[n][p * r + a] y[rows[p] * r + b][j] for N samples of x (features
// `stride` apart) and nr of y: the r x r matrix that holds x . h y for every matrix h on points.
template <class T, int A, int B, int N>
SYMKERNEL_INLINE void point_product_block(const T* SYMKERNEL_RESTRICT x, std::int64_t stride,
                                          const T* SYMKERNEL_RESTRICT y,
                                          const std::int32_t* SYMKERNEL_RESTRICT rows,
                                          std::int64_t points, std::int64_t r, std::int64_t a0,
                                          std::int64_t b0, T* SYMKERNEL_RESTRICT m,
                                          std::int64_t m_stride) {
  using S = TileShape<T>;
  using V = typename S::V;
  V sum[N][A][B][S::nv];
  SYMKERNEL_UNROLL
  for (int i = 0; i < N * A * B * S::nv; ++i) (&sum[0][0][0][0])[i] = V(T(0));
  for (std::int64_t p = 0; p < points; ++p) {
    const T* xp = x + (p * r + a0) * stride;
    const T* yp = y + (rows[p] * r + b0) * S::nr;
    V yb[B][S::nv];
    SYMKERNEL_UNROLL
    for (int b = 0; b < B; ++b) {
      SYMKERNEL_UNROLL
      for (int v = 0; v < S::nv; ++v) yb[b][v] = V::load(yp + b * S::nr + v * S::width);
    }
    SYMKERNEL_UNROLL
    for (int n = 0; n < N; ++n) {
      SYMKERNEL_UNROLL
      for (int a = 0; a < A; ++a) {
        const V xa(xp[a * stride + n]);
        SYMKERNEL_UNROLL
        for (int b = 0; b < B; ++b) {
          SYMKERNEL_UNROLL
          for (int v = 0; v < S::nv; ++v) sum[n][a][b][v] = fma(xa, yb[b][v], sum[n][a][b][v]);
        }
      }
    }
  }
  SYMKERNEL_UNROLL
  for (int n = 0; n < N; ++n) {
    SYMKERNEL_UNROLL
    for (int a = 0; a < A; ++a) {
      SYMKERNEL_UNROLL
      for (int b = 0; b < B; ++b) {
        SYMKERNEL_UNROLL
        for (int v = 0; v < S::nv; ++v)
          sum[n][a][b][v].store(m + n * m_stride + ((a0 + a) * r + b0 + b) * S::nr + v * S::width);
      }
    }
  }
}

// Samples of x that one pass of point products serves: adjacent in the panel, so that y's rows are
// read once for several of them where the accumulators of one do not fill the registers. Divides
// mr.
template <class T>
constexpr int point_samples = TileShape<T>::mr % 4 == 0 ? 4 : 2;

template <class T, int A, int B>
SYMKERNEL_INLINE void point_product_samples(const T* x, std::int64_t stride, const T* y,
                                            const std::int32_t* rows, std::int64_t points,
                                            std::int64_t r, std::int64_t a, std::int64_t b, T* m,
                                            std::int64_t m_stride, std::int64_t count) {
  constexpr int per_sample = A * B * TileShape<T>::nv;
  constexpr int budget = TileShape<T>::mr * TileShape<T>::nv;  // accumulators of a tile
  constexpr int most = point_samples<T>;
  constexpr int N = per_sample * most <= budget ? most : per_sample * 2 <= budget ? 2 : 1;
  for (int n = 0; n < most && n < count; n += N)
    point_product_block<T, A, B, N>(x + n, stride, y, rows, points, r, a, b, m + n * m_stride,
                                    m_stride);
}

// The products of `point_samples` adjacent samples of x, or of the first `count` of them at least,
// their matrices `m_stride` apart.
template <class T>
void point_product(const T* x, std::int64_t stride, const T* y, const std::int32_t* rows,
                   std::int64_t points, std::int64_t r, T* m, std::int64_t m_stride,
                   std::int64_t count) {
  std::int64_t a = 0;
  for (; a + 3 <= r; a += 3) {
    std::int64_t b = 0;
    for (; b + 3 <= r; b += 3)
      point_product_samples<T, 3, 3>(x, stride, y, rows, points, r, a, b, m, m_stride, count);
    for (; b < r; ++b)
      point_product_samples<T, 3, 1>(x, stride, y, rows, points, r, a, b, m, m_stride, count);
  }
  for (; a + 2 <= r; a += 2) {
    std::int64_t b = 0;
    for (; b + 2 <= r; b += 2)
      point_product_samples<T, 2, 2>(x, stride, y, rows, points, r, a, b, m, m_stride, count);
    for (; b < r; ++b)
      point_product_samples<T, 2, 1>(x, stride, y, rows, points, r, a, b, m, m_stride, count);
  }
  for (; a < r; ++a) {
    for (std::int64_t b = 0; b < r; ++b)
      point_product_samples<T, 1, 1>(x, stride, y, rows, points, r, a, b, m, m_stride, count);
  }
}

SYMKERNEL_END_NAMESPACE
