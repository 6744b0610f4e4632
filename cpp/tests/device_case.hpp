// One request on an emulated device and on the CPU, compared entry by entry.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "check.hpp"
#include "cuda/gram_driver.hpp"
#include "cuda/host_executor.hpp"
#include "numbers.hpp"
#include "orbit_sum.hpp"

namespace test {

using symkernel::BaseKernel;
using symkernel::ClosedForm;
using symkernel::MatrixView;
using symkernel::OrbitAction;
using symkernel::Output;
using symkernel::Random;
namespace gpu = symkernel::gpu;

constexpr gpu::FiberOrder orders[] = {gpu::FiberOrder::ascending, gpu::FiberOrder::descending,
                                      gpu::FiberOrder::shuffled};

template <class T>
std::vector<T> samples(std::int64_t n, std::int64_t d, Random& random, double spread = 1.7) {
  std::vector<T> x;
  const double scale = spread / std::sqrt(static_cast<double>(d));
  for (std::int64_t i = 0; i < n * d; ++i)
    x.push_back(static_cast<T>(scale * random.uniform(-1, 1)));
  return x;
}

// The reference is the CPU's result in double for the same (rounded) samples.
template <class T>
class DeviceCase {
 public:
  DeviceCase(const OrbitAction& action, std::vector<T> x, std::vector<T> y, gpu::FiberOrder order,
             int units)
      : action_(action), x_(std::move(x)), y_(std::move(y)), order_(order), units_(units) {}

  void set_kernel(const BaseKernel& kernel, const std::string& name) {
    kernel_ = &kernel;
    form_ = nullptr;
    name_ = name;
  }
  void set_form(const ClosedForm& form, const std::string& name) {
    form_ = &form;
    kernel_ = nullptr;
    name_ = name;
  }
  // Allowed error in units of 1e-13 or 2e-6 of the largest entry.
  void set_tolerance(double factor) { factor_ = factor; }

  // Memory of the device; 0: more than enough. And the most that the last check held.
  void limit_memory(std::int64_t bytes) { memory_limit_ = bytes; }
  std::int64_t most_held() const { return most_held_; }

  void check_gram(Output output) {
    for (const bool symmetric : {false, true}) compare(output, symmetric, 0);
  }
  void check_matvec(std::int64_t columns) {
    for (const bool symmetric : {false, true}) compare(Output::matvec, symmetric, columns);
  }
  void check_gradient_x(std::int64_t columns) {
    for (const bool symmetric : {false, true}) compare(Output::gradient_x, symmetric, columns);
    check_diagonal(Output::gradient_x);
  }
  void check_diagonal(Output output) {
    const std::int64_t n = rows(x_), derivatives = derivative_count(output);
    const std::vector<double> x(x_.begin(), x_.end());
    std::vector<double> k(size(n)), dk(size(n * derivatives));
    symkernel::StopToken token(nullptr);
    auto truth = cpu_request(x, x, true, output, k, dk);
    symkernel::diagonal(truth, token);
    Poisoned own(n), own_dk(n * derivatives);
    gpu::HostExecutor executor(order_, units_);
    gpu::GramRequest<T> r = request(true, output, own, own_dk);
    gpu::diagonal(r, executor);
    describe("diagonal", output);
    if (output != Output::gradient_x) own.check(k, tolerance(k, k));
    own_dk.check(dk, 10 * tolerance(dk, k));
    CHECK(executor.held() == 0);
  }

 private:
  // Full of NaN, so that what is not written is seen, with guards behind its end.
  class Poisoned {
   public:
    explicit Poisoned(std::int64_t count)
        : size_(size(count)), values_(size_ + guards, std::numeric_limits<T>::quiet_NaN()) {
      for (std::size_t i = size_; i < values_.size(); ++i) values_[i] = T(7);
    }
    T* data() { return values_.data(); }
    void check(const std::vector<double>& expected, double tolerance) const {
      CHECK(expected.size() == size_);
      for (std::size_t i = 0; i < size_; ++i) CHECK_NEAR(values_[i], expected[i], tolerance);
      bool intact = true;
      for (std::size_t i = size_; i < values_.size(); ++i) intact = intact && values_[i] == T(7);
      CHECK(intact);
    }

   private:
    static constexpr std::size_t guards = 64;
    std::size_t size_;
    std::vector<T> values_;
  };

  static std::size_t size(std::int64_t count) { return static_cast<std::size_t>(count); }
  std::int64_t rows(const std::vector<T>& samples) const {
    return static_cast<std::int64_t>(samples.size()) / action_.degree();
  }
  std::int64_t derivative_count(Output output) const {
    if (output == Output::ard || output == Output::gradient_x) return action_.degree();
    if (output != Output::gradient) return 0;
    return form_ != nullptr ? form_->planes - 1 : kernel_->gradients;
  }

  symkernel::GramRequest<double> cpu_request(const std::vector<double>& x,
                                             const std::vector<double>& y, bool symmetric,
                                             Output output, std::vector<double>& k,
                                             std::vector<double>& dk) const {
    static const double nothing = 0;
    symkernel::GramRequest<double> r;
    r.kernel = kernel_;
    r.form = form_;
    r.action = &action_;
    r.x = {x.data(), static_cast<std::int64_t>(x.size()) / action_.degree(), action_.degree()};
    if (!symmetric)
      r.y = {y.empty() ? &nothing : y.data(),
             static_cast<std::int64_t>(y.size()) / action_.degree(), action_.degree()};
    r.output = output;
    r.k = k.data();
    r.dk = dk.data();
    r.n_threads = 1;
    return r;
  }

  gpu::GramRequest<T> request(bool symmetric, Output output, Poisoned& k, Poisoned& dk) const {
    static const T nothing = T(0);
    gpu::GramRequest<T> r;
    r.kernel = kernel_;
    r.form = form_;
    r.action = &action_;
    r.x = {x_.data(), rows(x_), action_.degree()};
    if (!symmetric) r.y = {y_.empty() ? &nothing : y_.data(), rows(y_), action_.degree()};
    r.output = output;
    r.k = k.data();
    r.dk = dk.data();
    return r;
  }

  // Errors are measured against the largest entries: sums over g may cancel.
  double tolerance(const std::vector<double>& values, const std::vector<double>& k) const {
    double most = 0;
    for (const double v : values) most = std::max(most, std::fabs(v));
    for (const double v : k) most = std::max(most, std::fabs(v));
    return factor_ * std::max(most, kernel_ != nullptr ? 1.0 : 1e-30) *
           (sizeof(T) == 8 ? 1e-13 : 2e-6);
  }

  void describe(const char* what, Output output) const {
    check::context("%s, %s, output %d, %s, n = %d, m = %d, d = %d, order %d, units %d",
                   name_.c_str(), what, static_cast<int>(output),
                   sizeof(T) == 8 ? "double" : "float", static_cast<int>(rows(x_)),
                   static_cast<int>(rows(y_)), static_cast<int>(action_.degree()),
                   static_cast<int>(order_), units_);
  }

  void compare(Output output, bool symmetric, std::int64_t columns) {
    const bool gradient_x = output == Output::gradient_x;
    const bool matvec = output == Output::matvec || gradient_x;
    const std::int64_t n = rows(x_), m = symmetric ? n : rows(y_);
    const std::int64_t width = !matvec ? m : columns * (gradient_x ? action_.degree() : 1);
    const std::int64_t derivatives = matvec ? 0 : derivative_count(output);
    const std::vector<double> x(x_.begin(), x_.end()), y(y_.begin(), y_.end());
    Random random(9);
    const std::vector<T> v = samples<T>(m, columns, random);
    const std::vector<double> v_double(v.begin(), v.end());
    std::vector<double> k(size(n * width)), dk(size(n * m * derivatives));
    symkernel::StopToken token(nullptr);
    auto truth = cpu_request(x, y, symmetric, output, k, dk);
    truth.v = {v_double.data(), m, columns};
    symkernel::gram(truth, token);

    gpu::HostExecutor executor(order_, units_);
    if (memory_limit_ > 0) executor.limit_memory(memory_limit_);
    Poisoned own(n * width), own_dk(n * m * derivatives);
    gpu::GramRequest<T> r = request(symmetric, output, own, own_dk);
    r.v = {v.data(), m, columns};
    gpu::gram(r, executor);
    describe(symmetric ? "x, x" : "x, y", output);
    own.check(k, tolerance(k, k) * (matvec ? std::sqrt(static_cast<double>(m)) : 1.0));
    own_dk.check(dk, 10 * tolerance(dk, k));
    CHECK(executor.held() == 0);
    most_held_ = executor.most_held();
  }

  const OrbitAction& action_;
  std::vector<T> x_, y_;
  const BaseKernel* kernel_ = nullptr;
  const ClosedForm* form_ = nullptr;
  std::string name_;
  double factor_ = 1;
  std::int64_t memory_limit_ = 0, most_held_ = 0;
  gpu::FiberOrder order_;
  int units_;
};

}  // namespace test
