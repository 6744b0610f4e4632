"""Let a group act on more features than its own: each of its elements as another map."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterator
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from symkernel.backends.element_tables import ActionTable
from symkernel.groups._checks import SAME_TOLERANCE
from symkernel.groups.base import Group
from symkernel.groups.elements import Element, SignedPermutation
from symkernel.groups.graph_automorphisms import graph_symmetries
from symkernel.groups.permutation_group import PermutationGroup

__all__ = ["Lifted", "leads", "negative", "row_leads"]


class Lifted(Group):
    """A group of linear maps whose elements act on other features than their own.

    Every element of ``group`` acts as another linear map, products as products. Two elements act
    alike where they differ by the sign of all features at most: see ``_forgets_sign``.

    Parameters
    ----------
    group : Group
    """

    def __init__(self, group: Group) -> None:
        self._group = group

    @property
    def group(self) -> Group:
        """The group whose elements act."""
        return self._group

    @abstractmethod
    def _lift(self, element: Element) -> Element:
        """Return what an element does."""

    @abstractmethod
    def _lift_table(self, table: ActionTable) -> ActionTable:
        """Return what all elements of a table do."""

    @abstractmethod
    def _restrict(self, element: Element) -> Element | None:
        """Return an element, one of two where signs are forgotten, that acts so; None if none."""

    @property
    def _forgets_sign(self) -> bool:
        """Whether g and -g both belong to the group and act alike."""
        return False

    @property
    def order(self) -> int | float:
        """Exact number of elements, as maps of the features."""
        order = self._group.order
        return order // 2 if isinstance(order, int) and self._forgets_sign else order

    @property
    def log_order(self) -> float:
        """Natural logarithm of the order."""
        return self._group.log_order - (math.log(2.0) if self._forgets_sign else 0.0)

    @property
    def dim(self) -> int:
        """Dimension of the group."""
        return self._group.dim

    @property
    def is_signed_permutation(self) -> bool:
        """Whether every element is a SignedPermutation."""
        return self._group.is_signed_permutation

    @cached_property
    def generators(self) -> tuple[Element, ...]:
        """Those of ``group``, as they act here."""
        lifted = dict.fromkeys(self._lift(g) for g in self._group.generators)
        lifted.pop(self.identity, None)
        return tuple(lifted)

    def elements(self) -> Iterator[Element]:
        """Yield all elements, one at a time, in the order of ``group``."""
        self._check_finite()
        return (self._lift(g) for g in self._group.elements() if not self._forgets_sign or leads(g))

    def _table(self) -> ActionTable:
        return self._lift_table(self._group._cached_table)

    def _sample(self, size: int, rng: np.random.Generator) -> list[Element]:
        return [self._lift(g) for g in self._group._draw(size, rng, 1.0)]

    def _contains(self, element: Element) -> bool:
        inner = self._restrict(element)
        if inner is None:
            return False
        if self._group.contains(inner):
            return True
        # Of even tensor powers only the product with a sign can be told.
        other = negative(inner)
        return self._lift(other) == self._lift(inner) and self._group.contains(other)

    @cached_property
    def _probes(self) -> tuple[Element, ...]:
        return tuple(self._lift(g) for g in self._group._probes)

    # What nodes do to a graph: automorphisms are searched for, no chain on pairs of nodes is made.
    def _fixing(self, labels: NDArray[np.int64]) -> Group:
        nodes = self.role.nodes
        if not nodes:
            return super()._fixing(labels)
        n = sum(map(len, nodes))
        kinds = np.empty(n, np.int64)
        for k, block in enumerate(nodes):
            kinds[list(block)] = k
        rows = np.unique(labels, return_inverse=True)[1].reshape(n, -1)
        generators, order = graph_symmetries(rows[:, :n], rows[:, n:], kinds)
        lifted = [self._lift(SignedPermutation._trusted(g)) for g in generators]
        kept = [g for g in lifted if isinstance(g, SignedPermutation)]
        return PermutationGroup._known(kept, self.degree, order)


def negative(element: Element) -> Element:
    """Return the element with the sign of all features changed."""
    minus = SignedPermutation._trusted(
        np.arange(element.degree), np.full(element.degree, -1, np.int8)
    )
    return minus @ element


def leads(element: Element) -> bool:
    """Whether the first entry of a matrix that is not zero is positive: that of g, or of -g."""
    if isinstance(element, SignedPermutation):
        return element.signs is None or bool(element.signs[0] > 0)
    return row_leads(element.as_matrix()[0])


def row_leads(row: NDArray[np.float64]) -> bool:
    """Whether the first entry that is not zero is positive; there is one."""
    return bool(row[np.argmax(np.abs(row) > SAME_TOLERANCE)] > 0)
