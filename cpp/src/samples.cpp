#include "samples.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "orbit_sum.hpp"
#include "symkernel/error.hpp"

namespace symkernel {

namespace {

constexpr std::int64_t packing_share = 64, spectra_share = 2;  // panels packed per task
constexpr std::int64_t row_share = 128;                        // rows prepared per task

std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

}  // namespace

template <class T>
Samples<T>::Samples(std::shared_ptr<const ActionTables<T>> tables, SampleKind kind,
                    MatrixView<const T> rows, const std::vector<double>* center, bool kept,
                    int threads, StopToken& token)
    : tables_(std::move(tables)), kind_(kind), given_(rows), kept_(kept) {
  if (center != nullptr) {
    center_ = *center;
  } else {
    find_center();
  }
  prepare_rows(threads, token);
}

// The mean of the samples, averaged over the group: subtracting it changes no distance |x - gy|,
// and what is left has the spread of the data instead of their offset, so squares cancel less.
template <class T>
void Samples<T>::find_center() {
  center_.assign(static_cast<std::size_t>(given_.columns), 0.0);
  if (!kind_.centred || given_.rows == 0) return;
  const std::int64_t d = given_.columns;
  std::vector<double> mean(center_);
  for (std::int64_t i = 0; i < given_.rows; ++i) {
    for (std::int64_t k = 0; k < d; ++k) mean[static_cast<std::size_t>(k)] += given_(i, k);
  }
  for (double& value : mean) {
    value /= static_cast<double>(given_.rows);
    mean_square_ += value * value;
  }
  const std::vector<double>& basis = tables_->action().basis();
  if (!basis.empty()) {
    std::vector<double> turned(mean.size());
    for (std::size_t k = 0; k < mean.size(); ++k) {
      for (std::size_t c = 0; c < mean.size(); ++c)
        turned[c] += mean[k] * basis[k * mean.size() + c];
    }
    mean = turned;
  }
  tables_->action().average(mean.data(), center_.data());
}

// Rows, squared norms and weights: rows shifted to the center, or of unit length, or as they are.
template <class T>
void Samples<T>::prepare_rows(int threads, StopToken& token) {
  const Engine<T>& engine = tables_->engine();
  const std::int64_t n = given_.rows, d = given_.columns;
  const bool turned = !tables_->action().basis().empty();
  const bool copy = kind_.unit_rows || kind_.centred || turned;
  if (turned) turned_ = Buffer<T>(n * d);
  if (copy) rows_ = Buffer<T>(n * d);
  if (kind_.unit_rows) inverse_norm_ = Buffer<double>(n);
  if (kind_.power > 0) weight_ = Buffer<T>(n + 2 * (engine.mr + engine.nr));
  squares_ = Buffer<double>(n);
  auto body = [&](std::int64_t task, int) {
    const std::int64_t end = std::min(n, (task + 1) * row_share);
    for (std::int64_t i = task * row_share; i < end; ++i) {
      T* to = copy ? rows_.data() + i * d : nullptr;
      if (turned) turn_row(given_.row(i), turned_.data() + i * d);
      prepare_row(turned ? turned_.data() + i * d : given_.row(i), i, to);
    }
  };
  parallel_for(ceil_div(n, row_share), threads, token, body);
  if (token.stopped()) throw Interrupted();
  for (std::int64_t i = 0; i < n; ++i) largest_square_ = std::max(largest_square_, squares_[i]);
}

// to = from times the basis of the action's blocks.
template <class T>
void Samples<T>::turn_row(const T* from, T* to) const {
  const std::int64_t d = given_.columns;
  std::vector<double> sum(static_cast<std::size_t>(d));
  for (const auto& entry : tables_->action().basis_entries())
    sum[static_cast<std::size_t>(entry.column)] += from[entry.row] * entry.value;
  for (std::int64_t c = 0; c < d; ++c) to[c] = static_cast<T>(sum[static_cast<std::size_t>(c)]);
}

template <class T>
void Samples<T>::prepare_row(const T* from, std::int64_t i, T* to) {
  const std::int64_t d = given_.columns;
  double square = 0;
  for (std::int64_t k = 0; k < d; ++k) {
    const double value = from[k] - center_[static_cast<std::size_t>(k)];
    // the square must be that of the rounded row, or distances between equal rows are not 0
    const double kept = to == nullptr ? value : static_cast<double>(static_cast<T>(value));
    if (to != nullptr) to[k] = static_cast<T>(value);
    square += kept * kept;
  }
  if (kind_.unit_rows) {
    const double norm = std::sqrt(square);
    const double scale = norm > 0 ? 1.0 / norm : 0.0;
    for (std::int64_t k = 0; k < d; ++k) to[k] = static_cast<T>(from[k] * scale);
    inverse_norm_[i] = scale;
    if (kind_.power > 0) weight_[i] = static_cast<T>(std::pow(norm, kind_.power));
    square = 1.0;  // a zero row keeps it: its angle to everything is then pi/2
  }
  squares_[i] = square;
}

template <class T>
PreparedOperand<T> Samples<T>::operand(Side side, double scale, double self, double constant,
                                       bool packed, int threads, StopToken& token) const {
  PreparedOperand<T> out;
  Operand<T>& o = out.operand;
  o.n = given_.rows;
  // Where rows are made unit rows, refinement wants them as they were, and their norms.
  o.rows = turned_.size() > 0 ? turned_.data() : given_.data;
  if (rows_.size() > 0 && !kind_.unit_rows) o.rows = rows_.data();
  o.inverse_norm = inverse_norm_.data();
  o.weight = kind_.power > 0 ? weight_.data() : nullptr;
  const std::lock_guard<std::mutex> lock(mutex_);
  out.bias = bias(side, self, constant);
  o.bias = out.bias->data();
  if (!packed) return out;
  out.panels = panels(side, scale, threads, token);
  o.panels = out.panels->data();
  return out;
}

template <class T>
typename Samples<T>::Shared Samples<T>::bias(Side side, double self, double constant) const {
  Bias& last = bias_[static_cast<int>(side)];
  if (last.values != nullptr && last.self == self && last.constant == constant) return last.values;
  const Engine<T>& engine = tables_->engine();
  Buffer<T> values(given_.rows + 2 * (engine.mr + engine.nr));
  for (std::int64_t i = 0; i < given_.rows; ++i) {
    values[i] = static_cast<T>(self * squares_[i]);
    if (constant != 0.0) values[i] = static_cast<T>(values[i] + constant);
  }
  last = {std::make_shared<const Buffer<T>>(std::move(values)), self, constant};
  return last.values;
}

template <class T>
typename Samples<T>::Shared Samples<T>::panels(Side side, double scale, int threads,
                                               StopToken& token) const {
  Panels& own = panels_[static_cast<int>(side)];
  if (own.scaled != nullptr && own.scale == scale) return own.scaled;
  if (!kept_) {
    own = {{}, pack(side, scale, threads, token), scale};
    return own.scaled;
  }
  if (own.plain == nullptr) own.plain = pack(side, 1.0, threads, token);
  if (scale == 1.0) return own.plain;
  const std::int64_t size = own.plain->size();
  constexpr std::int64_t share = std::int64_t(1) << 16;
  Buffer<T> scaled(size);
  const T* from = own.plain->data();
  const T factor = static_cast<T>(scale);
  auto body = [&](std::int64_t task, int) {
    const std::int64_t end = std::min(size, (task + 1) * share);
    for (std::int64_t k = task * share; k < end; ++k) scaled[k] = factor * from[k];
  };
  parallel_for(ceil_div(size, share), threads, token, body);
  if (token.stopped()) throw Interrupted();
  own.scaled = std::make_shared<const Buffer<T>>(std::move(scaled));
  own.scale = scale;
  return own.scaled;
}

template <class T>
typename Samples<T>::Shared Samples<T>::pack(Side side, double scale, int threads,
                                             StopToken& token) const {
  const Engine<T>& engine = tables_->engine();
  const Elements<T>& g = tables_->elements();
  const bool spectra = g.kind == ActionKind::shifts, negated = side == Side::y && g.has_signs;
  const std::int64_t n = given_.rows, d = given_.columns;
  const int width = side == Side::x ? engine.mr : engine.nr;
  const std::int64_t depth = negated || (spectra && side == Side::y) ? 2 * d : d;
  const std::int64_t panels = ceil_div(n, width), size = width * depth;
  const std::int64_t scratch = spectra ? engine.spectra_scratch(g) : 0;
  const std::int64_t share = spectra ? spectra_share : packing_share;
  Buffer<T> out(panels * size), work(scratch * threads);
  auto body = [&](std::int64_t task, int thread) {
    const std::int64_t end = std::min(panels, (task + 1) * share);
    for (std::int64_t p = task * share; p < end; ++p) {
      T *to = out.data() + p * size, *own = work.data() + thread * scratch;
      if (!spectra) {
        engine.pack(packed_rows(), n, d, g.layout, scale, negated, width, p, to);
      } else if (side == Side::x) {
        engine.pack_pair_spectra(packed_rows(), n, g, scale, p, to, own);
      } else {
        engine.pack_spectra(packed_rows(), n, g, p, to, own);
      }
    }
  };
  parallel_for(ceil_div(panels, share), threads, token, body);
  if (token.stopped()) throw Interrupted();
  ++packings_;
  return std::make_shared<const Buffer<T>>(std::move(out));
}

template class Samples<double>;
template class Samples<float>;

}  // namespace symkernel
