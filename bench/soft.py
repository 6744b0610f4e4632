"""Cost of weights: Gram matrices of soft and of invariant kernels, python -m symkernel.bench.soft.

In turns in one process on one thread. What is checked first: the mean of the soft kernel over the
group, one argument moved by every element, is the invariant kernel.
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
from symkernel import InvariantKernel, SoftInvariantKernel, groups

from . import machine
from .timing import QUICK, Effort, interleave, threads

CASES = {
    "C_7": groups.Cyclic(7),
    "C_64, Fourier": groups.Cyclic(64),
    "S_5": groups.Symmetric(5),
    "Oh on one vector": groups.PointGroup("Oh"),
    "Oh on six points": groups.PointGroup("Oh").along(1, (6, 3)),
    "I on four points": groups.PointGroup("I").along(1, (4, 3)),
    "p4m, 8 x 8 image": groups.Image((8, 8), "p4m"),
}
TOLERANCE = 1e-12


def measure(name: str, n: int, effort: Effort) -> dict[str, float]:
    """Median seconds of the Gram matrices of n samples, after a check of the answer.

    Raises
    ------
    AssertionError
        If the mean of the soft kernel is not the invariant one.
    """
    group = CASES[name]
    base = RBF(float(np.sqrt(group.degree)))
    soft, hard = SoftInvariantKernel(base, group, softness=0.3), InvariantKernel(base, group)
    X = np.random.default_rng(0).standard_normal((n, group.degree))
    mean = np.mean([soft(X[:2], g.apply(X[2:4])) for g in group.elements()], axis=0)
    error = float(np.abs(mean - hard(X[:2], X[2:4])).max())
    assert error < TOLERANCE, f"{name}: the mean differs by {error:.1e}"
    with threads(1):
        programs = {
            "soft": lambda: soft.gram(X, n_jobs=1),
            "invariant": lambda: hard.gram(X, n_jobs=1),
        }
        for program in programs.values():
            program()
        times = interleave(programs, effort)
    return {program: median(seconds) for program, seconds in times.items()}


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a line per group, and write JSON when asked."""
    parser = argparse.ArgumentParser(prog="python -m symkernel.bench.soft")
    parser.add_argument("--quick", action="store_true", help="small sizes, two repeats")
    parser.add_argument("--json", type=Path, help="file to write results to")
    given = parser.parse_args(sys.argv[1:] if arguments is None else arguments)
    results = {}
    print(f"{'group':<20}{'soft':>12}{'invariant':>12}{'ratio':>8}")
    for name in CASES:
        effort = QUICK if given.quick else Effort(budget=4.0, pause=0.0, least=9)
        found = measure(name, 40 if given.quick else 1500, effort)
        results[name] = found
        ratio = found["soft"] / found["invariant"]
        soft, invariant = (found[k] * 1e3 for k in ("soft", "invariant"))
        print(f"{name:<20}{soft:9.2f} ms{invariant:9.2f} ms{ratio:8.2f}")
    if given.json is not None:
        given.json.write_text(json.dumps({"machine": machine.facts(), "soft": results}, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
