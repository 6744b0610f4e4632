"""Find errors of targets that turn, of samples left out, for many alphas at once."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symkernel.backends.memory import require_memory
from symkernel.estimators._equivariant import System, systems
from symkernel.estimators._machine import MATRICES_OF_EIGENSOLVER
from symkernel.kernels.equivariant import EquivariantKernel
from symkernel.solvers.centring import apart_from_means
from symkernel.solvers.leave_blocks_out import leave_blocks_out_residuals
from symkernel.solvers.leave_one_out import leave_one_out_residuals
from symkernel.solvers.ridge_factor import decompose_ridge

Array = NDArray[Any]


class BlockSearch:
    """Errors of samples left out, all targets of one together, for all alphas of a kernel.

    Parameters
    ----------
    X : ndarray of shape (n, n_features)
        At least two samples.
    Y : ndarray of shape (n, p)
        Their targets.
    alphas : ndarray of shape (a,)
        Regularisation strengths.
    sample_weight : ndarray of shape (n,) or None
        Positive weights.
    centred : bool
        Whether what stays of the mean of the samples that are left is subtracted.
    n_jobs : int or None
        Threads.

    Notes
    -----
    For parts of q components 9 (n q)^3 operations, and a (n q)^2 (q + copies).
    """

    def __init__(
        self,
        X: Array,
        Y: Array,
        alphas: Array,
        sample_weight: Array | None,
        centred: bool,
        n_jobs: int | None,
    ) -> None:
        self._X, self._Y, self._alphas, self._weights = X, Y, alphas, sample_weight
        self._centred, self._n_jobs = centred, n_jobs

    def residuals(self, kernel: EquivariantKernel) -> Array:
        """Return what fits to all other samples miss, (a, n, p); NaN where A is singular."""
        found = np.empty((len(self._alphas), *self._Y.shape))
        for system in systems(kernel):
            columns = self._residuals_of(system)
            for t, own in enumerate(found):
                system.write(own, columns[:, t])
        return found

    def _residuals_of(self, system: System) -> Array:
        """Residuals (n q, a, c) of a system."""
        columns = system.targets(self._Y)
        n, q, copies = len(self._Y), system.kernel.size, columns.shape[1]
        stays = np.zeros((q, 0))
        if self._centred:
            stays = _basis_of(system.kernel.output.mean(system.kernel.group))
        k = stays.shape[1]
        if k == 0:
            return self._uncentred(system, columns)
        along = np.einsum("qk,nqc->nkc", stays, columns.reshape(n, q, copies)).reshape(n, -1)
        apart, others = apart_from_means(along, self._weights)
        mean = stays @ (along - apart).reshape(n, k, copies)
        # Residuals are linear in targets, and those left out see the mean of all others.
        constants = np.tile(stays, (n, 1))
        targets = np.column_stack([columns - mean.reshape(n * q, copies), constants])
        found = self._uncentred(system, targets).reshape(n, q, -1, copies + k)
        change = np.einsum("nqak,nkc->nqac", found[..., copies:], others.reshape(n, k, copies))
        return np.asarray((found[..., :copies] - change).reshape(n * q, -1, copies))

    def _uncentred(self, system: System, columns: Array) -> Array:
        """Residuals (n q, a, c) of targets (n q, c) as they are."""
        q, N = system.kernel.size, len(columns)
        require_memory(
            (MATRICES_OF_EIGENSOLVER, N, N),
            8,
            f"the {q} x {q} blocks of {N // q} samples, and their eigenvectors",
            "Search on fewer samples, or use GridSearchCV.",
        )
        gram = partial(system.kernel.gram, self._X, n_jobs=self._n_jobs)
        if q == 1:
            found = leave_one_out_residuals(gram(), columns, self._alphas, self._weights)
            return found.transpose(1, 0, 2)
        weights = None if self._weights is None else np.repeat(self._weights, q)
        regular, factor = decompose_ridge(gram, self._alphas, weights).regular()
        coefficients = np.stack([factor.coefficients(column) for column in columns.T], axis=2)
        blocks = list(np.arange(N).reshape(-1, q))
        residuals = np.full((N, len(regular), columns.shape[1]), np.nan)
        residuals[:, regular] = leave_blocks_out_residuals(factor, coefficients, blocks, weights)
        return residuals


def _basis_of(projection: Array) -> Array:
    """Return orthonormal columns (q, k) that span the image of a projection (q, q)."""
    values, vectors = np.linalg.eigh(projection)
    return np.asarray(vectors[:, values > 0.5])
