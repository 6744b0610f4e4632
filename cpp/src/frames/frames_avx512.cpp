// Compiled with the flags of this instruction set: see CMakeLists.txt.
#define SYMKERNEL_ISA avx512
#include "frames/frames_impl.hpp"

namespace symkernel {
extern const FrameEngines avx512_frames;
constexpr FrameEngines avx512_frames = avx512::make_frame_engines("avx512");
}  // namespace symkernel
