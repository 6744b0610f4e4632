// The contract between the host side of joint operators (memory, threads) and the engines (one per
// instruction set). Plain data only.
#pragma once

#include <cstdint>

#include "symkernel/radial_kernel.hpp"

namespace symkernel {

// Where blocks of a matrix go: a rectangle of `stride` numbers a row, or the lower triangle of a
// matrix of n rows in LAPACK's rectangular full packed form (column-major, TRANSR = 'N', UPLO =
// 'L').
struct BlockTarget {
  double* data = nullptr;
  bool packed = false;
  std::int64_t n = 0;                // rows of the packed matrix
  std::int64_t stride = 0;           // of the rectangle
  std::int64_t row = 0, column = 0;  // where the block of the first samples begins
  bool add = false;
};

// Numbers for all components, whose rows are `padded` apart, filled up with zeros.
struct MetricsJob {
  RadialKernel kernel = RadialKernel::rbf;
  double parameter = 0;
  std::int64_t components = 0, features = 0, padded = 0;
  const double* metrics = nullptr;
  const double* amplitudes = nullptr;
};

// A panel holds `lanes` samples feature by feature: panels[(panel * features + q) * lanes + lane].
struct FieldJob : MetricsJob {
  std::int64_t n_panels = 0;
  const double* y = nullptr;       // panels
  const double* slopes = nullptr;  // b, panels
  const double* values = nullptr;  // a, (n_panels * lanes), 0 beyond the last sample
};

struct FieldRange {
  const double* images = nullptr;  // (order, p) of one sample
  std::int64_t order = 0;
  std::int64_t first_panel = 0, last_panel = 0;
};

// What contraction adds up, without amplitudes: of all components F, and derivatives in metrics.
struct ContractRange : FieldRange {
  double a = 0;
  const double* b = nullptr;  // (order, p), moved with the sample
};

struct PairJob : MetricsJob {
  std::int64_t order = 0;
  const double* images = nullptr;        // (n, order, padded)
  const double* x_directions = nullptr;  // panels (n, order, p, x_padded), or null
  std::int64_t r = 1, x_padded = 0;
  const double* y = nullptr;             // (m, padded)
  const double* y_directions = nullptr;  // (m, s, p), or null
  std::int64_t s = 1, y_padded = 0;
  std::int64_t first = -1;
  BlockTarget target;
};

struct PairRange {
  std::int64_t first_x = 0, last_x = 0, first_y = 0, last_y = 0;
};

struct JointEngine {
  const char* isa;
  std::int64_t width;  // numbers in a vector: panels are padded to it
  std::int64_t lanes;  // samples in a panel of a FieldJob

  // Adds to *value and, unless null, gradient (order, p).
  std::int64_t (*apply_scratch)(const FieldJob& job, std::int64_t order);
  void (*apply)(const FieldJob& job, const FieldRange& range, double* value, double* gradient,
                double* scratch);

  // Adds to totals (C + C p): F of every component, then the derivatives in its metric.
  std::int64_t (*contract_scratch)(const FieldJob& job);
  void (*contract)(const FieldJob& job, const ContractRange& range, double* totals,
                   double* scratch);

  // Samples of y that are taken together.
  std::int64_t (*pair_tile)(const PairJob& job);
  std::int64_t (*pairs_scratch)(const PairJob& job);
  void (*pairs)(const PairJob& job, const PairRange& range, double* scratch);
};

// The engine of the instruction set in use.
const JointEngine& joint_engine();

}  // namespace symkernel
