"""Compute effective dimensions, and how many samples a symmetry is worth at finite size."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import eigh

from symkernel.validation import as_array, as_floats

__all__ = ["SampleGain", "effective_dimension", "sample_gain"]

Array = NDArray[np.float64]
Kernel = Callable[[Any], Any]


@dataclass(frozen=True, eq=False)
class SampleGain:
    """Outcome of ``sample_gain``; arrays have a row per size and a column per alpha.

    Attributes
    ----------
    sizes : int, shape (n_sizes,)
    alphas : float64, shape (n_alphas,)
    plain, invariant : float64, shape (n_sizes, n_alphas)
        Effective dimensions of the two kernels.
    order : int, float or None
        Order of the group of the invariant kernel, the gain for ever more samples if it is finite.
    """

    sizes: NDArray[np.int64]
    alphas: Array
    plain: Array
    invariant: Array
    order: int | float | None

    @property
    def gain(self) -> Array:
        """Effective dimensions of the plain kernel over those of the invariant one."""
        return self.plain / self.invariant

    def __float__(self) -> float:
        if self.gain.size != 1:
            raise TypeError(f"{self.gain.size} gains are not one number; use .gain")
        return float(self.gain[0, 0])

    def __str__(self) -> str:
        lines = [f"{'samples':>8} {'alpha':>9} {'plain':>9} {'invariant':>10} {'gain':>7}"]
        for i, n in enumerate(self.sizes):
            for j, alpha in enumerate(self.alphas):
                lines.append(
                    f"{n:>8} {alpha:>9.2g} {self.plain[i, j]:>9.2f} "
                    f"{self.invariant[i, j]:>10.2f} {self.gain[i, j]:>7.2f}"
                )
        if self.order is not None:
            lines.append(f"in the limit: {self.order}")
        return "\n".join(lines)


def effective_dimension(
    K: ArrayLike | Kernel, ridge: float | ArrayLike, X: ArrayLike | None = None
) -> Any:
    """Return the trace of K (K + n ridge)^-1: how many functions a ridge regression really fits.

    Parameters
    ----------
    K : array-like of float, shape (n, n), or kernel
        Gram matrix, symmetric and positive semidefinite; or a kernel, called with ``X``.
    ridge : float or array-like of float
        Positive. ``alpha`` of kernel ridge regression is n times this.
    X : array-like of shape (n, ...), default=None
        Samples, for a kernel.

    Returns
    -------
    float, or ndarray of the shape of ``ridge``

    Raises
    ------
    ValueError
        If the matrix is not square, not finite or empty, or the ridge is not positive.
    TypeError
        If a kernel comes without samples, or a matrix with them.

    Examples
    --------
    >>> import numpy as np
    >>> from symkernel import theory
    >>> theory.effective_dimension(np.diag([8.0, 4.0]), ridge=2.0)
    1.1666666666666665
    """
    ridges = _positive(ridge, "ridge")
    values = _spectrum(_gram(K, X))
    found = _dimension(values, len(values) * ridges.reshape(-1)).reshape(ridges.shape)
    return float(found) if found.ndim == 0 else found


def sample_gain(
    k_plain: Kernel,
    k_inv: Kernel,
    X: ArrayLike,
    alpha: float | ArrayLike,
    *,
    sizes: Sequence[int] | None = None,
) -> SampleGain:
    """Tell how many times more samples a plain kernel needs than its invariant average.

    Parameters
    ----------
    k_plain : kernel
        Called with samples, gives a Gram matrix.
    k_inv : kernel
        The average of the same kernel over a group, such as ``InvariantKernel(k_plain, group)``.
    X : array-like of shape (n, ...)
        Samples from the distribution of interest. Targets are not needed.
    alpha : float or array-like of shape (n_alphas,)
        Regularisation of ridge regression on n samples, (K + alpha I); ridge = alpha / n.
    sizes : sequence of int, default=None
        Use the first so many samples, each in turn, with ridge = alpha / size; by default all.

    Returns
    -------
    SampleGain
        ``.gain`` is an array (n_sizes, n_alphas); ``float(...)`` of it where it is one number.

    Raises
    ------
    ValueError
        If alpha is not positive, a size is out of range, or Gram matrices are not n x n.

    Notes
    -----
    With T the integral operator of the plain kernel and P the average over the group, the
    operator of the invariant kernel is P T. On invariant functions they agree: with the same ridge
    the bias of both regressions is the same for an invariant target. Their variances on n' and n
    samples are of the order of N(ridge) / n' and N_G(ridge) / n, with N = tr T (T + ridge)^-1 and
    N_G = tr P T (P T + ridge)^-1. They are the same when n' / n = N / N_G: **this ratio is the
    gain**, at equal ridge, not at equal alpha. It tends to the order of a finite group as ridge
    tends to 0 (Weyl's law), slowly and as a rule from below; for a group of positive dimension it
    has no limit.

    N and N_G are estimated by effective dimensions of Gram matrices. These are concave functions of
    the operator and at most n, so that they are underestimated, the larger one more: with too
    few samples the gain is too small. Take n several times N.

    Examples
    --------
    >>> from sklearn.gaussian_process.kernels import RBF
    >>> from symkernel import InvariantKernel, groups, theory
    >>> from symkernel.spectral import Sphere
    >>> X = Sphere(3).random_points(400, random_state=0)
    >>> plain = RBF(0.5)
    >>> found = theory.sample_gain(plain, InvariantKernel(plain, groups.PointGroup("T")), X, 1e-3)
    >>> 6 < float(found) < 12 == found.order
    True
    """
    alphas = np.atleast_1d(_positive(alpha, "alpha"))
    if alphas.ndim != 1:
        raise ValueError(f"alpha must be a number or a row of numbers, got shape {alphas.shape}")
    grams = [_gram(kernel, X) for kernel in (k_plain, k_inv)]
    n = len(grams[0])
    if len(grams[1]) != n:
        raise ValueError(f"kernels must give Gram matrices of {n} rows, got {len(grams[1])}")
    chosen = np.array([n] if sizes is None else sizes, np.int64)
    if chosen.ndim != 1 or not len(chosen) or chosen.min() < 1 or chosen.max() > n:
        raise ValueError(f"sizes must be between 1 and {n}, got {sizes!r}")
    plain, invariant = (
        np.stack([_dimension(_spectrum(K[:m, :m]), alphas) for m in chosen]) for K in grams
    )
    order = getattr(getattr(k_inv, "group", None), "order", None)
    return SampleGain(chosen, alphas, plain, invariant, order)


def _positive(values: Any, name: str) -> Array:
    array = np.asarray(as_array(values, name), np.float64)
    if not array.size or not np.isfinite(array).all() or array.min() <= 0.0:
        raise ValueError(f"{name} must be positive and finite, got {values!r}")
    return array


def _gram(K: Any, X: Any) -> Array:
    if callable(K):
        if X is None:
            raise TypeError("X must be given with a kernel")
        K = K(X)
    elif X is not None:
        raise TypeError(f"K must be a kernel where X is given, got {type(K).__name__}")
    array = np.asarray(as_floats(K, "K", finite=True), np.float64)
    if array.ndim != 2 or array.shape[0] != array.shape[1] or not len(array):
        raise ValueError(f"K must be a square matrix with at least one row, got {array.shape}")
    return array


def _spectrum(K: Array) -> Array:
    values = eigh(K, eigvals_only=True, check_finite=False)
    return np.asarray(np.maximum(values, 0.0))  # negative ones are rounding errors


def _dimension(values: Array, alphas: Array) -> Array:
    share: Array = values / (values + alphas[:, None])
    return np.asarray(share.sum(axis=1))
