// What permanents and products over features need of a number type beyond simd.hpp: its place in
// memory, exchanges between lanes, an exact product, and bits of a subset.
#pragma once

#include "symkernel/config.hpp"
#include "symkernel/simd.hpp"

SYMKERNEL_BEGIN_NAMESPACE

// R in memory is an array of `width` scalars.
template <class R>
struct InMemory {
  static constexpr int width = R::width;
  static SYMKERNEL_INLINE R load(const Scalar<R>* p) { return R::load(p); }
  static SYMKERNEL_INLINE void store(R r, Scalar<R>* p) { r.store(p); }
};
template <>
struct InMemory<double> {
  static constexpr int width = 1;
  static SYMKERNEL_INLINE double load(const double* p) { return *p; }
  static SYMKERNEL_INLINE void store(double r, double* p) { *p = r; }
};
template <>
struct InMemory<float> {
  static constexpr int width = 1;
  static SYMKERNEL_INLINE float load(const float* p) { return *p; }
  static SYMKERNEL_INLINE void store(float r, float* p) { *p = r; }
};

// a < below in some lane: any of simd.hpp for plain numbers.
SYMKERNEL_INLINE bool any(double a, double below) { return a < below; }
SYMKERNEL_INLINE bool any(float a, float below) { return a < below; }

// A subset of at most 63 elements as the bits of a word.
SYMKERNEL_INLINE int bit_count(std::uint64_t set) {
#if defined(__CUDA_ARCH__)
  return __popcll(set);
#elif defined(__GNUC__)
  return __builtin_popcountll(set);
#else
  int count = 0;
  for (; set != 0; set &= set - 1) ++count;
  return count;
#endif
}
SYMKERNEL_INLINE int lowest_bit(std::uint64_t set) {
#if defined(__CUDA_ARCH__)
  return __ffsll(static_cast<long long>(set)) - 1;
#elif defined(__GNUC__)
  return __builtin_ctzll(set);
#else
  return bit_count((set & (~set + 1)) - 1);
#endif
}

// a * b + c rounded once, on every machine: fma of simd.hpp rounds twice where the hardware does.
SYMKERNEL_INLINE double exact_fma(double a, double b, double c) { return ::fma(a, b, c); }
template <int W>
SYMKERNEL_INLINE Vec<double, W> exact_fma(Vec<double, W> a, Vec<double, W> b, Vec<double, W> c) {
#if defined(SYMKERNEL_VECTOR_EXTENSIONS) && defined(__FMA__)
  using N = typename Vec<double, W>::Native;
  if constexpr (W == 2) return (N)_mm_fmadd_pd((__m128d)a.v, (__m128d)b.v, (__m128d)c.v);
  if constexpr (W == 4) return (N)_mm256_fmadd_pd((__m256d)a.v, (__m256d)b.v, (__m256d)c.v);
#if defined(__AVX512F__)
  if constexpr (W == 8) return (N)_mm512_fmadd_pd((__m512d)a.v, (__m512d)b.v, (__m512d)c.v);
#endif
#endif
  Vec<double, W> r;
  for (int i = 0; i < W; ++i) r.v[i] = ::fma(a.v[i], b.v[i], c.v[i]);
  return r;
}

// Lane i receives lane i ^ X.
template <int X>
SYMKERNEL_INLINE double exchange_lanes(double a) {
  return a;
}
template <int X, int W>
SYMKERNEL_INLINE Vec<double, W> exchange_lanes(Vec<double, W> a) {
#if defined(SYMKERNEL_VECTOR_EXTENSIONS) && defined(__GNUC__) && !defined(__clang__)
  typename Vec<double, W>::Bits from;
  for (int i = 0; i < W; ++i) from[i] = i ^ X;
  return Vec<double, W>(__builtin_shuffle(a.v, from));
#else
  Vec<double, W> r;
  for (int i = 0; i < W; ++i) r.v[i] = a.v[i ^ X];
  return r;
#endif
}

// Asked now and then by long computations, which return early with no result when it says true.
// On the device, and where nobody waits, it never does.
struct NeverStops {
  SYMKERNEL_INLINE bool operator()() const { return false; }
};

SYMKERNEL_END_NAMESPACE
