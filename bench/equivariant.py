"""Cost of vectors under rotations beside invariants: python -m symkernel.bench.equivariant.

Gram matrices of clouds, in turns in one process on one thread: blocks of vectors, values of the
invariant kernel, and blocks by a product rule over Euler's angles in NumPy, on fewer samples. What
is checked first: the blocks are those of the rule, which is exact to rounding here.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import numpy as np
from sklearn.gaussian_process.kernels import RBF
from symkernel import InvariantKernel, groups
from symkernel.kernels import EquivariantKernel

from . import machine
from .peers import Array
from .timing import QUICK, Effort, interleave, threads

CASES = {
    "SO(3), 4 points": (groups.SO(3), 4),
    "O(3), 4 points": (groups.O(3), 4),
    "SO(3), 9 points": (groups.SO(3), 9),
    "O(3), 9 points": (groups.O(3), 9),
}
TOLERANCE = 1e-12
SAMPLES = 4  # of the rule in NumPy
TIMES = 3  # calls for invariants in a row, about as long as one for vectors: both are interrupted
DEGREE = 40  # of harmonics that the rule averages exactly


def rotations() -> tuple[Array, Array]:
    """Return 35,301 rotations (k, 3, 3) and their weights: turns about z, y and z."""
    turns = 2 * np.pi * np.arange(DEGREE + 1) / (DEGREE + 1)
    u, w = np.polynomial.legendre.leggauss(DEGREE // 2 + 1)
    z = np.zeros((len(turns), 3, 3))
    z[:, 0, 0] = z[:, 1, 1] = np.cos(turns)
    z[:, 1, 0] = np.sin(turns)
    z[:, 0, 1] = -z[:, 1, 0]
    z[:, 2, 2] = 1.0
    y = np.zeros((len(u), 3, 3))
    y[:, 0, 0] = y[:, 2, 2] = u
    y[:, 0, 2] = np.sqrt(1 - u**2)
    y[:, 2, 0] = -y[:, 0, 2]
    y[:, 1, 1] = 1.0
    R = z[:, None, None] @ y[:, None] @ z
    weights = np.broadcast_to(w[:, None] / (2 * len(turns) ** 2), R.shape[:3])
    return R.reshape(-1, 3, 3), weights.ravel()


def by_rule(X: Array, length: float, R: Array, weights: Array) -> Array:
    """Return the blocks of n clouds (n, p, 3), (3 n, 3 n): what one writes in NumPy."""
    n = len(X)
    moved = (X.reshape(-1, 3) @ R.transpose(0, 2, 1)).reshape(len(R), n, -1)
    flat = X.reshape(n, -1)
    squares = (flat**2).sum(1)
    k = np.exp((moved @ flat.T - (squares[:, None] + squares) / 2) / length**2)
    found = (k * weights[:, None, None]).reshape(len(R), -1).T @ R.reshape(-1, 9)
    return found.reshape(n, n, 3, 3).transpose(1, 2, 0, 3).reshape(3 * n, 3 * n)


def measure(name: str, n: int, effort: Effort) -> dict[str, float]:
    """Median seconds per pair of n samples, of which half are computed, after a check.

    Raises
    ------
    AssertionError
        If the blocks are not those of the rule.
    """
    head, points = CASES[name]
    group, length = head.along(1, (points, 3)), float(np.sqrt(points))
    vectors = EquivariantKernel(RBF(length), group, "vector")
    invariant = InvariantKernel(RBF(length), group)
    X = np.random.default_rng(0).standard_normal((n, points, 3))
    X /= np.maximum(1.0, np.sqrt((X**2).sum((1, 2), keepdims=True) / (4 * points)))
    R, weights = rotations()
    if head.role.reflections:
        R, weights = np.concatenate([R, -R]), np.concatenate([weights, weights]) / 2
    few = X[:SAMPLES]
    error = float(np.abs(vectors.gram(few) - by_rule(few, length, R, weights)).max())
    assert error < TOLERANCE, f"{name}: blocks differ from the rule's by {error:.1e}"
    with threads(1):
        programs = {
            "vectors": lambda: vectors.gram(X, n_jobs=1),
            "invariant": lambda: [invariant.gram(X.reshape(n, -1), n_jobs=1) for _ in range(TIMES)],
            "rule": lambda: by_rule(few, length, R, weights),
        }
        for program in programs.values():
            program()
        times = interleave(programs, effort)
    half = n * (n + 1) // 2
    pairs = {"vectors": half, "invariant": TIMES * half, "rule": SAMPLES**2}
    return {program: median(seconds) / pairs[program] for program, seconds in times.items()}


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a line per group, and write JSON when asked."""
    parser = argparse.ArgumentParser(prog="python -m symkernel.bench.equivariant")
    parser.add_argument("--quick", action="store_true", help="small sizes, two repeats")
    parser.add_argument("--json", type=Path, help="file to write results to")
    given = parser.parse_args(sys.argv[1:] if arguments is None else arguments)
    results = {}
    print(
        f"{'ns per pair':<18}{'vectors':>10}{'invariant':>11}{'ratio':>7}{'rule':>12}{'ratio':>8}"
    )
    for name in CASES:
        effort = QUICK if given.quick else Effort(budget=8.0, pause=0.0, least=9)
        found = measure(name, 20 if given.quick else 500, effort)
        results[name] = found
        own, scalar, rule = (found[k] * 1e9 for k in ("vectors", "invariant", "rule"))
        print(f"{name:<18}{own:>10.1f}{scalar:>11.1f}{own / scalar:>7.2f}", end="")
        print(f"{rule:>12.0f}{rule / own:>8.0f}")
    if given.json is not None:
        facts = {"machine": machine.facts(), "equivariant": results}
        given.json.write_text(json.dumps(facts, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
