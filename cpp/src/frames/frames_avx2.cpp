// Compiled with the flags of this instruction set: see CMakeLists.txt.
#define SYMKERNEL_ISA avx2
#include "frames/frames_impl.hpp"

namespace symkernel {
extern const FrameEngines avx2_frames;
constexpr FrameEngines avx2_frames = avx2::make_frame_engines("avx2");
}  // namespace symkernel
