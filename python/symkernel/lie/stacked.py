"""Stack the matrices of Lie derivatives of several targets that share a dictionary."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from symkernel.lie.penalty import PenaltyOperator

Array = NDArray[Any]


class MatrixMap(Protocol):
    """A linear map from weights to matrices, as solvers use it."""

    @property
    def weights_shape(self) -> tuple[int, ...]:
        """Shape of the weights."""

    @property
    def gram(self) -> Array:
        """What ``adjoint(apply(weights))`` multiplies weights by, of shape (p, p)."""

    def apply(self, weights: Array) -> Array:
        """Return the matrix of some weights."""

    def adjoint(self, matrix: Array) -> Array:
        """Return the inner products of a matrix with the matrix of every weight."""

    def adjoint_of_product(self, left: Array, right: Array) -> Array:
        """Return ``adjoint(left @ right)``."""


class StackedOperator:
    r"""The same map for each of t targets, its matrices one below the other.

    A direction of the algebra is kept if all targets keep it: the rank of the stacked matrix counts
    what any of them breaks.

    Parameters
    ----------
    single : PenaltyOperator
        The map of one target, from p weights to matrices of shape (rows, q).
    count : int
        Number t of targets.

    Examples
    --------
    >>> import numpy as np
    >>> from symkernel.lie.penalty import PenaltyOperator
    >>> from symkernel.lie.stacked import StackedOperator
    >>> single = PenaltyOperator.from_array(np.eye(2)[None])
    >>> StackedOperator(single, 3).apply(np.ones((2, 3))).shape
    (3, 2)
    """

    def __init__(self, single: PenaltyOperator, count: int) -> None:
        self.single = single
        self.count = count

    @property
    def weights_shape(self) -> tuple[int, ...]:
        """Shape (p, t) of the weights."""
        return (self.single.n_weights, self.count)

    @property
    def gram(self) -> Array:
        """Inner products of the matrices of one target, of shape (p, p): all have the same."""
        return self.single.gram

    def apply(self, weights: Array) -> Array:
        """Return the matrix of some weights.

        Parameters
        ----------
        weights : ndarray of shape (p, t)

        Returns
        -------
        ndarray of shape (t rows, q)
        """
        return np.concatenate([self.single.apply(w) for w in weights.T])

    def adjoint(self, matrix: Array) -> Array:
        """Return the inner products of a matrix with the matrix of every weight.

        Parameters
        ----------
        matrix : ndarray of shape (t rows, q)

        Returns
        -------
        ndarray of shape (p, t)
        """
        return np.stack([self.single.adjoint(part) for part in self._parts(matrix)], axis=1)

    def adjoint_of_product(self, left: Array, right: Array) -> Array:
        """Return ``adjoint(left @ right)``, at the cost of its rank.

        Parameters
        ----------
        left : ndarray of shape (t rows, rank)
        right : ndarray of shape (rank, q)

        Returns
        -------
        ndarray of shape (p, t)
        """
        parts = [self.single.adjoint_of_product(part, right) for part in self._parts(left)]
        return np.stack(parts, axis=1)

    def _parts(self, matrix: Array) -> Array:
        return matrix.reshape(self.count, self.single.shape[0], matrix.shape[1])
