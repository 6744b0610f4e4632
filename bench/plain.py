"""Peers of the canonical forms: NumPy over the whole batch, and plain C++ compiled on the spot."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[Any]

_COMPILERS = ("c++", "g++", "clang++")


def compiler() -> str | None:
    """Return the compiler of the plain programs, if there is one."""
    return next(filter(None, map(shutil.which, _COMPILERS)), None)


@cache
def _library() -> ctypes.CDLL:
    command = compiler()
    assert command is not None
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "plain.so"
        source = Path(__file__).with_name("plain.cpp")
        flags = ("-std=c++17", "-O3", "-march=native", "-shared", "-fPIC")
        subprocess.run([command, *flags, str(source), "-o", str(target)], check=True)
        return ctypes.CDLL(str(target))  # stays loaded when the file is gone


def _pointer(array: Array) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)


def numpy_sort(X: Array) -> Array:
    """Sort every row."""
    return np.sort(X, axis=1)


def numpy_least_rotations(X: Array) -> Array:
    """Candidates of the whole batch at once, until one is left of each row.

    Rows whose least number occurs once are done with the first comparison.
    """
    n, d = X.shape
    starts = np.argmin(X, axis=1)
    tied = np.flatnonzero((X[np.arange(n), starts][:, None] == X).sum(axis=1) > 1)
    if len(tied):
        rows = X[tied]
        alive = rows == rows.min(axis=1)[:, None]
        left = np.arange(len(tied))
        for k in range(1, d):
            met = np.where(alive[left], np.roll(rows[left], -k, axis=1), np.inf)
            alive[left] &= met == met.min(axis=1)[:, None]
            left = left[alive[left].sum(axis=1) > 1]
            if not len(left):
                break
        starts[tied] = np.argmax(alive, axis=1)
    places = starts[:, None] + np.arange(d)
    return np.take_along_axis(X, np.where(places < d, places, places - d), axis=1)


def numpy_least_images(X: Array, table: Array) -> Array:
    """Compare one element after another with the best so far, for the whole batch."""
    best = X[:, table[0]]
    rows = np.arange(len(X))
    for element in table[1:]:
        image = X[:, element]
        first = np.argmax(image != best, axis=1)
        better = image[rows, first] < best[rows, first]
        best[better] = image[better]
    return best


def numpy_frames(X: Array) -> Array:
    """Clouds of points of R^3 in their moment frames, by einsum and eigh over the whole batch.

    Axes point along third moments; the few that nearly vanish leave it to a moment with the
    squared distance. The third axis completes a right-handed frame.
    """
    clouds = X.reshape(len(X), -1, 3)
    axes = np.linalg.eigh(np.einsum("npi,npj->nij", clouds, clouds))[1][:, :, ::-1]
    y = np.einsum("npi,nik->npk", clouds, axes)
    cubes = y * y * y
    moments = cubes.sum(axis=1)
    small = np.flatnonzero((np.abs(moments) <= 1e-4 * np.abs(cubes).sum(axis=1)).any(axis=1))
    radial = np.einsum("npk,npj,npj->nk", y[small], y[small], y[small])
    weak = np.abs(moments[small]) <= 1e-4 * np.abs(cubes[small]).sum(axis=1)
    moments[small] = np.where(weak, radial, moments[small])
    signs = np.where(moments < 0, -1.0, 1.0)
    signs[:, 2] = signs[:, 0] * signs[:, 1] * np.sign(np.linalg.det(axes))
    framed: Array = (y * signs[:, None]).reshape(X.shape)
    return framed


def plain_least_rotations(X: Array) -> Array:
    """Find the starts by a scalar algorithm, linear in the worst case."""
    Y = np.empty_like(X)
    n, d = X.shape
    _library().least_rotations(_pointer(X), _pointer(Y), ctypes.c_int64(n), d)
    return Y


def plain_least_images(X: Array, table: Array) -> Array:
    """Scan the list of elements."""
    Y = np.empty_like(X)
    n, d = X.shape
    _library().least_images(
        _pointer(X), _pointer(Y), ctypes.c_int64(n), d, _pointer(table), len(table)
    )
    return Y
