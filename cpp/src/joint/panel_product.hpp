// Products of small matrices that lie in a core's cache, and what the loops of joint operators
// share.
#pragma once

#include <cstdint>

#include "symkernel/config.hpp"
#include "symkernel/lanes.hpp"
#include "symkernel/radial.hpp"
#include "symkernel/simd.hpp"

SYMKERNEL_BEGIN_NAMESPACE

#if defined(__AVX512F__)
constexpr int joint_width = 8;
#elif defined(__AVX2__)
constexpr int joint_width = 4;
#else
constexpr int joint_width = 2;
#endif

using JointVec = Vec<double, joint_width>;

// Register budget: 32 vectors with AVX-512, 16 otherwise. Columns that one pass over a panel of
// `vectors` vectors serves: accumulators, the panel and one broadcast must fit.
constexpr int columns_at_once(int vectors) {
  return joint_width == 8 || vectors == 1 ? 8 : vectors == 2 ? 6 : 4;
}

// Columns of numbers that are read one by one, `step` apart, and where their products go.
struct ProductColumns {
  const double* const* from;
  double* const* to;
  std::int64_t count, step;
};

// to[n][r] (+)= sum_k panel[k * stride + r] * from[n][k * step], for `vectors` vectors of r.
template <int Vectors, int N>
void product_block(const double* SYMKERNEL_RESTRICT panel, std::int64_t stride, std::int64_t depth,
                   const double* const* from, double* const* to, std::int64_t step,
                   std::int64_t shift, bool add) {
  using V = JointVec;
  const double* column[N];
  V sum[N][Vectors];
  SYMKERNEL_UNROLL
  for (int n = 0; n < N; ++n) {
    column[n] = from[n];
    SYMKERNEL_UNROLL
    for (int v = 0; v < Vectors; ++v) sum[n][v] = V(0.0);
  }
  for (std::int64_t k = 0; k < depth; ++k) {
    V p[Vectors];
    SYMKERNEL_UNROLL
    for (int v = 0; v < Vectors; ++v) p[v] = V::load(panel + k * stride + v * joint_width);
    SYMKERNEL_UNROLL
    for (int n = 0; n < N; ++n) {
      const V c(column[n][k * step]);
      SYMKERNEL_UNROLL
      for (int v = 0; v < Vectors; ++v) sum[n][v] = fma(c, p[v], sum[n][v]);
    }
  }
  SYMKERNEL_UNROLL
  for (int n = 0; n < N; ++n) {
    double* out = to[n] + shift;
    SYMKERNEL_UNROLL
    for (int v = 0; v < Vectors; ++v) {
      const V old = add ? V::load(out + v * joint_width) : V(0.0);
      (old + sum[n][v]).store(out + v * joint_width);
    }
  }
}

template <int Vectors, int N>
SYMKERNEL_INLINE void product_columns(int n, const double* panel, std::int64_t stride,
                                      std::int64_t depth, const ProductColumns& c, std::int64_t at,
                                      std::int64_t shift, bool add) {
  if (n == N)
    return product_block<Vectors, N>(panel, stride, depth, c.from + at, c.to + at, c.step, shift,
                                     add);
  if constexpr (N > 1) product_columns<Vectors, N - 1>(n, panel, stride, depth, c, at, shift, add);
}

// Groups of columns as equal as can be: few accumulators would wait for each other.
template <int Vectors>
void product_rows(const double* panel, std::int64_t stride, std::int64_t depth,
                  const ProductColumns& c, std::int64_t shift, bool add) {
  constexpr int most = columns_at_once(Vectors);
  std::int64_t groups = (c.count + most - 1) / most;
  for (std::int64_t at = 0; at < c.count; --groups) {
    const int n = static_cast<int>((c.count - at + groups - 1) / groups);
    product_columns<Vectors, most>(n, panel, stride, depth, c, at, shift, add);
    at += n;
  }
}

// As product_block for a panel of `rows` numbers, a multiple of the width.
inline void panel_product(const double* panel, std::int64_t rows, std::int64_t depth,
                          const ProductColumns& c, bool add) {
  std::int64_t vectors = rows / joint_width;
  for (std::int64_t shift = 0; vectors > 0;) {
    const std::int64_t groups = (vectors + 2) / 3, now = (vectors + groups - 1) / groups;
    if (now == 3) {
      product_rows<3>(panel + shift, rows, depth, c, shift, add);
    } else if (now == 2) {
      product_rows<2>(panel + shift, rows, depth, c, shift, add);
    } else {
      product_rows<1>(panel + shift, rows, depth, c, shift, add);
    }
    shift += now * joint_width;
    vectors -= now;
  }
}

// out[q][r] = in[r][q] for r < rows, and 0 up to `padded`; a place of q is `stride` apart.
inline void transpose_into_panel(const double* in, std::int64_t rows, std::int64_t features,
                                 std::int64_t padded, double* out) {
  for (std::int64_t q = 0; q < features; ++q) {
    double* to = out + q * padded;
    for (std::int64_t r = 0; r < rows; ++r) to[r] = in[r * features + q];
    for (std::int64_t r = rows; r < padded; ++r) to[r] = 0;
  }
}

SYMKERNEL_INLINE double sum_of_lanes(JointVec a) {
  if constexpr (joint_width >= 8) a = a + exchange_lanes<joint_width >= 8 ? 4 : 0>(a);
  if constexpr (joint_width >= 4) a = a + exchange_lanes<joint_width >= 4 ? 2 : 0>(a);
  a = a + exchange_lanes<1>(a);
  return a.lane(0);
}

// phi and its derivatives at count squares, a multiple of the width; in place of the squares phi'''
// where Third.
struct RadialArrays {
  double *s, *value, *first, *second;
};

template <bool Third>
void map_radial(RadialKernel kernel, double parameter, const RadialArrays& a, std::int64_t count) {
  with_radial<JointVec>(kernel, parameter, [&](const auto& phi) SYMKERNEL_LAMBDA {
    for (std::int64_t k = 0; k < count; k += joint_width) {
      const RadialValues<JointVec> v = phi(JointVec::load(a.s + k));
      v.value.store(a.value + k);
      v.first.store(a.first + k);
      v.second.store(a.second + k);
      if constexpr (Third) v.third.store(a.s + k);
    }
  });
}

SYMKERNEL_END_NAMESPACE
