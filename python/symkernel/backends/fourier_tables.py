"""Describe groups for the native Fourier routes: blocks of features, and shifts of a grid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class BlockTable:
    """A group that acts by one r x r matrix on each of the m copies in a block of features.

    Parameters
    ----------
    blocks : tuple of (int, int)
        Copies m and dimension r of each block; features are consecutive, copy by copy.
    matrices : ndarray of shape (|G|, sum of r^2)
        For every element its matrix on each block, flattened, end to end.
    basis : ndarray of shape (d, d)
        Orthogonal matrix by which samples are multiplied to get the features of the blocks.
    """

    blocks: tuple[tuple[int, int], ...]
    matrices: Array
    basis: Array

    @property
    def terms(self) -> int | None:
        """Non-zero entries per element if they are 1 and -1 and equally many, else None."""
        if not np.isin(self.matrices, (-1.0, 0.0, 1.0)).all():
            return None
        counts = np.count_nonzero(self.matrices, axis=1)
        return int(counts[0]) if (counts == counts[0]).all() else None


@dataclass(frozen=True, eq=False)
class ShiftTable:
    """All cyclic shifts of a grid, after each of a few automorphisms of the grid.

    Parameters
    ----------
    grid : tuple of int
        Shape of the grid.
    maps : ndarray of shape (count, size)
        Automorphisms h of the grid's group, ``(h y)[p] = y[h[p]]`` with ``h[0] = 0``: the identity,
        reflections, quarter turns. Points are numbered in C order.
    layout : ndarray of shape (channels, size)
        Feature of every grid point in every channel; channels move alike.
    """

    grid: tuple[int, ...]
    maps: Array
    layout: Array
