"""Canonical forms: one representative of every orbit, for batches of samples."""

from symkernel.canonical.base import CanonicalForm, CanonicalForms
from symkernel.canonical.clouds import CloudTransporters
from symkernel.canonical.frames import FrameForm, PermutedFrameForm
from symkernel.canonical.shifts import ShiftForm
from symkernel.canonical.transporters import (
    ComposedTransporters,
    MotionTransporters,
    PermutationTransporters,
    Transporters,
)
from symkernel.canonical.weighted import WeightedFrame, weighted_frame

__all__ = [
    "CanonicalForm",
    "CanonicalForms",
    "CloudTransporters",
    "ComposedTransporters",
    "FrameForm",
    "MotionTransporters",
    "PermutationTransporters",
    "PermutedFrameForm",
    "ShiftForm",
    "Transporters",
    "WeightedFrame",
    "weighted_frame",
]
