// The lexicographically least of all rearrangements of a vector by a permutation group.
//
// For x and a group G with an ordered chain (ordered_chain.hpp) the least of x o g, g in G, is
// found level by level (Linton, "Finding the smallest image of a set", ISSAC 2004): partial cosets
// G_l g whose entries before b_l are the least possible are kept, each one is split into the cosets
// G_{l+1} u_c g, and those whose next entry x[g[c]], and the entries that it decides, are least
// survive. In the tail, a product of symmetric groups, orbits are sorted.
//
// Few partial cosets tie on data without many equal entries, and then their number at the end is
// the order of the stabiliser S of x. When more than kFew tie, S is found first
// (colour_stabilizer.hpp) and one coset of each G_l \ G / S is kept: G_l g k leads to the same
// vectors as G_l g for k in S. Cosets are split by points c up to the orbits of the elements of S
// that fix the points g[b_0], ..., g[b_{l-1}] (symmetries.hpp).
//
// Entries decided later tell cosets apart early: the entries of all images in G_l g rearrange those
// of x o g within the orbits of G_l, so that sorting these orbits gives a bound from below. Where
// cosets tie, the one of least bound is followed down to some image, and those whose bound is above
// the least image found are dropped.
//
// Entries are compared as integers (ranks): n steps sort them, then without ties the cost is the
// sum of the lengths of the orbits plus n per level. With ties the number of cosets kept can grow
// without a bound that is polynomial in n (least adjacency matrices of graphs are an example):
// SearchTooLong is thrown beyond the limits given.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <random>
#include <utility>
#include <vector>

#include "symkernel/colour_stabilizer.hpp"
#include "symkernel/ordered_chain.hpp"
#include "symkernel/symmetries.hpp"

namespace symkernel {

class MinimalImage {
 public:
  using Point = OrderedChain::Point;
  using Permutation = OrderedChain::Permutation;

  /// At most `limit` partial cosets may be made for one vector.
  MinimalImage(const OrderedChain& chain, std::size_t limit, const Poll& poll)
      : chain_(chain), limit_(limit), poll_(poll) {}

  /// Ranks `r` of the entries, one per point of the chain. Throws SearchTooLong.
  void find(const std::int32_t* r) {
    r_ = r;
    factors_.clear();
    symmetries_.clear();
    made_ = 0;
    if (sweep(kFew, false)) return;
    made_ = 0;
    const ColourStabilizer stabilizer(chain_, r, limit_, poll_);
    factors_ = stabilizer.factors();
    double logarithm = 0;
    for (const auto factor : factors_) logarithm += std::log(static_cast<double>(factor));
    symmetries_.assign(1, Symmetries::of(stabilizer.generators(), logarithm));
    random_.seed(kSeed);  // the same for every vector, whatever came before
    sweep(limit_, true);
  }

  /// An element g with x o g least.
  const Permutation& carrier() const { return carrier_; }
  /// Numbers whose product is the order of the stabiliser.
  const std::vector<std::int32_t>& factors() const { return factors_; }

 private:
  bool sweep(std::size_t limit, bool pruned) {
    const std::size_t n = chain_.degree();
    cosets_.resize(n);
    std::iota(cosets_.begin(), cosets_.end(), Point{0});
    best_.clear();
    for (std::size_t l = 0; l < chain_.levels().size(); ++l) {
      split(chain_.levels()[l], pruned);
      if (cosets_.size() > kTied * n && tells(l)) drop_above(l + 1, pruned);
      if (cosets_.size() > limit * n) return false;
    }
    sort_tail(!pruned);
    return true;
  }

  // One level: from the least cosets to the least of their parts.
  void split(const OrderedChain::Level& level, bool pruned) {
    const std::size_t n = chain_.degree(), count = cosets_.size() / n;
    std::int32_t least = rank(0, level.orbit[0]);
    for (std::size_t a = 0; a < count; ++a) {
      for (const Point c : level.orbit) least = std::min(least, rank(a, c));
    }
    next_.clear();
    next_symmetries_.clear();
    segment_.clear();
    for (std::size_t a = 0; a < count; ++a) {
      const Symmetries::Shared own = pruned ? symmetries_[a] : nullptr;
      if (own) {
        own->orbits(root_);
        taken_.assign(n, 0);
      }
      const Point* g = cosets_.data() + a * n;
      for (std::size_t k = 0; k < level.orbit.size(); ++k) {
        const Point point = g[level.orbit[k]];
        if (r_[point] != least) continue;
        if (own && std::exchange(taken_[root_[point]], 1) != 0) continue;
        if (++made_ > limit_) {
          throw SearchTooLong("too many partial cosets tie for the least image");
        }
        const Point* row = level.rows.data() + k * n;
        if (!keep(g, row, level)) continue;
        const std::size_t end = next_.size();
        if (end > kMostEntries) {
          throw SearchTooLong("too many partial cosets tie for the least image");
        }
        next_.resize(end + n);
        for (std::size_t i = 0; i < n; ++i) next_[end + i] = g[row[i]];
        if (pruned) {
          next_symmetries_.push_back(Symmetries::holding(own, point, random_));
        }
      }
      poll_();
    }
    cosets_.swap(next_);
    symmetries_.swap(next_symmetries_);
  }

  // Whether bounds are worth their sorting after level l: they can differ when what is not decided
  // lies in two orbits or more, and the last levels are split as fast.
  bool tells(std::size_t l) const {
    if (l + kLast >= chain_.levels().size()) return false;
    const auto decided = static_cast<std::size_t>(chain_.levels()[l].end);
    return chain_.blocks(l + 1).count > decided + 1;
  }

  // Drops cosets of level l whose bound is above an image.
  void drop_above(std::size_t l, bool pruned) {
    const std::size_t n = chain_.degree(), count = cosets_.size() / n;
    bounds_.resize(count * n);
    std::size_t least = 0;
    for (std::size_t a = 0; a < count; ++a) {
      bound(cosets_.data() + a * n, l, bounds_.data() + a * n);
      if (compare(bounds_.data() + a * n, bounds_.data() + least * n) < 0) least = a;
    }
    if (best_.empty() || compare(bounds_.data() + least * n, best_.data()) < 0) {
      follow(cosets_.data() + least * n, l);
    }
    std::size_t kept = 0;
    for (std::size_t a = 0; a < count; ++a) {
      if (compare(bounds_.data() + a * n, best_.data()) > 0) continue;
      if (kept != a) {
        std::copy_n(cosets_.data() + a * n, n, cosets_.data() + kept * n);
        if (pruned) symmetries_[kept] = symmetries_[a];
      }
      ++kept;
    }
    cosets_.resize(kept * n);
    if (pruned) symmetries_.resize(kept);
  }

  // The entries of x o g, sorted within the orbits of the group of level l.
  void bound(const Point* g, std::size_t l, std::int32_t* out) {
    for (std::size_t i = 0; i < chain_.degree(); ++i) out[i] = r_[g[i]];
    for (const auto& points : chain_.blocks(l).points) {
      block_.clear();
      for (const Point point : points) block_.push_back(out[point]);
      std::sort(block_.begin(), block_.end());
      for (std::size_t k = 0; k < points.size(); ++k) out[points[k]] = block_[k];
    }
  }

  // Down from one coset, along the least bounds; the image is kept if it is the least so far.
  void follow(const Point* start, std::size_t l) {
    const std::size_t n = chain_.degree();
    Permutation g(start, start + n), part(n);
    std::vector<std::int32_t> own(n), least(n);
    bound(g.data(), l, least.data());
    for (; l < chain_.levels().size(); ++l) {
      const auto& level = chain_.levels()[l];
      Permutation chosen;
      std::int32_t value = 0;
      for (std::size_t k = 0; k < level.orbit.size(); ++k) {
        const std::int32_t entry = r_[g[static_cast<std::size_t>(level.orbit[k])]];
        if (!chosen.empty() && entry > value) continue;
        const Point* row = level.rows.data() + k * n;
        for (std::size_t i = 0; i < n; ++i) part[i] = g[static_cast<std::size_t>(row[i])];
        bound(part.data(), l + 1, own.data());
        if (!chosen.empty() && compare(own.data(), least.data()) >= 0) continue;
        value = entry;
        chosen = part;
        least = own;
      }
      g = std::move(chosen);
    }
    if (best_.empty() || compare(least.data(), best_.data()) < 0) best_ = least;
  }

  int compare(const std::int32_t* a, const std::int32_t* b) const {
    for (std::size_t i = 0; i < chain_.degree(); ++i) {
      if (a[i] != b[i]) return a[i] < b[i] ? -1 : 1;
    }
    return 0;
  }

  std::int32_t rank(std::size_t coset, Point c) const {
    return r_[cosets_[coset * chain_.degree() + static_cast<std::size_t>(c)]];
  }

  // Compares the entries decided together with that of the level; a smaller one drops all others.
  bool keep(const Point* g, const Point* row, const OrderedChain::Level& level) {
    const auto first = static_cast<std::size_t>(level.base) + 1;
    const auto length = static_cast<std::size_t>(level.end) - first;
    bool smaller = next_.empty();
    if (smaller) segment_.resize(length);
    for (std::size_t i = 0; i < length; ++i) {
      const std::int32_t value = r_[g[row[first + i]]];
      if (!smaller) {
        if (value > segment_[i]) return false;
        if (value == segment_[i]) continue;
        smaller = true;
        next_.clear();
        next_symmetries_.clear();
      }
      segment_[i] = value;
    }
    return true;
  }

  // What is left is sorted, orbit by orbit; equal cosets are counted where none has been dropped.
  void sort_tail(bool counting) {
    const std::size_t n = chain_.degree();
    const auto& blocks = chain_.blocks(chain_.levels().size());
    std::int32_t ties = 0;
    Permutation candidate(n), images;
    for (std::size_t a = 0; a < cosets_.size() / n; ++a) {
      const Point* g = cosets_.data() + a * n;
      std::copy(g, g + n, candidate.begin());
      for (const auto& points : blocks.points) {
        images.clear();
        for (const Point point : points) images.push_back(g[point]);
        std::sort(images.begin(), images.end(),
                  [this](Point p, Point q) { return r_[p] != r_[q] ? r_[p] < r_[q] : p < q; });
        for (std::size_t k = 0; k < points.size(); ++k) {
          candidate[static_cast<std::size_t>(points[k])] = images[k];
        }
      }
      const int sign = a == 0 ? -1 : compare_images(candidate);
      if (sign < 0) {
        carrier_ = candidate;
        ties = 0;
      }
      ties += sign <= 0 ? 1 : 0;
    }
    if (!counting) return;
    if (ties > 1) factors_.push_back(ties);
    for (const auto& points : blocks.points) {
      std::int32_t run = 1;
      for (std::size_t k = 1; k < points.size(); ++k) {
        run = r_[carrier_[points[k]]] == r_[carrier_[points[k - 1]]] ? run + 1 : 1;
        if (run > 1) factors_.push_back(run);
      }
    }
  }

  int compare_images(const Permutation& candidate) const {
    for (std::size_t i = 0; i < candidate.size(); ++i) {
      const std::int32_t mine = r_[candidate[i]], best = r_[carrier_[i]];
      if (mine != best) return mine < best ? -1 : 1;
    }
    return 0;
  }

  static constexpr std::size_t kLast = 3;
  static constexpr std::size_t kTied = 16;
  static constexpr std::size_t kFew = 64;
  static constexpr std::uint64_t kSeed = 1;
  static constexpr std::size_t kMostEntries = std::size_t{1} << 26;  // 256 MiB

  const OrderedChain& chain_;
  std::size_t limit_;
  const Poll& poll_;
  const std::int32_t* r_ = nullptr;
  std::size_t made_ = 0;
  std::vector<Point> cosets_, next_;  // elements g of the cosets kept, one after the other
  std::vector<Symmetries::Shared> symmetries_, next_symmetries_;
  std::vector<std::int32_t> segment_, block_;
  std::vector<std::int32_t> bounds_, best_;  // bounds of the cosets; the least image found
  std::vector<Point> root_;
  std::vector<char> taken_;
  std::mt19937_64 random_;
  Permutation carrier_;
  std::vector<std::int32_t> factors_;
};

}  // namespace symkernel
