"""Keep what was found for a group as long as the group lives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from symkernel.groups.base import Group

Value = TypeVar("Value")


class ByGroup(Generic[Value]):
    """Values by group, kept with the group itself; copies from a pickle start without.

    Groups are told apart by identity: equal groups that were described in other ways may have other
    plans. scikit-learn clones a kernel for every step of an optimiser, with the same group.

    Parameters
    ----------
    make : callable
        Finds the value of a group.
    """

    def __init__(self, make: Callable[[Group], Value]) -> None:
        self._make = make

    def __call__(self, group: Group) -> Value:
        """Return the value of a group, found at first use."""
        kept = group._found
        if self not in kept:
            kept[self] = self._make(group)
        value: Value = kept[self]
        return value
