"""Find invariant polynomials of permutations within blocks, by partitions.

The orbits of monomials under all permutations of n features are the partitions of their degree into
at most n parts, under those within blocks the choices of one partition for each block, and under
changes of sign as well those into even parts. None of their monomials has to be listed; values are
those of monomial symmetric functions (see ``symmetric_polynomials``).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from symkernel.backends.modes import enumerate_modes
from symkernel.groups import Group
from symkernel.spectral.subspace import InvariantSubspace
from symkernel.spectral.symmetric_polynomials import (
    Partition,
    arrangements,
    monomial_symmetric,
    partitions,
)

__all__ = ["Blocks", "PartitionSubspace", "blocks_of", "by_partitions", "raised_partitions"]

Array = NDArray[np.float64]
Orbit = tuple[Partition, ...]


class Blocks(NamedTuple):
    """Features that are permuted among each other, and the power that signs leave: 1 or 2."""

    features: tuple[tuple[int, ...], ...]
    power: int

    def count(self, degree: int) -> int:
        """Return the number of orbits of monomials of a degree."""
        if degree % self.power:
            return 0
        top = degree // self.power
        series = [1] + [0] * top
        for block in self.features:  # partitions into parts 1, ..., n have at most n parts
            for part in range(1, min(len(block), top) + 1):
                for total in range(part, top + 1):
                    series[total] += series[total - part]
        return series[top]


def blocks_of(group: Group, degree: int) -> Blocks | None:
    """Return the blocks that a group permutes in every way, or None.

    Even permutations have the invariants of all of them below degree n (n - 1) / 2, that of the
    product of all differences.
    """
    role, n = group.role, group.degree
    if role.exchanges or (role.even and n > 2 and degree < n * (n - 1) // 2):
        return Blocks(tuple(map(tuple, role.blocks)), 2 if role.signs else 1)
    return None


def _orbits(sizes: tuple[int, ...], total: int) -> Iterator[Orbit]:
    """Yield one partition for each block, of at most so many parts, of a total."""
    if not sizes:
        if total == 0:
            yield ()
        return
    for own in partitions(total):
        if len(own) <= sizes[0]:
            for rest in _orbits(sizes[1:], total - sum(own)):
                yield (own, *rest)


@dataclass(frozen=True, eq=False, kw_only=True)
class PartitionSubspace(InvariantSubspace):
    """Orbit sums of monomials under permutations within blocks, or combinations of such sums.

    Attributes
    ----------
    blocks : Blocks
    orbits : tuple of tuples of partitions
        One partition for each block; exponents are its parts times ``blocks.power``.
    weights : float64, shape (len(orbits),)
    mixing : float64, shape (len(orbits), dimension), or None
        The functions as combinations of the sums; None for the sums themselves.
    express : callable
        Returns the coefficients over the eigenfunctions of the level.
    """

    blocks: Blocks
    orbits: tuple[Orbit, ...]
    weights: Array
    mixing: Array | None = None
    express: Callable[[PartitionSubspace], Array] = field(repr=False)

    @property
    def sums(self) -> int:
        """Number of orbits."""
        return len(self.orbits)

    @property
    def dimension(self) -> int:
        """Number of invariant functions."""
        return self.sums if self.mixing is None else int(self.mixing.shape[1])

    @cached_property
    def coefficients(self) -> Array:
        """Orthonormal columns (multiplicity, dimension) over ``eigenfunctions`` of the level."""
        return self.express(self)

    def evaluate(self, X: Array, n_jobs: int | None = None) -> Array:
        """Return the functions at samples, (n, dimension)."""
        top = int(self.level) // self.blocks.power
        place = _places(top)
        values = np.tile(self.weights, (len(X), 1))
        for k, block in enumerate(self.blocks.features):
            own = monomial_symmetric(X[:, block] ** self.blocks.power, top)
            values *= own[:, [place[orbit[k]] for orbit in self.orbits]]
        return values if self.mixing is None else values @ self.mixing

    def over_monomials(self, d: int) -> Array:
        """Return the coefficients over all monomials of the degree, which are listed for it."""
        degree = int(self.level)
        words = enumerate_modes(d, degree, max(1, degree), fourier=False)
        exponents = np.zeros((len(words), d + 1), np.int64)  # the last for empty letters
        rows = np.arange(len(words))[:, None]
        coordinate, place = np.divmod(words, max(1, degree))
        exponents[rows, np.where(words < 0, d, coordinate)] = np.where(words < 0, 0, place + 1)
        sorted_rows = [-np.sort(-exponents[:, block], axis=1) for block in self.blocks.features]
        found, inverse = np.unique(np.concatenate(sorted_rows, 1), axis=0, return_inverse=True)
        number = {orbit: k for k, orbit in enumerate(self.orbits)}
        sums = np.zeros((len(found), self.sums))
        ends = np.cumsum([len(block) for block in self.blocks.features])[:-1]
        sizes = np.bincount(inverse.reshape(-1))
        for row, powers in enumerate(found):
            if (powers % self.blocks.power).any():
                continue
            halves = np.split(powers // self.blocks.power, ends)
            orbit = tuple(tuple(part[part > 0].tolist()) for part in halves)
            sums[row, number[orbit]] = 1.0 / math.sqrt(sizes[row])
        columns = sums if self.mixing is None else sums @ self.mixing
        return np.asarray(columns[inverse.reshape(-1)])


def _first_word(orbit: Orbit) -> list[tuple[float, ...]]:
    """Sort orbits as the first of their monomials in the order in which these are listed."""
    return [(*reversed(own), math.inf) for own in orbit]


@lru_cache(maxsize=32)
def _places(top: int) -> dict[Partition, int]:
    return {partition: k for k, partition in enumerate(partitions(top))}


def by_partitions(
    blocks: Blocks,
    degree: int,
    eigenvalue: float,
    multiplicity: int,
    express: Callable[[PartitionSubspace], Array],
) -> PartitionSubspace:
    """Return orthonormal invariant polynomials of a degree, for Bombieri's inner product."""
    sizes = tuple(len(block) for block in blocks.features)
    whole, odd = divmod(degree, blocks.power)
    orbits = () if odd else tuple(sorted(_orbits(sizes, whole), key=_first_word))
    weights = np.empty(len(orbits))
    for k, orbit in enumerate(orbits):
        repeated = math.prod(math.factorial(blocks.power * a) for own in orbit for a in own)
        count = math.prod(arrangements(own, n) for own, n in zip(orbit, sizes, strict=True))
        # Both are exact integers, and their ratio is taken before it is rounded.
        weights[k] = math.sqrt(math.factorial(degree) // repeated / count)
    return PartitionSubspace(
        level=degree,
        eigenvalue=eigenvalue,
        multiplicity=multiplicity,
        blocks=blocks,
        orbits=orbits,
        weights=weights,
        express=express,
    )


def raised_partitions(upper: PartitionSubspace, lower: PartitionSubspace) -> Array:
    """Return |x|^2 times the sums of a degree over those two degrees above, up to a factor.

    m_q |x|^2 holds m_p as often as x^p has a square to give that leaves a monomial of m_q: for q
    with a part a raised by 2, or a new part 2, as often as that part is in p.
    """
    number = {orbit: k for k, orbit in enumerate(upper.orbits)}
    blocks = upper.blocks
    step = 2 // blocks.power
    image = np.zeros((upper.sums, lower.sums))
    for column, orbit in enumerate(lower.orbits):
        for k, (own, block) in enumerate(zip(orbit, blocks.features, strict=True)):
            for a in sorted({*own, 0} if len(own) < len(block) else set(own)):
                rest = list(own)
                if a:
                    rest.remove(a)
                raised = tuple(sorted((*rest, a + step), reverse=True))
                row = number[(*orbit[:k], raised, *orbit[k + 1 :])]
                times = raised.count(a + step)
                image[row, column] += times * lower.weights[column] / upper.weights[row]
    return image
