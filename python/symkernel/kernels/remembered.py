"""Remember the plan of a kernel's last call for the next one."""

from __future__ import annotations

from typing import Any

from sklearn.base import clone
from sklearn.gaussian_process.kernels import Kernel

from symkernel.groups import Group
from symkernel.plans.base import Plan

Table = tuple[int | None, tuple[str, ...] | None]


class RememberedPlan:
    """A plan and what was asked for when it was made.

    A rule that was chosen from the samples of one call has to serve the next: a model that is
    fitted with one kernel must not predict with another. It is pickled as the choice that was made,
    without the plan.

    Parameters
    ----------
    base : Kernel
        Base kernel; a copy is kept.
    group : Group or str
        Group, or its name.
    words : tuple
        All else that the plan depends on.
    table : tuple of int and of names or None, or None
        Number of features, and their names where columns are named, that the group was bound to.
    plan : Plan
        The plan.
    """

    def __init__(
        self,
        base: Kernel,
        group: Group | str,
        words: tuple[Any, ...],
        table: Table | None,
        plan: Plan,
    ) -> None:
        self._base = clone(base)
        self._group = group
        self._words = words
        self.table = table
        self.plan: Plan | None = plan
        self._chosen: tuple[int, bool] | None = None

    @property
    def chosen(self) -> tuple[int, bool] | None:
        """The rule that samples have chosen, if they have."""
        return self._chosen if self.plan is None else self.plan.chosen

    def serves_group(self, group: Group | str) -> bool:
        """Whether the group is the same: names are compared by value, groups by identity."""
        return group is self._group or (isinstance(group, str) and group == self._group)

    def serves(
        self, base: Kernel, group: Group | str, words: tuple[Any, ...], table: Table | None
    ) -> bool:
        """Whether the same is asked for again."""
        known = self.plan is not None or self._chosen is not None
        same = self.serves_group(group) and (words, table) == (self._words, self.table)
        return known and same and _agree(base, self._base)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "plan": None, "_chosen": self.chosen}


# Attributes that `==` compares as a whole.
_SIMPLE = (float, int, str, bool, type(None))


def _agree(base: Kernel, other: Kernel) -> bool:
    """Whether two kernels are equal; those of plain numbers without asking for their signature."""
    mine, theirs = vars(base), vars(other)
    if type(base) is type(other) and len(mine) == len(theirs):
        for name, value in mine.items():
            simple = all(map(_is_simple, value)) if type(value) is tuple else _is_simple(value)
            if not simple or name not in theirs or value != theirs[name]:
                break
        else:
            return True
    return bool(base == other)


def _is_simple(value: object) -> bool:
    return type(value) in _SIMPLE
