// Triangular systems: arrays in, solutions in the place of the right sides.
#include "triangular/triangular.hpp"

#include <pybind11/numpy.h>

#include "bindings.hpp"
#include "interrupt.hpp"
#include "symkernel/error.hpp"

namespace py = pybind11;

namespace symkernel {

namespace {

using Matrix = py::array_t<double, py::array::c_style>;

void solve(const Matrix& triangle, Matrix columns, int n_threads) {
  require(triangle.ndim() == 2 && triangle.shape(0) == triangle.shape(1),
          "the triangle must be a square matrix");
  require(columns.ndim() == 2 && columns.shape(0) == triangle.shape(0),
          "right sides must have as many rows as the triangle");
  const TriangularJob job{triangle.data(), triangle.shape(0), columns.mutable_data(),
                          columns.shape(1)};
  run_interruptible([&](StopToken& token) { solve_triangular(job, n_threads, token); });
}

}  // namespace

void bind_triangular(py::module_& m) {
  m.def("solve_triangular", &solve, py::arg("triangle").noconvert(), py::arg("columns").noconvert(),
        py::arg("n_threads") = 0,
        "Solve L z = k for every column of k (size, count), in its place; L is lower triangular.");
}

}  // namespace symkernel
