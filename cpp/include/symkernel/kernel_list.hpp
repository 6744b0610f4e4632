// Every base kernel, in one list: numbers, names, traits and maps follow from it.
//
//   kernel_id<Rbf>                      number of a kernel: its place in the list
//   Kernels::with<T, Wanted>(id, p, f)  calls f(kernel of numbers T with parameters p) for kernel
//                                       number id, if it is one of those that are Wanted
//
// A new kernel is a template in base_kernels.hpp, or a header like it, and a word in this list.
#pragma once

#include "symkernel/base_kernels.hpp"
#include "symkernel/power_exponential.hpp"

SYMKERNEL_BEGIN_NAMESPACE

template <class A, class B>
constexpr bool is_same_type = false;
template <class A>
constexpr bool is_same_type<A, A> = true;

constexpr bool is_same_name(const char* a, const char* b) {
  for (; *a != 0 && *a == *b; ++a, ++b) {
  }
  return *a == *b;
}

template <template <class> class... K>
struct KernelList {
  static constexpr int size = sizeof...(K);

  template <class One>
  static constexpr int place() {
    int i = 0;
    const bool found = ((is_same_type<One, K<double>> || (++i, false)) || ...);
    return found ? i : -1;
  }

  static constexpr bool has_different_names() {
    const char* names[] = {K<double>::name...};
    for (int i = 0; i < size; ++i) {
      for (int j = 0; j < i; ++j) {
        if (is_same_name(names[i], names[j])) return false;
      }
    }
    return true;
  }

  // One comparison after the other, until the number is met.
  template <class T, class Wanted, class F>
  static SYMKERNEL_INLINE void with(KernelId id, const double* parameters, F&& f) {
    int i = 0;
    (void)((i++ == static_cast<int>(id) && call<K<T>, Wanted>(parameters, f)) || ...);
  }

 private:
  template <class Kernel, class Wanted, class F>
  static SYMKERNEL_INLINE bool call(const double* parameters, F& f) {
    if constexpr (Wanted::template take<Kernel>) f(Kernel(parameters));
    return true;
  }
};

template <class R>
using Matern12 = Matern<R, 1>;
template <class R>
using Matern32 = Matern<R, 3>;
template <class R>
using Matern52 = Matern<R, 5>;
template <class R>
using ArcCosine0 = ArcCosine<R, 0>;
template <class R>
using ArcCosine1 = ArcCosine<R, 1>;
template <class R>
using ArcCosine2 = ArcCosine<R, 2>;

using Kernels =
    KernelList<Rbf, Matern12, Matern32, Matern52, RationalQuadratic, DotProduct, Polynomial,
               ArcCosine0, ArcCosine1, ArcCosine2, Laplacian, PowerExponential>;
static_assert(Kernels::has_different_names(), "a kernel is found by its name");

template <template <class> class K>
constexpr KernelId kernel_id = static_cast<KernelId>(Kernels::place<K<double>>());

// Which kernels are wanted.
struct EveryKernel {
  template <class Kernel>
  static constexpr bool take = true;
};
template <KernelFamily... F>
struct KernelsOf {
  template <class Kernel>
  static constexpr bool take = ((Kernel::family == F) || ...);
};
struct KernelsPerFeature {
  template <class Kernel>
  static constexpr bool take = Kernel::per_feature;
};

SYMKERNEL_END_NAMESPACE
