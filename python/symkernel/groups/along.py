"""Let a group act along some axes of an array."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
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
from symkernel.groups._arrays import trivial_rows
from symkernel.groups._built import enter
from symkernel.groups._checks import SAME_TOLERANCE
from symkernel.groups.base import Group
from symkernel.groups.elements import Element, OrthogonalMatrix, SignedPermutation
from symkernel.groups.factor import Factor
from symkernel.groups.lattice_motion import LatticeMotion
from symkernel.groups.lie import LieGenerator, turning
from symkernel.groups.motion import Motion
from symkernel.validation import as_axes, as_shape

__all__ = ["Along"]

#: Largest number of coordinates r for which elements are kept as r x r matrices on points.
MAX_POINT_DIM = 64


@enter
class Along(Group):
    """A group acting along some axes of an array, alike everywhere else; see ``Group.along``.

    Parameters
    ----------
    group : Group
        Acts on r features, the product of the lengths of the axes.
    axis : int or tuple of int
    shape : tuple of int
        Shape of one sample.
    """

    def __init__(self, group: Group, axis: int | Sequence[int], shape: Sequence[int]) -> None:
        if not isinstance(group, Group):
            raise TypeError(f"group must be a Group, got {type(group).__name__}")
        self._group = group
        self._shape = as_shape(shape)
        self._axes = as_axes(axis, len(self._shape))
        lengths = tuple(self._shape[a] for a in self._axes)
        if math.prod(lengths) != group.degree:
            what = f"axis {self._axes[0]}" if len(self._axes) == 1 else f"axes {self._axes}"
            raise ValueError(
                f"{group!r} acts on {group.degree} features; {what} of shape {self._shape} "
                f"{'has' if len(self._axes) == 1 else 'have'} {' x '.join(map(str, lengths))}"
            )

    @property
    def degree(self) -> int:
        """Number of features d it acts on."""
        return math.prod(self._shape)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one sample."""
        return self._shape

    @property
    def group(self) -> Group:
        """The group that acts along the axes."""
        return self._group

    @property
    def axes(self) -> tuple[int, ...]:
        """The axes it acts on."""
        return self._axes

    @property
    def order(self) -> int | float:
        """Exact number of elements, that of ``group``."""
        return self._group.order

    @property
    def log_order(self) -> float:
        """Natural logarithm of the order."""
        return self._group.log_order

    @property
    def dim(self) -> int:
        """Dimension of ``group``."""
        return self._group.dim

    @property
    def is_linear(self) -> bool:
        """Whether every element fixes the origin."""
        return self._group.is_linear

    @property
    def is_signed_permutation(self) -> bool:
        """Whether every element is a SignedPermutation."""
        return self._group.is_signed_permutation

    @property
    def is_permutation(self) -> bool:
        """Whether every element is a permutation."""
        return self._group.is_permutation

    # Row i: the features of point i, (p, r).
    @cached_property
    def _places(self) -> NDArray[np.int64]:
        return places(self._axes, self._shape)

    def _lift(self, element: Element) -> Element:
        rows = self._places
        if isinstance(element, SignedPermutation):
            indices = np.empty(self.degree, np.int64)
            indices[rows] = rows[:, element.indices]
            if element.signs is None:
                return SignedPermutation._trusted(indices)
            signs = np.empty(self.degree, np.int8)
            signs[rows] = element.signs
            return SignedPermutation._trusted(indices, signs)
        if isinstance(element, Motion):
            matrix = None if element.matrix is None else self._lift_matrix(element.matrix)
            return Motion._trusted(matrix, self._lift_vectors(element.shift))
        if isinstance(element, LatticeMotion):
            rotation = self._lift_matrix(element.rotation).astype(np.int64)
            numerators, denominator = element.fractions
            lifted = self._lift_vectors(numerators).astype(np.int64)
            return LatticeMotion._trusted(rotation, lifted, denominator)
        return OrthogonalMatrix._trusted(self._lift_matrix(element.as_matrix()))

    def _lift_matrix(self, matrix: NDArray[Any]) -> NDArray[np.float64]:
        rows = self._places
        lifted = np.zeros((self.degree, self.degree))
        lifted[rows[:, :, None], rows[:, None, :]] = matrix
        return lifted

    # Of vectors (..., r), the same at every point.
    def _lift_vectors(self, vectors: NDArray[Any]) -> NDArray[np.float64]:
        lifted = np.empty((*vectors.shape[:-1], self.degree))
        lifted[..., self._places] = vectors[..., None, :]
        return lifted

    @cached_property
    def generators(self) -> tuple[Element, ...]:
        """Those of ``group``, along the axes."""
        return tuple(self._lift(g) for g in self._group.generators)

    def elements(self) -> Iterator[Element]:
        """Yield all elements, one at a time, in the order of ``group``."""
        self._check_finite()
        return (self._lift(g) for g in self._group.elements())

    def _sample(self, size: int, rng: np.random.Generator) -> list[Element]:
        return self._draw(size, rng, 1.0)

    def _draw(self, size: int, rng: np.random.Generator, scale: float) -> list[Element]:
        return [self._lift(g) for g in self._group._draw(size, rng, scale)]

    def _contains(self, element: Element) -> bool:
        inner = self._restrict(element)
        return inner is not None and self._group.contains(inner)

    # The element of the group along the axes whose lift it is, or None.
    def _restrict(self, element: Element) -> Element | None:
        rows = self._places
        if isinstance(element, SignedPermutation):
            place = np.empty(self.degree, np.int64)
            place[rows.reshape(-1)] = np.arange(self.degree)
            indices = place[element.indices[rows[0]]]
            if (indices >= rows.shape[1]).any():
                return None
            signs = None if element.signs is None else element.signs[rows[0]]
            inner = SignedPermutation._trusted(indices, signs)
            return inner if self._lift(inner) == element else None
        if isinstance(element, LatticeMotion):
            numerators, denominator = element.fractions
            square = element.rotation[np.ix_(rows[0], rows[0])]
            if abs(abs(np.linalg.det(square)) - 1.0) > SAME_TOLERANCE:
                return None
            motion = LatticeMotion._trusted(square, numerators[rows[0]], denominator)
            return motion if self._lift(motion) == element else None
        matrix = element.as_matrix()
        block = matrix[np.ix_(rows[0], rows[0])]
        same = np.abs(self._lift_matrix(block) - matrix).max() <= SAME_TOLERANCE
        return OrthogonalMatrix._trusted(block) if same else None

    def _stabilizer(self, X: NDArray[np.float64]) -> Group:
        columns = X[self._places.T].reshape(self._group.degree, -1)
        return self._group._stabilizer(columns).along(self._axes, self._shape)

    def _table(self) -> ActionTable:
        rows, inner = self._places, self._group._cached_table
        if not isinstance(inner, SignedPermutationTable):
            count = len(inner)
            matrices = np.zeros((count, self.degree, self.degree))
            matrices[:, rows[:, :, None], rows[:, None, :]] = inner.matrices[:, None]
            return MatrixTable(matrices)
        count = len(inner)
        indices = np.empty((count, self.degree), np.int32)
        lifted = rows.astype(np.int32)[:, inner.indices]  # (p, G, r)
        indices[:, rows.reshape(-1)] = lifted.swapaxes(0, 1).reshape(count, -1)
        if inner.signs is None:
            return SignedPermutationTable(indices, None)
        signs = np.empty((count, self.degree), np.int8)
        signs[:, rows.reshape(-1)] = np.tile(inner.signs, (1, len(rows)))
        return SignedPermutationTable(indices, signs)

    @property
    def _has_points(self) -> bool:
        return not self._on_lattice and worth_points(self._group.degree, self)

    def point_sizes(self) -> PointSizes | None:
        """Return the sizes that ``point_table`` would have; None without that form."""
        if not self._has_points:
            return None
        signed, order = self._group.is_signed_permutation, int(self._group.order)
        return PointSizes(1, len(self._places), order, self._group.degree, signed)

    def _point_table(self) -> PointTable | None:
        matrices = table_matrices(self._group._cached_table)
        return PointTable(trivial_rows(len(self._places)), matrices, layout(self._places))

    # -- structure ----------------------------------------------------------------------------

    def factors(self) -> tuple[Factor, ...]:
        """Return those of ``group``, along its axes; one axis may be split into several."""
        found = []
        for factor in self._group.factors():
            placed = factor.placed(self._axes, self._shape)
            if placed is None:  # axes that cannot be split into those of the factors
                return (Factor(self._group, self._axes, self._shape),)
            found.append(placed)
        return tuple(found)

    @cached_property
    def _shift_basis(self) -> NDArray[np.float64]:
        return self._lift_vectors(self._group._shift_basis) / math.sqrt(len(self._places))

    @cached_property
    def _linear(self) -> Group:
        return self if self.is_linear else Along(self._group._linear, self._axes, self._shape)

    def _rotations(self) -> tuple[LieGenerator, ...]:
        norm = math.sqrt(len(self._places))
        inner = self._group._rotations()
        return tuple(turning(self._lift_matrix(xi.matrix / norm)) for xi in inner)

    @cached_property
    def _probes(self) -> tuple[Element, ...]:
        return tuple(self._lift(g) for g in self._group._probes)

    @property
    def _on_angles(self) -> bool:
        return self._group._on_angles

    def check_rows(self, X: NDArray[Any], name: str = "X") -> None:
        """Raise ValueError where samples are not what the group claims, anywhere off the axes."""
        if self._claims:
            for rows in self._places:
                self._group.check_rows(X[:, rows], name)

    @property
    def _claims(self) -> bool:
        return self._group._claims

    @property
    def _on_lattice(self) -> bool:
        return self._group._on_lattice

    def _tensor(self) -> tuple[Group, tuple[int, ...], tuple[int, ...]] | None:
        return self._group, self._axes, self._shape

    def _arguments(self) -> tuple[Any, ...]:
        return (self._group, self._axes, self._shape)

    def __repr__(self) -> str:
        return self._group._repr_along(self._axes, self._shape)


def places(axes: tuple[int, ...], shape: tuple[int, ...]) -> NDArray[np.int64]:
    """Return the features by point and coordinate, (p, r); coordinates run over the axes."""
    features = np.arange(math.prod(shape)).reshape(shape)
    last = range(-len(axes), 0)
    r = math.prod(shape[a] for a in axes)
    return np.moveaxis(features, axes, tuple(last)).reshape(-1, r)


def worth_points(r: int, group: Group) -> bool:
    """Return whether elements are cheaper as r x r matrices than as maps of all features."""
    cost = r * r if group.is_signed_permutation else r  # against a gather, or a dense matrix
    return r <= MAX_POINT_DIM and cost < group.degree


def layout(rows: NDArray[np.int64]) -> NDArray[np.int64] | None:
    """Return the features point after point; None when that is their own order."""
    flat = rows.reshape(-1)
    return None if np.array_equal(flat, np.arange(flat.size)) else flat
