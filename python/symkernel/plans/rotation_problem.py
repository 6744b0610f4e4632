"""Take a group apart: centring, SO(n) or O(n) along some axes, a finite group beside."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from symkernel.backends.element_tables import (
    MatrixTable,
    PointTable,
    SignedPermutationTable,
    table_matrices,
)
from symkernel.exceptions import NotApplicableError
from symkernel.groups import Group, Trivial
from symkernel.groups.along import layout, places
from symkernel.groups.columns import Columns
from symkernel.groups.factor import Factor
from symkernel.groups.structure import Structure, product_of
from symkernel.plans.base import Array, Cost
from symkernel.plans.rotation_rules import RotationRule, rotation_rule
from symkernel.plans.weighted_tables import Table, full_table, require_entries

# Most terms per pair of samples that a plan will spend.
MAX_TERMS = 200_000


@dataclass(frozen=True, eq=False)
class RotationProblem:
    """A group as centring, SO(n) or O(n) along some axes, and a finite group beside it.

    Parameters
    ----------
    structure : Structure
        What the group is made of.
    head : Factor
        The factor SO(n) or O(n).
    others : tuple of Factor
        Finite factors.
    """

    structure: Structure
    head: Factor
    others: tuple[Factor, ...]

    @property
    def turning(self) -> Group:
        """The group SO(n) or O(n)."""
        return self.head.group

    @property
    def n(self) -> int:
        """Dimension of the space that is turned."""
        return self.turning.degree

    @property
    def reflections(self) -> bool:
        """Whether reflections belong to the group."""
        return self.turning.role.reflections

    @property
    def n_others(self) -> int:
        """Elements of the finite factors, all combined."""
        return math.prod(int(f.group.order) for f in self.others)

    @property
    def log_others(self) -> float:
        """Natural logarithm of ``n_others``, which may have a million digits."""
        return sum(f.group.log_order for f in self.others)

    @property
    def n_points(self) -> int:
        """Vectors that are turned."""
        return math.prod(self.head.shape) // self.n

    @property
    def finite(self) -> Group:
        """The finite factors as one group; there is at least one."""
        return product_of(self.others)

    @property
    def turns_points(self) -> bool:
        """Whether its matrices turn the points of a cloud, each as a whole."""
        return True

    def rule(self, degree: int, two_sided: bool = False) -> RotationRule:
        """Quadrature rule for the head."""
        return rotation_rule(self.n, degree, self.reflections, two_sided)

    def table(self, matrices: Array) -> Table:
        """Every finite element with each of the matrices on points."""
        at = places(self.head.axes, self.head.shape)
        points = PointTable(np.arange(len(at), dtype=np.int32)[None], matrices, layout(at))
        if not self.others:
            return points
        rows = self._rows()
        if rows is not None:
            return PointTable(rows, matrices, points.layout)
        finite = self.finite
        require_entries(int(finite.order) * len(matrices), finite.degree)
        left = table_matrices(finite.table(MAX_TERMS))
        right = full_table(points)
        assert isinstance(right, MatrixTable)
        d = finite.degree
        return MatrixTable((left[:, None] @ right.matrices[None]).reshape(-1, d, d))

    def _rows(self) -> Array | None:
        """Permutations of the points; None if the finite part does more than permute them."""
        group = self.structure.point_permutations(self.head)
        if group is None:
            return None
        table = group.table(MAX_TERMS)
        assert isinstance(table, SignedPermutationTable)
        return table.indices

    def cost(self, terms: int) -> Cost:
        """Cost per pair of a sum with that many matrices."""
        return Cost(
            float(self.n_others * (self.n_points + terms) * self.n**2),
            float(self.n_others * terms),
        )


@dataclass(frozen=True, eq=False)
class ColumnsProblem(RotationProblem):
    """Rotations of some columns, and finite groups on others: matrices of all columns.

    Parameters
    ----------
    turned : RotationProblem
        What acts on the columns that are turned.
    columns : ndarray of int
        These columns.
    fixed : Group
        The finite groups on other columns, trivial where there are none.
    """

    turned: RotationProblem
    columns: Array
    fixed: Group

    @property
    def turning(self) -> Group:
        """The group SO(n) or O(n)."""
        return self.turned.turning

    @property
    def n_others(self) -> int:
        """Elements of the finite factors, all combined."""
        return super().n_others * self.turned.n_others * int(self.fixed.order)

    @property
    def log_others(self) -> float:
        """Natural logarithm of ``n_others``, which may have a million digits."""
        return super().log_others + self.turned.log_others + self.fixed.log_order

    @property
    def n_points(self) -> int:
        """Vectors that are turned."""
        return math.prod(self.head.shape) // self.n

    @property
    def turns_points(self) -> bool:
        """Whether its matrices turn the points of a cloud, each as a whole."""
        return False

    def table(self, matrices: Array) -> Table:
        """Every finite element with each of the matrices, on all columns."""
        table = full_table(self.turned.table(matrices))
        assert not isinstance(table, PointTable)
        inner = table_matrices(table)
        d, at = self.head.group.degree, self.columns
        require_entries(len(inner) * int(self.fixed.order), d)
        turns = np.tile(np.eye(d), (len(inner), 1, 1))
        turns[:, at[:, None], at] = inner
        if self.fixed.order > 1:
            finite = table_matrices(self.fixed.table(MAX_TERMS))
            turns = (finite[:, None] @ turns[None]).reshape(-1, d, d)
        return super().table(turns)


def _on_columns(group: Group, head: Factor) -> RotationProblem:
    parts = head.group.role.parts
    turning = [part for part in parts if not part[0].structure.rest.is_finite]
    if len(turning) != 1:
        found = ", ".join(repr(part) for part, _ in turning) or "none"
        raise NotApplicableError(
            f"quadrature needs rotations of some columns beside finite groups; the continuous "
            f"groups on columns of {group!r} are: {found}"
        )
    d = head.group.degree
    ((part, at),) = turning
    finite = [(other._linear, columns) for other, columns in parts if columns != at]
    return ColumnsProblem(
        group.structure,
        head,
        group.structure.beside(head),
        rotation_problem(part),
        np.array(at),
        Columns(finite, d) if finite else Trivial(d),
    )


@lru_cache(maxsize=32)
def rotation_problem(group: Group) -> RotationProblem:
    """Take a group apart; NotApplicableError, with the reason, if there is no such form."""
    heads = group.structure.continuous
    if len(heads) == 1 and heads[0].group.role.parts:
        return _on_columns(group, heads[0])
    if len(heads) != 1 or not heads[0].group.role.rotates:
        found = ", ".join(repr(f.group) for f in heads) or "none"
        raise NotApplicableError(
            f"quadrature needs one factor SO(n) or O(n) beside finite groups and translations; the "
            f"continuous factors of {group!r} are: {found}"
        )
    return RotationProblem(group.structure, heads[0], group.structure.beside(heads[0]))
