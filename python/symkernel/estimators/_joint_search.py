"""Score alphas by samples left out together with their gradients."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symkernel.backends.memory import require_memory
from symkernel.estimators._joint_system import Seen, shares_of
from symkernel.estimators._machine import MATRICES_OF_EIGENSOLVER
from symkernel.exceptions import NotApplicableError
from symkernel.kernels import InvariantKernel
from symkernel.solvers.centring import weighted_mean
from symkernel.solvers.leave_blocks_out import leave_blocks_out_residuals
from symkernel.solvers.ridge_factor import decompose_ridge

Array = NDArray[Any]


class JointSearch:
    """Errors of values and gradients of samples left out, for all alphas of a kernel.

    Parameters
    ----------
    seen : Seen
        What was observed; samples of which nothing was, and those of weight 0, don't count.
    alphas : ndarray of shape (a,)
        Ridges, of values and gradients alike.
    centred : bool
        Whether the mean of the values that are left is subtracted.
    n_jobs : int or None
        Threads.

    Raises
    ------
    ValueError
        If there are fewer than two samples to leave out.

    Notes
    -----
    With N observations 9 N^3 operations, and a k N^2 for blocks of k of them.
    """

    def __init__(self, seen: Seen, alphas: Array, centred: bool, n_jobs: int | None) -> None:
        used = seen.valued | seen.sloped
        if seen.weights is not None:
            used &= seen.weights > 0
        if used.sum() < 2:
            raise ValueError(
                f"leave-one-out needs 2 samples of positive weight with a value or a gradient; "
                f"got {used.sum()} sample"
            )
        self._seen, self._alphas = seen.take(used), alphas
        self._centred, self._n_jobs = centred, n_jobs

    def scores(self, kernel: InvariantKernel) -> Array:
        """Return minus the mean of both kinds' relative squared errors, (a,); NaN if singular."""
        values, slopes = self.residuals(kernel)
        w = self._seen.weights
        w = np.ones(len(self._seen.rows)) if w is None else w
        y, dy = self._seen.values, self._seen.slopes
        errors = []
        valued, sloped = self._seen.valued, self._seen.sloped
        if valued.any():
            mean = weighted_mean(y[valued], w[valued]) if self._centred else 0.0
            errors.append(_relative(values[:, valued], y[valued] - mean, w[valued]))
        if sloped.any():
            square, of = (slopes[:, sloped] ** 2).sum(axis=2), (dy[sloped] ** 2).sum(axis=1)
            errors.append(_relative(np.sqrt(square), np.sqrt(of), w[sloped]))
        return -np.asarray(np.mean(errors, axis=0))

    def residuals(self, kernel: InvariantKernel) -> tuple[Array, Array]:
        """Return what fits to all other samples miss of values (a, n) and gradients (a, n, d).

        NaN where they were not observed, and where the system is singular.
        """
        seen = self._seen
        valued, sloped, w = seen.valued, seen.sloped, seen.weights
        system = seen.system(kernel)
        along = system.reduced(seen.slopes[sloped])
        count, m = int(valued.sum()), along.shape[1]
        shares = shares_of(w, valued, sloped, m, 1.0)
        mean = 0.0
        if self._centred and count:
            mean = float(weighted_mean(seen.values[valued], None if w is None else w[valued]))
        targets = np.concatenate([seen.values[valued] - mean, along.ravel()])
        N = len(targets)
        require_memory(
            (MATRICES_OF_EIGENSOLVER, N, N),
            8,
            f"the joint matrix of {N} values and derivatives, and its eigenvectors",
            "Search on fewer samples, or use GridSearchCV.",
        )
        factor = decompose_ridge(partial(system.full, self._n_jobs), self._alphas, shares)
        regular, factor = factor.regular()
        blocks = system.observed.rows_of_samples()
        found = np.full((N, len(regular)), np.nan)
        found[:, regular] = leave_blocks_out_residuals(
            factor, factor.coefficients(targets), blocks, shares
        )
        if self._centred and count:
            # The mean of the others differs from that of all, and residuals are linear in targets.
            ones = np.zeros(N)
            ones[:count] = 1.0
            change = leave_blocks_out_residuals(factor, factor.coefficients(ones), blocks, shares)
            shifts = self._shifts(mean)
            for rows, shift in zip(blocks, shifts, strict=True):
                found[np.ix_(rows, regular)] -= shift * change[rows]
        values = np.full((len(regular), len(valued)), np.nan)
        values[:, valued] = found[:count].T
        slopes = np.full((len(regular), *seen.slopes.shape), np.nan)
        # What no direction sees is missed whole.
        unseen = seen.slopes[sloped] - system.restored(along)
        for residuals, column in zip(slopes, found[count:].T, strict=True):
            residuals[sloped] = system.restored(column.reshape(along.shape)) + unseen
        return values, slopes

    def _shifts(self, mean: float) -> Array:
        """Means of the values of all other samples, less that of all, (n,)."""
        seen, valued = self._seen, self._seen.valued
        w = np.ones(len(valued)) if seen.weights is None else seen.weights.astype(np.float64)
        w = np.where(valued, w, 0.0)
        centred = np.where(valued, seen.values - mean, 0.0)
        rest = w.sum() - w
        alone = valued & (valued.sum() == 1)  # of none the mean is 0
        shifts = -w * centred / np.where(alone, 1.0, rest)
        return np.where(alone, -mean, shifts)


def check_joint_search(solver: str, scoring: Any, cv: Any) -> None:
    """Refuse what is no search of values and gradients.

    Raises
    ------
    NotApplicableError
        For a solver, a score or a cross-validation that gradients don't go with.
    """
    if solver in ("pcg", "nystroem") or cv is not None:
        raise NotApplicableError(
            f"gradients are searched with exact leave-one-out: use solver='auto' or 'cholesky' and "
            f"cv=None, or GridSearchCV; got solver={solver!r}, cv={cv!r}"
        )
    if scoring is not None:
        raise NotApplicableError(
            "scoring judges values alone: use scoring=None, which counts gradients as well, or "
            f"GridSearchCV; got scoring={scoring!r}"
        )


def _relative(residuals: Array, observed: Array, weights: Array) -> Array:
    """Mean squares (a,) of residuals (a, n) over that of what was observed (n,)."""
    square = float(np.average(observed**2, weights=weights)) or 1.0
    return np.asarray(np.average(residuals**2, axis=1, weights=weights) / square)
