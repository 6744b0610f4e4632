// Plans of the transforms in fourier.hpp: factors of every axis, orders of inputs and outputs,
// twiddle factors. Host only, made once per group and number type.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "symkernel/fourier.hpp"

namespace symkernel {

// The group Z_n1 x Z_n2 x ..., which shifts a grid of that shape; elements and frequencies are
// numbered in C order.
template <class T>
class FourierPlan {
 public:
  // Throws std::invalid_argument for an axis with a prime factor above fourier_max_radix.
  explicit FourierPlan(std::vector<std::int32_t> shape) : shape_(std::move(shape)) {
    for (const std::int32_t n : shape_) {
      if (n < 1) throw std::invalid_argument("FourierPlan: axis length " + std::to_string(n));
      if (n > max_size / size_) throw std::invalid_argument("FourierPlan: more than 2^24 shifts");
      size_ *= n;
    }
    std::vector<Axis> axes;
    std::int32_t stride = size_;
    for (const std::int32_t n : shape_) {
      stride /= n;
      split(n, stride, axes);
    }
    sort_by_rank(axes);
    make_passes(axes);
    make_orders(axes);
    make_chunks();
  }

  std::int32_t size() const { return size_; }
  const std::vector<std::int32_t>& shape() const { return shape_; }

  // Grid point that `spectrum` expects as number k.
  const std::vector<std::int32_t>& inputs() const { return inputs_; }
  // Frequency that stands as number k in a spectrum.
  const std::vector<std::int32_t>& frequencies() const { return frequencies_; }
  // Output i is sum_j x[j] y[j + s] for the shift s = shifts()[i].
  const std::vector<std::int32_t>& shifts() const { return shifts_; }

  // Vector instructions of arithmetic for two samples of x against W of y: product and transform.
  double operations(int channels = 1) const {
    double count = 4.0 * channels * size_;
    for (const Pass& pass : passes_) count += pass_operations(pass);
    return count;
  }

  // The same work as a number of multiply-adds per pair of samples that takes as long. Measured
  // with AVX-512: 2.2 instructions in the time of 2 multiply-adds, 1.1 in the direct sums of large
  // primes, and the start of a transform.
  double cost(int channels = 1) const {
    double count = 4.0 * channels * size_;
    for (const Pass& pass : passes_)
      count += pass_operations(pass) * (pass.radix > fourier_register_radix ? 2.0 : 1.0);
    return 20 + count / 2.2;
  }

  // Valid as long as this plan lives and stays where it is.
  FourierTransform<T> transform() const {
    return transform([](const auto& table) { return table.data(); });
  }
  // The same with its tables elsewhere: place(std::vector) says where it has put one.
  template <class Place>
  FourierTransform<T> transform(const Place& place) const {
    FourierTransform<T> f;
    f.size = size_;
    f.n_passes = static_cast<std::int32_t>(passes_.size());
    f.chunk = chunk_;
    f.n_whole = n_whole_;
    f.order = place(order_);
    for (std::size_t i = 0; i < passes_.size(); ++i) {
      f.passes[i].radix = passes_[i].radix;
      f.passes[i].length = passes_[i].length;
      f.passes[i].blocks = passes_[i].blocks;
      f.passes[i].twiddles = place(passes_[i].twiddles);
      f.passes[i].roots = place(passes_[i].roots);
    }
    return f;
  }

  // Rows for the product stage that turn y into h y, (h y)[i] = y[h[i]], for an automorphism h of
  // the grid's group (h[0] = 0: reflections, quarter turns, exchanges of equal axes).
  // Throws std::invalid_argument if h is not an automorphism. Memory and time O(n).
  std::vector<std::int32_t> rows(const std::vector<std::int32_t>& h) const {
    if (h.size() != static_cast<std::size_t>(size_))
      throw std::invalid_argument("FourierPlan::rows: h must permute " + std::to_string(size_) +
                                  " grid points, got " + std::to_string(h.size()));
    const auto refuse = [] {
      throw std::invalid_argument("FourierPlan::rows: h is no automorphism of the grid");
    };
    std::vector<std::int32_t> inverse(h.size(), -1), position(h.size());
    for (std::int32_t i = 0; i < size_; ++i) {
      const std::int32_t j = h[static_cast<std::size_t>(i)];
      if (j < 0 || j >= size_ || inverse[static_cast<std::size_t>(j)] != -1) refuse();
      inverse[static_cast<std::size_t>(j)] = i;
      position[static_cast<std::size_t>(frequencies_[static_cast<std::size_t>(i)])] = i;
    }
    // h^-1 of the unit step along every axis decides h^-1; check that it does.
    const std::size_t dim = shape_.size();
    std::vector<std::vector<std::int32_t>> step(dim);
    std::int32_t stride = size_;
    for (std::size_t a = 0; a < dim; ++a) {
      stride /= shape_[a];
      step[a] = coordinates(inverse[static_cast<std::size_t>(shape_[a] > 1 ? stride : 0)]);
    }
    for (std::int32_t i = 0; i < size_; ++i) {
      const std::vector<std::int32_t> at = coordinates(i);
      std::vector<std::int32_t> to(dim, 0);
      for (std::size_t b = 0; b < dim; ++b) {
        std::int64_t sum = 0;
        for (std::size_t a = 0; a < dim; ++a) sum += static_cast<std::int64_t>(at[a]) * step[a][b];
        to[b] = static_cast<std::int32_t>(sum % shape_[b]);
      }
      if (flat(to) != inverse[static_cast<std::size_t>(i)]) refuse();
    }
    // sum_i y[h i] e(-<k, i>) = sum_j y[j] e(-<k, h^-1 j>): the character j -> e(<k, h^-1 j>) is
    // that of k' with k'_a / n_a = sum_b k_b step[a][b] / n_b modulo 1.
    std::vector<std::int32_t> result(h.size());
    for (std::int32_t i = 0; i < size_; ++i) {
      const std::vector<std::int32_t> k = coordinates(frequencies_[static_cast<std::size_t>(i)]);
      std::vector<std::int32_t> image(dim, 0);
      for (std::size_t a = 0; a < dim; ++a) {
        std::int64_t sum = 0;  // in units of 1 / size
        for (std::size_t b = 0; b < dim; ++b) {
          const std::int64_t turn =
              static_cast<std::int64_t>(k[b]) * step[a][b] % shape_[b] * (size_ / shape_[b]);
          sum = (sum + turn) % size_;
        }
        image[a] = static_cast<std::int32_t>(sum / (size_ / shape_[a]));
      }
      result[static_cast<std::size_t>(i)] = position[static_cast<std::size_t>(flat(image))];
    }
    return result;
  }

 private:
  static constexpr std::int32_t max_size = 1 << 24;
  static constexpr std::int32_t max_chunk = 256;  // 32 KiB of vectors of 64 bytes

  struct Pass {
    std::int32_t radix, length, blocks;
    std::vector<T> twiddles, roots;
  };

  // A cyclic factor of prime-power order n of an axis of `whole` points `stride` apart.
  struct Axis {
    std::int32_t n, whole, stride;
    std::vector<std::int32_t> radices;
  };

  static void split(std::int32_t n, std::int32_t stride, std::vector<Axis>& axes) {
    const std::int32_t whole = n;
    for (std::int32_t p = 2; n > 1; ++p) {
      if (static_cast<std::int64_t>(p) * p > n) p = n;
      if (n % p != 0) continue;
      if (p > fourier_max_radix)
        throw std::invalid_argument("FourierPlan: axis length " + std::to_string(whole) +
                                    " has the prime factor " + std::to_string(p) + ", above " +
                                    std::to_string(fourier_max_radix));
      Axis axis{1, whole, stride, {}};
      int exponent = 0;
      for (; n % p == 0; n /= p) {
        axis.n *= p;
        ++exponent;
      }
      if (p == 2) {
        // As many passes as eights would need, the rest in fours rather than twos.
        if (exponent == 1) {
          axis.radices = {2};
        } else {
          const int fours = (3 - exponent % 3) % 3;
          for (int i = 0; i < (exponent - 2 * fours) / 3; ++i) axis.radices.push_back(8);
          for (int i = 0; i < fours; ++i) axis.radices.push_back(4);
        }
      } else {
        axis.radices.assign(static_cast<std::size_t>(exponent), p);
      }
      axes.push_back(axis);
    }
  }

  // The first pass forms the product, which direct sums over large primes cannot, and is the only
  // one that reads more than it writes: the largest radix first, the large primes last.
  static int rank(const Axis& axis) {
    switch (axis.radices[0]) {
      case 8:
        return 0;
      case 4:
        return 1;
      case 7:
        return 2;
      case 5:
        return 3;
      case 3:
        return 4;
      case 2:
        return 5;
      default:
        return 6;
    }
  }
  static void sort_by_rank(std::vector<Axis>& axes) {
    for (std::size_t i = 1; i < axes.size(); ++i) {
      for (std::size_t j = i; j > 0 && rank(axes[j]) < rank(axes[j - 1]); --j)
        std::swap(axes[j], axes[j - 1]);
    }
  }

  double pass_operations(const Pass& pass) const {
    const double butterflies = static_cast<double>(size_) / pass.radix;
    const double twiddled = butterflies * (pass.blocks - 1) / pass.blocks;
    return butterflies * butterfly_operations(pass.radix) + twiddled * 4.0 * (pass.radix - 1);
  }

  static double butterfly_operations(std::int32_t radix) {
    switch (radix) {
      case 1:
        return 0;
      case 2:
        return 4;
      case 4:
        return 16;
      case 8:
        return 52;
      default: {
        const double half = radix / 2;
        return 4 * half * half + 10 * half;
      }
    }
  }

  // cos and sin of 2 pi j / n within half a unit in the last place, also where long double is
  // double: the angle is folded into the first eighth of the turn, where no digit cancels.
  static T turn_cosine(std::int64_t j, std::int64_t n) {
    j = 8 * (j % n);  // in eighths of 1 / n of a turn
    if (j > 4 * n) j = 8 * n - j;
    if (j > 2 * n) return -folded_cosine(4 * n - j, n);
    return folded_cosine(j, n);
  }
  static T turn_sine(std::int64_t j, std::int64_t n) {
    j = 8 * (j % n);
    if (j > 4 * n) return -turn_sine_upper(8 * n - j, n);
    return turn_sine_upper(j, n);
  }
  // a / (8 n) of a turn: a <= 2 n, and a <= 4 n
  static T folded_cosine(std::int64_t a, std::int64_t n) {
    return static_cast<T>(a <= n ? std::cos(angle(a, n)) : std::sin(angle(2 * n - a, n)));
  }
  static T turn_sine_upper(std::int64_t a, std::int64_t n) {
    if (a > 2 * n) a = 4 * n - a;
    return folded_cosine(2 * n - a, n);
  }
  static long double angle(std::int64_t a, std::int64_t n) {
    return 0.78539816339744830961566084581988L * static_cast<long double>(a) /
           static_cast<long double>(n);
  }

  void make_passes(const std::vector<Axis>& axes) {
    std::int32_t length = size_;
    for (const Axis& axis : axes) {
      std::int32_t blocks = 1;
      std::vector<std::int32_t> exponents(1, 0);  // output so far of every block
      for (const std::int32_t radix : axis.radices) {
        Pass pass;
        pass.radix = radix;
        pass.length = length /= radix;
        pass.blocks = blocks;
        if (blocks > 1) {
          for (const std::int32_t f : exponents) {
            for (std::int32_t t = 1; t < radix; ++t) {
              const std::int64_t angle = static_cast<std::int64_t>(f) * t;
              pass.twiddles.push_back(turn_cosine(angle, blocks * radix));
              pass.twiddles.push_back(turn_sine(angle, blocks * radix));
            }
          }
        }
        if (radix > fourier_register_radix) make_roots(pass);
        passes_.push_back(pass);
        std::vector<std::int32_t> next;
        for (const std::int32_t f : exponents) {
          for (std::int32_t g = 0; g < radix; ++g) next.push_back(f + blocks * g);
        }
        exponents = next;
        blocks *= radix;
      }
    }
    if (passes_.empty()) passes_.push_back({1, 1, 1, {}, {}});
    if (passes_.size() > fourier_max_passes)
      throw std::invalid_argument("FourierPlan: too many factors");
  }

  static void make_roots(Pass& pass) {
    const std::int32_t half = pass.radix / 2;
    for (std::int32_t tile = 1; tile <= half; tile += fourier_root_tile) {
      for (std::int32_t t = 1; t <= half; ++t) {
        for (std::int32_t f = tile; f < tile + fourier_root_tile; ++f) {
          pass.roots.push_back(turn_cosine(t * f, pass.radix));
          pass.roots.push_back(turn_sine(t * f, pass.radix));
        }
      }
    }
  }

  // Inputs: j = sum over coprime factors of j_f (whole / n_f); outputs: f = f_i modulo n_i (Chinese
  // remainders), in the order of digits that the passes leave.
  void make_orders(const std::vector<Axis>& axes) {
    inputs_.assign(1, 0);
    std::vector<std::int32_t> outputs(1, 0);
    for (const Axis& axis : axes) {
      std::vector<std::int32_t> digits(1, 0);
      std::int32_t blocks = 1;
      for (const std::int32_t radix : axis.radices) {
        std::vector<std::int32_t> next;
        for (const std::int32_t f : digits) {
          for (std::int32_t g = 0; g < radix; ++g) next.push_back(f + blocks * g);
        }
        digits = next;
        blocks *= radix;
      }
      const std::int32_t other = axis.whole / axis.n;
      std::int32_t unit = 0;  // 1 modulo n, 0 modulo the other factors
      while (unit % axis.n != 1 % axis.n) unit += other;
      inputs_ = combined(inputs_, axis, other, nullptr);
      outputs = combined(outputs, axis, unit, &digits);
    }
    shifts_.resize(outputs.size());
    order_.resize(outputs.size());
    // The product reads the legs of its butterflies side by side.
    const std::size_t first = static_cast<std::size_t>(passes_[0].radix);
    const std::size_t legs = passes_[0].radix <= fourier_register_radix ? first : 1;
    std::vector<std::int32_t> position(outputs.size());
    for (std::size_t u = 0; u < inputs_.size() / legs; ++u) {
      for (std::size_t t = 0; t < legs; ++t) {
        const std::int32_t frequency = inputs_[t * (inputs_.size() / legs) + u];
        position[static_cast<std::size_t>(frequency)] =
            static_cast<std::int32_t>(frequencies_.size());
        frequencies_.push_back(frequency);
      }
    }
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      order_[i] = position[static_cast<std::size_t>(outputs[i])];
      std::vector<std::int32_t> s = coordinates(outputs[i]);
      for (std::size_t a = 0; a < s.size(); ++a) s[a] = (shape_[a] - s[a]) % shape_[a];
      shifts_[i] = flat(s);
    }
  }

  // One more factor, inner to those before: its element c adds c * unit along the axis.
  std::vector<std::int32_t> combined(const std::vector<std::int32_t>& before, const Axis& axis,
                                     std::int32_t unit,
                                     const std::vector<std::int32_t>* digits) const {
    std::vector<std::int32_t> after;
    after.reserve(before.size() * static_cast<std::size_t>(axis.n));
    for (const std::int32_t point : before) {
      const std::int64_t along = point / axis.stride % axis.whole;
      for (std::int32_t c = 0; c < axis.n; ++c) {
        const std::int64_t j = digits != nullptr ? (*digits)[static_cast<std::size_t>(c)] : c;
        const std::int64_t moved = (along + j * unit) % axis.whole;
        after.push_back(static_cast<std::int32_t>(point + (moved - along) * axis.stride));
      }
    }
    return after;
  }

  void make_chunks() {
    chunk_ = size_;
    n_whole_ = 0;
    const int last = static_cast<int>(passes_.size()) - 1;
    while (n_whole_ < last && chunk_ > max_chunk) {
      chunk_ /= passes_[static_cast<std::size_t>(n_whole_)].radix;
      ++n_whole_;
    }
  }

  std::vector<std::int32_t> coordinates(std::int32_t point) const {
    std::vector<std::int32_t> at(shape_.size());
    for (std::size_t a = shape_.size(); a-- > 0;) {
      at[a] = point % shape_[a];
      point /= shape_[a];
    }
    return at;
  }
  std::int32_t flat(const std::vector<std::int32_t>& at) const {
    std::int32_t point = 0;
    for (std::size_t a = 0; a < shape_.size(); ++a) point = point * shape_[a] + at[a];
    return point;
  }

  std::vector<std::int32_t> shape_;
  std::int32_t size_ = 1;
  std::int32_t chunk_ = 1, n_whole_ = 0;
  std::vector<Pass> passes_;
  std::vector<std::int32_t> inputs_, frequencies_, shifts_, order_;
};

}  // namespace symkernel
