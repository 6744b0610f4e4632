// One function per concern; module.cpp calls them.
#pragma once

#include <pybind11/pybind11.h>

namespace symkernel {

void bind_machine(pybind11::module_& m);    // instruction sets, threads, probes
void bind_orbit_sum(pybind11::module_& m);  // gram, diagonal, matvec, gradients over finite groups
void bind_alignment(pybind11::module_& m);  // nearest points of orbits, assignments, rotations
void bind_closure(pybind11::module_& m);    // groups from generators
void bind_modes(pybind11::module_& m);      // sums of monomials and Fourier modes over orbits
void bind_joint_rotations(pybind11::module_& m);  // gradients under rotations
void bind_least_images(pybind11::module_& m);     // canonical forms by stabiliser chains
void bind_frames(pybind11::module_& m);           // frames of clouds of points
void bind_joint(pybind11::module_& m);            // values and derivatives of kernels, together
void bind_segments(pybind11::module_& m);         // sums over segments of rows and columns
void bind_triangular(pybind11::module_& m);       // triangular systems with many right sides
void bind_canonical(pybind11::module_& m);        // canonical forms of permutation kind

}  // namespace symkernel
