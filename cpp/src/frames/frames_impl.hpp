// Clouds into lanes, frames, and back. Included once by each frames_<isa>.cpp.
#pragma once

#include <cstdint>
#include <cstring>

#include "frames/frames.hpp"
#include "symkernel/frames.hpp"

SYMKERNEL_BEGIN_NAMESPACE

// 2^-e for a number of size 2^e, so that no fourth power overflows or vanishes; 1 for 0.
inline double unit_of(double largest) {
  std::uint64_t bits;
  std::memcpy(&bits, &largest, sizeof bits);
  std::int64_t exponent = static_cast<std::int64_t>(bits >> 52) - 1023;
  if (largest == 0) exponent = 0;
  exponent = exponent < -1000 ? -1000 : exponent > 1000 ? 1000 : exponent;
  bits = static_cast<std::uint64_t>(1023 - exponent) << 52;
  double unit;
  std::memcpy(&unit, &bits, sizeof unit);
  return unit;
}

// Moves the clouds to their centres of mass: twice, as the first mean carries rounding errors.
template <class R>
void centre_lanes(const FrameRule& rule, R* x, R* centre) {
  const int d = rule.dim;
  for (int j = 0; j < d; ++j) centre[j] = R(0.0);
  for (int pass = 0; pass < 2; ++pass) {
    for (int j = 0; j < d; ++j) {
      R sum(0.0);
      for (int i = 0; i < rule.points; ++i)
        sum = fma(R(rule.weights[i]), x[static_cast<std::int64_t>(i) * d + j], sum);
      const R mean = sum / R(rule.total);
      for (int i = 0; i < rule.points; ++i) {
        R& value = x[static_cast<std::int64_t>(i) * d + j];
        value = value - mean;
      }
      centre[j] = centre[j] + mean;
    }
  }
}

template <class T, int W>
struct FrameLoop {
  using R = Vec<double, W>;

  static void run(const FrameJob<T>& job, std::int64_t first, std::int64_t last, double* scratch) {
    const FrameRule rule{job.weights,     job.total,  job.points, job.dim,
                         job.independent, job.proper, job.band,   job.null};
    const int d = job.dim;
    const std::int64_t size = static_cast<std::int64_t>(job.points) * d;
    R* x = reinterpret_cast<R*>(scratch);
    R *y = x + size, *axes = y + size, *work = axes + d * d, *centre = work + d * d;
    R* values = centre + d;  // one
    for (std::int64_t at = first; at < last; at += W) {
      const int lanes = last - at < W ? static_cast<int>(last - at) : W;
      double units[W];
      gather(job, at, lanes, size, x, units);
      for (int j = 0; j < d; ++j) centre[j] = R(0.0);
      // What is left of coinciding points after centring is rounding of the coordinates.
      constexpr double rounding = sizeof(T) == 8 ? 2.3e-16 : 1.2e-7;
      FrameLanes<R> f{x, R(0.0), y, axes, work, R(0.0), R(0.0), R(0.0)};
      if (job.centred) {
        centre_lanes(rule, x, centre);
        f.thin = R(16 * rounding * ::sqrt(job.total));
      }
      if (d == 2) {
        planar_frame(rule, f);
      } else if (d == 3) {
        moment_frame<3>(rule, f);
      } else {
        moment_frame<0>(rule, f);
      }
      scatter(job, at, lanes, size, f, centre, units, values);
    }
  }

 private:
  static void gather(const FrameJob<T>& job, std::int64_t at, int lanes, std::int64_t size, R* x,
                     double* units) {
    double* numbers = reinterpret_cast<double*>(x);
    for (int l = 0; l < W; ++l) {
      // Lanes beyond the last cloud repeat it.
      const T* cloud = job.clouds + (at + (l < lanes ? l : lanes - 1)) * size;
      for (std::int64_t j = 0; j < size; ++j) numbers[j * W + l] = static_cast<double>(cloud[j]);
    }
    R largest(0.0);
    for (std::int64_t j = 0; j < size; ++j) largest = at_least(abs(x[j]), largest);
    for (int l = 0; l < W; ++l) units[l] = unit_of(largest.lane(l));
    const R unit = R::load(units);
    for (std::int64_t j = 0; j < size; ++j) x[j] = x[j] * unit;
  }

  static void scatter(const FrameJob<T>& job, std::int64_t at, int lanes, std::int64_t size,
                      const FrameLanes<R>& f, const R* centre, const double* units, R* values) {
    const int d = job.dim;
    double* number = reinterpret_cast<double*>(values);
    const double* y = reinterpret_cast<const double*>(f.y);
    const double* axes = reinterpret_cast<const double*>(f.axes);
    const double* middle = reinterpret_cast<const double*>(centre);
    for (int l = 0; l < lanes; ++l) {
      const double back = 1.0 / units[l];
      T* out = job.coordinates + (at + l) * size;
      for (std::int64_t j = 0; j < size; ++j) out[j] = static_cast<T>(y[j * W + l] * back);
      double* matrix = job.axes + (at + l) * d * d;
      for (int j = 0; j < d * d; ++j) matrix[j] = axes[j * W + l];
      double* point = job.centres + (at + l) * d;
      for (int j = 0; j < d; ++j) point[j] = middle[j * W + l] * back;
    }
    f.margin.store(number);
    for (int l = 0; l < lanes; ++l) job.margins[at + l] = number[l];
    f.rank.store(number);
    for (int l = 0; l < lanes; ++l) job.ranks[at + l] = static_cast<std::int32_t>(number[l]);
    f.undecided.store(number);
    for (int l = 0; l < lanes; ++l) job.undecided[at + l] = number[l] > 0.5;
  }
};

#if defined(__AVX512F__)
constexpr int frame_width = 8;
#elif defined(__AVX2__)
constexpr int frame_width = 4;
#else
constexpr int frame_width = 2;
#endif

constexpr FrameEngines make_frame_engines(const char* isa) {
  return {isa, &FrameLoop<double, frame_width>::run, &FrameLoop<float, frame_width>::run};
}

SYMKERNEL_END_NAMESPACE
