// The matrix Fisher constant, its derivatives and signed singular values against 45-digit values.
#include "check.hpp"
#include "fisher_reference.hpp"
#include "numbers.hpp"
#include "numeric.hpp"
#include "symkernel/matrix_fisher.hpp"
#include "symkernel/svd3.hpp"

SYMKERNEL_BEGIN_NAMESPACE

namespace {

using fisher_reference::Matrix;

constexpr double unbounded = 1e14;

// One matrix in every lane, or one in this lane and another elsewhere.
template <class R>
R lanes_of(double x, double other, int lane) {
  Scalar<R> v[16];
  for (int i = 0; i < Number<R>::width; ++i) v[i] = static_cast<Scalar<R>>(i == lane ? x : other);
  return Number<R>::load(v);
}

template <class R>
double lane_of(R r, int lane) {
  Scalar<R> v[16];
  Number<R>::store(r, v);
  return v[lane];
}

// The relative error allowed: the stated one and what rounding M and the exponent must cost.
template <class R>
double allowed(double size) {
  const bool is_double = sizeof(Scalar<R>) == 8;
  return (is_double ? 1e-12 : 5e-6) + 6.0 * FloatTraits<Scalar<R>>::epsilon * size;
}

struct ScaledConstant {
  template <class R>
  void run(const char* name) {
    const double tolerance = allowed<R>(0);
    for (const auto& c : fisher_reference::scaled_values) {
      check::context("%s scaled(%g, %g, %g)", name, c.s[0], c.s[1], c.s[2]);
      const double nuclear = c.s[0] + c.s[1] + std::fabs(c.s[2]);
      for (const double bound : {nuclear, unbounded}) {
        const MatrixFisher<R> fisher(bound);
        const R got =
            fisher.scaled(R(Scalar<R>(c.s[0])), R(Scalar<R>(c.s[1])), R(Scalar<R>(c.s[2])));
        CHECK_NEAR(lane_of(got, 0) / c.scaled, 1, tolerance);
      }
    }
  }
};

struct FromMatrix {
  template <class R>
  void run(const char* name) {
    int lane = 0;
    for (const Matrix& c : fisher_reference::matrices) {
      const double nuclear = c.s[0] + c.s[1] + std::fabs(c.s[2]);
      lane = (lane + 1) % Number<R>::width;
      for (const double bound : {nuclear, unbounded}) {
        // other lanes with another matrix, one that takes the other path to Q
        for (const double scale : {1.0, nuclear > 40 ? 0.01 : 100.0}) {
          if (scale > 1 && bound < unbounded) continue;
          check::context("%s M = (%g, %g, %g, ...), bound %g", name, c.m[0], c.m[1], c.m[2], bound);
          R m[9];
          for (int k = 0; k < 9; ++k) m[k] = lanes_of<R>(c.m[k], scale * c.m[(k + 4) % 9], lane);
          const R bias = lanes_of<R>(c.top, scale * c.top, lane);
          const double rounded = lane_of(bias, lane);
          const MatrixFisher<R> fisher(bound);
          const MatrixFisher<R, true> both(bound);
          one(c, fisher, both, m, bias, lane, c.scaled * std::exp(c.top - rounded));
        }
      }
    }
  }

 private:
  template <class R>
  void one(const Matrix& c, const MatrixFisher<R>& fisher, const MatrixFisher<R, true>& both,
           const R (&m)[9], R bias, int lane, double expected) {
    const double nuclear = c.s[0] + c.s[1] + std::fabs(c.s[2]);
    const double tolerance = allowed<R>(nuclear), large = nuclear < 1 ? 1 : nuclear;
    CHECK_NEAR(lane_of(fisher.value(m, bias), lane) / expected, 1, tolerance);

    R slope;
    const R with_slope = fisher.value_and_slope(m, bias, slope);
    CHECK_NEAR(lane_of(with_slope, lane) / expected, 1, tolerance);
    CHECK_NEAR(lane_of(slope, lane) / expected, c.slope, 20 * tolerance * large);

    R gradient[9];
    const R with_gradient = fisher.value_and_gradient(m, bias, gradient);
    CHECK_NEAR(lane_of(with_gradient, lane) / expected, 1, tolerance);
    for (int k = 0; k < 9; ++k)
      CHECK_NEAR(lane_of(gradient[k], lane) / expected, c.rotation[k], 10 * tolerance);

    // O(3): the mean with -M, where the bias serves both
    R minus[9];
    for (int k = 0; k < 9; ++k) minus[k] = -m[k];
    const R safe = bias + bias + R(Scalar<R>(1)) * with_sign(R(Scalar<R>(0)), bias);
    const double here = lane_of(fisher.value(m, safe), lane);
    const double there = lane_of(fisher.value(minus, safe), lane);
    const double mean = 0.5 * (here + there);
    if (mean < std::numeric_limits<float>::min() || std::isinf(mean)) return;
    CHECK_NEAR(lane_of(both.value(m, safe), lane) / mean, 1, tolerance);
    R other[9], first[9], both_slope, other_slope;
    fisher.value_and_gradient(m, safe, first);
    fisher.value_and_gradient(minus, safe, other);
    const R v = both.value_and_gradient(m, safe, gradient);
    CHECK_NEAR(lane_of(v, lane) / mean, 1, tolerance);
    for (int k = 0; k < 9; ++k)
      CHECK_NEAR(lane_of(gradient[k], lane) / mean,
                 0.5 * (lane_of(first[k], lane) - lane_of(other[k], lane)) / mean, 10 * tolerance);
    both.value_and_slope(m, safe, both_slope);
    fisher.value_and_slope(m, safe, slope);
    fisher.value_and_slope(minus, safe, other_slope);
    CHECK_NEAR(lane_of(both_slope, lane) / mean,
               0.5 * (lane_of(slope, lane) + lane_of(other_slope, lane)) / mean,
               20 * tolerance * large);
  }
};

// Rows of many pairs, and mixtures, are what single pairs give.
struct RowsAndMixtures {
  template <class R>
  void run(const char* name) {
    using T = Scalar<R>;
    check::context("%s rows and mixtures", name);
    constexpr int n = 37;
    Random random(8);
    R m[n][9], bias[n], got[n];
    for (int i = 0; i < n; ++i) {
      T v[16];
      const double size = std::pow(10.0, random.uniform(-2, 1.3));
      for (int k = 0; k < 10; ++k) {
        for (int l = 0; l < 16; ++l) v[l] = static_cast<T>(random.uniform(-1, 1) * size);
        (k < 9 ? m[i][k] : bias[i]) = Number<R>::load(v);
      }
      bias[i] = abs(bias[i]) + R(T(3 * size));
    }
    const T factors[] = {T(1), T(0.5), T(0.03), T(0)}, weights[] = {T(0.5), T(1), T(2), T(0.25)};
    compare(MatrixFisher<R>(60), m, bias, got, factors, weights);
    compare(MatrixFisher<R, true>(60), m, bias, got, factors, weights);
  }

 private:
  template <class R, bool Reflections, int N>
  void compare(const MatrixFisher<R, Reflections>& fisher, const R (&m)[N][9], const R (&bias)[N],
               R (&got)[N], const Scalar<R>* factors, const Scalar<R>* weights) {
    fisher.values(
        N,
        [&](int i, R(&to)[9], R& b) {
          for (int k = 0; k < 9; ++k) to[k] = m[i][k];
          b = bias[i];
        },
        [&](int i, R v) { got[i] = v; });
    for (int i = 0; i < N; ++i) {
      const R one = fisher.value(m[i], bias[i]);
      const R mixture = fisher.mixture(m[i], bias[i], factors, weights, 4);
      R sum(Scalar<R>(0));
      for (int j = 0; j < 4; ++j) {
        R scaled[9];
        for (int k = 0; k < 9; ++k) scaled[k] = m[i][k] * R(factors[j]);
        sum = sum + R(weights[j]) * fisher.value(scaled, bias[i] * R(factors[j]));
      }
      for (int l = 0; l < Number<R>::width; ++l) {
        CHECK_NEAR(lane_of(got[i], l) / lane_of(one, l), 1, allowed<R>(0));
        CHECK_NEAR(lane_of(mixture, l) / lane_of(sum, l), 1, 3 * allowed<R>(20));
      }
    }
  }
};

// Data scaled to the ends of the number range: finite values, never NaN.
struct Extremes {
  template <class R>
  void run(const char* name) {
    using T = Scalar<R>;
    for (const double scale : {1e-30, 1e-15, 1e-5, 1e3, 1e5, 1e12}) {
      for (const Matrix& c : fisher_reference::matrices) {
        const double nuclear = scale * (c.s[0] + c.s[1] + std::fabs(c.s[2]));
        if (nuclear > MatrixFisher<R>::largest_bound) continue;
        check::context("%s scale %g, M = (%g, %g, %g, ...)", name, scale, c.m[0], c.m[1], c.m[2]);
        R m[9], g[9], slope;
        for (int k = 0; k < 9; ++k) m[k] = R(static_cast<T>(scale * c.m[k]));
        const R bias(static_cast<T>(nuclear));
        const MatrixFisher<R> fisher(unbounded);
        const MatrixFisher<R, true> both(unbounded);
        // the exponent is known to a few eps |M|: a bound for the value, nothing more
        const double reach = 1.001 * std::exp(20 * FloatTraits<T>::epsilon * lane_of(bias, 0));
        const double v = lane_of(fisher.value(m, bias), 0), w = lane_of(both.value(m, bias), 0);
        CHECK(v >= 0 && v <= reach);
        CHECK(w >= 0 && w <= reach);
        CHECK(lane_of(fisher.value_and_gradient(m, bias, g), 0) >= 0);
        for (int k = 0; k < 9; ++k) CHECK(std::fabs(lane_of(g[k], 0)) <= reach);
        CHECK(lane_of(both.value_and_gradient(m, bias, g), 0) >= 0);
        for (int k = 0; k < 9; ++k) CHECK(std::fabs(lane_of(g[k], 0)) <= reach);
        fisher.value_and_slope(m, bias, slope);
        CHECK(std::isfinite(lane_of(slope, 0)));
      }
    }
  }
};

struct SingularValues {
  template <class R>
  void run(const char* name) {
    using T = Scalar<R>;
    for (const double scale : {1.0, 9.094947017729282e-13, 1048576.0}) {
      for (const Matrix& c : fisher_reference::matrices) {
        check::context("%s singular values of (%g, %g, %g, ...)", name, c.m[0], c.m[1], c.m[2]);
        R m[9], s1, s2, s3;
        for (int k = 0; k < 9; ++k) m[k] = R(static_cast<T>(scale * c.m[k]));
        signed_singular_values(m, s1, s2, s3);
        const double tolerance = 8 * FloatTraits<T>::epsilon * scale * c.s[0];
        CHECK_NEAR(lane_of(s1, 0), scale * c.s[0], tolerance);
        CHECK_NEAR(lane_of(s2, 0), scale * c.s[1], tolerance);
        CHECK_NEAR(lane_of(s3, 0), scale * c.s[2], tolerance);
      }
    }
  }
};

// Plain loops stand for every width alike, and take a compiler minutes.
template <class Test>
void for_some_number_types(Test test) {
#if defined(SYMKERNEL_VECTOR_EXTENSIONS)
  for_number_types(test);
#else
  test.template run<double>("double");
  test.template run<float>("float");
  test.template run<Vec<double, 2>>("Vec<double, 2>");
  test.template run<Vec<float, 4>>("Vec<float, 4>");
#endif
}

}  // namespace

void test_matrix_fisher() {
  for_some_number_types(ScaledConstant());
  for_some_number_types(FromMatrix());
  for_some_number_types(RowsAndMixtures());
  for_some_number_types(Extremes());
  for_some_number_types(SingularValues());
}

SYMKERNEL_END_NAMESPACE
