"""Run tasks on Dask: by the current client, or else by the scheduler that is set.

Imported only where an array of Dask comes.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import dask
import dask.array as da
import numpy as np
from dask.base import get_scheduler
from dask.diagnostics import ProgressBar
from dask.system import CPU_COUNT
from numpy.typing import NDArray

from symkernel.estimators._blocks import Block, Blocks, Where
from symkernel.solvers.blas_threads import all_threads

Array = NDArray[Any]

# Whether the system tells on which cores a process may run.
_TELLS = hasattr(os, "sched_getaffinity")


# ---- threads -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Share:
    """How many threads a task may take: its share of the cores, whatever OMP_NUM_THREADS says.

    Attributes
    ----------
    asked : int or None
        `n_jobs` of the estimator: no task takes more.
    pool : int
        Tasks at a time where Dask runs them in this process.
    hosts : dict of str to int
        Tasks at a time on each host of a cluster, over all of its workers.
    """

    asked: int | None
    pool: int
    hosts: dict[str, int]

    def threads(self) -> int:
        """Return the number for the task that calls: cores // tasks at a time."""
        tasks = self.pool
        worker = _worker()
        if worker is not None:
            tasks = max(int(worker.state.nthreads), self.hosts.get(_host(worker.address), 0))
        share = max(1, _cores() // max(1, tasks))
        return share if self.asked is None or self.asked < 1 else min(share, self.asked)


def share_of(n_jobs: int | None) -> Share:
    """Return the share of tasks that run where Dask would run them now."""
    client = _client()
    hosts: dict[str, int] = {}
    if client is not None:
        for worker in client.scheduler_info(n_workers=-1)["workers"].values():
            hosts[worker["host"]] = hosts.get(worker["host"], 0) + int(worker["nthreads"])
    return Share(n_jobs, _pool(), hosts)


def _client() -> Any:
    """The client that would compute, or None."""
    owner = getattr(get_scheduler(), "__self__", None)
    return owner if hasattr(owner, "scheduler_info") else None


def _pool() -> int:
    """Tasks at a time without a cluster."""
    if getattr(get_scheduler(), "__name__", "") == "get_sync":
        return 1
    pool = dask.config.get("pool", None)
    workers = getattr(pool, "_max_workers", None) or dask.config.get("num_workers", None)
    return int(workers or CPU_COUNT)


def _cores() -> int:
    """Cores that this process may use."""
    return min(CPU_COUNT, len(os.sched_getaffinity(0))) if _TELLS else int(CPU_COUNT)


def _worker() -> Any:
    """The worker that runs this task, or None."""
    try:
        from distributed import get_worker
    except ImportError:
        return None
    try:
        return get_worker()
    except ValueError:
        return None


def _host(address: str) -> str:
    from distributed.comm import get_address_host

    return str(get_address_host(address))


def _run(share: Share, function: Callable[..., Any], *arguments: Any) -> Any:
    """Run a task with its threads."""
    n_jobs = share.threads()
    with all_threads(n_jobs):
        return function(n_jobs, *arguments)


# ---- fit -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class OnDask:
    """Runs tasks on Dask."""

    share: Share
    show: bool = False

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Return what stands for the value."""
        return dask.delayed(_run, pure=False)(self.share, function, *arguments)

    def keep(self, *values: Any) -> tuple[Any, ...]:
        """Begin to compute values, which stay where they were computed."""
        return tuple(dask.persist(*values))

    def get(self, label: str, *values: Any) -> tuple[Any, ...]:
        """Compute values; a progress bar is Dask's own."""
        client = _client()
        if not self.show:
            return tuple(dask.compute(*values))
        print(label)
        if client is None:
            with ProgressBar():
                return tuple(dask.compute(*values))
        from distributed import progress

        futures = client.compute(list(values))
        progress(futures, notebook=False)
        return tuple(client.gather(futures))


def blocks_of_dask(
    X: Any,
    y: Any,
    weight: Any,
    group: Any,
    targets: Callable[[Array], Array],
    n_jobs: int | None,
    show: bool = False,
) -> Blocks:
    """Return the blocks of a Dask array, whose sizes are known; nothing is computed.

    Features come into one block each; targets and weights, of Dask or in memory, into the blocks of
    X.
    """
    X = X.rechunk(dict.fromkeys(range(1, X.ndim), -1))
    parts = [_delayed(X)]
    for values in (y, weight):
        if values is None:
            parts.append([None] * X.numblocks[0])
            continue
        along = (X.chunks[0], *((size,) for size in values.shape[1:]))
        whole = values if hasattr(values, "rechunk") else da.asarray(values)
        parts.append(_delayed(whole.rechunk(along)))
    blocks, first = [], 0
    for position, (rows, *given) in enumerate(zip(X.chunks[0], *parts, strict=True)):
        where = Where(position, first, int(rows), tuple(X.shape[1:]), X.dtype, group)
        blocks.append(Block(where=where, X=given[0], y=given[1], weight=given[2]))
        first += int(rows)
    shape = (int(X.shape[0]), int(np.prod(X.shape[1:])))
    executor = OnDask(share_of(n_jobs), show)
    return Blocks(shape=shape, dtype=X.dtype, blocks=blocks, executor=executor, targets=targets)


def _delayed(X: Any) -> list[Any]:
    return list(X.to_delayed().ravel())


# ---- predictions ---------------------------------------------------------------------------------


def mapped(
    model: Any, method: str, X: Any, tail: tuple[int, ...], dtype: Any, **options: Any
) -> Any:
    """Return what a method of a model makes of samples, as an array of Dask; nothing is computed.

    Parameters
    ----------
    model : estimator
        Fitted; sent to every worker once.
    method : str
        Takes samples (c, ...) to an array (c, *tail), or a tuple with it at the end.
    X : dask array of shape (n, ...)
        The sizes of its blocks may be unknown.
    tail : tuple of int
        Shape of the values of one sample.
    dtype : dtype
        Of the values.
    **options
        Of the method.
    """
    X = X.rechunk(dict.fromkeys(range(1, X.ndim), -1))
    sent = dask.delayed(copy.copy(model), traverse=False, pure=False)
    return X.map_blocks(
        _values,
        sent,
        (method, options, tail, np.dtype(dtype)),
        share_of(model.n_jobs),
        dtype=dtype,
        meta=np.empty((0,) * (1 + len(tail)), dtype),
        chunks=(X.chunks[0], *((size,) for size in tail)),
        drop_axis=list(range(1, X.ndim)),
        new_axis=list(range(1, 1 + len(tail))),
        name=f"{method}-{sent.key}",
    )


def _values(
    block: Any, model: Any, how: tuple[Any, ...], share: Share, block_info: Any = None
) -> Any:
    method, options, tail, dtype = how
    if not block.shape[0]:
        return np.empty((0, *tail), dtype)
    model = copy.copy(model)
    model.n_jobs = share.threads()
    with all_threads(model.n_jobs):
        try:
            found = getattr(model, method)(block, **options)
        except (TypeError, ValueError) as error:
            raise type(error)(f"{_place(block, block_info)}: {error}") from error
    found = found[-1] if isinstance(found, tuple) else found
    return found.astype(dtype, copy=False)


def _place(block: Any, block_info: Any) -> str:
    """Name a block by its position, and its rows where the sizes of blocks are known."""
    position = block_info[0]["chunk-location"][0]
    first, stop = block_info[0]["array-location"][0]
    rows = "" if np.isnan(stop) else f" (rows {first} to {stop - 1})"
    if isinstance(block, np.ndarray) and block.dtype.kind == "f":
        bad = ~np.isfinite(block.reshape(len(block), -1)).all(axis=1)
        rows += f", row {int(bad.argmax())} of it" if bad.any() else ""
    return f"chunk {position}{rows}"
