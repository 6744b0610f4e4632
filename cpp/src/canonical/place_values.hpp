// Sorted rows of numbers and where each came from, one row in each lane of a vector. Without equal
// numbers, and zeros where signs change, nothing is left to settle and stabilisers are trivial;
// rows with such ties are left to the points, row by row.
#pragma once

#include "canonical/sort_points.hpp"
#include "canonical/sort_values.hpp"

SYMKERNEL_BEGIN_NAMESPACE

template <class T>
struct PlaceSorter {
  using V = typename RowLanes<T>::V;
  static constexpr int width = RowLanes<T>::width;
  using Item = PlacedItem<V>;

  static bool serves(const SortJob<T>& job) {
    bool short_blocks = true;
    for (std::int64_t b = 0; b < job.n_blocks; ++b) {
      short_blocks = short_blocks && job.offsets[b + 1] - job.offsets[b] <= network_limit;
    }
    return short_blocks && job.channels == 1 && !job.even && job.gaps == nullptr &&
           job.indices != nullptr && job.orders != nullptr && (job.signs != nullptr || !job.flips);
  }

  static std::int64_t items_size(const SortJob<T>& job) { return 2 * job.points * width; }
  static std::int64_t scratch(const SortJob<T>& job) {
    return items_size(job) + PointSorter<T>::scratch(job);
  }

  // Whether some row has two equal numbers in a block, or a zero that may change its sign. Rows
  // whose numbers are equal across blocks may count as well.
  static bool tied(const SortJob<T>& job, const Item* items) {
    const std::int64_t d = job.points;
    const V zero(T(0));
    std::uint64_t found = 0;
    if (job.n_blocks > 0) {
      for (std::int64_t k = 0; k + 1 < d; ++k) found |= equal_lanes(items[k].key, items[k + 1].key);
    }
    if (job.flips) {
      for (std::int64_t k = 0; k < d; ++k) found |= equal_lanes(items[k].key, zero);
    }
    return found != 0;
  }

  // Places k of numbers that changed their sign are kept as -1 - k, the complement of k.
  static SYMKERNEL_INLINE void place(const SortJob<T>& job, Item* items) {
    for (std::int64_t k = 0; k < job.points; ++k) {
      items[k].place = V(static_cast<T>(k));
      if (!job.flips) continue;
      const auto negative = items[k].key < V(T(0));
      items[k].place = select(negative, V(static_cast<T>(-1 - k)), items[k].place);
      items[k].key = abs(items[k].key);
    }
  }

  static SYMKERNEL_INLINE void store_place(T place, std::int32_t& index, std::int8_t& sign) {
    const auto kept = static_cast<std::int32_t>(place);
    const std::int32_t negative = -static_cast<std::int32_t>(kept < 0);
    index = kept ^ negative;
    sign = static_cast<std::int8_t>(1 + 2 * negative);
  }

  static SYMKERNEL_INLINE void store_places(const SortJob<T>& job, const Item* items,
                                            std::int64_t i, int count) {
    const std::int64_t d = job.points;
    std::int32_t* indices = job.indices + i * d;
    std::int8_t* signs = job.flips ? job.signs + i * d : nullptr;
    std::int64_t k = 0;
    for (; k + width <= d; k += width) {
      V square[width];
      SYMKERNEL_UNROLL
      for (int l = 0; l < width; ++l) square[l] = items[k + l].place;
      transpose(square);
      for (int l = 0; l < count; ++l) {
        T row[width];
        std::int32_t index[width];
        std::int8_t sign[width];
        square[l].store(row);
        for (int j = 0; j < width; ++j) store_place(row[j], index[j], sign[j]);
        const std::int64_t at = l * d + k;
        for (int j = 0; j < width; ++j) indices[at + j] = index[j];
        if (signs == nullptr) continue;
        for (int j = 0; j < width; ++j) signs[at + j] = sign[j];
      }
    }
    for (; k < d; ++k) {
      for (int l = 0; l < count; ++l) {
        const std::int64_t at = l * d + k;
        std::int8_t sign;
        store_place(items[k].place.lane(l), indices[at], sign);
        if (signs != nullptr) signs[at] = sign;
      }
    }
  }

  static bool run(const SortJob<T>& job, std::int64_t begin, std::int64_t end, T* scratch) {
    const std::int64_t d = job.points;
    Item* items = reinterpret_cast<Item*>(scratch);
    const Item last = {V(positive_infinity<T>()), V(T(0))};
    V marks(T(0));
    SortJob<T> unsigned_job = job;
    unsigned_job.flips = false;
    for (std::int64_t i = begin; i < end; i += width) {
      const int count = static_cast<int>(end - i < width ? end - i : width);
      const T* rows[width];
      for (int l = 0; l < width; ++l) rows[l] = job.x + (i + (l < count ? l : count - 1)) * d;
      ValueSorter<T>::load(unsigned_job, rows, items, marks);
      place(job, items);
      for (std::int64_t b = 0; b < job.n_blocks; ++b) {
        sort_items<32>(items + job.offsets[b], job.offsets[b + 1] - job.offsets[b], last);
      }
      if (tied(job, items)) {
        if (!PointSorter<T>::run(job, i, i + count, scratch + items_size(job))) return false;
        continue;
      }
      ValueSorter<T>::store(job, items, job.y + i * d, count);
      store_places(job, items, i, count);
      for (int l = 0; l < count; ++l) job.orders[i + l] = 1;
    }
    if (job.streamed) end_of_stream();
    return unmarked(marks);
  }
};

SYMKERNEL_END_NAMESPACE
