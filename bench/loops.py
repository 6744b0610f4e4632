"""The averaged Gaussian kernel as a loop over group elements in NumPy, for scikit-learn."""

from __future__ import annotations

import numpy as np
from sklearn.gaussian_process.kernels import Kernel

from .peers import Array, Orbit, move


class LoopKernel(Kernel):  # type: ignore[misc]
    """The average, by blocks of rows that stay in cache; of one element it is the plain kernel."""

    def __init__(self, orbit: Orbit, length_scale: float, rows: int = 2000) -> None:
        self.orbit = orbit
        self.length_scale = length_scale
        self.rows = rows

    def __call__(self, X: Array, Y: Array | None = None, eval_gradient: bool = False) -> Array:
        """Gram matrix."""
        Y = X if Y is None else Y
        orbit = [move(Y, indices, signs) for indices, signs in self.orbit]
        square = np.einsum("md,md->m", Y, Y)
        K = np.zeros((len(X), len(Y)))
        for first in range(0, len(X), self.rows):
            block = X[first : first + self.rows]
            norms = np.einsum("nd,nd->n", block, block)[:, None] + square
            out = K[first : first + self.rows]
            for moved in orbit:
                distance = block @ moved.T
                distance *= -2.0
                distance += norms
                distance *= -0.5 / self.length_scale**2
                out += np.exp(distance, out=distance)
            out /= len(orbit)
        return K

    def diag(self, X: Array) -> Array:
        """K(x, x)."""
        return np.concatenate([self(x[None]).ravel() for x in X])

    def is_stationary(self) -> bool:
        """Whether it depends on differences alone."""
        return False
