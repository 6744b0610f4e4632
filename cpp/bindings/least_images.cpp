// Ordered stabiliser chains: least images of samples, and the elements that fix one.
#include "least_images.hpp"

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <tuple>
#include <vector>

#include "bindings.hpp"
#include "interrupt.hpp"
#include "symkernel/colour_stabilizer.hpp"
#include "symkernel/ordered_chain.hpp"

namespace py = pybind11;

namespace symkernel {
namespace {

template <class T>
using Rows = py::array_t<T, py::array::c_style>;
using Points = py::array_t<std::int32_t, py::array::c_style | py::array::forcecast>;

std::unique_ptr<OrderedChain> ordered_chain(const PermutationChain& group, std::size_t max_bytes,
                                            std::uint64_t seed) {
  std::unique_ptr<OrderedChain> chain;
  run_interruptible([&](StopToken& token) {
    chain = std::make_unique<OrderedChain>(group, max_bytes, seed, asking(token));
  });
  return chain;
}

Points as_array(const std::vector<std::int32_t>& values) {
  return Points(static_cast<py::ssize_t>(values.size()), values.data());
}

template <class T>
std::tuple<Rows<T>, Points, std::optional<Rows<std::int8_t>>, Points, Points> images(
    const OrderedChain& chain, const Rows<T>& X, std::size_t limit, int n_jobs) {
  const auto features = static_cast<std::size_t>(X.ndim() == 2 ? X.shape(1) : 0);
  const bool with_signs = features > 0 && chain.degree() == 2 * features;
  if (X.ndim() != 2 || (!with_signs && chain.degree() != features)) {
    throw py::value_error("expected an array of shape (rows, degree)");
  }
  const py::ssize_t rows = X.shape(0);
  const std::vector<py::ssize_t> shape = {rows, X.shape(1)};
  Rows<T> representatives(shape);
  Points indices(shape);
  std::optional<Rows<std::int8_t>> signs;
  LeastImages<T> out{representatives.mutable_data(), indices.mutable_data(), nullptr, {}};
  if (with_signs) {
    signs.emplace(shape);
    out.signs = signs->mutable_data();
  }
  const T* data = X.data();
  run_interruptible([&](StopToken& token) {
    least_images(chain, data, rows, static_cast<std::int64_t>(features), limit,
                 resolve_threads(n_jobs), token, out);
  });
  std::vector<std::int32_t> values, rows_of_values;
  for (std::size_t row = 0; row < out.factors.size(); ++row) {
    values.insert(values.end(), out.factors[row].begin(), out.factors[row].end());
    rows_of_values.insert(rows_of_values.end(), out.factors[row].size(),
                          static_cast<std::int32_t>(row));
  }
  return {representatives, indices, signs, as_array(rows_of_values), as_array(values)};
}

std::tuple<Points, Points> stabilizer(const OrderedChain& chain, const Points& colours,
                                      std::size_t limit) {
  if (colours.ndim() != 1 || static_cast<std::size_t>(colours.shape(0)) != chain.degree()) {
    throw py::value_error("expected an array of shape (degree,)");
  }
  std::vector<std::vector<std::int32_t>> generators;
  std::vector<std::int32_t> factors;
  const auto* r = colours.data();
  run_interruptible([&](StopToken& token) {
    const Poll poll = asking(token);
    const ColourStabilizer found(chain, r, limit, poll);
    generators = found.generators();
    factors = found.factors();
  });
  Points rows({generators.size(), chain.degree()});
  auto* row = rows.mutable_data();
  for (const auto& g : generators) row = std::copy(g.begin(), g.end(), row);
  return {rows, as_array(factors)};
}

}  // namespace

void bind_least_images(py::module_& m) {
  const char* about =
      "Least rearrangements of the rows of X (m, d), d the degree of the chain, or half of it for "
      "signed permutations. Returns (representatives, indices, signs or None, rows, factors): the "
      "order of the stabiliser of a row is the product of the factors with its number.";
  py::class_<OrderedChain>(m, "OrderedChain",
                           "Stabiliser chain of a permutation group along its points in order.")
      .def_property_readonly("degree", &OrderedChain::degree)
      .def("least_images", &images<double>, py::arg("X").noconvert(), py::arg("limit"),
           py::arg("n_jobs"), about)
      .def("least_images", &images<float>, py::arg("X").noconvert(), py::arg("limit"),
           py::arg("n_jobs"), about)
      .def("stabilizer", &stabilizer, py::arg("colours"), py::arg("limit"),
           "Generators (k, degree) of the elements that keep colours (int32, (degree,)), and "
           "numbers whose product is their order.");
  m.def("ordered_chain", &ordered_chain, py::arg("group"), py::arg("max_bytes"),
        py::arg("seed") = 0, "The ordered chain of the group of a PermutationChain.");
}

}  // namespace symkernel
