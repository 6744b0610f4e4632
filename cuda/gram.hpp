// Gram matrices of invariant kernels on a device: what cpp/src/orbit_sum.hpp is for the CPU.
// Kernels, closed forms and actions are described by its classes; samples and results are device
// memory.
//
// The functions are templates over an executor (executor.hpp): CudaExecutor drives a device,
// HostExecutor emulates one for tests. Definitions are in gram_driver.hpp.
#pragma once

#include "orbit_sum.hpp"
#include "symkernel/view.hpp"

namespace symkernel {
namespace gpu {

template <class T>
struct GramRequest {
  const BaseKernel* kernel = nullptr;
  const ClosedForm* form = nullptr;  // in the place of a kernel: the action's matrices are not used
  const OrbitAction* action = nullptr;
  // C-contiguous device memory.
  MatrixView<const T> x;
  MatrixView<const T> y;  // data null: y is x, computed once and mirrored
  Output output = Output::gram;
  MatrixView<const T> v;  // matvec, gradient_x: (m, columns)
  // (n, m); matvec: (n, columns); gradient_x: gradients (n, columns, d) of K v in the rows of x
  T* k = nullptr;
  T* dk = nullptr;  // gradient: (n, m, gradients); ard: (n, m, d)
};

// Queues the computation on the executor's stream. Host memory may be freed on return.
// Throws std::invalid_argument for what the CPU refuses too, std::bad_alloc when device memory is
// short.
template <class T, class Executor>
void gram(const GramRequest<T>& request, Executor& executor);

// K(x_i, x_i) into k (n,), and with Output::gradient or ard its derivatives into dk (n, ...), with
// Output::gradient_x its gradients in the rows of x (n, d), and those alone.
template <class T, class Executor>
void diagonal(const GramRequest<T>& request, Executor& executor);

}  // namespace gpu
}  // namespace symkernel
