"""Leave small weights out of a promoting regression and fit the others again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symkernel.lie._candidates import Candidate
from symkernel.lie._paths import Samples, Solution, Solver
from symkernel.lie.penalty import PenaltyOperator

Array = NDArray[Any]


def threshold_weights(
    solver: Solver,
    candidate: Candidate,
    samples: Samples,
    gamma: float,
    tol: float,
    threshold: float,
    start: Solution,
) -> Solution:
    """Fit by sequential thresholding: without what is small, until nothing else is.

    Parameters
    ----------
    solver : Solver
    candidate : Candidate
        With an output action if there are several targets, so that each has weights of its own.
    samples : Samples
    gamma : float
        Weight of the penalty.
    tol : float
        Of each solve.
    threshold : float
        Weights smaller in size are left out.
    start : Solution
        With all weights.

    Returns
    -------
    Solution
        With a weight that is left out being exactly 0.

    Notes
    -----
    At most as many solves as weights, in practice two or three. S. L. Brunton, J. L. Proctor,
    J. N. Kutz, "Discovering governing equations from data by sparse identification of nonlinear
    dynamical systems", PNAS 113, 2016, with a promoting regression in place of least squares.
    """
    solution, weights = start, np.array(start.weights)
    support = np.ones(len(weights), bool)
    full = candidate.operator
    while True:
        small = support & (np.abs(weights) < threshold)
        if not small.any():
            return solution._replace(coef=candidate.coefficients(weights), weights=weights)
        support &= ~small
        weights = np.zeros_like(weights)
        if support.any():
            matrix: Any = full.matrix
            part = PenaltyOperator(matrix[:, support], full.shape[1], full.left)
            restricted = replace(candidate, operator=part, support=support)
            path = solver.paths(restricted, [samples], np.array([gamma]), tol)
            solution = path[0][0]
            weights[support] = solution.weights
