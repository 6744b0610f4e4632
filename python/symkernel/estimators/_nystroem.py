"""Fit on centres in one pass over the samples, and choose their number."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symkernel.estimators._calibration import identical_rows
from symkernel.estimators._centers import Centres, find_centres
from symkernel.estimators._doubling import double_centres
from symkernel.estimators._kernel import BoundKernel
from symkernel.estimators._large import LargeFit, NystroemFactor, Options
from symkernel.estimators._progress import Progress
from symkernel.exceptions import NotApplicableError
from symkernel.solvers.checkpoint import Checkpoint
from symkernel.solvers.choose import SolverPlan
from symkernel.solvers.chunks import Chunk, chunks_of, rows_per_chunk
from symkernel.solvers.nystroem import NystroemSums
from symkernel.solvers.nystroem_pass import nystroem_sums
from symkernel.solvers.rpcholesky import uniform_pivots

Array = NDArray[Any]

# Training samples whose left-out values are kept for probabilities.
_LEFT_OUT = 2000


@dataclass
class NystroemFit(LargeFit):
    """Centres, the sums over all samples, and values of left-out samples.

    Attributes
    ----------
    centres : Centres
    sums : NystroemSums
    alpha : ndarray of shape (t,)
    raw : bool
        Whether the sums are of the targets as they came, or less a constant.
    rows : ndarray of int, shape (s,)
        Samples whose `features` and `weights` were kept, with `labels` that are the same for
        identical samples; of a fit in one call.
    tried : tuple of int
        Numbers of centres that were tried, the one that was kept last; none where it was given.
    """

    centres: Centres
    sums: NystroemSums
    alpha: Array
    raw: bool = False
    rows: NDArray[np.intp] | None = None
    features: Array | None = None
    weights: Array | None = None
    labels: Array | None = None
    tried: tuple[int, ...] = ()
    _factor: NystroemFactor | None = field(default=None, repr=False)

    @property
    def n_components(self) -> int:
        """Number of centres."""
        return len(self.centres)

    def factor(self) -> NystroemFactor:
        """Eigenvectors of the sums, made at the first call."""
        if self._factor is None:
            system = self.sums.system(centred=False)
            self._factor = NystroemFactor(
                self.centres.whitening, system.values, system.vectors, self.alpha
            )
        return self._factor

    def explaining(self, machine: Any, m: int) -> tuple[NystroemFactor, Any]:
        """Return the eigenvectors of the sums, and the centres."""
        return self.factor(), self.centres.samples

    def left_out(self, machine: Any, targets: Array) -> tuple[NDArray[np.intp], Array]:
        r"""Return samples that were kept, and their values without themselves and their copies.

        With the leverage h of features b and the weights W of identical samples,
        :math:`f_{-i} = (f - W h m) / (1 - W h)`, m their mean target.
        """
        if (
            self.rows is None
            or self.features is None
            or self.weights is None
            or self.labels is None
        ):
            raise NotApplicableError(
                "probabilities are calibrated on values of left-out samples, of which partial_fit "
                "keeps none; use fit"
            )
        B, w, y, labels = self.features, self.weights, targets[self.rows], self.labels
        total = np.bincount(labels, w)[labels]
        safe = np.where(total > 0.0, total, 1.0)
        mean = np.stack([np.bincount(labels, w * t)[labels] / safe for t in y.T], axis=1)
        system = self.sums.system(centred=False)
        values = B @ system.coefficients(self.alpha)[0]
        share = self.factor().leverage(B) * total[:, None]
        left = np.where(1.0 - share > 1e-12, 1.0 - share, np.nan)
        return self.rows, (values - share * mean) / left


def fit_nystroem(
    plan: SolverPlan,
    options: Options,
    bound: BoundKernel,
    X: Array,
    targets: Array,
    alpha: Any,
    sample_weight: Array | None,
) -> tuple[Array, Any, NystroemFit]:
    """Fit on centres: coefficients (M, t), the centres, and what is kept for later.

    The plan says how many centres there are, at most where their number is to be found.
    """
    alphas = np.ravel(alpha).astype(np.float64)
    words = f"nystroem {options.n_components} {alphas.tolist()}"
    kept = options.kept(bound, words, X, targets, sample_weight)
    state = None if kept is None else kept.load()
    seed = options.seed() if state is None else int(state["seed"])
    run = _Run(options, bound, X, targets, sample_weight, seed, kept, state)
    tried: tuple[int, ...] = ()
    if options.n_components is None and state is None:
        centres, sums, tried = double_centres(plan, alphas, seed, run)
    else:
        m = plan.n_components if state is None else int(state["asked"])
        centres = run.centres(m)
        sums = run.passed(centres, np.arange(len(X)), m)
    w, _ = sums.system(centred=False).coefficients(alphas)
    if kept is not None:
        kept.remove()
    rows = rows_left_out(len(X), seed)
    weights = np.ones(len(rows)) if sample_weight is None else sample_weight[rows]
    large = NystroemFit(
        centres,
        sums,
        alphas,
        rows=rows,
        features=centres.features(X[rows]),
        weights=weights.astype(np.float64),
        labels=identical_rows(X[rows]),
        tried=tried,
    )
    return centres.whitening.coefficients(w), centres.samples, large


def rows_left_out(n: int, seed: int) -> NDArray[np.intp]:
    """Return the rows whose left-out values are kept for probabilities."""
    return np.sort(uniform_pivots(n, _LEFT_OUT, seed))


class _Run:
    """One fit: its samples, its seed, and where it keeps its state."""

    def __init__(
        self,
        options: Options,
        bound: BoundKernel,
        X: Array,
        targets: Array,
        sample_weight: Array | None,
        seed: int,
        kept: Checkpoint | None,
        state: dict[str, Array] | None,
    ) -> None:
        self._options, self._bound, self._X = options, bound, X
        self._y, self._w, self._seed = targets, sample_weight, seed
        self._kept, self._state = kept, state

    def centres(self, m: int) -> Centres:
        options = self._options
        return find_centres(self._bound, self._X, m, options.centers, self._seed, options.n_jobs)

    def passed(self, centres: Centres, rows: NDArray[np.intp], asked: int) -> NystroemSums:
        """Sum over some samples, all of them from a checkpoint on."""
        whole = len(rows) == len(self._X)
        limit = self._options.memory_limit
        d = int(self._X.shape[1])
        size = rows_per_chunk(len(centres), d, None if limit is None else int(limit))
        sums = NystroemSums.zeros(len(centres), self._y.shape[1])
        if self._state is not None:
            sums = NystroemSums.from_arrays(self._state)
        begun = sums.rows

        def after(sums: NystroemSums) -> None:
            progress.step(f"{sums.rows:,} of {len(rows):,} samples")
            if whole and self._kept is not None:
                extra = {"seed": np.array(self._seed), "asked": np.array(asked)}
                self._kept.save({**extra, **sums.arrays()})

        steps = -(-(len(rows) - begun) // size)
        with Progress(steps, f"{len(centres)} centres", self._options.verbose > 0) as progress:
            return nystroem_sums(
                self._chunks(rows, begun, size),
                centres.cross,
                centres.whitening,
                self._y.shape[1],
                diag=self._bound.diag,
                sums=sums,
                after=after,
            )

    def attempt(self, m: int, held: NDArray[np.intp] | None) -> tuple[Centres, NystroemSums]:
        """Find m centres, and sum over all samples but those held out."""
        centres, rows = self.centres(m), np.arange(len(self._X))
        return centres, self.passed(centres, rows if held is None else np.delete(rows, held), m)

    def at(self, rows: NDArray[np.intp]) -> tuple[Array, Array, Array | None]:
        """Return some samples, their targets and their weights."""
        return self._X[rows], self._y[rows], None if self._w is None else self._w[rows]

    def _chunks(self, rows: NDArray[np.intp], begun: int, size: int) -> Any:
        if len(rows) == len(self._X):
            w = None if self._w is None else self._w[begun:]
            return chunks_of(self._X[begun:], self._y[begun:], w, rows=size)
        w = None if self._w is None else self._w
        return (
            Chunk(
                int(at[0]),
                self._X[at],
                self._y[at].astype(np.float64),
                None if w is None else w[at].astype(np.float64),
            )
            for at in (rows[first : first + size] for first in range(0, len(rows), size))
        )


def solved_from_sums(fit: NystroemFit, centred: bool) -> tuple[Array, Array]:
    """Return coefficients (M, t) and constants (t,) of a fit."""
    w, intercept = fit.sums.system(centred).coefficients(np.ravel(fit.alpha))
    return fit.centres.whitening.coefficients(w), intercept


def add_samples(fit: NystroemFit, X: Array, targets: Array, weights: Array | None) -> None:
    """Add samples to the sums of a fit, chunk by chunk."""
    size = rows_per_chunk(len(fit.centres), int(X.shape[1]))
    diag: Callable[[Any], Array] = fit.centres.bound.diag
    fit.sums = nystroem_sums(
        chunks_of(X, targets, weights, rows=size),
        fit.centres.cross,
        fit.centres.whitening,
        targets.shape[1],
        diag=diag,
        sums=fit.sums,
    )
    fit.rows = fit.features = fit.weights = fit.labels = fit._factor = None
