"""Choose how a ridge system is solved, by the time and the memory that each way takes here."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from time import perf_counter

import numpy as np

from symkernel.backends.packed import LARGEST_FACTORED
from symkernel.plans.estimate import in_bytes, in_seconds
from symkernel.solvers.chunks import rows_per_chunk

__all__ = [
    "SOLVERS",
    "SolverPlan",
    "Task",
    "choose_solver",
    "default_rank",
    "most_centres",
    "plan_iterations",
    "plan_unmeasured",
    "searched",
    "tried_centres",
]

SOLVERS = ("auto", "cholesky", "pcg", "nystroem")

# Samples up to which a Cholesky factor takes a second or two: nothing is measured for them.
_FEW = 5000
# Seconds that a fit to all data may take before an approximation is preferred.
_PATIENCE = 600.0
# Iterations of conjugate gradients that are counted on. Rank n / 10 took 4 to 20 in the cases
# tried, energies of molecules with ridges from 1e-4 to 1e-8.
_ITERATIONS = 30
# Components of a preconditioner where none are asked for: a tenth of the samples, within bounds.
_LEAST_RANK, _MOST_RANK = 100, 1000
# Components of a Nystroem fit that an estimate counts on where their number is to be found, and
# the least there is any point in.
_COMPONENTS, _LEAST_COMPONENTS = 1000, 10
# Up to how many are tried where their number is to be found.
_MOST_COMPONENTS = 4000
# Samples among which centres are looked for: so many at most, whose factor takes so many numbers,
# but so many for each centre.
_AMONG, _AMONG_ENTRIES, _AMONG_EACH = 20_000, 2**22, 10
_DOUBLE = 8
# Of the rate of a product of matrices that a Cholesky factorisation, of n^3 / 6 multiply-adds,
# reaches, and how many multiply-adds an eigendecomposition takes, as m^3.
_SHARE_OF_CHOLESKY, _EIGEN = 0.6, 12.0
# Vectors of length n that conjugate gradients keep per right-hand side.
_VECTORS = 8


@dataclass(frozen=True)
class Task:
    """What is to be fitted.

    Parameters
    ----------
    n : int
        Samples, or observations.
    seconds_per_pair : float
        Time of one kernel value on the threads that are used.
    n_features : int, default=1
        Numbers per sample.
    n_targets : int, default=1
    n_alphas : int, default=1
        Different ridges among them.
    packs : bool, default=True
        Whether one triangle of the matrix can be computed and factored.
    n_components : int, optional
        Columns of an approximation, where they are given.
    methods : tuple of str
        Methods that may be chosen.
    """

    n: int
    seconds_per_pair: float
    n_features: int = 1
    n_targets: int = 1
    n_alphas: int = 1
    packs: bool = True
    n_components: int | None = None
    methods: tuple[str, ...] = ("cholesky", "pcg", "nystroem")


@dataclass(frozen=True)
class SolverPlan:
    """How a system is solved, what that takes, and why.

    Attributes
    ----------
    method : str
        "cholesky", "pcg" or "nystroem".
    n : int
        Samples.
    n_components : int
        Columns of the preconditioner or of the approximation; 0 for "cholesky".
    stored : bool
        Whether the kernel matrix is stored; conjugate gradients compute it anew in each iteration
        otherwise.
    pairs : float
        Kernel values that are computed.
    bytes : int
        Memory beside the samples.
    seconds : float
        Estimate of the time on this machine; after fit it is the time that was taken.
    reason : str
        Why this method.
    others : tuple of str
        What the other methods would take.
    """

    method: str
    n: int
    n_components: int
    stored: bool
    pairs: float
    bytes: int
    seconds: float
    reason: str = ""
    others: tuple[str, ...] = ()

    @property
    def _takes(self) -> str:
        return f"{in_seconds(self.seconds)}, {in_bytes(self.bytes)}"

    def __str__(self) -> str:
        how = {
            "cholesky": "Cholesky factor of the kernel matrix",
            "pcg": f"conjugate gradients, preconditioner of {self.n_components:,} columns, matrix "
            + ("stored" if self.stored else "computed in each iteration"),
            "nystroem": f"one pass over the samples, {self.n_components:,} centres",
        }[self.method]
        lines = [
            f"method={self.method!r} for {self.n:,} samples: {how}",
            f"{self.pairs:.3g} kernel values, about {self._takes}",
        ]
        if self.reason:
            lines.append(f"because {self.reason}")
        if self.others:
            lines.append(f"others: {'; '.join(self.others)}")
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"<SolverPlan: {self}>"


def default_rank(n: int) -> int:
    """Return how many columns a preconditioner has where none are asked for."""
    return min(n, max(_LEAST_RANK, min(_MOST_RANK, n // 10)))


def choose_solver(
    task: Task, solver: str = "auto", memory: float = math.inf, named: str = ""
) -> SolverPlan:
    """Choose a method, or plan the one that is asked for.

    Parameters
    ----------
    task : Task
    solver : {"auto", "cholesky", "pcg", "nystroem"}, default="auto"
        With "auto", Cholesky up to 5,000 samples; beyond, the faster of Cholesky and conjugate
        gradients, which solve the same system; a Nystroem fit, which is an approximation, where
        neither fits in memory or both take more than ten minutes.
    memory : float, default=inf
        Bytes there are.
    named : str, optional
        What the bytes are called in messages.

    Returns
    -------
    SolverPlan
        Times are estimates from rates of this machine, measured once a process in about 30 ms.

    Raises
    ------
    MemoryError
        If the method, or any, needs more memory; the message says which needs the least.

    Examples
    --------
    >>> from symkernel.solvers.choose import Task, choose_solver
    >>> choose_solver(Task(1000, 1e-8)).method, choose_solver(Task(10**7, 1e-7)).method
    ('cholesky', 'nystroem')
    """
    unmeasured = plan_unmeasured(task, solver, memory)
    if unmeasured is not None:
        return replace(_cholesky(task, _rates()), reason=unmeasured.reason)
    rates = _rates()
    plans = {name: _PLANS[name](task, rates, memory) for name in task.methods}
    fitting = {name: plan for name, plan in plans.items() if plan.bytes <= memory}
    wanted = plans if solver == "auto" else {solver: plans[solver]}
    if not any(name in fitting for name in wanted):
        raise MemoryError(_too_small(task, solver, memory, named, plans))
    if solver != "auto":
        return _with_others(plans[solver], "it was asked for", plans, memory)
    exact = [plan for name, plan in fitting.items() if name != "nystroem"]
    best = min(exact, key=lambda plan: plan.seconds) if exact else None
    if best is not None and (best.seconds <= _PATIENCE or "nystroem" not in fitting):
        reason = "it is the fastest that solves for all samples"
        return _with_others(best, reason, plans, memory)
    if len(plans) == 1:
        reason = "no other method applies"
    elif best is None:
        reason = f"no other fits in {in_bytes(int(memory))}"
    else:
        reason = f"solving for all samples takes more than {in_seconds(_PATIENCE)}"
    return _with_others(plans["nystroem"], reason, plans, memory)


Rates = tuple[float, float]


def _cholesky(task: Task, rates: Rates, memory: float = math.inf) -> SolverPlan:
    n = task.n
    work = task.n_alphas * n**3 / 6.0 / _SHARE_OF_CHOLESKY + 2.0 * n * n * task.n_targets
    pairs = n * (n + 1) / 2
    seconds = pairs * task.seconds_per_pair + work / rates[0]
    return SolverPlan("cholesky", n, 0, True, pairs, _bytes_of_cholesky(task), seconds)


def _bytes_of_cholesky(task: Task) -> int:
    n = task.n
    packed = task.packs and task.n_alphas == 1 and n <= LARGEST_FACTORED
    return _DOUBLE * (n * (n + 1) // 2 if packed else n * n)


def _pcg(task: Task, rates: Rates, memory: float) -> SolverPlan:
    n, k = task.n, task.n_targets
    rank = default_rank(n) if task.n_components is None else min(n, task.n_components)
    vectors = _DOUBLE * n * (_VECTORS * k + 3 * task.n_features)
    while True:
        bare = _DOUBLE * (n * rank + 3 * rank * rank) + vectors
        if bare <= memory or task.n_components is not None or rank <= min(n, _LEAST_RANK):
            break
        rank = max(min(n, _LEAST_RANK), rank // 2)
    matrix = _DOUBLE * (n * (n + 1) // 2 if task.packs else n * n)
    stored = bare + matrix <= memory
    products = _ITERATIONS + _ITERATIONS // 10 + 2
    pairs = float(rank * n) + n * (n + 1) / 2 * (1 if stored else products)
    work = 1.5 * n * rank**2 + _EIGEN * rank**3 + _ITERATIONS * 2.0 * n * rank * k
    reads = (n * n / 2 * products * max(1.0, k / 4)) if stored else 0.0
    seconds = pairs * task.seconds_per_pair + work / rates[0] + reads / rates[1]
    size = bare + (matrix if stored else 0)
    return SolverPlan("pcg", n, rank, stored, pairs, size, seconds)


def plan_iterations(task: Task, memory: float) -> SolverPlan:
    """Return the plan of conjugate gradients, with as many columns as memory has room for."""
    return _pcg(task, (math.inf, math.inf), memory)


def _nystroem(task: Task, rates: Rates, memory: float) -> SolverPlan:
    n = task.n
    m = min(n, _COMPONENTS if task.n_components is None else task.n_components)
    if task.n_components is None:
        m = _that_fit(task, m, memory)
    among = searched(n, m)
    pairs = float(m) * n + float(m) * among
    work = 1.0 * n * m**2 + 1.5 * among * m**2 + _EIGEN * m**3
    seconds = pairs * task.seconds_per_pair + work / rates[0]
    return SolverPlan("nystroem", n, m, False, pairs, _bytes_of_nystroem(task, m), seconds)


def _that_fit(task: Task, m: int, memory: float) -> int:
    least = min(task.n, _LEAST_COMPONENTS)
    while _bytes_of_nystroem(task, m) > memory and m > least:
        m = max(least, m // 2)
    return m


def most_centres(task: Task, memory: float) -> int:
    """Return up to how many centres are tried where their number is to be found."""
    return _that_fit(task, min(task.n, _MOST_COMPONENTS), memory)


def tried_centres(plan: SolverPlan, task: Task, tried: tuple[int, ...]) -> SolverPlan:
    """Return the plan of a fit that tried these numbers of centres, and kept the last."""
    pairs = float(sum(m * (task.n + searched(task.n, m)) for m in tried))
    size = max(_bytes_of_nystroem(task, m) for m in tried)
    return replace(plan, n_components=tried[-1], pairs=pairs, bytes=size)


def _bytes_of_nystroem(task: Task, m: int) -> int:
    n, d = task.n, task.n_features
    chunk = min(n, rows_per_chunk(m, d)) * (2 * m + 5 * d)
    return _DOUBLE * (4 * m * m + max(searched(n, m) * m, chunk) + 2 * m * task.n_targets)


def searched(n: int, n_components: int) -> int:
    """Return among how many of n samples so many centres are looked for."""
    most = min(_AMONG, _AMONG_ENTRIES // max(1, n_components))
    return min(n, max(_AMONG_EACH * n_components, most))


def plan_unmeasured(task: Task, solver: str, memory: float) -> SolverPlan | None:
    """Return the plan where no time has to be known for it: of few samples, or of Cholesky.

    None where times decide, or the memory is too small.
    """
    few = solver == "auto" and task.n <= _FEW and "cholesky" in task.methods
    size = _bytes_of_cholesky(task)
    if not (few or solver == "cholesky") or size > memory:
        return None
    reason = f"there are at most {_FEW:,} samples" if few else "it was asked for"
    pairs = task.n * (task.n + 1) / 2
    return SolverPlan("cholesky", task.n, 0, True, pairs, size, math.nan, reason)


_PLANS: dict[str, Callable[[Task, Rates, float], SolverPlan]] = {
    "cholesky": _cholesky,
    "pcg": _pcg,
    "nystroem": _nystroem,
}


def _with_others(
    plan: SolverPlan, reason: str, plans: dict[str, SolverPlan], memory: float
) -> SolverPlan:
    others = tuple(
        f"{name} {other._takes}" + (" (too much)" if other.bytes > memory else "")
        for name, other in plans.items()
        if name != plan.method
    )
    return replace(plan, reason=reason, others=others)


def _too_small(
    task: Task, solver: str, memory: float, named: str, plans: dict[str, SolverPlan]
) -> str:
    least = min(plans.values(), key=lambda plan: plan.bytes)
    there = named or f"{in_bytes(int(memory))} of memory"
    columns = f" with n_components={least.n_components}" if least.n_components else ""
    if solver != "auto" and least.bytes <= memory:
        what = f"solver={solver!r}, which takes {in_bytes(plans[solver].bytes)}"
        return (
            f"{there} is too little for {task.n:,} samples by {what}; "
            f"solver={least.method!r}{columns} takes {in_bytes(least.bytes)}"
        )
    return (
        f"{there} is too little for {task.n:,} samples by any method: the least is "
        f"{in_bytes(least.bytes)}, by solver={least.method!r}{columns}"
    )


@lru_cache(maxsize=1)
def _rates() -> Rates:
    """Multiply-adds per second of a product of matrices, and numbers read by one with a vector."""
    rng = np.random.default_rng(0)
    A, B = rng.standard_normal((2, 384, 384))
    M, v = rng.standard_normal((1024, 2048)), rng.standard_normal(2048)
    return len(A) ** 3 / _least_time(lambda: A @ B), M.size / _least_time(lambda: M @ v)


def _least_time(program: Callable[[], object]) -> float:
    took = []
    for _ in range(5):
        start = perf_counter()
        program()
        took.append(perf_counter() - start)
    return sorted(took)[1]
