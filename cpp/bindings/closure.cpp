// Groups given by generators: stabiliser chains of permutations and closures of matrices.
#include "symkernel/closure.hpp"

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <memory>
#include <string>
#include <vector>

#include "bindings.hpp"
#include "symkernel/schreier_sims.hpp"

namespace py = pybind11;

namespace symkernel {
namespace {

using Points = py::array_t<std::int32_t, py::array::c_style | py::array::forcecast>;
using Digits = py::array_t<std::int64_t, py::array::c_style | py::array::forcecast>;
using Matrices = py::array_t<double, py::array::c_style | py::array::forcecast>;

std::size_t extent(const py::array& array, py::ssize_t axis) {
  return static_cast<std::size_t>(array.shape(axis));
}

void require_shape(bool ok, const char* expected) {
  if (!ok) throw py::value_error(std::string("expected an array of shape ") + expected);
}

// Looks for Ctrl-C every 50 ms; to be called with the GIL released.
Poll interrupts() {
  using Clock = std::chrono::steady_clock;
  return [last = Clock::now(), calls = 0U]() mutable {
    if (++calls % 64 != 0) return;  // reading the clock costs as much as a short product
    const auto now = Clock::now();
    if (now - last < std::chrono::milliseconds(50)) return;
    last = now;
    py::gil_scoped_acquire gil;
    if (PyErr_CheckSignals() != 0) throw py::error_already_set();
  };
}

std::unique_ptr<PermutationChain> permutation_chain(const Points& generators, std::uint64_t seed,
                                                    std::size_t max_bytes) {
  require_shape(generators.ndim() == 2, "(generators, degree)");
  const auto* data = generators.data();
  const std::size_t count = extent(generators, 0);
  const std::size_t degree = extent(generators, 1);
  py::gil_scoped_release release;
  return std::make_unique<PermutationChain>(data, count, degree, seed, interrupts(), max_bytes);
}

std::vector<std::size_t> orbit_lengths(const PermutationChain& chain) {
  std::vector<std::size_t> lengths;
  for (std::size_t l = 0; l < chain.depth(); ++l) lengths.push_back(chain.orbit_length(l));
  return lengths;
}

std::vector<PermutationChain::Point> base(const PermutationChain& chain) {
  std::vector<PermutationChain::Point> points;
  for (std::size_t l = 0; l < chain.depth(); ++l) points.push_back(chain.base(l));
  return points;
}

bool contains(const PermutationChain& chain, const Points& permutation) {
  require_shape(permutation.ndim() == 1 && extent(permutation, 0) == chain.degree(), "(degree,)");
  const auto* images = permutation.data();
  py::gil_scoped_release release;
  return chain.contains(images);
}

Points elements(const PermutationChain& chain, const Digits& digits) {
  require_shape(digits.ndim() == 2 && extent(digits, 1) == chain.depth(), "(elements, levels)");
  const std::size_t count = extent(digits, 0);
  Points out({count, chain.degree()});
  const auto* rows = digits.data();
  auto* images = out.mutable_data();
  {
    py::gil_scoped_release release;
    chain.elements(rows, count, images, interrupts());
  }
  return out;
}

Matrices close(const Matrices& generators, std::size_t limit, double tolerance) {
  require_shape(generators.ndim() == 3 && generators.shape(1) == generators.shape(2),
                "(generators, degree, degree)");
  const auto* data = generators.data();
  const std::size_t count = extent(generators, 0);
  const std::size_t dim = extent(generators, 1);
  auto values = std::make_unique<std::vector<double>>();
  {
    py::gil_scoped_release release;
    *values = close_matrices(data, count, dim, limit, tolerance, interrupts());
  }
  const std::size_t order = values->size() / (dim * dim);
  auto* start = values->data();
  const py::capsule owner(values.release(),
                          [](void* p) { delete static_cast<std::vector<double>*>(p); });
  return Matrices({order, dim, dim}, start, owner);
}

}  // namespace

void bind_closure(py::module_& m) {
  py::class_<PermutationChain>(m, "PermutationChain",
                               "Base and strong generating set of a permutation group.")
      .def_property_readonly("degree", &PermutationChain::degree)
      .def_property_readonly("base", &base, "Base points b_0, b_1, ...")
      .def_property_readonly("orbit_lengths", &orbit_lengths,
                             "Length of the orbit at each level; the order is their product.")
      .def("contains", &contains, py::arg("permutation"),
           "Whether the permutation (int32, shape (degree,)) lies in the group.")
      .def("elements", &elements, py::arg("digits"),
           "Elements (int32, shape (m, degree)) named by digits (int64, shape (m, levels)), one "
           "digit "
           "below the orbit length per level; all zeros is the identity.");
  py::register_exception_translator([](std::exception_ptr thrown) {
    try {
      if (thrown) std::rethrow_exception(thrown);
    } catch (const ChainTooLarge& error) {
      char text[192];
      std::snprintf(
          text, sizeof text,
          "the stabiliser chain of the group needs at least %.3g GB; groups known by name "
          "(Symmetric, Alternating, Young, Wreath, products) need none",
          error.bytes() / 1e9);
      PyErr_SetString(PyExc_MemoryError, text);
    }
  });
  m.def("permutation_chain", &permutation_chain, py::arg("generators"), py::arg("seed") = 0,
        py::arg("max_bytes") = static_cast<std::size_t>(-1),
        "The chain of the group generated by int32 rows of shape (generators, degree); MemoryError "
        "beyond max_bytes.");
  m.def(
      "close_matrices", &close, py::arg("generators"), py::arg("limit"), py::arg("tolerance"),
      "All elements, shape (order, d, d), of the group generated by orthogonal matrices (k, d, d), "
      "the identity first; ValueError beyond limit elements.");
}

}  // namespace symkernel
