// The contract between the host side (plans a job, owns memory and threads) and the engines (one
// per instruction set: loops over tiles). Plain data only, shared by translation units that are
// compiled for different machines.
#pragma once

#include <cstdint>

#include "symkernel/fourier.hpp"
#include "symkernel/kernel_id.hpp"

namespace symkernel {

class StopToken;

constexpr int max_parameters = 3;
constexpr int max_gradients = 2;
constexpr int max_form_points = 24;      // permanents
constexpr int max_gradient_points = 20;  // permanents of all minors
constexpr int max_form_planes = 1 + max_gradients;

// How x.gy is produced for all g.
enum class ActionKind {
  signed_permutations,  // rows of a packed panel in another order
  matrices,             // a panel of gy per element
  points,               // M = X^T (sY) once per row permutation s, then <h, M> for every matrix h
  shifts,               // all shifts of a grid by one Fourier transform, for every automorphism h
};

// Samples as blocks of points: block b is a set of `points` points with `dimension` coordinates,
// whose panel rows start at `feature`; M_b = X_b^T Y_b has its entries from `entry` on. A cloud is
// one block; an isotypic decomposition is one block per irreducible representation, its copies
// being the points.
struct PointBlock {
  std::int64_t points = 0, dimension = 0;
  std::int64_t feature = 0, first_point = 0, entry = 0;
};

// Closed forms of averages over g, exp(-t |x - g y|^2) and others (FormBase), for pairs of samples.
// The finite part of the group, row permutations of points, is summed over.
enum class PairForm : int {
  none,
  rotations_2,   // SO(2) on planar clouds; one block per plane that turns on its own
  orthogonal_2,  // O(2)
  rotations_3,   // SO(3) on clouds in space
  orthogonal_3,  // O(3)
  octahedral,    // O_h on clouds in space
  octahedral_rotations,
  sphere,             // SO(d), O(d) on one vector of R^d, d >= 2 (O(d), d >= 1)
  sign_flips,         // every feature on its own
  permanents,         // S_n on each block of n points
  signed_permanents,  // the same with a sign for each point
};
constexpr int pair_form_count = 11;

// What a closed form averages.
enum class FormBase : int {
  rbf,        // F(t) = E exp(-t |x - g y|^2)
  laplacian,  // F(t) = E exp(-t |x - g y|_1)
  powers,     // m_k = E (x . g y)^k for k = 0, 1, ..., in the place of F at the rates
};

// K = sum_m (value[m] F(t_m) + slope[m] t_m F'(t_m)), a mixture over rates, or K = sum_k value[k]
// m_k; one row of weights per plane of the output (the value, then derivatives for
// hyperparameters).
template <class T>
struct FormJob {
  PairForm form = PairForm::none;
  FormBase base = FormBase::rbf;
  std::int64_t n_rates = 0, planes = 1;  // n_rates: rates, or powers 0 .. n_rates - 1
  const T* rates = nullptr;              // (n_rates); null for powers
  const T* values = nullptr;             // (planes, n_rates)
  const T* slopes = nullptr;             // (planes, n_rates)
  bool has_slopes = false;
  const void* state = nullptr;  // made by Engine::make_form_state
};

// One of the two sample sets. A panel holds `width` samples, feature by feature:
// panels[(panel * depth + k) * width + sample].
template <class T>
struct Operand {
  std::int64_t n = 0;
  const T* rows = nullptr;               // (n, d), shifted to the center where the kernel allows it
  const double* inverse_norm = nullptr;  // 1/|x| where the kernel asks for unit rows, else null
  const T* panels = nullptr;             // scaled as the kernel asks
  const T* bias = nullptr;    // self * |x|^2 (+ constant on the x side), padded to whole panels
  const T* weight = nullptr;  // |x|^power, or null
};

template <class T>
struct Elements {
  ActionKind kind = ActionKind::signed_permutations;
  std::int64_t order = 0;  // |G|
  std::int64_t d = 0;      // features
  // signed_permutations: (order, d), panel row of y that meets feature k of x; +d where negated
  const std::int32_t* rows = nullptr;
  bool has_signs = false;
  // matrices: (order, d, d), and the same as panels for the tile product
  const T* matrices = nullptr;
  const T* matrix_panels = nullptr;
  // points: row permutations (s, n_points), counted within each block, and matrices (h, n_entries)
  // with their panels; panels of samples are packed in `layout` order, point by point
  std::int64_t n_row_permutations = 0, n_points = 0, n_matrices = 0;
  std::int64_t n_entries = 0, n_blocks = 0;
  const PointBlock* blocks = nullptr;
  const std::int32_t* point_rows = nullptr;
  const std::int32_t* layout = nullptr;
  const T* point_matrices = nullptr;
  const T* point_panels = nullptr;
  // entries of [M; -M] to be added for each matrix, (h, n_terms): only where all entries of the
  // matrices are 0, 1 and -1 and every matrix has as many that are not 0
  const std::int32_t* point_terms = nullptr;
  std::int64_t n_terms = 0;
  // shifts: samples are `channels` grids of transform.size points, in `layout` order; panels hold
  // spectra. Element e = h * transform.size + i takes y to y[grid_maps[h][p + shifts[i]]].
  FourierTransform<T> transform;
  std::int64_t channels = 1, n_maps = 1;
  const std::int32_t* spectral_rows = nullptr;  // (n_maps, size)
  const std::int32_t* grid_maps = nullptr;      // (n_maps, size)
  const std::int32_t* shifts = nullptr;         // (size)
  const std::int32_t* grid_shape = nullptr;     // (grid_axes)
  int grid_axes = 0;
  const std::int32_t* grid_features = nullptr;  // (channels, size): feature of every grid point
  // gradients: (size) for shift number i, the grid point -shifts[i], its place among the inputs of
  // a transform, and 0, 1, 2, ...
  const std::int32_t* mirrored = nullptr;
  const std::int32_t* places = nullptr;
  const std::int32_t* natural_rows = nullptr;
};

enum class Output {
  gram,      // k (n, m)
  packed,    // k (n (n + 1) / 2): the lower triangle of k (n, n), see engine/packed.hpp
  gradient,  // k (n, m) and dk (n, m, gradients)
  ard,       // k (n, m) and dk (n, m, d): length scales per feature
  matvec,    // k v (n, columns)
  // gradients of k v in x, as sums of samples of y and a multiple of x: see gradient_lanes.hpp
  gradient_x,
  nearest,  // least |x - g y|^2 in k (n, m), and the element that has it; (n) where paired
};

template <class T>
struct Job {
  KernelId kernel = KernelId(0);
  double parameters[max_parameters] = {0, 0, 0};
  // Of element e: weights[e * weight_step], 1 on average.
  const T* weights = nullptr;
  std::int64_t weight_step = 0;
  double cross = 1, self = 0;
  bool manhattan = false, refine = false, unit_rows = false;
  double harmless = 0;  // see symkernel/decide/refine.hpp
  double offset = 0;    // |self| * |mean of the samples|^2, of which rows lost the group's share
  int gradients = 0;

  Operand<T> x, y;
  Elements<T> g;
  std::int64_t depth = 0;    // rows of a y panel: d, 2d with negated copies, or 2d of spectra
  std::int64_t x_depth = 0;  // rows of an x panel: d
  bool symmetric = false;    // y is x: compute i <= j, mirror

  FormJob<T> form;

  Output output = Output::gram;
  T* k = nullptr;
  T* dk = nullptr;
  const T* v = nullptr;  // matvec, gradient_x: (panel, column, nr), zero padded
  std::int64_t v_columns = 0;
  bool paired = false;  // sample i against itself alone: gradient_x of closed forms, nearest
  std::int32_t* elements = nullptr;  // nearest: (n, m) or (n), or null
  StopToken* token = nullptr;
};

// Columns [q * nr, (q + 1) * nr) against x panels [p0, p1); matvec: x panels [p0, p1), all columns;
// gradient_x: panels [q, q1) of columns, whose sums are part number `part` of the output.
struct Block {
  std::int64_t q = 0, p0 = 0, p1 = 0;
  std::int64_t q1 = 0, part = 0;
};

template <class T>
struct Engine {
  const char* isa;
  int mr, nr;  // tile: mr samples of x against nr of y
  void (*pack)(const T* rows, std::int64_t n, std::int64_t d, const std::int32_t* layout,
               double scale, bool negated_copy, int width, std::int64_t panel, T* out);
  // Panels of spectra: pairs of samples of x as one complex sequence (mr * d numbers a panel), and
  // samples of y (2 * nr * d numbers). Scratch of spectra_scratch numbers.
  void (*pack_pair_spectra)(const T* rows, std::int64_t n, const Elements<T>& g, double scale,
                            std::int64_t panel, T* out, T* scratch);
  void (*pack_spectra)(const T* rows, std::int64_t n, const Elements<T>& g, std::int64_t panel,
                       T* out, T* scratch);
  std::int64_t (*spectra_scratch)(const Elements<T>& g);
  // Tables of a closed form, made once per job in memory of form_state_size bytes.
  std::int64_t form_state_size;
  void (*make_form_state)(const Job<T>& job, void* memory);
  std::int64_t (*scratch_size)(const Job<T>& job, std::int64_t block_panels);
  void (*run)(const Job<T>& job, const Block& block, T* scratch, int thread);
  void (*diagonal)(const Job<T>& job, std::int64_t q, T* scratch, int thread);
  double (*multiply_add_probe)(std::int64_t iterations, double& operations);
  double (*exp_probe)(std::int64_t iterations, double& operations);
};

const Engine<double>& engine_f64();
const Engine<float>& engine_f32();
template <class T>
const Engine<T>& engine();
template <>
inline const Engine<double>& engine<double>() {
  return engine_f64();
}
template <>
inline const Engine<float>& engine<float>() {
  return engine_f32();
}

// Instruction sets of this build that this machine can run, best first.
const char* const* available_isas();
const char* current_isa();
// Selects an instruction set by name; false if it is unknown or cannot run here.
bool select_isa(const char* name);

}  // namespace symkernel
