// Sums of a matrix over segments of its rows and columns: kernels between sets from those between
// their points.
#pragma once

#include <cstdint>

#include "parallel.hpp"
#include "symkernel/view.hpp"

namespace symkernel {

// Segment s of an axis is offsets[s] .. offsets[s + 1]; segments may be empty.
struct Segments {
  const std::int64_t* offsets;
  std::int64_t count;
};

// out[i][j] += sum of the values in row segment i and column segment j, and out[j][i] as well if
// `mirrored`, where `out` points at the numbers of segments (0, 0) and, mirrored, `mirror` does.
template <class T>
struct SegmentJob {
  MatrixView<const T> values;
  Segments rows, columns;
  T* out;
  T* mirror;  // null: no mirror image
  std::int64_t stride;
};

// Throws std::invalid_argument for offsets that do not cut the values whole.
template <class T>
void add_segment_sums(const SegmentJob<T>& job, int n_threads, StopToken& token);

}  // namespace symkernel
