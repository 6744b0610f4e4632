// What this build and this machine offer.
#include <pybind11/stl.h>

#include <chrono>
#include <string>
#include <vector>

#include "bindings.hpp"
#include "engine/engine.hpp"
#include "interrupt.hpp"

namespace py = pybind11;

namespace symkernel {

namespace {

using Probe = double (*)(std::int64_t, double&);

// Operations per second over all threads, for about `seconds`.
double probe_rate(Probe probe, int n_threads, double seconds) {
  const int threads = resolve_threads(n_threads);
  std::int64_t iterations = 1024;
  double rate = 0;
  run_interruptible([&](StopToken& token) {
    for (double elapsed = 0; elapsed < seconds && !token.stopped(); iterations *= 2) {
      std::vector<double> operations(static_cast<std::size_t>(threads));
      std::vector<double> results(static_cast<std::size_t>(threads));
      const auto start = std::chrono::steady_clock::now();
      auto body = [&](std::int64_t task, int) {
        const auto i = static_cast<std::size_t>(task);
        results[i] = probe(iterations, operations[i]);
      };
      parallel_for(threads, threads, token, body);
      elapsed = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
      double total = 0;
      for (const double o : operations) total += o;
      rate = total / elapsed;
    }
    if (token.stopped()) throw Interrupted();
  });
  return rate;
}

double multiply_add_rate(bool single, int n_threads, double seconds) {
  return single ? probe_rate(engine<float>().multiply_add_probe, n_threads, seconds)
                : probe_rate(engine<double>().multiply_add_probe, n_threads, seconds);
}

double exp_rate(bool single, int n_threads, double seconds) {
  return single ? probe_rate(engine<float>().exp_probe, n_threads, seconds)
                : probe_rate(engine<double>().exp_probe, n_threads, seconds);
}

std::vector<std::string> isas() {
  std::vector<std::string> names;
  for (const char* const* name = available_isas(); *name != nullptr; ++name)
    names.emplace_back(*name);
  return names;
}

void set_isa(const std::string& name) {
  if (select_isa(name.c_str())) return;
  std::string known;
  for (const std::string& n : isas()) known += (known.empty() ? "" : ", ") + n;
  throw std::invalid_argument("isa '" + name + "' is not available here; available: " + known);
}

}  // namespace

void bind_machine(py::module_& m) {
  m.def("isa", [] { return std::string(current_isa()); }, "Instruction set in use.");
  m.def("available_isas", &isas, "Instruction sets this machine can run, best first.");
  m.def("set_isa", &set_isa, py::arg("name"), "Select an instruction set for later calls.");
  m.def("max_threads", [] { return resolve_threads(0); }, "Threads a call uses by default.");
  m.def("threading_layer", [] { return std::string(threading_layer()); });
  m.def("multiply_add_rate", &multiply_add_rate, py::arg("single"), py::arg("n_threads") = 0,
        py::arg("seconds") = 0.05, "Multiply-adds per second on registers.");
  m.def("exp_rate", &exp_rate, py::arg("single"), py::arg("n_threads") = 0,
        py::arg("seconds") = 0.05, "Exponentials per second from the first-level cache.");
}

}  // namespace symkernel
