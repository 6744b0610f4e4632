// Alignments: nearest points of orbits, assignments of points, rotations.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <tuple>
#include <vector>

#include "bindings.hpp"
#include "interrupt.hpp"
#include "orbit_sum.hpp"
#include "pairs.hpp"

namespace py = pybind11;

namespace symkernel {

namespace {

template <class T>
using Array = py::array_t<T, py::array::c_style>;

template <class T>
std::tuple<Array<T>, Array<std::int32_t>> nearest(const OrbitAction& action, const Array<T>& x,
                                                  const std::optional<Array<T>>& y, bool elements,
                                                  bool paired, int n_threads) {
  require(x.ndim() == 2 && (!y || y->ndim() == 2), "x and y must have shape (n, d)");
  GramRequest<T> request;
  request.action = &action;
  request.x = {x.data(), x.shape(0), x.shape(1)};
  if (y) request.y = {y->data(), y->shape(0), y->shape(1)};
  static const T nothing{};  // an empty y is still a y
  if (y && request.y.data == nullptr) request.y.data = &nothing;
  require(y || !paired, "pairs of rows need a y");
  request.output = Output::nearest;
  request.paired = paired;
  request.n_threads = n_threads;
  const std::vector<py::ssize_t> shape =
      paired ? std::vector<py::ssize_t>{x.shape(0)}
             : std::vector<py::ssize_t>{x.shape(0), y ? y->shape(0) : x.shape(0)};
  Array<T> squares(shape);
  Array<std::int32_t> numbers(elements ? shape : std::vector<py::ssize_t>{0});
  request.k = squares.mutable_data();
  request.elements = elements ? numbers.mutable_data() : nullptr;
  run_interruptible([&](StopToken& token) { gram(request, token); });
  return {squares, numbers};
}

// Fills in the samples and returns the squares, (n, m) or (n).
Array<double> begin(PairJob& job, const Array<double>& x, const std::optional<Array<double>>& other,
                    bool paired) {
  const Array<double>& y = other ? *other : x;
  require(other || !paired, "pairs of rows need a y");
  require(x.ndim() == 3 && y.ndim() == 3 && x.shape(1) == y.shape(1) && x.shape(2) == y.shape(2),
          "x and y must have shapes (n, points, dimension) and (m, points, dimension)");
  job.x = x.data();
  job.y = y.data();
  job.n = x.shape(0);
  job.m = y.shape(0);
  job.points = x.shape(1);
  job.dimension = x.shape(2);
  job.paired = paired;
  job.symmetric = !other;
  Array<double> squares = paired ? Array<double>(job.n) : Array<double>({job.n, job.m});
  job.squares = squares.mutable_data();
  return squares;
}

bool all_finite(const Array<double>& a) {
  return std::all_of(a.data(), a.data() + a.size(), [](double v) { return std::isfinite(v); });
}

std::tuple<Array<double>, Array<std::int32_t>, Array<std::int32_t>> match(
    const Array<double>& x, const std::optional<Array<double>>& y,
    const std::vector<std::int64_t>& blocks, const Array<double>& matrices, bool either_sign,
    bool paired, int n_threads) {
  MatchJob job;
  Array<double> squares = begin(job, x, y, paired);
  // the matching of costs that are no numbers would not end, or end outside the arrays
  require(all_finite(x) && (!y || all_finite(*y)) && all_finite(matrices),
          "x, y and matrices must be finite");
  require(matrices.ndim() == 3 && matrices.shape(1) == job.dimension &&
              matrices.shape(2) == job.dimension,
          "matrices must have shape (count, dimension, dimension)");
  job.blocks = blocks.data();
  job.n_blocks = static_cast<std::int64_t>(blocks.size());
  job.either_sign = either_sign;
  job.matrices = matrices.data();
  job.n_matrices = matrices.shape(0);
  Array<std::int32_t> points({paired ? job.n : 0, job.points}), matrix(paired ? job.n : 0);
  if (paired) {
    job.points_of_y = points.mutable_data();
    job.matrix = matrix.mutable_data();
  }
  run_interruptible([&](StopToken& token) { match_points(job, n_threads, token); });
  return {squares, points, matrix};
}

std::tuple<Array<double>, Array<double>, Array<std::int32_t>> rotate(
    const Array<double>& x, const std::optional<Array<double>>& y, const Array<std::int32_t>& rows,
    bool reflections, bool paired, int n_threads) {
  RotationJob job;
  Array<double> squares = begin(job, x, y, paired);
  require(rows.ndim() == 2 && rows.shape(1) == job.points, "rows must have shape (count, points)");
  job.reflections = reflections;
  job.rows = rows.data();
  job.n_rows = rows.shape(0);
  const std::int64_t count = paired ? job.n : 0;
  Array<double> rotations({count, job.dimension, job.dimension});
  Array<std::int32_t> which(count);
  if (paired) {
    job.rotations = rotations.mutable_data();
    job.which = which.mutable_data();
  }
  run_interruptible([&](StopToken& token) { rotate_points(job, n_threads, token); });
  return {squares, rotations, which};
}

template <class T>
void bind_nearest(py::module_& m) {
  m.def("nearest", &nearest<T>, py::arg("action"), py::arg("x").noconvert(),
        py::arg("y").noconvert(), py::arg("elements") = false, py::arg("paired") = false,
        py::arg("n_threads") = 0,
        "Least |x - g y|^2 over the elements, (n, m), or (n) for pairs of rows; and, when asked, "
        "the number of the element that has it. y = None means x, at half the cost.");
}

}  // namespace

void bind_alignment(py::module_& m) {
  bind_nearest<double>(m);
  bind_nearest<float>(m);
  m.def("match_points", &match, py::arg("x").noconvert(), py::arg("y").noconvert(),
        py::arg("blocks"), py::arg("matrices").noconvert(), py::arg("either_sign") = false,
        py::arg("paired") = false, py::arg("n_threads") = 0,
        "Least |x - h s y|^2 over permutations s within blocks of consecutive points and over "
        "matrices h; for pairs of rows also the point of y for every point of x, and the matrix. y "
        "= None "
        "means x, at half the cost.");
  m.def("rotate_points", &rotate, py::arg("x").noconvert(), py::arg("y").noconvert(),
        py::arg("rows").noconvert(), py::arg("reflections") = false, py::arg("paired") = false,
        py::arg("n_threads") = 0,
        "Least |x - R s y|^2 over rotations R and the row permutations s; for pairs of rows also "
        "R and the number of s. y = None means x, at half the cost.");
}

}  // namespace symkernel
