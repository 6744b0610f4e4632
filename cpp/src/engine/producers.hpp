// Producers: for a column of tiles, the affine forms of every pair for every g, each handed to the
// sums it enters as soon as it exists. |G| n m numbers are never stored.
#pragma once

#include "engine/engine.hpp"
#include "engine/refine.hpp"
#include "engine/tile_product.hpp"
#include "symkernel/fourier.hpp"

namespace symkernel {
// Polls for interrupts on the calling thread; defined outside the per-ISA code.
bool stop_requested(StopToken* token, int thread);
}  // namespace symkernel

SYMKERNEL_BEGIN_NAMESPACE

// What long computations ask whether to go on.
struct StopQuestion {
  StopToken* token;
  int thread;
  bool operator()() const { return stop_requested(token, thread); }
};

// Elements of a point action are mapped in groups of this many rows of a scratch tile.
constexpr int point_chunk = 16;

// Sums over g for a range of x panels against one y panel: planes[plane][tile]. What is summed, and
// in how many planes, `Sums` decides (value_sums.hpp, gradient_sums.hpp).
template <class T, class Sums>
class Producers {
  using S = TileShape<T>;
  // Samples of x per pass over a y panel: adjacent samples of a panel of mr.
  static constexpr int step = point_samples<T>;
  static_assert(S::mr % step == 0, "samples of one pass lie in one panel");

 public:
  static std::int64_t planes(const Job<T>& job) { return Sums::planes(job); }
  static std::int64_t sums_size(const Job<T>& job, std::int64_t panels) {
    return panels * planes(job) * S::size;
  }
  // Panels of gy kept at a time: about a quarter of a megabyte, so that they stay in L2.
  static std::int64_t matrix_chunk(const Job<T>& job) {
    const std::int64_t bytes = job.g.d * S::nr * static_cast<std::int64_t>(sizeof(T));
    const std::int64_t fit = 262144 / (bytes > 0 ? bytes : 1);
    return fit < 1 ? 1 : (fit < job.g.order ? fit : job.g.order);
  }
  static std::int64_t scratch_size(const Job<T>& job) {
    std::int64_t size = point_chunk * S::nr + S::size + S::nr + 2 * S::mr;
    if (job.g.kind == ActionKind::matrices) size += matrix_chunk(job) * padded(job.g.d) * S::nr;
    if (job.g.kind == ActionKind::points) size += step * entries_stride(job);
    if (job.g.kind == ActionKind::shifts) size += 2 * S::width * job.g.transform.size;
    return size;
  }

  Producers(const Job<T>& job, Sums& sums, T* scratch, int thread)
      : job_(job), sums_(sums), thread_(thread), tile_(scratch) {
    zeros_ = tile_ + point_chunk * S::nr + S::size;
    for (int i = 0; i < S::nr + S::mr; ++i) zeros_[i] = T(0);
    row_bias_ = zeros_ + S::nr + S::mr;
    extra_ = row_bias_ + S::mr;
  }

  // Columns of tiles to take at once: there is nothing to gain.
  static std::int64_t span(const Job<T>&) { return 1; }

  // Returns false when the computation was stopped; sums are then incomplete.
  bool run(const Block& block, T* sums) {
    const std::int64_t size = sums_size(job_, block.p1 - block.p0);
    for (std::int64_t q = block.q; q < block.q1; ++q, sums += size) {
      if (!column(q, block.p0, block.p1, sums)) return false;
    }
    return true;
  }

 private:
  bool column(std::int64_t q, std::int64_t p0, std::int64_t p1, T* sums) {
    const std::int64_t size = sums_size(job_, p1 - p0);
    for (std::int64_t i = 0; i < size; ++i) sums[i] = T(0);
    sums_.begin(q, p0);
    switch (job_.g.kind) {
      case ActionKind::signed_permutations:
        return signed_permutations(q, p0, p1, sums);
      case ActionKind::matrices:
        return matrices(q, p0, p1, sums);
      case ActionKind::points:
        return points(q, p0, p1, sums);
      case ActionKind::shifts:
        return shifts(q, p0, p1, sums);
    }
    return false;
  }

  // M and its negated copy for one sample of x.
  static std::int64_t entries_stride(const Job<T>& job) { return 2 * job.g.n_entries * S::nr; }
  static std::int64_t padded(std::int64_t d) { return (d + S::mr - 1) / S::mr * S::mr; }
  const T* x_panel(std::int64_t p) const { return job_.x.panels + p * job_.x_depth * S::mr; }
  const T* y_panel(std::int64_t q) const { return job_.y.panels + q * job_.depth * S::nr; }

  // The clock is asked about once per 2^22 multiply-adds of this thread.
  bool stopped(std::int64_t work) {
    work_ += work;
    if (work_ < (std::int64_t(1) << 22)) return false;
    work_ = 0;
    return stop_requested(job_.token, thread_);
  }

  bool signed_permutations(std::int64_t q, std::int64_t p0, std::int64_t p1, T* sums) {
    const T* y = y_panel(q);
    const T* by = job_.y.bias + q * S::nr;
    for (std::int64_t p = p0; p < p1; ++p) {
      T* sum = sums + (p - p0) * planes(job_) * S::size;
      const std::int64_t count = panel_rows<T>(job_.x.n, p);
      const auto product = job_.manhattan ? product_of_rows<T, AbsoluteDifference, true>(count)
                                          : product_of_rows<T, MultiplyAdd, true>(count);
      for (std::int64_t e = 0; e < job_.g.order; ++e) {
        const std::int32_t* rows = job_.g.rows + e * job_.g.d;
        product(x_panel(p), y, rows, job_.g.d, job_.x.bias + p * S::mr, by, tile_);
        sums_.element(e, p, q, y, rows, tile_, sum);
        if (stopped(job_.g.d * count * S::nr)) return false;
      }
      sums_.elements_done(p, q);
    }
    return true;
  }

  bool matrices(std::int64_t q, std::int64_t p0, std::int64_t p1, T* sums) {
    const std::int64_t d = job_.g.d, rows = padded(d), chunk = matrix_chunk(job_);
    for (std::int64_t e0 = 0; e0 < job_.g.order; e0 += chunk) {
      const std::int64_t e1 = e0 + chunk < job_.g.order ? e0 + chunk : job_.g.order;
      for (std::int64_t e = e0; e < e1; ++e) {
        for (std::int64_t a = 0; a < rows; a += S::mr) {
          tile_product<T, MultiplyAdd, false>(job_.g.matrix_panels + (e * rows + a) * d, y_panel(q),
                                              nullptr, d, zeros_, zeros_,
                                              extra_ + ((e - e0) * rows + a) * S::nr);
        }
        if (stopped(d * d * S::nr)) return false;
      }
      for (std::int64_t p = p0; p < p1; ++p) {
        T* sum = sums + (p - p0) * planes(job_) * S::size;
        const auto product = product_of_rows<T, MultiplyAdd, false>(panel_rows<T>(job_.x.n, p));
        for (std::int64_t e = e0; e < e1; ++e) {
          const T* gy = extra_ + (e - e0) * rows * S::nr;
          product(x_panel(p), gy, nullptr, d, job_.x.bias + p * S::mr, job_.y.bias + q * S::nr,
                  tile_);
          sums_.element(e, p, q, gy, nullptr, tile_, sum);
          if (stopped(d * S::size)) return false;
        }
        sums_.elements_done(p, q);
      }
    }
    return true;
  }

  bool points(std::int64_t q, std::int64_t p0, std::int64_t p1, T* sums) {
    const Elements<T>& g = job_.g;
    const T* by = job_.y.bias + q * S::nr;
    const std::int64_t stride = entries_stride(job_);
    for (std::int64_t p = p0; p < p1; ++p) {
      for (int i = 0; i < S::mr; i += step) {
        const std::int64_t sample = p * S::mr + i;
        if (sample >= job_.x.n) break;
        if (job_.symmetric && sample >= (q + 1) * S::nr) break;  // below the diagonal
        T* sum = sums + (p - p0) * planes(job_) * S::size + i * S::nr;
        for (std::int64_t s = 0; s < g.n_row_permutations; ++s) {
          for (std::int64_t n = 0; n < g.n_blocks; ++n) {
            const PointBlock& b = g.blocks[n];
            point_product(x_panel(p) + b.feature * S::mr + i, S::mr, y_panel(q) + b.feature * S::nr,
                          g.point_rows + s * g.n_points + b.first_point, b.points, b.dimension,
                          extra_ + b.entry * S::nr, stride, job_.x.n - sample);
          }
          for (int l = 0; l < step && sample + l < job_.x.n; ++l) {
            if (g.point_terms != nullptr) {
              point_terms(s, sample + l, q, by, extra_ + l * stride, sum + l * S::nr);
            } else {
              point_matrices(s, sample + l, q, by, extra_ + l * stride, sum + l * S::nr);
            }
            sums_.point_rows_done(s, sample + l, q);
          }
          if (stopped((g.d + g.n_matrices * g.n_entries) * step * S::nr)) return false;
        }
      }
    }
    return true;
  }

  // <h, M> as a tile product: matrices h are the rows, M the panel.
  void point_matrices(std::int64_t s, std::int64_t sample, std::int64_t q, const T* by,
                      const T* entries, T* sum) {
    const Elements<T>& g = job_.g;
    for (int i = 0; i < S::mr; ++i) row_bias_[i] = job_.x.bias[sample];
    for (std::int64_t h = 0; h < g.n_matrices; h += S::mr) {
      const std::int64_t count = g.n_matrices - h < S::mr ? g.n_matrices - h : S::mr;
      const auto product = product_of_rows<T, MultiplyAdd, false>(count);
      product(g.point_panels + h * g.n_entries, entries, nullptr, g.n_entries, row_bias_, by,
              tile_);
      sums_.point_elements(s * g.n_matrices + h, count, sample, q, tile_, sum);
    }
  }

  // Matrices with entries 0, 1 and -1 add entries of [M; -M] instead of multiplying all of M.
  void point_terms(std::int64_t s, std::int64_t sample, std::int64_t q, const T* by, T* entries,
                   T* sum) {
    using V = typename S::V;
    const Elements<T>& g = job_.g;
    const std::int64_t size = g.n_entries * S::nr;
    for (std::int64_t i = 0; i < size; i += S::width)
      (-V::load(entries + i)).store(entries + size + i);
    const V bx(job_.x.bias[sample]);
    for (std::int64_t h = 0; h < g.n_matrices; h += point_chunk) {
      const std::int64_t count =
          g.n_matrices - h < point_chunk ? g.n_matrices - h : std::int64_t(point_chunk);
      for (std::int64_t c = 0; c < count; ++c) {
        const std::int32_t* terms = g.point_terms + (h + c) * g.n_terms;
        V sums[S::nv];
        SYMKERNEL_UNROLL
        for (int v = 0; v < S::nv; ++v)
          sums[v] = V::load(entries + static_cast<std::int64_t>(terms[0]) * S::nr + v * S::width);
        for (std::int64_t a = 1; a < g.n_terms; ++a) {
          const T* entry = entries + static_cast<std::int64_t>(terms[a]) * S::nr;
          SYMKERNEL_UNROLL
          for (int v = 0; v < S::nv; ++v) sums[v] = sums[v] + V::load(entry + v * S::width);
        }
        SYMKERNEL_UNROLL
        for (int v = 0; v < S::nv; ++v) {
          const V affine = (sums[v] + bx) + V::load(by + v * S::width);
          affine.store(tile_ + c * S::nr + v * S::width);
        }
      }
      sums_.point_elements(s * g.n_matrices + h, count, sample, q, tile_, sum);
    }
  }

  // All shifts of y against a pair of samples of x by one transform, for every map of the grid.
  bool shifts(std::int64_t q, std::int64_t p0, std::int64_t p1, T* sums) {
    const Elements<T>& g = job_.g;
    const std::int64_t size = g.transform.size, pair_size = 2 * size * g.channels;
    for (std::int64_t p = p0; p < p1; ++p) {
      for (int i = 0; i < S::mr; i += 2) {
        const std::int64_t sample = p * S::mr + i;
        if (sample >= job_.x.n) break;
        if (job_.symmetric && sample >= (q + 1) * S::nr) break;  // below the diagonal
        T* sum = sums + (p - p0) * planes(job_) * S::size + i * S::nr;
        const T* x = x_panel(p) + (i / 2) * pair_size;
        for (std::int64_t h = 0; h < g.n_maps; ++h) {
          for (int v = 0; v < S::nv; ++v) {
            const T* y = y_panel(q) + v * pair_size * S::width;
            correlate_pair(x, y, h, sample, q * S::nr + v * S::width, sum + v * S::width);
          }
        }
        if (stopped(g.n_maps * size * 16 * S::nr)) return false;
      }
    }
    return true;
  }

  void correlate_pair(const T* x, const T* y, std::int64_t h, std::int64_t sample, std::int64_t j,
                      T* sum) {
    using V = typename S::V;
    const Elements<T>& g = job_.g;
    const V by = V::load(job_.y.bias + j);
    const V bias[2] = {V(job_.x.bias[sample]) + by, V(job_.x.bias[sample + 1]) + by};
    // In single precision the bias would round every stage of the transform at its own size.
    constexpr bool bias_first = sizeof(T) == 8;
    const V zero(T(0));
    const SpectralProduct<V> product = {x,
                                        y,
                                        g.spectral_rows + h * g.transform.size,
                                        static_cast<int>(g.channels),
                                        bias_first ? bias[0] : zero,
                                        bias_first ? bias[1] : zero};
    const int samples = sample + 1 < job_.x.n ? 2 : 1;
    const auto consume = [&](T* values, std::int64_t first, std::int64_t count) {
      bool near[2] = {false, false};
      for (int l = 0; l < samples && (!bias_first || job_.refine); ++l)
        near[l] = complete_vectors(job_, sample + l, j, values + l * S::width, count, 2 * S::width,
                                   bias_first ? zero : bias[l]);
      sums_.shifts(h * g.transform.size + first, count, sample, samples, j, values, near, sum);
    };
    correlate<V>(g.transform, product, extra_, consume);
    sums_.shifts_done(h, sample, j);
  }

  const Job<T>& job_;
  Sums& sums_;
  int thread_;
  std::int64_t work_ = 0;
  T* tile_;      // affine forms of one element (or of point_chunk elements for one sample)
  T* zeros_;     // biases of products that have none
  T* row_bias_;  // one sample's bias, for every row of a tile of elements
  T* extra_;     // panels of gy, [M; -M], or a transform in work
};

SYMKERNEL_END_NAMESPACE
