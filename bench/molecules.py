"""Groups of molecules beside networkx: python -m symkernel.bench.molecules.

Ours is timed from elements and positions to generators and the order; networkx is given the graph
of bonds and lists all automorphisms, where there are few enough. Every program must find the order
that is known first.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from itertools import product
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from symkernel import groups

from . import machine
from .peers import Array
from .text import duration, markdown
from .timing import QUICK, Effort, interleave

OURS, PEER = "symkernel", "networkx"
# Most automorphisms that are listed, in a run and in a quick one.
MOST_LISTED, QUICK_LISTED = 10_000, 200

Structure = tuple[list[str], Array]


@dataclass(frozen=True)
class MoleculeCase:
    """The permutations of one molecule, whose number is known."""

    name: str
    title: str
    make: Callable[[], Structure]
    order: int


def alkane(n: int) -> Structure:
    """Return elements and positions of C_n H_(2n + 2), n > 1, all carbon in one plane."""
    carbon = np.array([[1.27 * i, 0.44 * (-1) ** i, 0.0] for i in range(n)])
    up = np.array([0, 0, 1.0])
    hydrogen: list[Array] = []
    for i in range(n):
        near = [carbon[i] - carbon[j] for j in (i - 1, i + 1) if 0 <= j < n]
        away = np.sum([v / np.linalg.norm(v) for v in near], axis=0)
        away /= np.linalg.norm(away)
        if len(near) == 2:
            rays = [0.58 * away + s * 0.82 * up for s in (1, -1)]
        else:
            side, turns = np.cross(away, up), 2 * np.pi * np.arange(3) / 3
            rays = [away / 3 + 0.943 * (np.cos(t) * up + np.sin(t) * side) for t in turns]
        hydrogen += [carbon[i] + 1.09 * ray for ray in rays]
    return ["C"] * n + ["H"] * len(hydrogen), np.concatenate([carbon, hydrogen])


def fullerene() -> Structure:
    """Return elements and positions of C60, all bonds of one length."""
    g = (1 + 5**0.5) / 2
    points = {
        tuple(np.round(np.roll(np.array(signs) * corner, turn), 9) + 0.0)
        for corner in ((0, 1, 3 * g), (1, 2 + g, 2 * g), (g, 2, 2 * g + 1))
        for signs in product((1, -1), repeat=3)
        for turn in range(3)
    }
    return ["C"] * 60, 0.71 * np.array(sorted(points))


def waters(count: int) -> Structure:
    """Return elements and positions of alike molecules on a line."""
    water = np.array([[0, 0, 0], [0, 0, 0.96], [0, 0.93, -0.24]])
    places = 4.0 * np.arange(count)[:, None, None] * np.array([1, 0, 0])
    return ["O", "H", "H"] * count, (water + places).reshape(-1, 3)


CASES = (
    MoleculeCase("propane", "propane", lambda: alkane(3), 144),
    MoleculeCase("heptane", "n-heptane", lambda: alkane(7), 2304),
    MoleculeCase("fullerene", "C60", fullerene, 120),
    MoleculeCase("waters", "5 of water", lambda: waters(5), 2**5 * 120),
    MoleculeCase("wax", "C33H68", lambda: alkane(33), 2 * 6**2 * 2**31),
)


def our_order(structure: Structure) -> int:
    return int(groups.molecule(*structure).permutations.order)


def networkx_order(graph: tuple[list[str], Array]) -> int:
    networkx = importlib.import_module("networkx")
    isomorphism = importlib.import_module("networkx.algorithms.isomorphism")
    elements, bonds = graph
    whole = networkx.Graph()
    whole.add_nodes_from((k, {"element": element}) for k, element in enumerate(elements))
    whole.add_edges_from(bonds.tolist())
    match = isomorphism.categorical_node_match("element", "")
    return sum(1 for _ in isomorphism.GraphMatcher(whole, whole, match).isomorphisms_iter())


def run(names: Sequence[str] = (), quick: bool = False) -> list[dict[str, Any]]:
    """Check and time cases; one dictionary each.

    Raises
    ------
    AssertionError
        If a program finds another order than the one known.
    """
    known = {case.name: case for case in CASES}
    results = []
    for name in names or known:
        case = known[name]
        structure = case.make()
        programs: dict[str, Callable[[], int]] = {OURS: partial(our_order, structure)}
        listed = case.order <= (QUICK_LISTED if quick else MOST_LISTED)
        if listed and find_spec("networkx") is not None:
            graph = structure[0], groups.molecule(*structure).bonds
            programs[PEER] = partial(networkx_order, graph)
        for program, call in programs.items():
            if (found := call()) != case.order:
                raise AssertionError(f"{program} finds {found}, not {case.order}, for {case.title}")
        times = interleave(programs, QUICK if quick else Effort())
        results.append({
            "case": name,
            "title": case.title,
            "atoms": len(structure[0]),
            "order": case.order,
            "seconds": {program: median(seconds) for program, seconds in times.items()},
        })  # fmt: skip
    return results


def table(results: Sequence[dict[str, Any]]) -> str:
    """Results as text."""
    rows = []
    for r in results:
        ours, theirs = r["seconds"][OURS], r["seconds"].get(PEER)
        beside = "" if theirs is None else f"{duration(theirs)} ({theirs / ours:.1f}x)"
        rows.append((r["title"], str(r["atoms"]), f"{r['order']:,}", duration(ours), beside))
    return markdown(("molecule", "atoms", "permutations", OURS, PEER), rows)


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
        given.json.write_text(json.dumps({"machine": machine.facts(), "molecules": results}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
