#include "pairs.hpp"

#include <algorithm>
#include <vector>

#include "buffer.hpp"
#include "symkernel/error.hpp"

namespace symkernel {

namespace {

std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

// Runs `tasks` tasks with scratch of `numbers` numbers for each thread.
template <class Task>
void share_out(std::int64_t tasks, std::int64_t numbers, int n_threads, StopToken& token,
               const Task& task) {
  const int threads = resolve_threads(n_threads);
  // whole cache lines, and more than one apart, so that threads never share a line
  const std::int64_t size = ceil_div(numbers, 64) * 64 + 512;
  Buffer<double> scratch(size * threads);
  auto body = [&](std::int64_t index, int thread) {
    task(index, scratch.data() + thread * size, thread);
  };
  parallel_for(tasks, threads, token, body);
  if (token.stopped()) throw Interrupted();
}

void require_pairs(const PairJob& job) {
  require(job.points > 0 && job.dimension > 0, "there must be points and coordinates");
  require(!job.paired || job.n == job.m, "pairs of rows need as many rows of y as of x");
}

}  // namespace

void match_points(const MatchJob& request, int n_threads, StopToken& token) {
  MatchJob job = request;
  require_pairs(job);
  require(job.n_matrices > 0, "there must be at least one matrix");
  std::int64_t points = 0;
  for (std::int64_t b = 0; b < job.n_blocks; ++b) {
    require(job.blocks[b] > 0, "blocks must have points");
    points += job.blocks[b];
    job.largest_block = std::max(job.largest_block, job.blocks[b]);
  }
  require(points == job.points, "blocks must add up to the points of a sample");
  job.token = &token;
  const PairEngine& engine = pair_engine();
  const double cubes = static_cast<double>(job.largest_block) * job.largest_block *
                       job.largest_block * job.n_blocks * job.n_matrices *
                       static_cast<double>(job.paired ? 1 : std::max<std::int64_t>(1, job.m));
  const auto rows = std::max<std::int64_t>(1, static_cast<std::int64_t>(1e6 / cubes));
  share_out(ceil_div(job.n, rows), engine.match_scratch(job), n_threads, token,
            [&](std::int64_t index, double* scratch, int thread) {
              engine.match(job, index * rows, std::min(job.n, (index + 1) * rows), scratch, thread);
            });
}

void rotate_points(const RotationJob& request, int n_threads, StopToken& token) {
  RotationJob job = request;
  require_pairs(job);
  require(job.dimension == 2 || job.dimension == 3, "points must have two or three coordinates");
  require(job.n_rows > 0, "there must be at least one row permutation");
  std::vector<std::int64_t> seen(static_cast<std::size_t>(job.points), -1);
  for (std::int64_t at = 0; at < job.n_rows * job.points; ++at) {
    const std::int32_t i = job.rows[at];
    const std::int64_t row = at / job.points;
    require(i >= 0 && i < job.points && seen[static_cast<std::size_t>(i)] != row,
            "every row of rows must be a permutation of the points");
    seen[static_cast<std::size_t>(i)] = row;
  }
  job.token = &token;
  const PairEngine& engine = pair_engine();
  share_out(
      ceil_div(job.m, engine.width), engine.rotation_scratch(job), n_threads, token,
      [&](std::int64_t q, double* scratch, int thread) { engine.rotate(job, q, scratch, thread); });
}

}  // namespace symkernel
