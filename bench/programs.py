"""Cases: whole programs, fit and predict."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from symkernel import InvariantKernelRidge, groups
from symkernel.datasets import digits_under
from symkernel.groups import Group

from .grams import shifts, square
from .peers import PROGRAM_PEERS, Array, Orbit, ridge_peer

OURS = "symkernel"


@dataclass(frozen=True)
class Task:
    """What is learned: arrays, parameters and the elements."""

    X: Array
    y: Array
    X_test: Array
    y_test: Array
    orbit: Orbit
    gamma: float
    alpha: float


@dataclass(frozen=True)
class ProgramCase:
    """One regression task that several programs solve alike.

    Attributes
    ----------
    name, title : str
        Name for the command line and title for tables.
    group : callable
        Makes the library's group.
    task : callable
        Makes the task; its argument is whether a small one will do.
    programs : tuple of str
        Who takes part, the library first.
    classification : bool
        Whether the targets are -1 and +1, so that accuracy is the share of right signs.
    """

    name: str
    title: str
    group: Callable[[], Group]
    task: Callable[[bool], Task]
    programs: tuple[str, ...]
    classification: bool

    def run(self, program: str, task: Task, n_threads: int) -> Array:
        """Fit and predict with one program; predictions of shape (n_test,)."""
        if program != OURS:
            peer = ridge_peer(program)
            return peer(task.X, task.y, task.X_test, task.orbit, task.gamma, task.alpha)
        model = InvariantKernelRidge(
            alpha=task.alpha, kernel="rbf", gamma=task.gamma, group=self.group(), n_jobs=n_threads
        )
        predictions: Array = model.fit(task.X, task.y).predict(task.X_test)
        return predictions

    def error(self, task: Task, predictions: Array) -> float:
        """Share of wrong signs, or root mean squared error."""
        if self.classification:
            return float(np.mean(np.sign(predictions) != task.y_test))
        return float(np.sqrt(np.mean((predictions - task.y_test) ** 2)))


def _digits(quick: bool) -> Task:
    """Even digits from odd ones, in random poses."""
    X, labels = digits_under(groups.Image((8, 8), "D4"), random_state=0)
    y = np.where(labels % 2 == 0, 1.0, -1.0)
    n = 60 if quick else 1000
    return Task(X[:n], y[:n], X[-497:], y[-497:], square(8), gamma=0.05, alpha=1e-2)


def _ring(quick: bool) -> Task:
    """Energy of a ring of 20 sites, the same for every rotation of the ring."""
    rng = np.random.default_rng(0)
    n, n_test, d = (60, 20, 20) if quick else (2000, 500, 20)
    X = rng.standard_normal((n + n_test, d))
    y = np.mean(np.tanh(X) * np.roll(X, 1, axis=1), axis=1)
    y -= y.mean()
    return Task(X[:n], y[:n], X[n:], y[n:], shifts(d), gamma=1.0 / d, alpha=1e-2)


PROGRAM_CASES = (
    ProgramCase(
        name="program-digits",
        title="even or odd digits, D_4 on 8x8 images, 1000 training and 497 test images",
        group=lambda: groups.Image((8, 8), "D4"),
        task=_digits,
        programs=(OURS, *PROGRAM_PEERS),
        classification=True,
    ),
    ProgramCase(
        name="program-ring",
        title="energy of a ring, C_20 on 20 features, 2000 training and 500 test samples",
        group=lambda: groups.Cyclic(20),
        task=_ring,
        # No augmented program: its Gram matrix would take 12.8 GB.
        programs=(OURS, "numpy + scikit-learn", "invariantkernels + gpytorch"),
        classification=False,
    ),
)
