// Frames of clouds: arrays in, arrays out.
#include "symkernel/frames.hpp"

#include <pybind11/numpy.h>

#include <algorithm>
#include <limits>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "bindings.hpp"
#include "frames/canonical_frames.hpp"
#include "interrupt.hpp"

namespace py = pybind11;

namespace symkernel {

namespace {

template <class T>
using Array = py::array_t<T, py::array::c_style>;
template <class T>
using Coordinates = std::tuple<Array<T>, Array<double>, Array<double>, Array<double>,
                               Array<std::int32_t>, Array<bool>>;

// Outputs of a job, as arrays; the job points into them.
template <class T>
struct FrameArrays {
  FrameArrays(const Array<T>& clouds, const Array<double>& weights, bool centred, bool proper,
              double band, double null)
      : coordinates({clouds.shape(0), clouds.shape(1), clouds.shape(2)}),
        axes({clouds.shape(0), clouds.shape(2), clouds.shape(2)}),
        centres({clouds.shape(0), clouds.shape(2)}),
        margins(clouds.shape(0)),
        ranks(clouds.shape(0)),
        undecided(clouds.shape(0)) {
    const double* first = weights.data();
    job.clouds = clouds.data();
    job.count = clouds.shape(0);
    job.points = static_cast<int>(clouds.shape(1));
    job.dim = static_cast<int>(clouds.shape(2));
    job.weights = first;
    for (int i = 0; i < job.points; ++i) job.total += first[i];
    job.centred = centred;
    job.independent = job.points - (centred ? 1 : 0);
    job.proper = proper;
    job.band = band;
    job.null = null;
    job.coordinates = coordinates.mutable_data();
    job.axes = axes.mutable_data();
    job.centres = centres.mutable_data();
    job.margins = margins.mutable_data();
    job.ranks = ranks.mutable_data();
    job.undecided = reinterpret_cast<std::uint8_t*>(undecided.mutable_data());
  }

  // Margins at most 1, infinite where nothing bounds them.
  Coordinates<T> result() {
    double* margin = margins.mutable_data();
    for (std::int64_t i = 0; i < job.count; ++i)
      margin[i] = margin[i] >= no_margin ? std::numeric_limits<double>::infinity()
                                         : std::min(margin[i], 1.0);
    return {coordinates, axes, centres, margins, ranks, undecided};
  }

  Array<T> coordinates;
  Array<double> axes, centres, margins;
  Array<std::int32_t> ranks;
  Array<bool> undecided;
  FrameJob<T> job;
};

template <class T>
void require_clouds(const Array<T>& clouds, const Array<double>& weights) {
  require(clouds.ndim() == 3 && clouds.shape(1) > 0 && clouds.shape(2) > 0,
          "clouds must have shape (n, points, d), with a point and a coordinate at least");
  require(clouds.shape(1) <= 1000000 && clouds.shape(2) <= 1000, "clouds are too large");
  require(weights.ndim() == 1 && weights.shape(0) == clouds.shape(1),
          "weights must have shape (points,)");
}

template <class T>
Coordinates<T> labelled(const Array<T>& clouds, const Array<double>& weights, bool centred,
                        bool proper, const std::string& method, double band, double null,
                        int n_threads) {
  require_clouds(clouds, weights);
  require(method == "moment" || method == "qr", "method must be 'moment' or 'qr'");
  FrameArrays<T> arrays(clouds, weights, centred, proper, band, null);
  const auto kind = method == "qr" ? FrameMethod::labelled : FrameMethod::moment;
  run_interruptible([&](StopToken& token) { labelled_frames(arrays.job, kind, n_threads, token); });
  return arrays.result();
}

template <class T>
using PermutedCoordinates =
    std::tuple<Array<T>, Array<double>, Array<double>, Array<double>, Array<std::int32_t>,
               Array<bool>, Array<std::int32_t>, Array<bool>, Array<std::int64_t>>;

template <class T>
PermutedCoordinates<T> permuted(const Array<T>& clouds, const Array<double>& weights,
                                const Array<std::int32_t>& members,
                                const Array<std::int32_t>& kinds, bool centred, bool proper,
                                double band, double null, double tie, double rounding,
                                int n_threads) {
  require_clouds(clouds, weights);
  const py::ssize_t n = clouds.shape(0), p = clouds.shape(1);
  require(members.ndim() == 1 && members.shape(0) == p && kinds.ndim() == 1 && kinds.shape(0) == p,
          "members and kinds must have shape (points,)");
  std::vector<char> seen(static_cast<std::size_t>(p), 0);
  for (py::ssize_t k = 0; k < p; ++k) {
    require(members.at(k) >= 0 && members.at(k) < p &&
                std::exchange(seen[static_cast<std::size_t>(members.at(k))], 1) == 0,
            "members must be a permutation of the points");
    require(k == 0 || kinds.at(k - 1) <= kinds.at(k), "kinds must not decrease");
  }
  FrameArrays<T> arrays(clouds, weights, centred, proper, band, null);
  Array<std::int32_t> order({n, p});
  Array<bool> coincident({n, p});
  Array<std::int64_t> symmetries(n);
  const PermutedJob job{members.data(),
                        kinds.data(),
                        tie,
                        rounding,
                        order.mutable_data(),
                        reinterpret_cast<std::uint8_t*>(coincident.mutable_data()),
                        symmetries.mutable_data()};
  run_interruptible([&](StopToken& token) { permuted_frames(arrays.job, job, n_threads, token); });
  return std::tuple_cat(arrays.result(), std::make_tuple(order, coincident, symmetries));
}

template <class T>
void bind_for(py::module_& m) {
  m.def("labelled_frames", &labelled<T>, py::arg("clouds").noconvert(),
        py::arg("weights").noconvert(), py::arg("centred"), py::arg("proper"), py::arg("method"),
        py::arg("band"), py::arg("null"), py::arg("n_threads") = 0,
        "Coordinates (n, points, d), axes (n, d, d), centres (n, d), margins, ranks and whether "
        "moments left the frame undecided (n,).");
  m.def("permuted_frames", &permuted<T>, py::arg("clouds").noconvert(),
        py::arg("weights").noconvert(), py::arg("members").noconvert(),
        py::arg("kinds").noconvert(), py::arg("centred"), py::arg("proper"), py::arg("band"),
        py::arg("null"), py::arg("tie"), py::arg("rounding"), py::arg("n_threads") = 0,
        "As labelled_frames, rows sorted; then the order (n, points), which members coincide with "
        "the one before (n, points) and symmetries (n,).");
}

}  // namespace

void bind_frames(py::module_& m) {
  bind_for<double>(m);
  bind_for<float>(m);
}

}  // namespace symkernel
