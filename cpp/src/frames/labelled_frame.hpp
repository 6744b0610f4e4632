// One cloud at a time: frames spanned by its own points.
#pragma once

#include <cstdint>
#include <vector>

#include "frames/frames.hpp"

namespace symkernel {

// A cloud in units of its largest coordinate, about its centre of mass if the job says so.
struct Cloud {
  int points = 0;
  int dim = 0;
  std::vector<double> x;       // (points, dim)
  std::vector<double> centre;  // (dim), in the units of the job
  double unit = 1;             // x is in units of 1/unit
  double size = 0;             // (sum_i w_i |x_i|^2)^(1/2)
  double thin = 0;             // directions in which the cloud is thinner are null

  const double* point(int i) const { return x.data() + static_cast<std::size_t>(i) * dim; }
};

template <class T>
Cloud read_cloud(const FrameJob<T>& job, std::int64_t sample);

// Writes axes, coordinates (x = y / unit) and centre of a sample.
template <class T>
void write_cloud(const FrameJob<T>& job, std::int64_t sample, const Cloud& cloud,
                 const std::vector<double>& axes, const std::vector<double>& y);

// Orthonormal axes built one by one from vectors, with what is left of the points beside them.
class SpannedFrame {
 public:
  explicit SpannedFrame(const Cloud& cloud);

  int rank() const { return rank_; }
  // Length of what axes so far leave of a point.
  double rest(int point) const { return lengths_[static_cast<std::size_t>(point)]; }
  double largest_rest() const;
  // Makes the rest of a point, which must not vanish, the next axis.
  void add(int point);
  // The axes (dim, dim): those added, then any others; the last turned so that the determinant is
  // +1 if `proper` and the rank leaves it free.
  std::vector<double> axes(bool proper) const;

 private:
  void measure();

  const Cloud* cloud_;
  int rank_ = 0;
  std::vector<double> axes_, rests_, lengths_;
};

// Coordinates (points, dim) of the cloud along the axes.
std::vector<double> coordinates(const Cloud& cloud, const std::vector<double>& axes);

// The frame of labelled points: the next axis is what is left of the first point that keeps 0.553
// of the largest length left. Continuous but where a length crosses that bound: the margin is how
// far off this is. Returns the axes.
std::vector<double> labelled_frame(const Cloud& cloud, const double* weights, bool proper,
                                   double& margin, int& rank);

}  // namespace symkernel
