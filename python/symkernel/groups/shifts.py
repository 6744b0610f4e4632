"""Shift features: translations of coordinates, and turns of angles."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterator
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from symkernel.backends.element_tables import ActionTable
from symkernel.groups.base import Group
from symkernel.groups.elements import Element
from symkernel.groups.motion import Motion
from symkernel.groups.named import NamedGroup, Trivial
from symkernel.groups.role import Kind, Role

__all__ = ["Torus", "Translations"]


class AffineGroup(NamedGroup):
    """A group on n features that holds all their shifts."""

    @property
    def order(self) -> float:
        """``math.inf``."""
        return math.inf

    @property
    def is_linear(self) -> bool:
        """False: shifts move the origin."""
        return False

    @property
    def is_signed_permutation(self) -> bool:
        """False."""
        return False

    @property
    def generators(self) -> tuple[Element, ...]:
        """Those of the linear part: the Lie algebra generates all shifts."""
        return self._linear.generators

    def elements(self) -> Iterator[Element]:
        """Raise GroupTooLargeError: there are infinitely many."""
        raise self._infinite()

    def _table(self) -> ActionTable:
        raise self._infinite()

    def _contains(self, element: Element) -> bool:
        return self._linear.contains(element)

    @property
    @abstractmethod
    def _linear(self) -> Group:
        """The linear maps of the group."""

    @cached_property
    def _shift_basis(self) -> NDArray[np.float64]:
        return np.eye(self._n)

    @cached_property
    def _probes(self) -> tuple[Element, ...]:
        return (*(Motion._trusted(None, row) for row in np.eye(self._n)), *self._linear._probes)


class ShiftGroup(AffineGroup):
    """Shifts and nothing else."""

    @property
    def dim(self) -> int:
        """Dimension of the group, n."""
        return self._n

    @cached_property
    def _linear(self) -> Group:
        return Trivial(self._n)


class Translations(ShiftGroup):
    """All translations x -> x + t of R^n.

    Parameters
    ----------
    n : int
        Number of features, at least 1.

    Notes
    -----
    Not compact: there is no uniform distribution. ``sample(size, random_state, scale)`` draws
    Gaussian shifts, and averages over the group mean the quotient by its orbits, that is, centred
    samples. In a product the other factor need not commute with translations; it is enough that
    it maps them to each other, as every linear map along the same axis does:
    ``Translations(3) * O(3)`` is E(3).

    Examples
    --------
    >>> G = Translations(3).along(1, (2, 3))      # move two points of R^3 together
    >>> (g,) = Translations(3).sample(1, random_state=0, scale=10.0)
    >>> g.matrix is None, g.shift.shape
    (True, (3,))
    >>> G.dim, G.degree
    (3, 6)
    """

    @property
    def role(self) -> Role:
        """Translates."""
        return Role(Kind.TRANSLATIONS)

    def _sample(self, size: int, rng: np.random.Generator) -> list[Element]:
        return self._draw(size, rng, 1.0)

    def _draw(self, size: int, rng: np.random.Generator, scale: float) -> list[Element]:
        shifts = scale * rng.standard_normal((size, self._n))
        return [Motion._trusted(None, row.copy()) for row in shifts]


class Torus(ShiftGroup):
    """Independent shifts of n angles: x -> x + t, features in radians with period 2 pi.

    Parameters
    ----------
    n : int
        Number of features, at least 1.

    Notes
    -----
    Compact: ``sample`` draws shifts uniformly from [0, 2 pi). Neither shifts nor shifted angles
    are reduced modulo 2 pi: elements are maps of R^n, and kernels have the period. In a product,
    the other factor may be a torus too or hold signed permutations, which map angles to angles.

    Examples
    --------
    >>> G = Torus(2).along(1, (4, 2))       # four points on a torus, shifted together
    >>> G.dim, G.order
    (2, inf)
    """

    @property
    def role(self) -> Role:
        """Shifts angles."""
        return Role(Kind.ANGLES)

    @property
    def _on_angles(self) -> bool:
        return True

    def _sample(self, size: int, rng: np.random.Generator) -> list[Element]:
        shifts = rng.uniform(0.0, 2.0 * math.pi, (size, self._n))
        return [Motion._trusted(None, row.copy()) for row in shifts]
