"""Span the rows of matrices."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def row_spaces(J: Array) -> Array:
    """Return orthonormal rows (k, m, d) that span those of each of the matrices J (k, p, d).

    Derivatives along what is orthogonal to them are zero for every function of the features: of
    distances those of 6 motions, of 5 on a line. Dropping them changes nothing that is predicted.
    The number m is the largest rank, at least 1.

    Examples
    --------
    >>> row_spaces(np.array([[[3.0, 0.0], [-4.0, 0.0]]])).round(12) ** 2
    array([[[1., 0.]]])
    """
    if len(J) == 0:
        return np.empty((0, 1, J.shape[2]))
    if J.shape[1] > J.shape[2]:
        J = np.asarray(np.linalg.qr(J, mode="r"))  # of the same rows
    _, values, rows = np.linalg.svd(J, full_matrices=False)
    bound = max(J.shape[1:]) * np.finfo(np.float64).eps * values[:, :1]
    return np.asarray(rows[:, : max(1, int((values > bound).sum(axis=1).max()))])
