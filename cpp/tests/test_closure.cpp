// Groups from generators: orders known from the literature, membership, elements, limits.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "check.hpp"
#include "symkernel/closure.hpp"
#include "symkernel/minimal_image.hpp"
#include "symkernel/schreier_sims.hpp"

namespace symkernel {

namespace {

using Permutation = std::vector<std::int32_t>;
using Cycle = std::vector<std::int32_t>;

void no_poll() {}

// A permutation of n points from its cycles, written with points 1..n as in the literature.
Permutation cycles(std::int32_t n, const std::vector<Cycle>& all) {
  Permutation g;
  for (std::int32_t i = 0; i < n; ++i) g.push_back(i);
  for (const Cycle& cycle : all) {
    for (std::size_t k = 0; k < cycle.size(); ++k)
      g[static_cast<std::size_t>(cycle[k] - 1)] = cycle[(k + 1) % cycle.size()] - 1;
  }
  return g;
}

PermutationChain chain_of(const std::vector<Permutation>& generators) {
  std::vector<std::int32_t> rows;
  for (const Permutation& g : generators) rows.insert(rows.end(), g.begin(), g.end());
  return PermutationChain(rows.data(), generators.size(), generators.front().size(), 0, no_poll);
}

// Orders here have few odd prime factors: exact in long double.
long double order(const PermutationChain& chain) {
  long double product = 1;
  for (std::size_t l = 0; l < chain.depth(); ++l)
    product *= static_cast<long double>(chain.orbit_length(l));
  return product;
}

void test_orders() {
  check::context("orders of permutation groups");
  CHECK(order(chain_of({cycles(5, {{1, 2}}), cycles(5, {{1, 2, 3, 4, 5}})})) == 120);
  CHECK(order(chain_of({cycles(5, {{1, 2, 3}}), cycles(5, {{3, 4, 5}})})) == 60);
  CHECK(order(chain_of({cycles(8, {{1, 2, 3, 4, 5, 6, 7, 8}})})) == 8);
  CHECK(order(chain_of({cycles(4, {})})) == 1);
  CHECK(order(chain_of({cycles(11, {{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}}),
                        cycles(11, {{3, 7, 11, 8}, {4, 10, 5, 6}})})) == 7920);  // Mathieu's M11
  Cycle turn;
  for (std::int32_t i = 1; i <= 23; ++i) turn.push_back(i);
  CHECK(order(chain_of({cycles(24, {turn}),
                        cycles(24, {{3, 17, 10, 7, 9},
                                    {4, 13, 14, 19, 5},
                                    {8, 18, 11, 12, 23},
                                    {15, 20, 22, 21, 16}}),
                        cycles(24, {{1, 24},
                                    {2, 23},
                                    {3, 12},
                                    {4, 16},
                                    {5, 18},
                                    {6, 10},
                                    {7, 20},
                                    {8, 14},
                                    {9, 21},
                                    {11, 17},
                                    {13, 22},
                                    {15, 19}})})) == 244823040);  // Mathieu's M24
}

// The six turns of Rubik's cube on its 48 moving facelets; the order is
// 8! 3^8 12! 2^12 / (3 * 2 * 2) = 43252003274489856000.
void test_rubiks_cube() {
  check::context("Rubik's cube");
  const std::vector<std::vector<Cycle>> turns = {
      {{1, 3, 8, 6}, {2, 5, 7, 4}, {9, 33, 25, 17}, {10, 34, 26, 18}, {11, 35, 27, 19}},
      {{9, 11, 16, 14}, {10, 13, 15, 12}, {1, 17, 41, 40}, {4, 20, 44, 37}, {6, 22, 46, 35}},
      {{17, 19, 24, 22}, {18, 21, 23, 20}, {6, 25, 43, 16}, {7, 28, 42, 13}, {8, 30, 41, 11}},
      {{25, 27, 32, 30}, {26, 29, 31, 28}, {3, 38, 43, 19}, {5, 36, 45, 21}, {8, 33, 48, 24}},
      {{33, 35, 40, 38}, {34, 37, 39, 36}, {3, 9, 46, 32}, {2, 12, 47, 29}, {1, 14, 48, 27}},
      {{41, 43, 48, 46}, {42, 45, 47, 44}, {14, 22, 30, 38}, {15, 23, 31, 39}, {16, 24, 32, 40}}};
  std::vector<Permutation> generators;
  for (const auto& turn : turns) generators.push_back(cycles(48, turn));
  const PermutationChain cube = chain_of(generators);
  CHECK(order(cube) == 43252003274489856000.0L);
  for (const Permutation& g : generators) CHECK(cube.contains(g.data()));
  // one corner twisted: the classic position that no turns reach
  CHECK(!cube.contains(cycles(48, {{8, 25, 19}}).data()));
}

void test_elements_and_membership() {
  check::context("elements of A_5");
  const PermutationChain chain = chain_of({cycles(5, {{1, 2, 3}}), cycles(5, {{3, 4, 5}})});
  std::vector<std::int64_t> digits(chain.depth(), 0), all;
  for (bool done = false; !done;) {
    all.insert(all.end(), digits.begin(), digits.end());
    std::size_t l = chain.depth();
    for (done = true; l-- > 0;) {
      if (++digits[l] < static_cast<std::int64_t>(chain.orbit_length(l))) {
        done = false;
        break;
      }
      digits[l] = 0;
    }
  }
  const std::size_t count = all.size() / chain.depth();
  CHECK(count == 60);
  std::vector<std::int32_t> images(count * 5);
  chain.elements(all.data(), count, images.data(), no_poll);
  std::set<Permutation> distinct;
  for (std::size_t k = 0; k < count; ++k) {
    const Permutation g(images.begin() + static_cast<std::ptrdiff_t>(5 * k),
                        images.begin() + static_cast<std::ptrdiff_t>(5 * k + 5));
    CHECK(chain.contains(g.data()));
    distinct.insert(g);
  }
  CHECK(distinct.size() == 60);
  CHECK(Permutation(images.begin(), images.begin() + 5) == cycles(5, {}));
  CHECK(!chain.contains(cycles(5, {{1, 2}}).data()));
  digits.assign(chain.depth(), 99);
  CHECK_THROWS(std::invalid_argument, chain.elements(digits.data(), 1, images.data(), no_poll));
}

void test_refusals() {
  check::context("what is refused");
  CHECK_THROWS(std::invalid_argument, chain_of({{0, 0, 1}}));
  CHECK_THROWS(std::invalid_argument, chain_of({{0, 1, 3}}));
  CHECK_THROWS(std::invalid_argument, chain_of({{0, 1, -1}}));
  // what a poll throws stops the work and arrives
  const std::vector<std::int32_t> g = {1, 0, 2};
  const Poll stop = [] { throw std::runtime_error("stop"); };
  CHECK_THROWS(std::runtime_error, PermutationChain(g.data(), 1, 3, 0, stop));
}

std::vector<std::vector<std::int32_t>> all_of(const PermutationChain& chain) {
  std::vector<std::int64_t> digits(chain.depth(), 0), all;
  for (bool done = false; !done;) {
    all.insert(all.end(), digits.begin(), digits.end());
    done = true;
    for (std::size_t l = chain.depth(); done && l-- > 0;) {
      digits[l] = (digits[l] + 1) % static_cast<std::int64_t>(chain.orbit_length(l));
      done = digits[l] == 0;
    }
  }
  const std::size_t count = chain.depth() == 0 ? 1 : all.size() / chain.depth();
  std::vector<std::int32_t> images(count * chain.degree());
  chain.elements(all.data(), count, images.data(), no_poll);
  std::vector<Permutation> elements;
  for (std::size_t k = 0; k < count; ++k) {
    const auto row = images.begin() + static_cast<std::ptrdiff_t>(k * chain.degree());
    elements.emplace_back(row, row + static_cast<std::ptrdiff_t>(chain.degree()));
  }
  return elements;
}

// Against all elements, on vectors of few different entries.
void test_least_images() {
  check::context("least images and stabilisers");
  const std::size_t unlimited = static_cast<std::size_t>(-1);
  const Poll poll = no_poll;
  const std::vector<std::vector<Permutation>> groups = {
      {cycles(4, {})},
      {cycles(6, {{1, 2, 3, 4, 5, 6}}), cycles(6, {{2, 6}, {3, 5}})},
      {cycles(6, {{1, 2, 3}}), cycles(6, {{3, 4, 5}})},
      {cycles(8, {{1, 2}, {5, 6}}), cycles(8, {{2, 3, 4}, {6, 7, 8}})},
      {cycles(11, {{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}}),
       cycles(11, {{3, 7, 11, 8}, {4, 10, 5, 6}})}};
  std::uint32_t state = 1;
  for (const auto& generators : groups) {
    const PermutationChain chain = chain_of(generators);
    const OrderedChain ordered(chain, unlimited, 0, poll);
    MinimalImage search(ordered, 100000, poll);
    const auto elements = all_of(chain);
    for (std::uint32_t colours = 1; colours <= 4; ++colours) {
      std::vector<std::int32_t> r;
      for (std::size_t i = 0; i < chain.degree(); ++i) {
        state = state * 1664525U + 1013904223U;
        r.push_back(static_cast<std::int32_t>((state >> 16) % colours));
      }
      std::vector<std::int32_t> least = r, image = r;
      long stabilizer = 0;
      for (const auto& g : elements) {
        for (std::size_t i = 0; i < r.size(); ++i) image[i] = r[static_cast<std::size_t>(g[i])];
        least = std::min(least, image);
        stabilizer += image == r ? 1 : 0;
      }
      search.find(r.data());
      for (std::size_t i = 0; i < r.size(); ++i) {
        image[i] = r[static_cast<std::size_t>(search.carrier()[i])];
      }
      CHECK(image == least);
      CHECK(chain.contains(search.carrier().data()));
      long found = 1;
      for (const auto factor : search.factors()) found *= factor;
      CHECK(found == stabilizer);
      const ColourStabilizer held(ordered, r.data(), 100000, poll);
      found = 1;
      for (const auto factor : held.factors()) found *= factor;
      CHECK(found == stabilizer);
      for (const auto& g : held.generators()) CHECK(chain.contains(g.data()));
    }
  }
}

void test_limits() {
  check::context("limits of memory and of steps");
  Permutation turn, swap;
  for (std::int32_t i = 0; i < 300; ++i) {
    turn.push_back((i + 1) % 300);
    swap.push_back(i ^ 1);
  }
  std::vector<std::int32_t> rows = turn;
  rows.insert(rows.end(), swap.begin(), swap.end());
  CHECK_THROWS(ChainTooLarge, PermutationChain(rows.data(), 2, 300, 0, no_poll, 10000));
  const PermutationChain chain(rows.data(), 2, 300, 0, no_poll);
  CHECK_THROWS(ChainTooLarge, OrderedChain(chain, 10000, 0, no_poll));
  const PermutationChain a8 =
      chain_of({cycles(8, {{1, 2, 3}}), cycles(8, {{2, 3, 4, 5, 6, 7, 8}})});
  const Poll poll = no_poll;
  const OrderedChain ordered(a8, 1 << 20, 0, poll);
  const std::vector<std::int32_t> r = {0, 1, 0, 1, 0, 1, 0, 1};
  MinimalImage search(ordered, 3, poll);
  CHECK_THROWS(SearchTooLong, search.find(r.data()));
}

std::vector<double> turn(double angle) {
  return {std::cos(angle), -std::sin(angle), std::sin(angle), std::cos(angle)};
}

std::vector<double> together(std::vector<double> a, const std::vector<double>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

void test_matrices() {
  check::context("closures of matrices");
  const double tau = 6.283185307179586476925;
  const std::vector<double> mirror = {1, 0, 0, -1};
  const std::vector<double> dihedral = together(turn(tau / 5), mirror);
  const std::vector<double> elements = close_matrices(dihedral.data(), 2, 2, 100, 1e-8, no_poll);
  CHECK(elements.size() == 10 * 4);
  for (std::size_t i = 0; i < 4; ++i) CHECK(elements[i] == (i % 3 == 0 ? 1.0 : 0.0));
  for (std::size_t k = 0; k < elements.size() / 4; ++k) {
    const double* m = elements.data() + 4 * k;
    CHECK_NEAR(m[0] * m[0] + m[1] * m[1], 1, 1e-15L);
    CHECK_NEAR(m[0] * m[2] + m[1] * m[3], 0, 1e-15L);
  }
  // rounding does not accumulate along words: the 1000th power of a turn is still a turn
  const std::vector<double> fine = turn(tau / 1000);
  CHECK(close_matrices(fine.data(), 1, 2, 1000, 1e-8, no_poll).size() == 1000 * 4);
  // the cube's 48 symmetries: a turn about the diagonal, a quarter turn, the inversion
  const std::vector<double> cube = {0, 1, 0, 0, 0,  1, 1, 0, 0,  0, -1, 0, 1, 0,
                                    0, 0, 0, 1, -1, 0, 0, 0, -1, 0, 0,  0, -1};
  CHECK(close_matrices(cube.data(), 3, 3, 48, 1e-8, no_poll).size() == 48 * 9);
  CHECK_THROWS(std::length_error, close_matrices(cube.data(), 3, 3, 47, 1e-8, no_poll));
  const std::vector<double> irrational = turn(1.0);
  CHECK_THROWS(std::length_error, close_matrices(irrational.data(), 1, 2, 500, 1e-8, no_poll));
}

}  // namespace

}  // namespace symkernel

void check::tests() {
  using namespace symkernel;
  test_orders();
  test_rubiks_cube();
  test_elements_and_membership();
  test_refusals();
  test_least_images();
  test_limits();
  test_matrices();
}
