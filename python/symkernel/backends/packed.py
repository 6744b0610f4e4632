"""Read and write LAPACK's rectangular full packed format: one triangle of a matrix.

With h = ceil(n / 2), column c < h of the lower triangle is column c of a rectangle of n(n + 1)/2
numbers; the triangle of the other columns, transposed, fills the corner above. LAPACK calls this
TRANSR = 'N', UPLO = 'L'; ``?pftrf`` factors it as fast as a full matrix. Source: Gustavson,
Wasniewski, Dongarra, Langou, Rectangular full packed format for Cholesky's algorithm, ACM
Transactions on Mathematical Software 37(2), 2010.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

# SciPy's wrappers of ?pftrf form n (n + 1) in 32-bit integers.
LARGEST_FACTORED = 46_340


def packed_shape(n: int) -> tuple[int, int]:
    """Return the rows and columns of the rectangle, which is stored column by column."""
    return n | 1, (n + 1) // 2


def runs(packed: Array, n: int) -> Iterator[tuple[int, int, Array]]:
    """Yield contiguous parts ``(i, start, view)`` of rows: view[k] is entry (i, start + k).

    Parameters
    ----------
    packed : ndarray of shape (n (n + 1) / 2,)
        Matrix in packed form.
    n : int
        Number of rows of the matrix.

    Yields
    ------
    (int, int, ndarray)
        Every entry (i, j) or its mirror image (j, i), once in all; a view may be empty.

    Examples
    --------
    >>> [(i, start, view.tolist()) for i, start, view in runs(np.array([0, 10, 20, 22, 11, 21]), 3)]
    [(0, 0, [0, 10, 20]), (1, 2, []), (1, 1, [11, 21]), (2, 2, [22])]
    """
    stride, half = packed_shape(n)
    even = 1 - n % 2
    for c, column in enumerate(packed.reshape(half, stride)):
        yield c, c, column[even + c :]
        yield c + half - 1 + even, half, column[: even + c]


def pack(K: Array) -> Array:
    """Return the packed form of a full symmetric matrix."""
    n = len(K)
    packed = np.empty(n * (n + 1) // 2, dtype=K.dtype)
    for i, start, view in runs(packed, n):
        view[:] = K[i, start : start + len(view)]
    return packed


def write_rows(packed: Array, n: int, first: int, rows: Array) -> None:
    """Write rows of the lower triangle, from their start to the diagonal.

    Parameters
    ----------
    packed : ndarray of shape (n (n + 1) / 2,)
        Matrix in packed form.
    n : int
        Number of rows of the matrix.
    first : int
        Which row of the matrix comes first.
    rows : ndarray of shape (r, c)
        The rows, of at least first + r entries each; what lies beyond the diagonal is not read.

    Examples
    --------
    >>> packed = np.zeros(6)
    >>> write_rows(packed, 3, 1, np.array([[10.0, 11.0, 0.0], [20.0, 21.0, 22.0]]))
    >>> packed
    array([ 0., 10., 20., 22., 11., 21.])
    """
    stride, half = packed_shape(n)
    even = 1 - n % 2
    rectangle = packed.reshape(half, stride)
    whole = min(first, half)  # these columns take all rows, at once
    rectangle[:whole, even + first : even + first + len(rows)] = rows[:, :whole].T
    for i, row in enumerate(rows, first):
        rectangle[whole : min(i + 1, half), even + i] = row[whole : min(i + 1, half)]
        if i >= half:
            rectangle[i - half + 1 - even, : i - half + 1] = row[half : i + 1]


def unpack(packed: Array, n: int) -> Array:
    """Return the full symmetric matrix of a packed one."""
    K = np.empty((n, n), dtype=packed.dtype)
    for i, start, view in runs(packed, n):
        K[i, start : start + len(view)] = K[start : start + len(view), i] = view
    return K


def scale(packed: Array, factors: Array) -> None:
    """Multiply row i and column i by factors[i], for all i, in place."""
    for i, start, view in runs(packed, len(factors)):
        view *= factors[i]
        view *= factors[start : start + len(view)]


def diagonal(packed: Array, n: int) -> tuple[Array, Array]:
    """Return views of the diagonal: its first ceil(n / 2) entries, and the rest."""
    stride, even = n | 1, 1 - n % 2
    return packed[even :: stride + 1], packed[(1 - even) * stride :: stride + 1]


def column(packed: Array, n: int, c: int) -> Array:
    """Return a view of a column of the lower triangle, from the diagonal on, (n - c,)."""
    stride, half = packed_shape(n)
    even = 1 - n % 2
    if c < half:
        return packed.reshape(half, stride)[c, even + c :]
    return packed.reshape(half, stride)[c - half + 1 - even :, c - half]
