"""How far a model is from invariant: the spread of its predictions over orbits."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr
from sklearn.neighbors import NearestNeighbors

from symkernel.diagnostics.forces import net_force, net_torque
from symkernel.diagnostics.irrep_power import irrep_powers
from symkernel.diagnostics.orbit_grid import OrbitGrid, orbit_grid
from symkernel.diagnostics.orbit_values import BATCH, OrbitValues, Output, as_samples
from symkernel.estimators._progress import Progress
from symkernel.groups import Group, from_name
from symkernel.groups._checks import RandomState, as_count, as_generator

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["InvarianceReport", "invariance_report"]

Array = NDArray[Any]

_WORST = 5
# Below this share of the error a break does not matter, above the other it does.
_IMMATERIAL, _MATERIAL = 0.01, 0.1
# A variance of which more than this share has no representation is not resolved by the grid.
_UNRESOLVED = 1e-3
# Shares from which representations are printed, and how many of them at most.
_SHOWN, _ROWS = 5e-5, 12
# Relative size of rounding: a smaller spread is none.
_ROUNDING = 1e-12

NORM = (
    "spread of a sample: root of the mean over outputs of the variance over its orbit; std: root "
    "mean square of the spreads over samples"
)


@dataclass(frozen=True, eq=False)
class InvarianceReport:
    """Outcome of ``invariance_report``.

    Attributes
    ----------
    grid : OrbitGrid
        Elements that stood for the group.
    n_samples : int
        Number of samples.
    std : float
        Root mean square over samples of the standard deviation over the orbit.
    std_interval : tuple of float
        95 % bootstrap interval of ``std`` over samples.
    mean : ndarray of shape (n, ...)
        Orbit means of the predictions: the predictions of the symmetrised model.
    spread : ndarray of shape (n,)
        Standard deviation over the orbit of each sample, root mean square over outputs.
    largest : ndarray of shape (n,)
        Largest distance of a prediction on the orbit from the orbit mean.
    by_irrep : dict of str to float
        ``std**2`` split by irreducible representation, where the grid resolves them.
    unresolved : float
        Share of the variance in representations that the grid does not resolve; nan where no
        split was made.
    error, averaged_error : dict of str to float or None
        "rmse" and "mae" of the predictions and of their orbit means, if y was given.
    share_of_error : float or None
        Share of the mean squared error over orbits that averaging would remove.
    worst : ndarray of int
        Samples of the largest spread, the worst first.
    distance_correlation : float or None
        Spearman correlation of the spread and the distance to the nearest training sample.
    net_force, net_torque : float or None
        Root mean squares over samples, for forces on points in space.
    seconds, model_seconds : float
        Time of the report, and that spent in the model.
    calls : int
        Number of calls of the model.
    """

    grid: OrbitGrid
    n_samples: int
    std: float
    std_interval: tuple[float, float]
    mean: Array
    spread: Array
    largest: Array
    by_irrep: dict[str, float]
    unresolved: float
    error: dict[str, float] | None
    averaged_error: dict[str, float] | None
    share_of_error: float | None
    worst: NDArray[np.int64]
    distance_correlation: float | None
    net_force: float | None
    net_torque: float | None
    seconds: float
    model_seconds: float
    calls: int
    variation: float = field(repr=False, default=float("nan"))

    @property
    def too_small(self) -> bool:
        """Whether the grid is too small for the variance that it measures."""
        return self.std > 0 and self.unresolved > _UNRESOLVED

    @property
    def verdict(self) -> str:
        """What the numbers say, in one sentence."""
        if self.std <= _ROUNDING * max(self.variation, float(np.abs(self.mean).max())):
            return "invariant up to rounding"
        if self.share_of_error is not None:
            share = f"{self.share_of_error:.2%} of the squared error"
            if self.share_of_error < _IMMATERIAL:
                return f"broken, but it hardly matters: the break makes {share}"
            if self.share_of_error > _MATERIAL:
                return f"broken, and it matters: the break makes {share}"
            return f"broken: the break makes {share}"
        if self.variation > _ROUNDING**0.5 * self.std:
            return (
                f"broken: the spread is {self.std / self.variation:.2%} of how much orbits differ"
            )
        return "broken"

    def __str__(self) -> str:
        low, high = self.std_interval
        lines = [
            f"{self.grid.group!r}: {self.n_samples} samples, {len(self.grid)} elements "
            f"({self.grid.name})",
            f"  std over orbits   {self.std:.4g}   95% interval {low:.4g} to {high:.4g}",
            f"  largest deviation {self.largest.max():.4g}, at sample {int(self.largest.argmax())}",
        ]
        if self.by_irrep:
            lines.append("  share of the variance by representation")
            total = self.std**2
            shares = {k: power / total if total else 0.0 for k, power in self.by_irrep.items()}
            shown = {k: share for k, share in shares.items() if share >= _SHOWN} or shares
            for name in sorted(shown, key=lambda k: -shares[k])[:_ROWS]:
                lines.append(f"    {name:<28} {shares[name]:7.2%}")
            lines.append(f"    {'not resolved by the grid':<28} {self.unresolved:7.2%}")
        if self.too_small:
            lines.append(
                "  the grid is too small for this variance: a function of degree L needs a grid "
                f"of degree 2 L, this one has {self.grid.degree:g}"
            )
        if self.error is not None and self.averaged_error is not None:
            for word, error in (("as it is", self.error), ("averaged", self.averaged_error)):
                lines.append(f"  {word:<10} RMSE {error['rmse']:.4g}   MAE {error['mae']:.4g}")
        if self.net_force is not None:
            lines.append(
                f"  net force {self.net_force:.4g}, net torque {self.net_torque:.4g} "
                "(root mean square over samples)"
            )
        if self.distance_correlation is not None:
            lines.append(
                "  rank correlation of the spread and the distance to the training data "
                f"{self.distance_correlation:.2f}"
            )
        lines.append(f"  worst samples {', '.join(map(str, self.worst.tolist()))}")
        lines.append(
            f"  {self.calls} calls of the model took {self.model_seconds:.3g} of "
            f"{self.seconds:.3g} s"
        )
        lines.append(f"  {self.verdict}")
        lines.append(f"  ({NORM})")
        return "\n".join(lines)

    def plot(self) -> Figure:
        """Draw the spread of every sample, and its share by representation.

        Returns
        -------
        matplotlib.figure.Figure

        Raises
        ------
        ImportError
            If matplotlib is not installed (the extra ``demo``).
        """
        from symkernel.diagnostics.pictures import draw_report

        return draw_report(self)


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
        Takes samples like X, returns (n,), (n, k) or (n, ...) real numbers.
    X : array-like of shape (n, n_features) or (n, *group.shape)
        Samples; images under the group are given to the model in the same shape.
    group : Group or str
        Group without translations, or the name of one.
    y : array-like of the shape of the predictions, default=None
        True values, for the error with and without averaging.
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
        Training samples, for the correlation of the spread and the distance to them.
    batch_size : int, default=8192
        Rows per call of the model.
    n_bootstrap : int, default=1000
        Resamplings behind the interval.
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
    rotation has degree 2 L. O(q n) predictions for q elements; memory is bounded by the batch and
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
    if isinstance(group, str):
        group = from_name(group, int(np.prod(np.shape(X)[1:])))
    elements = (
        grid
        if isinstance(grid, OrbitGrid)
        else orbit_grid(group, grid, n_random=n_random, random_state=rng)
    )
    samples, shape = as_samples(X, elements)
    values = OrbitValues(model, elements, shape, output, batch_size)
    plain = values.plain(samples)
    targets = None if y is None else _as_targets(y, plain)
    powers = [p for p in irrep_powers(elements) if not p.trivial]
    n = len(samples)
    mean = np.empty(plain.shape)
    spread, largest, split = np.empty(n), np.empty(n), np.zeros((len(powers), n))
    w = elements.weights
    total = values.count(n)
    with Progress(total, "predicting images", progress) as bar:
        for block, predicted in values.blocks(samples, lambda: bar.step("")):
            flat = predicted.reshape(len(elements), -1)
            middle = w @ flat
            # a second pass over the differences: one pass would cancel
            flat = flat - middle
            shape_back = (predicted.shape[1], -1)
            spread[block] = np.sqrt((w @ flat**2).reshape(shape_back).mean(axis=1))
            squares = (flat**2).reshape(len(elements), *shape_back).sum(axis=2)
            largest[block] = np.sqrt(squares.max(axis=0))
            mean[block] = middle.reshape(predicted.shape[1:])
            for row, power in zip(split, powers, strict=True):
                row[block] = power.of(flat).reshape(shape_back).mean(axis=1)
    variance = float((spread**2).mean())
    by_irrep = {
        power.name: max(float(row.mean()), 0.0) for power, row in zip(powers, split, strict=True)
    }
    unresolved = float("nan")
    if powers:
        unresolved = max(1.0 - sum(by_irrep.values()) / variance, 0.0) if variance > 0 else 0.0
    error = averaged = share = None
    if targets is not None:
        error, averaged = _errors(plain, targets), _errors(mean, targets)
        whole = variance + averaged["rmse"] ** 2
        share = variance / whole if whole > 0 else 0.0
    force, torque = _forces(elements, output, samples, plain)
    return InvarianceReport(
        grid=elements,
        n_samples=n,
        std=float(np.sqrt(variance)),
        std_interval=_interval(spread, as_count(n_bootstrap, "n_bootstrap"), rng),
        mean=mean,
        spread=spread,
        largest=largest,
        by_irrep=by_irrep,
        unresolved=unresolved,
        error=error,
        averaged_error=averaged,
        share_of_error=share,
        worst=np.argsort(-spread, kind="stable")[:_WORST],
        distance_correlation=_correlation(samples, X_train, spread),
        net_force=force,
        net_torque=torque,
        seconds=time.perf_counter() - started,
        model_seconds=values.seconds,
        calls=values.calls,
        variation=float(mean.reshape(n, -1).std(axis=0).max()),
    )


def _as_targets(y: Any, plain: Array) -> Array:
    targets = np.asarray(y, dtype=np.float64)
    if targets.shape != plain.shape:
        raise ValueError(
            f"y must have the shape of the predictions, {plain.shape}, got {targets.shape}"
        )
    if not np.isfinite(targets).all():
        raise ValueError("y holds NaN or infinity")
    return targets


def _errors(predicted: Array, targets: Array) -> dict[str, float]:
    difference = predicted - targets
    return {
        "rmse": float(np.sqrt((difference**2).mean())),
        "mae": float(np.abs(difference).mean()),
    }


def _interval(spread: Array, count: int, rng: np.random.Generator) -> tuple[float, float]:
    """95 % interval of the root mean square, over samples drawn with replacement."""
    squares, n = spread**2, len(spread)
    means = [squares[rng.integers(n, size=n)].mean() for _ in range(count)]
    low, high = np.sqrt(np.quantile(means, [0.025, 0.975]))
    return float(low), float(high)


def _correlation(X: Array, X_train: Any, spread: Array) -> float | None:
    if X_train is None:
        return None
    train = np.asarray(X_train, dtype=np.float64).reshape(len(X_train), -1)
    if train.shape[1] != X.shape[1]:
        raise ValueError(f"X_train has {train.shape[1]} features, X has {X.shape[1]}")
    distance = NearestNeighbors(n_neighbors=1).fit(train).kneighbors(X)[0][:, 0]
    if np.ptp(distance) == 0 or np.ptp(spread) == 0:
        return 0.0
    return float(spearmanr(distance, spread).statistic)


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
