"""Shift points to their centre of mass, and angles to their mean direction."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from symkernel.canonical.base import CanonicalForm, CanonicalForms
from symkernel.canonical.clouds import CloudTransporters, as_weights
from symkernel.canonical.points import features_of
from symkernel.groups import Group
from symkernel.groups.along import places

__all__ = ["ShiftForm"]

Array = NDArray[Any]

_TOLERANCE = {8: 1e-8, 4: 1e-5}
# Angles are cut open this far beyond pi: half turns, which data often hold, must not come out as
# -pi or pi by rounding, for what sorts or rotates them next takes these for different numbers.
_SEAM = 1e-4


class ShiftForm(CanonicalForm):
    r"""Canonical form under Translations(n) or Torus(n) along some axes.

    Translations move the centre of mass to the origin. A torus turns the mean direction
    :math:`\sum_j w_j e^{i \theta_j} / \sum_j w_j` of each of its n angles to angle 0.

    Parameters
    ----------
    group : Group
        Translations(n) or Torus(n) along some axes of an array.
    weights : array-like of float of shape (points,), optional
        Masses of the points, positive; equal by default.
    tolerance : float, optional
        Samples whose gap is at most this are degenerate; 1e-8 by default, 1e-5 for float32.

    Raises
    ------
    ValueError
        If the group is another one, or the weights are not positive or of another number.

    Notes
    -----
    Under translations the form is continuous, and its gap infinite. Under a torus the gap is the
    length of the mean direction, the least of the n, and degenerate samples are turned so that
    the first point has angle 0; points of one angle are such samples never. Angles of
    representatives lie in (-pi + 1e-4, pi + 1e-4], so that whole turns of single angles, which
    change no kernel of angles, change no representative: representative and transported sample are
    equal modulo 2 pi. Half turns lie within, and do not come out as -pi by rounding.

    O(p n) per sample.

    Examples
    --------
    >>> import numpy as np
    >>> from symkernel.canonical.shifts import ShiftForm
    >>> from symkernel.groups import Torus
    >>> form = ShiftForm(Torus(1).along(1, (3, 1)))
    >>> form.representatives(np.array([[3.0, 3.5, 4.0], [0.5, 1.0, 1.5 + 2 * np.pi]])).round(6)
    array([[-0.5,  0. ,  0.5],
           [-0.5,  0. ,  0.5]])
    """

    exact = False

    def __init__(
        self, group: Group, weights: ArrayLike | None = None, tolerance: float | None = None
    ) -> None:
        self.group = group
        structure = group.structure
        factors = structure.nontrivial
        if len(factors) != 1 or not (structure.centres or structure.angles):
            found = ", ".join(repr(f.group) for f in factors) or "none"
            raise ValueError(
                f"ShiftForm is for Translations(n) or Torus(n) along some axes; the factors of "
                f"{group!r} are: {found}"
            )
        if tolerance is not None and not (np.isfinite(tolerance) and tolerance >= 0):
            raise ValueError(f"tolerance must be a number of at least 0, got {tolerance!r}")
        self._places = places(factors[0].axes, factors[0].shape)
        self._weights = as_weights(weights, len(self._places))
        self._shares = self._weights / self._weights.sum()
        self._angles = bool(structure.angles)
        self.tolerance = None if tolerance is None else float(tolerance)
        self.steps = (
            ("turn the mean direction of each angle to 0",)
            if self._angles
            else ("centre of mass to the origin",)
        )

    def canonicalize(self, X: Array, n_jobs: int | None = None) -> CanonicalForms:
        """Representatives of the rows of X, (n, d), float32 or float64 and finite."""
        X = features_of(X, self.group.degree)
        points = X[:, self._places].astype(np.float64)
        gap = np.full(len(X), np.inf)
        limit = _TOLERANCE[X.dtype.itemsize] if self.tolerance is None else self.tolerance
        if self._angles:
            reference, gap = self._mean_angles(points, limit)
            moved = _wrapped(points - reference[:, None])
        else:
            moved = points
            reference = np.zeros((len(X), points.shape[2]))
            for _ in range(2):  # the first mean of points far from the origin is rounded
                mean = np.einsum("npj,p->nj", moved, self._shares)
                moved = moved - mean[:, None]
                reference += mean
        out = np.empty_like(X)
        out[:, self._places] = moved
        return CanonicalForms(
            out,
            CloudTransporters(self._places, None, -reference),
            np.full(len(X), 1, dtype=object),
            gap,
            np.asarray(gap <= limit),
        )

    def _mean_angles(
        self, points: NDArray[np.float64], limit: float
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean angles (n, angles) and the least length of the mean directions (n,)."""
        mean = np.einsum("npj,p->nj", np.exp(1j * points), self._shares)
        lengths = np.abs(mean)
        reference = np.where(lengths > limit, np.angle(mean), points[:, 0])
        gap = np.full(len(points), np.inf)
        if points.shape[1] > 1:
            gap = lengths.min(axis=1)
        return reference, gap


def _wrapped(angles: NDArray[np.float64]) -> NDArray[np.float64]:
    """Angles in (-pi, pi] moved by the seam."""
    turned = np.remainder(angles, 2 * math.pi)
    last = math.pi + _SEAM
    wrapped: NDArray[np.float64] = np.where(turned > last, turned - 2 * math.pi, turned)
    return wrapped
