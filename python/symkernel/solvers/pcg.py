"""Solve ridge systems by preconditioned conjugate gradients, from products with the matrix alone.

The matrix A is never factored: an operator multiplies it with several columns at a time, those of
all targets and probes. Columns take their own steps, and leave when they are done.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

from symkernel.solvers.preconditioner import LowRank, Preconditioner
from symkernel.solvers.ridge import one_per_target

__all__ = [
    "PCGSolution",
    "PCGState",
    "SymmetricOperator",
    "solve_pcg",
    "warn_unconverged",
]

Array = NDArray[Any]

# Iterations after which residuals are computed anew: those of the recursion drift.
_VERIFIED_EVERY = 10


class SymmetricOperator(Protocol):
    """A symmetric positive semidefinite matrix that can be multiplied with columns.

    Anything with a length and ``matvec`` will do.
    """

    def __len__(self) -> int:
        """Number of rows n."""
        ...

    def matvec(self, V: Array) -> Array:
        """Return the product (n, k) with columns V (n, k)."""
        ...


@dataclass
class PCGState:
    """Where a run stands after an iteration, and all that the next one needs.

    Attributes
    ----------
    iteration : int
        Iterations done.
    solution, residual, direction : ndarray of shape (n, k)
        Of the scaled system; a run that goes on from a copy gives the same digits.
    active, indefinite : ndarray of bool, shape (k,)
        Columns that are not done, and those for which the matrix proved indefinite.
    history : list of ndarray of shape (k,)
        Norms of the residuals relative to those of the right-hand sides, after each iteration.
    """

    iteration: int
    solution: Array
    residual: Array
    direction: Array
    active: NDArray[np.bool_]
    indefinite: NDArray[np.bool_]
    history: list[Array] = field(default_factory=list)

    @property
    def worst(self) -> float:
        """Largest relative residual of the last iteration."""
        return float(self.history[-1].max(initial=0.0))

    def arrays(self) -> dict[str, Array]:
        """Return everything as arrays, for a file."""
        return {own.name: np.asarray(getattr(self, own.name)) for own in fields(self)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Array]) -> PCGState:
        """Return the state of such arrays; others among them are left alone."""
        values: dict[str, Any] = {own.name: arrays[own.name] for own in fields(cls)}
        values["iteration"] = int(values["iteration"])
        values["history"] = list(values["history"])
        return cls(**values)


@dataclass(frozen=True)
class PCGSolution:
    """What conjugate gradients found, and how good it is.

    Attributes
    ----------
    solution : ndarray of shape (n, k)
        Dual coefficients.
    residuals : ndarray of shape (k,)
        Norms of the true residuals, from a product with the solution, relative to those of the
        right-hand sides.
    iterations : int
        Iterations done.
    indefinite : bool
        Whether the matrix proved indefinite, as rounding makes it.
    history : ndarray of shape (iterations + 1, k)
        Relative residuals from the start on.
    mu : ndarray of shape (k,)
        What the preconditioner puts in place of all that the factor leaves.
    tol : float
        What was asked for.
    """

    solution: Array
    residuals: Array
    iterations: int
    indefinite: bool
    history: Array
    mu: Array
    tol: float

    @property
    def converged(self) -> bool:
        """Whether the residuals of all columns are at most ``tol``."""
        return bool((self.residuals <= self.tol).all())


def solve_pcg(
    operator: SymmetricOperator,
    y: Array,
    alpha: float | Array,
    sample_weight: Array | None = None,
    *,
    low_rank: LowRank | None = None,
    start: Array | None = None,
    tol: float = 1e-4,
    max_iter: int = 200,
    callback: Callable[[PCGState], object] | None = None,
    resume: PCGState | None = None,
) -> PCGSolution:
    r"""Solve for the dual coefficients of kernel ridge regression by conjugate gradients.

    Without weights, :math:`c = (A + \alpha I)^{-1} y`; with weights :math:`W = S^2`,
    :math:`c = S (S A S + \alpha I)^{-1} S y`, as ``solve_ridge``. The preconditioner is

    .. math:: P = S F F^T S + \mu I, \qquad \mu = \alpha + \operatorname{tr}(S E S) / n:

    beside the ridge, mu stands for the mean of the eigenvalues that the factor left out. With
    alpha in its place, directions outside the factor are taken for noise of size alpha, and a
    small alpha spoils the first tens of iterations.

    Parameters
    ----------
    operator : SymmetricOperator
        The matrix A (n, n), positive semidefinite.
    y : ndarray of shape (n, k)
        Right-hand sides: targets, or probes of a trace.
    alpha : float or ndarray of shape (k,)
        Ridge of all columns, or of each, not negative.
    sample_weight : ndarray of shape (n,), optional
        Weights, not negative.
    low_rank : LowRank, optional
        What A is approximated by; None iterates without preconditioner.
    start : ndarray of shape (n, k), optional
        Coefficients to start from; None solves within the span of the pivots of `low_rank`.
    tol : float, default=1e-4
        Relative residual to reach. The fitted values of a column then differ from the exact ones,
        in root mean square over the samples, by at most tol times the root mean square of y.
    max_iter : int, default=200
        Iterations at most.
    callback : callable, optional
        Called with the state after every iteration; what it raises ends the run, which can go on
        from a copy of the state.
    resume : PCGState, optional
        State to go on from, of a run with the same arguments.

    Returns
    -------
    PCGSolution
        Coefficients in float64, and their true residuals.

    Raises
    ------
    ValueError
        If shapes do not match, or a product contains NaN or infinity.

    Notes
    -----
    One product with k columns an iteration, with 2 k in every tenth and the last, and 2 n r k
    multiply-adds for the preconditioner. Memory for the factor F and 5 n k numbers. Sources: M.
    Hestenes, E. Stiefel, 1952; M. Diaz, E. Epperly, Z. Frangella, J. Tropp, R. Webber, Robust,
    randomized preconditioning for kernel ridge regression, 2023 (the factor; mu is ours).

    Examples
    --------
    >>> import numpy as np
    >>> from symkernel.solvers.matrices import FullMatrix
    >>> from symkernel.solvers.pcg import solve_pcg
    >>> found = solve_pcg(FullMatrix(np.diag([2.0, 1.0])), np.array([[6.0], [4.0]]), 1.0, tol=1e-12)
    >>> found.solution.round(9).ravel().tolist(), found.converged
    ([2.0, 2.0], True)
    """
    n, k = y.shape
    if len(operator) != n:
        raise ValueError(f"operator must have {n} rows, as many as y; it has {len(operator)}")
    alphas = np.broadcast_to(one_per_target(alpha, k), (k,))
    system = _System(operator, alphas, sample_weight)
    preconditioner = Preconditioner(low_rank, alphas, system.root, n)
    b = system.scaled(y.astype(np.float64))
    norms = np.linalg.norm(b, axis=0)
    lengths = np.where(norms > 0.0, norms, 1.0)
    if resume is None:
        state = _begin(system, preconditioner, b, lengths, start)
    else:
        state = resume
        if state.solution.shape != b.shape:
            raise ValueError(
                f"resume must be of a run with y of shape {b.shape}, got {state.solution.shape}"
            )
    while state.active.any() and state.iteration < max_iter:
        before = state.iteration
        _iterate(system, preconditioner, b, lengths, tol, state)
        if callback is not None and state.iteration > before:
            callback(state)
    true = np.linalg.norm(b - system.product(state.solution), axis=0) / lengths
    return PCGSolution(
        system.scaled(state.solution),
        true,
        state.iteration,
        bool(state.indefinite.any()),
        np.array(state.history),
        preconditioner.mu,
        tol,
    )


class _System:
    """S A S + alpha I, one alpha a column."""

    def __init__(
        self, operator: SymmetricOperator, alphas: Array, sample_weight: Array | None
    ) -> None:
        self._operator, self.alphas = operator, alphas
        self.root = None if sample_weight is None else np.sqrt(sample_weight.astype(np.float64))

    def scaled(self, V: Array) -> Array:
        return V if self.root is None else V * self.root[:, None]

    def unscaled(self, V: Array) -> Array:
        """Columns that `scaled` makes V; 0 where the weight is."""
        if self.root is None:
            return V
        root = self.root[:, None]
        return np.asarray(np.divide(V, root, out=np.zeros_like(V), where=root > 0))

    def sums(self, V: Array) -> Array:
        """S A S V."""
        found = np.asarray(self._operator.matvec(self.scaled(V)), np.float64)
        if not np.isfinite(found).all():
            raise ValueError("the product with the matrix contains NaN or infinity")
        return self.scaled(found)

    def product(self, V: Array) -> Array:
        return np.asarray(self.sums(V) + self.alphas * V)


def _begin(
    system: _System,
    preconditioner: Preconditioner,
    b: Array,
    lengths: Array,
    start: Array | None,
) -> PCGState:
    k = b.shape[1]
    solution, residual = np.zeros(b.shape), b.copy()
    if start is not None and start.shape != b.shape:
        raise ValueError(f"start must have shape {b.shape}, as y has; got {start.shape}")
    given = preconditioner.start(b) if start is None else start.astype(np.float64)
    if given.any():
        begun = system.unscaled(given)
        left = b - system.product(begun)
        # Rounding may spoil a start from an ill-conditioned factor.
        better = np.linalg.norm(left, axis=0) < np.linalg.norm(b, axis=0)
        solution[:, better], residual[:, better] = begun[:, better], left[:, better]
    return PCGState(
        0,
        solution,
        residual,
        preconditioner.apply(residual, np.arange(k)),
        np.ones(k, bool),
        np.zeros(k, bool),
        [np.linalg.norm(residual, axis=0) / lengths],
    )


def _iterate(
    system: _System,
    preconditioner: Preconditioner,
    b: Array,
    lengths: Array,
    tol: float,
    state: PCGState,
) -> None:
    """Take one step in every column that is not done, and look which are."""
    at = np.flatnonzero(state.active)
    relative = state.history[-1].copy()
    D = state.direction[:, at]
    due = state.iteration > 0 and state.iteration % _VERIFIED_EVERY == 0
    if due or bool((relative[at] <= tol).any()):
        # In the same pass: further columns cost little where pairs are dear.
        X = state.solution[:, at]
        both = system.sums(np.concatenate([D, X], axis=1))
        AD = both[:, : len(at)] + system.alphas[at] * D
        true = b[:, at] - both[:, len(at) :] - system.alphas[at] * X
        state.residual[:, at] = true
        relative[at] = np.linalg.norm(true, axis=0) / lengths[at]
        done = relative[at] <= tol
        state.active[at[done]] = False
        at, D, AD = at[~done], D[:, ~done], AD[:, ~done]
    else:
        AD = system.sums(D) + system.alphas[at] * D
    curvature = np.einsum("nk,nk->k", D, AD)
    # Not positive, or NaN: of a matrix that is indefinite, by rounding of its values.
    bad = ~(curvature > 0.0)
    state.indefinite[at[bad]] = True
    state.active[at[bad]] = False
    at, D, AD, curvature = at[~bad], D[:, ~bad], AD[:, ~bad], curvature[~bad]
    R = state.residual[:, at]
    # Both quotients hold for a residual that was computed anew, too.
    step = np.einsum("nk,nk->k", D, R) / curvature
    state.solution[:, at] += step * D
    R = R - step * AD
    Z = preconditioner.apply(R, at)
    turn = -np.einsum("nk,nk->k", Z, AD) / curvature
    state.residual[:, at], state.direction[:, at] = R, Z + turn * D
    relative[at] = np.linalg.norm(R, axis=0) / lengths[at]
    if len(at):
        state.iteration += 1
        state.history.append(relative)
    else:  # nothing was done but to look
        state.history[-1] = relative


def warn_unconverged(solution: PCGSolution, alpha: float) -> None:
    """Warn where the residual is above the tolerance: what it is, and what to change."""
    if solution.converged:
        return
    worst = float(solution.residuals.max())
    if solution.indefinite:
        found = "the matrix is indefinite up to rounding"
        advice = 'a larger alpha, or precision="float64", makes the system regular'
    else:
        found = f"of {solution.iterations} iterations (max_iter)"
        advice = (
            f"a larger n_components (the preconditioner leaves {solution.mu.max():.2g} a sample "
            f"beside alpha={alpha:.2g}), max_iter or alpha brings it down, a larger tol accepts it"
        )
    warnings.warn(
        f"Conjugate gradients stopped at a relative residual of {worst:.2g}, above "
        f"tol={solution.tol:g}: {found}; {advice}.",
        ConvergenceWarning,
        stacklevel=5,
    )
