"""Three ways to know a symmetry: not at all, by canonical forms, and by averages over the group.

Two problems on real data whose answer does not depend on how a sample is presented:

* handwritten digits (MNIST), each turned by a random multiple of 90 degrees, whose name is wanted:
  the group is C4 on the pixels;
* steels (matbench), each a set of up to 13 pairs of atomic number and fraction, whose yield
  strength is wanted. A set has no first member, so that the pairs are listed in a random order:
  the group is S13, permuting the rows of a 13 x 2 array.

A canonical form replaces every sample by one fixed member of its orbit, which makes any learner
invariant, here trees as well as kernel ridge regression. An average over the group needs a kernel;
trees are given copies instead, four of them or as many as asked for, in training and in prediction.

    python examples/canonical_forms.py [folder] [--output canonical_forms.png]

`folder` holds mnist/ and matbench/; by default the environment variable SYMKERNEL_DATA, else
../shared/data beside the repository. About a minute on two cores; needs matplotlib (the extra
``demo``).
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
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
from symkernel import Canonicalizer, InvariantKernel, InvariantKernelClassifier
from symkernel import InvariantKernelRidgeCV, groups
from symkernel.groups import Group

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = NDArray[Any]

WAYS = ("plain", "canonical", "averaged")
SIDE = 14
STEEL = (13, 2)
# Chemical symbols of the elements that occur, by atomic number.
SYMBOLS = {0: "", 6: "C", 7: "N", 13: "Al", 14: "Si", 22: "Ti", 23: "V", 24: "Cr", 25: "Mn",
           26: "Fe", 27: "Co", 28: "Ni", 41: "Nb", 42: "Mo", 74: "W"}  # fmt: skip


@dataclass(frozen=True)
class Problem:
    """Samples in random presentations, what is wanted, and splits into training and test rows."""

    name: str
    measure: str
    group: Group
    X: Array
    y: Array
    splits: Sequence[tuple[Array, Array]]


def presented(group: Group, X: Array, seed: int) -> Array:
    """Every sample as a random element of the group presents it."""
    elements = group.sample(len(X), random_state=seed)
    return np.stack([g.apply(x) for g, x in zip(elements, X, strict=True)])


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} does not exist. Give the folder that holds {path.parent.name}/{path.name} as "
            "an argument or in the environment variable SYMKERNEL_DATA."
        )
    return path


def digits(folder: Path, train: int, test: int, seed: int = 0) -> Problem:
    """MNIST at half resolution, intensities between 0 and 1, in random poses."""
    with np.load(_existing(folder / "mnist" / "mnist_train_20000.npz")) as data:
        n = train + test
        rows = np.random.default_rng(seed).permutation(len(data["y"]))[:n]
        images = data["x"][rows].reshape(n, SIDE, 2, SIDE, 2).mean(axis=(2, 4)) / 255.0
        y = data["y"][rows].astype(int)
    group = groups.Image((SIDE, SIDE), "C4")
    X = presented(group, images.reshape(n, -1), seed)
    splits = [(np.arange(train), np.arange(train, n))]
    return Problem("digits in random poses", "wrong names / %", group, X, y, splits)


def steels(folder: Path, seed: int = 0) -> Problem:
    """Pairs of atomic number and percentage, in random order; strength in MPa, published folds."""
    with np.load(_existing(folder / "matbench" / "steels_yield.npz")) as data:
        pairs = np.stack([data["Z"].astype(float), 100.0 * data["frac"]], axis=2)
        y, folds = data["y"], data["fold"]
    splits = [(np.flatnonzero(fold < 2), np.flatnonzero(fold == 2)) for fold in folds]
    group = groups.Symmetric(STEEL[0]).along(0, STEEL)
    X = presented(group, pairs.reshape(len(pairs), -1), seed)
    return Problem("steels as sets", "mean absolute error / MPa", group, X, y, splits)


def errors_of(problem: Problem, trees: BaseEstimator, copies: int, seed: int = 0) -> dict[str, Array]:
    """Errors by learner, (splits, ways): trees, then kernel ridge regression."""
    found: dict[str, list[list[float]]] = {"trees": [], "kernel ridge": []}
    for train, test in problem.splits:
        X, y = problem.X[train], problem.y[train]
        T, t = problem.X[test], problem.y[test]
        row = []
        for learner in (clone(trees), make_pipeline(Canonicalizer(problem.group), clone(trees))):
            row.append(error(learner.fit(X, y).predict(T), t))
        row.append(error(copied_trees(problem.group, trees, X, y, T, copies, seed), t))
        found["trees"].append(row)
        found["kernel ridge"].append([error(predict(X, y, T), t) for predict in ridges(problem)])
    return {name: np.array(rows) for name, rows in found.items()}


def error(predicted: Array, y: Array) -> float:
    """Wrong names in per cent, or the mean absolute error."""
    if y.dtype.kind == "i":
        return 100.0 * float(np.mean(predicted != y))
    return float(np.abs(predicted - y).mean())


def copied_trees(
    group: Group, trees: BaseEstimator, X: Array, y: Array, T: Array, copies: int, seed: int
) -> Array:
    """Predictions of trees trained on copies of every sample, each a random element's, averaged
    over copies of what is asked; over the whole group where it has no more elements than that.
    """
    small = group.order <= copies
    elements = list(group.elements()) if small else group.sample(copies, random_state=seed)
    learner = clone(trees).fit(np.concatenate([g.apply(X) for g in elements]), np.tile(y, len(elements)))
    if hasattr(learner, "predict_proba"):
        votes = sum(learner.predict_proba(g.apply(T)) for g in elements)
        return np.asarray(learner.classes_[np.argmax(votes, axis=1)])
    return np.mean([learner.predict(g.apply(T)) for g in elements], axis=0)
