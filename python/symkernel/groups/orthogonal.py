"""Make the groups SO(n) and O(n) of rotations and reflections of R^n."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from symkernel.backends.element_tables import ActionTable
from symkernel.groups._checks import SAME_TOLERANCE
from symkernel.groups.base import Group
from symkernel.groups.elements import Element, OrthogonalMatrix
from symkernel.groups.lie import LieGenerator, rotation_generators
from symkernel.groups.named import NamedGroup, Trivial
from symkernel.groups.role import Kind, Role
from symkernel.groups.signed import SignFlips, flip

__all__ = ["SO", "O"]


class RotationGroup(NamedGroup):
    """What SO(n) and O(n) share. On one feature they are finite: the identity, and +1 and -1."""

    # The group on one feature.
    _on_a_line: Group

    @property
    def dim(self) -> int:
        """Dimension of the group, n (n - 1) / 2."""
        return self._n * (self._n - 1) // 2

    @property
    def order(self) -> int | float:
        """``math.inf``; for n = 1, 1 for SO and 2 for O."""
        return self._on_a_line.order if self._n == 1 else math.inf

    @property
    def is_signed_permutation(self) -> bool:
        """Whether every element is a SignedPermutation: for n = 1 alone."""
        return self._n == 1

    def elements(self) -> Iterator[Element]:
        """Return all elements for n = 1; infinite groups raise GroupTooLargeError."""
        self._check_finite()
        return self._on_a_line.elements()

    def _table(self) -> ActionTable:
        return self._on_a_line._table()

    def _sample(self, size: int, rng: np.random.Generator) -> list[Element]:
        if self._n == 1:
            return self._on_a_line._sample(size, rng)
        return [OrthogonalMatrix._trusted(q) for q in self._haar(size, rng)]

    def _drawn_matrices(self, size: int, rng: np.random.Generator) -> NDArray[np.float64] | None:
        return self._haar(size, rng) if self._n > 1 else None

    # Q of a Gaussian matrix, with R made positive on the diagonal, has Haar measure
    # (Mezzadri, Notices of the AMS 54, 2007).
    def _haar(self, size: int, rng: np.random.Generator) -> NDArray[np.float64]:
        q, r = np.linalg.qr(rng.standard_normal((size, self._n, self._n)))
        signs = np.where(np.diagonal(r, axis1=1, axis2=2) < 0, -1.0, 1.0)
        orthogonal: NDArray[np.float64] = q * signs[:, None, :]
        return orthogonal

    def _contains(self, element: Element) -> bool:
        matrix = element.as_matrix()
        return bool(np.abs(matrix.T @ matrix - np.eye(self._n)).max() <= SAME_TOLERANCE)

    def _rotations(self) -> tuple[LieGenerator, ...]:
        return rotation_generators(self._n)

    # A turn by one radian, no rational part of a circle, generates a dense subgroup of the turns
    # of its plane; turns of neighbouring axes generate all rotations.
    @cached_property
    def _probes(self) -> tuple[Element, ...]:
        c, s = math.cos(1.0), math.sin(1.0)
        turns = []
        for i in range(self._n - 1):
            matrix = np.eye(self._n)
            matrix[i : i + 2, i : i + 2] = [[c, -s], [s, c]]
            turns.append(OrthogonalMatrix._trusted(matrix))
        return (*self.generators, *turns)


class SO(RotationGroup):
    """The rotations of R^n: orthogonal matrices of determinant 1.

    Parameters
    ----------
    n : int
        Number of features, at least 1. SO(1) is the identity alone.

    Notes
    -----
    ``sample`` draws from Haar measure in O(n^3) operations per element.

    Examples
    --------
    >>> import numpy as np
    >>> SO(3).dim, SO(3).order
    (3, inf)
    >>> (g,) = SO(3).sample(1, random_state=0)
    >>> bool(np.linalg.det(g.as_matrix()).round(12) == 1.0)
    True
    >>> G = SO(3).along(1, (9, 3))          # turn nine points of R^3 together
    """

    @property
    def role(self) -> Role:
        """Rotates."""
        return Role(Kind.ROTATIONS)

    _on_a_line = Trivial(1)

    @property
    def generators(self) -> tuple[Element, ...]:
        """None: the Lie algebra generates all rotations."""
        return ()

    def _haar(self, size: int, rng: np.random.Generator) -> NDArray[np.float64]:
        # Changing the sign of one column maps the reflections, with their Haar measure, onto the
        # rotations.
        matrices = super()._haar(size, rng)
        matrices[:, :, 0] *= np.linalg.det(matrices).round()[:, None]
        return matrices

    def _contains(self, element: Element) -> bool:
        return super()._contains(element) and np.linalg.det(element.as_matrix()) > 0


class O(RotationGroup):  # noqa: E742 (the group's name)
    """The rotations and reflections of R^n: all orthogonal matrices.

    Parameters
    ----------
    n : int
        Number of features, at least 1. O(1) is {+1, -1}.

    Notes
    -----
    ``sample`` draws from Haar measure in O(n^3) operations per element.

    Examples
    --------
    >>> O(3).dim, O(3).order
    (3, inf)
    >>> O(3).generators
    (SignedPermutation([0, 1, 2], [-1, 1, 1]),)
    """

    @property
    def role(self) -> Role:
        """Rotates and reflects."""
        return Role(Kind.ROTATIONS, reflections=True)

    _on_a_line = SignFlips(1)

    @cached_property
    def generators(self) -> tuple[Element, ...]:
        """One reflection, the change of sign of the first feature."""
        return (flip(self._n, 0),)
