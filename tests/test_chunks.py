"""Samples in chunks: from memory, from disk and from iterators, and what is wrong with them."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from symkernel.solvers.chunks import chunks_of, is_array_like, rows_per_chunk, stored_rows

RNG = np.random.default_rng(0)
X, Y, W = RNG.normal(size=(23, 4)), RNG.normal(size=(23, 2)), RNG.uniform(size=23)


class OnDisk:
    """What a zarr array has, and nothing more; counts the rows that are read at once."""

    def __init__(self, array, stored=5):
        self._array, self.most = array, 0
        self.shape, self.dtype, self.chunks = array.shape, array.dtype, (stored, *array.shape[1:])

    def __getitem__(self, rows):
        self.most = max(self.most, rows.stop - rows.start)
        return self._array[rows]


def joined(chunks):
    found = list(chunks)
    assert [c.first for c in found] == np.cumsum([0, *(len(c) for c in found)])[:-1].tolist()
    return [np.concatenate([getattr(c, name) for c in found]) for name in ("X", "y", "weight")]


@pytest.mark.parametrize("rows", [1, 5, 7, 23, 100])
@pytest.mark.parametrize("kind", ["array", "memmap", "zarr", "iterator", "one chunk"])
def test_chunks_are_the_rows_in_order(kind, rows, tmp_path):
    if kind == "array":
        found = joined(chunks_of(X, Y, W, rows=rows))
    elif kind == "memmap":
        disk = np.memmap(tmp_path / "x", dtype=np.float64, mode="w+", shape=X.shape)
        disk[:] = X
        found = joined(chunks_of(disk, Y, W, rows=rows))
    elif kind == "zarr":
        disk, targets = OnDisk(X), OnDisk(Y)
        found = joined(chunks_of(disk, targets, OnDisk(W), rows=rows))
        assert disk.most <= rows
        assert rows < 5 or disk.most % 5 == 0 or disk.most == 23
    elif kind == "one chunk":
        found = joined(chunks_of(iter([(X, Y, W)]), rows=rows))
    else:
        ends = [0, 4, 4, 5, 20, 23, 23]  # unequal, and some empty
        parts = ((X[a:b], Y[a:b], W[a:b]) for a, b in itertools.pairwise(ends))
        found = joined(chunks_of(parts, rows=rows))
    for got, want in zip(found, (X, Y, W), strict=True):
        np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize(
    ("chunks", "rows"),
    [((5, 4), 5), (((5, 5, 3), (4,)), 5), (None, 0), ((), 0), (((), ()), 0), ("auto", 0)],
)
def test_rows_that_are_stored_together(chunks, rows):
    disk = OnDisk(X)
    disk.chunks = chunks
    assert stored_rows(disk) == rows
    assert [len(c) for c in chunks_of(disk, rows=7)] == ([5] * 4 + [3] if rows else [7] * 3 + [2])
    assert stored_rows(X) == 0


def test_targets_are_columns_and_may_be_missing():
    assert [c.y.shape for c in chunks_of(X, Y[:, 0], rows=20)] == [(20, 1), (3, 1)]
    assert [c.y for c in chunks_of(iter([X, (X[:2],)]), rows=30)] == [None, None]
    assert list(chunks_of(X[:0], Y[:0], rows=3)) == []
    assert list(chunks_of(iter([]), rows=3)) == []


def test_dtypes_are_those_of_the_samples():
    assert next(chunks_of(X.astype(np.float32), rows=9)).X.dtype == np.float32
    assert next(chunks_of(np.arange(6).reshape(3, 2), rows=9)).X.dtype == np.float64


def test_an_iterator_is_read_no_further_than_asked_for():
    read = []

    def parts():
        for i in range(4):
            read.append(i)
            yield X, Y

    chunks = chunks_of(parts(), rows=12)
    next(chunks)
    next(chunks)
    assert read == [0]


def with_nan(array, row):
    array = array.copy()
    array[row] = np.nan
    return array


@pytest.mark.parametrize(
    ("chunks", "words"),
    [
        (
            lambda: chunks_of(with_nan(X, 13), rows=5),
            r"chunk 2 \(rows 10 to 14\): X contains NaN or infinity \(row 13\)",
        ),
        (
            lambda: chunks_of(iter([X, X[:0], with_nan(X, 2)]), rows=50),
            r"chunk 2 \(rows 23 to 45\): .* \(row 25\)",
        ),
        (lambda: chunks_of(X, with_nan(Y, 7), rows=5), r"chunk 1 .*y contains NaN .*\(row 7\)"),
        (lambda: chunks_of(X, Y[:20], rows=5), "y has 20 rows and X has 23; they must agree"),
        (lambda: chunks_of(X, Y, W[:1], rows=5), "sample_weight has 1 rows and X has 23"),
        (
            lambda: chunks_of(iter([(X, Y), (X, Y[:4])]), rows=50),
            "chunk 1: y has 4 rows and X has 23",
        ),
        (
            lambda: chunks_of(iter([X, X.astype(np.float32)]), rows=50),
            "chunk 1 .*has dtype float32, chunks before it float64: bring all",
        ),
        (
            lambda: chunks_of(iter([X, X[:, :3]]), rows=50),
            r"chunk 1 .*samples of shape \(3,\), chunks before it \(4,\)",
        ),
        (lambda: chunks_of(iter([(X, Y), X]), rows=50), "chunk 1 .*has no targets per sample"),
        (lambda: chunks_of(iter([(X, Y), (X, Y[:, 0])]), rows=50), "has 1 targets per sample"),
        (lambda: chunks_of(X, Y, -W, rows=5), "chunk 0 .*sample_weight must be finite, not neg"),
        (lambda: chunks_of(iter([X]), Y, rows=5), "come with the chunks where X is an iterator"),
        (lambda: chunks_of(iter([(X, Y, W, W)]), rows=5), "chunk 0 is a tuple of 4"),
        (lambda: chunks_of(X[0], rows=5), r"X must have shape \(n_samples, n_features\)"),
        (lambda: chunks_of(np.float64(1.0), rows=5), "X is a single number"),
        (lambda: chunks_of(X, Y[:, :, None], rows=5), r"y must have shape \(n,\) or \(n, t\)"),
    ],
)
def test_what_is_wrong_is_named_by_its_position(chunks, words):
    with pytest.raises(ValueError, match=words):
        list(chunks())


def test_what_is_no_data():
    with pytest.raises(TypeError, match="X must be an array with shape, dtype and slicing"):
        list(chunks_of(3, rows=5))
    assert not is_array_like(iter([X]))
    assert not is_array_like([[1.0]])


def test_rows_fit_the_memory():
    assert rows_per_chunk(200, 24) == 4681
    assert rows_per_chunk(10**6, 24) == 64
    assert rows_per_chunk(1, 1) == 8192
    limited = rows_per_chunk(200, 24, memory_limit=3_000_000)
    assert 64 <= limited < 4681
    assert 3 * 8 * 200**2 + limited * 8 * 520 <= 3_000_000
    with pytest.raises(MemoryError, match="give at least that") as error:
        rows_per_chunk(200, 24, memory_limit=10**6)
    least = float(str(error.value).split("take ")[1].split(" MB")[0]) * 1e6
    assert rows_per_chunk(200, 24, memory_limit=int(least * 1.01)) >= 64
