// Permutations as lists of images, products read left to right: (g h)[i] = h[g[i]].
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <numeric>
#include <random>
#include <stdexcept>
#include <utility>
#include <vector>

namespace symkernel {

/// Called often by long computations; may throw to stop them.
using Poll = std::function<void()>;

namespace permutations {

using Point = std::int32_t;
using Permutation = std::vector<Point>;

inline Permutation identity(std::size_t degree) {
  Permutation g(degree);
  std::iota(g.begin(), g.end(), Point{0});
  return g;
}

inline bool is_identity(const Permutation& g) {
  for (std::size_t i = 0; i < g.size(); ++i) {
    if (g[i] != static_cast<Point>(i)) return false;
  }
  return true;
}

inline Point first_moved(const Permutation& g) {
  for (std::size_t i = 0; i < g.size(); ++i) {
    if (g[i] != static_cast<Point>(i)) return static_cast<Point>(i);
  }
  throw std::logic_error("the identity moves no point");
}

inline void invert(const Permutation& g, Permutation& out) {
  out.resize(g.size());
  for (std::size_t i = 0; i < g.size(); ++i) {
    out[static_cast<std::size_t>(g[i])] = static_cast<Point>(i);
  }
}

/// g <- g h.
inline void multiply(Permutation& g, const Point* h) {
  for (auto& image : g) image = h[image];
}

/// Whether a list of images is a permutation.
inline bool permutes(const Point* g, std::size_t degree) {
  std::vector<char> seen(degree, 0);
  for (std::size_t i = 0; i < degree; ++i) {
    if (g[i] < 0 || static_cast<std::size_t>(g[i]) >= degree) return false;
    if (std::exchange(seen[static_cast<std::size_t>(g[i])], 1) != 0) return false;
  }
  return true;
}

inline bool is_odd(const Point* g, std::size_t degree) {
  std::vector<char> seen(degree, 0);
  bool odd = false;
  for (std::size_t i = 0; i < degree; ++i) {
    for (std::size_t j = i; seen[j] == 0;) {
      seen[j] = 1;
      j = static_cast<std::size_t>(g[j]);
      if (j != i) odd = !odd;  // a cycle of length m is m - 1 transpositions
    }
  }
  return odd;
}

/// Most permutations that cancel() and compose() multiply.
constexpr std::size_t kMostFactors = 16;

template <std::size_t... K>
bool cancel_all(const Point* const* given, std::size_t degree, std::index_sequence<K...>) {
  const Point* const rows[] = {given[K]...};
  Point moved = 0;
  for (std::size_t i = 0; i < degree; ++i) {
    auto image = static_cast<Point>(i);
    ((image = rows[K][image]), ...);
    moved |= image ^ static_cast<Point>(i);
  }
  return moved == 0;
}

/// Whether the product of 1 to kMostFactors permutations is the identity. One loop for each
/// count, so that points run through all of them and nothing is stored between.
template <std::size_t Count = 1>
bool cancel(const Point* const* factors, std::size_t count, std::size_t degree) {
  if constexpr (Count > kMostFactors) {
    return false;
  } else {
    if (count != Count) return cancel<Count + 1>(factors, count, degree);
    return cancel_all(factors, degree, std::make_index_sequence<Count>());
  }
}

template <std::size_t... K>
void compose_all(const Point* const* given, std::size_t degree, Point* out,
                 std::index_sequence<K...>) {
  for (std::size_t i = 0; i < degree; ++i) {
    auto image = static_cast<Point>(i);
    ((image = given[K][image]), ...);
    out[i] = image;
  }
}

/// out = the product of kMostFactors permutations, of which the first may be `out` itself.
inline void compose(const Point* const* factors, std::size_t degree, Point* out) {
  compose_all(factors, degree, out, std::make_index_sequence<kMostFactors>());
}

}  // namespace permutations

/// Random elements of a group, by product replacement with an accumulator (Celler, Leedham-Green,
/// Murray, Niemeyer, O'Brien, Comm. Algebra 23, 1995).
class RandomElements {
 public:
  using Permutation = permutations::Permutation;

  RandomElements(const std::vector<Permutation>& generators, std::mt19937_64& random,
                 const Poll& poll)
      : random_(random), poll_(poll), accumulator_(permutations::identity(generators[0].size())) {
    for (std::size_t k = 0; k < std::max(generators.size(), kPool); ++k) {
      pool_.push_back(generators[k % generators.size()]);
    }
    for (std::size_t k = 0; k < 2 * pool_.size() + 10; ++k) next();
  }

  const Permutation& next() {
    const std::size_t a = below(pool_.size());
    const std::size_t b = (a + 1 + below(pool_.size() - 1)) % pool_.size();
    if (below(2) == 0) {
      permutations::multiply(pool_[a], pool_[b].data());
    } else {
      permutations::invert(pool_[b], scratch_);
      permutations::multiply(pool_[a], scratch_.data());
    }
    permutations::multiply(accumulator_, pool_[a].data());
    poll_();
    return accumulator_;
  }

 private:
  // Not std::uniform_int_distribution: its results differ between standard libraries.
  std::size_t below(std::size_t n) { return static_cast<std::size_t>(random_() % n); }

  static constexpr std::size_t kPool = 10;

  std::mt19937_64& random_;
  const Poll& poll_;
  std::vector<Permutation> pool_;
  Permutation accumulator_, scratch_;
};

}  // namespace symkernel
