"""Orbit distances beside what users write in NumPy and SciPy: python -m symkernel.bench.alignments.

Every answer is compared with NumPy's before anything is timed. Times are per pair of samples, as
slow peers are given fewer samples; all programs take turns in one process on the same threads.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.spatial.transform import Rotation
from symkernel import groups, orbit_distance
from symkernel.groups import Group

from . import machine
from .peers import Array
from .timing import QUICK, Effort, interleave, threads

OURS = "symkernel"
# Largest difference from NumPy's distances, relative to the largest of them.
TOLERANCE = 1e-7  # peers take roots of cancelled squares

Peer = Callable[[Array, Array, Group], Array]


@dataclass(frozen=True)
class AlignmentCase:
    """All distances between two sets of orbits.

    Attributes
    ----------
    name, title : str
    group : callable
        Makes the group.
    n, quick_n : int
        Samples of X, and of Y; the second in quick mode.
    peers : dict
        Programs by name, each with the number of samples of X it is given; NumPy's comes first and
        is what answers are compared with.
    """

    name: str
    title: str
    group: Callable[[], Group]
    n: int
    quick_n: int
    peers: Mapping[str, tuple[Peer, int]]


def numpy_loop(X: Array, Y: Array, group: Group) -> Array:
    """Largest inner product over all elements, one matrix product each."""
    largest = np.full((len(X), len(Y)), -np.inf)
    for row in group.table(10_000).indices:
        np.maximum(largest, X @ Y[:, row].T, out=largest)
    squares = np.square(X).sum(axis=1)[:, None] + np.square(Y).sum(axis=1) - 2 * largest
    return np.sqrt(np.maximum(squares, 0))


def _centred(X: Array, group: Group) -> Array:
    clouds = X.reshape(-1, *group.shape)
    return clouds - clouds.mean(axis=1, keepdims=True)


def numpy_kabsch(X: Array, Y: Array, group: Group) -> Array:
    """Singular values of all X^T Y at once, with the sign of the determinant."""
    x, y = _centred(X, group), _centred(Y, group)
    M = np.einsum("npa,mpb->nmab", x, y, optimize=True)
    s = np.linalg.svd(M, compute_uv=False)
    s[..., -1] *= np.sign(np.linalg.det(M))
    sizes = np.square(x).sum(axis=(1, 2))[:, None] + np.square(y).sum(axis=(1, 2))
    return np.sqrt(np.maximum(sizes - 2 * s.sum(axis=-1), 0))


def scipy_kabsch(X: Array, Y: Array, group: Group) -> Array:
    """scipy.spatial.transform.Rotation.align_vectors, a pair at a time."""
    x, y = _centred(X, group), _centred(Y, group)
    return np.array([[Rotation.align_vectors(a, b)[1] for b in y] for a in x])


def scipy_assignment(X: Array, Y: Array, group: Group) -> Array:
    """scipy.optimize.linear_sum_assignment, a pair at a time; all costs by one matrix product."""
    x, y = X.reshape(-1, *group.shape), Y.reshape(-1, *group.shape)
    inner = np.einsum("npa,mqa->nmpq", x, y, optimize=True)
    own = np.square(x).sum(axis=2)[:, None, :, None] + np.square(y).sum(axis=2)[None, :, None, :]
    costs = own - 2 * inner
    squares = [[c[linear_sum_assignment(c)].sum() for c in row] for row in costs]
    return np.sqrt(np.maximum(squares, 0))


CASES = (
    AlignmentCase(
        "images",
        "p4m on 8 x 8 images, 512 elements",
        lambda: groups.Image((8, 8), "p4m"),
        600,
        20,
        {"numpy loop over g": (numpy_loop, 600)},
    ),
    AlignmentCase(
        "permutations",
        "even permutations of 6 of 16 features, 360 elements",
        lambda: groups.PermutationGroup(
            [[1, 2, 0, *range(3, 16)], [0, 2, 3, 4, 5, 1, *range(6, 16)]]
        ),
        1500,
        20,
        {"numpy loop over g": (numpy_loop, 1500)},
    ),
    AlignmentCase(
        "kabsch",
        "SE(3) on 10 points",
        lambda: groups.SE(3).along(1, (10, 3)),
        1000,
        12,
        {"numpy svd": (numpy_kabsch, 100), "scipy align_vectors": (scipy_kabsch, 4)},
    ),
    AlignmentCase(
        "assignment",
        "20! permutations of 20 points of space",
        lambda: groups.Symmetric(20).along(0, (20, 3)),
        300,
        8,
        {"scipy linear_sum_assignment": (scipy_assignment, 30)},
    ),
    AlignmentCase(
        "assignment-100",
        "100! permutations of 100 points of space",
        lambda: groups.Symmetric(100).along(0, (100, 3)),
        40,
        3,
        {"scipy linear_sum_assignment": (scipy_assignment, 10)},
    ),
)


def run(
    names: Sequence[str] = (), n_threads: Sequence[int] = (1,), quick: bool = False
) -> list[dict[str, Any]]:
    """Check and time cases.

    Parameters
    ----------
    names : sequence of str, default=()
        Names of cases; all of them when empty.
    n_threads : sequence of int, default=(1,)
    quick : bool, default=False
        Tiny inputs, two repeats.

    Returns
    -------
    list of dict
        One per case and number of threads: median seconds per pair by program.

    Raises
    ------
    AssertionError
        If answers differ.
    """
    known = {case.name: case for case in CASES}
    results = []
    for name in names or known:
        case, group = known[name], known[name].group()
        n = case.quick_n if quick else case.n
        X, Y = np.random.default_rng(0).standard_normal((2, n, group.degree))
        distances = orbit_distance(X, Y, group=group)
        programs: dict[str, tuple[Callable[[int], Array], int]] = {
            OURS: (lambda count, X=X, Y=Y, G=group: orbit_distance(X, Y, group=G, n_jobs=count), n)
        }
        for peer, (function, rows) in case.peers.items():
            rows = min(rows, n)
            programs[peer] = (lambda _, f=function, k=rows, X=X, Y=Y, G=group: f(X[:k], Y, G), rows)
            difference = np.abs(programs[peer][0](1) - distances[:rows]).max() / distances.max()
            if not difference <= TOLERANCE:
                raise AssertionError(f"{peer} and {OURS} differ by {difference:.1e} on {name}")
        calls = {(c, p): partial(f, c) for c in n_threads for p, (f, _) in programs.items()}
        times = interleave(calls, QUICK if quick else Effort(), lambda key: threads(key[0]))
        for count in n_threads:
            seconds = {p: median(times[count, p]) / (rows * n) for p, (_, rows) in programs.items()}
            results.append({"case": name, "title": case.title, "threads": count, "pair": seconds})
    return results


def table(results: Sequence[Mapping[str, Any]]) -> str:
    """Results as lines of text."""
    lines = []
    for result in results:
        lines.append(f"{result['title']}, {result['threads']} thread(s), K(X, Y), per pair:")
        ours = result["pair"][OURS]
        for name, seconds in result["pair"].items():
            lines.append(f"  {name:30s} {seconds * 1e6:12.4f} us  {seconds / ours:8.1f} x")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--case", action="append", default=[], choices=[c.name for c in CASES])
    parser.add_argument("--threads", type=int, nargs="+", default=[1])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args(arguments)
    results = run(given.case, given.threads, given.quick)
    print(table(results))
    if given.json:
        given.json.write_text(json.dumps({"machine": machine.facts(), "alignments": results}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
