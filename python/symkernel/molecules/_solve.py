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
from symkernel.molecules._system import Factor, System, factored
from symkernel.solvers.checkpoint import Checkpoint
from symkernel.solvers.pcg import PCGState, solve_pcg
from symkernel.solvers.rpcholesky import rpcholesky

Array = NDArray[Any]

# Structures that are left out, at most, and the share of the cost of a factor that this may add.
_LEFT_OUT, _SHARE = 32, 0.1
# Numbers of the factor of the preconditioner, at most, and its share of the rows, all of few.
_FACTOR, _RANK, _FEW = 3 * 10**7, 0.125, 500
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
    left_out, variances : dict
        Of some structures: residuals of their rows, and what the posterior given all others says
        of their squares, noise included.
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
    variances: dict[int, Array]
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
    own = hyperparameters
    factor, noise = factored(system, own.components, own.noise, tell)
    solved, constants = factor.solve(y[:, None])
    coefficients = solved[:, 0]
    left_out: dict[int, Array] = {}
    variances: dict[int, Array] = {}
    budget = _SHARE * rows / 6.0  # columns whose solution costs this share of the factor
    for structure in others[:_LEFT_OUT]:
        left = system.rows_of(int(structure))
        budget -= len(left)
        if len(left) == 0 or (budget < 0.0 and len(left_out) >= 4):
            continue
        if len(system.valued) == 1 and left[0] == 0:  # without it there is no constant
            continue
        left_out[int(structure)], variances[int(structure)] = _residuals(factor, coefficients, left)
    tell("factor", 2, 2, "")
    constant = float(constants[0])
    return Solved(coefficients, constant, left_out, variances, "cholesky", noise, {})


def _residuals(factor: Factor, coefficients: Array, rows: Array) -> tuple[Array, Array]:
    """Return what is missing of rows in a fit to all others, [B_bb]^-1 c_b, and its variances.

    B is the inverse of the bordered matrix, so that the constant is fitted again as well.
    """
    unit = np.zeros((len(coefficients), len(rows)))
    unit[rows, np.arange(len(rows))] = 1.0
    block = np.linalg.inv(factor.solve(unit)[0][rows])
    return block @ coefficients[rows], np.diagonal(block).copy()


class _Operator:
    """P K P, with K the matrix of a system and P what takes their mean from the rows of energies.

    With a constant that has no prior, coefficients of energies add up to 0: x = P x.
    """

    def __init__(self, system: System, components: Components) -> None:
        self._system, self._components = system, components
        self._count = len(system.valued)
        ones = np.zeros(len(system))
        ones[: self._count] = 1.0
        # The mean of the columns of energies.
        self._mean = system.product(components, ones) / max(1, self._count)

    def __len__(self) -> int:
        return len(self._system)

    def centred(self, V: Array) -> Array:
        """Return P V of columns (N, k)."""
        found = V.copy()
        if self._count:
            found[: self._count] -= V[: self._count].mean(axis=0)
        return found

    def matvec(self, V: Array) -> Array:
        inner = self.centred(V)
        found = [self._system.product(self._components, column) for column in inner.T]
        return self.centred(np.stack(found, axis=1))

    def diag(self) -> Array:
        found = self._system.diagonal(self._components)
        if self._count:
            own = self._mean[: self._count]
            found[: self._count] += own.mean() - 2.0 * own
        return np.maximum(found, 0.0)

    def columns(self, indices: Array) -> Array:
        indices = np.asarray(indices)
        found = self._system.rows(self._components, indices).T
        found[:, indices < self._count] -= self._mean[:, None]
        return self.centred(found)

    def block(self, indices: Array) -> Array:
        return self.columns(indices)[indices]


def _by_gradients(
    system: System,
    y: Array,
    hyperparameters: Hyperparameters,
    others: Array,
    checkpoint: Checkpoint | None,
    random_state: int,
    tell: Progress,
) -> Solved:
    """Iterate among coefficients of which those of energies add up to 0.

    Structures cannot be left out one at a time then: see ``Posterior.left_out``.
    """
    count, noise = len(system.valued), hyperparameters.noise
    components = hyperparameters.components
    operator = _Operator(system, components)
    rank = int(min(max(_RANK * len(y), min(_FEW, len(y))), _FACTOR / len(y)))
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
        operator.centred(y[:, None]),
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
    coefficients = operator.centred(found.solution)[:, 0]
    constant = 0.0
    if count:
        left = y - system.product(components, coefficients)
        constant = float(left[:count].mean())  # what noise takes adds up to 0
    told = {"iterations": found.iterations, "residual": float(found.residuals.max())}
    return Solved(coefficients, constant, {}, {}, "pcg", noise, told)
