"""Canonical forms: one representative of every orbit, for batches of samples."""

from symkernel.canonical.base import CanonicalForm, CanonicalForms
from symkernel.canonical.chain import ChainForm
from symkernel.canonical.choose import canonical_form
from symkernel.canonical.clouds import CloudTransporters
from symkernel.canonical.enumerated import EnumeratedForm, TableTransporters
from symkernel.canonical.frames import FrameForm, PermutedFrameForm
from symkernel.canonical.hilbert import HilbertOrder
from symkernel.canonical.rotation import RotationForm
from symkernel.canonical.shifts import ShiftForm
from symkernel.canonical.sorting import SortForm
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
    "ChainForm",
    "CloudTransporters",
    "ComposedTransporters",
    "EnumeratedForm",
    "FrameForm",
    "HilbertOrder",
    "MotionTransporters",
    "PermutationTransporters",
    "PermutedFrameForm",
    "RotationForm",
    "ShiftForm",
    "SortForm",
    "TableTransporters",
    "Transporters",
    "WeightedFrame",
    "canonical_form",
    "weighted_frame",
]
