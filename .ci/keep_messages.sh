#!/bin/sh
# Runs a compiler with ptxas -v and keeps what it says, one file a call, in the folder that
# SYMKERNEL_MESSAGES names: .ci/check_spills.py --messages reads it. A launcher for CMake
# (CMAKE_CUDA_COMPILER_LAUNCHER).
log=$(mktemp "$SYMKERNEL_MESSAGES/XXXXXXXX") || exit 1
"$@" -Xptxas -v 2>"$log"
code=$?
[ "$code" = 0 ] || cat "$log" >&2
exit "$code"
