#include "segments.hpp"

#include "buffer.hpp"
#include "symkernel/error.hpp"

namespace symkernel {

namespace {

void check(const Segments& segments, std::int64_t length, const char* message) {
  bool whole = segments.offsets[0] == 0 && segments.offsets[segments.count] == length;
  for (std::int64_t s = 0; s < segments.count; ++s)
    whole = whole && segments.offsets[s] <= segments.offsets[s + 1];
  require(whole, message);
}

// Rows of a segment are added up first, whole rows at a time.
template <class T>
void add_row_segment(const SegmentJob<T>& job, std::int64_t i, double* total) {
  const std::int64_t begin = job.rows.offsets[i], end = job.rows.offsets[i + 1];
  const std::int64_t width = job.values.columns;
  if (begin == end) return;
  for (std::int64_t c = 0; c < width; ++c) total[c] = job.values.data[begin * width + c];
  for (std::int64_t r = begin + 1; r < end; ++r) {
    const T* row = job.values.data + r * width;
    for (std::int64_t c = 0; c < width; ++c) total[c] += row[c];
  }
  for (std::int64_t j = 0; j < job.columns.count; ++j) {
    double sum = 0;
    for (std::int64_t c = job.columns.offsets[j]; c < job.columns.offsets[j + 1]; ++c)
      sum += total[c];
    const T added = static_cast<T>(sum);
    job.out[i * job.stride + j] += added;
    if (job.mirror != nullptr) job.mirror[j * job.stride + i] += added;
  }
}

}  // namespace

// Two threads never write one number: a set that lies in both rows and columns of a mirrored job
// is one row segment.
template <class T>
void add_segment_sums(const SegmentJob<T>& job, int n_threads, StopToken& token) {
  check(job.rows, job.values.rows, "row offsets must rise from 0 to the number of rows");
  check(job.columns, job.values.columns, "column offsets must rise from 0 to that of columns");
  const int threads = resolve_threads(n_threads);
  const std::int64_t size = (job.values.columns + 63) / 64 * 64 + 64;  // no cache line shared
  Buffer<double> scratch(size * threads);
  auto body = [&](std::int64_t i, int thread) {
    add_row_segment(job, i, scratch.data() + thread * size);
  };
  parallel_for(job.rows.count, threads, token, body);
}

template void add_segment_sums(const SegmentJob<double>&, int, StopToken&);
template void add_segment_sums(const SegmentJob<float>&, int, StopToken&);

}  // namespace symkernel
