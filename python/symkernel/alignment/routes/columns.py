"""Align columns with columns, each group by itself."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from symkernel.alignment.base import Array, Pairs, Route
from symkernel.canonical.columns import joined_columns

__all__ = ["ColumnRoutes"]


class ColumnRoutes(Route):
    """The nearest point of the orbit of every part: squares of distances add up.

    |x - g y|^2 is a sum over blocks of columns, and every group acts in its own alone.

    Parameters
    ----------
    routes : sequence of (Route, ndarray of int)
        Route of every group, and its columns; together all columns.
    """

    name = "columns"

    def __init__(self, routes: Sequence[tuple[Route, Array]]) -> None:
        self._routes = tuple(routes)
        self.exact = all(route.exact for route, _ in routes)
        self.steps = tuple(
            f"columns {', '.join(map(str, at.tolist()))}: {step}"
            for route, at in routes
            for step in route.steps
        )

    def squares(self, X: Array, Y: Array | None, n_jobs: int | None = None) -> Array:
        """Squared distances of all pairs, (n, m); ``Y=None`` means X."""
        total = np.zeros((len(X), len(X if Y is None else Y)), X.dtype)
        for route, at in self._routes:
            other = None if Y is None else _taken(Y, at)
            total += route.squares(_taken(X, at), other, n_jobs)
        return total

    def pairs(self, X: Array, Y: Array, n_jobs: int | None = None) -> Pairs:
        """Row i of X aligned with row i of Y."""
        found = [route.pairs(_taken(X, at), _taken(Y, at), n_jobs) for route, at in self._routes]
        columns = [at for _, at in self._routes]
        return Pairs(
            np.sum([one.squares for one in found], axis=0),
            joined_columns([one.element for one in found], columns, X.shape[1]),
            np.sum([one.lower for one in found], axis=0),
        )

    def largest_gap(self) -> float:
        """Largest distance between upper and lower bounds in the last call of ``squares``."""
        return sum(route.largest_gap() for route, _ in self._routes)


def _taken(X: Array, at: Array) -> Array:
    return np.ascontiguousarray(X[:, at])
