// Averages over rotations of one vector against 60-digit values of 0F1(; d/2; z^2/4) e^-z.
#include "check.hpp"
#include "numbers.hpp"
#include "numeric.hpp"
#include "symkernel/bessel.hpp"

SYMKERNEL_BEGIN_NAMESPACE

namespace {

struct Reference {
  int d;
  double z, scaled;
};

// Every z, and its square, is exact in float.
constexpr Reference references[] = {
    {2, 0, 1.0},
    {2, 9.5367431640625e-07, 0.99999904632636571441},
    {2, 0.5, 0.64503527044915006811},
    {2, 2, 0.30850832255367103953},
    {2, 8, 0.14343178185685031071},
    {2, 32, 0.070804189311245608863},
    {2, 256, 0.024946094137970635128},
    {2, 4096, 0.0062336633879064895991},
    {2, 32768, 0.0022038739679576730104},
    {3, 0, 1.0},
    {3, 9.5367431640625e-07, 0.99999904632628992326},
    {3, 0.5, 0.6321205588285576784},
    {3, 2, 0.24542109027781645493},
    {3, 8, 0.062499992966551580046},
    {3, 32, 0.015625},
    {3, 256, 0.001953125},
    {3, 4096, 0.0001220703125},
    {3, 32768, 0.0000152587890625},
    {4, 0, 1.0},
    {4, 9.5367431640625e-07, 0.99999904632625202769},
    {4, 0.5, 0.62568321273948678857},
    {4, 2, 0.21526928924893765916},
    {4, 8, 0.033535623323174544577},
    {4, 32, 0.0043555591590668135628},
    {4, 256, 0.00019451034007775195351},
    {4, 4096, 3.043409373150856086e-6},
    {4, 32768, 1.3451173945636615491e-7},
    {5, 0, 1.0},
    {5, 9.5367431640625e-07, 0.99999904632622929034},
    {5, 0.5, 0.62182994108596178872},
    {5, 2, 0.19780254687491297642},
    {5, 8, 0.020507815467236052168},
    {5, 32, 0.0014190673828125},
    {5, 256, 0.000022798776626586914063},
    {5, 4096, 8.9385139290243387222e-8},
    {5, 32768, 1.3969412293590721674e-9},
    {8, 0, 1.0},
    {8, 9.5367431640625e-07, 0.99999904632619518432},
    {8, 0.5, 0.61606713890513696384},
    {8, 2, 0.17274733583682539045},
    {8, 8, 0.0074244763149244026787},
    {8, 32, 0.000089916310218818360732},
    {8, 256, 7.0125331973391076327e-8},
    {8, 4096, 4.3493819933315972801e-12},
    {8, 32768, 3.0062046718135397135e-15},
    {17, 0, 1.0},
    {17, 9.5367431640625e-07, 0.99999904632616509077},
    {17, 0.5, 0.61100514346560697553},
    {17, 2, 0.15212226116255329161},
    {17, 8, 0.0018923796293660558117},
    {17, 32, 3.8050867745299686217e-7},
    {17, 256, 4.9240075444860660961e-14},
    {17, 4096, 1.2705166301409064302e-23},
    {17, 32768, 7.6183079306495739115e-31},
    {64, 0, 1.0},
    {64, 9.5367431640625e-07, 0.99999904632614544638},
    {64, 0.5, 0.60771641240397108173},
    {64, 2, 0.13962922278372709181},
    {64, 8, 0.00055103317218154903776},
    {64, 32, 1.7767606902506327809e-11},
    {64, 256, 1.4885706127880277992e-34},
    {64, 4096, 1.0176155107124450158e-71},
    {64, 32768, 4.0255196096429886662e-100},
    {501, 0, 1.0},
    {501, 9.5367431640625e-07, 0.99999904632613924863},
    {501, 0.5, 0.60668200852253331365},
    {501, 2, 0.13587661934442113063},
    {501, 8, 0.00035758557550157153147},
    {501, 32, 3.5116365419251715903e-14},
    {501, 256, 2.5695505175200329308e-86},
    {501, 4096, 0},
    {501, 32768, 0},
};

// z^2, the bias and the exponent each cost a relative error of eps z; log1p one of eps d.
template <class T>
long double allowed(const Reference& c) {
  const bool is_double = sizeof(T) == 8;
  return (is_double ? 1e-13L : 4e-6L) + FloatTraits<T>::epsilon * (3.0L * c.z + 4.0L * c.d);
}

struct Average {
  template <class R>
  void run(const char* name) {
    using T = Scalar<R>;
    int lane = 0;
    for (const Reference& c : references) {
      const SphereAverage<R> average(c.d);
      check::context("%s d %d, z %g", name, c.d, c.z);
      const auto f = [&](R z) { return average.value(z * z, z); };
      const T got = through<R>(f, static_cast<T>(c.z), lane++);
      if (c.scaled > 8 * static_cast<double>(std::numeric_limits<T>::min())) {
        CHECK_NEAR(got / c.scaled, 1, allowed<T>(c));
      } else {
        CHECK(got >= 0 && got < 1e-30);
      }
    }
  }
};

// H_d(z) e^-z from z^2 without the exponent of z itself: no digit is lost at large z.
struct Scaled {
  template <class R>
  void run(const char* name) {
    using T = Scalar<R>;
    for (const int d : {2, 3, 7, 40}) {
      const long double tolerance =
          (sizeof(T) == 8 ? 1e-13L : 4e-6L) + 4.0L * FloatTraits<T>::epsilon * d;
      const SphereAverage<R> average(d);
      const SphereIntegral log_h(d);
      for (const double z : {0.0, 1e-6, 0.5, 8.0, 300.0, 3e4, 1e7}) {
        check::context("%s scaled, d %d, z %g", name, d, z);
        const T square = static_cast<T>(z * z);
        const auto f = [&](R z2) {
          R exponent(T(0.25));  // what is there is added to
          const R factor = average.scaled_factor(z2, exponent);
          return factor * exp(exponent);
        };
        const T got = through<R>(f, square, 0);
        const long double expected = 0.25L + log_h(std::sqrt(static_cast<long double>(square)));
        if (std::exp(expected) < 8 * std::numeric_limits<T>::min()) continue;
        CHECK_NEAR(got / std::exp(expected), 1, tolerance);
      }
    }
  }
};

// dH_d/d(z^2) = H_(d+2) / (2 d), by central differences.
struct Derivative {
  template <class R>
  void run(const char* name) {
    using T = Scalar<R>;
    if (sizeof(T) != 8) return;
    for (const int d : {2, 3, 7, 40}) {
      const SphereAverage<R> average(d), above(d + 2);
      for (const double square : {0.01, 1.0, 30.0, 900.0}) {
        check::context("%s d %d, z^2 %g", name, d, square);
        const R bias(static_cast<T>(std::sqrt(square)));
        const auto value = [&](R z2) { return average.value(z2, bias); };
        const auto next = [&](R z2) { return above.value(z2, bias); };
        const double h = 1e-4 * square;
        const double slope = (through<R>(value, static_cast<T>(square + h), 0) -
                              through<R>(value, static_cast<T>(square - h), 0)) /
                             (2 * h);
        const double got = through<R>(next, static_cast<T>(square), 0) / (2.0 * d);
        CHECK_NEAR(got / slope, 1, 1e-6);
      }
    }
  }
};

// z d/dz log(H_d(z) e^-z), against differences of the integral, at small z and at large.
struct Growth {
  template <class R>
  void run(const char* name) {
    using T = Scalar<R>;
    if (sizeof(T) != 8) return;
    for (const int d : {2, 3, 4, 7, 40}) {
      const SphereAverage<R> average(d), above(d + 2);
      const SphereIntegral log_h(d);
      for (const double z : {0.0, 0.3, 8.0, 300.0, 999.0, 1001.0, 3e4, 1e6, 1e9, 1e15}) {
        check::context("%s growth, d %d, z %g", name, d, z);
        const auto f = [&](R z2) { return average.scaled_growth(above, z2); };
        const double got = through<R>(f, static_cast<T>(z * z), 0);
        if (z < 1e6) {
          const long double h = 1e-4L * z;
          const long double want = z == 0 ? 0 : (log_h(z + h) - log_h(z - h)) / 2e-4L;
          CHECK_NEAR(got, want, 1e-7L * d + 1e-11L * d * d * z / (1 + z * 1e-3L));
        } else {
          CHECK_NEAR(got, -(d - 1) / 2.0, 1e-8 + d * d / z);  // H_d(z) e^-z ~ z^((1-d)/2)
        }
      }
    }
  }
};

// A product over axes (angles of a torus): exponents add up, so nothing overflows on the way.
struct Product {
  template <class R>
  void run(const char* name) {
    using T = Scalar<R>;
    check::context("%s product of five", name);
    const SphereAverage<R> average(2);
    R exponent(T(-5 * 32)), product(T(1));
    for (int a = 0; a < 5; ++a) product = product * average.factor(R(T(1024)), exponent);
    T out[16];
    Number<R>::store(product * exp(exponent), out);
    // (I_0(32) e^-32)^5
    CHECK_NEAR(out[0] / 1.7794868088736205e-6, 1, sizeof(T) == 8 ? 1e-13 : 5e-5);
  }
};

// The integral behind the plans is good to long double, where that is more than double.
struct Integral {
  void run() {
    for (const Reference& c : references) {
      check::context("integral d %d, z %g", c.d, c.z);
      if (c.scaled > 0)
        CHECK_NEAR(::expl(SphereIntegral(c.d)(c.z)) / c.scaled, 1, 1e-14L + 1e-17L * c.z);
    }
  }
};

}  // namespace

void test_bessel() {
  for_number_types(Average());
  for_number_types(Scaled());
  for_number_types(Derivative());
  for_number_types(Growth());
  for_number_types(Product());
  Integral().run();
}

SYMKERNEL_END_NAMESPACE
