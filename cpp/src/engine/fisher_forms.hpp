// Matrix Fisher forms, made once a process for every table of poles: making one takes longer than
// the values of a whole vector of pairs.
#pragma once

#include <cmath>

#include "symkernel/matrix_fisher.hpp"

SYMKERNEL_BEGIN_NAMESPACE

template <class V, bool Reflections>
class FisherForms {
  using Form = MatrixFisher<V, Reflections>;

 public:
  // The form for nuclear norms up to `bound`.
  static const Form& within(double bound) {
    static const FisherForms forms;
    int tier = 0;
    while (tier < last && !(bound <= tiers[tier].bound)) ++tier;
    return forms.form_[tier];
  }

 private:
  static constexpr const auto& tiers =
      fisher_tiers_double;  // the bounds are those of float as well
  static constexpr int last = sizeof(fisher_tiers_double) / sizeof(FisherTier) - 1;
  static_assert(last == 5, "one form for every tier");

  FisherForms()
      : form_{Form(tiers[0].bound), Form(tiers[1].bound), Form(tiers[2].bound),
              Form(tiers[3].bound), Form(tiers[4].bound), Form(HUGE_VAL)} {}

  Form form_[last + 1];
};

SYMKERNEL_END_NAMESPACE
