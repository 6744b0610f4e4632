"""Three ways to know a symmetry: not at all, by canonical forms, and by averages over the group.

Two problems on real data whose answer does not depend on how a sample is presented:

* handwritten digits (MNIST), each turned by a random multiple of 90 degrees, whose name is wanted:
  the group is C4 on the pixels;
* steels (matbench), each a set of up to 13 pairs of element and percentage, whose yield strength
  is wanted. A set has no first member, so that its pairs are listed in random order: the group is
  S13, permuting the rows of a 13 x 2 array. (The file lists them in nearly the same order every
  time; a model that relies on that has learned the habits of a typist.)

A canonical form replaces every sample by one fixed member of its orbit, which makes any learner
invariant, trees as well as kernel ridge regression. An average over the group needs a kernel;
trees are trained on turned or reordered copies instead, and their predictions averaged over copies.

    python examples/canonical_forms.py [folder] [--output canonical_forms.png]

`folder` holds mnist/ and matbench/; by default the environment variable SYMKERNEL_DATA, else
../shared/data beside the repository. Half a minute on two cores; needs matplotlib (the extra
``demo``).
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from rmd17_ethanol import default_folder
from sklearn.base import BaseEstimator, clone
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor
from sklearn.gaussian_process.kernels import RBF
from sklearn.pipeline import make_pipeline
from symkernel import (
    Canonicalizer,
    InvariantKernel,
    InvariantKernelClassifier,
    InvariantKernelRidgeCV,
    groups,
)
from symkernel.exceptions import GridEdgeWarning
from symkernel.groups import Group

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import SubFigure

Array = NDArray[Any]

WAYS = ("plain", "canonical", "averaged")
COLOURS = {"plain": "#D55E00", "canonical": "#0072B2", "averaged": "#009E73"}
SIDE = 14
STEEL = (13, 2)
# What one difference of atomic number counts, in per cent of an element.
PERCENT_PER_NUMBER = 1.0
ALPHAS = 10.0 ** np.arange(-8.0, 2.0)
LENGTH_SCALES = (1.0, 2.0, 4.0, 8.0, 16.0)
SYMBOLS = {6: "C", 7: "N", 13: "Al", 14: "Si", 22: "Ti", 23: "V", 24: "Cr", 25: "Mn"}
SYMBOLS |= {26: "Fe", 27: "Co", 28: "Ni", 41: "Nb", 42: "Mo", 74: "W"}


@dataclass(frozen=True)
class Problem:
    """Samples in random presentations, answers, and splits into training and test rows."""

    name: str
    measure: str
    group: Group
    X: Array
    y: Array
    splits: Sequence[tuple[Array, Array]]

    @property
    def names(self) -> bool:
        """Whether the answers are names of classes."""
        return self.y.dtype.kind == "i"

    def error(self, predicted: Array, y: Array) -> float:
        """Wrong names in per cent, or the mean absolute error."""
        if self.names:
            return 100.0 * float(np.mean(predicted != y))
        return float(np.abs(predicted - y).mean())


def presented(group: Group, X: Array, seed: int) -> Array:
    """Every sample as a random element of the group presents it."""
    elements = group.sample(len(X), random_state=seed)
    return np.stack([g.apply(x) for g, x in zip(elements, X, strict=True)])


def existing(path: Path) -> Path:
    """The path of a data file.

    Raises
    ------
    FileNotFoundError
        If there is none; says how to name the folder.
    """
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} does not exist. Give the folder that holds {path.parent.name}/{path.name} as "
            "an argument or in the environment variable SYMKERNEL_DATA."
        )
    return path


def digits(folder: Path, train: int = 2000, test: int = 2000, seed: int = 0) -> Problem:
    """MNIST at half resolution, intensities between 0 and 1, in random poses."""
    with np.load(existing(folder / "mnist" / "mnist_train_20000.npz")) as data:
        rows = np.random.default_rng(seed).permutation(len(data["y"]))[: train + test]
        images = data["x"][rows].reshape(-1, SIDE, 2, SIDE, 2).mean(axis=(2, 4)) / 255.0
        y = data["y"][rows].astype(int)
    group = groups.Image((SIDE, SIDE), "C4")
    X = presented(group, images.reshape(len(rows), -1), seed)
    split = (np.arange(train), np.arange(train, len(rows)))
    return Problem("digits in random poses", "wrong names / %", group, X, y, [split])


def steels(folder: Path, seed: int = 0) -> Problem:
    """Sets of atomic number and percentage in random order; strength in MPa, published folds."""
    with np.load(existing(folder / "matbench" / "steels_yield.npz")) as data:
        numbers = PERCENT_PER_NUMBER * data["Z"].astype(float)
        pairs = np.stack([numbers, 100.0 * data["frac"].astype(float)], axis=2)
        y, folds = data["y"], data["fold"]
    splits = [(np.flatnonzero(fold < 2), np.flatnonzero(fold == 2)) for fold in folds]
    group = groups.Symmetric(STEEL[0]).along(0, STEEL)
    X = presented(group, pairs.reshape(len(pairs), -1), seed)
    return Problem("steels, as sets of elements", "mean absolute error / MPa", group, X, y, splits)


def errors_by_learner(problem: Problem, copies: int = 8, seed: int = 0) -> dict[str, Array]:
    """Error of trees and of kernel ridge regression, by way to know the group: mean over splits."""
    found: dict[str, list[list[float]]] = {"extremely random trees": [], "kernel ridge": []}
    for train, test in problem.splits:
        X, y, T = problem.X[train], problem.y[train], problem.X[test]
        for learner, make in zip(found, (by_trees, by_kernels), strict=True):
            predictions = make(problem, X, y, T, copies, seed)
            found[learner].append([problem.error(p, problem.y[test]) for p in predictions])
    return {learner: np.mean(rows, axis=0) for learner, rows in found.items()}


def by_trees(
    problem: Problem, X: Array, y: Array, T: Array, copies: int, seed: int
) -> Iterator[Array]:
    """Predictions of trees: plain, behind a Canonicalizer, and trained and asked on copies.

    The copies are by all elements of the group if there are so few, else by random ones.
    """
    make = ExtraTreesClassifier if problem.names else ExtraTreesRegressor
    trees: BaseEstimator = make(200, random_state=seed, n_jobs=-1)
    yield clone(trees).fit(X, y).predict(T)
    yield make_pipeline(Canonicalizer(problem.group), clone(trees)).fit(X, y).predict(T)
    group = problem.group
    few = group.order <= copies
    elements = list(group.elements()) if few else group.sample(copies, random_state=seed)
    moved = np.concatenate([g.apply(X) for g in elements])
    trees.fit(moved, np.tile(y, len(elements)))
    if problem.names:
        votes = np.sum([trees.predict_proba(g.apply(T)) for g in elements], axis=0)
        yield trees.classes_[votes.argmax(axis=1)]
    else:
        yield np.mean([trees.predict(g.apply(T)) for g in elements], axis=0)


def by_kernels(
    problem: Problem, X: Array, y: Array, T: Array, copies: int, seed: int
) -> Iterator[Array]:
    """Predictions of kernel ridge regression: without the group, canonical, and averaged."""
    group = problem.group
    if problem.names:
        for words in ({}, {"group": group, "method": "canonical"}, {"group": group}):
            model = InvariantKernelClassifier(1e-2, gamma=0.1, **words)
            yield model.fit(X, y).predict(T)
        return
    centre = y.mean()
    for kernel in (
        InvariantKernel(RBF(), groups.Trivial(group.degree)),
        InvariantKernel(RBF(), group, method="canonical"),
        InvariantKernel(RBF(), group, normalize=True),  # 13! terms a pair, as a permanent
    ):
        model = InvariantKernelRidgeCV(ALPHAS, length_scales=LENGTH_SCALES, kernel=kernel)
        with warnings.catch_warnings():  # without the group the best length is "anything"
            warnings.simplefilter("ignore", GridEdgeWarning)
            model.fit(X, y - centre)
        yield model.predict(T) + centre


def table(problem: Problem, errors: Mapping[str, Array]) -> str:
    """Errors as text."""
    lines = [f"{problem.name}: {problem.measure}"]
    lines.append(f"{'':>24}" + "".join(f"{way:>11}" for way in WAYS))
    for learner, row in errors.items():
        lines.append(f"{learner:>24}" + "".join(f"{value:>11.1f}" for value in row))
    return "\n".join(lines)


def draw(problems: Sequence[Problem], errors: Sequence[Mapping[str, Array]], path: Path) -> None:
    """Write orbits with their representatives, and the errors, as a picture."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11.0, 6.6), layout="constrained")
    rows = figure.subfigures(2, 1, height_ratios=[1.15, 1.0])
    for row, problem, found, orbits in zip(
        rows, problems, errors, (draw_digits, draw_steels), strict=True
    ):
        left, right = row.subfigures(1, 2, width_ratios=[1.55, 1.0])
        orbits(left, problem)
        draw_errors(right.subplots(), problem, found)
    figure.axes[-1].get_legend().remove()  # one says it for both
    figure.savefig(path, dpi=130)


def draw_digits(figure: SubFigure, problem: Problem, count: int = 3) -> None:
    """A few digits in all poses, and the representative that they share."""
    chosen = [int(np.flatnonzero(problem.y == digit)[0]) for digit in (2, 4, 7)[:count]]
    panels = figure.subplots(count, 5)
    canonicalizer = Canonicalizer(problem.group).fit(problem.X)
    for panel_row, i in zip(panels, chosen, strict=True):
        images = [g.apply(problem.X[i]) for g in problem.group.elements()]
        images.append(canonicalizer.transform(problem.X[i : i + 1])[0])
        for axes, image in zip(panel_row, images, strict=True):
            axes.imshow(image.reshape(SIDE, SIDE), cmap="gray_r", interpolation="nearest")
            axes.set(xticks=[], yticks=[])
        for side in panel_row[-1].spines.values():
            side.set(color=COLOURS["canonical"], linewidth=3)
    figure.suptitle("an orbit of C$_4$ in each row, and its representative", fontsize=11)


def draw_steels(figure: SubFigure, problem: Problem) -> None:
    """One steel in three orders, and the representative that they share."""
    from matplotlib.patches import Rectangle

    x = problem.X[:1]
    listed = [g.apply(x)[0] for g in problem.group.sample(3, random_state=5)]
    listed.append(Canonicalizer(problem.group).fit_transform(x)[0])
    axes = figure.subplots()
    for row, sample in enumerate(listed):
        shared = row == len(listed) - 1
        for place, (number, percent) in enumerate(sample.reshape(STEEL)):
            symbol = SYMBOLS.get(round(number / PERCENT_PER_NUMBER), "")
            edge = COLOURS["canonical"] if shared else "0.7"
            cell = (place - 0.46, -row - 0.36)
            axes.add_patch(
                Rectangle(cell, 0.92, 0.72, fc=shade(percent), ec=edge, lw=2.0 if shared else 0.8)
            )
            text = f"{symbol}\n{percent:.2g}" if symbol else "none"
            colour = "black" if symbol else "0.6"
            axes.text(place, -row, text, ha="center", va="center", fontsize=8.5, color=colour)
    axes.set(xlim=(-0.6, STEEL[0] - 0.4), ylim=(0.5 - len(listed), 0.5))
    axes.axis("off")
    figure.suptitle("one steel in three orders, and its representative (symbol, %)", fontsize=11)


def shade(percent: float) -> tuple[float, float, float]:
    """White for none, darker for more of an element."""
    depth = 0.55 * min(1.0, percent / 60.0) ** 0.5
    return 1.0, 1.0 - 0.5 * depth, 1.0 - depth


def draw_errors(axes: Axes, problem: Problem, errors: Mapping[str, Array]) -> None:
    """Bars of errors by learner and way."""
    for k, way in enumerate(WAYS):
        places = np.arange(len(errors)) + 0.27 * (k - 1)
        heights = [row[k] for row in errors.values()]
        bars = axes.bar(places, heights, 0.25, color=COLOURS[way], label=way)
        axes.bar_label(bars, fmt="%.3g", fontsize=9, padding=1)
    axes.set_xticks(range(len(errors)), list(errors))
    axes.tick_params(axis="x", length=0)
    axes.set_ylabel(problem.measure)
    axes.set_title(problem.name, fontsize=11)
    axes.margins(y=0.12)
    axes.legend(frameon=False, fontsize=9)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the tables and write the picture."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("folder", nargs="?", type=Path, default=default_folder())
    parser.add_argument("--train", type=int, default=2000, help="training digits (2000)")
    parser.add_argument("--test", type=int, default=2000, help="digits held back (2000)")
    parser.add_argument("--seed", type=int, default=0, help="seed of everything random (0)")
    parser.add_argument("--output", type=Path, default=Path("canonical_forms.png"), help="picture")
    options = parser.parse_args(arguments)
    start = time.perf_counter()
    try:
        problems = (
            digits(options.folder, options.train, options.test, options.seed),
            steels(options.folder, options.seed),
        )
    except FileNotFoundError as error:
        print(error, file=sys.stderr)
        return 1
    errors = []
    for problem in problems:
        errors.append(errors_by_learner(problem, seed=options.seed))
        print(table(problem, errors[-1]), end="\n\n")
    draw(problems, errors, options.output)
    print(f"picture: {options.output}   ({time.perf_counter() - start:.0f} s)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
