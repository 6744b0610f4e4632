// Covariances of values and gradients under rotations: arrays in, arrays out.
#include "joint_rotations.hpp"

#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <tuple>
#include <vector>

#include "bindings.hpp"
#include "interrupt.hpp"
#include "symkernel/error.hpp"

namespace py = pybind11;

namespace symkernel {

namespace {

using Numbers = py::array_t<double, py::array::c_style>;
using Rows = py::array_t<std::int32_t, py::array::c_style>;

JointJob joint_job(const Numbers& x, const Numbers& y, const Rows& rows, bool reflections,
                   const Numbers& rates, const Numbers& weights) {
  require(x.ndim() == 3 && y.ndim() == 3 && x.shape(1) == y.shape(1) && x.shape(2) == y.shape(2),
          "x and y must have shapes (n, points, dimension) and (m, points, dimension)");
  require(rows.ndim() == 2 && rows.shape(1) == x.shape(1), "rows must have shape (s, points)");
  require(rates.ndim() == 1 && weights.ndim() == 1 && rates.shape(0) == weights.shape(0),
          "rates and weights must be vectors of one length");
  JointJob job;
  job.x = x.data();
  job.y = y.data();
  job.n = x.shape(0);
  job.m = y.shape(0);
  job.points = x.shape(1);
  job.dimension = x.shape(2);
  job.reflections = reflections;
  job.rows = rows.data();
  job.n_rows = rows.shape(0);
  job.rates = rates.data();
  job.weights = weights.data();
  job.n_rates = rates.shape(0);
  return job;
}

std::tuple<Numbers, Numbers> field(const Numbers& x, const Numbers& y, const Rows& rows,
                                   bool reflections, const Numbers& rates, const Numbers& weights,
                                   const Numbers& a, const Numbers& b, bool gradient,
                                   int n_threads) {
  JointJob job = joint_job(x, y, rows, reflections, rates, weights);
  require(a.ndim() == 1 && a.shape(0) == job.m, "a must have shape (m,)");
  require(b.ndim() == 3 && b.shape(0) == job.m && b.shape(1) == job.points &&
              b.shape(2) == job.dimension,
          "b must have the shape of y");
  static const double nothing = 0;  // no y is still a y
  job.a = job.m == 0 ? &nothing : a.data();
  job.b = b.data();
  Numbers values(job.n);
  Numbers slopes(gradient ? std::vector<py::ssize_t>{job.n, job.points, job.dimension}
                          : std::vector<py::ssize_t>{0, job.points, job.dimension});
  job.values = values.mutable_data();
  job.slopes = gradient ? slopes.mutable_data() : nullptr;
  run_interruptible([&](StopToken& token) { joint_field(job, n_threads, token); });
  return {values, slopes};
}

std::tuple<Numbers, Numbers> blocks(const Numbers& x, const Numbers& y, const Rows& rows,
                                    bool reflections, const Numbers& rates, const Numbers& weights,
                                    bool gradient, int n_threads) {
  JointJob job = joint_job(x, y, rows, reflections, rates, weights);
  Numbers values({job.n, job.m});
  Numbers slopes({job.n, job.m, gradient ? job.points * job.dimension : 0});
  job.values = values.mutable_data();
  job.slopes = gradient ? slopes.mutable_data() : nullptr;
  run_interruptible([&](StopToken& token) { joint_blocks(job, n_threads, token); });
  return {values, slopes};
}

Numbers mixed(const Numbers& x, const Numbers& y, const Rows& rows, bool reflections,
              const Numbers& rates, const Numbers& weights, const Numbers& a, const Numbers& b,
              int n_threads) {
  JointJob job = joint_job(x, y, rows, reflections, rates, weights);
  const py::ssize_t d = job.points * job.dimension;
  require(a.ndim() == 3 && a.shape(0) == job.n && a.shape(2) == d && b.ndim() == 3 &&
              b.shape(0) == job.m && b.shape(2) == d,
          "directions must have shapes (n, r, d) and (m, s, d)");
  Numbers values({job.n, job.m});
  Numbers found({job.n, a.shape(1), job.m, b.shape(1)});
  static double nothing = 0;  // no number is still a result
  job.values = values.mutable_data();
  job.mixed = found.size() > 0 ? found.mutable_data() : &nothing;
  job.directions_x = a.data();
  job.directions_y = b.data();
  job.from = a.shape(1);
  job.to = b.shape(1);
  run_interruptible([&](StopToken& token) { joint_blocks(job, n_threads, token); });
  return found;
}

Numbers turns(const Numbers& x, const Numbers& y, const Rows& rows, bool reflections,
              const Numbers& rates, const Numbers& weights, bool symmetric, int n_threads) {
  JointJob job = joint_job(x, y, rows, reflections, rates, weights);
  Numbers found({job.n, job.dimension, job.m, job.dimension});
  job.turns = found.mutable_data();
  job.symmetric = symmetric;
  run_interruptible([&](StopToken& token) { joint_turns(job, n_threads, token); });
  return found;
}

}  // namespace

void bind_joint_rotations(py::module_& m) {
  m.def("joint_rotation_field", &field, py::arg("x"), py::arg("y"), py::arg("rows"),
        py::arg("reflections"), py::arg("rates"), py::arg("weights"), py::arg("a"), py::arg("b"),
        py::arg("gradient"), py::arg("n_threads") = 0,
        "Values (n) and gradients (n, points, dimension), or none, of f = sum_j [a_j + b_j . "
        "grad_y] K(., y_j), K the average over rotations and row permutations of sum_r weights[r] "
        "exp(-rates[r] |x - R s y|^2).");
  m.def("joint_rotation_blocks", &blocks, py::arg("x"), py::arg("y"), py::arg("rows"),
        py::arg("reflections"), py::arg("rates"), py::arg("weights"), py::arg("gradient"),
        py::arg("n_threads") = 0, "K (n, m), and its gradients in x (n, m, d) or none.");
  m.def("joint_rotation_mixed", &mixed, py::arg("x"), py::arg("y"), py::arg("rows"),
        py::arg("reflections"), py::arg("rates"), py::arg("weights"), py::arg("a"), py::arg("b"),
        py::arg("n_threads") = 0,
        "Derivatives of K (n, r, m, s) along a (n, r, d) at x and along b (m, s, d) at y.");
  m.def("joint_rotation_turns", &turns, py::arg("x"), py::arg("y"), py::arg("rows"),
        py::arg("reflections"), py::arg("rates"), py::arg("weights"), py::arg("symmetric"),
        py::arg("n_threads") = 0,
        "Derivatives of K (n, dimension, m, dimension) in X^T s Y with |x| and |y| held: means of "
        "the rotations times 2 rates[r]. symmetric: y is x, and rows are a group.");
}

}  // namespace symkernel
