// Frames of many clouds: what the engines of the instruction sets are given, and how they are
// found.
#pragma once

#include <cstdint>

namespace symkernel {

// A batch of clouds (count, points, dim) and what is made of it.
template <class T>
struct FrameJob {
  const T* clouds = nullptr;
  std::int64_t count = 0;
  int points = 0;
  int dim = 0;
  const double* weights = nullptr;  // (points), positive, the largest 1
  double total = 0;                 // their sum
  bool centred = false;             // about the centre of mass
  int independent = 0;              // points that can be chosen freely
  bool proper = false;              // rotations alone
  double band = 0;
  double null = 0;

  T* coordinates = nullptr;           // (count, points, dim)
  double* axes = nullptr;             // (count, dim, dim)
  double* centres = nullptr;          // (count, dim)
  double* margins = nullptr;          // (count)
  std::int32_t* ranks = nullptr;      // (count)
  std::uint8_t* undecided = nullptr;  // (count)
};

// Moment frames of the clouds first..last-1; scratch holds frame_scratch(job) numbers.
template <class T>
using FrameEngine = void (*)(const FrameJob<T>& job, std::int64_t first, std::int64_t last,
                             double* scratch);

struct FrameEngines {
  const char* isa;
  FrameEngine<double> f64;
  FrameEngine<float> f32;
};

// The engines of the instruction set in use.
const FrameEngines& frame_engines();

}  // namespace symkernel
