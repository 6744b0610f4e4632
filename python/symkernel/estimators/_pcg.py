"""Fit to all samples by conjugate gradients, and tell variances afterwards."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh

from symkernel.estimators._calibration import identical_rows, left_out_values
from symkernel.estimators._kernel import BoundKernel
from symkernel.estimators._large import KernelMatrix, LargeFit, NystroemFactor, Options
from symkernel.estimators._pcg_run import MatrixToSolve, Run
from symkernel.exceptions import ApproximationWarning
from symkernel.solvers.choose import SolverPlan
from symkernel.solvers.pcg import PCGSolution, warn_unconverged
from symkernel.solvers.ridge_factor import Explains
from symkernel.solvers.rpcholesky import uniform_pivots
from symkernel.solvers.whitening import Whitening

Array = NDArray[Any]

# Float32 values make noise of this share of the trace, which a ridge must exceed.
_SINGLE = 2.0**-23
# Samples whose variances are solved for exactly, and whose left-out values calibrate probabilities.
_EXACT, _LEFT_OUT = 64, 128


def fit_pcg(
    plan: SolverPlan,
    options: Options,
    bound: BoundKernel,
    X: Any,
    targets: Array,
    alpha: Any,
    sample_weight: Array | None,
) -> tuple[Array, Any, PCGFit]:
    """Fit to all samples: coefficients (n, t), the samples, and what is kept for later."""
    used = None if sample_weight is None else np.flatnonzero(sample_weight > 0)
    if used is not None and len(used) < len(targets):
        # Samples without weight take no part; their coefficients are 0.
        inner = X.tocsr() if hasattr(X, "tocsr") else X
        inner = inner[used]
        if isinstance(bound.kernel, str) and bound.kernel == "precomputed":
            inner = inner[:, used]
        assert sample_weight is not None
        found, _, large = fit_pcg(
            plan, options, bound, inner, targets[used], alpha, sample_weight[used]
        )
        dual_coef = np.zeros((len(targets), found.shape[1]), found.dtype)
        dual_coef[used] = found
        large.used = used
        return dual_coef, X, large
    alphas = np.ravel(alpha).astype(np.float64)
    words = f"pcg {plan.n_components} {alphas.tolist()} {options.tol} {options.precision}"
    kept = options.kept(
        bound, words, X if isinstance(X, np.ndarray) else None, targets, sample_weight
    )
    state = None if kept is None else kept.load()
    seed = options.seed() if state is None else int(state["seed"])
    placed = in_precision(X, bound, alphas, sample_weight, options.precision)
    matrix = KernelMatrix(bound, placed, options.n_jobs)
    run = Run(plan, options, matrix, alphas, sample_weight, seed, kept, state)
    solution = run.solve(targets)
    single = getattr(placed, "dtype", None) == np.float32
    if single and not solution.converged and options.precision == "auto":
        # Rounding of the values is in the way: go on from here in double precision.
        placed = X.astype(np.float64)
        matrix = KernelMatrix(bound, placed, options.n_jobs)
        run = Run(plan, options, matrix, alphas, sample_weight, seed)
        solution, single = run.solve(targets, solution.solution), False
    if kept is not None:
        kept.remove()
    warn_unconverged(solution, float(alphas.min()))
    large = PCGFit.of(plan, options, run, solution)
    dtype = np.float32 if single and targets.dtype == np.float32 else np.float64
    given = getattr(X, "dtype", None)
    same = given is not None and placed.dtype == given
    return solution.solution.astype(dtype), X if same or given is None else placed, large


def in_precision(
    X: Any, bound: BoundKernel, alphas: Array, sample_weight: Array | None, precision: str
) -> Any:
    """Return the samples in the precision that kernel values are computed in.

    Values in float32 are off by up to 2^-24 each, and their matrix by up to 2^-24 times its trace:
    with a smaller ridge than twice that conjugate gradients solve another system, or none.

    Raises
    ------
    ValueError
        If float32 was asked for and the ridge is smaller.
    """
    single = getattr(X, "dtype", None) == np.float32
    if precision == "float64":
        return X.astype(np.float64) if single else X
    if precision == "auto" and not single:
        return X
    if not isinstance(X, np.ndarray):
        if precision == "float32":
            raise ValueError('precision="float32" needs samples that are a NumPy array')
        return X
    rows = X.astype(np.float32, copy=False)
    values = KernelMatrix(bound, rows, None).diag().astype(np.float64)
    trace = float(values.sum() if sample_weight is None else values @ sample_weight)
    if float(alphas.min()) >= _SINGLE * trace:
        return rows
    if precision == "float32":
        raise ValueError(
            f'precision="float32" needs alpha of at least 2^-23 times the trace of the kernel '
            f"matrix, {_SINGLE * trace:.3g}: kernel values are rounded more coarsely than "
            f'alpha={alphas.min():.3g} resolves; use precision="float64" or a larger alpha'
        )
    return X.astype(np.float64)


@dataclass
class PCGFit(LargeFit):
    """How the system was solved, and its low-rank part for variances.

    Attributes
    ----------
    iterations, residuals
        Iterations, and relative residuals (t,).
    pivots : ndarray of int, shape (r,)
        Samples that the preconditioner was made of.
    low_rank : NystroemFactor
        Variances from these samples.
    used : ndarray of int, or None
        Samples with weight, where some have none.
    """

    plan: SolverPlan
    options: Options
    iterations: int
    residuals: Array
    pivots: NDArray[np.int64]
    low_rank: NystroemFactor
    alphas: Array
    weights: Array | None
    seed: int
    used: NDArray[np.intp] | None = None
    run: Run | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "run": None}

    @property
    def n_iter(self) -> int:
        """Iterations; at least 1, as scikit-learn wants it."""
        return max(1, self.iterations)

    @property
    def n_components(self) -> int:
        """Columns of the preconditioner."""
        return len(self.pivots)

    @classmethod
    def of(cls, plan: SolverPlan, options: Options, run: Run, solution: PCGSolution) -> PCGFit:
        """Keep what variances will need of a run."""
        F = run.factor.factor
        weighted = F if run.weights is None else F * np.sqrt(run.weights)[:, None]
        values, vectors = eigh(weighted.T @ weighted) if F.shape[1] else (np.zeros(0), F[:0])
        low_rank = NystroemFactor(
            Whitening(run.factor.triangle), np.maximum(values, 0.0), vectors, run.alphas
        )
        return cls(
            plan,
            options,
            solution.iterations,
            solution.residuals,
            run.factor.pivots,
            low_rank,
            run.alphas,
            run.weights,
            run.seed,
        )

    def explaining(self, machine: Any, m: int) -> tuple[Explains, Any]:
        """Return exact variances of few samples, from solutions; else those of the low-rank part.

        The system is set up again at the first call, and kept then, but not in pickles.
        """
        if m <= _EXACT and len(self.alphas) == 1:
            return _SolvedFactor(self._run(machine), self.used), machine.X_fit_
        why = f"of {m} samples" if len(self.alphas) == 1 else "with one alpha per target"
        warnings.warn(
            f"Standard deviations {why} come from the {len(self.pivots)} samples of the "
            "preconditioner, and are too large where these do not tell all; up to "
            f'{_EXACT} samples at a time, or solver="cholesky", have exact ones.',
            ApproximationWarning,
            stacklevel=5,
        )
        return self._from_pivots(machine)

    def _from_pivots(self, machine: Any) -> tuple[Explains, Any]:
        return self.low_rank, self._samples(machine)[self.pivots]

    def left_out(self, machine: Any, targets: Array) -> tuple[NDArray[np.intp], Array]:
        """Return exact values at 128 samples of the fit without each and its copies."""
        X = self._samples(machine)
        n = len(machine.dual_coef_) if self.used is None else len(self.used)
        rows = np.sort(uniform_pivots(n, _LEFT_OUT, self.seed))
        units = np.zeros((n, len(rows)))
        units[rows, np.arange(len(rows))] = 1.0
        weights = np.ones(n) if self.weights is None else self.weights.astype(np.float64)
        # Solutions carry S on both sides: (A^-1)_ii = (S A^-1 S)_ii / w_i.
        inverse = np.full(n, np.nan)
        inverse[rows] = self._run(machine).solve_quietly(units)[rows, np.arange(len(rows))]
        inverse[rows] /= weights[rows]
        all_of = np.arange(n) if self.used is None else self.used
        values = left_out_values(
            machine.dual_coef_.reshape(len(machine.dual_coef_), -1)[all_of].astype(np.float64),
            inverse,
            float(self.alphas[0]),
            targets[all_of],
            weights,
            identical_rows(X),
        )
        return all_of[rows], values[rows]

    def _samples(self, machine: Any) -> Any:
        X = machine.X_fit_
        if self.used is None:
            return X
        X = X.tocsr() if hasattr(X, "tocsr") else X
        bound = machine._fitted.bound
        if isinstance(bound.kernel, str) and bound.kernel == "precomputed":
            return X[np.ix_(self.used, self.used)]
        return X[self.used]

    def _matrix(self, machine: Any) -> MatrixToSolve:
        return KernelMatrix(machine._fitted.bound, self._samples(machine), self.options.n_jobs)

    def _run(self, machine: Any) -> Run:
        if self.run is None:
            self.run = Run(
                self.plan,
                self.options,
                self._matrix(machine),
                self.alphas,
                self.weights,
                self.seed,
                pivots=self.pivots,
            )
        return self.run


class _SolvedFactor(Explains):
    """Variances by solving for the covariances of every sample that is asked for."""

    def __init__(self, run: Run, used: NDArray[np.intp] | None) -> None:
        self._run, self._used = run, used
        self.error = run.options.tol

    def explained(self, cross: Any) -> Any:
        """Return k^T S A^-1 S k, (m, 1)."""
        columns = np.asarray(cross if self._used is None else cross[:, self._used]).T
        found = self._run.solve_quietly(columns.astype(np.float64))
        return np.einsum("nm,nm->m", columns, found)[:, None]
