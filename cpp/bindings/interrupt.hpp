// Running native code from Python: release the lock, answer Ctrl-C, keep the exception.
#pragma once

#include <pybind11/pybind11.h>

#include "parallel.hpp"
#include "symkernel/error.hpp"

namespace symkernel {

// Takes Python's lock for a moment; true if a signal handler raised (KeyboardInterrupt).
inline bool python_signal_pending() {
  const pybind11::gil_scoped_acquire lock;
  return PyErr_CheckSignals() != 0;
}

// What long loops on the calling thread call now and then: throws where the user has asked to stop.
inline auto asking(StopToken& token) {
  return [&token] {
    token.poll(0);
    if (token.stopped()) throw Interrupted();
  };
}

// Calls work(token) without Python's lock. An exception that a signal handler raised meanwhile is
// thrown on as itself.
template <class Work>
void run_interruptible(Work&& work) {
  try {
    const pybind11::gil_scoped_release unlock;
    StopToken token(python_signal_pending);
    work(token);
  } catch (const Interrupted&) {
    if (PyErr_Occurred() != nullptr) throw pybind11::error_already_set();
    throw;
  }
}

}  // namespace symkernel
