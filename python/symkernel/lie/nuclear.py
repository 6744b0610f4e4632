r"""Find the least nuclear norm of a matrix that is linear in the weights of a model.

Two problems, one iteration. With features :math:`\Theta` (n, p), targets y and a linear map
:math:`w \mapsto M_w` to matrices of shape (rows, q):

.. math::

    \min_w |M_w|_* \quad \text{subject to } \Theta w = y, \qquad\qquad
    \min_w \tfrac12 |\Theta w - y|^2 + \gamma |M_w|_* .

ADMM [1]_ splits Z = M_w: a linear system in w whose matrix is factored once for every penalty
parameter, and a soft threshold of singular values. Both stop by the duality gap, which is a
certificate: the objective is at most ``gap`` above the optimum, whatever the iteration did.

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

from symkernel.lie._threads import few_threads
from symkernel.lie.penalty import PenaltyOperator

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


def singular_value_threshold(matrix: Array, level: float) -> tuple[Array, Array]:
    r"""Apply the proximal map of the nuclear norm: every singular value less ``level``, at least 0.

    Parameters
    ----------
    matrix : ndarray of shape (rows, q)
        Any matrix.
    level : float
        Threshold, not negative.

    Returns
    -------
    thresholded : ndarray of shape (rows, q)
        :math:`\arg\min_Z level |Z|_* + |Z - matrix|^2 / 2`.
    kept : ndarray of shape (rank,)
        Its nonzero singular values, descending.
    """
    left, values, right = linalg.svd(matrix, full_matrices=False, check_finite=False)
    rank = int(np.count_nonzero(values > level))
    kept = values[:rank] - level
    return (left[:, :rank] * kept) @ right[:rank], kept


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


@few_threads
def interpolate(
    operator: PenaltyOperator,
    features: Array,
    targets: Array,
    *,
    tol: float = 1e-7,
    max_iter: int = 20_000,
    warm_start: WarmStart | None = None,
) -> NuclearNormResult:
    r"""Find the least :math:`|M_w|_*` among the weights with ``features @ w == targets``.

    Parameters
    ----------
    operator : PenaltyOperator
        The map w -> M_w.
    features : ndarray of shape (n, p)
        Values of the dictionary; n may be smaller or larger than p.
    targets : ndarray of shape (n,)
        What to interpolate.
    tol : float, default=1e-7
        Duality gap to stop at, as a part of the objective.
    max_iter : int, default=20000
        Iterations at most.
    warm_start : WarmStart or None, default=None
        From a neighbouring problem with the same operator.

    Returns
    -------
    NuclearNormResult
        Exactly interpolating weights, up to rounding.

    Raises
    ------
    ValueError
        If no weights interpolate the targets: the features are dependent and the targets are not
        consistent with them.

    Notes
    -----
    Once O(n^2 p + p^3); per iteration one singular value decomposition of rows x q and two
    products with the operator. The interpolants are w0 + N z with N an orthonormal basis of the
    null space of the features, so that feasibility does not depend on convergence.

    Examples
    --------
    Of the interpolants of one value of a x + b y, the symmetric one: a gradient of rank one is
    no constraint here, so the shortest gradient wins.

    >>> import numpy as np
    >>> from symkernel.lie.nuclear import interpolate
    >>> from symkernel.lie.penalty import PenaltyOperator
    >>> gradient = PenaltyOperator.from_array(np.eye(2)[None])
    >>> interpolate(gradient, np.array([[1.0, 2.0]]), np.array([5.0])).coef.round(6)
    array([1., 2.])
    """
    n_features = features.shape[1]
    left, values, right = linalg.svd(features, full_matrices=True)
    cut = max(features.shape) * np.finfo(float).eps * (values[0] if values.size else 0.0)
    rank = int(np.count_nonzero(values > cut))
    particular = right[:rank].T @ ((left[:, :rank].T @ targets) / values[:rank])
    misfit = float(np.linalg.norm(features @ particular - targets))
    if misfit > 1e-8 * max(float(np.linalg.norm(targets)), np.finfo(float).tiny):
        raise ValueError(
            f"targets cannot be interpolated: the {features.shape[0]} rows of features have rank "
            f"{rank} (of {n_features} columns) and the best fit is off by {misfit:.3g}; use a "
            "positive gamma"
        )
    null = right[rank:].T
    gram = operator.gram
    reduced = null @ _pseudo_inverse(null.T @ gram @ null) @ null.T
    start = particular - reduced @ (gram @ particular)

    def step(pulled: Array, rho: float) -> Array:
        return np.asarray(start + reduced @ pulled)

    def certificate(weights: Array, dual: Array, matrix: Array) -> tuple[float, float]:
        norms = linalg.svdvals(matrix, check_finite=False)
        bound = max(1.0, _largest_singular_value(dual))
        return float(norms.sum()), float(np.vdot(dual, matrix)) / bound

    return _iterate(operator, step, certificate, 1.0, tol, max_iter, warm_start)


class PenalizedLeastSquares:
    r"""Solver of :math:`\min_w |\Theta w - y|^2 / 2 + \gamma |M_w|_*` for many weights gamma.

    Parameters
    ----------
    operator : PenaltyOperator
        The map w -> M_w.
    features : ndarray of shape (n, p)
        Values of the dictionary.
    targets : ndarray of shape (n,)
        Targets.

    Notes
    -----
    The Gram matrices of features and operator are diagonalised together, once in O(p^3), so that
    every penalty parameter of ADMM and every gamma costs O(p^2) per iteration besides the
    singular value decomposition. Directions that neither sees get the weight 0.

    Examples
    --------
    >>> import numpy as np
    >>> from symkernel.lie.nuclear import PenalizedLeastSquares
    >>> from symkernel.lie.penalty import PenaltyOperator
    >>> one = PenaltyOperator.from_array(np.ones((1, 1, 1)))
    >>> problem = PenalizedLeastSquares(one, np.ones((1, 1)), np.array([3.0]))
    >>> problem.solve(1.0).coef.round(6)  # a soft threshold
    array([2.])
    """

    @few_threads
    def __init__(self, operator: PenaltyOperator, features: Array, targets: Array) -> None:
        self.operator = operator
        self.features = features
        self.targets = targets
        data, penalty = features.T @ features, operator.gram
        scale = np.trace(data) / max(float(np.trace(penalty)), np.finfo(float).tiny)
        values, vectors = linalg.eigh(data + scale * penalty)
        seen = values > len(values) * np.finfo(float).eps * max(float(values[-1]), 0.0)
        whitening = vectors[:, seen] / np.sqrt(values[seen])
        # Both Gram matrices are diagonal in this basis: parts, and (1 - parts) / scale.
        parts, rotation = linalg.eigh(whitening.T @ data @ whitening)
        self._basis = whitening @ rotation
        self._data_part = np.clip(parts, 0.0, 1.0)
        self._penalty_part = (1 - self._data_part) / scale
        self._moments = features.T @ targets

    @few_threads
    def solve(
        self,
        gamma: float,
        *,
        tol: float = 1e-6,
        max_iter: int = 20_000,
        warm_start: WarmStart | None = None,
    ) -> NuclearNormResult:
        """Solve for one weight of the penalty.

        Parameters
        ----------
        gamma : float
            Weight of the nuclear norm, positive.
        tol : float, default=1e-6
            Duality gap to stop at, as a part of the objective.
        max_iter : int, default=20000
            Iterations at most.
        warm_start : WarmStart or None, default=None
            From a neighbouring gamma.

        Returns
        -------
        NuclearNormResult
            Weights and certificate.
        """

        def step(pulled: Array, rho: float) -> Array:
            right = self._basis.T @ (self._moments + rho * pulled)
            return np.asarray(self._basis @ (right / (self._data_part + rho * self._penalty_part)))

        def certificate(weights: Array, dual: Array, matrix: Array) -> tuple[float, float]:
            residual = self.targets - self.features @ weights
            norm = float(linalg.svdvals(matrix, check_finite=False).sum())
            bound = _largest_singular_value(dual)
            # (c residual, c dual) is dual feasible for c up to gamma / bound; take the best c.
            square, linear = float(residual @ residual), float(residual @ self.targets)
            most = gamma / bound if bound > gamma else 1.0
            factor = min(most, linear / square) if square > 0 else most
            lower = factor * linear - factor**2 * square / 2
            return square / 2 + gamma * norm, max(lower, 0.0)

        return _iterate(self.operator, step, certificate, gamma, tol, max_iter, warm_start)


def _iterate(
    operator: PenaltyOperator,
    step: Callable[[Array, float], Array],
    certificate: Callable[[Array, Array, Array], tuple[float, float]],
    gamma: float,
    tol: float,
    max_iter: int,
    warm_start: WarmStart | None,
) -> NuclearNormResult:
    """ADMM on Z = M_w; ``step`` minimises the data term plus rho |M_w|^2 / 2 - rho <pulled, w>."""
    if warm_start is None:
        weights = step(np.zeros(operator.n_weights), 1.0)
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


def _largest_singular_value(matrix: Array) -> float:
    """Largest singular value, by the smaller Gram matrix: it is the one that does not suffer."""
    if not matrix.size:
        return 0.0
    if matrix.shape[0] < matrix.shape[1]:
        matrix = matrix.T
    last = matrix.shape[1] - 1
    square = linalg.eigh(
        matrix.T @ matrix, eigvals_only=True, subset_by_index=[last, last], check_finite=False
    )
    return float(np.sqrt(max(square[0], 0.0)))


def _pseudo_inverse(symmetric: Array) -> Array:
    """Inverse of a positive semidefinite matrix on its range."""
    if not len(symmetric):
        return symmetric
    values, vectors = linalg.eigh(symmetric)
    seen = values > len(values) * np.finfo(float).eps * max(float(values[-1]), 0.0)
    return np.asarray((vectors[:, seen] / values[seen]) @ vectors[:, seen].T)
