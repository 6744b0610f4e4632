// Correlations by transforms against sums that follow their definition.
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <vector>

#include "check.hpp"
#include "numbers.hpp"
#include "symkernel/fourier.hpp"
#include "symkernel/fourier_plan.hpp"

SYMKERNEL_BEGIN_NAMESPACE

void test_fourier();

namespace {

using Shape = std::vector<std::int32_t>;

std::vector<std::int32_t> coordinates(const Shape& shape, std::int32_t point) {
  std::vector<std::int32_t> at(shape.size());
  for (std::size_t a = shape.size(); a-- > 0;) {
    at[a] = point % shape[a];
    point /= shape[a];
  }
  return at;
}

std::int32_t flat(const Shape& shape, const std::vector<std::int32_t>& at) {
  std::int32_t point = 0;
  for (std::size_t a = 0; a < shape.size(); ++a)
    point = point * shape[a] + (at[a] % shape[a] + shape[a]) % shape[a];
  return point;
}

// i + s on the grid
std::int32_t moved(const Shape& shape, std::int32_t i, std::int32_t s) {
  std::vector<std::int32_t> at = coordinates(shape, i);
  const std::vector<std::int32_t> by = coordinates(shape, s);
  for (std::size_t a = 0; a < shape.size(); ++a) at[a] += by[a];
  return flat(shape, at);
}

// Reflection of the first axis, then, on a square grid, the exchange of the first two axes.
std::vector<std::int32_t> point_map(const Shape& shape, int which) {
  std::int32_t n = 1;
  for (const std::int32_t length : shape) n *= length;
  std::vector<std::int32_t> h(static_cast<std::size_t>(n));
  for (std::int32_t i = 0; i < n; ++i) {
    std::vector<std::int32_t> at = coordinates(shape, i);
    if (which >= 1) at[0] = -at[0];
    if (which == 2) std::swap(at[0], at[1]);
    h[static_cast<std::size_t>(i)] = flat(shape, at);
  }
  return h;
}

const char* name(const Shape& shape) {
  static std::string text;
  text.clear();
  for (const std::int32_t n : shape) text += (text.empty() ? "" : "x") + std::to_string(n);
  return text.c_str();
}

// Storage aligned like the widest vectors.
template <class T>
struct Numbers {
  explicit Numbers(std::size_t count)
      : data(static_cast<T*>(std::aligned_alloc(64, (count * sizeof(T) + 63) / 64 * 64))) {
    for (std::size_t i = 0; i < count; ++i) data[i] = std::numeric_limits<T>::quiet_NaN();
  }
  Numbers(const Numbers&) = delete;
  Numbers& operator=(const Numbers&) = delete;
  ~Numbers() { std::free(data); }
  T* data;
};

// One pair of x samples against W samples of y.
template <class V>
class Case {
  using T = Scalar<V>;
  static constexpr int W = V::width, step = 2 * W;

 public:
  Case(const Shape& shape, int channels)
      : plan_(shape),
        shape_(shape),
        n_(static_cast<std::size_t>(plan_.size())),
        channels_(static_cast<std::size_t>(channels)),
        x_(2 * channels_ * n_),
        y_(W * channels_ * n_),
        x_spectra_(2 * channels_ * n_),
        y_spectra_(step * channels_ * n_),
        z_(step * n_) {
    Random random(static_cast<std::uint64_t>(channels) * 1000 + n_);
    for (std::size_t i = 0; i < 2 * channels_ * n_; ++i)
      x_.data[i] = static_cast<T>(random.uniform(-1, 2));
    for (std::size_t i = 0; i < W * channels_ * n_; ++i)
      y_.data[i] = static_cast<T>(random.uniform(-1, 2));
    transform_samples();
  }

  // x(sample, channel, point) and y likewise
  T x(int i, std::size_t c, std::size_t p) const {
    return x_.data[(static_cast<std::size_t>(i) * channels_ + c) * n_ + p];
  }
  T y(int lane, std::size_t c, std::size_t p) const {
    return y_.data[(static_cast<std::size_t>(lane) * channels_ + c) * n_ + p];
  }

  void run(const std::vector<std::int32_t>* h) {
    const FourierTransform<T> f = plan_.transform();
    std::vector<std::int32_t> rows;
    for (std::int32_t k = 0; k < plan_.size(); ++k) rows.push_back(k);
    if (h != nullptr) rows = plan_.rows(*h);
    T bias_lanes[W];
    for (int l = 0; l < W; ++l) bias_lanes[l] = T(0.25) * static_cast<T>(l);
    const T bias_x[2] = {T(-0.5), T(1.5)};
    SpectralProduct<V> product;
    product.x = x_spectra_.data;
    product.y = y_spectra_.data;
    product.rows = rows.data();
    product.channels = static_cast<int>(channels_);
    product.bias_re = V::load(bias_lanes) + V(bias_x[0]);
    product.bias_im = V::load(bias_lanes) + V(bias_x[1]);

    Numbers<T> values(step * n_);
    std::int64_t seen = 0;
    correlate(f, product, z_.data, [&](const T* chunk, std::int64_t first, std::int64_t count) {
      CHECK(first == seen);
      seen += count;
      for (std::int64_t i = 0; i < count * step; ++i) values.data[first * step + i] = chunk[i];
    });
    CHECK(seen == plan_.size());

    std::vector<char> met(n_, 0);
    const std::size_t stop = n_ > 300 ? 40 : n_;  // the sums cost n each
    for (std::size_t i = 0; i < n_; ++i) {
      const std::int32_t s = plan_.shifts()[i];
      met[static_cast<std::size_t>(s)] = 1;
      if (i >= stop && i + 5 < n_) continue;
      for (int a = 0; a < 2; ++a) {
        for (int l = 0; l < W; l += W > 4 ? 3 : 1) {
          long double sum = 0, xx = 0, yy = 0;
          for (std::size_t p = 0; p < n_; ++p) {
            std::int32_t q = moved(shape_, static_cast<std::int32_t>(p), s);
            if (h != nullptr) q = (*h)[static_cast<std::size_t>(q)];
            for (std::size_t c = 0; c < channels_; ++c) {
              const long double u = x(a, c, p), v = y(l, c, static_cast<std::size_t>(q));
              sum += u * v;
              xx += u * u;
              yy += v * v;
            }
          }
          const long double expected = sum + bias_lanes[l] + bias_x[a];
          const long double norm = std::sqrt(xx * yy) + 2;
          // measured: at most 1.9 units
          const long double tolerance = 3 * FloatTraits<T>::epsilon * norm;
          const std::int64_t at = static_cast<std::int64_t>(i);
          CHECK_NEAR(values.data[at * step + a * W + l], expected, tolerance);
        }
      }
    }
    for (const char m : met) CHECK(m == 1);
  }

 private:
  void transform_samples() {
    const FourierTransform<T> f = plan_.transform();
    const T scale = T(1) / static_cast<T>(n_);
    Numbers<T> re(W * n_), im(W * n_), to(step * n_);
    for (std::size_t c = 0; c < channels_; ++c) {
      // the pair stands in the last lane, to see that lanes do not mix
      for (std::size_t k = 0; k < n_; ++k) {
        const std::size_t point = static_cast<std::size_t>(plan_.inputs()[k]);
        for (int l = 0; l < W; ++l) {
          re.data[k * W + static_cast<std::size_t>(l)] = l + 1 == W ? scale * x(0, c, point) : T(9);
          im.data[k * W + static_cast<std::size_t>(l)] = l + 1 == W ? scale * x(1, c, point) : T(7);
        }
      }
      spectrum<V>(f, re.data, im.data, W, z_.data, to.data);
      for (std::size_t k = 0; k < n_; ++k) {
        x_spectra_.data[2 * (c * n_ + k)] = to.data[k * step + W - 1];
        x_spectra_.data[2 * (c * n_ + k) + 1] = to.data[k * step + 2 * W - 1];
      }
      for (std::size_t k = 0; k < n_; ++k) {
        const std::size_t point = static_cast<std::size_t>(plan_.inputs()[k]);
        for (int l = 0; l < W; ++l) re.data[k * W + static_cast<std::size_t>(l)] = y(l, c, point);
      }
      spectrum<V>(f, re.data, nullptr, W, z_.data, y_spectra_.data + c * n_ * step);
    }
  }

  FourierPlan<T> plan_;
  Shape shape_;
  std::size_t n_, channels_;
  Numbers<T> x_, y_, x_spectra_, y_spectra_, z_;
};

template <class V>
void check_correlations(const char* type) {
  std::vector<Shape> shapes;
  for (const std::int32_t n :
       {1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12,  13,  15,  16,  20,  22,  24,
        25, 29, 30, 31, 32, 36, 48, 49, 60, 64, 77, 100, 121, 128, 243, 256, 512, 1024})
    shapes.push_back({n});
  for (const Shape& shape : std::vector<Shape>{{3, 3},
                                               {4, 4},
                                               {8, 8},
                                               {16, 16},
                                               {28, 28},
                                               {5, 7},
                                               {1, 6},
                                               {4, 4, 4},
                                               {2, 3, 11},
                                               {2, 2, 2, 2}})
    shapes.push_back(shape);
  for (const Shape& shape : shapes) {
    std::int64_t n = 1;
    for (const std::int32_t length : shape) n *= length;
    for (int channels = 1; channels <= (n > 256 ? 2 : 3); ++channels) {
      check::context("%s correlations, grid %s, %d channels", type, name(shape), channels);
      Case<V> test(shape, channels);
      test.run(nullptr);
      const bool square = shape.size() > 1 && shape[0] == shape[1];
      for (int which = 0; which <= (square ? 2 : 1); ++which) {
        check::context("%s correlations, grid %s, %d channels, point map %d", type, name(shape),
                       channels, which);
        const std::vector<std::int32_t> h = point_map(shape, which);
        test.run(&h);
      }
    }
  }
}

void check_plans() {
  check::context("Fourier plans");
  CHECK_THROWS(std::invalid_argument, FourierPlan<double>({37}));
  CHECK_THROWS(std::invalid_argument, FourierPlan<double>({4, 82}));
  CHECK_THROWS(std::invalid_argument, FourierPlan<double>({0}));
  CHECK_THROWS(std::invalid_argument, FourierPlan<double>({-4}));
  CHECK_THROWS(std::invalid_argument, FourierPlan<double>({8192, 8192}));
  const FourierPlan<double> plan({2, 3});
  CHECK_THROWS(std::invalid_argument, plan.rows({0, 1, 2}));
  CHECK_THROWS(std::invalid_argument, plan.rows({0, 1, 2, 3, 4, 4}));
  CHECK_THROWS(std::invalid_argument, plan.rows({0, 1, 2, 3, 4, 6}));
  CHECK_THROWS(std::invalid_argument, plan.rows({1, 2, 0, 4, 5, 3}));  // a shift
  CHECK_THROWS(std::invalid_argument, plan.rows({0, 1, 3, 2, 4, 5}));  // not a homomorphism
  // 64 = 8 x 8: product 4, butterflies 16 x 52, twiddles 7 x 7 x 4
  CHECK(FourierPlan<double>({64}).operations() == 256 + 832 + 196);
  CHECK(FourierPlan<double>({8, 8}).operations(3) == 3 * 256 + 832);
  CHECK(FourierPlan<double>({64}).cost() < 64 * 64);
  CHECK(FourierPlan<double>({3}).cost() > 3 * 3);
  // coprime axes need no twiddle factors: 4, 3 and 5 points
  CHECK(FourierPlan<double>({60}).operations() == 4 * 60 + 15 * 16 + 20 * 14 + 12 * 36);
}

}  // namespace

void test_fourier() {
  check_plans();
  check_correlations<Vec<double, 2>>("Vec<double, 2>");
  check_correlations<Vec<double, 4>>("Vec<double, 4>");
  check_correlations<Vec<double, 8>>("Vec<double, 8>");
  check_correlations<Vec<float, 4>>("Vec<float, 4>");
  check_correlations<Vec<float, 8>>("Vec<float, 8>");
  check_correlations<Vec<float, 16>>("Vec<float, 16>");
}

SYMKERNEL_END_NAMESPACE
