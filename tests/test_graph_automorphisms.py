"""Automorphisms of coloured graphs: orders against listings and the literature."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from oracles import automorphisms
from symkernel.groups import PermutationGroup
from symkernel.groups.graph_automorphisms import (
    edge_weights,
    graph_automorphisms,
    orbits_of,
    refine,
    single_out,
)


def from_edges(n, edges):
    A = np.zeros((n, n), int)
    for i, j in edges:
        A[i, j] = A[j, i] = 1
    return A


def ring(n):
    return from_edges(n, [(i, (i + 1) % n) for i in range(n)])


def path(n):
    return from_edges(n, [(i, i + 1) for i in range(n - 1)])


def beside(*graphs):
    n = sum(map(len, graphs))
    A, at = np.zeros((n, n), int), 0
    for graph in graphs:
        A[at : at + len(graph), at : at + len(graph)] = graph
        at += len(graph)
    return A


def cube(d):
    points = np.array(list(product((0, 1), repeat=d)))
    return (np.abs(points[:, None] - points).sum(axis=2) == 1).astype(int)


def tree(children, depth):
    edges, level, n = [], [0], 1
    for _ in range(depth):
        grown = []
        for parent in level:
            for _ in range(children):
                edges.append((parent, n))
                grown.append(n)
                n += 1
        level = grown
    return from_edges(n, edges)


def on_torus(steps):
    """Cayley graph of Z_4 x Z_4."""
    cells = list(product(range(4), repeat=2))
    return np.array(
        [[int(((a - c) % 4, (b - d) % 4) in steps) for c, d in cells] for a, b in cells]
    )


def plane(q):
    """Points and lines of the projective plane over q elements, q a prime."""
    vectors = [v for v in product(range(q), repeat=3) if next((x for x in v if x), 0) == 1]
    incident = (np.array(vectors) @ np.array(vectors).T % q == 0).astype(int)
    none = np.zeros_like(incident)
    return np.block([[none, incident], [incident.T, none]])


SHRIKHANDE = {(0, 1), (0, 3), (1, 0), (3, 0), (1, 1), (3, 3)}
ROOK = {(0, 1), (0, 2), (0, 3), (1, 0), (2, 0), (3, 0)}
DODECAHEDRON = from_edges(
    20,
    # two rings of ten, and the spokes between them: the generalised Petersen graph GP(10, 2)
    [(i, (i + 1) % 10) for i in range(10)]
    + [(i, 10 + i) for i in range(10)]
    + [(10 + i, 10 + (i + 2) % 10) for i in range(10)],
)
KNOWN = {
    "one vertex": (np.zeros((1, 1), int), 1),
    "no edges": (np.zeros((60, 60), int), math.factorial(60)),
    "complete": (1 - np.eye(40, dtype=int), math.factorial(40)),
    "path of 200": (path(200), 2),
    "ring of 60": (ring(60), 120),
    "cube of 6": (cube(6), 2**6 * math.factorial(6)),
    "tree": (tree(3, 4), 6**40),
    "dodecahedron": (DODECAHEDRON, 120),
    "Shrikhande": (on_torus(SHRIKHANDE), 192),
    "rook": (on_torus(ROOK), 1152),
    "plane of order 7": (plane(7), 2 * (7**3 - 1) * (7**3 - 7) * (7**3 - 49) // 6),
    "ring of six, two of three": (beside(ring(6), ring(3), ring(3)), 12 * 72),
    "alike components": (beside(*[DODECAHEDRON] * 4), 120**4 * 24),
}


@pytest.mark.parametrize("name", KNOWN)
def test_orders_of_the_literature(name):
    A, order = KNOWN[name]
    rng = np.random.default_rng(1)
    for _ in range(2):
        generators, found = graph_automorphisms(A)
        assert found == order
        assert all(np.array_equal(A[np.ix_(p, p)], A) for p in generators)
        assert len(generators) < max(2, len(A))
        if len(A) < 70 and len(generators):
            assert PermutationGroup(generators.tolist()).order == order
        shuffled = rng.permutation(len(A))
        A = A[np.ix_(shuffled, shuffled)]


@pytest.mark.parametrize("seed", range(60))
def test_random_graphs_against_a_listing(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 8))
    A = rng.integers(0, int(rng.integers(1, 4)), (n, n))
    A = np.minimum(A, A.T)  # kinds of edges, and loops on the diagonal
    np.fill_diagonal(A, np.diagonal(A) * (seed % 2))
    colours = rng.integers(0, 2, n) if seed % 3 else None
    generators, order = graph_automorphisms(A, colours)
    listed = automorphisms(A, np.zeros(n, int) if colours is None else colours)
    assert order == len(listed)
    assert {tuple(p) for p in generators.tolist()} <= set(listed)
    assert PermutationGroup(generators.tolist(), degree=n).order == order
    orbits = orbits_of(generators, n)
    assert orbits.tolist() == [min(p.index(i) for p in listed) for i in range(n)]


def test_random_regular_graphs_have_mostly_no_automorphism_and_take_no_listing():
    rng = np.random.default_rng(0)
    A = np.zeros((100, 100), int)
    while (A.sum(axis=0) != 3).any():  # three perfect matchings that share no edge
        A[:] = 0
        for _ in range(3):
            pairs = rng.permutation(100).reshape(50, 2)
            A[pairs[:, 0], pairs[:, 1]] = A[pairs[:, 1], pairs[:, 0]] = 1
    generators, order = graph_automorphisms(A)
    assert order == 1 and generators.shape == (0, 100)


def test_refinement_does_not_depend_on_the_order_of_vertices():
    rng = np.random.default_rng(2)
    A = on_torus(SHRIKHANDE)
    weights = edge_weights(A)
    plain = refine(weights, single_out(np.zeros(16, int), 3))
    shuffled = rng.permutation(16)
    place = int(np.flatnonzero(shuffled == 3)[0])
    moved = refine(weights[np.ix_(shuffled, shuffled)], single_out(np.zeros(16, int), place))
    assert moved.trace == plain.trace
    np.testing.assert_array_equal(moved.colours, plain.colours[shuffled])
    # equitable: vertices of one colour see as many of each other colour
    counts = np.stack([A @ (plain.colours == c) for c in range(plain.colours.max() + 1)], axis=1)
    for c in range(plain.colours.max() + 1):
        assert len(np.unique(counts[plain.colours == c], axis=0)) == 1
    rook = refine(edge_weights(on_torus(ROOK)), single_out(np.zeros(16, int), 3))
    assert rook.colours.max() == plain.colours.max() == 2  # strongly regular with one parameters


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (([[0, 1], [0, 0]],), r"symmetric: entry \(0, 1\) is 1, \(1, 0\) is 0"),
        ((np.zeros((2, 3)),), r"square matrix, got shape \(2, 3\)"),
        ((np.zeros((0, 0)),), r"square matrix, got shape \(0, 0\)"),
        ((np.zeros((2, 2)), [1]), r"shape \(2,\), one a vertex, got \(1,\)"),
        ((DODECAHEDRON, None, 3), "20 vertices were not found in the allowed number"),
    ],
)
def test_what_is_refused(arguments, words):
    with pytest.raises(ValueError, match=words):
        graph_automorphisms(*arguments)
