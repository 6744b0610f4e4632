// Least rotations and reflections of rings of points. The least number is found by vectors; where
// it occurs once, which is the rule for measured data, that is all there is to do for rotations.
#pragma once

#include "canonical/engine.hpp"
#include "canonical/lane_moves.hpp"
#include "canonical/sort_points.hpp"
#include "symkernel/canonical/rotation.hpp"

SYMKERNEL_BEGIN_NAMESPACE

// A ring of n <= 64 numbers, filled up with infinity to whole vectors.
template <class T>
struct ShortRing {
  using V = typename RowLanes<T>::V;
  static constexpr int width = RowLanes<T>::width;

  const T* z;
  int padded;

  T least() const {
    V v = V::load(z);
    for (int k = width; k < padded; k += width) v = lesser(v, V::load(z + k));
    return least_lane(v);
  }
  std::uint64_t equal(T value) const {
    const V v(value);
    std::uint64_t bits = 0;
    for (int k = 0; k < padded; k += width) bits |= equal_lanes(V::load(z + k), v) << k;
    return bits;
  }
  // The least number above a value that is not the greatest.
  T above(T value) const {
    const V v(value), infinity(positive_infinity<T>());
    V found = infinity;
    for (int k = 0; k < padded; k += width) {
      const V w = V::load(z + k);
      found = lesser(found, select(v < w, w, infinity));
    }
    return least_lane(found);
  }
};

template <class T>
struct RingTurner {
  using V = typename RowLanes<T>::V;
  static constexpr int width = RowLanes<T>::width;
  static constexpr std::int64_t short_points = 64;

  // The ring twice, the ring read backward twice, and a mark for each start.
  static std::int64_t scratch(const RotationJob<T>& job) {
    return 4 * (job.points * job.channels + width) + 2 * job.points + 128;
  }

  struct Found {
    std::int64_t start = 0;  // y_i = x[start + i], or x[start - i]
    bool mirrored = false;
    std::int64_t turns = 1;        // rotations that fix the ring
    bool symmetric = false;        // a reflection fixes it
    std::int64_t other_start = 0;  // then: where it reads the same the other way round
  };

  static void read_backward(const T* z, std::int64_t n, std::int64_t c, T* back) {
    for (std::int64_t k = 0; k < 2 * n; ++k) {
      const std::int64_t from = (2 * n - k) % n;
      for (std::int64_t j = 0; j < c; ++j) back[k * c + j] = z[from * c + j];
    }
  }

  // Any ring, in time linear in its length.
  static Found find(const RotationJob<T>& job, const T* twice, T* back) {
    const std::int64_t n = job.points, c = job.channels;
    Found found;
    found.start = least_rotation(twice, n, c);
    const bool tied = occurs_again(twice, n, c, found.start);
    if (tied && job.orders != nullptr) found.turns = n / least_period(twice, n, c);
    if (!job.reflections || n <= 2) return found;
    read_backward(twice, n, c, back);
    const std::int64_t other = least_rotation(back, n, c);
    const int order = compare_vectors(back + other * c, twice + found.start * c, n * c);
    found.symmetric = order == 0;
    found.other_start = (n - other) % n;
    if (order < 0) {
      found.mirrored = true;
      found.start = found.other_start;
    }
    return found;
  }

  static bool occurs_again(const T* twice, std::int64_t n, std::int64_t c, std::int64_t start) {
    for (std::int64_t k = 1; k < n; ++k) {
      if (twice[(start + k) * c] == twice[start * c]) return true;
    }
    return false;
  }

  static SYMKERNEL_INLINE Found find_short(const RotationJob<T>& job, const ShortRing<T>& ring) {
    const int n = static_cast<int>(job.points);
    Found found;
    const T least = ring.least();
    RingStarts starts;
    starts.forward = ring.equal(least);
    const bool reflections = job.reflections && n > 2;
    if (reflections) starts.backward = starts.forward;
    if (starts.count() > 1) starts = least_words(ring.z, n, least, starts, ring);
    found.mirrored = starts.forward == 0;
    found.start = lowest_bit(found.mirrored ? starts.backward : starts.forward);
    found.turns = bit_count(found.mirrored ? starts.backward : starts.forward);
    found.symmetric = starts.forward != 0 && starts.backward != 0;
    if (found.symmetric) found.other_start = lowest_bit(starts.backward);
    return found;
  }

  // Distance to where another start, or the other direction, reads a word that is not the same but
  // begins with the same number.
  static double gap(const RotationJob<T>& job, const T* z, const Found& found) {
    const std::int64_t n = job.points, c = job.channels;
    const double largest = largest_magnitude(z, n * c);
    if (largest == 0) return 1;
    const double unit = reciprocal(largest);
    const double least = static_cast<double>(z[found.start * c]) * unit;
    const std::int64_t period = n / found.turns;
    const bool both = job.reflections && n > 2;
    double gap = HUGE_VAL;
    std::int64_t next = found.start % period, next_other = found.other_start % period;
    for (std::int64_t t = 0; t < n; ++t) {
      const bool same = t == next;  // reads the least word the chosen way
      const bool other = found.symmetric && t == next_other;
      next += same ? period : 0;
      next_other += other ? period : 0;
      const double difference = static_cast<double>(z[t * c]) * unit - least;
      if (!both) {
        if (!same) gap = lesser(gap, difference);
      } else if (!same && !other) {
        gap = lesser(gap, difference);
      } else if (same != other) {
        // one direction reads the least word here, the other does not: they differ at the
        // neighbours
        gap = t == found.start ? lesser(gap, neighbours(z, n, c, t, unit)) : 0;
      }
    }
    constexpr double half_root = 0.70710678118654752440;
    return lesser(1.0, half_root * gap / scaled_norm(z, n * c, largest));
  }

  static double neighbours(const T* z, std::int64_t n, std::int64_t c, std::int64_t t,
                           double unit) {
    const double ahead = static_cast<double>(z[((t + 1) % n) * c]) * unit;
    return abs(static_cast<double>(z[((t + n - 1) % n) * c]) * unit - ahead);
  }

  static SYMKERNEL_INLINE void write(const RotationJob<T>& job, const T* twice, const Found& found,
                                     T* y) {
    const std::int64_t n = job.points, c = job.channels, size = n * c;
    if (!found.mirrored) {
      const T* from = twice + found.start * c;
      std::int64_t k = 0;
      if (job.streamed) {
        for (; k + width <= size; k += width) stream(V::load(from + k), y + k);
      } else {
        for (; k + width <= size; k += width) V::load(from + k).store(y + k);
      }
      for (; k < size; ++k) y[k] = from[k];
      return;
    }
    const T* from = twice + (found.start + n) * c;
    for (std::int64_t k = 0; k < n; ++k, from -= c) {
      for (std::int64_t j = 0; j < c; ++j) y[k * c + j] = from[j];
    }
  }

  static bool run(const RotationJob<T>& job, std::int64_t begin, std::int64_t end, T* scratch) {
    const std::int64_t n = job.points, c = job.channels, size = n * c;
    T* twice = scratch;
    T* back = twice + 2 * (size + width);
    T* padded = back + 2 * (size + width);
    const bool is_short = c == 1 && n <= short_points;
    const int padded_size = is_short ? static_cast<int>((n + width - 1) / width) * width : 0;
    for (int k = 0; k < padded_size; ++k) padded[k] = positive_infinity<T>();
    const V zero(T(0));
    V marks(T(0));
    T rest = T(0);
    for (std::int64_t i = begin; i < end; ++i) {
      const T* x = job.x + i * size;
      std::int64_t k = 0;
      for (; k + width <= size; k += width) {
        const V v = V::load(x + k);
        marks = mark_infinite(v, marks);
        const V z = v + zero;  // -0 + 0 is +0
        z.store(twice + k);
        z.store(twice + size + k);
        if (is_short) z.store(padded + k);
      }
      for (; k < size; ++k) {
        rest = mark_infinite(x[k], rest);
        twice[k] = twice[size + k] = x[k] + T(0);
        if (is_short) padded[k] = twice[k];
      }
      if (!(unmarked(marks) && rest == T(0))) return false;
      const Found found =
          is_short ? find_short(job, ShortRing<T>{padded, padded_size}) : find(job, twice, back);
      write(job, twice, found, job.y + i * size);
      if (job.shifts != nullptr) job.shifts[i] = static_cast<std::int32_t>(found.start);
      if (job.mirrors != nullptr) job.mirrors[i] = found.mirrored;
      if (job.orders != nullptr) {
        job.orders[i] = static_cast<std::uint64_t>(found.turns * (found.symmetric ? 2 : 1));
      }
      if (job.gaps != nullptr) job.gaps[i] = gap(job, twice, found);
    }
    if (job.streamed) end_of_stream();
    return true;
  }
};

SYMKERNEL_END_NAMESPACE
