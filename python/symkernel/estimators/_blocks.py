"""Run tasks on samples that stay in blocks, on disk or on the workers of Dask.

The tasks are the same functions wherever they run, over the same runs of blocks, and their sums
are added in a fixed tree: with as many threads in a task a fit has the same digits here, on one
worker or on many, whichever of them is lost on the way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from symkernel.estimators._centers import Centres, centres_among, rows_to_search
from symkernel.solvers.chunks import chunks_of, is_array_like
from symkernel.solvers.nystroem import NystroemSums
from symkernel.solvers.nystroem_pass import nystroem_sums
from symkernel.solvers.tree import runs_of, tree
from symkernel.validation import as_generator, check_samples

Array = NDArray[Any]
# Rows of a run for each centre: m^2 / 2 multiply-adds a row, beside 2 m^2 numbers to add its sums.
_ROWS_PER_CENTRE = 4

Rows = tuple[Array, Array | None, Array | None]


class Executor(Protocol):
    """Runs tasks: functions ``f(n_jobs, *arguments)``, with the threads that each may take."""

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Return the value, or what stands for it in arguments of further calls."""

    def keep(self, *values: Any) -> tuple[Any, ...]:
        """Begin to compute values together, of which some are asked for more than once."""

    def get(self, label: str, *values: Any) -> tuple[Any, ...]:
        """Return values of calls; what is computed is shown under a label."""


@dataclass(frozen=True)
class Here:
    """Runs tasks in this process, one after the other."""

    n_jobs: int | None

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Return the value."""
        return function(self.n_jobs, *arguments)

    def keep(self, *values: Any) -> tuple[Any, ...]:
        """Return the values."""
        return values

    def get(self, label: str, *values: Any) -> tuple[Any, ...]:
        """Return the values."""
        return values


@dataclass(frozen=True)
class Where:
    """Which rows a block has, and what they must be."""

    position: int
    first: int
    rows: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    group: Any = None

    def __str__(self) -> str:
        return f"chunk {self.position} (rows {self.first} to {self.first + self.rows - 1})"


@dataclass(frozen=True)
class OnDisk:
    """Some rows of an array on disk, read by the task that asks for them."""

    array: Any
    first: int
    stop: int

    def read(self, at: NDArray[np.intp] | None) -> Array:
        """Return all rows, or some."""
        if at is not None and isinstance(self.array, np.memmap):
            return np.asarray(self.array[self.first + at])
        rows = np.asarray(self.array[self.first : self.stop])
        return rows if at is None else rows[at]


@dataclass(frozen=True, kw_only=True)
class Block:
    """A block of samples with their targets and weights: arrays, ``OnDisk``, or values of tasks."""

    where: Where
    X: Any
    y: Any = None
    weight: Any = None


@dataclass(frozen=True, kw_only=True)
class Blocks:
    """Samples in blocks, and what runs tasks on them.

    Attributes
    ----------
    shape : tuple of int
        Numbers of samples and of features.
    dtype : dtype
    blocks : list of Block
        In order; empty ones as well.
    targets : callable
        Takes what y holds of a block to targets (c, t).
    executor : Executor
    """

    shape: tuple[int, int]
    dtype: np.dtype[Any]
    blocks: list[Block]
    executor: Executor
    targets: Callable[[Array], Array]

    def rows(self, at: NDArray[np.intp]) -> Any:
        """Return a task: the samples at ascending rows, their targets (c, t) and weights."""
        parts = []
        for block in self.blocks:
            first = block.where.first
            some = at[slice(*np.searchsorted(at, (first, first + block.where.rows)))] - first
            if len(some):
                given = (block.X, block.y, block.weight, block.where, some, self.targets)
                parts.append(self.executor.call(_rows_of_block, *given))
        return self.executor.call(_joined, parts)

    def centres(self, bound: Any, m: int, centers: str, random_state: Any) -> Any:
        """Return a task: m centres, found on one worker among rows that are drawn here."""
        rng = as_generator(random_state)
        among = rows_to_search(self.shape[0], m, centers, rng)
        return self.executor.call(_centres, bound, self.rows(among), among, m, centers, rng)

    def sums(
        self, centres: Any, m: int, n_targets: int, size: int, held: NDArray[np.intp] | None
    ) -> Any:
        """Return a task: sums over all samples but those held out, `size` rows at a time.

        With m centres; a run of blocks has so many rows that adding its sums costs little.
        """
        used = [block for block in self.blocks if block.where.rows]
        runs = runs_of([block.where.rows for block in used], max(size, _ROWS_PER_CENTRE * m))

        def leaf(position: int) -> Any:
            run = [used[i] for i in runs[position]]
            out = None if held is None else [_within(held, block.where) for block in run]
            return self.executor.call(
                _sums_of_blocks,
                [block.X for block in run],
                [block.y for block in run],
                [block.weight for block in run],
                [block.where for block in run],
                out,
                centres,
                (n_targets, size, self.targets),
            )

        return tree(len(runs), leaf, lambda parts: self.executor.call(_added, parts))


def _within(rows: NDArray[np.intp], where: Where) -> NDArray[np.intp]:
    """Those of some ascending rows that a block has, counted from its first."""
    ends = np.searchsorted(rows, (where.first, where.first + where.rows))
    return rows[slice(*ends)] - where.first


def is_dask_array(X: Any) -> bool:
    """Tell an array of Dask, without importing it."""
    graph = getattr(X, "__dask_graph__", None)
    if not callable(graph) or isinstance(X, type) or graph() is None:
        return False
    return is_array_like(X) and hasattr(X, "rechunk") and hasattr(X, "map_blocks")


def blocks_on_disk(
    X: Any, y: Any, weight: Any, lengths: Sequence[int], group: Any, targets: Any, n_jobs: Any
) -> Blocks:
    """Return the blocks of an array on disk; targets and weights may be on disk or in memory."""
    blocks, first = [], 0
    for position, rows in enumerate(lengths):
        span = (first, first + rows)
        blocks.append(
            Block(
                where=Where(position, first, rows, tuple(X.shape[1:]), X.dtype, group),
                X=OnDisk(X, *span),
                y=None if y is None else OnDisk(y, *span),
                weight=None if weight is None else OnDisk(weight, *span),
            )
        )
        first += rows
    return Blocks(
        shape=tuple(X.shape), dtype=X.dtype, blocks=blocks, executor=Here(n_jobs), targets=targets
    )


# ---- tasks ---------------------------------------------------------------------------------------


def _rows_of_block(
    n_jobs: int | None,
    X: Any,
    y: Any,
    weight: Any,
    where: Where,
    at: NDArray[np.intp] | None,
    targets: Callable[[Array], Array],
) -> Rows:
    """Samples of a block, or some of them, checked, with targets (c, t) and weights."""
    samples = checked(_read(X, where, at), where, at)
    y = None if y is None else _targets(_read(y, where, at, "y"), where, at, targets)
    if weight is not None:
        weight = _weights(_read(weight, where, at, "sample_weight"), where)
    return samples, y, weight


def _joined(n_jobs: int | None, parts: list[Rows]) -> Rows:
    """Rows of several blocks as those of one."""
    X, y, weight = zip(*parts, strict=True)
    return np.concatenate(X), _all(y), _all(weight)


def _all(parts: Sequence[Array | None]) -> Array | None:
    given = [part for part in parts if part is not None]
    return np.concatenate(given) if given else None


def _centres(
    n_jobs: int | None, bound: Any, rows: Rows, among: Any, m: int, centers: str, rng: Any
) -> Centres:
    return centres_among(bound, rows[0], among, m, centers, rng, n_jobs)


def _sums_of_blocks(
    n_jobs: int | None,
    X: list[Any],
    y: list[Any],
    weight: list[Any],
    where: list[Where],
    out: list[NDArray[np.intp]] | None,
    centres: Centres,
    how: tuple[int, int, Callable[[Array], Array]],
) -> NystroemSums:
    """Sums over a run of blocks, without the rows of each that are held out."""
    n_targets, size, targets = how
    parts = []
    for i, place in enumerate(where):
        rows = _rows_of_block(n_jobs, X[i], y[i], weight[i], place, None, targets)
        if out is not None and len(out[i]):
            rows = _without(rows, out[i])
        parts.append(rows)
    samples, values, weights = parts[0] if len(parts) == 1 else _joined(n_jobs, parts)
    here = replace(centres, n_jobs=n_jobs)
    return nystroem_sums(
        chunks_of(samples, values, weights, rows=size, check=np.asarray),
        here.cross,
        here.whitening,
        n_targets,
        diag=here.bound.diag,
        n_jobs=n_jobs,
    )


def _without(rows: Rows, out: NDArray[np.intp]) -> Rows:
    X, y, weight = (None if part is None else np.delete(part, out, axis=0) for part in rows)
    assert X is not None
    return X, y, weight


def _added(n_jobs: int | None, parts: list[NystroemSums]) -> NystroemSums:
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total


# ---- what a block must be ------------------------------------------------------------------------


def _read(values: Any, where: Where, at: NDArray[np.intp] | None, name: str = "X") -> Any:
    """Rows of a block, all or some."""
    if isinstance(values, OnDisk):
        return values.read(at)
    found = values.shape[0] if getattr(values, "shape", ()) else None
    if found != where.rows:
        raise ValueError(
            f"{where}: {name} has {found} rows, {where.rows} were promised by its chunks: "
            f"{name}.compute_chunk_sizes() finds them"
        )
    return values if at is None else values[at]


def checked(rows: Any, where: Where, at: NDArray[np.intp] | None = None) -> Array:
    """Return the samples of a block as rows of floats.

    Raises
    ------
    TypeError, ValueError
        If they are not what was promised, or no samples; the message names chunk and rows.
    """
    if getattr(rows, "dtype", None) != where.dtype:
        raise ValueError(
            f"{where} has dtype {getattr(rows, 'dtype', type(rows).__name__)}, and X "
            f"{where.dtype}: bring all chunks to one dtype, "
            f"X.map_blocks(np.asarray, '{where.dtype}', dtype='{where.dtype}')"
        )
    if tuple(rows.shape[1:]) != where.shape:
        raise ValueError(
            f"{where} has samples of shape {tuple(rows.shape[1:])}, and X of {where.shape}"
        )
    try:
        return check_samples(rows, "X", where.group, host="a fit on centres is computed")
    except (TypeError, ValueError) as error:
        raise type(error)(f"{where}: {error}{_bad_row(rows, where, at)}") from error


def _bad_row(values: Any, where: Where, at: NDArray[np.intp] | None) -> str:
    """Say which row is not finite, if any."""
    if not isinstance(values, np.ndarray) or values.dtype.kind != "f" or not len(values):
        return ""
    bad = ~np.isfinite(values.reshape(len(values), -1)).all(axis=1)
    if not bad.any():
        return ""
    worst = int(bad.argmax())
    return f" (row {where.first + (worst if at is None else int(at[worst]))})"


def _targets(
    y: Any, where: Where, at: NDArray[np.intp] | None, targets: Callable[[Array], Array]
) -> Array:
    values = np.asarray(y)
    try:
        found = targets(values)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{where}: {error}") from error
    if not np.isfinite(found).all():
        raise ValueError(f"{where}: y contains NaN or infinity{_bad_row(values, where, at)}")
    return found.reshape(len(found), -1)


def _weights(weight: Any, where: Where) -> Array:
    weights = np.asarray(weight, np.float64)
    if weights.ndim != 1 or not np.isfinite(weights).all() or (weights < 0).any():
        raise ValueError(f"{where}: sample_weight must be finite, not negative, and of shape (n,)")
    return weights


def as_targets(y: Array) -> Array:
    """Return targets as float64."""
    if y.dtype.kind not in "biufO":
        raise ValueError(f"y must hold numbers, got {y.dtype}")
    return np.asarray(y, np.float64)
