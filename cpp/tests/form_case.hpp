// One closed form on an emulated device and on the CPU, compared entry by entry.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "check.hpp"
#include "cuda/forms_driver.hpp"
#include "cuda/host_executor.hpp"
#include "numbers.hpp"
#include "orbit_sum.hpp"

namespace test {

using symkernel::ClosedForm;
using symkernel::MatrixView;
using symkernel::OrbitAction;
using symkernel::Output;
using symkernel::Random;
namespace gpu = symkernel::gpu;

constexpr gpu::FiberOrder fiber_orders[] = {gpu::FiberOrder::ascending, gpu::FiberOrder::descending,
                                            gpu::FiberOrder::shuffled};

inline std::size_t size_of(std::int64_t count) { return static_cast<std::size_t>(count); }

// An output: full of NaN, so that what is not written is seen, with guards behind its end.
template <class T>
class PoisonedOutput {
 public:
  explicit PoisonedOutput(std::int64_t count)
      : size_(size_of(count)), values_(size_ + guards, std::numeric_limits<T>::quiet_NaN()) {
    std::fill(values_.begin() + count, values_.end(), T(7));
  }
  T* data() { return values_.data(); }
  template <class Map>
  void map(Map mapped) {
    const auto end = values_.begin() + static_cast<std::ptrdiff_t>(size_);
    const std::vector<T> inner = mapped(std::vector<T>(values_.begin(), end));
    std::copy(inner.begin(), inner.end(), values_.begin());
  }
  // Each value within `tolerance` of the expected one, relative to the largest of `scale` and them.
  void check(const std::vector<double>& expected, const std::vector<double>& scale,
             double tolerance) const {
    double most = sizeof(T) == 8 ? 1e-290 : 1e-30;
    for (const double v : expected) most = std::max(most, std::fabs(v));
    for (const double v : scale) most = std::max(most, std::fabs(v));
    CHECK(expected.size() == size_);
    for (std::size_t i = 0; i < size_; ++i) CHECK_NEAR(values_[i], expected[i], tolerance * most);
    CHECK(std::all_of(values_.begin() + static_cast<std::ptrdiff_t>(size_), values_.end(),
                      [](T v) { return v == T(7); }));
  }

 private:
  static constexpr std::size_t guards = 64;
  std::size_t size_;
  std::vector<T> values_;
};

// The reference is the CPU's result in double for the same (rounded) samples.
template <class T>
class FormCase {
 public:
  // tolerance: in units of 1e-13 or 2e-6 of the largest entry; derivatives may err by
  // slope_tolerance times as much.
  FormCase(const OrbitAction& action, const ClosedForm& form, std::string name, std::vector<T> x,
           std::vector<T> y, double tolerance, double slope_tolerance, gpu::FiberOrder order,
           int units)
      : action_(action),
        form_(form),
        name_(std::move(name)),
        x_(std::move(x)),
        y_(std::move(y)),
        wide_x_(x_.begin(), x_.end()),
        wide_y_(y_.begin(), y_.end()),
        tolerance_(tolerance * (sizeof(T) == 8 ? 1e-13 : 2e-6)),
        slope_tolerance_(slope_tolerance * tolerance_),
        scale_tolerance_(8 * slope_tolerance_),  // sums of several that cancel
        order_(order),
        units_(units) {}

  void check_gradients(std::int64_t columns) {
    for (const bool symmetric : {false, true}) {
      check(Output::gradient_x, symmetric, columns);
      if (form_.base == symkernel::FormBase::rbf) check(Output::ard, symmetric, 0);
    }
    check_diagonal_gradients();
  }

  void check_all(std::int64_t columns) {
    for (const bool symmetric : {false, true}) {
      check(Output::gram, symmetric, 0);
      check(Output::gradient, symmetric, 0);
      check(Output::matvec, symmetric, columns);
    }
    check_diagonal();
  }

 private:
  std::int64_t rows(const std::vector<T>& samples) const {
    return static_cast<std::int64_t>(samples.size()) / action_.degree();
  }
  void describe(const char* what, Output output) const {
    check::context("%s, %s, output %d, %s, n = %d, m = %d, d = %d, order %d, units %d",
                   name_.c_str(), what, static_cast<int>(output),
                   sizeof(T) == 8 ? "double" : "float", static_cast<int>(rows(x_)),
                   static_cast<int>(rows(y_)), static_cast<int>(action_.degree()),
                   static_cast<int>(order_), units_);
  }

  template <class Request, class U>
  Request request(const std::vector<U>& x, const std::vector<U>& y, bool symmetric, Output output,
                  U* k, U* dk) const {
    static const U nothing = U(0);
    Request r;
    r.form = &form_;
    r.action = &action_;
    r.x = {x.data(), rows(x_), action_.degree()};
    if (!symmetric) r.y = {y.empty() ? &nothing : y.data(), rows(y_), action_.degree()};
    r.output = output;
    r.k = k;
    r.dk = dk;
    return r;
  }

  void check(Output output, bool symmetric, std::int64_t columns) {
    const bool gradient_x = output == Output::gradient_x, ard = output == Output::ard;
    const bool matvec = output == Output::matvec || gradient_x;
    const std::int64_t n = rows(x_), m = symmetric ? n : rows(y_);
    const std::int64_t width = !matvec ? m : columns * (gradient_x ? action_.degree() : 1);
    const std::int64_t derivatives = output == Output::gradient ? form_.planes - 1
                                     : ard                      ? action_.degree()
                                                                : 0;
    Random random(9);
    std::vector<T> v;
    for (std::int64_t i = 0; i < m * columns; ++i)
      v.push_back(static_cast<T>(random.uniform(-1, 1)));
    const std::vector<double> wide_v(v.begin(), v.end());
    std::vector<double> k(size_of(n * width)), dk(size_of(n * m * derivatives));
    auto truth = request<symkernel::GramRequest<double>>(wide_x_, wide_y_, symmetric, output,
                                                         k.data(), dk.data());
    truth.v = {wide_v.data(), m, columns};
    truth.n_threads = 1;
    symkernel::StopToken token(nullptr);
    symkernel::gram(truth, token);

    gpu::HostExecutor executor(order_, units_);
    PoisonedOutput<T> own(n * width), own_dk(n * m * derivatives);
    auto r = request<gpu::GramRequest<T>>(x_, y_, symmetric, output, own.data(), own_dk.data());
    r.v = {v.data(), m, columns};
    gpu::FormDriver<T, gpu::HostExecutor>(r, executor).gram();
    describe(symmetric ? "x, x" : "x, y", output);
    // gradients of K(x, x) may cancel; values beside those for length scales are as good as they
    own.check(k, gradient_x ? std::vector<double>{1.0} : k,
              (gradient_x || ard ? slope_tolerance_ : tolerance_) *
                  (matvec ? std::sqrt(static_cast<double>(m)) : 1.0));
    if (ard) {
      own_dk.map([&](std::vector<T> values) { return mixed(std::move(values)); });
      dk = mixed(dk);
    }
    own_dk.check(dk, k, ard ? scale_tolerance_ : slope_tolerance_);
    CHECK(executor.held() == 0);
  }

  // Sums over features that the form mixes: coordinates of a point, or with row permutations those
  // of a block.
  template <class U>
  std::vector<U> mixed(std::vector<U> dk) const {
    const bool matrix = form_.form >= symkernel::PairForm::rotations_2 &&
                        form_.form <= symkernel::PairForm::octahedral_rotations;
    if (!matrix) return dk;
    const std::size_t d = size_of(action_.degree());
    for (std::size_t at = 0; at < dk.size(); at += d) {
      for (const symkernel::PointBlock& b : action_.blocks()) {
        const std::int64_t size = b.points * b.dimension;
        const std::int64_t step = action_.order() > 1 ? size : b.dimension;
        for (std::int64_t first = b.feature; first < b.feature + size; first += step) {
          U sum = U(0);
          for (std::int64_t k = first; k < first + step; ++k) {
            U& own = dk[at + size_of(action_.layout()[size_of(k)])];
            sum += own;
            own = U(0);
          }
          dk[at + size_of(action_.layout()[size_of(first)])] = sum;
        }
      }
    }
    return dk;
  }

  // Gradients of K(x_i, x_i) for features of x and length scales against the CPU's.
  void check_diagonal_gradients() {
    const std::int64_t n = rows(x_), d = action_.degree();
    std::vector<double> none, gradients(size_of(n * d));
    auto truth = request<symkernel::GramRequest<double>>(wide_x_, wide_x_, true, Output::gradient_x,
                                                         none.data(), gradients.data());
    truth.n_threads = 1;
    symkernel::StopToken token(nullptr);
    symkernel::diagonal(truth, token);
    gpu::HostExecutor executor(order_, units_);
    PoisonedOutput<T> own(n * d);
    auto r = request<gpu::GramRequest<T>>(x_, x_, true, Output::gradient_x,
                                          static_cast<T*>(nullptr), own.data());
    gpu::FormDriver<T, gpu::HostExecutor>(r, executor).diagonal();
    describe("diagonal", Output::gradient_x);
    own.check(gradients, {1.0}, slope_tolerance_);
    if (form_.base != symkernel::FormBase::rbf) return;

    std::vector<double> k(size_of(n * n)), dk(size_of(n * n * d)), values, slopes;
    truth = request<symkernel::GramRequest<double>>(wide_x_, wide_x_, true, Output::ard, k.data(),
                                                    dk.data());
    truth.n_threads = 1;
    symkernel::gram(truth, token);
    for (std::int64_t i = 0; i < n; ++i) {
      values.push_back(k[size_of(i * n + i)]);
      for (std::int64_t c = 0; c < d; ++c) slopes.push_back(dk[size_of((i * n + i) * d + c)]);
    }
    PoisonedOutput<T> own_k(n), own_dk(n * d);
    r = request<gpu::GramRequest<T>>(x_, x_, true, Output::ard, own_k.data(), own_dk.data());
    gpu::FormDriver<T, gpu::HostExecutor>(r, executor).diagonal();
    describe("diagonal", Output::ard);
    own_k.check(values, values, slope_tolerance_);
    own_dk.map([&](std::vector<T> own_slopes) { return mixed(std::move(own_slopes)); });
    own_dk.check(mixed(slopes), values, scale_tolerance_);
    CHECK(executor.held() == 0);
  }

  // K(x_i, x_i) and its derivatives against the diagonal of the CPU's matrices.
  void check_diagonal() {
    const std::int64_t n = rows(x_), derivatives = form_.planes - 1;
    std::vector<double> k(size_of(n * n)), dk(size_of(n * n * derivatives));
    auto truth = request<symkernel::GramRequest<double>>(wide_x_, wide_x_, true, Output::gradient,
                                                         k.data(), dk.data());
    truth.n_threads = 1;
    symkernel::StopToken token(nullptr);
    symkernel::gram(truth, token);
    std::vector<double> diagonal, slopes;
    for (std::int64_t i = 0; i < n; ++i) {
      diagonal.push_back(k[size_of(i * n + i)]);
      for (std::int64_t c = 0; c < derivatives; ++c)
        slopes.push_back(dk[size_of((i * n + i) * derivatives + c)]);
    }
    for (const Output output : {Output::gram, Output::gradient}) {
      gpu::HostExecutor executor(order_, units_);
      const bool gradient = output == Output::gradient;
      PoisonedOutput<T> own(n), own_dk(gradient ? n * derivatives : 0);
      const auto r = request<gpu::GramRequest<T>>(x_, x_, true, output, own.data(), own_dk.data());
      gpu::FormDriver<T, gpu::HostExecutor>(r, executor).diagonal();
      describe("diagonal", output);
      own.check(diagonal, diagonal, tolerance_);
      if (gradient) own_dk.check(slopes, diagonal, slope_tolerance_);
      CHECK(executor.held() == 0);
    }
  }

  const OrbitAction& action_;
  const ClosedForm& form_;
  std::string name_;
  std::vector<T> x_, y_;
  std::vector<double> wide_x_, wide_y_;
  double tolerance_, slope_tolerance_, scale_tolerance_;
  gpu::FiberOrder order_;
  int units_;
};

}  // namespace test
