// Squared distances from differences, for the few entries where |x|^2 + |y|^2 - 2 x.gy cancels.
//
// Which entries want it: symkernel/decide/refine.hpp.
#pragma once

#include "engine/engine.hpp"
#include "engine/tile_product.hpp"
#include "symkernel/decide/refine.hpp"

SYMKERNEL_BEGIN_NAMESPACE

// The grid point p + s, each coordinate modulo its axis.
template <class T>
SYMKERNEL_HD std::int32_t grid_sum(const Elements<T>& g, std::int32_t p, std::int32_t s) {
  std::int32_t sum = 0, stride = 1;
  for (int axis = g.grid_axes - 1; axis >= 0; --axis) {
    const std::int32_t n = g.grid_shape[axis];
    sum += (p % n + s % n) % n * stride;
    p /= n;
    s /= n;
    stride *= n;
  }
  return sum;
}

// Feature k of g y for element `e` of the job's action (point actions: e = s * n_matrices + h).
template <class T>
SYMKERNEL_HD double acted(const Elements<T>& g, std::int64_t e, const T* y, std::int64_t k) {
  switch (g.kind) {
    case ActionKind::signed_permutations: {
      const std::int64_t row = g.rows[e * g.d + k];
      return row < g.d ? static_cast<double>(y[row]) : -static_cast<double>(y[row - g.d]);
    }
    case ActionKind::matrices: {
      const T* m = g.matrices + (e * g.d + k) * g.d;
      double sum = 0;
      for (std::int64_t i = 0; i < g.d; ++i) sum += static_cast<double>(m[i]) * y[i];
      return sum;
    }
    case ActionKind::shifts: {
      const std::int64_t n = g.transform.size;
      const std::int32_t* map = g.grid_maps + e / n * n;
      const std::int32_t moved =
          map[grid_sum(g, static_cast<std::int32_t>(k % n), g.shifts[e % n])];
      return static_cast<double>(y[g.grid_features[k / n * n + moved]]);
    }
    case ActionKind::points:
      break;
  }
  // k counts in layout order here: find its block, then point and component
  std::int64_t n = 0;
  while (k >= g.blocks[n].feature + g.blocks[n].points * g.blocks[n].dimension) ++n;
  const PointBlock& block = g.blocks[n];
  const std::int64_t r = block.dimension, at = k - block.feature;
  const std::int32_t* rows = g.point_rows + (e / g.n_matrices) * g.n_points + block.first_point;
  const T* m = g.point_matrices + (e % g.n_matrices) * g.n_entries + block.entry + at % r * r;
  double sum = 0;
  for (std::int64_t b = 0; b < r; ++b)
    sum += static_cast<double>(m[b]) * y[g.layout[block.feature + rows[at / r] * r + b]];
  return sum;
}

// The feature that counts as number k above.
template <class T>
SYMKERNEL_HD std::int64_t feature_of(const Elements<T>& g, std::int64_t k) {
  if (g.kind == ActionKind::points) return g.layout[k];
  return g.kind == ActionKind::shifts ? g.grid_features[k] : k;
}

// sum_k (x_k + sign * (gy)_k)^2 of samples i and j, of their unit vectors where the kernel has
// those.
template <class T>
SYMKERNEL_HD double acted_square(const Job<T>& job, std::int64_t e, std::int64_t i, std::int64_t j,
                                 double sign) {
  const Elements<T>& g = job.g;
  const T* x = job.x.rows + i * g.d;
  const T* y = job.y.rows + j * g.d;
  const double x_scale = job.unit_rows ? job.x.inverse_norm[i] : 1.0;
  const double y_scale = (job.unit_rows ? job.y.inverse_norm[j] : 1.0) * sign;
  double sum = 0;
  for (std::int64_t k = 0; k < g.d; ++k) {
    const double xk = x[feature_of(g, k)];
    const double difference = xk * x_scale + acted(g, e, y, k) * y_scale;
    sum += difference * difference;
  }
  return sum;
}

// The affine form of samples i, j and element e from the rows themselves; at the antipode the
// square of the sum, marked by its sign: 0 marks nothing and needs no mark.
template <class T>
SYMKERNEL_HD T form_from_rows(const Job<T>& job, std::int64_t e, std::int64_t i, std::int64_t j,
                              bool opposite) {
  if (!opposite) return static_cast<T>(job.self * acted_square(job, e, i, j, -1.0));
  const T far = static_cast<T>(-acted_square(job, e, i, j, 1.0));
  return far < T(0) ? far : T(4);
}

// Of samples whose norms are scale in units of the affine form.
template <class T>
SYMKERNEL_INLINE T coincidence(const Job<T>& job, T scale) {
  return coincidence<T>((scale < T(0) ? -scale : scale) + static_cast<T>(job.offset));
}

// Where an affine form comes from: itself, the difference x - gy, or the sum x + gy.
enum class Refined { none, difference, sum };

// a is the affine form of pair (i, j) and g, scale what it is at x.gy = 0; both may be negative.
template <class T>
Refined refine_entry(const Job<T>& job, std::int64_t e, std::int64_t i, std::int64_t j, T scale,
                     T& a) {
  const T sign = job.self < 0 ? T(-1) : T(1);
  const bool near = a * sign < near_limit<T>(scale * sign, static_cast<T>(job.harmless));
  if (!near && !(job.unit_rows && a > opposite_limit<T>(scale))) return Refined::none;
  a = form_from_rows(job, e, i, j, !near);
  return near ? Refined::difference : Refined::sum;
}

// Does a row have entries that want it? Sample i against the samples j0 .. of y in one vector.
template <class T>
SYMKERNEL_INLINE bool wants_refinement(const Job<T>& job, std::int64_t i, std::int64_t j0,
                                       const T* a) {
  using V = typename TileShape<T>::V;
  const V sign(job.self < 0 ? T(-1) : T(1));
  const V values = V::load(a) * sign;
  const V scale = (V(job.x.bias[i]) + V::load(job.y.bias + j0)) * sign;
  return any(values, near_limit<T>(scale, static_cast<T>(job.harmless))) ||
         (job.unit_rows && any(opposite_limit<T>(scale), values));
}

// Adjacent entries of a row, one vector: sample i against samples j0 .. of y.
template <class T>
void refine_vector(const Job<T>& job, std::int64_t e, std::int64_t i, std::int64_t j0, T* a) {
  using V = typename TileShape<T>::V;
  if (!wants_refinement(job, i, j0, a)) return;
  const T bx = job.x.bias[i];
  for (int l = 0; l < V::width; ++l) {
    if (j0 + l < job.y.n) refine_entry(job, e, i, j0 + l, bx + job.y.bias[j0 + l], a[l]);
  }
}

// Adds `bias` to `count` vectors of affine forms, `stride` apart: sample i against the samples
// j0 .. of y in one vector. Returns whether any of them may want refinement, or be of samples that
// coincide: one look at the extremes spares a look at every vector.
template <class T, class V>
SYMKERNEL_INLINE bool complete_vectors(const Job<T>& job, std::int64_t i, std::int64_t j0, T* a,
                                       std::int64_t count, std::int64_t stride, V bias) {
  const V sign(job.self < 0 ? T(-1) : T(1));
  V least = (V::load(a) + bias) * sign, most = least;
  for (std::int64_t c = 0; c < count; ++c) {
    const V value = V::load(a + c * stride) + bias, square = value * sign;
    value.store(a + c * stride);
    least = at_most(square, least);
    most = at_least(square, most);
  }
  if (!job.refine) return false;
  const V scale = (V(job.x.bias[i]) + V::load(job.y.bias + j0)) * sign;
  return any(least, at_least(scale * V(refine_share<T>), V(coincidence(job, T(0))))) ||
         (job.unit_rows && any(scale * V(T(2) - antipode_share<T>), most));
}

// One row of a tile: nr entries.
template <class T>
void refine_row(const Job<T>& job, std::int64_t e, std::int64_t i, std::int64_t j0, T* a) {
  using S = TileShape<T>;
  if (i >= job.x.n) return;
  for (int v = 0; v < S::nv; ++v) refine_vector(job, e, i, j0 + v * S::width, a + v * S::width);
}

SYMKERNEL_END_NAMESPACE
