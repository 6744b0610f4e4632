"""Measure how far a sample is from those where a lexicographic minimum jumps."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from symkernel.canonical.base import norms
from symkernel.groups import Group, SignedPermutation

__all__ = ["exchanged_features", "tie_gap"]


def exchanged_features(group: Group) -> tuple[NDArray[np.int64], ...]:
    """Orbits of two or more entries of (x, -x) under a group of signed permutations.

    Without signs those are features; of an orbit and its negative only one is returned.
    """
    d = group.degree
    pairs = []
    for g in group.generators:
        assert isinstance(g, SignedPermutation)
        signs = np.ones(d) if g.signs is None else g.signs
        flipped = d * (signs < 0)
        pairs.append(np.stack([np.arange(d), g.indices + flipped]))
        pairs.append(np.stack([np.arange(d) + d, g.indices + d - flipped]))
    if not pairs:
        return ()
    rows, columns = np.concatenate(pairs, axis=1)
    graph = coo_array((np.ones(len(rows), np.int8), (rows, columns)), shape=(2 * d, 2 * d))
    _, labels = connected_components(graph, directed=False)
    orbits = [np.flatnonzero(labels == label) for label in dict.fromkeys(labels[:d].tolist())]
    kept: list[NDArray[np.int64]] = []
    seen: set[frozenset[int]] = set()
    for orbit in orbits:
        mirrored = frozenset(((orbit + d) % (2 * d)).tolist())
        if len(orbit) > 1 and mirrored not in seen:
            seen.add(frozenset(orbit.tolist()))
            kept.append(orbit.astype(np.int64))
    return tuple(kept)


def tie_gap(X: NDArray[Any], orbits: tuple[NDArray[np.int64], ...]) -> NDArray[np.float64]:
    """Distance of rows (n, d) to the nearest where two exchangeable entries tie, or less.

    While no two entries that the group can exchange change their order, the same element takes a
    sample to its least image. Moving two entries together costs their difference over sqrt(2), an
    entry and its own negative the entry itself. Relative to the norm of the row; ``inf`` for rows
    that the group fixes, whose images nearby are all nearby.
    """
    signed = np.concatenate([X, -X], axis=1).astype(np.float64) / 2  # differences are finite
    least = np.full(len(X), np.inf)
    fixed = np.ones(len(X), bool)
    for orbit in orbits:
        values = np.sort(signed[:, orbit], axis=1)
        least = np.minimum(least, np.diff(values, axis=1).min(axis=1) * math.sqrt(2.0))
        if (orbit >= X.shape[1]).any():  # perhaps entries with their own negatives
            own = orbit[np.isin(orbit + X.shape[1], orbit)]
            least = np.minimum(least, np.abs(X[:, own]).min(axis=1, initial=np.inf))
        fixed &= values[:, 0] == values[:, -1]
    size = norms(X)
    gap: NDArray[np.float64] = np.divide(least, size, out=np.full(len(X), np.inf), where=size > 0)
    np.minimum(gap, 1.0, out=gap)
    gap[fixed] = np.inf
    return gap
