"""Isomorphism classes of graphs beside networkx: python -m symkernel.bench.graphs.

Ours takes the canonical form of every graph; networkx compares each with one of every class found
so far, by VF2++. Every program must find the number of classes that is known first.
"""

from __future__ import annotations

import argparse
import importlib
import itertools
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from symkernel import groups
from symkernel.canonical import canonical_form

from . import machine
from .peers import Array
from .text import duration, markdown
from .timing import QUICK, Effort, interleave

OURS, PEER = "symkernel", "networkx"


@dataclass(frozen=True)
class GraphCase:
    """Graphs as adjacency matrices, whose classes are counted.

    Attributes
    ----------
    name, title : str
    make : callable
        Makes graphs of different classes, all of one size.
    copies : int
        How often each is listed, its nodes in another order every time.
    """

    name: str
    title: str
    make: Callable[[np.random.Generator], Sequence[Array]]
    copies: int = 4


def path(n: int) -> Array:
    """Nodes in a row."""
    A = np.diag(np.ones(n - 1), 1)
    return A + A.T


def tree(n: int, rng: np.random.Generator) -> Array:
    """Every node hangs on an earlier one."""
    A = np.zeros((n, n))
    for i in range(1, n):
        j = rng.integers(i)
        A[i, j] = A[j, i] = 1.0
    return A


def regular(n: int, rng: np.random.Generator) -> Array:
    """Three perfect matchings, none of which shares an edge with another."""
    while True:
        A = np.zeros((n, n))
        for _ in range(3):
            p = rng.permutation(n)
            A[p[::2], p[1::2]] += 1.0
        A += A.T
        if A.max() == 1.0:
            return A


def coin_flips(n: int, rng: np.random.Generator) -> Array:
    """Every edge with probability 1/2."""
    A = np.triu(rng.integers(0, 2, (n, n)), 1).astype(float)
    return A + A.T


def dodecahedron() -> Array:
    """Faces that touch have corners in common: those of the icosahedron's 20 triangles."""
    g = (1 + 5**0.5) / 2
    signs = list(itertools.product((1, -1), repeat=3))
    corners = [np.array(s, float) for s in signs]
    corners += [np.roll((0, a / g, b * g), k) for a in (1, -1) for b in (1, -1) for k in range(3)]
    points = np.array(corners)
    lengths = np.linalg.norm(points[:, None] - points, axis=2)
    return (np.abs(lengths - 2 / g) < 1e-6).astype(float)


def of_sixteen() -> list[Array]:
    """The rook's graph and Shrikhande's: strongly regular, and alike to refinement."""
    a, b = np.divmod(np.arange(16), 4)
    rook = (a[:, None] == a) ^ (b[:, None] == b)
    down, right = (a[:, None] - a) % 4, (b[:, None] - b) % 4
    steps = ((0, 1), (0, 3), (1, 0), (3, 0), (1, 1), (3, 3))
    shrikhande = sum((down == i) & (right == j) for i, j in steps)
    return [rook.astype(float), np.asarray(shrikhande, float)]


CASES = (
    GraphCase("paths", "paths of 200 nodes", lambda rng: [path(200)]),
    GraphCase("trees", "trees of 100 nodes", lambda rng: [tree(100, rng) for _ in range(4)]),
    GraphCase("regular", "3-regular, 100 nodes", lambda rng: [regular(100, rng) for _ in range(4)]),
    GraphCase("coins", "G(40, 1/2)", lambda rng: [coin_flips(40, rng) for _ in range(8)]),
    GraphCase("dodecahedron", "dodecahedron", lambda rng: [dodecahedron()], 8),
    GraphCase("sixteen", "rook and Shrikhande", lambda rng: of_sixteen(), 8),
)


def our_classes(X: Array) -> int:
    """Different canonical forms."""
    form = canonical_form(groups.Graph(X.shape[1]))
    return len({row.tobytes() for row in form.representatives(X.reshape(len(X), -1))})


def networkx_classes(graphs: Sequence[Any]) -> int:
    """Graphs that VF2++ finds unlike all earlier ones."""
    same = importlib.import_module("networkx").vf2pp_is_isomorphic
    found: list[Any] = []
    for graph in graphs:
        if not any(same(graph, other) for other in found):
            found.append(graph)
    return len(found)


def run(names: Sequence[str] = (), quick: bool = False) -> list[dict[str, Any]]:
    """Check and time cases; one dictionary each, with seconds per graph.

    Raises
    ------
    AssertionError
        If a program finds another number of classes than there are.
    """
    known = {case.name: case for case in CASES}
    results = []
    for name in names or known:
        case, rng = known[name], np.random.default_rng(0)
        different = case.make(rng)
        orders = [
            rng.permutation(len(A)) for _ in range(2 if quick else case.copies) for A in different
        ]
        listed = zip(orders, itertools.cycle(different), strict=False)
        X = np.array([A[p][:, p] for p, A in listed])
        programs: dict[str, Callable[[], int]] = {OURS: partial(our_classes, X)}
        if find_spec("networkx") is not None:
            networkx = importlib.import_module("networkx")
            graphs = [networkx.from_numpy_array(A) for A in X]
            programs[PEER] = partial(networkx_classes, graphs)
        for program, call in programs.items():
            if (found := call()) != len(different):
                raise AssertionError(
                    f"{program} finds {found} classes, not {len(different)}, of {case.title}"
                )
        times = interleave(programs, QUICK if quick else Effort())
        results.append({
            "case": name,
            "title": case.title,
            "graphs": len(X),
            "classes": len(different),
            "seconds": {p: median(seconds) / len(X) for p, seconds in times.items()},
        })  # fmt: skip
    return results


def table(results: Sequence[dict[str, Any]]) -> str:
    """Results as text, times per graph."""
    rows = []
    for r in results:
        ours, theirs = r["seconds"][OURS], r["seconds"].get(PEER)
        beside = "" if theirs is None else f"{duration(theirs)} ({theirs / ours:.1f}x)"
        rows.append((r["title"], str(r["graphs"]), str(r["classes"]), duration(ours), beside))
    return markdown(("graphs", "listed", "classes", OURS, PEER), rows)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--case", action="append", default=[], choices=[c.name for c in CASES])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args(arguments)
    results = run(given.case, given.quick)
    print(table(results))
    if given.json:
        given.json.write_text(json.dumps({"machine": machine.facts(), "graphs": results}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
