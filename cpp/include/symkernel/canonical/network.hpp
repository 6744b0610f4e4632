// Sorting networks: which items are compared does not depend on the data, so that the lanes of a
// vector sort one row each. Batcher's odd-even merge sort, and its form for any number of items
// (Knuth, The Art of Computer Programming, vol. 3: network of 5.3.4, algorithm 5.2.2M).
#pragma once

#include <cstdint>

#include "symkernel/simd.hpp"

SYMKERNEL_BEGIN_NAMESPACE

// ---- smaller and larger, without a thought for NaN ---------------------------------------------

SYMKERNEL_INLINE double lesser(double a, double b) { return b < a ? b : a; }
SYMKERNEL_INLINE float lesser(float a, float b) { return b < a ? b : a; }
SYMKERNEL_INLINE double greater(double a, double b) { return b < a ? a : b; }
SYMKERNEL_INLINE float greater(float a, float b) { return b < a ? a : b; }

template <class T, int W>
SYMKERNEL_INLINE Vec<T, W> lesser(Vec<T, W> a, Vec<T, W> b) {
#if defined(SYMKERNEL_VECTOR_EXTENSIONS) && defined(__AVX512F__)
  if constexpr (W * sizeof(T) == 64 && sizeof(T) == 8) {
    return (typename Vec<T, W>::Native)_mm512_min_pd((__m512d)a.v, (__m512d)b.v);
  } else if constexpr (W * sizeof(T) == 64) {
    return (typename Vec<T, W>::Native)_mm512_min_ps((__m512)a.v, (__m512)b.v);
  }
#endif
#if defined(SYMKERNEL_VECTOR_EXTENSIONS) && defined(__AVX__)
  if constexpr (W * sizeof(T) == 32 && sizeof(T) == 8) {
    return (typename Vec<T, W>::Native)_mm256_min_pd((__m256d)a.v, (__m256d)b.v);
  } else if constexpr (W * sizeof(T) == 32) {
    return (typename Vec<T, W>::Native)_mm256_min_ps((__m256)a.v, (__m256)b.v);
  }
#endif
#if defined(SYMKERNEL_VECTOR_EXTENSIONS) && defined(__SSE2__)
  if constexpr (W * sizeof(T) == 16 && sizeof(T) == 8) {
    return (typename Vec<T, W>::Native)_mm_min_pd((__m128d)a.v, (__m128d)b.v);
  } else if constexpr (W * sizeof(T) == 16) {
    return (typename Vec<T, W>::Native)_mm_min_ps((__m128)a.v, (__m128)b.v);
  }
#endif
  return select(b < a, b, a);
}

template <class T, int W>
SYMKERNEL_INLINE Vec<T, W> greater(Vec<T, W> a, Vec<T, W> b) {
#if defined(SYMKERNEL_VECTOR_EXTENSIONS) && defined(__AVX512F__)
  if constexpr (W * sizeof(T) == 64 && sizeof(T) == 8) {
    return (typename Vec<T, W>::Native)_mm512_max_pd((__m512d)a.v, (__m512d)b.v);
  } else if constexpr (W * sizeof(T) == 64) {
    return (typename Vec<T, W>::Native)_mm512_max_ps((__m512)a.v, (__m512)b.v);
  }
#endif
#if defined(SYMKERNEL_VECTOR_EXTENSIONS) && defined(__AVX__)
  if constexpr (W * sizeof(T) == 32 && sizeof(T) == 8) {
    return (typename Vec<T, W>::Native)_mm256_max_pd((__m256d)a.v, (__m256d)b.v);
  } else if constexpr (W * sizeof(T) == 32) {
    return (typename Vec<T, W>::Native)_mm256_max_ps((__m256)a.v, (__m256)b.v);
  }
#endif
#if defined(SYMKERNEL_VECTOR_EXTENSIONS) && defined(__SSE2__)
  if constexpr (W * sizeof(T) == 16 && sizeof(T) == 8) {
    return (typename Vec<T, W>::Native)_mm_max_pd((__m128d)a.v, (__m128d)b.v);
  } else if constexpr (W * sizeof(T) == 16) {
    return (typename Vec<T, W>::Native)_mm_max_ps((__m128)a.v, (__m128)b.v);
  }
#endif
  return select(b < a, a, b);
}

// ---- items: keys alone, or keys that carry where they came from --------------------------------

template <class R>
struct KeyItem {
  R key;
};
template <class R>
struct PlacedItem {
  R key;
  R place;  // a small integer as a number of the key's type: exact below 2^24
};

// Puts the smaller key first; of equal keys neither moves.
template <class R>
SYMKERNEL_INLINE void exchange(KeyItem<R>& a, KeyItem<R>& b) {
  const R low = lesser(a.key, b.key);
  b.key = greater(a.key, b.key);
  a.key = low;
}
template <class R>
SYMKERNEL_INLINE void exchange(PlacedItem<R>& a, PlacedItem<R>& b) {
  const auto swap = b.key < a.key;
  const R key = select(swap, b.key, a.key), place = select(swap, b.place, a.place);
  b.key = select(swap, a.key, b.key);
  b.place = select(swap, a.place, b.place);
  a.key = key;
  a.place = place;
}

// ---- a power of two of items, unrolled ----------------------------------------------------------

template <int I, int N, int R, class Item>
SYMKERNEL_INLINE void exchange_pairs(Item* a) {
  if constexpr (I + R < N) {
    exchange(a[I], a[I + R]);
    exchange_pairs<I + 2 * R, N, R>(a);
  }
}

// Merges the two sorted halves of a[0], a[R], a[2R], ... below a[N].
template <int N, int R, class Item>
SYMKERNEL_INLINE void merge_halves(Item* a) {
  if constexpr (2 * R < N) {
    merge_halves<N, 2 * R>(a);
    merge_halves<N, 2 * R>(a + R);
    exchange_pairs<R, N, R>(a);
  } else {
    exchange(a[0], a[R]);
  }
}

template <int N, class Item>
SYMKERNEL_INLINE void sort_power(Item* a) {
  if constexpr (N > 1) {
    sort_power<N / 2>(a);
    sort_power<N / 2>(a + N / 2);
    merge_halves<N, 1>(a);
  }
}

// ---- any number of items
// -------------------------------------------------------------------------

template <class Item>
inline void sort_any(Item* a, std::int64_t n) {
  if (n < 2) return;
  std::int64_t top = 1;
  while (2 * top < n) top *= 2;
  for (std::int64_t p = top; p > 0; p /= 2) {
    std::int64_t q = top, r = 0, distance = p;
    for (;;) {
      for (std::int64_t start = r; start < n - distance; start += 2 * p) {
        const std::int64_t stop = start + p < n - distance ? start + p : n - distance;
        for (std::int64_t i = start; i < stop; ++i) exchange(a[i], a[i + distance]);
      }
      if (q == p) break;
      distance = q - p;
      q /= 2;
      r = p;
    }
  }
}

SYMKERNEL_END_NAMESPACE
