"""Solve the joint system of a molecule, and tell errors of structures left out."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

from symkernel.backends.joint import Components
from symkernel.backends.memory import available_bytes, require_memory
from symkernel.backends.packed import LARGEST_FACTORED
from symkernel.molecules._search import Hyperparameters, Known, Progress
from symkernel.molecules._system import Factor, System
from symkernel.solvers.checkpoint import Checkpoint
from symkernel.solvers.pcg import PCGState, solve_pcg
from symkernel.solvers.rpcholesky import rpcholesky

Array = NDArray[Any]

# Structures that are left out, at most, and the share of the cost of a factor that this may add.
_LEFT_OUT, _SHARE = 32, 0.1
# How often noise is raised tenfold for a matrix that is singular to working precision.
_RAISES = 6
# Numbers of the factor of the preconditioner, at most, and its share of the rows.
_FACTOR, _RANK = 6 * 10**7, 0.125
# Variance of the constant, over that of energies.
_CONSTANT = 1e4
# Relative residual and iterations of conjugate gradients.
_TOL, _ITERATIONS = 5e-5, 1000
# Iterations between two states that are kept.
_KEPT_EVERY = 10


@dataclass(frozen=True)
class Solved:
    """Coefficients of all rows, and how wrong fits to all but one structure are on that one.

    Attributes
    ----------
    coefficients : ndarray of shape (N,)
    constant : float
        Added to energies.
    left_out : dict
        Of some structures: residuals of their rows.
    solver : str
        What found them.
    noise : ndarray of shape (2,)
        Of energies and forces: raised where the matrix was singular without.
    told : dict
        What else is to be known of the solution.
    """

    coefficients: Array
    constant: float
    left_out: dict[int, Array]
    solver: str
    noise: Array
    told: dict[str, Any]

    def errors(self, system: System) -> dict[str, float]:
        """Return mean absolute errors of structures left out, of energies and of forces."""
        values: list[float] = []
        slopes: list[float] = []
        for structure, residuals in self.left_out.items():
            rows = system.rows_of(structure)
            of_value = rows < len(system.valued)
            values += np.abs(residuals[of_value]).tolist()
            if not of_value.all():
                turned = system.turned(structure, residuals[~of_value])
                slopes += np.abs(turned).ravel().tolist()
        found = {}
        if values:
            found["left_out_energy_error"] = float(np.mean(values))
        if slopes:
            found["left_out_force_error"] = float(np.mean(slopes))
        return found


def solve(
    system: System,
    known: Known,
    hyperparameters: Hyperparameters,
    others: Array,
    *,
    solver: str = "auto",
    checkpoint: Checkpoint | None = None,
    random_state: int = 0,
    progress: Progress | None = None,
) -> Solved:
    """Solve by Cholesky where memory allows, else by preconditioned conjugate gradients.

    Parameters
    ----------
    system : System
        N rows.
    known : Known
        What they are of.
    hyperparameters : Hyperparameters
        Kernel and noise.
    others : ndarray of int
        Structures that may be left out one at a time.
    solver : {"auto", "cholesky", "pcg"}, default="auto"
        What to solve by.
    checkpoint : Checkpoint or None
        Where the state of conjugate gradients is kept.
    random_state : int, default=0
        Draws the pivots of the preconditioner.
    progress : callable or None
        Told of every step.
    """
    y = system.targets(known.energies, known.forces)
    tell = progress or (lambda stage, done, total, message: None)
    if solver == "auto":
        solver = "cholesky" if _fits(len(system)) else "pcg"
    if solver == "cholesky":
        return _by_cholesky(system, y, hyperparameters, others, tell)
    return _by_gradients(system, y, hyperparameters, others, checkpoint, random_state, tell)


def _fits(rows: int) -> bool:
    """Whether a packed factor fits into memory, and into LAPACK's integers."""
    free = available_bytes()
    return rows <= LARGEST_FACTORED and (free is None or 4 * rows * (rows + 1) < 0.8 * free)


def _by_cholesky(
    system: System, y: Array, hyperparameters: Hyperparameters, others: Array, tell: Progress
) -> Solved:
    rows = len(system)
    require_memory(
        (rows * (rows + 1) // 2,),
        8,
        f"the matrix of {rows} energies and forces, in packed form",
        'solver="pcg" needs a fraction of it.',
    )
    noise = hyperparameters.noise
    for attempt in range(_RAISES + 1):
        tell("matrix", 0, 2, f"{rows} rows")
        packed = system.packed(hyperparameters.components)
        tell("factor", 1, 2, f"{rows} rows")
        try:
            factor = Factor(packed, system.ridge(noise), len(system.valued))
        except ArithmeticError:
            if attempt == _RAISES:
                raise
            noise = 10.0 * noise
            del packed
        else:
            break
    solved, constants = factor.solve(y[:, None])
    coefficients = solved[:, 0]
    left_out: dict[int, Array] = {}
    budget = _SHARE * rows / 6.0  # columns whose solution costs this share of the factor
    for structure in others[:_LEFT_OUT]:
        own = system.rows_of(int(structure))
        budget -= len(own)
        if len(own) == 0 or (budget < 0.0 and len(left_out) >= 4):
            continue
        left_out[int(structure)] = _residuals(factor, coefficients, own)
    tell("factor", 2, 2, "")
    return Solved(coefficients, float(constants[0]), left_out, "cholesky", noise, {})


def _residuals(factor: Factor, coefficients: Array, rows: Array) -> Array:
    """Return what is missing of rows in a fit to all others: [B_bb]^-1 c_b, B the inverse.

    B is the inverse of the bordered matrix, so that the constant is fitted again as well.
    """
    unit = np.zeros((len(coefficients), len(rows)))
    unit[rows, np.arange(len(rows))] = 1.0
    block = factor.solve(unit)[0][rows]
    return np.asarray(np.linalg.solve(block, coefficients[rows]))


class _Operator:
    """The matrix of a system with a constant of known variance, by its products and columns."""

    def __init__(self, system: System, components: Components, constant: float) -> None:
        self._system, self._components = system, components
        self._constant, self._count = constant, len(system.valued)

    def __len__(self) -> int:
        return len(self._system)

    def matvec(self, V: Array) -> Array:
        found = np.empty_like(V)
        for k in range(V.shape[1]):
            found[:, k] = self._system.product(self._components, V[:, k])
        found[: self._count] += self._constant * V[: self._count].sum(axis=0)
        return found

    def diag(self) -> Array:
        found = self._system.diagonal(self._components)
        found[: self._count] += self._constant
        return found

    def columns(self, indices: Array) -> Array:
        rows = self._system.rows(self._components, np.asarray(indices))
        rows[np.asarray(indices) < self._count, : self._count] += self._constant
        return rows.T

    def block(self, indices: Array) -> Array:
        return self.columns(indices)[indices].T


def _by_gradients(
    system: System,
    y: Array,
    hyperparameters: Hyperparameters,
    others: Array,
    checkpoint: Checkpoint | None,
    random_state: int,
    tell: Progress,
) -> Solved:
    """Iterate with a constant of a variance far above that of energies.

    Structures cannot be left out one at a time then: see ``Posterior.left_out``.
    """
    count, noise = len(system.valued), hyperparameters.noise
    variance = float(hyperparameters.components.amplitudes.sum())
    operator = _Operator(system, hyperparameters.components, _CONSTANT * variance)
    rank = int(min(_RANK * len(y), _FACTOR / len(y)))
    tell("preconditioner", 0, 1, f"{rank} of {len(y)} rows")
    low_rank = rpcholesky(operator, rank, random_state=random_state)
    tell("preconditioner", 1, 1, f"{low_rank.rank} of {len(y)} rows")

    def step(state: PCGState) -> None:
        if checkpoint is not None and state.iteration % _KEPT_EVERY == 0:
            checkpoint.save(state.arrays())
        tell("iterations", state.iteration, _ITERATIONS, f"residual {state.worst:.1e}")

    kept = None if checkpoint is None else checkpoint.load()
    found = solve_pcg(
        operator,
        y[:, None],
        noise[1],
        noise[1] / system.ridge(noise),  # weights: noise differs between energies and forces
        low_rank=low_rank,
        tol=_TOL,
        max_iter=_ITERATIONS,
        callback=step,
        resume=None if kept is None else PCGState.from_arrays(kept),
    )
    if not found.converged:
        warnings.warn(
            f"conjugate gradients stopped after {found.iterations} iterations at a relative "
            f"residual of {found.residuals.max():.2g}, above {_TOL:g}: errors may be larger than "
            'those of solver="cholesky"',
            ConvergenceWarning,
            stacklevel=4,
        )
    coefficients = found.solution[:, 0]
    constant = _CONSTANT * variance * float(coefficients[:count].sum())
    told = {"iterations": found.iterations, "residual": float(found.residuals.max())}
    return Solved(coefficients, constant, {}, "pcg", noise, told)
