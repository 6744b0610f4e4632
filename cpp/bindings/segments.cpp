// Sums over segments of rows and columns: arrays in, numbers added in place.
#include "segments.hpp"

#include <pybind11/numpy.h>

#include "bindings.hpp"
#include "interrupt.hpp"
#include "symkernel/error.hpp"

namespace py = pybind11;

namespace symkernel {

namespace {

using Offsets = py::array_t<std::int64_t, py::array::c_style>;

template <class T>
void add_sums(const py::array_t<T, py::array::c_style>& values, const Offsets& rows,
              const Offsets& columns, py::array_t<T, py::array::c_style> out,
              std::int64_t first_row, std::int64_t first_column, bool mirrored, int n_threads) {
  require(values.ndim() == 2 && out.ndim() == 2, "values and out must be matrices");
  require(rows.ndim() == 1 && columns.ndim() == 1 && rows.shape(0) > 0 && columns.shape(0) > 0,
          "offsets must be vectors of one number at least");
  const Segments row_segments{rows.data(), rows.shape(0) - 1};
  const Segments column_segments{columns.data(), columns.shape(0) - 1};
  require(first_row >= 0 && first_row + row_segments.count <= out.shape(0) && first_column >= 0 &&
              first_column + column_segments.count <= out.shape(1),
          "segments must lie within out");
  require(!mirrored || out.shape(0) == out.shape(1), "a mirror image needs a square matrix");
  const std::int64_t stride = out.shape(1);
  T* data = out.mutable_data();
  const SegmentJob<T> job{{values.data(), values.shape(0), values.shape(1)},
                          row_segments,
                          column_segments,
                          data + first_row * stride + first_column,
                          mirrored ? data + first_column * stride + first_row : nullptr,
                          stride};
  run_interruptible([&](StopToken& token) { add_segment_sums(job, n_threads, token); });
}

template <class T>
void bind_sums(py::module_& m) {
  m.def("add_segment_sums", &add_sums<T>, py::arg("values").noconvert(),
        py::arg("row_offsets").noconvert(), py::arg("column_offsets").noconvert(),
        py::arg("out").noconvert(), py::arg("first_row"), py::arg("first_column"),
        py::arg("mirrored"), py::arg("n_threads") = 0,
        "Add sums of values over row and column segments to out, from a first row and column on, "
        "and to their mirror image.");
}

}  // namespace

void bind_segments(py::module_& m) {
  bind_sums<double>(m);
  bind_sums<float>(m);
}

}  // namespace symkernel
