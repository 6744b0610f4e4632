"""Programs that fit many samples: the library's solvers, and peers given three kernels.

Peers are given the plain kernel, the same averaged kernel, or all moved copies of the samples, for
which the ridge is multiplied by the number of elements.
"""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse.linalg import LinearOperator, cg
from sklearn.kernel_approximation import Nystroem
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import Ridge
from symkernel import InvariantKernel, InvariantKernelRidge

from ..loops import LoopKernel
from ..peers import Array, gpytorch_ridge, installed, move
from .tasks import Task

Predict = Callable[[Array], Array]

# Samples up to which programs that store the kernel matrix of all of them are run, those that solve
# without, and moved copies that are made for a fit on centres.
_DENSE, _ITERATED, _COPIES = 5000, 20_000, 500_000


@dataclass(frozen=True)
class Fitted:
    """A prediction, and the centres that it is made of; None where all samples are."""

    predict: Predict
    centers: Array | None = None


@dataclass(frozen=True)
class Program:
    """One way to fit.

    Attributes
    ----------
    name : str
    fit : callable
        ``fit(task, X, y, M, n_jobs)``, with M centres.
    averaged, augmented : bool
        Whether the kernel is the average, or the samples are all moved copies.
    on_centers : bool
        Whether the fit is on M centres, an approximation.
    most : int
        Samples up to which it is run, copies included.
    tolerance : float
        Largest difference from the answer in NumPy, relative to the spread of the targets.
    needs : str
        Module that has to be installed, besides what the library needs.
    """

    name: str
    fit: Callable[[Task, Array, Array, int, int], Fitted]
    averaged: bool
    on_centers: bool
    most: float
    augmented: bool = False
    tolerance: float = 1e-5
    needs: str = ""

    @property
    def installed(self) -> bool:
        """Whether it can be run."""
        if self.needs == "gpytorch":
            return installed("invariantkernels + gpytorch")
        return not self.needs or importlib.util.find_spec(self.needs) is not None

    def takes(self, task: Task, n: int) -> bool:
        """Whether it is run on so many samples."""
        copies = len(task.orbit) if self.augmented else 1
        single = self.needs in ("gpytorch", "pykeops") and task.classes  # one target at a time
        return n * copies <= self.most and not single


def _ours(solver: str) -> Callable[[Task, Array, Array, int, int], Fitted]:
    def fit(task: Task, X: Array, y: Array, M: int, n_jobs: int) -> Fitted:
        model = InvariantKernelRidge(
            task.alpha, group=task.group, kernel=task.base, solver=solver, random_state=0,
            n_components=M if solver == "nystroem" else None, n_jobs=n_jobs,
        )  # fmt: skip
        model.fit(X, y)
        return Fitted(model.predict, model.X_fit_ if solver == "nystroem" else None)

    return fit


def _averaged_loop(task: Task) -> LoopKernel:
    return LoopKernel(task.orbit, task.length_scale)


def plain_loop(task: Task) -> LoopKernel:
    """The kernel without the average."""
    return LoopKernel([(np.arange(len(task.orbit[0][0])), None)], task.length_scale)


def _copies(task: Task, X: Array, y: Array) -> tuple[Array, Array]:
    moved = np.concatenate([move(X, *element) for element in task.orbit])
    return moved, np.concatenate([y] * len(task.orbit))


def _nystroem(kernel: Callable[[Task], Any], copies: bool = False) -> Any:
    def fit(task: Task, X: Array, y: Array, M: int, n_jobs: int) -> Fitted:
        alpha = task.alpha
        if copies:
            (X, y), alpha = _copies(task, X, y), alpha * len(task.orbit)
        features = Nystroem(kernel(task), n_components=M, random_state=0).fit(X)
        model = Ridge(alpha, fit_intercept=False).fit(features.transform(X), y)
        return Fitted(lambda A: model.predict(features.transform(A)), features.components_)

    return fit


def _kernel_ridge(kernel: Callable[[Task], Any], copies: bool = False) -> Any:
    def fit(task: Task, X: Array, y: Array, M: int, n_jobs: int) -> Fitted:
        alpha = task.alpha
        if copies:
            (X, y), alpha = _copies(task, X, y), alpha * len(task.orbit)
        k = kernel(task)
        model = KernelRidge(alpha=alpha, kernel="precomputed").fit(k(X), y)
        return Fitted(lambda A: model.predict(k(A, X)))

    return fit


def _himalaya(task: Task, X: Array, y: Array, M: int, n_jobs: int) -> Fitted:
    from himalaya.kernel_ridge import KernelRidge as Himalaya

    k = _averaged_loop(task)
    model = Himalaya(alpha=task.alpha, kernel="precomputed").fit(k(X), y)
    return Fitted(lambda A: np.asarray(model.predict(k(A, X))))


def _gpytorch(task: Task, X: Array, y: Array, M: int, n_jobs: int) -> Fitted:
    gamma = 0.5 / task.length_scale**2
    return Fitted(lambda A: gpytorch_ridge(X, y, A, task.orbit, gamma, task.alpha))


def _keops(task: Task, X: Array, y: Array, M: int, n_jobs: int) -> Fitted:
    """Conjugate gradients on products that KeOps computes over all moved copies."""
    from pykeops.numpy import LazyTensor

    copies = np.concatenate([move(X, *element) for element in task.orbit])
    order, n = len(task.orbit), len(X)

    def product(A: Array, V: Array) -> Array:
        x, z = LazyTensor(A[:, None, :]), LazyTensor(copies[None, :, :])
        K = (-0.5 / task.length_scale**2 * ((x - z) ** 2).sum(-1)).exp()
        return np.asarray(K @ np.concatenate([V] * order)[:, None])[:, 0] / order

    def apply(v: Array) -> Array:
        v = np.ravel(v)
        return product(X, v) + task.alpha * v

    system = LinearOperator((n, n), matvec=apply, dtype=np.float64)
    dual, failed = cg(system, y, rtol=1e-6, maxiter=1000)
    if failed:
        raise RuntimeError("conjugate gradients did not converge")
    return Fitted(lambda A: product(A, dual))


def _invariant(task: Task) -> InvariantKernel:
    return InvariantKernel(task.base, task.group)


OURS = "symkernel, nystroem"
PLAIN = "scikit-learn Nystroem, plain kernel"
AVERAGED = "scikit-learn Nystroem, averaged kernel (NumPy)"

PROGRAMS = (
    Program(OURS, _ours("nystroem"), True, True, math.inf),
    Program("symkernel, pcg", _ours("pcg"), True, False, _ITERATED, tolerance=1e-3),
    Program("symkernel, cholesky", _ours("cholesky"), True, False, _DENSE),
    Program(PLAIN, _nystroem(plain_loop), False, True, 1e6),
    Program("scikit-learn Nystroem, symkernel's kernel", _nystroem(_invariant), True, True, 1e6),
    Program(AVERAGED, _nystroem(_averaged_loop), True, True, 1e5),
    Program(
        "scikit-learn Nystroem, all copies", _nystroem(plain_loop, True), False, True, _COPIES, True
    ),
    Program(
        "scikit-learn KernelRidge, plain kernel", _kernel_ridge(plain_loop), False, False, _DENSE
    ),
    Program(
        "scikit-learn KernelRidge, averaged kernel (NumPy)", _kernel_ridge(_averaged_loop), True,
        False, _DENSE,
    ),
    Program(
        "scikit-learn KernelRidge, all copies", _kernel_ridge(plain_loop, True), False, False,
        2 * _DENSE, True,
    ),
    Program(
        "himalaya, averaged kernel (NumPy)", _himalaya, True, False, _DENSE, needs="himalaya"
    ),
    Program(
        "KeOps, conjugate gradients", _keops, True, False, 2000, tolerance=1e-3, needs="pykeops"
    ),
    Program("invariantkernels + gpytorch", _gpytorch, True, False, 2000, needs="gpytorch"),
)  # fmt: skip
BY_NAME = {program.name: program for program in PROGRAMS}


def reference(
    task: Task, program: Program, fitted: Fitted, X: Array, y: Array, new: Array
) -> Array:
    """Predictions of what a program should have solved, in NumPy: slow and obvious."""
    kernel = _averaged_loop(task) if program.averaged else plain_loop(task)
    alpha = task.alpha
    if program.augmented:
        (X, y), alpha = _copies(task, X, y), alpha * len(task.orbit)
    if not program.on_centers:
        dual = np.linalg.solve(kernel(X) + alpha * np.eye(len(X)), y)
        return np.asarray(kernel(new, X) @ dual)
    values, vectors = np.linalg.eigh(kernel(fitted.centers))
    kept = values > 1e-12 * values[-1]
    root = vectors[:, kept] / np.sqrt(values[kept])
    B = kernel(X, fitted.centers) @ root
    w = np.linalg.solve(B.T @ B + alpha * np.eye(B.shape[1]), B.T @ y)
    return np.asarray(kernel(new, fitted.centers) @ root @ w)


def check(task: Task, n: int, M: int, only: tuple[str, ...] = ()) -> dict[str, float]:
    """Compare predictions of every program with those of the system it has to solve.

    Programs that take fewer samples are given as many as they take.

    Raises
    ------
    AssertionError
        If they differ by more than the program's tolerance.
    """
    new, truth = (part[:200] for part in task.test())
    spread, differences = task.spread(truth), {}
    for program in PROGRAMS:
        if not program.installed or (only and program.name not in only):
            continue
        most = n if not program.augmented else max(2, min(n, 4000 // len(task.orbit)))
        if not program.takes(task, most):
            continue
        X, y = (np.concatenate(parts)[:most] for parts in zip(*task.parts(most), strict=True))
        fitted = program.fit(task, X, y, min(M, most), 1)
        wanted = reference(task, program, fitted, X, y, new)
        difference = float(np.abs(fitted.predict(new) - wanted).max() / spread)
        if not difference <= program.tolerance:
            raise AssertionError(
                f"{program.name} is off by {difference:.1e} of the spread on {task.name}; at most "
                f"{program.tolerance:.0e} is allowed"
            )
        differences[program.name] = difference
    return differences
