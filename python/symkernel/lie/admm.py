r"""Iterate ADMM on the nuclear norm of a matrix that is linear in the weights of a model.

The copy Z = M_w [1]_ splits a problem in two: a linear system in w whose matrix is factored once
for every penalty parameter, and a soft threshold of singular values. The iteration stops by a
certificate that the problem computes.

References
----------
.. [1] S. Boyd, N. Parikh, E. Chu, B. Peleato, J. Eckstein, "Distributed optimization and
   statistical learning via the alternating direction method of multipliers", 2011.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from symkernel.lie.stacked import MatrixMap

Array = NDArray[Any]

# Up to this size a full singular value decomposition is faster than a partial one.
_DENSE = 48
# Over-relaxation of ADMM, and iterations between certificates of one that converges.
_RELAXATION, _CHECK = 1.6, 10
# Vectors beyond those that passed a threshold that a subspace keeps.
_SPARE = 6


class WarmStart(NamedTuple):
    """Where an iteration stopped, to start a neighbouring problem from.

    Attributes
    ----------
    split : ndarray of shape (rows, q)
        The copy Z of M_w.
    dual : ndarray of shape (rows, q)
        The multiplier of Z = M_w, divided by the penalty parameter.
    threshold : float
        What was taken off singular values: gamma divided by the penalty parameter.
    """

    split: Array
    dual: Array
    threshold: float


@dataclass(frozen=True)
class NuclearNormResult:
    """Weights of least nuclear norm, with their certificate.

    Attributes
    ----------
    coef : ndarray of shape (p,)
        The weights w.
    objective : float
        Value of the problem at ``coef``.
    gap : float
        ``objective`` minus the value of a feasible dual point: the optimum is at most this much
        below.
    n_iter : int
        Iterations made.
    converged : bool
        Whether the gap fell to the tolerance within ``max_iter``.
    split : ndarray of shape (rows, q)
        The thresholded copy of M_w: its rank is exact.
    warm_start : WarmStart
        For the next problem of a path.
    """

    coef: Array
    objective: float
    gap: float
    n_iter: int
    converged: bool
    split: Array
    warm_start: WarmStart


class _Thresholder:
    """Singular value thresholds of a slowly changing matrix, one after the other.

    Few singular values pass, and their vectors change little from one iteration to the next: a
    step of subspace iteration from the last ones is much less than a decomposition. It is inexact
    at vectors that have just crossed the threshold, so every twentieth call is exact; the duality
    gap is computed apart from this and certifies the result either way.
    """

    def __init__(self) -> None:
        self._basis: Array | None = None
        self._calls = 0
        self._rng = np.random.default_rng(0)

    def __call__(self, matrix: Array, level: float) -> tuple[Array, Array]:
        """Return factors (rows, rank) and (rank, q) of the thresholded matrix."""
        if min(matrix.shape) <= _DENSE:
            left, values, right = linalg.svd(matrix, full_matrices=False, check_finite=False)
            rank = int(np.count_nonzero(values > level))
            return left[:, :rank] * (values[:rank] - level), right[:rank]
        self._calls += 1
        if self._basis is not None and self._calls % 20:
            left = linalg.qr(matrix @ self._basis, mode="economic", check_finite=False)[0]
            rows = left.T @ matrix
            squares, turn = linalg.eigh(rows @ rows.T, check_finite=False)
            # One value below the threshold says that none above it is left out.
            if squares[0] < level**2:
                passed = squares > level**2
                right = rows.T @ turn
                # The rank falls as the iteration converges: so does the subspace.
                self._basis = right[:, max(0, int(passed.argmax()) - _SPARE) :]
                # Columns of right have the singular values as lengths.
                shrunk = 1 - level / np.sqrt(squares[passed])
                return (left @ turn[:, passed]) * shrunk, right[:, passed].T
        # Values above the threshold are well above the rounding of a Gram matrix. All vectors by
        # divide and conquer take less time than some of them by other drivers.
        squares, vectors = linalg.eigh(
            matrix.T @ matrix, check_finite=False, overwrite_a=True, driver="evd"
        )
        passed = squares > level**2
        squares, vectors = squares[passed], vectors[:, passed]
        spare = self._rng.standard_normal((matrix.shape[1], _SPARE))
        size = len(squares) + _SPARE
        self._basis = np.hstack([vectors, spare]) if 2 * size < min(matrix.shape) else None
        return matrix @ (vectors * (1 - level / np.sqrt(squares))), vectors.T


class _Gaps:
    """When the duality gap is expected to have fallen to the tolerance.

    ADMM converges linearly in the end: two gaps tell the rate.
    """

    def __init__(self) -> None:
        self.known = False
        self._last = (0, np.inf)

    def expected(self, n_iter: int, excess: float) -> int:
        """Predict when the next certificate is due, the gap being ``excess`` times too large."""
        before, larger = self._last
        self._last, self.known = (n_iter, excess), True
        if not 1 < excess < 0.5 * larger or not np.isfinite(larger):
            return n_iter + _CHECK
        rate = np.log(larger / excess) / (n_iter - before)
        return n_iter + int(np.clip(np.ceil(np.log(excess) / rate), 2, 5 * _CHECK))


def iterate(
    operator: MatrixMap,
    step: Callable[[Array, float], Array],
    certificate: Callable[[Array, Array, Array], tuple[float, float]],
    gamma: float,
    tol: float,
    max_iter: int,
    warm_start: WarmStart | None,
) -> NuclearNormResult:
    """Iterate until the duality gap is small.

    Parameters
    ----------
    operator : PenaltyOperator or StackedOperator
        The map w -> M_w.
    step : callable
        ``step(pulled, rho)`` minimises the data term plus rho |M_w|^2 / 2 - rho <pulled, w>.
    certificate : callable
        ``certificate(weights, dual, matrix)`` is the objective and a bound from below, by a dual
        point that satisfies the linear constraint.
    gamma : float
        Weight of the nuclear norm.
    tol : float
        Duality gap to stop at, as a part of the objective.
    max_iter : int
        Iterations at most.
    warm_start : WarmStart or None
        From a neighbouring problem.

    Returns
    -------
    NuclearNormResult
        Weights and certificate.
    """
    if warm_start is None:
        weights = step(np.zeros(operator.weights_shape), 1.0)
        split = operator.apply(weights)
        # A threshold between the singular values cuts most of them, as the solution will.
        small = split if split.shape[0] >= split.shape[1] else split.T
        squares = linalg.eigvalsh(small.T @ small, check_finite=False)
        between = float(np.sqrt(max(squares[-1 - len(squares) // 6], 0.0))) if small.size else 0.0
        rho = gamma / between if between > 0 else 1.0
        scaled = np.zeros_like(split)
    else:
        # The threshold is a length of singular values: it carries over, the multiplier scales.
        split, scaled, threshold = warm_start
        scaled = scaled.copy()
        rho = gamma / threshold
    size = max(float(np.linalg.norm(split)), np.finfo(float).tiny)
    objective, lower, n_iter, converged = np.inf, 0.0, 0, False
    next_change, close, threshold_values = 10, False, _Thresholder()
    next_check, gaps = 5 * _CHECK, _Gaps()
    # The adjoint of everything is carried along: of the split it is that of its factors, of the
    # matrix a product with the Gram matrix. It is computed afresh with every certificate.
    pulled_split, pulled_scaled = operator.adjoint(split), operator.adjoint(scaled)
    while n_iter < max_iter:
        n_iter += 1
        weights = step(pulled_split - pulled_scaled, rho)
        matrix = operator.apply(weights)
        if n_iter == max_iter or n_iter >= next_check or (close and n_iter % _CHECK == 0):
            # By the optimality of the step this dual satisfies the linear constraint exactly.
            dual = rho * (matrix - split + scaled)
            objective, lower = certificate(weights, dual, matrix)
            if objective - lower <= max(tol * objective, 1e-14 * gamma * size):
                converged = True
                break
            next_check = gaps.expected(n_iter, (objective - lower) / (tol * objective))
            close = False
            pulled_scaled = operator.adjoint(scaled)
        scaled += _RELAXATION * matrix
        scaled += (1 - _RELAXATION) * split  # the relaxed matrix and the multiplier
        left, right = threshold_values(scaled, gamma / rho)
        thresholded = np.asarray(left @ right)
        scaled -= thresholded
        primal = float(np.linalg.norm(matrix - thresholded))
        moved = float(np.linalg.norm(thresholded - split))
        pulled = operator.adjoint_of_product(left, right)
        pulled_scaled = (
            pulled_scaled
            + _RELAXATION * (operator.gram @ weights)
            + (1 - _RELAXATION) * pulled_split
            - pulled
        )
        split, pulled_split = thresholded, pulled
        if not gaps.known:
            # A certificate takes decompositions: the first is made where it may be the last.
            bound = max(float(np.linalg.norm(split)), size * tol)
            close = max(primal, moved) <= np.sqrt(tol) * bound
        if n_iter == next_change:
            # Residual balance; changes become rare, so that convergence is that of a fixed rho.
            ratio = np.sqrt(primal / moved) if primal > 0 and moved > 0 else 1.0
            if ratio > 1.5 or ratio < 1 / 1.5:
                factor = float(np.clip(ratio, 0.2, 5.0))
                rho *= factor
                scaled /= factor
                pulled_scaled /= factor
            next_change = int(n_iter * 1.3)
    return NuclearNormResult(
        coef=weights,
        objective=objective,
        gap=max(objective - lower, 0.0),
        n_iter=n_iter,
        converged=converged,
        split=split,
        warm_start=WarmStart(split, scaled, gamma / rho),
    )
