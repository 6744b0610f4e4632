// Orbit sums of cuda/ on an emulated device against the CPU: every action, kernel, output and
// number type, at sizes that leave remainders in every tile, with the threads of a block in three
// orders.
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "actions.hpp"
#include "check.hpp"
#include "device_case.hpp"
#include "naive.hpp"

namespace symkernel {

namespace {

using test::DeviceCase;
using test::orders;
using test::samples;

BaseKernel native(const naive::Kernel& kernel) {
  return BaseKernel::by_name(kernel.name,
                             std::vector<double>(kernel.p, kernel.p + kernel.parameters));
}

bool applies(const naive::Kernel& kernel, const test::Action& action) {
  return !naive::is(kernel, "laplacian") ||
         action.native.kind() == ActionKind::signed_permutations ||
         action.native.kind() == ActionKind::shifts;
}

// All outputs of one kernel and action.
template <class T>
void check_outputs(const naive::Kernel& kernel, const test::Action& action, std::int64_t n,
                   std::int64_t m, Random& random, gpu::FiberOrder order, int units = 2) {
  const BaseKernel base = native(kernel);
  DeviceCase<T> device(action.native, samples<T>(n, action.d, random),
                       samples<T>(m, action.d, random), order, units);
  device.set_kernel(base, std::string(kernel.name) + ", " + action.name);
  device.check_gram(Output::gram);
  device.check_matvec(3);
  device.check_gradient_x(2);
  device.check_gram(Output::gradient);
  const ActionKind kind = action.native.kind();
  device.check_diagonal(Output::gram);
  device.check_diagonal(Output::gradient);
  if (kernel.slope && (kind == ActionKind::signed_permutations || kind == ActionKind::matrices)) {
    device.check_gram(Output::ard);
    device.check_diagonal(Output::ard);
  }
}

// Every kernel with the three ways of producing products, every action with some kernels.
template <class T>
void test_kernels() {
  Random random(21);
  int turn = 0;
  for (const std::int64_t d : {6, 10}) {
    const std::vector<test::Action> actions = test::actions(d, random);
    for (std::size_t a = 0; a < actions.size(); ++a) {
      for (const naive::Kernel& kernel : naive::kernels) {
        const bool all = d == 6 && (a == 1 || a == 2 || a == 3);
        ++turn;
        if (applies(kernel, actions[a]) && (all || turn % 4 == 0))
          check_outputs<T>(kernel, actions[a], 9, 66, random, orders[turn % 3]);
      }
    }
  }
}

// Sizes around tiles of 64 and 128, kernels in turn; units decide between tiles and how columns of
// a matvec are shared.
template <class T>
void test_sizes() {
  const std::int64_t sizes[][2] = {{1, 1},   {1, 65},   {64, 64},  {65, 1},
                                   {63, 66}, {129, 30}, {30, 129}, {130, 127}};
  Random random(22);
  int turn = 0;
  for (const std::int64_t d : {1, 3, 9, 24}) {
    for (const test::Action& action : test::actions(d, random)) {
      for (const auto& size : sizes) {
        const naive::Kernel* kernel = &naive::kernels[turn % naive::kernel_count];
        if (turn % 3 == 0 || !applies(*kernel, action)) kernel = &naive::kernels[0];
        DeviceCase<T> device(action.native, samples<T>(size[0], d, random),
                             samples<T>(size[1], d, random), orders[turn % 3],
                             turn % 2 == 0 ? 1 : 8);
        const BaseKernel base = native(*kernel);
        device.set_kernel(base, std::string(kernel->name) + ", " + action.name);
        device.check_gram(Output::gram);
        device.check_matvec(1 + turn % 6);
        if (turn % 4 == 1) device.check_gradient_x(1 + turn % 3);
        ++turn;
      }
    }
  }
}

const naive::Kernel& kernel_named(const char* name) {
  for (const naive::Kernel& kernel : naive::kernels) {
    if (naive::is(kernel, name)) return kernel;
  }
  return naive::kernels[0];
}

// More features than fit into shared memory, of large and of small tiles; more matrices than are
// kept there; points of one to five dimensions; shifts of grids.
template <class T>
void test_large_actions() {
  Random random(23);
  std::vector<test::Action> all;
  all.push_back(test::signed_permutations(4, 85, true, random));
  all.push_back(test::signed_permutations(3, 100, false, random));
  all.push_back(test::signed_permutations(2, 203, false, random));
  all.push_back(test::matrices(3, 45, random));
  all.push_back(test::points(2, 300, {{2, 3}}, false, random));
  all.push_back(test::points(1, 3, {{90, 3}}, false, random));
  all.push_back(test::points(2, 2, {{130, 2}}, false, random));
  for (const std::int64_t r : {1, 4, 5}) all.push_back(test::points(3, 4, {{3, r}}, false, random));
  all.push_back(test::points(2, 6, {{2, 3}, {3, 2}, {2, 1}}, true, random));
  int turn = 0;
  for (const test::Action& action : all) {
    for (const char* name : {"rbf", "matern52", "arccosine1"}) {
      const BaseKernel base = native(kernel_named(name));
      DeviceCase<T> device(action.native, samples<T>(18, action.d, random),
                           samples<T>(5, action.d, random), orders[turn % 3], 1 + turn % 2 * 7);
      device.set_kernel(base, std::string(name) + ", " + action.name);
      device.check_gram(Output::gram);
      device.check_diagonal(Output::gram);
      if (turn % 4 == 0) device.check_gram(Output::gradient);
      if (turn % 4 == 1) device.check_matvec(5);
      if (turn % 2 == 1) device.check_gradient_x(2);
      ++turn;
    }
    const BaseKernel matern = BaseKernel::by_name("matern32", {0.7});
    DeviceCase<T> device(action.native, samples<T>(3, action.d, random),
                         samples<T>(5, action.d, random), orders[turn % 3], 2);
    device.set_kernel(matern, "matern32, " + action.name);
    if (action.native.kind() != ActionKind::points) device.check_gram(Output::ard);
  }
  const test::Action laplacian = test::signed_permutations(3, 200, true, random);
  const BaseKernel base = native(kernel_named("laplacian"));
  DeviceCase<T> device(laplacian.native, samples<T>(18, 200, random), samples<T>(5, 200, random),
                       orders[0], 2);
  device.set_kernel(base, "laplacian, 200 features");
  device.check_gram(Output::gram);
  device.check_gram(Output::gradient);
  device.check_gradient_x(2);
}

// Shifts of a grid of several channels, after reflections.
template <class T>
void test_shifts() {
  Random random(24);
  const std::vector<std::vector<std::int32_t>> shapes = {{7}, {4, 3}, {2, 2, 3}};
  for (const std::vector<std::int32_t>& shape : shapes) {
    std::int32_t size = 1;
    for (const std::int32_t n : shape) size *= n;
    std::vector<std::int32_t> maps;
    for (std::int32_t p = 0; p < size; ++p) maps.push_back(p);
    for (std::int32_t p = 0; p < size; ++p) {  // the reflection of every axis
      std::int32_t to = 0, stride = size, rest = p;
      for (const std::int32_t n : shape) {
        stride /= n;
        to += (n - rest / stride) % n * stride;
        rest %= stride;
      }
      maps.push_back(to);
    }
    const std::int64_t d = 2 * size;
    const OrbitAction action =
        OrbitAction::shifts(shape, {maps.data(), 2, size}, test::random_permutation(d, random));
    for (const naive::Kernel& kernel : naive::kernels) {
      if (naive::is(kernel, "laplacian")) continue;
      const BaseKernel base = native(kernel);
      DeviceCase<T> device(action, samples<T>(9, d, random), samples<T>(4, d, random), orders[1],
                           2);
      device.set_kernel(base, std::string(kernel.name) + ", shifts");
      device.check_gram(Output::gram);
    }
  }
}

// Equal, opposite and zero rows: distances that cancel, and angles 0, pi and undefined. Sharp
// kernels, for which |x|^2 / l^2 is large, and samples far from the origin.
template <class T>
void test_coincidences() {
  Random random(25);
  for (const std::int64_t d : {6, 12}) {
    const std::size_t features = static_cast<std::size_t>(d);
    for (const test::Action& action : test::actions(d, random)) {
      std::vector<T> x = samples<T>(9, d, random), y = x;
      for (std::size_t k = 0; k < features; ++k) {
        y[features + k] *= -1;
        x[2 * features + k] = 0;
        y[3 * features + k] *= T(1) + T(1e-3);
        y[4 * features + k] += static_cast<T>(random.uniform(-1e-4, 1e-4));
        y[5 * features + k] =
            static_cast<T>(action.row(2, static_cast<std::int64_t>(k))[0]) * x[5 * features];
        for (std::int64_t b = 1; b < d; ++b)
          y[5 * features + k] += static_cast<T>(action.row(2, static_cast<std::int64_t>(k))[b]) *
                                 x[5 * features + static_cast<std::size_t>(b)];
      }
      DeviceCase<T> device(action.native, x, y, orders[d % 3], d == 6 ? 1 : 8);
      for (const naive::Kernel& kernel : naive::kernels) {
        if (!applies(kernel, action)) continue;
        const BaseKernel base = native(kernel);
        device.set_kernel(base, std::string(kernel.name) + ", coincidences, " + action.name);
        device.check_gram(Output::gram);
        device.check_diagonal(Output::gram);
        // Across a kink, what is as close as rounding in single precision has no direction there,
        // but has one in the reference.
        const KernelTraits traits = base.traits();
        const bool kink = traits.kink && traits.family != KernelFamily::manhattan;
        if (sizeof(T) == 8 || !kink) device.check_gradient_x(1);
      }
      // Permutations of samples are exact; matrices and their products round by eps |x|.
      const bool exact = action.native.kind() == ActionKind::signed_permutations;
      // In double the CPU refines nothing either but where slopes are unbounded.
      const double sharp = sizeof(T) == 8 ? 0.3 : exact ? 0.01 : 0.1;
      for (const char* name : {"rbf", "matern12", "matern32", "matern52"}) {
        const BaseKernel base = BaseKernel::by_name(name, {sharp});
        device.set_kernel(base, std::string(name) + ", sharp, " + action.name);
        device.check_gram(Output::gram);
      }
      for (T& value : x) value += T(20);
      for (T& value : y) value += T(20);
      DeviceCase<T> far(action.native, x, y, orders[d % 3], 1);
      for (const char* name : {"rbf", "matern12"}) {
        const BaseKernel base = BaseKernel::by_name(name, {1.0});
        far.set_kernel(base, std::string(name) + ", far away, " + action.name);
        // with signs the group fixes less than the mean, and squares stay large
        far.set_tolerance(exact && !action.native.has_signs() ? 1 : 20);
        far.check_gram(Output::gram);
      }
    }
  }
}

// A row of NaN makes its own row of K, and no other entry, NaN.
template <class T>
void test_nan_stays_in_its_row() {
  Random random(26);
  const std::int64_t d = 6, n = 13, m = 18, bad = 4;
  for (const test::Action& action : test::actions(d, random)) {
    std::vector<T> x = samples<T>(n, d, random);
    const std::vector<T> y = samples<T>(m, d, random);
    x[static_cast<std::size_t>(bad * d + 2)] = std::numeric_limits<T>::quiet_NaN();
    for (const naive::Kernel& kernel : naive::kernels) {
      if (!applies(kernel, action)) continue;
      const BaseKernel base = native(kernel);
      for (const int units : {1, 8}) {
        check::context("NaN, %s, %s", kernel.name, action.name.c_str());
        std::vector<T> k(static_cast<std::size_t>(n * m));
        gpu::HostExecutor executor(orders[0], units);
        gpu::GramRequest<T> r;
        r.kernel = &base;
        r.action = &action.native;
        r.x = {x.data(), n, d};
        r.y = {y.data(), m, d};
        r.k = k.data();
        gpu::gram(r, executor);
        bool as_expected = true;
        for (std::int64_t i = 0; i < n * m; ++i)
          as_expected = as_expected && std::isnan(k[static_cast<std::size_t>(i)]) == (i / m == bad);
        CHECK(as_expected);
      }
    }
  }
}

// Samples multiplied by an orthogonal matrix first.
template <class T>
void test_basis() {
  Random random(27);
  const std::int64_t d = 7;
  test::Action action = test::points(2, 3, {{2, 2}, {1, 3}}, false, random);
  const std::vector<double> basis = test::orthogonal_matrices(2, d, random);
  action.native.set_basis({basis.data() + d * d, d, d});
  for (const char* name : {"rbf", "polynomial", "arccosine2"}) {
    const BaseKernel base = native(kernel_named(name));
    DeviceCase<T> device(action.native, samples<T>(9, d, random), samples<T>(4, d, random),
                         orders[2], 2);
    device.set_kernel(base, std::string(name) + ", basis");
    device.check_gram(Output::gram);
    device.check_gradient_x(1);
  }
}

// No samples on either side, no columns.
template <class T>
void test_empty() {
  Random random(28);
  for (const test::Action& action : test::actions(4, random)) {
    const BaseKernel base = native(naive::kernels[0]);
    for (const std::int64_t n : {0, 3}) {
      for (const std::int64_t m : {0, 2}) {
        DeviceCase<T> device(action.native, samples<T>(n, 4, random), samples<T>(m, 4, random),
                             orders[0], 2);
        device.set_kernel(base, "empty, " + action.name);
        device.check_gram(Output::gram);
        device.check_gram(Output::gradient);
        device.check_diagonal(Output::gradient);
        device.check_matvec(0);
        device.check_matvec(2);
        device.check_gradient_x(0);
        device.check_gradient_x(2);
      }
    }
  }
}

// Panels of gy come a few elements at a time when there is little memory for them; where even one
// is too many, the request fails and everything is released.
void test_memory() {
  Random random(29);
  const std::int64_t d = 5, n = 3;
  const test::Action action = test::matrices(7, d, random);
  const BaseKernel base = native(naive::kernels[0]);
  const std::vector<double> x = samples<double>(n, d, random);
  std::vector<double> first, k(static_cast<std::size_t>(n * n));
  gpu::GramRequest<double> r;
  r.kernel = &base;
  r.action = &action.native;
  r.x = {x.data(), n, d};
  r.k = k.data();
  std::int64_t limit = 0, fewer = 0, refused = 0;
  for (std::int64_t needed = 0; limit <= needed || needed == 0; limit += 300) {
    gpu::HostExecutor executor;
    if (needed > 0) executor.limit_memory(limit);
    try {
      gpu::gram(r, executor);
    } catch (const std::bad_alloc&) {
      CHECK(executor.held() == 0);
      ++refused;
      continue;
    }
    if (needed == 0) {
      needed = executor.most_held();
      first = k;
    }
    for (std::size_t i = 0; i < k.size(); ++i) CHECK_NEAR(k[i], first[i], 1e-14);
    if (executor.most_held() < needed) ++fewer;
  }
  CHECK(refused > 0 && fewer > 0);
}

// Sums over elements that come in several launches, for every output.
template <class T>
void test_chunks() {
  Random random(31);
  std::vector<test::Action> all = {test::matrices(7, 5, random)};
  all.push_back(test::points(2, 5, {{2, 4}, {1, 1}}, false, random));
  for (const test::Action& action : all) {
    for (const char* name : {"rbf", "matern32"}) {
      const BaseKernel base = BaseKernel::by_name(name, {0.9});
      for (const Output output : {Output::gram, Output::gradient, Output::ard, Output::matvec}) {
        if (output == Output::ard && action.native.kind() == ActionKind::points) continue;
        DeviceCase<T> device(action.native, samples<T>(70, action.d, random),
                             samples<T>(3, action.d, random), orders[2], 1);
        device.set_kernel(base, std::string(name) + ", in chunks, " + action.name);
        const auto check = [&] {
          if (output == Output::matvec) {
            device.check_matvec(2);
          } else {
            device.check_gram(output);
          }
        };
        check();
        const std::int64_t needed = device.most_held();  // of x, x: more than of x, y
        device.limit_memory(needed - needed / 3);
        check();
        CHECK(device.most_held() < needed);
      }
    }
  }
}

void test_contract() {
  Random random(30);
  const BaseKernel rbf = BaseKernel::by_name("rbf", {1.0});
  const BaseKernel laplacian = BaseKernel::by_name("laplacian", {1.0});
  const BaseKernel dot = BaseKernel::by_name("dot_product", {1.0});
  const test::Action matrices = test::matrices(3, 4, random);
  const test::Action points = test::points(2, 2, {{2, 2}}, false, random);
  double numbers[64] = {0};
  gpu::HostExecutor executor;
  gpu::GramRequest<double> r;
  const auto refused = [&](const BaseKernel& kernel, const test::Action& action, Output output) {
    r.kernel = &kernel;
    r.action = &action.native;
    r.output = output;
    CHECK_THROWS(std::invalid_argument, gpu::gram(r, executor));
  };
  r.k = r.dk = numbers;
  r.x = {numbers, 2, 3};
  refused(rbf, matrices, Output::gram);
  r.x = {numbers, 2, 4};
  r.y = {numbers, 2, 5};
  refused(rbf, matrices, Output::gram);
  r.y = {numbers, 3, 4};
  r.v = {numbers, 2, 1};
  refused(rbf, matrices, Output::matvec);
  refused(laplacian, matrices, Output::gram);
  refused(rbf, points, Output::ard);
  refused(dot, matrices, Output::ard);
}

}  // namespace

}  // namespace symkernel

void check::tests() {
  using namespace symkernel;
  test_kernels<double>();
  test_kernels<float>();
  test_sizes<double>();
  test_sizes<float>();
  test_large_actions<double>();
  test_large_actions<float>();
  test_shifts<double>();
  test_shifts<float>();
  test_coincidences<double>();
  test_coincidences<float>();
  test_nan_stays_in_its_row<double>();
  test_nan_stays_in_its_row<float>();
  test_basis<double>();
  test_basis<float>();
  test_empty<double>();
  test_empty<float>();
  test_memory();
  test_chunks<double>();
  test_chunks<float>();
  test_contract();
}
