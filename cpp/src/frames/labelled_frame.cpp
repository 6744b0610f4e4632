#include "frames/labelled_frame.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace symkernel {

namespace {

// Not a ratio of lengths that symmetric clouds have, as 1/2 is.
constexpr double far_enough = 0.553;

double dot(const double* a, const double* b, int d) {
  double sum = 0;
  for (int j = 0; j < d; ++j) sum += a[j] * b[j];
  return sum;
}

// Takes from v what it has in common with the first `count` orthonormal rows, twice.
void reduce(double* v, const double* rows, int count, int d) {
  for (int pass = 0; pass < 2; ++pass) {
    for (int k = 0; k < count; ++k) {
      const double* row = rows + static_cast<std::size_t>(k) * d;
      const double along = dot(row, v, d);
      for (int j = 0; j < d; ++j) v[j] -= along * row[j];
    }
  }
}

// Sign of the determinant of an orthogonal matrix, by elimination.
double orientation(std::vector<double> a, int d) {
  double sign = 1;
  const auto n = static_cast<std::size_t>(d);
  for (std::size_t k = 0; k < n; ++k) {
    std::size_t pivot = k;
    for (std::size_t i = k + 1; i < n; ++i)
      if (std::fabs(a[i * n + k]) > std::fabs(a[pivot * n + k])) pivot = i;
    if (pivot != k) {
      std::swap_ranges(&a[k * n], &a[k * n] + n, &a[pivot * n]);
      sign = -sign;
    }
    const double head = a[k * n + k];
    if (head < 0) sign = -sign;
    for (std::size_t i = k + 1; i < n; ++i) {
      const double factor = a[i * n + k] / head;
      for (std::size_t j = k; j < n; ++j) a[i * n + j] -= factor * a[k * n + j];
    }
  }
  return sign;
}

}  // namespace

template <class T>
Cloud read_cloud(const FrameJob<T>& job, std::int64_t sample) {
  Cloud cloud;
  cloud.points = job.points;
  cloud.dim = job.dim;
  const auto d = static_cast<std::size_t>(job.dim), size = static_cast<std::size_t>(job.points) * d;
  const T* source = job.clouds + sample * static_cast<std::int64_t>(size);
  cloud.x.resize(size);
  double largest = 0;
  for (std::size_t j = 0; j < size; ++j)
    largest = std::max(largest, std::fabs(static_cast<double>(source[j])));
  const int exponent = largest == 0 ? 0 : std::clamp(std::ilogb(largest), -1000, 1000);
  cloud.unit = std::ldexp(1.0, -exponent);
  for (std::size_t j = 0; j < size; ++j) cloud.x[j] = static_cast<double>(source[j]) * cloud.unit;
  cloud.centre.assign(d, 0.0);
  if (job.centred) {
    for (int pass = 0; pass < 2; ++pass) {
      for (std::size_t j = 0; j < d; ++j) {
        double sum = 0;
        for (std::size_t i = j, k = 0; i < size; i += d, ++k) sum += job.weights[k] * cloud.x[i];
        const double mean = sum / job.total;
        for (std::size_t i = j; i < size; i += d) cloud.x[i] -= mean;
        cloud.centre[j] += mean;
      }
    }
    cloud.thin = 16 * static_cast<double>(std::numeric_limits<T>::epsilon()) * std::sqrt(job.total);
  }
  for (std::size_t i = 0, k = 0; i < size; i += d, ++k)
    cloud.size += job.weights[k] * dot(&cloud.x[i], &cloud.x[i], job.dim);
  cloud.size = std::sqrt(cloud.size);
  cloud.thin = std::max(cloud.thin, job.null * cloud.size);
  for (double& value : cloud.centre) value /= cloud.unit;
  return cloud;
}

template <class T>
void write_cloud(const FrameJob<T>& job, std::int64_t sample, const Cloud& cloud,
                 const std::vector<double>& axes, const std::vector<double>& y) {
  const double back = 1.0 / cloud.unit;
  std::transform(y.begin(), y.end(), job.coordinates + sample * static_cast<std::int64_t>(y.size()),
                 [back](double value) { return static_cast<T>(value * back); });
  std::copy(axes.begin(), axes.end(), job.axes + sample * static_cast<std::int64_t>(axes.size()));
  std::copy(cloud.centre.begin(), cloud.centre.end(), job.centres + sample * cloud.dim);
}

SpannedFrame::SpannedFrame(const Cloud& cloud)
    : cloud_(&cloud), rests_(cloud.x), lengths_(static_cast<std::size_t>(cloud.points)) {
  axes_.reserve(static_cast<std::size_t>(cloud.dim) * static_cast<std::size_t>(cloud.dim));
  measure();
}

void SpannedFrame::measure() {
  const auto d = static_cast<std::size_t>(cloud_->dim);
  for (std::size_t i = 0; i < lengths_.size(); ++i)
    lengths_[i] = std::sqrt(dot(&rests_[i * d], &rests_[i * d], cloud_->dim));
}

double SpannedFrame::largest_rest() const {
  return lengths_.empty() ? 0.0 : *std::max_element(lengths_.begin(), lengths_.end());
}

void SpannedFrame::add(int point) {
  const int d = cloud_->dim;
  const auto width = static_cast<std::size_t>(d), at = static_cast<std::size_t>(point) * width;
  std::vector<double> axis(rests_.begin() + static_cast<std::ptrdiff_t>(at),
                           rests_.begin() + static_cast<std::ptrdiff_t>(at + width));
  for (double& value : axis) value /= rest(point);
  reduce(axis.data(), axes_.data(), rank_, d);
  const double length = std::sqrt(dot(axis.data(), axis.data(), d));
  for (double& value : axis) value /= length;
  axes_.insert(axes_.end(), axis.begin(), axis.end());
  ++rank_;
  for (std::size_t i = 0; i < lengths_.size(); ++i)
    reduce(&rests_[i * width], axes_.data() + axes_.size() - width, 1, d);
  measure();
}

std::vector<double> SpannedFrame::axes(bool proper) const {
  const int d = cloud_->dim;
  const auto width = static_cast<std::size_t>(d);
  std::vector<double> all(axes_);
  std::vector<double> best(width), trial(width);
  for (int k = rank_; k < d; ++k) {
    double longest = -1;
    for (std::size_t j = 0; j < width; ++j) {
      std::fill(trial.begin(), trial.end(), 0.0);
      trial[j] = 1;
      reduce(trial.data(), all.data(), k, d);
      const double length = dot(trial.data(), trial.data(), d);
      if (length > longest) {
        longest = length;
        best = trial;
      }
    }
    for (double& value : best) value /= std::sqrt(longest);
    reduce(best.data(), all.data(), k, d);
    all.insert(all.end(), best.begin(), best.end());
  }
  if (proper && orientation(all, d) < 0)
    std::for_each(all.end() - d, all.end(), [](double& value) { value = -value; });
  return all;
}

std::vector<double> coordinates(const Cloud& cloud, const std::vector<double>& axes) {
  const int d = cloud.dim;
  std::vector<double> y(cloud.x.size());
  for (int i = 0; i < cloud.points; ++i) {
    for (int k = 0; k < d; ++k)
      y[static_cast<std::size_t>(i) * d + k] =
          dot(&axes[static_cast<std::size_t>(k) * d], cloud.point(i), d);
  }
  return y;
}

std::vector<double> labelled_frame(const Cloud& cloud, const double* weights, bool proper,
                                   double& margin, int& rank) {
  SpannedFrame frame(cloud);
  margin = std::numeric_limits<double>::infinity();
  const int steps = cloud.dim - (proper ? 1 : 0);
  while (frame.rank() < steps && frame.largest_rest() > cloud.thin) {
    const double bound = far_enough * frame.largest_rest();
    int chosen = 0;
    for (;; ++chosen) {
      // The length and the bound move by at most 1 and far_enough times what the points move.
      const double off = std::fabs(frame.rest(chosen) - bound) / ((1 + far_enough) * cloud.size);
      margin = std::min(margin, std::sqrt(weights[chosen]) * off);
      if (frame.rest(chosen) >= bound) break;
    }
    frame.add(chosen);
  }
  rank = frame.rank() + (frame.rank() < cloud.dim && frame.largest_rest() > cloud.thin ? 1 : 0);
  return frame.axes(proper);
}

template Cloud read_cloud<double>(const FrameJob<double>&, std::int64_t);
template Cloud read_cloud<float>(const FrameJob<float>&, std::int64_t);
template void write_cloud<double>(const FrameJob<double>&, std::int64_t, const Cloud&,
                                  const std::vector<double>&, const std::vector<double>&);
template void write_cloud<float>(const FrameJob<float>&, std::int64_t, const Cloud&,
                                 const std::vector<double>&, const std::vector<double>&);

}  // namespace symkernel
