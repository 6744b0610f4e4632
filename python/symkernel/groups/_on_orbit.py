"""Answer for a finite group of matrices through its permutations of an orbit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import qr

from symkernel.backends.element_tables import MatrixTable, SignedPermutationTable
from symkernel.groups._built import Built
from symkernel.groups._checks import SAME_TOLERANCE
from symkernel.groups._tracing import Cells, FaithfulOrbit
from symkernel.groups.base import Group
from symkernel.groups.elements import Element, OrthogonalMatrix, SignedPermutation
from symkernel.groups.permutation_group import PermutationGroup

__all__ = ["OnOrbit"]

Array = NDArray[np.float64]

_BLOCK = 1024


class OnOrbit(Group):
    """A finite group of matrices as permutations of vectors that span the space it moves.

    The matrix A gathers: the i-th point is what A makes of the point number q[i], so that
    P A = P[q] for the rows P of points. As they span, q tells A, and inner products with all points
    tell a vector: what keeps them keeps it.

    Parameters
    ----------
    generators : sequence of Element
    orbit : FaithfulOrbit
    acting : PermutationGroup or None
        The permutations q of the group; None for those of the generators.
    """

    def __init__(
        self,
        generators: Sequence[Element],
        orbit: FaithfulOrbit,
        acting: PermutationGroup | None = None,
    ) -> None:
        self._generators = tuple(generators)
        self._orbit = orbit
        if acting is None:
            gathered = np.argsort(orbit.images, axis=1)
            rows = [SignedPermutation._trusted(row) for row in gathered]
            acting = PermutationGroup(rows, degree=len(orbit.points))
        self._acting = acting

    @property
    def degree(self) -> int:
        """Number of features d it acts on."""
        return self._generators[0].degree

    @property
    def generators(self) -> tuple[Element, ...]:
        """The generators given."""
        return self._generators

    @property
    def order(self) -> int:
        """Exact number of elements."""
        return self._acting.order

    @property
    def is_signed_permutation(self) -> bool:
        """Whether every element is a SignedPermutation: not here."""
        return False

    # Points that span, and their inverse; both with the fixed vectors.
    @cached_property
    def _basis(self) -> tuple[NDArray[np.intp], Array]:
        points, fixed = self._orbit.points, self._orbit.fixed
        pivots = qr(points.T, mode="economic", pivoting=True)[2][: self.degree - len(fixed)]
        return pivots, np.linalg.inv(np.concatenate([points[pivots], fixed]))

    def _as_matrices(self, rows: NDArray[Any]) -> Array:
        """Return the matrices (m, d, d) of permutations (m, n)."""
        pivots, inverse = self._basis
        moved = self._orbit.points[rows[:, pivots]]
        fixed = np.broadcast_to(self._orbit.fixed, (len(rows), *self._orbit.fixed.shape))
        matrices: Array = inverse @ np.concatenate([moved, fixed], axis=1)
        for _ in range(2):  # Newton-Schulz: orthogonal to rounding
            square = matrices.swapaxes(1, 2) @ matrices
            matrices = matrices @ (1.5 * np.eye(self.degree) - 0.5 * square)
        return matrices

    @cached_property
    def _cells(self) -> Cells:
        cells = Cells(self.degree, SAME_TOLERANCE)
        for number, names in enumerate(cells.keys(self._orbit.points)):
            cells.put(names, number)
        return cells

    def _elements(self, rows: NDArray[Any]) -> list[Element]:
        return [OrthogonalMatrix._trusted(m) for m in self._as_matrices(rows)]

    def elements(self) -> Iterator[Element]:
        """Yield all elements, one at a time, along the stabiliser chain."""
        for start in range(0, self.order, _BLOCK):
            block = self._acting._block(start, min(start + _BLOCK, self.order))
            yield from self._elements(block.indices)

    def _sample(self, size: int, rng: np.random.Generator) -> list[Element]:
        drawn = self._acting._sample(size, rng)
        rows = [g.indices for g in drawn if isinstance(g, SignedPermutation)]
        return self._elements(np.array(rows)) if rows else []

    def _contains(self, element: Element) -> bool:
        matrix = element.as_matrix()
        moved = self._orbit.points @ matrix
        numbers = np.array([self._cells.get(names) for names in self._cells.keys(moved)], np.int64)
        if (np.bincount(numbers[numbers >= 0], minlength=len(moved)) != 1).any():
            return False
        if not self._acting.contains(SignedPermutation._trusted(numbers)):
            return False
        own = self._as_matrices(numbers[None])[0]
        return bool(np.abs(own - matrix).max() <= SAME_TOLERANCE)

    def _table(self) -> MatrixTable:
        table = self._acting._table()
        assert isinstance(table, SignedPermutationTable)
        out = np.empty((self.order, self.degree, self.degree))
        for start in range(0, self.order, _BLOCK):
            rows = slice(start, start + _BLOCK)
            out[rows] = self._as_matrices(table.indices[rows])
        return MatrixTable(out)

    def _stabilizer(self, X: NDArray[np.float64]) -> Group:

        tolerance = SAME_TOLERANCE * float(np.abs(X).max())
        inner = self._orbit.points @ X
        for gap in (tolerance, 1e-3 * tolerance):
            labels = np.zeros(len(inner), np.int64)
            for column in inner.T:
                colour = np.empty(len(inner), np.int64)
                order = np.argsort(column)
                colour[order] = np.cumsum(np.diff(column[order], prepend=column[order[:1]]) > gap)
                labels = np.unique(np.stack([labels, colour]), axis=1, return_inverse=True)[1]
                labels = labels.reshape(-1)
            acting = self._acting._fixing(labels)
            assert isinstance(acting, PermutationGroup)
            rows = [g.indices for g in acting.generators if isinstance(g, SignedPermutation)]
            kept = self._elements(np.array(rows)) if rows else [self.identity]
            if max(np.abs(g.apply(X.T) - X.T).max() for g in kept) <= tolerance:
                return Built.MatrixGroup._trusted(OnOrbit(kept, self._orbit, acting))
        raise ValueError(
            "x must be clear of rounding: its images differ from it by about 1e-6 of its largest "
            "entry, and it is not told which of them are equal to it"
        )

    def _arguments(self) -> tuple[Any, ...]:
        return (self._generators,)
