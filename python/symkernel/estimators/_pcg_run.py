"""Set up a system for conjugate gradients, and run them with progress and checkpoints."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from symkernel.estimators._large import Options
from symkernel.estimators._progress import Progress
from symkernel.solvers.checkpoint import Checkpoint
from symkernel.solvers.choose import SolverPlan
from symkernel.solvers.pcg import (
    PCGSolution,
    PCGState,
    SymmetricOperator,
    solve_pcg,
    warn_unconverged,
)
from symkernel.solvers.rpcholesky import (
    KernelColumns,
    PivotedFactor,
    factor_at,
    rpcholesky,
    uniform_pivots,
)

Array = NDArray[Any]

# Share of the ridge that the preconditioner may leave of a sample's kernel value, on average.
_LEFT = 0.1
# Variances are small differences: their solutions are taken to this share of the tolerance.
_FINER = 1e-2
# Iterations, or seconds, between two states that are kept.
_KEPT_EVERY, _KEPT_AFTER = 10, 60.0


class MatrixToSolve(SymmetricOperator, Protocol):
    """A matrix that is computed, that tells its columns, and that can be stored."""

    @property
    def columns_of(self) -> KernelColumns:
        """Its columns, as ``rpcholesky`` takes them."""
        ...

    def stored(self) -> SymmetricOperator:
        """Return it with its entries in memory."""
        ...


class Run:
    """A system that is ready to be solved: its operator and its preconditioner."""

    def __init__(
        self,
        plan: SolverPlan,
        options: Options,
        matrix: MatrixToSolve,
        alphas: Array,
        sample_weight: Array | None,
        seed: int,
        kept: Checkpoint | None = None,
        state: dict[str, Array] | None = None,
        pivots: NDArray[np.int64] | None = None,
    ) -> None:
        self.options, self.alphas, self.weights, self.seed = options, alphas, sample_weight, seed
        self._kept, self._state = kept, state
        self.factor = _factor(matrix.columns_of, plan.n_components, options, alphas, seed, pivots)
        self.operator = matrix.stored() if plan.stored else matrix

    def solve(self, targets: Array, start: Array | None = None) -> PCGSolution:
        """Solve for targets, showing progress and keeping states."""
        options = self.options
        with Progress(options.max_iter, "conjugate gradients", options.verbose > 0) as progress:
            return solve_pcg(
                self.operator,
                targets,
                self.alphas,
                self.weights,
                low_rank=self.factor,
                start=start,
                tol=options.tol,
                max_iter=options.max_iter,
                callback=self._after(progress),
                resume=None if self._state is None else PCGState.from_arrays(self._state),
            )

    def solve_quietly(self, columns: Array) -> Array:
        """Solve for other columns, with the first ridge, without progress and states."""
        found = solve_pcg(
            self.operator,
            columns,
            float(self.alphas[0]),
            self.weights,
            low_rank=self.factor,
            tol=_FINER * self.options.tol,
            max_iter=self.options.max_iter,
        )
        warn_unconverged(found, float(self.alphas[0]))
        return found.solution

    def _after(self, progress: Progress) -> Callable[[PCGState], None]:
        last = time.monotonic()

        def after(state: PCGState) -> None:
            nonlocal last
            progress.step(f"residual {state.worst:.2g}")
            late = time.monotonic() - last > _KEPT_AFTER
            if self._kept is not None and (late or state.iteration % _KEPT_EVERY == 0):
                self._kept.save({"seed": np.array(self.seed), **state.arrays()})
                last = time.monotonic()

        return after


def _factor(
    columns: KernelColumns,
    rank: int,
    options: Options,
    alphas: Array,
    seed: int,
    pivots: NDArray[np.int64] | None,
) -> PivotedFactor:
    if pivots is not None:
        return factor_at(columns, pivots)
    diagonal = np.asarray(columns.diag(), np.float64)
    if options.centers == "uniform":
        return factor_at(columns, uniform_pivots(len(diagonal), rank, seed))
    trace = float(diagonal.sum())
    # Columns beyond those that leave a tenth of the ridge would change next to nothing.
    tol = _LEFT * float(alphas.min()) * len(diagonal) / trace if trace > 0.0 else 0.0
    return rpcholesky(columns, rank, tol=min(tol, 1.0), random_state=seed)
