"""Move samples by elements of a space group, each by one of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from symkernel.groups.lattice_motion import wrapped

if TYPE_CHECKING:
    from symkernel.groups.space_group import SpaceGroup

__all__ = ["LatticeMaps"]


class LatticeMaps:
    """Elements of a space group, one for each of n samples.

    Parameters
    ----------
    group : SpaceGroup
    ranks : int64, shape (n,)
        Their places among the elements.
    """

    def __init__(self, group: SpaceGroup, ranks: NDArray[np.int64]) -> None:
        self._group, self._ranks = group, ranks

    def act(self, rows: NDArray[Any], linear: bool) -> NDArray[Any]:
        """Move each (degree, c) of rows along its first axis by an element of its own."""
        moved = self._group.rotations[self._ranks].astype(rows.dtype) @ rows
        if linear:
            return np.asarray(moved)
        return wrapped(moved + self._group.translations[self._ranks, :, None].astype(rows.dtype))

    def inverses(self) -> LatticeMaps:
        """Return the elements that undo these."""
        place = {g: k for k, g in enumerate(self._group._listed)}
        undone = np.array([place[g.inverse()] for g in self._group._listed])
        return LatticeMaps(self._group, undone[self._ranks])

    def matrices(self) -> NDArray[np.float64]:
        """Raise ValueError: rotations act on Cartesian vectors by way of the lattice."""
        raise ValueError(
            f"{self._group!r} acts on fractional coordinates: its rotations turn vectors in the "
            "metric of the lattice only; point_group(lattice) has them"
        )
