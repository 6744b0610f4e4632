"""Solve ridge regression on Nystroem features from their sums, for every alpha at once.

The sums are those of ``symkernel.solvers.nystroem``: G = B^T W B of features B, and b = B^T W y.
With the eigenvalues v and eigenvectors V of G, and c = V^T b, the coefficients for alpha are
V (c / (v + alpha)), and

    RSS = |y|^2 - sum_i c_i^2 (v_i + 2 alpha) / (v_i + alpha)^2,   df = sum_i v_i / (v_i + alpha),
    GCV = n RSS / (n - df)^2.

Source: Golub, Heath, Wahba, Generalized cross-validation as a method for choosing a good ridge
parameter, Technometrics 21(2), 1979.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgWarning

__all__ = ["NystroemSystem"]

Array = NDArray[np.float64]

# Residuals squared below this share of the targets squared are mostly rounding.
_CANCELS = 1e-10
# How many times the rounding of its sum a residual sum of squares must be.
_ABOVE = 100.0
# Of n, as differences of n and dimensions: below it they are rounding.
_NONE_LEFT = 1e-10


@dataclass(frozen=True, kw_only=True)
class NystroemSystem:
    """The sums in their eigenvectors, from which every alpha is solved.

    Attributes
    ----------
    values : float64, shape (M,)
        Eigenvalues v of G, ascending and not negative.
    vectors : float64, shape (M, M)
        Eigenvectors V.
    rotated : float64, shape (M, t)
        c = V^T b, of centred targets if they are.
    mean : float64, shape (M,), or None
        V^T times the sums of the features, where targets are centred.
    squares : float64, shape (t,)
        Weighted sums of the squares of the targets, centred if they are.
    intercept : float64, shape (t,)
    n : int
    weight : float
    """

    values: Array
    vectors: Array
    rotated: Array
    mean: Array | None
    squares: Array
    intercept: Array
    n: int
    weight: float

    def coefficients(self, alpha: float | Array) -> tuple[Array, Array]:
        """Return the coefficients (M, t) and intercepts (t,) of f = B w + intercept.

        Parameters
        ----------
        alpha : float or float64, shape (t,)
            One for all targets, or one for each.

        Warns
        -----
        scipy.linalg.LinAlgWarning
            If an alpha of 0 leaves G singular: the coefficients of smallest norm are returned.
        """
        alphas = np.broadcast_to(np.asarray(alpha, dtype=np.float64), self.intercept.shape)
        inverse = self._inverse(alphas)
        if (inverse == 0.0).any():
            zero = int((inverse == 0.0).any(axis=1).sum())
            warnings.warn(
                f"alpha=0 leaves the system of {len(self.values)} features singular: {zero} of its "
                "eigenvalues are zero up to rounding. Using the coefficients of smallest norm "
                "instead; a larger alpha makes the system regular.",
                LinAlgWarning,
                stacklevel=3,
            )
        return self.vectors @ (inverse * self.rotated), self.intercept

    def residual_squares(self, alphas: Any) -> Array:
        """Return the weighted sums of squared residuals, (a, t); NaN where only rounding is left.

        A sum below 1e-10 of that of the targets, or within 100 times its rounding, which
        grows as the root of the largest eigenvalue over alpha, has cancelled.
        """
        alphas = np.atleast_1d(np.asarray(alphas, dtype=np.float64))
        inverse = self._inverse(alphas)  # (M, a)
        shares = inverse * (1.0 + alphas * inverse)
        found: Array = self.squares - shares.T @ np.square(self.rotated)
        largest = self.values.max(initial=0.0)
        smallest = 1.0 / inverse.max(axis=0, initial=np.finfo(float).tiny)  # (a,)
        rounding = np.finfo(float).eps * np.sqrt(1.0 + largest / smallest)
        least = np.maximum(_CANCELS, _ABOVE * rounding)[:, None] * self.squares
        return np.where(found > least, found, np.nan)

    def effective_dimension(self, alphas: Any) -> Array:
        """Return the trace of what takes targets to fitted values, (a,), that of centring too."""
        alphas = np.atleast_1d(np.asarray(alphas, dtype=np.float64))
        inverse = self._inverse(alphas)
        found = self.values @ inverse
        if self.mean is not None:
            found = 1.0 + found - np.square(self.mean) @ inverse / self.weight
        return np.asarray(found)

    def gcv(self, alphas: Any) -> Array:
        """Return the scores n RSS / (n - df)^2 of generalised cross-validation, (a, t).

        NaN where the residuals have cancelled, for which ``holdout`` is meant; infinite where as
        many dimensions as samples are used.
        """
        left = self.n - self.effective_dimension(alphas)
        squares = self.residual_squares(alphas)
        some = left > _NONE_LEFT * self.n
        scores = self.n * squares / np.square(np.where(some, left, 1.0))[:, None]
        return np.where(some[:, None], scores, np.inf)

    def holdout(self, B: Array, y: Array, alphas: Any, weight: Array | None = None) -> Array:
        """Return the mean squared errors at samples that were not summed, (a, t).

        Parameters
        ----------
        B : float64, shape (c, M)
            Their features.
        y : float64, shape (c, t)
            Their targets.
        alphas : array-like of shape (a,)
        weight : float64, shape (c,), optional
        """
        alphas = np.atleast_1d(np.asarray(alphas, dtype=np.float64))
        BV = B @ self.vectors
        inverse = self._inverse(alphas)
        errors = np.empty((len(alphas), len(self.intercept)))
        for a in range(len(alphas)):
            residuals = y - self.intercept - BV @ (inverse[:, a : a + 1] * self.rotated)
            errors[a] = np.average(np.square(residuals), axis=0, weights=weight)
        return errors

    def unexplained(self, B: Array, alpha: float) -> Array:
        """Return alpha B (G + alpha I)^-1 B^T at samples with features B (c, M): (c,).

        With K(x, x) - |B|^2, what the centres leave, it is the variance of the Gaussian process of
        the Nystroem kernel with that remainder put back on the diagonal.
        """
        rotated = B @ self.vectors
        np.square(rotated, out=rotated)
        return np.asarray(alpha * (rotated @ self._inverse(np.array([alpha]))[:, 0]))

    def _inverse(self, alphas: Array) -> Array:
        """1 / (v + alpha), (M, a); 0 where that is rounding."""
        shifted = self.values[:, None] + alphas
        largest = self.values.max(initial=0.0)
        # An alpha above 0 is meant, however small.
        rounding = (alphas == 0.0) & (
            shifted <= 10 * np.finfo(float).eps * max(largest, np.finfo(float).tiny)
        )
        return np.where(rounding, 0.0, 1.0 / np.where(rounding, 1.0, shifted))
