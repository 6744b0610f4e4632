// Threads and interrupts: runs numbered tasks on a team, stops them when the user asks.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

namespace symkernel {

// Asked now and then by the calling thread; true stops the computation (Ctrl-C in Python).
class StopToken {
 public:
  using Query = bool (*)();
  explicit StopToken(Query query) : query_(query), last_(std::chrono::steady_clock::now()) {}

  bool stopped() const { return stop_.load(std::memory_order_relaxed); }
  void stop() { stop_.store(true, std::memory_order_relaxed); }

  // Only the calling thread (thread 0) asks, at most every 50 ms: the query takes Python's lock.
  void poll(int thread) {
    if (thread != 0 || query_ == nullptr || stopped()) return;
    const auto now = std::chrono::steady_clock::now();
    if (now - last_ < std::chrono::milliseconds(50)) return;
    last_ = now;
    if (query_()) stop();
  }

 private:
  Query query_;
  std::chrono::steady_clock::time_point last_;
  std::atomic<bool> stop_{false};
};

using TaskBody = void (*)(void* context, std::int64_t task, int thread);

// Number of threads a call uses: `requested` if positive, else what OpenMP would take now
// (OMP_NUM_THREADS, threadpoolctl).
int resolve_threads(int requested);

// Calls body(context, task, thread) for every task, on n_threads threads, tasks handed out in
// order as threads become free. Returns early, tasks undone, when the token is stopped. An
// exception in a task stops the rest and is thrown to the caller.
void run_tasks(std::int64_t n_tasks, int n_threads, TaskBody body, void* context, StopToken& token);

template <class F>
void parallel_for(std::int64_t n_tasks, int n_threads, StopToken& token, F& f) {
  run_tasks(
      n_tasks, n_threads,
      [](void* context, std::int64_t task, int thread) {
        (*static_cast<F*>(context))(task, thread);
      },
      &f, token);
}

const char* threading_layer();  // "openmp" or "std::thread"

}  // namespace symkernel
