"""Represent groups on what turns with their samples: vectors, tensors, numbers at points."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from symkernel.groups._checks import as_orthogonal
from symkernel.groups._turning import (
    basis_of,
    direct_sum,
    mean_turned,
    over_points,
    points_of,
    size_of,
    split,
    turned,
)
from symkernel.groups.base import Group
from symkernel.groups.elements import Element
from symkernel.validation import as_count, as_floats

__all__ = ["Listed", "Part", "Representation"]

Array = NDArray[np.float64]

# Elements whose matrices are found from those of generators, one by one.
_LISTED = 20_000
# Two products that are one element have matrices closer than this.
_SAME = 1e-8


@dataclass(frozen=True)
class Part:
    """One kind of quantity, as a whole or at every point of a sample.

    Parameters
    ----------
    kind : str
        One of `symkernel.groups._turning.POWERS`, or "same" for the features themselves.
    at_points : bool, default=False
        Whether there is one at every point, so that permutations exchange them.
    """

    kind: str
    at_points: bool = False

    def size(self, group: Group) -> int:
        """Count the numbers of a quantity."""
        if self.kind == "same":
            return group.degree
        if self == Part("scalar"):
            return 1
        points, dimension = points_of(group, self.at_points).shape
        return size_of(self.kind, dimension) * (points if self.at_points else 1)

    def matrices(self, group: Group, elements: Sequence[Element]) -> Array:
        """Return rho of k elements, (k, p, p)."""
        if self == Part("scalar"):
            return np.ones((len(elements), 1, 1))
        maps = np.stack([g._parts()[0].as_matrix() for g in elements])
        if self.kind == "same":
            return maps
        rows, turns = split(maps, points_of(group, self.at_points), group)
        D = turned(self.kind, turns)
        return over_points(rows, D) if self.at_points else D


@dataclass(frozen=True, eq=False)
class Listed:
    """A part that is known by the matrices of generators, and so of every element."""

    group: Group
    found: dict[Element, Array] = field(repr=False)

    def size(self, group: Group) -> int:
        """Count the numbers of a quantity."""
        return len(next(iter(self.found.values())))

    def matrices(self, group: Group, elements: Sequence[Element]) -> Array:
        """Return rho of k elements, (k, p, p)."""
        if group != self.group:
            raise ValueError(
                f"the representation was made of matrices for {self.group!r}; the group is "
                f"{group!r}: make it with Representation.from_matrices of that group"
            )
        return np.stack([self.found[g] for g in elements])


_NAMED = {
    "trivial": Part("scalar"),
    "pseudoscalar": Part("pseudoscalar"),
    "vector": Part("vector"),
    "pseudovector": Part("pseudovector"),
    "tensor": Part("tensor"),
    "traceless": Part("traceless"),
    "same": Part("same"),
    "permutation": Part("scalar", at_points=True),
}


class Representation:
    """Turn a quantity as its sample is turned: orthogonal matrices, rho(gh) = rho(g) rho(h).

    Parameters
    ----------
    kind : str
        "trivial": a number that stays, such as an energy. "vector": turned as the coordinates of
        points are, such as a dipole; "pseudovector": the same but that point reflections keep it,
        such as angular momenta, in three dimensions; "pseudoscalar": changes sign under improper
        maps. "tensor": symmetric, of rank 2, such as a polarisability, in the orthonormal
        components xx, yy, zz, sqrt(2) yz, sqrt(2) xz, sqrt(2) xy (`components` makes them);
        "traceless": its part of l = 2, in five components (two in the plane). "same": the features
        of a sample themselves, such as forces. "permutation": one number at every point, exchanged
        as the points are, such as charges.

    Raises
    ------
    ValueError
        If the kind is another.

    Notes
    -----
    ``a + b`` is the direct sum, targets of a and then of b; ``3 * a`` three times the same;
    ``a.at_points()`` one at every point, point by point. Under SO(3) "trivial" is l = 0, "vector"
    and "pseudovector" are l = 1, "traceless" is l = 2, and "tensor" is l = 0 and 2. Points and
    coordinates are those along whose axes the group acts; a group that acts on d features has one
    point of d coordinates.
    Source: J.-P. Serre, Linear Representations of Finite Groups, Springer 1977, chapter 1.

    Examples
    --------
    >>> import numpy as np
    >>> from symkernel.groups import PointGroup, Representation, Symmetric
    >>> G = Symmetric(2).along(0, (2, 3)) * PointGroup("O").along(1, (2, 3))
    >>> both = Representation("vector") + Representation("permutation")
    >>> both.size(G)
    5
    >>> g, h = G.sample(2, random_state=0)
    >>> rho = both.matrices(G, [g, h, g @ h])
    >>> bool(np.allclose(rho[0] @ rho[1], rho[2]))
    True
    >>> Representation("tensor").components(np.diag([1.0, 2.0, 3.0]))
    array([1., 2., 3., 0., 0., 0.])
    """

    parts: tuple[Part | Listed, ...]

    def __init__(self, kind: str = "vector") -> None:
        if kind not in _NAMED:
            known = ", ".join(map(repr, _NAMED))
            raise ValueError(f"kind must be one of {known}; got {kind!r}")
        self.parts = (_NAMED[kind],)

    @classmethod
    def _of(cls, parts: Iterable[Part | Listed]) -> Self:
        made = object.__new__(cls)
        made.parts = tuple(parts)
        return made

    @classmethod
    def from_matrices(cls, group: Group, matrices: Sequence[ArrayLike]) -> Self:
        """Make the representation that has given matrices for the generators of a finite group.

        Parameters
        ----------
        group : Group
            Of at most 20,000 elements.
        matrices : sequence of array-like of shape (p, p)
            Orthogonal, one for each of ``group.generators``.

        Raises
        ------
        ValueError
            If there is not one for each generator, one is not orthogonal, or they do not keep to
            the relations of the generators: two products that are the same element have different
            matrices.
        GroupTooLargeError
            If the group has more elements.

        Notes
        -----
        Every product of an element and a generator is compared: |G| times the number of generators
        products of p x p matrices.

        Examples
        --------
        >>> from symkernel.groups import Cyclic, Representation
        >>> sign = Representation.from_matrices(Cyclic(4), [[[-1.0]]])
        >>> sign.matrices(Cyclic(4), list(Cyclic(4).elements())).ravel()
        array([ 1., -1.,  1., -1.])
        """
        group.check_order(_LISTED, "Name a representation that is known for all elements.")
        generators = group.generators
        if len(matrices) != len(generators) or not generators:
            raise ValueError(
                f"matrices must hold one matrix for each of the {len(generators)} generators of "
                f"{group!r}; got {len(matrices)}"
            )
        images = [as_orthogonal(m, f"matrices[{k}]") for k, m in enumerate(matrices)]
        if len({m.shape for m in images}) > 1:
            raise ValueError(f"matrices must all be of one size, got {[m.shape for m in images]}")
        identity = next(iter(group.elements()))
        found = {identity: np.eye(len(images[0]))}
        waiting = [identity]
        for x in waiting:
            for k, (g, image) in enumerate(zip(generators, images, strict=True)):
                product, matrix = g @ x, image @ found[x]
                if product not in found:
                    found[product] = matrix
                    waiting.append(product)
                elif np.abs(found[product] - matrix).max() > _SAME:
                    raise ValueError(
                        f"matrices do not keep to the relations of the generators of {group!r}: a "
                        f"product that begins with generator {k} has two matrices, "
                        f"{np.abs(found[product] - matrix).max():.2g} apart; products of matrices "
                        "must agree wherever products of generators do"
                    )
        return cls._of([Listed(group, found)])

    def at_points(self) -> Self:
        """Return the representation on one quantity at every point, point by point.

        Raises
        ------
        ValueError
            If there is one at every point already, or it was made of matrices.
        """
        made = []
        for part in self.parts:
            if isinstance(part, Listed) or part.at_points or part.kind == "same":
                raise ValueError(f"{self!r} cannot be taken once for every point")
            made.append(Part(part.kind, True))
        return self._of(made)

    def size(self, group: Group) -> int:
        """Count the numbers p of a quantity for a group."""
        return sum(part.size(group) for part in self.parts)

    def matrices(self, group: Group, elements: Sequence[Element]) -> Array:
        """Return the matrices of k elements of a group, (k, p, p)."""
        return direct_sum([part.matrices(group, elements) for part in self.parts])

    def mean(self, group: Group) -> Array:
        """Return the mean of the matrices over a group, (p, p): the projection on what stays.

        Finite groups of at most 20,000 elements, and rotations of points beside permutations.
        """
        structure = group.structure
        rest = structure.rest if structure.translates else group
        if rest.is_finite:
            rest.check_order(_LISTED)
            return np.asarray(self.matrices(rest, list(rest.elements())).mean(axis=0))
        (head,) = structure.rotations
        exchanges = structure.point_permutations(head)
        assert exchanges is not None
        exchanges.check_order(_LISTED)
        rows = np.stack([g._act(np.arange(exchanges.degree)) for g in exchanges.elements()])
        blocks = []
        for part in self.parts:
            assert isinstance(part, Part)
            kind = "vector" if part.kind == "same" else part.kind
            D = mean_turned(kind, head.group.degree, head.group.role.reflections)[None]
            everywhere = part.at_points or part.kind == "same"
            blocks.append(over_points(rows, np.repeat(D, len(rows), 0)) if everywhere else D)
        mean: Array = direct_sum([block.mean(axis=0, keepdims=True) for block in blocks])[0]
        return mean

    def components(self, tensors: ArrayLike) -> Array:
        """Return the components of symmetric tensors (..., r, r) that "tensor" takes, (..., q)."""
        T = as_floats(tensors, "tensors", finite=True).astype(np.float64, copy=False)
        if T.ndim < 2 or T.shape[-1] != T.shape[-2]:
            raise ValueError(f"tensors must have shape (..., r, r), got shape {T.shape}")
        return np.asarray(np.einsum("qab,...ab->...q", basis_of("tensor", T.shape[-1]), T))

    def tensors(self, components: ArrayLike, dimension: int = 3) -> Array:
        """Return the symmetric tensors (..., r, r) of components (..., q), r the dimension."""
        c = as_floats(components, "components", finite=True).astype(np.float64, copy=False)
        basis = basis_of("tensor", dimension)
        if c.ndim < 1 or c.shape[-1] != len(basis):
            raise ValueError(
                f"components must have shape (..., {len(basis)}) in {dimension} dimensions, got "
                f"shape {c.shape}"
            )
        return np.asarray(np.einsum("qab,...q->...ab", basis, c))

    def __add__(self, other: object) -> Self:
        if not isinstance(other, Representation):
            return NotImplemented
        return self._of((*self.parts, *other.parts))

    def __rmul__(self, times: int) -> Self:
        return self._of(self.parts * as_count(times, "times"))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Representation) and self.parts == other.parts

    def __hash__(self) -> int:
        return hash(self.parts)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self  # immutable: scikit-learn's clone copies deeply

    def __repr__(self) -> str:
        return " + ".join(_words(part) for part in self.parts)


def read_output(output: Any) -> Representation:
    """Return the representation that an option ``output`` asks for, itself or by name.

    Raises
    ------
    TypeError, ValueError
        If it is no representation, and no name of one.
    """
    if isinstance(output, Representation):
        return output
    if not isinstance(output, str):
        raise TypeError(
            "output must be a Representation of symkernel.groups or the name of one, got "
            f"{type(output).__name__}"
        )
    if output not in _NAMED:
        known = ", ".join(map(repr, _NAMED))
        raise ValueError(f"output must be a Representation or one of {known}; got {output!r}")
    return Representation(output)


def _words(part: Part | Listed) -> str:
    if isinstance(part, Listed):
        return f"Representation.from_matrices({part.group!r}, ...)"
    names = {own: name for name, own in _NAMED.items()}
    if part in names:
        return f"Representation({names[part]!r})"
    return f"Representation({part.kind!r}).at_points()"
