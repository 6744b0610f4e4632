"""Canonical forms: one representative of every orbit, for batches of samples."""

from symkernel.canonical.base import CanonicalForm, CanonicalForms
from symkernel.canonical.choose import canonical_form
from symkernel.canonical.transporters import (
    ComposedTransporters,
    MotionTransporters,
    PermutationTransporters,
    Transporters,
)

__all__ = [
    "CanonicalForm",
    "CanonicalForms",
    "ComposedTransporters",
    "MotionTransporters",
    "PermutationTransporters",
    "Transporters",
    "canonical_form",
]
