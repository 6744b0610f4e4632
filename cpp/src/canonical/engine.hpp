// The contract between the host side of canonical forms (memory, threads) and their loops over
// samples, compiled once per instruction set. Plain data only.
//
// A sample is `points` vectors of `channels` numbers, point after point. Outputs that are null are
// not wanted. Functions return false when a sample holds NaN or infinity.
#pragma once

#include <cstdint>

namespace symkernel {

// Permutations of points within blocks, and changes of sign.
template <class T>
struct SortJob {
  std::int64_t points = 0, channels = 1;
  const T* x = nullptr;             // (n, points * channels)
  T* y = nullptr;                   // the same shape
  std::int32_t* indices = nullptr;  // (n, points): y_i = +-x[indices_i]
  std::int8_t* signs = nullptr;     // (n, points)
  std::uint64_t* orders = nullptr;  // (n), of the stabilisers; 0 from 2^64 on
  double* gaps = nullptr;           // (n), see CanonicalForms
  // Points are sorted within [offsets[b], offsets[b + 1]); with no blocks they stay in place.
  const std::int64_t* offsets = nullptr;
  std::int64_t n_blocks = 0;
  bool flips = false;     // every point may change its sign
  bool even = false;      // even permutations only; one block
  bool streamed = false;  // y is larger than the caches and aligned: write past them
};

// Shifts of points along a ring, and reflections.
template <class T>
struct RotationJob {
  std::int64_t points = 0, channels = 1;
  const T* x = nullptr;
  T* y = nullptr;
  std::int32_t* shifts = nullptr;   // (n): y_i = x[shift + i], or x[shift - i] where reflected
  std::uint8_t* mirrors = nullptr;  // (n): 1 where reflected
  std::uint64_t* orders = nullptr;
  double* gaps = nullptr;
  bool reflections = false;
  bool streamed = false;
};

// A node of the trie of all elements: those that share their first numbers.
struct TrieNode {
  std::int32_t child = 0, n_children = 0;  // range of Trie::places and Trie::nodes
  std::int32_t element = 0;                // first of its elements
  std::int32_t n_elements = 0;
  // the children's places are 0, 1, ..., n_children - 1
  bool dense = false;
};

// All elements as maps (g.x)_i = v[table_gi] of the values v that a sample gives rise to, sorted.
struct TrieView {
  std::int64_t order = 0, depth = 0, width = 0;  // elements, numbers of an image, values
  const std::int32_t* table = nullptr;           // (order, depth), rows sorted
  const std::int32_t* ranks = nullptr;           // (order): place of an element in the given list
  const TrieNode* nodes = nullptr;
  const std::int32_t* places = nullptr;   // by child: the value it stands for
  const std::int32_t* targets = nullptr;  // by child: its node
};

template <class T>
struct EnumeratedJob {
  TrieView trie;
  const T* x = nullptr;         // (n, width), or (n, width / 2) when signed
  bool with_negatives = false;  // v = (x, -x)
  T* y = nullptr;               // (n, depth)
  std::int32_t* elements = nullptr;
  std::uint64_t* orders = nullptr;
  double* gaps = nullptr;
  double tolerance = 0;  // values closer than this times the largest are tied
};

template <class T>
struct CanonicalEngine {
  const char* isa;
  int width;  // samples that are sorted side by side
  bool (*sort)(const SortJob<T>& job, std::int64_t begin, std::int64_t end, T* scratch);
  std::int64_t (*sort_scratch)(const SortJob<T>& job);
  bool (*rotate)(const RotationJob<T>& job, std::int64_t begin, std::int64_t end, T* scratch);
  std::int64_t (*rotate_scratch)(const RotationJob<T>& job);
  bool (*enumerate)(const EnumeratedJob<T>& job, std::int64_t begin, std::int64_t end, T* scratch);
  std::int64_t (*enumerate_scratch)(const EnumeratedJob<T>& job);
};

// Of the instruction set in use: see select_isa.
const CanonicalEngine<double>& canonical_engine_f64();
const CanonicalEngine<float>& canonical_engine_f32();
template <class T>
const CanonicalEngine<T>& canonical_engine();
template <>
inline const CanonicalEngine<double>& canonical_engine<double>() {
  return canonical_engine_f64();
}
template <>
inline const CanonicalEngine<float>& canonical_engine<float>() {
  return canonical_engine_f32();
}

}  // namespace symkernel
