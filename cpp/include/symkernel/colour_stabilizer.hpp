// The elements of a permutation group that leave a colouring of its points as it is.
//
// For colours r the stabiliser S = {k in G : r[k[i]] = r[i] for all i} is found along an ordered
// chain, from its last level up. S_l, the elements of S that fix what the levels before l decide,
// is S_{l+1} and one element for every point c that S_l takes b_l to; c is looked for among the
// points of the colour of b_l that no known element reaches, one of each orbit of S_l, by a
// backtrack search of the coset of u_c. A partial coset G_j g is left when some orbit D of G_j has
// other colours than its image, since the colours of g[D] are those of h[D] for all h in G_j g
// (Sims 1971; Leon, J. Symb. Comput. 12, 1991). Sums of random words compare colours: equal
// sums of different colours cost time, not exactness, for what is found is compared entry by entry.
//
// Colours are refined first: points of one colour are told apart by the colours of the orbits of
// the group that fixes them, until nothing new is told (Weisfeiler and Leman 1968, on the
// orbitals of G). Elements of S keep the refined colours too, since the orbits move with them.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <random>
#include <stdexcept>
#include <utility>
#include <vector>

#include "symkernel/ordered_chain.hpp"
#include "symkernel/symmetries.hpp"

namespace symkernel {

/// Looking for symmetries took more steps than it may take.
class SearchTooLong : public std::length_error {
 public:
  using std::length_error::length_error;
};

class ColourStabilizer {
 public:
  using Point = OrderedChain::Point;
  using Permutation = OrderedChain::Permutation;

  /// Colours `r` of the points of the chain; any integers. Throws SearchTooLong after `limit`
  /// partial cosets.
  ColourStabilizer(const OrderedChain& chain, const std::int32_t* r, std::size_t limit,
                   const Poll& poll)
      : chain_(chain), colours_(r, r + chain.degree()), left_(limit), poll_(poll) {
    refine();
    weigh();
    r_ = colours_.data();
    const std::size_t depth = chain.levels().size();
    exchange_alike(chain.blocks(depth));
    partial_.resize(depth + 1);
    chosen_.resize(depth + 1);
    holding_.resize(depth + 1);
    known_.resize(depth + 1);
    for (std::size_t l = depth; l-- > 0;) search_level(l);
  }

  /// A strong generating set of the stabiliser.
  const std::vector<Permutation>& generators() const { return generators_; }
  /// Numbers whose product is its order.
  const std::vector<std::int32_t>& factors() const { return factors_; }

 private:
  // A random word for every colour, the same in every run.
  static std::uint64_t word(std::uint64_t colour) {
    colour += 0x9e3779b97f4a7c15ULL;  // splitmix64 (Steele, Lea, Flood 2014)
    colour = (colour ^ (colour >> 30)) * 0xbf58476d1ce4e5b9ULL;
    colour = (colour ^ (colour >> 27)) * 0x94d049bb133111ebULL;
    return colour ^ (colour >> 31);
  }

  void refine() {
    struct Told {
      std::int32_t colour;
      std::uint64_t others;
      std::size_t point;
      bool operator<(const Told& b) const {
        return colour != b.colour ? colour < b.colour : others < b.others;
      }
    };
    const std::size_t n = colours_.size();
    std::vector<std::uint64_t> words(n), others(n);
    std::vector<Told> told(n);
    for (std::int32_t known = 0; !chain_.around().empty();) {
      for (std::size_t i = 0; i < n; ++i) {
        words[i] = word(static_cast<std::uint64_t>(colours_[i]));
      }
      for (const auto& around : chain_.around()) {
        for (std::size_t k = 0; k < around.orbit.size(); ++k) {
          const Point* row = around.rows.data() + k * n;
          sum_.assign(around.blocks.count, 0);
          for (std::size_t i = 0; i < n; ++i) {
            sum_[label(around.blocks, i)] += words[static_cast<std::size_t>(row[i])];
          }
          auto& own = others[static_cast<std::size_t>(around.orbit[k])];
          own = 0;
          for (const auto sum : sum_) own = word(own ^ sum);
        }
      }
      for (std::size_t i = 0; i < n; ++i) told[i] = {colours_[i], others[i], i};
      std::sort(told.begin(), told.end());
      std::int32_t count = 0;
      for (std::size_t k = 0; k < n; ++k) {
        if (k > 0 && told[k - 1] < told[k]) ++count;
        colours_[told[k].point] = count;
      }
      if (++count == known) return;
      known = count;
    }
  }

  void weigh() {
    for (std::size_t i = 0; i < colours_.size(); ++i) {
      weights_.push_back(word(static_cast<std::uint64_t>(colours_[i])));
    }
    for (std::size_t l = 0; l <= chain_.levels().size(); ++l) {
      const auto& blocks = chain_.blocks(l);
      sums_.emplace_back(blocks.count, 0);
      for (std::size_t i = 0; i < weights_.size(); ++i) {
        sums_[l][label(blocks, i)] += weights_[i];
      }
    }
  }

  static std::size_t label(const Blocks& blocks, std::size_t i) {
    return static_cast<std::size_t>(blocks.label[i]);
  }

  // In a product of symmetric groups: all permutations of the points of one colour in one orbit.
  void exchange_alike(const Blocks& blocks) {
    for (auto points : blocks.points) {
      std::stable_sort(points.begin(), points.end(),
                       [this](Point a, Point b) { return r_[a] < r_[b]; });
      for (std::size_t first = 0, last = 0; first < points.size(); first = last) {
        while (last < points.size() && r_[points[last]] == r_[points[first]]) ++last;
        for (std::size_t m = 2; m <= last - first; ++m) {
          factors_.push_back(static_cast<std::int32_t>(m));
        }
        if (last - first > 1) rotate(points.data() + first, 2);
        if (last - first > 2) rotate(points.data() + first, last - first);
      }
    }
  }

  void rotate(const Point* points, std::size_t count) {
    Permutation g = permutations::identity(chain_.degree());
    for (std::size_t k = 0; k < count; ++k) {
      g[static_cast<std::size_t>(points[k])] = points[(k + 1) % count];
    }
    generators_.push_back(std::move(g));
  }

  void search_level(std::size_t l) {
    const auto& level = chain_.levels()[l];
    const std::size_t n = chain_.degree();
    std::vector<char> done(n, 0);  // reached, or known to be out of reach
    std::vector<Point> reached, refused;
    spread(level.base, done, reached);
    reached_ = reached.size();
    for (std::size_t k = 1; k < level.orbit.size(); ++k) {
      const Point c = level.orbit[k];
      if (done[static_cast<std::size_t>(c)] != 0 || r_[c] != r_[level.base]) continue;
      const Point* row = level.rows.data() + k * n;
      partial_[l + 1].assign(row, row + n);
      known_[l] = 0;
      top_ = l;
      if (feasible(l + 1) && descend_from(l, c)) {
        generators_.push_back(found_);
        std::fill(done.begin(), done.end(), 0);
        reached.clear();
        spread(level.base, done, reached);
        reached_ = reached.size();
        std::vector<Point> again;
        for (const Point point : refused) {
          if (done[static_cast<std::size_t>(point)] == 0) spread(point, done, again);
        }
      } else {
        refused.push_back(c);
        std::vector<Point> orbit;
        spread(c, done, orbit);
      }
    }
    if (reached.size() > 1) factors_.push_back(static_cast<std::int32_t>(reached.size()));
  }

  // Marks the orbit of a point under the generators known.
  void spread(Point start, std::vector<char>& done, std::vector<Point>& orbit) const {
    done[static_cast<std::size_t>(start)] = 1;
    orbit.push_back(start);
    for (std::size_t k = 0; k < orbit.size(); ++k) {
      for (const auto& g : generators_) {
        const Point image = g[static_cast<std::size_t>(orbit[k])];
        if (done[static_cast<std::size_t>(image)] != 0) continue;
        done[static_cast<std::size_t>(image)] = 1;
        orbit.push_back(image);
      }
    }
  }

  // Whether every orbit of the group of level l has the colours of its image under partial_[l].
  bool feasible(std::size_t l) {
    if (left_ == 0) throw SearchTooLong("the symmetries of a sample are too hard to find");
    --left_;
    poll_();
    const auto& blocks = chain_.blocks(l);
    sum_.assign(blocks.count, 0);
    const auto& g = partial_[l];
    for (std::size_t i = 0; i < g.size(); ++i) {
      sum_[label(blocks, i)] += weights_[static_cast<std::size_t>(g[i])];
    }
    return sum_ == sums_[l];
  }

  bool descend_from(std::size_t l, Point point) {
    chosen_[l] = point;
    known_[l + 1] = 0;
    return descend(l + 1);
  }

  // Looks for an element of the stabiliser in the coset of partial_[l]; leaves it in found_. Where
  // a point fails, so do those that known elements, which fix the points chosen before, take it to.
  bool descend(std::size_t l) {
    if (l == chain_.levels().size()) return match(l);
    const auto& level = chain_.levels()[l];
    const std::size_t n = chain_.degree();
    std::vector<Point> failed, root;
    for (std::size_t k = 0; k < level.orbit.size(); ++k) {
      const auto& g = partial_[l];
      const Point point = g[static_cast<std::size_t>(level.orbit[k])];
      if (r_[point] != r_[level.base]) continue;
      if (failed.size() == 1 && root.empty() && symmetries(l)) symmetries(l)->orbits(root);
      if (!root.empty() && std::any_of(failed.begin(), failed.end(), [&](Point other) {
            return root[static_cast<std::size_t>(other)] == root[static_cast<std::size_t>(point)];
          })) {
        continue;
      }
      const Point* row = level.rows.data() + k * n;
      partial_[l + 1].resize(n);
      for (std::size_t i = 0; i < n; ++i) {
        partial_[l + 1][i] = g[static_cast<std::size_t>(row[i])];
      }
      if (feasible(l + 1) && descend_from(l, point)) return true;
      failed.push_back(point);
    }
    return false;
  }

  // Known elements of the stabiliser that fix what the search holds before level l, and the points
  // chosen since.
  const Symmetries::Shared& symmetries(std::size_t l) {
    if (known_[l] == 0) {
      if (l == top_) {
        double logarithm = 0;
        for (const auto factor : factors_) logarithm += std::log(static_cast<double>(factor));
        logarithm += std::log(static_cast<double>(reached_));
        holding_[l] = Symmetries::of(generators_, logarithm);
      } else {
        holding_[l] = Symmetries::holding(symmetries(l - 1), chosen_[l - 1], random_);
      }
      known_[l] = 1;
    }
    return holding_[l];
  }

  // In the tail every orbit is matched colour by colour.
  bool match(std::size_t l) {
    found_ = partial_[l];
    const auto& g = partial_[l];
    for (const auto& points : chain_.blocks(l).points) {
      std::vector<Point> places(points), images;
      for (const Point point : points) images.push_back(g[static_cast<std::size_t>(point)]);
      const auto by_colour = [this](Point a, Point b) { return r_[a] < r_[b]; };
      std::stable_sort(places.begin(), places.end(), by_colour);
      std::stable_sort(images.begin(), images.end(), by_colour);
      for (std::size_t k = 0; k < places.size(); ++k) {
        found_[static_cast<std::size_t>(places[k])] = images[k];
      }
    }
    for (std::size_t i = 0; i < found_.size(); ++i) {
      if (r_[found_[i]] != r_[i]) return false;
    }
    return true;
  }

  const OrderedChain& chain_;
  std::vector<std::int32_t> colours_;
  const std::int32_t* r_ = nullptr;
  std::size_t left_;
  const Poll& poll_;
  std::vector<std::uint64_t> weights_, sum_;
  std::vector<std::vector<std::uint64_t>> sums_;  // per level and orbit
  std::vector<Permutation> partial_, generators_;
  // Of the search below level top_: points chosen, symmetries that fix them and whether these are
  // up to date.
  std::size_t top_ = 0, reached_ = 1;
  std::vector<Point> chosen_;
  std::vector<Symmetries::Shared> holding_;
  std::vector<char> known_;
  std::mt19937_64 random_;
  Permutation found_;
  std::vector<std::int32_t> factors_;
};

}  // namespace symkernel
