// Points in the order of a Hilbert curve.
#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <vector>

#include "canonical/canonical.hpp"
#include "canonical/sort_points.hpp"
#include "symkernel/canonical/hilbert.hpp"
#include "symkernel/error.hpp"

namespace symkernel {

namespace {

// One sample's points on the curve.
template <class T>
class Curve {
 public:
  explicit Curve(const HilbertJob<T>& job)
      : job_(job),
        points_(job.sort.points),
        channels_(static_cast<int>(job.sort.channels)),
        corner_(static_cast<std::size_t>(channels_)),
        cell_(static_cast<std::size_t>(channels_)),
        keys_(static_cast<std::size_t>(points_)),
        z_(static_cast<std::size_t>(points_ * channels_)),
        places_(static_cast<std::size_t>(points_)) {}

  bool run(std::int64_t i) {
    const SortJob<T>& sort = job_.sort;
    const T* x = sort.x + i * points_ * channels_;
    for (std::size_t k = 0; k < z_.size(); ++k) {
      if (!std::isfinite(x[k])) return false;
      z_[k] = x[k] + T(0);  // -0 + 0 is +0
    }
    frame();
    for (std::int64_t p = 0; p < points_; ++p) {
      places_[static_cast<std::size_t>(p)] = static_cast<std::int32_t>(p);
      keys_[static_cast<std::size_t>(p)] = key(point(p));
    }
    for (std::int64_t b = 0; b < sort.n_blocks; ++b) {
      std::sort(places_.begin() + sort.offsets[b], places_.begin() + sort.offsets[b + 1],
                [&](std::int32_t p, std::int32_t q) {
                  const int order = compare(p, q);
                  return order < 0 || (order == 0 && p < q);
                });
    }
    write(i);
    return true;
  }

 private:
  const T* point(std::int64_t p) const { return z_.data() + p * channels_; }
  std::uint64_t key_of(std::int32_t p) const { return keys_[static_cast<std::size_t>(p)]; }

  // Maxima and minima do not depend on the order of the points, so neither does the cube.
  void frame() {
    if (job_.corner != nullptr) {
      std::copy(job_.corner, job_.corner + channels_, corner_.begin());
      side_ = job_.side;
      return;
    }
    side_ = 0;
    for (int a = 0; a < channels_; ++a) {
      double low = static_cast<double>(z_[static_cast<std::size_t>(a)]), high = low;
      for (std::int64_t p = 1; p < points_; ++p) {
        const auto v = static_cast<double>(point(p)[a]);
        low = std::min(low, v);
        high = std::max(high, v);
      }
      corner_[static_cast<std::size_t>(a)] = low;
      side_ = std::max(side_, std::min(high - low, std::numeric_limits<double>::max()));
    }
  }

  double cells() const { return std::ldexp(1.0, job_.bits); }

  // Coordinate in cells, beyond the cube its nearest wall.
  double scaled(const T* z, int a) const {
    const double offset = static_cast<double>(z[a]) - corner_[static_cast<std::size_t>(a)];
    const double u = side_ > 0 ? offset / side_ * cells() : 0;
    return std::min(std::max(u, 0.0), cells());
  }

  std::uint64_t key(const T* z) {
    for (int a = 0; a < channels_; ++a) {
      const auto whole = static_cast<std::uint64_t>(std::min(scaled(z, a), cells() - 1));
      cell_[static_cast<std::size_t>(a)] = whole;
    }
    return hilbert_place(cell_.data(), channels_, job_.bits);
  }

  int compare(std::int32_t p, std::int32_t q) const {
    if (key_of(p) != key_of(q)) return key_of(p) < key_of(q) ? -1 : 1;
    return PointSorter<T>::compare_points(point(p), point(q), channels_);
  }

  void write(std::int64_t i) {
    const SortJob<T>& sort = job_.sort;
    T* y = sort.y + i * points_ * channels_;
    for (std::int64_t k = 0; k < points_; ++k) {
      const T* from = point(places_[static_cast<std::size_t>(k)]);
      std::copy(from, from + channels_, y + k * channels_);
    }
    if (sort.indices != nullptr)
      std::copy(places_.begin(), places_.end(), sort.indices + i * points_);
    const typename PointSorter<T>::Row row{z_.data(), nullptr, places_.data(), nullptr};
    if (sort.orders != nullptr) sort.orders[i] = PointSorter<T>::stabilizer_order(sort, row);
    if (sort.gaps != nullptr) sort.gaps[i] = gap();
  }

  // Two points keep their order while neither leaves its cell at the level where the curve tells
  // them apart; points of one smallest cell, while their first coordinates keep theirs. A cube that
  // follows the sample moves its walls by less than four times as much as the points move.
  double gap() const {
    const double largest = largest_magnitude(z_.data(), points_ * channels_);
    if (largest == 0) return 1;
    double least = std::numeric_limits<double>::infinity();
    for (std::int64_t b = 0; b < job_.sort.n_blocks; ++b) {
      for (std::int64_t k = job_.sort.offsets[b]; k + 1 < job_.sort.offsets[b + 1]; ++k) {
        const std::int32_t p = places_[static_cast<std::size_t>(k)];
        const std::int32_t q = places_[static_cast<std::size_t>(k + 1)];
        if (compare(p, q) != 0) least = std::min(least, distance(p, q));
      }
    }
    const double moved = job_.corner == nullptr ? 4 : 1;
    return std::min(1.0,
                    least / moved / largest / scaled_norm(z_.data(), points_ * channels_, largest));
  }

  double distance(std::int32_t p, std::int32_t q) const {
    const std::uint64_t differ = key_of(p) ^ key_of(q);
    if (differ == 0) {
      const double apart = static_cast<double>(point(q)[0]) - static_cast<double>(point(p)[0]);
      return std::min(0.5 * std::fabs(apart), std::min(to_walls(p, 0), to_walls(q, 0)));
    }
    int below = 0;  // levels below the one that tells them apart
    while ((differ >> (below + 1) * channels_) != 0 && (below + 1) * channels_ < 64) ++below;
    return std::min(to_walls(p, below), to_walls(q, below));
  }

  // From a point to the walls of its cell of 2^levels smallest cells a side; the cube has none.
  double to_walls(std::int32_t p, int levels) const {
    const double size = std::ldexp(1.0, levels);
    double least = std::numeric_limits<double>::infinity();
    for (int a = 0; a < channels_; ++a) {
      const double u = scaled(point(p), a) / size, n = cells() / size;
      const double low = std::min(std::floor(u), n - 1);
      if (low > 0) least = std::min(least, u - low);
      if (low + 1 < n) least = std::min(least, low + 1 - u);
    }
    return least * size / cells() * side_;
  }

  const HilbertJob<T>& job_;
  std::int64_t points_;
  int channels_;
  double side_ = 0;
  std::vector<double> corner_;
  std::vector<std::uint64_t> cell_, keys_;
  std::vector<T> z_;
  std::vector<std::int32_t> places_;
};

}  // namespace

template <class T>
void sort_along_curve(const HilbertJob<T>& job, std::int64_t n, int n_threads, StopToken& token) {
  require(job.bits >= 1 && job.bits * job.sort.channels <= 64 && job.bits <= 52,
          "bits must be from 1 to 52, and at most 64 over all coordinates");
  require(!job.sort.flips && !job.sort.even, "points in order of a curve keep their signs");
  const int threads = resolve_threads(n_threads);
  std::vector<Curve<T>> curves;
  for (int t = 0; t < threads; ++t) curves.emplace_back(job);
  const std::int64_t rows =
      std::max<std::int64_t>(1, (1 << 14) / (job.sort.points * job.sort.channels + 1));
  std::atomic<bool> finite{true};
  auto body = [&](std::int64_t task, int thread) {
    const std::int64_t end = std::min(n, (task + 1) * rows);
    for (std::int64_t i = task * rows; i < end; ++i) {
      if (!curves[static_cast<std::size_t>(thread)].run(i))
        finite.store(false, std::memory_order_relaxed);
    }
  };
  parallel_for((n + rows - 1) / rows, threads, token, body);
  if (token.stopped()) throw Interrupted();
  require(finite, "X must be finite, got NaN or infinity");
}

template void sort_along_curve(const HilbertJob<double>&, std::int64_t, int, StopToken&);
template void sort_along_curve(const HilbertJob<float>&, std::int64_t, int, StopToken&);

}  // namespace symkernel
