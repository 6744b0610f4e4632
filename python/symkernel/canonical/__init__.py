"""Canonical forms: one representative of every orbit, for batches of samples."""

from symkernel.canonical.base import CanonicalForm, CanonicalForms
from symkernel.canonical.chain import ChainForm
from symkernel.canonical.transporters import (
    ComposedTransporters,
    MotionTransporters,
    PermutationTransporters,
    Transporters,
)

__all__ = [
    "CanonicalForm",
    "CanonicalForms",
    "ChainForm",
    "ComposedTransporters",
    "MotionTransporters",
    "PermutationTransporters",
    "Transporters",
]
