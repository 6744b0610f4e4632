// Orbits of modes: counts known from partitions, signs, words that are not there.
#include <cstdint>
#include <stdexcept>
#include <vector>

#include "check.hpp"
#include "symkernel/mode_orbits.hpp"

namespace symkernel {

namespace {

void no_poll() {}

struct Orbits {
  std::vector<std::int32_t> labels;
  std::vector<std::int8_t> signs;
  std::int32_t count;
};

MatrixView<const Letter> rows_of(ModeEnumeration& modes) {
  auto& words = modes.words();
  const std::int64_t width = modes.width();
  return {words.data(), static_cast<std::int64_t>(words.size()) / width, width};
}

// Monomials of a degree under (g.x)_i = s_i x[g_i], one generator a row.
Orbits monomial_orbits(std::int32_t d, std::int32_t degree,
                       const std::vector<std::vector<std::int32_t>>& images,
                       const std::vector<std::vector<int>>& signs) {
  ModeEnumeration modes(d, degree, degree, false, [] {});
  const auto words = rows_of(modes);
  std::vector<Letter> maps;
  std::vector<std::int8_t> map_signs;
  for (std::size_t g = 0; g < images.size(); ++g) {
    for (std::size_t i = 0; i < images[g].size(); ++i) {
      for (std::int32_t e = 1; e <= degree; ++e) {
        maps.push_back(images[g][i] * degree + e - 1);
        map_signs.push_back(static_cast<std::int8_t>(e % 2 == 1 ? signs[g][i] : 1));
      }
    }
  }
  Orbits orbits{std::vector<std::int32_t>(static_cast<std::size_t>(words.rows)),
                std::vector<std::int8_t>(static_cast<std::size_t>(words.rows)), 0};
  const MatrixView<const Letter> table{maps.data(), static_cast<std::int64_t>(images.size()),
                                       static_cast<std::int64_t>(d) * degree};
  orbits.count = mode_orbits(words, table, map_signs.data(), no_poll, orbits.labels.data(),
                             orbits.signs.data());
  return orbits;
}

void permutations_leave_partitions() {
  const int partitions[] = {1, 1, 2, 3, 5, 7, 11};
  for (std::int32_t degree = 1; degree <= 6; ++degree) {
    check::context("degree %d", static_cast<int>(degree));
    const auto found = monomial_orbits(6, degree, {{1, 0, 2, 3, 4, 5}, {1, 2, 3, 4, 5, 0}},
                                       {{1, 1, 1, 1, 1, 1}, {1, 1, 1, 1, 1, 1}});
    CHECK(found.count == partitions[degree]);
  }
}

void changes_of_sign_void_odd_powers() {
  const auto found = monomial_orbits(2, 2, {{0, 1}}, {{-1, 1}});
  // x0 x1 equals its negative; x0^2 and x1^2 stay
  CHECK(found.count == 2);
  int gone = 0;
  for (const auto label : found.labels) gone += label < 0 ? 1 : 0;
  CHECK(gone == 1);
}

void signs_follow_the_generators() {
  // g.x = (x1, -x0): degree 2 has x0^2 + x1^2 alone; x0 x1 goes to its negative
  const auto found = monomial_orbits(2, 2, {{1, 0}}, {{1, -1}});
  CHECK(found.count == 1);
  // (x1, -x2, x0) in degree 1: x0 -> x1 -> -x2 -> -x0, nothing stays
  CHECK(monomial_orbits(3, 1, {{1, 2, 0}}, {{1, -1, 1}}).count == 0);
  // (x1, -x2, -x0): x0 -> x1 -> -x2 -> x0
  const auto cycle = monomial_orbits(3, 1, {{1, 2, 0}}, {{1, -1, -1}});
  CHECK(cycle.count == 1);
  CHECK(cycle.signs[0] == 1);
  CHECK(cycle.signs[1] == 1);
  CHECK(cycle.signs[2] == -1);
}

void enumeration_counts_modes() {
  ModeEnumeration monomials(4, 5, 5, false, [] {});
  CHECK(rows_of(monomials).rows == 56);  // C(8, 5)
  ModeEnumeration fourier(10, 3, 1, true, [] {});
  CHECK(rows_of(fourier).rows == 960);  // C(10, 3) 2^3
  ModeEnumeration squares(2, 25, 5, true, [] {});
  CHECK(rows_of(squares).rows == 12);  // (5, 0) and (3, 4) with all signs
  const ModeIndex index(rows_of(squares), [] {});
  for (std::int64_t i = 0; i < 12; ++i) CHECK(index.find(rows_of(squares).row(i)) == i);
  const Letter none[] = {0, 1};
  CHECK(index.find(none) == -1);
}

void generators_must_keep_the_modes() {
  const Letter word[] = {0};
  const Letter map[] = {1, 0};
  const std::int8_t sign[] = {1, 1};
  std::int32_t label = 0;
  std::int8_t own = 0;
  CHECK_THROWS(std::invalid_argument,
               mode_orbits(MatrixView<const Letter>{word, 1, 1},
                           MatrixView<const Letter>{map, 1, 2}, sign, no_poll, &label, &own));
}

// What poll throws ends an enumeration and an index long before they are done.
void polls_end_what_takes_long() {
  int polls = 0;
  const auto impatient = [&] {
    if (++polls == 3) throw std::runtime_error("stop");
  };
  CHECK_THROWS(std::runtime_error, ModeEnumeration(40, 12, 12, false, impatient));
  CHECK(polls == 3);
  ModeEnumeration modes(20, 5, 5, false, [] {});
  const auto words = rows_of(modes);
  CHECK(words.rows == 42504);  // C(24, 5), more than three times 4096
  polls = 0;
  CHECK_THROWS(std::runtime_error, ModeIndex(words, impatient));
  CHECK(polls == 3);
}

}  // namespace

}  // namespace symkernel

void check::tests() {
  symkernel::permutations_leave_partitions();
  symkernel::changes_of_sign_void_odd_powers();
  symkernel::signs_follow_the_generators();
  symkernel::enumeration_counts_modes();
  symkernel::generators_must_keep_the_modes();
  symkernel::polls_end_what_takes_long();
}
