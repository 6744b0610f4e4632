// The orbit sum: K(x, y) = (1/|G|) sum_g k(x, g y) over the elements of a finite group.
//
// Host side: checks shapes, prepares operands, cuts the work into blocks, runs them on threads.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "base_kernel.hpp"
#include "buffer.hpp"
#include "engine/engine.hpp"
#include "parallel.hpp"
#include "symkernel/view.hpp"

namespace symkernel {

// What was made of an action: for each dtype the ActionTables of the engine that asked last, and
// what lies on devices, by kind and device (cuda/kept.hpp). All of it looks into that action, so a
// copy starts without.
struct TableCache {
  TableCache() = default;
  TableCache(const TableCache&) {}
  TableCache& operator=(const TableCache&) {
    tables[0] = tables[1] = nullptr;
    devices.clear();
    return *this;
  }

  std::mutex mutex;
  std::shared_ptr<const void> tables[2];
  const void* engine[2] = {nullptr, nullptr};
  std::map<std::pair<const void*, int>, std::shared_ptr<const void>> devices;
  std::int64_t uploads = 0;  // of tables to devices so far
};

// The elements of a group as arrays, owned; every entry was checked.
class OrbitAction {
 public:
  // indices (order, d): (g.x)[i] = sign[i] * x[indices[i]]; signs may be null.
  static OrbitAction signed_permutations(MatrixView<const std::int32_t> indices,
                                         const std::int8_t* signs);
  // matrices (order * d, d), one below the other.
  static OrbitAction matrices(MatrixView<const double> stacked);
  // Blocks (points, dimension) of x[layout]: block b is an array of shape (p_b, r_b). Row
  // permutations (s, sum p_b) are counted within each block; matrices (h, sum r_b^2) hold each
  // element's matrix for every block.
  static OrbitAction points(MatrixView<const std::int32_t> rows, MatrixView<const double> matrices,
                            std::vector<std::int32_t> layout,
                            const std::vector<std::pair<std::int64_t, std::int64_t>>& blocks);

  // Samples are multiplied by this (d, d) orthogonal matrix before anything else; for points.
  void set_basis(MatrixView<const double> basis);
  const std::vector<double>& basis() const { return basis_; }
  // Its entries that are not 0, row by row: of images one in eight.
  struct BasisEntry {
    std::int64_t row, column;
    double value;
  };
  const std::vector<BasisEntry>& basis_entries() const { return basis_entries_; }

  // All shifts of a grid, after each of the `maps` (count, size): automorphisms of the grid's group
  // (map[0] = 0). Feature c * size + p of x[layout] is grid point p of channel c.
  static OrbitAction shifts(std::vector<std::int32_t> grid_shape,
                            MatrixView<const std::int32_t> maps, std::vector<std::int32_t> layout);

  // out = mean over g of g x: the part of x that the group fixes.
  void average(const double* x, double* out) const;

  ActionKind kind() const { return kind_; }
  std::int64_t order() const { return order_; }
  std::int64_t degree() const { return d_; }
  bool has_signs() const { return has_signs_; }
  const std::vector<std::int32_t>& rows() const { return rows_; }
  const std::vector<double>& matrix_entries() const { return matrices_; }
  const std::vector<std::int32_t>& layout() const { return layout_; }
  const std::vector<std::int32_t>& terms() const { return terms_; }
  std::int64_t n_matrices() const { return n_matrices_; }
  const std::vector<PointBlock>& blocks() const { return blocks_; }
  std::int64_t n_entries() const { return n_entries_; }
  std::int64_t n_points() const { return n_points_; }
  const std::vector<std::int32_t>& grid_shape() const { return grid_shape_; }
  TableCache& tables() const { return tables_; }

 private:
  ActionKind kind_ = ActionKind::signed_permutations;
  std::int64_t order_ = 0, d_ = 0, n_matrices_ = 0, n_entries_ = 0, n_points_ = 0;
  bool has_signs_ = false;
  std::vector<std::int32_t> rows_;  // panel rows of elements, or row permutations of points
  std::vector<double> matrices_;    // (order, d, d) or (h, n_entries)
  std::vector<double> basis_;
  std::vector<BasisEntry> basis_entries_;
  std::vector<PointBlock> blocks_;        // points
  std::vector<std::int32_t> layout_;      // points
  std::vector<std::int32_t> grid_shape_;  // shifts; rows_ then holds the maps
  std::vector<std::int32_t> terms_;       // points, entries 0, 1 and -1 only: see Elements
  mutable TableCache tables_;
};

// A closed form by name, as a mixture of averages over rates t: plane c of the output is
// sum_m values[c][m] F(t_m) + slopes[c][m] t_m F'(t_m). Of powers it is sum_k values[c][k] m_k, and
// rates and slopes are empty.
struct ClosedForm {
  PairForm form;
  FormBase base;
  std::vector<double> rates, values, slopes;
  std::int64_t planes;

  // base: "rbf" or "laplacian".
  static ClosedForm by_name(const std::string& name, std::vector<double> rates,
                            MatrixView<const double> values, MatrixView<const double> slopes,
                            const std::string& base = "rbf");
  static ClosedForm of_powers(const std::string& name, MatrixView<const double> values);
  // Throws unless the action's blocks are what the form is for.
  void require_action(const OrbitAction& action) const;
};

template <class T>
class Samples;

template <class T>
struct GramRequest {
  const BaseKernel* kernel = nullptr;
  const ClosedForm* form = nullptr;  // in the place of a kernel: the action's matrices are not used
  const OrbitAction* action = nullptr;
  MatrixView<const T> x;
  MatrixView<const T> y;  // data null: y is x, computed once and mirrored
  // The same samples, prepared before (samples.hpp); null where they were not.
  const Samples<T>* prepared_x = nullptr;
  const Samples<T>* prepared_y = nullptr;
  Output output = Output::gram;
  MatrixView<const T> v;  // matvec, gradient_x: (m, columns)
  T* k = nullptr;         // gradient_x: gradients (n, columns, d) of K(x, y) v in the rows of x
  T* dk = nullptr;
  // nearest, without a kernel or a form: squared distances in k and, if wanted, the elements, for
  // all pairs (n, m) or for pairs of rows (n)
  std::int32_t* elements = nullptr;
  bool paired = false;
  int n_threads = 0;
};

template <class T>
void gram(const GramRequest<T>& request, StopToken& token);

// What a base kernel or a closed form asks of samples, whatever its hyperparameters.
struct SampleKind;
SampleKind kind_of(const BaseKernel& kernel);
SampleKind kind_of(const ClosedForm& form);

// K(x_i, x_i) into k (n,), and with Output::gradient its derivatives into dk (n, gradients); with
// Output::gradient_x its gradients in the rows of x into dk (n, d) (closed forms: those alone).
template <class T>
void diagonal(const GramRequest<T>& request, StopToken& token);

}  // namespace symkernel
