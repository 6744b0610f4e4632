"""Find canonical forms of permutation kind on the CPU: arrays in, arrays out."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symkernel.backends.native import _cpu
from symkernel.backends.threads import resolve_jobs

__all__ = [
    "Curve",
    "ImageTable",
    "LeastImages",
    "RotatedPoints",
    "SortedPoints",
    "least_images",
    "rotate_points",
    "sort_points",
]

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class SortedPoints:
    """Points in order; all but the first are None where only representatives are asked for.

    Attributes
    ----------
    points : ndarray of shape (n, points * channels)
    indices : ndarray of int32 of shape (n, points)
    signs : ndarray of int8 of shape (n, points), or None
    orders : ndarray of uint64 of shape (n,)
        Of the stabilisers; 0 from 2^64 on.
    gaps : ndarray of shape (n,), or None
    """

    points: Array
    indices: NDArray[np.int32] | None
    signs: NDArray[np.int8] | None
    orders: NDArray[np.uint64] | None
    gaps: NDArray[np.float64] | None


@dataclass(frozen=True)
class Curve:
    """A Hilbert curve through 2^bits cells a side of a cube.

    Attributes
    ----------
    bits : int
    corner : tuple of float, or None
        Least coordinates of the cube; None for the bounding cube of each sample.
    side : float
    """

    bits: int
    corner: tuple[float, ...] | None = None
    side: float = 0.0


def sort_points(
    X: Array,
    points: int,
    channels: int,
    offsets: Sequence[int],
    *,
    flips: bool = False,
    even: bool = False,
    curve: Curve | None = None,
    details: bool = True,
    gaps: bool = False,
    n_jobs: int | None = None,
) -> SortedPoints:
    """Sort points of rows X (n, points * channels) within blocks [offsets[b], offsets[b + 1])."""
    jobs = resolve_jobs(n_jobs)
    if curve is not None:
        found = _cpu.curve_points(
            X, points, channels, list(offsets), curve.bits,
            None if curve.corner is None else list(curve.corner), curve.side, details, jobs,
        )  # fmt: skip
    else:
        found = _cpu.sort_points(
            X, points, channels, list(offsets), flips, even, details, gaps, jobs
        )
    return SortedPoints(*found)


@dataclass(frozen=True, eq=False)
class RotatedPoints:
    """Least rotations; all but the first are None where only representatives are asked for.

    Attributes
    ----------
    points : ndarray of shape (n, points * channels)
    shifts : ndarray of int32 of shape (n,)
        Point i of the result is point shift + i, or shift - i where mirrored, around the ring.
    mirrors : ndarray of uint8 of shape (n,)
    orders : ndarray of uint64 of shape (n,)
    gaps : ndarray of shape (n,)
    """

    points: Array
    shifts: NDArray[np.int32] | None
    mirrors: NDArray[np.uint8] | None
    orders: NDArray[np.uint64] | None
    gaps: NDArray[np.float64] | None


def rotate_points(
    X: Array,
    points: int,
    channels: int,
    *,
    reflections: bool,
    details: bool = True,
    n_jobs: int | None = None,
) -> RotatedPoints:
    """Turn rings of points, rows of X (n, points * channels), to their least words."""
    jobs = resolve_jobs(n_jobs)
    return RotatedPoints(*_cpu.rotate_points(X, points, channels, reflections, details, jobs))


@dataclass(frozen=True, eq=False)
class ImageTable:
    """Maps (g.x)_i = v[places[g, i]] of values v that a sample gives rise to.

    Attributes
    ----------
    places : ndarray of int32 of shape (order, d)
    width : int
        Number of values v.
    with_negatives : bool
        Whether v is (x, -x) for samples x of width / 2 numbers.
    """

    places: NDArray[np.int32]
    width: int
    with_negatives: bool = False


@dataclass(frozen=True, eq=False)
class LeastImages:
    """Least images; the last two are None where only representatives are asked for.

    Attributes
    ----------
    images : ndarray of shape (n, d)
    elements : ndarray of int32 of shape (n,)
        Row of the table that gives the image.
    orders : ndarray of uint64 of shape (n,)
        Number of rows that give it.
    gaps : ndarray of shape (n,)
    """

    images: Array
    elements: NDArray[np.int32]
    orders: NDArray[np.uint64] | None
    gaps: NDArray[np.float64] | None


_tries: weakref.WeakKeyDictionary[ImageTable, _cpu.ElementTrie] = weakref.WeakKeyDictionary()


def least_images(
    table: ImageTable,
    V: Array,
    *,
    tolerance: float = 0.0,
    details: bool = True,
    n_jobs: int | None = None,
) -> LeastImages:
    """Return the least rows V[:, places[g]] over g; values within ``tolerance`` are tied.

    The tolerance is relative to the largest value of a row. The table is sorted into a trie once.
    """
    trie = _tries.get(table)
    if trie is None:
        trie = _cpu.ElementTrie(np.ascontiguousarray(table.places, dtype=np.int32), table.width)
        _tries[table] = trie
    jobs = resolve_jobs(n_jobs)
    return LeastImages(*_cpu.least_images(trie, V, table.with_negatives, tolerance, details, jobs))
