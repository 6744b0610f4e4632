"""Fit ridge regression on features in blocks, with exact leave-one-out errors.

With the centred features Z = U S V^T, centred targets y and an intercept that is not penalised,
the coefficients for alpha are c = V S / (S^2 + alpha) U^T y, and

    y_i - f_{-i}(x_i) = r_i / (1 - h_i),   h_i = 1/n + sum_j U_ij^2 S_j^2 / (S_j^2 + alpha),

r_i being the residual of the whole fit. U, S and V come from the triangular factor R of a QR
decomposition that is updated block by block: of the features where they are fewer than the
samples, of their transpose otherwise. Neither all features nor Z^T Z, which would square the
condition number, are ever stored.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import qr, svd

__all__ = ["FactoredColumns", "FactoredFeatures", "FactoredRows", "factor_columns", "factor_rows"]

Array = NDArray[np.float64]
Blocks = Callable[[], Iterable[Array]]

# Of U at a time.
_BLOCK_ENTRIES = 2**22
# Shares 1 - h of a sample's residual that are left, below which they are rounding.
_NO_RESIDUAL = 1e-12


@dataclass(frozen=True, kw_only=True)
class FactoredFeatures(ABC):
    """Singular value decomposition of centred features, from which every alpha is solved.

    Attributes
    ----------
    singular : float64, shape (r,)
        Singular values S above rounding, descending.
    rotated : float64, shape (r, t)
        U^T y.
    targets : float64, shape (n, t)
        Centred targets y.
    mean : float64, shape (t,)
        Means of the targets.
    """

    singular: Array
    rotated: Array
    targets: Array
    mean: Array

    @abstractmethod
    def coefficients(self, alpha: float | Array) -> tuple[Array, Array]:
        """Return the coefficients (D, t) and intercepts (t,), for one alpha or one per target."""

    @abstractmethod
    def _left(self) -> Iterator[tuple[slice, Array]]:
        """Blocks of rows of U, and which rows they are."""

    def leave_one_out(self, alphas: Array) -> Array:
        """Return the mean squared leave-one-out errors, (a, t).

        Parameters
        ----------
        alphas : float64, shape (a,)
            Not negative.

        Returns
        -------
        float64, shape (a, t)
            Infinite where samples are fitted so closely that nothing of their error is left but
            rounding.
        """
        n, t = self.targets.shape
        total = np.zeros((len(alphas), t))
        square = self.singular[:, None] ** 2
        with np.errstate(invalid="ignore"):
            gone = alphas / (square + alphas)  # (r, a)
        # With n - 1 directions nothing but them is left: a sum of positive terms replaces 1 - h.
        complete = len(self.singular) >= n - 1
        factors = gone if complete else 1.0 - gone
        weighted = factors[:, :, None] * self.rotated[:, None, :]
        for rows, U in self._left():
            sums = np.einsum("nr,rat->nat", U, weighted, optimize=True)
            shares = np.square(U) @ factors
            if complete:
                residuals, left = sums, shares
            else:
                residuals = self.targets[rows, None, :] - sums
                left = 1.0 - 1.0 / n - shares
            left = np.where(left > _NO_RESIDUAL, left, np.nan)
            total += np.square(residuals / left[:, :, None]).sum(axis=0)
        return np.where(np.isnan(total), np.inf, total / n)

    def _solved(self, alpha: float | Array, power: int) -> Array:
        """S^power / (S^2 + alpha) U^T y."""
        s = self.singular[:, None]
        return np.asarray(s**power / (s**2 + np.asarray(alpha)) * self.rotated)


@dataclass(frozen=True, kw_only=True)
class FactoredRows(FactoredFeatures):
    """From blocks of samples: fewer features than samples."""

    right: Array
    feature_mean: Array
    blocks: Blocks

    def coefficients(self, alpha: float | Array) -> tuple[Array, Array]:
        """Return the coefficients (D, t) and intercepts (t,), for one alpha or one per target."""
        found = self.right @ self._solved(alpha, 1)
        return found, self.mean - self.feature_mean @ found

    def _left(self) -> Iterator[tuple[slice, Array]]:
        first, used = 0, len(self.right)
        scaled = self.right / self.singular
        for block in self.blocks():
            U = (block[:, :used] - self.feature_mean) @ scaled
            yield slice(first, first + len(U)), U
            first += len(U)


@dataclass(frozen=True, kw_only=True)
class FactoredColumns(FactoredFeatures):
    """From blocks of features: at least as many as samples."""

    left: Array
    blocks: Blocks

    def coefficients(self, alpha: float | Array) -> tuple[Array, Array]:
        """Return the coefficients (D, t) and intercepts (t,), for one alpha or one per target."""
        dual = self.left @ self._solved(alpha, 0)
        found, intercept = [np.zeros((0, dual.shape[1]))], self.mean.copy()
        for block in self.blocks():
            mean = block.mean(axis=0)
            found.append((block - mean).T @ dual)
            intercept -= mean @ found[-1]
        return np.concatenate(found), intercept

    def _left(self) -> Iterator[tuple[slice, Array]]:
        step = max(1, _BLOCK_ENTRIES // len(self.left))
        for first in range(0, len(self.left), step):
            rows = slice(first, first + step)
            yield rows, self.left[rows]


def factor_rows(
    blocks: Blocks, targets: Array, widths: Iterable[int]
) -> Iterator[tuple[int, FactoredRows]]:
    """Factor features that come in blocks of samples, for several numbers of leading features.

    Parameters
    ----------
    blocks : callable
        Returns the features anew, block by block: float64 (k, D), the k adding up to n > D.
    targets : float64, shape (n, t)
    widths : iterable of int
        Fit the first ``width`` features, for each of them.

    Yields
    ------
    int
        The width.
    FactoredRows
        Its decomposition.

    Notes
    -----
    2 n D^2 multiply-adds for the QR decomposition, memory for a few blocks and D x D matrices.

    Examples
    --------
    >>> import numpy as np
    >>> Z = np.random.default_rng(0).standard_normal((50, 3))
    >>> y = Z @ [[1.0], [2.0], [3.0]] + 4.0
    >>> _, factored = next(factor_rows(lambda: [Z[:20], Z[20:]], y, [3]))
    >>> c, intercept = factored.coefficients(0.0)
    >>> c.round(9).ravel().tolist(), intercept.round(9).tolist()
    ([1.0, 2.0, 3.0], [4.0])
    """
    n = len(targets)
    mean = targets.mean(axis=0)
    centred = targets - mean
    # The first column is constant, so that the others are centred by the decomposition itself.
    R, first = np.zeros((0, 0)), 0
    for block in blocks():
        last = first + len(block)
        wide = np.concatenate([np.ones((len(block), 1)), block, centred[first:last]], axis=1)
        R = _triangle(np.concatenate([R, wide]) if len(R) else wide)
        first = last
    features = R.shape[1] - targets.shape[1] - 1
    for width in widths:
        W, singular, Vt = svd(R[1 : 1 + width, 1 : 1 + width], full_matrices=False)
        kept = _above_rounding(singular, n)
        yield (
            width,
            FactoredRows(
                singular=singular[:kept],
                rotated=W[:, :kept].T @ R[1 : 1 + width, 1 + features :],
                targets=centred,
                mean=mean,
                right=Vt[:kept].T,
                feature_mean=R[0, 1 : 1 + width] / R[0, 0],
                blocks=blocks,
            ),
        )


def factor_columns(blocks: Blocks, targets: Array) -> FactoredColumns:
    """Factor features that come in blocks of features.

    Parameters
    ----------
    blocks : callable
        Returns the features anew, block by block: float64 (n, k), the k adding up to D.
    targets : float64, shape (n, t)

    Notes
    -----
    2 n^2 D multiply-adds for the QR decomposition, memory for a few blocks and n x n matrices.

    Examples
    --------
    >>> import numpy as np
    >>> Z = np.random.default_rng(0).standard_normal((5, 30))
    >>> y = np.arange(5.0)[:, None]
    >>> factored = factor_columns(lambda: [Z[:, :9], Z[:, 9:]], y)
    >>> c, intercept = factored.coefficients(0.0)
    >>> bool(np.allclose(Z @ c + intercept, y))
    True
    """
    n = len(targets)
    mean = targets.mean(axis=0)
    R = np.zeros((0, n))
    for block in blocks():
        R = _triangle(np.concatenate([R, (block - block.mean(axis=0)).T]))
    _, singular, Ut = svd(R, full_matrices=False)
    # Centred features span n - 1 directions at most.
    kept = min(_above_rounding(singular, max(n, len(R))), n - 1)
    left = Ut[:kept].T
    return FactoredColumns(
        singular=singular[:kept],
        rotated=left.T @ (targets - mean),
        targets=targets - mean,
        mean=mean,
        left=left,
        blocks=blocks,
    )


def _triangle(stacked: Array) -> Array:
    """The triangular factor of a QR decomposition, (min(shape), columns)."""
    (R,) = qr(stacked, mode="r", overwrite_a=True, check_finite=False)
    return np.asarray(R[: min(stacked.shape)])


def _above_rounding(singular: Array, size: int) -> int:
    """How many singular values stand above rounding."""
    bound = size * np.finfo(np.float64).eps * singular.max(initial=0.0)
    return int((singular > bound).sum())
