"""Exact invariance from generators: what it costs, and what does not matter.

The invariant functions of a permutation group are sums over orbits of monomials, found from the
generators by union-find: time is the number of functions times the number of generators, and the
order of the group does not enter. The script

* times the invariant polynomials on R^20, up to degree 6, of the symmetric groups of
  the first k coordinates, whose orders go from 2 to 2.4e18 and which all have two generators;
* times them for all permutations of 20 coordinates, given by more and more generators;
* trains and evaluates a model that is invariant under S_20, and one that is invariant under a
  random group of permutations of 30 points, of order above 1e18.

    python examples/spectral_scaling.py [--output spectral_scaling.png] [--degree 6]

Half a minute on two cores; needs matplotlib (the extra ``demo``).
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

import numpy as np
from numpy.typing import NDArray
from symkernel.groups import Group, PermutationGroup, SignedPermutation, Symmetric
from symkernel.spectral import InvariantBasis, Manifold, Polynomials, SpectralRegressor, Sphere

Array = NDArray[np.float64]

POINTS = 20
MOVED = (2, 3, 5, 8, 12, 16, 20)
GENERATORS = (2, 4, 8, 16, 32)
REPEATS = 3


def on_first(k: int) -> Group:
    """All permutations of the first k coordinates, given by two of them."""
    swap, cycle = np.arange(POINTS), np.arange(POINTS)
    swap[:2] = 1, 0
    cycle[:k] = np.roll(np.arange(k), 1)
    return PermutationGroup([SignedPermutation(swap), SignedPermutation(cycle)])


def with_generators(count: int) -> Group:
    """All permutations of the coordinates, given by that many of them."""
    more = Symmetric(POINTS).sample(count - 2, random_state=0)
    return PermutationGroup([*Symmetric(POINTS).generators, *more])


def random_group(n: int, seed: int = 0) -> PermutationGroup:
    """Two random permutations of each half of n points, where halves are random too."""
    rng = np.random.default_rng(seed)
    halves = np.array_split(rng.permutation(n), 2)
    generators = []
    for half in halves:
        for _ in range(2):
            indices = np.arange(n)
            indices[half] = rng.permutation(half)
            generators.append(SignedPermutation(indices))
    return PermutationGroup(generators)


def seconds_to_find(group: Group, degree: int) -> tuple[float, int]:
    """Median time for the invariant polynomials on R^20, and their number."""
    times, count = [], 0
    for _ in range(REPEATS):
        start = time.perf_counter()
        basis = InvariantBasis(Polynomials(POINTS), group, max_level=degree)
        count = int(basis.dimensions.sum())
        times.append(time.perf_counter() - start)
    return median(times), count


def train_and_predict(
    manifold: Manifold, group: Group, degree: int, target: Callable[[Array], Array]
) -> str:
    """Fit 2,000 samples, predict 1,000, and say what came of it."""
    X = manifold.random_points(3000, 0)
    y = target(X)
    start = time.perf_counter()
    model = SpectralRegressor(manifold, group, max_level=degree).fit(X[:2000], y[:2000])
    fitted = time.perf_counter()
    values = model.predict(X[2000:])
    done = time.perf_counter()
    error = np.sqrt(np.mean((values - y[2000:]) ** 2)) / y.std()
    moved = max(
        np.abs(model.predict(group.apply(g, X[2000:])) - values).max()
        for g in [*group.generators, *group.sample(5, random_state=1)]
    )
    return (
        f"order {float(group.order):.2e}, {manifold!r} to degree {degree}: {len(model.coef_)} "
        f"functions of {manifold.count(degree):,}; fit {fitted - start:.2f} s, predict "
        f"{done - fitted:.2f} s; relative error {error:.1e}, largest change under the group "
        f"{moved / np.abs(values).max():.0e}"
    )


def plot(
    path: Path, orders: Sequence[float], by_order: Sequence[float], by_generators: Sequence[float]
) -> None:
    """Draw time against the order, and against the number of generators."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(9.0, 3.6), sharey=True)
    left.plot(orders, by_order, "o-")
    left.set(xscale="log", xlabel="order of the group, two generators each", ylabel="seconds")
    right.plot(GENERATORS, by_generators, "o-")
    right.set(xlabel=f"number of generators of all {POINTS}! permutations")
    left.set_ylim(bottom=0.0)
    figure.suptitle(f"Invariant polynomials on R^{POINTS}: time to find them")
    figure.tight_layout()
    figure.savefig(path, dpi=150)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description="Time invariant functions found from generators.")
    parser.add_argument("--output", type=Path, default=Path("spectral_scaling.png"))
    parser.add_argument("--degree", type=int, default=6)
    given = parser.parse_args(arguments)
    print(
        f"polynomials on R^{POINTS} to degree {given.degree}: "
        f"{Polynomials(POINTS).count(given.degree):,}"
    )
    print("      order  invariants  seconds")
    orders, by_order = [], []
    for k in MOVED:
        group = on_first(k)
        found, count = seconds_to_find(group, given.degree)
        orders.append(float(group.order))
        by_order.append(found)
        print(f"{orders[-1]:11.3g}  {count:10,}  {found:7.2f}")
    print(" generators  invariants  seconds")
    by_generators = []
    for number in GENERATORS:
        found, count = seconds_to_find(with_generators(number), given.degree)
        by_generators.append(found)
        print(f"{number:11}  {count:10,}  {found:7.2f}")
    plot(given.output, orders, by_order, by_generators)
    print(
        train_and_predict(
            Sphere(POINTS), Symmetric(POINTS), given.degree, lambda X: (X**3).sum(axis=1) ** 2
        )
    )
    group = random_group(30)
    first = np.flatnonzero(
        [any(g.indices[i] != i for g in group.generators[:2]) for i in range(30)]
    )
    print(
        train_and_predict(
            Polynomials(30),
            group,
            min(given.degree, 4),
            lambda X: (X[:, first] ** 3).sum(axis=1) * X.sum(axis=1) / 30.0,
        )
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
