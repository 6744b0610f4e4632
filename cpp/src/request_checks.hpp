// What a request has to be, whichever executor computes it.
#pragma once

#include "orbit_sum.hpp"
#include "symkernel/error.hpp"

namespace symkernel {

inline void check_form_derivatives(const ClosedForm& form, const OrbitAction& action,
                                   Output output) {
  require(output != Output::ard || form.base == FormBase::rbf,
          "derivatives for length scales per feature need an RBF or Matern kernel");
  const bool per_pair = output == Output::ard || output == Output::gradient_x;
  if (!per_pair || form.form < PairForm::permanents) return;
  for (const PointBlock& b : action.blocks())
    require(b.points <= max_gradient_points,
            "derivatives of permanents of more than 20 points are out of reach");
}

// manhattan: a kernel of the L1 distance. lists_shifts: whether shifts of a grid may be summed one
// by one, as permutations.
template <class Request>
void check_request(const Request& request, bool manhattan, bool lists_shifts) {
  const OrbitAction& action = *request.action;
  const bool symmetric = request.y.data == nullptr;
  if (request.form != nullptr) request.form->require_action(action);
  require(request.x.columns == action.degree(), "x must have as many columns as the action");
  require(symmetric || request.y.columns == action.degree(),
          "y must have as many columns as the action");
  const bool weighted = request.output == Output::matvec || request.output == Output::gradient_x;
  require(!weighted || request.v.data == nullptr ||
              request.v.rows == (symmetric ? request.x.rows : request.y.rows),
          "v must have one row per sample of y");
  if (request.kernel != nullptr)
    require(request.kernel->weights.empty() ||
                static_cast<std::int64_t>(request.kernel->weights.size()) == action.order(),
            "a kernel needs one weight per element of the action");
  if (request.form != nullptr) return check_form_derivatives(*request.form, action, request.output);
  const bool permutations = action.kind() == ActionKind::signed_permutations ||
                            (lists_shifts && action.kind() == ActionKind::shifts);
  require(!manhattan || permutations, "an L1 kernel needs signed permutations");
  if (request.output != Output::ard) return;
  require(permutations || action.kind() == ActionKind::matrices,
          "derivatives for length scales per feature need permutations or full matrices");
  require(request.kernel->traits().per_feature,
          "this kernel has no derivatives for length scales per feature");
}

}  // namespace symkernel
