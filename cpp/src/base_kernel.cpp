#include "base_kernel.hpp"

#include <algorithm>

#include "symkernel/error.hpp"
#include "symkernel/kernel_list.hpp"

namespace symkernel {

namespace {

struct KernelRow {
  const char* name;
  int parameters, gradients;
  KernelTraits (*traits)(const double*);
};

template <class K>
KernelTraits traits_of(const double* p) {
  KernelTraits traits = {K::family, false, K::mixture, K::per_feature, 0.0, -1};
  if constexpr (K::family == KernelFamily::distance) {
    traits.flatness = K::flatness(p);
    traits.kink = traits.flatness == 0.0;
  } else {
    traits.kink = K::kink;
  }
  if constexpr (K::family == KernelFamily::product) traits.degree = K::degree(p);
  return traits;
}

template <class K>
constexpr KernelRow row() {
  static_assert(K::n_parameters <= max_parameters && K::n_gradients <= max_gradients &&
                    K::n_gradients <= K::n_parameters,
                "a kernel has too many parameters");
  return {K::name, K::n_parameters, K::n_gradients, &traits_of<K>};
}

template <template <class> class... K>
const KernelRow* rows_of(KernelList<K...>) {
  static constexpr KernelRow rows[] = {row<K<double>>()...};
  return rows;
}

const KernelRow& row_of(int place) { return rows_of(Kernels())[place]; }

}  // namespace

BaseKernel BaseKernel::by_name(const std::string& name, const std::vector<double>& parameters) {
  for (int i = 0; i < Kernels::size; ++i) {
    const KernelRow& row = row_of(i);
    if (name != row.name) continue;
    require(static_cast<int>(parameters.size()) == row.parameters,
            "wrong number of kernel parameters");
    BaseKernel kernel = {static_cast<KernelId>(i), {0, 0, 0}, row.gradients, {}};
    std::copy(parameters.begin(), parameters.end(), kernel.parameters);
    return kernel;
  }
  throw std::invalid_argument("unknown base kernel: " + name);
}

KernelTraits BaseKernel::traits() const { return row_of(static_cast<int>(id)).traits(parameters); }

std::vector<std::string> kernel_names() {
  std::vector<std::string> names;
  for (int i = 0; i < Kernels::size; ++i) names.push_back(row_of(i).name);
  return names;
}

const char* family_name(KernelFamily family) {
  constexpr const char* names[] = {"distance", "angle", "product", "manhattan"};
  return names[static_cast<int>(family)];
}

}  // namespace symkernel
