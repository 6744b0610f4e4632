// Permutation groups given by generators: a base and strong generating set (Sims 1970).
//
// A permutation is the list g[0..n-1] of its images and products are read left to right,
// (g h)[i] = h[g[i]], which is the action (g.x)[i] = x[g[i]] of the library.
//
// For base points b_0, ..., b_{L-1} let G_l be the subgroup that fixes b_0, ..., b_{l-1}. Level l
// stores the orbit of b_l under G_l and, for every point c of it, the inverse of an element u_c
// with b_l u_c = c. Then |G| = prod_l |orbit_l|, every element of G is u_{c_0}^-1 u_{c_1}^-1 ... in
// exactly one way, and g belongs to G when g u_{c_0}^-1 u_{c_1}^-1 ... strips to the identity.
//
// A chain is guessed from random elements (product replacement: Celler et al. 1995) and then
// proved: the order found is a lower bound, so a chain that meets the order of the (alternating or
// symmetric) upper bound is complete, and any other one is checked with every Schreier generator;
// what does not strip is added, so the result is exact whatever the random elements were. Symmetric
// and alternating groups are recognised beforehand and need no levels (giant.hpp).
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <optional>
#include <random>
#include <stdexcept>
#include <utility>
#include <vector>

#include "symkernel/giant.hpp"
#include "symkernel/permutations.hpp"

namespace symkernel {

/// A chain needs more memory than it may have.
class ChainTooLarge : public std::length_error {
 public:
  explicit ChainTooLarge(double bytes)
      : std::length_error("the stabiliser chain does not fit in memory"), bytes_(bytes) {}
  double bytes() const { return bytes_; }

 private:
  double bytes_;
};

class PermutationChain {
 public:
  using Point = permutations::Point;

  /// `generators` holds `count` rows of `degree` images. Throws std::invalid_argument for a row
  /// that is no permutation, ChainTooLarge where more than `max_bytes` would be kept. The result
  /// depends on nothing but the arguments.
  PermutationChain(const Point* generators, std::size_t count, std::size_t degree,
                   std::uint64_t seed, const Poll& poll,
                   std::size_t max_bytes = static_cast<std::size_t>(-1))
      : degree_(degree),
        max_bytes_(max_bytes),
        random_(seed),
        identity_(permutations::identity(degree)) {
    std::vector<Permutation> given;
    for (std::size_t k = 0; k < count; ++k) {
      Permutation g(generators + k * degree, generators + (k + 1) * degree);
      check_permutation(g);
      if (!permutations::is_identity(g) &&
          std::find(given.begin(), given.end(), g) == given.end()) {
        given.push_back(std::move(g));
      }
    }
    if (given.empty()) return;
    std::vector<std::size_t> labels;
    for (const auto& g : given) labels.push_back(add_generator(g));
    const GiantBound bound(given, degree_);
    RandomElements random(given, random_, poll);
    if (recognise(bound, random)) return;
    add_level(permutations::first_moved(given.front()));
    levels_[0].schreier = labels;
    // Where the rows of the first level cannot be kept, random elements keep its tree shallow.
    for (int k = 0; k < kHelpers && degree_ * degree_ > kStoredEntries; ++k) {
      labels.push_back(add_generator(random.next()));
    }
    attach(0, labels);
    guess(random);
    if (is_giant(bound)) return;
    prove(poll);
  }

  std::size_t degree() const { return degree_; }
  std::size_t depth() const { return giant_ ? giant_->depth() : levels_.size(); }
  Point base(std::size_t level) const { return giant_ ? giant_->base(level) : levels_[level].base; }
  std::size_t orbit_length(std::size_t level) const {
    return giant_ ? giant_->orbit_length(level) : levels_[level].orbit.size();
  }
  /// Elements that generate the group, among them those given.
  std::size_t generator_count() const { return generators_.size(); }
  const std::vector<Point>& generator(std::size_t k) const { return generators_[k].forward; }

  /// Whether the permutation `g` (degree images) lies in the group.
  bool contains(const Point* g) const {
    if (!permutations::permutes(g, degree_)) return false;
    if (giant_) return giant_->contains(g);
    Permutation residue(g, g + degree_);
    return strip(residue, 0) == levels_.size() && permutations::is_identity(residue);
  }

  /// out[k] = the element named by the digits c_0, c_1, ... of row k, 0 <= c_l < orbit_length(l).
  /// All zeros is the identity. Rows that share leading digits with the row before share their
  /// products.
  void elements(const std::int64_t* digits, std::size_t count, Point* out, const Poll& poll) const {
    if (giant_) return list_giant(digits, count, out, poll);
    const std::size_t depth = levels_.size();
    std::vector<Permutation> partial(depth + 1, identity_);
    const std::int64_t* last = nullptr;
    for (std::size_t k = 0; k < count; ++k) {
      const std::int64_t* row = digits + k * depth;
      std::size_t from = 0;
      while (last != nullptr && from < depth && row[from] == last[from]) ++from;
      for (std::size_t l = from; l < depth; ++l) {
        const auto& level = levels_[l];
        check_digit(row[l], level.orbit.size());
        partial[l + 1] = partial[l];
        multiply_by_inverse(level, static_cast<std::size_t>(row[l]), partial[l + 1]);
      }
      std::copy(partial[depth].begin(), partial[depth].end(), out + k * degree_);
      last = row;
      poll();
    }
  }

 private:
  using Permutation = permutations::Permutation;

  struct Generator {
    Permutation forward, inverse;
  };

  struct Level {
    Point base;
    std::vector<std::size_t> generators;  // rows of generators_ that span the orbit
    std::vector<std::size_t>
        schreier;                     // rows of generators_ that generate the group, for the proof
    std::size_t own = 0;              // generators[0..own) got stuck at this level
    std::vector<Point> orbit;         // orbit[0] == base
    std::vector<Point> position;      // place in orbit, or -1
    std::vector<std::size_t> parent;  // place in orbit of the point before on the tree
    std::vector<std::size_t> label;   // generator from the parent to the point
    std::vector<Point> inverses;      // row k: u_{orbit[k]}^-1; empty when only the tree is kept
    bool rows = true;
  };

  // What a group with these orbits can be at most: all permutations of each orbit, or half as many
  // when every generator is even.
  struct GiantBound {
    std::vector<std::size_t> orbit_of, orbit_size;
    bool even = true;

    GiantBound(const std::vector<Permutation>& generators, std::size_t degree) : orbit_of(degree) {
      std::vector<std::size_t> root(degree);
      std::iota(root.begin(), root.end(), std::size_t{0});
      const auto find = [&root](std::size_t i) {
        while (root[i] != i) i = root[i] = root[root[i]];
        return i;
      };
      for (const auto& g : generators) {
        for (std::size_t i = 0; i < degree; ++i) {
          root[find(i)] = find(static_cast<std::size_t>(g[i]));
        }
        even = even && !permutations::is_odd(g.data(), degree);
      }
      orbit_size.assign(degree, 0);
      for (std::size_t i = 0; i < degree; ++i) ++orbit_size[orbit_of[i] = find(i)];
    }
  };

  // Looks for a symmetric or alternating group on the only orbit.
  bool recognise(const GiantBound& bound, RandomElements& random) {
    std::vector<Point> moved;
    for (std::size_t i = 0; i < degree_; ++i) {
      if (bound.orbit_size[bound.orbit_of[i]] > 1) moved.push_back(static_cast<Point>(i));
    }
    const std::size_t m = moved.size();
    const auto first = static_cast<std::size_t>(moved.front());
    if (m < kLeastGiant || bound.orbit_size[bound.orbit_of[first]] != m) return false;
    std::size_t trials = 8;  // of which a giant fails all once in e^8 times
    for (std::size_t k = m; k > 2; k /= 3) trials += 12;
    for (std::size_t k = 0; k < trials; ++k) {
      if (!Giant::proves(random.next().data(), degree_, m)) continue;
      giant_.emplace(std::move(moved), degree_, bound.even);
      return true;
    }
    return false;
  }

  void list_giant(const std::int64_t* digits, std::size_t count, Point* out,
                  const Poll& poll) const {
    const std::size_t depth = giant_->depth();
    for (std::size_t k = 0; k < count; ++k) {
      for (std::size_t l = 0; l < depth; ++l) {
        check_digit(digits[k * depth + l], giant_->orbit_length(l));
      }
      giant_->element(digits + k * depth, out + k * degree_);
      poll();
    }
  }

  static void check_digit(std::int64_t digit, std::size_t length) {
    if (digit < 0 || static_cast<std::size_t>(digit) >= length) {
      throw std::invalid_argument("digit outside the orbit of its level");
    }
  }

  // Before more is kept. The levels of a chain are known when it is complete, not before.
  void reserve(std::size_t bytes) {
    bytes_ += bytes;
    if (bytes_ > max_bytes_) throw ChainTooLarge(static_cast<double>(bytes_));
  }

  bool is_giant(const GiantBound& bound) const {
    auto left = bound.orbit_size;
    for (const auto& level : levels_) {
      auto& points = left[bound.orbit_of[static_cast<std::size_t>(level.base)]];
      if (level.orbit.size() != points) return false;
      --points;
    }
    std::size_t index = 1;  // of the group found in the product of the symmetric groups
    for (const auto points : left) {
      if (points > 2) return false;
      if (points == 2) index *= 2;
      if (index > 2) return false;
    }
    return index == 1 || bound.even;
  }

  static void check_permutation(const Permutation& g) {
    if (!permutations::permutes(g.data(), g.size())) {
      throw std::invalid_argument(
          "not a permutation of 0..n-1: an image is repeated or out of range");
    }
  }

  // Not std::uniform_int_distribution: its results differ between standard libraries.
  std::size_t below(std::size_t n) { return static_cast<std::size_t>(random_() % n); }

  void add_level(Point base) {
    reserve(degree_ * sizeof(Point));
    Level level;
    level.base = base;
    level.position.assign(degree_, -1);
    levels_.push_back(std::move(level));
    append(levels_.back(), base, 0, 0);
  }

  void append(Level& level, Point point, std::size_t parent, std::size_t label) {
    reserve(2 * (sizeof(Point) + sizeof(std::size_t)));
    const std::size_t place = level.orbit.size();
    level.position[static_cast<std::size_t>(point)] = static_cast<Point>(place);
    level.orbit.push_back(point);
    level.parent.push_back(parent);
    level.label.push_back(label);
    if (level.rows && stored_ + degree_ > kStoredEntries) {
      level.rows = false;
      stored_ -= level.inverses.size();
      bytes_ -= level.inverses.size() * sizeof(Point);
      level.inverses = {};
    }
    if (!level.rows) return;
    reserve(degree_ * sizeof(Point));
    stored_ += degree_;
    level.inverses.resize((place + 1) * degree_);
    Point* row = level.inverses.data() + place * degree_;
    if (place == 0) {
      std::iota(row, row + degree_, Point{0});
      return;
    }
    const Point* before = level.inverses.data() + parent * degree_;
    const auto& step = generators_[label].inverse;
    for (std::size_t i = 0; i < degree_; ++i) row[i] = before[step[i]];  // (u s)^-1 = s^-1 u^-1
  }

  std::size_t add_generator(const Permutation& g) {
    reserve(2 * degree_ * sizeof(Point));
    generators_.push_back({g, {}});
    permutations::invert(g, generators_.back().inverse);
    return generators_.size() - 1;
  }

  // Extends the orbit of level l by more generators; what was there keeps its place.
  void attach(std::size_t l, const std::vector<std::size_t>& labels) {
    auto& level = levels_[l];
    const std::size_t known = level.orbit.size();
    const std::size_t fresh = level.generators.size();
    level.generators.insert(level.generators.end(), labels.begin(), labels.end());
    for (std::size_t k = 0; k < level.orbit.size(); ++k) {
      const auto point = static_cast<std::size_t>(level.orbit[k]);
      for (std::size_t j = k < known ? fresh : 0; j < level.generators.size(); ++j) {
        const Point image = generators_[level.generators[j]].forward[point];
        if (level.position[static_cast<std::size_t>(image)] < 0) {
          append(level, image, k, level.generators[j]);
        }
      }
    }
  }

  // g <- g u^-1 for the element u that takes the base point to orbit[place].
  void multiply_by_inverse(const Level& level, std::size_t place, Permutation& g) const {
    if (level.rows) {
      if (place != 0) permutations::multiply(g, level.inverses.data() + place * degree_);
      return;
    }
    for (; place != 0; place = level.parent[place]) {
      permutations::multiply(g, generators_[level.label[place]].inverse.data());
    }
  }

  // Strips g from level l on. Returns the level whose orbit misses the image of its base point, or
  // depth() when all levels pass; g is then what is left.
  std::size_t strip(Permutation& g, std::size_t l) const {
    for (; l < levels_.size(); ++l) {
      const auto& level = levels_[l];
      const Point place =
          level.position[static_cast<std::size_t>(g[static_cast<std::size_t>(level.base)])];
      if (place < 0) return l;
      multiply_by_inverse(level, static_cast<std::size_t>(place), g);
    }
    return l;
  }

  // Whether g h strips to the identity from level l on; false also where rows are not kept. Base
  // points tell which rows there are; then every point runs through kMostFactors of them at once.
  bool strips(const Point* g, const Point* h, std::size_t l, Permutation& product) const {
    const Point* rows[permutations::kMostFactors] = {g, h};
    std::size_t count = 2;
    for (; l < levels_.size(); ++l) {
      const auto& level = levels_[l];
      Point image = level.base;
      for (std::size_t k = 0; k < count; ++k) image = rows[k][image];
      const Point place = level.position[static_cast<std::size_t>(image)];
      if (place < 0 || !level.rows) return false;
      if (place > 0) {
        if (count == permutations::kMostFactors) {
          permutations::compose(rows, degree_, product.data());
          rows[0] = product.data();
          count = 1;
        }
        rows[count++] = level.inverses.data() + static_cast<std::size_t>(place) * degree_;
      }
    }
    return permutations::cancel(rows, count, degree_);
  }

  // Random elements are stripped until a run of them leaves nothing. A remainder becomes a
  // generator of the one level where it got stuck; at the end the levels are nested.
  void guess(RandomElements& random) {
    for (std::size_t run = 0; run < kTrivialRun; ++run) {
      Permutation residue = random.next();
      const std::size_t stuck = strip(residue, 0);
      if (stuck == levels_.size()) {
        if (permutations::is_identity(residue)) continue;
        add_level(permutations::first_moved(residue));
      }
      attach(stuck, {add_generator(residue)});
      run = 0;
    }
    for (auto& level : levels_) level.own = level.generators.size();
    for (std::size_t l = levels_.size() - 1; l-- > 1;) {
      attach(l, std::vector<std::size_t>(levels_[l + 1].generators));
    }
    for (std::size_t l = 1; l < levels_.size(); ++l) levels_[l].schreier = levels_[l].generators;
  }

  // Let H be the group of the levels below l, already proved, U the elements u_c of level l, and T
  // a set that generates the group of level l. When u_c t u_{ct}^-1 lies in H for all c in the
  // orbit and t in T, H U is closed under T, hence the group of level l: the level is proved.
  void prove(const Poll& poll) {
    std::size_t l = levels_.size();
    while (l > 0) {
      if (l < levels_.size() && !extended_) inherit(l - 1);
      reduce(l - 1, poll);
      const std::size_t changed = prove_level(l - 1, poll);
      l = changed == kProved ? l - 1 : changed + 1;
    }
  }

  // The group of a level is generated by its own generators and any that generate the next one.
  // Generators found by a proof are own to none: then the nested ones stay.
  void inherit(std::size_t l) {
    if (l == 0) return;
    auto& level = levels_[l];
    level.schreier.assign(level.generators.begin(),
                          level.generators.begin() + static_cast<std::ptrdiff_t>(level.own));
    level.schreier.insert(level.schreier.end(), levels_[l + 1].schreier.begin(),
                          levels_[l + 1].schreier.end());
  }

  // Returns kProved, or the deepest level that got a new generator.
  std::size_t prove_level(std::size_t l, const Poll& poll) {
    Permutation inverse, forward, residue, product(degree_);
    for (std::size_t k = 0; k < levels_[l].orbit.size(); ++k) {
      inverse = identity_;
      multiply_by_inverse(levels_[l], k, inverse);
      permutations::invert(inverse, forward);
      for (const auto label : levels_[l].schreier) {
        const auto& level = levels_[l];
        const auto& step = generators_[label].forward;
        const auto image = static_cast<std::size_t>(step[static_cast<std::size_t>(level.orbit[k])]);
        const auto place = static_cast<std::size_t>(level.position[image]);
        if (place != 0 && level.parent[place] == k && level.label[place] == label) continue;
        if (l > 0 && k == 0 && place == 0) continue;  // in H itself
        poll();
        if (strips(forward.data(), step.data(), l, product)) continue;
        residue = forward;
        permutations::multiply(residue, step.data());
        const std::size_t stuck = strip(residue, l);
        if (stuck == levels_.size()) {
          if (permutations::is_identity(residue)) continue;
          add_level(permutations::first_moved(residue));
        }
        const std::size_t added = add_generator(residue);
        extended_ = true;
        for (std::size_t m = l + 1; m <= stuck; ++m) {
          attach(m, {added});
          levels_[m].schreier.push_back(added);
        }
        return stuck;
      }
    }
    return kProved;
  }

  // Nested levels of a long chain collect many generators. T may be the own ones of the level and a
  // few random elements of H instead, if these generate a group with as many elements as H U: a
  // guess, whose orbits are a lower bound, tells. Where it tells nothing more are taken, as long as
  // that leaves less to prove: a group with k quotients of order two needs k elements and a few.
  void reduce(std::size_t l, const Poll& poll) {
    if (l == 0) return;
    const std::size_t own = levels_[l].own;
    std::size_t trial = 0;
    while (levels_[l].schreier.size() > kMany &&
           3 * (own + few_) < 2 * levels_[l].schreier.size()) {
      std::vector<std::size_t> labels(
          levels_[l].generators.begin(),
          levels_[l].generators.begin() + static_cast<std::ptrdiff_t>(own));
      for (std::size_t k = 0; k < few_; ++k) {
        Permutation g = identity_;
        for (std::size_t m = l + 1; m < levels_.size(); ++m) {
          multiply_by_inverse(levels_[m], below(levels_[m].orbit.size()), g);
        }
        if (g != identity_) labels.push_back(add_generator(g));
      }
      if (labels.empty()) return;
      if (!PermutationChain(*this, l, labels, poll).levels_.empty()) {
        levels_[l].schreier = labels;
        few_ = std::max<std::size_t>(few_ - 1, 2);
        return;
      }
      if (++trial % kTrials == 0) few_ += (few_ + 3) / 4;
    }
  }

  // A guess for the group generated by some generators of `chain`, with its base from level l on;
  // without levels where an orbit stays shorter than that of the chain.
  PermutationChain(const PermutationChain& chain, std::size_t l,
                   const std::vector<std::size_t>& labels, const Poll& poll)
      : degree_(chain.degree_),
        max_bytes_(chain.max_bytes_),
        stored_(chain.stored_),
        bytes_(chain.bytes_),
        random_(chain.random_),
        identity_(chain.identity_) {
    std::vector<Permutation> given;
    for (const auto label : labels) given.push_back(chain.generators_[label].forward);
    RandomElements random(given, random_, poll);
    std::size_t missing = 0;
    for (std::size_t m = l; m < chain.levels_.size(); ++m) {
      add_level(chain.levels_[m].base);
      missing += chain.levels_[m].orbit.size() - 1;
    }
    std::vector<std::size_t> own;
    for (const auto& g : given) own.push_back(add_generator(g));
    attach(0, own);
    missing -= levels_[0].orbit.size() - 1;
    for (std::size_t run = 0; missing > 0 && run < kTrivialRun; ++run) {
      Permutation residue = random.next();
      const std::size_t stuck = strip(residue, 0);
      if (stuck == levels_.size()) continue;
      missing += levels_[stuck].orbit.size();
      attach(stuck, {add_generator(residue)});
      missing -= levels_[stuck].orbit.size();
      run = 0;
    }
    if (missing > 0) levels_.clear();
  }

  static constexpr std::size_t kStoredEntries = std::size_t{1} << 26;  // 256 MiB of rows
  static constexpr int kHelpers = 6;
  static constexpr std::size_t kLeastGiant = 64;
  static constexpr std::size_t kMany = 8;
  static constexpr std::size_t kTrials = 3;  // a guess costs a fraction of what it spares
  static constexpr std::size_t kTrivialRun = 16;
  static constexpr std::size_t kProved = static_cast<std::size_t>(-1);

  std::size_t degree_;
  std::size_t max_bytes_;
  std::size_t stored_ = 0;
  std::size_t bytes_ = 0;
  std::size_t few_ = 2;
  bool extended_ = false;  // by a proof that failed
  std::mt19937_64 random_;
  Permutation identity_;
  std::vector<Generator> generators_;
  std::vector<Level> levels_;
  std::optional<Giant> giant_;
};

}  // namespace symkernel
