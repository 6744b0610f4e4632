// Canonical forms of cuda/ on an emulated device against their definitions: the least of all
// arrangements, by std::stable_sort and by trying every rotation, at sizes that leave threads idle.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <stdexcept>
#include <vector>

#include "check.hpp"
#include "cuda/canonical.hpp"
#include "cuda/host_executor.hpp"
#include "numbers.hpp"

namespace symkernel {

namespace {

constexpr gpu::FiberOrder orders[] = {gpu::FiberOrder::ascending, gpu::FiberOrder::descending,
                                      gpu::FiberOrder::shuffled};

template <class T>
using Row = std::vector<T>;

// Few values, so that points are often equal, zeros of both signs among them.
template <class T>
Row<T> numbers(std::int64_t count, int values, Random& random) {
  Row<T> x;
  for (std::int64_t i = 0; i < count; ++i) {
    const T value = static_cast<T>(random.below(values)) - static_cast<T>(values / 2);
    x.push_back(value == T(0) && random.below(2) == 0 ? -value : value);
  }
  return x;
}

template <class T>
Row<T> point(const Row<T>& x, std::int64_t i, std::int64_t c, T sign) {
  Row<T> p;
  for (std::int64_t k = 0; k < c; ++k) p.push_back(sign * x[static_cast<std::size_t>(i * c + k)]);
  return p;
}

template <class T>
T sign_of(const Row<T>& p) {
  for (const T value : p) {
    if (value != T(0)) return value < T(0) ? T(-1) : T(1);
  }
  return T(1);
}

// Indices of the sorted points, then of the even arrangement.
template <class T>
std::vector<std::int64_t> sorted(const Row<T>& x, std::int64_t p, std::int64_t c,
                                 const std::vector<std::int64_t>& offsets, bool flips, bool even) {
  const auto at = [&](std::int64_t i) {
    const Row<T> own = point(x, i, c, T(1));
    return flips ? point(x, i, c, sign_of(own)) : own;
  };
  std::vector<std::int64_t> index(static_cast<std::size_t>(p));
  std::iota(index.begin(), index.end(), 0);
  for (std::size_t b = 0; b + 1 < offsets.size(); ++b)
    std::stable_sort(index.begin() + offsets[b], index.begin() + offsets[b + 1],
                     [&](std::int64_t i, std::int64_t j) { return at(i) < at(j); });
  if (!even || p < 2) return index;
  bool odd = false, equal = false;
  for (std::size_t i = 0; i < index.size(); ++i) {
    for (std::size_t j = i + 1; j < index.size(); ++j) odd = odd != (index[j] < index[i]);
    if (i > 0) equal = equal || at(index[i]) == at(index[i - 1]);
  }
  if (odd && !equal) std::swap(index[index.size() - 1], index[index.size() - 2]);
  return index;
}

template <class T>
void check_sort(std::int64_t n, std::int64_t p, std::int64_t c, int values,
                const std::vector<std::int64_t>& offsets, bool flips, bool even, int turn,
                Random& random) {
  const Row<T> x = numbers<T>(n * p * c, values, random);
  Row<T> out(x.size() + 8, T(77));
  std::vector<std::int32_t> indices(static_cast<std::size_t>(n * p) + 8, -7);
  std::vector<std::int8_t> signs(static_cast<std::size_t>(n * p) + 8, 9);
  gpu::HostExecutor executor(orders[turn % 3]);
  const gpu::CanonicalRequest<T> request = {{x.data(), n, p * c}, p, c, out.data()};
  gpu::sort_points(request, offsets, flips, even, indices.data(), signs.data(), executor);
  check::context("sort, n = %d, p = %d, c = %d, values %d, flips %d, even %d, turn %d",
                 static_cast<int>(n), static_cast<int>(p), static_cast<int>(c), values, flips, even,
                 turn);
  bool right = true, no_negative_zero = true;
  for (std::int64_t row = 0; row < n; ++row) {
    const Row<T> own(x.begin() + row * p * c, x.begin() + (row + 1) * p * c);
    const std::vector<std::int64_t> index = sorted(own, p, c, offsets, flips, even);
    for (std::int64_t i = 0; i < p; ++i) {
      const auto at = static_cast<std::size_t>(row * p + i);
      const std::int64_t from = index[static_cast<std::size_t>(i)];
      const T sign = flips ? sign_of(point(own, from, c, T(1))) : T(1);
      right = right && indices[at] == from && static_cast<T>(signs[at]) == sign &&
              point(out, row * p + i, c, T(1)) == point(own, from, c, sign);
    }
  }
  for (std::size_t i = 0; i < x.size(); ++i)
    no_negative_zero = no_negative_zero && !(out[i] == T(0) && std::signbit(out[i]));
  CHECK(right);
  CHECK(no_negative_zero);
  CHECK(out[x.size()] == T(77) && indices[static_cast<std::size_t>(n * p)] == -7 &&
        signs[static_cast<std::size_t>(n * p)] == 9);
  CHECK(executor.held() == 0);
  // representatives alone
  Row<T> alone(x.size(), T(77));
  gpu::sort_points<T>({{x.data(), n, p * c}, p, c, alone.data()}, offsets, flips, even, nullptr,
                      nullptr, executor);
  CHECK(std::equal(alone.begin(), alone.end(), out.begin()));
}

template <class T>
void test_sorting() {
  Random random(51);
  int turn = 0;
  for (const std::int64_t p : {1, 2, 3, 5, 8, 17, 64, 100, 256}) {
    for (const std::int64_t c : {1, 3}) {
      for (const int values : {2, 5, 1000}) {
        const std::int64_t n = p > 64 ? 3 : 5;
        check_sort<T>(n, p, c, values, {0, p}, false, false, ++turn, random);
        check_sort<T>(n, p, c, values, {0, p}, true, false, ++turn, random);
        check_sort<T>(n, p, c, values, {0, p}, false, true, ++turn, random);
        check_sort<T>(n, p, c, values, {0}, true, false, ++turn, random);
        ++turn;
        check_sort<T>(n, p, c, values, {0, p / 3, p / 2, p}, turn % 2 == 0, false, turn, random);
      }
    }
  }
  check_sort<T>(0, 4, 1, 3, {0, 4}, false, false, 0, random);
  check_sort<T>(300, 3, 2, 3, {0, 3}, true, false, 0, random);
}

template <class T>
void check_rotation(const Row<T>& x, std::int64_t n, std::int64_t p, std::int64_t c,
                    bool reflections, int turn) {
  Row<T> out(x.size() + 8, T(77));
  std::vector<std::int32_t> shifts(static_cast<std::size_t>(n) + 8, -7);
  std::vector<std::uint8_t> mirrors(static_cast<std::size_t>(n) + 8, 9);
  gpu::HostExecutor executor(orders[turn % 3]);
  const gpu::CanonicalRequest<T> request = {{x.data(), n, p * c}, p, c, out.data()};
  gpu::rotate_points(request, reflections, shifts.data(), mirrors.data(), executor);
  check::context("rotation, n = %d, p = %d, c = %d, reflections %d, turn %d", static_cast<int>(n),
                 static_cast<int>(p), static_cast<int>(c), reflections, turn);
  bool right = true;
  for (std::int64_t row = 0; row < n; ++row) {
    const auto word = [&](std::int64_t shift, bool mirrored) {
      Row<T> w;
      for (std::int64_t i = 0; i < p; ++i) {
        const std::int64_t at = row * p + ((mirrored ? shift - i : shift + i) % p + p) % p;
        for (std::int64_t k = 0; k < c; ++k)
          w.push_back(x[static_cast<std::size_t>(at * c + k)] + T(0));
      }
      return w;
    };
    Row<T> least = word(0, false);
    for (std::int64_t s = 0; s < p; ++s) {
      least = std::min(least, word(s, false));
      if (reflections) least = std::min(least, word(s, true));
    }
    const auto at = static_cast<std::size_t>(row);
    const Row<T> own(out.begin() + row * p * c, out.begin() + (row + 1) * p * c);
    right = right && own == least && (reflections || mirrors[at] == 0) && shifts[at] >= 0 &&
            shifts[at] < p && word(shifts[at], mirrors[at] == 1) == least;
    // the first of several starts
    for (std::int64_t s = 0; s < shifts[at] && mirrors[at] == 0; ++s)
      right = right && word(s, false) != least;
    for (const T value : own) right = right && !(value == T(0) && std::signbit(value));
  }
  CHECK(right);
  CHECK(out[x.size()] == T(77) && shifts[static_cast<std::size_t>(n)] == -7 &&
        mirrors[static_cast<std::size_t>(n)] == 9);
}

template <class T>
void test_rotations() {
  Random random(52);
  int turn = 0;
  for (const std::int64_t p : {1, 2, 3, 6, 12, 17, 64, 100}) {
    for (const std::int64_t c : {1, 2}) {
      for (const int values : {1, 2, 3, 1000}) {
        for (const bool reflections : {false, true})
          check_rotation<T>(numbers<T>(5 * p * c, values, random), 5, p, c, reflections, ++turn);
      }
    }
  }
  // Periodic words, and those that are so but for one letter: starts that agree for long.
  for (const std::int64_t p : {24, 90, 300, 700}) {
    for (const std::int64_t period : {1, 2, 3, 6, 15}) {
      if (p % period != 0) continue;
      Row<T> x = numbers<T>(3 * p, 2, random);
      for (std::int64_t i = 0; i < 3 * p; ++i)
        x[static_cast<std::size_t>(i)] = x[static_cast<std::size_t>(i / p * p + i % p % period)];
      x[static_cast<std::size_t>(p + random.below(p))] = T(1);
      x[static_cast<std::size_t>(2 * p + random.below(p))] = T(-3);
      for (const bool reflections : {false, true})
        check_rotation<T>(x, 3, p, 1, reflections, ++turn);
    }
  }
  // Fibonacci words: borders of every length.
  Row<T> word = {T(0)}, before = {T(1)};
  while (word.size() < 233) {
    Row<T> next = word;
    next.insert(next.end(), before.begin(), before.end());
    before = word;
    word = next;
  }
  const auto size = static_cast<std::int64_t>(word.size());
  check_rotation<T>(word, 1, size, 1, false, 0);
  check_rotation<T>(word, 1, size, 1, true, 1);
}

void test_contract() {
  const double x[12] = {0};
  double out[12];
  gpu::HostExecutor executor;
  const auto refused = [&](std::int64_t points, const std::vector<std::int64_t>& offsets,
                           bool even) {
    const gpu::CanonicalRequest<double> request = {{x, 2, 6}, points, 2, out};
    CHECK_THROWS(std::invalid_argument,
                 gpu::sort_points(request, offsets, false, even, nullptr, nullptr, executor));
  };
  refused(4, {0, 4}, false);
  refused(3, {}, false);
  refused(3, {0, 4}, false);
  refused(3, {2, 1}, false);
  refused(3, {0, 2}, true);
  const std::vector<double> long_row(514, 0.0);
  std::vector<double> long_out(514);
  const gpu::CanonicalRequest<double> request = {
      {long_row.data(), 2, 257}, 257, 1, long_out.data()};
  CHECK_THROWS(std::invalid_argument,
               gpu::sort_points(request, {0, 257}, false, false, nullptr, nullptr, executor));
}

}  // namespace

}  // namespace symkernel

void check::tests() {
  using namespace symkernel;
  test_sorting<double>();
  test_sorting<float>();
  test_rotations<double>();
  test_rotations<float>();
  test_contract();
}
