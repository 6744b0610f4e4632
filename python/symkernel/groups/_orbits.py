"""Find orbits and stabilisers of samples, where no structure tells them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from symkernel.backends.element_tables import table_matrices
from symkernel.groups._arrays import exact_element
from symkernel.groups._built import Built
from symkernel.groups._checks import SAME_TOLERANCE
from symkernel.groups.elements import SignedPermutation

if TYPE_CHECKING:
    from symkernel.groups.base import Group

# Most elements, or samples of an orbit, that are listed.
_LISTED_ELEMENTS = 1_000_000
_LISTED_SAMPLES = 10_000


def signed_labels(X: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return integers that agree, change sign and vanish as the rows of X (d, k) do, (d,).

    A signed permutation keeps the columns of X exactly when it keeps the labels.
    """
    rows = X + 0.0  # -0.0 becomes 0.0
    # The sign of a row is that of its first entry that is not 0.
    first = (rows != 0).argmax(axis=1)
    signs = np.sign(rows[np.arange(len(rows)), first]).astype(np.int64)
    _, ranks = np.unique(
        rows * np.where(signs < 0, -1.0, 1.0)[:, None] + 0.0, axis=0, return_inverse=True
    )
    labels: NDArray[np.int64] = (ranks.reshape(-1).astype(np.int64) + 1) * signs
    return labels


def fixing_matrices(group: Group, X: NDArray[np.float64]) -> Group:
    """Return the elements of a finite group that keep the columns of X (d, k), by trying all."""
    matrices = table_matrices(group.table(_LISTED_ELEMENTS, "its elements are tried one by one"))
    tolerance = SAME_TOLERANCE * float(np.abs(X).max())
    kept = matrices[np.abs(matrices @ X - X).max(axis=(1, 2)) <= tolerance]
    # Each new generator at least doubles the group reached.
    found = Built.MatrixGroup([exact_element(kept[0])], limit=len(matrices))
    for matrix in kept:
        if found.order == len(kept):
            break
        element = exact_element(matrix)
        if not found.contains(element):
            found = Built.MatrixGroup([*found.generators, element], limit=len(matrices))
    return found


def mixed_features(group: Group) -> NDArray[np.intp]:
    """Return a label for every feature, equal where a generator mixes them, (d,).

    Labels count from 0 in the order of first members.
    """
    here = np.arange(group.degree)
    rows, columns = [here], [here]
    for g in group.generators:
        if isinstance(g, SignedPermutation):
            rows.append(here)
            columns.append(np.asarray(g.indices))
        else:
            i, j = np.nonzero(np.abs(g._parts()[0].as_matrix()) > 1e-9)
            rows.append(i)
            columns.append(j)
    for xi in group.lie_algebra:
        i, j = np.nonzero(np.abs(xi.matrix) > 1e-9)  # infinitesimal turns mix what they couple
        shifted = np.flatnonzero(xi.shift)  # centring mixes what is shifted together
        rows.extend((i, shifted[:-1]))
        columns.extend((j, shifted[1:]))
    i, j = np.concatenate(rows), np.concatenate(columns)
    graph = coo_array((np.ones(len(i)), (i, j)), shape=(group.degree, group.degree))
    labels = connected_components(graph, directed=False)[1]
    _, first, ranks = np.unique(labels, return_index=True, return_inverse=True)
    order = np.empty(len(first), dtype=np.intp)
    order[np.argsort(first)] = np.arange(len(first))
    return order[ranks]


def infinite_stabilizer(group: Group, X: NDArray[np.float64]) -> Group:
    """Return the group itself where it keeps the columns of X; else raise ValueError."""
    moved = any(_moves(group, column) for column in X.T)
    tolerance = SAME_TOLERANCE * float(np.abs(X).max())
    if not moved and all(np.abs(g.apply(X.T) - X.T).max() <= tolerance for g in group.generators):
        return group
    how = (
        "its Lie algebra moves the sample, and what keeps it is no group known here"
        if moved
        else "infinitely many elements keep the sample, but not all of them"
    )
    raise ValueError(f"{group!r} is infinite: {how}; orbit_size tells whether the orbit is finite")


def infinite_orbit(group: Group, x: NDArray[np.float64]) -> int | float:
    """Return the size of the orbit of x (d,) under an infinite group."""
    if _moves(group, x):
        return math.inf
    # The connected part of the group is normal and keeps x, hence all of the orbit.
    tolerance = SAME_TOLERANCE * float(np.abs(x).max())
    orbit = x[None].copy()
    count = 0
    while count < len(orbit):
        for g in group.generators:
            image = g.apply(orbit[count])
            if np.abs(orbit - image).max(axis=1).min() > tolerance:
                orbit = np.concatenate([orbit, image[None]])
        count += 1
        if len(orbit) > _LISTED_SAMPLES:
            raise ValueError(
                f"the orbit of x under {group!r} has more than {_LISTED_SAMPLES} samples; those "
                "of infinite groups are listed one by one"
            )
    return count


def _moves(group: Group, x: NDArray[np.float64]) -> bool:
    largest = float(np.abs(x).max())
    return any(np.abs(xi.apply(x)).max() > SAME_TOLERANCE * largest for xi in group.lie_algebra)
