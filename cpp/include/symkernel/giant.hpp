// Symmetric and alternating groups of many points, recognised from random elements.
//
// Let G move the m points of one orbit. An element with a cycle of prime length p, m/2 < p < m - 2,
// has a power that is a p-cycle, since its other cycles are shorter than p. A transitive group with
// such a cycle is primitive, and a primitive one contains all even permutations (Jordan 1873;
// Wielandt, Finite Permutation Groups, 13.9). One in log m / log 2 elements of Alt(m) has such a
// cycle. What is found is proved; what is not found needs another method.
//
// These groups need no transversals: with digits d_l < m - l the l-th point exchanges places with
// the one d_l places on (Fisher and Yates). In Alt(m) the last two follow from the parity.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "symkernel/permutations.hpp"

namespace symkernel {

class Giant {
 public:
  using Point = permutations::Point;

  /// The group on `points`, ascending, of permutations of 0..degree-1.
  Giant(std::vector<Point> points, std::size_t degree, bool even)
      : points_(std::move(points)), moved_(degree, 0), even_(even) {
    for (const Point point : points_) moved_[static_cast<std::size_t>(point)] = 1;
  }

  std::size_t depth() const { return points_.size() - (even_ ? 2 : 1); }
  Point base(std::size_t level) const { return points_[level]; }
  std::size_t orbit_length(std::size_t level) const { return points_.size() - level; }

  bool contains(const Point* g) const {
    for (std::size_t i = 0; i < moved_.size(); ++i) {
      if (moved_[i] == 0 && g[i] != static_cast<Point>(i)) return false;
    }
    return !even_ || !permutations::is_odd(g, moved_.size());
  }

  /// out = the element of the digits, one for each level.
  void element(const std::int64_t* digits, Point* out) const {
    for (std::size_t i = 0; i < moved_.size(); ++i) out[i] = static_cast<Point>(i);
    bool odd = false;
    for (std::size_t l = 0; l < depth(); ++l) {
      const auto other = l + static_cast<std::size_t>(digits[l]);
      std::swap(out[points_[l]], out[points_[other]]);
      odd = odd != (other != l);
    }
    const std::size_t m = points_.size();
    if (even_ && odd) std::swap(out[points_[m - 2]], out[points_[m - 1]]);
  }

  /// Whether an element proves that its transitive group on m points contains Alt(m).
  static bool proves(const Point* g, std::size_t degree, std::size_t m) {
    std::vector<char> seen(degree, 0);
    for (std::size_t i = 0; i < degree; ++i) {
      std::size_t length = 0;
      for (std::size_t j = i; seen[j] == 0; j = static_cast<std::size_t>(g[j])) {
        seen[j] = 1;
        ++length;
      }
      if (2 * length > m) return length + 2 < m && is_prime(length);
    }
    return false;
  }

 private:
  static bool is_prime(std::size_t n) {
    for (std::size_t k = 2; k * k <= n; ++k) {
      if (n % k == 0) return false;
    }
    return n > 1;
  }

  std::vector<Point> points_;
  std::vector<char> moved_;
  bool even_;
};

}  // namespace symkernel
