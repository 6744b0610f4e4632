// Shifts of grids by transforms on an emulated device against the CPU: every radix, several axes
// and channels, automorphisms, every kernel and output, and sizes that leave remainders.
#include <cmath>
#include <cstdint>
#include <string>
#include <utility>
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
using Shape = std::vector<std::int32_t>;

// What follows each shift: nothing, the reflection of all axes, and the exchange of two equal axes.
enum class Maps { none, reflection, all };

struct Grid {
  Shape shape;
  std::int64_t channels;
  Maps maps;
};

OrbitAction action_of(const Grid& grid, Random& random) {
  std::int32_t size = 1;
  for (const std::int32_t n : grid.shape) size *= n;
  std::vector<std::int32_t> maps;
  for (std::int32_t p = 0; p < size; ++p) maps.push_back(p);
  const auto reflected = [&](std::int32_t p) {
    std::int32_t to = 0, stride = size, rest = p;
    for (const std::int32_t n : grid.shape) {
      stride /= n;
      to += (n - rest / stride) % n * stride;
      rest %= stride;
    }
    return to;
  };
  const auto exchanged = [&](std::int32_t p) {
    const std::int32_t n = grid.shape[0];
    return p % n * n + p / n;
  };
  if (grid.maps != Maps::none) {
    for (std::int32_t p = 0; p < size; ++p) maps.push_back(reflected(p));
  }
  if (grid.maps == Maps::all) {
    for (std::int32_t p = 0; p < size; ++p) maps.push_back(exchanged(p));
    for (std::int32_t p = 0; p < size; ++p) maps.push_back(exchanged(reflected(p)));
  }
  const auto count = static_cast<std::int64_t>(maps.size()) / size;
  return OrbitAction::shifts(grid.shape, {maps.data(), count, size},
                             test::random_permutation(size * grid.channels, random));
}

std::string name_of(const Grid& grid) {
  std::string name = "grid";
  for (const std::int32_t n : grid.shape) name += " " + std::to_string(n);
  return name + ", channels " + std::to_string(grid.channels) + ", maps " +
         std::to_string(static_cast<int>(grid.maps));
}

BaseKernel native(const naive::Kernel& kernel) {
  return BaseKernel::by_name(kernel.name,
                             std::vector<double>(kernel.p, kernel.p + kernel.parameters));
}

template <class T>
DeviceCase<T> device_case(const Grid& grid, const OrbitAction& action, std::int64_t n,
                          std::int64_t m, int turn, Random& random) {
  (void)grid;
  return DeviceCase<T>(action, samples<T>(n, action.degree(), random),
                       samples<T>(m, action.degree(), random), orders[turn % 3], 1 + turn % 2 * 7);
}

// Every radix alone and beside others, with each kernel in turn.
template <class T>
void test_radices() {
  Random random(41);
  std::vector<Grid> grids = {{{1}, 300, Maps::none},         {{2}, 70, Maps::reflection},
                             {{3}, 30, Maps::none},          {{4}, 17, Maps::reflection},
                             {{5}, 11, Maps::none},          {{7}, 6, Maps::reflection},
                             {{8}, 5, Maps::none},           {{12}, 2, Maps::reflection},
                             {{64}, 1, Maps::reflection},    {{6, 5}, 1, Maps::none},
                             {{9, 4}, 1, Maps::none},        {{3, 3, 3}, 1, Maps::reflection},
                             {{8, 8}, 1, Maps::all},         {{5, 5}, 2, Maps::all},
                             {{49}, 1, Maps::none},          {{32}, 1, Maps::none},
                             {{16, 2}, 2, Maps::none},       {{1, 18, 1}, 1, Maps::reflection},
                             {{3, 35}, 1, Maps::reflection}, {{11}, 3, Maps::reflection},
                             {{26}, 1, Maps::reflection},    {{17, 2}, 1, Maps::none},
                             {{19}, 1, Maps::none},          {{23}, 2, Maps::none},
                             {{29}, 1, Maps::reflection},    {{31}, 1, Maps::none},
                             {{13, 11}, 1, Maps::reflection}};
  int turn = 0;
  for (const Grid& grid : grids) {
    const OrbitAction action = action_of(grid, random);
    for (int repeat = 0; repeat < 2; ++repeat, ++turn) {
      const naive::Kernel& kernel = naive::kernels[turn % naive::kernel_count];
      if (naive::is(kernel, "laplacian")) continue;
      const BaseKernel base = native(repeat == 0 ? naive::kernels[0] : kernel);
      DeviceCase<T> device = device_case<T>(grid, action, 9, 5, turn, random);
      device.set_kernel(base, std::string(kernel.name) + ", " + name_of(grid));
      device.check_gram(Output::gram);
      if (turn % 3 == 0) device.check_gram(Output::gradient);
      if (turn % 3 == 1) device.check_matvec(1 + turn % 4);
    }
  }
}

// Every kernel and output.
template <class T>
void test_kernels() {
  Random random(42);
  int turn = 0;
  for (const Grid& grid : {Grid{{20}, 1, Maps::reflection}, Grid{{4, 4}, 2, Maps::all}}) {
    const OrbitAction action = action_of(grid, random);
    for (const naive::Kernel& kernel : naive::kernels) {
      if (naive::is(kernel, "laplacian")) continue;
      const BaseKernel base = native(kernel);
      DeviceCase<T> device = device_case<T>(grid, action, 34, 37, ++turn, random);
      device.set_kernel(base, std::string(kernel.name) + ", " + name_of(grid));
      device.check_gram(Output::gram);
      device.check_gram(Output::gradient);
      device.check_matvec(3);
    }
  }
}

// Sizes around tiles of 32 lanes and less.
template <class T>
void test_sizes() {
  const std::int64_t sizes[][2] = {{1, 1},   {1, 33},  {32, 32}, {33, 1},  {2, 31},
                                   {31, 34}, {65, 15}, {15, 65}, {66, 63}, {17, 129}};
  Random random(43);
  int turn = 0;
  for (const Grid& grid : {Grid{{18}, 1, Maps::none}, Grid{{160}, 1, Maps::none},
                           Grid{{12, 32}, 1, Maps::reflection}}) {
    const OrbitAction action = action_of(grid, random);
    for (const auto& size : sizes) {
      ++turn;
      if (grid.shape[0] == 12 && size[0] * size[1] > 1200) continue;
      const BaseKernel base = BaseKernel::by_name(turn % 2 == 0 ? "rbf" : "matern32", {0.8});
      DeviceCase<T> device = device_case<T>(grid, action, size[0], size[1], turn, random);
      device.set_kernel(base, name_of(grid));
      device.check_gram(turn % 3 == 0 ? Output::gradient : Output::gram);
      device.check_matvec(1 + turn % 5);
    }
  }
}

// Transforms in registers: every size of them, beside maps and channels, alone and with neighbours
// whose spectra do not fit beside them.
template <class T>
void test_registers() {
  Random random(47);
  int turn = 0;
  for (const Grid& grid :
       {Grid{{64}, 1, Maps::none}, Grid{{64}, 2, Maps::reflection}, Grid{{64}, 5, Maps::none},
        Grid{{8, 8}, 1, Maps::all}, Grid{{32}, 3, Maps::reflection}, Grid{{16}, 4, Maps::none}}) {
    const OrbitAction action = action_of(grid, random);
    const BaseKernel base = BaseKernel::by_name("rbf", {0.8});
    for (const auto& [n, m] : {std::pair(1, 35), std::pair(34, 33), std::pair(67, 3)}) {
      DeviceCase<T> device = device_case<T>(grid, action, n, m, ++turn, random);
      device.set_kernel(base, "in registers, " + name_of(grid));
      device.check_gram(Output::gram);
      device.check_matvec(1 + turn % 5);
    }
  }
}

// Few lanes, and values that do not fit into shared memory.
template <class T>
void test_large_grids() {
  Random random(44);
  int turn = 0;
  for (const Grid& grid :
       {Grid{{1024}, 1, Maps::none}, Grid{{50, 63}, 1, Maps::none}, Grid{{6615}, 2, Maps::none},
        Grid{{81, 80}, 1, Maps::reflection}, Grid{{16384}, 1, Maps::none}}) {
    const OrbitAction action = action_of(grid, random);
    const BaseKernel base = BaseKernel::by_name(turn % 2 == 0 ? "rbf" : "matern52", {0.8});
    DeviceCase<T> device = device_case<T>(grid, action, 5, 3, ++turn, random);
    device.set_kernel(base, name_of(grid));
    device.check_gram(Output::gram);
    device.check_matvec(2);
  }
}

// Equal, shifted, opposite, zero and nearly equal samples; sharp kernels, and samples far away.
template <class T>
void test_coincidences() {
  Random random(45);
  int turn = 0;
  for (const Grid& grid :
       {Grid{{24}, 1, Maps::reflection}, Grid{{4, 4}, 3, Maps::all}, Grid{{3, 5}, 2, Maps::none}}) {
    const OrbitAction action = action_of(grid, random);
    const std::int64_t d = action.degree(), size = action.n_points();
    const auto features = static_cast<std::size_t>(d);
    std::vector<T> x = samples<T>(9, d, random), y = x;
    for (std::size_t k = 0; k < features; ++k) {
      y[features + k] *= -1;
      x[2 * features + k] = 0;
      y[3 * features + k] *= T(1) + T(1e-3);
      y[4 * features + k] += static_cast<T>(random.uniform(-1e-4, 1e-4));
    }
    for (std::int64_t k = 0; k < d; ++k) {  // a shift along the last axis
      const std::int32_t last = grid.shape.back();
      const std::int64_t p = k % size, q = p - p % last + (p % last + 1) % last;
      const auto at = [&](std::int64_t point) {
        return static_cast<std::size_t>(action.layout()[static_cast<std::size_t>(k - p + point)]);
      };
      y[5 * features + at(p)] = x[5 * features + at(q)];
    }
    DeviceCase<T> device(action, x, y, orders[++turn % 3], 8);
    for (const naive::Kernel& kernel : naive::kernels) {
      if (naive::is(kernel, "laplacian")) continue;
      const BaseKernel base = native(kernel);
      device.set_kernel(base, std::string(kernel.name) + ", coincidences, " + name_of(grid));
      device.check_gram(Output::gram);
    }
    for (const char* name : {"rbf", "matern12", "matern32", "matern52"}) {
      const BaseKernel base = BaseKernel::by_name(name, {sizeof(T) == 8 ? 0.3 : 0.01});
      device.set_kernel(base, std::string(name) + ", sharp, " + name_of(grid));
      device.check_gram(Output::gram);
    }
    for (T& value : x) value += T(20);
    for (T& value : y) value += T(20);
    DeviceCase<T> far(action, x, y, orders[turn % 3], 1);
    for (const char* name : {"rbf", "matern12"}) {
      const BaseKernel base = BaseKernel::by_name(name, {1.0});
      far.set_kernel(base, std::string(name) + ", far away, " + name_of(grid));
      far.check_gram(Output::gram);
    }
  }
}

// No samples on either side; and where memory is short, an error and everything released.
template <class T>
void test_empty_and_memory() {
  Random random(46);
  const Grid grid = {{30}, 1, Maps::reflection};
  const OrbitAction action = action_of(grid, random);
  const BaseKernel base = BaseKernel::by_name("rbf", {1.0});
  for (const std::int64_t n : {0, 3}) {
    for (const std::int64_t m : {0, 2}) {
      DeviceCase<T> device = device_case<T>(grid, action, n, m, 0, random);
      device.set_kernel(base, "empty, " + name_of(grid));
      device.check_gram(Output::gradient);
      device.check_matvec(0);
      device.check_matvec(2);
    }
  }
  const std::vector<T> x = samples<T>(3, 30, random);
  std::vector<T> k(9);
  gpu::GramRequest<T> r;
  r.kernel = &base;
  r.action = &action;
  r.x = {x.data(), 3, 30};
  r.k = k.data();
  std::int64_t needed = 0;
  for (std::int64_t limit = 0; limit <= needed; limit += 500) {
    gpu::HostExecutor executor;
    if (needed > 0) executor.limit_memory(limit);
    bool refused = false;
    try {
      gpu::gram(r, executor);
    } catch (const std::bad_alloc&) {
      refused = true;
    }
    if (needed == 0) needed = executor.most_held();
    CHECK(executor.held() == 0);
    CHECK(limit == 0 ? !refused : refused == (limit < needed));
  }
}

}  // namespace

}  // namespace symkernel

void check::tests() {
  using namespace symkernel;
  test_radices<double>();
  test_radices<float>();
  test_kernels<double>();
  test_kernels<float>();
  test_sizes<double>();
  test_sizes<float>();
  test_registers<double>();
  test_registers<float>();
  test_large_grids<double>();
  test_large_grids<float>();
  test_coincidences<double>();
  test_coincidences<float>();
  test_empty_and_memory<double>();
  test_empty_and_memory<float>();
}
