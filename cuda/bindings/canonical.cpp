// Canonical forms of batches of samples: arrays on a device in, views, release the lock, launch.
#include <nanobind/stl/optional.h>
#include <nanobind/stl/vector.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "bindings.hpp"
#include "module_executor.hpp"
#include "symkernel/error.hpp"

namespace symkernel {

namespace {

template <class T, int Dimensions>
using In = nb::ndarray<const T, nb::ndim<Dimensions>, nb::c_contig, ModuleDevice>;
template <class T, int Dimensions>
using Out = nb::ndarray<T, nb::ndim<Dimensions>, nb::c_contig, ModuleDevice>;

template <class T>
gpu::CanonicalRequest<T> make_request(const In<T, 2>& x, std::int64_t points, std::int64_t channels,
                                      const Out<T, 2>& out) {
  require(out.shape(0) == x.shape(0) && out.shape(1) == x.shape(1), "out must have the shape of x");
  gpu::CanonicalRequest<T> r;
  r.x = {x.data(), static_cast<std::int64_t>(x.shape(0)), static_cast<std::int64_t>(x.shape(1))};
  r.points = points;
  r.channels = channels;
  r.out = out.data();
  return r;
}

// Null for None; else the array's memory, of `size` numbers.
template <class Array>
auto memory(const std::optional<Array>& a, std::int64_t size, const char* message) {
  require(!a || static_cast<std::int64_t>(a->size()) == size, message);
  return a ? a->data() : nullptr;
}

template <class T>
void bind(nb::module_& m) {
  m.def(
      "sort_points",
      [](const In<T, 2>& x, std::int64_t points, std::int64_t channels,
         const std::vector<std::int64_t>& offsets, bool flips, bool even, const Out<T, 2>& out,
         const std::optional<Out<std::int32_t, 2>>& indices,
         const std::optional<Out<std::int8_t, 2>>& signs, std::uintptr_t stream) {
        const auto request = make_request<T>(x, points, channels, out);
        const std::int64_t size = request.x.rows * points;
        std::int32_t* places = memory(indices, size, "indices must have shape (n, points)");
        std::int8_t* flipped = memory(signs, size, "signs must have shape (n, points)");
        const int device = out.device_id();
        const nb::gil_scoped_release release;
        ModuleExecutor executor = make_executor(device, stream);
        gpu::sort_points(request, offsets, flips, even, places, flipped, executor);
      },
      nb::arg("x").noconvert(), nb::arg("points"), nb::arg("channels"), nb::arg("offsets"),
      nb::arg("flips"), nb::arg("even"), nb::arg("out").noconvert(),
      nb::arg("indices").noconvert().none(), nb::arg("signs").noconvert().none(),
      nb::arg("stream") = 0,
      "Points of every row in lexicographic order, within blocks, into out.");
  m.def(
      "rotate_points",
      [](const In<T, 2>& x, std::int64_t points, std::int64_t channels, bool reflections,
         const Out<T, 2>& out, const std::optional<Out<std::int32_t, 1>>& shifts,
         const std::optional<Out<std::uint8_t, 1>>& mirrors, std::uintptr_t stream) {
        const auto request = make_request<T>(x, points, channels, out);
        std::int32_t* starts = memory(shifts, request.x.rows, "shifts must have shape (n,)");
        std::uint8_t* mirrored = memory(mirrors, request.x.rows, "mirrors must have shape (n,)");
        const int device = out.device_id();
        const nb::gil_scoped_release release;
        ModuleExecutor executor = make_executor(device, stream);
        gpu::rotate_points(request, reflections, starts, mirrored, executor);
      },
      nb::arg("x").noconvert(), nb::arg("points"), nb::arg("channels"), nb::arg("reflections"),
      nb::arg("out").noconvert(), nb::arg("shifts").noconvert().none(),
      nb::arg("mirrors").noconvert().none(), nb::arg("stream") = 0,
      "Every row as a ring of points, from where the word is least, into out.");
}

}  // namespace

void bind_canonical(nb::module_& m) {
  bind<double>(m);
  bind<float>(m);
}

}  // namespace symkernel
