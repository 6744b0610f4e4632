// The canonical forms of one instruction set, as the table that dispatch sees. Included once by
// each canonical_<isa>.cpp with SYMKERNEL_ISA set.
#pragma once

#include "canonical/engine.hpp"
#include "canonical/enumerate_rows.hpp"
#include "canonical/place_values.hpp"
#include "canonical/rotate_rows.hpp"
#include "canonical/sort_points.hpp"
#include "canonical/sort_values.hpp"

SYMKERNEL_BEGIN_NAMESPACE

// Whether the sorted numbers are all that is wanted.
template <class T>
bool values_only(const SortJob<T>& job) {
  return job.channels == 1 && !job.even && job.indices == nullptr && job.signs == nullptr &&
         job.orders == nullptr && job.gaps == nullptr;
}

template <class T>
bool sort_rows(const SortJob<T>& job, std::int64_t begin, std::int64_t end, T* scratch) {
  if (values_only(job)) return ValueSorter<T>::run(job, begin, end, scratch);
  return PlaceSorter<T>::serves(job) ? PlaceSorter<T>::run(job, begin, end, scratch)
                                     : PointSorter<T>::run(job, begin, end, scratch);
}

template <class T>
std::int64_t sort_scratch(const SortJob<T>& job) {
  if (values_only(job)) return ValueSorter<T>::scratch(job);
  return PlaceSorter<T>::serves(job) ? PlaceSorter<T>::scratch(job) : PointSorter<T>::scratch(job);
}

template <class T>
constexpr CanonicalEngine<T> make_canonical(const char* isa) {
  return {isa,
          RowLanes<T>::width,
          &sort_rows<T>,
          &sort_scratch<T>,
          &RingTurner<T>::run,
          &RingTurner<T>::scratch,
          &TrieWalker<T>::run,
          &TrieWalker<T>::scratch};
}

SYMKERNEL_END_NAMESPACE
