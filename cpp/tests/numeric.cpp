#include "numeric.hpp"

#include "check.hpp"

void check::tests() {
  symkernel::test_simd();
  symkernel::test_math();
  symkernel::test_base_kernels();
  symkernel::test_fourier();
}
