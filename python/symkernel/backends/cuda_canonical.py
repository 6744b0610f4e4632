"""Find canonical forms on a GPU: CuPy arrays in, native calls, CuPy arrays out.

What is sorted and rotated is told as on the CPU, and comes out the same bit for bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from symkernel.backends import device
from symkernel.backends.arrays import cupy

__all__ = ["MAX_POINTS", "rotate_points", "sort_points"]

#: Most points of a sample that are sorted.
MAX_POINTS = 256


def sort_points(
    X: Any,
    points: int,
    channels: int,
    offsets: Sequence[int],
    *,
    flips: bool = False,
    even: bool = False,
    details: bool = True,
) -> tuple[Any, Any, Any]:
    """Sort points of rows X (n, points * channels) within blocks [offsets[b], offsets[b + 1]).

    Parameters
    ----------
    X : cupy.ndarray of shape (n, points * channels)
        Of float32 or float64, in C order.
    points, channels : int
        Points of a sample, at most ``MAX_POINTS``, and numbers of a point, which are compared
        lexicographically.
    offsets : sequence of int
        Points outside of all blocks stay where they are: ``(0,)`` sorts none.
    flips : bool, default=False
        Make the first number that is not zero positive in every point, before they are sorted.
    even : bool, default=False
        Exchange the last two points where the permutation would be odd and no two are equal.
    details : bool, default=True
        Return indices and signs; else None for both.

    Returns
    -------
    sorted : cupy.ndarray of shape (n, points * channels)
    indices : cupy.ndarray of int32 of shape (n, points), or None
        Point i of the result is point ``indices[i]``; of equal points the first comes first.
    signs : cupy.ndarray of int8 of shape (n, points), or None
        Times ``signs[i]``; None without flips.

    Raises
    ------
    ValueError
        If there are too many points, or offsets do not increase up to their number.
    """
    xp = cupy()
    out = xp.empty_like(X)
    indices = xp.empty((len(X), points), dtype=np.int32) if details else None
    signs = xp.empty((len(X), points), dtype=np.int8) if details and flips else None
    with xp.cuda.Device(int(X.device.id)):
        stream = int(xp.cuda.get_current_stream().ptr)
        device.require().sort_points(
            X, points, channels, [int(o) for o in offsets], flips, even, out, indices, signs, stream
        )
    return out, indices, signs


def rotate_points(
    X: Any, points: int, channels: int, *, reflections: bool = False, details: bool = True
) -> tuple[Any, Any, Any]:
    """Read rings of points, the rows X (n, points * channels), from where the word is least.

    Parameters
    ----------
    X : cupy.ndarray of shape (n, points * channels)
        Of float32 or float64, in C order.
    points, channels : int
        Points of a ring, and numbers of a point, which are compared lexicographically.
    reflections : bool, default=False
        Also read the ring backwards.
    details : bool, default=True
        Return shifts and mirrors; else None for both.

    Returns
    -------
    rotated : cupy.ndarray of shape (n, points * channels)
    shifts : cupy.ndarray of int32 of shape (n,), or None
        Point i of the result is point shift + i, or shift - i where mirrored, around the ring.
    mirrors : cupy.ndarray of uint8 of shape (n,), or None

    Raises
    ------
    ValueError
        If X has another number of columns.
    """
    xp = cupy()
    out = xp.empty_like(X)
    shifts = xp.empty(len(X), dtype=np.int32) if details else None
    mirrors = xp.empty(len(X), dtype=np.uint8) if details else None
    with xp.cuda.Device(int(X.device.id)):
        stream = int(xp.cuda.get_current_stream().ptr)
        device.require().rotate_points(
            X, points, channels, reflections, out, shifts, mirrors, stream
        )
    return out, shifts, mirrors
