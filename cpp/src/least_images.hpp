// Least rearrangements of many vectors by a permutation group, on all threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "parallel.hpp"
#include "symkernel/ordered_chain.hpp"

namespace symkernel {

// What is found for each row: where each entry is gathered from, with signs where `signs` is not
// null, and numbers whose product is the order of the stabiliser.
template <class T>
struct LeastImages {
  T* representatives;     // rows x features
  std::int32_t* indices;  // rows x features
  std::int8_t* signs;     // rows x features, or null
  std::vector<std::vector<std::int32_t>> factors;
};

// X holds `rows` finite vectors of `features` entries; the chain acts on the features, or with
// signs on the 2 x features entries of (x, -x). At most `limit` steps are made for one row; beyond
// them std::length_error names the row. Throws Interrupted when the token is stopped.
template <class T>
void least_images(const OrderedChain& chain, const T* X, std::int64_t rows, std::int64_t features,
                  std::size_t limit, int n_threads, StopToken& token, LeastImages<T>& out);

extern template void least_images<float>(const OrderedChain&, const float*, std::int64_t,
                                         std::int64_t, std::size_t, int, StopToken&,
                                         LeastImages<float>&);
extern template void least_images<double>(const OrderedChain&, const double*, std::int64_t,
                                          std::int64_t, std::size_t, int, StopToken&,
                                          LeastImages<double>&);

}  // namespace symkernel
