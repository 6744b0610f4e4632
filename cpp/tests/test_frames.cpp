// Frames of clouds: the eigenproblem, and clouds turned at random, on every instruction set.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "check.hpp"
#include "engine/engine.hpp"
#include "frames/canonical_frames.hpp"
#include "numbers.hpp"
#include "symkernel/frames.hpp"

namespace symkernel {

namespace {

using Matrix = std::vector<double>;

// A random rotation: a product of turns of two axes.
Matrix rotation(Random& random, int d) {
  const auto n = static_cast<std::size_t>(d);
  Matrix q(n * n);
  for (std::size_t i = 0; i < n; ++i) q[i * n + i] = 1;
  for (std::size_t a = 0; a < n; ++a) {
    for (std::size_t b = a + 1; b < n; ++b) {
      const double angle = random.uniform(-3.0, 3.0), c = std::cos(angle), s = std::sin(angle);
      for (std::size_t k = 0; k < n; ++k) {
        const double x = q[a * n + k], y = q[b * n + k];
        q[a * n + k] = c * x - s * y;
        q[b * n + k] = s * x + c * y;
      }
    }
  }
  return q;
}

template <class R>
void test_eigen(const Matrix& spectrum, int lane) {
  const int d = static_cast<int>(spectrum.size());
  const std::size_t n = spectrum.size();
  Random random(7);
  const Matrix q = rotation(random, d);
  Matrix whole(n * n);
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < n; ++j)
      for (std::size_t k = 0; k < n; ++k)
        whole[i * n + j] += q[k * n + i] * spectrum[k] * q[k * n + j];
  double v[16];
  std::vector<R> a(n * n), axes(n * n);
  for (std::size_t j = 0; j < n * n; ++j) {
    for (int l = 0; l < Number<R>::width; ++l) v[l] = l == lane ? whole[j] : 0.0;
    a[j] = Number<R>::load(v);
  }
  symmetric_eigen<0>(a.data(), axes.data(), d);
  Matrix found(n * n), values(n);
  for (std::size_t j = 0; j < n * n; ++j) {
    Number<R>::store(axes[j], v);
    found[j] = v[lane];
    Number<R>::store(a[j], v);
    if (j % (n + 1) == 0) values[j / (n + 1)] = v[lane];
  }
  double size = 0;
  for (const double s : spectrum) size = std::max(size, std::fabs(s));
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) {
      double product = 0, image = 0;
      for (std::size_t k = 0; k < n; ++k) {
        product += found[i * n + k] * found[j * n + k];
        image += whole[j * n + k] * found[i * n + k];
      }
      CHECK_NEAR(product, i == j ? 1.0 : 0.0, 1e-14);
      CHECK_NEAR(image, values[i] * found[i * n + j], 4e-15 * (size > 0 ? size : 1.0) * double(n));
    }
  }
}

void test_eigenproblems() {
  for (const Matrix& spectrum :
       {Matrix{2.0}, Matrix{3.0, 1.0}, Matrix{1.0, 1.0}, Matrix{1.0, 0.5, 0.25},
        Matrix{1.0, 1.0, 1.0}, Matrix{1.0, 1.0 + 1e-12, 0.3}, Matrix{1.0, 1e-9, 1e-9},
        Matrix{0.0, 0.0, 0.0}, Matrix{1e-60, 2e-60, 1e-70}, Matrix{5.0, 4.0, 3.0, 3.0, 1.0, 0.0}}) {
    check::context("%zu eigenvalues, the last %g", spectrum.size(), spectrum.back());
    test_eigen<double>(spectrum, 0);
    test_eigen<Vec<double, 2>>(spectrum, 1);
    test_eigen<Vec<double, 4>>(spectrum, 2);
    test_eigen<Vec<double, 8>>(spectrum, 7);
  }
}

// Outputs of a job, and the job.
template <class T>
struct Batch {
  Batch(std::vector<T> given, int p, int d, bool centred, bool proper)
      : clouds(std::move(given)), weights(static_cast<std::size_t>(p), 1.0) {
    const auto n = static_cast<std::size_t>(p) * static_cast<std::size_t>(d);
    const std::size_t count = clouds.size() / n, square = static_cast<std::size_t>(d * d);
    coordinates.resize(clouds.size());
    axes.resize(count * square);
    centres.resize(count * static_cast<std::size_t>(d));
    margins.resize(count);
    ranks.resize(count);
    undecided.resize(count);
    const bool single = sizeof(T) == 4;
    job = {clouds.data(),
           static_cast<std::int64_t>(count),
           p,
           d,
           weights.data(),
           static_cast<double>(p),
           centred,
           p - (centred ? 1 : 0),
           proper,
           single ? 1e-2 : 1e-4,
           single ? 1e-5 : 1e-12,
           coordinates.data(),
           axes.data(),
           centres.data(),
           margins.data(),
           ranks.data(),
           undecided.data()};
  }

  std::vector<T> clouds;
  std::vector<double> weights;
  std::vector<T> coordinates;
  std::vector<double> axes, centres, margins;
  std::vector<std::int32_t> ranks;
  std::vector<std::uint8_t> undecided;
  FrameJob<T> job;
};

// `count` copies of a cloud, each turned at random, its points rolled if asked for.
template <class T>
std::vector<T> turned(const Matrix& cloud, int p, int d, int count, bool rolled) {
  Random random(11);
  std::vector<T> out;
  for (int c = 0; c < count; ++c) {
    const Matrix q = rotation(random, d);
    for (int i = 0; i < p; ++i) {
      const int from = rolled ? (i + c) % p : i;
      for (int k = 0; k < d; ++k) {
        double sum = 0;
        for (int j = 0; j < d; ++j)
          sum += q[static_cast<std::size_t>(k * d + j)] *
                 cloud[static_cast<std::size_t>(from * d + j)];
        out.push_back(static_cast<T>(sum));
      }
    }
  }
  return out;
}

template <class T>
void check_alike(const Batch<T>& batch, double tolerance) {
  const std::size_t size = batch.clouds.size() / batch.ranks.size();
  for (std::size_t j = 0; j < batch.coordinates.size(); ++j)
    CHECK_NEAR(batch.coordinates[j], batch.coordinates[j % size], tolerance);
  for (const std::int32_t rank : batch.ranks) CHECK(rank == batch.ranks[0]);
}

template <class T>
void test_clouds() {
  const double tolerance = sizeof(T) == 8 ? 1e-10 : 2e-4;
  Random random(3);
  for (const int d : {1, 2, 3, 5}) {
    for (const int p : {1, 4, 9}) {
      Matrix cloud(static_cast<std::size_t>(p * d));
      for (double& x : cloud) x = random.uniform(-1.0, 1.0);
      for (const bool centred : {false, true}) {
        for (const FrameMethod method : {FrameMethod::moment, FrameMethod::labelled}) {
          check::context("%s: %d points, d = %d", current_isa(), p, d);
          Batch<T> batch(turned<T>(cloud, p, d, 21, false), p, d, centred, true);
          StopToken token(nullptr);
          labelled_frames(batch.job, method, 2, token);
          check_alike(batch, tolerance);
        }
      }
    }
  }
}

template <class T>
void test_symmetric_clouds() {
  const Matrix cube{1,  1, 1, 1,  1, -1, 1,  -1, 1, 1,  -1, -1,
                    -1, 1, 1, -1, 1, -1, -1, -1, 1, -1, -1, -1};
  const Matrix pair{0, 0, 1, 0, 0, -1, 0, 0, 0, 0, 0, 0};
  for (const bool proper : {true, false}) {
    for (const Matrix* cloud : {&cube, &pair}) {
      const int p = static_cast<int>(cloud->size()) / 3;
      check::context("%s: %d points with symmetries", current_isa(), p);
      Batch<T> batch(turned<T>(*cloud, p, 3, 19, true), p, 3, true, proper);
      std::vector<std::int32_t> members, kinds(static_cast<std::size_t>(p));
      for (int i = 0; i < p; ++i) members.push_back(i);
      std::vector<std::int32_t> order(static_cast<std::size_t>(19 * p));
      std::vector<std::uint8_t> coincident(order.size());
      std::vector<std::int64_t> symmetries(19);
      const bool single = sizeof(T) == 4;
      const PermutedJob permuted{members.data(),        kinds.data(), single ? 1e-4 : 1e-6,
                                 single ? 1e-5 : 1e-12, order.data(), coincident.data(),
                                 symmetries.data()};
      StopToken token(nullptr);
      permuted_frames(batch.job, permuted, 2, token);
      check_alike(batch, sizeof(T) == 8 ? 1e-12 : 1e-5);
      for (const std::int64_t found : symmetries) CHECK(found == (p == 4 ? 2 : proper ? 24 : 48));
      CHECK(std::count(coincident.begin(), coincident.end(), 1) == (p == 4 ? 19 : 0));
    }
  }
}

void test_all() {
  for (const char* const* isa = available_isas(); *isa != nullptr; ++isa) {
    CHECK(select_isa(*isa));
    test_clouds<double>();
    test_clouds<float>();
    test_symmetric_clouds<double>();
    test_symmetric_clouds<float>();
  }
}

}  // namespace

}  // namespace symkernel

void check::tests() {
  symkernel::test_eigenproblems();
  symkernel::test_all();
}
