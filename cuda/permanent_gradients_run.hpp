// Launches of derivatives of permanents.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <vector>

#include "cuda/form_gradients_run.hpp"
#include "cuda/permanent_gradients.hpp"
#include "cuda/permanents_driver.hpp"

namespace symkernel {
namespace gpu {

// Blocks of points with the subsets of all but a thread's columns, and of all.
template <class Executor>
class PermanentGradientBlocks {
 public:
  PermanentGradientBlocks(const OrbitAction& action, Keeper<Executor>& keeper) {
    std::vector<PermanentBlock> blocks;
    std::vector<const std::int32_t*> sets;
    const auto sets_of = [&](int columns) -> const std::int32_t* {
      if (columns < 1) return nullptr;
      sets_.emplace_back(keeper, subsets_by_size(columns));
      return sets_.back().data();
    };
    for (const PointBlock& block : action.blocks()) {
      const int n = static_cast<int>(block.points);
      blocks.push_back({block, sets_of(n - permanent_tile_columns)});
      sets.push_back(sets_of(n));
    }
    blocks_ = KeptArray<PermanentBlock, Executor>(keeper, blocks);
    set_pointers_ = KeptArray<const std::int32_t*, Executor>(keeper, sets);
  }
  const PermanentBlock* data() const { return blocks_.data(); }
  const std::int32_t* const* sets() const { return set_pointers_.data(); }

 private:
  std::vector<KeptArray<std::int32_t, Executor>> sets_;
  KeptArray<PermanentBlock, Executor> blocks_;
  KeptArray<const std::int32_t*, Executor> set_pointers_;
};

template <class T, class Executor>
class PermanentGradientDriver {
  using Program = PermanentGradient<T>;

 public:
  PermanentGradientDriver(const FormGradientLaunch<T>& launch, const OrbitAction& action,
                          Executor& executor)
      : executor_(executor), blocks_(kept<PermanentGradientBlocks<Executor>>(action, executor)) {
    all_.a = launch.arguments.a;
    all_.layout = launch.arguments.layout;
    all_.base = launch.base;
    for (const PointBlock& block : action.blocks())
      all_.largest = std::max(all_.largest, static_cast<int>(block.points));
    all_.blocks = blocks_->data();
    all_.sets = blocks_->sets();
    choose_group();
  }

  // Derivatives for length scales: dk, all zero, is added to.
  void run_scales() {
    all_.scales = true;
    all_.layout.rows = all_.a.sink.n;
    launch(steps());
  }

  void run_gradient_x(double factor, const double* basis, T* out) {
    const FormArguments<T>& a = all_.a;
    const std::int64_t columns = a.sink.columns, groups = Program::threads / all_.group;
    all_.scales = false;
    const GradientCut cut(a.x.n, a.d, columns * groups, 1);
    for (std::int64_t first = 0; first < a.x.n; first += cut.rows) {
      const std::int64_t count = std::min(cut.rows, a.x.n - first);
      std::int64_t steps_per_part = 0;
      const std::int64_t parts =
          cut.parts(count, count, steps(), executor_.units(), steps_per_part);
      const std::int64_t size = parts * cut.numbers(count);
      const DeviceArray<double, Executor> sums(executor_, size);
      executor_.clear(sums.data(), size * std::int64_t(sizeof(double)));
      all_.layout.sums = sums.data();
      all_.layout.first_row = first;
      all_.layout.rows = count;
      launch(parts);
      using Finish = FinishGradientX<T>;
      executor_.template launch<Finish>(
          {count * columns}, Finish::shared_bytes,
          {operand_rows(a.x, first, count, a.d), a.d, sums.data(), parts * groups, columns, factor,
           false, 0, basis, out + first * columns * a.d});
    }
  }

 private:
  // At most as many parts as there are batches of pairs in a row.
  std::int64_t steps() const {
    if (all_.a.mode == FormMode::diagonal) return 1;
    return ceil_div(all_.a.sink.m, Program::threads / all_.group);
  }

  void choose_group() {
    const int n = all_.largest;
    const auto bytes = [&](int group, bool table_in_shared) {
      return Program::shared_bytes(n, group, all_.a.d, table_in_shared);
    };
    all_.group = std::min(std::max(permanent_group(n), 4), Program::threads);
    while (all_.group < Program::threads && bytes(all_.group, true) > max_shared_bytes)
      all_.group *= 2;
    all_.table_in_shared = bytes(all_.group, true) <= max_shared_bytes;
    bytes_ = bytes(all_.group, all_.table_in_shared);
  }

  void launch(std::int64_t parts) {
    const std::int64_t units = executor_.units();
    all_.parts = std::min(parts, std::max<std::int64_t>(1, 4 * units / all_.layout.rows));
    if (!all_.scales) all_.parts = parts;  // sums have room for them
    std::int64_t blocks = std::min(all_.layout.rows * all_.parts, 16 * units);
    DeviceArray<double, Executor> tables;
    if (!all_.table_in_shared) {
      const std::int64_t numbers = Program::table_numbers(all_.largest);
      const std::int64_t most = permanent_table_budget / (numbers * std::int64_t(sizeof(double)));
      blocks = std::min(blocks, std::min(2 * units, std::max<std::int64_t>(1, most)));
      tables = DeviceArray<double, Executor>(executor_, blocks * numbers);
      all_.tables = tables.data();
    }
    executor_.template launch<Program>({blocks}, bytes_, all_);
  }

  Executor& executor_;
  std::shared_ptr<const PermanentGradientBlocks<Executor>> blocks_;
  PermanentGradientArguments<T> all_ = {};
  std::int64_t bytes_ = 0;
};

// Derivatives of permanents for length scales, or (out) gradients in x.
template <class T, class Executor>
void run_permanent_scales(const FormGradientLaunch<T>& launch, const OrbitAction& action,
                          Executor& executor) {
  PermanentGradientDriver<T, Executor>(launch, action, executor).run_scales();
}
template <class T, class Executor>
void run_permanent_gradient_x(const FormGradientLaunch<T>& launch, const OrbitAction& action,
                              double factor, const double* basis, T* out, Executor& executor) {
  PermanentGradientDriver<T, Executor>(launch, action, executor).run_gradient_x(factor, basis, out);
}

}  // namespace gpu
}  // namespace symkernel
