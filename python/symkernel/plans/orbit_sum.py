"""Sum over every element of a finite group, for any base kernel."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property

from symkernel.backends.element_tables import ActionTable, PointSizes, PointTable
from symkernel.exceptions import NotApplicableError
from symkernel.groups import Group
from symkernel.plans.base import BaseSpec, Cost
from symkernel.plans.table_sum import TableSum

# More elements than this are not enumerated: at 1e7 elements a pair takes tens of milliseconds.
MAX_ELEMENTS = 10_000_000


class OrbitSum(TableSum):
    """Mean of ``k(x, g y)`` over all elements g of a finite group.

    For an orthogonal action only the inner products ``x . g y`` depend on g. They are formed tile
    by tile, by the cheapest of three routes (permuted panels, transformed panels, or one small
    matrix per pair for matrices that act on points), mapped through the base kernel and added;
    neither the orbit of y nor the |G| n m numbers are ever stored.

    Parameters
    ----------
    base : BaseSpec
        Base kernel.
    group : Group
        Finite group with at most ``MAX_ELEMENTS`` elements.

    Raises
    ------
    GroupTooLargeError
        If the group has more elements than that.
    NotApplicableError
        For a Matern kernel whose nu has no elementary form.
    """

    method = "sum"

    def __init__(self, base: BaseSpec, group: Group) -> None:
        require_native(base)
        self.base = base
        self.group = group
        group.check_order(MAX_ELEMENTS)
        self.cost, route = whole_cost(group)
        self._on_points = False
        points = None if base.traits.manhattan else group.point_sizes()
        if points is not None and point_cost(points).total <= self.cost.total:
            self._on_points, self.cost = True, point_cost(points)
            r = points.coordinates
            route = f"one {r} x {r} product per pair of {points.points}-point sets"
        self.cost = replace(self.cost, kernel=base.native)
        self.steps = (f"sum over {group.order:,} elements", route)

    # Made by the first call: a plan of millions of elements may only be compared with another.
    @cached_property
    def _table(self) -> ActionTable | PointTable:
        table = self.group.point_table(MAX_ELEMENTS) if self._on_points else None
        return self.group.table(MAX_ELEMENTS) if table is None else table

    def _gradient_table(self) -> ActionTable | PointTable:
        # A derivative per feature needs g y itself, which the form on points never makes.
        if self.base.scale is not None and isinstance(self._table, PointTable):
            return self.group.table(MAX_ELEMENTS)
        return self._table


def require_native(base: BaseSpec) -> None:
    """Raise NotApplicableError for kernels that have no native map."""
    if not base.traits.native:
        raise NotApplicableError(
            f"Matern needs nu in 0.5, 1.5, 2.5 or inf here, got nu={base.parameters[1]!r}; any nu "
            "has method='closed_form' for groups with a closed form"
        )


def whole_cost(group: Group) -> tuple[Cost, str]:
    """Cost per pair of a sum over maps of all features, and how to say it."""
    order = float(group.order)
    route = "transformed panels"
    if group.is_permutation:
        route = "permuted panels"
    elif group.is_signed_permutation:
        route = "signed permuted panels"
    return Cost(order * group.degree, order), route


def point_cost(sizes: PointSizes) -> Cost:
    """Cost per pair of a sum over permutations of points and matrices on them."""
    r = sizes.coordinates
    per_matrix = r if sizes.signed else r * r
    terms = sizes.rows * sizes.matrices
    return Cost(float(sizes.rows * sizes.points * r * r + terms * per_matrix), float(terms))
