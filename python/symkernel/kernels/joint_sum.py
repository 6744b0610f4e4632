"""Compute covariances of values and derivatives as sums over a finite group."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symkernel.backends.element_tables import ActionTable
from symkernel.exceptions import NotApplicableError
from symkernel.groups import Group
from symkernel.kernels.joint_rows import RowByRow
from symkernel.kernels.radial import Radial

Array = NDArray[Any]

# Elements that are summed over, one by one.
_MAX_ORDER = 20_000
# Numbers held at once beside the result: what a core's cache holds, and moved directions.
_IN_CACHE = 2**17
_IN_MEMORY = 2**20
_DISTANCES = (
    "functions of the distances of a molecule, whatever its place and orientation, are those of "
    "descriptor=InversePairDistances(n_atoms) with group=molecule(z, R).on_pairs()"
)


class OrbitPairs(RowByRow):
    """Sums over the elements of a finite group, beside translations or not.

    Parameters
    ----------
    group : Group
        Of at most 20,000 elements.
    radial : callable
        phi of s = |x - y|^2 and its derivatives.

    Raises
    ------
    NotApplicableError
        If the group is not finite.
    GroupTooLargeError
        If it has more elements.
    """

    def __init__(self, group: Group, radial: Radial) -> None:
        self._radial = radial
        self._table = _table_of(group)

    def values(self, x: Array, Y: Array) -> Array:
        """See ``RowByRow.values``."""
        found = np.zeros(len(Y))
        for table, at in self._tiles(Y, Y.shape[1]):
            found[at] += self._radial(_differences(table.moved(x[None]), Y[at])[1])[0].sum(axis=0)
        return found / len(self._table)

    def slopes(self, x: Array, A: Array, Y: Array) -> Array:
        """See ``RowByRow.slopes``."""
        found = np.zeros((len(A), len(Y)))
        for table, at in self._tiles(Y, A.size):
            d, s = _differences(table.moved(x[None]), Y[at])
            along = d @ table.moved(A).transpose(0, 2, 1)
            found[:, at] += np.einsum("gk,gkm->mk", 2.0 * self._radial(s)[1], along)
        return found / len(self._table)

    def mixed(self, x: Array, A: Array, Y: Array, B: Array) -> Array:
        """See ``RowByRow.mixed``."""
        found = np.zeros((len(A), *B.shape[:2]))
        for table, at in self._tiles(Y, A.size):
            moved = table.moved(A)
            d, s = _differences(table.moved(x[None]), Y[at])
            _, first, second = self._radial(s)
            straight = (first.T @ moved.reshape(len(table), -1)).reshape(-1, *A.shape)
            along = (d @ moved.transpose(0, 2, 1)) * second[:, :, None]
            across = d.transpose(1, 0, 2) @ B[at].transpose(0, 2, 1)  # (k, g, m)
            block = -2.0 * (straight @ B[at].transpose(0, 2, 1))
            block -= 4.0 * (along.transpose(1, 2, 0) @ across)
            found[:, at] += block.transpose(1, 0, 2)
        return found / len(self._table)

    def apply(
        self, X: Array, fields: Any, gradient: bool, n_jobs: int | None
    ) -> tuple[Array, Array | None]:
        """See ``RowByRow.apply``."""
        Y, a, b = fields
        values = np.zeros(len(X))
        slopes = np.zeros_like(X) if gradient else None
        for i, x in enumerate(X):
            for table, at in self._tiles(Y, Y.shape[1]):
                d, s = _differences(table.moved(x[None]), Y[at])
                phi, first, second = self._radial(s)
                inward = np.einsum("gkd,kd->gk", d, b[at])
                values[i] += (phi @ a[at]).sum() - 2.0 * np.vdot(first, inward)
                if slopes is not None:
                    weights = 2.0 * a[at] * first - 4.0 * second * inward
                    turned = (weights[:, None] @ d)[:, 0] - 2.0 * (first @ b[at])
                    slopes[i] += table.moved_back(turned[:, None])[0]
        order = len(self._table)
        return values / order, None if slopes is None else slopes / order

    def _tiles(self, Y: Array, width: int) -> Iterator[tuple[ActionTable, slice]]:
        """Yield some elements and some of the samples, so that what is held at once is bounded.

        `width` is how many numbers an element moves.
        """
        n, degree = Y.shape
        held = _IN_CACHE if width == degree else _IN_MEMORY
        elements = max(1, min(len(self._table), held // (4 * max(1, width))))
        rows = max(1, held // (elements * degree + width))
        for start in range(0, len(self._table), elements):
            table = self._table.part(start, start + elements)
            for first in range(0, n, rows):
                yield table, slice(first, min(first + rows, n))


def _table_of(group: Group) -> ActionTable:
    structure = group.structure
    rest = structure.rest if structure.translates else group
    if not rest.is_finite:
        raise NotApplicableError(
            "gradient observations need a finite group, or SO(2), O(2), SO(3) or O(3) on clouds "
            "with at most 100,000 permutations of their points, beside translations or not; "
            f"{group!r} turns samples continuously: {_DISTANCES}"
        )
    advice = "gradient observations sum over all of them; use a smaller group"
    return rest.table(_MAX_ORDER, advice)


def _differences(moved: Array, Y: Array) -> tuple[Array, Array]:
    """Return g x - y (g, k, d) of a moved sample (g, 1, d), and the squares (g, k) of its length.

    Differences, not products: near samples keep their digits.
    """
    d = moved - Y
    return d, np.einsum("gkd,gkd->gk", d, d)
