"""Keep what was found for a group as long as the group lives."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Generic, TypeVar

from symkernel.groups import Group

Value = TypeVar("Value")


class ByGroup(Generic[Value]):
    """Values by group. Groups are told apart by identity: to compare them may take a search.

    scikit-learn clones a kernel for every step of an optimiser, with the same group.

    Parameters
    ----------
    make : callable
        Finds the value of a group.
    """

    def __init__(self, make: Callable[[Group], Value]) -> None:
        self._make = make
        self._found: dict[int, Value] = {}

    def __call__(self, group: Group) -> Value:
        """Return the value of a group, found at first use."""
        key = id(group)
        try:
            return self._found[key]
        except KeyError:
            value = self._found[key] = self._make(group)
            weakref.finalize(group, self._found.pop, key, None).atexit = False
            return value
