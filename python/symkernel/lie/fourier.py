"""Evaluate dictionaries of plane waves."""

from __future__ import annotations

import itertools
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from symkernel.lie.dictionary import Dictionary
from symkernel.validation import as_array, as_count, as_rows

__all__ = ["Fourier", "fourier"]


class Fourier(Dictionary):
    """Products of a constant and plane waves: 1, cos(2 pi k.x / period), sin(...).

    Parameters
    ----------
    order : int
        Largest sum of the absolute frequencies |k_1| + ... + |k_n|, at least 0.
    n_features : int
        Number of features n.
    period : float or array-like of shape (n,), default=1.0
        Period of each feature.

    Raises
    ------
    ValueError
        If a number is out of range.

    Examples
    --------
    >>> Fourier(1, 2).names
    ('', 'cos(0,1)', 'sin(0,1)', 'cos(1,0)', 'sin(1,0)')
    """

    def __init__(self, order: int, n_features: int, period: ArrayLike = 1.0) -> None:
        self.order = as_count(order, "order", 0)
        self._n = as_count(n_features, "n_features", 1)
        periods = np.broadcast_to(as_array(period, "period").astype(np.float64), (self._n,))
        if not (np.isfinite(periods).all() and (periods > 0).all()):
            raise ValueError(f"period must be positive, got {period!r}")
        self.period = periods
        if (2 * self.order + 1) ** self._n > 2**24:
            raise ValueError(f"order={order} in {n_features} features has too many frequencies")

    @cached_property
    def frequencies(self) -> NDArray[np.int64]:
        """Frequencies k, shape (w, n), one of each pair k, -k, without zero."""
        reach = range(-self.order, self.order + 1)
        found = [
            k
            for k in itertools.product(reach, repeat=self._n)
            if 0 < sum(map(abs, k)) <= self.order and next(v for v in k if v) > 0
        ]
        return np.array(found, np.int64).reshape(-1, self._n)

    @property
    def n_features(self) -> int:
        """Number of features n."""
        return self._n

    @property
    def n_terms(self) -> int:
        """Number of functions, 1 + 2 w."""
        return 1 + 2 * len(self.frequencies)

    @property
    def names(self) -> tuple[str, ...]:
        """Every function written out; the constant is an empty string."""
        waves = [",".join(map(str, k)) for k in self.frequencies.tolist()]
        return ("", *(f"{f}({k})" for k in waves for f in ("cos", "sin")))

    def _phases(self, X: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        waves = 2 * np.pi * self.frequencies / self.period
        return as_rows(X, "X", self._n, flatten=False) @ waves.T, waves

    def values(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return phi_m(x_i), shape (n_samples, m)."""
        phases, _ = self._phases(X)
        table = np.ones((len(phases), self.n_terms))
        table[:, 1::2], table[:, 2::2] = np.cos(phases), np.sin(phases)
        return table

    def jacobians(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return d phi_m(x_i) / dx_j, shape (n_samples, m, n)."""
        phases, waves = self._phases(X)
        slopes = np.zeros((len(phases), self.n_terms, self._n))
        slopes[:, 1::2] = -np.sin(phases)[:, :, None] * waves
        slopes[:, 2::2] = np.cos(phases)[:, :, None] * waves
        return slopes

    def __repr__(self) -> str:
        return f"fourier({self.order}, {self._n}, period={self.period.tolist()})"


def fourier(order: int, n_features: int, period: ArrayLike = 1.0) -> Fourier:
    """Return the plane waves up to an order; see ``Fourier``.

    Parameters
    ----------
    order, n_features : int
    period : float or array-like of shape (n_features,), default=1.0

    Returns
    -------
    Fourier

    Examples
    --------
    >>> fourier(2, 1, period=3.0).n_terms
    5
    """
    return Fourier(order, n_features, period)
