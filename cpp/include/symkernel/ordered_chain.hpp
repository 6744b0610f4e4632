// The stabiliser chain of a permutation group along its points in their own order.
//
// For a group G on points 0..N-1 let b_0 < b_1 < ... be the points that move when all smaller ones
// are held, and G_l the subgroup that fixes every point below b_l. Level l holds the orbit of b_l
// under G_l and for each point c of it an element u_c of G_l with u_c[b_l] = c: G_l is the union of
// the cosets G_{l+1} u_c, and every element is g[i] = u_{c_0}[u_{c_1}[... [i]]] in exactly one way.
//
// The levels stop where the group that is left is the product of the symmetric groups on its
// orbits, at the latest where it is trivial: this tail needs no elements.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <utility>
#include <vector>

#include "symkernel/chain_along.hpp"
#include "symkernel/schreier_sims.hpp"

namespace symkernel {

class OrderedChain {
 public:
  using Point = PermutationChain::Point;
  using Permutation = std::vector<Point>;

  struct Level {
    Point base = 0;
    Point end = 0;             // the first point above the base that moves after it, or N
    std::vector<Point> orbit;  // orbit[0] == base
    std::vector<Point> rows;   // row k: u_c for c = orbit[k]; row 0 is the identity
  };

  // An orbit of G, for each point c of it an element u with u[orbit[0]] = c, and the orbits of the
  // group that fixes orbit[0]: with u they are those of the group that fixes c.
  struct Around {
    std::vector<Point> orbit, rows;
    Blocks blocks;
  };

  /// Throws ChainTooLarge if more than `max_bytes` of elements would be kept.
  OrderedChain(const PermutationChain& group, std::size_t max_bytes, std::uint64_t seed,
               const Poll& poll)
      : degree_(group.degree()) {
    double left = 0;  // logarithm of the order of the group at the level
    for (std::size_t l = 0; l < group.depth(); ++l) {
      left += std::log(static_cast<double>(group.orbit_length(l)));
    }
    std::vector<Permutation> generators;
    for (std::size_t k = 0; k < group.generator_count(); ++k) {
      generators.push_back(group.generator(k));
    }
    blocks_.emplace_back(degree_, generators);
    if (is_young(blocks_[0], left)) return;
    require_memory(left, max_bytes);
    std::vector<Point> order(degree_);
    std::iota(order.begin(), order.end(), Point{0});
    ChainAlong chain(group, order, seed, poll);
    look_around(group, order, chain, seed, poll);
    auto& found = chain.levels();
    for (std::size_t l = 0; l < found.size() && !is_young(blocks_[l], left); ++l) {
      left -= std::log(static_cast<double>(found[l].orbit.size()));
      Level level;
      level.base = found[l].base;
      level.end = l + 1 < found.size() ? found[l + 1].base : static_cast<Point>(degree_);
      level.orbit = std::move(found[l].orbit);
      level.rows = std::move(found[l].rows);
      levels_.push_back(std::move(level));
      blocks_.push_back(chain.blocks(l + 1));
    }
  }

  std::size_t degree() const { return degree_; }
  const std::vector<Level>& levels() const { return levels_; }
  /// Orbits of the group that fixes what the levels before l decide; l = levels().size(): the tail.
  const Blocks& blocks(std::size_t l) const { return blocks_[l]; }
  /// One for each orbit of G whose points tell others apart.
  const std::vector<Around>& around() const { return around_; }

 private:
  static bool is_young(const Blocks& blocks, double logarithm) {
    double bound = 0;
    for (const auto& block : blocks.points) {
      bound += std::lgamma(static_cast<double>(block.size()) + 1.0);
    }
    return logarithm > bound - 0.25;  // the orders are equal or differ by a factor of two or more
  }

  // Of orbits no longer than N, N - 1, ... whose lengths multiply to the order, the sum is largest
  // when the first ones are as long as they can be.
  void require_memory(double logarithm, std::size_t max_bytes) const {
    double rows = 0;
    for (std::size_t length = degree_; length > 1 && logarithm > 0; --length) {
      rows += static_cast<double>(length);
      logarithm -= std::log(static_cast<double>(length));
    }
    const double bytes = 2 * rows * static_cast<double>(degree_) * sizeof(Point);
    if (bytes > static_cast<double>(max_bytes)) throw ChainTooLarge(bytes);
  }

  void look_around(const PermutationChain& group, const std::vector<Point>& order,
                   ChainAlong& chain, std::uint64_t seed, const Poll& poll) {
    if (degree_ > kMostAround || blocks_[0].points.size() > kMostOrbits) return;
    for (const auto& orbit : blocks_[0].points) {
      Around around;
      if (orbit[0] == chain.levels()[0].base) {
        around = {chain.levels()[0].orbit, chain.levels()[0].rows, chain.blocks(1)};
      } else {
        auto other = order;
        other.erase(other.begin() + orbit[0]);
        other.insert(other.begin(), orbit[0]);
        ChainAlong turned(group, std::move(other), seed, poll);
        around.blocks = turned.blocks(1);
        around.orbit = std::move(turned.levels()[0].orbit);
        around.rows = std::move(turned.levels()[0].rows);
      }
      // where the others of the orbit are one orbit, and so are all others, nothing is told
      if (around.blocks.count > blocks_[0].count + 1) around_.push_back(std::move(around));
    }
  }

  static constexpr std::size_t kMostAround = 1024;
  static constexpr std::size_t kMostOrbits = 8;

  std::size_t degree_;
  std::vector<Level> levels_;
  std::vector<Blocks> blocks_;
  std::vector<Around> around_;
};

}  // namespace symkernel
