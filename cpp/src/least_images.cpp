#include "least_images.hpp"

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include "symkernel/error.hpp"
#include "symkernel/minimal_image.hpp"

namespace symkernel {

namespace {

constexpr std::int64_t kRowsPerTask = 16;

// What one thread keeps between rows.
template <class T>
class Row {
 public:
  Row(const OrderedChain& chain, std::size_t features, std::size_t limit, StopToken& token,
      int thread)
      : degree_(chain.degree()),
        features_(features),
        poll_([&token, thread] {
          token.poll(thread);
          if (token.stopped()) throw Interrupted();
        }),
        search_(chain, limit, poll_),
        order_(degree_),
        values_(degree_),
        ranks_(degree_) {}

  Row(const Row&) = delete;  // the search refers to the poll

  void find(const T* x, std::int64_t row, LeastImages<T>& out) {
    // Zeros lose their sign: equal entries then have equal bits.
    for (std::size_t i = 0; i < features_; ++i) values_[i] = x[i] + T(0);
    for (std::size_t i = features_; i < degree_; ++i) values_[i] = T(0) - x[i - features_];
    rank();
    search_.find(ranks_.data());
    const auto start = static_cast<std::size_t>(row) * features_;
    for (std::size_t i = 0; i < features_; ++i) {
      const auto from = static_cast<std::size_t>(search_.carrier()[i]);
      out.representatives[start + i] = values_[from];
      out.indices[start + i] =
          static_cast<std::int32_t>(from < features_ ? from : from - features_);
      if (out.signs != nullptr) {
        out.signs[start + i] = static_cast<std::int8_t>(from < features_ ? 1 : -1);
      }
    }
    out.factors[static_cast<std::size_t>(row)] = search_.factors();
  }

 private:
  void rank() {
    for (std::size_t i = 0; i < degree_; ++i)
      order_[i] = {values_[i], static_cast<std::int32_t>(i)};
    std::sort(order_.begin(), order_.end());
    std::int32_t rank = 0;
    for (std::size_t k = 0; k < degree_; ++k) {
      if (k > 0 && order_[k].first != order_[k - 1].first) ++rank;
      ranks_[static_cast<std::size_t>(order_[k].second)] = rank;
    }
  }

  std::size_t degree_, features_;
  Poll poll_;
  MinimalImage search_;
  std::vector<std::pair<T, std::int32_t>> order_;
  std::vector<T> values_;
  std::vector<std::int32_t> ranks_;
};

}  // namespace

template <class T>
void least_images(const OrderedChain& chain, const T* X, std::int64_t rows, std::int64_t features,
                  std::size_t limit, int n_threads, StopToken& token, LeastImages<T>& out) {
  out.factors.assign(static_cast<std::size_t>(rows), {});
  const std::int64_t tasks = (rows + kRowsPerTask - 1) / kRowsPerTask;
  std::vector<std::unique_ptr<Row<T>>> kept(static_cast<std::size_t>(n_threads));
  auto work = [&](std::int64_t task, int thread) {
    auto& own = kept[static_cast<std::size_t>(thread)];
    if (!own) {
      own =
          std::make_unique<Row<T>>(chain, static_cast<std::size_t>(features), limit, token, thread);
    }
    const std::int64_t last = std::min(rows, (task + 1) * kRowsPerTask);
    for (std::int64_t row = task * kRowsPerTask; row < last; ++row) {
      try {
        own->find(X + row * features, row, out);
      } catch (const SearchTooLong& error) {
        throw std::length_error("row " + std::to_string(row) + ": " + error.what());
      }
    }
  };
  parallel_for(tasks, n_threads, token, work);
  if (token.stopped()) throw Interrupted();
}

template void least_images<float>(const OrderedChain&, const float*, std::int64_t, std::int64_t,
                                  std::size_t, int, StopToken&, LeastImages<float>&);
template void least_images<double>(const OrderedChain&, const double*, std::int64_t, std::int64_t,
                                   std::size_t, int, StopToken&, LeastImages<double>&);

}  // namespace symkernel
