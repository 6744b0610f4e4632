"""Let groups act on some columns of a table each, and leave the other columns as they are."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symkernel.backends.element_tables import (
    ActionTable,
    MatrixTable,
    SignedPermutationTable,
    table_matrices,
)
from symkernel.groups._checks import SAME_TOLERANCE
from symkernel.groups.base import Group
from symkernel.groups.elements import Element, OrthogonalMatrix, SignedPermutation
from symkernel.groups.lie import LieGenerator, turning
from symkernel.groups.motion import Motion
from symkernel.groups.role import Kind, Role

__all__ = ["Columns", "lifted", "written"]


@dataclass(frozen=True, eq=False)
class Block:
    """A group and the columns that it acts on, in the order of its features."""

    group: Group
    columns: NDArray[np.int64]


class Columns(Group):
    """Groups on disjoint columns, each by itself; written ``G.on(columns, n_features)`` and ``*``.

    The direct product of the groups on the direct sum of their columns. Columns that none of them
    acts on are plain: nothing happens there.

    Parameters
    ----------
    parts : sequence of (Group, sequence of int)
        Groups, and the positions of the columns that their features are; no column twice.
    n_features : int
        Number of columns.

    Raises
    ------
    ValueError
        If a group of angles stands beside one that does not map angles to angles, or one moves
        fractional coordinates.

    Notes
    -----
    Permutations within blocks of columns are permutations within blocks of all of them, so that
    sorting, permanents and matching know them for what they are.
    """

    def __init__(self, parts: Sequence[tuple[Group, Sequence[int]]], n_features: int) -> None:
        self._degree = int(n_features)
        self._blocks: tuple[Block, ...] = tuple(
            Block(inner, at) for group, columns in parts for inner, at in _flat(group, columns)
        )
        for block in self._blocks:
            if block.group._on_lattice:
                raise ValueError(
                    f"columns hold numbers, and {block.group!r} moves fractional coordinates, "
                    "modulo 1: it acts on all features, on those of n atoms by along(1, (n, d))"
                )
        if self._on_angles:
            for block in self._blocks:
                group = block.group
                if not (group._on_angles or group.is_signed_permutation):
                    raise ValueError(
                        "a product needs one kind of features: angles in some columns, which only "
                        f"shifts and signed permutations map to angles, and {group!r} in others"
                    )

    @property
    def blocks(self) -> tuple[Block, ...]:
        """The groups, each with its columns."""
        return self._blocks

    @cached_property
    def plain(self) -> NDArray[np.int64]:
        """Columns on which nothing acts, ascending."""
        return np.setdiff1d(np.arange(self._degree), self._touched)

    @property
    def _touched(self) -> NDArray[np.int64]:
        return np.concatenate([block.columns for block in self._blocks])

    @property
    def degree(self) -> int:
        """Number of features d it acts on: all columns."""
        return self._degree

    @cached_property
    def order(self) -> int | float:
        """Exact number of elements, the product of those of the groups."""
        return math.prod(block.group.order for block in self._blocks)

    @property
    def log_order(self) -> float:
        """Natural logarithm of the order."""
        return sum(block.group.log_order for block in self._blocks)

    @property
    def dim(self) -> int:
        """Dimension of the group, the sum of those of the groups."""
        return sum(block.group.dim for block in self._blocks)

    @property
    def is_linear(self) -> bool:
        """Whether every element fixes the origin."""
        return all(block.group.is_linear for block in self._blocks)

    @property
    def is_signed_permutation(self) -> bool:
        """Whether every element is a SignedPermutation."""
        return all(block.group.is_signed_permutation for block in self._blocks)

    @property
    def is_permutation(self) -> bool:
        """Whether every element is a permutation."""
        return all(block.group.is_permutation for block in self._blocks)

    @cached_property
    def role(self) -> Role:
        """Exchanges columns where all of its groups do, or its parts one by one."""
        roles = [block.group.role for block in self._blocks]
        known = all(r.kind is Kind.EXCHANGES and not r.even for r in roles)
        signs = [r.signs for r in roles]
        if known and not any(signs):
            return Role(Kind.EXCHANGES, blocks=self._exchanged(roles))
        if known and all(signs) and not self.plain.size:
            blocks = self._exchanged(roles) if any(r.blocks for r in roles) else ()
            return Role(Kind.EXCHANGES, blocks=blocks, signs=True)
        parts = tuple((block.group, tuple(block.columns.tolist())) for block in self._blocks)
        return Role(Kind.COLUMNS, parts=parts)

    # Sets of columns that change places; columns that stay are sets of one.
    def _exchanged(self, roles: Sequence[Role]) -> tuple[Sequence[int], ...]:
        found: list[Sequence[int]] = []
        for block, role in zip(self._blocks, roles, strict=True):
            sets = role.blocks or tuple((i,) for i in range(block.group.degree))
            found.extend(tuple(block.columns[list(own)].tolist()) for own in sets)
        return (*found, *((int(i),) for i in self.plain))

    # -- elements -----------------------------------------------------------------------------

    @cached_property
    def generators(self) -> tuple[Element, ...]:
        """Those of all groups, on their columns."""
        return self._lifted(lambda group: group.generators)

    def _lifted(self, of: Callable[[Group], Sequence[Element]]) -> tuple[Element, ...]:
        return tuple(lifted(g, b.columns, self._degree) for b in self._blocks for g in of(b.group))

    def _joined(self, elements: Sequence[Element]) -> Element:
        first, *others = (
            lifted(g, b.columns, self._degree) for b, g in zip(self._blocks, elements, strict=True)
        )
        for other in others:
            first = first @ other
        return first

    def elements(self) -> Iterator[Element]:
        """Yield all elements, one at a time: those of the last group run fastest."""
        self._check_finite()
        return (self._joined(chosen) for chosen in _choices([b.group for b in self._blocks]))

    def _sample(self, size: int, rng: np.random.Generator) -> list[Element]:
        return self._draw(size, rng, 1.0)

    def _draw(self, size: int, rng: np.random.Generator, scale: float) -> list[Element]:
        drawn = [block.group._draw(size, rng, scale) for block in self._blocks]
        return [self._joined(chosen) for chosen in zip(*drawn, strict=True)]

    def _contains(self, element: Element) -> bool:
        parts = [self._restricted(element, block) for block in self._blocks]
        if any(part is None for part in parts):
            return False
        known = [part for part in parts if part is not None]
        if not all(b.group.contains(g) for b, g in zip(self._blocks, known, strict=True)):
            return False
        if isinstance(element, SignedPermutation):
            return self._joined(known) == element
        whole = self._joined(known).as_matrix()
        return bool(np.abs(whole - element.as_matrix()).max() <= SAME_TOLERANCE)

    # What an element does to the columns of a block; None where it mixes them with others.
    def _restricted(self, element: Element, block: Block) -> Element | None:
        at = block.columns
        if isinstance(element, SignedPermutation):
            place = np.full(self._degree, -1, np.int64)
            place[at] = np.arange(len(at))
            indices = place[element.indices[at]]
            if (indices < 0).any():
                return None
            return SignedPermutation._trusted(
                indices, None if element.signs is None else element.signs[at]
            )
        matrix = element.as_matrix()[np.ix_(at, at)]
        if np.abs(matrix.T @ matrix - np.eye(len(at))).max() > SAME_TOLERANCE:
            return None
        return OrthogonalMatrix._trusted(matrix)

    def _stabilizer(self, X: NDArray[np.float64]) -> Group:
        kept = ((b.group._stabilizer(X[b.columns]), b.columns.tolist()) for b in self._blocks)
        return Columns(tuple(kept), self._degree)

    def _fixing(self, labels: NDArray[np.int64]) -> Group:
        kept = ((b.group._fixing(labels[b.columns]), b.columns.tolist()) for b in self._blocks)
        return Columns(tuple(kept), self._degree)

    def _table(self) -> ActionTable:
        tables = [block.group._cached_table for block in self._blocks]
        counts = [len(table) for table in tables]
        chosen = np.indices(counts).reshape(len(counts), -1)
        size, d = chosen.shape[1], self._degree
        signed = [table for table in tables if isinstance(table, SignedPermutationTable)]
        if len(signed) < len(tables):
            matrices = np.zeros((size, d, d))
            matrices[:, self.plain, self.plain] = 1.0
            for block, table, which in zip(self._blocks, tables, chosen, strict=True):
                at = block.columns
                matrices[:, at[:, None], at] = table_matrices(table)[which]
            return MatrixTable(matrices)
        indices = np.tile(np.arange(d, dtype=np.int32), (size, 1))
        signs = np.ones((size, d), np.int8)
        for block, table, which in zip(self._blocks, signed, chosen, strict=True):
            at = block.columns
            indices[:, at] = at[table.indices].astype(np.int32)[which]
            if table.signs is not None:
                signs[:, at] = table.signs[which]
        return SignedPermutationTable(indices, None if (signs > 0).all() else signs)

    # -- structure ----------------------------------------------------------------------------

    @cached_property
    def _shift_basis(self) -> NDArray[np.float64]:
        return np.concatenate(
            [_lifted_vectors(b.group._shift_basis, b.columns, self._degree) for b in self._blocks]
        )

    @cached_property
    def _linear(self) -> Group:
        if self.is_linear:
            return self
        parts = [(block.group._linear, block.columns.tolist()) for block in self._blocks]
        return Columns(parts, self._degree)

    def _rotations(self) -> tuple[LieGenerator, ...]:
        return tuple(
            turning(_lifted_matrix(xi.matrix, block.columns, self._degree, 0.0))
            for block in self._blocks
            for xi in block.group._rotations()
        )

    @cached_property
    def _probes(self) -> tuple[Element, ...]:
        return self._lifted(lambda group: group._probes)

    @property
    def _on_angles(self) -> bool:
        return any(block.group._on_angles for block in self._blocks)

    # -- comparison ---------------------------------------------------------------------------

    def _times(self, other: Group) -> Group | None:
        if not isinstance(other, Columns) or other.degree != self._degree:
            return None
        both = np.intersect1d(self._touched, other._touched)
        if both.size:
            raise ValueError(
                f"a product of groups on columns needs different columns: {self!r} and {other!r} "
                f"both act on column {both[0]}"
            )
        return Columns((*self._parts(), *other._parts()), self._degree)

    def _parts(self) -> tuple[tuple[Group, list[int]], ...]:
        return tuple((block.group, block.columns.tolist()) for block in self._blocks)

    def check_rows(self, X: NDArray[Any], name: str = "X") -> None:
        """Raise ValueError where a part of the columns is not what its group claims."""
        for block in self.blocks if self._claims else ():
            block.group.check_rows(X[:, block.columns], name)

    @property
    def _claims(self) -> bool:
        return any(block.group._claims for block in self.blocks)

    def _arguments(self) -> tuple[Any, ...]:
        return (self._parts(), self._degree)

    def __repr__(self) -> str:
        return " * ".join(
            f"{written(block.group)}.on({block.columns.tolist()}, {self._degree})"
            for block in self._blocks
        )


def lifted(element: Element, at: NDArray[np.int64], degree: int) -> Element:
    """Return the element that acts on some columns of ``degree``, and on no others."""
    if isinstance(element, SignedPermutation):
        indices = np.arange(degree)
        indices[at] = at[element.indices]
        if element.signs is None:
            return SignedPermutation._trusted(indices)
        signs = np.ones(degree, np.int8)
        signs[at] = element.signs
        return SignedPermutation._trusted(indices, signs)
    if isinstance(element, Motion):
        matrix = None if element.matrix is None else _lifted_matrix(element.matrix, at, degree)
        return Motion._trusted(matrix, _lifted_vectors(element.shift, at, degree))
    return OrthogonalMatrix._trusted(_lifted_matrix(element.as_matrix(), at, degree))


def _lifted_matrix(
    matrix: NDArray[np.float64], at: NDArray[np.int64], degree: int, fixed: float = 1.0
) -> NDArray[np.float64]:
    whole = np.diag(np.full(degree, fixed))
    whole[at[:, None], at] = matrix
    return whole


def _lifted_vectors(
    vectors: NDArray[np.float64], at: NDArray[np.int64], degree: int
) -> NDArray[np.float64]:
    whole = np.zeros((*vectors.shape[:-1], degree))
    whole[..., at] = vectors
    return whole


def written(group: Group) -> str:
    """Return how a group is written before a dot."""
    text = repr(group)
    return f"({text})" if " * " in text else text


def _flat(group: Group, columns: Sequence[int]) -> Iterator[tuple[Group, NDArray[np.int64]]]:
    at = np.array(columns, np.int64)
    if isinstance(group, Columns):
        for block in group.blocks:
            yield block.group, at[block.columns]
    else:
        yield group, at


# Not itertools.product, which would list every group before the first choice.
def _choices(groups: Sequence[Group]) -> Iterator[tuple[Element, ...]]:
    if not groups:
        yield ()
        return
    *first, last = groups
    for chosen in _choices(first):
        for element in last.elements():
            yield (*chosen, element)
