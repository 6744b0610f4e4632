"""Hold elements that move points and act on their coordinates, one per pair of samples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symkernel.canonical.transporters import ComposedTransporters, MotionTransporters, Transporters
from symkernel.groups.elements import Element, OrthogonalMatrix

__all__ = ["PointTransporters", "rescaled"]


@dataclass(frozen=True, eq=False, repr=False)
class PointTransporters(Transporters):
    """Permutations of points beside orthogonal maps of their coordinates.

    Of a sample y, point p has the features ``places[p]``:
    (g_i . y)[places[p]] = matrices[i] y[places[rows[i, p]]].

    Parameters
    ----------
    matrices : ndarray of shape (n, r, r)
    places : ndarray of shape (p, r)
        Integers, each feature once.
    rows : ndarray of shape (n, p), optional
        Integers; None where no point moves.
    """

    matrices: NDArray[Any]
    places: NDArray[Any]
    rows: NDArray[Any] | None = None

    def __len__(self) -> int:
        return len(self.matrices)

    @property
    def degree(self) -> int:
        """Number of features d that the elements act on."""
        return int(self.places.size)

    def _element(self, i: int) -> Element:
        degree = self.places.size
        moved = self.places if self.rows is None else self.places[self.rows[i]]
        matrix = np.zeros((degree, degree))
        matrix[self.places[:, :, None], moved[:, None, :]] = self.matrices[i]
        return OrthogonalMatrix._trusted(matrix)

    def _apply(self, X: NDArray[Any]) -> NDArray[Any]:
        points = X[:, self.places]
        if self.rows is not None:
            points = np.take_along_axis(points, self.rows[:, :, None].astype(np.intp), axis=1)
        out = np.empty_like(X)
        out[:, self.places] = np.einsum(
            "nab,npb->npa", self.matrices.astype(X.dtype, copy=False), points
        )
        return out


def rescaled(elements: Transporters, exponent: int) -> Transporters:
    """Elements found for samples divided by 2^exponent, for the samples themselves."""
    if exponent == 0:
        return elements
    if isinstance(elements, ComposedTransporters):
        return ComposedTransporters(tuple(rescaled(part, exponent) for part in elements.parts))
    if isinstance(elements, MotionTransporters) and elements.shifts is not None:
        return MotionTransporters(elements.matrices, np.ldexp(elements.shifts, exponent))
    return elements
