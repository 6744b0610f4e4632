// Samples prepared for an action: shifted, squared, and packed for both sides of a product. What
// depends on hyperparameters is scaled on the way into a call, so that prepared samples serve every
// hyperparameter of a kernel.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "action_tables.hpp"
#include "buffer.hpp"
#include "engine/engine.hpp"
#include "parallel.hpp"
#include "symkernel/base_kernels.hpp"
#include "symkernel/view.hpp"

namespace symkernel {

// What a kernel asks of samples, whatever its hyperparameters.
struct SampleKind {
  bool centred = false;    // shifted by the part of their mean that the group fixes
  bool unit_rows = false;  // of length 1, with weights |x|^power
  int power = 0;

  static SampleKind of(const host::Producer& producer, bool centred) {
    return {centred, producer.unit_rows, producer.power};
  }
  bool operator==(const SampleKind& other) const {
    return centred == other.centred && unit_rows == other.unit_rows && power == other.power;
  }
};

// The side of a product that samples stand on: x in panels of mr, y in panels of nr.
enum class Side { x, y };

// One operand of a job and the memory that it looks into.
template <class T>
struct PreparedOperand {
  std::shared_ptr<const Buffer<T>> panels, bias;
  Operand<T> operand;
};

template <class T>
class Samples {
 public:
  // `rows` must live as long. Kept samples hold panels that have no hyperparameter in them; others
  // are packed as the one call they are made for needs them. `center`: where they are shifted to;
  // null for their own mean.
  Samples(std::shared_ptr<const ActionTables<T>> tables, SampleKind kind, MatrixView<const T> rows,
          const std::vector<double>* center, bool kept, int threads, StopToken& token);

  std::int64_t count() const { return given_.rows; }
  MatrixView<const T> given() const { return given_; }
  const SampleKind& kind() const { return kind_; }
  const std::shared_ptr<const ActionTables<T>>& tables() const { return tables_; }
  const std::vector<double>& center() const { return center_; }
  double mean_square() const { return mean_square_; }
  double largest_square() const { return largest_square_; }
  // Packings and transforms of panels so far: kept samples make each once.
  std::int64_t packings() const { return packings_; }

  // Rows, squares times `self` plus `constant`, and panels times `scale` (where `packed`).
  PreparedOperand<T> operand(Side side, double scale, double self, double constant, bool packed,
                             int threads, StopToken& token) const;

 private:
  using Shared = std::shared_ptr<const Buffer<T>>;
  struct Panels {
    Shared plain, scaled;
    double scale = 0;
  };
  struct Bias {
    Shared values;
    double self = 0, constant = 0;
  };

  void find_center();
  void prepare_rows(int threads, StopToken& token);
  void turn_row(const T* from, T* to) const;
  void prepare_row(const T* from, std::int64_t i, T* to);
  Shared bias(Side side, double self, double constant) const;
  Shared panels(Side side, double scale, int threads, StopToken& token) const;
  Shared pack(Side side, double scale, int threads, StopToken& token) const;
  const T* packed_rows() const { return rows_.size() > 0 ? rows_.data() : given_.data; }

  std::shared_ptr<const ActionTables<T>> tables_;
  SampleKind kind_;
  MatrixView<const T> given_;
  bool kept_;
  std::vector<double> center_;
  double mean_square_ = 0, largest_square_ = 0;
  Buffer<T> rows_, turned_, weight_;  // rows: shifted, or of unit length
  Buffer<double> squares_, inverse_norm_;
  mutable std::mutex mutex_;
  mutable Panels panels_[2];
  mutable Bias bias_[2];
  mutable std::int64_t packings_ = 0;
};

}  // namespace symkernel
