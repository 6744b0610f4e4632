// Correlations over a product of cyclic groups T = Z_n1 x Z_n2 x ... that shifts a grid:
//
//     t(s) = sum_i x[i] y[i + s]   for all shifts s in T,   n = n1 n2 ... of them,
//          = 1/n sum_k X_k conj(Y_k) exp(2 pi i <k, -s>),   X, Y the transforms of x and y.
//
// Two samples of x make one complex sequence: with C = X1 + i X2 the inverse transform of
// C conj(Y) has the correlations with x1 as its real part and those with x2 as its imaginary part.
// A constant added to every correlation is added to C conj(Y) at k = 0. Lanes run over samples of
// y.
//
// The transform is in place and leaves its outputs in digit-reversed order, which costs nothing: a
// sum over the group has no order. One pass is (t the leg, u < length, blocks from left to right)
//
//     z[block + f length + u] <- sum_t w_block^t z[block + t length + u] exp(2 pi i t f / radix),
//
// after which every block falls apart into `radix` smaller ones. Axes follow each other as passes
// do, and an axis of composite length is a product of axes of coprime lengths, which needs no
// twiddle factors between them (Good, The interaction algorithm and practical Fourier analysis, J.
// R. Statist. Soc. B 20 (1958) 361): the order of the inputs is a table of the plan.
#pragma once

#include "symkernel/config.hpp"
#include "symkernel/simd.hpp"

namespace symkernel {

constexpr int fourier_max_passes = 24;
constexpr int fourier_max_radix = 31;
// Butterflies up to this radix stay in registers; those above are summed directly, and the first
// pass does not form the product then.
constexpr int fourier_register_radix = 8;
constexpr int fourier_root_tile = 3;

// Plain data, made by fourier_plan.hpp: the host fills it, every instruction set reads it.
template <class T>
struct FourierPass {
  std::int32_t radix = 1;
  std::int32_t length = 1;      // distance between the legs of a butterfly
  std::int32_t blocks = 1;      // period of the twiddle factors: blocks along this axis
  const T* twiddles = nullptr;  // [block][leg - 1]: cos, sin; block 0 has none to apply
  // Above the register radix: cos, sin of 2 pi t f / radix for 1 <= t, f <= radix / 2, as
  // [f in tiles][t][f in the tile], the last tile filled up.
  const T* roots = nullptr;
};

template <class T>
struct FourierTransform {
  std::int32_t size = 1;  // n
  std::int32_t n_passes = 0;
  std::int32_t chunk = 1;    // values that are finished together: a block that stays in L1
  std::int32_t n_whole = 0;  // passes that run over all of the data before the first chunk
  const std::int32_t* order = nullptr;  // of a spectrum: output i is read as number order[i]
  FourierPass<T> passes[fourier_max_passes];
};

}  // namespace symkernel

SYMKERNEL_BEGIN_NAMESPACE

template <class V>
struct ComplexLanes {
  V re, im;
};

// ---- small transforms in registers, unnormalised, exp(+2 pi i t f / radix) ---------------------

// Radices 3, 5, 7: pairs t and radix - t share their cosines and sines.
template <int R>
struct OddRoots;
template <>
struct OddRoots<3> {
  static SYMKERNEL_INLINE double cosine(int) { return -0.5; }
  static SYMKERNEL_INLINE double sine(int) { return 0.86602540378443864676; }
};
template <>
struct OddRoots<5> {
  static SYMKERNEL_INLINE double cosine(int j) {
    return j == 0 ? 0.30901699437494742410 : -0.80901699437494742410;
  }
  static SYMKERNEL_INLINE double sine(int j) {
    return j == 0 ? 0.95105651629515357212 : 0.58778525229247312917;
  }
};
template <>
struct OddRoots<7> {
  static SYMKERNEL_INLINE double cosine(int j) {
    return j == 0   ? 0.62348980185873353053
           : j == 1 ? -0.22252093395631440429
                    : -0.90096886790241912624;
  }
  static SYMKERNEL_INLINE double sine(int j) {
    return j == 0   ? 0.78183148246802980871
           : j == 1 ? 0.97492791218182360702
                    : 0.43388373911755812048;
  }
};

template <int R>
struct SmallTransform {
  template <class V>
  static SYMKERNEL_INLINE void apply(ComplexLanes<V> (&z)[R]) {
    using T = Scalar<V>;
    constexpr int half = R / 2;
    ComplexLanes<V> sum[half], difference[half], out[R];
    out[0] = z[0];
    SYMKERNEL_UNROLL
    for (int t = 0; t < half; ++t) {
      const ComplexLanes<V> a = z[t + 1], b = z[R - 1 - t];
      sum[t] = {a.re + b.re, a.im + b.im};
      difference[t] = {a.re - b.re, a.im - b.im};
      out[0] = {out[0].re + sum[t].re, out[0].im + sum[t].im};
    }
    SYMKERNEL_UNROLL
    for (int f = 1; f <= half; ++f) {
      ComplexLanes<V> even = z[0], odd;
      SYMKERNEL_UNROLL
      for (int t = 1; t <= half; ++t) {
        const int e = t * f % R;
        const int j = (e <= half ? e : R - e) - 1;
        const double sine = OddRoots<R>::sine(j);
        const V c = static_cast<T>(OddRoots<R>::cosine(j));
        const V s = static_cast<T>(e <= half ? sine : -sine);
        even = {fma(c, sum[t - 1].re, even.re), fma(c, sum[t - 1].im, even.im)};
        if (t == 1) {
          odd = {s * difference[0].re, s * difference[0].im};
        } else {
          odd = {fma(s, difference[t - 1].re, odd.re), fma(s, difference[t - 1].im, odd.im)};
        }
      }
      out[f] = {even.re - odd.im, even.im + odd.re};
      out[R - f] = {even.re + odd.im, even.im - odd.re};
    }
    SYMKERNEL_UNROLL
    for (int f = 0; f < R; ++f) z[f] = out[f];
  }
};

template <>
struct SmallTransform<1> {
  template <class V>
  static SYMKERNEL_INLINE void apply(ComplexLanes<V> (&)[1]) {}
};

template <>
struct SmallTransform<2> {
  template <class V>
  static SYMKERNEL_INLINE void apply(ComplexLanes<V> (&z)[2]) {
    const ComplexLanes<V> a = z[0], b = z[1];
    z[0] = {a.re + b.re, a.im + b.im};
    z[1] = {a.re - b.re, a.im - b.im};
  }
};

template <>
struct SmallTransform<4> {
  template <class V>
  static SYMKERNEL_INLINE void apply(ComplexLanes<V> (&z)[4]) {
    const V ar = z[0].re + z[2].re, ai = z[0].im + z[2].im;
    const V br = z[0].re - z[2].re, bi = z[0].im - z[2].im;
    const V cr = z[1].re + z[3].re, ci = z[1].im + z[3].im;
    const V dr = z[1].re - z[3].re, di = z[1].im - z[3].im;
    z[0] = {ar + cr, ai + ci};
    z[1] = {br - di, bi + dr};
    z[2] = {ar - cr, ai - ci};
    z[3] = {br + di, bi - dr};
  }
};

template <>
struct SmallTransform<8> {
  template <class V>
  static SYMKERNEL_INLINE void apply(ComplexLanes<V> (&z)[8]) {
    const V root(Scalar<V>(0.70710678118654752440));
    ComplexLanes<V> even[4], odd[4];
    SYMKERNEL_UNROLL
    for (int t = 0; t < 4; ++t) {
      even[t] = {z[t].re + z[t + 4].re, z[t].im + z[t + 4].im};
      odd[t] = {z[t].re - z[t + 4].re, z[t].im - z[t + 4].im};
    }
    SmallTransform<4>::apply(even);
    // The eighth roots are (1 + i)/sqrt(2) and (-1 + i)/sqrt(2); their sqrt(1/2) is left for the
    // last additions, where it is free as a multiply-add.
    const V ar = odd[0].re - odd[2].im, ai = odd[0].im + odd[2].re;
    const V br = odd[0].re + odd[2].im, bi = odd[0].im - odd[2].re;
    const V pr = odd[1].re - odd[1].im, pi = odd[1].im + odd[1].re;
    const V qr = odd[3].re + odd[3].im, qi = odd[3].im - odd[3].re;  // minus the rotated value
    const V cr = pr - qr, ci = pi - qi;
    const V dr = pr + qr, di = pi + qi;
    z[0] = even[0];
    z[2] = even[1];
    z[4] = even[2];
    z[6] = even[3];
    z[1] = {fma(root, cr, ar), fma(root, ci, ai)};
    z[5] = {fma(-root, cr, ar), fma(-root, ci, ai)};
    z[3] = {fma(-root, di, br), fma(root, dr, bi)};
    z[7] = {fma(root, di, br), fma(-root, dr, bi)};
  }
};

// ---- the inputs of a butterfly -----------------------------------------------------------------

template <class V>
SYMKERNEL_INLINE ComplexLanes<V> load_complex(const Scalar<V>* z) {
  return {V::load(z), V::load(z + V::width)};
}

template <class V>
SYMKERNEL_INLINE ComplexLanes<V> rotated(ComplexLanes<V> z, const Scalar<V>* w) {
  const V c(w[0]), s(w[1]);
  return {z.re * c - z.im * s, z.re * s + z.im * c};
}

// What the product stage reads: sum over channels of C_k conj(Y_rows[k]), plus the bias at
// frequency 0. Spectra are stored in the order in which the first pass reads them.
template <class V>
struct SpectralProduct {
  using T = Scalar<V>;
  const T* x;                // [channel][k]: re, im of the pair C = X1 + i X2
  const T* y;                // [channel][k]: re of the lanes, im of the lanes
  const std::int32_t* rows;  // of y, for every k: see FourierPlan::rows
  int channels;
  V bias_re, bias_im;
};

template <class V>
SYMKERNEL_INLINE ComplexLanes<V> spectral_term(const Scalar<V>* x, const Scalar<V>* y,
                                               std::int32_t row) {
  const ComplexLanes<V> a = load_complex<V>(y + static_cast<std::int64_t>(row) * (2 * V::width));
  const V cr(x[0]), ci(x[1]);
  return {cr * a.re + ci * a.im, ci * a.re - cr * a.im};
}

// ---- passes ------------------------------------------------------------------------------------

// First pass, from spectra; the legs of a butterfly are neighbours in them.
template <class V, int R>
void product_pass(const SpectralProduct<V>& p, std::int64_t length, Scalar<V>* z) {
  constexpr int step = 2 * V::width;
  const Scalar<V>*x = p.x, *y = p.y;
  const std::int32_t* rows = p.rows;
  for (std::int64_t u = 0; u < length; ++u) {
    ComplexLanes<V> leg[R];
    SYMKERNEL_UNROLL
    for (int t = 0; t < R; ++t) leg[t] = spectral_term<V>(x + 2 * t, y, rows[t]);
    if (u == 0) leg[0] = {leg[0].re + p.bias_re, leg[0].im + p.bias_im};
    SmallTransform<R>::apply(leg);
    SYMKERNEL_UNROLL
    for (int t = 0; t < R; ++t) {
      Scalar<V>* at = z + (t * length + u) * step;
      leg[t].re.store(at);
      leg[t].im.store(at + V::width);
    }
    x += 2 * R;
    rows += R;
  }
}

// The product alone, summed over channels: several do not fit beside a butterfly.
template <class V>
void channel_product(const SpectralProduct<V>& p, std::int64_t radix, std::int64_t length,
                     Scalar<V>* z) {
  constexpr int step = 2 * V::width;
  const std::int64_t n = radix * length;
  std::int64_t k = 0;
  for (std::int64_t u = 0; u < length; ++u) {
    for (std::int64_t t = 0; t < radix; ++t, ++k) {
      ComplexLanes<V> sum = {V(Scalar<V>(0)), V(Scalar<V>(0))};
      if (k == 0) sum = {p.bias_re, p.bias_im};
      for (int c = 0; c < p.channels; ++c) {
        const ComplexLanes<V> a =
            spectral_term<V>(p.x + 2 * (c * n + k), p.y + c * n * step, p.rows[k]);
        sum = {sum.re + a.re, sum.im + a.im};
      }
      sum.re.store(z + (t * length + u) * step);
      sum.im.store(z + (t * length + u) * step + V::width);
    }
  }
}

// One block of a pass in place: `length` butterflies with the same twiddle factors.
template <class V, int R, bool Twiddled>
SYMKERNEL_INLINE void block_pass(const Scalar<V>* twiddles, std::int64_t length, Scalar<V>* block) {
  using T = Scalar<V>;
  constexpr int step = 2 * V::width;
  for (std::int64_t u = 0; u < length; ++u) {
    T* at = block + u * step;
    ComplexLanes<V> z[R];
    SYMKERNEL_UNROLL
    for (int t = 0; t < R; ++t) {
      z[t] = load_complex<V>(at + t * length * step);
      if (Twiddled && t > 0) z[t] = rotated(z[t], twiddles + 2 * (t - 1));
    }
    SmallTransform<R>::apply(z);
    SYMKERNEL_UNROLL
    for (int t = 0; t < R; ++t) {
      z[t].re.store(at + t * length * step);
      z[t].im.store(at + t * length * step + V::width);
    }
  }
}

// Blocks of elements [begin, end). Length is 1 in the last pass, whose legs then have fixed
// distances, and 0 where only the pass knows it.
template <class V, int R, int Length>
SYMKERNEL_INLINE void block_passes(const FourierPass<Scalar<V>>& pass, std::int64_t begin,
                                   std::int64_t end, Scalar<V>* z) {
  const std::int64_t length = Length != 0 ? Length : pass.length;
  const std::int64_t span = R * length, blocks = pass.blocks;
  const Scalar<V>* twiddles = pass.twiddles;
  std::int64_t b = begin / span % blocks;
  for (std::int64_t e = begin; e < end; e += span) {
    Scalar<V>* block = z + e * (2 * V::width);
    if (b == 0) {
      block_pass<V, R, false>(nullptr, length, block);
    } else {
      block_pass<V, R, true>(twiddles + b * (2 * (R - 1)), length, block);
    }
    if (++b == blocks) b = 0;
  }
}

template <class V, int R>
void butterfly_pass(const FourierPass<Scalar<V>>& pass, std::int64_t begin, std::int64_t end,
                    Scalar<V>* z) {
  if (pass.length == 1) {
    block_passes<V, R, 1>(pass, begin, end, z);
  } else {
    block_passes<V, R, 0>(pass, begin, end, z);
  }
}

// Primes from 11 to 31: direct sums over half the legs, a tile of outputs at a time. leg(t) is read
// before anything is put.
template <class V, class Leg, class Put>
SYMKERNEL_INLINE void odd_butterfly(int radix, const Scalar<V>* root, const Leg& leg,
                                    const Put& put) {
  using T = Scalar<V>;
  constexpr int tile = fourier_root_tile;
  const int half = radix / 2;
  ComplexLanes<V> sum[fourier_max_radix / 2], difference[fourier_max_radix / 2];
  const ComplexLanes<V> first = leg(0);
  ComplexLanes<V> total = first;
  for (int t = 1; t <= half; ++t) {
    const ComplexLanes<V> p = leg(t), q = leg(radix - t);
    sum[t - 1] = {p.re + q.re, p.im + q.im};
    difference[t - 1] = {p.re - q.re, p.im - q.im};
    total = {total.re + sum[t - 1].re, total.im + sum[t - 1].im};
  }
  put(0, total);
  for (int f0 = 1; f0 <= half; f0 += tile) {
    ComplexLanes<V> even[tile], odd[tile];
    SYMKERNEL_UNROLL
    for (int i = 0; i < tile; ++i) {
      even[i] = first;
      odd[i] = {V(T(0)), V(T(0))};
    }
    for (int t = 0; t < half; ++t, root += 2 * tile) {
      const ComplexLanes<V> s = sum[t], d = difference[t];
      SYMKERNEL_UNROLL
      for (int i = 0; i < tile; ++i) {
        const V cosine(root[2 * i]), sine(root[2 * i + 1]);
        even[i] = {fma(cosine, s.re, even[i].re), fma(cosine, s.im, even[i].im)};
        odd[i] = {fma(sine, d.re, odd[i].re), fma(sine, d.im, odd[i].im)};
      }
    }
    SYMKERNEL_UNROLL
    for (int i = 0; i < tile; ++i) {
      const int f = f0 + i;
      if (f > half) break;
      put(f, ComplexLanes<V>{even[i].re - odd[i].im, even[i].im + odd[i].re});
      put(radix - f, ComplexLanes<V>{even[i].re + odd[i].im, even[i].im - odd[i].re});
    }
  }
}

template <class V>
void odd_pass(const FourierPass<Scalar<V>>& pass, std::int64_t begin, std::int64_t end,
              Scalar<V>* z) {
  constexpr int step = 2 * V::width;
  const int radix = pass.radix;
  const std::int64_t length = pass.length, span = radix * length;
  std::int64_t b = begin / span % pass.blocks;
  for (std::int64_t e = begin; e < end; e += span) {
    const Scalar<V>* w = pass.twiddles + b * (2 * (radix - 1));
    for (std::int64_t u = 0; u < length; ++u) {
      const auto leg = [&](int t) {
        const ComplexLanes<V> a = load_complex<V>(z + (e + t * length + u) * step);
        return b == 0 || t == 0 ? a : rotated(a, w + 2 * (t - 1));
      };
      const auto put = [&](int f, ComplexLanes<V> a) {
        Scalar<V>* at = z + (e + f * length + u) * step;
        a.re.store(at);
        a.im.store(at + V::width);
      };
      odd_butterfly<V>(radix, pass.roots, leg, put);
    }
    if (++b == pass.blocks) b = 0;
  }
}

template <class V>
SYMKERNEL_INLINE void run_pass(const FourierPass<Scalar<V>>& pass, std::int64_t begin,
                               std::int64_t end, Scalar<V>* z) {
  switch (pass.radix) {
    case 1:
      return;
    case 2:
      return butterfly_pass<V, 2>(pass, begin, end, z);
    case 3:
      return butterfly_pass<V, 3>(pass, begin, end, z);
    case 4:
      return butterfly_pass<V, 4>(pass, begin, end, z);
    case 5:
      return butterfly_pass<V, 5>(pass, begin, end, z);
    case 7:
      return butterfly_pass<V, 7>(pass, begin, end, z);
    case 8:
      return butterfly_pass<V, 8>(pass, begin, end, z);
    default:
      return odd_pass<V>(pass, begin, end, z);
  }
}

// The product and, where its radix allows, the first pass; returns the number of passes done.
template <class V>
SYMKERNEL_INLINE int run_product(const FourierTransform<Scalar<V>>& f, const SpectralProduct<V>& p,
                                 Scalar<V>* z) {
  const std::int32_t first = f.passes[0].radix;
  const std::int32_t radix = first <= fourier_register_radix ? first : 1;
  const std::int64_t length = f.size / radix;
  if (p.channels != 1) {
    channel_product<V>(p, radix, length, z);
    return 0;
  }
  switch (radix) {
    case 2:
      product_pass<V, 2>(p, length, z);
      break;
    case 3:
      product_pass<V, 3>(p, length, z);
      break;
    case 4:
      product_pass<V, 4>(p, length, z);
      break;
    case 5:
      product_pass<V, 5>(p, length, z);
      break;
    case 7:
      product_pass<V, 7>(p, length, z);
      break;
    case 8:
      product_pass<V, 8>(p, length, z);
      break;
    default:
      product_pass<V, 1>(p, length, z);
      return 0;
  }
  return 1;
}

// ---- the transforms ----------------------------------------------------------------------------

// All n correlations of a pair of x samples with W samples of y, f.chunk at a time while they are
// in L1: consume(values, first, count) finds number first + i at values + i * 2 W, the lanes of x1
// before those of x2. z: 2 W n numbers of scratch, best aligned to a vector.
template <class V, class Consume>
SYMKERNEL_INLINE void correlate(const FourierTransform<Scalar<V>>& f, const SpectralProduct<V>& p,
                                Scalar<V>* z, Consume&& consume) {
  int done = run_product<V>(f, p, z);
  for (; done < f.n_whole; ++done) run_pass<V>(f.passes[done], 0, f.size, z);
  for (std::int64_t e = 0; e < f.size; e += f.chunk) {
    for (int i = done; i < f.n_passes; ++i) run_pass<V>(f.passes[i], e, e + f.chunk, z);
    consume(z + e * (2 * V::width), e, static_cast<std::int64_t>(f.chunk));
  }
}

// Spectra of W sequences re + i im (im may be null), whose values come in the order of the plan's
// inputs(): number k at re + k * stride. to[k]: re of the lanes, im of the lanes, in the order that
// the product reads. z: 2 W n numbers of scratch. The passes have the sign exp(+i ...), so this
// takes the conjugate of the transform of the conjugate.
template <class V>
void spectrum(const FourierTransform<Scalar<V>>& f, const Scalar<V>* re, const Scalar<V>* im,
              std::int64_t stride, Scalar<V>* z, Scalar<V>* to) {
  constexpr int step = 2 * V::width;
  for (std::int64_t k = 0; k < f.size; ++k) {
    V::load(re + k * stride).store(z + k * step);
    const V b = im != nullptr ? -V::load(im + k * stride) : V(Scalar<V>(0));
    b.store(z + k * step + V::width);
  }
  for (int i = 0; i < f.n_passes; ++i) run_pass<V>(f.passes[i], 0, f.size, z);
  for (std::int64_t i = 0; i < f.size; ++i) {
    const ComplexLanes<V> a = load_complex<V>(z + i * step);
    Scalar<V>* at = to + static_cast<std::int64_t>(f.order[i]) * step;
    a.re.store(at);
    (-a.im).store(at + V::width);
  }
}

SYMKERNEL_END_NAMESPACE
