"""Give BLAS as many threads as native code takes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from threading import Lock
from typing import Any

from threadpoolctl import ThreadpoolController

from symkernel.backends.threads import resolve_jobs

__all__ = ["all_threads", "blas_threads"]


@cache
def _libraries() -> ThreadpoolController:
    """The libraries of threads, looked for once."""
    return ThreadpoolController()


class _Limit:
    """The limit of BLAS, which is one of the process: what it was comes back after the last call.

    Calls of several threads overlap, so that each cannot put back what it has found.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._asked: list[int] = []
        self._first: Any = None

    def set(self, n: int) -> None:
        with self._lock:
            limiter = _libraries().limit(limits=n, user_api="blas")
            if not self._asked:
                self._first = limiter
            self._asked.append(n)

    def unset(self, n: int) -> None:
        with self._lock:
            self._asked.remove(n)
            if self._asked:
                _libraries().limit(limits=self._asked[-1], user_api="blas")
            else:
                self._first.restore_original_limits()


_BLAS = _Limit()


@contextmanager
def _limited(n: int) -> Iterator[None]:
    _BLAS.set(n)
    try:
        yield
    finally:
        _BLAS.unset(n)


def blas_threads(n_jobs: int | None) -> AbstractContextManager[Any]:
    """Limit BLAS to `n_jobs` threads within a ``with`` statement; None leaves it as it is set.

    The limit is one of the process: of several calls at a time the last one decides, and what was
    set before the first comes back after all of them.

    Examples
    --------
    >>> from symkernel.solvers.blas_threads import blas_threads
    >>> with blas_threads(1):
    ...     pass
    """
    return nullcontext() if n_jobs is None else _limited(resolve_jobs(n_jobs))


@contextmanager
def all_threads(n_jobs: int | None) -> Iterator[None]:
    """Limit OpenMP in the calling thread as well, whatever OMP_NUM_THREADS says.

    Examples
    --------
    >>> from symkernel.solvers.blas_threads import all_threads
    >>> with all_threads(1):
    ...     pass
    """
    if n_jobs is None:
        yield
        return
    openmp = _libraries().limit(limits=resolve_jobs(n_jobs), user_api="openmp")
    with openmp, blas_threads(n_jobs):
        yield
