// What the parts of an engine offer to its table. Each part is compiled by units of its own, one
// per type of number, so that none takes long: sums over elements (sums.hpp), closed forms
// (forms.hpp) and nearest points (nearest.hpp). Sizes are counts of T.
#pragma once

#include "engine/engine.hpp"

SYMKERNEL_BEGIN_NAMESPACE

// Sums over the elements of the group: values and derivatives for hyperparameters, gradients in x,
// and K(x, x).
template <class T>
std::int64_t sums_scratch(const Job<T>& job, std::int64_t panels);
template <class T>
void run_sums(const Job<T>& job, const Block& block, T* scratch, int thread);
template <class T>
std::int64_t gradient_sums_scratch(const Job<T>& job, std::int64_t panels);
template <class T>
void run_gradient_sums(const Job<T>& job, const Block& block, T* scratch, int thread);
template <class T>
std::int64_t diagonal_sums_scratch(const Job<T>& job);
template <class T>
void run_diagonal(const Job<T>& job, std::int64_t q, T* scratch, int thread);

// The same of closed forms.
template <class T>
void make_form_state(const Job<T>& job, void* memory);
template <class T>
std::int64_t forms_scratch(const Job<T>& job, std::int64_t panels);
template <class T>
void run_forms(const Job<T>& job, const Block& block, T* scratch, int thread);
template <class T>
std::int64_t gradient_forms_scratch(const Job<T>& job, std::int64_t panels);
template <class T>
void run_gradient_forms(const Job<T>& job, const Block& block, T* scratch, int thread);

template <class T>
std::int64_t nearest_scratch(const Job<T>& job, std::int64_t panels);
template <class T>
void run_nearest(const Job<T>& job, const Block& block, T* scratch, int thread);

SYMKERNEL_END_NAMESPACE
