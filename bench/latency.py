"""Time of one prediction and of one step of an optimiser: python -m symkernel.bench.latency.

What is measured against what, all in turns in one process on one thread, the answers compared
before anything is timed:

* one row predicted from 20,000 x 64 training samples under the trivial group, against NumPy with
  kept norms (one matrix-vector product, one exp);
* one structure under E(3) and four permutations against its share in a batch, values and gradients;
* a Gram matrix with its gradient at other hyperparameters, of samples that are kept: nothing is
  packed again.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from sklearn.gaussian_process.kernels import RBF
from symkernel import InvariantKernel, groups

from . import machine
from .peers import Array
from .timing import QUICK, Effort, interleave, threads

Program = Callable[[], object]

# Short calls are timed this many at a time, as they come in a loop: the first after a batch finds
# the caches full of it.
LOOP = 100


def looped(call: Program) -> Program:
    """Make LOOP calls of one."""

    def calls() -> None:
        for _ in range(LOOP):
            call()

    return calls


def plain_row(n: int) -> tuple[dict[str, Program], float]:
    """One row under the trivial group, beside NumPy with kept norms."""
    rng = np.random.default_rng(0)
    X, weights, x = rng.normal(size=(n, 64)), rng.normal(size=n), rng.normal(size=(1, 64))
    kernel = InvariantKernel(RBF(8.0), groups.Trivial(64))
    training, norms = kernel.prepare(X), np.square(X).sum(axis=1)

    def numpy_row() -> Array:
        squares = np.square(x).sum() + norms - 2.0 * (X @ x[0])
        return np.asarray(np.exp(squares / -128.0) @ weights).reshape(1)

    def row() -> Array:
        return kernel.matvec(x, training, weights, n_jobs=1)

    error = float(np.abs(row() - numpy_row()).max() / np.abs(weights).sum())
    return {"symkernel": looped(row), "NumPy, kept norms": looped(numpy_row)}, error


def _cluster(n: int) -> tuple[InvariantKernel, Array, Array, Any]:
    rng = np.random.default_rng(0)
    swaps = [[1, 0, 2, 3, 4, 5, 6, 7, 8], [0, 1, 3, 2, 4, 5, 6, 7, 8]]
    like = groups.PermutationGroup(swaps).along(0, (9, 3))
    kernel = InvariantKernel(RBF(3.0), groups.E(3).along(1, (9, 3)) * like)
    training = kernel.prepare(rng.normal(size=(n, 27)))
    return kernel, rng.normal(size=(n, 27)), rng.normal(size=n), training


def one_structure(n: int) -> tuple[dict[str, Program], float]:
    """One structure, and a batch of n: times of the batch are those of all."""
    kernel, X, weights, training = _cluster(n)

    def batch() -> Array:
        return kernel.matvec(X, training, weights, n_jobs=1)

    def one() -> Array:
        return kernel.matvec(X[:1], training, weights, n_jobs=1)

    error = float(np.abs(one() - batch()[:1]).max() / np.abs(weights).sum())
    return {"one": looped(one), f"batch of {n}": batch}, error


def one_gradient(n: int) -> tuple[dict[str, Program], float]:
    """Forces of one structure, and of a batch of n."""
    kernel, X, weights, training = _cluster(n)

    def batch() -> Array:
        return kernel.gradient_x(X, training, weights, n_jobs=1)

    def one() -> Array:
        return kernel.gradient_x(X[:1], training, weights, n_jobs=1)

    error = float(np.abs(one() - batch()[:1]).max() / np.abs(weights).sum())
    return {"one": looped(one), f"batch of {n}": batch}, error


def optimiser_step(n: int) -> tuple[dict[str, Program], float]:
    """K and its gradient at another length scale, of kept samples and of an array."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, 20))
    kernel = InvariantKernel(RBF(3.0), groups.Cyclic(20))
    kept = kernel.prepare(X)
    lengths = iter(np.linspace(1.0, 4.0, 100_000))

    def step(samples: Any) -> object:
        moved = kernel.clone_with_theta(np.log([next(lengths)]))
        return moved(samples, eval_gradient=True)

    other = kernel.clone_with_theta(np.array([0.5]))
    error = float(np.abs(other(kept) - other(X)).max())
    return {"kept samples": looped(lambda: step(kept)), "an array": looped(lambda: step(X))}, error


CASES = {
    "one row, 20,000 x 64, trivial group": (plain_row, 20_000, 2_000),
    "one structure, E(3) and 4 permutations": (one_structure, 1_000, 100),
    "its gradient": (one_gradient, 1_000, 50),
    "an optimiser's step, C_20, n = 100": (optimiser_step, 100, 20),
    "an optimiser's step, C_20, n = 500": (optimiser_step, 500, 50),
}

# Largest difference of the programs' answers, relative to the sum of the weights.
TOLERANCE = 1e-12


def measure(name: str, effort: Effort, quick: bool) -> dict[str, float]:
    """Median seconds of every program of a case, after a check of its answer.

    Raises
    ------
    AssertionError
        If the programs disagree.
    """
    make, full, small = CASES[name]
    with threads(1):
        programs, error = make(small if quick else full)
        assert error < TOLERANCE, f"{name}: answers differ by {error:.1e}"
        times = interleave(programs, effort)
        return {
            name: median(seconds) / (1 if name.startswith("batch") else LOOP)
            for name, seconds in times.items()
        }


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a line per program, and write JSON when asked."""
    parser = argparse.ArgumentParser(prog="python -m symkernel.bench.latency")
    parser.add_argument("--quick", action="store_true", help="small sizes, two repeats")
    parser.add_argument("--json", type=Path, help="file to write results to")
    given = parser.parse_args(sys.argv[1:] if arguments is None else arguments)
    results = {}
    for name in CASES:
        results[name] = measure(
            name, QUICK if given.quick else Effort(budget=6.0, pause=0.0), given.quick
        )
        print(name)
        shares = []
        for program, seconds in results[name].items():
            size = int(program.split()[-1]) if program.startswith("batch") else 1
            shares.append(seconds / size)
            share = f", {shares[-1] * 1e3:.3f} ms each" if size > 1 else ""
            print(f"  {program:<24}{seconds * 1e3:9.3f} ms{share}")
        print(f"  {'ratio':<24}{shares[0] / shares[1]:9.2f}")
    if given.json is not None:
        facts = machine.facts()
        given.json.write_text(json.dumps({"machine": facts, "latency": results}, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
