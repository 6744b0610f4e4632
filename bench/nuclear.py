"""Case: the interpolant of least nuclear norm, the one solve that recovery by symmetry repeats."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from symkernel import lie
from symkernel.lie.nuclear import interpolate
from symkernel.lie.operator import dictionary_operator
from symkernel.lie.penalty import PenaltyOperator

from .peers import Array

SCS = "cvxpy + SCS"


@dataclass(frozen=True)
class Recovery:
    """A quadratic polynomial of one hidden variable, known at too few points for a linear system.

    Attributes
    ----------
    points : ndarray of shape (N, m)
        What the nuclear norm averages over.
    features : ndarray of shape (n, p)
        Monomials at the samples.
    targets : ndarray of shape (n,)
        Values of the polynomial.
    coef : ndarray of shape (p,)
        Its coefficients.
    """

    points: Array
    features: Array
    targets: Array
    coef: Array


@dataclass(frozen=True)
class NuclearCase:
    """Recovery of a polynomial from samples, with all rigid motions as candidates.

    Attributes
    ----------
    name, title : str
        Name for the command line and title for tables.
    m, quick_m : int
        Number of features; the second in quick mode.
    accuracy : float
        Largest difference from the optimum that a coefficient may have, relative to the largest.
    """

    name: str
    title: str
    m: int
    quick_m: int
    accuracy: float

    def task(self, quick: bool = False) -> Recovery:
        """Return the problem, the same in every run."""
        m = self.quick_m if quick else self.m
        rng = np.random.default_rng(0)
        library, hidden = lie.monomials(2, m), lie.monomials(2, 1)
        direction = rng.standard_normal((m, 1))
        direction /= np.linalg.norm(direction)
        weights = np.ones(hidden.n_terms)
        p = library.n_terms
        known, X, points = (rng.uniform(-1, 1, (n, m)) for n in (2 * p, p // 2, p + 1))
        values = hidden.values(known @ direction) @ weights
        coef = np.linalg.lstsq(library.values(known), values)[0]
        features = library.values(X)
        return Recovery(points, features, features @ coef, coef)

    def run(self, program: str, task: Recovery) -> Array:
        """Set the problem up and solve it with one program; coefficients of shape (p,)."""
        return PROGRAMS[program](task)

    def solution(self, task: Recovery) -> Array:
        """Return the optimum, to a duality gap of 1e-10."""
        return _ours(task, 1e-10)

    def error(self, coef: Array, truth: Array) -> float:
        """Largest difference of coefficients, relative to the largest one."""
        return float(np.max(np.abs(coef - truth)) / np.max(np.abs(truth)))


def _ours(task: Recovery, tol: float = 1e-6) -> Array:
    m = task.points.shape[1]
    operator = PenaltyOperator.of_dictionary(
        lie.monomials(2, m), lie.special_euclidean(m), task.points
    )
    return interpolate(operator, task.features, task.targets, tol=tol).coef


def _scs(task: Recovery) -> Array:
    """As the published study sets it up, without its limit of 2500 iterations."""
    import cvxpy

    m = task.points.shape[1]
    # (q, N, p): derivatives of every monomial along every generator.
    tensor = dictionary_operator(lie.monomials(2, m), lie.special_euclidean(m), task.points)
    q, rows, p = tensor.shape
    weights: Any = cvxpy.Variable(p)
    matrix = cvxpy.reshape(tensor.reshape(q * rows, p) @ weights, (q, rows), order="C")
    problem = cvxpy.Problem(
        cvxpy.Minimize(cvxpy.normNuc(matrix)), [task.features @ weights == task.targets]
    )
    problem.solve(solver=cvxpy.SCS, eps_abs=1e-6, eps_rel=1e-6, max_iters=100_000)
    answer: Array = np.asarray(weights.value)
    return answer


PROGRAMS: dict[str, Callable[[Recovery], Array]] = {"symkernel": _ours, SCS: _scs}

NUCLEAR_CASES = (
    NuclearCase(
        name="nuclear",
        title="least nuclear norm of Lie derivatives, se(20), degree 2, 231 monomials",
        m=20,
        quick_m=4,
        accuracy=1e-5,
    ),
)
