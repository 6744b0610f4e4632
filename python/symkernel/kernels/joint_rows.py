"""Compute joint matrices from covariances of one sample with many."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symkernel.backends.packed import write_rows
from symkernel.kernels.joint_observations import Observations

Array = NDArray[Any]


class Pairs(ABC):
    """How pairs of samples are computed.

    All rows are without translations and in units of the length scale, and K is the mean over the
    group.
    """

    @abstractmethod
    def fill(self, packed: Array, observed: Observations, n_jobs: int | None) -> None:
        """Write the lower triangle of the joint matrix in packed form."""

    @abstractmethod
    def cross(self, X: Array, observed: Observations, n_jobs: int | None) -> Array:
        """Covariances (q, N) of the values at X (q, d) with all observations."""

    @abstractmethod
    def along(self, X: Array, A: Array, observed: Observations, n_jobs: int | None) -> Array:
        """Covariances (q, m, N) of derivatives along A (q, m, d) at X with all observations."""

    @abstractmethod
    def variances(self, X: Array, A: Array) -> Array:
        """Variances (q, m) of derivatives along A (q, m, d) at X (q, d)."""

    @abstractmethod
    def fields(self, Y: Array, a: Array, b: Array) -> Any:
        """Prepare ``sum_j [a_j + b_j . grad_y] K(., y_j)`` of a (n,) and b (n, d) at Y (n, d)."""

    @abstractmethod
    def apply(
        self, X: Array, fields: Any, gradient: bool, n_jobs: int | None
    ) -> tuple[Array, Array | None]:
        """Values (q,) and gradients (q, d), in these units, of prepared fields at X (q, d)."""


class RowByRow(Pairs):
    """Pairs that are computed one against many; joint matrices from that."""

    @abstractmethod
    def values(self, x: Array, Y: Array) -> Array:
        """Covariances K(x, y_j), (n,), of the value at x (d,) with those at Y (n, d)."""

    @abstractmethod
    def slopes(self, x: Array, A: Array, Y: Array) -> Array:
        """Covariances (m, n) of derivatives along A (m, d) at x with the values at Y (n, d)."""

    @abstractmethod
    def mixed(self, x: Array, A: Array, Y: Array, B: Array) -> Array:
        """Covariances (m, n, k) of derivatives along A (m, d) at x with those along B at Y.

        B has shape (n, k, d), its own directions for each of the samples Y (n, d).
        """

    def fields(self, Y: Array, a: Array, b: Array) -> Any:
        """Keep the function as it is."""
        return Y, a, b

    def fill(self, packed: Array, observed: Observations, n_jobs: int | None) -> None:
        """See ``Pairs.fill``."""
        total, count = len(observed), len(observed.valued)
        values, points = observed.X[observed.valued], observed.X[observed.sloped]
        m = observed.directions.shape[1]
        for i, x in enumerate(values):
            write_rows(packed, total, i, self.values(x, values[: i + 1])[None])
        rows = np.empty((m, total))
        for i, (x, A) in enumerate(zip(points, observed.directions, strict=True)):
            rows[:, :count] = self.slopes(x, A, values)
            mixed = self.mixed(x, A, points[: i + 1], observed.directions[: i + 1])
            rows[:, count : count + m * (i + 1)] = mixed.reshape(m, -1)
            write_rows(packed, total, count + m * i, rows)

    def cross(self, X: Array, observed: Observations, n_jobs: int | None) -> Array:
        """See ``Pairs.cross``."""
        values, points = observed.X[observed.valued], observed.X[observed.sloped]
        m = observed.directions.shape[1]
        K = np.empty((len(X), len(observed)))
        for row, x in zip(K, X, strict=True):
            row[: len(values)] = self.values(x, values)
        for j, (y, B) in enumerate(zip(points, observed.directions, strict=True)):
            first = len(values) + m * j
            K[:, first : first + m] = self.slopes(y, B, X).T
        return K

    def along(self, X: Array, A: Array, observed: Observations, n_jobs: int | None) -> Array:
        """See ``Pairs.along``."""
        values, points = observed.X[observed.valued], observed.X[observed.sloped]
        K = np.empty((*A.shape[:2], len(observed)))
        for out, x, own in zip(K, X, A, strict=True):
            out[:, : len(values)] = self.slopes(x, own, values)
            mixed = self.mixed(x, own, points, observed.directions)
            out[:, len(values) :] = mixed.reshape(len(own), -1)
        return K

    def variances(self, X: Array, A: Array) -> Array:
        """See ``Pairs.variances``."""
        found = [self.mixed(x, a, x[None], a[None])[:, 0] for x, a in zip(X, A, strict=True)]
        return np.array([np.diagonal(block) for block in found]).reshape(A.shape[:2])
