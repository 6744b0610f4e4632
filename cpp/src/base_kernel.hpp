// A base kernel with its parameters, by name, and what is known of it.
#pragma once

#include <string>
#include <vector>

#include "engine/engine.hpp"
#include "symkernel/kernel_list.hpp"

namespace symkernel {

// What a kernel states in base_kernels.hpp, for one choice of its parameters.
struct KernelTraits {
  KernelFamily family;
  bool kink, mixture, per_feature;
  double flatness;  // 0 unless it is a kernel of the distance
  int degree;       // -1 unless it is a polynomial of the product
};

// Parameters stand in the order of symkernel/base_kernels.hpp.
struct BaseKernel {
  KernelId id;
  double parameters[max_parameters];
  int gradients;
  // Of the elements it is summed over, in the order of the action, instead of 1/|G| for each;
  // alike for an element and its inverse.
  std::vector<double> weights;

  static BaseKernel by_name(const std::string& name, const std::vector<double>& parameters);

  KernelTraits traits() const;
};

// The names of all, in the order of their numbers.
std::vector<std::string> kernel_names();
// The word for a family: that of its number in KernelFamily.
const char* family_name(KernelFamily family);

}  // namespace symkernel

SYMKERNEL_BEGIN_NAMESPACE

// What a kernel asks of the tiles.
inline Producer producer_of(const BaseKernel& kernel) {
  Producer producer;
  Kernels::with<double, EveryKernel>(kernel.id, kernel.parameters, [&](const auto& formula) {
    producer = formula.producer(kernel.parameters);
  });
  return producer;
}

SYMKERNEL_END_NAMESPACE
