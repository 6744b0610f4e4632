"""Align samples on the CPU: nearest points of orbits, assignments, rotations of clouds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symkernel.backends.cpu import Table, native_action
from symkernel.backends.native import _cpu
from symkernel.backends.threads import resolve_jobs

Array = NDArray[Any]


def nearest(table: Table, X: Array, Y: Array | None, n_jobs: int | None = None) -> Array:
    """Return the least |x - g y|^2 over the elements of a table, (n, m); half the cost for X alone.

    X and Y are C-ordered, (n, d) and (m, d), both float32 or both float64.
    """
    squares: Array = _cpu.nearest(
        native_action(table), X, Y, elements=False, n_threads=resolve_jobs(n_jobs)
    )[0]
    return squares


def nearest_elements(
    table: Table, X: Array, Y: Array, n_jobs: int | None = None
) -> tuple[Array, Array]:
    """Return the least |x_i - g y_i|^2, (n,), and the number of the element g, (n,), int32.

    Elements of a PointTable count row permutations first: number s * H + h. Those of a ShiftTable
    count automorphisms first, then shifts in C order of the grid.
    """
    found: tuple[Array, Array] = _cpu.nearest(
        native_action(table), X, Y, elements=True, paired=True, n_threads=resolve_jobs(n_jobs)
    )
    return found


def match(
    X: Array,
    Y: Array | None,
    blocks: Sequence[int],
    matrices: Array,
    either_sign: bool,
    n_jobs: int | None = None,
) -> Array:
    """Return the least |x - h s y|^2 over permutations s within blocks and over matrices h, (n, m).

    X and Y are float64, (n, p, r) and (m, p, r); blocks are numbers of consecutive points; matrices
    (H, r, r). With ``either_sign`` y and -y are the same point.
    ``Y=None`` means X, at half the cost.
    """
    squares: Array = _cpu.match_points(
        X, Y, list(blocks), matrices, either_sign, n_threads=resolve_jobs(n_jobs)
    )[0]
    return squares


def match_rows(
    X: Array,
    Y: Array,
    blocks: Sequence[int],
    matrices: Array,
    either_sign: bool,
    n_jobs: int | None = None,
) -> tuple[Array, Array, Array]:
    """Match rows i of X and Y: squares (n,), points of y for those of x (n, p), h (n,)."""
    found: tuple[Array, Array, Array] = _cpu.match_points(
        X, Y, list(blocks), matrices, either_sign, paired=True, n_threads=resolve_jobs(n_jobs)
    )
    return found


def rotate(
    X: Array, Y: Array | None, rows: Array, reflections: bool, n_jobs: int | None = None
) -> Array:
    """Return the least |x - R s y|^2 over rotations R and rows s of permutations, (n, m).

    X and Y are float64, (n, p, r) and (m, p, r) with r = 2 or 3; rows int32, (S, p). ``Y=None``
    means X, at half the cost.
    """
    squares: Array = _cpu.rotate_points(
        X, Y, np.ascontiguousarray(rows), reflections, n_threads=resolve_jobs(n_jobs)
    )[0]
    return squares


def rotate_rows(
    X: Array, Y: Array, rows: Array, reflections: bool, n_jobs: int | None = None
) -> tuple[Array, Array, Array]:
    """Rotate rows i of Y to X: squares (n,), R (n, r, r) and the number of s (n,)."""
    found: tuple[Array, Array, Array] = _cpu.rotate_points(
        X, Y, np.ascontiguousarray(rows), reflections, paired=True, n_threads=resolve_jobs(n_jobs)
    )
    return found
