// Canonical forms of permutation kind: array in, view, release the lock, call.
#include "canonical/canonical.hpp"

#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <memory>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include "bindings.hpp"
#include "interrupt.hpp"

namespace py = pybind11;

namespace symkernel {

namespace {

template <class T>
using Array = py::array_t<T, py::array::c_style>;

// Results larger than this do not stay in the caches whatever is done.
constexpr std::int64_t streamed_bytes = 1 << 24;
constexpr std::size_t line = 64;

// An array (n, d) whose first row starts a line of the caches, so that it can be streamed to.
template <class T>
Array<T> aligned_array(std::int64_t n, std::int64_t d) {
  constexpr std::int64_t spare = line / sizeof(T);
  Array<T> memory(n * d + spare);
  auto address = reinterpret_cast<std::uintptr_t>(memory.data());
  address = (address + line - 1) / line * line;
  return Array<T>({n, d}, reinterpret_cast<const T*>(address), memory);
}

template <class T>
bool worth_streaming(std::int64_t n, std::int64_t d) {
  const std::int64_t row = d * static_cast<std::int64_t>(sizeof(T));
  return row % static_cast<std::int64_t>(line) == 0 && n * row > streamed_bytes;
}

// What there is beside the representatives, where it is asked for.
struct PointOutputs {
  std::optional<Array<std::int32_t>> indices;
  std::optional<Array<std::int8_t>> signs;
  std::optional<Array<std::uint64_t>> orders;
  std::optional<Array<double>> gaps;
};

template <class T>
void check_samples(const Array<T>& x, std::int64_t points, std::int64_t channels) {
  require(points >= 1 && channels >= 1, "points and channels must be positive");
  require(x.ndim() == 2 && x.shape(1) == points * channels,
          "x must have shape (n, points * channels)");
}

void check_offsets(const std::vector<std::int64_t>& offsets, std::int64_t points) {
  require(!offsets.empty() && offsets.front() == 0, "offsets must begin with 0");
  for (std::size_t b = 1; b < offsets.size(); ++b)
    require(offsets[b - 1] <= offsets[b], "offsets must not decrease");
  require(offsets.size() == 1 || offsets.back() == points, "offsets must end with the points");
}

template <class T>
SortJob<T> sort_job(const Array<T>& x, std::int64_t points, std::int64_t channels,
                    const std::vector<std::int64_t>& offsets) {
  check_samples(x, points, channels);
  check_offsets(offsets, points);
  SortJob<T> job;
  job.points = points;
  job.channels = channels;
  job.x = x.data();
  job.offsets = offsets.data();
  job.n_blocks = static_cast<std::int64_t>(offsets.size()) - 1;
  return job;
}

template <class T>
void want_all(SortJob<T>& job, std::int64_t n, bool signs, bool gaps, PointOutputs& out) {
  out.indices.emplace(std::vector<py::ssize_t>{n, job.points});
  job.indices = out.indices->mutable_data();
  if (signs) {
    out.signs.emplace(std::vector<py::ssize_t>{n, job.points});
    job.signs = out.signs->mutable_data();
  }
  out.orders.emplace(n);
  job.orders = out.orders->mutable_data();
  if (gaps) {
    out.gaps.emplace(n);
    job.gaps = out.gaps->mutable_data();
  }
}

template <class T>
using PointResults =
    std::tuple<Array<T>, std::optional<Array<std::int32_t>>, std::optional<Array<std::int8_t>>,
               std::optional<Array<std::uint64_t>>, std::optional<Array<double>>>;
template <class T>
using RotationResults =
    std::tuple<Array<T>, std::optional<Array<std::int32_t>>, std::optional<Array<std::uint8_t>>,
               std::optional<Array<std::uint64_t>>, std::optional<Array<double>>>;
template <class T>
using ImageResults = std::tuple<Array<T>, Array<std::int32_t>, std::optional<Array<std::uint64_t>>,
                                std::optional<Array<double>>>;

template <class T>
PointResults<T> results(Array<T>&& y, PointOutputs&& out) {
  return {std::move(y), std::move(out.indices), std::move(out.signs), std::move(out.orders),
          std::move(out.gaps)};
}

template <class T>
PointResults<T> sort_points(const Array<T>& x, std::int64_t points, std::int64_t channels,
                            const std::vector<std::int64_t>& offsets, bool flips, bool even,
                            bool all, bool gaps, int n_threads) {
  SortJob<T> job = sort_job(x, points, channels, offsets);
  require(!even || offsets.size() == 2, "even permutations need one block");
  const std::int64_t n = x.shape(0);
  Array<T> y = aligned_array<T>(n, x.shape(1));
  job.y = y.mutable_data();
  job.streamed = worth_streaming<T>(n, x.shape(1));
  job.flips = flips;
  job.even = even;
  PointOutputs out;
  if (all) want_all(job, n, flips, gaps, out);
  run_interruptible([&](StopToken& token) { sort_samples(job, n, n_threads, token); });
  return results(std::move(y), std::move(out));
}

template <class T>
PointResults<T> curve_points(const Array<T>& x, std::int64_t points, std::int64_t channels,
                             const std::vector<std::int64_t>& offsets, int bits,
                             const std::optional<std::vector<double>>& corner, double side,
                             bool all, int n_threads) {
  HilbertJob<T> job;
  job.sort = sort_job(x, points, channels, offsets);
  const std::int64_t n = x.shape(0);
  Array<T> y = aligned_array<T>(n, x.shape(1));
  job.sort.y = y.mutable_data();
  job.bits = bits;
  if (corner) {
    require(static_cast<std::int64_t>(corner->size()) == channels,
            "corner must have one number per coordinate");
    job.corner = corner->data();
    job.side = side;
  }
  PointOutputs out;
  if (all) want_all(job.sort, n, false, true, out);
  run_interruptible([&](StopToken& token) { sort_along_curve(job, n, n_threads, token); });
  return results(std::move(y), std::move(out));
}

template <class T>
RotationResults<T> rotate_points(const Array<T>& x, std::int64_t points, std::int64_t channels,
                                 bool reflections, bool all, int n_threads) {
  check_samples(x, points, channels);
  const std::int64_t n = x.shape(0);
  Array<T> y = aligned_array<T>(n, x.shape(1));
  RotationJob<T> job;
  job.points = points;
  job.channels = channels;
  job.x = x.data();
  job.y = y.mutable_data();
  job.streamed = worth_streaming<T>(n, x.shape(1));
  job.reflections = reflections;
  std::optional<Array<std::int32_t>> shifts;
  std::optional<Array<std::uint8_t>> mirrors;
  std::optional<Array<std::uint64_t>> orders;
  std::optional<Array<double>> gaps;
  if (all) {
    job.shifts = shifts.emplace(n).mutable_data();
    job.mirrors = mirrors.emplace(n).mutable_data();
    job.orders = orders.emplace(n).mutable_data();
    job.gaps = gaps.emplace(n).mutable_data();
  }
  run_interruptible([&](StopToken& token) { rotate_samples(job, n, n_threads, token); });
  return {std::move(y), std::move(shifts), std::move(mirrors), std::move(orders), std::move(gaps)};
}

template <class T>
ImageResults<T> least_images(const ElementTrie& trie, const Array<T>& x, bool with_negatives,
                             double tolerance, bool all, int n_threads) {
  EnumeratedJob<T> job;
  job.trie = trie.view();
  const std::int64_t width = with_negatives ? job.trie.width / 2 : job.trie.width;
  require(x.ndim() == 2 && x.shape(1) == width, "x must have one column per value");
  const std::int64_t n = x.shape(0);
  Array<T> y({n, job.trie.depth});
  job.x = x.data();
  job.y = y.mutable_data();
  job.with_negatives = with_negatives;
  job.tolerance = tolerance;
  Array<std::int32_t> elements(n);
  job.elements = elements.mutable_data();
  std::optional<Array<std::uint64_t>> orders;
  std::optional<Array<double>> gaps;
  if (all) {
    job.orders = orders.emplace(n).mutable_data();
    job.gaps = gaps.emplace(n).mutable_data();
  }
  run_interruptible([&](StopToken& token) { enumerate_samples(job, n, n_threads, token); });
  return {std::move(y), std::move(elements), std::move(orders), std::move(gaps)};
}

std::unique_ptr<ElementTrie> make_trie(const Array<std::int32_t>& table, std::int64_t width) {
  require(table.ndim() == 2, "table must have shape (order, numbers)");
  const MatrixView<const std::int32_t> view{table.data(), table.shape(0), table.shape(1)};
  std::unique_ptr<ElementTrie> trie;
  run_interruptible(
      [&](StopToken& token) { trie = std::make_unique<ElementTrie>(view, width, token); });
  return trie;
}

template <class T>
void bind_forms(py::module_& m) {
  m.def(
      "sort_points", &sort_points<T>, py::arg("x").noconvert(), py::arg("points"),
      py::arg("channels"), py::arg("offsets"), py::arg("flips"), py::arg("even"), py::arg("all"),
      py::arg("gaps"), py::arg("n_threads") = 0,
      "Points sorted within blocks: y, and indices, signs, stabiliser orders (0 from 2^64 on) and "
      "gaps or None.");
  m.def("curve_points", &curve_points<T>, py::arg("x").noconvert(), py::arg("points"),
        py::arg("channels"), py::arg("offsets"), py::arg("bits"), py::arg("corner"),
        py::arg("side"), py::arg("all"), py::arg("n_threads") = 0,
        "Points in the order of a Hilbert curve; the results of sort_points.");
  m.def("rotate_points", &rotate_points<T>, py::arg("x").noconvert(), py::arg("points"),
        py::arg("channels"), py::arg("reflections"), py::arg("all"), py::arg("n_threads") = 0,
        "Least rotations: y, and shifts, mirrors, stabiliser orders and gaps or None.");
  m.def("least_images", &least_images<T>, py::arg("trie"), py::arg("x").noconvert(),
        py::arg("with_negatives"), py::arg("tolerance"), py::arg("all"), py::arg("n_threads") = 0,
        "Least images: y, elements, and stabiliser orders and gaps or None.");
}

}  // namespace

void bind_canonical(py::module_& m) {
  py::class_<ElementTrie>(m, "ElementTrie", "Maps (g.x)_i = v[table_gi], as a trie.")
      .def(py::init(&make_trie), py::arg("table"), py::arg("width"));
  bind_forms<double>(m);
  bind_forms<float>(m);
}

}  // namespace symkernel
