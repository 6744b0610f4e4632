"""Canonical forms: one representative of every orbit, for batches of samples."""

from symkernel.canonical.base import CanonicalForm, CanonicalForms
from symkernel.canonical.chain import ChainForm
from symkernel.canonical.choose import canonical_form
from symkernel.canonical.enumerated import EnumeratedForm, TableTransporters
from symkernel.canonical.hilbert import HilbertOrder
from symkernel.canonical.rotation import RotationForm
from symkernel.canonical.sorting import SortForm
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
    "EnumeratedForm",
    "HilbertOrder",
    "MotionTransporters",
    "PermutationTransporters",
    "RotationForm",
    "SortForm",
    "TableTransporters",
    "Transporters",
    "canonical_form",
]
