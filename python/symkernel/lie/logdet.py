r"""Penalise broken symmetries by a reweighted log-det, which shrinks none that are broken.

.. math::

    \min_w \tfrac12 |\Theta w - y|^2
    + \tfrac{\gamma}{2} \log\det(M_w^T M_w + \epsilon^2 I)

counts the singular values of :math:`M_w` rather than adding them: a large one costs about
:math:`\gamma \log \sigma`, whose slope vanishes. It is not convex. The log-det is concave in
:math:`M_w^T M_w`, so its tangent bounds it and every step is a ridge regression with the weight
:math:`W = (M_w^T M_w + \epsilon^2 I)^{-1}` (iterative reweighted least squares [1]_); epsilon
shrinks while the steps converge, which steers past poor local minima but promises no global one.

References
----------
.. [1] K. Mohan, M. Fazel, "Iterative reweighted algorithms for matrix rank minimization",
   JMLR 13, 2012.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import linalg
from scipy.linalg.lapack import dpotrf, dpotrs

from symkernel.lie.penalty import PenaltyOperator

Array = NDArray[Any]


@dataclass(frozen=True)
class LogDetResult:
    """Weights at a stationary point.

    Attributes
    ----------
    coef : ndarray of shape (p,)
        The weights w.
    epsilon : float
        Smoothing reached: singular values below it count as zero.
    n_iter : int
        Ridge regressions solved.
    converged : bool
        Whether the weights settled at the last epsilon.
    """

    coef: Array
    epsilon: float
    n_iter: int
    converged: bool


def fit_logdet(
    operator: PenaltyOperator,
    features: Array,
    targets: Array,
    gamma: float,
    *,
    smallest: float = 1e-4,
    shrink: float = 0.5,
    tol: float = 1e-6,
    max_iter: int = 500,
) -> LogDetResult:
    r"""Fit weights with the log-det penalty.

    Parameters
    ----------
    operator : PenaltyOperator
        The map w -> M_w.
    features : ndarray of shape (n, p)
        Values of the dictionary.
    targets : ndarray of shape (n,)
        Targets.
    gamma : float
        Weight of the penalty, positive.
    smallest : float, default=1e-4
        Last epsilon, in units of the largest singular value of the least squares fit.
    shrink : float, default=0.5
        Factor of epsilon from one stage to the next.
    tol : float, default=1e-6
        Relative change of the weights that ends a stage.
    max_iter : int, default=500
        Ridge regressions at most.

    Returns
    -------
    LogDetResult
        A stationary point; at a fixed epsilon every step lowers the objective.

    Notes
    -----
    O(rows q p (q + p) + p^3) per step.

    Examples
    --------
    A large value is hardly shrunk, a small one vanishes:

    >>> import numpy as np
    >>> from symkernel.lie.logdet import fit_logdet
    >>> from symkernel.lie.penalty import PenaltyOperator
    >>> diagonal = np.zeros((2, 2, 2))
    >>> diagonal[[0, 1], [0, 1], [0, 1]] = 1.0
    >>> operator = PenaltyOperator.from_array(diagonal)
    >>> fit_logdet(operator, np.eye(2), np.array([3.0, 0.2]), 0.1).coef.round(2)
    array([2.97, 0.  ])
    """
    data, moments = features.T @ features, features.T @ targets
    weights = _solve(data, moments)
    values = linalg.svdvals(operator.apply(weights))
    size = float(values[0]) if values.size else 0.0
    if size == 0.0:
        return LogDetResult(weights, 0.0, 0, True)
    last, epsilon = smallest * size, size
    n_iter, settled = 0, False
    diagonal = np.diag_indices(operator.shape[1])
    while n_iter < max_iter:
        n_iter += 1
        matrix = operator.apply(weights)
        precision = matrix.T @ matrix
        precision[diagonal] += epsilon**2
        found = _solve(data + gamma * operator.weighted_gram(precision), moments)
        moved = float(np.linalg.norm(found - weights))
        weights = found
        # Early stages only lead the way, so a few digits are enough there.
        settled = moved <= (tol if epsilon <= last else 1e-2) * float(np.linalg.norm(weights))
        if settled:
            if epsilon <= last:
                break
            epsilon = max(epsilon * shrink, last)
    return LogDetResult(weights, epsilon, n_iter, settled and epsilon <= last)


def _solve(matrix: Array, right: Array) -> Array:
    """Least squares solution of a positive semidefinite system, of least norm if singular."""
    scale = np.sqrt(np.maximum(np.diag(matrix), np.finfo(float).tiny))
    scaled = matrix / np.outer(scale, scale)
    factor, failed = dpotrf(scaled)
    if not failed and np.min(np.abs(np.diag(factor))) > 1e-7:
        return np.asarray(dpotrs(factor, right / scale)[0] / scale)
    return np.asarray(linalg.lstsq(scaled, right / scale, cond=1e-13)[0] / scale)
