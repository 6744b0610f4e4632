"""Find the directions along which an invariant function can change."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symkernel.groups.along import places
from symkernel.groups.structure import Structure

Array = NDArray[Any]

# Motions of a sample that are smaller than this beside its largest are none: their directions are
# known to eps over it.
_FLAT = 1e-7


def seen_directions(structure: Structure, X: Array) -> Array | None:
    """Orthonormal directions (n, m, d) at right angles to the orbits of samples X (n, d).

    Derivatives along an orbit are zero for every invariant function: those along translations, and
    along rotations of clouds, about their centres where translations are removed. An observation of
    one tells nothing, and is left out of a joint matrix without changing what is predicted.

    Parameters
    ----------
    structure : Structure
        Of the group.
    X : ndarray of shape (n, d)
        Samples, as the group acts on them.

    Returns
    -------
    ndarray of shape (n, m, d) or None
        m is the largest number of any sample, 3 points - 6 of clouds in space under SE(3) that are
        not all on a line; samples with fewer have some along their orbits as well. None where all
        directions count, or none does.

    Notes
    -----
    One singular value decomposition of r x d numbers per sample, r rotations in planes of axes.

    Examples
    --------
    >>> from symkernel.groups import SE
    >>> seen_directions(SE(3).along(1, (4, 3)).structure, np.eye(12)[:1]).shape
    (1, 7, 12)
    """
    d = X.shape[1]
    tangents = _rotated(structure, X)
    spread, axes = np.linalg.eigh(structure.centred(np.eye(d)))
    free = axes.T[spread > 0.5]  # of a projection
    if len(X) == 0 or len(free) == 0 or (len(free) == d and tangents.shape[1] == 0):
        return None
    _, sizes, rows = np.linalg.svd(tangents @ free.T, full_matrices=True)
    ranks = (sizes > _FLAT * sizes.max(axis=1, initial=0.0, keepdims=True)).sum(axis=1)
    m = len(free) - int(ranks.min())
    return np.ascontiguousarray(rows[:, len(free) - m :] @ free)


def _rotated(structure: Structure, X: Array) -> Array:
    """Velocities (n, r, d) of samples that are rotated in each plane of two axes."""
    shape, moved = structure.shape, []
    for factor in structure.rotations:
        assert shape is not None  # of factors along axes
        at = places(factor.axes, shape)  # (points, coordinates)
        for i, j in combinations(range(at.shape[1]), 2):
            velocity = np.zeros_like(X)
            velocity[:, at[:, i]], velocity[:, at[:, j]] = -X[:, at[:, j]], X[:, at[:, i]]
            moved.append(velocity)
    return np.stack(moved, axis=1) if moved else np.empty((len(X), 0, X.shape[1]))
