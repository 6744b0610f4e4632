"""Find the features that a group mixes, from its generators."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from symkernel.groups.base import Group
from symkernel.groups.elements import SignedPermutation

__all__ = ["feature_orbits"]


def feature_orbits(group: Group) -> NDArray[np.intp]:
    """Label every feature by the set of features that the group mixes it with.

    Parameters
    ----------
    group : Group
        Any group; infinitesimal turns mix what they couple, shifts nothing.

    Returns
    -------
    ndarray of shape (degree,)
        From 0, in the order in which the sets first appear.

    Examples
    --------
    >>> from symkernel.groups import Symmetric
    >>> feature_orbits(Symmetric(3).along(0, (3, 2)))
    array([0, 1, 0, 1, 0, 1])
    """
    d = group.degree
    rows: list[NDArray[Any]] = [np.arange(d)]
    columns: list[NDArray[Any]] = [np.arange(d)]
    for g in group.generators:
        linear = g._parts()[0]
        if isinstance(linear, SignedPermutation):
            i, j = np.arange(d), np.asarray(linear.indices)
        else:
            i, j = np.nonzero(np.abs(linear.as_matrix()) > 1e-9)
        rows.append(i)
        columns.append(j)
    for xi in group.lie_algebra:
        i, j = np.nonzero(np.abs(xi.matrix) > 1e-9)
        rows.append(i)
        columns.append(j)
    i, j = np.concatenate(rows), np.concatenate(columns)
    graph = coo_array((np.ones(len(i), bool), (i, j)), shape=(d, d))
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.intp)
