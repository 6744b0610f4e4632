"""Sum a base kernel over a finite group with weights that grow with the trace of the element."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from symkernel.backends import cpu, execute
from symkernel.backends.cpu import Kernel, Table
from symkernel.backends.element_tables import (
    MatrixTable,
    PointSizes,
    PointTable,
    SignedPermutationTable,
)
from symkernel.exceptions import NotApplicableError
from symkernel.groups import Group
from symkernel.plans.base import Array, BaseSpec, Cost, Plan
from symkernel.plans.fourier import Irreps, Shifts, fourier
from symkernel.plans.orbit_sum import MAX_ELEMENTS, point_cost
from symkernel.plans.soft_pieces import Elements, Piece, shift_elements
from symkernel.plans.table_sum import TableSum
from symkernel.plans.weighted_tables import Table as Whole
from symkernel.plans.weighted_tables import full_table

__all__ = ["SoftSum", "element_weights"]


def element_weights(traces: NDArray[np.float64], kappas: Array) -> tuple[Array, Array]:
    """Return weights of elements, (N,), and their derivatives for every kappa, (N, pieces).

    An element weighs in proportion to ``exp(sum over pieces of kappa tr T(g))``.

    Parameters
    ----------
    traces : ndarray of shape (N, pieces)
        Traces of the elements in every piece.
    kappas : ndarray of shape (pieces,)
        Concentrations at the identity, at least 0.
    """
    logits = traces @ kappas
    weights = np.exp(logits - logits.max())
    weights /= weights.sum()
    return weights, weights[:, None] * (traces - weights @ traces)


class SoftSum(TableSum):
    """``sum over g of w(g) k(x, g y)`` for a finite group, w(g) ~ exp(sum of kappa tr T(g)).

    One native orbit sum, at the cost of the invariant kernel; of all shifts of a grid one Fourier
    transform per pair, as there.

    Parameters
    ----------
    base : BaseSpec
        Base kernel that the group leaves invariant.
    group : Group
        The group, without translations.
    pieces : tuple of Piece
        What of it is summed over: finite groups.
    elements : callable
        Returns the elements of these pieces, kept with the group.
    kappas : ndarray of shape (pieces,)
        Concentration of the weights of each piece at the identity, at least 0.

    Raises
    ------
    NotApplicableError
        For kernels that no native sum computes.
    GroupTooLargeError
        If there are too many elements.
    """

    method = "sum"

    def __init__(
        self,
        base: BaseSpec,
        group: Group,
        pieces: tuple[Piece, ...],
        elements: Callable[[bool], Elements[Whole]],
        kappas: Array,
    ) -> None:
        if not base.traits.native:
            raise NotApplicableError(
                "weighted sums are computed for Matern with nu = 0.5, 1.5, 2.5 or inf, "
                "RationalQuadratic and kernels of distances and inner products, not for "
                f"{base.name!r}; angles may be given as their cosines and sines, with an RBF kernel"
            )
        self.base = base
        self.group = group
        self._listed = elements(not base.traits.manhattan)
        self._list_weights = element_weights(self._listed.traces, kappas)
        self._summed: Elements[Table] = self._listed
        self._weights = self._list_weights
        self.cost = replace(_cost(self._listed.table), kernel=base.native)
        self.steps = (f"weighted sum over {len(self._listed.traces):,} elements",)
        found = self._transformed(pieces)
        if found is not None:
            plan, self._summed = found
            self.steps = (plan.steps[0], *self.steps)
            self.cost = plan.cost
            self._weights = element_weights(self._summed.traces, kappas)

    def _transformed(self, pieces: tuple[Piece, ...]) -> tuple[Plan, Elements[Table]] | None:
        """The plan of the plain mean by Fourier analysis, and its elements, where it is cheaper."""
        listed = self._listed
        if not pieces or self.group.order != len(listed.traces):  # some piece is left out
            return None
        try:
            plan = fourier(self.base, self.group, self.cost.total)
        except NotApplicableError:
            return None
        if plan.cost.total >= self.cost.total:
            return None
        if isinstance(plan, Shifts):
            return plan, shift_elements(pieces, plan._table)
        if isinstance(plan, Irreps) and _same(self.group.table(MAX_ELEMENTS), listed.table):
            return plan, Elements(plan._table, listed.traces)
        return None

    @property
    def _table(self) -> Table:
        return self._summed.table

    @property
    def _kernel(self) -> Kernel:
        return (*self.base.native, self._weights[0])

    def _listing(self) -> Kernel:
        return (*self.base.native, self._list_weights[0])

    def diag(self, X: Array, n_jobs: int | None = None) -> Array:
        """K(x_i, x_i), shape (n,), at n pairs, element by element."""
        rows = self.base.scaled(X)
        return execute.diagonal(self._listing(), self._listed.table, rows, n_jobs=n_jobs)[0]

    def diag_gradient_x(self, X: Array, n_jobs: int | None = None) -> Array:
        """Gradients (n, d) of K(x_i, x_i) in the rows of X, element by element."""
        rows = self.base.scaled(X)
        found = execute.diagonal_gradient_x(self._listing(), self._listed.table, rows, n_jobs)
        return self.base.unscaled_gradient(found)

    def gradient(self, X: Array, n_jobs: int | None = None) -> tuple[Array, Array]:
        """K(X, X) and its derivatives, for logarithms of hyperparameters and then every kappa."""
        rows, per_feature = self.base.scaled(X), self.base.scale is not None
        kernel, table = self._kernel, self._table
        if per_feature:  # such derivatives need the features of g y themselves
            kernel, table = self._listing(), full_table(self._listed.table)
        K, planes = execute.gram_gradient(kernel, table, rows, per_feature, n_jobs)
        soft = [
            cpu.gram((*self.base.native, slope), self._table, rows, None, n_jobs)
            for slope in self._weights[1].T
        ]
        return K, np.concatenate([planes, *(s[..., None] for s in soft)], axis=-1)

    def diag_gradient(self, X: Array, n_jobs: int | None = None) -> tuple[Array, Array]:
        """K(x_i, x_i) and its derivatives, as `gradient`, shapes (n,) and (n, p + kappas)."""
        rows, per_feature = self.base.scaled(X), self.base.scale is not None
        table = full_table(self._listed.table) if per_feature else self._listed.table
        K, planes = execute.diagonal(self._listing(), table, rows, True, per_feature, n_jobs)
        soft = [
            cpu.diagonal((*self.base.native, slope), table, rows, n_jobs=n_jobs)[0]
            for slope in self._list_weights[1].T
        ]
        return K, np.concatenate([planes, *(s[..., None] for s in soft)], axis=-1)


def _cost(table: Whole) -> Cost:
    """Cost per pair of a sum over a table."""
    order = float(len(table))
    if isinstance(table, PointTable):
        r = table.matrices.shape[1]
        signed = bool(np.isin(table.matrices, (-1.0, 0.0, 1.0)).all())
        return point_cost(
            PointSizes(len(table.rows), table.rows.shape[1], len(table.matrices), r, signed)
        )
    if isinstance(table, SignedPermutationTable):
        return Cost(order * table.indices.shape[1], order)
    return Cost(order * table.matrices.shape[1], order)


def _same(one: Table, other: Table) -> bool:
    """Whether two tables list the same elements in the same order."""
    if isinstance(one, SignedPermutationTable) and isinstance(other, SignedPermutationTable):
        signs = [s if s is None else s.tolist() for s in (one.signs, other.signs)]
        return np.array_equal(one.indices, other.indices) and signs[0] == signs[1]
    if isinstance(one, MatrixTable) and isinstance(other, MatrixTable):
        return np.array_equal(one.matrices, other.matrices)
    return False
