"""Describe structures by inverse distances, and carry vectors to them and back."""

from __future__ import annotations

from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symkernel.solvers.row_spaces import row_spaces

Array = NDArray[Any]


class Geometry:
    """Inverse distances of all pairs of atoms, and their slopes, without dense Jacobians.

    Parameters
    ----------
    positions : ndarray of shape (n, n_atoms, 3)
        No two atoms of a structure at one place.

    Attributes
    ----------
    features : ndarray of shape (n, p)
        1 / r of the p = n_atoms (n_atoms - 1) / 2 pairs, in the order of ``np.triu_indices``.

    Notes
    -----
    The row of the Jacobian that belongs to a pair has six numbers, minus and plus the edge over
    r^3: products with it take 6 p multiply-adds, and memory for 3 p numbers a structure.

    Examples
    --------
    >>> from symkernel.molecules._geometry import Geometry
    >>> pair = Geometry(np.array([[[0.0, 0.0, 0.0], [0.0, 0.0, 2.0]]]))
    >>> pair.features, pair.to_positions(np.ones((1, 1))).tolist()
    (array([[0.5]]), [[[0.0, 0.0, 0.25], [0.0, 0.0, -0.25]]])
    """

    def __init__(self, positions: Array) -> None:
        self._first, self._second, self._ends = _pairs(positions.shape[1])
        edges = positions[:, self._first] - positions[:, self._second]
        r2 = np.einsum("npk,npk->np", edges, edges)
        self.features: Array = 1.0 / np.sqrt(r2)
        self._slopes = edges * (-self.features / r2)[:, :, None]
        self.n_atoms = positions.shape[1]

    def __len__(self) -> int:
        return len(self.features)

    def take(self, chosen: Any) -> Geometry:
        """Return some of the structures."""
        part = object.__new__(Geometry)
        part._first, part._second, part._ends = self._first, self._second, self._ends
        part.features, part._slopes = self.features[chosen], self._slopes[chosen]
        part.n_atoms = self.n_atoms
        return part

    def to_features(self, moves: Array) -> Array:
        """Return how features (n, p) change as atoms move by (n, n_atoms, 3): J v."""
        along = moves[:, self._first] - moves[:, self._second]
        changes: Array = np.einsum("npk,npk->np", self._slopes, along)
        return changes

    def to_positions(self, slopes: Array) -> Array:
        """Return derivatives (n, n_atoms, 3) for positions of those (n, p) for features: J^T g."""
        gradient: Array = self._ends @ (self._slopes * slopes[:, :, None])
        return gradient

    @cached_property
    def directions(self) -> tuple[Array, Array]:
        """Motions (n, m, 3 n_atoms) that features see, orthonormal, and how features change.

        m is 3 n_atoms - 6 of structures in space; the second is (n, m, p).
        """
        n, p = self.features.shape
        J = np.zeros((n, p, self.n_atoms, 3))
        pairs = np.arange(p)
        J[:, pairs, self._first] = self._slopes
        J[:, pairs, self._second] = -self._slopes
        flat = J.reshape(n, p, 3 * self.n_atoms)
        basis = row_spaces(flat)
        return basis, basis @ flat.transpose(0, 2, 1)


@lru_cache(maxsize=16)
def _pairs(n_atoms: int) -> tuple[Array, Array, Array]:
    """First and second atoms of pairs, and the incidence (n_atoms, p) of both with their signs."""
    first, second = np.triu_indices(n_atoms, 1)
    ends = np.zeros((n_atoms, len(first)))
    ends[first, np.arange(len(first))] = 1.0
    ends[second, np.arange(len(first))] = -1.0
    return first, second, ends
