"""Add in a fixed order, so that sums have the same digits wherever their parts are made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

__all__ = ["runs_of", "tree"]

T = TypeVar("T")

# Neighbours that are added at once. With two, one sum a level waits for another.
_BRANCHES = 2


def tree(n: int, leaf: Callable[[int], T], add: Callable[[list[T]], T]) -> T:
    """Add n parts to their neighbours, the sums to theirs, and so on.

    Parameters
    ----------
    n : int
        Number of parts, at least one.
    leaf : callable
        Takes a position to the part there; called in order.
    add : callable
        Takes two parts or sums, in order, to their sum.

    Notes
    -----
    Up to 1 + log2 n sums wait at a time.

    Examples
    --------
    >>> from symkernel.solvers.tree import tree
    >>> tree(6, str, lambda parts: f"({' + '.join(parts)})")
    '(((0 + 1) + (2 + 3)) + (4 + 5))'
    """
    span = 1
    while span * _BRANCHES < n:
        span *= _BRANCHES
    return _node(0, n, span, leaf, add)


def _node(
    first: int, n: int, span: int, leaf: Callable[[int], T], add: Callable[[list[T]], T]
) -> T:
    """Sum of the parts from `first` to n, at most twice `span`."""
    starts = range(first, min(n, first + _BRANCHES * span), span)
    if span == 1:
        parts = [leaf(start) for start in starts]
    else:
        parts = [_node(start, n, span // _BRANCHES, leaf, add) for start in starts]
    return parts[0] if len(parts) == 1 else add(parts)


def runs_of(lengths: Sequence[int], rows: int) -> list[range]:
    """Return runs of neighbouring blocks of at least so many rows in all; empty ones are left out.

    Parameters
    ----------
    lengths : sequence of int
        Rows of each block.
    rows : int
        What a run has at least, but for the last.

    Examples
    --------
    >>> from symkernel.solvers.tree import runs_of
    >>> runs_of([3, 4, 9, 0, 1], rows=5)
    [range(0, 2), range(2, 3), range(3, 5)]
    """
    runs, first, total = [], 0, 0
    for position, length in enumerate(lengths):
        total += length
        if total >= rows or (position == len(lengths) - 1 and total):
            runs.append(range(first, position + 1))
            first, total = position + 1, 0
    return runs
