"""Score ridges and hyperparameters on centres: all ridges from one pass over the samples."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symkernel.backends import memory
from symkernel.estimators._centers import find_centres
from symkernel.estimators._grid import Grid
from symkernel.estimators._kernel import BoundKernel
from symkernel.estimators._large import Options
from symkernel.estimators._progress import Progress
from symkernel.estimators._scoring import make_score
from symkernel.estimators._solvers import refuse_method
from symkernel.exceptions import ApproximationWarning, NotApplicableError
from symkernel.solvers.chunks import chunks_of, rows_per_chunk
from symkernel.solvers.nystroem_pass import nystroem_sums
from symkernel.solvers.nystroem_system import NystroemSystem

Array = NDArray[Any]

# Centres of a search where their number is not given, at most.
_CENTRES = 500
# Samples a centre from which on generalised cross-validation can be trusted.
_RATIO = 10
# Samples held out: a fifth, at most so many.
_HELD_OUT = 10_000
# Square matrices of an eigendecomposition, of numbers of eight bytes.
_MATRICES, _DOUBLE = 4, 8


def searches_on_centres(options: Options, cv: Any, X: Any) -> bool:
    """Whether ridges are scored on centres, and not by leaving out each sample.

    Raises
    ------
    ValueError, NotApplicableError
        If the options do not fit together, or to the samples.
    """
    if cv not in (None, "gcv", "holdout"):
        raise ValueError(f"cv must be 'gcv', 'holdout' or None, got {cv!r}")
    if options.solver == "pcg":
        raise NotApplicableError(
            "solver='pcg' knows no leave-one-out errors, which take the diagonal of an inverse: "
            "search with solver='nystroem', and fit InvariantKernelRidge(alpha, solver='pcg') with "
            "what it finds, or use GridSearchCV"
        )
    if options.solver == "auto" and isinstance(X, np.ndarray):
        there = options.memory_limit
        there = memory.available_bytes() if there is None else there
        size = _MATRICES * _DOUBLE * X.shape[0] ** 2
        if there is not None and size > there:
            warnings.warn(
                f"{X.shape[0]:,} samples are searched on centres, an approximation, because "
                f"leaving out each takes {size / 1e9:.3g} GB; solver='nystroem' asks for it.",
                ApproximationWarning,
                stacklevel=4,
            )
            return True
    if options.solver != "nystroem" and cv is not None:
        raise ValueError(
            f"cv={cv!r} is for solver='nystroem'; solver={options.solver!r} leaves out each sample"
        )
    return options.solver == "nystroem"


@dataclass(frozen=True)
class Search:
    """A search over ridges and one hyperparameter.

    Parameters
    ----------
    options : Options
    grid : Grid
    alphas : ndarray of shape (a,)
    bind : callable
        Makes the kernel of a value of the grid.
    centred : bool
        Whether the mean of the targets is subtracted, in every fit.
    """

    options: Options
    grid: Grid
    alphas: Array
    bind: Callable[[Any], BoundKernel]
    centred: bool

    def scores(
        self, X: Array, y: Array, weights: Array | None, cv: str | None, scoring: Any
    ) -> Array:
        """Return the scores of every value and ridge, (v, a); the larger the better.

        By generalised cross-validation, or of held-out samples: where that is asked for, where
        another score is, where squares of residuals have cancelled, and where more than a tenth of
        the samples are centres: their residuals are smaller than GCV takes them for.
        """
        squares = scoring in (None, "neg_mean_squared_error")
        if cv == "gcv" and not squares:
            raise ValueError(
                f"cv='gcv' estimates the mean squared error; scoring={scoring!r} needs cv='holdout'"
            )
        few = _RATIO * self._centres(X) <= len(X)
        if cv == "gcv" or (cv is None and squares and few):
            found = self._each(lambda bound, seed: self._gcv(bound, seed, X, y, weights))
            if cv == "gcv" or not np.isnan(found).any():
                return found
        return self._each(lambda bound, seed: self._held(bound, seed, X, y, weights, scoring))

    def _each(self, score: Callable[[BoundKernel, int], Array]) -> Array:
        scores = np.empty((len(self.grid.values), len(self.alphas)))
        seed = self.options.seed()
        with Progress(len(scores), "search on centres", self.options.verbose > 0) as progress:
            for row, value in zip(scores, self.grid.values, strict=True):
                row[:] = score(self.bind(value), seed)
                progress.step(f"{self.grid.describe(value)} score={np.nanmax(row):.4g}".strip())
        return scores

    def _gcv(
        self, bound: BoundKernel, seed: int, X: Array, y: Array, weights: Array | None
    ) -> Array:
        system, _ = self._system(bound, seed, X, y, weights)
        return np.asarray(-system.gcv(self.alphas).mean(axis=1))

    def _held(
        self,
        bound: BoundKernel,
        seed: int,
        X: Array,
        y: Array,
        weights: Array | None,
        scoring: Any,
    ) -> Array:
        n = len(X)
        order = np.random.default_rng(seed).permutation(n)
        count = min(_HELD_OUT, max(1, n // 5))
        held, rest = np.sort(order[:count]), np.sort(order[count:])
        w, inner = (None, None) if weights is None else (weights[held], weights[rest])
        system, features = self._system(bound, seed, X[rest], y[rest], inner)
        B, targets = features(X[held]), y[held].reshape(count, -1)
        score = make_score(scoring, y[held], w)
        found = []
        for alpha in self.alphas:
            c, intercept = system.coefficients(alpha)
            found.append(score((targets - intercept - B @ c).reshape(y[held].shape)))
        return np.array(found)

    def _centres(self, X: Array) -> int:
        return min(len(X), self.options.n_components or _CENTRES)

    def _system(
        self, bound: BoundKernel, seed: int, X: Array, y: Array, weights: Array | None
    ) -> tuple[NystroemSystem, Callable[[Array], Array]]:
        """One pass over samples, decomposed, and what makes features."""
        options = self.options
        if not isinstance(X, np.ndarray):
            refuse_method("nystroem", bound)
        m = self._centres(X)
        centres = find_centres(bound, X, m, options.centers, seed, options.n_jobs)
        limit = None if options.memory_limit is None else int(options.memory_limit)
        rows = rows_per_chunk(len(centres), int(X.shape[1]), limit)
        targets = y.reshape(len(y), -1)
        sums = nystroem_sums(
            chunks_of(X, targets, weights, rows=rows),
            centres.cross,
            centres.whitening,
            targets.shape[1],
        )
        return sums.system(self.centred), centres.features
