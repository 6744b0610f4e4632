"""What is learnt: octahedral points, and digits under shifts where the data are."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.gaussian_process.kernels import RBF
from symkernel import groups

from ..grams import octahedral
from ..peers import Array, Orbit
from . import samples

N_TEST = 2000
# Digits are averaged over 2 x 2 pixels: 14 x 14 cyclic shifts.
_SIDE = 14


@dataclass(frozen=True)
class Task:
    """Samples, a group as the library has it and as a list of its elements, and a kernel.

    Attributes
    ----------
    name, title : str
    group : Group
    orbit : Orbit
        Its elements, of no use to the library.
    length_scale, alpha : float
        Of the Gaussian kernel and of the ridge.
    classes : bool
        Whether targets are +-1 columns, one a class.
    parts : callable
        Yields n training samples and targets, part by part.
    test : callable
        Test samples and their targets, without noise.
    """

    name: str
    title: str
    group: Any
    orbit: Orbit
    length_scale: float
    alpha: float
    classes: bool
    parts: Callable[[int], Iterator[tuple[Array, Array]]]
    test: Callable[[], tuple[Array, Array]]

    @property
    def base(self) -> Any:
        """Kernel that is averaged."""
        return RBF(self.length_scale)

    @property
    def error_words(self) -> str:
        """What errors are."""
        if self.classes:
            return "share of test digits that is wrong"
        return "RMSE of noiseless targets / their spread"

    def error(self, predicted: Array, truth: Array) -> float:
        """Share of samples of another class, or root mean square relative to the spread."""
        if self.classes:
            return float(np.mean(predicted.argmax(axis=1) != truth.argmax(axis=1)))
        return float(np.sqrt(np.mean((predicted - truth) ** 2)) / truth.std())

    def spread(self, truth: Array) -> float:
        """In what differences of predictions are told."""
        return float(truth.std())


@cache
def octahedral_task() -> Task:
    """8 points under rotations, reflections and permutations of the axes."""
    return Task(
        name="octahedral",
        title="8 points under O_h (48 elements), 24 features, noise 0.05",
        group=groups.PointGroup("Oh").along(1, (samples.POINTS, 3)),
        orbit=octahedral(samples.POINTS),
        length_scale=4.0,
        alpha=1e-2,
        classes=False,
        parts=samples.blocks,
        test=lambda: samples.samples(N_TEST, seed=1, noise=0.0),
    )


def digits_file() -> Path:
    """Where the digits of MNIST lie, in the folder named by SYMKERNEL_DATA."""
    folder = Path(os.environ.get("SYMKERNEL_DATA", "../shared/data"))
    return folder / "mnist" / "mnist_train_20000.npz"


def _shifts() -> Orbit:
    pixels = np.arange(_SIDE * _SIDE).reshape(_SIDE, _SIDE)
    return [
        (np.roll(pixels, (i, j), (0, 1)).ravel().copy(), None)
        for i in range(_SIDE)
        for j in range(_SIDE)
    ]


@cache
def _digits() -> tuple[Array, Array]:
    """All digits, each at a random place, and +-1 targets; the last ones are for tests."""
    with np.load(digits_file()) as found:
        images, labels = found["x"], found["y"]
    rng = np.random.default_rng(0)
    X = images.reshape(len(images), _SIDE, 2, _SIDE, 2).mean(axis=(2, 4)).reshape(len(images), -1)
    X = (X - X.mean()) / X.std()
    orbit = _shifts()
    where = rng.integers(len(orbit), size=len(X))
    X = np.take_along_axis(X, np.stack([orbit[k][0] for k in where]), axis=1)
    return X, np.where(labels[:, None] == np.arange(10), 1.0, -1.0)


@cache
def digits_task() -> Task:
    """Digits of MNIST in random places, under all cyclic shifts."""
    side = (_SIDE, _SIDE)

    def parts(n: int) -> Iterator[tuple[Array, Array]]:
        X, y = _digits()
        if n > len(X) - N_TEST:
            raise ValueError(f"n must be at most {len(X) - N_TEST}, got {n}")
        yield X[:n], y[:n]

    return Task(
        name="digits",
        title="MNIST, 14 x 14 pixels, under 196 cyclic shifts",
        group=groups.Cyclic(_SIDE).along(0, side) * groups.Cyclic(_SIDE).along(1, side),
        orbit=_shifts(),
        length_scale=8.0,
        alpha=1e-3,
        classes=True,
        parts=parts,
        test=lambda: (_digits()[0][-N_TEST:], _digits()[1][-N_TEST:]),
    )


TASKS: dict[str, Callable[[], Task]] = {"octahedral": octahedral_task, "digits": digits_task}
