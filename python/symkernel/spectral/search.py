"""Bound a search for invariant functions, and remember what it found."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator

import numpy as np

from symkernel.groups import Group
from symkernel.spectral.manifold import Level, Manifold
from symkernel.spectral.subspace import InvariantSubspace

__all__ = ["found_subspace", "levels_within_reach", "within_reach"]

# Multiply-adds that a search takes at most, roughly: a minute or two of one core.
_MOST_WORK = 2e11
# Bytes of invariant functions that are remembered.
_KEPT_BYTES = 2**28


def levels_within_reach(manifold: Manifold, group: Group, max_level: int | float) -> list[Level]:
    """Return the levels up to ``max_level``, whose invariant functions can be found.

    Raises
    ------
    ValueError
        Before anything is searched, if it would take too long; the message counts the functions.
    """
    return list(within_reach(manifold, group, f"max_level={max_level!r}", max_level))


def within_reach(
    manifold: Manifold, group: Group, words: str, max_level: int | float | None = None
) -> Iterator[Level]:
    """Yield all levels in turn while the work of searching them stays bounded.

    Raises
    ------
    ValueError
        At the level that goes too far; ``words`` is the argument that asks for it.
    """
    work, total, last = 0.0, 0, 0.0
    for known in manifold.all_levels():
        if max_level is not None and known.level > float(max_level) * (1.0 + 1e-12):
            return
        total += known.multiplicity
        work += manifold._search_work(group, known)
        if work > _MOST_WORK:
            raise ValueError(
                f"{words} is too far to find the functions of {manifold!r} that {group!r} leaves "
                f"as they are: {_counted(manifold, max_level, known, total)}. Level {last} is the "
                "highest that is searched; use that, or the average of a kernel in closed form, "
                "which needs no functions (InvariantKernelRidge)"
            )
        yield known
        last = known.level


def _counted(manifold: Manifold, max_level: int | float | None, known: Level, total: int) -> str:
    from_degree = getattr(manifold, "_total", None)
    if max_level is not None and from_degree is not None:
        return f"there are {manifold.count(max_level):,} functions up to level {max_level}"
    return f"there are {total:,} functions up to level {known.level} alone"


class _Key:
    """A level of a manifold under a group, equal when all were made alike.

    Equality of groups as sets of maps may take an enumeration, which no search here does.
    """

    def __init__(self, manifold: Manifold, group: Group, level: float, tol: float) -> None:
        self._plain = (manifold, level, tol, type(group), group.degree)
        self._group = group

    def __hash__(self) -> int:
        return hash(self._plain)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _Key) or self._plain != other._plain:
            return False
        mine, others = self._group, other._group
        return mine is others or bool(mine._arguments() == others._arguments())


class _Kept:
    """Subspaces found last, up to so many bytes."""

    def __init__(self) -> None:
        self._found: OrderedDict[_Key, tuple[InvariantSubspace, int]] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def get(self, key: _Key) -> InvariantSubspace | None:
        with self._lock:
            if key not in self._found:
                return None
            self._found.move_to_end(key)
            return self._found[key][0]

    def put(self, key: _Key, subspace: InvariantSubspace) -> None:
        arrays = [value for value in vars(subspace).values() if isinstance(value, np.ndarray)]
        size = 1000 + sum(array.nbytes for array in arrays)
        for array in arrays:  # they are shared from now on
            array.flags.writeable = False
        with self._lock:
            if size > _KEPT_BYTES or key in self._found:
                return
            self._found[key] = (subspace, size)
            self._bytes += size
            while self._bytes > _KEPT_BYTES:
                self._bytes -= self._found.popitem(last=False)[1][1]


_KEPT = _Kept()


def found_subspace(
    manifold: Manifold, group: Group, level: int | float, tol: float
) -> InvariantSubspace:
    """Return the invariant functions of a level, remembered for equal manifolds and groups."""
    key = _Key(manifold, group, level, tol)
    found = _KEPT.get(key)
    if found is None:
        found = manifold.invariants(group, level, tol)
        _KEPT.put(key, found)
    return found
