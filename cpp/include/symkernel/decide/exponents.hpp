// Where closed forms take their exponents from differences of coordinates instead of squared norms
// and inner products (alignment.hpp says why), for both executors.
#pragma once

#include <cmath>
#include <cstdint>

#include "symkernel/config.hpp"

SYMKERNEL_BEGIN_NAMESPACE

// Exponents up to this size are known to some 2e-13 in double precision as they are.
constexpr double least_difference_exponent = 1024;
// Beyond this share of it (relative rounding 1e-4) inner products no longer tell which pairs are
// near, and the invariants of degree six that the matrix Fisher constant is made of come near
// overflow.
constexpr double largest_product_exponent = 1e12;

// A rate t as the pairs of a tile take it.
template <class T>
struct FormRate {
  T exact;
  // At which near pairs are found: a sharp rate leaves inner products without a digit. Values at
  // this one are at least those of the sharp one, up to what differences replace.
  T resolved;
  bool large;       // what has not underflowed is to come from differences
  double exponent;  // 2 t |x| |y| of the largest samples
};

// Where exponents are not large, or nothing is taken from inner products.
template <class T>
SYMKERNEL_INLINE FormRate<T> plain_rate(T t) {
  return {t, t, false, 0};
}

// What is known of the samples of a tile: their largest squared norms.
struct TileNorms {
  double x2 = 0, y2 = 0;

  // In a mixture the broad terms outweigh what the sharp ones lose, and samples in float whose
  // exponents are of that size are widened by the caller.
  template <class T>
  SYMKERNEL_INLINE FormRate<T> rate(T t, std::int64_t n_rates) const {
    FormRate<T> rate = {t, t, false, 2.0 * static_cast<double>(t) * ::sqrt(x2 * y2)};
    if constexpr (sizeof(T) == 8) {
      const double largest = x2 > y2 ? x2 : y2;
      const bool unresolved = t * largest > largest_product_exponent;
      rate.large = n_rates == 1 && (rate.exponent > least_difference_exponent || unresolved);
      if (n_rates == 1 && unresolved) rate.resolved = largest_product_exponent / largest;
    }
    return rate;
  }
};

SYMKERNEL_END_NAMESPACE
