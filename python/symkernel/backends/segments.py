"""Add up a matrix over segments of its rows and columns, natively."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from symkernel.backends.native import _cpu
from symkernel.backends.threads import resolve_jobs

Array = NDArray[Any]


def add_segment_sums(
    values: Array,
    row_offsets: NDArray[np.int64],
    column_offsets: NDArray[np.int64],
    out: Array,
    corner: tuple[int, int],
    *,
    mirrored: bool = False,
    n_jobs: int | None = None,
) -> None:
    """Add the sums of a matrix over segments of rows and columns to another, in place.

    Parameters
    ----------
    values : ndarray of shape (r, c)
        Numbers to add up.
    row_offsets, column_offsets : ndarray of int64 of shape (k + 1,) and (l + 1,)
        Where segments begin and the last ends; they may be empty.
    out : ndarray of shape (n, m) and the dtype of the sums, C-ordered
        The sums are added from the corner on: to rows ``corner[0]`` to ``corner[0] + k``.
    corner : tuple of int
        First row and column.
    mirrored : bool, default=False
        Whether they are added to the mirror image as well.
    n_jobs : int, optional
        Threads: None for as many as OpenMP is set to, -1 for all.
    """
    _cpu.add_segment_sums(
        np.ascontiguousarray(values, out.dtype),
        row_offsets,
        column_offsets,
        out,
        *corner,
        mirrored,
        resolve_jobs(n_jobs),
    )
