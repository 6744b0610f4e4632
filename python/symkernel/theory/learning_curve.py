"""Draw risk against the number of samples, for several models on the same data."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from symkernel.diagnostics import Augmented
from symkernel.estimators._progress import Progress
from symkernel.estimators.ridge import InvariantKernelRidge
from symkernel.groups import Group
from symkernel.spectral import Manifold, SpectralRegressor
from symkernel.theory.records import Record, Records
from symkernel.validation import as_array, as_count, as_floats, check_labels

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["LearningCurve", "mean_squared_error", "standard_models"]

Array = NDArray[np.float64]
Draw = Callable[[int, np.random.Generator], tuple[Any, Any]]

# Resamples of the repeats behind a confidence band.
_RESAMPLES = 2000


def mean_squared_error(y: Array, predicted: Array) -> float:
    """Return the mean of squared differences over samples and targets."""
    return float(np.mean((as_floats(y, "y") - as_floats(predicted, "predicted")) ** 2))


class LearningCurve:
    """Fit models on more and more samples, again and again, and keep every result.

    All models see the same samples: in each repeat the training sets are nested and the test set is
    one. Results go to a CSV file as they come, and a run that was stopped goes on from there.

    The file knows the test size, the seed and the name of the metric, and refuses others; that
    models and data are still the same is for the caller to see to.

    Parameters
    ----------
    models : mapping of str to scikit-learn regressor
        Cloned for every fit. ``standard_models`` makes the usual four.
    draw : callable, or pair (X, y)
        ``draw(n, rng)`` returns n new samples and their targets; a pair is a data set, from which
        samples are drawn without replacement.
    sizes : sequence of int, or mapping of str to sequence of int
        Numbers of training samples, for all models or for each.
    n_repeats : int, default=10
        Independent data sets.
    n_test : int, default=1000
        Test samples of each repeat.
    draw_test : callable, default=None
        ``draw`` of test samples, such as one without noise; by default ``draw``.
    metric : callable, default=mean_squared_error
        ``metric(y, predicted)``, positive, smaller is better.
    random_state : int, default=0
        Seed; repeat r draws from ``numpy.random.default_rng([random_state, r])``.
    path : str or Path, default=None
        CSV file to keep results in and to go on from; None to keep them in memory.
    progress : bool, default=False
        Whether to show a progress bar on standard error (tqdm, in the extra ``demo``).

    Raises
    ------
    TypeError, ValueError
        If models or sizes are missing or out of range, a data set is too small, or the file holds
        results of another test size, seed or metric.

    Examples
    --------
    >>> from sklearn.gaussian_process.kernels import RBF
    >>> from symkernel import groups, theory
    >>> from symkernel.spectral import Sphere
    >>> def draw(n, rng):
    ...     X = Sphere(3).random_points(n, rng)
    ...     return X, X.prod(axis=1)
    >>> G = groups.PointGroup("T")
    >>> models = theory.standard_models(RBF(0.5), G, alpha=1e-8)
    >>> curve = theory.LearningCurve(models, draw, [8, 16, 32, 64], n_repeats=2, n_test=200).run()
    >>> bool(curve.mean("invariant")[-1] < curve.mean("plain")[-1])
    True
    >>> curve.gain("plain", "invariant").shape
    (4,)
    """

    def __init__(
        self,
        models: Mapping[str, Any],
        draw: Draw | tuple[Any, Any],
        sizes: Sequence[int] | Mapping[str, Sequence[int]],
        *,
        n_repeats: int = 10,
        n_test: int = 1000,
        draw_test: Draw | None = None,
        metric: Callable[[Any, Any], float] = mean_squared_error,
        random_state: int = 0,
        path: str | Path | None = None,
        progress: bool = False,
    ) -> None:
        if not models:
            raise ValueError("models must name at least one model")
        self.models = dict(models)
        self.n_repeats = as_count(n_repeats, "n_repeats")
        self.n_test = as_count(n_test, "n_test")
        self.random_state = as_count(random_state, "random_state", 0)
        self.sizes = {name: _sizes(sizes, name) for name in self.models}
        self.metric = metric
        self.progress = progress
        self._most = max(max(found) for found in self.sizes.values())
        self._data = None if callable(draw) else _data_set(draw, self._most + self.n_test)
        self._draw = draw if callable(draw) else None
        if draw_test is not None and self._draw is None:
            raise ValueError("draw_test must be None with a data set, which is split")
        self._draw_test = draw_test
        name = getattr(metric, "__name__", type(metric).__name__)
        settings = f"n_test={self.n_test} random_state={self.random_state} metric={name}"
        self._records = Records(None if path is None else Path(path), settings)

    def run(self) -> Self:
        """Fit what is not there yet.

        An interrupted run leaves what it has done in the file.

        Returns
        -------
        self

        Raises
        ------
        Whatever a model raises in ``fit`` or ``predict``.
        """
        missing = [
            (repeat, name, n)
            for repeat in range(self.n_repeats)
            for name, sizes in self.sizes.items()
            for n in sizes
            if (name, n, repeat) not in self._records
        ]
        drawn, last = None, -1
        with Progress(len(missing), "learning curve", self.progress) as bar:
            for repeat, name, n in missing:
                if repeat != last or drawn is None:
                    drawn, last = self._sample(repeat), repeat
                X, y, X_test, y_test = drawn
                start = time.perf_counter()
                predicted = clone(self.models[name]).fit(X[:n], y[:n]).predict(X_test)
                seconds = time.perf_counter() - start
                risk = float(self.metric(y_test, predicted))
                self._records.add(Record(name, n, repeat, risk, seconds))
                bar.step(f"{name}, n = {n}: {risk:.3g}")
        return self

    def _sample(self, repeat: int) -> tuple[Any, Any, Any, Any]:
        rng = np.random.default_rng([self.random_state, repeat])
        if self._data is not None:
            X, y = self._data
            rows = rng.permutation(len(y))
            held, train = np.split(rows, [self.n_test])
            return X[train], y[train], X[held], y[held]
        assert self._draw is not None
        test = (self._draw_test or self._draw)(self.n_test, rng)
        return (*self._draw(self._most, rng), *test)

    # -- results ------------------------------------------------------------------------------

    def risks(self, name: str) -> Array:
        """Return the risks of one model, (n_repeats, n_sizes).

        Raises
        ------
        ValueError
            If there is no such model, or results are missing: call ``run``.
        """
        if name not in self.models:
            raise ValueError(f"name must be one of {', '.join(self.models)}, got {name!r}")
        try:
            rows = [
                [self._records[name, n, repeat].risk for n in self.sizes[name]]
                for repeat in range(self.n_repeats)
            ]
        except KeyError as error:
            raise ValueError(f"results of {error.args[0]} are missing: call run() first") from None
        return np.array(rows)

    def mean(self, name: str, *, average: str = "mean") -> Array:
        """Return the risk averaged over repeats, (n_sizes,).

        Parameters
        ----------
        name : str
            A model.
        average : {"mean", "geometric", "median"}, default="mean"
            The mean is what theory bounds; with few samples a few unlucky draws make most of it.
            The others are those of a typical run.
        """
        return _average(self.risks(name), average)

    def band(
        self, name: str, confidence: float = 0.95, *, average: str = "mean"
    ) -> tuple[Array, Array]:
        """Return the confidence band of the average risk: percentiles over resampled repeats.

        Parameters
        ----------
        name : str
            A model.
        confidence : float, default=0.95
            Between 0 and 1. With one repeat the band is the risk itself.
        average : {"mean", "geometric", "median"}, default="mean"

        Returns
        -------
        lower, upper : float64, shape (n_sizes,)
        """
        if not 0.0 < confidence < 1.0:
            raise ValueError(f"confidence must lie between 0 and 1, got {confidence!r}")
        risks = self.risks(name)
        rows = np.random.default_rng(0).integers(len(risks), size=(_RESAMPLES, len(risks)))
        means = _average(risks[rows].transpose(1, 0, 2), average)
        tail = 50.0 * (1.0 - confidence)
        lower, upper = np.percentile(means, [tail, 100.0 - tail], axis=0)
        return lower, upper

    def gain(self, slow: str, fast: str, *, average: str = "mean") -> Array:
        """Tell how many times more samples one model needs for the average risk of another.

        Parameters
        ----------
        slow, fast : str
            Models, such as "plain" and "invariant".
        average : {"mean", "geometric", "median"}, default="mean"

        Returns
        -------
        float64, shape (n_sizes of ``fast``,)
            For each size n of ``fast``, n'/n where the curve of ``slow`` reaches the same risk
            at n', log-linear between its points; only its lowest risk so far counts. NaN where it
            does not reach it, or is below it at its smallest size already.
        """
        sizes = np.array(self.sizes[fast], np.float64)
        target = _log(self.mean(fast, average=average))
        falling = np.minimum.accumulate(_log(self.mean(slow, average=average)))[::-1]
        own = np.log(np.array(self.sizes[slow], np.float64))[::-1]
        found = np.interp(target, falling, own, left=np.nan, right=np.nan)
        return np.asarray(np.exp(found) / sizes)

    def save_csv(self, path: str | Path) -> None:
        """Write all results: model, samples, repeat, risk, seconds."""
        self._records.write(Path(path))

    def __str__(self) -> str:
        lines = [f"{'samples':>8}  " + "  ".join(f"{name:>11}" for name in self.models)]
        for n in sorted({n for sizes in self.sizes.values() for n in sizes}):
            cells = [
                f"{self.mean(name)[self.sizes[name].index(n)]:>11.4g}"
                if n in self.sizes[name]
                else f"{'':>11}"
                for name in self.models
            ]
            lines.append(f"{n:>8}  " + "  ".join(cells))
        return "\n".join(lines)

    def draw(self, axes: Axes, *, ylabel: str = "risk", average: str = "mean") -> None:
        """Draw average risks with their confidence bands, both axes logarithmic."""
        from symkernel.theory.pictures import draw_curve

        for place, name in enumerate(self.models):
            middle = self.mean(name, average=average)
            band = self.band(name, average=average)
            draw_curve(axes, place, name, self.sizes[name], middle, band)
        axes.set_xlabel("training samples")
        axes.set_ylabel(ylabel)
        axes.legend(frameon=False)

    def plot(self) -> Figure:
        """Return a figure of the curves; needs matplotlib (the extra ``demo``)."""
        from matplotlib.figure import Figure

        figure = Figure(figsize=(5.6, 4.0), layout="constrained")
        self.draw(figure.add_subplot())
        return figure

    def save_png(self, path: str | Path) -> None:
        """Write the picture."""
        self.plot().savefig(path, dpi=150)


def standard_models(
    kernel: Any,
    group: Group,
    *,
    alpha: float = 1e-6,
    n_images: int = 4,
    manifold: Manifold | None = None,
    max_level: int | float | None = None,
) -> dict[str, Any]:
    """Return the usual models of a comparison, by name.

    Parameters
    ----------
    kernel : kernel object
        The base kernel of the first three.
    group : Group
    alpha : float, default=1e-6
        Regularisation of "plain" and "invariant"; of "augmented" times the number of versions of a
        sample, with which all versions give the invariant model.
    n_images : int, default=4
        Random images of every sample of "augmented".
    manifold : Manifold, default=None
        With it there is a fourth model, "spectral": ridge regression in the invariant functions,
        with alpha chosen by leave-one-out.
    max_level : int or float, default=None
        Levels of "spectral"; None chooses by leave-one-out.

    Returns
    -------
    dict of str to estimator
        "plain", "augmented", "invariant" and perhaps "spectral".

    Examples
    --------
    >>> from sklearn.gaussian_process.kernels import RBF
    >>> from symkernel import groups, theory
    >>> from symkernel.spectral import Sphere
    >>> list(theory.standard_models(RBF(1.0), groups.PointGroup("O"), manifold=Sphere(3)))
    ['plain', 'augmented', 'invariant', 'spectral']
    """
    images = as_count(n_images, "n_images")
    models: dict[str, Any] = {
        "plain": InvariantKernelRidge(alpha, kernel=kernel),
        "augmented": Augmented(
            InvariantKernelRidge((images + 1) * alpha, kernel=kernel), group, images, random_state=0
        ),
        "invariant": InvariantKernelRidge(alpha, kernel=kernel, group=group),
    }
    if manifold is not None:
        models["spectral"] = SpectralRegressor(manifold, group, max_level=max_level)
    return models


def _log(risks: Array) -> Array:
    """Logarithms; a risk of zero counts as the smallest positive number."""
    return np.asarray(np.log(np.maximum(risks, np.finfo(np.float64).tiny)))


def _average(risks: Array, average: str) -> Array:
    """Average over the first axis."""
    if average == "mean":
        return np.asarray(risks.mean(axis=0))
    if average == "median":
        return np.asarray(np.median(risks, axis=0))
    if average == "geometric":
        return np.asarray(np.exp(_log(risks).mean(axis=0)))
    raise ValueError(f"average must be 'mean', 'geometric' or 'median', got {average!r}")


def _sizes(sizes: Sequence[int] | Mapping[str, Sequence[int]], name: str) -> list[int]:
    if isinstance(sizes, Mapping):
        if name not in sizes:
            raise ValueError(f"sizes must have an entry for model {name!r}")
        sizes = sizes[name]
    found = [as_count(n, "sizes") for n in sizes]
    if not found or any(a >= b for a, b in itertools.pairwise(found)):
        raise ValueError(f"sizes must be increasing, at least one, got {found}")
    return found


def _data_set(data: Any, needed: int) -> tuple[Any, Any]:
    if not isinstance(data, tuple) or len(data) != 2:
        raise TypeError(f"draw must be callable or a pair (X, y), got {type(data).__name__}")
    X, y = as_array(data[0]), np.asarray(data[1])
    check_labels(y)
    if len(X) != len(y):
        raise ValueError(f"X and y must have as many rows, got {len(X)} and {len(y)}")
    if len(X) < needed:
        raise ValueError(f"X must have {needed} samples to train and test on, got {len(X)}")
    return X, y
