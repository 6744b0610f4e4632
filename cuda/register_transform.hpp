// Transforms of fourier.hpp whose values stay in the registers of one thread: two passes, whose
// radices are known when the program is compiled.
#pragma once

#include <cstdint>

#include "cuda/butterflies.hpp"
#include "symkernel/fourier.hpp"

namespace symkernel {
namespace gpu {

// cos(2 pi j / 64), j = 0 .. 16
SYMKERNEL_INLINE double quarter_cosine(int j) {
  const double c[] = {1.0,
                      0.99518472667219688624,
                      0.98078528040323044913,
                      0.95694033573220886494,
                      0.92387953251128675613,
                      0.88192126434835502971,
                      0.83146961230254523708,
                      0.77301045336273696081,
                      0.70710678118654752440,
                      0.63439328416364549822,
                      0.55557023301960222474,
                      0.47139673682599764856,
                      0.38268343236508977173,
                      0.29028467725446236764,
                      0.19509032201612826785,
                      0.098017140329560601994,
                      0.0};
  return c[j];
}
// cos(2 pi j / 64), 0 <= j < 64
SYMKERNEL_INLINE double turn_cosine(int j) {
  if (j > 32) j = 64 - j;
  return j > 16 ? -quarter_cosine(32 - j) : quarter_cosine(j);
}
SYMKERNEL_INLINE double turn_sine(int j) { return turn_cosine((j + 48) % 64); }

// A transform of R1 R2 numbers, a power of two up to 64: along one axis, or, without twiddle
// factors, along two axes of R1 and R2 points.
template <int R1_, int R2_, bool Twiddled_>
struct RegisterTransform {
  static constexpr int R1 = R1_, R2 = R2_, size = R1 * R2;
  static constexpr bool Twiddled = Twiddled_;

  // Whether it is the one that a plan makes.
  template <class T>
  static bool is(const FourierTransform<T>& f) {
    return f.n_passes == 2 && f.passes[0].radix == R1 && f.passes[1].radix == R2 &&
           f.passes[1].blocks == (Twiddled ? R1 : 1);
  }

  // z: legs of the first pass side by side, as spectra have them; what it holds afterwards is
  // nothing. use(i, values) takes outputs i .. i + R2.
  template <class T, class Use>
  static SYMKERNEL_INLINE void apply(ComplexLanes<T> (&z)[size], const Use& use) {
    SYMKERNEL_UNROLL
    for (int u = 0; u < R2; ++u) {
      ComplexLanes<T> leg[R1];
      SYMKERNEL_UNROLL
      for (int t = 0; t < R1; ++t) leg[t] = z[u * R1 + t];
      SmallTransform<R1>::apply(leg);
      SYMKERNEL_UNROLL
      for (int t = 0; t < R1; ++t) z[u * R1 + t] = leg[t];
    }
    SYMKERNEL_UNROLL
    for (int block = 0; block < R1; ++block) {
      ComplexLanes<T> leg[R2];
      SYMKERNEL_UNROLL
      for (int t = 0; t < R2; ++t) {
        leg[t] = z[t * R1 + block];
        const int angle = block * t * (64 / size);
        if (Twiddled && angle != 0) {
          const T w[] = {static_cast<T>(turn_cosine(angle)), static_cast<T>(turn_sine(angle))};
          leg[t] = rotated(leg[t], w);
        }
      }
      SmallTransform<R2>::apply(leg);
      use(block * R2, leg);
    }
  }
};

}  // namespace gpu
}  // namespace symkernel
