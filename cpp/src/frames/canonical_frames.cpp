#include "frames/canonical_frames.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <vector>

#include "buffer.hpp"
#include "engine/engine.hpp"
#include "frames/labelled_frame.hpp"
#include "symkernel/error.hpp"

namespace symkernel {

extern const FrameEngines baseline_frames;
#if defined(SYMKERNEL_X86_ENGINES)
extern const FrameEngines avx2_frames, avx512_frames;
#endif

const FrameEngines& frame_engines() {
#if defined(SYMKERNEL_X86_ENGINES)
  for (const FrameEngines* engines : {&avx512_frames, &avx2_frames}) {
    if (std::strcmp(engines->isa, current_isa()) == 0) return *engines;
  }
#endif
  return baseline_frames;
}

namespace {

template <class T>
FrameEngine<T> engine_of(const FrameEngines& engines);
template <>
FrameEngine<double> engine_of<double>(const FrameEngines& engines) {
  return engines.f64;
}
template <>
FrameEngine<float> engine_of<float>(const FrameEngines& engines) {
  return engines.f32;
}

// Numbers of scratch memory of one thread, enough for the widest instruction set.
std::int64_t scratch_size(std::int64_t points, std::int64_t d) {
  return 8 * (2 * points * d + 2 * d * d + d + 1);
}

// Clouds per task: a task takes some tens of microseconds.
constexpr std::int64_t clouds_per_task = 256;

}  // namespace

template <class T>
void moment_frames(const FrameJob<T>& job, int n_threads, StopToken& token) {
  const int threads = resolve_threads(n_threads);
  std::vector<Buffer<double>> scratch(static_cast<std::size_t>(threads));
  for (Buffer<double>& one : scratch) one = Buffer<double>(scratch_size(job.points, job.dim));
  const FrameEngine<T> engine = engine_of<T>(frame_engines());
  auto body = [&](std::int64_t task, int thread) {
    const std::int64_t first = task * clouds_per_task;
    engine(job, first, std::min(first + clouds_per_task, job.count),
           scratch[static_cast<std::size_t>(thread)].data());
  };
  parallel_for((job.count + clouds_per_task - 1) / clouds_per_task, threads, token, body);
  if (token.stopped()) throw Interrupted();
}

template <class T>
void labelled_frames(const FrameJob<T>& job, FrameMethod method, int n_threads, StopToken& token) {
  if (method == FrameMethod::moment) {
    moment_frames(job, n_threads, token);
  } else {
    std::fill(job.undecided, job.undecided + job.count, std::uint8_t{1});
    std::fill(job.margins, job.margins + job.count, std::numeric_limits<double>::infinity());
  }
  auto body = [&](std::int64_t task, int) {
    const std::int64_t first = task * clouds_per_task;
    for (std::int64_t i = first; i < std::min(first + clouds_per_task, job.count); ++i) {
      if (job.undecided[i] == 0) continue;
      const Cloud cloud = read_cloud(job, i);
      double margin = 0;
      int rank = 0;
      const std::vector<double> axes = labelled_frame(cloud, job.weights, job.proper, margin, rank);
      write_cloud(job, i, cloud, axes, coordinates(cloud, axes));
      job.margins[i] = std::min(job.margins[i], margin);
      job.ranks[i] = rank;
    }
  };
  parallel_for((job.count + clouds_per_task - 1) / clouds_per_task, resolve_threads(n_threads),
               token, body);
  if (token.stopped()) throw Interrupted();
}

template void moment_frames<double>(const FrameJob<double>&, int, StopToken&);
template void moment_frames<float>(const FrameJob<float>&, int, StopToken&);
template void labelled_frames<double>(const FrameJob<double>&, FrameMethod, int, StopToken&);
template void labelled_frames<float>(const FrameJob<float>&, FrameMethod, int, StopToken&);

}  // namespace symkernel
