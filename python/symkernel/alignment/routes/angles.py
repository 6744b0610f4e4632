"""Find the nearest shift of angles in the chordal distance, in closed form."""

from __future__ import annotations

import numpy as np

from symkernel.alignment.base import Array, Pairs, Route
from symkernel.canonical.transporters import MotionTransporters
from symkernel.exceptions import NotApplicableError
from symkernel.groups import Group
from symkernel.groups.along import places

__all__ = ["Angles"]

# Numbers held at once.
_BLOCK = 1 << 21


class Angles(Route):
    """Joint shifts of angles: min over s of sum_i |e^(i x_i) - e^(i (y_i + s))|^2.

    Angles have no Euclidean distance that does not jump; that of points on circles is what the von
    Mises kernel is a function of. The nearest s is the argument of sum_i e^(i (x_i - y_i)).

    Parameters
    ----------
    group : Group
        Torus along one axis, and nothing else.

    Raises
    ------
    NotApplicableError
        For other groups.
    """

    name = "angles"

    def __init__(self, group: Group) -> None:
        factors = group.structure.factors
        if len(factors) != 1 or not group.structure.angles:
            raise NotApplicableError(
                f"{group!r} is not one Torus: beside other groups the nearest shift of angles has "
                "no closed form"
            )
        self._places = places(factors[0].axes, factors[0].shape)
        self.steps = ("chordal distance of angles", "the argument of a sum of phases")

    def squares(self, X: Array, Y: Array | None, n_jobs: int | None = None) -> Array:
        """Squared distances of all pairs, (n, m); ``Y=None`` means X."""
        Y = X if Y is None else Y
        out = np.empty((len(X), len(Y)), dtype=X.dtype)
        step = max(1, _BLOCK // max(1, Y.size))
        for start in range(0, len(X), step):
            out[start : start + step] = self._nearest(X[start : start + step, None], Y[None])[0]
        return out

    def pairs(self, X: Array, Y: Array, n_jobs: int | None = None) -> Pairs:
        """Row i of X aligned with row i of Y."""
        squares, shift = self._nearest(X, Y)
        shifts = np.empty(X.shape)
        shifts[:, self._places] = shift[:, None, :]
        squares = squares.astype(X.dtype, copy=False)
        return Pairs(squares, MotionTransporters(None, shifts), squares)

    def _nearest(self, X: Array, Y: Array) -> tuple[Array, Array]:
        """Squares (...,) and shifts (..., r) of samples that broadcast."""
        difference = (X[..., self._places] - Y[..., self._places]).astype(np.float64)
        shift = np.angle(np.exp(1j * difference).sum(axis=-2))
        chords = 2.0 * np.sin(0.5 * (difference - shift[..., None, :]))
        return np.square(chords).sum(axis=(-2, -1)), shift
