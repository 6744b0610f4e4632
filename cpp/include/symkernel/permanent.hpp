// Permanents of small matrices, one matrix per lane, and their derivatives.
//
//   per(a) = sum over permutations s of prod_i a[i][s(i)]
//
// averages a kernel that is a product over points:
//   S_n on n points of R^d:         per[k(x_i, y_j)] / n!
//   signed permutations B_n:        per[(k(x_i, y_j) + k(x_i, -y_j)) / 2] / n!
//   Young subgroup S_a x S_b x ...: the product of the permanents of the diagonal blocks.
// Entries may have any sign. The result is value * 2^exponent, so that it neither overflows nor
// underflows where its factors do.
//
// Up to `subset_limit` rows the subset recurrence computes it with full relative accuracy. Above,
// its table would leave the cache, and Glynn's sum is used on a scaled copy of the matrix; where
// its error estimate exceeds the tolerance in some lane, that lane's matrix goes through the
// recurrence.
#pragma once

#include "symkernel/config.hpp"
#include "symkernel/lanes.hpp"
#include "symkernel/permanent_glynn.hpp"
#include "symkernel/permanent_subsets.hpp"

SYMKERNEL_BEGIN_NAMESPACE

constexpr int max_permanent_size = 26;           // 2^26 doubles of table in the worst case
constexpr int max_permanent_gradient_size = 20;  // 2 * 2^20 numbers R
constexpr int subset_limit = 14;                 // 1 MiB of table with 64-byte vectors

template <class R>
struct ScaledPermanent {
  R value;
  R exponent;  // an integer
};

// 1/n!
SYMKERNEL_INLINE double inverse_factorial(int n) {
  double f = 1.0;
  for (int i = 2; i <= n; ++i) f *= i;
  return 1.0 / f;
}

// per(a) / n!, the average over S_n. Exact to n roundings; 0 below the range of the type.
template <class R>
SYMKERNEL_INLINE R permanent_mean(ScaledPermanent<R> p, int n) {
  return scale_exponent(p.value * R(Scalar<R>(inverse_factorial(n))), p.exponent);
}

// ---- scaling ---------------------------------------------------------------------------------

// p * 2^n also where 2^n is out of range but the result is not; n within two ranges of the type.
template <class R>
SYMKERNEL_INLINE R scale_far(R p, R n) {
  const R most(static_cast<Scalar<R>>(FloatTraits<Scalar<R>>::exponent_bias - 1));
  const R first = at_most(most, at_least(-most, n));
  const R second = at_most(most, at_least(-most, n - first));
  return scale_exponent(scale_exponent(p, first), second);
}

// The exponent of a sum of magnitudes, subnormal and overflowing ones too; 0 for zero.
template <class R>
SYMKERNEL_INLINE R magnitude_exponent(R sum) {
  using T = Scalar<R>;
  constexpr bool is_double = sizeof(T) == 8;
  const R least(is_double ? T(1e-290) : T(1e-30f)), most(is_double ? T(1e308) : T(1e38f));
  const R zero(T(0)), up(is_double ? T(0x1p100) : T(0x1p60f)), by(is_double ? T(100) : T(60));
  const R raised = select(sum < least, sum * up, sum);
  const R safe = select(sum > zero, select(raised < most, raised, most), R(T(1)));
  R exponent;
  split_exponent(safe, exponent);
  return exponent - select(sum < least, select(sum > zero, by, zero), zero);
}

// b = a[i][j] 2^(row[i] + column[j]), rounding nothing, with row and column sums of magnitudes near
// one: the diagonal scaling of R. Sinkhorn, A relationship between arbitrary positive matrices and
// doubly stochastic matrices, Ann. Math. Statist. 35 (1964), in powers of two. For sharp kernels
// it converges slowly; it stops after `rounds`. per(b) = per(a) 2^(sum row + sum column).
template <class R>
SYMKERNEL_HD void equilibrate(const Scalar<R>* a, int n, int rounds, Scalar<R>* b, Scalar<R>* row,
                              Scalar<R>* column) {
  using M = InMemory<R>;
  const R zero(Scalar<R>(0)), half(Scalar<R>(0.5)), leave(Scalar<R>(1.5));
  for (int i = 0; i < n; ++i) {
    M::store(zero, row + i * M::width);
    M::store(zero, column + i * M::width);
  }
  for (int i = 0; i < n * n; ++i) M::store(M::load(a + i * M::width), b + i * M::width);
  bool settled = false;  // the last half round changed nothing
  for (int round = 0; round < 2 * rounds; ++round) {
    Scalar<R>* side = (round & 1) ? column : row;
    const int outer = (round & 1) ? 1 : n, inner = (round & 1) ? n : 1;
    R change = zero;
    for (int i = 0; i < n; ++i) {
      R sum = zero;
      for (int j = 0; j < n; ++j) sum = sum + abs(M::load(b + (i * outer + j * inner) * M::width));
      // Sums in (0.35, 2.8) are left alone, or rounding to powers of two would never settle.
      R e = magnitude_exponent(sum);
      e = select(abs(e) > leave, e, zero);
      change = change + abs(e);
      M::store(M::load(side + i * M::width) - e, side + i * M::width);
    }
    if (!any(half, change)) {
      if (settled) return;
      settled = true;
      continue;
    }
    settled = false;
    for (int i = 0; i < n; ++i) {
      for (int j = 0; j < n; ++j) {
        const R e = M::load(row + i * M::width) + M::load(column + j * M::width);
        const int at = (i * n + j) * M::width;
        // From a, not from b: an entry that is too small for one scale may fit the next.
        M::store(scale_far(M::load(a + at), e), b + at);
      }
    }
  }
}

namespace detail {

constexpr int equilibrate_rounds = 40, balance_rounds = 200;

template <class R>
SYMKERNEL_HD R scaling_exponent(const Scalar<R>* row, const Scalar<R>* column, int n) {
  using M = InMemory<R>;
  R sum(Scalar<R>(0));
  for (int i = 0; i < n; ++i)
    sum = sum - (M::load(row + i * M::width) + M::load(column + i * M::width));
  return sum;
}

// Whether a permanent computed without scaling may have lost digits to the range of the type: with
// entries of at most m >= 1, what underflowed is below n! m^n times the smallest normal number.
template <class R>
SYMKERNEL_HD bool range_is_short_for(R largest, int n, R permanent) {
  using T = Scalar<R>;
  constexpr bool is_double = sizeof(T) == 8;
  R bound(static_cast<T>(1.0 / inverse_factorial(n)));
  for (int k = 0; k < n; ++k) bound = bound * largest;
  const R most(is_double ? T(1e300) : T(1e37f));
  const R lost(is_double ? T(1e-290) : T(1e-29f));  // smallest normal number / (eps / 100)
  return any(select(bound > most, R(T(-1)), abs(permanent)), bound * lost);
}
template <class R>
SYMKERNEL_HD bool range_is_short(const Scalar<R>* a, int n, R permanent) {
  using M = InMemory<R>;
  const R one(Scalar<R>(1));
  R part[4] = {one, one, one, one};  // four chains: the maximum alone would wait for itself
  int i = 0;
  for (; i + 4 <= n * n; i += 4) {
    SYMKERNEL_UNROLL
    for (int u = 0; u < 4; ++u) part[u] = at_least(part[u], abs(M::load(a + (i + u) * M::width)));
  }
  for (; i < n * n; ++i) part[0] = at_least(part[0], abs(M::load(a + i * M::width)));
  return range_is_short_for<R>(at_least(at_least(part[0], part[1]), at_least(part[2], part[3])), n,
                               permanent);
}

// Multiplies rows and columns of b by what makes it doubly stochastic to a tenth, and returns the
// product of the factors: powers of two alone would cost Glynn's sum a digit and more.
template <class R>
SYMKERNEL_HD R balance(double* b, int n, double* row, double* column) {
  using M = InMemory<R>;
  const R one(1.0), least(1e-290), tenth(0.1);
  for (int i = 0; i < n; ++i) {
    M::store(one, row + i * M::width);
    M::store(one, column + i * M::width);
  }
  for (int round = 0; round < balance_rounds; ++round) {
    R deviation(0.0);  // of the column sums, while the row sums are one
    for (int side = 0; side < 2; ++side) {
      const int outer = side == 0 ? 1 : n, inner = side == 0 ? n : 1;
      const double* known = side == 0 ? row : column;
      double* wanted = side == 0 ? column : row;
      for (int i = 0; i < n; ++i) {
        R sum(0.0);
        for (int j = 0; j < n; ++j) {
          const R entry = abs(M::load(b + (i * outer + j * inner) * M::width));
          sum = fma(entry, M::load(known + j * M::width), sum);
        }
        const R before = M::load(wanted + i * M::width);
        if (side == 0)
          deviation = at_least(deviation, select(sum > least, abs(sum * before - one), deviation));
        M::store(select(sum > least, one / sum, one), wanted + i * M::width);
      }
    }
    if (!any(tenth, deviation)) break;
  }
  R product = one;
  for (int i = 0; i < n; ++i) {
    const R factor = M::load(row + i * M::width);
    product = product * factor * M::load(column + i * M::width);
    for (int j = 0; j < n; ++j) {
      double* entry = b + (i * n + j) * M::width;
      M::store(M::load(entry) * (factor * M::load(column + j * M::width)), entry);
    }
  }
  return product;
}

// Padded, so that what follows it keeps the alignment of vectors.
SYMKERNEL_INLINE std::int64_t one_matrix_size(int n) { return (n * n + 7) / 8 * 8; }

// n > subset_limit. Scratch: b, row, column, then what the two algorithms need.
template <class R>
SYMKERNEL_HD std::int64_t large_permanent_scratch(int n) {
  const std::int64_t glynn = Glynn<R>::scratch_size(n), single = single_permanent_scratch<R>(n);
  return static_cast<std::int64_t>(n + 2) * n * InMemory<R>::width + one_matrix_size(n) +
         (glynn > single ? glynn : single);
}

template <class R, class Stops>
SYMKERNEL_HD ScaledPermanent<R> large_permanent(const double* a, int n, double tolerance,
                                                double* scratch, const Stops& stops) {
  using M = InMemory<R>;
  constexpr int W = M::width;
  double* b = scratch;
  double* row = b + n * n * W;
  double* column = row + n * W;
  double* one_matrix = column + n * W;
  double* rest = one_matrix + one_matrix_size(n);
  equilibrate<R>(a, n, equilibrate_rounds, b, row, column);
  const R exponent = scaling_exponent<R>(row, column, n);
  const R factor = balance<R>(b, n, row, column);
  R error;
  const R value = Glynn<R>(b, n, rest).run(error, stops);
  double values[W], errors[W];
  M::store(value, values);
  M::store(error, errors);
  for (int lane = 0; lane < W; ++lane) {
    const double magnitude = abs(values[lane]);
    if (!(errors[lane] > tolerance * magnitude)) continue;  // NaN stays NaN
    for (int i = 0; i < n * n; ++i) one_matrix[i] = b[i * W + lane];
    values[lane] = single_permanent<R>(one_matrix, n, rest, stops);
  }
  return {M::load(values) / factor, exponent};
}

// Large permanents of float matrices are computed in double: Glynn's sum cancels.
template <class R>
struct Widened {
  using Type = R;
};
template <>
struct Widened<float> {
  using Type = double;
};
template <int W>
struct Widened<Vec<float, W>> {
  using Type = Vec<double, W / 2>;
};

}  // namespace detail

// ---- the interface ---------------------------------------------------------------------------

// Bytes of scratch for permanents of n x n matrices, n <= max_permanent_size. Above subset_limit
// most of it is the table for matrices that Glynn's sum is too inaccurate for: it is not touched
// otherwise, so leave it uninitialised.
template <class R>
SYMKERNEL_HD std::int64_t permanent_scratch(int n) {
  constexpr std::int64_t bytes = sizeof(Scalar<R>) * InMemory<R>::width;
  if (n > subset_limit) {
    using Wide = typename detail::Widened<R>::Type;
    const std::int64_t copy = sizeof(Scalar<R>) == 8 ? 0 : n * n * InMemory<Wide>::width;
    return 8 * (copy + detail::large_permanent_scratch<Wide>(n));
  }
  return bytes * ((n > 4 ? std::int64_t(1) << n : 0) + static_cast<std::int64_t>(n + 2) * n);
}

// Bytes of scratch for permanent_and_minors, n <= max_permanent_gradient_size.
template <class R>
SYMKERNEL_HD std::int64_t permanent_gradient_scratch(int n) {
  constexpr std::int64_t bytes = sizeof(Scalar<R>) * InMemory<R>::width;
  return bytes * ((std::int64_t(2) << n) + static_cast<std::int64_t>(n + 2) * n);
}

// The permanent of a[n][n] in every lane. n 2^(n-1) multiply-adds up to subset_limit, as many
// additions and multiplications above. 64-byte aligned scratch is fastest. Where stops() says true
// on the way, the result is void.
template <class R, class Stops = NeverStops>
SYMKERNEL_HD ScaledPermanent<R> permanent(const Scalar<R>* a, int n, void* scratch,
                                          const Stops& stops = Stops()) {
  using T = Scalar<R>;
  using M = InMemory<R>;
  if (n <= subset_limit) {
    const std::int64_t table_size = n > 4 ? (std::int64_t(1) << n) * M::width : 0;
    T* table = static_cast<T*>(scratch);
    const R value = permanent_by_subsets<R>(a, n, table, stops);
    if (!detail::range_is_short<R>(a, n, value)) return {value, R(T(0))};
    T* b = table + table_size;
    T* row = b + n * n * M::width;
    T* column = row + n * M::width;
    equilibrate<R>(a, n, detail::equilibrate_rounds, b, row, column);
    const R scaled = permanent_by_subsets<R>(b, n, table, stops);
    return {scaled, detail::scaling_exponent<R>(row, column, n)};
  }
  if constexpr (sizeof(T) == 8) {
    const double tolerance = n <= 20 ? 5e-14 : 1e-13;
    return detail::large_permanent<R>(a, n, tolerance, static_cast<double*>(scratch), stops);
  } else {
    using Wide = typename detail::Widened<R>::Type;
    constexpr int W = InMemory<Wide>::width;
    double* copy = static_cast<double*>(scratch);
    T values[M::width], exponents[M::width];
    for (int part = 0; part < M::width; part += W) {
      for (int i = 0; i < n * n; ++i) {
        for (int lane = 0; lane < W; ++lane)
          copy[i * W + lane] = static_cast<double>(a[i * M::width + part + lane]);
      }
      const ScaledPermanent<Wide> p =
          detail::large_permanent<Wide>(copy, n, 1e-8, copy + n * n * W, stops);
      // To the range of float: the exponent takes what the value cannot hold.
      const Wide shift = magnitude_exponent(abs(p.value));
      double wide[2][W];
      InMemory<Wide>::store(scale_far(p.value, -shift), wide[0]);
      InMemory<Wide>::store(p.exponent + shift, wide[1]);
      for (int lane = 0; lane < W; ++lane) {
        values[part + lane] = static_cast<T>(wide[0][lane]);
        exponents[part + lane] = static_cast<T>(wide[1][lane]);
      }
    }
    return {M::load(values), M::load(exponents)};
  }
}

// The same with the permanents of all minors: gradient[i][j] = d per(a) / d a[i][j], to be scaled
// by 2^exponent like the value (and clipped to the range of the type, which matters only where
// a[i][j] itself is below it). By the subset recurrence, 3 n 2^(n-1) multiply-adds.
template <class R, class Stops = NeverStops>
SYMKERNEL_HD ScaledPermanent<R> permanent_and_minors(const Scalar<R>* a, int n, void* scratch,
                                                     Scalar<R>* gradient,
                                                     const Stops& stops = Stops()) {
  using T = Scalar<R>;
  using M = InMemory<R>;
  T* table = static_cast<T*>(scratch);
  const R value = permanent_and_minors_by_subsets<R>(a, n, table, gradient, stops);
  if (!detail::range_is_short<R>(a, n, value)) return {value, R(T(0))};
  T* b = table + (std::int64_t(2) << n) * M::width;
  T* row = b + n * n * M::width;
  T* column = row + n * M::width;
  equilibrate<R>(a, n, detail::equilibrate_rounds, b, row, column);
  const R scaled = permanent_and_minors_by_subsets<R>(b, n, table, gradient, stops);
  const R most(sizeof(T) == 8 ? T(1e307) : T(1e38f));
  for (int i = 0; i < n; ++i) {
    for (int j = 0; j < n; ++j) {
      T* g = gradient + (i * n + j) * M::width;
      const R e = M::load(row + i * M::width) + M::load(column + j * M::width);
      M::store(at_most(most, at_least(-most, scale_far(M::load(g), e))), g);
    }
  }
  return {scaled, detail::scaling_exponent<R>(row, column, n)};
}

SYMKERNEL_END_NAMESPACE
