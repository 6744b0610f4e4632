"""Choose centres by randomly pivoted Cholesky, a block of proposals at a time.

The partial factor F of a Gram matrix K has one column a pivot, and K - F F^T stays positive
semidefinite, so that its diagonal bounds what is left: its sum, the trace of the residual, is the
error of the Nystroem approximation in the trace norm. Pivots are drawn with probabilities
proportional to that diagonal.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.blas import dgemm

from symkernel.backends.triangular import solve_lower

__all__ = [
    "KernelColumns",
    "PivotedFactor",
    "SampleColumns",
    "factor_at",
    "rpcholesky",
    "uniform_pivots",
]

Array = NDArray[Any]
Indices = NDArray[np.int64]

# Proposals at a time: enough for products of matrices to run at full speed, few enough for most to
# be accepted. For 400 pivots among 20 000 samples, 32 to 200 took the same time within 10 %.
_BLOCK = 100
# What is left of a diagonal counts as none below this many eps of its largest entry.
_ROUNDING = 50


class KernelColumns(Protocol):
    """Columns of a symmetric positive semidefinite matrix K of n rows, computed when asked for."""

    def diag(self) -> Array:
        """Return the diagonal, (n,)."""

    def columns(self, indices: Indices) -> Array:
        """Return the columns at these indices, (n, b), in memory that may be overwritten."""

    def block(self, indices: Indices) -> Array:
        """Return the rows and columns at these indices, (b, b)."""


class SampleColumns:
    """Columns of the Gram matrix of samples.

    Parameters
    ----------
    X : ndarray of shape (n, ...)
        Samples.
    cross : callable
        Takes samples (a, ...) and (b, ...) to their kernel values (a, b).
    diag : callable
        Takes samples (a, ...) to K(x, x), (a,).
    prepared : object, optional
        What stands for X as the second argument of `cross`, such as ``kernel.prepare(X)``.
    """

    def __init__(
        self,
        X: Any,
        cross: Callable[[Any, Any], Array],
        diag: Callable[[Any], Array],
        prepared: Any = None,
    ) -> None:
        self._X, self._cross, self._diag = X, cross, diag
        self._all = X if prepared is None else prepared

    def diag(self) -> Array:
        """Return K(x, x) of every sample, (n,)."""
        return self._diag(self._X)

    def columns(self, indices: Indices) -> Array:
        """Return the kernel values of all samples with some, (n, b)."""
        return self._cross(self._X[indices], self._all).T

    def block(self, indices: Indices) -> Array:
        """Return the kernel values of some samples with one another, (b, b)."""
        some = self._X[indices]
        return self._cross(some, some)


@dataclass(frozen=True)
class PivotedFactor:
    """A partial Cholesky factor F with K = F F^T on the rows and columns of the pivots.

    Attributes
    ----------
    pivots : int64, shape (r,)
        Indices in the order of elimination, none twice.
    factor : float64, shape (n, r)
        F, in Fortran order.
    residual : float64, shape (n,)
        The diagonal of K - F F^T, not negative.
    trace : float
        Of K.
    stopped : str
        "columns" where as many pivots as asked for were found, "trace" where the residual fell
        under the tolerance, "rank" where nothing but rounding was left: r is then the rank of K.
    """

    pivots: Indices
    factor: NDArray[np.float64]
    residual: NDArray[np.float64]
    trace: float
    stopped: str

    @property
    def rank(self) -> int:
        """Number of pivots r."""
        return len(self.pivots)

    @property
    def residual_trace(self) -> float:
        """Trace of K - F F^T."""
        return float(self.residual.sum())

    @property
    def triangle(self) -> NDArray[np.float64]:
        """The Cholesky factor of K on the pivots, lower triangular, (r, r)."""
        return np.tril(self.factor[self.pivots])


def rpcholesky(
    K: KernelColumns,
    n_pivots: int,
    *,
    tol: float = 0.0,
    block: int | None = None,
    random_state: Any = None,
    n_jobs: int | None = None,
) -> PivotedFactor:
    """Factor a matrix at randomly drawn pivots, by blocks with rejection.

    A block of proposals is drawn in proportion to the diagonal of the residual. Within the block
    pivots are eliminated one after the other, and proposal j is accepted where a uniform number
    times the entry it was drawn with is below what is left of it: pivots then have the
    distribution of those drawn one at a time, and no index is taken twice.

    Parameters
    ----------
    K : KernelColumns
        The matrix, of n rows.
    n_pivots : int
        How many pivots are wanted; at most n are found.
    tol : float, default=0
        Stop once the trace of the residual is at most `tol` times that of K.
    block : int, optional
        Proposals at a time; None for 100.
    random_state : int, numpy Generator or None, default=None
        Source of the proposals; the same number gives the same pivots.
    n_jobs : int, optional
        Threads of native code; those of `K` and of BLAS are their own.

    Returns
    -------
    PivotedFactor
        The factor; the column of a pivot is exact from its own row on.

    Raises
    ------
    ValueError
        If the diagonal contains NaN, infinity or negative numbers: K is no positive semidefinite
        matrix.

    Notes
    -----
    (r + 1) n kernel values, r^2 n multiply-adds, and n r numbers of memory, for r pivots; the
    values of proposals with one another come on top, which are few.

    Sources: Chen, Epperly, Tropp, Webber, Randomly pivoted Cholesky, Communications on Pure and
    Applied Mathematics 78 (2025); Epperly, Tropp, Webber, Embrace rejection: kernel matrix
    approximation by accelerated randomly pivoted Cholesky (2024).

    Examples
    --------
    >>> import numpy as np
    >>> from symkernel.solvers.rpcholesky import SampleColumns, rpcholesky
    >>> X = np.array([[0.0], [0.0], [3.0], [4.0]])  # of rank 2: the kernel is 1 + x y
    >>> cross = lambda A, B: 1.0 + A @ B.T
    >>> found = rpcholesky(SampleColumns(X, cross, lambda A: 1.0 + A[:, 0] ** 2), 4, random_state=0)
    >>> found.rank, found.stopped
    (2, 'rank')
    >>> bool(np.allclose(found.factor @ found.factor.T, cross(X, X)))
    True
    """
    rng = np.random.default_rng(random_state)
    state = _State(K, n_pivots, n_jobs)
    size = _BLOCK if block is None else block
    while (stopped := state.stopped(tol)) is None:
        state.forget_rounding()
        weights = np.cumsum(state.residual)
        drawn = np.searchsorted(weights, rng.random(size) * weights[-1], side="right")
        drawn = np.minimum(drawn, len(weights) - 1)
        chances = rng.random(size)
        state.eliminate(drawn[state.residual[drawn] > 0.0], chances)
    return state.found(stopped)


def factor_at(
    K: KernelColumns,
    pivots: Any,
    *,
    tol: float = 0.0,
    block: int | None = None,
    n_jobs: int | None = None,
) -> PivotedFactor:
    """Factor a matrix at given pivots, in their order.

    Parameters
    ----------
    K : KernelColumns
        The matrix, of n rows.
    pivots : array-like of int, shape (m,)
        Indices. Those that depend on the ones before, repetitions among them, are left out.
    tol : float, default=0
        Stop once the trace of the residual is at most `tol` times that of K.
    block : int, optional
        Pivots at a time; None for 100.
    n_jobs : int, optional
        Threads of native code.

    Returns
    -------
    PivotedFactor
        The factor. It stopped for "rank" where nothing but rounding is left of any row, though
        pivots were left out; a pivot left out shows in their number alone.

    Raises
    ------
    ValueError
        As ``rpcholesky``.
    """
    wanted = np.asarray(pivots, dtype=np.int64)
    state = _State(K, len(wanted), n_jobs)
    size = _BLOCK if block is None else block
    stopped = state.stopped(tol)
    for first in range(0, len(wanted), size):
        if stopped is not None:
            break
        state.forget_rounding()
        chosen = wanted[first : first + size]
        state.eliminate(chosen[state.residual[chosen] > 0.0], None)
        stopped = state.stopped(tol)
    return state.found("columns" if stopped is None else stopped)


def uniform_pivots(n: int, n_pivots: int, random_state: Any = None) -> Indices:
    """Draw indices without repetition, each equally likely: int64, (min(n, n_pivots),)."""
    rng = np.random.default_rng(random_state)
    return np.asarray(rng.permutation(n)[:n_pivots], dtype=np.int64)


class _State:
    """What is found so far, with room for the rest."""

    def __init__(self, K: KernelColumns, n_pivots: int, n_jobs: int | None) -> None:
        self._K, self._n_jobs = K, n_jobs
        values = K.diag()
        self.residual = values.astype(np.float64)
        n = len(self.residual)
        if not np.isfinite(self.residual).all() or (self.residual < 0.0).any():
            raise ValueError(
                "the diagonal of the kernel matrix contains NaN, infinity or negative numbers: "
                "what is factored must be a positive semidefinite matrix of finite samples"
            )
        precision = np.finfo(np.result_type(values.dtype, np.float32)).eps
        self._floor = _ROUNDING * float(precision) * self.residual.max(initial=0.0)
        self._trace = float(self.residual.sum())
        self._most = min(n_pivots, n)
        self._F = np.empty((n, self._most), order="F")
        self._pivots = np.empty(self._most, dtype=np.int64)
        self._r = 0

    def stopped(self, tol: float) -> str | None:
        """Return why there is nothing more to do, if so."""
        if not self.residual.max(initial=0.0) > self._floor:
            return "rank"
        if float(self.residual.sum()) <= tol * self._trace:
            return "trace"
        return "columns" if self._r == self._most else None

    def forget_rounding(self) -> None:
        """Set what is left of a row to nothing where it is rounding."""
        self.residual[self.residual <= self._floor] = 0.0

    def eliminate(self, proposed: Indices, chances: Array | None) -> None:
        """Take the pivots of a block that are accepted, and their columns into the factor."""
        r, F = self._r, self._F
        if len(proposed) == 0:
            return
        rows = F[proposed, :r]
        H = np.asarray(self._K.block(proposed), dtype=np.float64) - rows @ rows.T
        kept, L = _accepted(H, chances, self._floor, self._most - r)
        if len(kept) == 0:  # what the diagonal promised was rounding
            self.residual[proposed[np.diagonal(H) <= self._floor]] = 0.0
            return
        chosen, end = proposed[kept], r + len(kept)
        G = F[:, r:end]
        G[...] = self._K.columns(chosen)
        if r:
            # In place: leading columns and these are contiguous in Fortran order.
            dgemm(-1.0, F[:, :r], rows[kept], beta=1.0, c=G, trans_b=1, overwrite_c=1)
        solve_lower(L, G.T, self._n_jobs)
        earlier = self._pivots[:r]
        G[earlier] = 0.0
        G[chosen] = L
        self._pivots[r:end] = chosen
        self._r = end
        self.residual -= np.einsum("ij,ij->i", G, G)
        np.maximum(self.residual, 0.0, out=self.residual)
        self.residual[chosen] = 0.0

    def found(self, stopped: str) -> PivotedFactor:
        """Return what was found."""
        F, pivots = self._F, self._pivots
        if self._r < self._most:
            F, pivots = F[:, : self._r].copy(order="F"), pivots[: self._r].copy()
        return PivotedFactor(pivots, F, self.residual, self._trace, stopped)


def _accepted(H: Array, chances: Array | None, floor: float, most: int) -> tuple[Indices, Array]:
    """Return which pivots of a block (b, b) are accepted, at most so many, and their factor."""
    b = len(H)
    left = np.diagonal(H).copy()
    before = left if chances is None else chances[:b] * left
    before = before.copy()
    kept: list[int] = []
    C = np.zeros((b, min(b, most)))
    for j in range(b):
        if len(kept) == most:
            break
        if not left[j] > floor or (chances is not None and before[j] > left[j]):
            continue
        k = len(kept)
        column = H[j:, j] - C[j:, :k] @ C[j, :k]
        column /= math.sqrt(left[j])
        C[j:, k] = column
        left[j:] -= np.square(column)
        kept.append(j)
    chosen = np.array(kept, dtype=np.int64)
    return chosen, np.tril(C[chosen, : len(kept)])
