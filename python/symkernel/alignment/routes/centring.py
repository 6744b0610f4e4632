"""Remove translations by centring, and leave the rest of the group to another route."""

from __future__ import annotations

from math import prod

import numpy as np

from symkernel.alignment.base import Array, Pairs, Route
from symkernel.canonical.transporters import ComposedTransporters, MotionTransporters
from symkernel.groups.factor import Factor
from symkernel.groups.structure import other_axes

__all__ = ["Centring", "Weighting"]


class Centring(Route):
    """Samples less the mean of their points: the nearest shift matches the centres.

    |x - g (y + t)|^2 is least over t where the mean of the difference vanishes, whatever g is.

    Parameters
    ----------
    centres : tuple of Factor
        Translations along some axes.
    inner : Route
        Route of what is left of the group.
    weights : ndarray of shape (d,), optional
        Weight of every feature in the means.
    """

    def __init__(self, centres: tuple[Factor, ...], inner: Route, weights: Array | None) -> None:
        self._centres = centres
        self._inner = inner
        self._weights = weights
        self.name = inner.name
        self.exact = inner.exact
        axes = [f.axes[0] if len(f.axes) == 1 else f.axes for f in centres]
        self.steps = (*(f"centre along axis {a}" for a in axes), *inner.steps)

    def squares(self, X: Array, Y: Array | None, n_jobs: int | None = None) -> Array:
        """Squared distances of all pairs, (n, m); ``Y=None`` means X."""
        return self._inner.squares(
            self._centred(X)[0], None if Y is None else self._centred(Y)[0], n_jobs
        )

    def pairs(self, X: Array, Y: Array, n_jobs: int | None = None) -> Pairs:
        """Row i of X aligned with row i of Y."""
        X, x_mean = self._centred(X)
        Y, y_mean = self._centred(Y)
        found = self._inner.pairs(X, Y, n_jobs)
        there, back = MotionTransporters(None, -y_mean), MotionTransporters(None, x_mean)
        element = ComposedTransporters((there, found.element, back))
        return Pairs(found.squares, element, found.lower)

    def largest_gap(self) -> float:
        """Largest distance between upper and lower bounds in the last call of ``squares``."""
        return self._inner.largest_gap()

    def _centred(self, X: Array) -> tuple[Array, Array]:
        """Samples less their means, and the means, each (n, d)."""
        centred = X.astype(np.float64)
        for f in self._centres:
            others = tuple(1 + a for a in other_axes(f.axes, f.shape))
            arrays = centred.reshape(len(X), *f.shape)
            if prod(f.shape) == f.group.degree:
                centred = np.zeros_like(centred)  # every sample is a shift of every other
                continue
            weights = 1.0 if self._weights is None else self._weights.reshape(1, *f.shape)
            share = weights / np.sum(np.broadcast_to(weights, (1, *f.shape)), others, keepdims=True)
            # Twice: the second time takes off what rounding left of a large mean.
            for _ in range(2):
                arrays = arrays - np.sum(arrays * share, axis=others, keepdims=True)
            centred = arrays.reshape(X.shape)
        means = X - centred
        return np.ascontiguousarray(centred.astype(X.dtype)), means


class Weighting(Route):
    """Distances with a weight for every point, for groups that leave each point where it is.

    sum_i w_i |x_i - g y_i|^2 is the square of the distance between samples times sqrt(w_i).

    Parameters
    ----------
    inner : Route
        Route of the group.
    weights : ndarray of shape (d,)
        Weight of every feature, the same for all coordinates of a point.
    """

    def __init__(self, inner: Route, weights: Array) -> None:
        self._inner = inner
        self._roots = np.sqrt(weights)
        self.name = inner.name
        self.exact = inner.exact
        self.steps = ("weigh the points", *inner.steps)

    def squares(self, X: Array, Y: Array | None, n_jobs: int | None = None) -> Array:
        """Squared distances of all pairs, (n, m); ``Y=None`` means X."""
        return self._inner.squares(self._scaled(X), None if Y is None else self._scaled(Y), n_jobs)

    def pairs(self, X: Array, Y: Array, n_jobs: int | None = None) -> Pairs:
        """Row i of X aligned with row i of Y."""
        return self._inner.pairs(self._scaled(X), self._scaled(Y), n_jobs)

    def _scaled(self, X: Array) -> Array:
        return np.ascontiguousarray((X * self._roots).astype(X.dtype))
