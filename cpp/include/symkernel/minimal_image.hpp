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
// that fix the points g[b_0], ..., g[b_{l-1}]; of these a random set is carried along, and a set
// that generates too little costs time, not exactness.
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
#include <memory>
#include <numeric>
#include <random>
#include <vector>

#include "symkernel/colour_stabilizer.hpp"
#include "symkernel/ordered_chain.hpp"

namespace symkernel {

/// Some elements of a group on points, and the logarithm of its order.
struct Symmetries {
  std::vector<std::vector<std::int32_t>> elements;
  double logarithm = 0;
};

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
    auto root = std::make_shared<Symmetries>();
    root->elements = stabilizer.generators();
    for (const auto factor : factors_) root->logarithm += std::log(static_cast<double>(factor));
    symmetries_.assign(1, std::move(root));
    random_.seed(kSeed);  // the same for every vector, whatever came before
    sweep(limit_, true);
  }

  /// An element g with x o g least.
  const Permutation& carrier() const { return carrier_; }
  /// Numbers whose product is the order of the stabiliser.
  const std::vector<std::int32_t>& factors() const { return factors_; }

 private:
  using Shared = std::shared_ptr<const Symmetries>;

  bool sweep(std::size_t limit, bool pruned) {
    const std::size_t n = chain_.degree();
    cosets_.resize(n);
    std::iota(cosets_.begin(), cosets_.end(), Point{0});
    for (const auto& level : chain_.levels()) {
      if (!split(level, limit, pruned)) return false;
    }
    sort_tail(!pruned);
    return true;
  }

  // One level: from the least cosets to the least of their parts.
  bool split(const OrderedChain::Level& level, std::size_t limit, bool pruned) {
    const std::size_t n = chain_.degree(), count = cosets_.size() / n;
    std::int32_t least = rank(0, level.orbit[0]);
    for (std::size_t a = 0; a < count; ++a) {
      for (const Point c : level.orbit) least = std::min(least, rank(a, c));
    }
    next_.clear();
    next_symmetries_.clear();
    segment_.clear();
    for (std::size_t a = 0; a < count; ++a) {
      const Shared* own = pruned && symmetries_[a] ? &symmetries_[a] : nullptr;
      if (own != nullptr) mark_orbits(**own);
      const Point* g = cosets_.data() + a * n;
      for (std::size_t k = 0; k < level.orbit.size(); ++k) {
        const Point point = g[level.orbit[k]];
        if (r_[point] != least) continue;
        if (own != nullptr && !first_of_orbit(point)) continue;
        if (++made_ > limit_) {
          throw SearchTooLong("too many partial cosets tie for the least image");
        }
        const Point* row = level.rows.data() + k * n;
        if (!keep(g, row, level)) continue;
        const std::size_t end = next_.size();
        if (end / n >= limit || end > kMostEntries) {
          if (!pruned) return false;
          throw SearchTooLong("too many partial cosets tie for the least image");
        }
        next_.resize(end + n);
        for (std::size_t i = 0; i < n; ++i) next_[end + i] = g[row[i]];
        if (pruned) {
          next_symmetries_.push_back(own == nullptr ? Shared() : holding(*own, point));
        }
      }
      poll_();
    }
    cosets_.swap(next_);
    symmetries_.swap(next_symmetries_);
    return true;
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
      const int sign = a == 0 ? -1 : compare(candidate);
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

  int compare(const Permutation& candidate) const {
    for (std::size_t i = 0; i < candidate.size(); ++i) {
      const std::int32_t mine = r_[candidate[i]], best = r_[carrier_[i]];
      if (mine != best) return mine < best ? -1 : 1;
    }
    return 0;
  }

  // root_[i]: the least point of the orbit of i under a set of elements.
  void mark_orbits(const Symmetries& symmetries) {
    root_.resize(chain_.degree());
    std::iota(root_.begin(), root_.end(), Point{0});
    taken_.assign(chain_.degree(), 0);
    for (const auto& k : symmetries.elements) {
      for (std::size_t i = 0; i < k.size(); ++i) {
        const Point a = root_of(static_cast<Point>(i)), b = root_of(k[i]);
        root_[static_cast<std::size_t>(std::max(a, b))] = std::min(a, b);
      }
    }
  }

  Point root_of(Point i) {
    auto* root = root_.data();
    while (root[i] != i) i = root[i] = root[root[i]];
    return i;
  }

  bool first_of_orbit(Point point) {
    char& taken = taken_[static_cast<std::size_t>(root_of(point))];
    const bool first = taken == 0;
    taken = 1;
    return first;
  }

  // Elements that fix a point too: products of random elements, each brought back by an element
  // u_q that takes the point to where it went (Schreier).
  Shared holding(const Shared& group, Point point) {
    const auto& elements = group->elements;
    const std::size_t n = chain_.degree();
    bool held = true;
    for (const auto& k : elements) held = held && k[static_cast<std::size_t>(point)] == point;
    if (held) return group;
    std::vector<Point> orbit(1, point), place(n, -1);
    std::vector<Permutation> to(1, identity());
    place[static_cast<std::size_t>(point)] = 0;
    for (std::size_t a = 0; a < orbit.size(); ++a) {
      for (const auto& k : elements) {
        const Point image = k[static_cast<std::size_t>(orbit[a])];
        if (place[static_cast<std::size_t>(image)] >= 0) continue;
        place[static_cast<std::size_t>(image)] = static_cast<Point>(orbit.size());
        orbit.push_back(image);
        to.push_back(product(to[a], k));
      }
    }
    const double left = group->logarithm - std::log(static_cast<double>(orbit.size()));
    if (left < 0.5) return {};
    auto found = std::make_shared<Symmetries>();
    found->logarithm = left;
    const auto wanted =
        std::min<std::size_t>(kMostElements, 3 + static_cast<std::size_t>(left / std::log(2.0)));
    for (std::size_t t = 0; t < wanted; ++t) {
      Permutation s = to[random_() % orbit.size()];
      s = product(s, elements[t % elements.size()]);
      for (const auto& k : elements) {
        if ((random_() & 1U) != 0) s = product(s, k);
      }
      const auto q = place[static_cast<std::size_t>(s[static_cast<std::size_t>(point)])];
      const Permutation& u = to[static_cast<std::size_t>(q)];
      Permutation inverse(n);
      for (std::size_t i = 0; i < n; ++i) {
        inverse[static_cast<std::size_t>(u[i])] = static_cast<Point>(i);
      }
      s = product(s, inverse);
      if (s != identity()) found->elements.push_back(std::move(s));
    }
    return found->elements.empty() ? Shared() : found;
  }

  Permutation identity() const {
    Permutation g(chain_.degree());
    std::iota(g.begin(), g.end(), Point{0});
    return g;
  }

  // First g, then h: (g h)[i] = h[g[i]].
  static Permutation product(const Permutation& g, const Permutation& h) {
    Permutation out(g.size());
    for (std::size_t i = 0; i < g.size(); ++i) out[i] = h[static_cast<std::size_t>(g[i])];
    return out;
  }

  static constexpr std::size_t kFew = 64;
  static constexpr std::size_t kMostElements = 24;
  static constexpr std::uint64_t kSeed = 1;
  static constexpr std::size_t kMostEntries = std::size_t{1} << 26;  // 256 MiB

  const OrderedChain& chain_;
  std::size_t limit_;
  const Poll& poll_;
  const std::int32_t* r_ = nullptr;
  std::size_t made_ = 0;
  std::vector<Point> cosets_, next_;  // elements g of the cosets kept, one after the other
  std::vector<Shared> symmetries_, next_symmetries_;
  std::vector<std::int32_t> segment_;
  std::vector<Point> root_;
  std::vector<char> taken_;
  std::mt19937_64 random_;
  Permutation carrier_;
  std::vector<std::int32_t> factors_;
};

}  // namespace symkernel
