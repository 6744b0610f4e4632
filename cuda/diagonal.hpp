// K(x_i, x_i): a block for every sample, its threads over the elements. Distances come from
// differences in double, so no form cancels; the cost is that of n pairs.
#pragma once

#include <cstdint>

#include "cuda/executor.hpp"
#include "cuda/kernel_maps.hpp"
#include "cuda/prepare.hpp"
#include "cuda/refine.hpp"
#include "cuda/tile_job.hpp"

namespace symkernel {
namespace gpu {

template <class T>
struct DiagonalArguments {
  Job<T> job;  // x and y are the same samples
  T antipode;  // unit rows: beyond this square the supplement is wanted
  T* k;
  T* dk;
  std::int64_t derivatives;
};

template <class T, Planes P>
struct Diagonal {
  static constexpr int threads = 128, blocks_per_unit = 4;
  static constexpr std::int64_t shared_bytes = threads * (sizeof(double) + sizeof(T));
  using Arguments = DiagonalArguments<T>;

  template <class Team>
  SYMKERNEL_HD void operator()(Team& team, const Arguments& a) const {
    if constexpr (P == Planes::features) {
      per_feature(team, a);
    } else {
      summed(team, a);
    }
  }

 private:
  // The affine form of sample i and its image under element e. (Not inlined: once for every kernel
  // it would take minutes to compile, and a call is nothing beside its loops.)
  static SYMKERNEL_NOINLINE T form(const Arguments& a, std::int64_t i, std::int64_t e) {
    const Job<T>& job = a.job;
    if (job.unit_rows && job.x.inverse_norm[i] == 0.0) return T(2);  // at pi/2 to everything
    if (job.self != 0.0) {                                           // a distance
      const T form = form_from_rows(job, e, i, i, false);
      return job.unit_rows && form > a.antipode ? form_from_rows(job, e, i, i, true) : form;
    }
    const T* x = job.x.rows + i * job.g.d;
    double sum = 0;
    for (std::int64_t k = 0; k < job.g.d; ++k) {
      const double own = x[feature_of(job.g, k)], other = acted(job.g, e, x, k);
      sum += job.manhattan ? ::fabs(own - other) : own * other;
    }
    return static_cast<T>(job.cross * sum + static_cast<double>(job.x.bias[i]));
  }

  static SYMKERNEL_INLINE double scale(const Arguments& a, std::int64_t i) {
    const double mean = 1.0 / static_cast<double>(a.job.g.order);
    if (a.job.x.weight == nullptr) return mean;
    const double weight = a.job.x.weight[i];
    return mean * weight * weight;
  }

  template <class Team>
  static SYMKERNEL_HD void summed(Team& team, const Arguments& a) {
    constexpr int planes = plane_count<T, P>;
    double* memory = reinterpret_cast<double*>(team.shared());
    const std::int64_t i = team.block().x;
    double sums[planes] = {};
    EveryMap<T>::with(a.job.kernel, a.job.parameters,
                      [&](const auto& kernel) { add_elements(kernel, a, i, team.thread(), sums); });
    for (int c = 0; c < planes; ++c) {
      const double sum = block_sum<threads>(team, sums[c], memory) * scale(a, i);
      if (team.thread() != 0) continue;
      if (c == 0) {
        a.k[i] = static_cast<T>(sum);
      } else if (c <= a.derivatives) {
        a.dk[i * a.derivatives + c - 1] = static_cast<T>(sum);
      }
    }
  }

  template <class Kernel, int N>
  static SYMKERNEL_INLINE void add_elements(const Kernel& kernel, const Arguments& a,
                                            std::int64_t i, int thread, double (&sums)[N]) {
    for (std::int64_t e = thread; e < a.job.g.order; e += threads) {
      const T value = form(a, i, e);
      if constexpr (P == Planes::value) {
        sums[0] += static_cast<double>(kernel.value(value));
      } else {
        T d[max_gradients + 1];
        sums[0] += static_cast<double>(kernel.gradient(value, d));
        for (int c = 0; c < Kernel::n_gradients; ++c) sums[1 + c] += static_cast<double>(d[c]);
      }
    }
  }

  // Derivatives for a length scale per feature: slopes of some elements at a time, then threads
  // over features.
  template <class Team>
  static SYMKERNEL_HD void per_feature(Team& team, const Arguments& a) {
    double* memory = reinterpret_cast<double*>(team.shared());
    T* slopes = reinterpret_cast<T*>(memory + threads);
    const int t = team.thread();
    const std::int64_t i = team.block().x, d = a.job.g.d, order = a.job.g.order;
    const T* x = a.job.x.rows + i * d;
    const double factor = scale(a, i);
    double total = 0;
    for (std::int64_t first = 0; first < order; first += threads) {
      const int count = static_cast<int>(order - first < threads ? order - first : threads);
      if (t < count) {
        SlopeMap<T>::with(a.job.kernel, a.job.parameters, [&](const auto& kernel) {
          T value = T(0);
          slopes[t] = kernel.slope(form(a, i, first + t), value);
          total += static_cast<double>(value);
        });
      }
      team.sync();
      for (std::int64_t k = t; k < d; k += threads) {
        double sum = 0;
        for (int l = 0; l < count; ++l) {
          const double difference = static_cast<double>(x[k]) - acted(a.job.g, first + l, x, k);
          sum += static_cast<double>(slopes[l]) * difference * difference;
        }
        T* to = a.dk + i * d + k;
        *to = static_cast<T>(sum * factor + (first > 0 ? static_cast<double>(*to) : 0.0));
      }
      team.sync();
    }
    total = block_sum<threads>(team, total, memory);
    if (t == 0) a.k[i] = static_cast<T>(total * factor);
  }
};

template <class T, class Executor>
void run_diagonal(const DiagonalArguments<T>& a, std::int64_t n, Executor& executor) {
  const auto launch = [&](auto program) {
    using Program = decltype(program);
    executor.template launch<Program>({n}, Program::shared_bytes, a);
  };
  if (a.job.output == Output::ard) {
    launch(Diagonal<T, Planes::features>());
  } else if (a.job.output == Output::gradient) {
    launch(Diagonal<T, Planes::gradient>());
  } else {
    launch(Diagonal<T, Planes::value>());
  }
}

}  // namespace gpu
}  // namespace symkernel
