// Joint operators against the formula and against differences, on every instruction set.
#include <cmath>
#include <cstdint>
#include <vector>

#include "check.hpp"
#include "engine/engine.hpp"
#include "joint/joint.hpp"
#include "numbers.hpp"
#include "symkernel/radial.hpp"

namespace symkernel {

namespace {

using Numbers = std::vector<double>;

Numbers numbers(std::int64_t n, Random& random, double low = -1.0, double high = 1.0) {
  Numbers out;
  for (std::int64_t i = 0; i < n; ++i) out.push_back(random.uniform(low, high));
  return out;
}

// What a formula is, by the derivatives that it states.
void test_formulas() {
  for (int id = 0; id < radial_kernel_count; ++id) {
    const auto kernel = static_cast<RadialKernel>(id);
    for (const double s : {1e-3, 0.2, 1.0, 7.0, 40.0}) {
      check::context("kernel %d at %g", id, s);
      const auto at = [&](double where) {
        RadialValues<double> found{};
        with_radial<double>(kernel, 0.7, [&](const auto& phi) { found = phi(where); });
        return found;
      };
      const double h = 1e-3 * std::fmin(s, 1.0);
      const auto slope = [&](double RadialValues<double>::* part) {
        const double near = at(s + h).*part - at(s - h).*part;
        return (8 * near - (at(s + 2 * h).*part - at(s - 2 * h).*part)) / (12 * h);
      };
      const RadialValues<double> v = at(s);
      CHECK_NEAR(slope(&RadialValues<double>::value), v.first, 1e-9 * std::fabs(v.first));
      CHECK_NEAR(slope(&RadialValues<double>::first), v.second, 1e-9 * std::fabs(v.second));
      CHECK_NEAR(slope(&RadialValues<double>::second), v.third, 1e-9 * std::fabs(v.third));
    }
    const auto origin = [&](const auto& phi) {
      const RadialValues<double> v = phi(0.0);
      CHECK_NEAR(v.value, 1.0, 0.0);
      CHECK(std::isfinite(v.first) && std::isfinite(v.second) && std::isfinite(v.third));
    };
    with_radial<double>(kernel, 0.7, origin);
  }
}

struct Shape {
  std::int64_t n, m, order, p, r, s, components;
};

// Samples of both sides; the last of y lies on an image of the first of x.
struct Case {
  Case(const Shape& shape, RadialKernel id, Random& random)
      : size(shape),
        metrics(numbers(shape.components * shape.p, random, 0.1, 2.0)),
        amplitudes(numbers(shape.components, random, 0.5, 1.0)),
        images(numbers(shape.n * shape.order * shape.p, random)),
        a_directions(numbers(shape.n * shape.order * shape.r * shape.p, random)),
        y(numbers(shape.m * shape.p, random)),
        b_directions(numbers(shape.m * shape.s * shape.p, random)),
        kernel(id) {
    for (std::int64_t q = 0; q < size.p; ++q) y[(size.m - 1) * size.p + q] = images[q];
  }

  JointComponents components() const {
    return {kernel, 0.7, {metrics.data(), size.components, size.p}, amplitudes.data()};
  }

  JointSides sides(bool x_slopes, bool y_slopes) const {
    JointSides out;
    out.images = {images.data(), size.n, size.order * size.p};
    out.order = size.order;
    out.y = {y.data(), size.m, size.p};
    if (x_slopes) {
      out.x_directions = a_directions.data();
      out.r = size.r;
    }
    if (y_slopes) {
      out.y_directions = b_directions.data();
      out.s = size.s;
    }
    return out;
  }

  // [x or d/da][y or d/db] of the sum over images and components.
  double entry(std::int64_t i, const double* a, std::int64_t r, std::int64_t j,
               const double* b) const {
    double sum = 0;
    for (std::int64_t g = 0; g < size.order; ++g) {
      const double* x = images.data() + (i * size.order + g) * size.p;
      const double* along = a == nullptr ? nullptr : a + (g * size.r + r) * size.p;
      for (std::int64_t c = 0; c < size.components; ++c) {
        double square = 0, left = 0, right = 0, both = 0;
        for (std::int64_t q = 0; q < size.p; ++q) {
          const double w = metrics[c * size.p + q], d = x[q] - y[j * size.p + q];
          square += w * d * d;
          if (a != nullptr) left += w * d * along[q];
          if (b != nullptr) right += w * d * b[q];
          if (a != nullptr && b != nullptr) both += w * along[q] * b[q];
        }
        with_radial<double>(kernel, 0.7, [&](const auto& phi) {
          const RadialValues<double> v = phi(square);
          double term = v.value;
          if (a != nullptr && b != nullptr) {
            term = -2 * v.first * both - 4 * v.second * left * right;
          } else if (a != nullptr) {
            term = 2 * v.first * left;
          } else if (b != nullptr) {
            term = -2 * v.first * right;
          }
          sum += amplitudes[c] * term;
        });
      }
    }
    return sum;
  }

  Shape size;
  Numbers metrics, amplitudes, images, a_directions, y, b_directions;
  RadialKernel kernel;
};

void test_blocks(const Case& c) {
  for (const bool x_slopes : {false, true}) {
    for (const bool y_slopes : {false, true}) {
      const JointSides sides = c.sides(x_slopes, y_slopes);
      const std::int64_t rows = c.size.n * sides.r, columns = c.size.m * sides.s;
      Numbers out(static_cast<std::size_t>(rows * columns), 5.0);
      BlockTarget target;
      target.data = out.data();
      target.stride = columns;
      StopToken token(nullptr);
      joint_blocks(c.components(), sides, target, -1, 2, token);
      for (std::int64_t i = 0; i < rows; ++i) {
        for (std::int64_t j = 0; j < columns; ++j) {
          const double* a =
              x_slopes ? sides.x_directions + i / sides.r * c.size.order * c.size.r * c.size.p
                       : nullptr;
          const double* b = y_slopes ? sides.y_directions + j * c.size.p : nullptr;
          const double want = c.entry(i / sides.r, a, i % sides.r, j / sides.s, b);
          CHECK_NEAR(out[i * columns + j], want, 2e-13 * static_cast<double>(c.size.order * 20));
        }
      }
    }
  }
}

// The sum of a function is that of its rows, whatever the threads; contractions give it again.
void test_sums(const Case& c, Random& random) {
  const Shape& z = c.size;
  const Numbers a = numbers(z.m, random), b = numbers(z.m * z.p, random);
  const JointFields fields(c.components(), {c.y.data(), z.m, z.p}, a.data(), b.data());
  Numbers values(z.n), slopes(z.n * z.order * z.p), again(z.n), others(slopes.size());
  StopToken token(nullptr);
  fields.apply(c.images.data(), z.n, z.order, values.data(), slopes.data(), 1, token);
  fields.apply(c.images.data(), z.n, z.order, again.data(), others.data(), 3, token);
  CHECK(values == again && slopes == others);
  const double tolerance = 1e-12 * static_cast<double>(z.order * z.m * z.components);
  for (std::int64_t i = 0; i < z.n; ++i) {
    double want = 0;
    for (std::int64_t j = 0; j < z.m; ++j)
      want +=
          a[j] * c.entry(i, nullptr, 0, j, nullptr) + c.entry(i, nullptr, 0, j, b.data() + j * z.p);
    CHECK_NEAR(values[i], want, tolerance);
  }
  const Numbers own = numbers(z.n, random), along = numbers(z.n * z.order * z.p, random);
  Numbers metrics(c.metrics.size()), amplitudes(c.amplitudes.size());
  const double form = fields.contract(c.images.data(), own.data(), along.data(), z.n, z.order,
                                      metrics.data(), amplitudes.data(), 2, token);
  double want = 0, weighed = 0;
  for (std::int64_t i = 0; i < z.n; ++i) want += own[i] * values[i];
  for (std::size_t k = 0; k < along.size(); ++k) want += along[k] * slopes[k];
  for (std::size_t k = 0; k < amplitudes.size(); ++k) weighed += c.amplitudes[k] * amplitudes[k];
  CHECK_NEAR(form, want, tolerance * static_cast<double>(z.n * z.p));
  CHECK_NEAR(weighed, form, tolerance);
}

}  // namespace

}  // namespace symkernel

void check::tests() {
  using namespace symkernel;
  test_formulas();
  const Shape shapes[] = {{1, 1, 1, 1, 1, 1, 1},
                          {3, 9, 2, 5, 3, 2, 1},
                          {9, 5, 3, 7, 9, 4, 3},
                          {2, 5, 5, 3, 21, 9, 9},
                          {2, 3, 1, 19, 3, 33, 11}};
  for (const char* const* isa = available_isas(); *isa != nullptr; ++isa) {
    CHECK(select_isa(*isa));
    for (int id = 0; id < radial_kernel_count; ++id) {
      for (const Shape& shape : shapes) {
        check::context("%s: kernel %d, %d features", *isa, id, static_cast<int>(shape.p));
        Random random(5);
        const Case c(shape, static_cast<RadialKernel>(id), random);
        test_blocks(c);
        test_sums(c, random);
      }
    }
  }
}
