"""Answer what a group is made of: translations, rotations, angles and finite parts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from math import prod
from operator import mul
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symkernel.groups._built import enter
from symkernel.groups.along import places
from symkernel.groups.base import Group
from symkernel.groups.factor import Factor
from symkernel.groups.named import Trivial

__all__ = ["Structure", "other_axes", "product_along", "product_of"]

# Orders have logarithms of 0 or at least log 2, also after rounding.
_OF_ONE = 0.5


@enter
@dataclass(frozen=True, eq=False)
class Structure:
    """Hold what a group is made of. Kept with the group: ask ``group.structure``.

    Parts are computed when they are first asked for.

    Parameters
    ----------
    group : Group
        The whole.

    Examples
    --------
    >>> from symkernel.groups import E, Symmetric
    >>> G = Symmetric(4).along(0, (4, 3)) * E(3).along(1, (4, 3))
    >>> [f.group for f in G.structure.centres], [f.group for f in G.structure.rotations]
    ([Translations(3)], [O(3)])
    >>> (head,) = G.structure.rotations
    >>> G.structure.point_permutations(head).order
    24
    """

    group: Group

    @cached_property
    def nontrivial(self) -> tuple[Factor, ...]:
        """Factors with more than one element, in the order given."""
        return tuple(f for f in self.group.factors() if f.group.log_order > _OF_ONE)

    @cached_property
    def centres(self) -> tuple[Factor, ...]:
        """Translations, which centring removes."""
        return tuple(f for f in self.nontrivial if f.group.role.translates)

    @cached_property
    def factors(self) -> tuple[Factor, ...]:
        """What remains without translations and trivial groups."""
        return tuple(f for f in self.nontrivial if not f.group.role.translates)

    @cached_property
    def continuous(self) -> tuple[Factor, ...]:
        """Infinite groups among the factors."""
        return tuple(f for f in self.factors if not f.group.is_finite)

    @cached_property
    def finite(self) -> tuple[Factor, ...]:
        """Finite groups among the factors."""
        return tuple(f for f in self.factors if f.group.is_finite)

    @cached_property
    def rotations(self) -> tuple[Factor, ...]:
        """Factors SO(n) and O(n), that on one coordinate included."""
        return tuple(f for f in self.factors if f.group.role.rotates)

    @cached_property
    def angles(self) -> tuple[Factor, ...]:
        """Factors that shift angles."""
        return tuple(f for f in self.factors if f.group.role.turns_angles)

    @cached_property
    def shape(self) -> tuple[int, ...] | None:
        """The array along whose axes all factors act; None if they differ, or there are none."""
        shapes = {f.shape for f in self.factors}
        return shapes.pop() if len(shapes) == 1 else None

    @cached_property
    def by_columns(self) -> tuple[tuple[Group, NDArray[np.intp]], ...]:
        """Groups that act on features of their own, each with these; () where there are none.

        The last may be the trivial group, on features that stay as they are. Translations beside
        them are among the centres, translations in one of them are not.
        """
        if len(self.factors) != 1 or not self.factors[0].group.role.parts:
            return ()
        factor = self.factors[0]
        found = [*_on_features(factor)]
        plain = np.setdiff1d(np.arange(self.group.degree), np.concatenate([at for _, at in found]))
        return (*found, (Trivial(plain.size), plain)) if plain.size else tuple(found)

    # Groups with translations among those on columns, and their features.
    @cached_property
    def _shifted(self) -> tuple[tuple[Structure, NDArray[np.intp]], ...]:
        return tuple(
            (group.structure, at)
            for f in self.factors
            for group, at in _on_features(f)
            if group.structure.translates
        )

    @property
    def translates(self) -> bool:
        """Whether there are translations, on all features or on some columns."""
        return bool(self.centres or self._shifted)

    # One object for the life of the group: tables of its elements are kept with it.
    @cached_property
    def rest(self) -> Group:
        """The group without its translations, as a group of its own."""
        if not self.translates:
            return self.group
        if self._shifted:
            return self.group._linear
        return product_of(self.factors) if self.factors else Trivial(self.group.degree)

    def beside(self, head: Factor) -> tuple[Factor, ...]:
        """Return the factors other than one of them."""
        return tuple(f for f in self.factors if f is not head)

    def point_permutations(self, head: Factor) -> Group | None:
        """Return what permutes the points whose coordinates a factor acts on.

        Returns
        -------
        Group or None
            On as many features as there are points, trivial where nothing else acts; None if
            another factor does more than permute points.
        """
        others = self.beside(head)
        if any(
            f.shape != head.shape or set(f.axes) & set(head.axes) or not f.group.is_permutation
            for f in others
        ):
            return None
        return product_along(others, other_axes(head.axes, head.shape), head.shape)

    # -- centring -----------------------------------------------------------------------------

    @property
    def centring(self) -> tuple[str, ...]:
        """What centring does, in words."""
        axes = [f.axes[0] if len(f.axes) == 1 else f.axes for f in self.centres]
        columns = (f"centre {at.size} columns" for _, at in self._shifted)
        return (*(f"centre along axis {a}" for a in axes), *columns)

    def centred(self, X: NDArray[Any]) -> NDArray[Any]:
        """Return samples less the mean of their points: the quotient by translations.

        Parameters
        ----------
        X : ndarray of shape (n, d)
            Of NumPy or CuPy.
        """
        for shape, others, points in self._means:
            arrays = X.reshape(shape)
            X = (arrays - arrays.sum(axis=others, keepdims=True) / points).reshape(X.shape)
        if self._shifted:
            X = X.copy()
        for structure, at in self._shifted:
            X[:, at] = structure.centred(X[:, at])
        return X

    @cached_property
    def _means(self) -> tuple[tuple[tuple[int, ...], tuple[int, ...], int], ...]:
        """Shapes of samples in which means are taken, along which axes, of how many points."""
        found = []
        for f in self.centres:
            others = other_axes(f.axes, f.shape)
            points = prod(f.shape[a] for a in others)
            found.append(((-1, *f.shape), tuple(1 + a for a in others), points))
        return tuple(found)

    def __reduce__(self) -> tuple[Any, ...]:
        return getattr, (self.group, "structure")


def _on_features(factor: Factor) -> Iterator[tuple[Group, NDArray[np.intp]]]:
    """Yield groups on columns as groups on features: the same element at every point."""
    if not factor.group.role.parts:
        return
    rows = places(factor.axes, factor.shape)  # (points, coordinates)
    for group, columns in factor.group.role.parts:
        at = rows[:, list(columns)]
        yield (group if len(at) == 1 else group.along(1, at.shape)), at.ravel()


def other_axes(axes: Sequence[int], shape: Sequence[int]) -> tuple[int, ...]:
    """Return the axes of an array that are not among some, ascending."""
    return tuple(a for a in range(len(shape)) if a not in axes)


def product_of(factors: Iterable[Factor]) -> Group:
    """Return factors, one at least, as one group on all features, which counts each map once."""
    return reduce(mul, (f.action for f in factors))


def product_along(factors: Sequence[Factor], axes: Sequence[int], shape: Sequence[int]) -> Group:
    """Return the product of factors that act along some axes, on the array of these axes alone."""
    lengths = tuple(shape[a] for a in axes)
    found: Group | None = None
    for factor in factors:
        moved = factor.group.along(tuple(axes.index(a) for a in factor.axes), lengths)
        found = moved if found is None else found * moved
    return Trivial(prod(lengths)) if found is None else found
