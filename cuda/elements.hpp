// The elements of a group in device memory, as the engines on the CPU see them (engine/engine.hpp).
#pragma once

#include <cstdint>
#include <vector>

#include "cuda/kept.hpp"
#include "orbit_sum.hpp"
#include "symkernel/error.hpp"

namespace symkernel {
namespace gpu {

// Entries of a table of permutations, four bytes each.
constexpr std::int64_t max_table_entries = std::int64_t(1) << 30;

// Shifts of a grid after automorphisms as permutations of the features, (order, d).
inline std::vector<std::int32_t> shift_permutations(const OrbitAction& action) {
  const std::int64_t size = action.n_points(), d = action.degree();
  require(action.order() <= max_table_entries / d, "so many shifts cannot be summed one by one");
  const std::vector<std::int32_t>& shape = action.grid_shape();
  // sums[s * size + p]: the grid point p + s, each coordinate modulo its axis
  std::vector<std::int32_t> sums(static_cast<std::size_t>(size * size), 0);
  std::int64_t stride = size;
  for (const std::int32_t n : shape) {
    stride /= n;
    for (std::int64_t at = 0; at < size * size; ++at) {
      const std::int64_t s = at / size / stride % n, p = at % size / stride % n;
      sums[static_cast<std::size_t>(at)] += static_cast<std::int32_t>((s + p) % n * stride);
    }
  }
  std::vector<std::int32_t> table(static_cast<std::size_t>(action.order() * d));
  for (std::int64_t h = 0; h < action.n_matrices(); ++h) {
    for (std::int64_t at = 0; at < size * size; ++at) {
      const std::int64_t moved =
          action.rows()[static_cast<std::size_t>(h * size + sums[static_cast<std::size_t>(at)])];
      for (std::int64_t c = 0; c < d; c += size) {
        const auto to = action.layout()[static_cast<std::size_t>(c + at % size)];
        table[static_cast<std::size_t>((h * size + at / size) * d + to)] =
            action.layout()[static_cast<std::size_t>(c + moved)];
      }
    }
  }
  return table;
}

template <class T, class Executor>
class DeviceElements {
  using Memory = Keeper<Executor>;

 public:
  DeviceElements(const OrbitAction& action, Memory& memory) {
    if (!action.basis().empty()) basis_ = DeviceArray<double, Memory>(memory, action.basis());
    elements_.order = action.order();
    elements_.d = action.degree();
    elements_.has_signs = action.has_signs();
    switch (action.kind()) {
      case ActionKind::signed_permutations:
        rows_ = DeviceArray<std::int32_t, Memory>(memory, action.rows());
        elements_.rows = rows_.data();
        break;
      case ActionKind::shifts:
        rows_ = DeviceArray<std::int32_t, Memory>(memory, shift_permutations(action));
        elements_.rows = rows_.data();
        break;
      case ActionKind::matrices:
        elements_.kind = ActionKind::matrices;
        set_matrices(action, memory);
        elements_.matrices = matrices_.data();
        break;
      case ActionKind::points:
        elements_.kind = ActionKind::points;
        set_matrices(action, memory);
        set_points(action, memory);
        break;
    }
  }

  const Elements<T>& elements() const { return elements_; }
  const double* basis() const { return basis_.data(); }  // (d, d), or null

  // The same with matrices that are not rounded to T.
  Elements<double> exact() const {
    const Elements<T>& g = elements_;
    Elements<double> e;
    e.kind = g.kind;
    e.order = g.order;
    e.d = g.d;
    e.rows = g.rows;
    e.n_row_permutations = g.n_row_permutations;
    e.n_points = g.n_points;
    e.n_matrices = g.n_matrices;
    e.n_entries = g.n_entries;
    e.n_blocks = g.n_blocks;
    e.blocks = g.blocks;
    e.point_rows = g.point_rows;
    e.layout = g.layout;
    if (g.kind == ActionKind::matrices) e.matrices = exact_.data();
    if (g.kind == ActionKind::points) e.point_matrices = exact_.data();
    return e;
  }

 private:
  void set_matrices(const OrbitAction& action, Memory& memory) {
    matrices_ = DeviceArray<T, Memory>(memory, converted<T>(action.matrix_entries()));
    exact_ = DeviceArray<double, Memory>(memory, action.matrix_entries());
  }
  void set_points(const OrbitAction& action, Memory& memory) {
    rows_ = DeviceArray<std::int32_t, Memory>(memory, action.rows());
    layout_ = DeviceArray<std::int32_t, Memory>(memory, action.layout());
    blocks_ = DeviceArray<PointBlock, Memory>(memory, action.blocks());
    elements_.n_matrices = action.n_matrices();
    elements_.n_row_permutations = action.order() / action.n_matrices();
    elements_.n_entries = action.n_entries();
    elements_.n_points = action.n_points();
    elements_.n_blocks = static_cast<std::int64_t>(action.blocks().size());
    elements_.blocks = blocks_.data();
    elements_.point_rows = rows_.data();
    elements_.layout = layout_.data();
    elements_.point_matrices = matrices_.data();
  }

  Elements<T> elements_;
  DeviceArray<std::int32_t, Memory> rows_, layout_;
  DeviceArray<PointBlock, Memory> blocks_;
  DeviceArray<T, Memory> matrices_;
  DeviceArray<double, Memory> exact_, basis_;
};

}  // namespace gpu
}  // namespace symkernel
