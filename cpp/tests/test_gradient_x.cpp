// Gradients in x against differences: every action and kernel, closed forms, every instruction set.
#include <cmath>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "actions.hpp"
#include "check.hpp"
#include "naive.hpp"
#include "orbit_sum.hpp"

namespace symkernel {

namespace {

using naive::Real;

template <class T>
std::vector<T> samples(std::int64_t n, std::int64_t d, Random& random) {
  std::vector<T> x;
  const double scale = 1.0 / std::sqrt(static_cast<double>(d));
  for (std::int64_t i = 0; i < n * d; ++i)
    x.push_back(static_cast<T>(scale * random.uniform(-1.7, 1.7)));
  return x;
}

// All shifts of a grid of 3 x 4 points with two channels, and of its mirror image.
test::Action shifts() {
  const std::int64_t size = 12, d = 24;
  std::vector<std::int32_t> maps, layout;
  for (std::int32_t p = 0; p < size; ++p) maps.push_back(p);
  for (std::int32_t p = 0; p < size; ++p) maps.push_back(p / 4 * 4 + (4 - p % 4) % 4);
  for (std::int32_t k = 0; k < d; ++k) layout.push_back(k % 12 * 2 + k / 12);
  std::vector<double> elements;
  for (std::int64_t e = 0; e < 2 * size; ++e) {
    for (std::int64_t k = 0; k < d; ++k) {
      const std::int64_t p = k / 2, s = e % size;
      const std::int64_t moved = (p / 4 + s / 4) % 3 * 4 + (p % 4 + s % 4) % 4;
      const std::int32_t from = maps[static_cast<std::size_t>(e / size * size + moved)];
      for (std::int64_t b = 0; b < d; ++b) elements.push_back(b == from * 2 + k % 2 ? 1 : 0);
    }
  }
  return {"shifts", OrbitAction::shifts({3, 4}, {maps.data(), 2, size}, layout), d, elements};
}

// sum_j v_jc (mean over g of the gradient in x_i of k(x_i, g y_j)), and the size of its terms.
template <class T>
struct Truth {
  std::vector<Real> gradient;  // (n, columns, d)
  Real scale = 0;

  Truth(const naive::Kernel& kernel, const test::Action& action, const std::vector<T>& x,
        const std::vector<T>& y, const std::vector<T>& v) {
    const std::size_t d = static_cast<std::size_t>(action.d), n = x.size() / d, m = y.size() / d;
    const std::size_t columns = v.size() / m;
    const std::int64_t order = action.native.order();
    gradient.assign(n * columns * d, 0);
    std::vector<Real> gy(d), xi(d);
    for (std::int64_t e = 0; e < order; ++e) {
      for (std::size_t j = 0; j < m; ++j) {
        for (std::size_t f = 0; f < d; ++f) {
          gy[f] = 0;
          for (std::size_t b = 0; b < d; ++b)
            gy[f] +=
                static_cast<T>(action.row(e, static_cast<std::int64_t>(f))[b]) * Real(y[j * d + b]);
        }
        for (std::size_t i = 0; i < n; ++i) {
          for (std::size_t f = 0; f < d; ++f) xi[f] = x[i * d + f];
          for (std::size_t f = 0; f < d; ++f) {
            const Real slope = partial(kernel, xi, gy, f);
            scale = std::fmax(scale, std::fabs(slope));
            for (std::size_t c = 0; c < columns; ++c)
              gradient[(i * columns + c) * d + f] += slope * v[j * columns + c] / order;
          }
        }
      }
    }
  }

 private:
  static Real partial(const naive::Kernel& kernel, std::vector<Real> x, const std::vector<Real>& gy,
                      std::size_t f) {
    const long d = static_cast<long>(x.size());
    if (naive::is(kernel, "laplacian")) {  // has kinks everywhere
      const Real sign = static_cast<Real>((x[f] > gy[f]) - (x[f] < gy[f]));
      return -kernel.p[0] * sign * naive::value(kernel, x.data(), gy.data(), d);
    }
    const Real centre = x[f];
    return naive::derivative([&](Real t) {
      x[f] = centre + t / 8;
      return 8 * naive::value(kernel, x.data(), gy.data(), d);
    });
  }
};

template <class T>
GramRequest<T> request(const OrbitAction& action, const std::vector<T>& x, const std::vector<T>& y,
                       const std::vector<T>& v, std::int64_t columns, std::vector<T>& out) {
  const std::int64_t d = action.degree();
  GramRequest<T> r;
  r.action = &action;
  r.x = {x.data(), static_cast<std::int64_t>(x.size()) / d, d};
  r.y = {y.data(), static_cast<std::int64_t>(y.size()) / d, d};
  r.v = {v.data(), r.y.rows, columns};
  r.output = Output::gradient_x;
  r.n_threads = 3;
  out.assign(static_cast<std::size_t>(r.x.rows * columns * d + 1), T(7));
  r.k = out.data();
  return r;
}

template <class T>
void check_kernel(const naive::Kernel& truth, const test::Action& action, Random& random) {
  const std::int64_t n = 13, m = 9, columns = 2;
  const std::vector<T> x = samples<T>(n, action.d, random), y = samples<T>(m, action.d, random);
  const std::vector<T> v = samples<T>(m, columns, random);
  const Truth<T> expected(truth, action, x, y, v);
  const BaseKernel kernel =
      BaseKernel::by_name(truth.name, std::vector<double>(truth.p, truth.p + truth.parameters));
  for (const char* const* isa = available_isas(); *isa != nullptr; ++isa) {
    CHECK(select_isa(*isa));
    check::context("%s, %s, %d bytes, %s", truth.name, action.name.c_str(),
                   static_cast<int>(sizeof(T)), *isa);
    std::vector<T> out;
    GramRequest<T> r = request(action.native, x, y, v, columns, out);
    r.kernel = &kernel;
    StopToken token(nullptr);
    gram(r, token);
    // differences of long doubles are good to 1e-9 near kinks
    const Real tolerance = expected.scale * static_cast<Real>(m) * (sizeof(T) == 8 ? 1e-8L : 1e-5L);
    for (std::size_t i = 0; i < expected.gradient.size(); ++i)
      CHECK_NEAR(out[i], expected.gradient[i], tolerance);
    CHECK(out.back() == T(7));
  }
}

template <class T>
void test_kernels() {
  Random random(20);
  std::vector<test::Action> all = test::actions(6, random);
  for (const test::Action& action : test::actions(7, random)) all.push_back(action);
  all.push_back(shifts());
  for (const test::Action& action : all) {
    for (const naive::Kernel& kernel : naive::kernels) {
      const bool l1 = naive::is(kernel, "laplacian");
      if (l1 && action.native.kind() != ActionKind::signed_permutations) continue;
      check_kernel<T>(kernel, action, random);
    }
  }
}

// Closed forms, and diagonals of everything, against differences of their own values.
double value(const BaseKernel* kernel, const ClosedForm* form, const OrbitAction& action,
             const std::vector<double>& x, const std::vector<double>& y) {
  double k = 0;
  GramRequest<double> r;
  r.kernel = kernel;
  r.form = form;
  r.action = &action;
  r.x = {x.data(), 1, action.degree()};
  r.y = {y.data(), 1, action.degree()};
  r.k = &k;
  StopToken token(nullptr);
  gram(r, token);
  return k;
}

void check_values(const char* name, const BaseKernel* kernel, const ClosedForm* form,
                  const OrbitAction& action, Random& random) {
  const std::int64_t d = action.degree(), n = 5, m = 18;
  const std::size_t size = static_cast<std::size_t>(d);
  const std::vector<double> x = samples<double>(n, d, random), y = samples<double>(m, d, random);
  const std::vector<double> v = samples<double>(m, 1, random);
  const double h = 1e-5;
  for (const char* const* isa = available_isas(); *isa != nullptr; ++isa) {
    CHECK(select_isa(*isa));
    check::context("%s, %s", name, *isa);
    std::vector<double> out;
    GramRequest<double> r = request(action, x, y, v, 1, out);
    r.kernel = kernel;
    r.form = form;
    StopToken token(nullptr);
    gram(r, token);
    std::vector<double> own(static_cast<std::size_t>(n * d)),
        diagonals(static_cast<std::size_t>(n));
    const bool has_diagonal = action.kind() != ActionKind::shifts;
    r.y = {nullptr, 0, 0};
    r.v = {nullptr, 0, 0};  // diagonals have no weights
    r.k = diagonals.data();
    r.dk = own.data();
    if (has_diagonal) diagonal(r, token);
    for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i) {
      for (std::size_t f = 0; f < size; ++f) {
        double slope[2] = {0, 0};
        for (const double sign : {1.0, -1.0}) {
          std::vector<double> moved(x.begin() + static_cast<std::ptrdiff_t>(i * size),
                                    x.begin() + static_cast<std::ptrdiff_t>((i + 1) * size));
          moved[f] += sign * h;
          for (std::size_t j = 0; j < static_cast<std::size_t>(m); ++j) {
            const std::vector<double> yj(y.begin() + static_cast<std::ptrdiff_t>(j * size),
                                         y.begin() + static_cast<std::ptrdiff_t>((j + 1) * size));
            slope[0] += sign / (2 * h) * v[j] * value(kernel, form, action, moved, yj);
          }
          if (has_diagonal) slope[1] += sign / (2 * h) * value(kernel, form, action, moved, moved);
        }
        CHECK_NEAR(out[i * size + f], slope[0], 1e-7L);
        if (has_diagonal) CHECK_NEAR(own[i * size + f], slope[1], 1e-7L);
      }
    }
  }
}

void test_closed_forms() {
  Random random(21);
  const double values[] = {0.6, 0.4}, none[] = {0, 0};
  struct Case {
    const char* name;
    std::vector<std::pair<std::int64_t, std::int64_t>> blocks;
    std::vector<std::int32_t> rows;
  };
  const Case cases[] = {{"rotations_2", {{3, 2}, {3, 2}}, {0, 1, 2, 0, 1, 2, 1, 0, 2, 0, 2, 1}},
                        {"orthogonal_2", {{4, 2}}, {0, 1, 2, 3}},
                        {"rotations_3", {{3, 3}}, {0, 1, 2, 1, 0, 2}},
                        {"orthogonal_3", {{3, 3}}, {0, 1, 2}},
                        {"octahedral", {{3, 3}}, {0, 1, 2, 1, 0, 2}},
                        {"octahedral_rotations", {{2, 3}}, {0, 1}},
                        {"sphere", {{1, 5}}, {0}},
                        {"sign_flips", {{7, 1}}, {0, 1, 2, 3, 4, 5, 6}},
                        {"permanents", {{3, 2}, {4, 1}}, {0, 1, 2, 0, 1, 2, 3}},
                        {"signed_permanents", {{5, 1}}, {0, 1, 2, 3, 4}}};
  for (const Case& c : cases) {
    std::int64_t points = 0, d = 0;
    std::vector<double> entries;
    for (const auto& [p, r] : c.blocks) {
      points += p;
      d += p * r;
      for (std::int64_t e = 0; e < r * r; ++e) entries.push_back(e % (r + 1) == 0 ? 1 : 0);
    }
    const OrbitAction action = OrbitAction::points(
        {c.rows.data(), static_cast<std::int64_t>(c.rows.size()) / points, points},
        {entries.data(), 1, static_cast<std::int64_t>(entries.size())},
        test::random_permutation(d, random), c.blocks);
    const ClosedForm form = ClosedForm::by_name(c.name, {0.5, 1.2}, {values, 1, 2}, {none, 1, 2});
    check_values(c.name, nullptr, &form, action, random);
  }
}

void test_diagonals() {
  Random random(22);
  for (const test::Action& action : test::actions(6, random)) {
    for (const naive::Kernel& truth : naive::kernels) {
      // differences jump where a kernel has kinks everywhere
      if (naive::is(truth, "laplacian")) continue;
      const BaseKernel kernel =
          BaseKernel::by_name(truth.name, std::vector<double>(truth.p, truth.p + truth.parameters));
      check_values(truth.name, &kernel, nullptr, action.native, random);
    }
  }
}

void test_large_permanents_are_refused() {
  const double one[] = {1};
  std::vector<std::int32_t> points;
  for (std::int32_t i = 0; i < 21; ++i) points.push_back(i);
  const OrbitAction action =
      OrbitAction::points({points.data(), 1, 21}, {one, 1, 1}, points, {{21, 1}});
  const double none[] = {0};
  const ClosedForm form = ClosedForm::by_name("permanents", {1.0}, {one, 1, 1}, {none, 1, 1});
  const std::vector<double> x(21), v(1);
  std::vector<double> out;
  GramRequest<double> r = request(action, x, x, v, 1, out);
  r.form = &form;
  StopToken token(nullptr);
  CHECK_THROWS(std::invalid_argument, gram(r, token));
}

}  // namespace

}  // namespace symkernel

void check::tests() {
  using namespace symkernel;
  test_kernels<double>();
  test_kernels<float>();
  test_closed_forms();
  test_diagonals();
  test_large_permanents_are_refused();
}
