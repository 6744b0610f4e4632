"""Make the groups SE(n) and E(n) of rigid motions of R^n."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from symkernel.groups.base import Group
from symkernel.groups.elements import Element
from symkernel.groups.factor import Factor
from symkernel.groups.orthogonal import SO, O
from symkernel.groups.shifts import AffineGroup, Translations

__all__ = ["SE", "E"]


class EuclideanGroup(AffineGroup):
    """Translations of R^n after the maps of a linear group."""

    @property
    def dim(self) -> int:
        """Dimension of the group, n (n + 1) / 2."""
        return self._n * (self._n + 1) // 2

    def factors(self) -> tuple[Factor, ...]:
        """Return Translations(n) and the linear part."""
        return (*Translations(self._n).factors(), *self._linear.factors())

    def _sample(self, size: int, rng: np.random.Generator) -> list[Element]:
        return self._draw(size, rng, 1.0)

    def _draw(self, size: int, rng: np.random.Generator, scale: float) -> list[Element]:
        shifts = Translations(self._n)._draw(size, rng, scale)
        linear = self._linear._draw(size, rng, scale)
        return [t @ g for t, g in zip(shifts, linear, strict=True)]


class SE(EuclideanGroup):
    """The motions of R^n without reflections: x -> R x + t with R in SO(n).

    Parameters
    ----------
    n : int
        Number of features, at least 1. SE(1) is Translations(1).

    Notes
    -----
    Not compact, as Translations are not: ``sample`` draws R from Haar measure and t from a
    Gaussian of standard deviation ``scale``.

    Examples
    --------
    >>> SE(3).dim
    6
    >>> from symkernel.groups import SO, Translations
    >>> SE(3) == Translations(3) * SO(3)
    True
    """

    @cached_property
    def _linear(self) -> Group:
        return SO(self._n)


class E(EuclideanGroup):
    """All rigid motions of R^n, reflections among them: x -> Q x + t with Q in O(n).

    Parameters
    ----------
    n : int
        Number of features, at least 1.

    Notes
    -----
    Not compact, as Translations are not: ``sample`` draws Q from Haar measure and t from a
    Gaussian of standard deviation ``scale``.

    Examples
    --------
    >>> from symkernel.groups import SE
    >>> E(3).dim, all(g in E(3) for g in SE(3).sample(4, random_state=0))
    (6, True)
    >>> E(3).generators
    (SignedPermutation([0, 1, 2], [-1, 1, 1]),)
    """

    @cached_property
    def _linear(self) -> Group:
        return O(self._n)
