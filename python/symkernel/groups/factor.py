"""Describe a group in normal form: atomic groups, each along some axes of an array."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from symkernel.groups.base import Group

__all__ = ["Factor"]


@dataclass(frozen=True)
class Factor:
    """One factor of a group: ``group`` along ``axes`` of samples of ``shape``.

    The action is that of ``group.along(axes, shape)``; a group on all d features has axes (0,)
    and shape (d,), or all axes of its own shape.

    Attributes
    ----------
    group : Group
        The atomic group; it acts on the product of the lengths of the axes.
    axes : tuple of int
    shape : tuple of int

    Examples
    --------
    >>> from symkernel.groups import SE
    >>> for factor in SE(3).along(1, (9, 3)).factors():
    ...     print(factor.group, factor.axes, factor.shape)
    Translations(3) (1,) (9, 3)
    SO(3) (1,) (9, 3)
    """

    group: Group
    axes: tuple[int, ...]
    shape: tuple[int, ...]

    @property
    def action(self) -> Group:
        """The group along its axes, on all features of a sample."""
        return self.group.along(self.axes, self.shape)

    def placed(self, axes: tuple[int, ...], shape: tuple[int, ...]) -> Factor | None:
        """Return this factor of a group that itself acts along axes of a larger array.

        The array of this factor is laid over ``axes`` in C order. When the lengths differ, one
        axis is split into the axes of this factor, (2, 12) becoming (2, 4, 3). Two or more axes
        that would have to be split otherwise have no such form: None.
        """
        if self.shape == tuple(shape[a] for a in axes):
            return Factor(self.group, tuple(axes[a] for a in self.axes), shape)
        if self.axes == tuple(range(len(self.shape))):
            return Factor(self.group, axes, shape)
        if len(axes) == 1:
            (place,) = axes
            split = (*shape[:place], *self.shape, *shape[place + 1 :])
            return Factor(self.group, tuple(place + a for a in self.axes), split)
        return None
