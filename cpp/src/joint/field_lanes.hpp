// Sums over the samples of a function, one in a lane: its value, its gradient, and contractions.
#pragma once

#include "joint/jobs.hpp"
#include "joint/panel_product.hpp"

SYMKERNEL_BEGIN_NAMESPACE

// Two vectors of samples: their sums don't wait for each other.
constexpr int field_vectors = 2;
constexpr int field_lanes = field_vectors * joint_width;

// Components that one pass over the features serves: what they add up must fit into registers.
constexpr int components_at_once = joint_width == 8 ? 5 : 2;
constexpr int contracted_at_once = joint_width == 8 ? 2 : 1;

// Elements whose gradients are kept in lanes: a third of a first-level cache.
inline std::int64_t elements_at_once(const MetricsJob& job, std::int64_t order) {
  const std::int64_t most = 2048 / (job.features * joint_width);
  return most < 1 ? 1 : most > order ? order : most;
}

// A panel of samples, its slopes and values, and rows of one moved sample.
struct FieldPanel {
  const double *y, *b, *a;
};

SYMKERNEL_INLINE FieldPanel panel_of(const FieldJob& job, std::int64_t panel) {
  const std::int64_t size = job.features * field_lanes;
  return {job.y + panel * size, job.slopes + panel * size, job.values + panel * field_lanes};
}

// ---- the function ------------------------------------------------------------------------------

// s_c = d . W_c d and t_c = d . W_c b for C components from the given one on.
template <int C>
void field_products(const FieldJob& job, const FieldPanel& at, const double* x, std::int64_t c0,
                    double* s, double* t) {
  using V = JointVec;
  V ss[C][field_vectors], ts[C][field_vectors];
  SYMKERNEL_UNROLL
  for (int c = 0; c < C; ++c) {
    SYMKERNEL_UNROLL
    for (int v = 0; v < field_vectors; ++v) ss[c][v] = ts[c][v] = V(0.0);
  }
  const double* w = job.metrics + c0 * job.padded;
  for (std::int64_t q = 0; q < job.features; ++q) {
    V dd[field_vectors], db[field_vectors];
    SYMKERNEL_UNROLL
    for (int v = 0; v < field_vectors; ++v) {
      const std::int64_t k = q * field_lanes + v * joint_width;
      const V d = V(x[q]) - V::load(at.y + k);
      dd[v] = d * d;
      db[v] = d * V::load(at.b + k);
    }
    SYMKERNEL_UNROLL
    for (int c = 0; c < C; ++c) {
      const V wc(w[c * job.padded + q]);
      SYMKERNEL_UNROLL
      for (int v = 0; v < field_vectors; ++v) {
        ss[c][v] = fma(wc, dd[v], ss[c][v]);
        ts[c][v] = fma(wc, db[v], ts[c][v]);
      }
    }
  }
  SYMKERNEL_UNROLL
  for (int c = 0; c < C; ++c) {
    SYMKERNEL_UNROLL
    for (int v = 0; v < field_vectors; ++v) {
      const std::int64_t k = (c0 + c) * field_lanes + v * joint_width;
      ss[c][v].store(s + k);
      ts[c][v].store(t + k);
    }
  }
}

// Adds d (sum_c along_c W_c) + b (sum_c across_c W_c) of every feature to a vector of the gradient.
template <int C>
void field_gradient(const FieldJob& job, const FieldPanel& at, const double* x, std::int64_t c0,
                    const double* along, const double* across, double* gradient) {
  using V = JointVec;
  V ws[C][field_vectors], us[C][field_vectors];
  SYMKERNEL_UNROLL
  for (int c = 0; c < C; ++c) {
    SYMKERNEL_UNROLL
    for (int v = 0; v < field_vectors; ++v) {
      const std::int64_t k = (c0 + c) * field_lanes + v * joint_width;
      ws[c][v] = V::load(along + k);
      us[c][v] = V::load(across + k);
    }
  }
  const double* w = job.metrics + c0 * job.padded;
  for (std::int64_t q = 0; q < job.features; ++q) {
    V g[field_vectors], h[field_vectors];
    SYMKERNEL_UNROLL
    for (int v = 0; v < field_vectors; ++v) g[v] = h[v] = V(0.0);
    SYMKERNEL_UNROLL
    for (int c = 0; c < C; ++c) {
      const V wc(w[c * job.padded + q]);
      SYMKERNEL_UNROLL
      for (int v = 0; v < field_vectors; ++v) {
        g[v] = fma(wc, ws[c][v], g[v]);
        h[v] = fma(wc, us[c][v], h[v]);
      }
    }
    V sum = V::load(gradient + q * joint_width);
    SYMKERNEL_UNROLL
    for (int v = 0; v < field_vectors; ++v) {
      const std::int64_t k = q * field_lanes + v * joint_width;
      const V d = V(x[q]) - V::load(at.y + k);
      sum = fma(d, g[v], sum);
      sum = fma(V::load(at.b + k), h[v], sum);
    }
    sum.store(gradient + q * joint_width);
  }
}

// Calls f with the largest number of components up to Most that is left, as a constant.
template <int Most, class F>
SYMKERNEL_INLINE void for_components(std::int64_t count, F&& f);

template <int C>
struct ComponentCount {
  static constexpr int value = C;
};

template <int C, class F>
SYMKERNEL_INLINE void with_component_count(std::int64_t count, F& f, std::int64_t c0) {
  if (count == C) return f(ComponentCount<C>(), c0);
  if constexpr (C > 1) with_component_count<C - 1>(count, f, c0);
}

template <int Most, class F>
SYMKERNEL_INLINE void for_components(std::int64_t count, F&& f) {
  std::int64_t groups = (count + Most - 1) / Most;
  for (std::int64_t c0 = 0; c0 < count; --groups) {
    const std::int64_t now = (count - c0 + groups - 1) / groups;
    with_component_count<Most>(now, f, c0);
    c0 += now;
  }
}

struct FieldLoop {
  static std::int64_t scratch(const FieldJob& job, std::int64_t order) {
    return 5 * job.components * field_lanes +
           elements_at_once(job, order) * job.features * joint_width;
  }

  static void apply(const FieldJob& job, const FieldRange& range, double* value, double* gradient,
                    double* scratch) {
    using V = JointVec;
    const std::int64_t size = job.components * field_lanes, p = job.features;
    double *s = scratch, *t = s + size, *phi = t + size, *first = phi + size,
           *second = first + size, *lanes = second + size;
    const std::int64_t most = elements_at_once(job, range.order);
    V total(0.0);
    for (std::int64_t g0 = 0; g0 < range.order; g0 += most) {
      const std::int64_t g1 = g0 + most < range.order ? g0 + most : range.order;
      if (gradient != nullptr) {
        for (std::int64_t k = 0; k < (g1 - g0) * p * joint_width; ++k) lanes[k] = 0;
      }
      for (std::int64_t panel = range.first_panel; panel < range.last_panel; ++panel) {
        const FieldPanel at = panel_of(job, panel);
        for (std::int64_t g = g0; g < g1; ++g) {
          const double* x = range.images + g * p;
          for_components<components_at_once>(
              job.components, [&](auto count, std::int64_t c0) SYMKERNEL_LAMBDA {
                field_products<decltype(count)::value>(job, at, x, c0, s, t);
              });
          map_radial<false>(job.kernel, job.parameter, {s, phi, first, second}, size);
          total = total + weigh(job, at, s, t, phi, first, second);
          if (gradient == nullptr) continue;
          for_components<components_at_once>(
              job.components, [&](auto count, std::int64_t c0) SYMKERNEL_LAMBDA {
                field_gradient<decltype(count)::value>(job, at, x, c0, s, t,
                                                       lanes + (g - g0) * p * joint_width);
              });
        }
      }
      if (gradient == nullptr) continue;
      for (std::int64_t k = 0; k < (g1 - g0) * p; ++k)
        gradient[g0 * p + k] += sum_of_lanes(V::load(lanes + k * joint_width));
    }
    *value += sum_of_lanes(total);
  }

 private:
  // The value of all components; s and t become the weights of W d and W b in the gradient.
  static SYMKERNEL_INLINE JointVec weigh(const FieldJob& job, const FieldPanel& at, double* s,
                                         double* t, const double* phi, const double* first,
                                         const double* second) {
    using V = JointVec;
    V total(0.0);
    for (std::int64_t c = 0; c < job.components; ++c) {
      const V amplitude(job.amplitudes[c]), twice = amplitude + amplitude;
      for (int v = 0; v < field_vectors; ++v) {
        const std::int64_t k = c * field_lanes + v * joint_width;
        const V a = V::load(at.a + v * joint_width), inward = V::load(t + k);
        const V slope = twice * V::load(first + k);
        const V bent = twice * V::load(second + k);
        total = fma(amplitude * V::load(phi + k), a, total) - slope * inward;
        (slope * a - (bent + bent) * inward).store(s + k);
        (-slope).store(t + k);
      }
    }
    return total;
  }
};

// ---- contractions
// --------------------------------------------------------------------------------

struct ContractSums {
  double *s, *tb, *tc, *bb;
};

// s, (W d).b', (W d).b and b.W b' of C components.
template <int C>
void contract_products(const FieldJob& job, const FieldPanel& at, const double* x, const double* b,
                       std::int64_t c0, const ContractSums& to) {
  using V = JointVec;
  V sums[4][C][field_vectors];
  SYMKERNEL_UNROLL
  for (int n = 0; n < 4; ++n) {
    SYMKERNEL_UNROLL
    for (int c = 0; c < C; ++c) {
      SYMKERNEL_UNROLL
      for (int v = 0; v < field_vectors; ++v) sums[n][c][v] = V(0.0);
    }
  }
  const double* w = job.metrics + c0 * job.padded;
  for (std::int64_t q = 0; q < job.features; ++q) {
    SYMKERNEL_UNROLL
    for (int v = 0; v < field_vectors; ++v) {
      const std::int64_t k = q * field_lanes + v * joint_width;
      const V d = V(x[q]) - V::load(at.y + k), own(b[q]), other = V::load(at.b + k);
      const V dd = d * d, db = d * other, dc = d * own, bb = own * other;
      SYMKERNEL_UNROLL
      for (int c = 0; c < C; ++c) {
        const V wc(w[c * job.padded + q]);
        sums[0][c][v] = fma(wc, dd, sums[0][c][v]);
        sums[1][c][v] = fma(wc, db, sums[1][c][v]);
        sums[2][c][v] = fma(wc, dc, sums[2][c][v]);
        sums[3][c][v] = fma(wc, bb, sums[3][c][v]);
      }
    }
  }
  double* out[4] = {to.s, to.tb, to.tc, to.bb};
  SYMKERNEL_UNROLL
  for (int n = 0; n < 4; ++n) {
    SYMKERNEL_UNROLL
    for (int c = 0; c < C; ++c) {
      SYMKERNEL_UNROLL
      for (int v = 0; v < field_vectors; ++v)
        sums[n][c][v].store(out[n] + (c0 + c) * field_lanes + v * joint_width);
    }
  }
}

// Adds d (d square + b' inward + b outward) + b b' across of every feature, for C components.
template <int C>
void contract_metrics(const FieldJob& job, const FieldPanel& at, const double* x, const double* b,
                      std::int64_t c0, const ContractSums& weights, double* lanes) {
  using V = JointVec;
  V square[C][field_vectors], inward[C][field_vectors], outward[C][field_vectors],
      across[C][field_vectors];
  SYMKERNEL_UNROLL
  for (int c = 0; c < C; ++c) {
    SYMKERNEL_UNROLL
    for (int v = 0; v < field_vectors; ++v) {
      const std::int64_t k = (c0 + c) * field_lanes + v * joint_width;
      square[c][v] = V::load(weights.s + k);
      inward[c][v] = V::load(weights.tb + k);
      outward[c][v] = V::load(weights.tc + k);
      across[c][v] = V::load(weights.bb + k);
    }
  }
  for (std::int64_t q = 0; q < job.features; ++q) {
    V sum[C];
    SYMKERNEL_UNROLL
    for (int c = 0; c < C; ++c)
      sum[c] = V::load(lanes + ((c0 + c) * job.features + q) * joint_width);
    SYMKERNEL_UNROLL
    for (int v = 0; v < field_vectors; ++v) {
      const std::int64_t k = q * field_lanes + v * joint_width;
      const V d = V(x[q]) - V::load(at.y + k), own(b[q]), other = V::load(at.b + k);
      const V bb = own * other;
      SYMKERNEL_UNROLL
      for (int c = 0; c < C; ++c) {
        const V along = fma(d, square[c][v], fma(other, inward[c][v], own * outward[c][v]));
        sum[c] = fma(d, along, fma(bb, across[c][v], sum[c]));
      }
    }
    SYMKERNEL_UNROLL
    for (int c = 0; c < C; ++c) sum[c].store(lanes + ((c0 + c) * job.features + q) * joint_width);
  }
}

struct ContractLoop {
  static std::int64_t scratch(const FieldJob& job) {
    return job.components * (7 * field_lanes + (1 + job.features) * joint_width);
  }

  static void contract(const FieldJob& job, const ContractRange& range, double* totals,
                       double* scratch) {
    using V = JointVec;
    const std::int64_t size = job.components * field_lanes, p = job.features;
    const ContractSums sums{scratch, scratch + size, scratch + 2 * size, scratch + 3 * size};
    double *phi = scratch + 4 * size, *first = phi + size, *second = first + size;
    double *forms = second + size, *lanes = forms + job.components * joint_width;
    const std::int64_t kept = job.components * (1 + p);
    for (std::int64_t k = 0; k < kept * joint_width; ++k) forms[k] = 0;
    for (std::int64_t panel = range.first_panel; panel < range.last_panel; ++panel) {
      const FieldPanel at = panel_of(job, panel);
      for (std::int64_t g = 0; g < range.order; ++g) {
        const double *x = range.images + g * p, *b = range.b + g * p;
        for_components<contracted_at_once>(
            job.components, [&](auto count, std::int64_t c0) SYMKERNEL_LAMBDA {
              contract_products<decltype(count)::value>(job, at, x, b, c0, sums);
            });
        weigh(job, at, range.a, sums, phi, first, second, forms);
        for_components<contracted_at_once>(
            job.components, [&](auto count, std::int64_t c0) SYMKERNEL_LAMBDA {
              contract_metrics<decltype(count)::value>(job, at, x, b, c0, sums, lanes);
            });
      }
    }
    for (std::int64_t k = 0; k < kept; ++k)
      totals[k] += sum_of_lanes(V::load(forms + k * joint_width));
  }

 private:
  // Adds F of every component to its lanes; the sums become weights of products of d, b and b'.
  static SYMKERNEL_INLINE void weigh(const FieldJob& job, const FieldPanel& at, double own,
                                     const ContractSums& sums, double* phi, double* first,
                                     double* second, double* forms) {
    using V = JointVec;
    const std::int64_t size = job.components * field_lanes;
    // phi''' takes the place of s
    map_radial<true>(job.kernel, job.parameter, {sums.s, phi, first, second}, size);
    const V a(own), two(2.0);
    for (std::int64_t c = 0; c < job.components; ++c) {
      V form = V::load(forms + c * joint_width);
      for (int v = 0; v < field_vectors; ++v) {
        const std::int64_t k = c * field_lanes + v * joint_width;
        const V other = V::load(at.a + v * joint_width), both = a * other;
        const V tb = V::load(sums.tb + k), tc = V::load(sums.tc + k), bb = V::load(sums.bb + k);
        const V f1 = V::load(first + k), f2 = two * V::load(second + k),
                f3 = two * V::load(sums.s + k);
        const V turn = a * tb - other * tc + bb, product = two * (tb * tc);
        form = form + both * V::load(phi + k) - two * f1 * turn - f2 * product;
        (both * f1 - f2 * turn - f3 * product).store(sums.s + k);
        (-two * (f1 * a + f2 * tc)).store(sums.tb + k);
        (two * (f1 * other - f2 * tb)).store(sums.tc + k);
        (-two * f1).store(sums.bb + k);
      }
      form.store(forms + c * joint_width);
    }
  }
};

SYMKERNEL_END_NAMESPACE
