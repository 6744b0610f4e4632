// Threads: every task once, exceptions reach the caller, an interrupt stops a long computation.
#include <atomic>
#include <chrono>
#include <cstdint>
#include <ctime>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#if defined(__unix__)
#include <sys/wait.h>
#include <unistd.h>
#endif

#include "actions.hpp"
#include "check.hpp"
#include "orbit_sum.hpp"
#include "parallel.hpp"
#include "symkernel/error.hpp"

namespace symkernel {

namespace {

void test_every_task_runs_once() {
  for (const int threads : {1, 2, 3, 8}) {
    for (const std::int64_t tasks : {0, 1, 2, 100, 5000}) {
      check::context("%ld tasks on %d threads", static_cast<long>(tasks), threads);
      std::vector<std::atomic<int>> runs(static_cast<std::size_t>(tasks));
      std::atomic<bool> numbered{true};
      auto body = [&](std::int64_t task, int thread) {
        ++runs[static_cast<std::size_t>(task)];
        if (thread < 0 || thread >= threads) numbered = false;
      };
      StopToken token(nullptr);
      parallel_for(tasks, threads, token, body);
      bool once = true;
      for (const std::atomic<int>& r : runs) once = once && r == 1;
      CHECK(once);
      CHECK(numbered);
      CHECK(!token.stopped());
    }
  }
}

// Callers at the same time share the threads, and each gets its own tasks done.
void test_callers_at_once() {
  check::context("six callers at once");
  std::atomic<std::int64_t> sum{0};
  std::vector<std::thread> callers;
  for (int c = 0; c < 6; ++c) {
    callers.emplace_back([&sum] {
      for (int repeat = 0; repeat < 50; ++repeat) {
        auto body = [&sum](std::int64_t task, int) { sum += task; };
        StopToken token(nullptr);
        parallel_for(100, 4, token, body);
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  CHECK(sum == 6 * 50 * 4950);
}

#if defined(__unix__)
// A child process has none of its parent's threads, and must not wait for them.
void test_child_process() {
  check::context("after fork");
  std::atomic<int> runs{0};
  auto body = [&runs](std::int64_t, int) { ++runs; };
  StopToken token(nullptr);
  parallel_for(100, 4, token, body);
  const pid_t child = fork();
  if (child == 0) {
    alarm(30);  // ends a child that waits
    StopToken own(nullptr);
    parallel_for(100, 4, own, body);
    _exit(runs == 200 ? 0 : 1);
  }
  int status = -1;
  CHECK(child > 0 && waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}
#endif

void test_exceptions_propagate() {
  for (const int threads : {1, 3}) {
    check::context("an exception on %d threads", threads);
    std::atomic<int> after{0};
    auto body = [&](std::int64_t task, int) {
      if (task == 10) throw std::out_of_range("task 10");
      if (task > 10) ++after;
    };
    StopToken token(nullptr);
    std::string message;
    try {
      parallel_for(1000000, threads, token, body);
    } catch (const std::out_of_range& error) {
      message = error.what();
    }
    CHECK(message == "task 10");
    CHECK(token.stopped());
    CHECK(after < 1000000 - 11);
  }
  // several at once: one of them arrives
  auto all = [](std::int64_t, int) { throw std::runtime_error("each"); };
  StopToken token(nullptr);
  CHECK_THROWS(std::runtime_error, parallel_for(100, 3, token, all));
}

void test_token() {
  check::context("stop token");
  std::atomic<int> runs{0};
  auto body = [&](std::int64_t, int) { ++runs; };
  StopToken token(nullptr);
  token.stop();
  parallel_for(100, 2, token, body);
  CHECK(runs == 0);
  // only the calling thread asks, and not before 50 ms
  StopToken asking([] { return true; });
  asking.poll(0);
  CHECK(!asking.stopped());
  const auto start = std::chrono::steady_clock::now();
  while (std::chrono::steady_clock::now() - start < std::chrono::milliseconds(60)) asking.poll(1);
  CHECK(!asking.stopped());
  asking.poll(0);
  CHECK(asking.stopped());
  CHECK(resolve_threads(3) == 3);
  CHECK(resolve_threads(0) >= 1);
  CHECK(resolve_threads(-1) >= 1);
  CHECK(resolve_threads(1000000) <= 1024);
}

// An interrupt is asked for at once: what takes this long to stop would ignore Ctrl-C. Seconds of
// the processor, not of the clock: a machine that is busy with something else proves nothing.
void expect_interrupt(const GramRequest<double>& request,
                      void (*run)(const GramRequest<double>&, StopToken&)) {
  StopToken token([] { return true; });
  const std::clock_t start = std::clock();
  CHECK_THROWS(Interrupted, run(request, token));
  const double elapsed = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
  CHECK(elapsed < 2.0 * request.n_threads);
}

// Each of these would run for about a minute.
void test_interrupt_stops() {
  Random random(16);
  const std::int64_t n = 4000, d = 24;
  const std::vector<double> x(static_cast<std::size_t>(n * d), 0.01);
  const std::vector<double> v(static_cast<std::size_t>(n), 1.0);
  std::vector<double> out(static_cast<std::size_t>(n));
  std::vector<test::Action> actions;
  actions.push_back(test::signed_permutations(2000, d, true, random));
  actions.push_back(test::matrices(2000, d, random));
  actions.push_back(test::points(40, 60, {{d / 3, 3}}, false, random));
  actions.push_back(test::points(40, 60, {{d / 3, 3}}, true, random));
  const BaseKernel kernel = BaseKernel::by_name("matern12", {1.0});
  for (const test::Action& action : actions) {
    for (const int threads : {1, 3}) {
      check::context("interrupt, %s, %d threads", action.name.c_str(), threads);
      GramRequest<double> r;
      r.kernel = &kernel;
      r.action = &action.native;
      r.x = {x.data(), n, d};
      r.y = {x.data(), n, d};
      r.v = {v.data(), n, 1};
      r.output = Output::matvec;
      r.k = out.data();
      r.n_threads = threads;
      expect_interrupt(r, gram<double>);
    }
  }
}

void test_interrupt_stops_a_diagonal() {
  check::context("interrupt, diagonal");
  const std::int64_t n = 200000, order = 60000, d = 3;
  std::vector<std::int32_t> indices;
  for (std::int64_t i = 0; i < order * d; ++i) indices.push_back(static_cast<std::int32_t>(i % d));
  const OrbitAction action = OrbitAction::signed_permutations({indices.data(), order, d}, nullptr);
  const BaseKernel kernel = BaseKernel::by_name("matern12", {1.0});
  const std::vector<double> x(static_cast<std::size_t>(n * d), 0.01);
  std::vector<double> out(static_cast<std::size_t>(n));
  GramRequest<double> r;
  r.kernel = &kernel;
  r.action = &action;
  r.x = {x.data(), n, d};
  r.k = out.data();
  r.n_threads = 2;
  expect_interrupt(r, diagonal<double>);
}

}  // namespace

}  // namespace symkernel

void check::tests() {
  using namespace symkernel;
  test_every_task_runs_once();
  test_callers_at_once();
#if defined(__unix__)
  test_child_process();
#endif
  test_exceptions_propagate();
  test_token();
  test_interrupt_stops();
  test_interrupt_stops_a_diagonal();
}
