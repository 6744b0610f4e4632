"""Take a group apart into commuting pieces whose elements are weighted each by its own trace."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from symkernel.backends.element_tables import (
    ActionTable,
    MatrixTable,
    PointTable,
    SignedPermutationTable,
    table_matrices,
)
from symkernel.backends.fourier_tables import ShiftTable
from symkernel.exceptions import GroupTooLargeError
from symkernel.groups import Group
from symkernel.groups.along import places
from symkernel.groups.traces import traces
from symkernel.plans.base import Array
from symkernel.plans.weighted_tables import Table, require_entries

__all__ = ["Elements", "Piece", "elements_of", "pieces_of", "shift_elements"]

AnyTable = TypeVar("AnyTable", covariant=True)

# Most elements of all pieces together that are summed over.
MAX_ELEMENTS = 1_000_000
# Most numbers in their tables.
_MAX_NUMBERS = 200_000_000
# Largest dimension of points whose matrices the native core takes.
_MAX_COORDINATES = 64
# Largest dimension of points whose signed permutations are taken as matrices.
_MAX_TURNED = 8


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
class Elements(Generic[AnyTable]):
    """All elements of the product of some pieces.

    Attributes
    ----------
    table : Table, ShiftTable or BlockTable
        The elements, as maps of all features or by Fourier analysis.
    traces : ndarray of shape (elements, pieces)
        The trace of each in every piece.
    """

    table: AnyTable
    traces: NDArray[np.float64]


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


def elements_of(pieces: tuple[Piece, ...], degree: int, on_points: bool = True) -> Elements[Table]:
    """Return all elements of the product of finite pieces, with their traces.

    Parameters
    ----------
    pieces : tuple of Piece
        Finite groups.
    degree : int
        Features of a sample.
    on_points : bool, default=True
        Whether permutations of coordinates may be given as matrices that act on points.

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
    tables = [p.group.table(MAX_ELEMENTS) for p in pieces]
    dense = {k for k, t in enumerate(tables) if not isinstance(t, SignedPermutationTable)}
    turned = None if dense or not on_points else _turned(pieces, tables)
    if turned is not None:
        found = _product(pieces, tables, {turned}, degree)
        if isinstance(found.table, PointTable):
            return found
    return _product(pieces, tables, dense, degree)


def shift_elements(pieces: tuple[Piece, ...], table: ShiftTable) -> Elements[ShiftTable]:
    """Return shifts of a grid after maps of it, as elements of the product of some pieces.

    Parameters
    ----------
    pieces : tuple of Piece
        Permutations along different axes of the samples, whose product these shifts are.
    table : ShiftTable
        Its element ``h * size + s`` takes y to ``y[maps[h][p + s]]``.
    """
    grid, size = table.grid, table.layout.shape[1]
    degree = table.layout.size
    channel, point = np.empty(degree, np.int64), np.empty(degree, np.int64)
    channel[table.layout] = np.arange(len(table.layout))[:, None]
    point[table.layout] = np.arange(size)
    places_of_shifts = np.array(np.unravel_index(np.arange(size), grid))
    values = np.empty((len(table.maps), size, len(pieces)))
    for k, piece in enumerate(pieces):
        column = np.full(degree, -1)
        column[piece.places] = np.arange(piece.places.shape[1])
        features = piece.places[0]
        start = np.array(np.unravel_index(point[features], grid))  # (axes, r)
        moved = [a[:, None] + b for a, b in zip(places_of_shifts, start, strict=True)]
        there = np.ravel_multi_index(moved, grid, mode="wrap")  # (size, r)
        own = piece.group.table(MAX_ELEMENTS)
        assert isinstance(own, SignedPermutationTable)
        known = zip(own.indices, traces(piece.group, MAX_ELEMENTS), strict=True)
        trace_of = {row.tobytes(): trace for row, trace in known}
        for h, gathered in enumerate(table.maps):
            image = column[table.layout[channel[features], gathered[there]]].astype(np.int32)
            values[h, :, k] = [trace_of[row.tobytes()] for row in image]
    return Elements(table, values.reshape(-1, len(pieces)))


def _turned(pieces: tuple[Piece, ...], tables: list[ActionTable]) -> int | None:
    """Which piece of permuted coordinates is cheaper as matrices on points beside the others."""
    gains = {}
    for k, piece in enumerate(pieces):
        points, r = piece.places.shape
        order = len(tables[k])
        others = [t for j, t in enumerate(tables) if j != k]
        signed = any(isinstance(t, SignedPermutationTable) and t.signs is not None for t in others)
        if piece.covers and points > 1 and 1 < r <= _MAX_TURNED and not signed:
            gains[k] = order * points * r - (points * r * r + order * r)
    best = max(gains, key=lambda k: gains[k], default=None)
    return best if best is not None and gains[best] > 0 else None


def _product(
    pieces: tuple[Piece, ...], tables: list[ActionTable], turning: set[int], degree: int
) -> Elements[Table]:
    """All products of elements of the pieces, some of them as matrices."""
    indices = np.arange(degree, dtype=np.int64)[None]
    signs = np.ones((1, degree), np.int8)
    values = np.zeros((1, len(pieces)))
    turns: list[tuple[Piece, Array, Array]] = []
    for k, (piece, table) in enumerate(zip(pieces, tables, strict=True)):
        own = np.zeros((len(table), len(pieces)))
        own[:, k] = traces(piece.group, MAX_ELEMENTS)
        if k in turning or not isinstance(table, SignedPermutationTable):
            turns.append((piece, table_matrices(table), own))
            continue
        if len(indices) * len(own) * degree > _MAX_NUMBERS:
            require_entries(len(indices) * len(own), degree)
        moved, flips = _embedded(piece, table)
        # (g.(h.x))[i] = s_g[i] s_h[g[i]] x[h[g[i]]]
        signs = (flips[:, None] * signs[:, moved].transpose(1, 0, 2)).reshape(-1, degree)
        indices = indices[:, moved].transpose(1, 0, 2).reshape(-1, degree)
        values = (own[:, None] + values).reshape(-1, len(pieces))
    if not turns:
        flipped = None if (signs > 0).all() else np.ascontiguousarray(signs, np.int8)
        whole = SignedPermutationTable(np.ascontiguousarray(indices, np.int32), flipped)
        return Elements(whole, values)
    moved_points = _on_points(turns, indices, signs)
    if moved_points is not None:
        inner = turns[0][2]
        return Elements(moved_points, (values[:, None] + inner).reshape(-1, len(pieces)))
    for _, _, own in turns:
        values = (own[:, None] + values).reshape(-1, len(pieces))
    return Elements(_dense(turns, indices, signs), values)


def _embedded(
    piece: Piece, table: SignedPermutationTable
) -> tuple[NDArray[np.int64], NDArray[np.int8]]:
    """Elements of a piece as signed permutations of all features."""
    rows = piece.places
    indices = np.tile(np.arange(piece.degree), (len(table), 1))
    signs = np.ones((len(table), piece.degree), np.int8)
    for row in rows:
        indices[:, row] = row[table.indices]
        if table.signs is not None:
            signs[:, row] = table.signs
    return indices, signs


def _on_points(
    turns: list[tuple[Piece, Array, Array]],
    indices: NDArray[np.int64],
    signs: NDArray[np.int8],
) -> PointTable | None:
    """Elements as matrices on points and permutations of these, where they have that form."""
    (piece, matrices, _), *others = turns
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
    turns: list[tuple[Piece, Array, Array]],
    indices: NDArray[np.int64],
    signs: NDArray[np.int8],
) -> MatrixTable:
    """Elements as matrices on all features."""
    degree = indices.shape[1]
    count = len(indices) * math.prod(len(matrices) for _, matrices, _ in turns)
    require_entries(count, degree)
    total = SignedPermutationTable(indices.astype(np.int32), signs).as_matrices()
    for piece, matrices, _ in turns:
        whole = np.tile(np.eye(degree), (len(matrices), 1, 1))
        for row in piece.places:
            whole[:, row[:, None], row[None, :]] = matrices
        total = (whole[:, None] @ total[None]).reshape(-1, degree, degree)
    return MatrixTable(np.ascontiguousarray(total))
