// The stabiliser chain of a permutation group along its points in their own order.
//
// For a group G on points 0..N-1 let b_0 < b_1 < ... be the points that move when all smaller ones
// are held, and G_l the subgroup that fixes every point below b_l. Level l holds the orbit of b_l
// under G_l and for each point c of it an element u_c of G_l with u_c[b_l] = c, so that the cosets
// of G_{l+1} in G_l are u_c: every element is g[i] = u_{c_0}[u_{c_1}[... [i]]] in exactly one way.
//
// The levels stop where the group that is left is the product of the symmetric groups on its
// orbits, at the latest where it is trivial: this tail needs no elements. The order of the group
// is known, so that random elements (uniform, from the chain it comes with) are added until the
// orbits are as long as they must be: the result is exact.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "symkernel/schreier_sims.hpp"

namespace symkernel {

class OrderedChain {
 public:
  using Point = PermutationChain::Point;
  using Permutation = std::vector<Point>;

  struct Level {
    Point base = 0;
    Point end = 0;             // the first point above the base that the next level moves, or N
    std::vector<Point> orbit;  // orbit[0] == base
    std::vector<Point> rows;   // row k: u_c for c = orbit[k]; row 0 is the identity
  };

  // The orbits of a group: a label per point, and the points of those longer than one.
  struct Blocks {
    std::vector<Point> label;
    std::size_t count = 0;
    std::vector<std::vector<Point>> points;  // each ascending
  };

  /// Throws ChainTooLarge if more than `max_bytes` of elements would be kept.
  OrderedChain(const PermutationChain& group, std::size_t max_bytes, std::uint64_t seed,
               const Poll& poll)
      : degree_(group.degree()), random_(seed) {
    double target = 0;  // logarithm of the order
    for (std::size_t l = 0; l < group.depth(); ++l) {
      target += std::log(static_cast<double>(group.orbit_length(l)));
    }
    std::vector<Permutation> generators;
    for (std::size_t k = 0; k < group.generator_count(); ++k) {
      generators.push_back(group.generator(k));
    }
    Blocks whole = blocks_of(generators);
    if (!is_young(whole, target)) {
      require_memory(target, max_bytes);
      complete(group, target, poll);
      cut(target);
    } else {
      blocks_.push_back(std::move(whole));
    }
    work_ = {};
  }

  std::size_t degree() const { return degree_; }
  const std::vector<Level>& levels() const { return levels_; }
  /// Orbits of the group that fixes what the levels before l decide; l = levels().size(): the tail.
  const Blocks& blocks(std::size_t l) const { return blocks_[l]; }

 private:
  struct Work {
    Point base;
    std::vector<Permutation> generators;
    std::vector<Point> orbit, position;
    std::vector<Point> rows, inverses;
  };

  // An orbit that misses a point is short by one part in N at least, a proper subgroup by a factor
  // of two: logarithms tell both apart.
  bool reaches(double logarithm, double target) const {
    return logarithm > target - 0.25 / static_cast<double>(degree_ + 1);
  }

  bool is_young(const Blocks& blocks, double logarithm) const {
    double bound = 0;
    for (const auto& block : blocks.points) {
      bound += std::lgamma(static_cast<double>(block.size()) + 1.0);
    }
    return logarithm > bound - 0.25;  // orders differ by a factor of two or more
  }

  // Of orbits no longer than N, N - 1, ... whose lengths multiply to the order, the sum is largest
  // when the first ones are as long as they can be.
  void require_memory(double target, std::size_t max_bytes) const {
    double rows = 0;
    for (std::size_t length = degree_; length > 1 && target > 0; --length) {
      rows += static_cast<double>(length);
      target -= std::log(static_cast<double>(length));
    }
    const double bytes = rows * static_cast<double>(degree_) * sizeof(Point) * 2;
    if (bytes > static_cast<double>(max_bytes)) throw ChainTooLarge(bytes);
  }

  std::vector<Permutation> draw(const PermutationChain& group, std::size_t count,
                                const Poll& poll) {
    const std::size_t depth = group.depth();
    std::vector<std::int64_t> digits(count * depth);
    for (std::size_t k = 0; k < digits.size(); ++k) {
      digits[k] = static_cast<std::int64_t>(random_() % group.orbit_length(k % depth));
    }
    std::vector<Point> images(count * degree_);
    group.elements(digits.data(), count, images.data(), poll);
    std::vector<Permutation> found;
    for (std::size_t k = 0; k < count; ++k) {
      const auto start = images.begin() + static_cast<std::ptrdiff_t>(k * degree_);
      found.emplace_back(start, start + static_cast<std::ptrdiff_t>(degree_));
    }
    return found;
  }

  Blocks blocks_of(const std::vector<Permutation>& generators) const {
    std::vector<std::size_t> root(degree_);
    std::iota(root.begin(), root.end(), std::size_t{0});
    const auto find = [&root](std::size_t i) {
      while (root[i] != i) i = root[i] = root[root[i]];
      return i;
    };
    for (const auto& g : generators) {
      for (std::size_t i = 0; i < degree_; ++i) {
        const std::size_t a = find(i), b = find(static_cast<std::size_t>(g[i]));
        root[std::max(a, b)] = std::min(a, b);  // the root is the least point
      }
    }
    Blocks blocks;
    blocks.label.resize(degree_);
    std::vector<std::vector<Point>> all;
    for (std::size_t i = 0; i < degree_; ++i) {
      const std::size_t r = find(i);
      if (r == i) {
        blocks.label[i] = static_cast<Point>(all.size());
        all.emplace_back();
      } else {
        blocks.label[i] = blocks.label[r];
      }
      all[static_cast<std::size_t>(blocks.label[i])].push_back(static_cast<Point>(i));
    }
    blocks.count = all.size();
    for (auto& points : all) {
      if (points.size() > 1) blocks.points.push_back(std::move(points));
    }
    return blocks;
  }

  void complete(const PermutationChain& group, double target, const Poll& poll) {
    while (true) {
      for (auto& g : draw(group, kDrawn, poll)) {
        add(std::move(g));
        poll();
        double reached = 0;
        for (const auto& work : work_) {
          reached += std::log(static_cast<double>(work.orbit.size()));
        }
        if (reaches(reached, target)) return;
      }
    }
  }

  // Strips an element; what is left becomes a generator of the level where it is stuck.
  void add(Permutation g) {
    std::size_t l = 0;
    for (std::size_t point = 0; point < degree_; ++point) {
      if (g[point] == static_cast<Point>(point)) continue;
      while (l < work_.size() && static_cast<std::size_t>(work_[l].base) < point) ++l;
      if (l == work_.size() || static_cast<std::size_t>(work_[l].base) != point) {
        insert(l, static_cast<Point>(point));
      }
      const Point place = work_[l].position[static_cast<std::size_t>(g[point])];
      if (place < 0) {
        extend(work_[l], std::move(g));
        return;
      }
      const Point* inverse = work_[l].inverses.data() + static_cast<std::size_t>(place) * degree_;
      for (auto& image : g) image = inverse[image];
    }
  }

  void insert(std::size_t l, Point base) {
    Work work;
    work.base = base;
    work.position.assign(degree_, -1);
    work.position[static_cast<std::size_t>(base)] = 0;
    work.orbit.push_back(base);
    work.rows.resize(degree_);
    std::iota(work.rows.begin(), work.rows.end(), Point{0});
    work.inverses = work.rows;
    work_.insert(work_.begin() + static_cast<std::ptrdiff_t>(l), std::move(work));
  }

  void extend(Work& work, Permutation g) {
    const std::size_t known = work.orbit.size();
    work.generators.push_back(std::move(g));
    for (std::size_t k = 0; k < work.orbit.size(); ++k) {
      const auto point = static_cast<std::size_t>(work.orbit[k]);
      for (std::size_t j = k < known ? work.generators.size() - 1 : 0; j < work.generators.size();
           ++j) {
        const Point image = work.generators[j][point];
        auto& place = work.position[static_cast<std::size_t>(image)];
        if (place >= 0) continue;
        place = static_cast<Point>(work.orbit.size());
        work.orbit.push_back(image);
        const std::size_t row = work.rows.size();
        work.rows.resize(row + degree_);
        work.inverses.resize(row + degree_);
        for (std::size_t i = 0; i < degree_; ++i) {
          const Point moved =
              work.generators[j][static_cast<std::size_t>(work.rows[k * degree_ + i])];
          work.rows[row + i] = moved;
          work.inverses[row + static_cast<std::size_t>(moved)] = static_cast<Point>(i);
        }
      }
    }
  }

  // Keeps the levels above the first one whose group is a product of symmetric groups.
  void cut(double target) {
    std::vector<Permutation> generators;
    std::vector<Blocks> below(work_.size() + 1);
    below[work_.size()] = blocks_of(generators);
    for (std::size_t l = work_.size(); l-- > 0;) {
      generators.insert(generators.end(), work_[l].generators.begin(), work_[l].generators.end());
      below[l] = blocks_of(generators);
    }
    double left = target;
    std::size_t depth = 0;
    while (depth < work_.size() && !is_young(below[depth], left)) {
      left -= std::log(static_cast<double>(work_[depth].orbit.size()));
      ++depth;
    }
    for (std::size_t l = 0; l < depth; ++l) {
      Level level;
      level.base = work_[l].base;
      level.end = l + 1 < work_.size() ? work_[l + 1].base : static_cast<Point>(degree_);
      level.orbit = std::move(work_[l].orbit);
      level.rows = std::move(work_[l].rows);
      levels_.push_back(std::move(level));
    }
    below.resize(depth + 1);
    blocks_ = std::move(below);
  }

  static constexpr std::size_t kDrawn = 16;

  std::size_t degree_;
  std::mt19937_64 random_;
  std::vector<Work> work_;
  std::vector<Level> levels_;
  std::vector<Blocks> blocks_;
};

}  // namespace symkernel
