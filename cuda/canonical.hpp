// Representatives of orbits: sorted points, signs made positive, least rotations of rings. A group
// of threads for every sample; points are vectors of `channels` numbers, compared
// lexicographically.
//
// Representatives are the same bit for bit all over an orbit (-0 counts as 0), so that of equal
// samples it does not matter which was computed.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "cuda/executor.hpp"
#include "symkernel/error.hpp"
#include "symkernel/view.hpp"

namespace symkernel {
namespace gpu {

constexpr int canonical_threads = 256;

// Rows of x, (n, points * channels), and where representatives go, (n, points * channels).
template <class T>
struct PointRows {
  const T* x = nullptr;
  T* out = nullptr;
  std::int64_t n = 0;
  int points = 0, channels = 1;
  int group = 1;  // threads of a sample, a power of two
};

// -1, 0, 1 as point i, times its sign, is less than, equal to or greater than point j.
template <class T>
SYMKERNEL_INLINE int compare_points(const T* x, int channels, int i, T i_sign, int j, T j_sign) {
  for (int k = 0; k < channels; ++k) {
    const T a = i_sign * x[i * channels + k], b = j_sign * x[j * channels + k];
    if (a < b) return -1;
    if (b < a) return 1;
  }
  return 0;
}

// ---- sorted points -----------------------------------------------------------------------------

// By a bitonic network over the threads of a sample, of equal points the first one first: its
// comparisons are by value and then by index, which makes the order strict.
template <class T>
struct SortPoints {
  static constexpr int threads = canonical_threads, blocks_per_unit = 4;
  static constexpr std::int64_t shared_bytes = 3 * threads * sizeof(std::int32_t);
  struct Arguments {
    PointRows<T> rows;
    const std::int32_t* blocks;  // (points): points change places with those of the same block
    bool flips;                  // the first number of a point that is not zero is made positive
    bool even;                   // of at least two points: only even permutations
    std::int32_t* indices;       // (n, points) or null: point i of the result is point indices[i]
    std::int8_t* signs;          // (n, points) or null: times signs[i]
  };

  template <class Team>
  SYMKERNEL_HD void operator()(Team& team, const Arguments& a) const {
    const PointRows<T>& rows = a.rows;
    const int l = team.thread() % rows.group, p = rows.points;
    const std::int64_t row = team.block().x * (threads / rows.group) + team.thread() / rows.group;
    const bool valid = row < rows.n;
    const T* x = rows.x + (valid ? row : 0) * p * rows.channels;
    auto* place = reinterpret_cast<std::int32_t*>(team.shared()) + (team.thread() - l);
    std::int32_t *sign = place + threads, *odd = sign + threads;
    place[l] = l;
    sign[l] = l < p && a.flips ? sign_of(x + l * rows.channels, rows.channels) : 1;
    team.sync();
    sort(team, a, x, l, place, sign);
    if (a.even) make_even(team, rows, x, l, place, sign, odd);
    if (!valid || l >= p) return;
    const int from = place[l];
    T* out = rows.out + (row * p + l) * rows.channels;
    for (int k = 0; k < rows.channels; ++k)
      out[k] = static_cast<T>(sign[from]) * x[from * rows.channels + k] + T(0);  // no -0
    if (a.indices != nullptr) a.indices[row * p + l] = from;
    if (a.signs != nullptr) a.signs[row * p + l] = static_cast<std::int8_t>(sign[from]);
  }

 private:
  static SYMKERNEL_INLINE int sign_of(const T* point, int channels) {
    for (int k = 0; k < channels; ++k) {
      if (point[k] != T(0)) return point[k] < T(0) ? -1 : 1;
    }
    return 1;
  }

  // Threads beyond the points hold themselves, which come last.
  static SYMKERNEL_INLINE bool before(const Arguments& a, const T* x, const std::int32_t* sign,
                                      int i, int j) {
    const int p = a.rows.points;
    if (i >= p || j >= p) return i < j;
    if (a.blocks[i] != a.blocks[j]) return a.blocks[i] < a.blocks[j];
    const int order =
        compare_points(x, a.rows.channels, i, static_cast<T>(sign[i]), j, static_cast<T>(sign[j]));
    return order != 0 ? order < 0 : i < j;
  }

  template <class Team>
  static SYMKERNEL_INLINE void sort(Team& team, const Arguments& a, const T* x, int l,
                                    std::int32_t* place, const std::int32_t* sign) {
    for (int run = 2; run <= a.rows.group; run *= 2) {
      for (int step = run / 2; step > 0; step /= 2) {
        const int other = l ^ step;
        if (other > l) {
          const int i = place[l], j = place[other];
          if (before(a, x, sign, j, i) == ((l & run) == 0)) {
            place[l] = j;
            place[other] = i;
          }
        }
        team.sync();
      }
    }
  }

  // An odd permutation loses its last exchange, unless two equal points make it even anyway.
  template <class Team>
  static SYMKERNEL_INLINE void make_even(Team& team, const PointRows<T>& rows, const T* x, int l,
                                         std::int32_t* place, const std::int32_t* sign,
                                         std::int32_t* odd) {
    const int p = rows.points;
    int inversions = 0;
    for (int m = l + 1; m < p; ++m) inversions += place[m] < place[l] ? 1 : 0;
    odd[l] = inversions % 2;
    if (l + 1 < p && compare_points(x, rows.channels, place[l], static_cast<T>(sign[place[l]]),
                                    place[l + 1], static_cast<T>(sign[place[l + 1]])) == 0)
      odd[l] = 2;
    team.sync();
    if (l == 0) {
      int sum = 0;
      bool equal = false;
      for (int m = 0; m < p; ++m) {
        sum += odd[m];
        equal = equal || odd[m] == 2;
      }
      if (sum % 2 == 1 && !equal && p > 1) {
        const int last = place[p - 1];
        place[p - 1] = place[p - 2];
        place[p - 2] = last;
      }
    }
    team.sync();
  }
};

// ---- least rotations ---------------------------------------------------------------------------

// A tournament of the starts: neighbouring windows of W starts send a candidate each, and the
// candidates i < j compare 2 W letters. Where these are equal i goes on: they are at least j - i,
// so that if the word from j were less than that from i, the one from 2 j - i would be less still
// (Apostolico, Iliopoulos, Paige, Parallel processing of strings, 1987). A round takes n
// comparisons at most, whatever ties there are.
template <class T>
struct RotatePoints {
  static constexpr int threads = canonical_threads, blocks_per_unit = 4;
  static constexpr std::int64_t shared_bytes = 2 * threads * sizeof(std::int32_t);
  struct Arguments {
    PointRows<T> rows;
    bool reflections;       // words that are read backwards as well
    std::int32_t* shifts;   // (n) or null: point i of the result is point shift + i, or
    std::uint8_t* mirrors;  // (n) or null: shift - i where this is 1, around the ring
  };

  template <class Team>
  SYMKERNEL_HD void operator()(Team& team, const Arguments& a) const {
    const PointRows<T>& rows = a.rows;
    const int l = team.thread() % rows.group, p = rows.points;
    const std::int64_t row = team.block().x * (threads / rows.group) + team.thread() / rows.group;
    const bool valid = row < rows.n;
    const Ring ring = {rows.x + (valid ? row : 0) * p * rows.channels, p, rows.channels};
    auto* best = reinterpret_cast<std::int32_t*>(team.shared()) + (team.thread() - l);
    const int directions = a.reflections ? 2 : 1;
    for (int d = 0; d < directions; ++d) find(team, ring, d, l, rows.group, best + d * threads);
    if (!valid) return;
    const bool backward = a.reflections && ring.less(1, best[threads], 0, best[0], p);
    const int start = backward ? best[threads] : best[0];
    for (int at = l; at < p * rows.channels; at += rows.group) {
      const int from = ring.place(backward ? 1 : 0, start, at / rows.channels);
      rows.out[row * p * rows.channels + at] =
          ring.x[from * rows.channels + at % rows.channels] + T(0);  // no -0
    }
    if (l != 0) return;
    if (a.shifts != nullptr) a.shifts[row] = ring.place(backward ? 1 : 0, start, 0);
    if (a.mirrors != nullptr) a.mirrors[row] = backward ? 1 : 0;
  }

 private:
  // Read forward from start s: points s, s + 1, ...; backward: points -s, -s - 1, ....
  struct Ring {
    const T* x;
    int points, channels;

    SYMKERNEL_INLINE int place(int direction, int start, int step) const {
      int at = start + step;
      if (at >= points) at -= points;
      return direction == 0 || at == 0 ? at : points - at;
    }
    SYMKERNEL_INLINE bool less(int direction, int start, int than_direction, int than,
                               int letters) const {
      for (int k = 0; k < letters; ++k) {
        const int order = compare_points(x, channels, place(direction, start, k), T(1),
                                         place(than_direction, than, k), T(1));
        if (order != 0) return order < 0;
      }
      return false;
    }
  };

  // The first least start into best[0].
  template <class Team>
  static SYMKERNEL_INLINE void find(Team& team, const Ring& ring, int direction, int l, int group,
                                    std::int32_t* best) {
    const int p = ring.points, share = (p + group - 1) / group, first = l * share;
    int own = first;
    for (int s = first + 1; s < first + share && s < p; ++s)
      own = ring.less(direction, s, direction, own, p) ? s : own;
    best[l] = own;
    team.sync();
    for (int width = 1; width < group; width *= 2) {
      if (l % (2 * width) == 0) {
        const int other = best[l + width];
        const std::int64_t letters = static_cast<std::int64_t>(2) * width * share;
        if (other < p && ring.less(direction, other, direction, best[l],
                                   letters < p ? static_cast<int>(letters) : p))
          best[l] = other;
      }
      team.sync();
    }
  }
};

// ---- launches ----------------------------------------------------------------------------------

// What both take; results are device memory.
template <class T>
struct CanonicalRequest {
  MatrixView<const T> x;  // (n, points * channels)
  std::int64_t points = 0, channels = 1;
  T* out = nullptr;  // (n, points * channels)
};

template <class T>
PointRows<T> point_rows(const CanonicalRequest<T>& request) {
  require(request.points > 0 && request.channels > 0 &&
              request.x.columns == request.points * request.channels,
          "x must have points * channels columns");
  require(request.x.columns <= (std::int64_t(1) << 30), "too many features");
  PointRows<T> rows;
  rows.x = request.x.data;
  rows.out = request.out;
  rows.n = request.x.rows;
  rows.points = static_cast<int>(request.points);
  rows.channels = static_cast<int>(request.channels);
  while (rows.group < canonical_threads && rows.group < rows.points) rows.group *= 2;
  return rows;
}

// Points of x in order within blocks [offsets[b], offsets[b + 1]); points outside of all of them
// stay. At most 256 points. Throws std::invalid_argument for offsets that do not increase up to
// the number of points, and for more points.
template <class T, class Executor>
void sort_points(const CanonicalRequest<T>& request, const std::vector<std::int64_t>& offsets,
                 bool flips, bool even, std::int32_t* indices, std::int8_t* signs,
                 Executor& executor) {
  using Program = SortPoints<T>;
  const PointRows<T> rows = point_rows(request);
  require(rows.points <= canonical_threads, "a GPU sorts up to 256 points");
  require(!offsets.empty() && offsets.front() >= 0 && offsets.back() <= request.points &&
              std::is_sorted(offsets.begin(), offsets.end()),
          "offsets must increase from 0 up to the number of points");
  require(!even || (offsets.size() == 2 && offsets[0] == 0 && offsets[1] == request.points),
          "even permutations are of all points");
  if (rows.n == 0) return;
  std::vector<std::int32_t> blocks;
  for (int i = 0; i < rows.points; ++i) blocks.push_back(i);
  for (std::size_t b = 0; b + 1 < offsets.size(); ++b)
    std::fill(blocks.begin() + offsets[b], blocks.begin() + offsets[b + 1],
              static_cast<std::int32_t>(offsets[b]));
  const DeviceArray<std::int32_t, Executor> table(executor, blocks);
  executor.template launch<Program>({ceil_div(rows.n, Program::threads / rows.group)},
                                    Program::shared_bytes,
                                    {rows, table.data(), flips, even, indices, signs});
}

// Rings of x from where the word is least, with reflections in either direction.
template <class T, class Executor>
void rotate_points(const CanonicalRequest<T>& request, bool reflections, std::int32_t* shifts,
                   std::uint8_t* mirrors, Executor& executor) {
  using Program = RotatePoints<T>;
  const PointRows<T> rows = point_rows(request);
  if (rows.n == 0) return;
  executor.template launch<Program>({ceil_div(rows.n, Program::threads / rows.group)},
                                    Program::shared_bytes, {rows, reflections, shifts, mirrors});
}

}  // namespace gpu
}  // namespace symkernel
