// Canonical forms of batches of samples: checks, memory, threads.
#pragma once

#include <cstdint>
#include <vector>

#include "canonical/engine.hpp"
#include "parallel.hpp"
#include "symkernel/view.hpp"

namespace symkernel {

// The trie of a list of maps (g.x)_i = v[table_gi]; see TrieView.
class ElementTrie {
 public:
  // Rows of places below `width`, at least one; ValueError where a place is out of range.
  ElementTrie(MatrixView<const std::int32_t> table, std::int64_t width, StopToken& token);

  TrieView view() const;

 private:
  void grow();

  std::int64_t width_ = 0, depth_ = 0;
  std::vector<std::int32_t> table_, ranks_, places_, targets_;
  std::vector<TrieNode> nodes_;
};

// Points along a space-filling curve: within blocks, in the order of the Hilbert curve through
// 2^bits cells a side of a cube; points of one cell in lexicographic order.
template <class T>
struct HilbertJob {
  SortJob<T> sort;  // without signs, not even; its order is replaced
  int bits = 0;
  // Corner of the cube (channels) and its side; null: the bounding cube of each sample.
  const double* corner = nullptr;
  double side = 0;
};

// Each fills its job's outputs for n samples; std::invalid_argument where one is not finite,
// Interrupted where the token was stopped.
template <class T>
void sort_samples(const SortJob<T>& job, std::int64_t n, int n_threads, StopToken& token);
template <class T>
void sort_along_curve(const HilbertJob<T>& job, std::int64_t n, int n_threads, StopToken& token);
template <class T>
void rotate_samples(const RotationJob<T>& job, std::int64_t n, int n_threads, StopToken& token);
template <class T>
void enumerate_samples(const EnumeratedJob<T>& job, std::int64_t n, int n_threads,
                       StopToken& token);

}  // namespace symkernel
