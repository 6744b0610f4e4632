// The linear assignment problem: min over permutations s of sum_i cost[i][s(i)].
//
// Shortest augmenting paths after a reduction of columns and rows (Jonker & Volgenant, Computing
// 38, 1987), O(n^3). Prices v of columns are kept such that every assigned row has its least
// reduced cost, cost[i][j] - v[j], at its own column; that is the certificate of optimality. Rows
// of the matrix are scanned a vector at a time, so they are padded to whole vectors.
#pragma once

#include <math.h>

#include "symkernel/config.hpp"
#include "symkernel/lanes.hpp"
#include "symkernel/simd.hpp"

SYMKERNEL_BEGIN_NAMESPACE

template <class V>
class Assignment {
  using T = Scalar<V>;
  static constexpr int width = V::width;
  static constexpr T infinity = static_cast<T>(HUGE_VAL);

 public:
  // Numbers in a row of costs; those beyond n are set by `pad`.
  static std::int64_t padded(std::int64_t n) { return (n + width - 1) / width * width; }
  static std::int64_t scratch_size(std::int64_t n) { return 5 * padded(n) + 3 * n; }

  // For problems up to n by n; scratch of scratch_size(n) numbers.
  Assignment(std::int64_t n, T* scratch) {
    const std::int64_t size = padded(n);
    price_ = scratch;
    distance_ = price_ + size;
    before_ = distance_ + size;
    closed_ = before_ + size;
    scanned_distance_ = closed_ + size;
    scanned_ = scanned_distance_ + size;
    free_ = scanned_ + n;
    row_of_ = free_ + n;
  }

  static void pad(T* row, std::int64_t n) {
    for (std::int64_t j = n; j < padded(n); ++j) row[j] = infinity;
  }

  // column[i] for every row i of cost (n, padded(n)), which must be finite. Returns false, with
  // rows left over, where stops() said true.
  template <class Stops = NeverStops>
  bool solve(const T* cost, std::int64_t n, std::int32_t* column, const Stops& stops = Stops()) {
    cost_ = cost;
    n_ = n;
    size_ = padded(n);
    std::int64_t count = reduce_columns(column);
    for (int pass = 0; pass < 2 && count > 0; ++pass) count = reduce_rows(count, column, stops);
    if (stops()) return false;  // rows may be left over that are not counted
    for (std::int64_t k = 0; k < count; ++k) {
      if (stops()) return false;
      augment(number(free_[k]), column);
    }
    return true;
  }

 private:
  // Indices are kept among the numbers: they are exact, and vectors select between them.
  static std::int64_t number(T kept) { return static_cast<std::int64_t>(kept); }
  const T* row(std::int64_t i) const { return cost_ + i * size_; }

  static T least_lane(V least) {
    T value = least.lane(0);
    for (int l = 1; l < width; ++l) value = least.lane(l) < value ? least.lane(l) : value;
    return value;
  }
  // The least distance, and the first column that has it.
  T least_distance() const {
    V least = V::load(distance_);
    for (std::int64_t j = width; j < size_; j += width)
      least = at_most(V::load(distance_ + j), least);
    return least_lane(least);
  }
  std::int64_t column_at(T distance) const {
    std::int64_t j = 0;
    while (distance_[j] != distance && j < n_ - 1) ++j;
    return j;
  }

  // Prices are the least costs of columns; the rows that have them are assigned where they are
  // still free. Returns how many are left over, in free_.
  std::int64_t reduce_columns(std::int32_t* column) {
    for (std::int64_t j = 0; j < size_; j += width) {
      V least = V::load(row(0) + j), at(T(0));
      for (std::int64_t i = 1; i < n_; ++i) {
        const V here = V::load(row(i) + j);
        const auto lower = here < least;
        least = select(lower, here, least);
        at = select(lower, V(static_cast<T>(i)), at);
      }
      least.store(price_ + j);
      at.store(before_ + j);
    }
    for (std::int64_t j = n_; j < size_; ++j) price_[j] = T(0);
    for (std::int64_t i = 0; i < n_; ++i) column[i] = -1;
    for (std::int64_t j = n_ - 1; j >= 0; --j) {
      const std::int64_t i = number(before_[j]);
      row_of_[j] = column[i] < 0 ? static_cast<T>(i) : T(-1);
      if (column[i] < 0) column[i] = static_cast<std::int32_t>(j);
    }
    std::int64_t count = 0;
    for (std::int64_t i = 0; i < n_; ++i) {
      if (column[i] < 0) free_[count++] = static_cast<T>(i);
    }
    return count;
  }

  // Every free row takes its best column, whose price falls to where the second best is as good;
  // the row that had it is free again, for the next pass.
  template <class Stops>
  std::int64_t reduce_rows(std::int64_t count, std::int32_t* column, const Stops& stops) {
    std::int64_t left = 0;
    for (std::int64_t k = 0; k < count; ++k) {
      if (k % 64 == 63 && stops()) break;
      const std::int64_t i = number(free_[k]);
      for (std::int64_t j = 0; j < size_; j += width)
        (V::load(row(i) + j) - V::load(price_ + j)).store(distance_ + j);
      const T best = least_distance();
      std::int64_t j = column_at(best);
      distance_[j] = infinity;
      const T second = n_ > 1 ? least_distance() : best;
      if (best < second) {
        price_[j] -= second - best;
      } else if (row_of_[j] >= T(0) && n_ > 1) {
        j = column_at(second);
      }
      const T other = row_of_[j];
      row_of_[j] = static_cast<T>(i);
      column[i] = static_cast<std::int32_t>(j);
      if (other < T(0)) continue;
      column[number(other)] = -1;
      free_[left++] = other;  // left <= k: what is overwritten has been read
    }
    return left;
  }

  // The shortest path of alternating edges from a free row to a free column (Dijkstra 1959), by
  // which one more row is assigned.
  void augment(std::int64_t first, std::int32_t* column) {
    const V infinite(infinity), zero(T(0)), start(static_cast<T>(first));
    V least = infinite;
    for (std::int64_t j = 0; j < size_; j += width) {
      const V distance = V::load(row(first) + j) - V::load(price_ + j);
      distance.store(distance_ + j);
      start.store(before_ + j);
      zero.store(closed_ + j);
      least = at_most(distance, least);
    }
    std::int64_t count = 0, j = 0;
    T reached = least_lane(least);
    for (;; reached = least_lane(least)) {
      j = column_at(reached);
      if (row_of_[j] < T(0)) break;
      scanned_[count] = static_cast<T>(j);
      scanned_distance_[count++] = reached;
      distance_[j] = closed_[j] = infinity;
      const std::int64_t i = number(row_of_[j]);
      least = relax(i, (row(i)[j] - price_[j]) - reached);
    }
    for (std::int64_t k = 0; k < count; ++k)
      price_[number(scanned_[k])] += scanned_distance_[k] - reached;
    for (std::int64_t i = -1; i != first;) {
      i = number(before_[j]);
      row_of_[j] = static_cast<T>(i);
      const std::int64_t next = column[i];
      column[i] = static_cast<std::int32_t>(j);
      j = next;
    }
  }

  // Distances by way of row i; columns that are done are closed. Returns the least ones.
  V relax(std::int64_t i, T offset) {
    const V less(offset), via(static_cast<T>(i));
    V least(infinity);
    for (std::int64_t j = 0; j < size_; j += width) {
      const V old = V::load(distance_ + j);
      const V distance =
          ((V::load(row(i) + j) - V::load(price_ + j)) - less) + V::load(closed_ + j);
      const auto shorter = distance < old;
      const V now = select(shorter, distance, old);
      now.store(distance_ + j);
      select(shorter, via, V::load(before_ + j)).store(before_ + j);
      least = at_most(now, least);
    }
    return least;
  }

  const T* cost_ = nullptr;
  std::int64_t n_ = 0, size_ = 0;
  T *price_, *distance_, *before_, *closed_, *scanned_distance_, *scanned_, *free_, *row_of_;
};

SYMKERNEL_END_NAMESPACE
