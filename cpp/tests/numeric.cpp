#include "numeric.hpp"

#include "check.hpp"

void check::tests() {
  symkernel::test_simd();
  symkernel::test_math();
  symkernel::test_base_kernels();
#if !defined(TEST_WITHOUT_FORMULAS)
  symkernel::test_fourier();
  symkernel::test_permanent();
  symkernel::test_bessel();
  symkernel::test_matrix_fisher();
  symkernel::test_moments();
  symkernel::test_assignment();
#endif
}
