"""Make the groups of graphs: permutations of nodes, of rows and columns of a matrix at once."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symkernel.backends.element_tables import ActionTable, SignedPermutationTable
from symkernel.groups.elements import Element, SignedPermutation
from symkernel.groups.lifted import Lifted
from symkernel.groups.named import Symmetric
from symkernel.groups.role import Kind, Role
from symkernel.groups.young import Young
from symkernel.validation import as_count

__all__ = ["Graph"]

# Asymmetry that counts as rounding, relative to the largest entry, by bytes of a number.
_ROUNDING = {4: 1e-5, 8: 1e-8}


class Graph(Lifted):
    """All orders in which the nodes of a graph may be listed.

    Samples are matrices (n, n + features): first the adjacency matrix, weighted or not, then
    numbers of every node. A permutation of the nodes moves rows and columns of the adjacency
    matrix at once, and the rows of the features.

    Parameters
    ----------
    n : int
        Number of nodes, at least 1.
    labels : iterable of hashable, optional
        Label of every node, n of them; only nodes of one label are permuted. By default all are.
    features : int, default=0
        Numbers of every node, in columns behind the adjacency matrix.
    directed : bool, default=True
        False claims that adjacency matrices are symmetric: kernels, canonical forms and alignments
        then refuse samples that are not, beyond rounding. What the group does is the same.

    Raises
    ------
    TypeError, ValueError
        If ``n`` or ``features`` is no count, or there are not n labels.

    Notes
    -----
    The same maps as ``Symmetric(n).along_each((0, 1), (n, n))`` without features, and those of
    ``Young(labels)`` with labels. ``Graph(n).along((0, 1), (n, n, c))`` acts on graphs with c
    numbers for every edge. Stabilisers are the automorphisms of the sample, found by refinement.

    Examples
    --------
    >>> import numpy as np
    >>> from symkernel.groups import Graph
    >>> G = Graph(4)
    >>> G.shape, G.order
    ((4, 4), 24)
    >>> ring = np.array([[0, 1, 0, 1], [1, 0, 1, 0], [0, 1, 0, 1], [1, 0, 1, 0]])
    >>> G.stabilizer(ring).order
    8
    >>> Graph(4, labels="CCOO").stabilizer(ring).order
    2
    >>> Graph(3, features=2).shape
    (3, 5)
    """

    def __init__(
        self,
        n: int,
        labels: Iterable[Hashable] | None = None,
        features: int = 0,
        directed: bool = True,
    ) -> None:
        self._n = as_count(n, "n")
        self._features = as_count(features, "features", 0)
        if not isinstance(directed, (bool, np.bool_)):
            raise TypeError(f"directed must be True or False, got {directed!r}")
        self._directed = bool(directed)
        nodes = Symmetric(self._n) if labels is None else Young(labels)
        if nodes.degree != self._n:
            raise ValueError(
                f"labels must name {self._n} nodes, one label each, got {nodes.degree}"
            )
        self._labels = nodes.labels if isinstance(nodes, Young) else None
        super().__init__(nodes)

    @property
    def degree(self) -> int:
        """Number of features of a sample, n (n + features)."""
        return self._n * (self._n + self._features)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one sample, (n, n + features)."""
        return (self._n, self._n + self._features)

    @property
    def labels(self) -> tuple[Hashable, ...] | None:
        """Label of every node, or None."""
        return self._labels

    @property
    def directed(self) -> bool:
        """Whether adjacency matrices may be asymmetric."""
        return self._directed

    @property
    def role(self) -> Role:
        """Permutes the nodes of a graph."""
        return Role(Kind.GRAPH, nodes=self._group.role.blocks)

    def check_rows(self, X: NDArray[Any], name: str = "X") -> None:
        """Raise ValueError where adjacency matrices are claimed symmetric and are not.

        Parameters
        ----------
        X : ndarray of shape (m, degree)
            Finite samples, of NumPy or CuPy.
        name : str, default="X"
            Of the argument, for the message.

        Examples
        --------
        >>> import numpy as np
        >>> Graph(2, directed=False).check_rows(np.array([[0.0, 1.0, 2.0, 0.0]]))
        Traceback (most recent call last):
            ...
        ValueError: X[0] is no symmetric adjacency matrix: entry (0, 1) is 1.0 and (1, 0) is 2.0; \
Graph(2, directed=False) claims symmetry, directed=True takes any
        """
        if not (self._claims and len(X)):
            return
        A = X.reshape(len(X), *self.shape)[:, :, : self._n]
        apart = abs(A - A.swapaxes(1, 2))
        wrong = apart.max(axis=(1, 2)) > _ROUNDING[X.dtype.itemsize] * abs(A).max(axis=(1, 2))
        if not wrong.any():
            return
        k = int(wrong.argmax())
        i, j = divmod(int(apart[k].argmax()), self._n)
        raise ValueError(
            f"{name}[{k}] is no symmetric adjacency matrix: entry ({i}, {j}) is {A[k, i, j]} and "
            f"({j}, {i}) is {A[k, j, i]}; {self!r} claims symmetry, directed=True takes any"
        )

    @property
    def _claims(self) -> bool:
        return not self._directed

    def _lift(self, element: Element) -> Element:
        assert isinstance(element, SignedPermutation)
        return SignedPermutation._trusted(self._gathered(element.indices[None])[0])

    # Of permutations of nodes (m, n), what they do to samples, (m, n (n + f)).
    def _gathered(self, nodes: NDArray[Any]) -> NDArray[np.int64]:
        width = self._n + self._features
        behind = np.broadcast_to(np.arange(self._n, width), (len(nodes), self._features))
        columns = np.concatenate([nodes, behind], axis=1)
        places: NDArray[np.int64] = nodes[:, :, None].astype(np.int64) * width + columns[:, None]
        return places.reshape(len(nodes), self.degree)

    def _lift_table(self, table: ActionTable) -> ActionTable:
        assert isinstance(table, SignedPermutationTable)
        return SignedPermutationTable(self._gathered(table.indices).astype(np.int32), None)

    def _restrict(self, element: Element) -> Element | None:
        assert isinstance(element, SignedPermutation)
        nodes = element.indices.reshape(self.shape)[:, 0] // self.shape[1]
        if (np.bincount(nodes, minlength=self._n) != 1).any():
            return None
        inner = SignedPermutation._trusted(nodes)
        return inner if self._lift(inner) == element else None

    def _arguments(self) -> tuple[Any, ...]:
        return (self._n, self._labels, self._features, self._directed)

    def __repr__(self) -> str:
        words = [str(self._n)]
        if self._labels is not None:
            words.append(f"labels={self._labels!r}")
        if self._features:
            words.append(f"features={self._features}")
        if not self._directed:
            words.append("directed=False")
        return f"Graph({', '.join(words)})"
