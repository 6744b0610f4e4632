// The parts of the numeric test program.
#pragma once

#include "symkernel/config.hpp"

SYMKERNEL_BEGIN_NAMESPACE

void test_simd();
void test_math();
void test_base_kernels();
void test_fourier();
void test_permanent();
void test_bessel();
void test_matrix_fisher();
void test_moments();
void test_assignment();

SYMKERNEL_END_NAMESPACE
