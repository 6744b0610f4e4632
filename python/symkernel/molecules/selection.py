"""Choose the structures that a model knows least about."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["greedy_choice"]

Array = NDArray[np.float64]


def greedy_choice(covariance: Array, k: int) -> tuple[NDArray[np.intp], Array]:
    r"""Return up to k rows, each of the largest variance given those before it.

    Parameters
    ----------
    covariance : ndarray of shape (n, n)
        Positive semidefinite up to rounding.
    k : int
        At most n.

    Returns
    -------
    rows : ndarray of int of shape (at most k,)
        Fewer than k where all variance is explained.
    variances : ndarray of the same shape
        Of each row, given those before it.

    Notes
    -----
    A pivoted Cholesky factorisation: O(n k^2) operations. Source: H. Harbrecht, M. Peters, R.
    Schneider, On the low-rank approximation by the pivoted Cholesky decomposition, Appl. Numer.
    Math. 62, 2012. Greedy choices reach 1 - 1/e of the best gain in information (Krause, Singh and
    Guestrin, JMLR 9, 2008).

    Examples
    --------
    >>> import numpy as np
    >>> from symkernel.molecules.selection import greedy_choice
    >>> C = np.array([[1.0, 0.9, 0.0], [0.9, 1.1, 0.0], [0.0, 0.0, 0.5]])
    >>> rows, variances = greedy_choice(C, 2)
    >>> rows, variances.round(3)
    (array([1, 2]), array([1.1, 0.5]))
    """
    left = np.diag(covariance).astype(np.float64)
    least = 1e-12 * max(float(left.max(initial=0.0)), np.finfo(float).tiny)
    columns = np.empty((k, len(left)))
    rows: list[int] = []
    variances: list[float] = []
    for step in range(k):
        pivot = int(left.argmax())
        variance = float(left[pivot])
        if not variance > least:
            break
        column = covariance[pivot] - columns[:step, pivot] @ columns[:step]
        columns[step] = column / np.sqrt(variance)
        left = left - columns[step] ** 2
        left[pivot] = -np.inf
        rows.append(pivot)
        variances.append(variance)
    return np.array(rows, np.intp), np.array(variances)
