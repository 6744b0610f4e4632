"""Read samples chunk by chunk, from arrays on disk or from an iterator, and never gather them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Chunk", "chunks_of", "is_array_like", "rows_per_chunk", "stored_rows"]

Array = NDArray[Any]

# Numbers of kernel values at a time: 8 MB of float64, with as much again for what is made of them.
_ENTRIES = 2**20
# Fewer rows leave products of matrices slow; more gain nothing.
_LEAST_ROWS, _MOST_ROWS = 64, 8192


@dataclass(frozen=True)
class Chunk:
    """Some rows of the data.

    Attributes
    ----------
    first : int
        Position of the first row among all.
    X : ndarray of shape (c, ...)
        Samples.
    y : float64, shape (c, t), or None
        Targets, one per column.
    weight : float64, shape (c,), or None
        Weights.
    """

    first: int
    X: Array
    y: NDArray[np.float64] | None = None
    weight: NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return len(self.X)


def is_array_like(X: Any) -> bool:
    """Tell an array, in memory or on disk, from an iterator of chunks."""
    return all(hasattr(X, name) for name in ("shape", "dtype", "__getitem__"))


def stored_rows(X: Any) -> int:
    """Return how many rows are stored together, of zarr, HDF5 and dask arrays; 0 if unknown."""
    chunks = getattr(X, "chunks", None)
    first = chunks[0] if isinstance(chunks, tuple) and chunks else 0
    if isinstance(first, tuple):
        first = first[0] if first else 0
    return int(first) if isinstance(first, int) and first > 0 else 0


def rows_per_chunk(n_centers: int, n_features: int, memory_limit: int | None = None) -> int:
    """Return how many rows to take at a time.

    Parameters
    ----------
    n_centers : int
        Kernel values per row.
    n_features : int
        Numbers per row.
    memory_limit : int, optional
        Bytes that all of a pass may take: three M x M matrices of sums, and chunks of kernel values
        and samples; None for the rows that are fastest, some 30 MB of chunks.

    Returns
    -------
    int
        At least 64.

    Raises
    ------
    MemoryError
        If the limit is too small for chunks of 64 rows; the message says what the least is.

    Examples
    --------
    >>> from symkernel.solvers.chunks import rows_per_chunk
    >>> rows_per_chunk(200, 24)
    4681
    """
    width = max(1, n_centers + n_features)
    rows = min(max(_ENTRIES // width, _LEAST_ROWS), _MOST_ROWS)
    if memory_limit is None:
        return rows
    # Kernel values and what BLAS packs of them, samples as read and as the kernel packs them.
    fixed, each = 3 * 8 * n_centers**2, 8 * (2 * n_centers + 5 * n_features)
    least = fixed + _LEAST_ROWS * each
    if memory_limit < least:
        raise MemoryError(
            f"memory_limit={memory_limit / 1e6:.3g} MB is too small for {n_centers} centres of "
            f"{n_features} features: the sums and one chunk take {least / 1e6:.3g} MB; give at "
            "least that, or fewer centres"
        )
    return min(rows, (memory_limit - fixed) // each)


def chunks_of(
    X: Any,
    y: Any = None,
    sample_weight: Any = None,
    *,
    rows: int,
    check: Callable[[Any], Array] | None = None,
) -> Iterator[Chunk]:
    """Yield the rows of X, some at a time, with their targets and weights.

    Parameters
    ----------
    X : array or iterator
        What has shape, dtype and slicing, such as an ndarray, a memmap or a zarr array; or an
        iterator of chunks ``X``, ``(X, y)`` or ``(X, y, sample_weight)``.
    y : array-like of shape (n,) or (n, t), optional
        Targets; a memmap or zarr array is read by rows as well. Not with an iterator.
    sample_weight : array-like of shape (n,), optional
        Weights. Not with an iterator.
    rows : int
        Rows at a time, at most. Longer chunks of an iterator are cut; empty ones are passed over.
    check : callable, optional
        Takes the samples of a chunk to an array of floats or raises; by default they must be finite
        floats of two axes.

    Yields
    ------
    Chunk
        In order.

    Raises
    ------
    ValueError
        If y or the weights have not as many rows as X, if a chunk contains NaN or infinity, if
        chunks differ in dtype or in the shape of a sample, or if some chunks have targets and
        others have none. The message names the chunk and its rows.

    Examples
    --------
    >>> import numpy as np
    >>> from symkernel.solvers.chunks import chunks_of
    >>> [len(chunk) for chunk in chunks_of(np.zeros((5, 2)), np.zeros(5), rows=2)]
    [2, 2, 1]
    """
    reader = _Reader(check)
    if is_array_like(X):
        yield from _of_array(reader, X, y, sample_weight, rows)
        return
    if y is not None or sample_weight is not None:
        raise ValueError(
            "y and sample_weight come with the chunks where X is an iterator: give chunks (X, y) "
            "or (X, y, sample_weight)"
        )
    if not hasattr(X, "__iter__"):
        raise TypeError(
            "X must be an array with shape, dtype and slicing, or an iterator of chunks (X, y); "
            f"got {type(X).__name__}"
        )
    first = 0
    for position, chunk in enumerate(X):
        parts = chunk if isinstance(chunk, tuple) else (chunk,)
        if not 1 <= len(parts) <= 3:
            raise ValueError(
                f"chunk {position} is a tuple of {len(parts)}; a chunk is X, (X, y) or "
                "(X, y, sample_weight)"
            )
        samples, targets, weight = (*parts, None, None)[:3]
        samples = samples if is_array_like(samples) else np.asarray(samples)
        length = samples.shape[0] if samples.ndim else 0
        reader.lengths(f"chunk {position}: ", samples, targets, weight)
        for start in range(0, length, rows):
            end = min(start + rows, length)
            what = f"chunk {position} (rows {first + start} to {first + end - 1})"
            yield reader.read(
                what,
                first + start,
                samples[start:end],
                None if targets is None else targets[start:end],
                None if weight is None else weight[start:end],
            )
        first += length


def _of_array(reader: _Reader, X: Any, y: Any, sample_weight: Any, rows: int) -> Iterator[Chunk]:
    y = y if y is None or is_array_like(y) else np.asarray(y)
    weight = sample_weight
    weight = weight if weight is None or is_array_like(weight) else np.asarray(weight)
    reader.lengths("", X, y, weight)
    stored = stored_rows(X)
    if 0 < stored <= rows:  # every one is read once
        rows -= rows % stored
    n = X.shape[0]
    for position, first in enumerate(range(0, n, rows)):
        end = min(n, first + rows)
        yield reader.read(
            f"chunk {position} (rows {first} to {end - 1})",
            first,
            X[first:end],
            None if y is None else y[first:end],
            None if weight is None else weight[first:end],
        )


class _Reader:
    """Checks chunks, each by itself and against the ones before."""

    def __init__(self, check: Callable[[Any], Array] | None) -> None:
        self._check = _finite_rows if check is None else check
        self._dtype: np.dtype[Any] | None = None
        self._shape: tuple[int, ...] | None = None
        self._targets: tuple[bool, int | None] | None = None

    @staticmethod
    def lengths(where: str, X: Any, y: Any, weight: Any) -> None:
        """Raise unless all have as many rows."""
        if len(X.shape) == 0:
            raise ValueError(f"{where}X is a single number; it must have a row per sample")
        for name, values in (("y", y), ("sample_weight", weight)):
            found = None if values is None else _length(values)
            if found is not None and found != X.shape[0]:
                raise ValueError(
                    f"{where}{name} has {found} rows and X has {X.shape[0]}; they must agree"
                )

    def read(self, what: str, first: int, X: Any, y: Any, weight: Any) -> Chunk:
        """Return a chunk of floats."""
        raw = np.asarray(X)
        if self._dtype is None:
            self._dtype, self._shape = raw.dtype, raw.shape[1:]
        if raw.dtype != self._dtype:
            raise ValueError(
                f"{what} has dtype {raw.dtype}, chunks before it {self._dtype}: bring all chunks "
                "to one dtype"
            )
        if raw.shape[1:] != self._shape:
            raise ValueError(
                f"{what} has samples of shape {raw.shape[1:]}, chunks before it {self._shape}"
            )
        try:
            samples = self._check(raw)
        except ValueError as error:
            raise ValueError(f"{what}: {error}{_first_bad_row(raw, first)}") from error
        targets = None if y is None else _targets(y, what, first)
        form = (targets is not None, None if targets is None else targets.shape[1])
        if self._targets is None:
            self._targets = form
        if form != self._targets:
            raise ValueError(
                f"{what} has {form[1] or 'no'} targets per sample, chunks before it "
                f"{self._targets[1] or 'none'}"
            )
        return Chunk(first, samples, targets, None if weight is None else _weights(weight, what))


def _length(values: Any) -> int:
    return int(values.shape[0] if hasattr(values, "shape") and values.shape else len(values))


def _finite_rows(X: Any) -> Array:
    """Read samples (c, d) as finite floats."""
    if X.ndim != 2:
        raise ValueError(f"X must have shape (n_samples, n_features), got {X.shape}")
    floats = np.ascontiguousarray(X, dtype=np.float32 if X.dtype == np.float32 else np.float64)
    if not np.isfinite(floats).all():
        raise ValueError("X contains NaN or infinity")
    return floats


def _first_bad_row(X: Array, first: int) -> str:
    """Say which row is not finite, if any."""
    if X.dtype.kind != "f" or X.size == 0:
        return ""
    bad = ~np.isfinite(X.reshape(len(X), -1)).all(axis=1)
    return f" (row {first + int(bad.argmax())})" if bad.any() else ""


def _targets(y: Any, what: str, first: int) -> NDArray[np.float64]:
    targets = np.asarray(y, dtype=np.float64)
    if targets.ndim not in (1, 2):
        raise ValueError(f"{what}: y must have shape (n,) or (n, t), got {targets.shape}")
    if not np.isfinite(targets).all():
        raise ValueError(f"{what}: y contains NaN or infinity{_first_bad_row(targets, first)}")
    return targets.reshape(len(targets), -1)


def _weights(weight: Any, what: str) -> NDArray[np.float64]:
    weights = np.asarray(weight, dtype=np.float64)
    if weights.ndim != 1 or not np.isfinite(weights).all() or (weights < 0).any():
        raise ValueError(f"{what}: sample_weight must be finite, not negative, and of shape (n,)")
    return weights
