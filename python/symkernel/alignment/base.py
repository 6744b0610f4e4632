"""Define what every route to the nearest point of an orbit offers, and what it returns."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symkernel.canonical.transporters import Transporters

__all__ = ["Array", "Pairs", "Route", "row_norms"]

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Pairs:
    """Rows aligned with rows.

    Parameters
    ----------
    squares : ndarray of shape (n,)
        |x_i - g_i y_i|^2.
    element : Transporters
        The g_i.
    lower : ndarray of shape (n,)
        No element leaves less than this square: equal to ``squares`` where they are least.
    """

    squares: Array
    element: Transporters
    lower: Array


class Route(ABC):
    """One way to min over g of |x - g y|.

    Attributes
    ----------
    name : str
        Name by which the route can be asked for.
    exact : bool
        Whether it always finds the least distance, up to rounding.
    steps : tuple of str
        What is done, in order, in words.
    """

    name: str
    exact: bool = True
    steps: tuple[str, ...]

    @abstractmethod
    def squares(self, X: Array, Y: Array | None, n_jobs: int | None = None) -> Array:
        """Squared distances of all pairs, (n, m); ``Y=None`` means X."""

    @abstractmethod
    def pairs(self, X: Array, Y: Array, n_jobs: int | None = None) -> Pairs:
        """Row i of X aligned with row i of Y."""

    def largest_gap(self) -> float:
        """Largest distance between upper and lower bounds in the last call of ``squares``."""
        return 0.0


def row_norms(X: Array) -> Array:
    """Euclidean norms of rows, (n,)."""
    norms: Array = np.linalg.norm(X, axis=1)
    return norms
