// The base kernels by their definitions, one pair at a time in long double: the slow truth.
#pragma once

#include <cmath>
#include <cstring>

namespace naive {

using Real = long double;

constexpr Real pi = 3.14159265358979323846264338327950288L;

// A base kernel by name; parameters in the order of symkernel/base_kernels.hpp.
struct Kernel {
  const char* name;
  int parameters;  // how many
  int gradients;   // the first of them, derived for their logarithms
  double p[3];
  bool slope;  // has derivatives for length scales per feature
};

constexpr int kernel_count = 12;
constexpr Kernel kernels[kernel_count] = {
    {"rbf", 1, 1, {0.8, 0, 0}, true},
    {"matern12", 1, 1, {1.1, 0, 0}, true},
    {"matern32", 1, 1, {0.9, 0, 0}, true},
    {"matern52", 1, 1, {1.3, 0, 0}, true},
    {"rational_quadratic", 2, 2, {1.7, 0.6, 0}, false},
    {"dot_product", 1, 1, {0.7, 0, 0}, false},
    {"polynomial", 3, 2, {0.5, 0.9, 3}, false},
    {"arccosine0", 0, 0, {0, 0, 0}, false},
    {"arccosine1", 0, 0, {0, 0, 0}, false},
    {"arccosine2", 0, 0, {0, 0, 0}, false},
    {"laplacian", 1, 1, {0.4, 0, 0}, false},
    {"power_exponential", 2, 2, {1.3, 1.2, 0}, true},
};

inline bool is(const Kernel& kernel, const char* name) {
  return std::strcmp(kernel.name, name) == 0;
}

// A kernel with length scale 1, which is its last hyperparameter.
inline Kernel unit(Kernel kernel) {
  kernel.p[kernel.gradients - 1] = 1;
  return kernel;
}

// k(x, y); `l` is a length scale per feature that divides the differences, or null.
inline Real value(const Kernel& kernel, const Real* p, const Real* x, const Real* y, long d,
                  const Real* l = nullptr) {
  Real dot = 0, square = 0, manhattan = 0, xx = 0, yy = 0;
  for (long k = 0; k < d; ++k) {
    const Real difference = (x[k] - y[k]) / (l != nullptr ? l[k] : 1);
    dot += x[k] * y[k];
    square += difference * difference;
    manhattan += std::fabs(difference);
    xx += x[k] * x[k];
    yy += y[k] * y[k];
  }
  if (is(kernel, "rbf")) return std::exp(-square / (2 * p[0] * p[0]));
  if (is(kernel, "matern12")) return std::exp(-std::sqrt(square) / p[0]);
  if (is(kernel, "matern32")) {
    const Real s = std::sqrt(3 * square) / p[0];
    return (1 + s) * std::exp(-s);
  }
  if (is(kernel, "matern52")) {
    const Real s = std::sqrt(5 * square) / p[0];
    return (1 + s + s * s / 3) * std::exp(-s);
  }
  if (is(kernel, "rational_quadratic"))
    return std::pow(1 + square / (2 * p[0] * p[1] * p[1]), -p[0]);
  if (is(kernel, "dot_product")) return dot + p[0] * p[0];
  if (is(kernel, "polynomial")) return std::pow(p[1] * dot + p[0], static_cast<int>(p[2]));
  if (is(kernel, "laplacian")) return std::exp(-p[0] * manhattan);
  if (is(kernel, "power_exponential")) return std::exp(-std::pow(std::sqrt(square) / p[1], p[0]));
  // Arc-cosine kernels. The angle from |u - v| and |u + v| (Kahan): acos loses digits near 0, pi.
  Real theta = pi / 2;
  const Real nx = std::sqrt(xx), ny = std::sqrt(yy);
  if (nx > 0 && ny > 0) {
    Real minus = 0, plus = 0;
    for (long k = 0; k < d; ++k) {
      const Real u = x[k] / nx, v = y[k] / ny;
      minus += (u - v) * (u - v);
      plus += (u + v) * (u + v);
    }
    theta = 2 * std::atan2(std::sqrt(minus), std::sqrt(plus));
  }
  const Real s = std::sin(theta), c = std::cos(theta);
  if (is(kernel, "arccosine0")) return 1 - theta / pi;
  if (is(kernel, "arccosine1")) return nx * ny * (s + (pi - theta) * c) / pi;
  return nx * nx * ny * ny * (3 * s * c + (pi - theta) * (1 + 2 * c * c)) / pi;
}

// f'(0) by central differences of sixth order; with long double the error is about 1e-15.
template <class F>
Real derivative(F f) {
  const Real h = 2e-3L;
  return (45 * (f(h) - f(-h)) - 9 * (f(2 * h) - f(-2 * h)) + (f(3 * h) - f(-3 * h))) / (60 * h);
}

// dk/dlog p_i.
inline Real gradient(const Kernel& kernel, int i, const Real* x, const Real* y, long d) {
  return derivative([&](Real t) {
    Real p[3] = {kernel.p[0], kernel.p[1], kernel.p[2]};
    p[i] *= std::exp(t);
    return value(kernel, p, x, y, d);
  });
}

inline Real value(const Kernel& kernel, const Real* x, const Real* y, long d) {
  const Real p[3] = {kernel.p[0], kernel.p[1], kernel.p[2]};
  return value(kernel, p, x, y, d);
}

}  // namespace naive
