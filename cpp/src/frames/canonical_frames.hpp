// Frames of batches of clouds, threaded.
#pragma once

#include <cstdint>

#include "frames/frames.hpp"
#include "parallel.hpp"

namespace symkernel {

enum class FrameMethod { moment, labelled };

// Frames of clouds of labelled points: moment frames, where undecided or asked for those of the
// points themselves. Outputs of the job are filled; `undecided` says where the points were taken.
template <class T>
void labelled_frames(const FrameJob<T>& job, FrameMethod method, int n_threads, StopToken& token);

// What makes points exchangeable, and what comes of it.
struct PermutedJob {
  const std::int32_t* members = nullptr;  // (points): points kind after kind
  const std::int32_t* kinds = nullptr;    // (points): the kind of each member, not decreasing
  double tie = 0;                         // coordinates that agree to this, over |x|, are equal
  double rounding = 0;                    // and to this, whatever else
  std::int32_t* order = nullptr;          // (count, points): place i takes point order[i]
  std::uint8_t* coincident = nullptr;     // (count, points): member k coincides with member k - 1
  std::int64_t* symmetries = nullptr;     // (count): turns of the space the points span that
                                          // permute the points
};

// Frames of clouds up to permutations of points of one kind: moment frames; where undecided, of
// all frames spanned by points that are farthest out the one that gives the least sorted cloud.
template <class T>
void permuted_frames(const FrameJob<T>& job, const PermutedJob& permuted, int n_threads,
                     StopToken& token);

// Moment frames alone.
template <class T>
void moment_frames(const FrameJob<T>& job, int n_threads, StopToken& token);

}  // namespace symkernel
