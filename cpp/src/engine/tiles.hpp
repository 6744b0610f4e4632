// Blocks of tiles: what makes sums, whatever it is, and where they go.
#pragma once

#include "engine/engine.hpp"
#include "engine/gradient_lanes.hpp"
#include "engine/packed.hpp"
#include "engine/sinks.hpp"

SYMKERNEL_BEGIN_NAMESPACE

// Where `span` columns of tiles are made at once, those of a product are added up at once.
template <class T>
std::int64_t tiles_size(const Job<T>& job, std::int64_t panels, std::int64_t planes,
                        std::int64_t span) {
  using S = TileShape<T>;
  const std::int64_t lanes = job.output == Output::matvec ? S::mr * job.v_columns * S::width : 0;
  return panels * (span * planes * S::size + lanes);
}

// Products with v of all columns of a block, kept as lanes until they are complete.
template <class T, class Sums>
void run_product(const Job<T>& job, const Block& block, Sums& producers, std::int64_t step,
                 T* scratch) {
  using S = TileShape<T>;
  const std::int64_t panels = block.p1 - block.p0, span = Sums::span(job);
  const std::int64_t lane_step = S::mr * job.v_columns * S::width;
  T *sums = scratch, *lanes = scratch + span * panels * step;
  for (std::int64_t i = 0; i < panels * lane_step; ++i) lanes[i] = T(0);
  for (std::int64_t q = block.q; q < block.q1; q += span) {
    const std::int64_t end = q + span < block.q1 ? q + span : block.q1;
    if (!producers.run({q, block.p0, block.p1, end}, sums)) return;
    for (std::int64_t c = q; c < end; ++c) {
      for (std::int64_t p = block.p0; p < block.p1; ++p)
        add_matvec(job, p, c, sums + ((c - q) * panels + p - block.p0) * step,
                   lanes + (p - block.p0) * lane_step);
    }
  }
  for (std::int64_t p = block.p0; p < block.p1; ++p)
    write_matvec(job, p, lanes + (p - block.p0) * lane_step,
                 job.k + block.part * job.x.n * job.v_columns);
}

// Tiles of sums with `planes` planes each: to the output of the job. Scratch of tiles_size numbers.
template <class T, class Sums>
void run_tiles(const Job<T>& job, const Block& block, Sums& producers, std::int64_t planes,
               T* scratch) {
  using S = TileShape<T>;
  const std::int64_t step = planes * S::size;
  T* sums = scratch;
  if (job.output == Output::matvec && !job.symmetric) {
    run_product(job, block, producers, step, scratch);
    return;
  }
  if (!producers.run({block.q, block.p0, block.p1, block.q + 1}, sums)) return;
  if (job.output == Output::matvec) {
    T* out = job.k + block.part * ((job.y.n + S::nr - 1) / S::nr) * S::nr * job.v_columns;
    for (std::int64_t p = block.p0; p < block.p1; ++p)
      add_both_sides(job, p, block.q, sums + (p - block.p0) * step, out);
    return;
  }
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
}

// Gradients in x: radial coefficients of a column of tiles, then moved samples of y, to the lanes.
template <class T, class Sums>
void run_gradient_tiles(const Block& block, Sums& producers, T* radial, GradientLanes<T>& lanes) {
  for (std::int64_t q = block.q; q < block.q1; ++q) {
    if (!producers.run({q, block.p0, block.p1, q + 1}, radial)) return;
    for (std::int64_t p = block.p0; p < block.p1; ++p)
      lanes.add_radial(p, q, radial + (p - block.p0) * TileShape<T>::size);
  }
  lanes.write();
}

SYMKERNEL_END_NAMESPACE
