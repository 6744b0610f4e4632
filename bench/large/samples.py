"""Synthetic samples of any number: 8 points under O_h, the same ones for every n.

The one generator of the benchmarks of large n: points are standard normal, and a target is the mean
logarithm of the distances from the first point to the seven others, less its expectation, with
normal noise of 0.05. Rotations, reflections and permutations of the axes change no distance. Row i
of a seed does not depend on how many rows there are.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma

Array = NDArray[Any]

POINTS, NOISE = 8, 0.05
FEATURES = 3 * POINTS
# Rows drawn at once, from a stream of their own.
BLOCK = 10_000
_FILES = ("x.npy", "y.npy")
# A squared distance is twice a chi-squared variable of three degrees of freedom.
_EXPECTED = np.log(2.0) + digamma(1.5) / 2.0


def blocks(n: int, seed: int = 0, noise: float = NOISE) -> Iterator[tuple[Array, Array]]:
    """Yield samples and targets, 10,000 at a time."""
    for first in range(0, n, BLOCK):
        rng = np.random.default_rng([seed, first // BLOCK])
        X = rng.standard_normal((BLOCK, FEATURES))
        points = X.reshape(BLOCK, POINTS, 3)
        distances = np.linalg.norm(points[:, 1:] - points[:, :1], axis=2)
        y = np.log(distances).mean(axis=1) - _EXPECTED + noise * rng.standard_normal(BLOCK)
        yield X[: n - first], y[: n - first]


def samples(n: int, seed: int = 0, noise: float = NOISE) -> tuple[Array, Array]:
    """Draw n samples (n, 24), and targets (n,)."""
    X, y = np.empty((n, FEATURES)), np.empty(n)
    for i, (rows, targets) in enumerate(blocks(n, seed, noise)):
        X[i * BLOCK : (i + 1) * BLOCK] = rows
        y[i * BLOCK : (i + 1) * BLOCK] = targets
    return X, y


def write(folder: Path, parts: Iterator[tuple[Array, Array]], n: int) -> None:
    """Write n samples and targets to two files in a folder, part by part."""
    files: list[Any] = []
    first = 0
    for part in parts:
        if not files:
            files = [
                np.lib.format.open_memmap(folder / name, "w+", a.dtype, (n, *a.shape[1:]))
                for name, a in zip(_FILES, part, strict=True)
            ]
        for file, rows in zip(files, part, strict=True):
            file[first : first + len(rows)] = rows
        first += len(part[0])
    if first != n:
        raise ValueError(f"{n} samples were to be written, and {first} came")


def read(folder: Path, mapped: bool) -> tuple[Array, Array]:
    """Read the samples and targets of a folder into memory, or map them."""
    X, y = (np.load(folder / name, mmap_mode="r" if mapped else None) for name in _FILES)
    return X, y
