// Stabiliser chains along a given order of the points, of groups whose order is known.
//
// Uniform random elements, from a chain along any base, are stripped along the new one, and what is
// left of them extends its orbits. The product of the lengths of the orbits is at most the order of
// the group, and smaller by one part in N at least while an orbit misses a point: it is done when
// the logarithms agree, and exact then.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <random>
#include <utility>
#include <vector>

#include "symkernel/schreier_sims.hpp"

namespace symkernel {

/// The orbits of a group of permutations of 0..N-1.
struct Blocks {
  using Point = PermutationChain::Point;

  std::vector<Point> label;                // of the orbit of every point, by its least point
  std::size_t count = 0;                   // of orbits
  std::vector<std::vector<Point>> points;  // of the orbits longer than one, each ascending

  Blocks() = default;
  Blocks(std::size_t degree, const std::vector<std::vector<Point>>& generators) : label(degree) {
    std::vector<std::size_t> root(degree);
    std::iota(root.begin(), root.end(), std::size_t{0});
    const auto find = [&root](std::size_t i) {
      while (root[i] != i) i = root[i] = root[root[i]];
      return i;
    };
    for (const auto& g : generators) {
      for (std::size_t i = 0; i < degree; ++i) {
        const std::size_t a = find(i), b = find(static_cast<std::size_t>(g[i]));
        root[std::max(a, b)] = std::min(a, b);  // the root is the least point
      }
    }
    std::vector<std::vector<Point>> all;
    for (std::size_t i = 0; i < degree; ++i) {
      const std::size_t r = find(i);
      if (r == i) {
        label[i] = static_cast<Point>(all.size());
        all.emplace_back();
      } else {
        label[i] = label[r];
      }
      all[static_cast<std::size_t>(label[i])].push_back(static_cast<Point>(i));
    }
    count = all.size();
    for (auto& own : all) {
      if (own.size() > 1) points.push_back(std::move(own));
    }
  }
};

class ChainAlong {
 public:
  using Point = PermutationChain::Point;
  using Permutation = std::vector<Point>;

  struct Level {
    Point base = 0;
    std::vector<Point> orbit;             // orbit[0] == base
    std::vector<Point> rows;              // row k: an element u with u[base] = orbit[k]
    std::vector<Point> inverses;          // their inverses
    std::vector<Permutation> generators;  // of the level and those after it: the group here
    std::vector<Point> position;          // place in orbit, or -1
  };

  /// The chain whose base is a part of `order`, a list of all points, in that order.
  ChainAlong(const PermutationChain& group, std::vector<Point> order, std::uint64_t seed,
             const Poll& poll)
      : degree_(group.degree()), order_(std::move(order)), place_(degree_), random_(seed) {
    for (std::size_t k = 0; k < degree_; ++k) place_[static_cast<std::size_t>(order_[k])] = k;
    double target = 0;
    for (std::size_t l = 0; l < group.depth(); ++l) {
      target += std::log(static_cast<double>(group.orbit_length(l)));
    }
    const double enough = target - 0.25 / static_cast<double>(degree_ + 1);
    double reached = 0;
    while (reached < enough) {
      for (auto& g : draw(group, poll)) {
        add(std::move(g));
        poll();
        reached = 0;
        for (const auto& level : levels_) {
          reached += std::log(static_cast<double>(level.orbit.size()));
        }
        if (reached >= enough) break;
      }
    }
  }

  std::vector<Level>& levels() { return levels_; }

  /// The orbits of the group that fixes what the levels before l decide.
  Blocks blocks(std::size_t l) const {
    std::vector<Permutation> generators;
    for (; l < levels_.size(); ++l) {
      generators.insert(generators.end(), levels_[l].generators.begin(),
                        levels_[l].generators.end());
    }
    return Blocks(degree_, generators);
  }

 private:
  std::vector<Permutation> draw(const PermutationChain& group, const Poll& poll) {
    const std::size_t depth = group.depth();
    std::vector<std::int64_t> digits(kDrawn * depth);
    for (std::size_t k = 0; k < digits.size(); ++k) {
      digits[k] = static_cast<std::int64_t>(random_() % group.orbit_length(k % depth));
    }
    std::vector<Point> images(kDrawn * degree_);
    group.elements(digits.data(), kDrawn, images.data(), poll);
    std::vector<Permutation> found;
    for (std::size_t k = 0; k < kDrawn; ++k) {
      const auto start = images.begin() + static_cast<std::ptrdiff_t>(k * degree_);
      found.emplace_back(start, start + static_cast<std::ptrdiff_t>(degree_));
    }
    return found;
  }

  // Strips an element; what is left becomes a generator of the level where it is stuck.
  void add(Permutation g) {
    std::size_t l = 0;
    for (std::size_t k = 0; k < degree_; ++k) {
      const Point point = order_[k], image = g[static_cast<std::size_t>(point)];
      if (image == point) continue;
      while (l < levels_.size() && place_[static_cast<std::size_t>(levels_[l].base)] < k) ++l;
      if (l == levels_.size() || levels_[l].base != point) insert(l, point);
      const Point place = levels_[l].position[static_cast<std::size_t>(image)];
      if (place < 0) {
        extend(levels_[l], std::move(g));
        return;
      }
      const Point* inverse = levels_[l].inverses.data() + static_cast<std::size_t>(place) * degree_;
      for (auto& moved : g) moved = inverse[moved];
    }
  }

  void insert(std::size_t l, Point base) {
    Level level;
    level.base = base;
    level.position.assign(degree_, -1);
    level.position[static_cast<std::size_t>(base)] = 0;
    level.orbit.push_back(base);
    level.rows.resize(degree_);
    std::iota(level.rows.begin(), level.rows.end(), Point{0});
    level.inverses = level.rows;
    levels_.insert(levels_.begin() + static_cast<std::ptrdiff_t>(l), std::move(level));
  }

  void extend(Level& level, Permutation given) {
    const std::size_t known = level.orbit.size();
    level.generators.push_back(std::move(given));
    for (std::size_t k = 0; k < level.orbit.size(); ++k) {
      for (std::size_t j = k < known ? level.generators.size() - 1 : 0; j < level.generators.size();
           ++j) {
        const auto& g = level.generators[j];
        const Point image = g[static_cast<std::size_t>(level.orbit[k])];
        auto& place = level.position[static_cast<std::size_t>(image)];
        if (place >= 0) continue;
        place = static_cast<Point>(level.orbit.size());
        level.orbit.push_back(image);
        const std::size_t row = level.rows.size();
        level.rows.resize(row + degree_);
        level.inverses.resize(row + degree_);
        for (std::size_t i = 0; i < degree_; ++i) {
          const Point moved = g[static_cast<std::size_t>(level.rows[k * degree_ + i])];
          level.rows[row + i] = moved;
          level.inverses[row + static_cast<std::size_t>(moved)] = static_cast<Point>(i);
        }
      }
    }
  }

  static constexpr std::size_t kDrawn = 16;

  std::size_t degree_;
  std::vector<Point> order_;
  std::vector<std::size_t> place_;  // of a point in the order
  std::mt19937_64 random_;
  std::vector<Level> levels_;
};

}  // namespace symkernel
