"""Put the nodes of graphs in order: refinement, individualisation, automorphisms."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from symkernel.canonical.base import CanonicalForm, CanonicalForms
from symkernel.canonical.gaps import exchanged_features, tie_gap
from symkernel.canonical.points import PointLayout, factor_of, features_of
from symkernel.canonical.sorting import ROUNDINGS
from symkernel.groups import Group
from symkernel.groups.graph_automorphisms import (
    AutomorphismSearch,
    coloured_graph,
)
from symkernel.groups.graph_labelling import canonical_colours
from symkernel.groups.role import Kind

__all__ = ["GraphForm"]

#: Most refinements for one sample, a minute or so of 200 nodes.
SEARCH_LIMIT = 100_000


class _Labelling(NamedTuple):
    """Which node comes to every place, and the number of automorphisms."""

    nodes: NDArray[np.int64]
    order: int


class GraphForm(CanonicalForm):
    """One order of the nodes for every isomorphism class of graphs, weighted ones included.

    Two samples have one representative if and only if a permutation of the nodes takes one to the
    other, bit for bit: matrices may be symmetric or not, hold any numbers, and have numbers of the
    nodes beside them. -0.0 counts as 0.0.

    Parameters
    ----------
    group : Group
        ``Graph(n)``, or Symmetric or Young ``along_each`` of two axes; where that acts along two
        axes of a larger array, edges are told apart by all their numbers.

    Raises
    ------
    TypeError
        If ``group`` is no group.
    ValueError
        If it is another group.

    Notes
    -----
    Numbers count by their order among those that the group exchanges. Nodes are told apart by
    refinement; where that ends, they are singled out one after another, with branches cut by
    automorphisms (McKay and Piperno, J. Symb. Comput. 60, 2014). Samples whose numbers are ordered
    alike are searched once. A sample takes a few refinements of O(n^2) where numbers or degrees
    tell nodes apart, in trees and in random graphs, and up to n more where all nodes look alike and
    are not. There is no polynomial bound: ``canonicalize`` raises ValueError, naming the row, after
    100,000 refinements, which strongly regular graphs without symmetries take beyond 200 nodes.

    The stabiliser is counted exactly. The gap is the distance to the nearest sample in which two
    numbers tie that the group can exchange: 0 for graphs without weights, whose representatives
    are the same for all orders of the nodes, and jump when weights change.

    Examples
    --------
    >>> import numpy as np
    >>> from symkernel.canonical.graphs import GraphForm
    >>> from symkernel.groups import Graph
    >>> path = np.array([[0.0, 1, 0, 0], [1, 0, 1, 0], [0, 1, 0, 1], [0, 0, 1, 0]])
    >>> other = path[[2, 0, 3, 1]][:, [2, 0, 3, 1]]
    >>> found = GraphForm(Graph(4)).canonicalize(np.stack([path.ravel(), other.ravel()]))
    >>> bool((found.representative[0] == found.representative[1]).all())
    True
    >>> found.stabilizer_order
    array([2, 2], dtype=object)
    """

    exact = True

    def __init__(self, group: Group) -> None:
        names = "Graph, or Symmetric or Young along_each of two axes"
        factor = factor_of(group, "GraphForm", Kind.GRAPH, names)
        self.group = group
        self._blocks = tuple(np.array(block) for block in factor.group.role.nodes)
        self._n = n = sum(map(len, self._blocks))
        self._width = factor.group.degree // n
        self._kinds = np.empty(n, np.int64)
        for k, block in enumerate(self._blocks):
            self._kinds[block] = k
        self._layout = PointLayout.along(factor.axes, factor.shape)
        self._exchanged = exchanged_features(group)
        self.steps = ("order the nodes by refinement, individualisation and automorphisms",)

    def canonicalize(self, X: NDArray[Any], n_jobs: int | None = None) -> CanonicalForms:
        """Representatives of the rows of X, (n, d), float32 or float64 and finite.

        Parameters
        ----------
        X : ndarray of shape (n, d)
        n_jobs : int, default=None
            Taken as elsewhere; graphs are searched one after another.

        Raises
        ------
        ValueError
            If X does not fit or holds NaN or infinity, or a row takes too many steps.
        """
        rows = features_of(X, self.group.degree)
        if not np.isfinite(rows).all():
            raise ValueError("X must be finite, it contains NaN or infinity")
        rows = rows + rows.dtype.type(0)  # no -0.0
        ranks = self._ranks(rows)
        found: dict[bytes, _Labelling] = {}
        for k, pattern in enumerate(ranks):
            key = pattern.tobytes()
            if key not in found:
                found[key] = self._labelled(pattern, k)
        labellings = [found[pattern.tobytes()] for pattern in ranks]
        nodes = np.array([f.nodes for f in labellings], np.int64).reshape(-1, self._n)
        transporter = self._layout.transporters(self._moved(nodes), None)
        orders = np.array([f.order for f in labellings], object)
        gap = tie_gap(rows, self._exchanged)
        return CanonicalForms(
            transporter.apply(rows),
            transporter,
            orders,
            gap,
            gap <= ROUNDINGS * np.finfo(rows.dtype).eps,
        )

    def _ranks(self, X: NDArray[Any]) -> NDArray[np.int64]:
        """Return the rank of every number among those that the group can exchange with it."""
        ranks = np.zeros(X.shape, np.int64)
        for orbit in self._exchanged:
            values = X[:, orbit]
            order = np.argsort(values, axis=1, kind="stable")
            ordered = np.take_along_axis(values, order, axis=1)
            steps = np.zeros(values.shape, np.int64)
            np.cumsum(ordered[:, 1:] != ordered[:, :-1], axis=1, out=steps[:, 1:])
            own = np.empty_like(steps)
            np.put_along_axis(own, order, steps, axis=1)
            ranks[:, orbit] = own
        return self._layout.split(ranks)

    def _labelled(self, pattern: NDArray[np.int64], row: int) -> _Labelling:
        n = self._n
        arrays = pattern.reshape(n, self._width, -1)
        behind = arrays[:, n:].reshape(n, -1)
        matrix, colours = coloured_graph(
            arrays[:, :n], np.concatenate([self._kinds[:, None], behind], axis=1)
        )
        try:
            search = AutomorphismSearch(matrix, colours, SEARCH_LIMIT)
            own = canonical_colours(search)
        except ValueError as reason:
            raise ValueError(f"X[{row}] has no canonical form here: {reason}") from None
        nodes = np.empty(n, np.int64)
        for block in self._blocks:
            nodes[block] = block[np.argsort(own[block])]
        return _Labelling(nodes, search.order)

    def _moved(self, nodes: NDArray[np.int64]) -> NDArray[np.int32]:
        """Return which entry comes to every place of the matrices, (m, n (n + f))."""
        n, width = self._n, self._width
        behind = np.broadcast_to(np.arange(n, width), (len(nodes), width - n))
        columns = np.concatenate([nodes, behind], axis=1)
        places = nodes[:, :, None] * width + columns[:, None]
        moved: NDArray[np.int32] = places.reshape(len(nodes), n * width).astype(np.int32)
        return moved
