// What the files of the module share.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

namespace symkernel {

namespace nb = nanobind;

void bind_devices(nb::module_& m);
void bind_tables(nb::module_& m);
void bind_products(nb::module_& m);
void bind_canonical(nb::module_& m);

}  // namespace symkernel
