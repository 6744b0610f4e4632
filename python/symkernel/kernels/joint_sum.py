"""Compute covariances of values and derivatives as sums over a finite group."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symkernel.backends import joint as native
from symkernel.backends.element_tables import ActionTable
from symkernel.exceptions import NotApplicableError
from symkernel.groups import Group
from symkernel.kernels.joint_observations import Observations
from symkernel.kernels.joint_rows import Pairs
from symkernel.kernels.radial import Radial

Array = NDArray[Any]

# Elements that are summed over, one by one.
_MAX_ORDER = 20_000
# Numbers that are moved at once: samples, and their directions.
_IN_MEMORY = 2**20
_DISTANCES = (
    "functions of the distances of a molecule, whatever its place and orientation, are those of "
    "descriptor=InversePairDistances(n_atoms) with group=molecule(z, R).on_pairs()"
)


class OrbitPairs(Pairs):
    """Sums over the elements of a finite group, beside translations or not.

    Parameters
    ----------
    group : Group
        Of at most 20,000 elements.
    radial : tuple of str and float
        Name of a kernel of the distance, and its parameter.

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

    def fill(self, packed: Array, observed: Observations, n_jobs: int | None) -> None:
        """See ``Pairs.fill``."""
        total, count = len(observed), len(observed.valued)
        values, points = observed.X[observed.valued], observed.X[observed.sloped]
        directions = np.ascontiguousarray(observed.directions)
        m, kernel = directions.shape[1], self._components(values.shape[1])
        for table, at, add in self._parts(count, values.shape[1]):
            target = native.Packed(packed, total, at.start)
            images = _images(table, values[at])
            native.values(kernel, images, values, target, first=at.start, add=add, n_jobs=n_jobs)
        for table, at, add in self._parts(len(points), directions[:1].size):
            images, A = _images(table, points[at]), _images(table, directions[at])
            row = count + m * at.start
            target = native.Packed(packed, total, row)
            native.slopes(kernel, images, A, values, target, add=add, n_jobs=n_jobs)
            target = native.Packed(packed, total, row, count)
            native.mixed(
                kernel,
                images,
                A,
                points,
                directions,
                target,
                first=at.start,
                add=add,
                n_jobs=n_jobs,
            )

    def cross(self, X: Array, observed: Observations, n_jobs: int | None) -> Array:
        """See ``Pairs.cross``."""
        values, points = observed.X[observed.valued], observed.X[observed.sloped]
        directions = np.ascontiguousarray(observed.directions)
        K, kernel = np.zeros((len(X), len(observed))), self._components(X.shape[1])
        for table, at, add in self._parts(len(X), X.shape[1]):
            images = _images(table, X[at])
            target = native.Dense(K, at.start)
            native.values(kernel, images, values, target, add=add, n_jobs=n_jobs)
            target = native.Dense(K, at.start, len(values))
            native.cross_slopes(kernel, images, points, directions, target, add=add, n_jobs=n_jobs)
        return K

    def along(self, X: Array, A: Array, observed: Observations, n_jobs: int | None) -> Array:
        """See ``Pairs.along``."""
        values, points = observed.X[observed.valued], observed.X[observed.sloped]
        directions = np.ascontiguousarray(observed.directions)
        m, kernel = A.shape[1], self._components(X.shape[1])
        K = np.zeros((len(X) * m, len(observed)))
        for table, at, add in self._parts(len(X), A[:1].size):
            images, moved = _images(table, X[at]), _images(table, A[at])
            target = native.Dense(K, m * at.start)
            native.slopes(kernel, images, moved, values, target, add=add, n_jobs=n_jobs)
            target = native.Dense(K, m * at.start, len(values))
            native.mixed(kernel, images, moved, points, directions, target, add=add, n_jobs=n_jobs)
        return K.reshape(len(X), m, len(observed))

    def variances(self, X: Array, A: Array) -> Array:
        """See ``Pairs.variances``."""
        m, kernel = A.shape[1], self._components(X.shape[1])
        found = np.empty((len(X), m))
        block = np.empty((m, m))
        for i, (x, own) in enumerate(zip(X, A, strict=True)):
            for table, _, add in self._parts(1, own.size):
                images, moved = _images(table, x[None]), _images(table, own[None])
                target = native.Dense(block)
                native.mixed(kernel, images, moved, x[None], own[None], target, add=add, n_jobs=1)
            found[i] = np.diagonal(block)
        return found

    def fields(self, Y: Array, a: Array, b: Array) -> native.Fields:
        """See ``Pairs.fields``."""
        return native.Fields(self._components(Y.shape[1]), Y, a, b)

    def apply(
        self, X: Array, fields: native.Fields, gradient: bool, n_jobs: int | None
    ) -> tuple[Array, Array | None]:
        """See ``Pairs.apply``."""
        values = np.zeros(len(X))
        slopes = np.zeros_like(X) if gradient else None
        for table, at, _ in self._parts(len(X), X.shape[1]):
            some, turned = fields.apply(_images(table, X[at]), gradient, n_jobs)
            values[at] += some
            if slopes is not None and turned is not None:
                slopes[at] += table.moved_back(turned.swapaxes(0, 1))
        return values, slopes

    def _components(self, degree: int) -> native.Components:
        name, parameter = self._radial
        one = native.Components(name, np.ones((1, degree)), np.ones(1), parameter)
        return one.over(len(self._table))

    def _parts(self, n: int, width: int) -> Iterator[tuple[ActionTable, slice, bool]]:
        """Yield some elements, some of n samples, and whether they were met before.

        `width` is how many numbers of a sample an element moves: what is held at once is bounded.
        """
        order = len(self._table)
        elements = max(1, min(order, _IN_MEMORY // max(1, width)))
        rows = max(1, _IN_MEMORY // (elements * max(1, width)))
        for first in range(0, n, rows):
            for start in range(0, order, elements):
                table = self._table.part(start, start + elements)
                yield table, slice(first, min(first + rows, n)), start > 0


def _table_of(group: Group) -> ActionTable:
    structure = group.structure
    rest = structure.rest if structure.translates else group
    if not rest.is_finite:
        raise NotApplicableError(
            "gradient observations need a finite group, beside translations or not; "
            f"{group!r} turns samples continuously: {_DISTANCES}"
        )
    advice = "gradient observations sum over all of them; use a smaller group"
    return rest.table(_MAX_ORDER, advice)


def _images(table: ActionTable, rows: Array) -> Array:
    """Move rows (n, ..., d) by all elements: (n, order, ..., d)."""
    moved = table.moved(rows.reshape(-1, rows.shape[-1]))
    return moved.reshape(len(table), *rows.shape).swapaxes(0, 1)
