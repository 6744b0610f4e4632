// Writes blocks of a matrix that lie in a core's cache to where they belong.
#pragma once

#include <cstdint>

#include "joint/jobs.hpp"
#include "symkernel/config.hpp"

SYMKERNEL_BEGIN_NAMESPACE

SYMKERNEL_INLINE void put(const BlockTarget& t, double* to, double value) {
  *to = t.add ? *to + value : value;
}

// The block's rows from `row` and columns from `column` on, as far as they lie in the lower
// triangle. The first half of the matrix's columns is stored by columns, the rest by rows.
inline void write_packed(const BlockTarget& t, std::int64_t row, std::int64_t rows,
                         std::int64_t column, std::int64_t columns, const double* from,
                         std::int64_t step) {
  const std::int64_t half = (t.n + 1) / 2, stride = t.n | 1, even = 1 - t.n % 2;
  std::int64_t whole = half - column;
  whole = whole < 0 ? 0 : whole > columns ? columns : whole;
  for (std::int64_t k = 0; k < whole; ++k) {
    double* to = t.data + (column + k) * stride + even + row;
    const std::int64_t above = column + k - row;
    for (std::int64_t r = above > 0 ? above : 0; r < rows; ++r) put(t, to + r, from[k * step + r]);
  }
  for (std::int64_t r = 0; r < rows; ++r) {
    const std::int64_t left = row + r + 1 - column, end = left < columns ? left : columns;
    if (end <= whole) continue;
    double* to = t.data + (row + r - half + 1 - even) * stride + column - half;
    for (std::int64_t k = whole; k < end; ++k) put(t, to + k, from[k * step + r]);
  }
}

// Writes a block with from[k * step + r] in row r, column k.
inline void write_block(const BlockTarget& t, std::int64_t row, std::int64_t rows,
                        std::int64_t column, std::int64_t columns, const double* from,
                        std::int64_t step) {
  if (t.packed) return write_packed(t, row, rows, column, columns, from, step);
  for (std::int64_t r = 0; r < rows; ++r) {
    double* to = t.data + (row + r) * t.stride + column;
    for (std::int64_t k = 0; k < columns; ++k) put(t, to + k, from[k * step + r]);
  }
}

SYMKERNEL_END_NAMESPACE
