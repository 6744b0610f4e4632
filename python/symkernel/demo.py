"""Show what knowing a symmetry is worth, on real images.

Every image of scikit-learn's digits is replaced by a random one of its eight rotations and
reflections. Three ridge regressors on one-hot targets are trained on more and more of them:

* plain: the RBF kernel;
* augmented: the same kernel on all eight versions of every training image;
* invariant: the kernel averaged over the group.

The last two are the same function, computed on 8n and on n samples: with
``(K + alpha I)`` on n samples and ``(K + |G| alpha I)`` on all n |G| moved samples the two
predictors are equal, because the symmetric solution of the second system is the first one.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt
from sklearn.kernel_ridge import KernelRidge

from symkernel import groups
from symkernel.datasets import digits_under
from symkernel.estimators.ridge import InvariantKernelRidge
from symkernel.estimators.ridge_cv import InvariantKernelRidgeCV
from symkernel.exceptions import GridEdgeWarning
from symkernel.groups import Group
from symkernel.plotting import plot_curves

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "DEFAULT_SIZES",
    "LearningCurve",
    "draw",
    "draw_errors",
    "format_table",
    "measure",
    "sample_gain",
]

DEFAULT_SIZES: Final = (25, 50, 100, 200, 400, 800)
N_TEST: Final = 497  # leaves 1300 of the 1797 images to train on
MODELS: Final = ("plain", "augmented", "invariant")

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class LearningCurve:
    """Errors and seconds of the three models.

    Attributes
    ----------
    sizes : tuple of int
        Numbers of training samples, increasing.
    errors, seconds : dict of str to ndarray of shape (n_repeats, n_sizes)
        Misclassified fraction of the test set, and seconds of fit and predict, by model.
    order : int
        Number of elements of the group.
    """

    sizes: tuple[int, ...]
    errors: dict[str, Array]
    seconds: dict[str, Array]
    order: int

    def mean_errors(self, model: str) -> Array:
        """Return the error averaged over repeats, shape (n_sizes,)."""
        return np.asarray(np.mean(self.errors[model], axis=0))


@dataclass(frozen=True)
class _Parameters:
    """Regularisation and width of a ridge regression with the RBF kernel."""

    alpha: float
    gamma: float


def measure(
    sizes: Sequence[int] = DEFAULT_SIZES,
    *,
    n_repeats: int = 3,
    random_state: int = 0,
    advance: Callable[[str], None] | None = None,
) -> LearningCurve:
    """Train the three models at every size and return their errors and times.

    alpha and gamma are chosen once for the plain and once for the invariant kernel, by exact
    leave-one-out on the middle size of an independent draw; the augmented model takes those of
    the invariant one, which makes the two the same function.

    Parameters
    ----------
    sizes : sequence of int
        Numbers of training samples, between 2 and 1300.
    n_repeats : int, default=3
        Independent draws of images and group elements; errors are averaged over them.
    random_state : int, default=0
        Seed of the first draw.
    advance : callable taking a str, optional
        Called with a short text after each of the ``3 * n_repeats * len(sizes)`` models.

    Returns
    -------
    LearningCurve

    Raises
    ------
    ValueError
        If a size lies outside 2..1300 or n_repeats is not positive.
    """
    ordered = tuple(sorted(set(sizes)))
    available = 1797 - N_TEST
    if not ordered or ordered[0] < 2 or ordered[-1] > available:
        raise ValueError(
            f"n must lie between 2 and {available}, the training images there are; got {sizes}"
        )
    if n_repeats < 1:
        raise ValueError(f"n_repeats must be at least 1; got {n_repeats}")
    group = groups.Image((8, 8), "D4")
    plain, invariant = _choose_parameters(
        group, ordered[len(ordered) // 2], random_state + n_repeats
    )
    programs: dict[str, Callable[[Array, Array, Array], Array]] = {
        "plain": lambda X, Y, X_test: _plain(plain, X, Y, X_test),
        "augmented": lambda X, Y, X_test: _augmented(group, invariant, X, Y, X_test),
        "invariant": lambda X, Y, X_test: _invariant(group, invariant, X, Y, X_test),
    }
    shape = (n_repeats, len(ordered))
    errors = {model: np.empty(shape) for model in MODELS}
    seconds = {model: np.empty(shape) for model in MODELS}
    for repeat in range(n_repeats):
        X, labels = digits_under(group, random_state + repeat)
        X_test, labels_test = X[:N_TEST], labels[:N_TEST]
        for column, n in enumerate(ordered):
            train = slice(N_TEST, N_TEST + n)
            for model, program in programs.items():
                start = time.perf_counter()
                scores = program(X[train], _one_hot(labels[train]), X_test)
                seconds[model][repeat, column] = time.perf_counter() - start
                wrong = np.argmax(scores, axis=1) != labels_test
                errors[model][repeat, column] = np.mean(wrong)
                if advance is not None:
                    advance(f"{model}, n = {n}")
    return LearningCurve(ordered, errors, seconds, group.order)


def sample_gain(curve: LearningCurve) -> list[tuple[float, bool]]:
    """Return how many times more samples the plain model needs for the invariant model's error.

    The plain curve is made decreasing and interpolated linearly in log n against log error.

    Parameters
    ----------
    curve : LearningCurve
        Measured errors.

    Returns
    -------
    list of (float, bool)
        The gain at every size, and whether it is only a lower bound: the plain model did not
        reach that error with the largest n that was measured.
    """
    floor = 0.5 / N_TEST  # half a mistake: keeps the logarithm finite for a perfect model
    log_n = np.log(np.asarray(curve.sizes, dtype=np.float64))
    log_plain = np.minimum.accumulate(np.log(np.maximum(curve.mean_errors("plain"), floor)))
    gains = []
    for n, error in zip(curve.sizes, curve.mean_errors("invariant"), strict=True):
        wanted = np.log(max(error, floor))
        # np.interp wants increasing abscissae, so the decreasing curve is read backwards.
        needed = float(np.exp(np.interp(wanted, log_plain[::-1], log_n[::-1])))
        gains.append((needed / n, bool(wanted < log_plain[-1])))
    return gains


def format_table(curve: LearningCurve) -> str:
    """Return the results as a table of text, one line a size."""
    header = f"{'':>6} | {'test error':^32} | {'seconds, fit + predict':^32} |"
    columns = " ".join(f"{model:>10}" for model in MODELS)
    lines = [header, f"{'n':>6} | {columns} | {columns} | sample gain"]
    lines.append("-" * len(lines[-1]))
    for i, (n, (gain, bound)) in enumerate(zip(curve.sizes, sample_gain(curve), strict=True)):
        errors = " ".join(f"{100 * curve.mean_errors(model)[i]:>8.1f} %" for model in MODELS)
        seconds = " ".join(f"{np.median(curve.seconds[model][:, i]):>10.4f}" for model in MODELS)
        lines.append(f"{n:>6} | {errors} | {seconds} | {'> ' if bound else '  '}{gain:.1f}")
    return "\n".join(lines)


def draw_errors(axes: Axes, curve: LearningCurve) -> None:
    """Draw the test errors against n, with the plain curve moved left by |G| for reference.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        Where to draw.
    curve : LearningCurve
        What to draw.
    """
    percent = {label: 100 * values for label, values in _labelled(curve.errors, curve).items()}
    hollow = [label for label in percent if label.startswith("plain on all")]
    plot_curves(axes, curve.sizes, percent, ylabel="test error, %", hollow=hollow)
    # For large n the symmetry is worth a factor |G| in samples (Tahmasebi and Jegelka, 2023).
    n = np.asarray(curve.sizes) / curve.order
    shown = n >= 0.8 * curve.sizes[0]
    axes.plot(
        n[shown],
        100 * curve.mean_errors("plain")[shown],
        linestyle=":",
        linewidth=1.8,
        color="0.35",
        label=f"plain given {curve.order} times the samples (|G| = {curve.order})",
    )
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter(_sparse_percent)
    axes.legend(frameon=False, fontsize=9)


def draw(curve: LearningCurve, path: str | Path | None = None) -> Figure:
    """Draw errors and seconds against n, and save the picture when a path is given.

    Parameters
    ----------
    curve : LearningCurve
        What to draw.
    path : str or Path, optional
        File to write; its suffix names the format.

    Returns
    -------
    matplotlib.figure.Figure
    """
    # Figure without pyplot: no global state, and no display is needed.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10.5, 4.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    draw_errors(left, curve)
    left.set_title("digits under random rotations and reflections", fontsize=11)
    seconds = _labelled(curve.seconds, curve)
    plot_curves(right, curve.sizes, seconds, ylabel="seconds", average=np.median)
    right.set_title("time of fit + predict", fontsize=11)
    right.legend(frameon=False, fontsize=9)
    if path is not None:
        figure.savefig(path, dpi=160)
    return figure


def _sparse_percent(value: float, _position: float) -> str:
    """Label only the minor ticks 2 and 5 of a decade."""
    digit = value / 10.0 ** np.floor(np.log10(value))
    return f"{value:g}" if round(digit, 6) in (2, 5) else ""


def _labelled(values: dict[str, Array], curve: LearningCurve) -> dict[str, Array]:
    return {
        "plain": values["plain"],
        "invariant": values["invariant"],
        f"plain on all {curve.order} poses of each image": values["augmented"],
    }


def _one_hot(labels: npt.NDArray[np.int64]) -> Array:
    """Targets +1 for the digit and -1 for the nine others."""
    return np.where(labels[:, None] == np.arange(10), 1.0, -1.0)


def _choose_parameters(group: Group, n: int, random_state: int) -> tuple[_Parameters, _Parameters]:
    """Choose alpha and gamma of the plain and of the invariant kernel, by exact leave-one-out."""
    X, labels = digits_under(group, random_state)
    X, Y = X[N_TEST : N_TEST + n], _one_hot(labels[N_TEST : N_TEST + n])
    # The labels carry no noise, so the leave-one-out error levels off as alpha falls: the grid ends
    # where rounding is still harmless, and a choice at its end is a good one.
    alphas, gammas = np.logspace(-4, 0, 9), np.logspace(-2.5, 0.5, 7)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", GridEdgeWarning)
        plain, invariant = (
            InvariantKernelRidgeCV(
                alphas,
                gammas,
                kernel="rbf",
                group=g,
                normalize_y=False,  # as in the fits below
            ).fit(X, Y)
            for g in (None, group)
        )
    return _Parameters(plain.alpha_, plain.gamma_), _Parameters(invariant.alpha_, invariant.gamma_)


def _plain(p: _Parameters, X: Array, Y: Array, X_test: Array) -> Array:
    model = KernelRidge(kernel="rbf", alpha=p.alpha, gamma=p.gamma).fit(X, Y)
    return np.asarray(model.predict(X_test))


def _augmented(group: Group, p: _Parameters, X: Array, Y: Array, X_test: Array) -> Array:
    """Plain ridge regression on every version of every training image."""
    orbit = np.concatenate([element.apply(X) for element in group.elements()])
    repeated = np.tile(Y, (int(group.order), 1))
    return _plain(_Parameters(group.order * p.alpha, p.gamma), orbit, repeated, X_test)


def _invariant(group: Group, p: _Parameters, X: Array, Y: Array, X_test: Array) -> Array:
    model = InvariantKernelRidge(kernel="rbf", alpha=p.alpha, gamma=p.gamma, group=group)
    return np.asarray(model.fit(X, Y).predict(X_test))
