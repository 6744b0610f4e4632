#include "joint_rotations.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "buffer.hpp"
#include "symkernel/error.hpp"

namespace symkernel {

namespace {

std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

void require_parts(const JointJob& job) {
  require(job.dimension == 2 || job.dimension == 3, "points must have two or three coordinates");
  require(job.points > 0 && job.n_rows > 0, "there must be points and a row permutation");
  std::vector<std::int64_t> seen(static_cast<std::size_t>(job.points), -1);
  for (std::int64_t at = 0; at < job.n_rows * job.points; ++at) {
    const std::int32_t i = job.rows[at];
    const std::int64_t row = at / job.points;
    require(i >= 0 && i < job.points && seen[static_cast<std::size_t>(i)] != row,
            "every row of rows must be a permutation of the points");
    seen[static_cast<std::size_t>(i)] = row;
  }
  for (std::int64_t r = 0; r < job.n_rates; ++r)
    require(job.rates[r] > 0 && std::isfinite(job.rates[r]) && std::isfinite(job.weights[r]),
            "rates must be positive, and weights finite");
}

// A job with its samples in panels and its rates in order, and the memory for that.
struct Packed {
  JointJob job;
  Buffer<double> y, a, b, directions;
  std::vector<double> rates, weights;

  Packed(const JointJob& request, int width, StopToken& token) : job(request) {
    require_parts(job);
    const std::int64_t length = job.points * job.dimension;
    y = panels(job.y, length, width);
    job.y = y.data();
    if (job.a != nullptr) {
      a = panels(job.a, 1, width);
      b = panels(job.b, length, width);
      job.a = a.data();
      job.b = b.data();
    }
    if (job.mixed != nullptr) {
      directions = panels(job.directions_y, job.to * length, width);
      job.directions_y = directions.data();
    }
    std::vector<std::int64_t> order(static_cast<std::size_t>(job.n_rates));
    std::iota(order.begin(), order.end(), std::int64_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](std::int64_t i, std::int64_t j) { return job.rates[i] < job.rates[j]; });
    const double elements = static_cast<double>(job.n_rows * (job.reflections ? 2 : 1));
    for (const std::int64_t r : order) {
      rates.push_back(job.rates[r]);
      weights.push_back(job.weights[r] / elements);
    }
    job.rates = rates.data();
    job.weights = weights.data();
    job.token = &token;
  }

 private:
  Buffer<double> panels(const double* rows, std::int64_t length, int width) const {
    Buffer<double> to(ceil_div(job.m, width) * length * width);
    for (std::int64_t j = 0; j < job.m; ++j) {
      double* panel = to.data() + j / width * length * width + j % width;
      for (std::int64_t k = 0; k < length; ++k) panel[k * width] = rows[j * length + k];
    }
    return to;
  }
};

template <class Task>
void share_out(const JointJob& job, std::int64_t tasks, int n_threads, StopToken& token,
               const Task& task) {
  const int threads = resolve_threads(n_threads);
  // whole cache lines, and more than one apart, so that threads never share a line
  const std::int64_t size = ceil_div(pair_engine().joint_scratch(job), 64) * 64 + 512;
  Buffer<double> scratch(size * threads);
  auto body = [&](std::int64_t index, int thread) {
    task(index, scratch.data() + thread * size, thread);
    token.poll(thread);
  };
  parallel_for(tasks, threads, token, body);
  if (token.stopped()) throw Interrupted();
}

}  // namespace

void joint_field(const JointJob& request, int n_threads, StopToken& token) {
  const PairEngine& engine = pair_engine();
  const Packed packed(request, engine.width, token);
  share_out(packed.job, packed.job.n, n_threads, token,
            [&](std::int64_t i, double* scratch, int thread) {
              engine.joint_apply(packed.job, i, scratch, thread);
            });
}

void joint_blocks(const JointJob& request, int n_threads, StopToken& token) {
  const PairEngine& engine = pair_engine();
  const Packed packed(request, engine.width, token);
  const std::int64_t panels = ceil_div(packed.job.m, engine.width);
  share_out(packed.job, packed.job.n * panels, n_threads, token,
            [&](std::int64_t index, double* scratch, int) {
              engine.joint_block(packed.job, index / panels, index % panels, scratch);
            });
}

void joint_turns(const JointJob& request, int n_threads, StopToken& token) {
  constexpr std::int64_t rows = 16;  // of x at a time: enough to fill the pipes
  require(!request.symmetric || request.n == request.m, "y must be x where all is symmetric");
  const PairEngine& engine = pair_engine();
  const Packed packed(request, engine.width, token);
  const JointJob& job = packed.job;
  const std::int64_t panels = ceil_div(job.m, engine.width), strips = ceil_div(job.n, rows);
  share_out(job, strips * panels, n_threads, token, [&](std::int64_t index, double* scratch, int) {
    const std::int64_t first = index % strips * rows, last = std::min(first + rows, job.n);
    engine.joint_turns(job, first, last, index / strips, scratch);
  });
}

}  // namespace symkernel
