// Sorted points with everything that a canonical form tells: where each came from, signs, the order
// of the stabiliser, the gap. Networks order the points by their first coordinates; the rest is
// done row by row.
#pragma once

#include "canonical/sort_values.hpp"

SYMKERNEL_BEGIN_NAMESPACE

// Stable merge sort of places by less(a, b).
template <class Less>
inline void sort_places(std::int32_t* places, std::int64_t n, std::int32_t* other, Less less) {
  constexpr std::int64_t short_run = 8;
  for (std::int64_t start = 0; start < n; start += short_run) {
    const std::int64_t stop = start + short_run < n ? start + short_run : n;
    for (std::int64_t i = start + 1; i < stop; ++i) {
      const std::int32_t place = places[i];
      std::int64_t j = i;
      for (; j > start && less(place, places[j - 1]); --j) places[j] = places[j - 1];
      places[j] = place;
    }
  }
  std::int32_t *from = places, *to = other;
  for (std::int64_t run = short_run; run < n; run *= 2) {
    for (std::int64_t start = 0; start < n; start += 2 * run) {
      const std::int64_t middle = start + run < n ? start + run : n;
      const std::int64_t stop = middle + run < n ? middle + run : n;
      std::int64_t i = start, j = middle;
      for (std::int64_t k = start; k < stop; ++k) {
        const bool second = j < stop && (i == middle || less(from[j], from[i]));
        to[k] = second ? from[j++] : from[i++];
      }
    }
    std::int32_t* swap = from;
    from = to;
    to = swap;
  }
  if (from != places) {
    for (std::int64_t k = 0; k < n; ++k) places[k] = from[k];
  }
}

// order * factor, with 0 for what does not fit.
SYMKERNEL_INLINE std::uint64_t times(std::uint64_t order, std::uint64_t factor) {
  return order > ~std::uint64_t(0) / factor ? 0 : order * factor;
}

// 1 / a for a > 0, finite where a is as small as numbers can be.
SYMKERNEL_INLINE double reciprocal(double a) { return 1 / greater(a, 1e-300); }

// Euclidean norm over the largest magnitude, which is given: nothing overflows.
template <class T>
inline double scaled_norm(const T* z, std::int64_t n, double largest) {
  double sum = 0;
  const double unit = reciprocal(largest);
  for (std::int64_t k = 0; k < n; ++k) {
    const double r = static_cast<double>(z[k]) * unit;
    sum += r * r;
  }
  return ::sqrt(sum);
}
template <class T>
inline double largest_magnitude(const T* z, std::int64_t n) {
  T largest = T(0);
  for (std::int64_t k = 0; k < n; ++k) largest = greater(largest, abs(z[k]));
  return static_cast<double>(largest);
}

template <class T>
struct PointSorter {
  using V = typename RowLanes<T>::V;
  static constexpr int width = RowLanes<T>::width;
  using Item = PlacedItem<V>;

  static std::int64_t words_for_places(std::int64_t points) {
    return (points * static_cast<std::int64_t>(sizeof(std::int32_t)) +
            static_cast<std::int64_t>(sizeof(T)) - 1) /
           static_cast<std::int64_t>(sizeof(T));
  }
  static std::int64_t scratch(const SortJob<T>& job) {
    const std::int64_t size = job.points * job.channels;
    return 2 * job.points * width + width * (size + job.points) + 3 * words_for_places(job.points) +
           64;
  }

  // One sample: its points with canonical signs (+-z = x), and their places in order.
  struct Row {
    const T* z;
    const T* signs;
    std::int32_t* places;
    std::int32_t* spare;
  };

  static SYMKERNEL_INLINE const T* point(const SortJob<T>& job, const Row& row, std::int64_t i) {
    return row.z + row.places[i] * job.channels;
  }
  static SYMKERNEL_INLINE bool equal(const SortJob<T>& job, const Row& row, std::int64_t i) {
    return compare_points(point(job, row, i), point(job, row, i + 1), job.channels) == 0;
  }
  static SYMKERNEL_INLINE int compare_points(const T* a, const T* b, std::int64_t channels) {
    for (std::int64_t k = 0; k < channels; ++k) {
      if (a[k] < b[k]) return -1;
      if (b[k] < a[k]) return 1;
    }
    return 0;
  }

  // Orders points of one first coordinate by the others, and equal points by their places.
  static void settle_ties(const SortJob<T>& job, const Row& row) {
    const std::int64_t c = job.channels;
    for (std::int64_t b = 0; b < job.n_blocks; ++b) {
      const std::int64_t stop = job.offsets[b + 1];
      for (std::int64_t i = job.offsets[b]; i + 1 < stop;) {
        std::int64_t j = i + 1;
        while (j < stop && row.z[row.places[j] * c] == row.z[row.places[i] * c]) ++j;
        if (j - i > 1) {
          sort_places(row.places + i, j - i, row.spare, [&](std::int32_t p, std::int32_t q) {
            const int order = compare_points(row.z + p * c, row.z + q * c, c);
            return order < 0 || (order == 0 && p < q);
          });
        }
        i = j;
      }
    }
  }

  // Permutations among equal points, and changes of sign of zero.
  static std::uint64_t stabilizer_order(const SortJob<T>& job, const Row& row) {
    std::uint64_t order = 1;
    for (std::int64_t b = 0; b < job.n_blocks; ++b) {
      std::uint64_t run = 1;
      for (std::int64_t i = job.offsets[b]; i + 1 < job.offsets[b + 1]; ++i) {
        run = equal(job, row, i) ? run + 1 : 1;
        order = times(order, run);
      }
    }
    if (job.even && order > 1) order /= 2;
    if (job.flips) {
      for (std::int64_t i = 0; i < job.points; ++i) {
        bool zero = true;
        for (std::int64_t k = 0; k < job.channels; ++k) {
          zero = zero && row.z[i * job.channels + k] == T(0);
        }
        if (zero) order = times(order, 2);
      }
    }
    return order;
  }

  // Makes the permutation even: by an exchange of two equal points, else of the last two.
  static void make_even(const SortJob<T>& job, const Row& row) {
    const std::int64_t n = job.points;
    for (std::int64_t i = 0; i < n; ++i) row.spare[i] = row.places[i];
    bool odd = false;
    for (std::int64_t i = 0; i < n; ++i) {
      while (row.spare[i] != i) {
        const std::int32_t j = row.spare[i];
        row.spare[i] = row.spare[j];
        row.spare[j] = j;
        odd = !odd;
      }
    }
    if (!odd) return;
    std::int64_t at = 0;
    while (at + 2 < n && !equal(job, row, at)) ++at;
    const std::int32_t swap = row.places[at];
    row.places[at] = row.places[at + 1];
    row.places[at + 1] = swap;
  }

  // Distance to where two points that differ have equal first coordinates, or one that is not
  // zero has a first coordinate of zero; for even permutations to where any two points are equal.
  static double gap(const SortJob<T>& job, const Row& row) {
    const std::int64_t c = job.channels, size = job.points * c;
    if (job.even && job.points <= 2) return HUGE_VAL;  // the identity alone
    const double largest = largest_magnitude(row.z, size);
    if (largest == 0) return job.even ? 0 : 1;
    constexpr double half_root = 0.70710678118654752440;
    const double unit = reciprocal(largest);
    double least = HUGE_VAL;
    for (std::int64_t b = 0; b < job.n_blocks; ++b) {
      // of single numbers, the last two may be equal: exchanging them then changes little
      const std::int64_t last = job.offsets[b + 1] - (job.even && c == 1 ? 1 : 0);
      for (std::int64_t i = job.offsets[b]; i + 1 < last; ++i) {
        if (!job.even && equal(job, row, i)) continue;
        // of a permutation made even, the last two may stand in the other order
        const double a = static_cast<double>(*point(job, row, i)) * unit;
        const double z = static_cast<double>(*point(job, row, i + 1)) * unit;
        least = lesser(least, half_root * abs(z - a));
      }
    }
    if (job.flips && c > 1) {
      for (std::int64_t i = 0; i < job.points; ++i) {
        bool zero = true;
        for (std::int64_t k = 0; k < c; ++k) zero = zero && row.z[i * c + k] == T(0);
        if (!zero) least = lesser(least, static_cast<double>(row.z[i * c]) * unit);
      }
    }
    return lesser(1.0, least / scaled_norm(row.z, size, largest));
  }

  static void finish(const SortJob<T>& job, const Row& row, std::int64_t i) {
    const std::int64_t n = job.points, c = job.channels;
    settle_ties(job, row);
    if (job.gaps != nullptr) job.gaps[i] = gap(job, row);
    if (job.orders != nullptr) job.orders[i] = stabilizer_order(job, row);
    if (job.even) make_even(job, row);
    T* y = job.y + i * n * c;
    for (std::int64_t k = 0; k < n; ++k) {
      const T* from = point(job, row, k);
      for (std::int64_t j = 0; j < c; ++j) y[k * c + j] = from[j];
    }
    if (job.indices != nullptr) {
      for (std::int64_t k = 0; k < n; ++k) job.indices[i * n + k] = row.places[k];
    }
    if (job.signs != nullptr) {
      for (std::int64_t k = 0; k < n; ++k) {
        job.signs[i * n + k] = row.signs[row.places[k]] < T(0) ? std::int8_t(-1) : std::int8_t(1);
      }
    }
  }

  // x with +0 for -0, and the first number of a point that is not zero positive if signs may
  // change.
  static bool prepare(const SortJob<T>& job, const T* x, T* z, T* signs) {
    const std::int64_t n = job.points, c = job.channels;
    const bool finite = copy_finite(x, n * c, z);
    if (!job.flips) return finite;
    for (std::int64_t k = 0; k < n; ++k) {
      std::int64_t j = 0;
      while (j + 1 < c && z[k * c + j] == T(0)) ++j;
      const bool negative = z[k * c + j] < T(0);
      signs[k] = negative ? T(-1) : T(1);
      if (!negative) continue;
      for (j = 0; j < c; ++j) z[k * c + j] = T(0) - z[k * c + j];
    }
    return finite;
  }

  static bool run(const SortJob<T>& job, std::int64_t begin, std::int64_t end, T* scratch) {
    const std::int64_t n = job.points, c = job.channels, size = n * c;
    Item* items = reinterpret_cast<Item*>(scratch);
    T* z = scratch + 2 * n * width;
    T* signs = z + width * size;
    auto* places = reinterpret_cast<std::int32_t*>(signs + width * n);
    std::int32_t* spare = places + n;
    const Item last = {V(positive_infinity<T>()), V(T(0))};
    for (std::int64_t i = begin; i < end; i += width) {
      const int count = static_cast<int>(end - i < width ? end - i : width);
      for (int l = 0; l < count; ++l) {
        if (!prepare(job, job.x + (i + l) * size, z + l * size, signs + l * n)) return false;
      }
      for (std::int64_t k = 0; k < n; ++k) {
        T keys[width];
        for (int l = 0; l < width; ++l) keys[l] = z[(l < count ? l : 0) * size + k * c];
        items[k].key = V::load(keys);
        items[k].place = V(static_cast<T>(k));
      }
      bool longer = false;
      for (std::int64_t b = 0; b < job.n_blocks; ++b) {
        const std::int64_t start = job.offsets[b], length = job.offsets[b + 1] - start;
        longer = longer || length > network_limit;
        if (length <= network_limit) sort_items<32>(items + start, length, last);
      }
      for (int l = 0; l < count; ++l) {
        for (std::int64_t k = 0; k < n; ++k) {
          places[k] = static_cast<std::int32_t>(items[k].place.lane(l));
        }
        const Row row{z + l * size, signs + l * n, places, spare};
        for (std::int64_t b = 0; longer && b < job.n_blocks; ++b) {
          const std::int64_t start = job.offsets[b], length = job.offsets[b + 1] - start;
          if (length <= network_limit) continue;
          // places as numbers of type T are not exact beyond some length: start afresh
          for (std::int64_t k = 0; k < length; ++k) {
            places[start + k] = static_cast<std::int32_t>(start + k);
          }
          sort_places(places + start, length, spare,
                      [&](std::int32_t p, std::int32_t q) { return row.z[p * c] < row.z[q * c]; });
        }
        finish(job, row, i + l);
      }
    }
    return true;
  }
};

SYMKERNEL_END_NAMESPACE
