"""Add up native orbit sums with weights, over tables that need not be groups."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from symkernel.backends import cpu
from symkernel.backends.element_tables import MatrixTable, PointTable, SignedPermutationTable
from symkernel.exceptions import NotApplicableError
from symkernel.plans.base import Array, BaseSpec

Table = SignedPermutationTable | MatrixTable | PointTable

# Entries of a table of dense matrices.
_MAX_ENTRIES = 200_000_000


@dataclass(frozen=True, eq=False)
class WeightedTables:
    """``sum of share * (mean over the table)``; the native mean gives its elements equal weight."""

    parts: tuple[tuple[float, Table], ...]
    _dense: list[WeightedTables] = field(default_factory=list)

    def gram(self, base: BaseSpec, X: Array, Y: Array | None, n_jobs: int | None) -> Array:
        """Gram matrix; for ``Y=None`` each table must be closed under inversion."""
        n = len(X)
        m = n if Y is None else len(Y)
        if Y is None:
            X = balanced(base, X)
        else:
            Y = balanced(base, Y)
        total = np.zeros((n, m), dtype=X.dtype)
        for share, table in self.parts:
            total += share * cpu.gram(base.native, table, X, Y, n_jobs)[:n, :m]
        return total

    def matvec(self, base: BaseSpec, X: Array, Y: Array, V: Array, n_jobs: int | None) -> Array:
        """K(X, Y) V."""
        extended = balanced(base, Y)
        V = np.concatenate([V, np.zeros((len(extended) - len(Y), V.shape[1]), dtype=V.dtype)])
        total = np.zeros((len(X), V.shape[1]), dtype=X.dtype)
        for share, table in self.parts:
            total += share * cpu.matvec(base.native, table, X, extended, V, n_jobs)
        return total

    def gradient(self, base: BaseSpec, X: Array, n_jobs: int | None) -> tuple[Array, Array]:
        """K(X, X) and its derivatives."""
        n, scaled = len(X), base.scale is not None
        tables = self._full() if scaled else self
        results = [
            (share, cpu.gram_gradient(base.native, table, balanced(base, X), scaled, n_jobs))
            for share, table in tables.parts
        ]
        K = sum(share * r[0][:n, :n] for share, r in results)
        return np.asarray(K), np.asarray(sum(share * r[1][:n, :n] for share, r in results))

    def gradient_x(self, base: BaseSpec, X: Array, Y: Array, V: Array, n_jobs: int | None) -> Array:
        """Gradients (n, c, d) of K(X, Y) V in the rows of X."""
        extended = balanced(base, Y)
        V = np.concatenate([V, np.zeros((len(extended) - len(Y), V.shape[1]), dtype=V.dtype)])
        total = np.zeros((len(X), V.shape[1], X.shape[1]), dtype=X.dtype)
        for share, table in self.parts:
            total += share * cpu.gradient_x(base.native, table, X, extended, V, n_jobs)
        return total

    def diagonal_gradient_x(self, base: BaseSpec, X: Array, n_jobs: int | None) -> Array:
        """Gradients (n, d) of K(x_i, x_i); the elements must be closed under inversion."""
        extended = balanced(base, X)
        total = np.zeros_like(X)
        for share, table in self.parts:
            gradient = cpu.diagonal_gradient_x(base.native, table, extended, n_jobs)
            total += share * gradient[: len(X)]
        return total

    def diagonal(
        self, base: BaseSpec, X: Array, gradient: bool, n_jobs: int | None
    ) -> tuple[Array, Array]:
        """K(x_i, x_i) and its derivatives."""
        n, scaled = len(X), base.scale is not None
        tables = self._full() if scaled and gradient else self
        results = [
            (share, cpu.diagonal(base.native, table, balanced(base, X), gradient, scaled, n_jobs))
            for share, table in tables.parts
        ]
        K = sum(share * r[0][:n] for share, r in results)
        return np.asarray(K), np.asarray(sum(share * r[1][:n] for share, r in results))

    def _full(self) -> WeightedTables:
        # A derivative per feature needs g y itself, which the form on points never makes.
        if not self._dense:
            parts = tuple((share, full_table(table)) for share, table in self.parts)
            self._dense.append(WeightedTables(parts))
        return self._dense[0]


def balanced(base: BaseSpec, X: Array) -> Array:
    """Samples and one more that makes their mean zero, for kernels of the distance.

    The native core shifts samples by their mean, averaged over the table's elements. That changes
    no distance |x - gy| where the elements form a group, but does for a part of one; with mean zero
    there is nothing to shift.
    """
    if base.traits.family != "distance" or len(X) == 0:
        return X
    return np.concatenate([X, -X.sum(axis=0, dtype=np.float64, keepdims=True).astype(X.dtype)])


def full_table(table: Table) -> Table:
    """Matrices on all features instead of matrices on points."""
    if not isinstance(table, PointTable):
        return table
    s, p = table.rows.shape
    h, r = table.matrices.shape[:2]
    require_entries(s * h, p * r)
    at = (np.arange(p * r) if table.layout is None else table.layout).reshape(p, r)
    out = np.zeros((s, h, p * r, p * r))
    for k, rows in enumerate(table.rows):
        out[k][:, at[:, :, None], at[rows][:, None, :]] = table.matrices[:, None]
    return MatrixTable(out.reshape(s * h, p * r, p * r))


def require_entries(count: int, degree: int) -> None:
    """Refuse a table of so many dense matrices if it would not fit in memory."""
    if count * degree * degree > _MAX_ENTRIES:
        raise NotApplicableError(
            f"{count:,} matrices of {degree} x {degree} entries would not fit: use Sample(n) with "
            "a smaller n, a lower degree, or a group that acts along one axis of the samples"
        )
