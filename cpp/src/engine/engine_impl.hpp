// The engine of one instruction set: packing, and the table that dispatch sees.
// Included once by each engine_<isa>.cpp with SYMKERNEL_ISA set.
#pragma once

#include "engine/engine.hpp"
#include "engine/parts.hpp"
#include "engine/probes.hpp"
#include "engine/spectra.hpp"
#include "engine/tile_product.hpp"
#include "symkernel/forms/sphere.hpp"

SYMKERNEL_BEGIN_NAMESPACE

template <class T>
void pack(const T* rows, std::int64_t n, std::int64_t d, const std::int32_t* layout, double scale,
          bool negated_copy, int width, std::int64_t panel, T* out) {
  const T s = static_cast<T>(scale);
  for (std::int64_t k = 0; k < d; ++k) {
    const std::int64_t feature = layout != nullptr ? layout[k] : k;
    for (int l = 0; l < width; ++l) {
      const std::int64_t i = panel * width + l;
      const T value = i < n ? s * rows[i * d + feature] : T(0);
      out[k * width + l] = value;
      if (negated_copy) out[(d + k) * width + l] = -value;
    }
  }
}

template <class T>
std::int64_t scratch_size(const Job<T>& job, std::int64_t panels) {
  const bool form = job.form.form != PairForm::none;
  if (job.output == Output::nearest) return nearest_scratch(job, panels) + 64;
  const std::int64_t diagonal = diagonal_sums_scratch(job);
  std::int64_t blocks = 0;
  if (job.output == Output::gradient_x) {
    blocks = form ? gradient_forms_scratch(job, panels) : gradient_sums_scratch(job, panels);
  } else {
    blocks = form ? forms_scratch(job, panels) : sums_scratch(job, panels);
  }
  return (blocks > diagonal ? blocks : diagonal) + 64;
}

template <class T>
void run_block(const Job<T>& job, const Block& block, T* scratch, int thread) {
  const bool form = job.form.form != PairForm::none;
  if (job.output == Output::nearest) {
    run_nearest(job, block, scratch, thread);
  } else if (job.output == Output::gradient_x) {
    form ? run_gradient_forms(job, block, scratch, thread)
         : run_gradient_sums(job, block, scratch, thread);
  } else {
    form ? run_forms(job, block, scratch, thread) : run_sums(job, block, scratch, thread);
  }
}

template <class T>
constexpr Engine<T> make_engine(const char* isa) {
  using S = TileShape<T>;
  return {isa,
          S::mr,
          S::nr,
          pack<T>,
          pack_pair_spectra<T>,
          pack_spectra<T>,
          spectra_scratch<T>,
          static_cast<std::int64_t>(sizeof(SphereTables<typename S::V>)),
          make_form_state<T>,
          scratch_size<T>,
          run_block<T>,
          run_diagonal<T>,
          multiply_add_probe<T>,
          exp_probe<T>};
}

SYMKERNEL_END_NAMESPACE
