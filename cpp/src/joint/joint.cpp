#include "joint/joint.hpp"

#include <algorithm>
#include <cstring>
#include <vector>

#include "engine/engine.hpp"
#include "symkernel/error.hpp"

namespace symkernel {

extern const JointEngine baseline_joint;
#if defined(SYMKERNEL_X86_ENGINES)
extern const JointEngine avx2_joint, avx512_joint;
#endif

const JointEngine& joint_engine() {
#if defined(SYMKERNEL_X86_ENGINES)
  for (const JointEngine* engine : {&avx512_joint, &avx2_joint}) {
    if (std::strcmp(engine->isa, current_isa()) == 0) return *engine;
  }
#endif
  return baseline_joint;
}

namespace {

// Multiply-adds of a task: tens of microseconds, and a few milliseconds for one that nobody waits
// for to begin another.
constexpr double small_task = 1 << 20, large_task = 1 << 25;
// Parts that a sum is made of, whatever the number of threads.
constexpr std::int64_t most_parts = 64;
// Samples of x that share what a tile of y prepares.
constexpr std::int64_t samples_of_task = 8;

std::int64_t round_up(std::int64_t n, std::int64_t unit) { return (n + unit - 1) / unit * unit; }

std::int64_t parts_of(double work, double of_part, std::int64_t most) {
  const double wanted = std::min(work / of_part, static_cast<double>(most));
  return std::max<std::int64_t>(1, static_cast<std::int64_t>(wanted));
}

// Rows with zeros after them.
Buffer<double> padded_rows(MatrixView<const double> rows, std::int64_t padded) {
  Buffer<double> out(rows.rows * padded);
  for (std::int64_t i = 0; i < rows.rows; ++i)
    std::copy_n(rows.row(i), rows.columns, out.data() + i * padded);
  return out;
}

std::vector<Buffer<double>> scratch_of(int threads, std::int64_t size) {
  std::vector<Buffer<double>> all(static_cast<std::size_t>(threads));
  for (Buffer<double>& one : all) one = Buffer<double>(size);
  return all;
}

void fill_metrics(MetricsJob& job, const JointComponents& c, std::int64_t padded,
                  const double* metrics, const double* amplitudes) {
  job.kernel = c.kernel;
  job.parameter = c.parameter;
  job.components = c.metrics.rows;
  job.features = c.metrics.columns;
  job.padded = padded;
  job.metrics = metrics;
  job.amplitudes = amplitudes;
}

void add_to(double* total, const double* part, std::int64_t n) {
  for (std::int64_t k = 0; k < n; ++k) total[k] += part[k];
}

}  // namespace

JointFields::JointFields(const JointComponents& components, MatrixView<const double> y,
                         const double* a, const double* b)
    : engine_(&joint_engine()) {
  const std::int64_t p = y.columns, lanes = engine_->lanes;
  const std::int64_t n_panels = (y.rows + lanes - 1) / lanes;
  const std::int64_t padded = round_up(p, engine_->width);
  metrics_ = padded_rows(components.metrics, padded);
  amplitudes_ =
      padded_rows({components.amplitudes, 1, components.metrics.rows}, components.metrics.rows);
  panels_ = Buffer<double>(n_panels * p * lanes);
  slopes_ = Buffer<double>(n_panels * p * lanes);
  values_ = Buffer<double>(n_panels * lanes);
  // Lanes beyond the last sample have coefficients of zero, and its features: no overflow there.
  for (std::int64_t j = 0; j < n_panels * lanes; ++j) {
    const double* row = y.row(std::min(j, y.rows - 1));
    const std::int64_t at = j / lanes * p * lanes + j % lanes;
    for (std::int64_t q = 0; q < p; ++q) panels_[at + q * lanes] = row[q];
    if (j >= y.rows) continue;
    for (std::int64_t q = 0; q < p; ++q) slopes_[at + q * lanes] = b[j * p + q];
    values_[j] = a[j];
  }
  fill_metrics(job_, components, padded, metrics_.data(), amplitudes_.data());
  job_.n_panels = n_panels;
  job_.y = panels_.data();
  job_.slopes = slopes_.data();
  job_.values = values_.data();
}

void JointFields::apply(const double* images, std::int64_t n, std::int64_t order, double* values,
                        double* gradients, int n_threads, StopToken& token) const {
  const std::int64_t size = order * job_.features;
  std::fill_n(values, n, 0.0);
  if (gradients != nullptr) std::fill_n(gradients, n * size, 0.0);
  const int threads = resolve_threads(n_threads);
  const auto scratch = scratch_of(threads, engine_->apply_scratch(job_, order));
  const auto at = [&](std::int64_t i) {
    return gradients == nullptr ? nullptr : gradients + i * size;
  };
  const double work = 4.0 * static_cast<double>(size * job_.components) *
                      static_cast<double>(job_.n_panels * engine_->lanes);
  const bool split = n < most_parts ? work > small_task : work > large_task;
  if (!split) {
    const std::int64_t together =
        parts_of(large_task / 16, std::max(work, 1.0), std::max<std::int64_t>(1, n));
    auto body = [&](std::int64_t task, int thread) {
      const std::int64_t end = std::min(n, (task + 1) * together);
      for (std::int64_t i = task * together; i < end; ++i)
        engine_->apply(job_, {images + i * size, order, 0, job_.n_panels}, values + i, at(i),
                       scratch[static_cast<std::size_t>(thread)].data());
    };
    parallel_for((n + together - 1) / together, threads, token, body);
    if (token.stopped()) throw Interrupted();
    return;
  }
  // One sample after the other, the function in parts.
  const std::int64_t parts = std::min(job_.n_panels, parts_of(work, small_task, most_parts));
  const std::int64_t kept = round_up(1 + (gradients == nullptr ? 0 : size), 8);
  Buffer<double> sums(parts * kept);
  for (std::int64_t i = 0; i < n; ++i) {
    auto body = [&](std::int64_t part, int thread) {
      double* sum = sums.data() + part * kept;
      std::fill_n(sum, kept, 0.0);
      engine_->apply(job_,
                     {images + i * size, order, job_.n_panels * part / parts,
                      job_.n_panels * (part + 1) / parts},
                     sum, gradients == nullptr ? nullptr : sum + 1,
                     scratch[static_cast<std::size_t>(thread)].data());
    };
    parallel_for(parts, threads, token, body);
    if (token.stopped()) throw Interrupted();
    for (std::int64_t part = 0; part < parts; ++part) {
      values[i] += sums[part * kept];
      if (gradients != nullptr) add_to(at(i), sums.data() + part * kept + 1, size);
    }
  }
}

double JointFields::contract(const double* images, const double* a, const double* b, std::int64_t n,
                             std::int64_t order, double* metrics, double* amplitudes, int n_threads,
                             StopToken& token) const {
  const std::int64_t p = job_.features, count = job_.components, size = order * p;
  const std::int64_t kept = count * (1 + p);
  const int threads = resolve_threads(n_threads);
  const auto scratch = scratch_of(threads, engine_->contract_scratch(job_));
  const std::int64_t parts = std::min(n, most_parts);
  Buffer<double> sums(std::max<std::int64_t>(parts, 1) * round_up(kept, 8));
  auto body = [&](std::int64_t part, int thread) {
    for (std::int64_t i = n * part / parts; i < n * (part + 1) / parts; ++i) {
      for (std::int64_t g = 0; g < order; ++g) {  // element by element: interrupts are heard
        if (token.stopped()) return;
        ContractRange range;
        range.images = images + i * size + g * p;
        range.order = 1;
        range.last_panel = job_.n_panels;
        range.a = a[i];
        range.b = b + i * size + g * p;
        engine_->contract(job_, range, sums.data() + part * round_up(kept, 8),
                          scratch[static_cast<std::size_t>(thread)].data());
        token.poll(thread);
      }
    }
  };
  parallel_for(parts, threads, token, body);
  if (token.stopped()) throw Interrupted();
  double* total = sums.data();
  for (std::int64_t part = 1; part < parts; ++part)
    add_to(total, sums.data() + part * round_up(kept, 8), kept);
  double form = 0;
  for (std::int64_t c = 0; c < count; ++c) {
    amplitudes[c] = total[c];
    form += job_.amplitudes[c] * total[c];
    for (std::int64_t q = 0; q < p; ++q)
      metrics[c * p + q] = job_.amplitudes[c] * total[count + c * p + q];
  }
  return form;
}

void joint_blocks(const JointComponents& components, const JointSides& sides,
                  const BlockTarget& target, std::int64_t first, int n_threads, StopToken& token) {
  const JointEngine& engine = joint_engine();
  const std::int64_t p = components.metrics.columns, n = sides.images.rows, m = sides.y.rows;
  const std::int64_t order = sides.order, padded = round_up(p, engine.width);
  if (n == 0 || m == 0 || sides.r == 0 || sides.s == 0) return;
  const int threads = resolve_threads(n_threads);
  const Buffer<double> metrics = padded_rows(components.metrics, padded);
  const Buffer<double> images = padded_rows({sides.images.data, n * order, p}, padded);
  const Buffer<double> y = padded_rows(sides.y, padded);
  PairJob job;
  fill_metrics(job, components, padded, metrics.data(), components.amplitudes);
  job.order = order;
  job.images = images.data();
  job.y = y.data();
  job.y_directions = sides.y_directions;
  job.r = sides.r;
  job.s = sides.s;
  job.first = first;
  job.target = target;
  if (sides.y_directions != nullptr) job.y_padded = round_up(sides.s, engine.width);
  Buffer<double> panels;
  if (sides.x_directions != nullptr) {
    job.x_padded = round_up(sides.r, engine.width);
    panels = Buffer<double>(n * order * p * job.x_padded);
    job.x_directions = panels.data();
    auto pack = [&](std::int64_t i, int) {
      for (std::int64_t g = i * order; g < (i + 1) * order; ++g) {
        const double* in = sides.x_directions + g * sides.r * p;
        double* out = panels.data() + g * p * job.x_padded;
        for (std::int64_t r = 0; r < sides.r; ++r) {
          for (std::int64_t q = 0; q < p; ++q) out[q * job.x_padded + r] = in[r * p + q];
        }
      }
    };
    parallel_for(n, threads, token, pack);
  }
  const auto scratch = scratch_of(threads, engine.pairs_scratch(job));
  const std::int64_t tile = engine.pair_tile(job), tiles = (m + tile - 1) / tile;
  auto body = [&](std::int64_t task, int thread) {
    PairRange range;
    range.first_x = task / tiles * samples_of_task;
    range.last_x = std::min(n, range.first_x + samples_of_task);
    range.first_y = task % tiles * tile;
    range.last_y = std::min(m, range.first_y + tile);
    if (first >= 0 && range.first_y >= first + range.last_x) return;
    engine.pairs(job, range, scratch[static_cast<std::size_t>(thread)].data());
  };
  if (!token.stopped())
    parallel_for((n + samples_of_task - 1) / samples_of_task * tiles, threads, token, body);
  if (token.stopped()) throw Interrupted();
}

}  // namespace symkernel
