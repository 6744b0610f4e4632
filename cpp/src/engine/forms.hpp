// Averages in closed form: the part of an engine that forms_<type>.cpp compiles.
#pragma once

#include <new>

#include "engine/closed_forms.hpp"
#include "engine/gradient_forms.hpp"
#include "engine/parts.hpp"
#include "engine/scale_forms.hpp"
#include "engine/tiles.hpp"

SYMKERNEL_BEGIN_NAMESPACE

template <class T>
void make_form_state(const Job<T>& job, void* memory) {
  const bool planar = job.form.form != PairForm::sphere;
  new (memory) SphereTables<typename TileShape<T>::V>(planar ? 2 : static_cast<int>(job.g.d));
}

template <class Forms, class T>
std::int64_t scratch_of_forms(const Job<T>& job, std::int64_t panels) {
  return Forms::scratch_size(job) + tiles_size(job, panels, Forms::planes(job), Forms::span(job));
}
template <class Forms, class T>
void run_forms_of(const Job<T>& job, const Block& block, T* scratch, int thread) {
  const std::int64_t planes = Forms::planes(job);
  Forms forms(job, scratch + tiles_size(job, block.p1 - block.p0, planes, Forms::span(job)),
              thread);
  run_tiles(job, block, forms, planes, scratch);
}

template <class T>
std::int64_t forms_scratch(const Job<T>& job, std::int64_t panels) {
  return job.output == Output::ard ? scratch_of_forms<ScaleForms<T>>(job, panels)
                                   : scratch_of_forms<ClosedForms<T>>(job, panels);
}

template <class T>
void run_forms(const Job<T>& job, const Block& block, T* scratch, int thread) {
  if (job.output == Output::ard) {
    run_forms_of<ScaleForms<T>>(job, block, scratch, thread);
  } else {
    run_forms_of<ClosedForms<T>>(job, block, scratch, thread);
  }
}

template <class T>
std::int64_t gradient_forms_scratch(const Job<T>& job, std::int64_t panels) {
  return panels * TileShape<T>::size + GradientLanes<T>::size(job, panels) +
         GradientForms<T>::scratch_size(job);
}

template <class T>
void run_gradient_forms(const Job<T>& job, const Block& block, T* scratch, int thread) {
  const std::int64_t panels = block.p1 - block.p0;
  T* memory = scratch + panels * TileShape<T>::size;
  GradientLanes<T> lanes(job, block, memory);
  GradientForms<T> forms(job, lanes, memory + GradientLanes<T>::size(job, panels), thread);
  run_gradient_tiles(block, forms, scratch, lanes);
}

SYMKERNEL_END_NAMESPACE
