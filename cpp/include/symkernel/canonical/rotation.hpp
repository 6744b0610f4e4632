// Least rotations: where to start reading a ring so that the word is lexicographically smallest.
#pragma once

#include <cstdint>

#include "symkernel/lanes.hpp"

SYMKERNEL_BEGIN_NAMESPACE

// -1, 0, 1 as the vector a is less than, equal to or greater than b.
template <class T>
SYMKERNEL_INLINE int compare_vectors(const T* a, const T* b, std::int64_t channels) {
  for (std::int64_t k = 0; k < channels; ++k) {
    if (a[k] < b[k]) return -1;
    if (b[k] < a[k]) return 1;
  }
  return 0;
}

// Start of the least rotation of `points` vectors that stand twice in `twice`; the first of
// several. Two candidates run against each other; the loser takes with it every start it has
// passed, so that at most 2 points comparisons are made (Duval 1983 and others; as fast as Booth
// 1980).
template <class T>
inline std::int64_t least_rotation(const T* twice, std::int64_t points, std::int64_t channels) {
  std::int64_t i = 0, j = 1, k = 0;
  while (i < points && j < points && k < points) {
    const int order =
        compare_vectors(twice + (i + k) * channels, twice + (j + k) * channels, channels);
    if (order == 0) {
      ++k;
      continue;
    }
    (order > 0 ? i : j) += k + 1;
    if (i == j) ++j;
    k = 0;
  }
  return i < j ? i : j;
}

// Least q > 0 such that the ring is the same after a turn by q; it divides the number of points.
template <class T>
inline std::int64_t least_period(const T* twice, std::int64_t points, std::int64_t channels) {
  for (std::int64_t q = 1; 2 * q <= points; ++q) {
    if (points % q != 0) continue;
    if (compare_vectors(twice, twice + q * channels, points * channels) == 0) return q;
  }
  return points;
}

// Bit s of the result is bit s + k of a ring of n <= 64 bits, 0 < k < n; and bit s - k.
SYMKERNEL_INLINE std::uint64_t ring_ahead(std::uint64_t bits, int k, int n) {
  return (bits >> k) | (bits << (n - k));
}
SYMKERNEL_INLINE std::uint64_t ring_behind(std::uint64_t bits, int k, int n) {
  return (bits << k) | (bits >> (n - k));
}

// Where the least words of a ring start, read forward and read backward: a bit for each start.
struct RingStarts {
  std::uint64_t forward = 0, backward = 0;

  SYMKERNEL_INLINE int count() const { return bit_count(forward) + bit_count(backward); }
};

// The least of the numbers that candidates meet at step k, and the candidates that meet it.
template <class T>
SYMKERNEL_INLINE RingStarts keep_least(const T* ring, int n, int k, RingStarts in) {
  RingStarts kept;
  T least = T(0);
  bool first = true;
  for (std::uint64_t left = in.forward; left != 0; left &= left - 1) {
    const int s = lowest_bit(left), at = s + k < n ? s + k : s + k - n;
    if (first || ring[at] < least) {
      least = ring[at];
      first = false;
      kept.forward = 0;
    }
    if (ring[at] == least) kept.forward |= std::uint64_t(1) << s;
  }
  for (std::uint64_t left = in.backward; left != 0; left &= left - 1) {
    const int s = lowest_bit(left), at = s - k >= 0 ? s - k : s - k + n;
    if (first || ring[at] < least) {
      least = ring[at];
      first = false;
      kept = RingStarts();
    }
    if (ring[at] == least) kept.backward |= std::uint64_t(1) << s;
  }
  return kept;
}

// All candidates agree on their first k numbers. When they stand q <= k apart all round the ring,
// the ring has period q and they agree for ever.
SYMKERNEL_INLINE bool agree_for_ever(RingStarts starts, int k, int n) {
  if (starts.forward != 0 && starts.backward != 0) return false;
  const std::uint64_t all = starts.forward | starts.backward;
  const int count = bit_count(all), q = n / count;
  if (count == 1) return true;
  const std::uint64_t full = n == 64 ? ~std::uint64_t(0) : (std::uint64_t(1) << n) - 1;
  return n % count == 0 && q <= k && (ring_ahead(all, q, n) & full) == all;
}

// Narrows candidates, which hold the least number, down to the starts of the least words.
//
// Ring: n <= 64 numbers, with finder.equal(value) the bits of where they equal a value and
// finder.above(value, &next) the least number above a value, if there is one. Many candidates are
// narrowed by words of bits, one for each value that occurs, made when first needed; few by
// looking at the numbers themselves.
template <class T, class Finder>
inline RingStarts least_words(const T* ring, int n, T least, RingStarts starts,
                              const Finder& finder) {
  constexpr int few = 8;
  std::uint64_t planes[64];
  int n_planes = 0;
  T highest = least;
  for (int k = 1; k < n && !agree_for_ever(starts, k, n); ++k) {
    if (starts.count() <= few) {
      starts = keep_least(ring, n, k, starts);
      continue;
    }
    for (int j = 0;; ++j) {
      if (j == n_planes) {
        if (j > 0) highest = finder.above(highest);
        planes[n_planes++] = finder.equal(highest);
      }
      const std::uint64_t forward = starts.forward & ring_ahead(planes[j], k, n);
      const std::uint64_t backward = starts.backward & ring_behind(planes[j], k, n);
      if ((forward | backward) == 0) continue;  // no candidate meets this value: try the next one
      starts.forward = forward;
      starts.backward = backward;
      break;
    }
  }
  return starts;
}

SYMKERNEL_END_NAMESPACE
