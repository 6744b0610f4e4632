// The nearest point of an orbit: the largest of -|x - g y|^2 over g, and the g that it belongs to.
//
// The producers of orbit sums hand every affine form to this in the place of a kernel map; what is
// kept of them is one value and one number of an element per pair.
#pragma once

#include "engine/producers.hpp"
#include "engine/refine.hpp"
#include "engine/sinks.hpp"

SYMKERNEL_BEGIN_NAMESPACE

// Two planes per tile of pairs: the largest form so far, and its element. Numbers of elements are
// kept as floats, which are exact up to 2^24 in single precision: the driver sees to that.
template <class T>
class NearestForms {
  using S = TileShape<T>;
  using V = typename S::V;

 public:
  static std::int64_t planes(const Job<T>&) { return 2; }

  explicit NearestForms(const Job<T>& job) : job_(job) {}

  void begin(std::int64_t, std::int64_t) {}

  void element(std::int64_t e, std::int64_t p, std::int64_t q, const T*, const std::int32_t*,
               T* tile, T* best) {
    for (int i = 0; job_.refine && i < S::mr; ++i)
      refine_row(job_, e, p * S::mr + i, q * S::nr, tile + i * S::nr);
    for (int at = 0; at < S::size; at += S::width) keep(e, tile + at, best + at);
  }
  void elements_done(std::int64_t, std::int64_t) {}

  void point_elements(std::int64_t e, std::int64_t count, std::int64_t sample, std::int64_t q,
                      T* tile, T* best) {
    for (std::int64_t c = 0; c < count; ++c) {
      if (job_.refine) refine_row(job_, e + c, sample, q * S::nr, tile + c * S::nr);
      for (int v = 0; v < S::nv; ++v)
        keep(e + c, tile + c * S::nr + v * S::width, best + v * S::width);
    }
  }
  void point_rows_done(std::int64_t, std::int64_t, std::int64_t) {}

  void shifts(std::int64_t e, std::int64_t count, std::int64_t sample, int samples, std::int64_t j,
              T* values, const bool (&near)[2], T* best) {
    for (int l = 0; l < samples; ++l) {
      for (std::int64_t c = 0; c < count; ++c) {
        T* a = values + (2 * c + l) * S::width;
        if (near[l]) refine_vector(job_, e + c, sample + l, j, a);
        keep(e + c, a, best + l * S::nr);
      }
    }
  }
  void shifts_done(std::int64_t, std::int64_t, std::int64_t) {}

 private:
  // Of equal forms the first stays: ties do not depend on how the work was cut.
  SYMKERNEL_INLINE void keep(std::int64_t e, const T* forms, T* best) {
    T* elements = best + S::size;
    const V form = V::load(forms);
    if (e == 0) {
      form.store(best);
      V(T(0)).store(elements);
      return;
    }
    const V value = V::load(best), number(static_cast<T>(e));
    const auto nearer = value < form;
    select(nearer, form, value).store(best);
    select(nearer, number, V::load(elements)).store(elements);
  }

  const Job<T>& job_;
};

template <class T>
using Nearest = Producers<T, NearestForms<T>>;

// Number of an element as the caller counts: the transform has an order of its own.
template <class T>
std::int32_t element_number(const Elements<T>& g, T kept) {
  const auto e = static_cast<std::int64_t>(kept);
  if (g.kind != ActionKind::shifts) return static_cast<std::int32_t>(e);
  const std::int64_t n = g.transform.size;
  return static_cast<std::int32_t>(e / n * n + g.shifts[e % n]);
}

// Squared distances; rounding may take a form above 0.
template <class T>
void write_nearest(const Job<T>& job, std::int64_t p, std::int64_t q, T* best) {
  using S = TileShape<T>;
  const std::int64_t i0 = p * S::mr, j0 = q * S::nr, m = job.y.n;
  for (int at = 0; at < S::size; ++at) best[at] = best[at] < T(0) ? -best[at] : T(0);
  for (std::int64_t i = i0; i < job.x.n && i < i0 + S::mr; ++i) {
    for (std::int64_t j = job.symmetric && i > j0 ? i : j0; j < m && j < j0 + S::nr; ++j) {
      if (job.paired && i != j) continue;
      const std::int64_t at = (i - i0) * S::nr + (j - j0), to = job.paired ? i : i * m + j;
      job.k[to] = best[at];
      if (job.elements != nullptr) job.elements[to] = element_number(job.g, best[S::size + at]);
    }
  }
}

template <class T>
std::int64_t nearest_scratch(const Job<T>& job, std::int64_t panels) {
  return Nearest<T>::scratch_size(job) + Nearest<T>::sums_size(job, panels);
}

template <class T>
void run_nearest(const Job<T>& job, const Block& block, T* scratch, int thread) {
  const std::int64_t step = Nearest<T>::sums_size(job, 1);
  NearestForms<T> forms(job);
  Nearest<T> producers(job, forms, scratch + (block.p1 - block.p0) * step, thread);
  if (!producers.run({block.q, block.p0, block.p1, block.q + 1}, scratch)) return;
  for (std::int64_t p = block.p0; p < block.p1; ++p)
    write_nearest(job, p, block.q, scratch + (p - block.p0) * step);
  if (job.symmetric) write_mirror(job, block.p0, block.p1, block.q, scratch, step);
}

SYMKERNEL_END_NAMESPACE
