// Monomials and Fourier modes as words, and their orbits under signed permutations of coordinates.
//
// A mode is a product over coordinates of powers: x_i^e, or exp(i w e x_i). It is written as a word
// of letters, one for each coordinate that occurs; letter = coordinate * powers + (place of e), so
// words ascend in their letters, and a row is filled up with -1. A signed permutation of the
// coordinates maps letters to letters up to sign, hence modes to modes up to sign.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <stdexcept>
#include <vector>

#include "symkernel/view.hpp"

namespace symkernel {

using Letter = std::int32_t;

/// The modes of `coordinates` coordinates with exponents e and sum of cost(e) = level, in
/// lexicographic order. Monomials: e = 1, 2, ..., cost e. Fourier modes: e = -1, 1, -2, ..., cost
/// e^2.
class ModeEnumeration {
 public:
  /// Letters number the exponents 1..largest, or -largest..-1, 1..largest of each coordinate.
  /// poll() is called now and then, and may throw.
  template <class Poll>
  ModeEnumeration(std::int32_t coordinates, std::int32_t level, std::int32_t largest, bool fourier,
                  Poll&& poll)
      : coordinates_(coordinates), largest_(largest), fourier_(fourier) {
    width_ = std::min(coordinates, level);
    word_.reserve(static_cast<std::size_t>(width_));
    extend(0, level, poll);
  }

  std::int32_t width() const { return width_; }
  std::vector<Letter>& words() { return words_; }

 private:
  template <class Poll>
  void extend(std::int32_t from, std::int32_t rest, Poll& poll) {
    if (++steps_ % 4096 == 0) poll();
    if (rest == 0) {
      words_.insert(words_.end(), word_.begin(), word_.end());
      words_.insert(words_.end(), static_cast<std::size_t>(width_) - word_.size(), -1);
      return;
    }
    const std::int32_t powers = fourier_ ? 2 * largest_ : largest_;
    for (std::int32_t c = from; c < coordinates_; ++c) {
      for (std::int32_t place = 0; place < powers; ++place) {
        const std::int32_t signed_e = place < largest_ ? place - largest_ : place - largest_ + 1;
        const std::int32_t cost = fourier_ ? signed_e * signed_e : place + 1;
        if (cost > rest) continue;
        word_.push_back(c * powers + place);
        extend(c + 1, rest - cost, poll);
        word_.pop_back();
      }
    }
  }

  std::int32_t coordinates_, largest_;
  bool fourier_;
  std::int32_t width_ = 0;
  std::uint64_t steps_ = 0;
  std::vector<Letter> word_, words_;
};

/// Where each word of a table stands: a hash table with open addressing.
class ModeIndex {
 public:
  /// poll() is called now and then, and may throw.
  template <class Poll>
  ModeIndex(MatrixView<const Letter> words, Poll&& poll) : words_(words) {
    std::size_t size = 16;
    while (size < 2 * static_cast<std::size_t>(words.rows)) size *= 2;
    slots_.assign(size, -1);
    for (std::int64_t i = 0; i < words.rows; ++i) {
      if (i % 4096 == 0) poll();
      std::size_t slot = hash(words.row(i)) & (size - 1);
      while (slots_[slot] >= 0) slot = (slot + 1) & (size - 1);
      slots_[slot] = static_cast<std::int32_t>(i);
    }
  }

  /// Row of a word, or -1.
  std::int32_t find(const Letter* word) const {
    std::size_t slot = hash(word) & (slots_.size() - 1);
    while (slots_[slot] >= 0) {
      if (std::equal(word, word + words_.columns, words_.row(slots_[slot]))) return slots_[slot];
      slot = (slot + 1) & (slots_.size() - 1);
    }
    return -1;
  }

 private:
  // Each letter is mixed in by a multiplication; the last step brings the high bits down.
  std::size_t hash(const Letter* word) const {
    std::uint64_t h = 0x9E3779B97F4A7C15u;
    for (std::int64_t k = 0; k < words_.columns; ++k) {
      h = (h ^ static_cast<std::uint32_t>(word[k])) * 0xD6E8FEB86659FD93u;
      h ^= h >> 32;
    }
    return static_cast<std::size_t>(h);
  }

  MatrixView<const Letter> words_;
  std::vector<std::int32_t> slots_;
};

/// Sets of modes that are equal up to sign, merged two at a time; a set in which a mode has to
/// equal its own negative is void.
class SignedUnionFind {
 public:
  explicit SignedUnionFind(std::size_t size) : parent_(size), sign_(size, 1), void_(size, 0) {
    std::iota(parent_.begin(), parent_.end(), 0);
  }

  struct Root {
    std::int32_t mode;
    std::int8_t sign;  // of the mode asked for, relative to the root
  };

  Root find(std::int32_t i) {
    std::int8_t sign = 1;
    while (parent_[at(i)] != i) {
      // Path halving: point to the grandparent, with the product of both signs.
      const std::int32_t p = parent_[at(i)];
      sign_[at(i)] = static_cast<std::int8_t>(sign_[at(i)] * sign_[at(p)]);
      parent_[at(i)] = parent_[at(p)];
      sign = static_cast<std::int8_t>(sign * sign_[at(i)]);
      i = parent_[at(i)];
    }
    return {i, sign};
  }

  void merge(std::int32_t i, std::int32_t j, std::int8_t sign) {
    Root a = find(i), b = find(j);
    const auto relative = static_cast<std::int8_t>(a.sign * b.sign * sign);
    if (a.mode == b.mode) {
      if (relative < 0) void_[at(a.mode)] = 1;
      return;
    }
    // The smaller index stays root: labels then ascend with their first mode.
    if (a.mode > b.mode) std::swap(a, b);
    parent_[at(b.mode)] = a.mode;
    sign_[at(b.mode)] = relative;
    if (void_[at(b.mode)] != 0) void_[at(a.mode)] = 1;
  }

  bool is_void(std::int32_t root) const { return void_[at(root)] != 0; }

 private:
  static std::size_t at(std::int32_t i) { return static_cast<std::size_t>(i); }

  std::vector<std::int32_t> parent_;
  std::vector<std::int8_t> sign_;
  std::vector<std::int8_t> void_;
};

/// The word of letters map[l], in ascending order, and the product of sign[l].
inline std::int8_t mapped_word(const Letter* word, std::int64_t width, const Letter* map,
                               const std::int8_t* sign, Letter* out) {
  std::int8_t total = 1;
  std::int64_t length = 0;
  for (; length < width && word[length] >= 0; ++length) {
    const Letter letter = map[word[length]];
    total = static_cast<std::int8_t>(total * sign[word[length]]);
    std::int64_t k = length;  // insertion: words are short
    for (; k > 0 && out[k - 1] > letter; --k) out[k] = out[k - 1];
    out[k] = letter;
  }
  std::fill(out + length, out + width, -1);
  return total;
}

/// Orbits of the rows of `words`, which the letter maps (generators, alphabet) permute up to sign.
/// labels[i] numbers the orbits in the order of their first mode, -1 for modes of void orbits;
/// signs[i] is the sign of mode i in its orbit sum. Returns the number of orbits that are not void.
template <class Poll>
std::int32_t mode_orbits(MatrixView<const Letter> words, MatrixView<const Letter> maps,
                         const std::int8_t* map_signs, Poll&& poll, std::int32_t* labels,
                         std::int8_t* signs) {
  const ModeIndex index(words, poll);
  SignedUnionFind sets(static_cast<std::size_t>(words.rows));
  std::vector<Letter> image(static_cast<std::size_t>(words.columns));
  for (std::int64_t g = 0; g < maps.rows; ++g) {
    const std::int8_t* sign = map_signs + g * maps.columns;
    for (std::int64_t i = 0; i < words.rows; ++i) {
      if (i % 4096 == 0) poll();
      const std::int8_t s =
          mapped_word(words.row(i), words.columns, maps.row(g), sign, image.data());
      const std::int32_t j = index.find(image.data());
      if (j < 0) throw std::invalid_argument("a generator leads out of the modes given");
      sets.merge(static_cast<std::int32_t>(i), j, s);
    }
  }
  std::int32_t count = 0;
  for (std::int64_t i = 0; i < words.rows; ++i) {
    const auto root = sets.find(static_cast<std::int32_t>(i));
    if (sets.is_void(root.mode)) {
      labels[i] = -1;
    } else {
      labels[i] = root.mode == i ? count++ : labels[root.mode];  // roots come first
    }
    signs[i] = root.sign;
  }
  return count;
}

}  // namespace symkernel
