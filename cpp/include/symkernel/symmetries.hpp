// Subgroups of the symmetries of a vector that fix some points, for pruning searches.
//
// Searches among partial cosets G_l g need one of each orbit under the elements of a group that fix
// the points chosen so far. Any set of such elements is good for that; one that generates too
// little costs time. A stabiliser is found here as random products that are brought back (Schreier
// generators of random subproducts: Babai, Luks, Seress, SIAM J. Comput. 26, 1997).
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <numeric>
#include <random>
#include <utility>
#include <vector>

#include "symkernel/permutations.hpp"

namespace symkernel {

class Symmetries {
 public:
  using Point = permutations::Point;
  using Permutation = permutations::Permutation;
  using Shared = std::shared_ptr<const Symmetries>;  // null for the trivial group

  /// Elements that generate a group, and the logarithm of its order.
  static Shared of(std::vector<Permutation> elements, double logarithm) {
    if (elements.empty()) return {};
    auto found = std::make_shared<Symmetries>();
    found->elements_ = std::move(elements);
    found->logarithm_ = logarithm;
    return found;
  }

  /// root[i]: the least point of the orbit of i.
  void orbits(std::vector<Point>& root) const {
    root.resize(elements_.front().size());
    std::iota(root.begin(), root.end(), Point{0});
    const auto find = [&root](Point i) {
      auto* r = root.data();
      while (r[i] != i) i = r[i] = r[r[i]];
      return i;
    };
    for (const auto& k : elements_) {
      for (std::size_t i = 0; i < k.size(); ++i) {
        const Point a = find(static_cast<Point>(i)), b = find(k[i]);
        root[static_cast<std::size_t>(std::max(a, b))] = std::min(a, b);
      }
    }
    for (std::size_t i = 0; i < root.size(); ++i) root[i] = find(root[i]);
  }

  /// Elements of `group` that fix a point too.
  static Shared holding(const Shared& group, Point point, std::mt19937_64& random) {
    if (!group || group->fixes(point)) return group;
    const auto& elements = group->elements_;
    const std::size_t n = elements.front().size();
    std::vector<Point> orbit(1, point), place(n, -1);
    std::vector<Permutation> to(1, permutations::identity(n));  // to[k] takes the point to orbit[k]
    place[static_cast<std::size_t>(point)] = 0;
    for (std::size_t a = 0; a < orbit.size(); ++a) {
      for (const auto& k : elements) {
        const Point image = k[static_cast<std::size_t>(orbit[a])];
        if (place[static_cast<std::size_t>(image)] >= 0) continue;
        place[static_cast<std::size_t>(image)] = static_cast<Point>(orbit.size());
        orbit.push_back(image);
        to.push_back(to[a]);
        permutations::multiply(to.back(), k.data());
      }
    }
    const double left = group->logarithm_ - std::log(static_cast<double>(orbit.size()));
    if (left < 0.5) return {};  // less than two elements
    const auto wanted = std::min(kMost, 3 + static_cast<std::size_t>(left / std::log(2.0)));
    std::vector<Permutation> found;
    Permutation inverse(n);
    for (std::size_t t = 0; t < wanted; ++t) {
      Permutation s = to[random() % orbit.size()];
      permutations::multiply(s, elements[t % elements.size()].data());
      for (const auto& k : elements) {
        if (random() % 2 != 0) permutations::multiply(s, k.data());
      }
      const auto q = place[static_cast<std::size_t>(s[static_cast<std::size_t>(point)])];
      const auto& u = to[static_cast<std::size_t>(q)];
      permutations::invert(u, inverse);
      permutations::multiply(s, inverse.data());
      if (s != to[0]) found.push_back(std::move(s));
    }
    return of(std::move(found), left);
  }

 private:
  bool fixes(Point point) const {
    for (const auto& k : elements_) {
      if (k[static_cast<std::size_t>(point)] != point) return false;
    }
    return true;
  }

  static constexpr std::size_t kMost = 24;

  std::vector<Permutation> elements_;
  double logarithm_ = 0;
};

}  // namespace symkernel
