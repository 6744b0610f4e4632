// symkernel._cpu: a table of contents.
#include "bindings.hpp"

PYBIND11_MODULE(_cpu, m) {
  m.doc() = "Native CPU core of symkernel. Use the Python layers; this interface is private.";
  m.attr("__version__") = SYMKERNEL_VERSION;
  symkernel::bind_machine(m);
  symkernel::bind_orbit_sum(m);
  symkernel::bind_alignment(m);
  symkernel::bind_closure(m);
  symkernel::bind_modes(m);
  symkernel::bind_least_images(m);
  symkernel::bind_frames(m);
  symkernel::bind_joint_rotations(m);
  symkernel::bind_joint(m);
  symkernel::bind_segments(m);
  symkernel::bind_triangular(m);
  symkernel::bind_canonical(m);
}
