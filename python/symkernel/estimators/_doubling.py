"""Choose the number of centres, by doubling it until samples that were held out gain little."""

from __future__ import annotations

import warnings
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from symkernel.exceptions import ApproximationWarning
from symkernel.solvers.choose import SolverPlan
from symkernel.solvers.nystroem import NystroemSums
from symkernel.solvers.nystroem_system import NystroemSystem

Array = NDArray[Any]

# Samples held out while the number of centres is chosen: a tenth, at most so many.
_HELD_OUT = 2000
# Centres to begin with, and the share of the error that twice as many must take off.
_FIRST, _GAIN = 100, 0.01
# What the centres may leave of the trace, in ridges.
_LEFT = 0.1


class Attempts(Protocol):
    """What sums over samples with as many centres as asked for."""

    def attempt(self, m: int, held: NDArray[np.intp] | None) -> tuple[Any, NystroemSums]:
        """Find m centres, ``Centres``, and sum over all samples but those held out."""

    def at(self, rows: NDArray[np.intp]) -> tuple[Array, Array, Array | None]:
        """Return some samples, their targets (c, t) and their weights."""


def double_centres(
    plan: SolverPlan, alphas: Array, seed: int, run: Attempts
) -> tuple[Any, NystroemSums, tuple[int, ...]]:
    """Double the number of centres until held-out samples gain less than 1 %.

    Parameters
    ----------
    plan : SolverPlan
        Of the fit; tells the number of samples, and how many centres there are at most.
    alphas : ndarray of shape (t,)
        Ridges.
    seed : int
        Draws the samples that are held out.
    run : Attempts

    Returns
    -------
    tuple
        The centres, the sums over all samples, and the numbers of centres that were tried.

    Warns
    -----
    ApproximationWarning
        If the most centres that are tried still gain.
    """
    n, most = plan.n, plan.n_components
    if n <= 2 * _FIRST:
        centres, sums = run.attempt(min(n, most), None)
        return centres, sums, (len(centres),)
    order = np.random.default_rng(seed).permutation(n)
    held = np.sort(order[: min(_HELD_OUT, n // 10)])
    X, y, weight = run.at(held)
    y = y.astype(np.float64)
    w = None if weight is None or not weight.any() else weight
    tried: tuple[int, ...] = ()
    m, before = min(_FIRST, most), np.inf
    while True:
        centres, sums = run.attempt(m, held)
        tried = (*tried, len(centres))
        B = centres.features(X)
        error = _error(sums.system(centred=False), B, y, w, alphas)
        enough = error >= (1.0 - _GAIN) * before or len(centres) < m
        enough |= sums.residual_trace <= _LEFT * float(alphas.min())
        if not enough and m >= most:
            _warn_of_more(len(centres), error, before)
        if enough or m >= most:
            weight = None if weight is None else weight.astype(np.float64)
            sums.add(B, y, weight, np.asarray(centres.bound.diag(X), np.float64))
            return centres, sums, tried
        m, before = min(2 * m, most), error


def _warn_of_more(m: int, error: float, before: float) -> None:
    gained = f"by {1.0 - error / before:.0%}" if np.isfinite(before) else "with their number"
    warnings.warn(
        f"The error at held-out samples still falls {gained} at {m:,} centres, the most that are "
        "tried here: more are to be had by n_components=, or a larger memory_limit.",
        ApproximationWarning,
        stacklevel=6,
    )


def _error(system: NystroemSystem, B: Array, y: Array, w: Array | None, alphas: Array) -> float:
    """Mean squared error at held-out samples, over all targets."""
    coefficients, _ = system.coefficients(alphas)
    squares = np.square(y - B @ coefficients).sum(axis=1)
    return float(np.average(squares, weights=w))
