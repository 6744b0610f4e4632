"""Find one representative of every orbit, for batches of samples."""

from symkernel.canonical.base import CanonicalForm
from symkernel.canonical.choose import canonical_form

__all__ = [
    "CanonicalForm",
    "canonical_form",
]
