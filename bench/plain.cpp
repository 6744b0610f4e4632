// What one writes in C++ in an afternoon, compiled with -O3 -march=native: peers of the canonical
// forms. Rows of x are n samples of d numbers; y receives their representatives.
#include <cstdint>
#include <cstring>

namespace {

// Where the least rotation starts: two candidates run against each other, 2 d comparisons at most,
// as Booth's algorithm (1980) and in less time than its table of failures takes.
int least_start(const double* x, int d) {
  int i = 0, j = 1, k = 0;
  while (i < d && j < d && k < d) {
    const int p = i + k < d ? i + k : i + k - d, q = j + k < d ? j + k : j + k - d;
    if (x[p] == x[q]) {
      ++k;
      continue;
    }
    if (x[p] > x[q])
      i += k + 1;
    else
      j += k + 1;
    if (i == j) ++j;
    k = 0;
  }
  return i < j ? i : j;
}

}  // namespace

extern "C" {

void least_rotations(const double* x, double* y, std::int64_t n, int d) {
  for (std::int64_t r = 0; r < n; ++r, x += d, y += d) {
    const int s = least_start(x, d);
    std::memcpy(y, x + s, static_cast<std::size_t>(d - s) * sizeof(double));
    std::memcpy(y + d - s, x, static_cast<std::size_t>(s) * sizeof(double));
  }
}

// The least image under a list of permutations (order, d): each against the best so far.
void least_images(const double* x, double* y, std::int64_t n, int d, const std::int32_t* table,
                  int order) {
  for (std::int64_t r = 0; r < n; ++r, x += d, y += d) {
    const std::int32_t* best = table;
    for (int g = 1; g < order; ++g) {
      const std::int32_t* row = table + static_cast<std::int64_t>(g) * d;
      for (int k = 0; k < d; ++k) {
        const double a = x[row[k]], b = x[best[k]];
        if (a < b) best = row;
        if (a != b) break;
      }
    }
    for (int k = 0; k < d; ++k) y[k] = x[best[k]];
  }
}
}
