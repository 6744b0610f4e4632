"""Make wreath products: one group within every block of features, another on the blocks."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symkernel.backends.element_tables import SignedPermutationTable
from symkernel.groups.base import Group
from symkernel.groups.elements import Element, SignedPermutation
from symkernel.groups.permutation_group import SEARCH_LIMIT, PermutationGroup
from symkernel.groups.role import Kind, Role

__all__ = ["Wreath"]


class Wreath(Group):
    """Block i of g.x is h_i . x[block s[i]], for s of ``outer`` and h_0, h_1, ... of ``inner``.

    Parameters
    ----------
    inner : Group
        Finite, of permutations or signed permutations, on the k features of a block.
    outer : Group
        Of permutations, on the m blocks.

    Raises
    ------
    TypeError
        If one is not a Group.
    ValueError
        If one is not of that kind.

    Notes
    -----
    Samples have the shape (m, k). The order, |inner|^m |outer|, elements, samples and membership
    come from the two groups; stabilisers from those of ``outer`` on the canonical forms of the
    blocks under ``inner``.

    Examples
    --------
    >>> from symkernel.groups import Cyclic, Symmetric
    >>> G = Wreath(Cyclic(4), Symmetric(3))     # three rings, each turned, in any order
    >>> G.degree, G.order
    (12, 384)
    >>> G.stabilizer([1, 2, 1, 2] * 3).order
    48
    """

    def __init__(self, inner: Group, outer: Group) -> None:
        for group, name in ((inner, "inner"), (outer, "outer")):
            if not isinstance(group, Group):
                raise TypeError(f"{name} must be a Group, got {type(group).__name__}")
        if not inner.is_finite or not inner.is_signed_permutation:
            raise ValueError(
                "inner must be a finite group of permutations or signed permutations, got "
                f"{inner!r}"
            )
        if not outer.is_finite or not outer.is_permutation:
            raise ValueError(f"outer must be a group of permutations, got {outer!r}")
        self._inner, self._outer = inner, outer

    @property
    def inner(self) -> Group:
        """The group that acts within every block."""
        return self._inner

    @property
    def outer(self) -> Group:
        """The group that permutes the blocks."""
        return self._outer

    @property
    def degree(self) -> int:
        """Number of features d it acts on."""
        return self._inner.degree * self._outer.degree

    @property
    def shape(self) -> tuple[int, ...]:
        """Blocks, and features of each."""
        return (self._outer.degree, self._inner.degree)

    @property
    def role(self) -> Role:
        """Acts within blocks and permutes them."""
        return Role(Kind.NESTED, nested=(self._inner, self._outer))

    @cached_property
    def order(self) -> int:
        """Exact number of elements."""
        inner: int = int(self._inner.order) ** self._outer.degree
        return inner * int(self._outer.order)

    @property
    def log_order(self) -> float:
        """Natural logarithm of the order."""
        return self._outer.degree * self._inner.log_order + self._outer.log_order

    @property
    def is_permutation(self) -> bool:
        """Whether every element is a permutation."""
        return self._inner.is_permutation

    @cached_property
    def generators(self) -> tuple[Element, ...]:
        """Those of ``inner`` on one block of every orbit of blocks, and those of ``outer``."""
        blocks = set(range(self._outer.degree))
        found: list[Element] = []
        while blocks:
            orbit = [min(blocks)]
            for block in orbit:  # grows while it is read
                for s in _signed(self._outer.generators):
                    image = int(s.indices[block])
                    if image not in orbit:
                        orbit.append(image)
            blocks -= set(orbit)
            found += [self._within(orbit[0], h) for h in _signed(self._inner.generators)]
        return (*found, *(self._between(s) for s in _signed(self._outer.generators)))

    def _within(self, block: int, h: SignedPermutation) -> SignedPermutation:
        parts = [_identity(self._inner.degree)] * self._outer.degree
        parts[block] = h
        return self._assemble(_identity(self._outer.degree), parts)

    def _between(self, s: SignedPermutation) -> SignedPermutation:
        return self._assemble(s, [_identity(self._inner.degree)] * self._outer.degree)

    def _assemble(
        self, s: SignedPermutation, parts: Iterable[SignedPermutation]
    ) -> SignedPermutation:
        k = self._inner.degree
        own = list(parts)
        indices = np.stack([h.indices for h in own]) + k * s.indices[:, None]
        if all(h.signs is None for h in own):
            return SignedPermutation._trusted(indices.reshape(-1))
        ones = np.ones(k, np.int8)
        signs = np.concatenate([ones if h.signs is None else h.signs for h in own])
        return SignedPermutation._trusted(indices.reshape(-1), signs)

    def elements(self) -> Iterator[Element]:
        """Yield all elements: for each of ``outer``, all of ``inner`` in every block.

        The last block changes fastest.
        """
        for s in _signed(self._outer.elements()):
            for parts in self._blockwise(self._outer.degree):
                yield self._assemble(s, parts)

    # Lazily: itertools.product would list the elements of every block first.
    def _blockwise(self, count: int) -> Iterator[tuple[SignedPermutation, ...]]:
        if count == 0:
            yield ()
            return
        for first in self._blockwise(count - 1):
            for h in _signed(self._inner.elements()):
                yield (*first, h)

    def _sample(self, size: int, rng: np.random.Generator) -> list[Element]:
        m = self._outer.degree
        moves = _signed(self._outer._sample(size, rng))
        parts = list(_signed(self._inner._sample(size * m, rng)))
        return [self._assemble(s, parts[m * i : m * (i + 1)]) for i, s in enumerate(moves)]

    def _contains(self, element: Element) -> bool:
        if not isinstance(element, SignedPermutation):
            return False
        blocks, places = np.divmod(element.indices.reshape(self.shape), self._inner.degree)
        if (blocks != blocks[:, :1]).any():
            return False
        if not self._outer.contains(SignedPermutation._trusted(blocks[:, 0])):
            return False
        signs = None if element.signs is None else element.signs.reshape(self.shape)
        return all(
            self._inner.contains(
                SignedPermutation._trusted(row, None if signs is None else signs[i])
            )
            for i, row in enumerate(places)
        )

    def _table(self) -> SignedPermutationTable:
        m, k = self.shape
        inner, outer = self._inner._cached_table, self._outer._cached_table
        assert isinstance(inner, SignedPermutationTable)
        assert isinstance(outer, SignedPermutationTable)
        n = len(inner)
        # The element of each block for every choice of all: digits, the last block fastest.
        chosen = np.arange(n**m)[:, None] // n ** np.arange(m)[::-1] % n
        shape = (len(outer), n**m, m, k)
        starts = k * outer.indices.astype(np.int32)[:, None, :, None]
        indices = (inner.indices[chosen][None] + starts).reshape(-1, self.degree)
        if inner.signs is None:
            return SignedPermutationTable(indices, None)
        signs = np.broadcast_to(inner.signs[chosen][None], shape)
        return SignedPermutationTable(indices, signs.reshape(-1, self.degree))

    # Blocks are alike when an element t_i of the inner group takes each to one representative; an
    # element s of the outer group that exchanges alike blocks then keeps the sample together with
    # h_i = t_i^-1 t_{s[i]}.
    def _fixing(self, labels: NDArray[np.int64]) -> Group:
        m, k = self.shape
        blocks = labels.reshape(m, k)
        acting = PermutationGroup(_signed(self._inner.generators), degree=k)
        images, indices, signs, _, _ = acting._ordered.least_images(
            blocks.astype(np.float64), SEARCH_LIMIT, 1
        )
        to = [
            SignedPermutation._trusted(indices[i], None if signs is None else signs[i])
            for i in range(m)
        ]
        alike = np.unique(images, axis=0, return_inverse=True)[1].reshape(-1)
        moves = self._outer._fixing(alike.astype(np.int64))
        within = [self._inner._fixing(block) for block in blocks]
        found = [self._within(i, h) for i, g in enumerate(within) for h in _signed(g.generators)]
        for s in _signed(moves.generators):
            parts = [to[i].inverse() @ to[j] for i, j in enumerate(s.indices.tolist())]
            found.append(self._assemble(s, _signed(parts)))
        order = int(moves.order) * math.prod(int(g.order) for g in within)
        return PermutationGroup._known(found, self.degree, order)

    def _arguments(self) -> tuple[Any, ...]:
        return (self._inner, self._outer)


def _identity(n: int) -> SignedPermutation:
    return SignedPermutation._trusted(np.arange(n))


def _signed(elements: Iterable[Element]) -> Iterator[SignedPermutation]:
    """Return the same elements, known to be signed permutations."""
    for g in elements:
        assert isinstance(g, SignedPermutation)
        yield g
