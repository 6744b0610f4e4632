"""List monomials and Fourier modes natively, find their orbits, and sum over them at samples.

A mode is a row of letters, one for each coordinate that occurs in it, in ascending order and filled
up with -1. With exponents up to ``largest`` in size, monomials number the letters
coordinate * largest + (e - 1), Fourier modes coordinate * 2 largest + (place of e among
-largest..-1, 1..largest).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from symkernel.backends.native import _cpu
from symkernel.backends.threads import resolve_jobs

__all__ = ["enumerate_modes", "find_modes", "mode_orbits", "mode_sums", "thread_count"]


def thread_count(n_jobs: int | None) -> int:
    """Return the number of threads, at least 1, that ``n_jobs`` stands for in native calls."""
    return resolve_jobs(n_jobs) or int(_cpu.max_threads())


def enumerate_modes(
    coordinates: int, level: int, largest: int, *, fourier: bool
) -> NDArray[np.int32]:
    """Return the words (modes, width), in lexicographic order.

    Monomials of degree ``level``, or Fourier modes whose squared frequencies sum to ``level``.
    """
    words: NDArray[np.int32] = _cpu.modes(coordinates, level, largest, fourier)
    return words


def mode_orbits(
    words: NDArray[np.int32], maps: NDArray[np.int32], signs: NDArray[np.int8]
) -> tuple[NDArray[np.int32], NDArray[np.int8], int]:
    """Return the orbits of modes under maps of letters (generators, alphabet), with signs.

    Returns
    -------
    labels : int32 (modes,)
        Number of the orbit; -1 where the group maps a mode to its own negative.
    signs : int8 (modes,)
        Sign of the mode in the sum over its orbit.
    count : int
        Number of orbits.
    """
    labels, mode_signs, count = _cpu.mode_orbits(words, maps, signs)
    return labels, mode_signs, count


def find_modes(words: NDArray[np.int32], queries: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return the row of each query among the words, or -1; int32."""
    rows: NDArray[np.int32] = _cpu.find_modes(words, queries)
    return rows


def mode_sums(
    X: NDArray[np.float64],
    words: NDArray[np.int32],
    weights: NDArray[np.float64],
    real: NDArray[np.int32],
    imaginary: NDArray[np.int32] | None,
    columns: int,
    largest: int,
    frequency: float = 0.0,
    n_jobs: int | None = None,
) -> NDArray[np.float64]:
    """Return the weighted sums (n, columns) of modes at samples X (n, d).

    Mode k adds weights[k] times its real part to column real[k] and, for Fourier modes
    exp(i frequency e x), times its imaginary part to column imaginary[k]; -1 for no column.
    Time O(n modes), memory O(n columns).
    """
    values: NDArray[np.float64] = _cpu.mode_sums(
        np.ascontiguousarray(X),
        words,
        weights,
        real,
        imaginary,
        columns,
        largest,
        frequency,
        resolve_jobs(n_jobs),
    )
    return values
