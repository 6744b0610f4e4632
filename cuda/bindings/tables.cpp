// Kernels and group elements as native objects, from arrays on the host.
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bindings.hpp"
#include "cuda/shifts_rule.hpp"
#include "orbit_sum.hpp"
#include "symkernel/error.hpp"

namespace symkernel {

namespace {

template <class T, int Dimensions>
using HostArray = nb::ndarray<const T, nb::ndim<Dimensions>, nb::c_contig, nb::device::cpu>;

template <class T>
MatrixView<const T> view(const HostArray<T, 2>& a) {
  return {a.data(), static_cast<std::int64_t>(a.shape(0)), static_cast<std::int64_t>(a.shape(1))};
}

OrbitAction make_signed_permutations(const HostArray<std::int32_t, 2>& indices,
                                     const std::optional<HostArray<std::int8_t, 2>>& signs) {
  if (signs) {
    require(signs->shape(0) == indices.shape(0) && signs->shape(1) == indices.shape(1),
            "signs must have the shape of indices");
  }
  return OrbitAction::signed_permutations(view(indices), signs ? signs->data() : nullptr);
}

OrbitAction make_matrices(const HostArray<double, 3>& matrices) {
  require(matrices.shape(1) == matrices.shape(2), "matrices must have shape (count, r, r)");
  return OrbitAction::matrices({matrices.data(),
                                static_cast<std::int64_t>(matrices.shape(0) * matrices.shape(1)),
                                static_cast<std::int64_t>(matrices.shape(2))});
}

OrbitAction make_points(const HostArray<std::int32_t, 2>& rows,
                        const HostArray<double, 2>& matrices, std::vector<std::int32_t> layout,
                        const std::vector<std::pair<std::int64_t, std::int64_t>>& blocks,
                        const std::optional<HostArray<double, 2>>& basis) {
  OrbitAction action = OrbitAction::points(view(rows), view(matrices), std::move(layout), blocks);
  if (basis) action.set_basis(view(*basis));
  return action;
}

OrbitAction make_shifts(std::vector<std::int32_t> grid_shape,
                        const HostArray<std::int32_t, 2>& maps, std::vector<std::int32_t> layout) {
  return OrbitAction::shifts(std::move(grid_shape), view(maps), std::move(layout));
}

ClosedForm make_form(const std::string& name, std::vector<double> rates,
                     const HostArray<double, 2>& values, const HostArray<double, 2>& slopes,
                     const std::string& base) {
  return ClosedForm::by_name(name, std::move(rates), view(values), view(slopes), base);
}

ClosedForm make_form_of_powers(const std::string& name, const HostArray<double, 2>& values) {
  return ClosedForm::of_powers(name, view(values));
}

}  // namespace

void bind_tables(nb::module_& m) {
  m.attr("max_direct_products") = gpu::max_direct_products;
  nb::class_<BaseKernel>(m, "BaseKernel", "A base kernel by name, with its parameters.")
      .def(nb::new_(&BaseKernel::by_name), nb::arg("name"), nb::arg("parameters"))
      .def_ro("gradients", &BaseKernel::gradients);
  nb::class_<ClosedForm>(m, "ClosedForm",
                         "A closed form of averages, as a mixture of rates or a sum of powers.")
      .def(nb::new_(&make_form), nb::arg("name"), nb::arg("rates"), nb::arg("values"),
           nb::arg("slopes"), nb::arg("base") = "rbf")
      .def_static("of_powers", &make_form_of_powers, nb::arg("name"), nb::arg("values"))
      .def_prop_ro("gradients", [](const ClosedForm& form) { return form.planes - 1; });
  nb::class_<OrbitAction>(m, "OrbitAction", "The elements of a finite group as native arrays.")
      .def_static("signed_permutations", &make_signed_permutations, nb::arg("indices"),
                  nb::arg("signs").none())
      .def_static("matrices", &make_matrices, nb::arg("matrices"))
      .def_static("points", &make_points, nb::arg("rows"), nb::arg("matrices"), nb::arg("layout"),
                  nb::arg("blocks"), nb::arg("basis").none() = nb::none())
      .def_static("shifts", &make_shifts, nb::arg("grid_shape"), nb::arg("maps"), nb::arg("layout"))
      .def_prop_ro("order", &OrbitAction::order)
      .def_prop_ro("degree", &OrbitAction::degree)
      .def_prop_ro("uploads", [](const OrbitAction& action) { return action.tables().uploads; });
}

}  // namespace symkernel
