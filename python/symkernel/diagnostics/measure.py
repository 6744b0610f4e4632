"""Measure how far a model is from invariant: the spread of its predictions over orbits."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr
from sklearn.neighbors import NearestNeighbors

from symkernel.diagnostics._wrapping import Frame
from symkernel.diagnostics.forces import net_force, net_torque
from symkernel.diagnostics.irrep_power import IrrepPower, irrep_powers
from symkernel.diagnostics.orbit_grid import OrbitGrid, orbit_grid
from symkernel.diagnostics.orbit_values import BATCH, OrbitValues, Output, as_samples
from symkernel.diagnostics.report import InvarianceReport
from symkernel.estimators._progress import Progress
from symkernel.groups import Group
from symkernel.groups.registry import bind, names_of
from symkernel.validation import RandomState, as_count, as_floats, as_generator, as_rows

__all__ = ["invariance_report"]

Array = NDArray[Any]

# Samples of the largest spread that a report names.
_WORST = 5
# Parts of equal number into which samples are sorted by their distance from the training data.
_QUARTERS = 4


def invariance_report(
    model: Any,
    X: Any,
    *,
    group: Group | str,
    y: Any = None,
    grid: str | int | OrbitGrid | None = None,
    n_random: int | None = None,
    output: Output = None,
    X_train: Any = None,
    batch_size: int = BATCH,
    n_bootstrap: int = 1000,
    random_state: RandomState = None,
    progress: bool = False,
) -> InvarianceReport:
    r"""Measure how broken the symmetry of a model is.

    Parameters
    ----------
    model : object with predict, or callable
        Takes samples like X, returns (n,), (n, k) or (n, ...) real numbers. Of a classifier the
        probabilities are measured, or the decision function.
    X : array-like of shape (n, n_features) or (n, *group.shape)
        Samples; images under the group are given to the model in the same shape,
        or in a data frame of the same columns.
    group : Group or str
        Group without translations, or the name of one.
    y : array-like of the shape of the predictions, default=None
        True values, for the error with and without averaging; for a classifier with
        ``predict_proba`` labels (n,) will do.
    grid : str, int or OrbitGrid, default=None
        Elements to average over; see ``orbit_grid``.
    n_random : int, default=None
        Average over so many random elements instead.
    output : None, "same", "vector" or callable, default=None
        How predictions should turn with the samples. None: not at all. "same": like the samples,
        as forces do, which measures equivariance. "vector": the vectors in the last axis by the
        rotation of the group, as dipoles do. A callable ``output(grid, k, Y)`` takes predictions
        at images under element k back.
    X_train : array-like of shape (m, n_features), default=None
        Training samples, for the spread by distance to the nearest of them.
    batch_size : int, default=8192
        Rows per call of the model.
    n_bootstrap : int, default=1000
        Resamplings of the samples behind the 95 % intervals.
    random_state : int, numpy Generator, numpy RandomState or None, default=None
        Source of random elements and of the bootstrap.
    progress : bool, default=False
        Whether to show a progress bar.

    Returns
    -------
    InvarianceReport
        ``print`` it, read its numbers, or ``plot`` it.

    Raises
    ------
    ValueError
        If X, y or the predictions do not fit, or the grid is none of this group.
    TypeError
        If the model can neither predict nor be called.

    Notes
    -----
    The mean squared error over an orbit is that of the orbit mean plus the variance over the
    orbit, hence ``share_of_error``. The variance of a function of degree L in the entries of a
    rotation has degree 2 L. Variances over independent random elements are divided by their number
    less one. O(q n) predictions for q elements; memory is bounded by the batch and
    n. Source: Langer, Pozdnyakov, Ceriotti, Mach. Learn.: Sci. Technol. 5 (2024),
    arXiv:2406.17747.

    Examples
    --------
    >>> import numpy as np
    >>> from symkernel import diagnostics, groups
    >>> X = np.random.default_rng(0).standard_normal((50, 3))
    >>> report = diagnostics.invariance_report(
    ...     lambda X: (X**2).sum(axis=1) + 0.1 * X[:, 0], X, group=groups.SO(3)
    ... )
    >>> print(list(report.by_irrep), round(report.unresolved, 6))
    ['l=1', 'l=2'] 0.0
    >>> bool(np.isclose(report.std**2, 0.01 * (X**2).sum(axis=1).mean() / 3))
    True
    """
    started = time.perf_counter()
    rng = as_generator(random_state)
    group = bind(group, int(np.prod(np.shape(X)[1:])), names_of(X))
    elements = (
        grid
        if isinstance(grid, OrbitGrid)
        else orbit_grid(group, grid, n_random=n_random, random_state=rng)
    )
    samples, shape = as_samples(X, elements)
    values = OrbitValues(model, elements, shape, output, batch_size, Frame.of(X))
    plain = values.plain(samples)
    targets = None if y is None else _as_targets(y, plain, model)
    powers = [p for p in irrep_powers(elements) if not p.trivial]
    orbits = _over_orbits(values, samples, plain.shape, powers, progress)
    # of independent elements the variance about their own mean is too small
    q = len(elements)
    correction = q / (q - 1) if elements.is_random and q > 1 else 1.0
    variances = correction * orbits.variances
    variance, spread = float(variances.mean()), np.sqrt(variances)
    by_irrep = {
        p.name: max(float(power), 0.0) for p, power in zip(powers, orbits.split, strict=True)
    }
    unresolved = float("nan")
    if powers:
        unresolved = max(1.0 - sum(by_irrep.values()) / variance, 0.0) if variance > 0 else 0.0
    error = averaged = orbit_error = share = None
    columns = [variances]
    if targets is not None:
        error, averaged = _errors(plain, targets), _errors(orbits.mean, targets)
        squares = ((orbits.mean - targets) ** 2).reshape(len(samples), -1).mean(axis=1)
        columns.append(orbits.variances + squares)
        whole = float(columns[1].mean())
        share = variance / whole if whole > 0 else 0.0
        orbit_error = float(np.sqrt(whole))
    drawn = _bootstrap(np.stack(columns, axis=1), as_count(n_bootstrap, "n_bootstrap"), rng)
    correlation, by_distance = _distances(samples, X_train, variances)
    force, torque = _forces(elements, output, samples, plain)
    return InvarianceReport(
        grid=elements,
        n_samples=len(samples),
        std=float(np.sqrt(variance)),
        std_interval=_interval(np.sqrt(drawn[:, 0])),
        mean=orbits.mean,
        spread=spread,
        largest=orbits.largest,
        by_irrep=by_irrep,
        unresolved=unresolved,
        error=error,
        averaged_error=averaged,
        orbit_error=orbit_error,
        share_of_error=share,
        share_interval=_interval(drawn[:, 0] / drawn[:, 1]) if share else None,
        worst=np.argsort(-spread, kind="stable")[:_WORST],
        distance_correlation=correlation,
        spread_by_distance=by_distance,
        net_force=force,
        net_torque=torque,
        seconds=time.perf_counter() - started,
        model_seconds=values.seconds,
        calls=values.calls,
        variation=float(orbits.mean.reshape(len(samples), -1).std(axis=0).max()),
    )


@dataclass(frozen=True, eq=False)
class _Orbits:
    """Orbit means (n, ...), variances and largest deviations (n,), mean power by irrep."""

    mean: Array
    variances: Array
    largest: Array
    split: Array


def _over_orbits(
    values: OrbitValues,
    samples: Array,
    shape: tuple[int, ...],
    powers: Sequence[IrrepPower],
    progress: bool,
) -> _Orbits:
    """Statistics of the predictions over the orbit of every sample."""
    n, w, q = len(samples), values.weights, len(values.weights)
    mean, variances, largest = np.empty(shape), np.empty(n), np.empty(n)
    split = np.zeros(len(powers))
    with Progress(values.count(n), "predicting images", progress) as bar:
        for block, predicted in values.blocks(samples, lambda: bar.step("")):
            rows = predicted.shape[1]
            flat = predicted.reshape(q, -1)
            middle = w @ flat
            # a second pass over the differences: one pass would cancel
            flat = flat - middle
            mean[block] = middle.reshape(predicted.shape[1:])
            squares = flat**2
            variances[block] = (w @ squares).reshape(rows, -1).mean(axis=1)
            largest[block] = np.sqrt(squares.reshape(q, rows, -1).sum(axis=2).max(axis=0))
            for k, power in enumerate(powers):
                split[k] += power.of(flat).sum()
    return _Orbits(mean, variances, largest, split / mean.size)


def _as_targets(y: Any, plain: Array, model: Any) -> Array:
    targets = np.asarray(y)
    labels = getattr(model, "classes_", None)
    if labels is not None and targets.shape == plain.shape[:1] != plain.shape:
        if not np.isin(targets, labels).all():
            raise ValueError(f"y holds labels that are none of the model's {list(labels)}")
        targets = targets[:, None] == labels
    if targets.shape != plain.shape:
        raise ValueError(
            f"y must have the shape of the predictions, {plain.shape}, got {targets.shape}"
        )
    return as_floats(targets, "y", finite=True).astype(np.float64, copy=False)


def _errors(predicted: Array, targets: Array) -> dict[str, float]:
    difference = predicted - targets
    return {
        "rmse": float(np.sqrt((difference**2).mean())),
        "mae": float(np.abs(difference).mean()),
    }


def _bootstrap(columns: Array, count: int, rng: np.random.Generator) -> Array:
    """Means of columns (n, c) over samples drawn with replacement, (count, c)."""
    n = len(columns)
    return np.array([columns[rng.integers(n, size=n)].mean(axis=0) for _ in range(count)])


def _interval(drawn: Array) -> tuple[float, float]:
    low, high = np.quantile(drawn, [0.025, 0.975])
    return float(low), float(high)


def _distances(X: Array, X_train: Any, variances: Array) -> tuple[float | None, Array | None]:
    """Rank correlation of spread and distance to the training data, and spread by quarters."""
    if X_train is None:
        return None, None
    train = as_rows(X_train, "X_train", X.shape[1])
    distance = NearestNeighbors(n_neighbors=1).fit(train).kneighbors(X)[0][:, 0]
    order = np.argsort(distance, kind="stable")
    quarters = [part for part in np.array_split(order, _QUARTERS) if len(part)]
    rows = [(distance[part].max(), np.sqrt(variances[part].mean())) for part in quarters]
    constant = np.ptp(distance) == 0 or np.ptp(variances) == 0
    correlation = 0.0 if constant else float(spearmanr(distance, variances).statistic)
    return correlation, np.array(rows)


def _forces(
    grid: OrbitGrid, output: Output, X: Array, predicted: Array
) -> tuple[float | None, float | None]:
    """Net force and torque, where predictions are forces on points of space."""
    shape = grid.group.shape
    if output != "same" or len(shape) != 2 or shape[1] != 3:
        return None, None
    positions, forces = X.reshape(-1, *shape), predicted.reshape(-1, *shape)
    nets = (net_force(forces), net_torque(positions, forces))
    force, torque = (float(np.sqrt((net**2).sum(axis=1).mean())) for net in nets)
    return force, torque
