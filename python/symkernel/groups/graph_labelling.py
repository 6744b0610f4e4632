"""List the vertices of a coloured graph in an order that depends on the graph alone."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from symkernel.groups.graph_automorphisms import (
    AutomorphismSearch,
    Integers,
    largest_colour,
    orbits_of,
    single_out,
)

__all__ = ["canonical_colours"]

# Random elements of a stabiliser beyond the number of generators at hand.
_MORE = 8


class _Node(NamedTuple):
    """Vertices singled out: the colours after that, and automorphisms that fix each of them."""

    colours: Integers
    fixing: Integers
    on_base: bool


def canonical_colours(search: AutomorphismSearch) -> Integers:
    """Return an own colour for every vertex, the same one all over an isomorphism class.

    Parameters
    ----------
    search : AutomorphismSearch
        Of the graph: its automorphisms are known, and cut branches off.

    Returns
    -------
    ndarray of int of shape (n,)
        A permutation q of 0..n-1: for isomorphic graphs ``matrix[p][:, p]`` is the same matrix,
        where p is the inverse of q. Vertices of smaller colours come first.

    Raises
    ------
    ValueError
        If the search takes more refinements than it is allowed.

    Notes
    -----
    A tree: from colours, every vertex of the largest colour is singled out in turn, with refinement
    after each. Level by level those of the least trace are kept, of vertices that automorphisms
    which fix all earlier ones exchange only one (McKay and Piperno, J. Symb. Comput. 60, 2014); of
    the leaves that remain, the one with the least matrix. Without automorphisms to help, up to n
    refinements for each vertex that has to be singled out; vertices that are all alike take one.

    Automorphisms that fix a vertex are those of the search along its base, and elsewhere random
    ones (Schreier's lemma): too few of them cost time, and change nothing.
    """
    rng = np.random.default_rng(0)
    nodes = [_Node(search.path[0].colours, search.generators, True)]
    level = 0
    n = len(search.matrix)
    while all(node.colours.max() + 1 < n for node in nodes):
        kept: list[tuple[Integers, _Node, int]] = []
        least = None
        for node in nodes:
            for vertex in _choices(search, level, node):
                if node.on_base:
                    refined = search.singled(level, vertex)
                else:
                    refined = search.refined(single_out(node.colours, vertex))
                if least is None or refined.trace < least:
                    least = refined.trace
                    kept.clear()
                if refined.trace == least:
                    kept.append((refined.colours, node, vertex))
        nodes = [
            _child(search, level, node, vertex, colours, rng) for colours, node, vertex in kept
        ]
        level += 1
    leaves = [node.colours for node in nodes if node.colours.max() + 1 == n]
    if len(leaves) == 1:
        return leaves[0]
    return min(leaves, key=lambda colours: _certificate(search.matrix, colours))


def _choices(search: AutomorphismSearch, level: int, node: _Node) -> list[int]:
    """Return one vertex of the largest colour for each orbit."""
    cell = largest_colour(node.colours)
    if node.on_base:  # its vertex is the least of its orbit, and so among them
        return list(dict.fromkeys(search.orbits[level][cell].tolist()))
    return list(dict.fromkeys(orbits_of(node.fixing, len(node.colours))[cell].tolist()))


def _child(
    search: AutomorphismSearch,
    level: int,
    node: _Node,
    vertex: int,
    colours: Integers,
    rng: np.random.Generator,
) -> _Node:
    if node.on_base and vertex == search.base[level]:
        return _Node(colours, search.generators[search.levels > level], True)
    return _Node(colours, _fixing(node.fixing, vertex, rng), False)


def _fixing(generators: Integers, vertex: int, rng: np.random.Generator) -> Integers:
    """Return elements of a group, by generators (k, n), that fix a vertex; most likely enough."""
    own = generators[:, vertex] == vertex
    if own.all():
        return generators
    # For each vertex of the orbit, an element that takes ``vertex`` there.
    n = generators.shape[1]
    reached = {vertex: np.arange(n)}
    waiting = [vertex]
    for place in waiting:
        for g in generators:
            image = int(g[place])
            if image not in reached:
                reached[image] = g[reached[place]]
                waiting.append(image)
    found = list(generators[own])
    mixed = np.concatenate([generators, np.arange(n)[None]])
    for k in range(len(generators) + _MORE + len(mixed)):
        i, j = rng.integers(len(mixed), size=2)
        if i != j:
            mixed[i] = mixed[i][mixed[j]]
        if k < len(mixed):  # stirred before anything is taken
            continue
        drawn = mixed[i]
        back = np.empty(n, np.int64)
        back[reached[int(drawn[vertex])]] = np.arange(n)
        found.append(back[drawn])
    return np.unique(np.array(found), axis=0)


def _certificate(matrix: Integers, colours: Integers) -> bytes:
    order = np.argsort(colours)
    return np.ascontiguousarray(matrix[order[:, None], order]).astype(">i8").tobytes()
