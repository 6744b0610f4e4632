// Triangular systems with many right sides: what the engines of the instruction sets are given, and
// how they are found.
#pragma once

#include <cstdint>

#include "parallel.hpp"

namespace symkernel {

// L z = k for every column of k, in its place.
struct TriangularJob {
  const double* triangle = nullptr;  // (size, size), lower; what is above the diagonal is not read
  std::int64_t size = 0;
  double* columns = nullptr;  // (size, count)
  std::int64_t count = 0;
};

struct TriangularEngine {
  const char* isa;
  std::int64_t width;  // columns solved for side by side
  // Numbers of the triangle in the order in which it is read.
  std::int64_t (*packed_size)(std::int64_t size);
  void (*pack)(const TriangularJob& job, double* packed);
  // Numbers of scratch for `groups` times width columns.
  std::int64_t (*scratch_size)(std::int64_t size, std::int64_t groups);
  // Solves for `groups` times width columns from the first on, or as many as there are.
  void (*run)(const TriangularJob& job, const double* packed, std::int64_t first,
              std::int64_t groups, double* scratch);
};

// The engine of the instruction set in use.
const TriangularEngine& triangular_engine();

// Throws std::invalid_argument where the diagonal has a zero.
void solve_triangular(const TriangularJob& job, int n_threads, StopToken& token);

}  // namespace symkernel
