"""Hold all elements of a group as arrays, for the native core."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "ActionTable",
    "MatrixTable",
    "PointTable",
    "SignedPermutationTable",
]


@dataclass(frozen=True, eq=False)
class SignedPermutationTable:
    """Elements (g.x)[i] = signs[g, i] * x[indices[g, i]], identity first.

    Attributes
    ----------
    indices : int32, shape (G, d)
    signs : int8, shape (G, d), or None when all are +1
    """

    indices: NDArray[np.int32]
    signs: NDArray[np.int8] | None

    def __len__(self) -> int:
        return len(self.indices)

    def as_matrices(self) -> NDArray[np.float64]:
        """Return the elements as dense matrices, (G, d, d)."""
        count, d = self.indices.shape
        out = np.zeros((count, d, d))
        values = 1.0 if self.signs is None else self.signs[:, :, None].astype(np.float64)
        np.put_along_axis(out, self.indices[:, :, None].astype(np.int64), values, axis=2)
        return out

    def part(self, start: int, stop: int) -> SignedPermutationTable:
        """Return some of the elements."""
        signs = None if self.signs is None else self.signs[start:stop]
        return SignedPermutationTable(self.indices[start:stop], signs)

    def moved(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return every g.x of the rows of X (n, d), as (G, n, d)."""
        moved = np.take(X, self.indices, axis=1).transpose(1, 0, 2)
        return np.ascontiguousarray(moved if self.signs is None else moved * self.signs[:, None])

    def moved_back(self, Z: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the sum over g of the inverse of g applied to Z[g], (n, d) of Z (G, n, d)."""
        signed = Z if self.signs is None else Z * self.signs[:, None]
        inverse = np.argsort(self.indices, axis=1)[:, None]
        total: NDArray[np.float64] = np.take_along_axis(signed, inverse, axis=2).sum(axis=0)
        return total


@dataclass(frozen=True, eq=False)
class MatrixTable:
    """Elements g.x = matrices[g] @ x, identity first.

    Attributes
    ----------
    matrices : float64, shape (G, d, d)
    """

    matrices: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.matrices)

    def part(self, start: int, stop: int) -> MatrixTable:
        """Return some of the elements."""
        return MatrixTable(self.matrices[start:stop])

    def moved(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return every g.x of the rows of X (n, d), as (G, n, d)."""
        moved: NDArray[np.float64] = X @ self.matrices.transpose(0, 2, 1)
        return moved

    def moved_back(self, Z: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the sum over g of the inverse of g applied to Z[g], (n, d) of Z (G, n, d)."""
        total: NDArray[np.float64] = (Z @ self.matrices).sum(axis=0)
        return total


ActionTable: TypeAlias = SignedPermutationTable | MatrixTable


@dataclass(frozen=True)
class PointSizes:
    """Sizes of a PointTable.

    Attributes
    ----------
    rows, points, matrices, coordinates : int
        S, p, H and r.
    signed : bool
        Whether the matrices are signed permutations.
    """

    rows: int
    points: int
    matrices: int
    coordinates: int
    signed: bool


@dataclass(frozen=True, eq=False)
class PointTable:
    """G = S x H acting on y = x[layout].reshape(p, r), p points of r coordinates.

        (g.y)[i, a] = sum_b matrices[h, a, b] y[rows[s, i], b].

    Attributes
    ----------
    rows : int32, shape (S, p)
        Permutations of the points, identity first; S >= 1.
    matrices : float64, shape (H, r, r)
        Orthogonal matrices on the coordinates, identity first.
    layout : int64, shape (d,), or None for the identity
        Where the points lie in x.
    """

    rows: NDArray[np.int32]
    matrices: NDArray[np.float64]
    layout: NDArray[np.int64] | None

    def __len__(self) -> int:
        return len(self.rows) * len(self.matrices)


def table_matrices(table: ActionTable) -> NDArray[np.float64]:
    """Return the elements of any table as dense matrices, (G, d, d)."""
    if isinstance(table, SignedPermutationTable):
        return table.as_matrices()
    return table.matrices
