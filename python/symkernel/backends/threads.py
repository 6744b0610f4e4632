"""Count the threads of native calls."""

from __future__ import annotations

from numbers import Integral
from typing import Any

from symkernel.backends.native import _cpu

__all__ = ["check_n_jobs", "resolve_jobs"]


def check_n_jobs(n_jobs: Any) -> None:
    """Raise unless n_jobs is None or an integer other than zero."""
    if n_jobs is None:
        return
    if not isinstance(n_jobs, Integral) or isinstance(n_jobs, bool):
        raise TypeError(f"n_jobs must be an integer or None, got {n_jobs!r}")
    if n_jobs == 0:
        raise ValueError("n_jobs must not be 0; use None, a positive number or -1")


def resolve_jobs(n_jobs: int | None) -> int:
    """Return the number of native threads: 0 (OpenMP's own) for None, else joblib's convention.

    Raises
    ------
    TypeError, ValueError
        If `n_jobs` is no integer, or 0.
    """
    check_n_jobs(n_jobs)
    if n_jobs is None:
        return 0
    return n_jobs if n_jobs > 0 else max(1, _cpu.max_threads() + 1 + n_jobs)
