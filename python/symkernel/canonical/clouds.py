"""Describe groups that turn, move and exchange points, and batches of their elements."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from symkernel.canonical.transporters import Transporters
from symkernel.groups import Group
from symkernel.groups.along import places
from symkernel.groups.elements import Element, OrthogonalMatrix
from symkernel.groups.factor import Factor
from symkernel.groups.motion import Motion
from symkernel.groups.structure import other_axes
from symkernel.validation import as_array

__all__ = ["CloudAction", "CloudTransporters", "as_weights", "cloud_action"]

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class CloudAction:
    """A group as motions of points, alike for all points, and exchanges of them.

    Parameters
    ----------
    places : ndarray of int of shape (points, d)
        Features of every point.
    turns : bool
        Whether SO(d) or O(d) is a factor.
    reflects : bool
        Whether it is O(d).
    moves : bool
        Whether Translations(d) is a factor.
    blocks : tuple of tuple of int, optional
        Points that may be exchanged with each other; None where points keep their labels.
    """

    places: NDArray[np.int64]
    turns: bool
    reflects: bool
    moves: bool
    blocks: tuple[tuple[int, ...], ...] | None

    @property
    def n_points(self) -> int:
        """Number of points."""
        return len(self.places)

    @property
    def dim(self) -> int:
        """Number of coordinates of a point."""
        return int(self.places.shape[1])

    @property
    def in_order(self) -> bool:
        """Whether features are points one after the other."""
        return np.array_equal(self.places.ravel(), np.arange(self.places.size))

    def clouds(self, X: Array) -> Array:
        """Rows (n, features) as clouds (n, points, d), C-ordered; a view where possible."""
        if self.in_order:
            return np.ascontiguousarray(X).reshape(len(X), *self.places.shape)
        return np.ascontiguousarray(X[:, self.places])

    def rows(self, clouds: Array) -> Array:
        """Clouds (n, points, d) as rows (n, features)."""
        flat = clouds.reshape(len(clouds), self.places.size)
        if self.in_order:
            return flat
        out = np.empty_like(flat)
        out[:, self.places.ravel()] = flat
        return out

    def permuted(self, order: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
        """Indices of features (n, features) for orders of points (n, points)."""
        return self.rows(self.places[order])


def cloud_action(group: Group) -> CloudAction:
    """Take apart a group on clouds.

    Parameters
    ----------
    group : Group
        SO(d), O(d), Translations(d), SE(d) or E(d) along some axes of an array, beside Symmetric
        or Young along all other axes; or any of these alone.

    Raises
    ------
    ValueError
        If it is another group; the message says what was found.
    """
    structure = group.structure
    heads = (*structure.centres, *structure.rotations)
    others = [f for f in structure.factors if not f.group.role.rotates]
    if not heads and len(others) == 1:
        return _exchanges_alone(group, others[0])
    alike = {(f.axes, f.shape) for f in heads}
    turning = structure.rotations
    if len(alike) != 1 or len(turning) > 1 or len(heads) > len(turning) + 1 or len(others) > 1:
        raise _unknown(group)
    head = heads[0]
    at = places(head.axes, head.shape)
    blocks = None
    if others:
        blocks = _exchanges(others[0], head)
        if blocks is None:
            raise _unknown(group)
    return CloudAction(
        at,
        turns=bool(turning),
        reflects=bool(turning) and turning[0].group.role.reflections,
        moves=len(heads) > len(turning),
        blocks=blocks,
    )


def _exchanges_alone(group: Group, factor: Factor) -> CloudAction:
    rest = other_axes(factor.axes, factor.shape)
    blocks = _exchanges(factor, Factor(factor.group, rest, factor.shape))
    if blocks is None:
        raise _unknown(group)
    return CloudAction(places(rest, factor.shape), False, False, False, blocks)


def _exchanges(factor: Factor, head: Factor) -> tuple[tuple[int, ...], ...] | None:
    """Points that a factor exchanges, in blocks; None if it does anything else."""
    role = factor.group.role
    if factor.shape != head.shape or factor.axes != other_axes(head.axes, head.shape):
        return None
    return tuple(map(tuple, role.blocks)) if role.sorts else None


def _unknown(group: Group) -> ValueError:
    return ValueError(
        f"{group!r} has no frames here: SO(d), O(d), Translations(d), SE(d) and E(d) along some "
        "axes have, beside Symmetric or Young along all others, or any of these alone"
    )


def as_weights(weights: ArrayLike | None, points: int) -> NDArray[np.float64]:
    """Masses of points, the largest 1; equal ones for None.

    Raises
    ------
    ValueError
        If there is not one positive finite number for each point.
    """
    if weights is None:
        return np.ones(points)
    array = np.asarray(as_array(weights, "weights"), np.float64)
    if array.shape != (points,):
        raise ValueError(f"weights must have shape ({points},), one per point; got {array.shape}")
    if not (np.isfinite(array).all() and (array > 0).all()):
        raise ValueError(f"weights must be positive and finite, got {array.tolist()}")
    relative: NDArray[np.float64] = array / array.max()
    return relative


@dataclass(frozen=True, eq=False, repr=False)
class CloudTransporters(Transporters):
    """Motions of clouds: every point x_j of sample i goes to matrices[i] x_j + shifts[i].

    Parameters
    ----------
    places : ndarray of int of shape (points, d)
        Features of every point.
    matrices : ndarray of float64 of shape (n, d, d), optional
        None where every element is a shift.
    shifts : ndarray of float64 of shape (n, d), optional
        None where every element is linear.
    """

    places: NDArray[np.int64]
    matrices: NDArray[np.float64] | None
    shifts: NDArray[np.float64] | None = None

    def __len__(self) -> int:
        values = self.shifts if self.matrices is None else self.matrices
        assert values is not None
        return len(values)

    @property
    def degree(self) -> int:
        """Number of features d that the elements act on."""
        return self.places.size

    def _element(self, i: int) -> Element:
        rows, features = self.places, self.places.size
        matrix = None
        if self.matrices is not None:
            matrix = np.zeros((features, features))
            matrix[rows[:, :, None], rows[:, None, :]] = self.matrices[i]
        if self.shifts is None:
            assert matrix is not None
            return OrthogonalMatrix._trusted(matrix)
        shift = np.empty(features)
        shift[rows] = self.shifts[i]
        return Motion._trusted(matrix, shift)

    def _apply(self, X: Array) -> Array:
        moved = X[:, self.places]
        if self.matrices is not None:
            moved = moved @ self.matrices.transpose(0, 2, 1).astype(X.dtype, copy=False)
        if self.shifts is not None:
            moved = moved + self.shifts[:, None].astype(X.dtype, copy=False)
        out = np.empty_like(X)
        out[:, self.places] = moved
        return out

    def pull_back(self, V: Array) -> Array:
        """Apply the transposed linear part of element i to the rows of V[i], (n, c, d)."""
        if self.matrices is None:
            return V
        out = np.empty_like(V)
        matrices = self.matrices[:, None].astype(V.dtype, copy=False)
        out[:, :, self.places] = V[:, :, self.places] @ matrices
        return out

    def take(self, rows: NDArray[np.integer[Any]]) -> CloudTransporters:
        """Return the elements of some of the samples."""
        parts = (None if p is None else p[rows] for p in (self.matrices, self.shifts))
        return CloudTransporters(self.places, *parts)

    def joined(self, others: Sequence[Transporters]) -> CloudTransporters:
        """Return the elements of this batch and of others that the same form has made."""
        batches = (self, *(other for other in others if isinstance(other, CloudTransporters)))
        matrices = [b.matrices for b in batches if b.matrices is not None]
        shifts = [b.shifts for b in batches if b.shifts is not None]
        return CloudTransporters(
            self.places,
            np.concatenate(matrices) if matrices else None,
            np.concatenate(shifts) if shifts else None,
        )


def stabilizer_orders(
    action: CloudAction,
    ranks: NDArray[np.int32],
    symmetries: NDArray[np.int64] | None = None,
    coincident: NDArray[np.bool_] | None = None,
) -> NDArray[np.object_]:
    """Numbers of elements that fix clouds which span ``ranks`` dimensions; -1 for infinite.

    Turns of the directions a cloud does not span fix it: SO(d - r) or O(d - r). Beside them come
    the turns that permute the points, and exchanges of coinciding points.
    """
    free = action.dim - ranks.astype(np.int64)
    orders = np.ones(len(ranks), dtype=object)
    if symmetries is not None:
        orders = orders * symmetries.astype(object)
    if action.reflects:
        orders[free == 1] *= 2
    if coincident is not None:
        for i in np.flatnonzero(coincident.any(axis=1)):
            orders[i] *= _exchange_count(coincident[i].tolist())
    if action.turns:
        orders[free >= 2] = -1
    return orders


def _exchange_count(coincident: Sequence[bool]) -> int:
    """Product of the factorials of the lengths of runs of coinciding points."""
    count, run = 1, 1
    for same in (*coincident[1:], False):
        if same:
            run += 1
        else:
            count, run = count * math.factorial(run), 1
    return count
