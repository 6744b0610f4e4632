// Canonical forms of permutation kind against definitions, on every instruction set.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <random>
#include <stdexcept>
#include <vector>

#include "canonical/canonical.hpp"
#include "check.hpp"
#include "engine/engine.hpp"
#include "symkernel/canonical/hilbert.hpp"
#include "symkernel/canonical/network.hpp"
#include "symkernel/canonical/rotation.hpp"
#include "symkernel/error.hpp"

namespace symkernel {

namespace {

constexpr std::array<int, 13> lengths = {1, 2, 3, 5, 8, 13, 16, 31, 33, 63, 64, 65, 100};

StopToken never() { return StopToken(nullptr); }

std::size_t index(std::int64_t i) { return static_cast<std::size_t>(i); }

// Rows of random numbers, of few values, of zeros with both signs.
template <class T>
std::vector<T> samples(std::int64_t n, std::int64_t d, unsigned seed) {
  std::mt19937 generator(seed);
  std::normal_distribution<double> normal;
  std::vector<T> x(index(n * d));
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t k = 0; k < d; ++k) {
      const double value = normal(generator);
      T& out = x[index(i * d + k)];
      out = static_cast<T>(i % 4 == 0   ? value
                           : i % 4 == 1 ? std::floor(2 * value)
                           : i % 4 == 2 ? (value > 0 ? 1.0 : 0.0)
                                        : (value > 0 ? 0.0 : -0.0));
    }
  }
  return x;
}

template <class Check>
void on_every_isa(const Check& check) {
  for (const char* const* isa = available_isas(); *isa != nullptr; ++isa) {
    select_isa(*isa);
    check(*isa);
  }
  select_isa(available_isas()[0]);
}

template <class T>
void test_sorting(const char* isa) {
  constexpr std::int64_t n = 21;
  for (const int d : lengths) {
    check::context("sort, %s, %d bytes, d = %d", isa, static_cast<int>(sizeof(T)), d);
    const std::vector<T> x = samples<T>(n, d, 1);
    std::vector<T> sorted = x, y(x.size()), again(x.size());
    std::vector<std::int32_t> indices(x.size());
    std::vector<std::uint64_t> orders(index(n));
    const std::array<std::int64_t, 3> offsets = {0, d / 3, d};
    for (std::int64_t i = 0; i < n; ++i) {
      for (T* row = sorted.data() + i * d; row != sorted.data() + (i + 1) * d; ++row) *row += T(0);
      std::sort(sorted.begin() + i * d, sorted.begin() + i * d + offsets[1]);
      std::sort(sorted.begin() + i * d + offsets[1], sorted.begin() + (i + 1) * d);
    }
    SortJob<T> job;
    job.points = d;
    job.x = x.data();
    job.y = y.data();
    job.offsets = offsets.data();
    job.n_blocks = 2;
    StopToken token = never();
    sort_samples(job, n, 1, token);
    CHECK(y == sorted);
    job.y = again.data();
    job.indices = indices.data();
    job.orders = orders.data();
    sort_samples(job, n, 2, token);
    CHECK(again == sorted);
    for (std::int64_t i = 0; i < n; ++i) {
      bool transported = true;
      for (std::int64_t k = 0; k < d; ++k) {
        const auto from = i * d + indices[index(i * d + k)];
        transported = transported && x[index(from)] == sorted[index(i * d + k)];
      }
      CHECK(transported);
      CHECK(d > 20 || orders[index(i)] >= 1);
    }
  }
}

template <class T>
void test_rotation(const char* isa) {
  constexpr std::int64_t n = 16;
  for (const int d : lengths) {
    for (const bool reflections : {false, true}) {
      check::context("rotation, %s, %d bytes, d = %d", isa, static_cast<int>(sizeof(T)), d);
      const std::vector<T> x = samples<T>(n, d, 2);
      std::vector<T> y(x.size());
      std::vector<std::uint64_t> orders(index(n));
      RotationJob<T> job;
      job.points = d;
      job.x = x.data();
      job.y = y.data();
      job.orders = orders.data();
      job.reflections = reflections;
      StopToken token = never();
      rotate_samples(job, n, 2, token);
      for (std::int64_t i = 0; i < n; ++i) {
        std::vector<T> row(x.begin() + i * d, x.begin() + (i + 1) * d), least, image(row.size());
        for (T& value : row) value += T(0);
        std::uint64_t count = 0;
        for (int way = 0; way < (reflections && d > 2 ? 2 : 1); ++way) {
          for (int s = 0; s < d; ++s) {
            for (int k = 0; k < d; ++k)
              image[index(k)] = row[index((way == 0 ? s + k : s - k + d) % d)];
            if (least.empty() || image < least) least = image;
            count += image == row;
          }
        }
        CHECK(std::equal(least.begin(), least.end(), y.begin() + i * d));
        CHECK(orders[index(i)] == count);
      }
    }
  }
}

template <class T>
void test_least_images(const char* isa) {
  constexpr std::int64_t n = 16;
  std::mt19937 generator(3);
  for (const int d : lengths) {
    check::context("least image, %s, %d bytes, d = %d", isa, static_cast<int>(sizeof(T)), d);
    const int order = 4 * d;
    std::vector<std::int32_t> table;
    for (int g = 0; g < order; ++g) {
      std::vector<std::int32_t> row(index(d));
      std::iota(row.begin(), row.end(), 0);
      std::shuffle(row.begin(), row.end(), generator);
      for (std::int32_t& place : row) place += generator() % 2 == 0 ? 0 : d;
      table.insert(table.end(), row.begin(), row.end());
    }
    StopToken token = never();
    const ElementTrie trie({table.data(), order, d}, 2 * d, token);
    const std::vector<T> x = samples<T>(n, d, 4);
    std::vector<T> y(x.size());
    std::vector<std::int32_t> elements(index(n));
    EnumeratedJob<T> job;
    job.trie = trie.view();
    job.with_negatives = true;
    job.x = x.data();
    job.y = y.data();
    job.elements = elements.data();
    enumerate_samples(job, n, 1, token);
    for (std::int64_t i = 0; i < n; ++i) {
      const auto image = [&](std::int64_t g) {
        std::vector<T> out;
        for (int k = 0; k < d; ++k) {
          const std::int32_t place = table[index(g * d + k)];
          const T value = x[index(i * d + place % d)];
          out.push_back((place < d ? value : -value) + T(0));
        }
        return out;
      };
      std::vector<T> least = image(0);
      for (int g = 1; g < order; ++g) least = std::min(least, image(g));
      CHECK(std::equal(least.begin(), least.end(), y.begin() + i * d));
      CHECK(image(elements[index(i)]) == least);
    }
  }
}

void test_networks() {
  for (int n = 0; n <= 70; ++n) {
    check::context("network for %d", n);
    std::vector<KeyItem<double>> items(index(n));
    for (int k = 0; k < n; ++k) items[index(k)].key = (k * 37) % 11 - k % 3;
    sort_any(items.data(), n);
    bool sorted = true;
    for (int k = 1; k < n; ++k) sorted = sorted && items[index(k - 1)].key <= items[index(k)].key;
    CHECK(sorted);
  }
  // A network sorts everything if it sorts all rows of zeros and ones.
  for (int bits = 0; bits < 1 << 16; ++bits) {
    KeyItem<float> items[16];
    for (int k = 0; k < 16; ++k) items[k].key = static_cast<float>(bits >> k & 1);
    sort_power<16>(items);
    bool sorted = true;
    for (int k = 1; k < 16; ++k) sorted = sorted && items[k - 1].key <= items[k].key;
    if (!sorted || bits == 0) CHECK(sorted);
  }
}

void test_hilbert() {
  for (int dimension = 1; dimension <= 4; ++dimension) {
    for (int bits = 1; bits * dimension <= 12; ++bits) {
      check::context("Hilbert curve, dimension %d, %d bits", dimension, bits);
      const std::int64_t count = std::int64_t(1) << (bits * dimension);
      std::vector<std::int64_t> at(index(count), -1);
      for (std::int64_t cell = 0; cell < count; ++cell) {
        std::uint64_t coordinates[4];
        for (int a = 0; a < dimension; ++a)
          coordinates[a] = static_cast<std::uint64_t>(cell >> (a * bits) & ((1 << bits) - 1));
        at[hilbert_place(coordinates, dimension, bits)] = cell;
      }
      bool neighbours = at[0] >= 0;
      for (std::int64_t k = 1; k < count; ++k) {
        int steps = 0;
        for (int a = 0; a < dimension; ++a) {
          const std::int64_t mask = (1 << bits) - 1;
          steps += static_cast<int>(std::abs((at[index(k)] >> (a * bits) & mask) -
                                             (at[index(k - 1)] >> (a * bits) & mask)));
        }
        neighbours = neighbours && at[index(k)] >= 0 && steps == 1;
      }
      CHECK(neighbours);
    }
  }
}

void test_refusals() {
  check::context("refusals");
  std::vector<double> x(6, 0.0), y(6);
  x[5] = std::numeric_limits<double>::quiet_NaN();
  StopToken token = never();
  const std::array<std::int64_t, 2> offsets = {0, 3};
  SortJob<double> sort;
  sort.points = 3;
  sort.x = x.data();
  sort.y = y.data();
  sort.offsets = offsets.data();
  sort.n_blocks = 1;
  CHECK_THROWS(std::invalid_argument, sort_samples(sort, 2, 1, token));
  sort_samples(sort, 1, 1, token);
  sort_samples(sort, 0, 2, token);
  RotationJob<double> rotation;
  rotation.points = 3;
  rotation.x = x.data();
  rotation.y = y.data();
  CHECK_THROWS(std::invalid_argument, rotate_samples(rotation, 2, 1, token));
  const std::array<std::int32_t, 4> table = {0, 1, 1, 2};
  CHECK_THROWS(std::invalid_argument, ElementTrie({table.data(), 2, 2}, 2, token));
  CHECK_THROWS(std::invalid_argument, ElementTrie({table.data(), 0, 2}, 3, token));
  HilbertJob<double> curve;
  curve.sort = sort;
  curve.bits = 60;
  CHECK_THROWS(std::invalid_argument, sort_along_curve(curve, 1, 1, token));
  StopToken stopped = never();
  stopped.stop();
  CHECK_THROWS(Interrupted, sort_samples(sort, 1, 1, stopped));
}

}  // namespace

}  // namespace symkernel

void check::tests() {
  using namespace symkernel;
  test_networks();
  test_hilbert();
  test_refusals();
  on_every_isa([](const char* isa) {
    test_sorting<double>(isa);
    test_sorting<float>(isa);
    test_rotation<double>(isa);
    test_rotation<float>(isa);
    test_least_images<double>(isa);
    test_least_images<float>(isa);
  });
}
