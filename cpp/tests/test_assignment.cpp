// Assignments against all permutations, and rotations of clouds against ones that are known.
#include <algorithm>
#include <vector>

#include "check.hpp"
#include "numbers.hpp"
#include "numeric.hpp"
#include "symkernel/assignment.hpp"
#include "symkernel/procrustes.hpp"

SYMKERNEL_BEGIN_NAMESPACE

namespace {

double best_of_all(const std::vector<double>& cost, int n, int stride) {
  std::vector<int> order;
  for (int i = 0; i < n; ++i) order.push_back(i);
  double best = std::numeric_limits<double>::infinity();
  do {
    double total = 0;
    for (int i = 0; i < n; ++i)
      total += cost[static_cast<std::size_t>(i * stride + order[static_cast<std::size_t>(i)])];
    best = std::min(best, total);
  } while (std::next_permutation(order.begin(), order.end()));
  return best;
}

struct Assigned {
  template <class V>
  void run(const char* name) {
    Random random(7);
    for (int n = 1; n <= 7; ++n) {
      const int stride = static_cast<int>(Assignment<V>::padded(n));
      std::vector<double> scratch(static_cast<std::size_t>(Assignment<V>::scratch_size(n)));
      std::vector<std::int32_t> column(static_cast<std::size_t>(n));
      Assignment<V> assignment(n, scratch.data());
      for (int trial = 0; trial < 60; ++trial) {
        check::context("%s assignment of %d, trial %d", name, n, trial);
        std::vector<double> cost(static_cast<std::size_t>(n * stride));
        for (int i = 0; i < n; ++i) {
          double* row = cost.data() + i * stride;
          for (int j = 0; j < n; ++j) {
            const double u = random.uniform(0.0, 1.0);
            row[j] = trial % 3 == 0 ? u : trial % 3 == 1 ? std::floor(3 * u) : std::exp(40 * u);
          }
          Assignment<V>::pad(row, n);
        }
        assignment.solve(cost.data(), n, column.data());
        double total = 0;
        std::vector<bool> taken(static_cast<std::size_t>(n));
        for (int i = 0; i < n; ++i) {
          const std::int32_t j = column[static_cast<std::size_t>(i)];
          CHECK(j >= 0 && j < n && !taken[static_cast<std::size_t>(j)]);
          taken[static_cast<std::size_t>(j)] = true;
          total += cost[static_cast<std::size_t>(i * stride + j)];
        }
        const double best = best_of_all(cost, n, stride);
        CHECK_NEAR(total, best, 1e-14 * best);
      }
    }
  }
};

// Clouds of four points with extents 1, `second` and `third`, turned by a rotation or, with the
// mirror, by a rotation after a reflection.
template <class R>
void turned_cloud(double second, double third, bool mirror, bool reflections, const char* name) {
  constexpr int points = 4;
  const double extent[3] = {1.0, second, third};
  const double c = std::cos(1.1), s = std::sin(1.1);
  Random random(11);
  R x[points][3], y[points][3];
  for (int p = 0; p < points; ++p) {
    double a[3], b[3];
    for (int k = 0; k < 3; ++k) a[k] = extent[k] * random.uniform(-1.0, 1.0);
    // about z, then about x
    b[0] = c * a[0] - s * a[1];
    b[1] = s * a[0] + c * a[1];
    b[2] = mirror ? -a[2] : a[2];
    const double b1 = c * b[1] - s * b[2], b2 = s * b[1] + c * b[2];
    for (int k = 0; k < 3; ++k) x[p][k] = R(a[k]);
    y[p][0] = R(b[0]);
    y[p][1] = R(b1);
    y[p][2] = R(b2);
  }
  const auto visit = [&](const auto& f) {
    for (int p = 0; p < points; ++p) f(x[p], y[p]);
  };
  R m[9];
  Procrustes<R, 3>::inner(visit, m);
  const Procrustes<R, 3> found(visit, m, reflections);
  double lanes[16], turns[9][16];
  Number<R>::store(found.residual, lanes);
  for (int k = 0; k < 9; ++k) Number<R>::store(found.rotation[k], turns[k]);
  check::context("%s extents %g %g, mirror %d, reflections %d", name, second, third, mirror,
                 reflections);
  const bool apart = mirror && !reflections;
  for (int l = 0; l < Number<R>::width; ++l) {
    if (apart) {
      CHECK(lanes[l] > 0.1 * third * third);
    } else {
      CHECK_NEAR(lanes[l], 0.0, 1e-29);
    }
    for (int i = 0; i < 9; ++i) {
      double product = 0;
      for (int k = 0; k < 3; ++k) product += turns[i / 3 * 3 + k][l] * turns[i % 3 * 3 + k][l];
      CHECK_NEAR(product, i % 4 == 0 ? 1.0 : 0.0, 2e-15);
    }
  }
}

struct Turned {
  template <class R>
  void run(const char* name) {
    for (const double second : {0.7, 1e-3, 1e-9}) {
      for (const double share : {0.6, 1e-4}) {
        turned_cloud<R>(second, second * share, false, false, name);
        turned_cloud<R>(second, second * share, false, true, name);
        turned_cloud<R>(second, second * share, true, true, name);
      }
    }
    turned_cloud<R>(0.7, 0.4, true, false, name);
  }
};

}  // namespace

void test_assignment() {
  Assigned assigned;
  assigned.run<Vec<double, 2>>("Vec<double, 2>");
  assigned.run<Vec<double, 4>>("Vec<double, 4>");
  assigned.run<Vec<double, 8>>("Vec<double, 8>");
  Turned turned;
  turned.run<double>("double");
  turned.run<Vec<double, 2>>("Vec<double, 2>");
  turned.run<Vec<double, 4>>("Vec<double, 4>");
  turned.run<Vec<double, 8>>("Vec<double, 8>");
}

SYMKERNEL_END_NAMESPACE
