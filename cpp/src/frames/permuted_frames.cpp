// Frames of clouds whose points may be exchanged: sorted rows, and candidates where moments tie.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "frames/canonical_frames.hpp"
#include "frames/labelled_frame.hpp"
#include "symkernel/error.hpp"

namespace symkernel {

namespace {

constexpr double infinite = std::numeric_limits<double>::infinity();

// A cloud in some frame, its rows sorted kind by kind.
struct Sorted {
  std::vector<double> axes;
  std::vector<double> y;            // (points, dim), rows as given
  std::vector<std::int32_t> order;  // rows of y, least first within a kind
  std::vector<std::uint8_t> coincident;
  double margin = infinite;  // of the order, in units of the coordinates

  double at(std::size_t row, std::size_t column, std::size_t d) const {
    return y[static_cast<std::size_t>(order[row]) * d + column];
  }
};

// Sorts rows by their coordinates in turn. Coordinates form chains whose links are at most `tie`
// long, and rows of one chain are sorted by the next coordinate: an order of classes, whatever
// rounding does to equal coordinates.
class RowSorter {
 public:
  RowSorter(Sorted& cloud, std::size_t d, double tie) : cloud_(cloud), d_(d), tie_(tie) {}

  void sort(std::size_t first, std::size_t last, std::size_t column) {
    if (last - first < 2) return;
    if (column == d_) {
      std::sort(cloud_.order.begin() + static_cast<std::ptrdiff_t>(first),
                cloud_.order.begin() + static_cast<std::ptrdiff_t>(last));
      std::fill(cloud_.coincident.begin() + static_cast<std::ptrdiff_t>(first) + 1,
                cloud_.coincident.begin() + static_cast<std::ptrdiff_t>(last), std::uint8_t{1});
      return;
    }
    std::sort(cloud_.order.begin() + static_cast<std::ptrdiff_t>(first),
              cloud_.order.begin() + static_cast<std::ptrdiff_t>(last),
              [&](std::int32_t a, std::int32_t b) { return value(a, column) < value(b, column); });
    std::size_t begin = first;
    for (std::size_t i = first + 1; i <= last; ++i) {
      if (i < last) {
        const double step = value(cloud_.order[i], column) - value(cloud_.order[i - 1], column);
        // Two coordinates move apart by at most sqrt 2 times what the cloud moves.
        cloud_.margin = std::min(cloud_.margin, std::fabs(step - tie_) * std::sqrt(0.5));
        if (step <= tie_) continue;
      }
      sort(begin, i, column + 1);
      begin = i;
    }
  }

 private:
  double value(std::int32_t row, std::size_t column) const {
    return cloud_.y[static_cast<std::size_t>(row) * d_ + column];
  }

  Sorted& cloud_;
  std::size_t d_;
  double tie_;
};

template <class T, class Poll>
class PermutedCloud {
 public:
  PermutedCloud(const FrameJob<T>& job, const PermutedJob& permuted, std::int64_t sample,
                const Poll& poll)
      : job_(job),
        poll_(poll),
        permuted_(permuted),
        cloud_(read_cloud(job, sample)),
        d_(static_cast<std::size_t>(job.dim)),
        p_(static_cast<std::size_t>(job.points)),
        tie_(permuted.tie * cloud_.size),
        rounding_(permuted.rounding * cloud_.size),
        kind_of_(p_) {
    for (std::size_t k = 0; k < p_; ++k)
      kind_of_[static_cast<std::size_t>(permuted.members[k])] = permuted.kinds[k];
  }

  Sorted sorted(std::vector<double> axes) const {
    Sorted found;
    found.y = coordinates(cloud_, axes);
    found.axes = std::move(axes);
    found.order.assign(permuted_.members, permuted_.members + p_);
    found.coincident.assign(p_, 0);
    RowSorter sorter(found, d_, tie_);
    for (std::size_t first = 0; first < p_;) {
      std::size_t last = first + 1;
      while (last < p_ && permuted_.kinds[last] == permuted_.kinds[first]) ++last;
      sorter.sort(first, last, 0);
      first = last;
    }
    return found;
  }

  // All frames spanned by points that are farthest out, the next from what is left of the points.
  void search() { extend(SpannedFrame(cloud_)); }

  Sorted best;
  std::vector<std::vector<double>> equal;  // axes that give the least cloud, up to ties
  int rank = 0;
  double margin = infinite;

  const Cloud& cloud() const { return cloud_; }

 private:
  void extend(const SpannedFrame& frame) {
    poll_();
    const int steps = job_.dim - (job_.proper ? 1 : 0);
    const double largest = frame.largest_rest();
    if (frame.rank() == steps || !(largest > cloud_.thin)) {
      const int full = frame.rank() + (frame.rank() < job_.dim && largest > cloud_.thin ? 1 : 0);
      rank = std::max(rank, full);
      compare(sorted(frame.axes(job_.proper)), static_cast<std::size_t>(frame.rank()));
      return;
    }
    std::int32_t least_kind = std::numeric_limits<std::int32_t>::max();
    for (std::size_t i = 0; i < p_; ++i) {
      const double short_by = largest - frame.rest(static_cast<int>(i));
      if (short_by <= tie_) least_kind = std::min(least_kind, kind_of_[i]);
      margin = std::min(margin, std::fabs(short_by - tie_) * std::sqrt(0.5));
    }
    for (std::size_t i = 0; i < p_; ++i) {
      const int point = static_cast<int>(i);
      if (kind_of_[i] != least_kind || largest - frame.rest(point) > tie_) continue;
      if (!(frame.rest(point) > 0)) continue;
      SpannedFrame longer(frame);
      longer.add(point);
      extend(longer);
    }
  }

  // Negative if a comes first, 0 if they agree up to ties; the last argument is what decided.
  int order_of(const Sorted& a, const Sorted& b, double tolerance, double& decided) const {
    for (std::size_t row = 0; row < p_; ++row) {
      for (std::size_t k = 0; k < d_; ++k) {
        const double apart = a.at(row, k, d_) - b.at(row, k, d_);
        decided = std::min(decided, std::fabs(std::fabs(apart) - tolerance) * std::sqrt(0.5));
        if (std::fabs(apart) > tolerance) return apart < 0 ? -1 : 1;
      }
    }
    return 0;
  }

  void compare(Sorted found, std::size_t spanned) {
    margin = std::min(margin, found.margin);
    if (equal.empty()) {
      equal.push_back(found.axes);
      best = std::move(found);
      return;
    }
    int sign = order_of(found, best, tie_, margin);
    if (sign != 0) {
      if (sign > 0) return;
      equal.assign(1, found.axes);
      best = std::move(found);
      return;
    }
    if (std::none_of(equal.begin(), equal.end(), [&](const std::vector<double>& axes) {
          return same(axes, found.axes, spanned);
        }))
      equal.push_back(found.axes);
    // Nearly symmetric: of clouds that differ by less than ties the same one every time.
    double ignored = infinite;
    if (order_of(found, best, rounding_, ignored) < 0) best = std::move(found);
  }

  bool same(const std::vector<double>& a, const std::vector<double>& b, std::size_t rows) const {
    constexpr double angle = 1e-4;  // symmetries of fewer than 1e4 points are farther apart
    return std::equal(a.begin(), a.begin() + static_cast<std::ptrdiff_t>(rows * d_), b.begin(),
                      [](double x, double y) { return std::fabs(x - y) < angle; });
  }

  const FrameJob<T>& job_;
  const Poll& poll_;
  const PermutedJob& permuted_;
  Cloud cloud_;
  std::size_t d_, p_;
  double tie_, rounding_;
  std::vector<std::int32_t> kind_of_;
};

template <class T, class Poll>
void permute_cloud(const FrameJob<T>& job, const PermutedJob& permuted, std::int64_t sample,
                   const Poll& poll) {
  PermutedCloud<T, Poll> found(job, permuted, sample, poll);
  const auto p = static_cast<std::size_t>(job.points), d = static_cast<std::size_t>(job.dim);
  if (job.undecided[sample] == 0) {
    const double* axes = job.axes + sample * static_cast<std::int64_t>(d * d);
    found.best = found.sorted(std::vector<double>(axes, axes + d * d));
    found.margin = found.best.margin;
    found.equal.resize(1);
  } else {
    found.search();
    job.ranks[sample] = found.rank;
  }
  permuted.symmetries[sample] = static_cast<std::int64_t>(found.equal.size());
  if (found.cloud().size > 0)
    job.margins[sample] = std::min(job.margins[sample], found.margin / found.cloud().size);
  std::vector<double> rows(p * d);
  std::int32_t* order = permuted.order + sample * job.points;
  for (std::size_t k = 0; k < p; ++k) {
    const auto place = static_cast<std::size_t>(permuted.members[k]);
    order[place] = found.best.order[k];
    for (std::size_t j = 0; j < d; ++j) rows[place * d + j] = found.best.at(k, j, d);
  }
  std::copy(found.best.coincident.begin(), found.best.coincident.end(),
            permuted.coincident + sample * job.points);
  write_cloud(job, sample, found.cloud(), found.best.axes, rows);
}

}  // namespace

template <class T>
void permuted_frames(const FrameJob<T>& job, const PermutedJob& permuted, int n_threads,
                     StopToken& token) {
  moment_frames(job, n_threads, token);
  constexpr std::int64_t per_task = 16;
  auto body = [&](std::int64_t task, int thread) {
    // symmetric clouds have many frames to compare
    const auto poll = [&] {
      token.poll(thread);
      if (token.stopped()) throw Interrupted();
    };
    for (std::int64_t i = task * per_task; i < std::min((task + 1) * per_task, job.count); ++i)
      permute_cloud(job, permuted, i, poll);
  };
  parallel_for((job.count + per_task - 1) / per_task, resolve_threads(n_threads), token, body);
  if (token.stopped()) throw Interrupted();
}

template void permuted_frames<double>(const FrameJob<double>&, const PermutedJob&, int, StopToken&);
template void permuted_frames<float>(const FrameJob<float>&, const PermutedJob&, int, StopToken&);

}  // namespace symkernel
