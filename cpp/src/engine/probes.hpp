// Probes of the machine's peaks: what a kernel's time is compared with.
#pragma once

#include "engine/tile_product.hpp"
#include "symkernel/bundle.hpp"
#include "symkernel/math.hpp"

SYMKERNEL_BEGIN_NAMESPACE

// Independent multiply-adds on registers; `operations` receives the number of scalar ones.
template <class T>
double multiply_add_probe(std::int64_t iterations, double& operations) {
  using V = typename TileShape<T>::V;
  constexpr int chains = 12;
  V a[chains];
  for (int c = 0; c < chains; ++c) a[c] = V(T(0.001 * c));
  const V b(T(0.999)), d(T(1e-9));
  for (std::int64_t i = 0; i < iterations; ++i) {
    SYMKERNEL_UNROLL
    for (int c = 0; c < chains; ++c) a[c] = fma(a[c], b, d);
  }
  V s(T(0));
  for (int c = 0; c < chains; ++c) s = s + a[c];
  operations = static_cast<double>(iterations) * chains * V::width;
  return static_cast<double>(s.lane(0));
}

// Exponentials over a buffer in L1.
template <class T>
double exp_probe(std::int64_t iterations, double& operations) {
  using V = typename TileShape<T>::V;
  constexpr int size = 512;
  alignas(64) T buffer[size];
  for (int i = 0; i < size; ++i) buffer[i] = T(-0.11 * i);
  using B = Bundle<V, 4>;
  B s(T(0));
  for (std::int64_t i = 0; i < iterations; ++i) {
    for (int j = 0; j < size; j += 4 * V::width) s = s + exp2(B::load(buffer + j, V::width));
#if defined(__GNUC__)
    asm volatile("" : : "r"(buffer) : "memory");  // the buffer may have changed: compute again
#endif
  }
  operations = static_cast<double>(iterations) * size;
  return static_cast<double>(s.sum().lane(0));
}

SYMKERNEL_END_NAMESPACE
