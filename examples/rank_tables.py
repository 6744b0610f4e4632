"""Ranks of invariant polynomial kernels: they stop growing with the number of points.

The average of (x . y)^k over a group has as many positive eigenvalues as there are invariant
homogeneous polynomials of degree k. Under permutations this number does not depend on the number n
of variables once n is large enough (Diaz, Drusvyatskiy, Kendrick and Thomas, arXiv 2502.01886): 1,
1, 2, 3, 5, 7, 11 for S_n on R^n from n = k on, 1, 2, 7, 23, 79, 274 for S_n on symmetric matrices
(weighted graphs) from n = 2k on. Counted here in three ways: by characters, from generators as
orbits of monomials, and as the rank of a Gram matrix of random samples.

    python examples/rank_tables.py [--output rank_tables.png] [--quick]

Some seconds on one core; the picture needs matplotlib (the extra ``demo``).
"""

from __future__ import annotations

import argparse
import itertools
import math
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from symkernel import InvariantKernel, theory
from symkernel.groups import Group, PermutationGroup, Symmetric
from symkernel.kernels import Polynomial
from symkernel.spectral import InvariantBasis, Polynomials

ENUMERATED = 8  # graphs of more vertices have too many monomials for a quick table


def graph_group(n: int) -> Group:
    """Permutations of n vertices, acting on the n (n + 1) / 2 entries of a symmetric matrix."""
    pairs = list(itertools.combinations_with_replacement(range(n), 2))
    place = {pair: k for k, pair in enumerate(pairs)}
    generators = []
    for g in Symmetric(n).generators:
        image = g.apply(np.arange(n)).tolist()
        generators.append(
            [place[min(image[i], image[j]), max(image[i], image[j])] for i, j in pairs]
        )
    return PermutationGroup(generators)


def partitions(n: int, largest: int) -> Iterator[tuple[int, ...]]:
    """Partitions of n into parts of at most ``largest``."""
    if n == 0:
        yield ()
    for part in range(min(n, largest), 0, -1):
        for rest in partitions(n - part, part):
            yield (part, *rest)


def graph_counts(n: int, degree: int) -> list[int]:
    """Invariant polynomials of graphs with n vertices, by characters.

    A permutation with cycles of lengths a, b, ... of vertices has on pairs of vertices, for two
    cycles, gcd(a, b) cycles of length lcm(a, b), and within one, with loops, (a + 1) // 2 of length
    a and for even a one of length a / 2 and one more of length a. Classes of n! permutations are
    partitions of n: n = 12 has 77 of them.
    """
    total = [0] * (degree + 1)
    for parts in partitions(n, n):
        cycles: Counter[int] = Counter()
        for a in parts:
            # Pairs {i, i + k} of a cycle, k = 0..a // 2; opposite ones return after half a turn.
            cycles[a] += (a + 1) // 2 if a % 2 else a // 2
            if a % 2 == 0:
                cycles[a // 2] += 1
        for a, b in itertools.combinations(parts, 2):
            cycles[math.lcm(a, b)] += math.gcd(a, b)
        series = [1] + [0] * degree
        for length, count in cycles.items():
            for _ in range(count):
                for k in range(length, degree + 1):
                    series[k] += series[k - length]
        lengths = Counter(parts)
        size = math.factorial(n) // math.prod(m**k * math.factorial(k) for m, k in lengths.items())
        total = [t + size * s for t, s in zip(total, series, strict=True)]
    return [t // math.factorial(n) for t in total]


def kernel_rank(group: Group, degree: int, n_samples: int = 60) -> int:
    """Rank of the Gram matrix of the averaged kernel (x . y)^degree at random samples."""
    X = np.random.default_rng(0).standard_normal((n_samples, group.degree))
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    K = InvariantKernel(Polynomial(degree, gamma=1.0, coef0=0.0), group)(X)
    values = np.linalg.eigvalsh(K)
    return int((values > 1e-12 * values[-1]).sum())


def basis_counts(group: Group, degree: int) -> list[int]:
    """Invariant polynomials by degree, from the generators."""
    basis = InvariantBasis(Polynomials(group.degree), group, max_level=degree)
    return [int(n) for n in basis.dimensions]


def main(arguments: Sequence[str] | None = None) -> int:
    """Count, print the tables and write the picture."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--output", type=Path, default=Path("rank_tables.png"))
    parser.add_argument("--quick", action="store_true", help="fewer points")
    options = parser.parse_args(arguments)
    top, graph_top, most, largest = (5, 3, 6, 8) if options.quick else (6, 5, 12, 14)

    print("S_n on R^n, by degree: characters | from generators | rank of a Gram matrix")
    points = {n: list(theory.molien_series(Symmetric(n), top)) for n in range(2, largest + 1)}
    for n in range(2, top + 1):
        ranks = [1] + [kernel_rank(Symmetric(n), k) for k in range(1, top + 1)]
        agree(points[n], basis_counts(Symmetric(n), top), ranks)
        print(f"{n:>4}: {row(points[n])} | {row(basis_counts(Symmetric(n), top))} | {row(ranks)}")
    print(f"{largest:>4}: {row(points[largest])}")

    print("S_n on graphs with n vertices: characters | from generators | rank of a Gram matrix")
    graphs = {n: graph_counts(n, graph_top) for n in range(2, most + 1)}
    for n, counts in graphs.items():
        text = f"{n:>4}: {row(counts)}"
        if n <= ENUMERATED:
            degree = min(graph_top, 4)
            found = basis_counts(graph_group(n), degree)
            agree(counts[: degree + 1], found)
            text += f" | {row(found)}"
        if 3 <= n <= 5:
            ranks = [1] + [kernel_rank(graph_group(n), k) for k in range(1, 4)]
            agree(counts[:4], ranks)
            text += f" | {row(ranks)}"
        print(text)
    draw_picture(points, graphs, options.output)
    print(f"picture: {options.output}")
    return 0


def agree(*tables: list[int]) -> None:
    """Raise unless all ways of counting agree."""
    if any(table != tables[0] for table in tables):
        raise AssertionError(f"counts differ: {tables}")


def row(counts: Sequence[int]) -> str:
    """Numbers side by side."""
    return " ".join(str(n) for n in counts)


def draw_picture(points: dict[int, list[int]], graphs: dict[int, list[int]], path: Path) -> None:
    """Ranks against the number of points, a curve per degree."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.2, 3.8), layout="constrained")
    titles = ("S$_n$ on n numbers", "S$_n$ on graphs with n vertices")
    for axes, title, table in zip(figure.subplots(1, 2), titles, (points, graphs), strict=True):
        for degree in range(1, len(next(iter(table.values())))):
            ranks = [counts[degree] for counts in table.values()]
            (line,) = axes.plot(list(table), ranks, "o-", markersize=4)
            axes.annotate(
                f"degree {degree}: {ranks[-1]}",
                (max(table), ranks[-1]),
                xytext=(8, 0),
                textcoords="offset points",
                va="center",
                color=line.get_color(),
            )
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter("{x:g}")
        axes.set_xlabel("n")
        axes.set_title(title)
        axes.grid(True, color="0.9")
        axes.set_axisbelow(True)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
    figure.axes[0].set_ylabel("rank of the invariant kernel")
    figure.savefig(path, dpi=150)


if __name__ == "__main__":
    sys.exit(main())
