#include "parallel.hpp"

#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#if defined(_OPENMP)
#include <omp.h>
#endif

namespace symkernel {

namespace {

// One team member's share: tasks are taken from a common counter, which balances unequal tasks.
class Team {
 public:
  Team(std::int64_t n_tasks, TaskBody body, void* context, StopToken& token)
      : n_tasks_(n_tasks), body_(body), context_(context), token_(token) {}

  void work(int thread) noexcept {
    try {
      while (!token_.stopped()) {
        const std::int64_t task = next_.fetch_add(1, std::memory_order_relaxed);
        if (task >= n_tasks_) break;
        body_(context_, task, thread);
        token_.poll(thread);
      }
    } catch (...) {
      token_.stop();
      const std::lock_guard<std::mutex> lock(mutex_);
      if (!error_) error_ = std::current_exception();
    }
  }

  void rethrow() const {
    if (error_) std::rethrow_exception(error_);
  }

 private:
  std::int64_t n_tasks_;
  TaskBody body_;
  void* context_;
  StopToken& token_;
  std::atomic<std::int64_t> next_{0};
  std::mutex mutex_;
  std::exception_ptr error_;
};

}  // namespace

int resolve_threads(int requested) {
  // libgomp ends the process when it cannot start a thread: a slip like n_jobs=100000 must not.
  constexpr int most = 256;
  if (requested > 0) return requested < most ? requested : most;
#if defined(_OPENMP)
  return omp_get_max_threads();
#else
  const unsigned n = std::thread::hardware_concurrency();
  return n > 0 ? static_cast<int>(n) : 1;
#endif
}

void run_tasks(std::int64_t n_tasks, int n_threads, TaskBody body, void* context,
               StopToken& token) {
  if (n_tasks <= 0) return;
  if (static_cast<std::int64_t>(n_threads) > n_tasks) n_threads = static_cast<int>(n_tasks);
  Team team(n_tasks, body, context, token);
  if (n_threads <= 1) {
    team.work(0);
  } else {
#if defined(_OPENMP)
#pragma omp parallel num_threads(n_threads)
    team.work(omp_get_thread_num());
#else
    std::vector<std::thread> others;
    try {
      for (int t = 1; t < n_threads; ++t) others.emplace_back([&team, t] { team.work(t); });
    } catch (const std::system_error&) {
      // The system has no more threads: those there are do all tasks.
    }
    team.work(0);
    for (auto& t : others) t.join();
#endif
  }
  team.rethrow();
}

const char* threading_layer() {
#if defined(_OPENMP)
  return "openmp";
#else
  return "std::thread";
#endif
}

}  // namespace symkernel
