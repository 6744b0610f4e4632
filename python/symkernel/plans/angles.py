"""Average the von Mises kernel of angles, an RBF kernel of points on circles.

With angles as points (cos x, sin x), ``exp(kappa sum_i (cos(x_i - y_i) - 1))`` is the RBF kernel of
rate kappa / 2, because ``|e^ix - e^iy|^2 = 2 - 2 cos(x - y)``. A shift of an angle is a turn of the
plane of its points, so that the average over a torus is a product of planar averages, ``prod_a
I_0(kappa |sum_i exp(i (x_ia - y_ia))|)`` times ``exp(-kappa p)`` for each of its p angles.

A motion x -> W x + w of fractional coordinates takes the angle of a frequency k to that of W^T k,
another one of them or its negative, and a shift. On points of circles it is an orthogonal matrix.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from symkernel.backends.arrays import like, namespace
from symkernel.backends.forms import FormTable
from symkernel.exceptions import NotApplicableError
from symkernel.groups import Group
from symkernel.groups.along import places
from symkernel.groups.structure import Structure
from symkernel.plans.base import Array, BaseSpec, Plan
from symkernel.plans.circles import points_of_circles
from symkernel.plans.closed_form import LARGEST_SINGLE_EXPONENT, ClosedForm
from symkernel.plans.lifted import Lifted, WayBack
from symkernel.plans.recognise import row_permutations

__all__ = ["Angles"]


class Angles(Lifted):
    """The plan of an RBF kernel, on angles as points of circles.

    Parameters
    ----------
    base : BaseSpec
        "von_mises" with its kappa, its period and its modes.
    group : Group
        Signed permutations of angles or motions of a lattice, or one Torus and permutations along
        the other axes.
    method : str
        Method for the RBF kernel.
    make_plan : callable
        Makes the plan of the RBF kernel over a finite group.

    Raises
    ------
    NotApplicableError
        If the group is neither, or the method cannot average over a torus.
    """

    _slope = -0.5  # the length scale is kappa^(-1/2)

    def __init__(
        self,
        base: BaseSpec,
        group: Group,
        method: str,
        make_plan: Callable[[BaseSpec, Group, str], Plan],
    ) -> None:
        kappa, period = base.parameters
        rbf = BaseSpec("rbf", (1.0 / math.sqrt(kappa),))
        self._rate = 1.0 if period == 2.0 * math.pi else 2.0 * math.pi / period
        self._modes = None if base.modes is None else np.array(base.modes, np.float64)
        if group.is_finite:
            inner = make_plan(rbf, points_of_circles(group, base.modes), method)
        elif method in ("auto", "closed_form"):
            inner = _TorusForm(rbf, group)
        else:
            raise NotApplicableError(
                f"method={method!r} does not average the von Mises kernel over {group!r}: "
                "method='closed_form' does"
            )
        super().__init__(inner, ("angles as points of circles",))
        # beyond, single precision gives neither the points nor the exponents
        circles = group.degree
        if self._modes is not None:
            circles = circles // self._modes.shape[1] * len(self._modes)
        self._double = 2.0 * kappa * circles > LARGEST_SINGLE_EXPONENT

    def _lift(self, X: Array, n_jobs: int | None) -> Array:
        """Angles (n, d) as points (n, 2 d): cosine and sine of each in turn."""
        return self._points(self._angles(X))

    def _angles(self, X: Array) -> Array:
        """Angles in radians, (n, d'), of every coordinate or of every mode at every point."""
        X = X.astype(np.float64 if self._double else X.dtype, copy=False)
        if self._modes is not None:
            modes = like(self._modes.astype(X.dtype), X)
            count, d = modes.shape
            p = X.shape[1] // d  # explicit, as there may be no samples
            X = (X.reshape(len(X), p, d) @ modes.T).reshape(len(X), p * count)
        return X if self._rate == 1.0 else X * X.dtype.type(self._rate)

    def _points(self, angles: Array) -> Array:
        xp = namespace(angles)
        points: Array = xp.stack([xp.cos(angles), xp.sin(angles)], axis=2)
        return points.reshape(len(angles), 2 * angles.shape[1])

    def _lift_and_back(self, X: Array, n_jobs: int | None) -> tuple[Array, WayBack]:
        angles = self._angles(X)

        def way_back(gradient: Array) -> Array:
            along = self._rate * _along_circles(gradient, angles[:, None])
            if self._modes is None:
                return along
            modes = like(self._modes.astype(along.dtype), along)
            count, d = modes.shape
            p = along.shape[-1] // count
            points = along.reshape(*along.shape[:-1], p, count)
            of_coordinates: Array = (points @ modes).reshape(*along.shape[:-1], p * d)
            return of_coordinates

        return self._points(angles), way_back


def _along_circles(gradient: Array, X: Array) -> Array:
    """Gradients (..., d) in angles from those in their points, (..., 2 d)."""
    parts = gradient.reshape(*gradient.shape[:-1], gradient.shape[-1] // 2, 2)
    xp = namespace(X)
    along: Array = parts[..., 1] * xp.cos(X) - parts[..., 0] * xp.sin(X)
    return along


class _TorusForm(ClosedForm):
    """Product over the angles of a torus of planar averages."""

    def _recognised(self, group: Group) -> tuple[Structure, FormTable]:
        structure = group.structure
        rows = None
        if len(structure.angles) == 1 and not structure.centres:
            rows = row_permutations(structure, structure.angles[0])
        if rows is None:
            raise NotApplicableError(
                f"{group!r} has no closed form for the von Mises kernel: one Torus has, with "
                "permutations along the axes that it does not act on"
            )
        (torus,) = structure.angles
        features = places(torus.axes, torus.shape).T  # angle first
        layout = (2 * features[:, :, None] + np.arange(2)).ravel()
        n, points = features.shape
        table = FormTable("rotations_2", np.tile(rows, (1, n)), ((points, 2),) * n, layout)
        return structure, table
