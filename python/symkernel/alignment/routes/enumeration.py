"""Try all elements of a finite group, one by one, and keep the nearest."""

from __future__ import annotations

import numpy as np

from symkernel.alignment.base import Array, Pairs, Route
from symkernel.alignment.transporters import PointTransporters
from symkernel.backends import cpu, pairs
from symkernel.backends.element_tables import MatrixTable, PointTable, SignedPermutationTable
from symkernel.backends.fourier_tables import ShiftTable
from symkernel.canonical.transporters import (
    MotionTransporters,
    PermutationTransporters,
    Transporters,
)
from symkernel.groups import Group
from symkernel.groups.grid_shifts import shift_table

__all__ = ["MAX_ELEMENTS", "Enumeration", "enumeration_cost"]

#: More elements than this are not enumerated.
MAX_ELEMENTS = 10_000_000

Table = SignedPermutationTable | MatrixTable | PointTable | ShiftTable


class Enumeration(Route):
    """The least of |x - g y|^2 over all elements g of a finite group.

    The inner products x . g y come from the tiles of the orbit sum, or, where the group shifts a
    grid, from a Fourier transform; the largest and its element are kept, so that |G| n m numbers
    are never stored. Where |x|^2 + |y|^2 - 2 x . g y cancels, it is replaced by the sum of squared
    differences: samples of one orbit are at distance 0 up to the rounding of the samples.

    Parameters
    ----------
    group : Group
        Finite group with at most ``MAX_ELEMENTS`` elements.

    Raises
    ------
    GroupTooLargeError
        If the group has more elements than that.
    """

    name = "enumeration"

    def __init__(self, group: Group) -> None:
        self._table, how = _cheapest(group)
        count = f"{group.order:,} element" + ("s" if group.order > 1 else "")
        self.steps = (f"nearest over {count}", how)

    def squares(self, X: Array, Y: Array | None, n_jobs: int | None = None) -> Array:
        """Squared distances of all pairs, (n, m); ``Y=None`` means X, at half the cost."""
        return pairs.nearest(self._table, X, Y, n_jobs)

    def pairs(self, X: Array, Y: Array, n_jobs: int | None = None) -> Pairs:
        """Row i of X aligned with row i of Y."""
        squares, numbers = pairs.nearest_elements(self._table, X, Y, n_jobs)
        return Pairs(squares, _transporters(self._table, numbers), squares)


def enumeration_cost(group: Group) -> float:
    """Multiply-adds per pair, about."""
    return float(group.order) * group.degree if group.order <= MAX_ELEMENTS else np.inf


def _cheapest(group: Group) -> tuple[Table, str]:
    # Transforms take over where they are worth their tables.
    if group.is_finite and group.order * group.degree > 64 and group.order <= MAX_ELEMENTS:
        shifts = shift_table(group)
        if shifts is not None:
            try:
                work = len(shifts.maps) * cpu.shift_cost(shifts.grid, len(shifts.layout))
            except ValueError:  # an axis that the transform does not support
                work = np.inf
            if work < float(group.order) * group.degree:
                return shifts, "correlations by Fourier transforms"
    points = group.point_table(MAX_ELEMENTS)
    if points is not None:
        (s, p), (h, r) = points.rows.shape, points.matrices.shape[:2]
        if s * (p * r * r + h * r * r) <= s * h * p * r:
            return points, f"one {r} x {r} product per pair of {p}-point sets"
    table = group.table(MAX_ELEMENTS)
    if isinstance(table, SignedPermutationTable):
        return table, ("" if table.signs is None else "signed ") + "permuted panels"
    return table, "transformed panels"


def _transporters(table: Table, numbers: Array) -> Transporters:
    if isinstance(table, SignedPermutationTable):
        signs = None if table.signs is None else table.signs[numbers]
        return PermutationTransporters(table.indices[numbers], signs)
    if isinstance(table, MatrixTable):
        return MotionTransporters(table.matrices[numbers])
    if isinstance(table, PointTable):
        row, matrix = np.divmod(numbers, len(table.matrices))
        p, r = table.rows.shape[1], table.matrices.shape[1]
        layout = np.arange(p * r) if table.layout is None else table.layout
        rows = None if len(table.rows) == 1 else table.rows[row]
        return PointTransporters(table.matrices[matrix], layout.reshape(p, r), rows)
    map_number, shift = np.divmod(numbers, table.maps.shape[1])
    coordinates = np.indices(table.grid).reshape(len(table.grid), -1)
    moved = coordinates[:, None, :] + coordinates[:, shift][:, :, None]
    points = np.ravel_multi_index(tuple(moved), table.grid, mode="wrap")  # (n, size)
    sources = np.take_along_axis(table.maps[map_number], points, axis=1)
    indices = np.empty((len(numbers), table.layout.size), dtype=np.int64)
    for channel in table.layout:
        indices[:, channel] = channel[sources]
    return PermutationTransporters(indices)
