// symkernel._cuda: a table of contents.
#include "bindings.hpp"

NB_MODULE(_cuda, m) {
  m.doc() = "Native CUDA core of symkernel. Use the Python layers; this interface is private.";
  m.attr("__version__") = SYMKERNEL_VERSION;
  nanobind::set_leak_warnings(false);  // native objects live in weak caches of the Python side
  symkernel::bind_devices(m);
  symkernel::bind_tables(m);
  symkernel::bind_products(m);
  symkernel::bind_canonical(m);
}
