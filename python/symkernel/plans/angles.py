"""Average the von Mises kernel of angles, an RBF kernel of points on circles.

With angles as points (cos x, sin x), ``exp(kappa sum_i (cos(x_i - y_i) - 1))`` is the RBF kernel of
rate kappa / 2, because ``|e^ix - e^iy|^2 = 2 - 2 cos(x - y)``. A shift of an angle is a turn of the
plane of its points, so that the average over a torus is a product of planar averages, ``prod_a
I_0(kappa |sum_i exp(i (x_ia - y_ia))|)`` times ``exp(-kappa p)`` for each of its p angles.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from symkernel.backends.arrays import namespace
from symkernel.backends.forms import FormTable
from symkernel.exceptions import NotApplicableError
from symkernel.groups import Group, PermutationGroup, SignedPermutation
from symkernel.groups.along import places
from symkernel.groups.structure import Structure
from symkernel.plans.base import Array, BaseSpec, Plan
from symkernel.plans.closed_form import LARGEST_SINGLE_EXPONENT, ClosedForm
from symkernel.plans.lifted import Lifted, WayBack
from symkernel.plans.recognise import row_permutations

__all__ = ["Angles"]


class Angles(Lifted):
    """The plan of an RBF kernel, on angles as points of circles.

    Parameters
    ----------
    base : BaseSpec
        "von_mises" with its kappa.
    group : Group
        Signed permutations of angles, or one Torus and permutations along the other axes.
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
        rbf = BaseSpec("rbf", (1.0 / math.sqrt(base.parameters[0]),))
        if group.is_finite:
            inner = make_plan(rbf, _on_points(group), method)
        elif method in ("auto", "closed_form"):
            inner = _TorusForm(rbf, group)
        else:
            raise NotApplicableError(
                f"method={method!r} does not average the von Mises kernel over {group!r}: "
                "method='closed_form' does"
            )
        super().__init__(inner, ("angles as points of circles",))
        # beyond, single precision gives neither the points nor the exponents
        self._double = 2.0 * base.parameters[0] * group.degree > LARGEST_SINGLE_EXPONENT

    def _lift(self, X: Array, n_jobs: int | None) -> Array:
        """Angles (n, d) as points (n, 2 d): cosine and sine of each in turn."""
        X = X.astype(np.float64 if self._double else X.dtype, copy=False)
        xp = namespace(X)
        points: Array = xp.stack([xp.cos(X), xp.sin(X)], axis=2)
        return points.reshape(len(X), 2 * X.shape[1])

    def _lift_and_back(self, X: Array, n_jobs: int | None) -> tuple[Array, WayBack]:
        return self._lift(X, n_jobs), lambda gradient: _along_circles(gradient, X[:, None])


def _along_circles(gradient: Array, X: Array) -> Array:
    """Gradients (..., d) in angles from those in their points, (..., 2 d)."""
    parts = gradient.reshape(*gradient.shape[:-1], -1, 2)
    xp = namespace(X)
    along: Array = parts[..., 1] * xp.cos(X) - parts[..., 0] * xp.sin(X)
    return along


def _on_points(group: Group) -> Group:
    """The action of signed permutations of angles on their points."""
    shape = (group.degree, 2)
    if group.is_permutation:
        return group.along(0, shape)
    elements = []
    for g in group.generators:
        assert isinstance(g, SignedPermutation)
        indices = (2 * np.asarray(g.indices)[:, None] + np.arange(2)).ravel()
        signs = np.ones(shape, dtype=np.int8)
        if g.signs is not None:
            signs[:, 1] = g.signs  # the angle -x has the sine of x with the other sign
        elements.append(SignedPermutation(indices, signs.ravel()))
    return PermutationGroup(elements, degree=2 * group.degree)


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
