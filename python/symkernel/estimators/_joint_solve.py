"""Solve the system of values and gradients, by its factor or by conjugate gradients."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from symkernel.backends.packed import LARGEST_FACTORED
from symkernel.estimators._large import NystroemFactor, Options
from symkernel.estimators._pcg import PCGFit
from symkernel.estimators._pcg_run import MatrixToSolve, Run
from symkernel.estimators._solvers import memory_for
from symkernel.exceptions import NotApplicableError
from symkernel.kernels.joint import Observations
from symkernel.solvers.choose import SolverPlan, Task, plan_iterations
from symkernel.solvers.matrices import PackedMatrix
from symkernel.solvers.pcg import SymmetricOperator, warn_unconverged
from symkernel.solvers.ridge import solve_ridge
from symkernel.solvers.ridge_factor import Explains
from symkernel.solvers.ridge_packed import solve_ridge_packed

Array = NDArray[Any]


class System(Protocol):
    """Observations, and the matrix of their covariances."""

    @property
    def observed(self) -> Observations:
        """What was observed."""
        ...

    def packed(self, n_jobs: int | None) -> Array:
        """Return the matrix in packed form."""
        ...

    def full(self, n_jobs: int | None) -> Array:
        """Return the matrix, all of it."""
        ...

    def operator(self, n_jobs: int | None) -> Any:
        """Return the matrix as products with it, and its columns."""
        ...


@dataclass
class SolvedJointly:
    """Coefficients (N,) of all observations, how they were found, and what is kept."""

    coefficients: Array
    plan: SolverPlan
    large: PCGFit | None
    n_iter: int


def solve_jointly(
    options: Options, system: System, targets: Array, alpha: float, shares: Array | None
) -> SolvedJointly:
    """Solve for the coefficients of values and gradients.

    Parameters
    ----------
    options : Options
    system : System
    targets : ndarray of shape (N,)
    alpha : float
    shares : ndarray of shape (N,) or None
        Weights.

    Raises
    ------
    NotApplicableError
        For ``solver="nystroem"``.
    MemoryError
        If there is too little memory for the method, or for any.
    """
    if options.solver == "nystroem":
        raise NotApplicableError(
            'solver="nystroem" takes centres from samples with values; gradients are fitted by '
            'solver="cholesky" or "pcg"'
        )
    plan, start = _plan(options, system), perf_counter()
    if plan.method == "cholesky":
        found, large = _factored(system, targets[:, None], alpha, shares, options.n_jobs), None
    else:
        seed, alphas = options.seed(), np.array([alpha])
        matrix = StoredOrNot(system, options.n_jobs)
        words = f"joint pcg {plan.n_components} {alpha} {options.tol}"
        kept = options.kept_as(words, system.observed.X, targets, shares)
        state = None if kept is None else kept.load()
        seed = seed if state is None else int(state["seed"])
        run = Run(plan, options, matrix, alphas, shares, seed, kept, state)
        solution = run.solve(targets[:, None])
        if kept is not None:
            kept.remove()
        warn_unconverged(solution, alpha)
        found, large = solution.solution, JointPCGFit.of(plan, options, run, solution)
        plan = replace(plan, n_components=large.n_components)
    plan = replace(plan, seconds=perf_counter() - start)
    return SolvedJointly(found[:, 0], plan, large, 1 if large is None else large.n_iter)


def _plan(options: Options, system: System) -> SolverPlan:
    """Cholesky where one triangle fits, conjugate gradients where it does not."""
    n, width = len(system.observed), int(system.observed.X.shape[1])
    task = Task(n, math.nan, width, n_components=options.n_components)
    memory, named = memory_for(options)
    packed = 8 * (n * (n + 1) // 2)
    pairs = n * (n + 1) / 2
    factored = SolverPlan("cholesky", n, 0, True, pairs, packed, math.nan)
    fits = packed <= memory or (options.solver == "cholesky" and options.memory_limit is None)
    if options.solver == "cholesky" or (options.solver == "auto" and fits):
        if not fits:
            other = plan_iterations(task, memory).bytes
            raise MemoryError(
                f"{named} is too little for the joint matrix of {n:,} observations, {packed:,} "
                f'bytes; solver="pcg" takes {other:,}'
            )
        reason = "it was asked for" if options.solver == "cholesky" else "its factor fits in memory"
        return replace(factored, reason=reason)
    plan = plan_iterations(task, memory)
    if plan.bytes > memory:
        least = min(plan, factored, key=lambda each: each.bytes)
        columns = f" with n_components={plan.n_components}" if least is plan else ""
        raise MemoryError(
            f"{named} is too little for {n:,} observations by any method: the least is "
            f"{least.bytes:,} bytes, by solver={least.method!r}{columns}"
        )
    reason = "it was asked for" if options.solver == "pcg" else "no factor fits in memory"
    return replace(plan, reason=reason)


def _factored(
    system: System, targets: Array, alpha: float, shares: Array | None, n_jobs: int | None
) -> Array:
    found = None
    if len(targets) <= LARGEST_FACTORED:
        found = solve_ridge_packed(system.packed(n_jobs), targets, alpha, shares)
    if found is None:
        found = solve_ridge(system.full(n_jobs), targets, alpha, shares)
    return found


class StoredOrNot:
    """The joint matrix, by products that compute its entries until it is stored."""

    def __init__(self, system: System, n_jobs: int | None) -> None:
        self._system, self._n_jobs = system, n_jobs
        self.columns_of = system.operator(n_jobs)

    def __len__(self) -> int:
        return len(self._system.observed)

    def matvec(self, V: Array) -> Array:
        """Return the product (N, k) with columns V (N, k)."""
        return np.asarray(self.columns_of.matvec(V))

    def stored(self) -> SymmetricOperator:
        """Return the matrix in packed form."""
        return PackedMatrix(self._system.packed(self._n_jobs), len(self))


@dataclass
class JointPCGFit(PCGFit):
    """How a system of values and gradients was solved."""

    def _matrix(self, machine: Any) -> MatrixToSolve:
        return StoredOrNot(machine._fitted.system, self.options.n_jobs)

    def _from_pivots(self, machine: Any) -> tuple[Explains, Any]:
        return _OfPivots(self.low_rank, self.pivots), machine.X_fit_


class _OfPivots(Explains):
    """Variances from some of the observations, of covariances with all."""

    def __init__(self, low_rank: NystroemFactor, pivots: NDArray[np.int64]) -> None:
        self._low_rank, self._pivots = low_rank, pivots

    def explained(self, cross: Any) -> Any:
        """Return what is explained of the variance, (m, 1)."""
        return self._low_rank.explained(cross[:, self._pivots])
