#include "mode_sums.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "symkernel/error.hpp"

namespace symkernel {

namespace {

// Rows in one block: powers, partial products and sums of a block stay in cache.
constexpr std::int64_t kRows = 32;

// prefix[k]: letters that word k shares with word k - 1.
std::vector<std::int32_t> shared_prefixes(MatrixView<const Letter> words) {
  std::vector<std::int32_t> prefix(static_cast<std::size_t>(words.rows), 0);
  for (std::int64_t k = 1; k < words.rows; ++k) {
    const Letter* last = words.row(k - 1);
    const Letter* word = words.row(k);
    std::int32_t shared = 0;
    while (shared < words.columns && word[shared] >= 0 && word[shared] == last[shared]) ++shared;
    prefix[static_cast<std::size_t>(k)] = shared;
  }
  return prefix;
}

// Scratch of one thread: `parts` is 1 for real modes, 2 for complex ones.
struct Scratch {
  std::vector<double> powers, partial, sums;
};

void monomial_powers(const double* x, std::int64_t columns, std::int32_t largest, double* powers) {
  for (std::int64_t c = 0; c < columns; ++c) {
    for (std::int32_t e = 0; e < largest; ++e) {
      double* now = powers + (c * largest + e) * kRows;
      for (std::int64_t r = 0; r < kRows; ++r) {
        now[r] = x[c * kRows + r] * (e == 0 ? 1.0 : now[r - kRows]);
      }
    }
  }
}

// exp(i w e x) for e = -largest..-1, 1..largest; each from its own cos and sin, to full accuracy.
void fourier_powers(const double* x, std::int64_t columns, std::int32_t largest, double frequency,
                    double* powers) {
  for (std::int64_t c = 0; c < columns; ++c) {
    for (std::int32_t e = 1; e <= largest; ++e) {
      double* plus = powers + (c * 2 * largest + largest + e - 1) * 2 * kRows;
      double* minus = powers + (c * 2 * largest + largest - e) * 2 * kRows;
      for (std::int64_t r = 0; r < kRows; ++r) {
        const double angle = frequency * e * x[c * kRows + r];
        plus[r] = minus[r] = std::cos(angle);
        plus[kRows + r] = std::sin(angle);
        minus[kRows + r] = -plus[kRows + r];
      }
    }
  }
}

void multiply(const double* a, const double* b, double* out) {
  for (std::int64_t r = 0; r < kRows; ++r) out[r] = a[r] * b[r];
}

void multiply_complex(const double* a, const double* b, double* out) {
  const double *ai = a + kRows, *bi = b + kRows;
  double* outi = out + kRows;
  for (std::int64_t r = 0; r < kRows; ++r) {
    const double re = a[r] * b[r] - ai[r] * bi[r];
    outi[r] = a[r] * bi[r] + ai[r] * b[r];
    out[r] = re;
  }
}

void add(double weight, const double* value, double* sum) {
  for (std::int64_t r = 0; r < kRows; ++r) sum[r] += weight * value[r];
}

}  // namespace

void mode_sums(const ModeSums& sums, MatrixView<const double> X, MatrixView<double> out,
               int n_threads, StopToken& token) {
  const bool fourier = sums.imaginary != nullptr;
  const std::int64_t parts = fourier ? 2 : 1;
  const std::int64_t lane = parts * kRows;
  const std::int64_t powers = fourier ? 2 * sums.largest : sums.largest;
  const auto prefix = shared_prefixes(sums.words);
  std::vector<Scratch> scratch(static_cast<std::size_t>(std::max(n_threads, 1)));
  auto block = [&](std::int64_t task, int thread) {
    Scratch& own = scratch[static_cast<std::size_t>(thread)];
    const std::int64_t start = task * kRows;
    const std::int64_t rows = std::min(kRows, X.rows - start);
    own.sums.assign(static_cast<std::size_t>((out.columns + X.columns) * kRows), 0.0);
    own.powers.resize(static_cast<std::size_t>(X.columns * powers * lane));
    own.partial.resize(static_cast<std::size_t>((sums.words.columns + 1) * lane));
    double* x = own.sums.data() + out.columns * kRows;
    for (std::int64_t r = 0; r < rows; ++r) {
      for (std::int64_t c = 0; c < X.columns; ++c) x[c * kRows + r] = X(start + r, c);
    }
    if (fourier) {
      fourier_powers(x, X.columns, sums.largest, sums.frequency, own.powers.data());
    } else {
      monomial_powers(x, X.columns, sums.largest, own.powers.data());
    }
    double* partial = own.partial.data();  // partial + j * lane: product of the first j letters
    std::fill(partial, partial + kRows, 1.0);
    std::fill(partial + kRows, partial + lane, 0.0);
    for (std::int64_t k = 0; k < sums.words.rows; ++k) {
      if (k % 8192 == 0) {
        token.poll(thread);
        if (token.stopped()) return;
      }
      const Letter* word = sums.words.row(k);
      std::int64_t j = prefix[static_cast<std::size_t>(k)];
      for (; j < sums.words.columns && word[j] >= 0; ++j) {
        const double* factor = own.powers.data() + word[j] * lane;
        double* next = partial + (j + 1) * lane;
        if (fourier) {
          multiply_complex(next - lane, factor, next);
        } else {
          multiply(next - lane, factor, next);
        }
      }
      const double* value = partial + j * lane;
      if (sums.real[k] >= 0) {
        add(sums.weight[k], value, own.sums.data() + sums.real[k] * kRows);
      }
      if (fourier && sums.imaginary[k] >= 0) {
        add(sums.weight[k], value + kRows, own.sums.data() + sums.imaginary[k] * kRows);
      }
    }
    for (std::int64_t r = 0; r < rows; ++r) {
      double* row = out.row(start + r);
      for (std::int64_t c = 0; c < out.columns; ++c) row[c] = own.sums[c * kRows + r];
    }
  };
  parallel_for((X.rows + kRows - 1) / kRows, n_threads, token, block);
  if (token.stopped()) throw Interrupted();
}

}  // namespace symkernel
