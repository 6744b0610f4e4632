"""Scale samples to be aligned."""

from __future__ import annotations

import numpy as np

from symkernel.alignment.base import Array

__all__ = ["scale_of"]

# Samples whose largest entry lies within 2^-bound .. 2^bound are used as they are: squares of their
# differences neither overflow nor vanish.
_BOUND = {"float64": 200, "float32": 25}


def scale_of(X: Array, Y: Array | None) -> int:
    """Exponent of a power of two to divide samples by; 0 unless squares would leave their range."""
    largest = max((float(np.abs(Z).max(initial=0.0)) for Z in (X, Y) if Z is not None), default=0.0)
    exponent = int(np.frexp(largest)[1])
    return exponent if abs(exponent) > _BOUND[X.dtype.name] and largest > 0 else 0
