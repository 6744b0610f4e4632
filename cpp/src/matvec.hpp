// Products K(x, y) v without the matrix: cuts the work into blocks and adds up what threads found.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/engine.hpp"
#include "orbit_sum.hpp"

namespace symkernel {

// A job whose operands are prepared, and the request that it serves.
template <class T>
class ProductTask {
 public:
  ProductTask(const GramRequest<T>& request, const Engine<T>& engine, Job<T>& job, int threads,
              StopToken& token);

  // Whether K(x, x) v is taken from one triangle of K: half the pairs, for partial results of all
  // parts in memory.
  bool symmetric() const { return job_.symmetric; }
  // The product (n, columns) into request.k; `panels` panels of x in a block.
  void run(std::int64_t panels);

 private:
  void pack_v();
  void run_triangle(std::int64_t panels);
  void run_rectangle(std::int64_t panels);
  void run_blocks(const std::vector<std::vector<Block>>& tasks, std::int64_t panels);

  const GramRequest<T>& request_;
  const Engine<T>& engine_;
  Job<T>& job_;
  int threads_;
  StopToken& token_;
  std::int64_t x_panels_, y_panels_;
  Buffer<T> v_;
};

}  // namespace symkernel
