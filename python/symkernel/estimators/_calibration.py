"""From decision values to probabilities: one monotone map, fitted on leave-one-out values."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import log_softmax, softmax

Array = NDArray[Any]


def left_out_values(
    dual_coef: Array, inverse_diagonal: Array, alpha: float, targets: Array, weights: Array
) -> Array:
    r"""Values at every sample of the ridge fit with one unit of its weight less.

    With A = S K S + alpha I, S = diag(sqrt(w)), c the dual coefficients and u = min(1, w),

    .. math:: y_i - f_{-i}(x_i) = \frac{c_i}{(w_i - u_i) / \alpha + u_i [A^{-1}]_{ii}},

    so that a sample of weight two counts as two samples of which one stays; where w is at most one
    it is left out whole, as in ``leave_one_out_residuals``.

    Parameters
    ----------
    dual_coef, targets : ndarray of shape (n, t)
    inverse_diagonal : ndarray of shape (n,)
        Of A.
    alpha : float
    weights : ndarray of shape (n,)
        Positive.

    Returns
    -------
    ndarray of shape (n, t)

    Examples
    --------
    >>> import numpy as np
    >>> one = np.ones(1)
    >>> left_out_values(np.array([[0.5]]), 0.5 * one, 1.0, np.array([[1.0]]), one)
    array([[0.]])
    """
    unit = np.minimum(1.0, weights)
    more = weights - unit
    with np.errstate(divide="ignore", invalid="ignore"):
        stays = np.where(more > 0, more / np.float64(alpha), 0.0)
        return np.asarray(targets - dual_coef / (stays + unit * inverse_diagonal)[:, None])


def fit_slope(values: Array, codes: Array, weights: Array) -> float:
    r"""Slope a of the probabilities :math:`p_k \propto e^{a f_k}` of least logarithmic loss.

    The targets are 0 and 1 softened as Platt does, (n_k + 1) / (n_k + 2) for the class of a sample
    and the rest in equal parts for the others, so that the slope is finite where classes separate.
    The loss is convex in a.

    Parameters
    ----------
    values : ndarray of shape (n, C)
        Decision values, one column per class.
    codes : ndarray of int, shape (n,)
        Columns of the classes of the samples.
    weights : ndarray of shape (n,)
        Weights of the samples.

    Returns
    -------
    float
        At least 0.

    References
    ----------
    J. Platt, "Probabilistic outputs for support vector machines", 1999; C. Guo, G. Pleiss, Y. Sun,
    K. Weinberger, "On calibration of modern neural networks", ICML 2017 (one slope for all
    classes: temperature scaling).

    Examples
    --------
    >>> import numpy as np
    >>> values = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0], [1.0, 0.0]])
    >>> fit_slope(values, np.array([0, 1, 0, 1]), np.ones(4)) < 1e-9
    True
    """
    n_classes = values.shape[1]
    counts = np.bincount(codes, weights, minlength=n_classes)[codes]
    targets = np.empty(values.shape)
    targets[:] = (1.0 / ((counts + 2.0) * (n_classes - 1)))[:, None]
    targets[np.arange(len(codes)), codes] = (counts + 1.0) / (counts + 2.0)
    centred = values - values.max(axis=1, keepdims=True)
    wanted = (targets * centred).sum(axis=1)

    def excess(a: float) -> float:
        """Derivative of the loss."""
        return float(weights @ ((softmax(a * centred, axis=1) * centred).sum(axis=1) - wanted))

    if not excess(0.0) < 0.0:  # values that tell nothing, or the contrary
        return 0.0
    high = 1.0
    while excess(high) < 0.0:
        high *= 2.0
    return float(brentq(excess, 0.0, high, xtol=1e-14 * high, rtol=1e-14))


def probabilities(values: Array, slope: float, codes: Array, log: bool) -> Array:
    """Probabilities e^(a f) / sum e^(a f) of shape (n, C), or their logarithms.

    The largest is that of ``codes``, also where rounding makes several the same.
    """
    found = np.asarray((log_softmax if log else softmax)(slope * values, axis=1))
    tied = np.flatnonzero(found.argmax(axis=1) != codes)
    found[tied, codes[tied]] = np.nextafter(found[tied].max(axis=1), np.inf, dtype=found.dtype)
    return found
