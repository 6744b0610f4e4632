"""Check arguments of the groups."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symkernel.validation import as_array, as_floats, as_number

#: Defect |A^T A - I| up to which a matrix counts as orthogonal.
ORTHOGONAL_TOLERANCE = 1e-8
# A matrix that is further from orthogonal is not one that was rounded.
_ROUNDED = 0.02
#: Entries that agree within this belong to the same matrix.
SAME_TOLERANCE = 1e-6


def as_indices(value: Any, name: str) -> NDArray[np.int64]:
    """Read ``value`` as a permutation of 0..n-1; the error says what repeats and is missing."""
    array = as_array(value, name)
    if array.ndim != 1 or array.size == 0:
        raise ValueError(f"{name} must be a non-empty list of indices, got shape {array.shape}")
    if array.dtype == np.bool_ or not np.issubdtype(array.dtype, np.integer):
        raise TypeError(f"{name} must hold integers, got {array.dtype}")
    n = array.size
    outside = array[(array < 0) | (array >= n)]
    if outside.size:
        raise ValueError(f"{name} is not a permutation of 0..{n - 1}: {outside[0]} is out of range")
    counts = np.bincount(array, minlength=n)
    if np.any(counts != 1):
        repeated, missing = int(np.argmax(counts > 1)), int(np.argmax(counts == 0))
        raise ValueError(
            f"{name} is not a permutation of 0..{n - 1}: {repeated} repeats and {missing} is "
            "missing"
        )
    return array.astype(np.int64)


def as_orthogonal(
    value: Any, name: str, tolerance: float = ORTHOGONAL_TOLERANCE, largest: float = 0.0
) -> NDArray[np.float64]:
    """Read ``value`` as a real orthogonal matrix; the error says by how much it is not one.

    ``largest`` is the greatest ``tol`` that the caller takes, where it takes one.
    """
    array = as_array(value, name)
    if array.ndim != 2 or array.shape[0] != array.shape[1] or array.size == 0:
        raise ValueError(f"{name} must be a square matrix, got shape {array.shape}")
    matrix = np.array(as_floats(array, name, finite=True), dtype=np.float64)
    defect = float(np.abs(matrix.T @ matrix - np.eye(len(matrix))).max())
    if defect > tolerance:
        raise ValueError(
            f"{name} must be orthogonal: max |A^T A - I| is {defect:.3g}, at most {tolerance:.3g} "
            f"is accepted{_towards_orthogonal(defect, largest)}"
        )
    return matrix


def _towards_orthogonal(defect: float, largest: float) -> str:
    """Name the way from a matrix that has been rounded to one that is accepted."""
    if defect > _ROUNDED:
        return ""
    way = (
        ". Entries that were rounded, to float32 or to digits, are better computed in float64; the "
        "nearest orthogonal matrix is scipy.linalg.polar(np.float64(A))[0]"
    )
    tol = 10.0 ** math.ceil(math.log10(defect))
    return f"{way}, and tol={tol:.0e} accepts this one" if tol <= largest else way


def as_vector(value: Any, name: str) -> NDArray[np.float64]:
    """Return ``value`` as a finite, real, non-empty vector; always a copy."""
    array = as_array(value, name)
    if array.ndim != 1 or array.size == 0:
        raise ValueError(f"{name} must be a non-empty vector, got shape {array.shape}")
    return np.array(as_floats(array, name, finite=True), dtype=np.float64)


def as_scale(value: Any, name: str = "scale") -> float:
    """Return ``value`` as a finite float that is not negative."""
    return as_number(value, name, 0.0)


def count_from_log(log: float) -> Decimal:
    """Return exp(log) for logarithms beyond the range of floats."""
    exponent = math.floor(log / math.log(10.0))
    # Built from text: arithmetic of decimals is confined to exponents below a million.
    return Decimal(f"{10.0 ** (log / math.log(10.0) - exponent):.6f}e{exponent}")


def read_only(array: NDArray[Any]) -> NDArray[Any]:
    """Return ``array`` with its write flag off."""
    array.flags.writeable = False
    return array
