"""Work on the arrays that elements are made of."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from symkernel.groups._checks import SAME_TOLERANCE
from symkernel.groups.elements import Element, OrthogonalMatrix, SignedPermutation


def as_signed_permutation(matrix: NDArray[np.float64]) -> SignedPermutation | None:
    """Return the signed permutation that a matrix is to within 1e-6, or None."""
    indices = np.abs(matrix).argmax(axis=1)
    values = matrix[np.arange(len(matrix)), indices]
    signs = np.where(values > 0, 1, -1).astype(np.int8)
    if len(np.unique(indices)) != len(matrix):
        return None
    candidate = SignedPermutation._trusted(indices, signs)
    if np.abs(candidate.as_matrix() - matrix).max() > SAME_TOLERANCE:
        return None
    return candidate


def exact_element(matrix: NDArray[np.float64]) -> Element:
    """Return the element of a matrix: a SignedPermutation where it is one to rounding.

    A matrix that is only nearly a signed permutation stays what it is.
    """
    monomial = as_signed_permutation(matrix)
    if monomial is not None and np.abs(monomial.as_matrix() - matrix).max() < 1e-12:
        return monomial
    return OrthogonalMatrix._trusted(matrix)


def outside(vectors: NDArray[np.float64], basis: NDArray[np.float64]) -> float:
    """Return the largest entry by which vectors (m, d) leave the span of orthonormal rows."""
    rest = vectors - (vectors @ basis.T) @ basis
    return float(np.abs(rest).max()) if rest.size else 0.0


def trivial_rows(d: int) -> NDArray[np.int32]:
    """Return the identity alone, (1, d)."""
    return np.arange(d, dtype=np.int32)[None, :]
