"""Solve promoting regressions along weights of the penalty, and choose one by cross-validation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import BaseCrossValidator, KFold

from symkernel.lie._candidates import Candidate
from symkernel.lie.admm import WarmStart
from symkernel.lie.logdet import RidgeData, fit_logdets
from symkernel.lie.nuclear import PenalizedLeastSquares, interpolate

Array = NDArray[Any]

# Steps of the log-det penalty: where a singular value is about to vanish they are short for very
# long, and change nothing else.
_STEPS = 200


class Samples(NamedTuple):
    """Values of the dictionary, of shape (n, m), and targets, of shape (n, t)."""

    features: Array
    targets: Array


class Solution(NamedTuple):
    """Coefficients at one weight of the penalty.

    Attributes
    ----------
    coef : ndarray of shape (m, t)
    weights : ndarray
        The same in the shape of the operator's weights.
    gap : float or None
        Duality gap of the nuclear norm.
    n_iter : int
    converged : bool
    """

    coef: Array
    weights: Array
    gap: float | None
    n_iter: int
    converged: bool


@dataclass(frozen=True)
class Solver:
    """Solver of promoting regressions.

    Attributes
    ----------
    penalty : {"nuclear", "log-det"}
    max_iter : int
        Iterations of one solve at most.
    """

    penalty: str
    max_iter: int

    def paths(
        self, candidate: Candidate, parts: Sequence[Samples], gammas: Array, tol: float
    ) -> list[list[Solution]]:
        """Solve for descending weights of the penalty.

        Parameters
        ----------
        candidate : Candidate
        parts : sequence of Samples
            Each is a fit of its own.
        gammas : ndarray of shape (g,)
        tol : float
            Duality gap, or relative change of the weights, to stop at.

        Returns
        -------
        list of list of Solution
            For each of ``parts``, one per weight.
        """
        if self.penalty == "log-det":
            return self._log_det(candidate, parts, gammas, tol)
        return [self._nuclear(candidate, part, gammas, tol) for part in parts]

    def _log_det(
        self, candidate: Candidate, parts: Sequence[Samples], gammas: Array, tol: float
    ) -> list[list[Solution]]:
        fits = fit_logdets(
            candidate.operator,
            [RidgeData.of(*candidate.problem(*part)) for part in parts],
            [(i, len(part.targets) * g) for i, part in enumerate(parts) for g in gammas],
            tol=min(tol, 1e-5),
            max_iter=min(self.max_iter, _STEPS),
        )
        found = [
            Solution(candidate.coefficients(f.coef), f.coef, None, f.n_iter, True) for f in fits
        ]
        return [found[i : i + len(gammas)] for i in range(0, len(found), len(gammas))]

    def _nuclear(
        self, candidate: Candidate, part: Samples, gammas: Array, tol: float
    ) -> list[Solution]:
        features, targets = candidate.problem(*part)
        problem = PenalizedLeastSquares(candidate.matrices, features, targets)
        warm: WarmStart | None = None
        limits: dict[str, Any] = {"tol": tol, "max_iter": self.max_iter}
        found = []
        for g in gammas:
            if g == 0:
                result = interpolate(candidate.matrices, features, targets, **limits)
            else:
                weight = len(part.targets) * float(g)
                result = problem.solve(weight, warm_start=warm, **limits)
            warm = result.warm_start
            coef = candidate.coefficients(result.coef)
            found.append(Solution(coef, result.coef, result.gap, result.n_iter, result.converged))
        return found


class Choice(NamedTuple):
    """The candidate and the weight that cross-validation chose, with its table."""

    candidate: Candidate
    gamma: float
    results: dict[str, Any]


def choose(
    solver: Solver,
    candidates: Sequence[Candidate],
    samples: Samples,
    folds: Sequence[tuple[Array, Array]],
    tol: float,
) -> Choice:
    """Choose the candidate of the least error, and its largest weight that is as good.

    Parameters
    ----------
    solver : Solver
    candidates : sequence of Candidate
    samples : Samples
    folds : sequence of (train, test)
        Places of samples.
    tol : float
        Of each solve.

    Returns
    -------
    Choice
    """
    features, targets = samples
    names, gammas, means, spreads = [], [], [], []
    best: tuple[float, Candidate, float] | None = None
    for candidate in candidates:
        parts = [Samples(features[train], targets[train]) for train, _ in folds]
        errors = np.empty((len(folds), len(candidate.gammas)))
        for i, path in enumerate(solver.paths(candidate, parts, candidate.gammas, tol)):
            test = folds[i][1]
            for j, solution in enumerate(path):
                errors[i, j] = np.mean((features[test] @ solution.coef - targets[test]) ** 2)
        mean = errors.mean(axis=0)
        names += [candidate.name] * len(mean)
        gammas.append(candidate.gammas)
        means.append(mean)
        spreads.append(errors.std(axis=0) / np.sqrt(len(folds)))
        least = int(np.argmin(mean))
        worse = errors - errors[:, least : least + 1]
        doubt = worse.std(axis=0, ddof=1) / np.sqrt(len(folds))
        # Weights descend: the first that is as good gives symmetry the benefit of the doubt.
        j = int(np.argmax(worse.mean(axis=0) <= doubt))
        if best is None or mean[least] < best[0]:
            best = (float(mean[least]), candidate, float(candidate.gammas[j]))
    assert best is not None
    results = {
        "algebra": np.array(names),
        "gamma": np.concatenate(gammas),
        "mean_mse": np.concatenate(means),
        "std_mse": np.concatenate(spreads),
    }
    return Choice(best[1], best[2], results)


def make_folds(
    cv: Integral | BaseCrossValidator, n: int, random_state: int | None
) -> list[tuple[Array, Array]] | None:
    """Return the folds of n samples; None of a single one, which cannot be left out.

    Raises
    ------
    TypeError
        If ``cv`` is neither a number nor a splitter.
    ValueError
        If it is less than 2.
    """
    if isinstance(cv, Integral):
        if int(cv) < 2:
            raise ValueError(f"cv must be at least 2 folds, got {cv}")
        if n < 2:
            return None
        splitter: Any = KFold(min(int(cv), n), shuffle=True, random_state=random_state)
    else:
        splitter = cv
    if isinstance(splitter, str) or not hasattr(splitter, "split"):
        raise TypeError(f"cv must be an integer or a splitter, got {type(cv).__name__}")
    return list(splitter.split(np.zeros((n, 1))))
