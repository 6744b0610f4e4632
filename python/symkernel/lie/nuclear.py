r"""Find the least nuclear norm of a matrix that is linear in the weights of a model.

Two problems, one iteration. With features :math:`\Theta` (n, p), targets y and a linear map
:math:`w \mapsto M_w` to matrices of shape (rows, q):

.. math::

    \min_w |M_w|_* \quad \text{subject to } \Theta w = y, \qquad\qquad
    \min_w \tfrac12 |\Theta w - y|^2 + \gamma |M_w|_* .

Each is a linear step and a certificate for ``admm.iterate``. Both stop by the duality gap: the
objective is at most ``gap`` above the optimum, whatever the iteration did.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from symkernel.lie._joint import joint_basis
from symkernel.lie._threads import few_threads
from symkernel.lie.admm import NuclearNormResult, WarmStart, iterate
from symkernel.lie.stacked import MatrixMap

Array = NDArray[Any]


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


@few_threads
def interpolate(
    operator: MatrixMap,
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
    operator : PenaltyOperator or StackedOperator
        The map w -> M_w.
    features : ndarray of shape (n, p)
        Values of the dictionary; n may be smaller or larger than p.
    targets : ndarray of shape (n,), or (n, t) with a StackedOperator
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
    particular = right[:rank].T @ ((left[:, :rank].T @ targets).T / values[:rank]).T
    misfit = float(np.linalg.norm(features @ particular - targets))
    if misfit > 1e-8 * max(float(np.linalg.norm(targets)), np.finfo(float).tiny):
        raise ValueError(
            f"targets cannot be interpolated: the features have rank {rank} (of {n_features} "
            f"columns) and the best fit is off by {misfit:.3g}; use a positive gamma"
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

    return iterate(operator, step, certificate, 1.0, tol, max_iter, warm_start)


class PenalizedLeastSquares:
    r"""Solver of :math:`\min_w |\Theta w - y|^2 / 2 + \gamma |M_w|_*` for many weights gamma.

    Parameters
    ----------
    operator : PenaltyOperator or StackedOperator
        The map w -> M_w.
    features : ndarray of shape (n, p)
        Values of the dictionary.
    targets : ndarray of shape (n,), or (n, t) with a StackedOperator
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
    def __init__(self, operator: MatrixMap, features: Array, targets: Array) -> None:
        self.operator = operator
        self.features = features
        self.targets = targets
        self._basis, self._data_part, self._penalty_part = joint_basis(
            features.T @ features, operator.gram
        )
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
            parts = self._data_part + rho * self._penalty_part
            return np.asarray(self._basis @ (right.T / parts).T)

        def certificate(weights: Array, dual: Array, matrix: Array) -> tuple[float, float]:
            residual = self.targets - self.features @ weights
            norm = float(linalg.svdvals(matrix, check_finite=False).sum())
            bound = _largest_singular_value(dual)
            # (c residual, c dual) is dual feasible for c up to gamma / bound; take the best c.
            square, linear = (
                float(np.vdot(residual, residual)),
                float(np.vdot(residual, self.targets)),
            )
            most = gamma / bound if bound > gamma else 1.0
            factor = min(most, linear / square) if square > 0 else most
            lower = factor * linear - factor**2 * square / 2
            return square / 2 + gamma * norm, max(lower, 0.0)

        return iterate(self.operator, step, certificate, gamma, tol, max_iter, warm_start)


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
