"""Multiply two groups whose elements commute, or normalise translations."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symkernel.backends.element_tables import (
    ActionTable,
    MatrixTable,
    PointSizes,
    PointTable,
    SignedPermutationTable,
    table_matrices,
)
from symkernel.exceptions import GroupTooLargeError
from symkernel.groups._arrays import trivial_rows
from symkernel.groups._built import enter
from symkernel.groups._commuting import (
    Tensor,
    check_commuting,
    check_lattice,
    check_shifts,
    on_different_axes,
    split,
)
from symkernel.groups.along import layout, places, worth_points
from symkernel.groups.base import Group
from symkernel.groups.elements import Element, SignedPermutation
from symkernel.groups.factor import Factor
from symkernel.groups.lie import LieGenerator, orthonormal_matrices, orthonormal_rows
from symkernel.groups.permutation_group import PermutationGroup

__all__ = ["Product"]

# Most elements of the smaller factor that are tried one by one for membership in the other.
_ENUMERABLE = 100_000


@enter
class Product(Group):
    """The products g @ h of elements of two commuting groups; written ``G * H``.

    Parameters
    ----------
    left, right : Group
        Groups on the same features whose elements commute. Translations, or shifts of angles,
        need not commute with the other factor: it is enough that it maps them to each other.

    Raises
    ------
    ValueError
        If the numbers of features differ, or the groups do not commute: the message shows two
        elements. If one acts on angles and the other is not made of signed permutations.

    Notes
    -----
    The action is what counts: when the factors share elements, g @ h takes every value equally
    often, so that ``sample`` and averages over pairs are uniform on the group, while ``order``,
    ``elements`` and ``table`` count each element once, and ``dim`` each direction.

    Two continuous groups commute when generators of dense subgroups do: turns of neighbouring
    axes by one radian.

    Examples
    --------
    >>> from symkernel.groups import Cyclic, Symmetric
    >>> G = Symmetric(9).along(0, (9, 3)) * Cyclic(3).along(1, (9, 3))
    >>> G.order == 362880 * 3
    True
    >>> (Cyclic(6) * Cyclic(6)).order
    6
    >>> from symkernel.groups import O, Translations
    >>> H = Symmetric(9).along(0, (9, 3)) * (O(3) * Translations(3)).along(1, (9, 3))
    >>> H.dim
    6
    """

    def __init__(self, left: Group, right: Group) -> None:
        for group in (left, right):
            if not isinstance(group, Group):
                raise TypeError(f"a product needs two groups, got {type(group).__name__}")
        if left.degree != right.degree:
            raise ValueError(
                f"a product needs groups on the same features: {left!r} acts on {left.degree}, "
                f"{right!r} on {right.degree}"
            )
        self._left, self._right = left, right
        if self._on_lattice:
            self._apart = False
            check_lattice(left, right)
            return
        # Of groups with shifts, the linear maps have a product too, which looks into itself.
        self._apart = self.is_linear and on_different_axes(left, right)
        if not self.is_linear:
            self._linear  # noqa: B018 (made at the door, for its errors)
            check_shifts(left, right)
        elif not self._apart:
            check_commuting(left, right)

    @property
    def _multiplied(self) -> tuple[Group, ...]:
        """The groups multiplied, products among them taken apart."""
        return tuple(
            factor
            for side in (self._left, self._right)
            for factor in (side._multiplied if isinstance(side, Product) else (side,))
        )

    @property
    def degree(self) -> int:
        """Number of features d it acts on."""
        return self._left.degree

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of both factors, or of the one that has more than one axis."""
        left, right = self._left.shape, self._right.shape
        if len(right) == 1 or left == right:
            return left
        return right if len(left) == 1 else (self.degree,)

    @cached_property
    def dim(self) -> int:
        """Dimension of the group: of both factors, less what they share."""
        if self._on_lattice:
            return 0
        if not self.is_linear:
            return len(self._shift_basis) + self._linear.dim
        dims = (self._left.dim, self._right.dim)
        # Along different axes only multiples of the identity are shared: none is antisymmetric.
        return sum(dims) if self._apart or 0 in dims else len(self._rotations())

    @property
    def is_linear(self) -> bool:
        """Whether every element fixes the origin."""
        return self._left.is_linear and self._right.is_linear

    @property
    def is_signed_permutation(self) -> bool:
        """Whether every element is a SignedPermutation."""
        return self._left.is_signed_permutation and self._right.is_signed_permutation

    @property
    def is_permutation(self) -> bool:
        """Whether every element is a permutation."""
        return self._left.is_permutation and self._right.is_permutation

    @cached_property
    def generators(self) -> tuple[Element, ...]:
        """Those of both factors."""
        return tuple(dict.fromkeys((*self._left.generators, *self._right.generators)))

    @cached_property
    def order(self) -> int | float:
        """Exact number of elements: |G| |H| over the number of elements they share."""
        if not self.is_finite:
            return math.inf
        if not self._apart and self._chain is not None:
            return self._chain.order
        return self._pairs // len(self._shared)

    @property
    def log_order(self) -> float:
        """Natural logarithm of the order."""
        if self.is_finite and self._apart:
            shared = math.log(len(self._shared))
            return self._left.log_order + self._right.log_order - shared
        return super().log_order

    @property
    def _pairs(self) -> int:
        """|G| |H| of finite factors."""
        return int(self._left.order) * int(self._right.order)

    @property
    def _overlaps(self) -> bool:
        return self.order < self._pairs

    # A product of signed permutations as a group with a stabiliser chain.
    @cached_property
    def _chain(self) -> PermutationGroup | None:
        signed = [g for g in self.generators if isinstance(g, SignedPermutation)]
        if len(signed) < len(self.generators) or not self.is_finite or self._on_lattice:
            return None
        return PermutationGroup(signed, degree=self.degree)

    @cached_property
    def _shared(self) -> list[Element]:
        """The elements that lie in both factors."""
        if self._apart:
            # g along some axes equals h along others only when both are +1 or both are -1.
            if self._left.is_permutation or self._right.is_permutation:
                return [self.identity]
            flipped = np.full(self.degree, -1, np.int8)
            minus = SignedPermutation._trusted(np.arange(self.degree), flipped)
            both = self._left.contains(minus) and self._right.contains(minus)
            return [self.identity, minus] if both else [self.identity]
        small, large = self._by_order()
        return [g for g in small.elements() if large.contains(g)]

    # The smaller factor first; only that one is ever enumerated to compare the two.
    def _by_order(self) -> tuple[Group, Group]:
        small, large = sorted((self._left, self._right), key=lambda group: group.order)
        if small.order > _ENUMERABLE:
            advice = "the factors of a product of matrix groups are compared one element at a time"
            raise GroupTooLargeError(repr(small), small.order, _ENUMERABLE, advice)
        return small, large

    # -- elements -----------------------------------------------------------------------------

    # One element of the right factor for each coset of the shared ones.
    def _representatives(self) -> Iterator[Element]:
        if not self._overlaps:
            yield from self._right.elements()
            return
        seen: set[Element] = set()
        for h in self._right.elements():
            if h not in seen:
                seen.update(h @ s for s in self._shared)
                yield h

    # Factors that mix axes and share elements: the chain lists each element once.
    @property
    def _lister(self) -> PermutationGroup | None:
        return self._chain if self._overlaps and not self._apart else None

    def elements(self) -> Iterator[Element]:
        """Yield all elements, one at a time: the identity first, always in the same order."""
        self._check_finite()
        if self._lister is not None:
            return self._lister.elements()
        return (g @ h for h in self._representatives() for g in self._left.elements())

    def _sample(self, size: int, rng: np.random.Generator) -> list[Element]:
        return self._draw(size, rng, 1.0)

    def _draw(self, size: int, rng: np.random.Generator, scale: float) -> list[Element]:
        left, right = (side._draw(size, rng, scale) for side in (self._left, self._right))
        return [g @ h for g, h in zip(left, right, strict=True)]

    def _contains(self, element: Element) -> bool:
        if not (self.is_linear or self._on_lattice):
            return self._linear.contains(element)
        if self._chain is not None:
            return self._chain.contains(element)
        left, right = self._left, self._right
        if self._apart:
            _, axes, shape = _tensor_of(left)
            return any(
                left.contains(g) and right.contains(g.inverse() @ element)
                for g in split(element, axes, shape)
            )
        if not (left.is_finite or right.is_finite):
            for one, other in ((left, right), (right, left)):
                if all(one.contains(g) for g in other._probes):
                    return one.contains(element)
        small, large = self._by_order()
        return any(large.contains(g.inverse() @ element) for g in small.elements())

    def _table(self) -> ActionTable:
        if self._lister is not None:
            return self._lister._table()
        right = self._right._cached_table
        if self._overlaps:
            right = _listed(list(self._representatives()))
        return _outer(self._left._cached_table, right)

    # -- structure ----------------------------------------------------------------------------

    def factors(self) -> tuple[Factor, ...]:
        """Return those of the left group, then those of the right one."""
        return (*self._left.factors(), *self._right.factors())

    @cached_property
    def _shift_basis(self) -> NDArray[np.float64]:
        return orthonormal_rows(np.concatenate([self._left._shift_basis, self._right._shift_basis]))

    @cached_property
    def _linear(self) -> Group:
        if self.is_linear or self._on_lattice:
            return self
        left, right = self._left._linear, self._right._linear
        if left.order == 1 or right.order == 1:
            return right if left.order == 1 else left
        return Product(left, right)

    def _rotations(self) -> tuple[LieGenerator, ...]:
        if self._on_lattice:
            return ()
        if not self.is_linear:
            return self._linear._rotations()
        left, right = self._left._rotations(), self._right._rotations()
        both = (*left, *right)
        return orthonormal_matrices(both) if left and right and not self._apart else both

    @cached_property
    def _probes(self) -> tuple[Element, ...]:
        return tuple(dict.fromkeys((*self._left._probes, *self._right._probes)))

    @property
    def _on_angles(self) -> bool:
        return self._left._on_angles or self._right._on_angles

    @property
    def _on_lattice(self) -> bool:
        return self._left._on_lattice or self._right._on_lattice

    # -- points -------------------------------------------------------------------------------

    def _tensor(self) -> Tensor | None:
        parts = [factor._tensor() for factor in self._multiplied]
        if any(part is None or part[2] != self.shape for part in parts):
            return None
        known = [part for part in parts if part is not None]
        axes = tuple(sorted({axis for _, part, _ in known for axis in part}))
        if len(axes) == len(self.shape):
            return self, axes, self.shape
        return _product_along(known, axes, self.shape), axes, self.shape

    @property
    def _has_points(self) -> bool:
        return self._split is not None

    @cached_property
    def _split(self) -> tuple[list[Tensor], list[Tensor], tuple[int, ...]] | None:
        """Factors that permute points, factors that act on coordinates, axes of coordinates."""
        if self._on_lattice:
            return None
        parts = []
        for factor in self._multiplied:
            part = factor._tensor()
            if part is None or part[2] != self.shape:
                return None
            parts.append(part)
        fixed = {a for group, axes, _ in parts if not group.is_permutation for a in axes}
        # With permutations only, the coordinates may be those of any factor: the fewest.
        starts = [fixed] if fixed else [set(axes) for _, axes, _ in parts]
        found = []
        for start in starts:
            coordinates = set(start)
            for _, axes, _ in parts:  # a factor is on one side or the other
                if coordinates & set(axes):
                    coordinates |= set(axes)
            if all(not coordinates & set(a) or coordinates >= set(a) for _, a, _ in parts):
                found.append(tuple(sorted(coordinates)))
        found = [axes for axes in found if worth_points(self._size(axes), self)]
        if not found:
            return None
        best = min(found, key=self._size)
        rows = [part for part in parts if not set(part[1]) & set(best)]
        return rows, [part for part in parts if set(part[1]) & set(best)], best

    def _size(self, axes: tuple[int, ...]) -> int:
        return math.prod(self.shape[a] for a in axes)

    def point_sizes(self) -> PointSizes | None:
        """Return the sizes that ``point_table`` would have; None without that form."""
        if self._split is None:
            return None
        on_points, on_coordinates, axes = self._split
        others = tuple(a for a in range(len(self.shape)) if a not in axes)
        acting = _product_along(on_coordinates, axes, self.shape)
        rows = int(_product_along(on_points, others, self.shape).order) if on_points else 1
        signed = acting.is_signed_permutation
        return PointSizes(rows, self._size(others), int(acting.order), self._size(axes), signed)

    def _point_table(self) -> PointTable | None:
        if self._split is None:
            return None
        on_points, on_coordinates, axes = self._split
        others = tuple(a for a in range(len(self.shape)) if a not in axes)
        matrices = table_matrices(_product_along(on_coordinates, axes, self.shape)._cached_table)
        rows = trivial_rows(self._size(others))
        if on_points:
            table = _product_along(on_points, others, self.shape)._cached_table
            assert isinstance(table, SignedPermutationTable)
            rows = table.indices
        return PointTable(rows, matrices, layout(places(axes, self.shape)))

    # -- comparison ---------------------------------------------------------------------------

    def check_rows(self, X: NDArray[Any], name: str = "X") -> None:
        """Raise ValueError where samples are not what a factor claims."""
        for factor in self._multiplied if self._claims else ():
            factor.check_rows(X, name)

    @property
    def _claims(self) -> bool:
        return self._left._claims or self._right._claims

    def _arguments(self) -> tuple[Any, ...]:
        return (self._left, self._right)

    def __repr__(self) -> str:
        return " * ".join(map(repr, self._multiplied))


def _tensor_of(group: Group) -> Tensor:
    tensor = group._tensor()
    assert tensor is not None
    return tensor


def _product_along(parts: list[Tensor], axes: tuple[int, ...], shape: tuple[int, ...]) -> Group:
    """Return the product of groups along some of the axes, on the array of these alone."""
    lengths = tuple(shape[a] for a in axes)
    found: Group | None = None
    for group, own, _ in parts:
        moved = group.along(tuple(axes.index(a) for a in own), lengths)
        found = moved if found is None else Product(found, moved)
    assert found is not None
    return found


def _listed(elements: list[Element]) -> ActionTable:
    if all(isinstance(g, SignedPermutation) for g in elements):
        chosen = [g for g in elements if isinstance(g, SignedPermutation)]
        ones = np.ones(chosen[0].degree, np.int8)
        signs = np.stack([ones if g.signs is None else g.signs for g in chosen])
        indices = np.stack([g.indices for g in chosen]).astype(np.int32)
        return SignedPermutationTable(indices, None if (signs > 0).all() else signs)
    return MatrixTable(np.stack([g.as_matrix() for g in elements]))


def _outer(left: ActionTable, right: ActionTable) -> ActionTable:
    """All g @ h, for each h of the right table all g of the left one."""
    if not (isinstance(left, SignedPermutationTable) and isinstance(right, SignedPermutationTable)):
        a, b = table_matrices(left), table_matrices(right)
        matrices: NDArray[np.float64] = (a[None] @ b[:, None]).reshape(-1, *a.shape[1:])
        return MatrixTable(matrices)
    # (g @ h)[i] = h[g[i]] with sign s_g[i] s_h[g[i]]
    degree = left.indices.shape[1]
    indices = right.indices[:, left.indices].reshape(-1, degree)
    if left.signs is None and right.signs is None:
        return SignedPermutationTable(indices, None)
    shape = (len(right), len(left), degree)
    signs = np.ones(shape, np.int8)
    if right.signs is not None:
        signs *= right.signs[:, left.indices]
    if left.signs is not None:
        signs *= left.signs
    return SignedPermutationTable(indices, signs.reshape(-1, degree))
