"""Invariant features of many samples: python -m symkernel.bench.spectral.

About a thousand invariant functions at 100,000 samples. Before anything is timed the answer is
compared, on a few samples, with an average over the whole group of the plain kernel of the same
levels, for which there is a formula: the sum over the functions phi_k(x) phi_k(y) is that average.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from numpy.polynomial import Polynomial
from scipy.special import eval_legendre
from symkernel import groups
from symkernel.groups import Group
from symkernel.spectral import InvariantBasis, Manifold, Polynomials, Sphere, Torus

from . import machine
from .peers import Array
from .timing import QUICK, Effort, interleave, threads

# Largest difference from the average over the group, relative to the largest value.
TOLERANCE = 1e-10


@dataclass(frozen=True)
class FeatureCase:
    """Invariant functions of a manifold.

    Attributes
    ----------
    name, title : str
    manifold : Manifold
    group : Group
        Small enough to be enumerated on a few samples.
    max_level, quick_level : int
        The second in quick mode.
    kernel : callable
        Takes samples x, y (d,) and a level; the sum of phi(x) phi(y) over all functions up to it.
    """

    name: str
    title: str
    manifold: Manifold
    group: Group
    max_level: int
    quick_level: int
    kernel: Callable[[Array, Array, int], float]


def sphere_kernel(x: Array, y: Array, level: int) -> float:
    """Addition theorem of spherical harmonics."""
    degrees = np.arange(level + 1)
    return float(np.sum((2 * degrees + 1) * eval_legendre(degrees, np.clip(x @ y, -1.0, 1.0))))


def torus_kernel(x: Array, y: Array, level: int) -> float:
    """Products over coordinates of sum_k q^(k^2) cos(k pi (x - y)), to q^level."""
    total = Polynomial([1.0])
    for shift in x - y:
        series = np.zeros(level + 1)
        for k in range(int(np.sqrt(level)) + 1):
            series[k * k] = (2.0 if k else 1.0) * np.cos(k * np.pi * shift)
        total = Polynomial((total * Polynomial(series)).coef[: level + 1])
    return float(total.coef.sum())


def polynomial_kernel(x: Array, y: Array, level: int) -> float:
    """Multinomial theorem."""
    return float(np.sum(float(x @ y) ** np.arange(level + 1)))


CASES = (
    FeatureCase(
        "torus",
        "torus of R^10, changes of sign",
        Torus(10),
        groups.SignFlips(10),
        6,
        3,
        torus_kernel,
    ),
    FeatureCase(
        "sphere",
        "sphere of R^3, rotations of the cube",
        Sphere(3),
        groups.PointGroup("O"),
        154,
        20,
        sphere_kernel,
    ),
    FeatureCase(
        "polynomials",
        "polynomials on R^10, cyclic shifts",
        Polynomials(10),
        groups.Cyclic(10),
        6,
        3,
        polynomial_kernel,
    ),
)


def check(case: FeatureCase, level: int, basis: InvariantBasis) -> None:
    """Compare with the average over the group; raises AssertionError."""
    X = case.manifold.random_points(4, 0) / (2.0 if case.name == "polynomials" else 1.0)
    features = basis.transform(X)
    moved = [case.group.apply(g, X) for g in case.group.elements()]
    expected = np.array(
        [[np.mean([case.kernel(x, Z[j], level) for Z in moved]) for j in range(4)] for x in X]
    )
    off = np.abs(features @ features.T - expected).max() / np.abs(expected).max()
    assert off < TOLERANCE, f"{case.name}: features and the average over the group differ by {off}"


def run(
    names: Sequence[str] = (), n_threads: Sequence[int] = (4,), quick: bool = False
) -> list[dict[str, Any]]:
    """Check and time cases; one dictionary for each case and number of threads."""
    results = []
    for case in CASES:
        if names and case.name not in names:
            continue
        level, n = (case.quick_level, 500) if quick else (case.max_level, 100_000)
        basis = InvariantBasis(case.manifold, case.group, max_level=level)
        X = case.manifold.random_points(n, 1)
        basis.fit(X[:2])
        check(case, level, basis)
        width = int(basis.dimensions.sum())
        assert basis.transform(X).shape == (n, width)

        def program(basis: InvariantBasis = basis, X: Array = X) -> object:
            return basis.transform(X)

        for count in n_threads:
            basis.set_params(n_jobs=count)
            with threads(count):
                times = interleave({"": program}, QUICK if quick else Effort())[""]
            results.append(
                {
                    "case": case.name,
                    "title": case.title,
                    "threads": count,
                    "n": n,
                    "features": width,
                    "functions": case.manifold.count(level),
                    "seconds": median(times),
                }
            )
    return results


def table(results: Sequence[dict[str, Any]]) -> str:
    """Results as text."""
    lines = [f"{'case':40}{'samples':>9}{'features':>10}{'threads':>9}{'seconds':>9}"]
    lines += [
        f"{r['title']:40}{r['n']:9,}{r['features']:10,}{r['threads']:9}{r['seconds']:9.2f}"
        for r in results
    ]
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--case", action="append", default=[], choices=[c.name for c in CASES])
    parser.add_argument("--threads", type=int, nargs="+", default=[4])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args(arguments)
    results = run(given.case, given.threads, given.quick)
    print(table(results))
    if given.json:
        given.json.write_text(json.dumps({"machine": machine.facts(), "spectral": results}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
