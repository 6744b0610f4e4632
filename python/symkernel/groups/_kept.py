"""Keep what is derived from a group for as long as the group lives."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from functools import wraps
from typing import TypeVar

from symkernel.groups.base import Group

T = TypeVar("T")


def once_per_group(make: Callable[[Group], T]) -> Callable[[Group], T]:
    """Remember results by group; they must not refer to the group, or it would live for ever."""
    known: weakref.WeakKeyDictionary[Group, T] = weakref.WeakKeyDictionary()

    @wraps(make)
    def kept(group: Group) -> T:
        if group not in known:
            known[group] = make(group)
        return known[group]

    return kept
