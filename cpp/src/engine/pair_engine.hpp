// What is done for one pair of point sets at a time: assignments, rotations, and covariances of
// gradients. Plain data shared by translation units that are compiled for different machines, as in
// engine.hpp.
#pragma once

#include <cstdint>

namespace symkernel {

class StopToken;

// Point sets (n, points, dimension) against (m, points, dimension): all pairs, or row with row; all
// pairs of one set with itself once, and mirrored.
struct PairJob {
  const double* x = nullptr;
  const double* y = nullptr;
  std::int64_t n = 0, m = 0, points = 0, dimension = 0;
  bool paired = false, symmetric = false;
  double* squares = nullptr;  // (n, m), or (n) for pairs of rows
  StopToken* token = nullptr;
};

// min over permutations within blocks of consecutive points, and over matrices h, of |x - h s y|^2.
struct MatchJob : PairJob {
  const std::int64_t* blocks = nullptr;  // (n_blocks) points in each
  std::int64_t n_blocks = 0, largest_block = 0;
  bool either_sign = false;          // y and -y are the same point
  const double* matrices = nullptr;  // (n_matrices, dimension, dimension)
  std::int64_t n_matrices = 0;
  std::int32_t* points_of_y = nullptr;  // pairs of rows: (n, points), point of y for each of x
  std::int32_t* matrix = nullptr;       // pairs of rows: (n)
};

// min over rotations R and the given permutations s of |x - R s y|^2 for points of the plane or of
// space.
struct RotationJob : PairJob {
  bool reflections = false;
  const std::int32_t* rows = nullptr;  // (n_rows, points)
  std::int64_t n_rows = 0;
  double* rotations = nullptr;    // pairs of rows: (n, dimension^2)
  std::int32_t* which = nullptr;  // pairs of rows: (n), the row permutation
};

// Averages over rotations and the given permutations s of sum_r weights[r] exp(-rates[r] |x - R s
// y|^2), for points of the plane or of space, and their derivatives in x and y.
struct JointJob {
  const double* x = nullptr;  // (n, points, dimension)
  const double* y = nullptr;  // panels of `width` samples: (panels, points * dimension, width)
  std::int64_t n = 0, m = 0, points = 0, dimension = 0;
  bool reflections = false;
  const std::int32_t* rows = nullptr;  // (n_rows, points)
  std::int64_t n_rows = 0;
  const double* rates = nullptr;  // (n_rates), rising
  const double* weights = nullptr;
  std::int64_t n_rates = 0;
  // f = sum_j [a_j + b_j . grad_y] K(., y_j): a and b in panels, values (n), slopes (n, d) or none
  const double* a = nullptr;
  const double* b = nullptr;
  // or of all pairs: values (n, m), and if asked slopes in x (n, m, d), and the mixed derivatives
  // (n, from, m, to) along `from` directions at each x, (n, from, d), and `to` at each y, (m, to,
  // d) in panels
  const double* directions_x = nullptr;
  const double* directions_y = nullptr;
  std::int64_t from = 0, to = 0;
  double* values = nullptr;
  double* slopes = nullptr;
  double* mixed = nullptr;
  // or derivatives in M = X^T (s Y) with |x| and |y| held, (n, dimension, m, dimension): means of
  // the rotations times 2 t. Symmetric: y is x, and there is a permutation s back for each.
  double* turns = nullptr;
  bool symmetric = false;
  StopToken* token = nullptr;
};

struct PairEngine {
  int width;  // samples of y that a rotation job and a joint job take at a time
  std::int64_t (*match_scratch)(const MatchJob& job);
  // Rows of x first .. last - 1.
  void (*match)(const MatchJob& job, std::int64_t first, std::int64_t last, double* scratch,
                int thread);
  std::int64_t (*rotation_scratch)(const RotationJob& job);
  // Samples q * width .. of y against all of x, or against their own.
  void (*rotate)(const RotationJob& job, std::int64_t q, double* scratch, int thread);
  std::int64_t (*joint_scratch)(const JointJob& job);
  // The function at sample i of x; all that concerns sample i of x and panel q of y.
  void (*joint_apply)(const JointJob& job, std::int64_t i, double* scratch, int thread);
  void (*joint_block)(const JointJob& job, std::int64_t i, std::int64_t q, double* scratch);
  // Samples first .. last - 1 of x with panel q of y.
  void (*joint_turns)(const JointJob& job, std::int64_t first, std::int64_t last, std::int64_t q,
                      double* scratch);
};

const PairEngine& pair_engine();

}  // namespace symkernel
