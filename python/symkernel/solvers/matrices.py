"""Multiply symmetric matrices that are stored, in full or one triangle, with columns."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from symkernel.backends.packed import diagonal, packed_shape

__all__ = ["FullMatrix", "PackedMatrix"]

Array = NDArray[Any]

# Numbers of a tile, which is read twice while it is in cache; rows of a corner that is copied.
_TILE = 2**16
_CORNER = 256


class FullMatrix:
    """A symmetric matrix with all its entries.

    Parameters
    ----------
    matrix : ndarray of shape (n, n)
    """

    def __init__(self, matrix: Array) -> None:
        self._matrix = matrix

    def __len__(self) -> int:
        return len(self._matrix)

    def matvec(self, V: Array) -> Array:
        """Return the product (n, k) with columns V (n, k), in the dtype of the matrix."""
        return np.asarray(self._matrix @ V.astype(self._matrix.dtype, copy=False))

    def diag(self) -> Array:
        """Return the diagonal, (n,)."""
        return self._matrix.diagonal().copy()

    def columns(self, chosen: NDArray[np.intp]) -> Array:
        """Return the columns of these numbers, (n, len(chosen))."""
        return self._matrix[:, chosen]

    def block(self, chosen: NDArray[np.intp]) -> Array:
        """Return the entries in rows and columns of these numbers, (len(chosen), len(chosen))."""
        return self._matrix[np.ix_(chosen, chosen)]


class PackedMatrix:
    """A symmetric matrix of which one triangle is stored, for products without the other.

    LAPACK's rectangular full packed format has no product of its own. Its rectangle is cut into
    tiles, each multiplied from both sides while it is in cache: the matrix is read once. Where the
    two triangles meet the diagonal, squares of 256 rows are copied out.

    Parameters
    ----------
    packed : ndarray of shape (n (n + 1) / 2,)
        As ``InvariantKernel.gram_packed`` returns it; it is kept, not copied.
    n : int
        Number of rows.

    Notes
    -----
    n^2 k multiply-adds a product; 256 n further numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from symkernel.backends.packed import pack
    >>> from symkernel.solvers.matrices import PackedMatrix
    >>> K = np.array([[2.0, 0.5, 0.1], [0.5, 3.0, 0.2], [0.1, 0.2, 4.0]])
    >>> PackedMatrix(pack(K), 3).matvec(np.ones((3, 1))).ravel().tolist()
    [2.6, 3.7, 4.3]
    """

    def __init__(self, packed: Array, n: int) -> None:
        stride, half = packed_shape(n)
        self._packed, self._n = packed, n
        even = 1 - n % 2
        # Column by column, as a view whose first axis runs along the columns of LAPACK.
        rectangle = packed.reshape(half, stride).T
        self._tiles: list[tuple[slice, slice, Array]] = []
        self._corners: list[tuple[slice, Array]] = []
        # The lower triangle of the first columns, and the rows below it.
        self._cut(rectangle[even : even + half], 0)
        self._rows(rectangle[even + half :], half, 0)
        # The triangle of the others lies above, transposed.
        corner = rectangle[: n - half, 1 - even :]
        self._cut(corner.T, half)

    def __len__(self) -> int:
        return self._n

    def _cut(self, triangle: Array, first: int) -> None:
        """Cut a lower triangle, whose upper half is not its own, into tiles and corners."""
        for start in range(0, len(triangle), _CORNER):
            stop = min(start + _CORNER, len(triangle))
            rows = slice(first + start, first + stop)
            corner = np.tril(triangle[start:stop, start:stop])
            self._corners.append((rows, corner + np.tril(corner, -1).T))
            self._rows(triangle[stop:, start:stop], first + stop, first + start)

    def _rows(self, block: Array, row: int, column: int) -> None:
        """Cut a rectangle, which has all its entries, into tiles."""
        height, width = block.shape
        if not block.size:
            return
        down = max(1, min(height, max(_CORNER, _TILE // width)))
        across = max(1, _TILE // down)
        for j in range(0, width, across):
            for i in range(0, height, down):
                part = block[i : i + down, j : j + across]
                rows = slice(row + i, row + i + part.shape[0])
                columns = slice(column + j, column + j + part.shape[1])
                self._tiles.append((rows, columns, part))

    def matvec(self, V: Array) -> Array:
        """Return the product (n, k) with columns V (n, k), in the dtype of the matrix."""
        V = V.astype(self._packed.dtype, copy=False)
        found = np.zeros(V.shape, V.dtype)
        for rows, corner in self._corners:
            found[rows] += corner @ V[rows]
        for rows, columns, part in self._tiles:
            found[rows] += part @ V[columns]
            found[columns] += part.T @ V[rows]
        return found

    def diag(self) -> Array:
        """Return the diagonal, (n,)."""
        return np.concatenate(diagonal(self._packed, self._n))

    def columns(self, chosen: NDArray[np.intp]) -> Array:
        """Return the columns of these numbers, (n, len(chosen)): a product with unit vectors."""
        units = np.zeros((self._n, len(chosen)), self._packed.dtype)
        units[chosen, np.arange(len(chosen))] = 1.0
        return self.matvec(units)

    def block(self, chosen: NDArray[np.intp]) -> Array:
        """Return the entries in rows and columns of these numbers, (len(chosen), len(chosen))."""
        return self.columns(chosen)[chosen]
