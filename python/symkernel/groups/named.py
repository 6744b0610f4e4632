"""Make the permutation groups that have names: symmetric, cyclic, dihedral and others."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symkernel.backends.element_tables import SignedPermutationTable
from symkernel.groups._arrays import trivial_rows
from symkernel.groups._built import Built
from symkernel.groups.base import Group
from symkernel.groups.elements import Element, SignedPermutation
from symkernel.groups.role import Kind, Role
from symkernel.validation import as_count

__all__ = ["Alternating", "Cyclic", "Dihedral", "Symmetric", "Trivial"]


def blocks_of(labels: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Return the places of equal labels, each ascending."""
    return [np.flatnonzero(labels == label) for label in np.unique(labels)]


class NamedGroup(Group):
    """A group known by the number of features alone.

    Parameters
    ----------
    n : int
        Number of features, at least 1.
    """

    def __init__(self, n: int) -> None:
        self._n = as_count(n, "n")

    @property
    def degree(self) -> int:
        """Number of features d it acts on."""
        return self._n

    def _arguments(self) -> tuple[Any, ...]:
        return (self._n,)


class Trivial(NamedGroup):
    """The identity alone, on n features.

    Examples
    --------
    >>> Trivial(4).order
    1
    """

    @property
    def role(self) -> Role:
        """Changes nothing."""
        return Role(Kind.EXCHANGES)

    @property
    def order(self) -> int:
        """Exact number of elements, 1."""
        return 1

    @cached_property
    def generators(self) -> tuple[Element, ...]:
        """None."""
        return ()

    def elements(self) -> Iterator[Element]:
        """Return the identity."""
        return iter((self.identity,))

    def _sample(self, size: int, rng: np.random.Generator) -> list[Element]:
        return [self.identity] * size

    def _contains(self, element: Element) -> bool:
        return element == self.identity

    def _fixing(self, labels: NDArray[np.int64]) -> Group:
        return self

    def _table(self) -> SignedPermutationTable:
        return SignedPermutationTable(trivial_rows(self._n), None)


class Symmetric(NamedGroup):
    """All n! permutations of n features, in lexicographic order.

    Examples
    --------
    >>> Symmetric(20).order
    2432902008176640000
    >>> next(Symmetric(3).elements())
    Permutation([0, 1, 2])
    """

    @property
    def role(self) -> Role:
        """Exchanges all features."""
        return Role(Kind.EXCHANGES, blocks=(range(self._n),))

    @cached_property
    def order(self) -> int:
        """Exact number of elements, n!."""
        return math.factorial(self._n)

    @property
    def log_order(self) -> float:
        """Natural logarithm of the order."""
        return math.lgamma(self._n + 1.0)

    @cached_property
    def generators(self) -> tuple[Element, ...]:
        """The transposition of the first two features and the cycle of all."""
        n = self._n
        if n == 1:
            return ()
        swap = cycle(n, range(2))
        return (swap,) if n == 2 else (swap, cycle(n, range(n)))

    def elements(self) -> Iterator[Element]:
        """Yield all elements, one at a time, in lexicographic order."""
        for indices in itertools.permutations(range(self._n)):
            yield SignedPermutation._trusted(np.array(indices))

    def _sample(self, size: int, rng: np.random.Generator) -> list[Element]:
        return [SignedPermutation._trusted(row) for row in random_permutations(self._n, size, rng)]

    def _contains(self, element: Element) -> bool:
        return isinstance(element, SignedPermutation) and element.signs is None

    def _fixing(self, labels: NDArray[np.int64]) -> Group:
        return Built.Young(labels)

    def _table(self) -> SignedPermutationTable:
        return SignedPermutationTable(lexicographic(self._n)[0], None)


class Alternating(NamedGroup):
    """The even permutations of n features, n!/2 of them for n > 1, in lexicographic order.

    Examples
    --------
    >>> Alternating(5).order
    60
    """

    @property
    def role(self) -> Role:
        """Exchanges all features, evenly."""
        return Role(Kind.EXCHANGES, blocks=(range(self._n),), even=True)

    @cached_property
    def order(self) -> int:
        """Exact number of elements, n!/2 (1 for n = 1)."""
        return max(1, math.factorial(self._n) // 2)

    @property
    def log_order(self) -> float:
        """Natural logarithm of the order."""
        return max(0.0, math.lgamma(self._n + 1.0) - math.log(2.0))

    @cached_property
    def generators(self) -> tuple[Element, ...]:
        """The 3-cycle of the first features and the longest cycle of even sign at the end."""
        n = self._n
        if n < 3:
            return ()
        first = cycle(n, range(3))
        return (first,) if n == 3 else (first, cycle(n, range(1 - n % 2, n)))

    def elements(self) -> Iterator[Element]:
        """Yield all elements, one at a time, in lexicographic order."""
        for element in Symmetric(self._n).elements():
            if self._contains(element):
                yield element

    def _sample(self, size: int, rng: np.random.Generator) -> list[Element]:
        rows = random_permutations(self._n, size, rng)
        if self._n > 1:
            for row in rows:
                if parity(row):
                    row[[-2, -1]] = row[[-1, -2]]
        return [SignedPermutation._trusted(row) for row in rows]

    def _contains(self, element: Element) -> bool:
        return (
            isinstance(element, SignedPermutation)
            and element.signs is None
            and parity(element.indices) == 0
        )

    # The even ones of a product of symmetric groups: 3-cycles, and pairs of transpositions.
    def _fixing(self, labels: NDArray[np.int64]) -> Group:
        blocks = [block for block in blocks_of(labels) if len(block) > 1]
        order = math.prod(math.factorial(len(block)) for block in blocks)
        found = [turn(self._n, [b[0], b[1], p]) for b in blocks for p in b[2:]]
        for block in blocks[1:]:
            swaps = turn(self._n, blocks[0][:2]) @ turn(self._n, block[:2])
            assert isinstance(swaps, SignedPermutation)
            found.append(swaps)
        return Built.PermutationGroup._known(found, self._n, max(1, order // 2))

    def _table(self) -> SignedPermutationTable:
        rows, odd = lexicographic(self._n)
        return SignedPermutationTable(np.ascontiguousarray(rows[~odd]), None)


class Cyclic(NamedGroup):
    """The n shifts of features on a circle: the generator is (g.x)[i] = x[(i + 1) % n].

    Examples
    --------
    >>> Cyclic(4).generators
    (Permutation([1, 2, 3, 0]),)
    """

    @property
    def role(self) -> Role:
        """Shifts a ring."""
        return Role(Kind.RING)

    @property
    def order(self) -> int:
        """Exact number of elements, n."""
        return self._n

    @cached_property
    def generators(self) -> tuple[Element, ...]:
        """The shift by one."""
        return (cycle(self._n, range(self._n)),) if self._n > 1 else ()

    def elements(self) -> Iterator[Element]:
        """Return the shifts by 0, 1, ..., n - 1."""
        return (SignedPermutation._trusted(self._rows(np.array(k))) for k in range(self._n))

    def _rows(self, shifts: NDArray[np.int64]) -> NDArray[np.int64]:
        rows: NDArray[np.int64] = (np.arange(self._n) + shifts[..., None]) % self._n
        return rows

    def _sample(self, size: int, rng: np.random.Generator) -> list[Element]:
        return [SignedPermutation._trusted(r) for r in self._rows(rng.integers(self._n, size=size))]

    def _contains(self, element: Element) -> bool:
        return (
            isinstance(element, SignedPermutation)
            and element.signs is None
            and np.array_equal(element.indices, self._rows(element.indices[0]))
        )

    def _fixing(self, labels: NDArray[np.int64]) -> Group:
        n, p = self._n, period(labels)
        return Trivial(n) if p == n else Cyclic(n // p).along(0, (n // p, p))

    def _grid_maps(self) -> Sequence[NDArray[np.int64]]:
        return (np.arange(self._n),)

    def _table(self) -> SignedPermutationTable:
        return SignedPermutationTable(self._rows(np.arange(self._n)).astype(np.int32), None)


class Dihedral(NamedGroup):
    """Shifts and reflections of n features on a circle, 2n of them for n > 2.

    Elements are (g.x)[i] = x[(i + k) % n] and (g.x)[i] = x[(k - i) % n]. On one or two features
    the reflections are shifts already: the orders are 1 and 2.

    Examples
    --------
    >>> Dihedral(4).order, Dihedral(2).order
    (8, 2)
    """

    @property
    def role(self) -> Role:
        """Shifts and reflects a ring."""
        return Role(Kind.RING, reflections=True)

    @property
    def order(self) -> int:
        """Exact number of elements: 2n, or n for n <= 2."""
        return 2 * self._n if self._n > 2 else self._n

    @cached_property
    def generators(self) -> tuple[Element, ...]:
        """The shift by one, and the reflection that fixes the first feature."""
        if self._n == 1:
            return ()
        shift = cycle(self._n, range(self._n))
        return (shift,) if self._n == 2 else (shift, self._element(self._n))

    def elements(self) -> Iterator[Element]:
        """Return the shifts by 0, 1, ..., n - 1, then the reflections."""
        return (self._element(k) for k in range(self.order))

    def _rows(self, ranks: NDArray[np.int64]) -> NDArray[np.int64]:
        shift, steps = ranks[..., None] % self._n, np.arange(self._n)
        rows: NDArray[np.int64] = np.where(
            ranks[..., None] < self._n, shift + steps, shift - steps
        ) % (self._n)
        return rows

    def _element(self, rank: int) -> SignedPermutation:
        return SignedPermutation._trusted(self._rows(np.array(rank)))

    def _sample(self, size: int, rng: np.random.Generator) -> list[Element]:
        return [
            SignedPermutation._trusted(r) for r in self._rows(rng.integers(self.order, size=size))
        ]

    def _contains(self, element: Element) -> bool:
        if not isinstance(element, SignedPermutation) or element.signs is not None:
            return False
        first = element.indices[0]
        candidates = self._rows(np.array([first, first + self._n]))
        return bool((candidates == element.indices).all(axis=1).any())

    # Shifts by multiples of the period, and these after one reflection if there is any.
    def _fixing(self, labels: NDArray[np.int64]) -> Group:
        n, p = self._n, period(labels)
        reflections = self._rows(np.arange(n, self.order))
        kept = reflections[(labels[reflections] == labels).all(axis=1)]
        if not len(kept):
            return Cyclic(n)._fixing(labels)
        found = [SignedPermutation._trusted(kept[0]), self._element(p % n)]
        return Built.PermutationGroup._known(found, n, 2 * (n // p))

    def _grid_maps(self) -> Sequence[NDArray[np.int64]]:
        steps = np.arange(self._n)
        return steps, -steps % self._n

    def _table(self) -> SignedPermutationTable:
        return SignedPermutationTable(self._rows(np.arange(self.order)).astype(np.int32), None)


def cycle(n: int, points: range) -> SignedPermutation:
    """Return the permutation of n features that takes each of the points to the next."""
    indices = np.arange(n)
    indices[list(points)] = np.roll(list(points), -1)
    return SignedPermutation._trusted(indices)


def turn(n: int, points: Sequence[int] | NDArray[np.int64]) -> SignedPermutation:
    """Return the permutation of n features that takes each of some points to the next."""
    indices = np.arange(n)
    indices[np.asarray(points)] = np.roll(points, -1)
    return SignedPermutation._trusted(indices)


def period(labels: NDArray[np.int64]) -> int:
    """Return the least p, a divisor of n, with labels[(i + p) % n] == labels[i]."""
    n = len(labels)
    return next(
        p for p in range(1, n + 1) if n % p == 0 and np.array_equal(labels[: n - p], labels[p:])
    )


def parity(indices: NDArray[np.int64]) -> int:
    """Return 0 for an even permutation, 1 for an odd one."""
    images = indices.tolist()
    seen = [False] * len(images)
    odd = 0
    for start in range(len(images)):
        point = start
        while not seen[point]:
            seen[point] = True
            point = images[point]
            odd ^= point != start  # a cycle of length m is m - 1 transpositions
    return int(odd)


def random_permutations(n: int, size: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Draw ``size`` uniform permutations of 0..n-1, (size, n)."""
    return rng.permuted(np.tile(np.arange(n), (size, 1)), axis=1)


def lexicographic(n: int) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """Return all permutations of 0..n-1 in lexicographic order, and which of them are odd.

    A permutation is its first entry a followed by one of the other values; moving a to the front
    takes a transpositions.
    """
    rows, odd = np.zeros((1, 1), np.int32), np.zeros(1, bool)
    for m in range(2, n + 1):
        first = np.arange(m, dtype=np.int32)[:, None, None]
        rest = rows[None] + (rows[None] >= first)
        rows = np.concatenate(
            [np.broadcast_to(first, (*rest.shape[:2], 1)), rest], axis=2, dtype=np.int32
        ).reshape(-1, m)
        odd = (odd[None] ^ (np.arange(m) % 2 == 1)[:, None]).reshape(-1)
    return rows, odd
