#include "parallel.hpp"

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#if defined(_OPENMP)
#include <omp.h>
#endif
#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h>
#endif

namespace symkernel {

namespace {

// One call of run_tasks. Tasks are taken from a common counter, which balances unequal tasks.
// Members of the pool come and go: the call is over when every task that was begun is done, not
// when every thread that was asked has come.
class Team {
 public:
  Team(std::int64_t n_tasks, int n_threads, TaskBody body, void* context, StopToken& token)
      : n_tasks_(n_tasks), n_threads_(n_threads), body_(body), context_(context), token_(token) {}

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

  bool wants_more() const {
    return joined_ + 1 < n_threads_ && next_.load(std::memory_order_relaxed) < n_tasks_;
  }

  void poll() { token_.poll(0); }

  void rethrow() const {
    if (error_) std::rethrow_exception(error_);
  }

  // Guarded by the pool's mutex.
  int joined_ = 0, active_ = 0;

 private:
  std::int64_t n_tasks_;
  int n_threads_;
  TaskBody body_;
  void* context_;
  StopToken& token_;
  std::atomic<std::int64_t> next_{0};
  std::mutex mutex_;
  std::exception_ptr error_;
};

// Threads that wait for teams to join, made when first needed and kept.
//
// Not OpenMP's own team: there a call ends at a barrier that every thread must reach. Linear
// algebra libraries leave their threads spinning for tens of milliseconds after a call, a thread
// that has to wait for its turn behind one of them then holds up all others, and a Gram matrix of
// 8 ms took 40. Nor do OpenMP's threads survive fork() or a machine that is out of threads.
class Pool {
 public:
  static Pool& instance() {
    Pool* pool = current().load(std::memory_order_acquire);
    if (pool != nullptr) return *pool;
#if defined(__unix__) || defined(__APPLE__)
    static const int registered = pthread_atfork(nullptr, nullptr, forget);
    static_cast<void>(registered);
#endif
    auto fresh = std::make_unique<Pool>();
    // Never deleted: its threads may outlive static objects.
    if (current().compare_exchange_strong(pool, fresh.get())) pool = fresh.release();
    return *pool;
  }

  void run(Team& team, int n_threads) {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      grow(n_threads - 1);
      teams_.push_back(&team);
      posted_.fetch_add(1, std::memory_order_release);
    }
    wake_.notify_all();
    team.work(0);
    std::unique_lock<std::mutex> lock(mutex_);
    teams_.erase(std::find(teams_.begin(), teams_.end(), &team));
    // The calling thread alone asks for interrupts, also when it has no task left itself.
    while (
        !done_.wait_for(lock, std::chrono::milliseconds(20), [&] { return team.active_ == 0; })) {
      lock.unlock();
      team.poll();
      lock.lock();
    }
  }

 private:
  static std::atomic<Pool*>& current() {
    static std::atomic<Pool*> pool{nullptr};
    return pool;
  }
  // A child process has none of its parent's threads: it makes a pool of its own.
  static void forget() { current().store(nullptr, std::memory_order_release); }

  void grow(int wanted) {
    while (n_workers_ < wanted) {
      try {
        std::thread([this] { serve(); }).detach();
      } catch (const std::system_error&) {
        return;  // the system has no more threads: those there are do all tasks
      }
      ++n_workers_;
    }
  }

  [[noreturn]] void serve() {
    std::unique_lock<std::mutex> lock(mutex_);
    for (;;) {
      const auto open =
          std::find_if(teams_.begin(), teams_.end(), [](Team* t) { return t->wants_more(); });
      if (open != teams_.end()) {
        Team& team = **open;
        const int thread = ++team.joined_;
        ++team.active_;
        lock.unlock();
        team.work(thread);
        lock.lock();
        if (--team.active_ == 0) done_.notify_all();
        continue;
      }
      lock.unlock();
      watch();
      lock.lock();
    }
  }

  // Waits for a new team: a call makes several in a row, so first without going to sleep.
  void watch() {
    const std::int64_t seen = posted_.load(std::memory_order_acquire);
    const auto begin = std::chrono::steady_clock::now();
    while (std::chrono::steady_clock::now() - begin < std::chrono::microseconds(50)) {
      if (posted_.load(std::memory_order_acquire) != seen) return;
      std::this_thread::yield();
    }
    std::unique_lock<std::mutex> lock(mutex_);
    wake_.wait(lock, [&] {
      return posted_.load(std::memory_order_acquire) != seen ||
             std::any_of(teams_.begin(), teams_.end(), [](Team* t) { return t->wants_more(); });
    });
  }

  std::mutex mutex_;
  std::condition_variable wake_, done_;
  std::vector<Team*> teams_;
  std::atomic<std::int64_t> posted_{0};
  int n_workers_ = 0;
};

}  // namespace

int resolve_threads(int requested) {
  constexpr int most = 256;  // n_jobs=100000 is a slip
  if (requested > 0) return std::min(requested, most);
#if defined(_OPENMP)
  return std::min(omp_get_max_threads(), most);
#else
  const unsigned n = std::thread::hardware_concurrency();
  return n > 0 ? std::min(static_cast<int>(n), most) : 1;
#endif
}

void run_tasks(std::int64_t n_tasks, int n_threads, TaskBody body, void* context,
               StopToken& token) {
  if (n_tasks <= 0) return;
  if (static_cast<std::int64_t>(n_threads) > n_tasks) n_threads = static_cast<int>(n_tasks);
  Team team(n_tasks, n_threads, body, context, token);
  if (n_threads <= 1) {
    team.work(0);
  } else {
    Pool::instance().run(team, n_threads);
  }
  team.rethrow();
}

const char* threading_layer() {
#if defined(_OPENMP)
  return "as OpenMP is set";
#else
  return "as many as processors";
#endif
}

}  // namespace symkernel
