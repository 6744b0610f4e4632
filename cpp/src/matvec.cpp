#include "matvec.hpp"

#include <algorithm>

namespace symkernel {

namespace {

// Partial results of all parts together, in numbers.
constexpr std::int64_t largest_parts = std::int64_t(1) << 24;
constexpr std::int64_t row_share = 256;  // rows added up per task

std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

}  // namespace

template <class T>
ProductTask<T>::ProductTask(const GramRequest<T>& request, const Engine<T>& engine, Job<T>& job,
                            int threads, StopToken& token)
    : request_(request), engine_(engine), job_(job), threads_(threads), token_(token) {
  x_panels_ = ceil_div(request.x.rows, engine.mr);
  y_panels_ = ceil_div(job.y.n, engine.nr);
  pack_v();
  const std::int64_t part = y_panels_ * engine.nr * job.v_columns;
  job.symmetric = request.y.data == nullptr && part * threads <= largest_parts;
}

template <class T>
void ProductTask<T>::pack_v() {
  const std::int64_t m = request_.v.rows, c = request_.v.columns, nr = engine_.nr;
  v_ = Buffer<T>(ceil_div(m, nr) * c * nr);
  for (std::int64_t j0 = 0; j0 < m; j0 += nr) {
    T* panel = v_.data() + j0 * c;
    const std::int64_t count = std::min(nr, m - j0);
    for (std::int64_t k = 0; k < c; ++k) {
      for (std::int64_t j = 0; j < count; ++j) panel[k * nr + j] = request_.v(j0 + j, k);
    }
  }
  job_.v = v_.data();
  job_.v_columns = c;
}

template <class T>
void ProductTask<T>::run(std::int64_t panels) {
  if (job_.symmetric) {
    run_triangle(panels);
  } else {
    run_rectangle(panels);
  }
}

// Every tile on or above the diagonal adds to its own rows and, mirrored, to those of its columns.
// Parts are fixed beforehand and added up in order: the digits do not depend on which thread was
// faster.
template <class T>
void ProductTask<T>::run_triangle(std::int64_t panels) {
  const std::int64_t n = request_.x.rows, c = job_.v_columns, nr = engine_.nr;
  std::vector<Block> blocks;
  for (std::int64_t q = y_panels_ - 1; q >= 0; --q) {
    const std::int64_t end = std::min(x_panels_, ceil_div((q + 1) * nr, engine_.mr));
    for (std::int64_t p = 0; p < end; p += panels)
      blocks.push_back({q, p, std::min(end, p + panels)});
  }
  const std::int64_t size = y_panels_ * nr * c;
  const std::int64_t most =
      std::max<std::int64_t>(threads_, largest_parts / std::max<std::int64_t>(1, size));
  const std::int64_t parts = std::max<std::int64_t>(
      1, std::min({std::int64_t(4) * threads_, most, static_cast<std::int64_t>(blocks.size())}));
  std::vector<std::vector<Block>> tasks(static_cast<std::size_t>(parts));
  for (std::size_t b = 0; b < blocks.size(); ++b) {
    blocks[b].part = static_cast<std::int64_t>(b) % parts;
    tasks[b % static_cast<std::size_t>(parts)].push_back(blocks[b]);
  }
  Buffer<T> sums(parts * size);
  job_.k = sums.data();
  run_blocks(tasks, panels);
  auto body = [&](std::int64_t share, int) {
    const std::int64_t end = std::min(n, (share + 1) * row_share);
    for (std::int64_t i = share * row_share; i < end; ++i) {
      for (std::int64_t k = 0; k < c; ++k) {
        double total = 0;
        for (std::int64_t part = 0; part < parts; ++part)
          total += sums[part * size + ((i / nr) * c + k) * nr + i % nr];
        request_.k[i * c + k] = static_cast<T>(total);
      }
    }
  };
  parallel_for(ceil_div(n, row_share), threads_, token_, body);
}

// Few samples of x: the samples of y are shared out as well.
template <class T>
void ProductTask<T>::run_rectangle(std::int64_t panels) {
  const std::int64_t size = request_.x.rows * job_.v_columns;
  const std::int64_t rows = ceil_div(x_panels_, panels);
  const std::int64_t wanted =
      threads_ > 1 ? 4 * threads_ / std::max<std::int64_t>(1, rows) : std::int64_t(1);
  const std::int64_t parts = std::max<std::int64_t>(
      1, std::min({y_panels_, wanted, largest_parts / std::max<std::int64_t>(1, size)}));
  std::vector<std::vector<Block>> tasks;
  for (std::int64_t p = 0; p < x_panels_; p += panels) {
    for (std::int64_t part = 0; part < parts; ++part)
      tasks.push_back({{y_panels_ * part / parts, p, std::min(x_panels_, p + panels),
                        y_panels_ * (part + 1) / parts, part}});
  }
  Buffer<T> sums(parts > 1 ? parts * size : 0);
  job_.k = parts > 1 ? sums.data() : request_.k;
  run_blocks(tasks, panels);
  if (parts == 1) return;
  for (std::int64_t i = 0; i < size; ++i) {
    double total = 0;
    for (std::int64_t part = 0; part < parts; ++part) total += sums[part * size + i];
    request_.k[i] = static_cast<T>(total);
  }
}

template <class T>
void ProductTask<T>::run_blocks(const std::vector<std::vector<Block>>& tasks, std::int64_t panels) {
  // Whole cache lines, and a page apart, so that threads never share a line.
  const std::int64_t size = ceil_div(engine_.scratch_size(job_, panels) + 512, 64) * 64;
  Buffer<T> scratch(size * threads_);
  auto body = [&](std::int64_t task, int thread) {
    for (const Block& block : tasks[static_cast<std::size_t>(task)]) {
      if (token_.stopped()) return;
      engine_.run(job_, block, scratch.data() + thread * size, thread);
    }
  };
  parallel_for(static_cast<std::int64_t>(tasks.size()), threads_, token_, body);
}

template class ProductTask<double>;
template class ProductTask<float>;

}  // namespace symkernel
