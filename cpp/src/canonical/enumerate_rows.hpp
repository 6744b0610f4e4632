// The lexicographically least image of a sample under a list of maps, by a trie over the list:
// elements that begin with the same numbers are compared once.
#pragma once

#include "canonical/engine.hpp"
#include "canonical/lane_moves.hpp"
#include "canonical/sort_points.hpp"
#include "symkernel/lanes.hpp"

SYMKERNEL_BEGIN_NAMESPACE

template <class T>
struct TrieWalker {
  using V = typename RowLanes<T>::V;
  static constexpr int width = RowLanes<T>::width;

  static std::int64_t scratch(const EnumeratedJob<T>& job) {
    const std::int64_t words = PointSorter<T>::words_for_places(2 * (job.trie.order + 1));
    return job.trie.width + 2 * width + words + 64;
  }

  // Nodes whose elements all map the sample to the least numbers found so far. A node of one
  // element stands for it at every depth that follows.
  struct Front {
    std::int32_t* nodes;
    std::int64_t size = 0;
  };

  // Least of the values of a node's children.
  static SYMKERNEL_INLINE T least_child(const TrieView& trie, const TrieNode& node, const T* v) {
    if (node.dense) {
      V best = V(v[0]);
      std::int32_t k = 0;
      for (; k + width <= node.n_children; k += width) best = lesser(best, V::load(v + k));
      T least = least_lane(best);
      for (; k < node.n_children; ++k) least = lesser(least, v[k]);
      return least;
    }
    const std::int32_t* places = trie.places + node.child;
    T a = v[places[0]], b = a, c = a, d = a;
    std::int32_t k = 1;
    for (; k + 4 <= node.n_children; k += 4) {  // four chains: a minimum takes several cycles
      a = lesser(a, v[places[k]]);
      b = lesser(b, v[places[k + 1]]);
      c = lesser(c, v[places[k + 2]]);
      d = lesser(d, v[places[k + 3]]);
    }
    for (; k < node.n_children; ++k) a = lesser(a, v[places[k]]);
    return lesser(lesser(a, b), lesser(c, d));
  }

  static SYMKERNEL_INLINE T value_of(const TrieView& trie, const TrieNode& node, const T* v,
                                     std::int64_t depth) {
    return v[trie.table[node.element * trie.depth + depth]];
  }

  // Keeps the children within `tolerance` of the least value. Returns how far the next one is that
  // was dropped beside one that is kept; 0 where all of a node was dropped, which agreed with the
  // others so far: there rounding decides.
  static double narrow(const TrieView& trie, const T* v, std::int64_t depth, double tolerance,
                       bool with_gap, const Front& from, Front& to) {
    T least = positive_infinity<T>();
    for (std::int64_t f = 0; f < from.size; ++f) {
      const TrieNode& node = trie.nodes[from.nodes[f]];
      least = lesser(
          least, node.n_children > 0 ? least_child(trie, node, v) : value_of(trie, node, v, depth));
    }
    const T bound = static_cast<T>(static_cast<double>(least) + tolerance);
    to.size = 0;
    double gap = HUGE_VAL;
    for (std::int64_t f = 0; f < from.size; ++f) {
      const TrieNode& node = trie.nodes[from.nodes[f]];
      const std::int64_t before = to.size;
      T next = positive_infinity<T>();
      if (node.n_children == 0) {
        if (value_of(trie, node, v, depth) <= bound) to.nodes[to.size++] = from.nodes[f];
      } else if (node.dense && !with_gap) {
        keep_dense(trie, node, v, bound, to);
      } else {
        const std::int32_t* places = trie.places + node.child;
        const std::int32_t* targets = trie.targets + node.child;
        for (std::int32_t k = 0; k < node.n_children; ++k) {
          const T value = v[places[k]];
          to.nodes[to.size] = targets[k];  // no branch: which one is least cannot be foreseen
          to.size += value <= bound;
          if (with_gap) next = value <= bound ? next : lesser(next, value);
        }
      }
      if (to.size == before) {
        gap = 0;
      } else {
        gap = lesser(gap, static_cast<double>(next) - static_cast<double>(least));
      }
    }
    return gap;
  }

  static SYMKERNEL_INLINE void keep_dense(const TrieView& trie, const TrieNode& node, const T* v,
                                          T bound, Front& to) {
    const V b(bound);
    std::int32_t k = 0;
    for (; k + width <= node.n_children; k += width) {
      const V values = V::load(v + k);
      for (std::uint64_t bits = equal_lanes(lesser(values, b), values); bits != 0;
           bits &= bits - 1) {
        to.nodes[to.size++] = trie.targets[node.child + k + lowest_bit(bits)];
      }
    }
    for (; k < node.n_children; ++k) {
      if (v[k] <= bound) to.nodes[to.size++] = trie.targets[node.child + k];
    }
  }

  static bool prepare(const EnumeratedJob<T>& job, const T* x, T* v) {
    const std::int64_t d = job.with_negatives ? job.trie.width / 2 : job.trie.width;
    const bool finite = copy_finite(x, d, v);
    if (job.with_negatives) {
      for (std::int64_t k = 0; k < d; ++k) v[d + k] = T(0) - v[k];
    }
    return finite;
  }

  static bool run(const EnumeratedJob<T>& job, std::int64_t begin, std::int64_t end, T* scratch) {
    const TrieView& trie = job.trie;
    const std::int64_t n = job.with_negatives ? trie.width / 2 : trie.width;
    T* v = scratch;
    auto* fronts = reinterpret_cast<std::int32_t*>(scratch + trie.width + 2 * width);
    const bool with_gap = job.gaps != nullptr;
    for (std::int64_t i = begin; i < end; ++i) {
      if (!prepare(job, job.x + i * n, v)) return false;
      Front now{fronts}, then{fronts + trie.order + 1};
      const bool measured = with_gap || job.tolerance > 0;
      const double largest = measured ? largest_magnitude(v, trie.width) : 1;
      now.nodes[0] = 0;
      now.size = 1;
      double gap = HUGE_VAL;
      for (std::int64_t depth = 0; depth < trie.depth; ++depth) {
        if (now.size == 1 && trie.nodes[now.nodes[0]].n_children == 0) break;
        const double step = narrow(trie, v, depth, job.tolerance * largest, with_gap, now, then);
        gap = lesser(gap, step);
        const Front swap = now;
        now = then;
        then = swap;
      }
      const TrieNode& best = trie.nodes[now.nodes[0]];
      const std::int32_t* row = trie.table + best.element * trie.depth;
      T* y = job.y + i * trie.depth;
      for (std::int64_t k = 0; k < trie.depth; ++k) y[k] = v[row[k]];
      if (job.elements != nullptr) job.elements[i] = trie.ranks[best.element];
      if (job.orders != nullptr) {
        std::uint64_t order = 0;
        for (std::int64_t f = 0; f < now.size; ++f) {
          order += static_cast<std::uint64_t>(trie.nodes[now.nodes[f]].n_elements);
        }
        job.orders[i] = order;
      }
      if (with_gap) {
        // numbers a and b of a sample become equal when both move by |a - b| / 2, or one by it
        const double norm = largest > 0 ? scaled_norm(y, trie.depth, largest) : 1;
        job.gaps[i] = lesser(1.0, largest > 0 ? 0.5 * gap / largest / norm : 1.0);
      }
    }
    return true;
  }
};

SYMKERNEL_END_NAMESPACE
