// Orbit sums: array in, view, release the lock, call.
#include "orbit_sum.hpp"

#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "bindings.hpp"
#include "interrupt.hpp"
#include "samples.hpp"
#include "symkernel/fourier_plan.hpp"

namespace py = pybind11;

namespace symkernel {

namespace {

template <class T>
using Array = py::array_t<T, py::array::c_style>;

template <class T>
MatrixView<const T> matrix_view(const Array<T>& a, const char* message) {
  require(a.ndim() == 2, message);
  return {a.data(), a.shape(0), a.shape(1)};
}

OrbitAction make_signed_permutations(const Array<std::int32_t>& indices,
                                     const std::optional<Array<std::int8_t>>& signs) {
  const auto view = matrix_view(indices, "indices must have shape (order, d)");
  if (signs) {
    require(signs->ndim() == 2 && signs->shape(0) == view.rows && signs->shape(1) == view.columns,
            "signs must have the shape of indices");
  }
  return OrbitAction::signed_permutations(view, signs ? signs->data() : nullptr);
}

MatrixView<const double> stacked_view(const Array<double>& matrices) {
  require(matrices.ndim() == 3 && matrices.shape(1) == matrices.shape(2),
          "matrices must have shape (count, r, r)");
  return {matrices.data(), matrices.shape(0) * matrices.shape(1), matrices.shape(2)};
}

OrbitAction make_matrices(const Array<double>& matrices) {
  return OrbitAction::matrices(stacked_view(matrices));
}

OrbitAction make_points(const Array<std::int32_t>& rows, const Array<double>& matrices,
                        std::vector<std::int32_t> layout,
                        const std::vector<std::pair<std::int64_t, std::int64_t>>& blocks,
                        const std::optional<Array<double>>& basis) {
  OrbitAction action = OrbitAction::points(
      matrix_view(rows, "rows must have shape (s, points)"),
      matrix_view(matrices, "matrices must have shape (h, entries)"), std::move(layout), blocks);
  if (basis) action.set_basis(matrix_view(*basis, "basis must have shape (d, d)"));
  return action;
}

OrbitAction make_shifts(std::vector<std::int32_t> grid_shape, const Array<std::int32_t>& maps,
                        std::vector<std::int32_t> layout) {
  return OrbitAction::shifts(std::move(grid_shape),
                             matrix_view(maps, "maps must have shape (count, size)"),
                             std::move(layout));
}

// Multiply-adds per pair of samples that the transform of a grid takes as long as.
double shift_cost(std::vector<std::int32_t> grid_shape, int channels) {
  return FourierPlan<double>(std::move(grid_shape)).cost(channels);
}

BaseKernel make_kernel(const std::string& name, const std::vector<double>& parameters,
                       const std::optional<Array<double>>& weights) {
  BaseKernel kernel = BaseKernel::by_name(name, parameters);
  if (weights) kernel.weights.assign(weights->data(), weights->data() + weights->size());
  return kernel;
}

ClosedForm make_form(const std::string& name, std::vector<double> rates,
                     const Array<double>& values, const Array<double>& slopes,
                     const std::string& base) {
  return ClosedForm::by_name(name, std::move(rates),
                             matrix_view(values, "values must have shape (planes, rates)"),
                             matrix_view(slopes, "slopes must have shape (planes, rates)"), base);
}

ClosedForm make_form_of_powers(const std::string& name, const Array<double>& values) {
  return ClosedForm::of_powers(name,
                               matrix_view(values, "values must have shape (planes, powers)"));
}

// Kernels of one kind take the same prepared samples.
std::tuple<bool, bool, int> kind_name(const SampleKind& kind) {
  return {kind.centred, kind.unit_rows, kind.power};
}

// Samples prepared for an action and a kind of kernel, with what they look into.
template <class T>
struct KeptSamples {
  Array<T> rows;
  py::object action;
  std::unique_ptr<const Samples<T>> samples;
};

template <class T, class Kernel>
std::unique_ptr<KeptSamples<T>> prepare(const Kernel& kernel, const OrbitAction& action,
                                        const Array<T>& x, int n_threads) {
  const auto view = matrix_view(x, "x must have shape (n, d)");
  require(view.columns == action.degree(), "x must have as many columns as the action");
  auto kept = std::make_unique<KeptSamples<T>>();
  kept->rows = x;
  kept->action = py::cast(&action, py::return_value_policy::reference);  // the object itself
  run_interruptible([&](StopToken& token) {
    kept->samples =
        std::make_unique<const Samples<T>>(tables_of(action, engine<T>()), kind_of(kernel), view,
                                           nullptr, true, resolve_threads(n_threads), token);
  });
  return kept;
}

// Samples as an array, or prepared.
template <class T>
using Given = std::variant<Array<T>, const KeptSamples<T>*>;

template <class T>
MatrixView<const T> given_view(const Given<T>& x, const char* message) {
  if (const auto* kept = std::get_if<const KeptSamples<T>*>(&x)) return (*kept)->samples->given();
  return matrix_view(std::get<Array<T>>(x), message);
}

template <class T>
const Samples<T>* prepared(const Given<T>& x) {
  const auto* kept = std::get_if<const KeptSamples<T>*>(&x);
  return kept != nullptr ? (*kept)->samples.get() : nullptr;
}

template <class T>
void set_kernel(GramRequest<T>& request, const BaseKernel& kernel) {
  request.kernel = &kernel;
}
template <class T>
void set_kernel(GramRequest<T>& request, const ClosedForm& form) {
  request.form = &form;
}
int gradient_count(const BaseKernel& kernel) { return kernel.gradients; }
int gradient_count(const ClosedForm& form) { return static_cast<int>(form.planes - 1); }

template <class T, class Kernel>
GramRequest<T> make_request(const Kernel& kernel, const OrbitAction& action, const Given<T>& x,
                            const std::optional<Given<T>>& y, int n_threads) {
  GramRequest<T> r;
  set_kernel(r, kernel);
  r.action = &action;
  r.x = given_view(x, "x must have shape (n, d)");
  r.prepared_x = prepared(x);
  if (y) {
    r.y = given_view(*y, "y must have shape (m, d)");
    r.prepared_y = prepared(*y);
    static const T nothing{};  // an empty y is still a y
    if (r.y.data == nullptr) r.y.data = &nothing;
  }
  r.n_threads = n_threads;
  return r;
}

template <class T>
void fill(GramRequest<T>& request, Output output, T* k, T* dk) {
  request.output = output;
  request.k = k;
  request.dk = dk;
  run_interruptible([&](StopToken& token) { gram(request, token); });
}

template <class T>
py::ssize_t rows_of(const GramRequest<T>& request) {
  return static_cast<py::ssize_t>(request.x.rows);
}
template <class T>
py::ssize_t columns_of(const GramRequest<T>& request) {
  return static_cast<py::ssize_t>(request.y.data != nullptr ? request.y.rows : request.x.rows);
}

template <class T, class Kernel>
Array<T> gram_array(const Kernel& kernel, const OrbitAction& action, const Given<T>& x,
                    const std::optional<Given<T>>& y, int n_threads) {
  auto request = make_request(kernel, action, x, y, n_threads);
  Array<T> k({rows_of(request), columns_of(request)});
  fill(request, Output::gram, k.mutable_data(), static_cast<T*>(nullptr));
  return k;
}

template <class T, class Kernel>
Array<T> packed_array(const Kernel& kernel, const OrbitAction& action, const Given<T>& x,
                      int n_threads) {
  auto request = make_request(kernel, action, x, std::optional<Given<T>>(), n_threads);
  const py::ssize_t n = rows_of(request);
  Array<T> k(n * (n + 1) / 2);
  fill(request, Output::packed, k.mutable_data(), static_cast<T*>(nullptr));
  return k;
}

template <class T, class Kernel>
std::tuple<Array<T>, Array<T>> gradient_arrays(const Kernel& kernel, const OrbitAction& action,
                                               const Given<T>& x, const std::optional<Given<T>>& y,
                                               bool per_feature, int n_threads) {
  auto request = make_request(kernel, action, x, y, n_threads);
  const py::ssize_t n = rows_of(request), m = columns_of(request);
  Array<T> k({n, m});
  Array<T> dk({n, m,
               per_feature ? static_cast<py::ssize_t>(request.x.columns)
                           : static_cast<py::ssize_t>(gradient_count(kernel))});
  fill(request, per_feature ? Output::ard : Output::gradient, k.mutable_data(), dk.mutable_data());
  return {k, dk};
}

template <class T, class Kernel>
Array<T> matvec_array(const Kernel& kernel, const OrbitAction& action, const Given<T>& x,
                      const std::optional<Given<T>>& y, const Array<T>& v, int n_threads) {
  auto request = make_request(kernel, action, x, y, n_threads);
  request.v = matrix_view(v, "v must have shape (m, columns)");
  require(request.v.rows == columns_of(request), "v must have one row per sample of y");
  Array<T> out({rows_of(request), v.shape(1)});
  fill(request, Output::matvec, out.mutable_data(), static_cast<T*>(nullptr));
  return out;
}

template <class T>
std::tuple<Array<T>, Array<T>> diagonal_arrays(const BaseKernel& kernel, const OrbitAction& action,
                                               const Given<T>& x, bool gradient, bool per_feature,
                                               int n_threads) {
  auto request = make_request(kernel, action, x, std::optional<Given<T>>(), n_threads);
  request.output = !gradient ? Output::gram : per_feature ? Output::ard : Output::gradient;
  const py::ssize_t derivatives = !gradient     ? 0
                                  : per_feature ? static_cast<py::ssize_t>(request.x.columns)
                                                : static_cast<py::ssize_t>(kernel.gradients);
  Array<T> k(rows_of(request));
  Array<T> dk({rows_of(request), derivatives});
  request.k = k.mutable_data();
  request.dk = dk.mutable_data();
  run_interruptible([&](StopToken& token) { diagonal(request, token); });
  return {k, dk};
}

template <class T, class Kernel>
Array<T> gradient_x_array(const Kernel& kernel, const OrbitAction& action, const Given<T>& x,
                          const std::optional<Given<T>>& y, const Array<T>& v, int n_threads) {
  auto request = make_request(kernel, action, x, y, n_threads);
  request.v = matrix_view(v, "v must have shape (m, columns)");
  require(request.v.rows == columns_of(request), "v must have one row per sample of y");
  Array<T> out({rows_of(request), v.shape(1), static_cast<py::ssize_t>(request.x.columns)});
  fill(request, Output::gradient_x, out.mutable_data(), static_cast<T*>(nullptr));
  return out;
}

template <class T, class Kernel>
Array<T> diagonal_gradient_x_array(const Kernel& kernel, const OrbitAction& action,
                                   const Given<T>& x, int n_threads) {
  auto request = make_request(kernel, action, x, std::optional<Given<T>>(), n_threads);
  Array<T> k(rows_of(request));
  Array<T> out({rows_of(request), static_cast<py::ssize_t>(request.x.columns)});
  request.output = Output::gradient_x;
  request.k = k.mutable_data();
  request.dk = out.mutable_data();
  run_interruptible([&](StopToken& token) { diagonal(request, token); });
  return out;
}

template <class T, class Kernel>
void bind_products(py::module_& m) {
  m.def("prepare", &prepare<T, Kernel>, py::arg("kernel"), py::arg("action"),
        py::arg("x").noconvert(), py::arg("n_threads") = 0,
        "Samples prepared for an action: they serve every hyperparameter of the kernel.");
  m.def("gram", &gram_array<T, Kernel>, py::arg("kernel"), py::arg("action"),
        py::arg("x").noconvert(), py::arg("y").noconvert(), py::arg("n_threads") = 0,
        "K(x, y) of shape (n, m); y = None means x, at half the cost.");
  m.def("gram_packed", &packed_array<T, Kernel>, py::arg("kernel"), py::arg("action"),
        py::arg("x").noconvert(), py::arg("n_threads") = 0,
        "The n (n + 1) / 2 numbers of the lower triangle of K(x, x), in LAPACK's rectangular full "
        "packed format.");
  m.def("gram_gradient", &gradient_arrays<T, Kernel>, py::arg("kernel"), py::arg("action"),
        py::arg("x").noconvert(), py::arg("y").noconvert(), py::arg("per_feature"),
        py::arg("n_threads") = 0,
        "K and its derivatives for the logarithms of the hyperparameters, or of a length scale per "
        "feature.");
  m.def("matvec", &matvec_array<T, Kernel>, py::arg("kernel"), py::arg("action"),
        py::arg("x").noconvert(), py::arg("y").noconvert(), py::arg("v").noconvert(),
        py::arg("n_threads") = 0, "K(x, y) v without storing K.");
  m.def("gradient_x", &gradient_x_array<T, Kernel>, py::arg("kernel"), py::arg("action"),
        py::arg("x").noconvert(), py::arg("y").noconvert(), py::arg("v").noconvert(),
        py::arg("n_threads") = 0, "Gradients (n, columns, d) of K(x, y) v in the rows of x.");
  m.def("diagonal_gradient_x", &diagonal_gradient_x_array<T, Kernel>, py::arg("kernel"),
        py::arg("action"), py::arg("x").noconvert(), py::arg("n_threads") = 0,
        "Gradients (n, d) of K(x_i, x_i) in the rows of x.");
}

// Degree, constant and factor of a polynomial of the inner product.
std::optional<std::tuple<int, double, double>> polynomial_of(const BaseKernel& kernel) {
  const int degree = kernel.traits().degree;
  if (degree < 0) return std::nullopt;
  const host::Producer producer = producer_of(kernel);
  return std::make_tuple(degree, producer.constant, producer.cross);
}

template <class T>
void bind_functions(py::module_& m, const char* samples) {
  py::class_<KeptSamples<T>>(m, samples, "Samples prepared for an action and a kind of kernel.")
      .def("__len__", [](const KeptSamples<T>& s) { return s.samples->count(); })
      .def_readonly("rows", &KeptSamples<T>::rows)
      .def_property_readonly("packings",
                             [](const KeptSamples<T>& s) { return s.samples->packings(); });
  bind_products<T, BaseKernel>(m);
  bind_products<T, ClosedForm>(m);
  m.def("diagonal", &diagonal_arrays<T>, py::arg("kernel"), py::arg("action"),
        py::arg("x").noconvert(), py::arg("gradient") = false, py::arg("per_feature") = false,
        py::arg("n_threads") = 0, "K(x_i, x_i), and its derivatives when asked.");
}

}  // namespace

void bind_orbit_sum(py::module_& m) {
  py::class_<BaseKernel>(m, "BaseKernel", "A base kernel by name, with its parameters.")
      .def(py::init(&make_kernel), py::arg("name"), py::arg("parameters"),
           py::arg("weights") = py::none())
      .def_readonly("gradients", &BaseKernel::gradients)
      .def_property_readonly("kind", [](const BaseKernel& k) { return kind_name(kind_of(k)); })
      .def_property_readonly("family",
                             [](const BaseKernel& k) { return family_name(k.traits().family); })
      .def_property_readonly("kink", [](const BaseKernel& k) { return k.traits().kink; })
      .def_property_readonly("mixture", [](const BaseKernel& k) { return k.traits().mixture; })
      .def_property_readonly("per_feature",
                             [](const BaseKernel& k) { return k.traits().per_feature; })
      .def_property_readonly("polynomial", &polynomial_of)
      .def_property_readonly("unit_rows",
                             [](const BaseKernel& k) { return producer_of(k).unit_rows; });
  m.def("kernel_names", &kernel_names, "Names of all base kernels.");
  py::class_<ClosedForm>(m, "ClosedForm",
                         "A closed form of averages, as a mixture of rates or a sum of powers.")
      .def(py::init(&make_form), py::arg("name"), py::arg("rates"), py::arg("values").noconvert(),
           py::arg("slopes").noconvert(), py::arg("base") = "rbf")
      .def_static("of_powers", &make_form_of_powers, py::arg("name"), py::arg("values").noconvert())
      .def_property_readonly("kind", [](const ClosedForm& f) { return kind_name(kind_of(f)); });
  py::class_<OrbitAction>(m, "OrbitAction", "The elements of a finite group as native arrays.")
      .def_static("signed_permutations", &make_signed_permutations, py::arg("indices").noconvert(),
                  py::arg("signs").noconvert())
      .def_static("matrices", &make_matrices, py::arg("matrices").noconvert())
      .def_static("points", &make_points, py::arg("rows").noconvert(),
                  py::arg("matrices").noconvert(), py::arg("layout"), py::arg("blocks"),
                  py::arg("basis").noconvert() = py::none())
      .def_static("shifts", &make_shifts, py::arg("grid_shape"), py::arg("maps").noconvert(),
                  py::arg("layout"))
      .def_property_readonly("order", &OrbitAction::order)
      .def_property_readonly("degree", &OrbitAction::degree);
  m.def("shift_cost", &shift_cost, py::arg("grid_shape"), py::arg("channels"));
  bind_functions<double>(m, "Samples64");
  bind_functions<float>(m, "Samples32");
}

}  // namespace symkernel
