// Triangular systems against plain substitution, on every instruction set and number of threads.
#include <cmath>
#include <cstdint>
#include <stdexcept>
#include <vector>

#include "check.hpp"
#include "engine/engine.hpp"
#include "numbers.hpp"
#include "triangular/triangular.hpp"

namespace symkernel {

namespace {

using Matrix = std::vector<double>;

std::size_t at(std::int64_t i, std::int64_t j, std::int64_t columns) {
  return static_cast<std::size_t>(i * columns + j);
}

Matrix substitute(const Matrix& triangle, Matrix z, std::int64_t n, std::int64_t count) {
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t j = 0; j < count; ++j) {
      long double sum = z[at(i, j, count)];
      for (std::int64_t k = 0; k < i; ++k)
        sum -= static_cast<long double>(triangle[at(i, k, n)]) * z[at(k, j, count)];
      z[at(i, j, count)] = static_cast<double>(sum / triangle[at(i, i, n)]);
    }
  }
  return z;
}

void test_solution(std::int64_t n, std::int64_t count, int threads) {
  check::context("%s, size %d, %d columns, %d threads", current_isa(), static_cast<int>(n),
                 static_cast<int>(count), threads);
  Random random(static_cast<std::uint64_t>(n + 1000 * count));
  Matrix triangle(static_cast<std::size_t>(n * n)), columns(static_cast<std::size_t>(n * count));
  for (std::int64_t i = 0; i < n; ++i) {
    // What is above the diagonal must not be read.
    for (std::int64_t k = 0; k < n; ++k)
      triangle[at(i, k, n)] = k > i ? NAN : random.uniform(-0.1, 0.1);
    triangle[at(i, i, n)] = random.uniform(0.5, 2.0);
  }
  for (double& value : columns) value = random.uniform(-1.0, 1.0);
  const Matrix expected = substitute(triangle, columns, n, count);
  StopToken token(nullptr);
  solve_triangular({triangle.data(), n, columns.data(), count}, threads, token);
  double largest = 0, difference = 0;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    largest = std::fmax(largest, std::abs(expected[i]));
    difference = std::fmax(difference, std::abs(expected[i] - columns[i]));
    CHECK(!std::isnan(columns[i]));
  }
  CHECK(difference <= 1e-13 * largest);
}

}  // namespace

}  // namespace symkernel

void check::tests() {
  using namespace symkernel;
  for (const char* const* isa = available_isas(); *isa != nullptr; ++isa) {
    CHECK(select_isa(*isa));
    for (const int threads : {1, 2}) {
      for (const std::int64_t n : {0, 1, 2, 3, 4, 5, 6, 11, 12, 13, 24, 25, 70}) {
        for (const std::int64_t count : {0, 1, 3, 4, 7, 8, 15, 16, 17, 31, 33, 200})
          test_solution(n, count, threads);
      }
    }
  }
  const double singular[] = {1.0, 0.0, 1.0, 0.0};
  double columns[] = {1.0, 1.0};
  StopToken token(nullptr);
  CHECK_THROWS(std::invalid_argument, (solve_triangular({singular, 2, columns, 1}, 1, token), 0));
}
