// Monomials and Fourier modes: enumeration, orbits and sums at samples.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <tuple>
#include <vector>

#include "bindings.hpp"
#include "interrupt.hpp"
#include "mode_sums.hpp"
#include "symkernel/error.hpp"
#include "symkernel/mode_orbits.hpp"

namespace py = pybind11;

namespace symkernel {

namespace {

template <class T>
using Array = py::array_t<T, py::array::c_style>;

template <class T>
MatrixView<const T> view(const Array<T>& a, const char* message) {
  require(a.ndim() == 2, message);
  return {a.data(), a.shape(0), a.shape(1)};
}

void require_letters(MatrixView<const Letter> words, std::int64_t alphabet, const char* message) {
  const Letter* end = words.data + words.rows * words.columns;
  require(std::all_of(words.data, end, [=](Letter l) { return l >= -1 && l < alphabet; }), message);
}

Array<Letter> enumerate(std::int32_t coordinates, std::int32_t level, std::int32_t largest,
                        bool fourier) {
  require(coordinates > 0 && level >= 0 && largest > 0, "coordinates, level, largest: too small");
  std::unique_ptr<std::vector<Letter>> words = std::make_unique<std::vector<Letter>>();
  std::int32_t width = 0;
  run_interruptible([&](StopToken& token) {
    ModeEnumeration modes(coordinates, level, largest, fourier, asking(token));
    width = modes.width();
    *words = std::move(modes.words());
  });
  const auto rows = width == 0 ? 1 : static_cast<py::ssize_t>(words->size()) / width;
  Letter* start = words->data();
  const py::capsule owner(words.release(),
                          [](void* p) { delete static_cast<std::vector<Letter>*>(p); });
  return Array<Letter>({rows, static_cast<py::ssize_t>(width)}, start, owner);
}

std::tuple<Array<std::int32_t>, Array<std::int8_t>, std::int32_t> orbits(
    const Array<Letter>& words, const Array<Letter>& maps, const Array<std::int8_t>& signs) {
  const auto rows = view(words, "words must have shape (modes, width)");
  const auto letters = view(maps, "maps must have shape (generators, alphabet)");
  require(signs.ndim() == 2 && signs.shape(0) == letters.rows && signs.shape(1) == letters.columns,
          "signs must have the shape of maps");
  require_letters(rows, letters.columns, "words: a letter is out of range");
  require_letters(letters, letters.columns, "maps: a letter is out of range");
  Array<std::int32_t> labels(rows.rows);
  Array<std::int8_t> mode_signs(rows.rows);
  const std::int8_t* given = signs.data();
  std::int32_t* label = labels.mutable_data();
  std::int8_t* sign = mode_signs.mutable_data();
  std::int32_t count = 0;
  run_interruptible([&](StopToken& token) {
    count = mode_orbits(rows, letters, given, asking(token), label, sign);
  });
  return {labels, mode_signs, count};
}

Array<std::int32_t> find(const Array<Letter>& words, const Array<Letter>& queries) {
  const auto rows = view(words, "words must have shape (modes, width)");
  const auto asked = view(queries, "queries must have shape (queries, width)");
  require(rows.columns == asked.columns, "queries must have the width of words");
  Array<std::int32_t> places(asked.rows);
  std::int32_t* place = places.mutable_data();
  run_interruptible([&](StopToken& token) {
    const auto poll = asking(token);
    const ModeIndex index(rows, poll);
    for (std::int64_t i = 0; i < asked.rows; ++i) {
      if (i % 4096 == 0) poll();
      place[i] = index.find(asked.row(i));
    }
  });
  return places;
}

Array<double> sums_at(const Array<double>& X, const Array<Letter>& words,
                      const Array<double>& weights, const Array<std::int32_t>& real,
                      const std::optional<Array<std::int32_t>>& imaginary, std::int32_t columns,
                      std::int32_t largest, double frequency, int n_threads) {
  const auto samples = view(X, "X must have shape (n, d)");
  ModeSums sums;
  sums.words = view(words, "words must have shape (modes, width)");
  require(largest > 0 && columns >= 0, "columns, largest: too small");
  require_letters(sums.words, samples.columns * largest * (imaginary ? 2 : 1),
                  "words: a letter is out of range");
  const auto fits = [&](const py::array& a) {
    return a.ndim() == 1 && a.shape(0) == sums.words.rows;
  };
  require(fits(weights) && fits(real) && (!imaginary || fits(*imaginary)),
          "weights, real and imaginary must have one entry per mode");
  const auto in_range = [&](const Array<std::int32_t>& a) {
    return std::all_of(a.data(), a.data() + a.size(), [=](std::int32_t c) { return c < columns; });
  };
  require(in_range(real) && (!imaginary || in_range(*imaginary)), "a column is out of range");
  sums.weight = weights.data();
  sums.real = real.data();
  sums.imaginary = imaginary ? imaginary->data() : nullptr;
  sums.largest = largest;
  sums.frequency = frequency;
  Array<double> out({samples.rows, static_cast<std::int64_t>(columns)});
  const MatrixView<double> target{out.mutable_data(), samples.rows, columns};
  run_interruptible([&](StopToken& token) {
    mode_sums(sums, samples, target, resolve_threads(n_threads), token);
  });
  return out;
}

}  // namespace

void bind_modes(py::module_& m) {
  m.def("modes", &enumerate, py::arg("coordinates"), py::arg("level"), py::arg("largest"),
        py::arg("fourier"),
        "Words int32 (modes, width) of the monomials of a degree, or of the Fourier modes whose "
        "squared frequencies sum to a level; -1 fills up.");
  m.def("mode_orbits", &orbits, py::arg("words").noconvert(), py::arg("maps").noconvert(),
        py::arg("signs").noconvert(),
        "(labels int32, signs int8, count): orbits of the words under letter maps (generators, "
        "alphabet) with signs; label -1 where a mode would equal its own negative.");
  m.def("find_modes", &find, py::arg("words").noconvert(), py::arg("queries").noconvert(),
        "Row of each query among the words, int32, or -1.");
  m.def("mode_sums", &sums_at, py::arg("X").noconvert(), py::arg("words").noconvert(),
        py::arg("weights").noconvert(), py::arg("real").noconvert(),
        py::arg("imaginary").noconvert(), py::arg("columns"), py::arg("largest"),
        py::arg("frequency"), py::arg("n_threads"),
        "Weighted sums (n, columns) of modes at samples X (n, d); real and imaginary give the "
        "column of each mode's parts, or -1.");
}

}  // namespace symkernel
