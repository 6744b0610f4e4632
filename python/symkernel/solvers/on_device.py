"""Solve the ridge system, and leave one out, on a GPU, by CuPy (cuSOLVER)."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symkernel.backends.arrays import cupy, to_host
from symkernel.solvers.leave_one_out import inverse_shifted
from symkernel.solvers.ridge import is_meaningful, one_per_target, warn_singular
from symkernel.solvers.rounding import is_rounding

Array = NDArray[Any]


def solve_ridge_on_device(K: Any, y: Any, alpha: Any, sample_weight: Any = None) -> Any:
    """Solve for dual coefficients, as ``solve_ridge``, of CuPy arrays.

    Parameters
    ----------
    K : cupy.ndarray of shape (n, n)
        Symmetric Gram matrix. It is overwritten.
    y : cupy.ndarray of shape (n, t)
        Targets, one per column.
    alpha : float or ndarray of shape (t,)
        Regularisation of all targets, or of each.
    sample_weight : cupy.ndarray of shape (n,), optional
        Non-negative weights.

    Returns
    -------
    cupy.ndarray of shape (n, t)
        Dual coefficients.

    Raises
    ------
    ValueError
        If `K` contains NaN or infinity, or the shapes do not match.

    Warns
    -----
    scipy.linalg.LinAlgWarning
        If the system is singular to working precision; least squares are used for that alpha.

    Notes
    -----
    n^3 / 3 multiply-adds for each distinct alpha; memory for K and one factor.
    """
    xp = cupy()
    triangular = importlib.import_module("cupyx.scipy.linalg").solve_triangular
    n = len(y)
    if K.shape != (n, n):
        raise ValueError(f"K must have shape ({n}, {n}), as many rows as y; got {K.shape}")
    alphas = np.broadcast_to(one_per_target(alpha, y.shape[1]), (y.shape[1],))
    dtype = np.result_type(K.dtype, y.dtype, np.float32)
    A, b = K.astype(dtype, copy=False), y.astype(dtype)
    root = None
    if sample_weight is not None:
        root = xp.sqrt(sample_weight).astype(dtype)
        A *= root
        A *= root[:, None]
        b *= root[:, None]
    diagonal = A.diagonal().copy()
    c = xp.empty_like(b)
    for value in np.unique(alphas)[::-1]:
        chosen = xp.asarray(np.flatnonzero(alphas == value))
        _set_diagonal(A, diagonal + dtype.type(value))
        part = _by_cholesky(xp, triangular, A, b[:, chosen])
        targets = to_host(b[:, chosen])
        if part is None or not _is_meaningful(part, targets, float(A.diagonal().sum())):
            norm = float(xp.abs(A).sum(axis=0).max())
            if not np.isfinite(norm):
                raise ValueError("the Gram matrix contains NaN or infinity")
            if part is None or not _is_meaningful(part, targets, norm):
                _set_diagonal(A, diagonal)
                _least_squares(xp, A, b, alphas, c, value, definite=part is not None)
                break
        c[:, chosen] = part
    if root is not None:
        c *= root[:, None]
    return c


def _by_cholesky(xp: Any, triangular: Any, A: Any, b: Any) -> Any:
    """Solution, or None where A is not positive definite."""
    try:
        L = xp.linalg.cholesky(A)
    except np.linalg.LinAlgError:
        return None
    c = triangular(L, triangular(L, b, lower=True), lower=True, trans=1)
    return c if bool(xp.isfinite(c).all()) else None


def _is_meaningful(c: Any, b: Array, norm: float) -> bool:
    return is_meaningful(to_host(c), b, norm)


def _least_squares(
    xp: Any, A: Any, b: Any, alphas: Array, c: Any, start: float, definite: bool
) -> None:
    """Least squares of smallest norm for every alpha <= start, from one eigendecomposition."""
    values, Q = xp.linalg.eigh(A)
    values, Qb = to_host(values), Q.T @ b
    for alpha in np.unique(alphas[alphas <= start])[::-1]:
        shifted = values + alpha
        kept = ~is_rounding(shifted)
        if not kept.all() or not definite:
            warn_singular(alpha, int(len(kept) - kept.sum()), len(kept))
        inverse = np.where(kept, 1 / np.where(kept, shifted, 1), 0).astype(values.dtype)
        chosen = xp.asarray(np.flatnonzero(alphas == alpha))
        c[:, chosen] = Q @ (xp.asarray(inverse)[:, None] * Qb[:, chosen])


def _set_diagonal(A: Any, values: Any) -> None:
    A.reshape(-1)[:: len(A) + 1] = values


def leave_one_out_on_device(K: Any, y: Any, alphas: Array, sample_weight: Any = None) -> Array:
    """Return leave-one-out residuals, as ``leave_one_out_residuals``, of CuPy arrays.

    Parameters
    ----------
    K : cupy.ndarray of shape (n, n)
        Symmetric Gram matrix. It is overwritten.
    y : cupy.ndarray of shape (n, t)
        Targets, one per column.
    alphas : ndarray of shape (a,)
        Regularisation strengths, not negative.
    sample_weight : cupy.ndarray of shape (n,), optional
        Positive weights.

    Returns
    -------
    ndarray of shape (a, n, t)
        Residuals, on the host: they are scored there.

    Raises
    ------
    ValueError
        If `K` contains NaN or infinity.
    """
    xp = cupy()
    n, t = y.shape
    dtype = np.result_type(K.dtype, y.dtype, np.float32)
    A, targets = K.astype(dtype, copy=False), y.astype(dtype)
    root = None
    if sample_weight is not None:
        root = xp.sqrt(sample_weight).astype(dtype)
        A *= root
        A *= root[:, None]
        targets *= root[:, None]
    if not bool(xp.isfinite(A.sum())):
        raise ValueError("the Gram matrix contains NaN or infinity")
    values, Q = xp.linalg.eigh(A)
    inverse = xp.asarray(inverse_shifted(to_host(values), np.asarray(alphas, dtype=dtype)))
    a = inverse.shape[1]
    rotated = inverse[:, :, None] * (Q.T @ targets)[:, None, :]
    c = (Q @ rotated.reshape(n, a * t)).reshape(n, a, t)
    Q *= Q
    residuals = c / (Q @ inverse)[:, :, None]
    if root is not None:
        residuals /= root[:, None, None]
    return np.ascontiguousarray(to_host(residuals).transpose(1, 0, 2))
