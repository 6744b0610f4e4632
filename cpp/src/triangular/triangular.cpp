#include "triangular/triangular.hpp"

#include <algorithm>
#include <cstring>

#include "buffer.hpp"
#include "engine/engine.hpp"
#include "symkernel/error.hpp"

namespace symkernel {

extern const TriangularEngine baseline_triangular;
#if defined(SYMKERNEL_X86_ENGINES)
extern const TriangularEngine avx2_triangular, avx512_triangular;
#endif

const TriangularEngine& triangular_engine() {
#if defined(SYMKERNEL_X86_ENGINES)
  for (const TriangularEngine* engine : {&avx512_triangular, &avx2_triangular}) {
    if (std::strcmp(engine->isa, current_isa()) == 0) return *engine;
  }
#endif
  return baseline_triangular;
}

namespace {

// Numbers of the panels of a task: half a megabyte, for the second-level cache; and how many panels
// there are at least, for each of which the whole triangle is read otherwise.
constexpr std::int64_t task_entries = std::int64_t(1) << 16, least_panels = 4;

}  // namespace

void solve_triangular(const TriangularJob& job, int n_threads, StopToken& token) {
  for (std::int64_t i = 0; i < job.size; ++i)
    require(job.triangle[i * job.size + i] != 0, "the diagonal of the triangle has a zero");
  if (job.size == 0 || job.count == 0) return;
  const TriangularEngine& engine = triangular_engine();
  const int threads = resolve_threads(n_threads);
  const std::int64_t panels = (job.count + engine.width - 1) / engine.width;
  const std::int64_t most =
      std::max<std::int64_t>(least_panels, task_entries / (job.size * engine.width));
  const std::int64_t groups =
      std::max<std::int64_t>(1, std::min(most, (panels + 2 * threads - 1) / (2 * threads)));
  Buffer<double> packed(engine.packed_size(job.size));
  engine.pack(job, packed.data());
  // A page apart, so that threads never share a line.
  const std::int64_t size = (engine.scratch_size(job.size, groups) + 512 + 63) / 64 * 64;
  Buffer<double> scratch(size * threads);
  auto body = [&](std::int64_t task, int thread) {
    engine.run(job, packed.data(), task * groups * engine.width, groups,
               scratch.data() + thread * size);
  };
  parallel_for((panels + groups - 1) / groups, threads, token, body);
  if (token.stopped()) throw Interrupted();
}

}  // namespace symkernel
