"""Make the groups of sign flips and of signed permutations."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from symkernel.backends.element_tables import SignedPermutationTable
from symkernel.groups.base import Group
from symkernel.groups.elements import Element, SignedPermutation
from symkernel.groups.named import (
    NamedGroup,
    Symmetric,
    blocks_of,
    lexicographic,
    random_permutations,
    turn,
)
from symkernel.groups.role import Kind, Role

__all__ = ["Hyperoctahedral", "SignFlips"]


class SignFlips(NamedGroup):
    """All 2^n changes of sign of n features.

    Examples
    --------
    >>> SignFlips(3).order
    8
    """

    @property
    def role(self) -> Role:
        """Changes signs of features."""
        return Role(Kind.EXCHANGES, signs=True)

    @property
    def order(self) -> int:
        """Exact number of elements, 2^n."""
        return 1 << self._n

    @cached_property
    def generators(self) -> tuple[Element, ...]:
        """One flip for each feature."""
        return tuple(flip(self._n, i) for i in range(self._n))

    def elements(self) -> Iterator[Element]:
        """Yield all elements, one at a time; the sign of the last feature changes fastest."""
        steps = np.arange(self._n)
        for signs in itertools.product((1, -1), repeat=self._n):
            yield SignedPermutation._trusted(steps, np.array(signs, np.int8))

    def _sample(self, size: int, rng: np.random.Generator) -> list[Element]:
        steps = np.arange(self._n)
        return [SignedPermutation._trusted(steps, row) for row in random_signs(self._n, size, rng)]

    def _contains(self, element: Element) -> bool:
        return isinstance(element, SignedPermutation) and np.array_equal(
            element.indices, np.arange(self._n)
        )

    def _fixing(self, labels: NDArray[np.int64]) -> Group:
        from symkernel.groups.permutation_group import PermutationGroup  # made of these elements

        zeros = np.flatnonzero(labels == 0).tolist()
        return PermutationGroup._known([flip(self._n, i) for i in zeros], self._n, 1 << len(zeros))

    def _table(self) -> SignedPermutationTable:
        signs = all_signs(self._n)
        indices = np.tile(np.arange(self._n, dtype=np.int32), (len(signs), 1))
        return SignedPermutationTable(indices, signs)


class Hyperoctahedral(NamedGroup):
    """All 2^n n! signed permutations of n features.

    Examples
    --------
    >>> Hyperoctahedral(3).order
    48
    """

    @property
    def role(self) -> Role:
        """Exchanges all features and changes their signs."""
        return Role(Kind.EXCHANGES, blocks=(range(self._n),), signs=True)

    @cached_property
    def order(self) -> int:
        """Exact number of elements, 2^n n!."""
        return math.factorial(self._n) << self._n

    @property
    def log_order(self) -> float:
        """Natural logarithm of the order."""
        return math.lgamma(self._n + 1.0) + self._n * math.log(2.0)

    @cached_property
    def generators(self) -> tuple[Element, ...]:
        """Those of the symmetric group, and the flip of the first feature."""
        return (*Symmetric(self._n).generators, flip(self._n, 0))

    def elements(self) -> Iterator[Element]:
        """Yield all elements, one at a time: all signs for each permutation."""
        for indices in itertools.permutations(range(self._n)):
            row = np.array(indices)
            for signs in itertools.product((1, -1), repeat=self._n):
                yield SignedPermutation._trusted(row, np.array(signs, np.int8))

    def _sample(self, size: int, rng: np.random.Generator) -> list[Element]:
        rows = random_permutations(self._n, size, rng)
        return [
            SignedPermutation._trusted(row, signs)
            for row, signs in zip(rows, random_signs(self._n, size, rng), strict=True)
        ]

    def _contains(self, element: Element) -> bool:
        return isinstance(element, SignedPermutation)

    # Entries of equal size are exchanged, with their signs where these differ; zeros also flip.
    def _fixing(self, labels: NDArray[np.int64]) -> Group:
        from symkernel.groups.permutation_group import PermutationGroup  # made of these elements

        found: list[SignedPermutation] = []
        order = 1
        for block in blocks_of(np.abs(labels)):
            order *= math.factorial(len(block))
            if labels[block[0]] == 0:
                order <<= len(block)
                found.append(flip(self._n, int(block[0])))
            for cycle in (block[:2], block) if len(block) > 1 else ():
                g = turn(self._n, cycle)
                signs = np.where(labels[g.indices] == labels, 1, -1).astype(np.int8)
                found.append(SignedPermutation._trusted(g.indices, signs))
        return PermutationGroup._known(found, self._n, order)

    def _table(self) -> SignedPermutationTable:
        rows, signs = lexicographic(self._n)[0], all_signs(self._n)
        return SignedPermutationTable(
            np.repeat(rows, len(signs), axis=0), np.tile(signs, (len(rows), 1))
        )


def flip(n: int, i: int) -> SignedPermutation:
    """Return the change of sign of feature i."""
    signs = np.ones(n, np.int8)
    signs[i] = -1
    return SignedPermutation._trusted(np.arange(n), signs)


def all_signs(n: int) -> NDArray[np.int8]:
    """Return all rows of n signs, (2^n, n), the last one changing fastest."""
    bits = (np.arange(1 << n)[:, None] >> np.arange(n)[::-1]) & 1
    return (1 - 2 * bits).astype(np.int8)


def random_signs(n: int, size: int, rng: np.random.Generator) -> NDArray[np.int8]:
    """Draw ``size`` rows of n random signs."""
    return (1 - 2 * rng.integers(2, size=(size, n))).astype(np.int8)
