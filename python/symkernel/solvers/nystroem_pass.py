"""Sum Nystroem features over chunks of samples, of which none but the last is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symkernel.solvers.blas_threads import blas_threads
from symkernel.solvers.chunks import Chunk
from symkernel.solvers.nystroem import NystroemSums
from symkernel.solvers.whitening import Whitening

__all__ = ["nystroem_sums"]

Array = NDArray[Any]


def nystroem_sums(
    chunks: Iterable[Chunk],
    cross: Callable[[Array], Array],
    whitening: Whitening,
    n_targets: int,
    *,
    diag: Callable[[Array], Array] | None = None,
    sums: NystroemSums | None = None,
    after: Callable[[NystroemSums], None] | None = None,
    n_jobs: int | None = None,
) -> NystroemSums:
    """Add the samples of all chunks to sums.

    Parameters
    ----------
    chunks : iterable of Chunk
        As ``chunks_of`` yields them.
    cross : callable
        Takes samples (c, ...) to their kernel values with the centres, (c, M), in memory that may
        be overwritten; float64 in Fortran order is not copied.
    whitening : Whitening
        Of the M centres.
    n_targets : int
        Columns of y; 0 where chunks have none.
    diag : callable, optional
        Takes samples (c, ...) to K(x, x), (c,), for the trace of the residual.
    sums : NystroemSums, optional
        Sums to go on from, which are changed; none by default.
    after : callable, optional
        Called with the sums after every chunk, to save them or to show progress.
    n_jobs : int, optional
        Threads of whitening and of BLAS: None for as many as they are set to, -1 for all; `cross`
        and `diag` have their own.

    Returns
    -------
    NystroemSums
        `sums`, or new ones.

    Notes
    -----
    c M kernel values and c M^2 multiply-adds for c samples, in the threads of the kernel and of
    BLAS. Memory: the sums, 8 M^2 bytes, and kernel values of one chunk.

    Examples
    --------
    >>> import numpy as np
    >>> from symkernel.solvers.chunks import chunks_of
    >>> from symkernel.solvers.nystroem_pass import nystroem_sums
    >>> from symkernel.solvers.whitening import whiten
    >>> X, y = np.arange(6.0)[:, None] / 6, np.arange(6.0)
    >>> cross = lambda A: np.exp(-((A - X[:, 0]) ** 2))  # centres are all samples
    >>> sums = nystroem_sums(chunks_of(X, y, rows=2), cross, whiten(cross(X)), 1)
    >>> sums.rows, sums.mean.round(12).tolist()
    (6, [2.5])
    """
    if sums is None:
        sums = NystroemSums.zeros(len(whitening), n_targets)
    with blas_threads(n_jobs):
        for chunk in chunks:
            if len(chunk):
                diagonal = None if diag is None else np.asarray(diag(chunk.X), dtype=np.float64)
                B = whitening.apply(cross(chunk.X), n_jobs)
                sums.add(B, chunk.y, chunk.weight, diagonal)
            if after is not None:
                after(sums)
    return sums
