#include "canonical/canonical.hpp"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <vector>

#include "buffer.hpp"
#include "engine/engine.hpp"
#include "symkernel/error.hpp"

namespace symkernel {

#if defined(SYMKERNEL_X86_ENGINES)
extern const CanonicalEngine<double> canonical_avx512_f64, canonical_avx2_f64;
extern const CanonicalEngine<float> canonical_avx512_f32, canonical_avx2_f32;
#endif
extern const CanonicalEngine<double> canonical_baseline_f64;
extern const CanonicalEngine<float> canonical_baseline_f32;

const CanonicalEngine<double>& canonical_engine_f64() {
#if defined(SYMKERNEL_X86_ENGINES)
  if (std::strcmp(current_isa(), "avx512") == 0) return canonical_avx512_f64;
  if (std::strcmp(current_isa(), "avx2") == 0) return canonical_avx2_f64;
#endif
  return canonical_baseline_f64;
}

const CanonicalEngine<float>& canonical_engine_f32() {
#if defined(SYMKERNEL_X86_ENGINES)
  if (std::strcmp(current_isa(), "avx512") == 0) return canonical_avx512_f32;
  if (std::strcmp(current_isa(), "avx2") == 0) return canonical_avx2_f32;
#endif
  return canonical_baseline_f32;
}

namespace {

// About as many samples a task as fill a second-level cache, in whole groups of `width`.
std::int64_t rows_per_task(std::int64_t row_size, std::int64_t width, std::int64_t bytes) {
  const std::int64_t rows = (1 << 18) / std::max<std::int64_t>(1, row_size * bytes);
  return std::max<std::int64_t>(1, rows / width) * width;
}

// work(begin, end, scratch) for runs of samples; false where one is not finite.
template <class T, class Work>
void for_samples(std::int64_t n, std::int64_t rows, std::int64_t scratch_size, int n_threads,
                 StopToken& token, const Work& work) {
  const int threads = resolve_threads(n_threads);
  std::vector<Buffer<T>> scratch;
  for (int t = 0; t < threads; ++t) scratch.emplace_back(scratch_size);
  std::atomic<bool> finite{true};
  auto body = [&](std::int64_t task, int thread) {
    const std::int64_t begin = task * rows, end = std::min(n, begin + rows);
    if (!finite.load(std::memory_order_relaxed)) return;
    if (!work(begin, end, scratch[static_cast<std::size_t>(thread)].data()))
      finite.store(false, std::memory_order_relaxed);
  };
  parallel_for((n + rows - 1) / rows, threads, token, body);
  if (token.stopped()) throw Interrupted();
  require(finite, "X must be finite, got NaN or infinity");
}

}  // namespace

template <class T>
void sort_samples(const SortJob<T>& job, std::int64_t n, int n_threads, StopToken& token) {
  require(job.points < (1 << 24), "at most 2^24 points can be sorted");
  const auto& engine = canonical_engine<T>();
  for_samples<T>(n, rows_per_task(job.points * job.channels, engine.width, sizeof(T)),
                 engine.sort_scratch(job), n_threads, token,
                 [&](std::int64_t begin, std::int64_t end, T* scratch) {
                   return engine.sort(job, begin, end, scratch);
                 });
}

template <class T>
void rotate_samples(const RotationJob<T>& job, std::int64_t n, int n_threads, StopToken& token) {
  const auto& engine = canonical_engine<T>();
  for_samples<T>(n, rows_per_task(job.points * job.channels, 1, sizeof(T)),
                 engine.rotate_scratch(job), n_threads, token,
                 [&](std::int64_t begin, std::int64_t end, T* scratch) {
                   return engine.rotate(job, begin, end, scratch);
                 });
}

template <class T>
void enumerate_samples(const EnumeratedJob<T>& job, std::int64_t n, int n_threads,
                       StopToken& token) {
  const auto& engine = canonical_engine<T>();
  // Samples with many ties visit every element: short tasks keep the call interruptible.
  const std::int64_t most = std::max<std::int64_t>(1, (1 << 24) / (job.trie.order + 1));
  const std::int64_t rows = std::min(most, rows_per_task(job.trie.width, 1, sizeof(T)));
  for_samples<T>(n, rows, engine.enumerate_scratch(job), n_threads, token,
                 [&](std::int64_t begin, std::int64_t end, T* scratch) {
                   return engine.enumerate(job, begin, end, scratch);
                 });
}

template void sort_samples(const SortJob<double>&, std::int64_t, int, StopToken&);
template void sort_samples(const SortJob<float>&, std::int64_t, int, StopToken&);
template void rotate_samples(const RotationJob<double>&, std::int64_t, int, StopToken&);
template void rotate_samples(const RotationJob<float>&, std::int64_t, int, StopToken&);
template void enumerate_samples(const EnumeratedJob<double>&, std::int64_t, int, StopToken&);
template void enumerate_samples(const EnumeratedJob<float>&, std::int64_t, int, StopToken&);

// ---- the trie ---------------------------------------------------------------------------------

ElementTrie::ElementTrie(MatrixView<const std::int32_t> table, std::int64_t width, StopToken& token)
    : width_(width), depth_(table.columns) {
  require(table.rows >= 1, "a list of elements must not be empty");
  require(table.rows < (std::int64_t(1) << 31), "at most 2^31 elements can be listed");
  for (std::int64_t k = 0; k < table.rows * table.columns; ++k) {
    require(table.data[k] >= 0 && table.data[k] < width, "a place of an element is out of range");
  }
  ranks_.resize(static_cast<std::size_t>(table.rows));
  for (std::size_t g = 0; g < ranks_.size(); ++g) ranks_[g] = static_cast<std::int32_t>(g);
  std::int64_t compared = 0;
  std::sort(ranks_.begin(), ranks_.end(), [&](std::int32_t a, std::int32_t b) {
    if ((++compared & 0xffff) == 0) {
      token.poll(0);
      if (token.stopped()) throw Interrupted();
    }
    const std::int32_t *p = table.row(a), *q = table.row(b);
    for (std::int64_t k = 0; k < table.columns; ++k) {
      if (p[k] != q[k]) return p[k] < q[k];
    }
    return a < b;
  });
  table_.reserve(static_cast<std::size_t>(table.rows * table.columns));
  for (const std::int32_t g : ranks_) {
    table_.insert(table_.end(), table.row(g), table.row(g) + table.columns);
  }
  grow();
}

void ElementTrie::grow() {
  struct Range {
    std::int32_t node;
    std::int64_t low, high, depth;
  };
  std::vector<Range> open = {{0, 0, static_cast<std::int64_t>(ranks_.size()), 0}};
  nodes_.emplace_back();
  while (!open.empty()) {
    const Range r = open.back();
    open.pop_back();
    const auto at = static_cast<std::size_t>(r.node);
    nodes_[at].element = static_cast<std::int32_t>(r.low);
    nodes_[at].n_elements = static_cast<std::int32_t>(r.high - r.low);
    if (r.high - r.low == 1 || r.depth == depth_) continue;
    const auto value = [&](std::int64_t g) {
      return table_[static_cast<std::size_t>(g * depth_ + r.depth)];
    };
    nodes_[at].child = static_cast<std::int32_t>(places_.size());
    for (std::int64_t low = r.low, high = low; low < r.high; low = high) {
      while (high < r.high && value(high) == value(low)) ++high;
      const auto child = static_cast<std::int32_t>(nodes_.size());
      places_.push_back(value(low));
      targets_.push_back(child);
      nodes_.emplace_back();
      open.push_back({child, low, high, r.depth + 1});
      ++nodes_[at].n_children;
    }
    nodes_[at].dense = value(r.low) == 0 && value(r.high - 1) == nodes_[at].n_children - 1;
  }
}

TrieView ElementTrie::view() const {
  TrieView v;
  v.order = static_cast<std::int64_t>(ranks_.size());
  v.depth = depth_;
  v.width = width_;
  v.table = table_.data();
  v.ranks = ranks_.data();
  v.nodes = nodes_.data();
  v.places = places_.data();
  v.targets = targets_.data();
  return v;
}

}  // namespace symkernel
