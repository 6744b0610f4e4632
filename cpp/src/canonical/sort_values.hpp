// Sorted rows of numbers, nothing else: one row in each lane of a vector.
#pragma once

#include "canonical/engine.hpp"
#include "canonical/lane_moves.hpp"

SYMKERNEL_BEGIN_NAMESPACE

// Longest run that a network sorts; longer ones are sorted in pieces of it, which are then merged.
constexpr std::int64_t network_limit = 512;

// A network for n items is unrolled when it is one for a power of two that n nearly fills.
template <int N, class Item>
SYMKERNEL_NOINLINE void sort_padded(Item* a, std::int64_t n, Item last) {
  Item items[N];
  if (n == N) {
    SYMKERNEL_UNROLL
    for (int i = 0; i < N; ++i) items[i] = a[i];
  } else {
    for (int i = 0; i < N; ++i) items[i] = i < n ? a[i] : last;
  }
  sort_power<N>(items);
  if (n == N) {
    SYMKERNEL_UNROLL
    for (int i = 0; i < N; ++i) a[i] = items[i];
  } else {
    for (int i = 0; i < n; ++i) a[i] = items[i];
  }
}

// `last` sorts behind every item.
template <int Largest, class Item>
SYMKERNEL_INLINE void sort_items(Item* a, std::int64_t n, Item last) {
  if (n > 40 && n <= 64 && Largest >= 64) {
    if constexpr (Largest >= 64) sort_padded<64>(a, n, last);
  } else if (n > 20 && n <= 32) {
    sort_padded<32>(a, n, last);
  } else if (n > 10 && n <= 16) {
    sort_padded<16>(a, n, last);
  } else if (n > 5 && n <= 8) {
    sort_padded<8>(a, n, last);
  } else {
    sort_any(a, n);
  }
}

// Merges sorted pieces of `piece` numbers in a row; `other` has room for n.
template <class T>
inline void merge_pieces(T* row, std::int64_t n, std::int64_t piece, T* other) {
  T *from = row, *to = other;
  for (; piece < n; piece *= 2) {
    for (std::int64_t start = 0; start < n; start += 2 * piece) {
      const std::int64_t middle = start + piece < n ? start + piece : n;
      const std::int64_t stop = middle + piece < n ? middle + piece : n;
      std::int64_t i = start, j = middle;
      for (std::int64_t k = start; k < stop; ++k) {
        const bool second = j < stop && (i == middle || from[j] < from[i]);
        to[k] = second ? from[j] : from[i];
        j += second;
        i += !second;
      }
    }
    T* swap = from;
    from = to;
    to = swap;
  }
  if (from != row) {
    for (std::int64_t k = 0; k < n; ++k) row[k] = from[k];
  }
}

template <class T>
struct ValueSorter {
  using V = typename RowLanes<T>::V;
  static constexpr int width = RowLanes<T>::width;
  using Item = KeyItem<V>;

  static std::int64_t scratch(const SortJob<T>& job) {
    return (job.points + width) * width + 2 * job.points;
  }

  // Numbers k, k + 1, ... of all rows of a group, in lanes; rows beyond the last repeat it.
  template <class AnyItem>
  static SYMKERNEL_INLINE void load(const SortJob<T>& job, const T* const* rows, AnyItem* items,
                                    V& marks) {
    const std::int64_t d = job.points;
    const bool flips = job.flips;
    const V zero(T(0));
    std::int64_t k = 0;
    for (; k + width <= d; k += width) {
      V square[width];
      SYMKERNEL_UNROLL
      for (int l = 0; l < width; ++l) square[l] = V::load(rows[l] + k);
      transpose(square);
      SYMKERNEL_UNROLL
      for (int l = 0; l < width; ++l) {
        marks = mark_infinite(square[l], marks);
        items[k + l].key = flips ? abs(square[l]) : square[l] + zero;  // -0 + 0 is +0
      }
    }
    for (; k < d; ++k) {
      T column[width];
      for (int l = 0; l < width; ++l) column[l] = rows[l][k];
      const V v = V::load(column);
      marks = mark_infinite(v, marks);
      items[k].key = flips ? abs(v) : v + zero;
    }
  }

  template <class AnyItem>
  static SYMKERNEL_INLINE void store(const SortJob<T>& job, const AnyItem* items, T* out,
                                     int count) {
    const std::int64_t d = job.points;
    std::int64_t k = 0;
    for (; k + width <= d; k += width) {
      V square[width];
      SYMKERNEL_UNROLL
      for (int l = 0; l < width; ++l) square[l] = items[k + l].key;
      transpose(square);
      if (job.streamed && count == width) {
        SYMKERNEL_UNROLL
        for (int l = 0; l < width; ++l) stream(square[l], out + l * d + k);
      } else {
        SYMKERNEL_UNROLL
        for (int l = 0; l < width; ++l) {
          if (l < count) square[l].store(out + l * d + k);
        }
      }
    }
    for (; k < d; ++k) {
      for (int l = 0; l < count; ++l) out[l * d + k] = items[k].key.lane(l);
    }
  }

  // Brings the rows of the next group closer while this one is sorted.
  static SYMKERNEL_INLINE void prefetch(const T* next, std::int64_t left) {
#if defined(__GNUC__)
    constexpr std::int64_t line = 64 / sizeof(T), most = 64;
    for (std::int64_t k = 0; k < left && k < most * line; k += line) __builtin_prefetch(next + k);
#else
    (void)next;
    (void)left;
#endif
  }

  static bool run(const SortJob<T>& job, std::int64_t begin, std::int64_t end, T* scratch) {
    const std::int64_t d = job.points;
    Item* items = reinterpret_cast<Item*>(scratch);
    T* spare = scratch + (d + width) * width;
    const Item last = {V(positive_infinity<T>())};
    V marks(T(0));
    for (std::int64_t i = begin; i < end; i += width) {
      const int count = static_cast<int>(end - i < width ? end - i : width);
      const T* rows[width];
      for (int l = 0; l < width; ++l) rows[l] = job.x + (i + (l < count ? l : count - 1)) * d;
      load(job, rows, items, marks);
      prefetch(job.x + (i + width) * d, (end - i - width) * d);
      bool pieces = false;
      for (std::int64_t b = 0; b < job.n_blocks; ++b) {
        for (std::int64_t k = job.offsets[b]; k < job.offsets[b + 1]; k += network_limit) {
          const std::int64_t left = job.offsets[b + 1] - k;
          pieces = pieces || left > network_limit;
          sort_items<64>(items + k, left < network_limit ? left : network_limit, last);
        }
      }
      store(job, items, job.y + i * d, count);
      if (!pieces) continue;
      for (int l = 0; l < count; ++l) {
        for (std::int64_t b = 0; b < job.n_blocks; ++b) {
          const std::int64_t start = job.offsets[b];
          merge_pieces(job.y + (i + l) * d + start, job.offsets[b + 1] - start, network_limit,
                       spare);
        }
      }
    }
    if (job.streamed) end_of_stream();
    return unmarked(marks);
  }
};

SYMKERNEL_END_NAMESPACE
