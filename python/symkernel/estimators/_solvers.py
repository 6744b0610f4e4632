"""Read the solver options of estimators, plan a fit by them, and send it to its solver."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse

from symkernel.backends import memory as of_machine
from symkernel.backends.arrays import is_on_device
from symkernel.estimators._centers import CENTERS
from symkernel.estimators._kernel import BoundKernel, KernelSpec
from symkernel.estimators._large import LargeFit, Options
from symkernel.estimators._nystroem import fit_nystroem
from symkernel.estimators._pcg import fit_pcg
from symkernel.exceptions import ApproximationWarning, NotApplicableError
from symkernel.kernels import InvariantKernel
from symkernel.solvers.choose import (
    SOLVERS,
    SolverPlan,
    Task,
    choose_solver,
    most_centres,
    plan_unmeasured,
    tried_centres,
)
from symkernel.solvers.ridge import one_per_target
from symkernel.validation import as_count, as_number

Array = NDArray[Any]

# Rows on either side of the kernel values that are timed, where no plan knows their time.
_TIMED = 48
# Of the memory that the system says is available, what a fit may plan with by itself.
_SHARE = 0.8


def read_options(estimator: Any) -> Options:
    """Check the solver options of an estimator.

    Raises
    ------
    TypeError, ValueError
        If one is not what is expected.
    """
    e = estimator
    if e.solver not in SOLVERS:
        raise ValueError(f"solver must be one of {_list(SOLVERS)}, got {e.solver!r}")
    if not isinstance(e.centers, str) or e.centers not in CENTERS:
        raise ValueError(
            f"centers must be {_list(CENTERS)}, got {e.centers!r}; centres that are given are "
            "taken by InvariantNystroem, before any linear model"
        )
    if e.precision not in ("auto", "float32", "float64"):
        raise ValueError(f"precision must be 'auto', 'float32' or 'float64', got {e.precision!r}")
    if e.checkpoint is not None and not isinstance(e.checkpoint, str | Path):
        raise TypeError(f"checkpoint must be the path of a file or None, got {e.checkpoint!r}")
    limit = e.memory_limit
    return Options(
        solver=e.solver,
        n_components=None if e.n_components is None else as_count(e.n_components, "n_components"),
        centers=e.centers,
        tol=as_number(e.tol, "tol", 0.0),
        max_iter=as_count(e.max_iter, "max_iter"),
        precision=e.precision,
        memory_limit=None if limit is None else as_number(limit, "memory_limit", 0.0, strict=True),
        checkpoint=e.checkpoint,
        verbose=int(e.verbose),
        random_state=e.random_state,
        n_jobs=e.n_jobs,
    )


def _list(names: tuple[str, ...]) -> str:
    return ", ".join(repr(name) for name in names)


@dataclass(frozen=True)
class Solved:
    """Coefficients (m, t), the samples (m, ...) they belong to, and what a large fit keeps.

    `plan` says how many columns of the preconditioner, or centres, were found.
    """

    dual_coef: Array
    centres: Any
    large: LargeFit
    plan: SolverPlan


class ChoosesSolver:
    """Mixin of estimators with the option ``solver``."""

    solver: str
    solver_plan_: SolverPlan

    _spec: Any  # of KernelMachine

    def solver_plan(
        self, n: int, n_features: int | None = None, *, n_targets: int = 1
    ) -> SolverPlan:
        """Tell how a fit would be solved: method, kernel values, memory, time, and why.

        Parameters
        ----------
        n : int
            Number of samples.
        n_features : int, optional
            Numbers per sample; needed unless a group says how many there are.
        n_targets : int, default=1
            Columns of y.

        Returns
        -------
        SolverPlan
            Readable; its attributes are ``method``, ``pairs``, ``bytes``, ``seconds``, ``reason``.

        Raises
        ------
        MemoryError
            If `memory_limit`, or what there is, is too little; says what the least is.
        ValueError
            If the number of features is not known.

        Notes
        -----
        Times are estimated from rates of this machine, measured once a process, and from the plan
        of the kernel; conjugate gradients are counted with 30 iterations.

        Examples
        --------
        >>> from symkernel import InvariantKernelRidge, groups
        >>> model = InvariantKernelRidge(group=groups.Cyclic(8))
        >>> model.solver_plan(10**7).method
        'nystroem'
        """
        spec: KernelSpec = self._spec()
        options = read_options(self)
        n = as_count(n, "n")
        named = spec.named_group
        degree = getattr(named, "degree", None)
        d = degree if n_features is None else as_count(n_features, "n_features")
        if d is None:
            raise ValueError(
                f"n_features must be given: group={named!r} does not say how many features samples "
                "have"
            )
        if spec.of_sets or spec.precomputed:
            raise NotApplicableError(
                f"kernel={spec.kernel!r} has no samples of a fixed number of features to plan for; "
                "solver_plan_ tells after fit"
            )
        bound = spec.bind(d)
        task = _task(bound, options, n, d, n_targets, 1, _seconds_per_pair(bound, None, d))
        return choose_solver(task, options.solver, *memory_for(options))


@contextmanager
def _timed(took: list[float]) -> Iterator[None]:
    start = perf_counter()
    yield
    took.append(perf_counter() - start)


def plan_fit(
    options: Options, bound: BoundKernel, X: Any, n_targets: int, alpha: Any
) -> SolverPlan:
    """Plan the fit to samples; times are measured only where they decide.

    Raises
    ------
    NotApplicableError
        If the method does not apply to these samples.
    MemoryError
        If there is too little memory for it.
    """
    n = X.shape[0]
    d = 1 if len(X.shape) < 2 else int(X.shape[1])
    methods = _methods(bound, X)
    if options.solver not in ("auto", *methods):
        refuse_method(options.solver, bound)
    alphas = len(np.unique(np.ravel(alpha)))
    task = _task(bound, options, n, d, n_targets, alphas, math.nan)
    task = replace(task, methods=methods)
    memory, named = memory_for(options)
    if is_on_device(X) or (options.solver == "cholesky" and options.memory_limit is None):
        memory = math.inf  # checked before the matrix is allocated, where it is
    plan = plan_unmeasured(task, options.solver, memory)
    if plan is None:
        task = replace(task, seconds_per_pair=_seconds_per_pair(bound, X, d))
        plan = choose_solver(task, options.solver, memory, named)
    if options.solver == "auto" and plan.method == "nystroem":
        warnings.warn(
            f"{plan.n:,} samples are fitted on centres, an approximation, because {plan.reason}; "
            'solver="nystroem" or "pcg" asks for a method by name.',
            ApproximationWarning,
            stacklevel=5,
        )
    return plan


def plan_centres(
    options: Options, bound: BoundKernel, shape: tuple[int, int], n_targets: int
) -> SolverPlan:
    """Plan a fit on centres to samples that are not in memory: at most so many, if not given.

    Raises
    ------
    MemoryError
        If there is too little memory for it.
    """
    n, d = shape
    task = _task(bound, options, n, d, n_targets, 1, _seconds_per_pair(bound, None, d))
    plan = choose_solver(replace(task, methods=("nystroem",)), "nystroem", *memory_for(options))
    if options.n_components is None:
        plan = replace(plan, n_components=most_centres(task, memory_for(options)[0]))
    return replace(plan, reason="samples are not in memory")


def refuse_method(method: str, bound: BoundKernel) -> NoReturn:
    """Raise the error of a method that samples do not allow."""
    raise NotApplicableError(_REFUSED[method].format(kernel=bound.kernel))


_REFUSED = {
    "pcg": 'solver="pcg" computes on the host, of NumPy arrays; kernel={kernel!r} is on a GPU',
    "nystroem": 'solver="nystroem" needs samples that are rows of features on the host, of which '
    'it takes centres: kernel={kernel!r} with these samples has none; use solver="pcg" or '
    '"cholesky"',
}


def _methods(bound: BoundKernel, X: Any) -> tuple[str, ...]:
    """Methods that these samples allow."""
    if is_on_device(X):
        return ("cholesky",)
    precomputed = isinstance(bound.kernel, str) and bound.kernel == "precomputed"
    if precomputed or issparse(X) or not isinstance(X, np.ndarray):
        return ("cholesky", "pcg")
    return ("cholesky", "pcg", "nystroem")


def _task(
    bound: BoundKernel,
    options: Options,
    n: int,
    d: int,
    n_targets: int,
    n_alphas: int,
    seconds: float,
) -> Task:
    return Task(n, seconds, d, n_targets, n_alphas, bound.packs, options.n_components)


def memory_for(options: Options) -> tuple[float, str]:
    """Bytes that a fit may take, and what they are called."""
    if options.memory_limit is not None:
        return options.memory_limit, f"memory_limit={options.memory_limit:g} bytes"
    available = of_machine.available_bytes()
    if available is None:
        return math.inf, ""
    return _SHARE * available, f"{_SHARE * available / 1e9:.3g} GB, of the memory there is,"


def _seconds_per_pair(bound: BoundKernel, X: Any, d: int) -> float:
    """Time of a kernel value: by the plan of the kernel, or measured where it does not say."""
    if isinstance(bound.kernel, InvariantKernel):
        estimate = bound.kernel.plan(d, n=1000, m=1000).estimate
        if estimate is not None and not math.isnan(estimate.seconds):
            return float(estimate.seconds) / 1e6
    if isinstance(bound.kernel, str) and bound.kernel == "precomputed":
        return 0.0
    rows = np.random.default_rng(0).uniform(size=(_TIMED, d)) if X is None else X[:_TIMED]
    took: list[float] = []
    for _ in range(3):
        with _timed(took):
            bound.cross(rows, rows, None)
    return sorted(took)[1] / float(rows.shape[0]) ** 2


def solve_large(
    plan: SolverPlan,
    options: Options,
    bound: BoundKernel,
    X: Any,
    targets: Array,
    alpha: Any,
    sample_weight: Array | None,
) -> Solved:
    """Fit by the method of a plan that is not Cholesky."""
    one_per_target(alpha, targets.shape[1])
    given = (options, bound, X, targets, alpha, sample_weight)
    if plan.method == "pcg":
        dual_coef, centres, large = fit_pcg(plan, *given)
        return Solved(dual_coef, centres, large, replace(plan, n_components=large.n_components))
    task = _task(bound, options, plan.n, int(X.shape[1]), targets.shape[1], 1, math.nan)
    most = plan
    if options.n_components is None:
        most = replace(plan, n_components=most_centres(task, memory_for(options)[0]))
    dual_coef, centres, fit = fit_nystroem(most, *given)
    found = replace(plan, n_components=fit.n_components)
    if fit.tried:
        found = tried_centres(plan, task, fit.tried)
    return Solved(dual_coef, centres, fit, found)
