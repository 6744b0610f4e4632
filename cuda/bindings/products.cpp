// Gram matrices, products and diagonals: arrays on a device in, view, release the lock, launch.
#include <nanobind/stl/optional.h>

#include <cstdint>
#include <optional>

#include "bindings.hpp"
#include "cuda/gram.hpp"
#include "module_executor.hpp"
#include "orbit_sum.hpp"
#include "symkernel/error.hpp"

namespace symkernel {

namespace {

// Arrays of the module's device; outputs are writable.
template <class T, int Dimensions>
using In = nb::ndarray<const T, nb::ndim<Dimensions>, nb::c_contig, ModuleDevice>;
template <class T, int Dimensions>
using Out = nb::ndarray<T, nb::ndim<Dimensions>, nb::c_contig, ModuleDevice>;

std::int64_t extent(std::size_t n) { return static_cast<std::int64_t>(n); }

template <class T>
MatrixView<const T> view(const In<T, 2>& a) {
  return {a.data(), extent(a.shape(0)), extent(a.shape(1))};
}

void set_kernel(const BaseKernel& kernel, const BaseKernel** base, const ClosedForm**) {
  *base = &kernel;
}
void set_kernel(const ClosedForm& form, const BaseKernel**, const ClosedForm** closed) {
  *closed = &form;
}
std::int64_t gradient_count(const BaseKernel& kernel) { return kernel.gradients; }
std::int64_t gradient_count(const ClosedForm& form) { return form.planes - 1; }

template <class T, class Kernel>
gpu::GramRequest<T> make_request(const Kernel& kernel, const OrbitAction& action, const In<T, 2>& x,
                                 const std::optional<In<T, 2>>& y) {
  gpu::GramRequest<T> r;
  set_kernel(kernel, &r.kernel, &r.form);
  r.action = &action;
  r.x = view(x);
  if (y) {
    static const T nothing{};  // an empty y is still a y
    r.y = view(*y);
    if (r.y.data == nullptr) r.y.data = &nothing;
  }
  return r;
}

template <class Array>
int device_of(const Array& a) {
  return a.device_id();
}

template <class T, class Kernel>
void bind(nb::module_& m) {
  m.def(
      "gram",
      [](const Kernel& kernel, const OrbitAction& action, const In<T, 2>& x,
         const std::optional<In<T, 2>>& y, const Out<T, 2>& k, std::uintptr_t stream) {
        auto request = make_request<T>(kernel, action, x, y);
        require(extent(k.shape(0)) == request.x.rows &&
                    extent(k.shape(1)) == (y ? request.y.rows : request.x.rows),
                "k must have shape (n, m)");
        request.output = Output::gram;
        request.k = k.data();
        const int device = device_of(k);
        const nb::gil_scoped_release release;
        ModuleExecutor executor = make_executor(device, stream);
        gpu::gram(request, executor);
      },
      nb::arg("kernel"), nb::arg("action"), nb::arg("x").noconvert(),
      nb::arg("y").noconvert().none(), nb::arg("k").noconvert(), nb::arg("stream") = 0,
      "K(x, y) of shape (n, m) into k; y = None means x, at half the cost.");
  m.def(
      "gram_gradient",
      [](const Kernel& kernel, const OrbitAction& action, const In<T, 2>& x,
         const std::optional<In<T, 2>>& y, bool per_feature, const Out<T, 2>& k,
         const Out<T, 3>& dk, std::uintptr_t stream) {
        auto request = make_request<T>(kernel, action, x, y);
        const std::int64_t columns = y ? request.y.rows : request.x.rows;
        const std::int64_t planes = per_feature ? request.x.columns : gradient_count(kernel);
        require(extent(k.shape(0)) == request.x.rows && extent(k.shape(1)) == columns,
                "k must have shape (n, m)");
        require(extent(dk.shape(0)) == request.x.rows && extent(dk.shape(1)) == columns &&
                    extent(dk.shape(2)) == planes,
                "dk must have shape (n, m, derivatives)");
        request.output = per_feature ? Output::ard : Output::gradient;
        request.k = k.data();
        request.dk = dk.data();
        const int device = device_of(k);
        const nb::gil_scoped_release release;
        ModuleExecutor executor = make_executor(device, stream);
        gpu::gram(request, executor);
      },
      nb::arg("kernel"), nb::arg("action"), nb::arg("x").noconvert(),
      nb::arg("y").noconvert().none(), nb::arg("per_feature"), nb::arg("k").noconvert(),
      nb::arg("dk").noconvert(), nb::arg("stream") = 0,
      "K and its derivatives for the logarithms of the hyperparameters, or of a length scale per "
      "feature.");
  m.def(
      "matvec",
      [](const Kernel& kernel, const OrbitAction& action, const In<T, 2>& x,
         const std::optional<In<T, 2>>& y, const In<T, 2>& v, const Out<T, 2>& out,
         std::uintptr_t stream) {
        auto request = make_request<T>(kernel, action, x, y);
        request.v = view(v);
        require(request.v.rows == (y ? request.y.rows : request.x.rows),
                "v must have one row per sample of y");
        require(extent(out.shape(0)) == request.x.rows && extent(out.shape(1)) == request.v.columns,
                "out must have shape (n, columns)");
        request.output = Output::matvec;
        request.k = out.data();
        const int device = device_of(out);
        const nb::gil_scoped_release release;
        ModuleExecutor executor = make_executor(device, stream);
        gpu::gram(request, executor);
      },
      nb::arg("kernel"), nb::arg("action"), nb::arg("x").noconvert(),
      nb::arg("y").noconvert().none(), nb::arg("v").noconvert(), nb::arg("out").noconvert(),
      nb::arg("stream") = 0, "K(x, y) v without storing K.");
  m.def(
      "diagonal",
      [](const Kernel& kernel, const OrbitAction& action, const In<T, 2>& x, bool gradient,
         bool per_feature, const Out<T, 1>& k, const Out<T, 2>& dk, std::uintptr_t stream) {
        auto request = make_request<T>(kernel, action, x, std::optional<In<T, 2>>());
        request.output = !gradient ? Output::gram : per_feature ? Output::ard : Output::gradient;
        const std::int64_t planes = !gradient     ? 0
                                    : per_feature ? request.x.columns
                                                  : gradient_count(kernel);
        require(extent(k.shape(0)) == request.x.rows, "k must have shape (n,)");
        require(extent(dk.shape(0)) == request.x.rows && extent(dk.shape(1)) == planes,
                "dk must have shape (n, derivatives)");
        request.k = k.data();
        request.dk = dk.data();
        const int device = device_of(k);
        const nb::gil_scoped_release release;
        ModuleExecutor executor = make_executor(device, stream);
        gpu::diagonal(request, executor);
      },
      nb::arg("kernel"), nb::arg("action"), nb::arg("x").noconvert(), nb::arg("gradient"),
      nb::arg("per_feature"), nb::arg("k").noconvert(), nb::arg("dk").noconvert(),
      nb::arg("stream") = 0, "K(x_i, x_i), and its derivatives when asked.");
  m.def(
      "gradient_x",
      [](const Kernel& kernel, const OrbitAction& action, const In<T, 2>& x, const In<T, 2>& y,
         const In<T, 2>& v, const Out<T, 3>& out, std::uintptr_t stream) {
        auto request = make_request<T>(kernel, action, x, std::optional<In<T, 2>>(y));
        request.v = view(v);
        require(request.v.rows == request.y.rows, "v must have one row per sample of y");
        require(extent(out.shape(0)) == request.x.rows &&
                    extent(out.shape(1)) == request.v.columns &&
                    extent(out.shape(2)) == request.x.columns,
                "out must have shape (n, columns, d)");
        request.output = Output::gradient_x;
        request.k = out.data();
        const int device = device_of(out);
        const nb::gil_scoped_release release;
        ModuleExecutor executor = make_executor(device, stream);
        gpu::gram(request, executor);
      },
      nb::arg("kernel"), nb::arg("action"), nb::arg("x").noconvert(), nb::arg("y").noconvert(),
      nb::arg("v").noconvert(), nb::arg("out").noconvert(), nb::arg("stream") = 0,
      "Gradients (n, columns, d) of K(x, y) v in the rows of x.");
  m.def(
      "diagonal_gradient_x",
      [](const Kernel& kernel, const OrbitAction& action, const In<T, 2>& x, const Out<T, 2>& out,
         std::uintptr_t stream) {
        auto request = make_request<T>(kernel, action, x, std::optional<In<T, 2>>());
        require(extent(out.shape(0)) == request.x.rows && extent(out.shape(1)) == request.x.columns,
                "out must have shape (n, d)");
        request.output = Output::gradient_x;
        request.dk = out.data();
        const int device = device_of(out);
        const nb::gil_scoped_release release;
        ModuleExecutor executor = make_executor(device, stream);
        gpu::diagonal(request, executor);
      },
      nb::arg("kernel"), nb::arg("action"), nb::arg("x").noconvert(), nb::arg("out").noconvert(),
      nb::arg("stream") = 0, "Gradients (n, d) of K(x_i, x_i) in the rows of x.");
}

}  // namespace

void bind_products(nb::module_& m) {
  bind<double, BaseKernel>(m);
  bind<float, BaseKernel>(m);
  bind<double, ClosedForm>(m);
  bind<float, ClosedForm>(m);
}

}  // namespace symkernel
