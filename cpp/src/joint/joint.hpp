// Values and derivatives of K(x, y) = sum_g sum_c amplitude_c phi(s), s = sum_q W_cq (gx - y)_q^2,
// of samples whose images gx are given: blocks of their covariances, sums over them, and the
// derivatives of sums in W and the amplitudes.
#pragma once

#include <cstdint>

#include "buffer.hpp"
#include "joint/jobs.hpp"
#include "parallel.hpp"
#include "symkernel/view.hpp"

namespace symkernel {

// Metrics W (C, p), not negative, with amplitudes (C).
struct JointComponents {
  RadialKernel kernel;
  double parameter;
  MatrixView<const double> metrics;
  const double* amplitudes;
};

// The function sum_j [a_j + b_j . grad_y] K(x, y_j), packed for many calls.
class JointFields {
 public:
  // y and b have shape (m, p).
  JointFields(const JointComponents& components, MatrixView<const double> y, const double* a,
              const double* b);

  std::int64_t features() const { return job_.features; }
  std::int64_t components() const { return job_.components; }

  // Values (n) at samples of which images (n, order, p) are given, and gradients (n, order, p) in
  // the places of the images unless null. The result doesn't depend on the number of threads.
  void apply(const double* images, std::int64_t n, std::int64_t order, double* values,
             double* gradients, int n_threads, StopToken& token) const;

  // F = sum_i [a_i + b_i . grad_x] of the function at x_i, its derivatives in the metrics (C, p)
  // and the amplitudes (C), for b moved with the samples (n, order, p).
  double contract(const double* images, const double* a, const double* b, std::int64_t n,
                  std::int64_t order, double* metrics, double* amplitudes, int n_threads,
                  StopToken& token) const;

 private:
  FieldJob job_;
  const JointEngine* engine_;
  Buffer<double> panels_, slopes_, values_, metrics_, amplitudes_;
};

// Samples on both sides of a block. x_i has images (order, p) and directions moved with it
// (order, r, p), y_j has directions (s, p); null where values are meant and r or s is 1.
struct JointSides {
  MatrixView<const double> images;  // (n, order p)
  const double* x_directions = nullptr;
  std::int64_t r = 1;
  MatrixView<const double> y;  // (m, p)
  const double* y_directions = nullptr;
  std::int64_t s = 1;
  std::int64_t order = 1;
};

// Writes covariances (n r, m s) to the target. Where `first` is not negative x_i is y_{first + i},
// and pairs with j > first + i are left out.
void joint_blocks(const JointComponents& components, const JointSides& sides,
                  const BlockTarget& target, std::int64_t first, int n_threads, StopToken& token);

}  // namespace symkernel
