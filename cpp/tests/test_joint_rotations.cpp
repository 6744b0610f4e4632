// Covariances of values and gradients under rotations: every instruction set against the mean over
// a grid of rotations, at sizes that leave remainders in vectors.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <vector>

#include "check.hpp"
#include "engine/engine.hpp"
#include "joint_rotations.hpp"
#include "numbers.hpp"

namespace symkernel {

namespace {

using Real = long double;
using Numbers = std::vector<double>;

constexpr Real pi = 3.14159265358979323846264338327950288L;
const std::vector<std::int32_t> two_rows = {0, 1, 2, 1, 2, 0};

struct Rotation {
  Real share;
  std::vector<Real> entries;  // row by row
};

// Rotations of the plane, equally far apart: exact for harmonics below their number.
std::vector<Rotation> plane_grid() {
  std::vector<Rotation> grid;
  for (int k = 0; k < 40; ++k) {
    const Real angle = 2 * pi * k / 40, c = std::cos(angle), s = std::sin(angle);
    grid.push_back({1.0L / 40, {c, -s, s, c}});
  }
  return grid;
}

// Euler's angles: equally far apart around the axes, Clenshaw and Curtis's weights between them.
std::vector<Rotation> space_grid() {
  constexpr int around = 16, between = 40;
  std::vector<Rotation> grid;
  for (int b = 0; b <= between; ++b) {
    const Real tilt = pi * b / between;
    Real weight = 1;
    for (int j = 1; j <= between / 2; ++j) {
      const Real own = 2 * j == between ? 1 : 2;
      weight -= own * std::cos(2 * j * tilt) / (4.0L * j * j - 1);
    }
    weight *= (b % between == 0 ? 1.0L : 2.0L) / between / 2;
    for (int a = 0; a < around; ++a) {
      for (int g = 0; g < around; ++g) {
        const Real p = 2 * pi * a / around, q = 2 * pi * g / around;
        const Real cp = std::cos(p), sp = std::sin(p), cq = std::cos(q), sq = std::sin(q);
        const Real ct = std::cos(tilt), st = std::sin(tilt);
        grid.push_back(
            {weight / (around * around),
             {cp * ct * cq - sp * sq, -cp * ct * sq - sp * cq, cp * st, sp * ct * cq + cp * sq,
              -sp * ct * sq + cp * cq, sp * st, -st * cq, st * sq, ct}});
      }
    }
  }
  return grid;
}

struct Answer {
  Numbers values, slopes, mixed, turns;
};

JointJob job_of(const Numbers& x, const Numbers& y, std::int64_t dimension, bool reflections) {
  static const Numbers rates = {0.9, 0.25}, weights = {0.3, 0.7};
  JointJob job;
  job.x = x.data();
  job.y = y.data();
  job.points = 3;
  job.dimension = dimension;
  job.n = static_cast<std::int64_t>(x.size()) / (3 * dimension);
  job.m = static_cast<std::int64_t>(y.size()) / (3 * dimension);
  job.reflections = reflections;
  job.rows = two_rows.data();
  job.n_rows = 2;
  job.rates = rates.data();
  job.weights = weights.data();
  job.n_rates = 2;
  return job;
}

Answer by_grid(const JointJob& job, const std::vector<Rotation>& grid) {
  const std::int64_t r = job.dimension, d = job.points * r;
  Answer answer;
  std::vector<Real> moved(d), back(d), slope(d), mixed(d * d);
  answer.turns.resize(static_cast<std::size_t>(job.n * r * job.m * r));
  for (std::int64_t i = 0; i < job.n; ++i) {
    for (std::int64_t j = 0; j < job.m; ++j) {
      const double *x = job.x + i * d, *y = job.y + j * d;
      Real value = 0, turns[9] = {};
      std::fill(slope.begin(), slope.end(), Real(0));
      std::fill(mixed.begin(), mixed.end(), Real(0));
      for (std::int64_t s = 0; s < job.n_rows; ++s) {
        const std::int32_t* rows = job.rows + s * job.points;
        for (const Rotation& g : grid) {
          for (int sign = 1; sign >= (job.reflections ? -1 : 1); sign -= 2) {
            // the reflection of the plane turns its second coordinate, that of space all
            const auto entry = [&](std::int64_t a, std::int64_t b) {
              const bool turned = sign < 0 && (r == 3 || b == 1);
              return turned ? -g.entries[a * r + b] : g.entries[a * r + b];
            };
            Real square = 0;
            for (std::int64_t p = 0; p < job.points; ++p) {
              for (std::int64_t a = 0; a < r; ++a) {
                moved[p * r + a] = x[p * r + a];
                for (std::int64_t b = 0; b < r; ++b)
                  moved[p * r + a] -= entry(a, b) * y[rows[p] * r + b];
                square += moved[p * r + a] * moved[p * r + a];
              }
            }
            for (std::int64_t p = 0; p < job.points; ++p) {  // y - g' x
              for (std::int64_t b = 0; b < r; ++b) {
                Real& to = back[rows[p] * r + b];
                to = 0;
                for (std::int64_t a = 0; a < r; ++a) to -= entry(a, b) * moved[p * r + a];
              }
            }
            for (std::int64_t k = 0; k < job.n_rates; ++k) {
              const Real t = job.rates[k];
              const Real own = g.share * job.weights[k] * std::exp(-t * square) /
                               (job.n_rows * (job.reflections ? 2 : 1));
              value += own;
              for (std::int64_t e = 0; e < r * r; ++e)
                turns[e] += 2 * t * own * entry(e / r, e % r);
              for (std::int64_t e = 0; e < d; ++e) {
                slope[e] -= 2 * t * own * moved[e];
                for (std::int64_t f = 0; f < d; ++f)
                  mixed[e * d + f] += 4 * t * t * own * moved[e] * back[f];
              }
              for (std::int64_t p = 0; p < job.points; ++p) {
                for (std::int64_t a = 0; a < r; ++a) {
                  for (std::int64_t b = 0; b < r; ++b)
                    mixed[(p * r + a) * d + rows[p] * r + b] += 2 * t * own * entry(a, b);
                }
              }
            }
          }
        }
      }
      answer.values.push_back(static_cast<double>(value));
      for (std::int64_t e = 0; e < r * r; ++e)
        answer.turns[((i * r + e / r) * job.m + j) * r + e % r] = static_cast<double>(turns[e]);
      for (const Real v : slope) answer.slopes.push_back(static_cast<double>(v));
      for (const Real v : mixed) answer.mixed.push_back(static_cast<double>(v));
    }
  }
  return answer;
}

Answer blocks(JointJob job, int threads) {
  const auto d = job.points * job.dimension, pairs = job.n * job.m;
  Answer answer{Numbers(pairs), Numbers(pairs * d), Numbers(pairs * d * d), {}};
  job.values = answer.values.data();
  job.slopes = answer.slopes.data();
  // along the axes, so that derivatives come as (n, d, m, d)
  Numbers axes_x(job.n * d * d), axes_y(job.m * d * d), mixed(pairs * d * d + 1);
  for (std::int64_t e = 0; e < d; ++e) {
    for (std::int64_t i = 0; i < job.n; ++i) axes_x[(i * d + e) * d + e] = 1;
    for (std::int64_t j = 0; j < job.m; ++j) axes_y[(j * d + e) * d + e] = 1;
  }
  job.directions_x = axes_x.data();
  job.directions_y = axes_y.data();
  job.from = job.to = d;
  job.mixed = mixed.data();
  StopToken token(nullptr);
  joint_blocks(job, threads, token);
  for (std::int64_t i = 0; i < job.n; ++i) {
    for (std::int64_t j = 0; j < job.m; ++j) {
      for (std::int64_t e = 0; e < d * d; ++e)
        answer.mixed[(i * job.m + j) * d * d + e] =
            mixed[((i * d + e / d) * job.m + j) * d + e % d];
    }
  }
  return answer;
}

Numbers turns(JointJob job, bool symmetric, int threads) {
  Numbers found(job.n * job.dimension * job.m * job.dimension, 7.0);
  job.turns = found.data();
  job.symmetric = symmetric;
  StopToken token(nullptr);
  joint_turns(job, threads, token);
  return found;
}

void near(const Numbers& got, const Numbers& want, double tolerance) {
  CHECK(got.size() == want.size());
  for (std::size_t k = 0; k < std::min(got.size(), want.size()); ++k)
    CHECK_NEAR(got[k], want[k], tolerance);
}

// Directions of their own at each sample, 4 and 5 of them.
void check_directions(JointJob job, const Answer& answer, Random& random) {
  const auto d = job.points * job.dimension;
  Numbers a(job.n * 4 * d), b(job.m * 5 * d), got(job.n * 4 * job.m * 5), values(job.n * job.m);
  for (double& v : a) v = random.uniform(-1, 1);
  for (double& v : b) v = random.uniform(-1, 1);
  job.directions_x = a.data();
  job.directions_y = b.data();
  job.from = 4;
  job.to = 5;
  job.values = values.data();
  job.mixed = got.data();
  StopToken token(nullptr);
  joint_blocks(job, 1, token);
  Numbers want(got.size());
  for (std::int64_t at = 0; at < static_cast<std::int64_t>(got.size()); ++at) {
    const std::int64_t s = at % 5, j = at / 5 % job.m, r = at / (5 * job.m) % 4;
    const std::int64_t i = at / (20 * job.m);
    const double* block = answer.mixed.data() + (i * job.m + j) * d * d;
    for (std::int64_t e = 0; e < d * d; ++e)
      want[at] += a[(i * 4 + r) * d + e / d] * block[e] * b[(j * 5 + s) * d + e % d];
  }
  near(got, want, 1e-12);
}

// f and its gradient from blocks: K a + (d_y K) b, and with x first.
void check_field(JointJob job, const Answer& answer, Random& random) {
  const auto d = job.points * job.dimension;
  Numbers a(job.m), b(job.m * d), values(job.n), slopes(job.n * d), want(job.n * d);
  for (double& v : a) v = random.uniform(-1, 1);
  for (double& v : b) v = random.uniform(-1, 1);
  for (std::int64_t i = 0; i < job.n; ++i) {
    for (std::int64_t j = 0; j < job.m; ++j) {
      for (std::int64_t e = 0; e < d; ++e) {
        const std::int64_t at = (i * job.m + j) * d + e;
        want[i * d + e] += answer.slopes[at] * a[j];
        for (std::int64_t f = 0; f < d; ++f)
          want[i * d + e] += answer.mixed[at * d + f] * b[j * d + f];
      }
    }
  }
  job.a = a.data();
  job.b = b.data();
  job.values = values.data();
  job.slopes = slopes.data();
  StopToken token(nullptr);
  joint_field(job, 2, token);
  near(slopes, want, 1e-12);
  // values: their differences along an axis are the gradient
  const Numbers before = values;
  Numbers x(job.x, job.x + job.n * d);
  const double step = 1e-5;
  for (const double h : {step, -2 * step}) {
    for (std::int64_t i = 0; i < job.n; ++i) x[i * d + 1] += h;
    job.x = x.data();
    job.slopes = nullptr;
    Numbers moved(job.n);
    job.values = moved.data();
    joint_field(job, 1, token);
    for (std::int64_t i = 0; i < job.n; ++i) values[i] = h > 0 ? moved[i] : values[i] - moved[i];
  }
  for (std::int64_t i = 0; i < job.n; ++i)
    CHECK_NEAR(values[i] / (2 * step), slopes[i * d + 1], 1e-8);
}

Numbers clouds(std::int64_t n, std::int64_t dimension, Random& random) {
  Numbers x;
  for (std::int64_t k = 0; k < n * 3 * dimension; ++k) x.push_back(random.uniform(-0.8, 0.8));
  return x;
}

void test_agrees_with_the_grid() {
  Random random(5);
  for (const std::int64_t dimension : {2, 3}) {
    const std::vector<Rotation> grid = dimension == 2 ? plane_grid() : space_grid();
    const auto d = static_cast<std::size_t>(3 * dimension);
    const Numbers x = clouds(2, dimension, random);
    Numbers y = clouds(dimension == 2 ? 9 : 5, dimension, random);
    std::fill(y.begin(), y.begin() + static_cast<std::ptrdiff_t>(d), 0.0);  // M = 0
    std::copy(x.begin(), x.begin() + static_cast<std::ptrdiff_t>(d),
              y.begin() + static_cast<std::ptrdiff_t>(d));  // the same sample
    for (std::size_t k = 0; k < d; ++k)                     // on a line
      y[2 * d + k] = 0.5 * static_cast<double>(k / static_cast<std::size_t>(dimension)) - 0.4;
    for (const bool reflections : {false, true}) {
      const JointJob job = job_of(x, y, dimension, reflections);
      const Answer want = by_grid(job, grid);
      for (const char* const* isa = available_isas(); *isa != nullptr; ++isa) {
        select_isa(*isa);
        check::context("dimension %d, reflections %d, %s", static_cast<int>(dimension),
                       static_cast<int>(reflections), *isa);
        const Answer got = blocks(job, 1);
        near(got.values, want.values, 1e-12);
        near(got.slopes, want.slopes, 2e-12);
        near(got.mixed, want.mixed, 5e-12);
        near(turns(job, false, 1), want.turns, 1e-12);
        const Answer threads = blocks(job, 3);
        near(threads.mixed, got.mixed, 0);
        check_field(job, got, random);
        check_directions(job, got, random);
      }
    }
  }
}

// Two rows are no group, so that one is taken.
void test_symmetric_turns() {
  Random random(8);
  for (const std::int64_t dimension : {2, 3}) {
    const Numbers x = clouds(21, dimension, random);
    JointJob job = job_of(x, x, dimension, true);
    job.n_rows = 1;
    for (const char* const* isa = available_isas(); *isa != nullptr; ++isa) {
      select_isa(*isa);
      check::context("dimension %d, %s", static_cast<int>(dimension), *isa);
      const Numbers all = turns(job, false, 1), half = turns(job, true, 1);
      near(half, all, 1e-13);
      near(turns(job, true, 3), half, 0);
    }
  }
}

void test_no_samples() {
  Random random(6);
  const Numbers x = clouds(2, 3, random), none;
  const Answer answer = blocks(job_of(x, none, 3, true), 2);
  CHECK(answer.values.empty());
  JointJob job = job_of(x, none, 3, true);
  const double nothing = 0;
  Numbers values(2, 7.0), slopes(18, 7.0);
  job.a = job.b = &nothing;
  job.values = values.data();
  job.slopes = slopes.data();
  StopToken token(nullptr);
  joint_field(job, 2, token);
  near(values, Numbers(2, 0.0), 0);
  near(slopes, Numbers(18, 0.0), 0);
  CHECK(blocks(job_of(none, x, 3, true), 2).mixed.empty());
  CHECK(turns(job_of(none, x, 3, true), false, 2).empty());
  CHECK(turns(job_of(none, none, 3, true), true, 2).empty());
}

void test_jobs_that_do_not_fit() {
  Random random(7);
  const Numbers x = clouds(1, 3, random);
  const std::vector<std::int32_t> twice = {0, 0, 2, 1, 2, 0};
  JointJob job = job_of(x, x, 3, false);
  job.rows = twice.data();
  CHECK_THROWS(std::invalid_argument, blocks(job, 1));
  job = job_of(x, x, 3, false);
  job.dimension = 4;
  CHECK_THROWS(std::invalid_argument, blocks(job, 1));
  const Numbers two = clouds(2, 3, random);
  CHECK_THROWS(std::invalid_argument, turns(job_of(x, two, 3, false), true, 1));
  job = job_of(x, x, 3, false);
  const Numbers rates = {1.0, std::numeric_limits<double>::infinity()};
  job.rates = rates.data();
  CHECK_THROWS(std::invalid_argument, blocks(job, 1));
}

}  // namespace

}  // namespace symkernel

void check::tests() {
  symkernel::test_agrees_with_the_grid();
  symkernel::test_symmetric_turns();
  symkernel::test_no_samples();
  symkernel::test_jobs_that_do_not_fit();
}
