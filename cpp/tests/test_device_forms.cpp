// Closed forms of cuda/ on an emulated device against the CPU: every form, base, output and number
// type, at sizes that leave remainders in tiles, with the threads of a block in three orders.
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "check.hpp"
#include "form_case.hpp"

namespace symkernel {

namespace {

using Blocks = std::vector<std::pair<std::int64_t, std::int64_t>>;

struct Case {
  const char* form;
  Blocks blocks;
  std::int64_t row_permutations;
};

const Case rotation_cases[] = {
    {"rotations_3", {{5, 3}}, 1},
    {"rotations_3", {{4, 3}}, 4},
    {"orthogonal_3", {{6, 3}}, 2},
    {"rotations_2", {{4, 2}}, 4},
    {"rotations_2", {{2, 2}, {1, 2}, {3, 2}}, 6},
    {"orthogonal_2", {{4, 2}}, 2},
    {"sphere", {{1, 4}}, 1},
    {"sphere", {{1, 2}}, 1},
};
const Case other_cases[] = {
    {"octahedral", {{4, 3}}, 2},
    {"octahedral_rotations", {{4, 3}}, 1},
    {"sign_flips", {{5, 1}}, 1},
    {"sign_flips", {{23, 3}}, 1},
    {"permanents", {{3, 2}, {2, 2}}, 1},
    {"permanents", {{6, 2}}, 1},
    {"permanents", {{1, 2}, {8, 1}, {4, 3}}, 1},
    {"signed_permanents", {{4, 1}}, 1},
    {"signed_permanents", {{7, 2}}, 1},
};

std::int64_t features(const Blocks& blocks) {
  std::int64_t d = 0;
  for (const auto& [points, dimension] : blocks) d += points * dimension;
  return d;
}

// Powers of one cyclic shift of the points of every block, as many as there are to its inverse;
// features in another order.
OrbitAction action_of(const Case& c) {
  std::vector<double> identity;
  std::vector<std::int32_t> rows, layout;
  std::int64_t n_points = 0;
  for (const auto& [points, dimension] : c.blocks) {
    n_points += points;
    for (std::int64_t k = 0; k < dimension * dimension; ++k)
      identity.push_back(k % (dimension + 1) == 0 ? 1 : 0);
  }
  for (std::int64_t s = 0; s < c.row_permutations; ++s) {
    for (const auto& [points, dimension] : c.blocks) {
      const std::int64_t step = points / std::gcd(points, c.row_permutations);
      for (std::int64_t p = 0; p < points; ++p)
        rows.push_back(static_cast<std::int32_t>((p + s * step) % points));
    }
  }
  const std::int64_t d = features(c.blocks);
  for (std::int64_t k = 0; k < d; ++k) layout.push_back(static_cast<std::int32_t>(d - 1 - k));
  return OrbitAction::points({rows.data(), c.row_permutations, n_points},
                             {identity.data(), 1, static_cast<std::int64_t>(identity.size())},
                             layout, c.blocks);
}

// Three planes over the rates: values and slopes mixed.
ClosedForm form_of(const char* name, const std::vector<double>& rates, const std::string& base,
                   bool slopes) {
  std::vector<double> values, derivatives;
  for (int plane = 0; plane < 3; ++plane) {
    for (std::size_t m = 0; m < rates.size(); ++m) {
      values.push_back(plane == 0 ? 0.7 / (1.0 + static_cast<double>(m)) : 0.3 * plane);
      derivatives.push_back(!slopes || plane == 0 ? 0.0 : 0.5 + static_cast<double>(m));
    }
  }
  const auto n = static_cast<std::int64_t>(rates.size());
  return ClosedForm::by_name(name, rates, {values.data(), 3, n}, {derivatives.data(), 3, n}, base);
}

template <class T>
std::vector<T> samples(std::int64_t n, std::int64_t d, double radius, Random& random) {
  std::vector<T> x;
  const double scale = radius / std::sqrt(static_cast<double>(d));
  for (std::int64_t i = 0; i < n * d; ++i)
    x.push_back(static_cast<T>(scale * random.uniform(-1, 1)));
  return x;
}

// Every other y is near an x.
template <class T>
std::vector<T> near_samples(const std::vector<T>& x, std::int64_t m, std::int64_t d, double radius,
                            Random& random) {
  std::vector<T> y = samples<T>(m, d, radius, random);
  const auto n = static_cast<std::int64_t>(x.size()) / d;
  for (std::int64_t j = 0; j < m && n > 0; j += 2) {
    for (std::int64_t k = 0; k < d; ++k)
      y[static_cast<std::size_t>(j * d + k)] =
          x[static_cast<std::size_t>(j % n * d + k)] + static_cast<T>(0.1 * random.uniform(-1, 1));
  }
  return y;
}

int turn = 0;

template <class T>
void check_form(const Case& c, const ClosedForm& form, const std::string& name, std::int64_t n,
                std::int64_t m, double radius, double tolerance, Random& random,
                double slope_tolerance = 10) {
  const OrbitAction action = action_of(c);
  const std::int64_t d = features(c.blocks);
  const std::vector<T> x = samples<T>(n, d, radius, random);
  const std::vector<T> y = near_samples(x, m, d, radius, random);
  ++turn;
  test::FormCase<T> both(action, form, name + ", " + c.form, x, y, tolerance, slope_tolerance,
                         test::fiber_orders[turn % 3], turn % 2 == 0 ? 1 : 5);
  both.check_all(1 + turn % 6);
  both.check_gradients(turn % 4);
}

template <class T>
void test_form(const Case& c, std::int64_t n, std::int64_t m, Random& random) {
  // single precision: the rounding of M alone is eps |M| in the exponent
  check_form<T>(c, form_of(c.form, {0.45}, "rbf", true), "rbf", n, m, 2, 2, random);
  check_form<T>(c, form_of(c.form, {0.2, 1.1, 0.05}, "rbf", true), "three rates", n, m, 2, 2,
                random);
  check_form<T>(c, form_of(c.form, {0.8, 0.1}, "rbf", false), "no slopes", n, m, 1.2, 2, random);
  const std::string form = c.form;
  if (form == "sign_flips" || form.find("permanents") != std::string::npos)
    check_form<T>(c, form_of(c.form, {0.6, 0.2}, "laplacian", true), "laplacian", n, m, 2, 2,
                  random);
}

template <class T>
void test_forms() {
  Random random(31);
  const std::int64_t sizes[][2] = {{17, 35}, {1, 5}, {32, 16}, {5, 1}};
  int at = 0;
  for (const Case& c : rotation_cases) {
    const auto& size = sizes[at++ % 4];
    test_form<T>(c, size[0], size[1], random);
  }
  for (const Case& c : other_cases) {
    const auto& size = sizes[at++ % 4];
    test_form<T>(c, size[0], size[1], random);
  }
}

// All tables of poles, exponents at which values come from differences (double), and mixtures
// there.
template <class T>
void test_exponents() {
  Random random(32);
  const double exponents[] = {0.3, 1.5, 3, 6, 12, 24, 300, 2000, 30000};
  for (const Case& c : {rotation_cases[0], rotation_cases[2], rotation_cases[3], rotation_cases[4],
                        rotation_cases[5], rotation_cases[6], other_cases[0], other_cases[1]}) {
    for (const double exponent : exponents) {
      if (sizeof(T) == 4 && exponent > 24) continue;
      // samples have squared norms of about 4 / 3
      const double rate = exponent / 2.7;
      const double tolerance = sizeof(T) == 8 ? std::fmax(4, exponent / 100) : 4;
      // derivatives are differences of numbers as large as the exponent
      check_form<T>(c, form_of(c.form, {rate}, "rbf", true), "exponent " + std::to_string(exponent),
                    9, 18, 2, tolerance, random, std::fmax(10, exponent / 2));
    }
    if (sizeof(T) == 8)
      check_form<T>(c, form_of(c.form, {900, 0.2}, "rbf", false), "mixed exponents", 9, 18, 2, 20,
                    random);
  }
}

// Clouds too large for shared memory.
template <class T>
void test_large_clouds() {
  Random random(33);
  const Case cases[] = {{"rotations_3", {{200, 3}}, 2},
                        {"rotations_2", {{150, 2}, {200, 2}}, 1},
                        {"octahedral", {{200, 3}}, 1},
                        {"sign_flips", {{900, 1}}, 1},
                        {"orthogonal_3", {{190, 3}}, 1}};
  for (const Case& c : cases) {
    check_form<T>(c, form_of(c.form, {0.4}, "rbf", true), "large", 9, 18, 2, 4, random);
    if (sizeof(T) == 8 && c.form != std::string("sign_flips"))
      check_form<T>(c, form_of(c.form, {1500}, "rbf", false), "large and sharp", 5, 18, 2, 20,
                    random, 3000);
  }
}

template <class T>
void test_powers() {
  Random random(34);
  const double values[] = {0.5, 0.7, 2, 1, 0.3, 0, 0.1, 3, 0, -1, 0.2, 0, 1, 0, 0.5};
  for (const Case& c : rotation_cases) {
    if (c.blocks.size() > 1) continue;
    check_form<T>(c, ClosedForm::of_powers(c.form, {values, 3, 5}), "powers", 17, 35, 1.5, 4,
                  random);
  }
}

template <class T>
void test_no_samples() {
  Random random(35);
  for (const Case& c : {rotation_cases[0], other_cases[2], other_cases[5]}) {
    const ClosedForm form = form_of(c.form, {0.4}, "rbf", true);
    check_form<T>(c, form, "no x", 0, 3, 2, 1, random);
    check_form<T>(c, form, "no y", 3, 0, 2, 1, random);
  }
}

// Permanents of every size, and such as leave the range of their type.
template <class T>
void test_permanents() {
  Random random(36);
  for (std::int64_t n = 1; n <= 13; ++n) {
    const Case c = {n % 2 == 0 ? "permanents" : "signed_permanents", {{n, 1 + n % 3}}, 1};
    const std::int64_t size = n < 10 ? 5 : 2;
    check_form<T>(c, form_of(c.form, {0.4}, "rbf", true), "permanents", size, size + 1, 2, 4,
                  random);
    const double sharp = sizeof(T) == 8 ? 700.0 : 90.0;
    if (n < 12)
      check_form<T>(c, form_of(c.form, {sharp}, "rbf", true), "sharp permanents", size, size + 1, 2,
                    1e3, random);
  }
  for (const std::int64_t n : {14, 15, 16}) {
    const Case c = {"permanents", {{n, 1}}, 1};
    check_form<T>(c, form_of(c.form, {0.4}, "rbf", true), "large permanents", 1, 2, 2, 4, random);
    // no slopes: Glynn's sum, where it is accurate
    for (const double rate : {0.4, 6.0, 60.0, 400.0})
      check_form<T>(c, form_of(c.form, {rate}, "rbf", false), "large permanents", 1, 2, 2, 4,
                    random);
  }
}

template <class T>
void test_refusals() {
  const Case c = rotation_cases[0];
  const OrbitAction action = action_of(c), other = action_of(other_cases[2]);
  const ClosedForm form = form_of(c.form, {0.4}, "rbf", true);
  const std::vector<T> x(30, T(0.5));
  std::vector<T> k(4);
  gpu::HostExecutor executor;
  gpu::GramRequest<T> r;
  r.form = &form;
  r.action = &action;
  r.x = {x.data(), 2, 15};
  r.k = k.data();
  r.output = Output::packed;
  CHECK_THROWS(std::invalid_argument, (gpu::FormDriver<T, gpu::HostExecutor>(r, executor).gram()));
  const Case large = {"permanents", {{21, 1}}, 1}, flips = {"sign_flips", {{15, 1}}, 1};
  for (const Output output : {Output::ard, Output::gradient_x}) {
    const OrbitAction many = action_of(large);
    const ClosedForm permanents = form_of(large.form, {0.4}, "rbf", false);
    r.output = output;
    r.form = &permanents;
    r.action = &many;
    r.x = {x.data(), 1, 21};
    CHECK_THROWS(std::invalid_argument,
                 (gpu::FormDriver<T, gpu::HostExecutor>(r, executor).gram()));
  }
  const OrbitAction signs = action_of(flips);
  const ClosedForm laplacian = form_of(flips.form, {0.4}, "laplacian", false);
  r.output = Output::ard;
  r.form = &laplacian;
  r.action = &signs;
  r.x = {x.data(), 2, 15};
  CHECK_THROWS(std::invalid_argument, (gpu::FormDriver<T, gpu::HostExecutor>(r, executor).gram()));
  r.form = &form;
  r.action = &action;
  r.output = Output::gram;
  r.x.columns = 14;
  CHECK_THROWS(std::invalid_argument, (gpu::FormDriver<T, gpu::HostExecutor>(r, executor).gram()));
  r.x.columns = 15;
  r.action = &other;
  CHECK_THROWS(std::invalid_argument, (gpu::FormDriver<T, gpu::HostExecutor>(r, executor).gram()));
  CHECK(executor.launches() == 0);
}

template <class T>
void test_all() {
  test_forms<T>();
  test_exponents<T>();
  test_large_clouds<T>();
  test_powers<T>();
  test_no_samples<T>();
  test_permanents<T>();
  test_refusals<T>();
}

}  // namespace

}  // namespace symkernel

void check::tests() {
  symkernel::test_all<double>();
  symkernel::test_all<float>();
}
