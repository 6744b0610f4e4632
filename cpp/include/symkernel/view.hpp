// MatrixView<T>: rows of a C-ordered array that belongs to somebody else.
#pragma once

#include <cstdint>

namespace symkernel {

template <class T>
struct MatrixView {
  T* data = nullptr;
  std::int64_t rows = 0;
  std::int64_t columns = 0;

  T* row(std::int64_t i) const { return data + i * columns; }
  T& operator()(std::int64_t i, std::int64_t j) const { return data[i * columns + j]; }
};

}  // namespace symkernel
