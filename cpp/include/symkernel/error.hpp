// Errors at the native door: std exceptions that the bindings turn into Python's. Host code only.
#pragma once

#include <stdexcept>
#include <string>

namespace symkernel {

// Raised where the caller broke the contract of a native function; becomes ValueError.
inline void require(bool condition, const char* message) {
  if (!condition) throw std::invalid_argument(message);
}

// Raised after a user's interrupt stopped a computation; the bindings restore the Python error.
struct Interrupted : std::runtime_error {
  Interrupted() : std::runtime_error("interrupted") {}
};

}  // namespace symkernel
