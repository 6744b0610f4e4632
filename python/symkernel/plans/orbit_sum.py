"""Sum over every element of a finite group, for any base kernel."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace
from functools import cached_property

from symkernel.backends import execute
from symkernel.backends.element_tables import ActionTable, PointSizes, PointTable
from symkernel.backends.prepared import Prepared
from symkernel.exceptions import NotApplicableError
from symkernel.groups import Group
from symkernel.plans.base import Array, BaseSpec, Cost, Plan

# More elements than this are not enumerated: at 1e7 elements a pair takes tens of milliseconds.
MAX_ELEMENTS = 10_000_000


class OrbitSum(Plan):
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
    exact = True
    error = 1e-15
    packs = True

    def __init__(self, base: BaseSpec, group: Group) -> None:
        require_native(base)
        self.base = base
        self.group = group
        group.check_order(MAX_ELEMENTS)
        self.cost, route = _whole(group)
        self._on_points = False
        points = None if base.traits.manhattan else group.point_sizes()
        if points is not None and _point_cost(points).total <= self.cost.total:
            self._on_points, self.cost = True, _point_cost(points)
            r = points.coordinates
            route = f"one {r} x {r} product per pair of {points.points}-point sets"
        self.cost = replace(self.cost, kernel=base.native)
        self.steps = (f"sum over {group.order:,} elements", route)

    # Made by the first call: a plan of millions of elements may only be compared with another.
    @cached_property
    def _table(self) -> ActionTable | PointTable:
        table = self.group.point_table(MAX_ELEMENTS) if self._on_points else None
        return self.group.table(MAX_ELEMENTS) if table is None else table

    @property
    def preparation(self) -> Hashable:
        """The units of the samples."""
        return "rows", self.base.units

    def prepare(self, X: Array) -> Array | Prepared:
        """Bring samples into units of the length scales, for more than one call."""
        return Prepared(self.base.scaled(X))

    def gram(self, X: Array, Y: Array | None = None, n_jobs: int | None = None) -> Array:
        """Gram matrix of shape (n, m); `Y=None` means X, at half the cost."""
        Y = None if Y is None else self.base.scaled(Y)
        return execute.gram(self.base.native, self._table, self.base.scaled(X), Y, n_jobs)

    def gram_packed(self, X: Array, n_jobs: int | None = None) -> Array:
        """K(X, X) in LAPACK's rectangular full packed format, shape (n (n + 1) / 2,)."""
        return execute.gram_packed(self.base.native, self._table, self.base.scaled(X), n_jobs)

    def diag(self, X: Array, n_jobs: int | None = None) -> Array:
        """K(x_i, x_i), shape (n,), at n pairs."""
        return execute.diagonal(self.base.native, self._table, self.base.scaled(X), n_jobs=n_jobs)[
            0
        ]

    def matvec(self, X: Array, Y: Array, V: Array, n_jobs: int | None = None) -> Array:
        """K(X, Y) V of shape (n, c), without storing K."""
        other = None if Y is X else self.base.scaled(Y)
        return execute.matvec(self.base.native, self._table, self.base.scaled(X), other, V, n_jobs)

    def gradient(self, X: Array, n_jobs: int | None = None) -> tuple[Array, Array]:
        """K(X, X) and its derivatives (n, n, p) for the logarithms of the hyperparameters."""
        per_feature = self.base.scale is not None
        X = self.base.scaled(X)
        return execute.gram_gradient(
            self.base.native, self._gradient_table(), X, per_feature, n_jobs=n_jobs
        )

    def diag_gradient(self, X: Array, n_jobs: int | None = None) -> tuple[Array, Array]:
        """K(x_i, x_i) and its derivatives, shapes (n,) and (n, p)."""
        per_feature = self.base.scale is not None
        X = self.base.scaled(X)
        return execute.diagonal(
            self.base.native, self._gradient_table(), X, True, per_feature, n_jobs=n_jobs
        )

    def gradient_x(self, X: Array, Y: Array, V: Array, n_jobs: int | None = None) -> Array:
        """Gradients (n, c, d) of K(X, Y) V in the rows of X, for V of shape (m, c)."""
        X, Y = self.base.scaled(X), self.base.scaled(Y)
        gradient = execute.gradient_x(self.base.native, self._table, X, Y, V, n_jobs)
        return self.base.unscaled_gradient(gradient)

    def diag_gradient_x(self, X: Array, n_jobs: int | None = None) -> Array:
        """Gradients (n, d) of K(x_i, x_i) in the rows of X."""
        gradient = execute.diagonal_gradient_x(
            self.base.native, self._table, self.base.scaled(X), n_jobs
        )
        return self.base.unscaled_gradient(gradient)

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


def _whole(group: Group) -> tuple[Cost, str]:
    """Cost per pair of a sum over maps of all features, and how to say it."""
    order = float(group.order)
    route = "transformed panels"
    if group.is_permutation:
        route = "permuted panels"
    elif group.is_signed_permutation:
        route = "signed permuted panels"
    return Cost(order * group.degree, order), route


def _point_cost(sizes: PointSizes) -> Cost:
    r = sizes.coordinates
    per_matrix = r if sizes.signed else r * r
    terms = sizes.rows * sizes.matrices
    return Cost(float(sizes.rows * sizes.points * r * r + terms * per_matrix), float(terms))
