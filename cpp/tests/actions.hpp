// Actions for the tests, each beside its elements as dense matrices: the definition, spelled out.
// The elements form groups (cyclic ones, or products of two): the core relies on that.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "naive.hpp"
#include "numbers.hpp"
#include "orbit_sum.hpp"

namespace test {

using symkernel::OrbitAction;
using symkernel::Random;

struct Action {
  std::string name;
  OrbitAction native;
  std::int64_t d;
  std::vector<double> elements;  // (order, d, d)

  // Row k of element e.
  const double* row(std::int64_t e, std::int64_t k) const {
    return elements.data() + static_cast<std::size_t>((e * d + k) * d);
  }
};

inline std::vector<std::int32_t> random_permutation(std::int64_t n, Random& random) {
  std::vector<std::int32_t> p;
  for (std::int64_t i = 0; i < n; ++i) p.push_back(static_cast<std::int32_t>(i));
  for (std::int64_t i = n - 1; i > 0; --i)
    std::swap(p[static_cast<std::size_t>(i)], p[static_cast<std::size_t>(random.below(i + 1))]);
  return p;
}

// The powers g^0 .. g^(count-1) of a signed permutation with g^count = 1, (g.x)[i] = sign[i]
// x[index[i]]: short cycles of random points, with signs where they fit; g^(count/2) = -1 then.
struct SignedPermutations {
  std::vector<std::int32_t> index;
  std::vector<std::int8_t> sign;

  SignedPermutations(std::int64_t count, std::int64_t n, bool signs, Random& random) {
    const std::vector<std::int32_t> order = random_permutation(n, random);
    const std::size_t size = static_cast<std::size_t>(n);
    std::vector<std::size_t> next(size);
    std::vector<std::int8_t> sign_of(size, 1);
    const std::int64_t around = signs && count % 2 == 0 ? count / 2 : count;
    for (std::int64_t start = 0, length; start < n; start += length) {
      for (length = n - start < 3 ? n - start : 3; around % length != 0;) --length;
      const auto point = [&](std::int64_t k) {
        return static_cast<std::size_t>(order[static_cast<std::size_t>(start + k % length)]);
      };
      for (std::int64_t k = 0; k < length; ++k) next[point(k)] = point(k + 1);
      if (around < count && around / length % 2 == 1) sign_of[point(0)] = -1;
    }
    for (std::size_t i = 0; i < size; ++i) {
      index.push_back(static_cast<std::int32_t>(i));
      sign.push_back(1);
    }
    for (std::size_t at = 0; at + size < static_cast<std::size_t>(count) * size; ++at) {
      // (g g^e.x)[i] = sign_of[i] (g^e.x)[next[i]]
      const std::size_t from = at - at % size + next[at % size];
      index.push_back(index[from]);
      sign.push_back(static_cast<std::int8_t>(sign[from] * sign_of[at % size]));
    }
  }
};

// m <- m (1 - 2 v v^T / |v|^2) for a random v.
inline void reflect(std::vector<double>& m, std::size_t size, Random& random) {
  std::vector<double> v;
  double square = 0;
  for (std::size_t i = 0; i < size; ++i) {
    v.push_back(random.uniform(0.1, 1.0));
    square += v.back() * v.back();
  }
  for (std::size_t i = 0; i < size; ++i) {
    double dot = 0;
    for (std::size_t k = 0; k < size; ++k) dot += m[i * size + k] * v[k];
    for (std::size_t k = 0; k < size; ++k) m[i * size + k] -= 2 * dot / square * v[k];
  }
}

// The powers of a turn of order `count` (or a divisor) in planes that no axis lies in.
inline std::vector<double> orthogonal_matrices(std::int64_t count, std::int64_t r, Random& random) {
  const std::size_t size = static_cast<std::size_t>(r);
  std::vector<double> q(size * size, 0.0), all;
  for (std::size_t i = 0; i < size; ++i) q[i * size + i] = 1;
  for (int reflection = 0; reflection < 3; ++reflection) reflect(q, size, random);
  std::vector<double> angle;
  for (std::size_t i = 0; i < size; i += 2)
    angle.push_back(2 * static_cast<double>(naive::pi) / static_cast<double>(count) *
                    static_cast<double>(1 + 2 * random.below(3)));
  for (std::int64_t e = 0; e < count; ++e) {
    // columns of q in pairs are the planes; one column is left over where r is odd
    std::vector<double> turned(q);
    for (std::size_t i = 0; i < size; ++i) {
      for (std::size_t k = 0; k < size; k += 2) {
        const double a = q[i * size + k], c = std::cos(angle[k / 2] * static_cast<double>(e)),
                     s = std::sin(angle[k / 2] * static_cast<double>(e));
        if (k + 1 < size) {
          const double b = q[i * size + k + 1];
          turned[i * size + k] = c * a + s * b;
          turned[i * size + k + 1] = c * b - s * a;
        } else if (count % 2 == 0 && e % 2 == 1) {
          turned[i * size + k] = -a;
        }
      }
    }
    for (std::size_t i = 0; i < size; ++i) {
      for (std::size_t k = 0; k < size; ++k) {
        double entry = 0;
        for (std::size_t l = 0; l < size; ++l) entry += turned[i * size + l] * q[k * size + l];
        all.push_back(e == 0 ? (i == k ? 1.0 : 0.0) : entry);
      }
    }
  }
  return all;
}

inline std::vector<double> signed_permutation_matrices(std::int64_t count, std::int64_t r,
                                                       Random& random) {
  const SignedPermutations g(count, r, true, random);
  std::vector<double> all(static_cast<std::size_t>(count * r * r), 0.0);
  for (std::int64_t at = 0; at < count * r; ++at)
    all[static_cast<std::size_t>(at * r + g.index[static_cast<std::size_t>(at)])] =
        g.sign[static_cast<std::size_t>(at)];
  return all;
}

inline Action signed_permutations(std::int64_t order, std::int64_t d, bool signs, Random& random) {
  const SignedPermutations g(order, d, signs, random);
  std::vector<double> elements(static_cast<std::size_t>(order * d * d), 0.0);
  for (std::int64_t at = 0; at < order * d; ++at)
    elements[static_cast<std::size_t>(at * d + g.index[static_cast<std::size_t>(at)])] =
        g.sign[static_cast<std::size_t>(at)];
  return {
      signs ? "signed permutations" : "permutations",
      OrbitAction::signed_permutations({g.index.data(), order, d}, signs ? g.sign.data() : nullptr),
      d, elements};
}

inline Action matrices(std::int64_t order, std::int64_t d, Random& random) {
  const std::vector<double> m = orthogonal_matrices(order, d, random);
  return {"matrices", OrbitAction::matrices({m.data(), order * d, d}), d, m};
}

using Blocks = std::vector<std::pair<std::int64_t, std::int64_t>>;  // points, dimension

// On each block of x[layout], an array of shape (p, r):
// (g.x)[i, a] = sum_b m[h, a, b] x[rows[s, i], b], e = s * n_h + h.
inline Action points(std::int64_t n_s, std::int64_t n_h, const Blocks& blocks, bool signed_matrices,
                     Random& random) {
  std::int64_t d = 0, n_points = 0, n_entries = 0;
  for (const auto& [p, r] : blocks) {
    d += p * r;
    n_points += p;
    n_entries += r * r;
  }
  const std::vector<std::int32_t> layout = random_permutation(d, random);
  const auto place = [&](std::int64_t k) -> std::int64_t {
    return layout[static_cast<std::size_t>(k)];
  };
  std::vector<std::int32_t> rows(static_cast<std::size_t>(n_s * n_points));
  std::vector<double> entries(static_cast<std::size_t>(n_h * n_entries));
  std::vector<double> elements(static_cast<std::size_t>(n_s * n_h * d * d), 0.0);
  std::int64_t feature = 0, point = 0, entry = 0;
  for (const auto& block : blocks) {
    const std::int64_t p = block.first, r = block.second;
    const std::vector<std::int32_t> from = SignedPermutations(n_s, p, false, random).index;
    const std::vector<double> m = signed_matrices ? signed_permutation_matrices(n_h, r, random)
                                                  : orthogonal_matrices(n_h, r, random);
    for (std::int64_t at = 0; at < n_s * p; ++at)
      rows[static_cast<std::size_t>(at / p * n_points + point + at % p)] =
          from[static_cast<std::size_t>(at)];
    for (std::int64_t at = 0; at < n_h * r * r; ++at)
      entries[static_cast<std::size_t>(at / (r * r) * n_entries + entry + at % (r * r))] =
          m[static_cast<std::size_t>(at)];
    for (std::int64_t e = 0; e < n_s * n_h; ++e) {
      for (std::int64_t at = 0; at < p * r * r; ++at) {
        const std::int64_t i = at / (r * r), a = at / r % r, b = at % r;
        const std::int64_t to = place(feature + i * r + a);
        const std::int64_t j = from[static_cast<std::size_t>(e / n_h * p + i)];
        elements[static_cast<std::size_t>((e * d + to) * d + place(feature + j * r + b))] =
            m[static_cast<std::size_t>((e % n_h * r + a) * r + b)];
      }
    }
    feature += p * r;
    point += p;
    entry += r * r;
  }
  return {
      std::string(signed_matrices ? "points, signed permutation matrices" : "points, matrices") +
          (blocks.size() > 1 ? ", in blocks" : ""),
      OrbitAction::points({rows.data(), n_s, n_points}, {entries.data(), n_h, n_entries}, layout,
                          blocks),
      d, elements};
}

// Every kind of action on d features.
inline std::vector<Action> actions(std::int64_t d, Random& random) {
  const std::int64_t r = d % 3 == 0 ? 3 : (d % 2 == 0 ? 2 : d);
  std::vector<Action> all;
  all.push_back(signed_permutations(6, d, false, random));
  all.push_back(signed_permutations(6, d, true, random));
  all.push_back(matrices(4, d, random));
  all.push_back(points(3, 4, {{d / r, r}}, false, random));
  all.push_back(points(3, 4, {{d / r, r}}, true, random));
  if (d > 2) {
    all.push_back(points(3, 4, {{1, 2}, {d - 2, 1}}, false, random));
    all.push_back(points(3, 4, {{1, 2}, {d - 2, 1}}, true, random));
  }
  return all;
}

}  // namespace test
