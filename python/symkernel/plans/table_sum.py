"""Sum a base kernel over a table of elements, which is one native call."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Hashable

from symkernel.backends import execute
from symkernel.backends.cpu import Kernel, Table
from symkernel.backends.prepared import Prepared
from symkernel.groups import Group
from symkernel.plans.base import Array, BaseSpec, Plan


class TableSum(Plan):
    """Mean of ``k(x, g y)`` over the elements g of a table.

    Attributes
    ----------
    base : BaseSpec
        Base kernel.
    group : Group
        The group of the elements.
    """

    exact = True
    error = 1e-15
    packs = True
    base: BaseSpec
    group: Group

    @property
    @abstractmethod
    def _table(self) -> Table:
        """The elements, as native calls take them."""

    @property
    def _kernel(self) -> Kernel:
        """The kernel and its parameters, as native calls take them."""
        return self.base.native

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
        return execute.gram(self._kernel, self._table, self.base.scaled(X), Y, n_jobs)

    def gram_packed(self, X: Array, n_jobs: int | None = None) -> Array:
        """K(X, X) in LAPACK's rectangular full packed format, shape (n (n + 1) / 2,)."""
        return execute.gram_packed(self._kernel, self._table, self.base.scaled(X), n_jobs)

    def diag(self, X: Array, n_jobs: int | None = None) -> Array:
        """K(x_i, x_i), shape (n,), at n pairs."""
        return execute.diagonal(self._kernel, self._table, self.base.scaled(X), n_jobs=n_jobs)[0]

    def matvec(self, X: Array, Y: Array, V: Array, n_jobs: int | None = None) -> Array:
        """K(X, Y) V of shape (n, c), without storing K."""
        other = None if Y is X else self.base.scaled(Y)
        return execute.matvec(self._kernel, self._table, self.base.scaled(X), other, V, n_jobs)

    def gradient(self, X: Array, n_jobs: int | None = None) -> tuple[Array, Array]:
        """K(X, X) and its derivatives (n, n, p) for the logarithms of the hyperparameters."""
        per_feature = self.base.scale is not None
        X = self.base.scaled(X)
        return execute.gram_gradient(
            self._kernel, self._gradient_table(), X, per_feature, n_jobs=n_jobs
        )

    def diag_gradient(self, X: Array, n_jobs: int | None = None) -> tuple[Array, Array]:
        """K(x_i, x_i) and its derivatives, shapes (n,) and (n, p)."""
        per_feature = self.base.scale is not None
        X = self.base.scaled(X)
        return execute.diagonal(
            self._kernel, self._gradient_table(), X, True, per_feature, n_jobs=n_jobs
        )

    def gradient_x(self, X: Array, Y: Array, V: Array, n_jobs: int | None = None) -> Array:
        """Gradients (n, c, d) of K(X, Y) V in the rows of X, for V of shape (m, c)."""
        X, Y = self.base.scaled(X), self.base.scaled(Y)
        gradient = execute.gradient_x(self._kernel, self._table, X, Y, V, n_jobs)
        return self.base.unscaled_gradient(gradient)

    def diag_gradient_x(self, X: Array, n_jobs: int | None = None) -> Array:
        """Gradients (n, d) of K(x_i, x_i) in the rows of X."""
        gradient = execute.diagonal_gradient_x(
            self._kernel, self._table, self.base.scaled(X), n_jobs
        )
        return self.base.unscaled_gradient(gradient)

    def _gradient_table(self) -> Table:
        """Return the table for derivatives in hyperparameters."""
        return self._table
