"""Compute kernels of arrays that live on another device than the one that computes.

A Gram matrix, or gradients, on the way from a GPU are cut into tiles of rows: while one is copied,
the next is computed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from symkernel.backends.arrays import cupy, is_on_device, like, to_device, to_host

Array = NDArray[Any]
Device = Literal["auto", "cpu", "cuda"]

# Bytes of a tile: large enough to fill a GPU, small enough for two in pinned memory.
_TILE_BYTES = 2**26


def check_device(device: Any) -> None:
    """Raise ValueError unless `device` is "auto", "cpu" or "cuda"."""
    if device not in ("auto", "cpu", "cuda"):
        raise ValueError(f"device must be 'auto', 'cpu' or 'cuda'; got {device!r}")


def must_move(device: str, X: Any) -> bool:
    """Whether the device asked for is another than the one X lives on."""
    check_device(device)
    return device != "auto" and (device == "cuda") != is_on_device(X)


def moved(X: Any) -> Any:
    """X on the other device: a GPU for the host, the host for a GPU."""
    return to_host(X) if is_on_device(X) else to_device(X)


def back(result: Any, X: Any) -> Any:
    """A result brought to where X lives; tuples entry by entry."""
    if isinstance(result, tuple):
        return tuple(back(part, X) for part in result)
    return like(result, X) if is_on_device(X) else to_host(result)


def gram(compute: Callable[[Any, Any], Any], X: Array, Y: Array | None) -> Any:
    """Gram matrix where X lives, computed on the other device by ``compute(X, Y)``.

    Parameters
    ----------
    compute : callable
        Gram matrix of two arrays on the device that computes.
    X : ndarray of shape (n, d)
        Samples.
    Y : ndarray of shape (m, d) or None
        Samples; None means X, at half the cost.
    """
    if is_on_device(X):
        return like(compute(to_host(X), None if Y is None else to_host(Y)), X)
    xp = cupy()
    left = xp.asarray(X)
    right = left if Y is None else xp.asarray(Y)
    K = np.empty((len(left), len(right)), dtype=X.dtype)
    _in_tiles(xp, compute, left, right, K, Y is None)
    return K


def gradient_x(compute: Callable[[Any, Any, Any], Any], X: Array, Y: Array, V: Array) -> Any:
    """Gradients (n, c, d) of K(X, Y) V where X lives, by ``compute(X, Y, V)`` on the other device.

    Parameters
    ----------
    compute : callable
        Gradients (n, c, d) of three arrays on the device that computes.
    X : ndarray of shape (n, d)
        Samples at which gradients are wanted, moved in tiles.
    Y : ndarray of shape (m, d)
        Samples, moved as a whole.
    V : ndarray of shape (m, c)
        Weights, of the dtype of X.
    """
    if is_on_device(X):
        return like(compute(to_host(X), to_host(Y), to_host(V)), X)
    xp = cupy()
    left, right, weights = xp.asarray(X), xp.asarray(Y), xp.asarray(V)
    gradient = np.empty((len(X), V.shape[1], X.shape[1]), dtype=X.dtype)
    _in_tiles(xp, lambda rows, columns: compute(rows, columns, weights), left, right, gradient)
    return gradient


def _in_tiles(
    xp: Any, compute: Callable[[Any, Any], Any], X: Any, Y: Any, out: Array, symmetric: bool = False
) -> None:
    """Write ``compute(rows of X, Y)`` to those rows of an array on the host, tile by tile."""
    n, width = len(out), out.size // max(1, len(out))
    rows = max(1, min(n, _TILE_BYTES // max(1, width * out.itemsize)))
    slots = [_Slot(xp, rows * width, out.dtype) for _ in range(2)]
    xp.cuda.get_current_stream().synchronize()  # the samples have arrived for all streams
    for step, start in enumerate(range(0, n, rows)):
        slot = slots[step % 2]
        slot.deliver(out)
        slot.begin(compute, X[start : min(start + rows, n)], Y, start, symmetric)
    for slot in slots:
        slot.deliver(out)


class _Slot:
    """A stream with a buffer in pinned memory, for one tile at a time."""

    def __init__(self, xp: Any, size: int, dtype: Any) -> None:
        self._stream = xp.cuda.Stream(non_blocking=True)
        memory = xp.cuda.alloc_pinned_memory(max(1, size) * dtype.itemsize)
        self._buffer = np.frombuffer(memory, dtype=dtype, count=size)
        self._tile: tuple[int, bool, Any] | None = None

    def begin(self, compute: Any, rows: Any, columns: Any, start: int, symmetric: bool) -> None:
        """Queue a tile of rows; of a symmetric matrix the columns from its diagonal on."""
        with self._stream:
            block = compute(rows, columns[start:] if symmetric else columns)
            part = self._buffer[: block.size].reshape(block.shape)
            block.get(stream=self._stream, out=part, blocking=False)
        self._tile = start, symmetric, (part, block)  # the block stays until it is copied

    def deliver(self, K: Array) -> None:
        """Wait for the tile, if there is one, and write it."""
        if self._tile is None:
            return
        self._stream.synchronize()
        start, symmetric, (part, _) = self._tile
        self._tile = None
        stop = start + len(part)
        if not symmetric:
            K[start:stop] = part
            return
        K[start:stop, start:] = part
        K[start:, start:stop] = part.T
        corner = part[:, : len(part)]
        K[start:stop, start:stop] = np.triu(corner) + np.triu(corner, 1).T
