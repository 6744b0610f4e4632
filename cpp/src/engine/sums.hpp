// Averages as sums over the elements of the group: the part of an engine that sums_<type>.cpp
// compiles.
#pragma once

#include "engine/diagonal.hpp"
#include "engine/gradient_sums.hpp"
#include "engine/parts.hpp"
#include "engine/producers.hpp"
#include "engine/tiles.hpp"
#include "engine/value_sums.hpp"

SYMKERNEL_BEGIN_NAMESPACE

template <class T>
using Values = Producers<T, ValueSums<T>>;
template <class T>
using Gradients = Producers<T, GradientSums<T>>;

template <class T>
std::int64_t sums_scratch(const Job<T>& job, std::int64_t panels) {
  return Values<T>::scratch_size(job) + tiles_size(job, panels, Values<T>::planes(job), 1);
}

template <class T>
void run_sums(const Job<T>& job, const Block& block, T* scratch, int thread) {
  const std::int64_t planes = Values<T>::planes(job);
  ValueSums<T> sums(job);
  Values<T> producers(job, sums, scratch + tiles_size(job, block.p1 - block.p0, planes, 1), thread);
  run_tiles(job, block, producers, planes, scratch);
}

template <class T>
std::int64_t gradient_sums_scratch(const Job<T>& job, std::int64_t panels) {
  return panels * TileShape<T>::size + GradientLanes<T>::size(job, panels) +
         GradientSums<T>::scratch_size(job) + Gradients<T>::scratch_size(job);
}

template <class T>
void run_gradient_sums(const Job<T>& job, const Block& block, T* scratch, int thread) {
  const std::int64_t panels = block.p1 - block.p0;
  T* memory = scratch + panels * TileShape<T>::size;
  T* own = memory + GradientLanes<T>::size(job, panels);
  GradientLanes<T> lanes(job, block, memory);
  GradientSums<T> sums(job, lanes, own);
  Gradients<T> producers(job, sums, own + GradientSums<T>::scratch_size(job), thread);
  run_gradient_tiles(block, producers, scratch, lanes);
}

template <class T>
std::int64_t diagonal_sums_scratch(const Job<T>& job) {
  return diagonal_scratch(job);
}

template <class T>
void run_diagonal(const Job<T>& job, std::int64_t q, T* scratch, int thread) {
  Diagonal<T>(job, q, scratch, thread).run();
}

SYMKERNEL_END_NAMESPACE
