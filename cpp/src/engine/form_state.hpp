// Tables that a closed form makes once per job.
#pragma once

#include "engine/engine.hpp"
#include "engine/tile_product.hpp"
#include "symkernel/bessel.hpp"

SYMKERNEL_BEGIN_NAMESPACE

// Averages over spheres: in d dimensions, and in d + 2 for the derivative.
template <class T>
struct FormState {
  using V = typename TileShape<T>::V;
  SphereAverage<V> sphere, derivative;
  int dimension;
  explicit FormState(int d) : sphere(d), derivative(d + 2), dimension(d) {}
};

template <class T>
int form_dimension(const Job<T>& job) {
  return job.form.form == PairForm::sphere ? static_cast<int>(job.g.d) : 2;
}

SYMKERNEL_END_NAMESPACE
