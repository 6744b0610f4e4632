// Moving numbers between memory and lanes: transposed squares, streamed stores, bits of equality.
#pragma once

#include <cstdint>

#include "symkernel/canonical/network.hpp"
#include "symkernel/simd.hpp"

#if defined(SYMKERNEL_VECTOR_EXTENSIONS) && defined(__has_builtin)
#if __has_builtin(__builtin_shufflevector)
#define SYMKERNEL_SHUFFLES 1
#endif
#endif

SYMKERNEL_BEGIN_NAMESPACE

template <class T>
struct RowLanes {
#if defined(__AVX512F__)
  static constexpr int width = 64 / sizeof(T);
#elif defined(__AVX2__)
  static constexpr int width = 32 / sizeof(T);
#else
  static constexpr int width = 16 / sizeof(T);
#endif
  using V = Vec<T, width>;
};

#if defined(SYMKERNEL_SHUFFLES)

// A transposition in steps, each of one instruction a result: lanes of a and b for every lane l of
// the results, as lanes of (a, b). Within 16 bytes (g lanes), steps exchange blocks of s lanes;
// then blocks of g lanes are dealt out, the even ones to one result and the odd ones to the other,
// which comes to the same after all steps.
constexpr int upper(int l, int s, int w, int g) {
  if (s < g) return (l & s) != 0 ? w + l - s : l;
  return l / (w / 2) * w + 2 * g * (l % (w / 2) / g) + l % g;
}
constexpr int lower(int l, int s, int w, int g) { return upper(l, s, w, g) + (s < g ? s : g); }

template <int S, class T>
SYMKERNEL_INLINE void exchange_blocks(Vec<T, 2>& a, Vec<T, 2>& b) {
  constexpr int g = 16 / sizeof(T);
  const auto x = a.v, y = b.v;
  a.v = __builtin_shufflevector(x, y, upper(0, S, 2, g), upper(1, S, 2, g));
  b.v = __builtin_shufflevector(x, y, lower(0, S, 2, g), lower(1, S, 2, g));
}
template <int S, class T>
SYMKERNEL_INLINE void exchange_blocks(Vec<T, 4>& a, Vec<T, 4>& b) {
  constexpr int g = 16 / sizeof(T);
  const auto x = a.v, y = b.v;
  a.v = __builtin_shufflevector(x, y, upper(0, S, 4, g), upper(1, S, 4, g), upper(2, S, 4, g),
                                upper(3, S, 4, g));
  b.v = __builtin_shufflevector(x, y, lower(0, S, 4, g), lower(1, S, 4, g), lower(2, S, 4, g),
                                lower(3, S, 4, g));
}
template <int S, class T>
SYMKERNEL_INLINE void exchange_blocks(Vec<T, 8>& a, Vec<T, 8>& b) {
  constexpr int g = 16 / sizeof(T);
  const auto x = a.v, y = b.v;
  a.v = __builtin_shufflevector(x, y, upper(0, S, 8, g), upper(1, S, 8, g), upper(2, S, 8, g),
                                upper(3, S, 8, g), upper(4, S, 8, g), upper(5, S, 8, g),
                                upper(6, S, 8, g), upper(7, S, 8, g));
  b.v = __builtin_shufflevector(x, y, lower(0, S, 8, g), lower(1, S, 8, g), lower(2, S, 8, g),
                                lower(3, S, 8, g), lower(4, S, 8, g), lower(5, S, 8, g),
                                lower(6, S, 8, g), lower(7, S, 8, g));
}
template <int S, class T>
SYMKERNEL_INLINE void exchange_blocks(Vec<T, 16>& a, Vec<T, 16>& b) {
  constexpr int g = 16 / sizeof(T);
  const auto x = a.v, y = b.v;
  a.v = __builtin_shufflevector(
      x, y, upper(0, S, 16, g), upper(1, S, 16, g), upper(2, S, 16, g), upper(3, S, 16, g),
      upper(4, S, 16, g), upper(5, S, 16, g), upper(6, S, 16, g), upper(7, S, 16, g),
      upper(8, S, 16, g), upper(9, S, 16, g), upper(10, S, 16, g), upper(11, S, 16, g),
      upper(12, S, 16, g), upper(13, S, 16, g), upper(14, S, 16, g), upper(15, S, 16, g));
  b.v = __builtin_shufflevector(
      x, y, lower(0, S, 16, g), lower(1, S, 16, g), lower(2, S, 16, g), lower(3, S, 16, g),
      lower(4, S, 16, g), lower(5, S, 16, g), lower(6, S, 16, g), lower(7, S, 16, g),
      lower(8, S, 16, g), lower(9, S, 16, g), lower(10, S, 16, g), lower(11, S, 16, g),
      lower(12, S, 16, g), lower(13, S, 16, g), lower(14, S, 16, g), lower(15, S, 16, g));
}

template <int S, class T, int W>
SYMKERNEL_INLINE void transpose_from(Vec<T, W>* rows) {
  if constexpr (S < W) {
    SYMKERNEL_UNROLL
    for (int i = 0; i < W; ++i) {
      if ((i & S) == 0) exchange_blocks<S>(rows[i], rows[i + S]);
    }
    transpose_from<2 * S>(rows);
  }
}

// Lane j of row i becomes lane i of row j.
template <class T, int W>
SYMKERNEL_INLINE void transpose(Vec<T, W>* rows) {
  transpose_from<1>(rows);
}

#else

template <class T, int W>
SYMKERNEL_INLINE void transpose(Vec<T, W>* rows) {
  T square[W * W], column[W];
  for (int i = 0; i < W; ++i) rows[i].store(square + i * W);
  for (int j = 0; j < W; ++j) {
    for (int i = 0; i < W; ++i) column[i] = square[i * W + j];
    rows[j] = Vec<T, W>::load(column);
  }
}

#endif

// Stores to an aligned address, past the caches where the machine can.
template <class T, int W>
SYMKERNEL_INLINE void stream(Vec<T, W> a, T* p) {
#if defined(SYMKERNEL_VECTOR_EXTENSIONS) && defined(__AVX512F__)
  if constexpr (W * sizeof(T) == 64) {
    _mm512_stream_si512((__m512i*)p, (__m512i)a.v);
    return;
  }
#endif
#if defined(SYMKERNEL_VECTOR_EXTENSIONS) && defined(__AVX__)
  if constexpr (W * sizeof(T) == 32) {
    _mm256_stream_si256((__m256i*)p, (__m256i)a.v);
    return;
  }
#endif
#if defined(SYMKERNEL_VECTOR_EXTENSIONS) && defined(__SSE2__)
  if constexpr (W * sizeof(T) == 16) {
    _mm_stream_si128((__m128i*)p, (__m128i)a.v);
    return;
  }
#endif
  a.store(p);
}

// Streamed stores come before whatever the thread writes next.
SYMKERNEL_INLINE void end_of_stream() {
#if defined(SYMKERNEL_VECTOR_EXTENSIONS) && defined(__SSE2__)
  _mm_sfence();
#endif
}

// A bit for each lane in which a equals b.
template <class T, int W>
SYMKERNEL_INLINE std::uint64_t equal_lanes(Vec<T, W> a, Vec<T, W> b) {
#if defined(SYMKERNEL_VECTOR_EXTENSIONS) && defined(__AVX512F__)
  if constexpr (W * sizeof(T) == 64 && sizeof(T) == 8) {
    return _mm512_cmp_pd_mask((__m512d)a.v, (__m512d)b.v, _CMP_EQ_OQ);
  } else if constexpr (W * sizeof(T) == 64) {
    return _mm512_cmp_ps_mask((__m512)a.v, (__m512)b.v, _CMP_EQ_OQ);
  }
#endif
#if defined(SYMKERNEL_VECTOR_EXTENSIONS) && defined(__AVX__)
  if constexpr (W * sizeof(T) == 32 && sizeof(T) == 8) {
    const __m256d equal = _mm256_cmp_pd((__m256d)a.v, (__m256d)b.v, _CMP_EQ_OQ);
    return static_cast<std::uint64_t>(_mm256_movemask_pd(equal));
  } else if constexpr (W * sizeof(T) == 32) {
    const __m256 equal = _mm256_cmp_ps((__m256)a.v, (__m256)b.v, _CMP_EQ_OQ);
    return static_cast<std::uint64_t>(_mm256_movemask_ps(equal));
  }
#endif
#if defined(SYMKERNEL_VECTOR_EXTENSIONS) && defined(__SSE2__)
  if constexpr (W * sizeof(T) == 16 && sizeof(T) == 8) {
    const __m128d equal = _mm_cmpeq_pd((__m128d)a.v, (__m128d)b.v);
    return static_cast<std::uint64_t>(_mm_movemask_pd(equal));
  } else if constexpr (W * sizeof(T) == 16) {
    const __m128 equal = _mm_cmpeq_ps((__m128)a.v, (__m128)b.v);
    return static_cast<std::uint64_t>(_mm_movemask_ps(equal));
  }
#endif
  std::uint64_t bits = 0;
  for (int i = 0; i < W; ++i) bits |= static_cast<std::uint64_t>(a.lane(i) == b.lane(i)) << i;
  return bits;
}

template <class T, int W>
SYMKERNEL_INLINE T least_lane(Vec<T, W> a) {
#if defined(SYMKERNEL_VECTOR_EXTENSIONS) && defined(__AVX512F__)
  if constexpr (W * sizeof(T) == 64 && sizeof(T) == 8) {
    return _mm512_reduce_min_pd((__m512d)a.v);
  } else if constexpr (W * sizeof(T) == 64) {
    return _mm512_reduce_min_ps((__m512)a.v);
  }
#endif
  T least = a.lane(0);
  for (int i = 1; i < W; ++i) least = lesser(least, a.lane(i));
  return least;
}

// x * 0 is 0 for finite x, NaN otherwise: sums of it tell whether all were finite.
template <class R>
SYMKERNEL_INLINE R mark_infinite(R x, R marks) {
  return fma(x, R(Scalar<R>(0)), marks);
}
template <class T, int W>
SYMKERNEL_INLINE bool unmarked(Vec<T, W> marks) {
  bool finite = true;
  for (int i = 0; i < W; ++i) finite = finite && marks.lane(i) == T(0);
  return finite;
}

// z = x with +0 for -0; false where a number is not finite.
template <class T>
inline bool copy_finite(const T* x, std::int64_t n, T* z) {
  using V = typename RowLanes<T>::V;
  constexpr int width = RowLanes<T>::width;
  const V zero(T(0));
  V marks = zero;
  T rest = T(0);
  std::int64_t k = 0;
  for (; k + width <= n; k += width) {
    const V v = V::load(x + k);
    marks = mark_infinite(v, marks);
    (v + zero).store(z + k);
  }
  for (; k < n; ++k) {
    rest = mark_infinite(x[k], rest);
    z[k] = x[k] + T(0);
  }
  return unmarked(marks) && rest == T(0);
}

// +infinity; without the standard library's templates.
template <class T>
SYMKERNEL_INLINE T positive_infinity() {
  return static_cast<T>(HUGE_VAL);
}

SYMKERNEL_END_NAMESPACE
