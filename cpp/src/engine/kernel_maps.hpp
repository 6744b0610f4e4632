// From affine forms to sums over g of kernel values: one small loop per base kernel, chosen once
// per job by a pointer, so that tiles are compiled once and not once per kernel.
//
//   sum[j] += sum_{c < count} w_c f(a[c * stride + j]),   j < length, a multiple of the vector
//   width
#pragma once

#include "engine/engine.hpp"
#include "engine/tile_product.hpp"
#include "symkernel/bundle.hpp"
#include "symkernel/kernel_list.hpp"

SYMKERNEL_BEGIN_NAMESPACE

// Weights of elements that follow each other, `step` numbers apart: 0 where all are the same.
template <class T>
struct Weights {
  const T* first;
  std::int64_t step;
  T operator[](std::int64_t c) const { return first[c * step]; }
  template <class B, int N>
  SYMKERNEL_INLINE B bundle(std::int64_t c) const {
    B w;
    SYMKERNEL_UNROLL
    for (int i = 0; i < N; ++i) w.part[i] = decltype(w.part[i] + w.part[i])(first[(c + i) * step]);
    return w;
  }
};

template <class T>
SYMKERNEL_INLINE Weights<T> weights_from(const Job<T>& job, std::int64_t e) {
  return {job.weights + e * job.weight_step, job.weight_step};
}

template <class T>
using Map = void (*)(const double* parameters, Weights<T> w, const T* a, std::int64_t length,
                     std::int64_t count, std::int64_t stride, T* sum, std::int64_t plane);

// Vectors computed on side by side: as many as the registers hold beside a polynomial's
// coefficients.
template <class T>
constexpr int bundle_size = TileShape<T>::mr == 12 ? 4 : 2;

template <class T, template <class> class Kernel>
void map_value(const double* parameters, Weights<T> w, const T* SYMKERNEL_RESTRICT a,
               std::int64_t length, std::int64_t count, std::int64_t stride,
               T* SYMKERNEL_RESTRICT sum, std::int64_t) {
  using V = typename TileShape<T>::V;
  constexpr int N = bundle_size<T>;
  using B = Bundle<V, N>;
  const Kernel<V> single(parameters);
  const Kernel<B> bundled(parameters);
  if (count == 1) {
    const T weight = w[0];
    std::int64_t j = 0;
    for (; j + N * V::width <= length; j += N * V::width) {
      const B k = bundled.value(B::load(a + j, V::width));
      fma(k, B(weight), B::load(sum + j, V::width)).store(sum + j, V::width);
    }
    for (; j < length; j += V::width)
      fma(single.value(V::load(a + j)), V(weight), V::load(sum + j)).store(sum + j);
    return;
  }
  for (std::int64_t j = 0; j < length; j += V::width) {
    // N partial sums, which also round less than one.
    B partial(T(0));
    std::int64_t c = 0;
    for (; c + N <= count; c += N)
      partial = fma(bundled.value(B::load(a + c * stride + j, stride)), w.template bundle<B, N>(c),
                    partial);
    V s = V::load(sum + j) + partial.sum();
    for (; c < count; ++c) s = fma(single.value(V::load(a + c * stride + j)), V(w[c]), s);
    s.store(sum + j);
  }
}

// Plane 0 collects values, plane 1 + p the derivatives for the logarithm of hyperparameter p.
template <class T, template <class> class Kernel>
void map_gradient(const double* parameters, Weights<T> w, const T* SYMKERNEL_RESTRICT a,
                  std::int64_t length, std::int64_t count, std::int64_t stride,
                  T* SYMKERNEL_RESTRICT sum, std::int64_t plane) {
  using V = typename TileShape<T>::V;
  constexpr int P = Kernel<V>::n_gradients;
  const Kernel<V> kernel(parameters);
  for (std::int64_t j = 0; j < length; j += V::width) {
    for (std::int64_t c = 0; c < count; ++c) {
      V d[P + 1];
      const V weight(w[c]);
      const V k = kernel.gradient(V::load(a + c * stride + j), d);
      fma(k, weight, V::load(sum + j)).store(sum + j);
      for (int p = 0; p < P; ++p) {
        T* dp = sum + (p + 1) * plane + j;
        fma(d[p], weight, V::load(dp)).store(dp);
      }
    }
  }
}

// sum += w value; a is replaced by w slope, which weights squared differences per feature.
template <class T, template <class> class Kernel>
void map_slope(const double* parameters, T w, T* SYMKERNEL_RESTRICT a, std::int64_t length,
               T* SYMKERNEL_RESTRICT sum) {
  using V = typename TileShape<T>::V;
  const Kernel<V> kernel(parameters);
  for (std::int64_t j = 0; j < length; j += V::width) {
    V k;
    const V slope = kernel.slope(V::load(a + j), k);
    fma(k, V(w), V::load(sum + j)).store(sum + j);
    (slope * V(w)).store(a + j);
  }
}

// a is replaced by the derivative, and `radial` filled with what goes with it.
template <class T, template <class> class Kernel>
void map_derivative(const double* parameters, T* SYMKERNEL_RESTRICT a, std::int64_t length,
                    T* SYMKERNEL_RESTRICT radial) {
  using V = typename TileShape<T>::V;
  constexpr int N = bundle_size<T>;
  using B = Bundle<V, N>;
  const Kernel<V> single(parameters);
  const Kernel<B> bundled(parameters);
  std::int64_t j = 0;
  for (; j + N * V::width <= length; j += N * V::width) {
    B r;
    const B d = bundled.derivative(B::load(a + j, V::width), r);
    d.store(a + j, V::width);
    r.store(radial + j, V::width);
  }
  for (; j < length; j += V::width) {
    V r;
    const V d = single.derivative(V::load(a + j), r);
    d.store(a + j);
    r.store(radial + j);
  }
}

template <class T>
struct Maps {
  Map<T> value, gradient;
  void (*slope)(const double*, T, T*, std::int64_t, T*);  // null where a kernel has none
  void (*derivative)(const double*, T*, std::int64_t, T*);
};

template <class T, template <class> class Kernel>
constexpr Maps<T> maps_of_kernel() {
  Maps<T> maps = {map_value<T, Kernel>, map_gradient<T, Kernel>, nullptr,
                  map_derivative<T, Kernel>};
  if constexpr (Kernel<T>::per_feature) maps.slope = map_slope<T, Kernel>;
  return maps;
}

template <class T, template <class> class... K>
const Maps<T>& maps_in(KernelList<K...>, KernelId id) {
  static constexpr Maps<T> maps[] = {maps_of_kernel<T, K>()...};
  return maps[static_cast<int>(id)];
}

template <class T>
const Maps<T>& maps_of(KernelId id) {
  return maps_in<T>(Kernels(), id);
}

SYMKERNEL_END_NAMESPACE
