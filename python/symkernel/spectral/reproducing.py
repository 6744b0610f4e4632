"""Plan a plain spectral kernel: sums over whole levels in closed form."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symkernel.backends.arrays import is_on_device, to_host
from symkernel.plans.base import Cost
from symkernel.spectral.manifold import Level, Manifold
from symkernel.spectral.plan import SpectralPlan, beside

__all__ = ["ReproducingPlan"]

Array = NDArray[Any]
Floats = NDArray[np.float64]

# Entries of the sums of all levels over a block of pairs.
_BLOCK_ENTRIES = 2**22


class ReproducingPlan(SpectralPlan):
    """``K(x, y) = sum_l p_l Z_l(x, y)``, Z_l the sum of phi(x) phi(y) over the whole level l.

    Z_l is known in closed form: a Gegenbauer polynomial of x.y on spheres, a character on
    rotations, a coefficient of a product of theta functions on tori. No function is evaluated, and
    the diagonal, sum_l p_l times multiplicity, is constant.

    Parameters
    ----------
    manifold : Manifold
    levels : sequence of Level
        All levels up to the last.
    weights : float64, shape (len(levels),)
    slopes : float64, shape (p, len(levels))
        Derivatives of the weights for the logarithms of the hyperparameters.
    error : float
        As for ``SpectralPlan``.
    by_functions : callable
        Returns the plan that evaluates the functions, for features and products with many vectors.
    """

    def __init__(
        self,
        manifold: Manifold,
        levels: Sequence[Level],
        weights: Floats,
        slopes: Floats,
        error: float,
        by_functions: Callable[[], SpectralPlan],
    ) -> None:
        top = levels[-1].level
        count = sum(known.multiplicity for known in levels)
        steps = (f"closed form of {len(levels)} levels of {manifold!r}, {count} functions",)
        super().__init__([], error, steps, manifold.check_points)
        self._manifold, self._top, self._by_functions = manifold, top, by_functions
        self._weights, self._slopes, self._levels = weights, slopes, len(levels)
        self._multiplicities = np.array([float(known.multiplicity) for known in levels])
        self.n_features = count
        self.cost = Cost(manifold._pair_work(top), 0.0)

    @cached_property
    def _functions(self) -> SpectralPlan:
        return self._by_functions()

    def _sums(self, X: Floats, Y: Floats, weights: Floats) -> Iterator[tuple[slice, list[Floats]]]:
        """Yield rows of the sums over levels, for each row of weights."""
        step = max(1, _BLOCK_ENTRIES // max(1, len(Y) * self._levels))
        for first in range(0, len(X), step):
            rows = slice(first, first + step)
            totals = [np.zeros((len(X[rows]), len(Y))) for _ in weights]
            for column, Z in zip(
                weights.T, self._manifold._reproducing(X[rows], Y, self._top), strict=True
            ):
                for total, weight in zip(totals, column, strict=True):
                    total += weight * Z
            yield rows, totals

    def features(self, X: Array, n_jobs: int | None = None) -> Array:
        """Return ``sqrt(p_k) phi_k`` at samples, (n, n_features); K is their Gram matrix."""
        return self._functions.features(X, n_jobs)

    def gram(self, X: Array, Y: Array | None = None, n_jobs: int | None = None) -> Array:
        """Return the Gram matrix of shape (n, m); `Y=None` means X."""
        points = self._points(X)
        others = points if Y is None else self._points(Y)
        K = np.empty((len(points), len(others)))
        for rows, (total,) in self._sums(points, others, self._weights[None]):
            K[rows] = total
        if Y is None:
            np.fill_diagonal(K, self._constant(self._weights))
        return beside(K, X)

    def _constant(self, weights: Floats) -> Any:
        return weights @ self._multiplicities

    def matvec(self, X: Array, Y: Array, V: Array, n_jobs: int | None = None) -> Array:
        """Return K(X, Y) V of shape (n, c): by pairs or by functions, whichever is less work."""
        by_functions = float(len(X) + len(Y)) * self.n_features
        if by_functions < float(len(X)) * len(Y) * self.cost.multiply_adds:
            return self._functions.matvec(X, Y, V, n_jobs)
        points, others = self._points(X), self._points(Y)
        host = np.asarray(to_host(V) if is_on_device(V) else V, np.float64)
        product = np.empty((len(points), host.shape[1]))
        for rows, (total,) in self._sums(points, others, self._weights[None]):
            product[rows] = total @ host
        return beside(product, X)

    def gradient(self, X: Array, n_jobs: int | None = None) -> tuple[Array, Array]:
        """Return K(X, X) and its derivatives (n, n, p) in log hyperparameters."""
        points = self._points(X)
        n, count = len(points), len(self._slopes)
        K, gradient = np.empty((n, n)), np.empty((n, n, count))
        every = np.concatenate([self._weights[None], self._slopes])
        for rows, (total, *slopes) in self._sums(points, points, every):
            K[rows] = total
            for k, slope in enumerate(slopes):
                gradient[rows, :, k] = slope
        np.fill_diagonal(K, self._constant(self._weights))
        gradient[np.arange(n), np.arange(n)] = self._constant(self._slopes)
        return beside(K, X), beside(gradient, X)

    def diag(self, X: Array, n_jobs: int | None = None) -> Array:
        """Return K(x_i, x_i), shape (n,)."""
        return beside(np.full(len(self._points(X)), self._constant(self._weights)), X)

    def diag_gradient(self, X: Array, n_jobs: int | None = None) -> tuple[Array, Array]:
        """Return K(x_i, x_i) and its derivatives, shapes (n,) and (n, p)."""
        slopes = np.tile(self._constant(self._slopes), (len(self._points(X)), 1))
        return self.diag(X), beside(slopes, X)
