// What becomes of affine forms in Gram matrices: refined, mapped, and added up over g.
#pragma once

#include "engine/engine.hpp"
#include "engine/kernel_maps.hpp"
#include "engine/refine.hpp"
#include "engine/tile_product.hpp"

SYMKERNEL_BEGIN_NAMESPACE

// Planes of sums per tile of pairs: the values, then derivatives for hyperparameters or for length
// scales per feature.
template <class T>
class ValueSums {
  using S = TileShape<T>;

 public:
  static std::int64_t planes(const Job<T>& job) {
    if (job.output == Output::gradient) return 1 + job.gradients;
    if (job.output == Output::ard) return 1 + job.g.d;
    return 1;
  }

  explicit ValueSums(const Job<T>& job) : job_(job), maps_(maps_of<T>(job.kernel)) {}

  void begin(std::int64_t, std::int64_t) {}

  // The tile of one element, sample by sample; gy: the panel of y, moved as `rows` says.
  void element(std::int64_t e, std::int64_t p, std::int64_t q, const T* gy,
               const std::int32_t* rows, T* tile, T* sum) {
    if (job_.refine) {
      for (int i = 0; i < S::mr; ++i)
        refine_row(job_, e, p * S::mr + i, q * S::nr, tile + i * S::nr);
    }
    if (job_.output == Output::ard) {
      maps_.slope(job_.parameters, weights_from(job_, e)[0], tile, S::size, sum);
      add_weighted_squares(job_.x.panels + p * job_.x_depth * S::mr, gy, rows, tile, sum + S::size);
    } else {
      map(e, tile, panel_rows<T>(job_.x.n, p) * S::nr, 1, S::size, sum);
    }
  }
  void elements_done(std::int64_t, std::int64_t) {}

  // Elements e, e + 1, ... of a point action, one row of the tile for each, for one sample of x.
  void point_elements(std::int64_t e, std::int64_t count, std::int64_t sample, std::int64_t q,
                      T* tile, T* sum) {
    if (job_.refine) {
      for (std::int64_t c = 0; c < count; ++c)
        refine_row(job_, e + c, sample, q * S::nr, tile + c * S::nr);
    }
    map(e, tile, S::nr, count, S::nr, sum);
  }
  void point_rows_done(std::int64_t, std::int64_t, std::int64_t) {}

  // Elements e, e + 1, ... of shifts for one or two samples of x, against the samples j .. of y in
  // one vector: values of the first sample, then of the second, for every element.
  void shifts(std::int64_t e, std::int64_t count, std::int64_t sample, int samples, std::int64_t j,
              T* values, const bool (&near)[2], T* sum) {
    for (int l = 0; l < samples; ++l) {
      T* a = values + l * S::width;
      for (std::int64_t c = 0; near[l] && c < count; ++c)
        refine_vector(job_, e + c, sample + l, j, a + c * 2 * S::width);
      map(e, a, S::width, count, 2 * S::width, sum + l * S::nr);
    }
  }
  void shifts_done(std::int64_t, std::int64_t, std::int64_t) {}

 private:
  void map(std::int64_t e, T* a, std::int64_t length, std::int64_t count, std::int64_t stride,
           T* sum) {
    const auto f = job_.output == Output::gradient ? maps_.gradient : maps_.value;
    f(job_.parameters, weights_from(job_, e), a, length, count, stride, sum, S::size);
  }

  // planes[k][i][j] += slope[i][j] (x_k - (gy)_k)^2, the derivative for the length scale of
  // feature k; x panels are scaled by `cross`, which is undone.
  void add_weighted_squares(const T* x, const T* gy, const std::int32_t* rows, const T* slopes,
                            T* planes) {
    using V = typename S::V;
    const V unscale(static_cast<T>(1.0 / job_.cross));
    for (std::int64_t k = 0; k < job_.g.d; ++k) {
      const T* yk = gy + (rows != nullptr ? static_cast<std::int64_t>(rows[k]) : k) * S::nr;
      T* plane = planes + k * S::size;
      for (int i = 0; i < S::mr; ++i) {
        const V xi = V(x[k * S::mr + i]) * unscale;
        for (int v = 0; v < S::nv; ++v) {
          const int at = i * S::nr + v * S::width;
          const V difference = xi - V::load(yk + v * S::width);
          const V weighted = V::load(slopes + at) * difference;
          fma(weighted, difference, V::load(plane + at)).store(plane + at);
        }
      }
    }
  }

  const Job<T>& job_;
  Maps<T> maps_;
};

SYMKERNEL_END_NAMESPACE
