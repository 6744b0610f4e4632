"""Tell elements of a finite group by the trace of a small orthogonal representation."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from symkernel.backends.element_tables import SignedPermutationTable
from symkernel.groups.base import Group
from symkernel.groups.role import Kind

__all__ = ["traces"]

Array = NDArray[np.float64]


def traces(group: Group, limit: int) -> Array:
    """Return tr T(g) of every element of an atomic group, in the order of ``table(limit)``.

    T is an orthogonal representation, so that the trace is the same for g and its inverse, and for
    all elements of a conjugacy class; it is largest for what leaves every sample as it is.

    Parameters
    ----------
    group : Group
        Finite group.
    limit : int
        Largest order that may be enumerated.

    Returns
    -------
    ndarray of shape (order,)
        Rings: the turn and mirror images of the plane, so that small shifts differ from large
        ones, where the matrix on the features has the trace 0 for every shift. Images: the turn of
        the plane, and the mean over both signs of the waves of lowest frequency for shifts. Graphs:
        nodes that stay. All else: the matrix on the features, which counts those that stay, with
        their signs.

    Raises
    ------
    GroupTooLargeError
        If the group has more elements than that.
    """
    own = group._small_traces(limit)
    if own is not None:
        return own
    table = group.table(limit)
    if not isinstance(table, SignedPermutationTable):
        return np.asarray(np.einsum("gii->g", table.matrices))
    indices = table.indices.astype(np.int64)
    count, d = indices.shape
    if group.role.kind is Kind.RING and d > 1:
        turns = (indices[:, 1] - indices[:, 0]) % d == 1
        return np.asarray(np.where(turns, 2.0 * np.cos(2.0 * np.pi * indices[:, 0] / d), 0.0))
    if group.role.kind is Kind.GRAPH and len(group.shape) == 2:
        n, columns = group.shape
        nodes = indices[:, ::columns] // columns
        return np.asarray((nodes == np.arange(n)).sum(axis=1), np.float64)
    signs = np.ones((count, d)) if table.signs is None else table.signs
    return np.asarray(((indices == np.arange(d)) * signs).sum(axis=1), np.float64)
