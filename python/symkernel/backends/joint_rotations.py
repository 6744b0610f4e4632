"""Compute covariances of values and gradients under rotations of clouds, natively."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symkernel.backends.native import _cpu
from symkernel.backends.threads import resolve_jobs

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class RotationAverage:
    """The mean over rotations R and permutations s of a sum of Gaussians of x - R s y.

    K(x, y) is that of ``sum_r weights[r] exp(-rates[r] |x - R s y|^2)``.

    Parameters
    ----------
    rows : ndarray of int32 of shape (s, points)
        Permutations of the points: the point of y that each point of x meets.
    dimension : {2, 3}
        Of the points.
    reflections : bool
        Whether improper rotations are averaged over as well.
    rates, weights : ndarray of shape (r,)
        Positive, of a sum of Gaussians.
    """

    rows: NDArray[np.int32]
    dimension: int
    reflections: bool
    rates: NDArray[np.float64]
    weights: NDArray[np.float64]

    def field(
        self, X: Array, Y: Array, a: Array, b: Array, gradient: bool, n_jobs: int | None = None
    ) -> tuple[Array, Array | None]:
        """Values (n,) and gradients (n, d) of ``f = sum_j [a_j + b_j . grad_y] K(., y_j)`` at X.

        Parameters
        ----------
        X, Y : ndarray of shape (n, d) and (m, d)
            Samples, point by point.
        a, b : ndarray of shape (m,) and (m, d)
            Coefficients.
        gradient : bool
            Whether gradients are wanted, else None.
        n_jobs : int, optional
            Threads: None for as many as OpenMP is set to, -1 for all.
        """
        values, slopes = _cpu.joint_rotation_field(
            self._clouds(X),
            self._clouds(Y),
            self.rows,
            self.reflections,
            self.rates,
            self.weights,
            np.ascontiguousarray(a, np.float64),
            self._clouds(b),
            gradient,
            resolve_jobs(n_jobs),
        )
        return values, slopes.reshape(X.shape) if gradient else None

    def blocks(
        self, X: Array, Y: Array, gradient: bool, n_jobs: int | None = None
    ) -> tuple[Array, Array]:
        """K (n, m), and its gradients in X (n, m, d), without entries where not asked for."""
        return _cpu.joint_rotation_blocks(
            self._clouds(X),
            self._clouds(Y),
            self.rows,
            self.reflections,
            self.rates,
            self.weights,
            gradient,
            resolve_jobs(n_jobs),
        )

    def mixed(self, X: Array, A: Array, Y: Array, B: Array, n_jobs: int | None = None) -> Array:
        """Derivatives (n, r, m, s) of K along A (n, r, d) at X and along B (m, s, d) at Y."""
        found: Array = _cpu.joint_rotation_mixed(
            self._clouds(X),
            self._clouds(Y),
            self.rows,
            self.reflections,
            self.rates,
            self.weights,
            np.ascontiguousarray(A, np.float64),
            np.ascontiguousarray(B, np.float64),
            resolve_jobs(n_jobs),
        )
        return found

    def turns(self, X: Array, Y: Array | None, n_jobs: int | None = None) -> Array:
        """Means of R under the kernel, (n, r, m, r), r the dimension; with X itself for Y = None.

        Then only half of the pairs is computed, for which the rows must be a group.
        """
        clouds = self._clouds(X)
        return _cpu.joint_rotation_turns(
            clouds,
            clouds if Y is None else self._clouds(Y),
            self.rows,
            self.reflections,
            self.rates,
            self.weights / (2.0 * self.rates),
            Y is None,
            resolve_jobs(n_jobs),
        )

    def _clouds(self, rows: Array) -> Array:
        clouds = np.ascontiguousarray(rows, np.float64)
        return clouds.reshape(len(rows), self.rows.shape[1], self.dimension)
