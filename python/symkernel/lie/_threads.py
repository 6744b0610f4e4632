"""Limit the threads of BLAS for many short calls."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, wraps
from typing import ParamSpec, TypeVar

from threadpoolctl import ThreadpoolController

P = ParamSpec("P")
R = TypeVar("R")


@cache
def _libraries() -> ThreadpoolController:
    """The libraries of threads, looked for once."""
    return ThreadpoolController()


def few_threads(function: Callable[P, R]) -> Callable[P, R]:
    """Run a function on one thread of BLAS.

    Matrices of a few hundred rows gain nothing from several, which wait for one another between
    hundreds of short calls; with other work on the machine that took ten times as long.
    """

    @wraps(function)
    def limited(*args: P.args, **kwargs: P.kwargs) -> R:
        with _libraries().limit(limits=1, user_api="blas"):
            return function(*args, **kwargs)

    return limited
