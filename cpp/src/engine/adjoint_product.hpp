// The tile product turned around: samples of y, moved by g, added up with a coefficient per pair.
//
//   lanes[k][i] += sum_{e, j} c[e][i][j] y_e[rows_e[k]][j]
//
// A vector of partial sums is kept for every feature k and sample i of x: lanes run over samples of
// y, as they do in panels, so that a permutation of features is a choice of rows here as well.
#pragma once

#include "engine/tile_product.hpp"
#include "symkernel/simd.hpp"

SYMKERNEL_BEGIN_NAMESPACE

// Elements whose coefficients are kept until they are added together: partial sums are then loaded
// and stored once for all of them.
constexpr int adjoint_elements = 8;

template <class T>
struct MovedPanels {
  const T* panel[adjoint_elements];
  const std::int32_t* rows[adjoint_elements];  // null: as they are
  int count = 0;
};

struct AddMultiple {
  template <class V>
  static SYMKERNEL_INLINE V apply(V c, V, V y, V sum) {
    return fma(c, y, sum);
  }
};

// Of a kernel of the L1 distance: c sign(x - y), 0 where x = y.
struct AddSigned {
  template <class V>
  static SYMKERNEL_INLINE V apply(V c, V x, V y, V sum) {
    const V d = x - y, zero(Scalar<V>(0));
    return sum + select(d > zero, c, select(d < zero, -c, d * c));  // NaN stays
  }
};

// Accumulators in registers: I samples by K features, beside K rows of y and a coefficient.
template <class T>
struct AdjointShape {
  static constexpr int mr = TileShape<T>::mr;
  static constexpr int I = mr == 12 ? 4 : (mr == 6 ? 3 : 4);
  static constexpr int K = mr == 12 ? 6 : (mr == 6 ? 4 : 3);
  static_assert(mr % I == 0, "whole blocks of samples");
};

template <class T, class Operation, bool Permuted, int I, int K>
SYMKERNEL_INLINE void adjoint_block(const MovedPanels<T>& y, const T* SYMKERNEL_RESTRICT c,
                                    const T* SYMKERNEL_RESTRICT x, int i0, std::int64_t k0,
                                    T* SYMKERNEL_RESTRICT lanes) {
  using S = TileShape<T>;
  using V = typename S::V;
  V sum[K][I];
  SYMKERNEL_UNROLL
  for (int k = 0; k < K; ++k) {
    SYMKERNEL_UNROLL
    for (int i = 0; i < I; ++i) sum[k][i] = V(T(0));
  }
  for (int e = 0; e < y.count; ++e) {
    const T* ce = c + e * S::size + i0 * S::nr;
    const T* yk[K];
    SYMKERNEL_UNROLL
    for (int k = 0; k < K; ++k)
      yk[k] =
          y.panel[e] + (Permuted ? static_cast<std::int64_t>(y.rows[e][k0 + k]) : k0 + k) * S::nr;
    for (int v = 0; v < S::nv; ++v) {
      V moved[K];
      SYMKERNEL_UNROLL
      for (int k = 0; k < K; ++k) moved[k] = V::load(yk[k] + v * S::width);
      SYMKERNEL_UNROLL
      for (int i = 0; i < I; ++i) {
        const V ci = V::load(ce + i * S::nr + v * S::width);
        SYMKERNEL_UNROLL
        for (int k = 0; k < K; ++k)
          sum[k][i] = Operation::apply(ci, V(x[(k0 + k) * S::mr + i0 + i]), moved[k], sum[k][i]);
      }
    }
  }
  SYMKERNEL_UNROLL
  for (int k = 0; k < K; ++k) {
    SYMKERNEL_UNROLL
    for (int i = 0; i < I; ++i) {
      T* at = lanes + ((k0 + k) * S::mr + i0 + i) * S::width;
      (V::load(at) + sum[k][i]).store(at);
    }
  }
}

template <class T, class Operation, bool Permuted, int I>
void adjoint_features(const MovedPanels<T>& y, const T* c, const T* x, int i, std::int64_t depth,
                      T* lanes) {
  constexpr int K = AdjointShape<T>::K;
  std::int64_t k = 0;
  for (; k + K <= depth; k += K) adjoint_block<T, Operation, Permuted, I, K>(y, c, x, i, k, lanes);
  for (; k + 2 <= depth; k += 2) adjoint_block<T, Operation, Permuted, I, 2>(y, c, x, i, k, lanes);
  for (; k < depth; ++k) adjoint_block<T, Operation, Permuted, I, 1>(y, c, x, i, k, lanes);
}

// c[e][i][j] against all features, for the first `samples` samples of x at least; x, a panel of
// samples, is read for signs alone.
template <class T, class Operation, bool Permuted>
void adjoint_product(const MovedPanels<T>& y, const T* c, const T* x, std::int64_t depth,
                     std::int64_t samples, T* lanes) {
  using A = AdjointShape<T>;
  for (int i = 0; i < A::mr && i < samples; i += A::I) {
    if (samples - i == 1)
      adjoint_features<T, Operation, Permuted, 1>(y, c, x, i, depth, lanes);
    else
      adjoint_features<T, Operation, Permuted, A::I>(y, c, x, i, depth, lanes);
  }
}

// ---- points
// --------------------------------------------------------------------------------------

// h[e] += sum_c a[c] m[c][e]: rows a of coefficients (nr numbers) times rows m of matrix entries.
template <class T, int E>
SYMKERNEL_INLINE void combine_block(const T* SYMKERNEL_RESTRICT a, std::int64_t count,
                                    const T* SYMKERNEL_RESTRICT m, std::int64_t entries,
                                    std::int64_t e0, T* SYMKERNEL_RESTRICT h) {
  using S = TileShape<T>;
  using V = typename S::V;
  V sum[E][S::nv];
  SYMKERNEL_UNROLL
  for (int e = 0; e < E; ++e) {
    SYMKERNEL_UNROLL
    for (int v = 0; v < S::nv; ++v) sum[e][v] = V::load(h + (e0 + e) * S::nr + v * S::width);
  }
  for (std::int64_t c = 0; c < count; ++c) {
    V row[S::nv];
    SYMKERNEL_UNROLL
    for (int v = 0; v < S::nv; ++v) row[v] = V::load(a + c * S::nr + v * S::width);
    SYMKERNEL_UNROLL
    for (int e = 0; e < E; ++e) {
      const V entry(m[c * entries + e0 + e]);
      SYMKERNEL_UNROLL
      for (int v = 0; v < S::nv; ++v) sum[e][v] = fma(entry, row[v], sum[e][v]);
    }
  }
  SYMKERNEL_UNROLL
  for (int e = 0; e < E; ++e) {
    SYMKERNEL_UNROLL
    for (int v = 0; v < S::nv; ++v) sum[e][v].store(h + (e0 + e) * S::nr + v * S::width);
  }
}

template <class T>
void combine_matrices(const T* a, std::int64_t count, const T* m, std::int64_t entries, T* h) {
  constexpr int E = TileShape<T>::mr == 12 ? 9 : 6;
  std::int64_t e = 0;
  for (; e + E <= entries; e += E) combine_block<T, E>(a, count, m, entries, e, h);
  for (; e + 3 <= entries; e += 3) combine_block<T, 3>(a, count, m, entries, e, h);
  for (; e < entries; ++e) combine_block<T, 1>(a, count, m, entries, e, h);
}

// lanes[p r + a] += sum_{b, j} h[a r + b][j] y[rows[p] r + b][j] for one sample of x.
template <class T, int A, int B>
SYMKERNEL_INLINE void adjoint_points_block(const T* SYMKERNEL_RESTRICT h,
                                           const T* SYMKERNEL_RESTRICT y,
                                           const std::int32_t* SYMKERNEL_RESTRICT rows,
                                           std::int64_t points, std::int64_t r, std::int64_t a0,
                                           std::int64_t b0, T* SYMKERNEL_RESTRICT lanes) {
  using S = TileShape<T>;
  using V = typename S::V;
  V matrix[A][B][S::nv];
  SYMKERNEL_UNROLL
  for (int a = 0; a < A; ++a) {
    SYMKERNEL_UNROLL
    for (int b = 0; b < B; ++b) {
      SYMKERNEL_UNROLL
      for (int v = 0; v < S::nv; ++v)
        matrix[a][b][v] = V::load(h + ((a0 + a) * r + b0 + b) * S::nr + v * S::width);
    }
  }
  for (std::int64_t p = 0; p < points; ++p) {
    const T* yp = y + (static_cast<std::int64_t>(rows[p]) * r + b0) * S::nr;
    T* at = lanes + (p * r + a0) * S::mr * S::width;
    V sum[A];
    SYMKERNEL_UNROLL
    for (int a = 0; a < A; ++a) sum[a] = V::load(at + a * S::mr * S::width);
    SYMKERNEL_UNROLL
    for (int b = 0; b < B; ++b) {
      SYMKERNEL_UNROLL
      for (int v = 0; v < S::nv; ++v) {
        const V yb = V::load(yp + b * S::nr + v * S::width);
        SYMKERNEL_UNROLL
        for (int a = 0; a < A; ++a) sum[a] = fma(matrix[a][b][v], yb, sum[a]);
      }
    }
    SYMKERNEL_UNROLL
    for (int a = 0; a < A; ++a) sum[a].store(at + a * S::mr * S::width);
  }
}

template <class T, int A>
SYMKERNEL_INLINE void adjoint_points_rows(const T* h, const T* y, const std::int32_t* rows,
                                          std::int64_t points, std::int64_t r, std::int64_t a,
                                          T* lanes) {
  std::int64_t b = 0;
  for (; b + 3 <= r; b += 3) adjoint_points_block<T, A, 3>(h, y, rows, points, r, a, b, lanes);
  for (; b + 2 <= r; b += 2) adjoint_points_block<T, A, 2>(h, y, rows, points, r, a, b, lanes);
  for (; b < r; ++b) adjoint_points_block<T, A, 1>(h, y, rows, points, r, a, b, lanes);
}

template <class T>
void adjoint_points(const T* h, const T* y, const std::int32_t* rows, std::int64_t points,
                    std::int64_t r, T* lanes) {
  std::int64_t a = 0;
  for (; a + 3 <= r; a += 3) adjoint_points_rows<T, 3>(h, y, rows, points, r, a, lanes);
  for (; a + 2 <= r; a += 2) adjoint_points_rows<T, 2>(h, y, rows, points, r, a, lanes);
  for (; a < r; ++a) adjoint_points_rows<T, 1>(h, y, rows, points, r, a, lanes);
}

SYMKERNEL_END_NAMESPACE
