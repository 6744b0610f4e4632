"""Split a group as the routes see it: translations, and factors on points or coordinates."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from math import prod
from operator import mul

import numpy as np

from symkernel.alignment.base import Array
from symkernel.groups import Group, Torus, Translations, Trivial
from symkernel.groups.factor import Factor

__all__ = ["Structure", "along_axes", "places_of", "structure_of"]


@dataclass(frozen=True)
class Structure:
    """Translations, and the other factors that are not trivial.

    Parameters
    ----------
    group : Group
        The whole.
    centres : tuple of Factor
        Translations, which centring removes.
    factors : tuple of Factor
        What remains.
    """

    group: Group
    centres: tuple[Factor, ...]
    factors: tuple[Factor, ...]

    @property
    def rest(self) -> Group:
        """The group without its translations."""
        if not self.centres:
            return self.group
        if not self.factors:
            return Trivial(self.group.degree)
        return reduce(mul, (f.group.along(f.axes, f.shape) for f in self.factors))

    @property
    def on_angles(self) -> bool:
        """Whether the group turns angles."""
        return any(isinstance(f.group, Torus) for f in self.factors)


def structure_of(group: Group) -> Structure:
    """Take a group apart."""
    factors = group.factors()
    centres = tuple(f for f in factors if isinstance(f.group, Translations))
    rest = tuple(f for f in factors if not isinstance(f.group, Translations) and f.group.order != 1)
    return Structure(group, centres, rest)


def places_of(axes: tuple[int, ...], shape: tuple[int, ...]) -> Array:
    """Features by point and coordinate, (p, r): coordinates run over the axes."""
    others = [a for a in range(len(shape)) if a not in axes]
    r = prod(shape[a] for a in axes)
    return np.arange(prod(shape)).reshape(shape).transpose(*others, *axes).reshape(-1, r)


def along_axes(factors: tuple[Factor, ...], axes: list[int], shape: tuple[int, ...]) -> Group:
    """Return the product of factors that act along some axes, on the array of these axes alone."""
    lengths = tuple(shape[a] for a in axes)
    found: Group = Trivial(prod(lengths))
    for factor in factors:
        moved = factor.group.along(tuple(axes.index(a) for a in factor.axes), lengths)
        found = moved if found.order == 1 else found * moved
    return found
