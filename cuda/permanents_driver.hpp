// Launches of permanents: how many threads a pair gets, where tables lie, and rows of K at a time
// for products with vectors.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <vector>

#include "cuda/forms_run.hpp"
#include "cuda/glynn.hpp"
#include "cuda/kept.hpp"
#include "cuda/permanents.hpp"
#include "cuda/prepare.hpp"

namespace symkernel {
namespace gpu {

// Memory for rows of K that are multiplied by vectors, and for tables of subsets.
constexpr std::int64_t permanent_rows_budget = std::int64_t(256) << 20;
constexpr std::int64_t permanent_table_budget = std::int64_t(1) << 30;
// Pairs of samples whose large permanents are held at a time.
constexpr std::int64_t permanent_pairs = std::int64_t(1) << 20;

// The subsets of `columns` columns, those of one size together.
inline std::vector<std::int32_t> subsets_by_size(int columns) {
  std::vector<std::int32_t> sets;
  sets.reserve(std::size_t(1) << columns);
  for (int size = 0; size <= columns; ++size) {
    for (std::int32_t set = 0; set < std::int32_t(1) << columns; ++set) {
      if (bit_count(static_cast<std::uint64_t>(set)) == size) sets.push_back(set);
    }
  }
  return sets;
}

// Blocks of points with the subsets of all but a thread's columns.
template <class Executor>
class PermanentBlocks {
 public:
  PermanentBlocks(const OrbitAction& action, Keeper<Executor>& keeper) {
    std::vector<PermanentBlock> blocks;
    for (const PointBlock& block : action.blocks()) {
      const int columns = static_cast<int>(block.points) - permanent_tile_columns;
      if (columns > 0) sets_.emplace_back(keeper, subsets_by_size(columns));
      blocks.push_back({block, columns > 0 ? sets_.back().data() : nullptr});
    }
    blocks_ = KeptArray<PermanentBlock, Executor>(keeper, blocks);
  }
  const PermanentBlock* data() const { return blocks_.data(); }

 private:
  std::vector<KeptArray<std::int32_t, Executor>> sets_;
  KeptArray<PermanentBlock, Executor> blocks_;
};

// Threads for a pair: about as many as the largest layer of subsets, a power of two.
inline int permanent_group(int n) {
  const int columns = n - permanent_tile_columns;
  double width = 1;
  for (int k = 0; k < columns / 2; ++k) width *= static_cast<double>(columns - k) / (k + 1);
  int group = 1;
  while (group < 256 && 1.5 * group < width) group *= 2;
  return group;
}

template <class T, class W, bool Slopes, class Executor>
void launch_permanents(PermanentArguments<T> arguments, Executor& executor) {
  using Program = PermanentProgram<T, W, Slopes>;
  const int n = arguments.largest;
  int group = permanent_group(n);
  while (group < Program::threads && Program::shared_bytes(n, group, true) > max_shared_bytes)
    group *= 2;
  arguments.table_in_shared = Program::shared_bytes(n, group, true) <= max_shared_bytes;
  const int groups = Program::threads / group;
  std::int64_t blocks = std::min(ceil_div(arguments.pairs.count, groups),
                                 static_cast<std::int64_t>(16) * executor.units());
  DeviceArray<char, Executor> tables;
  if (!arguments.table_in_shared) {
    const std::int64_t bytes = Program::table_bytes(n);
    blocks = std::min(blocks, std::min(static_cast<std::int64_t>(2) * executor.units(),
                                       std::max<std::int64_t>(permanent_table_budget / bytes, 1)));
    tables = DeviceArray<char, Executor>(executor, blocks * bytes);
  }
  const DeviceArray<char, Executor> spare(executor, blocks * groups * Program::spare_bytes(n));
  arguments.group = group;
  arguments.tables = tables.data();
  arguments.spare = spare.data();
  executor.template launch<Program>(
      {blocks}, Program::shared_bytes(n, group, arguments.table_in_shared), arguments);
}

// Permanents of the pairs of `arguments`, as on the CPU: those of large float matrices in double,
// and values of large blocks by Glynn's sum where that is accurate enough.
template <class T, class Executor>
void run_permanent_pairs(PermanentArguments<T> arguments, bool has_slopes, Executor& executor) {
  if (arguments.largest <= subset_limit) {
    if (has_slopes) return launch_permanents<T, T, true>(arguments, executor);
    return launch_permanents<T, T, false>(arguments, executor);
  }
  if (has_slopes) return launch_permanents<T, double, true>(arguments, executor);
  arguments.tolerance = sizeof(T) == 4 ? 1e-8 : (arguments.largest <= 20 ? 5e-14 : 1e-13);
  const std::int64_t count = arguments.pairs.count;
  const std::int64_t factors = arguments.a.n_rates * arguments.a.n_blocks;
  const std::int64_t step = std::min(count, permanent_pairs);
  const DeviceArray<T, Executor> known(executor, factors * step);
  arguments.known = known.data();
  for (std::int64_t first = 0; first < count; first += step) {
    arguments.pairs.first = first;
    arguments.pairs.count = std::min(step, count - first);
    using Program = GlynnProgram<T>;
    const std::int64_t blocks =
        std::min(arguments.pairs.count, static_cast<std::int64_t>(64) * executor.units());
    executor.template launch<Program>(
        {blocks},
        Program::shared_numbers(arguments.largest) * static_cast<std::int64_t>(sizeof(double)),
        arguments);
    launch_permanents<T, double, false>(arguments, executor);
  }
}

template <class T, class Executor>
class PermanentDriver {
 public:
  PermanentDriver(const FormLaunch<T>& launch, const OrbitAction& action, Executor& executor)
      : launch_(launch),
        executor_(executor),
        blocks_(kept<PermanentBlocks<Executor>>(action, executor)) {
    arguments_.a = launch.arguments;
    arguments_.base = launch.base;
    arguments_.largest = 0;
    arguments_.k = launch.arguments.sink.k;
    arguments_.dk = launch.arguments.sink.dk;
    for (const PointBlock& block : action.blocks())
      arguments_.largest = std::max(arguments_.largest, static_cast<int>(block.points));
    arguments_.blocks = blocks_->data();
  }

  void run() {
    const SinkArguments<T>& sink = launch_.arguments.sink;
    PairList& pairs = arguments_.pairs;
    switch (launch_.arguments.mode) {
      case FormMode::diagonal:
        pairs.diagonal = true;
        pairs.count = sink.n;
        break;
      case FormMode::tiles:
        pairs.tiles = {sink.n, sink.m, 1, sink.symmetric};
        pairs.count = pairs.tiles.blocks();
        break;
      case FormMode::matvec:
        return run_matvec();
    }
    run_permanent_pairs(arguments_, launch_.has_slopes, executor_);
  }

 private:
  void run_matvec() {
    const SinkArguments<T>& sink = launch_.arguments.sink;
    constexpr auto bytes_each = static_cast<std::int64_t>(sizeof(T));
    const std::int64_t most =
        std::max<std::int64_t>(permanent_rows_budget / (sink.m * bytes_each), 1);
    const std::int64_t rows = std::min(sink.n, most);
    const DeviceArray<T, Executor> k(executor_, rows * sink.m);
    arguments_.k = k.data();
    for (std::int64_t first = 0; first < sink.n; first += rows) {
      const std::int64_t count = std::min(rows, sink.n - first);
      arguments_.pairs.first_row = first;
      arguments_.pairs.tiles = {count, sink.m, 1, false};
      arguments_.pairs.count = count * sink.m;
      run_permanent_pairs(arguments_, launch_.has_slopes, executor_);
      executor_.template launch<MultiplyRows<T>>(
          {count, sink.columns}, MultiplyRows<T>::shared_bytes,
          {k.data(), sink.v, sink.m, sink.columns, sink.k + first * sink.columns});
    }
  }

  const FormLaunch<T>& launch_;
  Executor& executor_;
  std::shared_ptr<const PermanentBlocks<Executor>> blocks_;
  PermanentArguments<T> arguments_ = {};
};

// The pairs of a launch, into the sink of its arguments.
template <class T, class Executor>
void run_permanents(const FormLaunch<T>& launch, const OrbitAction& action, Executor& executor) {
  PermanentDriver<T, Executor>(launch, action, executor).run();
}

}  // namespace gpu
}  // namespace symkernel
