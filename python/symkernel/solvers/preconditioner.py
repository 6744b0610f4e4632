"""Approximate a matrix by few of its columns, to precondition its ridge system and to start."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh, solve_triangular, svd

__all__ = ["LowRank", "Preconditioner"]

Array = NDArray[Any]

# Rows of a factor whose triangle is updated at once.
_ROWS = 4096
# Share of mu that the rounding of F^T F may be, beyond which a QR decomposition is taken.
_ROUNDING = 1e-4


class LowRank(Protocol):
    """A matrix approximated from below, by a partial Cholesky decomposition: A = F F^T + E."""

    @property
    def factor(self) -> Array:
        """The factor F, (n, r); r may be 0."""
        ...

    @property
    def residual(self) -> Array:
        """Diagonal of E, (n,), not negative."""
        ...

    @property
    def pivots(self) -> NDArray[Any]:
        """Rows at which F is a lower triangle, in the order of its columns, (r,)."""
        ...


class Preconditioner:
    r"""The inverse of P = S F F^T S + mu I, by Woodbury's formula.

    Parameters
    ----------
    low_rank : LowRank or None
        What A is approximated by; None stands for P = I.
    alphas : ndarray of shape (k,)
        Ridge of every column.
    root : ndarray of shape (n,) or None
        Diagonal of S.
    n : int
        Number of rows.

    Attributes
    ----------
    mu : ndarray of shape (k,)
        Of every column: its ridge, and the mean of the diagonal of S E S.

    Notes
    -----
    With F^T S S F = V s^2 V^T, P^-1 = (I - S F V (s^2 + mu)^-1 V^T F^T S) / mu: n r^2 / 2 multiply-
    adds once, 2 n r a column. Where rounding of the largest s^2 would be seen beside mu, s and V
    come from a QR decomposition of S F, of n r^2, which has s to rounding of the largest.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> import numpy as np
    >>> from symkernel.solvers.preconditioner import Preconditioner
    >>> factor = np.array([[2.0], [0.0]])  # of diag(4, 1)
    >>> few = SimpleNamespace(factor=factor, residual=np.array([0.0, 1.0]), pivots=np.array([0]))
    >>> P = Preconditioner(few, np.array([1.0]), None, 2)
    >>> P.mu  # the ridge, and half of what is left
    array([1.5])
    >>> P.start(np.array([[5.0], [3.0]])).ravel().tolist()  # (4 + 1)^-1 5
    [1.0, 0.0]
    """

    def __init__(self, low_rank: LowRank | None, alphas: Array, root: Array | None, n: int) -> None:
        self._low_rank, self._alphas, self._root = low_rank, alphas, root
        self.mu = np.ones(len(alphas))
        if low_rank is None:
            return
        rest = np.maximum(low_rank.residual.astype(np.float64), 0.0)
        if root is not None:
            rest, n = rest * root**2, max(1, int(np.count_nonzero(root)))
        mu = alphas + rest.sum() / n
        self._squares, self._V, seen = self._decomposed(float(mu.min(initial=np.inf)))
        # P and the system of the start are no more singular than can be seen.
        self._floor = max(seen, np.finfo(np.float64).tiny)
        self.mu = np.maximum(mu, self._floor)

    def apply(self, R: Array, columns: NDArray[np.intp]) -> Array:
        """Return mu P^-1 of some columns: what the factor does not see is left as it is."""
        if self._low_rank is None:
            return R.copy()
        inner = self._V.T @ self._onto(R)
        inner /= self._squares[:, None] + self.mu[columns]
        return np.asarray(R - self._scaled(self._low_rank.factor @ (self._V @ inner)))

    def start(self, b: Array) -> Array:
        r"""Return the coefficients (n, k), 0 beside the pivots, that solve within their span.

        With :math:`F = A_{:S} L^{-T}` and L = F_S, :math:`(F^T W F + \alpha I) w = F^T S b` and the
        coefficients are :math:`L^{-T} w`: the subset of regressors, or Nystroem fit.
        """
        found = np.zeros(b.shape)
        if self._low_rank is not None and len(self._low_rank.pivots):
            inner = self._V.T @ self._onto(b)
            w = self._V @ (inner / np.maximum(self._squares[:, None] + self._alphas, self._floor))
            pivots = self._low_rank.pivots
            triangle = self._low_rank.factor[pivots]
            found[pivots] = solve_triangular(triangle, w, lower=True, trans="T")
        return found

    def _decomposed(self, mu: float) -> tuple[Array, Array, float]:
        """Squares s^2, ascending or descending, vectors V, and the least s^2 that can be seen."""
        assert self._low_rank is not None
        F = self._low_rank.factor
        eps = float(np.finfo(np.float64).eps)
        G = np.zeros((F.shape[1], F.shape[1]))
        for first in range(0, len(F), _ROWS):
            part = self._part(first)
            G += part.T @ part
        squares, V = eigh(G, check_finite=False, driver="evd")
        largest = float(squares.max(initial=0.0))
        if eps * len(G) * largest <= _ROUNDING * mu:
            return np.maximum(squares, 0.0), V, eps * largest
        R = np.zeros(G.shape)
        for first in range(0, len(F), _ROWS):
            R = np.asarray(np.linalg.qr(np.concatenate([R, self._part(first)]), mode="r"))
        _, values, Vt = svd(R)
        return values**2, Vt.T, eps * largest

    def _part(self, first: int) -> Array:
        """Some rows of S F."""
        assert self._low_rank is not None
        rows = slice(first, first + _ROWS)
        part = self._low_rank.factor[rows]
        return part if self._root is None else part * self._root[rows, None]

    def _onto(self, R: Array) -> Array:
        """F^T S R."""
        assert self._low_rank is not None
        return np.asarray(self._low_rank.factor.T @ self._scaled(R))

    def _scaled(self, V: Array) -> Array:
        return V if self._root is None else V * self._root[:, None]
