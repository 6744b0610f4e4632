// Sums of modes over orbits, evaluated at samples in blocks of rows.
#pragma once

#include <cstdint>

#include "parallel.hpp"
#include "symkernel/mode_orbits.hpp"
#include "symkernel/view.hpp"

namespace symkernel {

/// What is summed: mode k adds weight[k] times its real part to column real[k], and, for Fourier
/// modes, times its imaginary part to column imaginary[k]; -1 for no column.
struct ModeSums {
  MatrixView<const Letter> words;  // neighbours should share prefixes: lexicographic order
  const double* weight = nullptr;
  const std::int32_t* real = nullptr;
  const std::int32_t* imaginary = nullptr;  // null for monomials
  std::int32_t largest = 1;                 // exponents are at most this in size
  double frequency = 0.0;                   // w of exp(i w e x); unused for monomials
};

/// out(row, column) = sum of weighted modes at X(row, :). Every column of `out` is written.
/// Time rows * modes: a word costs one product for each letter that its predecessor lacks.
void mode_sums(const ModeSums& sums, MatrixView<const double> X, MatrixView<double> out,
               int n_threads, StopToken& token);

}  // namespace symkernel
