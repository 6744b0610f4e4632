"""Turn decision values into probabilities, by one monotone map of left-out values."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.sparse import issparse
from scipy.special import log_softmax, softmax

Array = NDArray[Any]

# Shares of the residual of identical samples below which they are rounding.
_NOTHING_LEFT = 1e-12


@dataclass
class Calibration:
    """What probabilities are calibrated on, and the slope once that is done."""

    codes: Array
    slope: float | None = None


def identical_rows(X: Any) -> Array:
    """Label the rows of an array, a sparse matrix or sets, the same where rows are the same."""
    keys: list[Any]
    if issparse(X):
        rows = X.tocsr(copy=True)
        rows.sum_duplicates()
        rows.eliminate_zeros()
        spans = [slice(*ends) for ends in pairwise(rows.indptr)]
        keys = [(rows.indices[span].tobytes(), rows.data[span].tobytes()) for span in spans]
    elif X.ndim == 1:  # sets of points
        keys = [
            (part.points + 0.0).tobytes()
            if part.labels is None
            else ((part.points + 0.0).tobytes(), part.labels.tobytes())
            for part in np.asarray(X)
        ]
    else:
        keys = [row.tobytes() for row in np.ascontiguousarray(X) + 0.0]  # one zero of two
    labels = {key: label for label, key in enumerate(dict.fromkeys(keys))}
    return np.array([labels[key] for key in keys])


def left_out_values(
    dual_coef: Array,
    inverse_diagonal: Array,
    alpha: float,
    targets: Array,
    weights: Array,
    labels: Array,
) -> Array:
    r"""Return the values at every sample of the fit without it and those identical to it.

    With A = S K S + alpha I, S = diag(sqrt(w)), dual coefficients c, and the sums C of c, W of w
    and W m of w y over the samples identical to i,

    .. math:: m - f_{-i}(x_i) = \frac{\alpha C / W}{1 - (1 - \alpha [A^{-1}]_{ii}) W / w_i},

    which is :math:`c_i / (w_i [A^{-1}]_{ii})` for a sample that is alone. A sample of weight two is
    the same as two samples: what stayed of it would answer for what is left out.

    Parameters
    ----------
    dual_coef, targets : ndarray of shape (n, t)
    inverse_diagonal : ndarray of shape (n,)
        Of A.
    alpha : float
    weights : ndarray of shape (n,)
        Positive.
    labels : ndarray of int, shape (n,)
        The same for identical samples.

    Returns
    -------
    ndarray of shape (n, t)
        Not finite where the system is singular.

    Examples
    --------
    >>> import numpy as np
    >>> one = np.ones(1)
    >>> left_out_values(np.array([[0.5]]), 0.5 * one, 1.0, np.array([[1.0]]), one, np.array([0]))
    array([[0.]])
    """
    total = np.bincount(labels, weights)[labels]
    alone = np.bincount(labels)[labels] == 1
    sums, means = np.zeros_like(targets), np.zeros_like(targets)
    for column, (c, y) in enumerate(zip(dual_coef.T, targets.T, strict=True)):
        sums[:, column] = np.bincount(labels, c)[labels]
        means[:, column] = np.bincount(labels, weights * y)[labels] / total
    with np.errstate(divide="ignore", invalid="ignore"):
        left = 1.0 - (1.0 - alpha * inverse_diagonal) * total / weights
        left = np.where(left > _NOTHING_LEFT, left, np.nan)
        factor = np.where(alone, 1.0 / inverse_diagonal, alpha / left) / total
        return np.asarray(means - factor[:, None] * sums)


def fit_slope(values: Array, codes: Array, weights: Array) -> float:
    r"""Fit the slope a of probabilities :math:`p_k \propto e^{a f_k}` by logarithmic loss.

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
    """Return the probabilities e^(a f) / sum e^(a f) of shape (n, C), or their logarithms.

    The largest is that of ``codes``, also where rounding makes several the same.
    """
    found = np.asarray((log_softmax if log else softmax)(slope * values, axis=1))
    tied = np.flatnonzero(found.argmax(axis=1) != codes)
    found[tied, codes[tied]] = np.nextafter(found[tied].max(axis=1), np.inf, dtype=found.dtype)
    return found
