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

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import linalg
from scipy.linalg.lapack import dpotrf, dpotrs

from symkernel.lie._threads import few_threads
from symkernel.lie.penalty import PenaltyOperator

Array = NDArray[Any]

# Numbers that the arrays of problems solved together may hold.
_TOGETHER = 2**24


class RidgeData(NamedTuple):
    """What a ridge regression sees of its samples.

    Attributes
    ----------
    gram : ndarray of shape (p, p)
        Inner products of the features.
    moments : ndarray of shape (p,) or (p, t)
        Inner products of the features with the targets, whose matrices :math:`M_w` are stacked.
    """

    gram: Array
    moments: Array

    @classmethod
    def of(cls, features: Array, targets: Array) -> RidgeData:
        """Sum up samples: features of shape (n, p) and targets of shape (n,) or (n, t)."""
        return cls(features.T @ features, features.T @ targets)


@dataclass(frozen=True)
class LogDetResult:
    """Weights at a stationary point.

    Attributes
    ----------
    coef : ndarray of shape (p,) or (p, t)
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
    targets : ndarray of shape (n,) or (n, t)
        Targets; the matrices of several are stacked.
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
    One problem of ``fit_logdets``, which has the cost.

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
    data = RidgeData.of(features, targets)
    return fit_logdets(
        operator,
        [data],
        [(0, gamma)],
        smallest=smallest,
        shrink=shrink,
        tol=tol,
        max_iter=max_iter,
    )[0]


@few_threads
def fit_logdets(
    operator: PenaltyOperator,
    data: Sequence[RidgeData],
    problems: Sequence[tuple[int, float]],
    *,
    smallest: float = 1e-4,
    shrink: float = 0.5,
    tol: float = 1e-6,
    max_iter: int = 500,
) -> list[LogDetResult]:
    """Fit weights with the log-det penalty to many samples and weights of the penalty at once.

    Parameters
    ----------
    operator : PenaltyOperator
        The map w -> M_w, common to all.
    data : sequence of RidgeData
        Samples, such as the training parts of folds.
    problems : sequence of (int, float)
        Which of ``data``, and the weight gamma.
    smallest, shrink, tol, max_iter
        As of ``fit_logdet``.

    Returns
    -------
    list of LogDetResult
        One a problem, each as if it had been solved alone.

    Notes
    -----
    Steps of all problems are taken together, so that what they share, inner products of the
    operator, is one matrix product: O(q^2 p^2 / 4 + t rows q (p + q) + p^3) a step and problem.

    Examples
    --------
    >>> import numpy as np
    >>> from symkernel.lie.logdet import RidgeData, fit_logdets
    >>> from symkernel.lie.penalty import PenaltyOperator
    >>> one = PenaltyOperator.from_array(np.ones((1, 1, 1)))
    >>> data = [RidgeData.of(np.ones((1, 1)), np.array([y])) for y in (3.0, 5.0)]
    >>> [r.coef.round(2).item() for r in fit_logdets(one, data, [(0, 0.1), (1, 0.1)])]
    [2.97, 4.98]
    """
    starts = [_solve(d.gram, d.moments) for d in data]
    sizes = []
    for weights in starts:
        columns = weights.reshape(operator.n_weights, -1).T
        matrix = np.concatenate([operator.apply(w) for w in columns])
        sizes.append(float(np.linalg.norm(matrix, 2)) if matrix.size else 0.0)
    count = starts[0].size // max(1, operator.n_weights) if starts else 1
    each = operator.n_weights**2 + operator.shape[1] * (
        count * operator.shape[0] + operator.shape[1]
    )
    block = max(1, _TOGETHER // max(1, each))
    results: list[LogDetResult] = []
    for first in range(0, len(problems), block):
        part = problems[first : first + block]
        results += _descend(operator, data, starts, sizes, part, smallest, shrink, tol, max_iter)
    return results


def _descend(
    operator: PenaltyOperator,
    data: Sequence[RidgeData],
    starts: Sequence[Array],
    sizes: Sequence[float],
    problems: Sequence[tuple[int, float]],
    smallest: float,
    shrink: float,
    tol: float,
    max_iter: int,
) -> list[LogDetResult]:
    """Reweighted steps of problems together; who has settled takes none."""
    which = np.array([i for i, _ in problems])
    gammas = np.array([g for _, g in problems])
    found = [starts[i] for i in which]
    epsilon = np.array([sizes[i] for i in which])
    last = smallest * epsilon
    steps, settled = np.zeros(len(which), int), epsilon == 0.0
    active = np.flatnonzero(~settled)
    diagonal = np.arange(operator.shape[1])
    for step in range(1, max_iter + 1):
        if not len(active):
            break
        precisions = operator.squares(np.stack([found[i] for i in active]))
        precisions[:, diagonal, diagonal] += epsilon[active, None] ** 2
        penalties = operator.weighted_grams(precisions)
        for i, penalty in zip(active, penalties, strict=True):
            gram, moments = data[which[i]]
            weights = _solve(gram + gammas[i] * penalty, moments)
            moved = float(np.linalg.norm(weights - found[i]))
            found[i], steps[i] = weights, step
            # Early stages only lead the way, so a few digits are enough there.
            digits = tol if epsilon[i] <= last[i] else 1e-2
            if moved <= digits * float(np.linalg.norm(weights)):
                settled[i] = epsilon[i] <= last[i]
                if not settled[i]:
                    epsilon[i] = max(epsilon[i] * shrink, last[i])
        active = active[~settled[active]]
    return [
        LogDetResult(w, float(e), int(n), bool(done))
        for w, e, n, done in zip(found, epsilon, steps, settled, strict=True)
    ]


def _solve(matrix: Array, right: Array) -> Array:
    """Least squares solution of a positive semidefinite system, of least norm if singular."""
    scale = np.sqrt(np.maximum(np.diag(matrix), np.finfo(float).tiny))
    scaled = matrix / np.outer(scale, scale)
    factor, failed = dpotrf(scaled)
    right = (right.T / scale).T
    if not failed and np.min(np.abs(np.diag(factor))) > 1e-7:
        return np.asarray((dpotrs(factor, right)[0].T / scale).T)
    return np.asarray((linalg.lstsq(scaled, right, cond=1e-13)[0].T / scale).T)
