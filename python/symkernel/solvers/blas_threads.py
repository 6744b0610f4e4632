"""Give BLAS as many threads as native code takes."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Any

from threadpoolctl import ThreadpoolController

from symkernel.backends.threads import resolve_jobs

__all__ = ["blas_threads"]


@cache
def _libraries() -> ThreadpoolController:
    """The libraries of threads, looked for once."""
    return ThreadpoolController()


def blas_threads(n_jobs: int | None) -> AbstractContextManager[Any]:
    """Limit BLAS to `n_jobs` threads within a ``with`` statement; None leaves it as it is set.

    The limit is one of the process: of several calls at a time the last one decides.

    Examples
    --------
    >>> from symkernel.solvers.blas_threads import blas_threads
    >>> with blas_threads(1):
    ...     pass
    """
    if n_jobs is None:
        return nullcontext()
    limit: AbstractContextManager[Any] = _libraries().limit(
        limits=resolve_jobs(n_jobs), user_api="blas"
    )
    return limit
