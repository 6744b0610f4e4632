// The place of a cell on a Hilbert curve through a grid of 2^bits cells a side, in any dimension:
// cells that follow each other on the curve are neighbours.
//
// J. Skilling, Programming the Hilbert curve, AIP Conf. Proc. 707 (2004) 381: the cell's
// coordinates are turned and reflected level by level into the frame of the curve, where a Gray
// code numbers the 2^dimension subcells of every level.
#pragma once

#include <cstdint>

#include "symkernel/config.hpp"

SYMKERNEL_BEGIN_NAMESPACE

// `cell`: coordinates below 2^bits, which are overwritten; bits * dimension <= 64.
inline std::uint64_t hilbert_place(std::uint64_t* cell, int dimension, int bits) {
  const std::uint64_t top = std::uint64_t(1) << (bits - 1);
  for (std::uint64_t level = top; level > 1; level >>= 1) {
    const std::uint64_t below = level - 1;
    for (int i = 0; i < dimension; ++i) {
      if ((cell[i] & level) != 0) {
        cell[0] ^= below;  // reflect
      } else {
        const std::uint64_t swap = (cell[0] ^ cell[i]) & below;  // exchange two axes
        cell[0] ^= swap;
        cell[i] ^= swap;
      }
    }
  }
  for (int i = 1; i < dimension; ++i) cell[i] ^= cell[i - 1];
  std::uint64_t flip = 0;
  for (std::uint64_t level = top; level > 1; level >>= 1) {
    if ((cell[dimension - 1] & level) != 0) flip ^= level - 1;
  }
  std::uint64_t place = 0;
  for (int bit = bits - 1; bit >= 0; --bit) {
    for (int i = 0; i < dimension; ++i) place = place << 1 | (((cell[i] ^ flip) >> bit) & 1);
  }
  return place;
}

SYMKERNEL_END_NAMESPACE
