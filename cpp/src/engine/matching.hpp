// Sets of points matched one to one: costs from differences, then an assignment per block.
#pragma once

#include "engine/pair_engine.hpp"
#include "engine/tile_product.hpp"
#include "symkernel/assignment.hpp"

namespace symkernel {
bool stop_requested(StopToken* token, int thread);  // defined outside the per-ISA code
}  // namespace symkernel

SYMKERNEL_BEGIN_NAMESPACE

class Matching {
  using V = TileShape<double>::V;

 public:
  static std::int64_t scratch_size(const MatchJob& job) {
    const std::int64_t n = job.largest_block, size = Assignment<V>::padded(n);
    // ints of two matchings take at most as much room as numbers
    return job.dimension * (size + job.points) + n * size + Assignment<V>::scratch_size(n) +
           2 * job.points;
  }

  Matching(const MatchJob& job, double* scratch, int thread)
      : job_(job),
        thread_(thread),
        size_(Assignment<V>::padded(job.largest_block)),
        columns_(scratch),
        moved_(columns_ + job.dimension * size_),
        cost_(moved_ + job.dimension * job.points),
        assignment_(job.largest_block, cost_ + job.largest_block * size_) {
    double* ints =
        cost_ + job.largest_block * size_ + Assignment<V>::scratch_size(job.largest_block);
    found_ = reinterpret_cast<std::int32_t*>(ints);
    best_ = found_ + job.points;
  }

  bool run(std::int64_t first, std::int64_t last) {
    const std::int64_t length = job_.points * job_.dimension;
    for (std::int64_t i = first; i < last; ++i) {
      const std::int64_t end = job_.paired ? i + 1 : job_.m;
      for (std::int64_t j = job_.paired || job_.symmetric ? i : 0; j < end; ++j) {
        std::int64_t matrix = 0;
        const double square = nearest(job_.x + i * length, job_.y + j * length, matrix);
        job_.squares[job_.paired ? i : i * job_.m + j] = square;
        if (job_.symmetric) job_.squares[j * job_.m + i] = square;
        if (stop_requested(job_.token, thread_)) return false;
        if (job_.points_of_y == nullptr) continue;
        for (std::int64_t p = 0; p < job_.points; ++p)
          job_.points_of_y[i * job_.points + p] = best_[p];
        job_.matrix[i] = static_cast<std::int32_t>(matrix);
      }
    }
    return true;
  }

 private:
  double nearest(const double* x, const double* y, std::int64_t& matrix) {
    double least = HUGE_VAL;
    for (std::int64_t h = 0; h < job_.n_matrices; ++h) {
      const double square = matched(x, move(y, h));
      if (!(square < least)) continue;
      least = square;
      matrix = h;
      for (std::int64_t p = 0; p < job_.points; ++p) best_[p] = found_[p];
    }
    return least;
  }

  const double* move(const double* y, std::int64_t h) {
    const std::int64_t r = job_.dimension;
    const double* matrix = job_.matrices + h * r * r;
    for (std::int64_t i = 0; i < job_.points * r; ++i) {
      double sum = 0;
      for (std::int64_t b = 0; b < r; ++b) sum += matrix[i % r * r + b] * y[i - i % r + b];
      moved_[i] = sum;
    }
    return moved_;
  }

  // The sum of squares of the best matching, which is left in found_.
  double matched(const double* x, const double* y) {
    const std::int64_t r = job_.dimension;
    double total = 0;
    std::int64_t start = 0;
    for (std::int64_t b = 0; b < job_.n_blocks; ++b) {
      const std::int64_t n = job_.blocks[b], size = Assignment<V>::padded(n);
      for (std::int64_t c = 0; c < r; ++c) {
        for (std::int64_t j = 0; j < size; ++j)
          columns_[c * size + j] = j < n ? y[(start + j) * r + c] : 0.0;
      }
      const auto stops = [&] { return stop_requested(job_.token, thread_); };
      for (std::int64_t i = 0; i < n; ++i) {
        if (i % 64 == 63 && stops()) return 0;
        cost_row(x + (start + i) * r, size, cost_ + i * size);
        Assignment<V>::pad(cost_ + i * size, n);
      }
      std::int32_t* column = found_ + start;
      if (!assignment_.solve(cost_, n, column, stops)) return 0;
      for (std::int64_t i = 0; i < n; ++i) {
        total += cost_[i * size + column[i]];
        column[i] += static_cast<std::int32_t>(start);
      }
      start += n;
    }
    return total;
  }

  void cost_row(const double* x, std::int64_t size, double* cost) {
    for (std::int64_t j = 0; j < size; j += V::width) {
      V square(0.0), mirrored(0.0);
      for (std::int64_t c = 0; c < job_.dimension; ++c) {
        const V a(x[c]), b = V::load(columns_ + c * size + j), near = a - b, far = a + b;
        square = fma(near, near, square);
        mirrored = fma(far, far, mirrored);
      }
      (job_.either_sign ? at_most(mirrored, square) : square).store(cost + j);
    }
  }

  const MatchJob& job_;
  int thread_;
  std::int64_t size_;
  double *columns_, *moved_, *cost_;
  Assignment<V> assignment_;
  std::int32_t *found_, *best_;
};

inline std::int64_t match_scratch(const MatchJob& job) { return Matching::scratch_size(job); }

inline void match(const MatchJob& job, std::int64_t first, std::int64_t last, double* scratch,
                  int thread) {
  Matching(job, scratch, thread).run(first, last);
}

SYMKERNEL_END_NAMESPACE
