"""Turn rings to their least word, under cyclic and dihedral groups."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from symkernel.backends.canonical import RotatedPoints, rotate_points
from symkernel.canonical.base import CanonicalForm, CanonicalForms
from symkernel.canonical.points import (
    PointLayout,
    factor_of,
    features_of,
    orders_as_integers,
)
from symkernel.canonical.sorting import ROUNDINGS
from symkernel.groups import Group
from symkernel.groups.role import Kind

__all__ = ["RotationForm"]


class RotationForm(CanonicalForm):
    """The ring read from where the word is lexicographically least.

    ``Cyclic``: the least rotation; ``Dihedral``: the least of all rotations in both directions (a
    necklace, a bracelet). A group on n features turns numbers; along an axis of an array it turns
    rings of vectors, which are compared lexicographically.

    Parameters
    ----------
    group : Group
        Cyclic or Dihedral, on features or along some axes of an array.

    Raises
    ------
    TypeError
        If ``group`` is no group.
    ValueError
        If it is another group.

    Notes
    -----
    Representatives are the same bit for bit all over an orbit; -0.0 counts as 0.0. Time is linear
    in the length of the ring, whatever ties there are (two candidates that run against each other:
    Duval, J. Algorithms 4 (1983) 363; compare Booth, Inf. Process. Lett. 10 (1980) 240). Rings of
    up to 64 numbers are searched by vectors, ties by words of bits.

    The form jumps where two starts read words that are not the same but begin with the same
    number. The gap is the distance to the nearest such sample, or less, over the norm.

    Examples
    --------
    >>> import numpy as np
    >>> from symkernel.canonical.rotation import RotationForm
    >>> from symkernel.groups import Cyclic, Dihedral
    >>> X = np.array([[2.0, 0.0, 1.0, 2.0, 0.0, 1.0]])
    >>> found = RotationForm(Cyclic(6)).canonicalize(X)
    >>> found.representative, found.stabilizer_order
    (array([[0., 1., 2., 0., 1., 2.]]), array([2], dtype=object))
    >>> RotationForm(Dihedral(6)).representatives(X[:, ::-1])
    array([[0., 1., 2., 0., 1., 2.]])
    """

    exact = True

    def __init__(self, group: Group) -> None:
        factor = factor_of(group, "RotationForm", Kind.RING, "Cyclic, Dihedral")
        self.group = group
        self._reflections = factor.group.role.reflections
        self._layout = PointLayout.along(factor.axes, factor.shape)
        both = ", in either direction" if self._reflections else ""
        self.steps = (f"read the ring from where the word is least{both}",)

    def _rotated(self, X: NDArray[Any], details: bool, n_jobs: int | None) -> RotatedPoints:
        Z = self._layout.split(features_of(X, self.group.degree))
        return rotate_points(
            Z,
            self._layout.points,
            self._layout.channels,
            reflections=self._reflections,
            details=details,
            n_jobs=n_jobs,
        )

    def canonicalize(self, X: NDArray[Any], n_jobs: int | None = None) -> CanonicalForms:
        """Representatives of the rows of X, (n, d), and what carries them there.

        Raises
        ------
        ValueError
            If X has another number of features or is not finite.
        """
        found = self._rotated(X, True, n_jobs)
        shifts, mirrors, orders, gap = found.shifts, found.mirrors, found.orders, found.gaps
        assert shifts is not None and mirrors is not None
        assert orders is not None and gap is not None
        n = self._layout.points
        ring = np.arange(n, dtype=np.int32)
        # Rows of the ring written twice and more: from shift on, or backwards from it.
        indices = np.lib.stride_tricks.sliding_window_view(np.tile(ring, 2), n)[shifts]
        if mirrors.any():
            turned = np.flatnonzero(mirrors)
            backwards = np.lib.stride_tricks.sliding_window_view(np.tile(ring[::-1], 2), n)
            indices[turned] = backwards[n - 1 - shifts[turned]]
        if n == 1:  # the identity alone
            gap = np.full(len(gap), np.inf)
        return CanonicalForms(
            self._layout.join(found.points),
            self._layout.transporters(indices, None),
            orders_as_integers(orders),
            gap,
            gap <= ROUNDINGS * np.finfo(found.points.dtype).eps,
        )

    def representatives(self, X: NDArray[Any], n_jobs: int | None = None) -> NDArray[Any]:
        """Only the representatives, (n, d)."""
        return self._layout.join(self._rotated(X, False, n_jobs).points)
