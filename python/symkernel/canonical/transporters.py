"""Batches of group elements, one per sample: what carries samples to their representatives."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symkernel.groups.elements import Element, OrthogonalMatrix, SignedPermutation
from symkernel.groups.motion import Motion

__all__ = [
    "ComposedTransporters",
    "MotionTransporters",
    "PermutationTransporters",
    "Transporters",
]


class Transporters(ABC):
    """One group element per sample, as a sequence of elements.

    ``transporters[i]`` is the element of sample i, and ``apply(X)`` acts with each element on its
    own row of X.
    """

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def __getitem__(self, i: int) -> Element: ...

    def __iter__(self) -> Iterator[Element]:
        return (self[i] for i in range(len(self)))

    @abstractmethod
    def apply(self, X: NDArray[Any]) -> NDArray[Any]:
        """Act with element i on row i of X, of shape (n, d)."""


@dataclass(frozen=True, eq=False)
class PermutationTransporters(Transporters):
    """Signed permutations: (g_i . x)[j] = signs[i, j] * x[indices[i, j]].

    Parameters
    ----------
    indices : ndarray of shape (n, d)
        Integers.
    signs : ndarray of int8 of shape (n, d), optional
        +1 or -1; None where no element changes a sign.
    """

    indices: NDArray[np.integer[Any]]
    signs: NDArray[np.int8] | None = None

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, i: int) -> SignedPermutation:
        row = self.indices[i].astype(np.int64)
        return SignedPermutation._trusted(row, None if self.signs is None else self.signs[i])

    def apply(self, X: NDArray[Any]) -> NDArray[Any]:
        """Act with element i on row i of X, of shape (n, d)."""
        moved = np.take_along_axis(X, self.indices.astype(np.intp, copy=False), axis=1)
        return moved if self.signs is None else moved * self.signs.astype(X.dtype)


@dataclass(frozen=True, eq=False)
class MotionTransporters(Transporters):
    """Orthogonal matrices, then shifts: g_i . x = matrices[i] x + shifts[i].

    Parameters
    ----------
    matrices : ndarray of shape (n, d, d), optional
        None where every element is a shift.
    shifts : ndarray of shape (n, d), optional
        None where every element is linear.
    """

    matrices: NDArray[Any] | None
    shifts: NDArray[Any] | None = None

    def __len__(self) -> int:
        values = self.shifts if self.matrices is None else self.matrices
        assert values is not None
        return len(values)

    def __getitem__(self, i: int) -> Element:
        matrix = None if self.matrices is None else self.matrices[i].astype(np.float64)
        if self.shifts is None:
            assert matrix is not None
            return OrthogonalMatrix._trusted(matrix)
        return Motion._trusted(matrix, self.shifts[i].astype(np.float64))

    def apply(self, X: NDArray[Any]) -> NDArray[Any]:
        """Act with element i on row i of X, of shape (n, d)."""
        moved = X
        if self.matrices is not None:
            moved = np.einsum("nij,nj->ni", self.matrices.astype(X.dtype, copy=False), X)
        return moved if self.shifts is None else moved + self.shifts.astype(X.dtype, copy=False)


@dataclass(frozen=True, eq=False)
class ComposedTransporters(Transporters):
    """Products of elements: those of ``parts[0]`` act first.

    Parameters
    ----------
    parts : sequence of Transporters
        At least one, all of one length.
    """

    parts: Sequence[Transporters]

    def __len__(self) -> int:
        return len(self.parts[0])

    def __getitem__(self, i: int) -> Element:
        product = self.parts[0][i]
        for part in self.parts[1:]:
            product = part[i] @ product
        return product

    def apply(self, X: NDArray[Any]) -> NDArray[Any]:
        """Act with element i on row i of X, of shape (n, d)."""
        for part in self.parts:
            X = part.apply(X)
        return X
