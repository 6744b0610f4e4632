// Compiled with the flags of this instruction set: see CMakeLists.txt.
#define SYMKERNEL_ISA baseline
#include "frames/frames_impl.hpp"

namespace symkernel {
extern const FrameEngines baseline_frames;
constexpr FrameEngines baseline_frames = baseline::make_frame_engines("baseline");
}  // namespace symkernel
