"""Take a group apart into commuting pieces whose elements are weighted each by its own trace."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from symkernel.backends.element_tables import MatrixTable, PointTable, SignedPermutationTable
from symkernel.exceptions import GroupTooLargeError
from symkernel.groups import Group
from symkernel.groups.along import places
from symkernel.groups.traces import traces
from symkernel.plans.base import Array
from symkernel.plans.weighted_tables import Table, require_entries

__all__ = ["Class", "Piece", "classes", "pieces_of"]

# Most elements of all pieces together that are summed over.
MAX_ELEMENTS = 1_000_000
# Most numbers in their tables.
_MAX_NUMBERS = 200_000_000
# Largest dimension of points whose matrices the native core takes.
_MAX_COORDINATES = 64
# Traces are told apart by this.
_CELL = 1e-9


@dataclass(frozen=True, eq=False)
class Piece:
    """A group that acts on some features, alike at every point.

    Attributes
    ----------
    group : Group
        Atomic group of as many features as a point has.
    places : ndarray of shape (points, coordinates)
        Features of every point, among ``degree``.
    degree : int
        Features of a sample.
    """

    group: Group
    places: NDArray[np.int64]
    degree: int

    @property
    def covers(self) -> bool:
        """Whether its points hold all features."""
        return bool(self.places.size == self.degree)


@dataclass(frozen=True, eq=False)
class Class:
    """Elements that have the same traces in all pieces.

    Attributes
    ----------
    table : Table
        The elements, closed under inversion.
    count : int
        How many pairs, triples, ... of elements of the pieces these are.
    traces : ndarray of shape (pieces,)
        Their traces.
    """

    table: Table
    count: int
    traces: Array


def pieces_of(group: Group) -> tuple[Piece, ...]:
    """Return the pieces of a group without translations, in the order of its factors.

    Groups on columns of their own are a piece each.
    """
    found = []
    for f in group.structure.factors:
        rows = places(f.axes, f.shape)
        if f.group.role.parts:
            for inner, columns in f.group.role.parts:
                if inner.log_order > 0.5:
                    found.append(Piece(inner, rows[:, list(columns)], group.degree))
        else:
            found.append(Piece(f.group, rows, group.degree))
    return tuple(found)


def classes(pieces: tuple[Piece, ...], degree: int) -> tuple[Class, ...]:
    """Return all elements of the product of finite pieces, by their traces.

    Raises
    ------
    GroupTooLargeError
        If there are more than a million, or their tables would not fit.
    """
    log_count = sum(p.group.log_order for p in pieces)
    if log_count > math.log(MAX_ELEMENTS):
        largest = max(pieces, key=lambda p: p.group.log_order).group
        raise GroupTooLargeError(
            repr(largest),
            largest.order,
            MAX_ELEMENTS,
            "a weighted sum takes every element; RBF, Matern and RationalQuadratic have a closed "
            "form for Symmetric, Young, Hyperoctahedral and SignFlips alone, and softness=0 or 1 "
            "on such a factor needs no weights; ChainKernel mixes averages over groups",
        )
    sorted_by = [_by_trace(p) for p in pieces]
    return tuple(
        Class(
            _joined(pieces, chosen, degree),
            math.prod(len(rows) for _, rows in chosen),
            np.array([trace for trace, _ in chosen]),
        )
        for chosen in product(*sorted_by)
    )


def _by_trace(piece: Piece) -> list[tuple[float, NDArray[np.intp]]]:
    """Traces that occur in a piece, and the ranks of the elements that have each."""
    values = traces(piece.group, MAX_ELEMENTS)
    cells = np.rint(values / _CELL).astype(np.int64)
    return [(float(values[cells == c][0]), np.flatnonzero(cells == c)) for c in np.unique(cells)]


def _joined(
    pieces: tuple[Piece, ...], chosen: tuple[tuple[float, NDArray[np.intp]], ...], degree: int
) -> Table:
    """Products of chosen elements of the pieces, as maps of all features."""
    indices = np.arange(degree, dtype=np.int64)[None]
    signs = np.ones((1, degree), np.int8)
    turns: list[tuple[Piece, Array]] = []
    for piece, (_, ranks) in zip(pieces, chosen, strict=True):
        table = piece.group.table(MAX_ELEMENTS)
        if not isinstance(table, SignedPermutationTable):
            turns.append((piece, table.matrices[ranks]))
            continue
        if len(indices) * len(ranks) * degree > _MAX_NUMBERS:
            require_entries(len(indices) * len(ranks), degree)
        own, flips = _embedded(piece, table, ranks)
        # (g.(h.x))[i] = s_g[i] s_h[g[i]] x[h[g[i]]]
        signs = (flips[:, None] * signs[:, own].transpose(1, 0, 2)).reshape(-1, degree)
        indices = indices[:, own].transpose(1, 0, 2).reshape(-1, degree)
    if not turns:
        flipped = None if (signs > 0).all() else np.ascontiguousarray(signs, np.int8)
        return SignedPermutationTable(np.ascontiguousarray(indices, np.int32), flipped)
    moved = _on_points(turns, indices, signs)
    return _dense(turns, indices, signs) if moved is None else moved


def _embedded(
    piece: Piece, table: SignedPermutationTable, ranks: NDArray[np.intp]
) -> tuple[NDArray[np.int64], NDArray[np.int8]]:
    """Some elements of a piece as signed permutations of all features."""
    rows = piece.places
    indices = np.tile(np.arange(piece.degree), (len(ranks), 1))
    signs = np.ones((len(ranks), piece.degree), np.int8)
    for row in rows:
        indices[:, row] = row[table.indices[ranks]]
        if table.signs is not None:
            signs[:, row] = table.signs[ranks]
    return indices, signs


def _on_points(
    turns: list[tuple[Piece, Array]], indices: NDArray[np.int64], signs: NDArray[np.int8]
) -> PointTable | None:
    """Elements as matrices on points and permutations of these, where they have that form."""
    (piece, matrices), *others = turns
    rows = piece.places
    if others or not piece.covers or len(rows) == 1 or rows.shape[1] > _MAX_COORDINATES:
        return None
    if (signs < 0).any():
        return None
    point = np.empty(piece.degree, np.int64)
    point[rows.ravel()] = np.repeat(np.arange(len(rows)), rows.shape[1])
    moved = point[indices[:, rows[:, 0]]]  # where each point is gathered from
    if not np.array_equal(rows[moved], indices[:, rows]):
        return None
    layout = rows.ravel()
    own = None if np.array_equal(layout, np.arange(layout.size)) else layout
    return PointTable(
        np.ascontiguousarray(moved, np.int32), np.ascontiguousarray(matrices, np.float64), own
    )


def _dense(
    turns: list[tuple[Piece, Array]], indices: NDArray[np.int64], signs: NDArray[np.int8]
) -> MatrixTable:
    """Elements as matrices on all features."""
    degree = indices.shape[1]
    count = len(indices) * math.prod(len(matrices) for _, matrices in turns)
    require_entries(count, degree)
    total = SignedPermutationTable(indices.astype(np.int32), signs).as_matrices()
    for piece, matrices in turns:
        whole = np.tile(np.eye(degree), (len(matrices), 1, 1))
        for row in piece.places:
            whole[:, row[:, None], row[None, :]] = matrices
        total = (whole[:, None] @ total[None]).reshape(-1, degree, degree)
    return MatrixTable(np.ascontiguousarray(total))
