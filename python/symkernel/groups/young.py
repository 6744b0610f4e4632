"""Make Young subgroups: permutations among positions of one kind."""

from __future__ import annotations

import itertools
import math
from collections.abc import Hashable, Iterable, Iterator
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symkernel.backends.element_tables import SignedPermutationTable
from symkernel.groups._built import enter
from symkernel.groups.base import Group
from symkernel.groups.elements import Element, SignedPermutation
from symkernel.groups.named import lexicographic
from symkernel.groups.role import Kind, Role

__all__ = ["Young"]


@enter
class Young(Group):
    """All permutations that exchange only features of equal label: S_a x S_b x ...

    Parameters
    ----------
    labels : iterable of hashable
        Label of every feature, such as the chemical element of every atom; at least one.

    Raises
    ------
    ValueError
        If there are no labels.
    TypeError
        If the labels are not iterable, or one is not hashable.

    Examples
    --------
    >>> G = Young("CCOHHHHHH")
    >>> G.order == 2 * 720
    True
    >>> G.along(0, (9, 3)).degree
    27
    """

    def __init__(self, labels: Iterable[Hashable]) -> None:
        try:
            found = labels.tolist() if isinstance(labels, np.ndarray) else list(labels)
        except TypeError:
            raise TypeError(f"labels must be a sequence of labels, got {labels!r}") from None
        if not found:
            raise ValueError("labels must name at least one feature, got none")
        for label in found:
            if not isinstance(label, Hashable):
                raise TypeError(f"labels must be hashable, got {label!r}")
        self._labels = tuple(found)
        places: dict[Hashable, list[int]] = {}
        for place, label in enumerate(found):
            places.setdefault(label, []).append(place)
        self._blocks = tuple(tuple(block) for block in places.values())

    @property
    def degree(self) -> int:
        """Number of features d it acts on."""
        return len(self._labels)

    @property
    def labels(self) -> tuple[Hashable, ...]:
        """Label of every feature."""
        return self._labels

    @property
    def blocks(self) -> tuple[tuple[int, ...], ...]:
        """Features of equal label, in the order in which labels first appear."""
        return self._blocks

    @property
    def role(self) -> Role:
        """Exchanges features of equal label."""
        return Role(Kind.EXCHANGES, blocks=self._blocks)

    @cached_property
    def order(self) -> int:
        """Exact number of elements, the product of the factorials of the block sizes."""
        return math.prod(math.factorial(len(block)) for block in self._blocks)

    @property
    def log_order(self) -> float:
        """Natural logarithm of the order."""
        return sum(math.lgamma(len(block) + 1.0) for block in self._blocks)

    @cached_property
    def generators(self) -> tuple[Element, ...]:
        """For each block the exchange of its first two features, and the cycle of all of them."""
        found = []
        for block in self._blocks:
            for cycle in dict.fromkeys((block[:2], block)):
                if len(cycle) > 1:
                    indices = np.arange(self.degree)
                    indices[list(cycle)] = np.roll(cycle, -1)
                    found.append(SignedPermutation._trusted(indices))
        return tuple(found)

    def elements(self) -> Iterator[Element]:
        """Yield all elements, one at a time; those of the last block change fastest."""
        return (SignedPermutation._trusted(row) for row in self._rows())

    def _rows(self) -> Iterator[NDArray[np.int64]]:
        places = np.array(list(itertools.chain(*self._blocks)))
        # Lazily, block by block: product() would list every block's permutations first.
        stack = [itertools.permutations(block) for block in self._blocks]
        chosen = [next(one) for one in stack]
        while True:
            row = np.empty(self.degree, np.int64)
            row[places] = list(itertools.chain(*chosen))
            yield row
            at = len(stack) - 1
            while at >= 0:
                following = next(stack[at], None)
                if following is not None:
                    chosen[at] = following
                    break
                stack[at] = itertools.permutations(self._blocks[at])
                chosen[at] = next(stack[at])
                at -= 1
            if at < 0:
                return

    def _sample(self, size: int, rng: np.random.Generator) -> list[Element]:
        rows = np.tile(np.arange(self.degree), (size, 1))
        for block in self._blocks:
            places = list(block)
            rows[:, places] = rng.permuted(rows[:, places], axis=1)
        return [SignedPermutation._trusted(row) for row in rows]

    def _contains(self, element: Element) -> bool:
        if not isinstance(element, SignedPermutation) or element.signs is not None:
            return False
        moved = element.indices.tolist()
        return all(self._labels[i] == label for i, label in zip(moved, self._labels, strict=True))

    def _fixing(self, labels: NDArray[np.int64]) -> Group:
        return Young(zip(self._labels, labels.tolist(), strict=True))

    def _table(self) -> SignedPermutationTable:
        rows = np.empty((self.order, self.degree), np.int32)
        repeats = self.order  # of a permutation of each block, the last block changing fastest
        for block in self._blocks:
            own = np.array(block, np.int32)[lexicographic(len(block))[0]]
            repeats //= len(own)
            copies = self.order // (repeats * len(own))
            rows[:, list(block)] = np.tile(np.repeat(own, repeats, axis=0), (copies, 1))
        return SignedPermutationTable(rows, None)

    def _arguments(self) -> tuple[Any, ...]:
        return (self._labels,)
