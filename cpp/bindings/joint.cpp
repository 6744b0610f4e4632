// Joint operators: covariances of values and derivatives, sums over them and contractions.
#include "joint/joint.hpp"

#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <memory>
#include <optional>
#include <tuple>
#include <utility>

#include "bindings.hpp"
#include "interrupt.hpp"
#include "symkernel/error.hpp"

namespace py = pybind11;

namespace symkernel {

namespace {

using Numbers = py::array_t<double, py::array::c_style>;

MatrixView<const double> matrix_of(const Numbers& a, const char* message) {
  require(a.ndim() == 2, message);
  return {a.data(), a.shape(0), a.shape(1)};
}

JointComponents components_of(int kernel, double parameter, const Numbers& metrics,
                              const Numbers& amplitudes) {
  require(kernel >= 0 && kernel < radial_kernel_count, "kernel: there is none of this number");
  const MatrixView<const double> w = matrix_of(metrics, "metrics must have shape (C, p)");
  require(w.rows > 0 && w.columns > 0, "metrics must have a component and a feature");
  require(amplitudes.ndim() == 1 && amplitudes.shape(0) == w.rows,
          "amplitudes must have one number for each component");
  return {static_cast<RadialKernel>(kernel), parameter, w, amplitudes.data()};
}

void require_images(const Numbers& images, std::int64_t features) {
  require(images.ndim() == 3 && images.shape(2) == features,
          "images must have shape (n, order, p), with a metric for each feature");
}

// Directions of samples: (n, ..., r, p) with `axes` axes.
std::int64_t count_directions(const Numbers& a, std::int64_t n, int axes, std::int64_t features,
                              const char* message) {
  require(a.ndim() == axes && a.shape(0) == n && a.shape(axes - 1) == features, message);
  return a.shape(axes - 2);
}

std::unique_ptr<JointFields> make_fields(int kernel, double parameter, const Numbers& metrics,
                                         const Numbers& amplitudes, const Numbers& y,
                                         const Numbers& a, const Numbers& b) {
  const JointComponents components = components_of(kernel, parameter, metrics, amplitudes);
  const MatrixView<const double> rows = matrix_of(y, "Y must have shape (m, p)");
  require(rows.columns == components.metrics.columns, "metrics must have a number per feature");
  require(a.ndim() == 1 && a.shape(0) == rows.rows, "a must have one number per sample of Y");
  require(b.ndim() == 2 && b.shape(0) == rows.rows && b.shape(1) == rows.columns,
          "b must have the shape of Y");
  return std::make_unique<JointFields>(components, rows, a.data(), b.data());
}

std::pair<Numbers, std::optional<Numbers>> apply(const JointFields& fields, const Numbers& images,
                                                 bool gradient, int n_threads) {
  require_images(images, fields.features());
  const std::int64_t n = images.shape(0), order = images.shape(1);
  Numbers values(n);
  std::optional<Numbers> gradients;
  if (gradient) gradients = Numbers({n, order, fields.features()});
  double* to = values.mutable_data();
  double* slopes = gradient ? gradients->mutable_data() : nullptr;
  const double* from = images.data();
  run_interruptible(
      [&](StopToken& token) { fields.apply(from, n, order, to, slopes, n_threads, token); });
  return {values, gradients};
}

std::tuple<double, Numbers, Numbers> contract(const JointFields& fields, const Numbers& images,
                                              const Numbers& a, const Numbers& b, int n_threads) {
  require_images(images, fields.features());
  const std::int64_t n = images.shape(0), order = images.shape(1);
  require(a.ndim() == 1 && a.shape(0) == n, "a must have one number per sample");
  require(b.ndim() == 3 && b.shape(0) == n && b.shape(1) == order && b.shape(2) == images.shape(2),
          "b must have the shape of the images");
  Numbers metrics({fields.components(), fields.features()}), amplitudes(fields.components());
  double *to = metrics.mutable_data(), *sizes = amplitudes.mutable_data();
  const double *from = images.data(), *own = a.data(), *slopes = b.data();
  double form = 0;
  run_interruptible([&](StopToken& token) {
    form = fields.contract(from, own, slopes, n, order, to, sizes, n_threads, token);
  });
  return {form, metrics, amplitudes};
}

void blocks(int kernel, double parameter, const Numbers& metrics, const Numbers& amplitudes,
            const Numbers& images, const std::optional<Numbers>& x_directions, const Numbers& y,
            const std::optional<Numbers>& y_directions, Numbers out, std::int64_t packed_rows,
            std::int64_t row, std::int64_t column, bool add, std::int64_t first, int n_threads) {
  const JointComponents components = components_of(kernel, parameter, metrics, amplitudes);
  const std::int64_t p = components.metrics.columns;
  require_images(images, p);
  JointSides sides;
  const std::int64_t n = images.shape(0);
  sides.order = images.shape(1);
  sides.images = {images.data(), n, sides.order * p};
  sides.y = matrix_of(y, "Y must have shape (m, p)");
  require(sides.y.columns == p, "metrics must have a number per feature of Y");
  if (x_directions) {
    sides.r = count_directions(*x_directions, n, 4, p, "A must have shape (n, order, r, p)");
    require(x_directions->shape(1) == sides.order, "A must be moved by as many elements as x");
    sides.x_directions = x_directions->data();
  }
  if (y_directions) {
    sides.s = count_directions(*y_directions, sides.y.rows, 3, p, "B must have shape (m, s, p)");
    sides.y_directions = y_directions->data();
  }
  const std::int64_t last_row = row + n * sides.r, last_column = column + sides.y.rows * sides.s;
  BlockTarget target;
  target.data = out.mutable_data();
  target.row = row;
  target.column = column;
  target.add = add;
  require(row >= 0 && column >= 0, "row and column must not be negative");
  if (packed_rows >= 0) {
    require(out.ndim() == 1 && out.shape(0) == packed_rows * (packed_rows + 1) / 2,
            "a packed matrix must have n (n + 1) / 2 numbers");
    require(last_row <= packed_rows && last_column <= packed_rows, "blocks must lie in the matrix");
    target.packed = true;
    target.n = packed_rows;
  } else {
    require(out.ndim() == 2 && last_row <= out.shape(0) && last_column <= out.shape(1),
            "blocks must lie in the matrix");
    target.stride = out.shape(1);
  }
  run_interruptible(
      [&](StopToken& token) { joint_blocks(components, sides, target, first, n_threads, token); });
}

}  // namespace

void bind_joint(py::module_& m) {
  py::class_<JointFields>(m, "JointFields", "A sum over values and derivatives, packed.")
      .def(py::init(&make_fields), py::arg("kernel"), py::arg("parameter"),
           py::arg("metrics").noconvert(), py::arg("amplitudes").noconvert(),
           py::arg("Y").noconvert(), py::arg("a").noconvert(), py::arg("b").noconvert())
      .def("apply", &apply, py::arg("images").noconvert(), py::arg("gradient"),
           py::arg("n_threads"), "Values (n) and gradients (n, order, p) or None.")
      .def("contract", &contract, py::arg("images").noconvert(), py::arg("a").noconvert(),
           py::arg("b").noconvert(), py::arg("n_threads"),
           "The form, its derivatives in the metrics (C, p) and in the amplitudes (C).");
  m.def("joint_blocks", &blocks, py::arg("kernel"), py::arg("parameter"),
        py::arg("metrics").noconvert(), py::arg("amplitudes").noconvert(),
        py::arg("images").noconvert(), py::arg("x_directions").noconvert(),
        py::arg("Y").noconvert(), py::arg("y_directions").noconvert(), py::arg("out").noconvert(),
        py::arg("packed_rows"), py::arg("row"), py::arg("column"), py::arg("add"), py::arg("first"),
        py::arg("n_threads"),
        "Covariances of values, or derivatives along directions, written to a matrix, packed where "
        "packed_rows is not negative.");
}

}  // namespace symkernel
