// The engine of one instruction set: packing, blocks of tiles, and the table that dispatch sees.
// Included once by each engine_<isa>.cpp with SYMKERNEL_ISA set.
#pragma once

#include "engine/closed_forms.hpp"
#include "engine/diagonal.hpp"
#include "engine/engine.hpp"
#include "engine/gradient_forms.hpp"
#include "engine/gradient_lanes.hpp"
#include "engine/gradient_sums.hpp"
#include "engine/packed.hpp"
#include "engine/probes.hpp"
#include "engine/producers.hpp"
#include "engine/scale_forms.hpp"
#include "engine/sinks.hpp"
#include "engine/spectra.hpp"
#include "engine/value_sums.hpp"

SYMKERNEL_BEGIN_NAMESPACE

// Defined in nearest.hpp, which a translation unit of its own compiles.
template <class T>
std::int64_t nearest_scratch(const Job<T>& job, std::int64_t panels);
template <class T>
void run_nearest(const Job<T>& job, const Block& block, T* scratch, int thread);
extern template std::int64_t nearest_scratch<double>(const Job<double>&, std::int64_t);
extern template std::int64_t nearest_scratch<float>(const Job<float>&, std::int64_t);
extern template void run_nearest<double>(const Job<double>&, const Block&, double*, int);
extern template void run_nearest<float>(const Job<float>&, const Block&, float*, int);

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
std::int64_t matvec_size(const Job<T>& job, std::int64_t panels) {
  using S = TileShape<T>;
  return job.output == Output::matvec ? panels * S::mr * job.v_columns * S::width : 0;
}

template <class T>
using Values = Producers<T, ValueSums<T>>;
template <class T>
using Gradients = Producers<T, GradientSums<T>>;

template <class T>
std::int64_t plane_count(const Job<T>& job) {
  if (job.form.form == PairForm::none) return Values<T>::planes(job);
  return job.output == Output::ard ? ScaleForms<T>::planes(job) : ClosedForms<T>::planes(job);
}

// Of what makes affine forms or the values of closed forms.
template <class T>
std::int64_t own_scratch_size(const Job<T>& job) {
  if (job.form.form == PairForm::none) return Values<T>::scratch_size(job);
  return job.output == Output::ard ? ScaleForms<T>::scratch_size(job)
                                   : ClosedForms<T>::scratch_size(job);
}

template <class T>
std::int64_t gradient_scratch_size(const Job<T>& job, std::int64_t panels) {
  const std::int64_t own = job.form.form == PairForm::none ? Gradients<T>::scratch_size(job) +
                                                                 GradientSums<T>::scratch_size(job)
                                                           : GradientForms<T>::scratch_size(job);
  return own + panels * TileShape<T>::size + GradientLanes<T>::size(job, panels);
}

template <class T>
std::int64_t scratch_size(const Job<T>& job, std::int64_t block_panels) {
  if (job.output == Output::nearest) return nearest_scratch(job, block_panels) + 64;
  if (job.output == Output::gradient_x) {
    const std::int64_t blocks = gradient_scratch_size(job, block_panels);
    const std::int64_t diagonal = diagonal_scratch(job);
    return (blocks > diagonal ? blocks : diagonal) + 64;
  }
  const std::int64_t blocks = own_scratch_size(job) +
                              block_panels * plane_count(job) * TileShape<T>::size +
                              matvec_size(job, block_panels);
  const std::int64_t diagonal = diagonal_scratch(job);
  return (blocks > diagonal ? blocks : diagonal) + 64;
}

template <class T, class Sums>
void run_with(const Job<T>& job, const Block& block, Sums& producers, T* sums, T* lanes) {
  using S = TileShape<T>;
  const std::int64_t panels = block.p1 - block.p0;
  const std::int64_t step = plane_count(job) * S::size;
  if (job.output != Output::matvec) {
    if (!producers.run(block.q, block.p0, block.p1, sums)) return;
    if (job.output == Output::packed) {
      write_packed(job, block, sums, step);
      return;
    }
    for (std::int64_t p = block.p0; p < block.p1; ++p) {
      T* tile = sums + (p - block.p0) * step;
      write_gram(job, p, block.q, tile);
      if (job.output == Output::gradient)
        write_gradient(job, p, block.q, tile + S::size, job.gradients);
      if (job.output == Output::ard) write_gradient(job, p, block.q, tile + S::size, job.g.d);
    }
    if (job.symmetric) write_mirror(job, block.p0, block.p1, block.q, sums, step);
    return;
  }
  const std::int64_t lane_step = S::mr * job.v_columns * S::width;
  for (std::int64_t i = 0; i < panels * lane_step; ++i) lanes[i] = T(0);
  for (std::int64_t q = 0; q * S::nr < job.y.n; ++q) {
    if (!producers.run(q, block.p0, block.p1, sums)) return;
    for (std::int64_t p = block.p0; p < block.p1; ++p)
      add_matvec(job, p, q, sums + (p - block.p0) * step, lanes + (p - block.p0) * lane_step);
  }
  for (std::int64_t p = block.p0; p < block.p1; ++p)
    write_matvec(job, p, lanes + (p - block.p0) * lane_step);
}

template <class T, class Sums>
void run_gradient_with(const Block& block, Sums& producers, T* radial, GradientLanes<T>& lanes) {
  for (std::int64_t q = block.q; q < block.q1; ++q) {
    if (!producers.run(q, block.p0, block.p1, radial)) return;
    for (std::int64_t p = block.p0; p < block.p1; ++p)
      lanes.add_radial(p, q, radial + (p - block.p0) * TileShape<T>::size);
  }
  lanes.write();
}

template <class T>
void run_gradient_x(const Job<T>& job, const Block& block, T* scratch, int thread) {
  const std::int64_t panels = block.p1 - block.p0;
  T* memory = scratch + panels * TileShape<T>::size;
  T* own = memory + GradientLanes<T>::size(job, panels);
  GradientLanes<T> lanes(job, block, memory);
  if (job.form.form != PairForm::none) {
    GradientForms<T> forms(job, lanes, own, thread);
    run_gradient_with(block, forms, scratch, lanes);
    return;
  }
  GradientSums<T> sums(job, lanes, own);
  Gradients<T> producers(job, sums, own + GradientSums<T>::scratch_size(job), thread);
  run_gradient_with(block, producers, scratch, lanes);
}

template <class T>
void run_block(const Job<T>& job, const Block& block, T* scratch, int thread) {
  if (job.output == Output::nearest) {
    run_nearest(job, block, scratch, thread);
    return;
  }
  if (job.output == Output::gradient_x) {
    run_gradient_x(job, block, scratch, thread);
    return;
  }
  const std::int64_t panels = block.p1 - block.p0;
  T* lanes = scratch + panels * plane_count(job) * TileShape<T>::size;
  T* own = lanes + matvec_size(job, panels);
  if (job.form.form != PairForm::none && job.output == Output::ard) {
    ScaleForms<T> forms(job, own, thread);
    run_with(job, block, forms, scratch, lanes);
    return;
  }
  if (job.form.form != PairForm::none) {
    ClosedForms<T> forms(job, own, thread);
    run_with(job, block, forms, scratch, lanes);
    return;
  }
  ValueSums<T> sums(job);
  Values<T> producers(job, sums, own, thread);
  run_with(job, block, producers, scratch, lanes);
}

template <class T>
void run_diagonal(const Job<T>& job, std::int64_t q, T* scratch, int thread) {
  Diagonal<T>(job, q, scratch, thread).run();
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
          static_cast<std::int64_t>(sizeof(FormState<T>)),
          make_form_state<T>,
          scratch_size<T>,
          run_block<T>,
          run_diagonal<T>,
          multiply_add_probe<T>,
          exp_probe<T>};
}

SYMKERNEL_END_NAMESPACE
