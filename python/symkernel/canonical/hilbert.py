"""Order points along a Hilbert curve."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from symkernel.backends.canonical import Curve
from symkernel.validation import as_count

__all__ = ["HilbertOrder"]

_KEY_BITS = 64
_MOST_BITS = 32


@dataclass(frozen=True)
class HilbertOrder:
    """Order of points along a Hilbert curve through the cells of a cube.

    Parameters
    ----------
    bits : int, default=None
        The cube has 2^bits cells a side; by default as many as fit 64 bits over all coordinates, at
        most 32. Points of one cell are in lexicographic order.
    box : pair of array-like of shape (channels,) or float, default=None
        Least and greatest coordinates, where they are known beforehand; points beyond count as on
        its walls. The cube's side is the longest of the box. None takes the bounding box of the
        points of each sample, which does not depend on their order.

    Raises
    ------
    ValueError
        If the box is empty or not finite.

    Notes
    -----
    Representatives are the same bit for bit all over an orbit, whatever the box. The order jumps
    where a point passes the wall of a cell: the gap is a lower bound of the distance to there.
    Source of the curve: Skilling, AIP Conf. Proc. 707 (2004) 381. O(bits) a coordinate and point.

    Examples
    --------
    >>> import numpy as np
    >>> from symkernel.canonical.sorting import SortForm
    >>> from symkernel.groups import Symmetric
    >>> corners = np.array([[1.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0]])
    >>> G = Symmetric(4).along(0, (4, 2))
    >>> SortForm(G, HilbertOrder(bits=4, box=(0, 1))).representatives(corners).reshape(4, 2)
    array([[0., 0.],
           [0., 1.],
           [1., 1.],
           [1., 0.]])
    """

    bits: int | None = None
    box: tuple[ArrayLike, ArrayLike] | Sequence[ArrayLike] | None = None

    def curve(self, channels: int) -> Curve:
        """Return the curve for points of so many coordinates."""
        if channels > _KEY_BITS:
            raise ValueError(
                f"a Hilbert curve takes points of at most {_KEY_BITS} coordinates, got {channels}"
            )
        most = _KEY_BITS // channels
        bits = min(most, _MOST_BITS) if self.bits is None else as_count(self.bits, "bits")
        if bits > min(most, _MOST_BITS):
            raise ValueError(
                f"bits must be at most {min(most, _MOST_BITS)} for points of {channels} "
                f"coordinates, got {bits}"
            )
        if self.box is None:
            return Curve(bits)
        if len(self.box) != 2:
            raise ValueError(f"box must be a pair (least, greatest), got {self.box!r}")
        low, high = (
            np.broadcast_to(np.asarray(side, dtype=np.float64), (channels,)) for side in self.box
        )
        side = float((high - low).max())
        if not (np.isfinite(low).all() and np.isfinite(side) and (high >= low).all() and side > 0):
            raise ValueError(f"box must be finite and not empty, got {self.box!r}")
        return Curve(bits, tuple(low.tolist()), side)
