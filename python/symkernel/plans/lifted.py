"""Wrap a plan whose samples are mapped first: the samples go in by the map, gradients come back."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Hashable
from typing import Any

from symkernel.backends.prepared import Prepared
from symkernel.plans.base import Array, Plan

# Takes gradients (n, c, d') in the mapped samples to gradients (n, c, d) in the samples.
WayBack = Callable[[Array], Array]


class Lifted(Plan):
    """The kernel of an inner plan, of samples that a map c takes elsewhere: ``k(c(x), c(y))``.

    Such a kernel is positive semidefinite as k is, and its gradient in x is the transpose of the
    derivative of c, applied to that of k in c(x).

    Parameters
    ----------
    inner : Plan
        Plan for the mapped samples.
    steps : tuple of str
        What the map does, in words; the inner plan's steps follow.
    """

    # The logarithm of the inner plan's hyperparameters per logarithm of this one's.
    _slope = 1.0
    # Whether the map is kept in prepared samples: then the way back must not depend on them.
    _prepares = False

    def __init__(self, inner: Plan, steps: tuple[str, ...]) -> None:
        self._inner = inner
        self.method = inner.method
        self.exact = inner.exact
        self.error = inner.error
        self.cost = inner.cost
        self.steps = (*steps, *inner.steps)
        self.packs = inner.packs
        self.tol = inner.tol
        self.scratch = inner.scratch

    @abstractmethod
    def _lift(self, X: Array, n_jobs: int | None) -> Array:
        """c(x) for samples (n, d), shape (n, d')."""

    @abstractmethod
    def _lift_and_back(self, X: Array, n_jobs: int | None) -> tuple[Array, WayBack]:
        """c(x), and the transpose of its derivative there."""

    @property
    def _how(self) -> str:
        return self._inner._how

    @property
    def preparation(self) -> Hashable:
        """The map, and what the inner plan does; None where the map is not kept."""
        inner = self._inner.preparation if self._prepares else None
        return None if inner is None else (type(self).__name__, inner)

    def prepare(self, X: Array) -> Array | Prepared:
        """Map samples, and prepare them as the inner plan does."""
        return X if self.preparation is None else self._inner.prepare(self._lift(X, None))

    def gram(self, X: Array, Y: Array | None = None, n_jobs: int | None = None) -> Array:
        """Gram matrix of shape (n, m); `Y=None` means X, at half the cost."""
        other = None if Y is None else self._there(Y, n_jobs)
        return _rounded(self._inner.gram(self._there(X, n_jobs), other, n_jobs), X)

    def gram_packed(self, X: Array, n_jobs: int | None = None) -> Array:
        """K(X, X) in LAPACK's rectangular full packed format, shape (n (n + 1) / 2,)."""
        return _rounded(self._inner.gram_packed(self._there(X, n_jobs), n_jobs), X)

    def diag(self, X: Array, n_jobs: int | None = None) -> Array:
        """K(x_i, x_i), shape (n,)."""
        return _rounded(self._inner.diag(self._there(X, n_jobs), n_jobs), X)

    def matvec(self, X: Array, Y: Array, V: Array, n_jobs: int | None = None) -> Array:
        """K(X, Y) V of shape (n, c), without storing K."""
        left = self._there(X, n_jobs)
        right = left if Y is X else self._there(Y, n_jobs)  # the inner plan halves the work too
        return _rounded(self._inner.matvec(left, right, _rounded(V, left), n_jobs), V)

    def gradient(self, X: Array, n_jobs: int | None = None) -> tuple[Array, Array]:
        """K(X, X) and its derivatives (n, n, p) for the logarithms of the hyperparameters."""
        return self._sloped(self._inner.gradient(self._there(X, n_jobs), n_jobs), X)

    def diag_gradient(self, X: Array, n_jobs: int | None = None) -> tuple[Array, Array]:
        """K(x_i, x_i) and its derivatives, shapes (n,) and (n, p)."""
        return self._sloped(self._inner.diag_gradient(self._there(X, n_jobs), n_jobs), X)

    def gradient_x(self, X: Array, Y: Array, V: Array, n_jobs: int | None = None) -> Array:
        """Gradients (n, c, d) of K(X, Y) V in the rows of X, for V of shape (m, c)."""
        left, back = self._lift_and_back(X, n_jobs)
        right = self._there(Y, n_jobs)
        return _rounded(back(self._inner.gradient_x(left, right, _rounded(V, left), n_jobs)), V)

    def diag_gradient_x(self, X: Array, n_jobs: int | None = None) -> Array:
        """Gradients (n, d) of K(x_i, x_i) in the rows of X."""
        left, back = self._lift_and_back(X, n_jobs)
        return _rounded(back(self._inner.diag_gradient_x(left, n_jobs)[:, None])[:, 0], X)

    def _there(self, X: Any, n_jobs: int | None) -> Any:
        """c(x); prepared samples are there already."""
        return X if isinstance(X, Prepared) else self._lift(X, n_jobs)

    def _sloped(self, found: tuple[Array, Array], X: Array) -> tuple[Array, Array]:
        values, gradient = found
        if self._slope != 1.0:
            gradient = self._slope * gradient
        return _rounded(values, X), _rounded(gradient, X)


def _rounded(values: Array, like: Any) -> Array:
    """Values in the precision of others: a map may need more digits than the samples have."""
    return values.astype(like.dtype, copy=False)
