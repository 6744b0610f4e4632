"""Find the automorphisms of coloured graphs: generators and the order, never a list of all."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from symkernel.groups._checks import read_only

__all__ = [
    "AutomorphismSearch",
    "Refinement",
    "coloured_graph",
    "edge_weights",
    "graph_automorphisms",
    "graph_symmetries",
    "largest_colour",
    "orbits_of",
    "refine",
    "single_out",
]

#: Most refinements of one search.
REFINEMENT_LIMIT = 20_000

Integers = NDArray[np.int64]

# Below 2^63: codes of pairs stay integers.
_LARGEST = 2**62


class Refinement(NamedTuple):
    """Colours (n,) under which a graph is equitable, and a number that isomorphic ones share."""

    colours: Integers
    trace: int


def graph_automorphisms(
    adjacency: ArrayLike, colours: ArrayLike | None = None, limit: int = REFINEMENT_LIMIT
) -> tuple[Integers, int]:
    """Return generators of the automorphism group of a graph, and its order.

    Parameters
    ----------
    adjacency : array-like of int of shape (n, n)
        Symmetric. Equal entries are edges of one kind, 0 is no edge; the diagonal holds loops.
    colours : array-like of shape (n,), optional
        Kind of every vertex; all of one kind by default.
    limit : int, default=20000
        Most refinements of the search.

    Returns
    -------
    generators : ndarray of int of shape (k, n)
        Permutations p with adjacency[p[i], p[j]] = adjacency[i, j] and colours[p[i]] = colours[i]:
        fewer than n, a strong generating set of the base of the search. Exchanges that leave most
        vertices where they are come before others.
    order : int
        Exact.

    Raises
    ------
    ValueError
        If the matrix is not symmetric, shapes differ, or the search takes too many steps, as on
        regular graphs that were built to look alike.

    Notes
    -----
    Colours are refined until vertices of one colour see equally many of each other one
    (Weisfeiler and Leman 1968). One vertex after another is then singled out, b_1, b_2, ..., with
    refinement after each, until all colours differ. From the last to the first, a search looks for
    one automorphism that fixes b_1, ..., b_(i-1) and takes b_i to another vertex of its colour,
    once per orbit of those found so far; the order is the product of the orbits' lengths (McKay
    and Piperno, J. Symb. Comput. 60, 2014). Vertices that are not singled out yet are guessed to
    stay where they are, or to close a cycle. On forests no step is in vain. Each refinement takes
    O(n^2) per round.

    Examples
    --------
    >>> ring = np.roll(np.eye(6, dtype=int), 1, axis=0)
    >>> generators, order = graph_automorphisms(ring + ring.T)
    >>> order
    12
    """
    matrix, kinds = _checked(adjacency, colours)
    search = AutomorphismSearch(matrix, kinds, limit)
    return search.generators, search.order


def graph_symmetries(edges: Integers, nodes: Integers, kinds: Integers) -> tuple[Integers, int]:
    """Return generators and the order of what keeps a graph with numbers on its vertices.

    Parameters
    ----------
    edges : ndarray of int of shape (n, n)
        Of any two vertices, both ways.
    nodes : ndarray of int of shape (n, m)
        Numbers of every vertex.
    kinds : ndarray of int of shape (n,)
        Vertices of one kind are exchanged.
    """
    told = np.concatenate([kinds[:, None], nodes], axis=1)
    search = AutomorphismSearch(*coloured_graph(edges[:, :, None], told))
    return search.generators, search.order


def coloured_graph(edges: Integers, nodes: Integers) -> tuple[Integers, Integers]:
    """Return a graph as one matrix (n, n) and colours (n,), both with the same symmetries as given.

    Parameters
    ----------
    edges : ndarray of int of shape (n, n, c)
        Not negative. The diagonal goes into the colours of the vertices as well.
    nodes : ndarray of int of shape (n, m)

    Returns
    -------
    matrix : ndarray of int of shape (n, n)
        Entry (i, j) tells the edges from i to j and from j to i: its rows see both directions.
    colours : ndarray of int of shape (n,)
        Of both, order depends on the order of what was given, never on places.
    """
    n = len(edges)
    matrix = np.zeros((n, n), np.int64)
    for c in range(edges.shape[2]):
        matrix = _beside(matrix, edges[:, :, c])
    if not np.array_equal(matrix, matrix.T):
        matrix = _beside(matrix, matrix.T)
    told = np.concatenate([nodes, matrix.diagonal()[:, None]], axis=1)
    colours = np.zeros(n, np.int64)
    for column in told.T:
        colours = _beside(colours, column)
    return matrix, np.unique(colours, return_inverse=True)[1]


# Pairs of numbers that are not negative as such numbers again, in lexicographic order.
def _beside(first: Integers, second: Integers) -> Integers:
    if not first.any():
        return second
    width = int(second.max()) + 1
    if int(first.max()) >= _LARGEST // width:
        first, second = (
            np.unique(part, return_inverse=True)[1].reshape(part.shape) for part in (first, second)
        )
        width = int(second.max()) + 1
    return first * width + second


def refine(weights: NDArray[np.uint64], colours: Integers) -> Refinement:
    """Split colours until vertices of one colour have like neighbours of every colour.

    Parameters
    ----------
    weights : ndarray of uint64 of shape (n, n)
        A random odd number for every kind of edge, 0 for none: see ``edge_weights``.
    colours : ndarray of int of shape (n,)
        Any integers; their order is kept.

    Notes
    -----
    Multisets of neighbours are told apart by sums of products of 64-bit random numbers, the same
    ones in every process. Two multisets with one sum would only leave a colour undivided.
    """
    mixing = _random(len(colours) + 1)
    _, colours = np.unique(colours, return_inverse=True)
    count = int(colours.max()) + 1
    trace = np.uint64(0)
    while True:
        seen = weights @ mixing[colours]
        order = np.lexsort((seen, colours))
        ordered, values = colours[order], seen[order]
        new = np.zeros(len(order), np.int64)
        np.cumsum((ordered[1:] != ordered[:-1]) | (values[1:] != values[:-1]), out=new[1:])
        trace = (np.array([trace]) * mixing[-1])[0] ^ (values * mixing[new]).sum()
        colours = np.empty_like(new)
        colours[order] = new
        if new[-1] + 1 == count:
            return Refinement(colours, int(trace))
        count = int(new[-1]) + 1


def single_out(colours: Integers, vertex: int) -> Integers:
    """Return colours in which one vertex has its own, just before those that shared it."""
    apart = 2 * colours
    apart[vertex] -= 1
    return apart


def largest_colour(colours: Integers) -> Integers:
    """Return the vertices of the largest colour, the first of several."""
    return np.flatnonzero(colours == np.bincount(colours).argmax())


def edge_weights(matrix: Integers) -> NDArray[np.uint64]:
    """Return a random odd number for every value of a matrix but 0, which stays."""
    if matrix.min() >= 0 and matrix.max() < 4 * matrix.size:  # told apart by counting, not sorting
        values = np.flatnonzero(np.bincount(matrix.reshape(-1)))
        numbers = np.zeros(values[-1] + 1, np.int64)
        numbers[values] = np.arange(len(values))
        places = numbers[matrix]
    else:
        values, places = np.unique(matrix, return_inverse=True)
    weights = _random(len(values), seed=1).copy()
    weights[values == 0] = 0
    return weights[places.reshape(matrix.shape)]


def orbits_of(generators: ArrayLike, n: int) -> Integers:
    """Return the orbit of each of n points under rows (k, n), named by its least one, (n,)."""
    return _joined(np.arange(n), np.asarray(generators, np.int64).reshape(-1, n))


@lru_cache
def _random(size: int, seed: int = 0) -> NDArray[np.uint64]:
    drawn = np.random.default_rng(seed).integers(2**64, size=size, dtype=np.uint64)
    return read_only(drawn | np.uint64(1))


def _checked(adjacency: ArrayLike, colours: ArrayLike | None) -> tuple[Integers, Integers]:
    matrix = np.asarray(adjacency)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or not matrix.size:
        raise ValueError(f"adjacency must be a square matrix, got shape {matrix.shape}")
    if not np.array_equal(matrix, matrix.T):
        i, j = np.argwhere(matrix != matrix.T)[0]
        raise ValueError(
            f"adjacency must be symmetric: entry ({i}, {j}) is {matrix[i, j]}, ({j}, {i}) is "
            f"{matrix[j, i]}"
        )
    given = np.zeros(len(matrix), np.int64) if colours is None else np.asarray(colours)
    if given.shape != (len(matrix),):
        raise ValueError(
            f"colours must have shape ({len(matrix)},), one a vertex, got {given.shape}"
        )
    return matrix.astype(np.int64), np.unique(given, return_inverse=True)[1].astype(np.int64)


class AutomorphismSearch:
    """Search a graph for its automorphisms: see ``graph_automorphisms``.

    Parameters
    ----------
    matrix : ndarray of int of shape (n, n)
        Rows tell edges in both directions, as those of symmetric matrices do.
    kinds : ndarray of int of shape (n,)
        Colours, from 0.
    limit : int
        Most refinements.

    Attributes
    ----------
    path : list of Refinement
        Colours before the first vertex of the base is singled out, and after each.
    base : list of int
        Vertices singled out. Each is of the largest colour: few levels, and vertices in general
        position, where those of a small colour may lie on one line of a geometry and tell nothing
        of the rest.
    generators : ndarray of int of shape (k, n)
    levels : ndarray of int of shape (k,)
        How many vertices of the base every generator fixes at least; descending.
    orbits : list of ndarray of int of shape (n,)
        For every level the orbits of what fixes as many vertices of the base, by least vertices.
    order : int
    """

    def __init__(self, matrix: Integers, kinds: Integers, limit: int = REFINEMENT_LIMIT) -> None:
        self.matrix = matrix
        self._kinds = kinds
        self._weights = edge_weights(matrix)
        self._left = limit
        self._known: dict[tuple[int, int], Refinement] = {}
        self.path = [self.refined(kinds)]
        self.base: list[int] = []
        while (colours := self.path[-1].colours).max() + 1 < len(colours):
            self.base.append(int(largest_colour(colours)[0]))
            self.path.append(self.refined(single_out(colours, self.base[-1])))
        self._run()

    def _run(self) -> None:
        n = len(self.matrix)
        found: list[Integers] = []
        levels: list[int] = []
        self.orbits: list[Integers] = []
        orbits = np.arange(n)  # the least vertex of each
        order = 1
        for level in reversed(range(len(self.base))):
            start = self.base[level]
            colours = self.path[level].colours
            cell = np.flatnonzero(colours == colours[start])
            failed: list[int] = []
            for vertex in cell.tolist():
                if orbits[vertex] in orbits[[start, *failed]]:
                    continue
                image = self._taking(level, vertex)
                if image is None:
                    failed.append(vertex)
                else:
                    found.append(image)
                    levels.append(level)
                    orbits = _joined(orbits, image)
            order *= int((orbits[cell] == orbits[start]).sum())
            self.orbits.insert(0, orbits)
        self.generators = np.array(found, np.int64).reshape(-1, n)
        self.levels = np.array(levels, np.int64)
        self.order = order

    def singled(self, level: int, vertex: int) -> Refinement:
        """Return the colours of the path at a level once a vertex is singled out; kept."""
        key = (level, vertex)
        if key not in self._known:
            colours = self.path[level].colours
            self._known[key] = (
                self.path[level + 1]
                if vertex == self.base[level]
                else self.refined(single_out(colours, vertex))
            )
        return self._known[key]

    def refined(self, colours: Integers) -> Refinement:
        """Return refined colours; ValueError after too many."""
        self._left -= 1
        if self._left < 0:
            raise ValueError(
                f"the automorphisms of this graph of {len(self.matrix)} vertices were not found "
                "in the allowed number of refinements; tell its vertices apart by colours or labels"
            )
        return refine(self._weights, colours)

    # An automorphism that fixes the base before a level and takes its vertex there to another one.
    def _taking(self, level: int, vertex: int) -> Integers | None:
        stack: list[tuple[int, Integers, Iterator[int]]] = [
            (level, self.path[level].colours, iter((vertex,)))
        ]
        while stack:
            level, colours, choices = stack[-1]
            choice = next(choices, None)
            if choice is None:
                stack.pop()
                continue
            image = (
                self.singled(level, choice)
                if colours is self.path[level].colours
                else self.refined(single_out(colours, choice))
            )
            own = self.path[level + 1]
            if image.trace != own.trace:
                continue
            guess = _closed(own.colours, image.colours)
            if self._is_automorphism(guess):
                return guess
            if level + 1 < len(self.base):
                following = self.base[level + 1]
                cell = np.flatnonzero(image.colours == own.colours[following]).tolist()
                cell.sort(key=lambda v: (v != guess[following], v != following))
                stack.append((level + 1, image.colours, iter(cell)))
        return None

    def _is_automorphism(self, image: Integers) -> bool:
        return np.array_equal(self._kinds[image], self._kinds) and np.array_equal(
            self.matrix[image[:, None], image], self.matrix
        )


def _closed(left: Integers, right: Integers) -> Integers:
    """Return the map between vertices whose colour is their own, its chains closed to cycles."""
    n = len(left)
    single = np.bincount(left, minlength=n) == 1
    from_left, from_right = np.empty(n, np.int64), np.empty(n, np.int64)
    from_left[left], from_right[right] = np.arange(n), np.arange(n)
    image, before = np.full(n, -1), np.full(n, -1)
    image[from_left[single]] = from_right[single]
    before[from_right[single]] = from_left[single]
    steps = before.tolist()
    for vertex in np.flatnonzero(image < 0).tolist():
        first = vertex
        while steps[first] >= 0:
            first = steps[first]
        image[vertex] = first
    return image


def _joined(orbits: Integers, images: Integers) -> Integers:
    """Return the orbits after more generators (..., n), each named by its least vertex."""
    while True:
        # Along generators and to the representative of where they lead, until nothing changes.
        least = orbits.copy()
        here, there = np.broadcast_to(orbits, images.shape), orbits[images]
        np.minimum.at(least, here, there)
        np.minimum.at(least, there, here)
        least = least[orbits]
        if np.array_equal(least, orbits):
            return orbits
        orbits = least
