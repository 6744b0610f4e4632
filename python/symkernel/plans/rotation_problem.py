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
from symkernel.groups._advice import brief
from symkernel.groups.along import layout, places
from symkernel.groups.along_each import tensor_power
from symkernel.groups.columns import Columns
from symkernel.groups.factor import Factor
from symkernel.groups.structure import Structure, product_of
from symkernel.plans.base import Array, Cost
from symkernel.plans.rotation_rules import RotationRule, rotation_rule
from symkernel.plans.weighted_tables import Table, full_table, require_entries

# Most terms per pair of samples that a plan will spend.
MAX_TERMS = 200_000
# Rules for tensors of a higher rank would have too many nodes.
_MOST_AXES = 2


@dataclass(frozen=True, eq=False)
class RotationProblem:
    """A group as centring, SO(n) or O(n) along some axes, and a finite group beside it.

    Parameters
    ----------
    structure : Structure
        What the group is made of.
    head : Factor
        The factor SO(n) or O(n), on vectors or on both axes of tensors.
    others : tuple of Factor
        Finite factors.
    """

    structure: Structure
    head: Factor
    others: tuple[Factor, ...]

    @property
    def turning(self) -> Group:
        """The group SO(n) or O(n) itself."""
        power = self.head.group.role.power
        return self.head.group if power is None else power[0]

    @property
    def rank(self) -> int:
        """Axes that a rotation turns at once: 1 of vectors, 2 of tensors."""
        power = self.head.group.role.power
        return 1 if power is None else power[1]

    @property
    def n(self) -> int:
        """Dimension of the space that is turned."""
        return self.turning.degree

    @property
    def size(self) -> int:
        """Numbers that a rotation mixes: n of a vector, n^2 of a tensor."""
        return self.head.group.degree

    @property
    def reflections(self) -> bool:
        """Whether reflections belong to the group; -1 leaves tensors of even rank alone."""
        return self.turning.role.reflections and (self.rank % 2 == 1 or self.n % 2 == 0)

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
        """Vectors, or tensors, that are turned."""
        return math.prod(self.head.shape) // self.size

    @property
    def finite(self) -> Group:
        """The finite factors as one group; there is at least one."""
        return product_of(self.others)

    @property
    def turns_points(self) -> bool:
        """Whether its matrices turn the points of a cloud, each as a whole."""
        return True

    def rule(self, degree: int, two_sided: bool = False) -> RotationRule:
        """Quadrature rule for the head; polynomials are those in the entries of its matrices."""
        if self.rank == 1:
            return rotation_rule(self.n, degree, self.reflections, two_sided)
        return _tensor_rule(self.n, degree, self.reflections, two_sided, self.rank)

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
            float(self.n_others * (self.n_points + terms) * self.size**2),
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
    def rank(self) -> int:
        """Axes that a rotation turns at once: 1 of vectors, 2 of tensors."""
        return self.turned.rank

    @property
    def size(self) -> int:
        """Numbers that a rotation mixes: n of a vector, n^2 of a tensor."""
        return self.turned.size

    @property
    def n_others(self) -> int:
        """Elements of the finite factors, all combined."""
        return super().n_others * self.turned.n_others * int(self.fixed.order)

    @property
    def log_others(self) -> float:
        """Natural logarithm of ``n_others``, which may have a million digits."""
        return super().log_others + self.turned.log_others + self.fixed.log_order

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


# Of the tensor power: a polynomial in its entries has rank times the degree in those of a rotation.
@lru_cache(maxsize=32)
def _tensor_rule(
    n: int, degree: int, reflections: bool, two_sided: bool, rank: int
) -> RotationRule:
    rule = rotation_rule(n, rank * degree, reflections, two_sided)
    return RotationRule(
        tensor_power(rule.group, rank),
        tensor_power(rule.cosets, rank),
        rule.coset_weights,
        rule.degree // rank,
        rule.name,
    )


def _turns(head: Factor) -> bool:
    role = head.group.role
    return role.rotates or (role.power is not None and role.power[1] == _MOST_AXES)


@lru_cache(maxsize=32)
def rotation_problem(group: Group) -> RotationProblem:
    """Take a group apart; NotApplicableError, with the reason, if there is no such form."""
    heads = group.structure.continuous
    if len(heads) == 1 and heads[0].group.role.parts:
        return _on_columns(group, heads[0])
    if len(heads) != 1 or not _turns(heads[0]):
        others = [brief(f.group) for f in heads if f.group is not group]
        found = f"continuous factors here: {', '.join(others)}" if others else "this group has none"
        raise NotApplicableError(
            "quadrature needs one factor SO(n) or O(n) on vectors, or on tensors of rank 2, beside "
            f"finite groups and translations; {found}"
        )
    return RotationProblem(group.structure, heads[0], group.structure.beside(heads[0]))
