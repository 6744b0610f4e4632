"""Kernels between sets of unequal size beside loops in NumPy: python -m symkernel.bench.sets.

Answers are compared before anything is timed; times are per pair of sets, as the loop over pairs is
given fewer of them.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from scipy.spatial.distance import cdist
from sklearn.gaussian_process.kernels import RBF
from symkernel import Ragged
from symkernel.kernels import SetKernel

from . import machine
from .peers import Array
from .timing import QUICK, Effort, interleave, threads

OURS = "symkernel"
LOOP = "numpy loop over pairs of sets"
FLAT = "numpy, all points at once"
LENGTH_SCALE = 3.0
TOLERANCE = 1e-12  # of the largest value


def molecules(n: int, seed: int = 0) -> Ragged:
    """Sets of the sizes, kinds and numbers of features that small molecules have."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(8, 24, n)
    kinds = rng.choice([1, 6, 7, 8], p=[0.5, 0.35, 0.07, 0.08], size=sizes.sum())
    points = rng.standard_normal((sizes.sum(), 20))
    return Ragged(points, np.concatenate([[0], np.cumsum(sizes)]), kinds)


def _values(a: Array, b: Array) -> Array:
    return np.asarray(np.exp(-0.5 * cdist(a, b, "sqeuclidean") / LENGTH_SCALE**2))


def loop(X: Ragged, Y: Ragged) -> Array:
    """Points of one kind, a pair of sets at a time."""
    out = np.zeros((len(X), len(Y)))
    kinds = [Z.labels[Z.offsets[i] : Z.offsets[i + 1]] for Z in (X, Y) for i in range(len(Z))]
    for i, a in enumerate(X):
        for j, b in enumerate(Y):
            like = kinds[i][:, None] == kinds[len(X) + j]
            out[i, j] = (_values(a, b) * like).sum()
    return out


def flat(X: Ragged, Y: Ragged) -> Array:
    """The matrix of all points, masked and added up along both axes."""
    K = _values(X.points, Y.points) * (X.labels[:, None] == Y.labels)
    rows = np.add.reduceat(K, X.offsets[:-1], axis=0)
    return np.asarray(np.add.reduceat(rows, Y.offsets[:-1], axis=1))


def run(n_threads: Sequence[int] = (1,), quick: bool = False) -> list[dict[str, Any]]:
    """Check and time.

    Raises
    ------
    AssertionError
        If answers differ.
    """
    n, few = (40, 5) if quick else (600, 40)
    X, Y = molecules(n), molecules(n, 1)
    kernel = SetKernel(RBF(LENGTH_SCALE))
    wanted = kernel.gram(X, Y)
    programs: dict[str, tuple[Callable[[int], Array], int]] = {
        OURS: (lambda count: kernel.gram(X, Y, n_jobs=count), n),
        LOOP: (lambda _: loop(X[:few], Y), few),
        FLAT: (lambda _: flat(X[:few], Y), few),
    }
    for name, (program, rows) in programs.items():
        difference = np.abs(program(1) - wanted[:rows]).max() / wanted.max()
        if not difference <= TOLERANCE:
            raise AssertionError(f"{name} and {OURS} differ by {difference:.1e}")
    calls = {(c, p): partial(f, c) for c in n_threads for p, (f, _) in programs.items()}
    times = interleave(calls, QUICK if quick else Effort(), lambda key: threads(key[0]))
    return [
        {
            "threads": count,
            "pair": {p: median(times[count, p]) / (k * n) for p, (_, k) in programs.items()},
        }
        for count in n_threads
    ]


def table(results: Sequence[Mapping[str, Any]]) -> str:
    """Results as lines of text."""
    lines = []
    for result in results:
        lines.append(f"sets of 8 to 23 points, {result['threads']} thread(s), per pair of sets:")
        ours = result["pair"][OURS]
        for name, seconds in result["pair"].items():
            lines.append(f"  {name:30s} {seconds * 1e6:12.4f} us  {seconds / ours:8.1f} x")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, nargs="+", default=[1])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args(arguments)
    results = run(given.threads, given.quick)
    print(table(results))
    if given.json:
        given.json.write_text(json.dumps({"machine": machine.facts(), "sets": results}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
