"""Find leave-one-out residuals of a fit whose targets are centred by the samples left."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def weighted_mean(y: Array, sample_weight: Array | None) -> Array:
    """Return the mean of every target, in float64: shape y.shape[1:]."""
    return np.asarray(np.average(y.astype(np.float64), axis=0, weights=sample_weight))


def apart_from_means(y: Array, sample_weight: Array | None) -> tuple[Array, Array]:
    """Return targets less their mean, and the means of all other samples less that mean, (n, t)."""
    centred = y - weighted_mean(y, sample_weight)
    w = np.ones(len(y)) if sample_weight is None else sample_weight.astype(np.float64)
    # Of targets whose weighted sum is zero: small numbers, so that nothing cancels.
    return centred, -w[:, None] * centred / (w.sum() - w)[:, None]


def centred_residuals(
    residuals: Callable[[Array], Array], y: Array, sample_weight: Array | None = None
) -> Array:
    r"""Return :math:`y_i - f_{-i}(x_i)`, the mean of the others subtracted, and added.

    The residual of sample i is linear in the targets, so that with the mean :math:`m_{-i}` of the
    samples but i it is

    .. math:: e_i(y - m_{-i} 1) = e_i(y) - m_{-i} e_i(1):

    exact, at the price of one more column of targets.

    Parameters
    ----------
    residuals : callable
        Takes targets (n, t) to their leave-one-out residuals (a, n, t), without centring.
    y : ndarray of shape (n, t)
        Targets, one per column, n at least 2.
    sample_weight : ndarray of shape (n,), optional
        Positive weights, of the means as well.

    Returns
    -------
    ndarray of shape (a, n, t)
        Residuals.

    Examples
    --------
    Samples that are unrelated: each is predicted by the mean of the others.

    >>> import numpy as np
    >>> from symkernel.solvers.centring import centred_residuals
    >>> from symkernel.solvers.leave_one_out import leave_one_out_residuals
    >>> alone = lambda y: leave_one_out_residuals(np.eye(3), y, np.array([0.1]))
    >>> centred_residuals(alone, np.array([[3.0], [5.0], [10.0]])).round(12).ravel().tolist()
    [-4.5, -1.5, 6.0]
    """
    centred, others = apart_from_means(y, sample_weight)
    targets = np.concatenate([centred, np.ones((len(y), 1))], axis=1)
    single = y.dtype == np.float32
    found = residuals(targets.astype(np.float32 if single else np.float64, copy=False))
    return np.asarray(found[:, :, :-1] - others * found[:, :, -1:], dtype=found.dtype)
