"""Turn clouds by Kabsch's formula, for each of a few permutations of the points."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from symkernel.alignment.base import Array, Pairs, Route
from symkernel.alignment.procrustes import procrustes
from symkernel.alignment.transporters import PointTransporters
from symkernel.backends import pairs
from symkernel.backends.element_tables import SignedPermutationTable
from symkernel.exceptions import NotApplicableError
from symkernel.groups import Group
from symkernel.groups.along import places
from symkernel.groups.factor import Factor
from symkernel.groups.structure import other_axes

__all__ = ["MAX_ROWS", "Cloud", "Rotation", "cloud_of"]

#: Permutations of points that are tried one by one beside rotations of space, and of R^d, d > 3.
MAX_ROWS, MAX_ROWS_BEYOND = 100_000, 1_000

# Pairs whose singular value decompositions are held at once.
_BLOCK = 4096


@dataclass(frozen=True)
class Cloud:
    """A group that rotates points and may permute them.

    Parameters
    ----------
    places : ndarray of shape (p, r)
        Features by point and coordinate.
    reflections : bool
        Whether rotations are all of O(r) or SO(r) alone.
    permutations : Group
        What acts on the points, on p features.
    factors : tuple of Factor
        The same as factors.
    """

    places: Array
    reflections: bool
    permutations: Group
    factors: tuple[Factor, ...]

    def points(self, X: Array) -> Array:
        """Samples as points, float64 (n, p, r)."""
        return np.ascontiguousarray(X[:, self.places], dtype=np.float64)


def cloud_of(group: Group) -> Cloud:
    """Read a linear group as rotations of a cloud beside permutations of its points.

    Raises
    ------
    NotApplicableError
        If it is not that.
    """
    structure = group.structure
    heads = [f for f in structure.rotations if not f.group.is_finite]
    if len(heads) != 1 or structure.shape is None:
        raise NotApplicableError(
            f"{group!r} is not SO(d) or O(d) on points beside permutations of the points"
        )
    head, shape = heads[0], structure.shape
    permutations = structure.point_permutations(head)
    if permutations is None:
        raise NotApplicableError(
            f"{group!r} acts on points by more than rotations and permutations"
        )
    rest = other_axes(head.axes, shape)
    moved = tuple(
        Factor(f.group, tuple(map(rest.index, f.axes)), tuple(shape[a] for a in rest))
        for f in structure.beside(head)
    )
    reflections = head.group.role.reflections
    return Cloud(places(head.axes, shape), reflections, permutations, moved)


class Rotation(Route):
    """The best rotation R for every pair, and the best of the permutations of points beside it.

    Parameters
    ----------
    group : Group
        SO(d) or O(d) along some axes, and perhaps permutations of points along the others: at most
        ``MAX_ROWS`` of them (1000 for d > 3).

    Raises
    ------
    NotApplicableError
        For other groups, or more permutations.

    Notes
    -----
    Kabsch, Acta Cryst. A32 (1976); Umeyama, IEEE PAMI 13 (1991). With x_i the points of x and
    M = sum_i x_i y_i^T = U S V^T, R = U V^T, up to a sign where SO(d) asks for it; that is exact.
    The distance is that of the points themselves, so that congruent clouds are at distance 0 to
    rounding, collinear and planar ones included. Native for d = 2 and 3; LAPACK beyond.
    """

    name = "rotation"

    def __init__(self, group: Group) -> None:
        self._cloud = cloud = cloud_of(group)
        self._points, self._dimension = cloud.places.shape
        count = cloud.permutations.order
        most = MAX_ROWS if self._dimension <= 3 else MAX_ROWS_BEYOND
        if count > most:
            raise NotApplicableError(
                f"{group!r} has {count:,} permutations of points, each of which takes a rotation; "
                f"at most {most:,} are tried one by one"
            )
        table = cloud.permutations.table(most)
        assert isinstance(table, SignedPermutationTable)
        self._rows = table.indices
        kind = f"{'O' if cloud.reflections else 'SO'}({self._dimension})"
        beside = "" if count == 1 else f", for each of {count:,} permutations of the points"
        self.steps = (f"best {kind} by a singular value decomposition{beside}",)

    def squares(self, X: Array, Y: Array | None, n_jobs: int | None = None) -> Array:
        """Squared distances of all pairs, (n, m); ``Y=None`` means X."""
        x = self._cloud.points(X)
        y = None if Y is None else self._cloud.points(Y)
        if self._dimension in (2, 3):
            found = pairs.rotate(x, y, self._rows, self._cloud.reflections, n_jobs)
            return found.astype(X.dtype, copy=False)
        other = x if y is None else y
        found = np.empty((len(x), len(other)))
        i, j = np.triu_indices(len(x)) if y is None else np.indices(found.shape).reshape(2, -1)
        for start in range(0, len(i), _BLOCK):
            a, b = i[start : start + _BLOCK], j[start : start + _BLOCK]
            found[a, b] = self._rows_beyond(x[a], other[b])[0]
            if y is None:
                found[b, a] = found[a, b]
        return found.astype(X.dtype, copy=False)

    def pairs(self, X: Array, Y: Array, n_jobs: int | None = None) -> Pairs:
        """Row i of X aligned with row i of Y."""
        x, y = self._cloud.points(X), self._cloud.points(Y)
        if self._dimension in (2, 3):
            squares, matrices, which = pairs.rotate_rows(
                x, y, self._rows, self._cloud.reflections, n_jobs
            )
        else:
            squares, matrices, which = self._rows_beyond(x, y)
        rows = None if len(self._rows) == 1 else self._rows[which]
        squares = squares.astype(X.dtype, copy=False)
        return Pairs(squares, PointTransporters(matrices, self._cloud.places, rows), squares)

    def _rows_beyond(self, x: Array, y: Array) -> tuple[Array, Array, Array]:
        """Rows of points with rows of points, in any dimension."""
        squares = np.full(len(x), np.inf)
        matrices = np.zeros((len(x), self._dimension, self._dimension))
        which = np.zeros(len(x), dtype=np.int64)
        for number, row in enumerate(self._rows):
            found, turned = procrustes(x, y[:, row], self._cloud.reflections)
            nearer = found < squares
            squares[nearer], matrices[nearer] = found[nearer], turned[nearer]
            which[nearer] = number
        return squares, matrices, which
