"""Plan a kernel that is given by its spectrum: sums over invariant functions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symkernel.backends.arrays import is_on_device, namespace, to_host
from symkernel.exceptions import NotApplicableError
from symkernel.plans.base import Cost, Plan
from symkernel.validation import as_floats

__all__ = ["SpectralPlan", "SpectrumPart", "beside"]

Array = NDArray[Any]

# Features of samples are computed and used in blocks of that many entries.
_BLOCK_ENTRIES = 2**22


@dataclass(frozen=True)
class SpectrumPart:
    """Some functions of the expansion.

    Parameters
    ----------
    values : callable
        Takes samples (n, d) in float64 and n_jobs, returns the functions (n, width).
    width : int
        Number of functions.
    weights : float64, shape (width,)
        Eigenvalue of each function.
    slopes : float64, shape (p, width)
        Derivatives of the weights for the logarithms of the hyperparameters.
    """

    values: Any
    width: int
    weights: NDArray[np.float64]
    slopes: NDArray[np.float64]


class SpectralPlan(Plan):
    """``K(x, y) = sum_k p_k phi_k(x) phi_k(y)`` over the invariant functions of some levels.

    The average over the group of the kernel that has all functions of these levels, computed as a
    product of features ``sqrt(p_k) phi_k``: time does not grow with the order of the group. It is
    computed on the host; samples on a GPU are brought there, and the result back.

    Parameters
    ----------
    parts : sequence of SpectrumPart
        The functions.
    error : float
        What levels beyond add to K(x, x), relative to the diagonal of the
        plain kernel; 0 where there are none.
    steps : tuple of str
        What is done, in words.
    check : callable
        Raises ValueError for samples that are not on the manifold.

    Attributes
    ----------
    n_features : int
        Number of functions.
    """

    method = "spectral"

    def __init__(
        self, parts: Sequence[SpectrumPart], error: float, steps: tuple[str, ...], check: Any
    ) -> None:
        self._parts = [part for part in parts if part.width]
        self._check = check
        self.n_features = sum(part.width for part in self._parts)
        self.error = error or 1e-15
        self.exact = error == 0.0
        self.steps = steps
        self.cost = Cost(float(self.n_features), 0.0)

    def features(self, X: Array, n_jobs: int | None = None) -> Array:
        """Return ``sqrt(p_k) phi_k`` at samples, (n, n_features); K is their Gram matrix.

        Parameters
        ----------
        X : array-like of float, shape (n, d)
            Samples.
        n_jobs : int, optional
            Threads.
        """
        points = self._points(as_floats(X))
        blocks = [Z * np.sqrt(part.weights) for part, Z in self._blocks(points, n_jobs)]
        return np.concatenate([np.zeros((len(points), 0)), *blocks], axis=1)

    def _points(self, X: Array) -> NDArray[np.float64]:
        host = to_host(X) if is_on_device(X) else X
        points: NDArray[np.float64] = self._check(np.asarray(host, np.float64))
        return points

    def _blocks(
        self, X: NDArray[np.float64], n_jobs: int | None
    ) -> Iterator[tuple[SpectrumPart, NDArray[np.float64]]]:
        for part in self._parts:
            yield part, part.values(X, n_jobs)

    def _in_rows(self, X: NDArray[np.float64]) -> Iterator[slice]:
        widest = max((part.width for part in self._parts), default=1)
        step = max(1, _BLOCK_ENTRIES // widest)
        for first in range(0, len(X), step):
            yield slice(first, first + step)

    def gram(self, X: Array, Y: Array | None = None, n_jobs: int | None = None) -> Array:
        """Return the Gram matrix of shape (n, m); `Y=None` means X."""
        points = self._points(X)
        others = points if Y is None else self._points(Y)
        K = np.zeros((len(points), len(others)))
        for part in self._parts:
            left = part.values(points, n_jobs) * np.sqrt(part.weights)
            if Y is None:  # the product of a matrix with its own transpose costs half
                K += left @ left.T
            else:
                K += left @ (part.values(others, n_jobs) * np.sqrt(part.weights)).T
        return beside(K, X)

    def diag(self, X: Array, n_jobs: int | None = None) -> Array:
        """Return K(x_i, x_i), shape (n,)."""
        values, _ = self._diagonal(X, n_jobs, slopes=False)
        return beside(values, X)

    def matvec(self, X: Array, Y: Array, V: Array, n_jobs: int | None = None) -> Array:
        """Return K(X, Y) V, (n, c), without storing K: the functions cost, not the pairs."""
        points, others = self._points(X), self._points(Y)
        host = np.asarray(to_host(V) if is_on_device(V) else V, np.float64)
        product = np.zeros((len(points), host.shape[1]))
        for part in self._parts:
            projected = np.zeros((part.width, host.shape[1]))
            for rows in self._in_rows(others):
                projected += part.values(others[rows], n_jobs).T @ host[rows]
            projected *= part.weights[:, None]
            for rows in self._in_rows(points):
                product[rows] += part.values(points[rows], n_jobs) @ projected
        return beside(product, X)

    def gradient(self, X: Array, n_jobs: int | None = None) -> tuple[Array, Array]:
        """Return K(X, X) and its derivatives (n, n, p) in log hyperparameters."""
        points = self._points(X)
        n, count = len(points), self._parts[0].slopes.shape[0] if self._parts else 0
        K, gradient = np.zeros((n, n)), np.zeros((n, n, count))
        for part, Z in self._blocks(points, n_jobs):
            K += (Z * part.weights) @ Z.T
            for k, slope in enumerate(part.slopes):
                gradient[:, :, k] += (Z * slope) @ Z.T
        return beside(K, X), beside(gradient, X)

    def diag_gradient(self, X: Array, n_jobs: int | None = None) -> tuple[Array, Array]:
        """Return K(x_i, x_i) and its derivatives, shapes (n,) and (n, p)."""
        values, slopes = self._diagonal(X, n_jobs, slopes=True)
        return beside(values, X), beside(slopes, X)

    def _diagonal(
        self, X: Array, n_jobs: int | None, slopes: bool
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        points = self._points(X)
        count = self._parts[0].slopes.shape[0] if slopes and self._parts else 0
        values, found = np.zeros(len(points)), np.zeros((len(points), count))
        for part in self._parts:
            for rows in self._in_rows(points):
                squares = np.square(part.values(points[rows], n_jobs))
                values[rows] += squares @ part.weights
                if slopes:
                    found[rows] += squares @ part.slopes.T
        return values, found

    def gradient_x(self, X: Array, Y: Array, V: Array, n_jobs: int | None = None) -> Array:
        """Refuse: manifolds do not differentiate their eigenfunctions."""
        raise NotApplicableError(
            "method='spectral' has no derivatives in the samples: eigenfunctions are evaluated, "
            "not differentiated"
        )

    def diag_gradient_x(self, X: Array, n_jobs: int | None = None) -> Array:
        """Refuse: manifolds do not differentiate their eigenfunctions."""
        return self.gradient_x(X, X, X, n_jobs)

    @property
    def _how(self) -> str:
        if self.exact:
            return super()._how
        return f"levels beyond add about {self.error:.2g} of the plain kernel's diagonal"


def beside(values: NDArray[np.float64], X: Array) -> Array:
    """Return values where the samples live, in float32 for samples in float32."""
    dtype = np.float32 if X.dtype == np.float32 else np.float64
    placed: Array = namespace(X).asarray(values, dtype=dtype)
    return placed
