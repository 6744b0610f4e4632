// K(x, x) for nr samples at a time, lanes over samples: O(n) pairs, the Gram matrix is not formed.
#pragma once

#include "engine/gradient_sums.hpp"

SYMKERNEL_BEGIN_NAMESPACE

// t[j] = sum_k x_k (gx)_k, or sum_k |x_k - (gx)_k|, over the panel of samples itself.
template <class T, class Operation>
void diagonal_product(const T* x, const T* gx, const std::int32_t* rows, std::int64_t d, T* t) {
  using S = TileShape<T>;
  using V = typename S::V;
  V sum[S::nv];
  for (int v = 0; v < S::nv; ++v) sum[v] = V(T(0));
  for (std::int64_t k = 0; k < d; ++k) {
    const T* xk = x + k * S::nr;
    const T* gk = gx + (rows != nullptr ? static_cast<std::int64_t>(rows[k]) : k) * S::nr;
    for (int v = 0; v < S::nv; ++v)
      sum[v] = Operation::apply(V::load(xk + v * S::width), V::load(gk + v * S::width), sum[v]);
  }
  for (int v = 0; v < S::nv; ++v) sum[v].store(t + v * S::width);
}

// Planes of sums: the value, then derivatives for hyperparameters or length scales per feature; or
// for the features of the first argument of K, and what multiplies x beside them.
template <class T>
std::int64_t diagonal_planes(const Job<T>& job) {
  if (job.output == Output::gradient) return 1 + job.gradients;
  if (job.output == Output::gradient_x) return 2 + job.g.d;
  return job.output == Output::ard ? 1 + job.g.d : 1;
}

// Scratch: affine forms, planes of sums, a panel of gx and a row of radial coefficients.
template <class T>
std::int64_t diagonal_scratch(const Job<T>& job) {
  return (2 + diagonal_planes(job) + job.g.d) * TileShape<T>::nr;
}

template <class T>
class Diagonal {
  using S = TileShape<T>;
  using V = typename S::V;

 public:
  Diagonal(const Job<T>& job, std::int64_t q, T* scratch, int thread)
      : job_(job), maps_(maps_of<T>(job.kernel)), thread_(thread), q_(q) {
    t_ = scratch;
    sums_ = t_ + S::nr;
    gx_ = sums_ + diagonal_planes(job) * S::nr;
    radial_ = gx_ + job.g.d * S::nr;
    x_ = job.y.panels + q * job.depth * S::nr;
  }

  void run() {
    for (std::int64_t i = 0; i < diagonal_planes(job_) * S::nr; ++i) sums_[i] = T(0);
    const Elements<T>& g = job_.g;
    for (std::int64_t e = 0; e < g.order; ++e) {
      const std::int32_t* rows = nullptr;
      const T* gx = gx_;
      if (g.kind == ActionKind::signed_permutations) {
        rows = g.rows + e * g.d;
        gx = x_;
      } else {
        transform(e);
      }
      if (job_.manhattan) {
        diagonal_product<T, AbsoluteDifference>(x_, gx, rows, g.d, t_);
      } else {
        diagonal_product<T, MultiplyAdd>(x_, gx, rows, g.d, t_);
        affine(e);
      }
      if (job_.output == Output::ard) {
        maps_.slope(job_.parameters, weights_from(job_, e)[0], t_, S::nr, sums_);
        add_weighted_squares(gx, rows);
      } else if (job_.output == Output::gradient_x) {
        add_derivatives(e, gx, rows);
      } else {
        const auto map = job_.output == Output::gradient ? maps_.gradient : maps_.value;
        map(job_.parameters, weights_from(job_, e), t_, S::nr, 1, S::nr, sums_, S::nr);
      }
      if ((e & 1023) == 1023 && stop_requested(job_.token, thread_)) return;
    }
    write();
  }

 private:
  void affine(std::int64_t e) {
    const T* bx = job_.x.bias + q_ * S::nr;
    const T* by = job_.y.bias + q_ * S::nr;
    for (int j = 0; j < S::nr; ++j) {
      t_[j] = static_cast<T>(job_.cross) * t_[j] + (bx[j] + by[j]);
      const std::int64_t i = q_ * S::nr + j;
      if (job_.refine && i < job_.x.n) refine_entry(job_, e, i, i, bx[j] + by[j], t_[j]);
    }
  }

  void add_weighted_squares(const T* gx, const std::int32_t* rows) {
    for (std::int64_t k = 0; k < job_.g.d; ++k) {
      const T* gk = gx + (rows != nullptr ? static_cast<std::int64_t>(rows[k]) : k) * S::nr;
      for (int j = 0; j < S::nr; ++j) {
        const T difference = x_[k * S::nr + j] - gk[j];
        sums_[(1 + k) * S::nr + j] += t_[j] * difference * difference;
      }
    }
  }

  // The lanes of row k of a panel of gx.
  static const T* moved(const T* gx, const std::int32_t* rows, std::int64_t k) {
    return gx + (rows != nullptr ? static_cast<std::int64_t>(rows[k]) : k) * S::nr;
  }

  // Values, and derivatives for the first argument: coefficients times gx - x for kernels of the
  // distance and unit rows (near the antipode gx + x: what is parallel to x does not count there).
  void add_derivatives(std::int64_t e, const T* gx, const std::int32_t* rows) {
    T multiple[S::nr];  // of x that is subtracted
    for (int j = 0; j < S::nr; ++j) {
      multiple[j] = T(job_.self == 0 ? 0 : job_.unit_rows && far(t_[j]) ? -1 : 1);
      if (multiple[j] != T(0) && is_coincident(j)) t_[j] = far(t_[j]) ? T(4) : T(0);
    }
    const Weights<T> weights = weights_from(job_, e);
    maps_.value(job_.parameters, weights, t_, S::nr, 1, S::nr, sums_, S::nr);
    maps_.derivative(job_.parameters, t_, S::nr, radial_);
    for (int j = 0; j < S::nr && job_.weight_step != 0; ++j) {
      t_[j] *= weights[0];
      radial_[j] *= weights[0];
    }
    for (std::int64_t k = 0; k < job_.g.d; ++k) {
      const T *gk = moved(gx, rows, k), *x = x_ + k * S::nr;
      T* sum = sums_ + (1 + k) * S::nr;
      for (int j = 0; j < S::nr; ++j) {
        const T sign = T((x[j] > gk[j]) - (x[j] < gk[j]));
        sum[j] += t_[j] * (job_.manhattan ? sign : gk[j] - multiple[j] * x[j]);
      }
    }
    T* radial = sums_ + (1 + job_.g.d) * S::nr;
    for (int j = 0; j < S::nr && job_.unit_rows; ++j) radial[j] += radial_[j];
  }
  bool far(T a) const { return job_.unit_rows && (a < T(0) || a > T(2)); }
  bool is_coincident(int j) const {
    if (!job_.refine) return false;
    const T scale = job_.x.bias[q_ * S::nr + j] + job_.y.bias[q_ * S::nr + j], a = t_[j];
    return (a < T(0) ? -a : (far(a) ? T(4) - a : a)) <= coincidence(job_, scale);
  }

  // gx_ = panel of g x.
  void transform(std::int64_t e) {
    const Elements<T>& g = job_.g;
    if (g.kind == ActionKind::matrices) {
      multiply(g.matrices + e * g.d * g.d, g.d, x_, gx_);
      return;
    }
    const std::int32_t* rows = g.point_rows + (e / g.n_matrices) * g.n_points;
    const T* matrices = g.point_matrices + (e % g.n_matrices) * g.n_entries;
    for (std::int64_t n = 0; n < g.n_blocks; ++n) {
      const PointBlock& block = g.blocks[n];
      for (std::int64_t p = 0; p < block.points; ++p) {
        const std::int64_t from = block.feature + rows[block.first_point + p] * block.dimension;
        multiply(matrices + block.entry, block.dimension, x_ + from * S::nr,
                 gx_ + (block.feature + p * block.dimension) * S::nr);
      }
    }
  }

  // out[a] = sum_b m[a][b] in[b], rows of a panel.
  static void multiply(const T* m, std::int64_t r, const T* in, T* out) {
    for (std::int64_t a = 0; a < r; ++a) {
      for (int v = 0; v < S::nv; ++v) {
        V sum(T(0));
        for (std::int64_t b = 0; b < r; ++b)
          sum = fma(V(m[a * r + b]), V::load(in + b * S::nr + v * S::width), sum);
        sum.store(out + a * S::nr + v * S::width);
      }
    }
  }

  void write() {
    const T mean = static_cast<T>(1.0 / static_cast<double>(job_.g.order));
    for (int j = 0; j < S::nr && q_ * S::nr + j < job_.x.n; ++j) {
      const std::int64_t i = q_ * S::nr + j;
      T scale = mean;
      if (job_.x.weight != nullptr) scale = mean * job_.x.weight[i] * job_.y.weight[i];
      job_.k[i] = sums_[j] * scale;
      const std::int64_t derivatives = diagonal_planes(job_) - 1;
      if (job_.output == Output::gradient_x) {
        const bool points = job_.g.kind == ActionKind::points;
        for (std::int64_t c = 0; c < derivatives; ++c) {
          const std::int64_t feature = points && c < job_.g.d ? job_.g.layout[c] : c;
          job_.dk[i * derivatives + feature] = sums_[(1 + c) * S::nr + j] * mean;
        }
        continue;
      }
      for (std::int64_t c = 0; c < derivatives; ++c)
        job_.dk[i * derivatives + c] = sums_[(1 + c) * S::nr + j] * scale;
    }
  }

  const Job<T>& job_;
  Maps<T> maps_;
  int thread_;
  std::int64_t q_;
  T* t_;
  T* sums_;
  T* gx_;
  T* radial_;
  const T* x_;
};

SYMKERNEL_END_NAMESPACE
