// Building and checking the element arrays of an action.
#include <cmath>
#include <utility>

#include "orbit_sum.hpp"
#include "symkernel/error.hpp"
#include "symkernel/fourier_plan.hpp"

namespace symkernel {

namespace {

// Each row of `rows` must be a permutation of 0 .. columns - 1: the native loops index with it.
void require_permutations(MatrixView<const std::int32_t> rows, const char* message) {
  std::vector<std::int64_t> seen(static_cast<std::size_t>(rows.columns), -1);
  for (std::int64_t e = 0; e < rows.rows; ++e) {
    for (std::int64_t k = 0; k < rows.columns; ++k) {
      const std::int32_t i = rows(e, k);
      require(i >= 0 && i < rows.columns && seen[static_cast<std::size_t>(i)] != e, message);
      seen[static_cast<std::size_t>(i)] = e;
    }
  }
}

// Each row of `rows` must permute the points of every block among themselves.
void require_block_permutations(MatrixView<const std::int32_t> rows,
                                const std::vector<PointBlock>& blocks) {
  const char* message = "every row of rows must be a permutation of the points of each block";
  std::vector<std::int32_t> part;
  for (std::int64_t e = 0; e < rows.rows; ++e) {
    for (const PointBlock& b : blocks) {
      part.assign(rows.row(e) + b.first_point, rows.row(e) + b.first_point + b.points);
      require_permutations({part.data(), 1, b.points}, message);
    }
  }
}

// Terms of <h, M> where every entry of the matrices is 0, 1 or -1: the entries of [M; -M] to add.
// Empty if some entry is another, or the matrices differ in how many are not 0, or multiplying all
// of M is not dearer.
std::vector<std::int32_t> sign_terms(const std::vector<double>& h, std::int64_t entries) {
  std::vector<std::int32_t> terms;
  const std::int64_t rows = static_cast<std::int64_t>(h.size()) / entries;
  std::size_t per_row = 0;
  for (std::int64_t row = 0; row < rows; ++row) {
    for (std::int64_t k = 0; k < entries; ++k) {
      const double entry = h[static_cast<std::size_t>(row * entries + k)];
      if (entry == 0.0) continue;
      if (std::fabs(entry) != 1.0) return {};
      terms.push_back(static_cast<std::int32_t>(k + (entry < 0 ? entries : 0)));
    }
    if (row == 0) per_row = terms.size();
    if (terms.size() != per_row * static_cast<std::size_t>(row + 1)) return {};
  }
  if (per_row == 0 || static_cast<std::int64_t>(per_row) >= entries) return {};
  return terms;
}

}  // namespace

OrbitAction OrbitAction::signed_permutations(MatrixView<const std::int32_t> indices,
                                             const std::int8_t* signs) {
  require(indices.rows > 0 && indices.columns > 0, "indices must have at least one element");
  require(indices.columns <= (std::int64_t(1) << 30), "too many features");
  require_permutations(indices, "every row of indices must be a permutation of 0..d-1");
  OrbitAction a;
  a.kind_ = ActionKind::signed_permutations;
  a.order_ = indices.rows;
  a.d_ = indices.columns;
  const std::int64_t size = a.order_ * a.d_;
  a.rows_.assign(indices.data, indices.data + size);
  for (std::int64_t i = 0; signs != nullptr && i < size; ++i) {
    require(signs[i] == 1 || signs[i] == -1, "signs must be +1 or -1");
    if (signs[i] < 0) {
      a.has_signs_ = true;
      a.rows_[static_cast<std::size_t>(i)] += static_cast<std::int32_t>(a.d_);
    }
  }
  return a;
}

OrbitAction OrbitAction::matrices(MatrixView<const double> stacked) {
  require(stacked.columns > 0 && stacked.rows > 0 && stacked.rows % stacked.columns == 0,
          "matrices must have shape (order, d, d)");
  OrbitAction a;
  a.kind_ = ActionKind::matrices;
  a.d_ = stacked.columns;
  a.order_ = stacked.rows / stacked.columns;
  a.matrices_.assign(stacked.data, stacked.data + stacked.rows * stacked.columns);
  return a;
}

OrbitAction OrbitAction::points(MatrixView<const std::int32_t> rows,
                                MatrixView<const double> matrices, std::vector<std::int32_t> layout,
                                const std::vector<std::pair<std::int64_t, std::int64_t>>& blocks) {
  require(rows.rows > 0 && rows.columns > 0, "rows must have at least one element");
  require(matrices.rows > 0, "matrices must have at least one element");
  require(!blocks.empty(), "there must be at least one block");
  OrbitAction a;
  a.kind_ = ActionKind::points;
  for (const auto& [points, dimension] : blocks) {
    require(points > 0 && dimension > 0, "blocks must be pairs of positive numbers");
    PointBlock b;
    b.points = points;
    b.dimension = dimension;
    b.feature = a.d_;
    b.first_point = a.n_points_;
    b.entry = a.n_entries_;
    a.d_ += points * dimension;
    a.n_points_ += points;
    a.n_entries_ += dimension * dimension;
    a.blocks_.push_back(b);
  }
  require(rows.columns == a.n_points_, "rows must have one column per point");
  require(matrices.columns == a.n_entries_, "matrices must have one column per entry");
  require_block_permutations(rows, a.blocks_);
  require(static_cast<std::int64_t>(layout.size()) == a.d_,
          "layout must have one entry per feature");
  require_permutations({layout.data(), 1, a.d_}, "layout must be a permutation of 0..d-1");
  a.n_matrices_ = matrices.rows;
  a.order_ = rows.rows * a.n_matrices_;
  a.rows_.assign(rows.data, rows.data + rows.rows * rows.columns);
  a.matrices_.assign(matrices.data, matrices.data + matrices.rows * matrices.columns);
  a.layout_ = std::move(layout);
  a.terms_ = sign_terms(a.matrices_, a.n_entries_);
  return a;
}

void OrbitAction::set_basis(MatrixView<const double> basis) {
  require(kind_ == ActionKind::points && basis.rows == d_ && basis.columns == d_,
          "basis must have shape (d, d)");
  basis_.assign(basis.data, basis.data + d_ * d_);
  basis_entries_.clear();
  for (std::int64_t k = 0; k < d_; ++k) {
    for (std::int64_t c = 0; c < d_; ++c) {
      if (basis(k, c) != 0.0) basis_entries_.push_back({k, c, basis(k, c)});
    }
  }
}

OrbitAction OrbitAction::shifts(std::vector<std::int32_t> grid_shape,
                                MatrixView<const std::int32_t> maps,
                                std::vector<std::int32_t> layout) {
  const FourierPlan<double> plan(grid_shape);  // refuses what cannot be transformed
  require(maps.rows > 0 && maps.columns == plan.size(), "maps must have one column per grid point");
  require_permutations(maps, "every row of maps must be a permutation of the grid points");
  require(!layout.empty() && static_cast<std::int64_t>(layout.size()) % plan.size() == 0,
          "layout must have one entry per channel and grid point");
  OrbitAction a;
  a.kind_ = ActionKind::shifts;
  a.d_ = static_cast<std::int64_t>(layout.size());
  require_permutations({layout.data(), 1, a.d_}, "layout must be a permutation of 0..d-1");
  a.n_matrices_ = maps.rows;
  a.order_ = maps.rows * maps.columns;
  a.n_points_ = maps.columns;
  a.rows_.assign(maps.data, maps.data + a.order_);
  for (std::int64_t h = 0; h < maps.rows; ++h)  // throws for what is no automorphism
    plan.rows(std::vector<std::int32_t>(maps.row(h), maps.row(h) + maps.columns));
  a.layout_ = std::move(layout);
  a.grid_shape_ = std::move(grid_shape);
  return a;
}

namespace {

// Averages of one orbit are sums of the same numbers in another order, and differ by rounding: each
// takes the value of the first of its orbit, so that the group fixes the whole exactly. Elements
// are rows of `stride` numbers, the first `n` of which move blocks of r values; numbers from n on
// are negative copies.
void share_over_orbits(const std::int32_t* elements, std::int64_t order, std::int64_t stride,
                       std::int64_t n, std::int64_t r, double* values) {
  for (std::int64_t k = 0; k < n; ++k) {
    std::int64_t first = k;
    double sign = 1;
    bool negated = false;  // -k is in the orbit of k: the average is 0
    for (std::int64_t e = 0; e < order; ++e) {
      const std::int64_t row = elements[e * stride + k], at = row % n;
      negated = negated || (at == k && row >= n);
      if (at >= first) continue;
      first = at;
      sign = row < n ? 1 : -1;
    }
    for (std::int64_t c = 0; c < r; ++c)
      values[k * r + c] = negated ? 0.0 : sign * values[first * r + c];
  }
}

}  // namespace

void OrbitAction::average(const double* x, double* out) const {
  for (std::int64_t k = 0; k < d_; ++k) out[k] = 0;
  const double weight = 1.0 / static_cast<double>(order_);
  if (kind_ == ActionKind::signed_permutations) {
    for (std::int64_t i = 0; i < order_ * d_; ++i) {
      const std::int64_t row = rows_[static_cast<std::size_t>(i)];
      out[i % d_] += weight * (row < d_ ? x[row] : -x[row - d_]);
    }
    share_over_orbits(rows_.data(), order_, d_, d_, 1, out);
    return;
  }
  if (kind_ == ActionKind::matrices) {
    for (std::int64_t i = 0; i < order_ * d_ * d_; ++i)
      out[i / d_ % d_] += weight * matrices_[static_cast<std::size_t>(i)] * x[i % d_];
    return;
  }
  if (kind_ == ActionKind::shifts) {
    // Shifts alone already make every channel constant.
    for (std::int64_t c = 0; c < d_; c += n_points_) {
      double mean = 0;
      for (std::int64_t p = 0; p < n_points_; ++p)
        mean += x[layout_[static_cast<std::size_t>(c + p)]] / static_cast<double>(n_points_);
      for (std::int64_t p = 0; p < n_points_; ++p)
        out[layout_[static_cast<std::size_t>(c + p)]] = mean;
    }
    return;
  }
  // The average over S x H is the average over S after that over H.
  for (const PointBlock& b : blocks_) {
    const std::int64_t r = b.dimension, n_rows = order_ / n_matrices_;
    std::vector<double> point_sum(static_cast<std::size_t>(b.points * r));
    for (std::int64_t s = 0; s < n_rows; ++s) {
      for (std::int64_t i = 0; i < b.points * r; ++i) {
        const std::int64_t point =
            rows_[static_cast<std::size_t>(s * n_points_ + b.first_point + i / r)];
        const auto from = static_cast<std::size_t>(b.feature + point * r + i % r);
        point_sum[static_cast<std::size_t>(i)] += x[layout_[from]] / static_cast<double>(n_rows);
      }
    }
    share_over_orbits(rows_.data() + b.first_point, n_rows, n_points_, b.points, r,
                      point_sum.data());
    for (std::int64_t h = 0; h < n_matrices_; ++h) {
      const double* m = matrices_.data() + h * n_entries_ + b.entry;
      for (std::int64_t i = 0; i < b.points * r; ++i) {
        double sum = 0;
        for (std::int64_t c = 0; c < r; ++c)
          sum += m[i % r * r + c] * point_sum[static_cast<std::size_t>(i - i % r + c)];
        out[layout_[static_cast<std::size_t>(b.feature + i)]] +=
            sum / static_cast<double>(n_matrices_);
      }
    }
  }
}

}  // namespace symkernel
