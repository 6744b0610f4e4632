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
from symkernel.plans.recognise import row_permutations

__all__ = ["Angles"]


class Angles(Plan):
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

    def __init__(
        self,
        base: BaseSpec,
        group: Group,
        method: str,
        make_plan: Callable[[BaseSpec, Group, str], Plan],
    ) -> None:
        rbf = BaseSpec("rbf", (1.0 / math.sqrt(base.parameters[0]),))
        if group.is_finite:
            self._inner = make_plan(rbf, _on_points(group), method)
        elif method in ("auto", "closed_form"):
            self._inner = _TorusForm(rbf, group)
        else:
            raise NotApplicableError(
                f"method={method!r} does not average the von Mises kernel over {group!r}: "
                "method='closed_form' does"
            )
        # beyond, single precision gives neither the points nor the exponents
        self._double = 2.0 * base.parameters[0] * group.degree > LARGEST_SINGLE_EXPONENT
        self.method = self._inner.method
        self.packs = self._inner.packs
        self.exact = self._inner.exact
        self.error = self._inner.error
        self.cost = self._inner.cost
        self.steps = ("angles as points of circles", *self._inner.steps)

    @property
    def _how(self) -> str:
        return self._inner._how

    def gram(self, X: Array, Y: Array | None = None, n_jobs: int | None = None) -> Array:
        """Gram matrix of shape (n, m); `Y=None` means X, at half the cost."""
        other = None if Y is None else self._points(Y)
        return self._inner.gram(self._points(X), other, n_jobs).astype(X.dtype, copy=False)

    def gram_packed(self, X: Array, n_jobs: int | None = None) -> Array:
        """K(X, X) in LAPACK's rectangular full packed format, shape (n (n + 1) / 2,)."""
        return self._inner.gram_packed(self._points(X), n_jobs).astype(X.dtype, copy=False)

    def diag(self, X: Array, n_jobs: int | None = None) -> Array:
        """K(x_i, x_i), shape (n,)."""
        return self._inner.diag(self._points(X), n_jobs).astype(X.dtype, copy=False)

    def matvec(self, X: Array, Y: Array, V: Array, n_jobs: int | None = None) -> Array:
        """K(X, Y) V of shape (n, c), without storing K."""
        X, Y = self._points(X), self._points(Y)
        product = self._inner.matvec(X, Y, V.astype(X.dtype, copy=False), n_jobs)
        return product.astype(V.dtype, copy=False)

    # The length scale is kappa^(-1/2).
    def gradient(self, X: Array, n_jobs: int | None = None) -> tuple[Array, Array]:
        """K(X, X) and its derivative (n, n, 1) for the logarithm of kappa."""
        K, gradient = self._inner.gradient(self._points(X), n_jobs)
        return K.astype(X.dtype, copy=False), (-0.5 * gradient).astype(X.dtype, copy=False)

    def diag_gradient(self, X: Array, n_jobs: int | None = None) -> tuple[Array, Array]:
        """K(x_i, x_i) and its derivative, shapes (n,) and (n, 1)."""
        diagonal, gradient = self._inner.diag_gradient(self._points(X), n_jobs)
        return diagonal.astype(X.dtype, copy=False), (-0.5 * gradient).astype(X.dtype, copy=False)

    def gradient_x(self, X: Array, Y: Array, V: Array, n_jobs: int | None = None) -> Array:
        """Gradients (n, c, d) of K(X, Y) V in the angles of X, for V of shape (m, c)."""
        left, right = self._points(X), self._points(Y)
        gradient = self._inner.gradient_x(left, right, V.astype(left.dtype, copy=False), n_jobs)
        return _along_circles(gradient, X[:, None]).astype(V.dtype, copy=False)

    def diag_gradient_x(self, X: Array, n_jobs: int | None = None) -> Array:
        """Gradients (n, d) of K(x_i, x_i) in the angles of X."""
        gradient = self._inner.diag_gradient_x(self._points(X), n_jobs)
        return _along_circles(gradient, X).astype(X.dtype, copy=False)

    def _points(self, X: Array) -> Array:
        """Angles (n, d) as points (n, 2 d): cosine and sine of each in turn."""
        X = X.astype(np.float64 if self._double else X.dtype, copy=False)
        xp = namespace(X)
        points: Array = xp.stack([xp.cos(X), xp.sin(X)], axis=2)
        return points.reshape(len(X), 2 * X.shape[1])


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
