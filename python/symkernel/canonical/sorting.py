"""Sort points, under symmetric, alternating, Young and signed permutation groups."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symkernel.backends.canonical import SortedPoints, sort_points
from symkernel.canonical.base import CanonicalForm, CanonicalForms
from symkernel.canonical.hilbert import HilbertOrder
from symkernel.canonical.points import (
    PointLayout,
    factor_of,
    features_of,
    orders_as_integers,
)
from symkernel.groups import Group
from symkernel.groups.role import Kind

__all__ = ["SortForm"]

_GROUPS = "Symmetric, Young, Hyperoctahedral, SignFlips, Alternating, Trivial"
#: Gaps up to this many units of rounding count as degenerate.
ROUNDINGS = 64


class SortForm(CanonicalForm):
    """Points in increasing order, the least in lexicographic order of all arrangements.

    * ``Symmetric``, ``Young``: points sorted, of Young subgroups among those of one label;
    * ``SignFlips``: the first number that is not zero made positive in every point;
    * ``Hyperoctahedral``: that, and then sorted;
    * ``Alternating``: sorted, and the last two exchanged where the permutation would be odd and no
      two points are equal.

    A group on n features moves single numbers; along an axis of an array it moves vectors, which
    are compared lexicographically.

    Parameters
    ----------
    group : Group
        One of the above, or such a group along some axes of an array.
    order : {"lexicographic", "hilbert"} or HilbertOrder, default="lexicographic"
        How vectors are ordered by Symmetric and Young groups. Along a Hilbert curve, neighbours in
        the list are neighbours in space, which regressions on representatives profit from.

    Raises
    ------
    TypeError
        If ``group`` is no group.
    ValueError
        If it is another group, or cannot be ordered along a curve.

    Notes
    -----
    Representatives are the same bit for bit all over an orbit; -0.0 counts as 0.0. Of equal points
    the first comes first, so that transporters are the same every time. Sorting n numbers by
    networks costs n log(n)^2 comparisons a sample, one sample in each lane of a vector.

    On single numbers the form is continuous, but for Alternating, where it jumps at equal numbers.
    On vectors it cannot be continuous (Dym, Lawrence, Siegel 2024); the gap is the distance to the
    nearest sample in which two different points share their first number, or a point that is not
    zero begins with zero where signs change, over the norm of the sample.

    Examples
    --------
    >>> import numpy as np
    >>> from symkernel.canonical.sorting import SortForm
    >>> from symkernel.groups import Hyperoctahedral, Symmetric
    >>> found = SortForm(Hyperoctahedral(3)).canonicalize(np.array([[2.0, 0.0, -1.0]]))
    >>> found.representative, found.transporter[0], found.stabilizer_order
    (array([[0., 1., 2.]]), SignedPermutation([1, 2, 0], [1, -1, 1]), array([2], dtype=object))
    >>> form = SortForm(Symmetric(2).along(0, (2, 2)))
    >>> form.representatives(np.array([[3.0, 1.0, 3.0, 0.0]]))
    array([[3., 0., 3., 1.]])
    """

    exact = True

    def __init__(self, group: Group, order: str | HilbertOrder = "lexicographic") -> None:
        factor = factor_of(group, "SortForm", Kind.EXCHANGES, _GROUPS)
        self.group = group
        role = factor.group.role
        layout = PointLayout.along(factor.axes, factor.shape)
        self._flips, self._even = role.signs, role.even
        n = layout.points
        self._blocks = blocks = role.blocks
        self._offsets = [0, *np.cumsum([len(b) for b in blocks]).tolist()] if blocks else [0]
        # Points of one block after those of another: order[i] is the i-th point.
        order_of = [i for block in blocks for i in block] or list(range(n))
        self._places = np.array(order_of, np.int32)
        if order_of != list(range(n)):
            own = np.arange(n * layout.channels) if layout.features is None else layout.features
            layout = PointLayout(n, layout.channels, own.reshape(n, -1)[order_of].reshape(-1))
        self._layout = layout
        if isinstance(order, str) and order not in ("lexicographic", "hilbert"):
            raise ValueError(
                f"order must be 'lexicographic', 'hilbert' or a HilbertOrder, got {order!r}"
            )
        self._curve = None
        if order != "lexicographic":
            if not role.sorts:
                raise ValueError(
                    "only Symmetric and Young groups are ordered along a curve, not "
                    f"{factor.group!r}"
                )
            chosen = order if isinstance(order, HilbertOrder) else HilbertOrder()
            self._curve = chosen.curve(layout.channels)
        self._continuous = (layout.channels == 1 and not self._even) or n * layout.channels == 1
        if self._curve is not None or not blocks:
            self._continuous = self._curve is None and (layout.channels == 1 or not self._flips)
        self.steps = self._describe()

    def _describe(self) -> tuple[str, ...]:
        steps = []
        if self._flips:
            steps.append("make the first number of every point that is not zero positive")
        if self._curve is not None:
            steps.append(f"sort points along a Hilbert curve, {self._curve.bits} bits a coordinate")
        elif self._blocks:
            steps.append("sort points" + (" of one label" if len(self._blocks) > 1 else ""))
        if self._even:
            steps.append("exchange the last two where that keeps the permutation even")
        return tuple(steps)

    def _sorted(self, X: NDArray[Any], details: bool, n_jobs: int | None) -> SortedPoints:
        Z = self._layout.split(features_of(X, self.group.degree))
        return sort_points(
            Z,
            self._layout.points,
            self._layout.channels,
            self._offsets,
            flips=self._flips,
            even=self._even,
            curve=self._curve,
            details=details,
            gaps=not self._continuous,
            n_jobs=n_jobs,
        )

    def canonicalize(self, X: NDArray[Any], n_jobs: int | None = None) -> CanonicalForms:
        """Representatives of the rows of X, (n, d), and what carries them there.

        Raises
        ------
        ValueError
            If X has another number of features or is not finite.
        """
        found = self._sorted(X, True, n_jobs)
        assert found.indices is not None and found.orders is not None
        orders = orders_as_integers(found.orders)
        for i in np.flatnonzero(found.orders == 0):
            orders[i] = self._exact_order(found.points[i])
        gap = np.full(len(orders), math.inf) if found.gaps is None else found.gaps
        tolerance = ROUNDINGS * np.finfo(found.points.dtype).eps
        return CanonicalForms(
            self._layout.join(found.points),
            self._layout.transporters(found.indices, found.signs),
            orders,
            gap,
            gap <= tolerance,
        )

    def representatives(self, X: NDArray[Any], n_jobs: int | None = None) -> NDArray[Any]:
        """Only the representatives, (n, d): sorted without keeping track, several times faster."""
        return self._layout.join(self._sorted(X, False, n_jobs).points)

    # Of a sorted sample, where it does not fit a machine word.
    def _exact_order(self, row: NDArray[Any]) -> int:
        points = row.reshape(self._layout.points, self._layout.channels)
        order = 1
        for start, stop in zip(self._offsets[:-1], self._offsets[1:], strict=True):
            _, counts = np.unique(points[start:stop], axis=0, return_counts=True)
            order *= math.prod(math.factorial(int(count)) for count in counts)
        if self._even and order > 1:
            order //= 2
        return order << int((points == 0).all(axis=1).sum()) if self._flips else order
