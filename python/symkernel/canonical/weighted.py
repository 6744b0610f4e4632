r"""Choose a few points of every orbit with weights that depend on it continuously.

No continuous map takes one point of every orbit of SO(d), O(d) or of permutations of points in the
plane or in space (Dym, Lawrence & Siegel, arXiv 2402.16077). A measure on the orbit can be
continuous: a weighted frame gives candidates :math:`f_a(x)`, points of the orbit of x, with weights
:math:`w_a(x) \ge 0` of sum 1, such that :math:`\mu_x = \sum_a w_a(x) \delta_{f_a(x)}` is the same
for all points of an orbit and :math:`\mu_x \to \mu_{x_0}` weakly as :math:`x \to x_0`, at every
:math:`x_0`. Averages :math:`\sum_a w_a F(f_a(x))` of continuous functions F are then continuous and
invariant; where F is invariant, they are F.

**Rotations.** An axis points from the origin to point i; the next one to what is left, orthogonal
to the axes so far, of point j; and so on for d - 1 axes. The last axis completes the frame to a
right-handed one, and for O(d) both its directions are taken with half the weight. Point j with
length :math:`r_j` left, of a largest one R, has the share :math:`s_j = t_j / \sum_k t_k` with
:math:`t_j = \max(0, (r_j / R)^2 - c^2)`, and a frame the product of its shares; c is the cutoff.

*Invariance*: lengths do not change under turns, nor do coordinates in a frame of points.
*Continuity* at :math:`x_0`: as long as R > 0 in all steps, shares are continuous, and a coordinate
jumps only where :math:`r_j \to 0`, whose share vanishes before. If R = 0 in some step, all points
of :math:`x_0` lie in the span of the axes before: there the axes to come are arbitrary, but do not
change coordinates, and for x near :math:`x_0` all candidates that share the axes before have
coordinates within O(R(x)) of each other. Their weights sum to that of those axes, which is
continuous. The argument holds step by step from the first, where R = 0 means :math:`x_0 = 0`.

**Permutations of points** in R^d. Directions

.. math:: a(\varphi) = (\cos^{d-1} \varphi, \cos^{d-2} \varphi \sin \varphi, \dots,
          \sin^{d-1} \varphi), \quad 0 \le \varphi < \pi,

in some fixed orthonormal basis order the points by :math:`a(\varphi) \cdot x_i`. The order changes
at the roots of :math:`a(\varphi) \cdot (x_i - x_j)`, at most d - 1 for a pair; candidates are the
points in each order, weighted with the length of the arcs where it holds over pi. There are at most
(d - 1) p (p - 1) / 2 + 1.

*Invariance*: the points in an order by :math:`a(\varphi)` do not depend on the order they came in.
*Continuity*: fix an angle that is no root for points of :math:`x_0` that differ, as all but
finitely many are. For x near enough to :math:`x_0` such points stay in order; those that coincide
in :math:`x_0` may come in any order, which in the limit makes no difference. So the ordered points
converge for almost every angle, and their average over angles by dominated convergence.

**Both** at once: the points of every candidate of the rotations, ordered. Exchanging points
exchanges candidates of the rotations, and measures that are continuous compose.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from symkernel.canonical.clouds import CloudAction, as_weights, cloud_action
from symkernel.groups import Group
from symkernel.validation import as_floats

__all__ = ["WeightedFrame", "weighted_frame"]

Array = NDArray[Any]
Floats = NDArray[np.float64]

# Lengths left below this, relative to the largest of a cloud, are rounding.
_ROUNDING = 1e-14


@dataclass(frozen=True, eq=False)
class WeightedFrame:
    """Candidates on the orbit of every sample, with continuous weights; see ``weighted_frame``.

    Attributes
    ----------
    group : Group
    cutoff : float
        Points closer to the axes so far than this, relative to the farthest, span no frame.
    """

    group: Group
    cutoff: float
    _action: CloudAction
    _shares: Floats

    @property
    def steps(self) -> tuple[str, ...]:
        """What is done, in order, in words."""
        action = self._action
        steps = ["centre of mass to the origin"] if action.moves else []
        if action.turns:
            steps.append("frames spanned by points, weighted by their distances")
        if action.blocks is not None:
            steps.append("orders of the points along a curve of directions, weighted by arcs")
        return tuple(steps)

    def frames(self, X: ArrayLike) -> tuple[Array, Array]:
        """Candidates of every sample and their weights.

        Parameters
        ----------
        X : array-like of shape (n, d)
            Samples, finite.

        Returns
        -------
        candidates : ndarray of shape (n, q, d)
            Points of the orbits; q is the largest number any of the samples needs.
        weights : ndarray of shape (n, q)
            Not negative, of sum 1; 0 for candidates that a sample does not need.

        Raises
        ------
        ValueError
            If X does not have shape (n, d), or is not finite.
        """
        given = as_floats(X, finite=True)
        if given.ndim != 2 or given.shape[1] != self.group.degree:
            raise ValueError(
                f"X must have shape (n, {self.group.degree}) for {self.group!r}, got {given.shape}"
            )
        dtype = given.dtype
        action = self._action
        clouds = action.clouds(given.astype(np.float64))
        n, p, d = clouds.shape
        if action.moves:
            for _ in range(2):
                clouds = clouds - np.einsum("npj,p->nj", clouds, self._shares)[:, None]
        weights = np.ones((n, 1))
        clouds = clouds[:, None]
        if action.turns:
            clouds, weights = _turned(clouds[:, 0], self.cutoff, action.reflects)
        if action.blocks is not None:
            q = clouds.shape[1]
            ordered, arcs = _ordered(clouds.reshape(n * q, p, d), action.blocks)
            weights = (weights[:, :, None] * arcs.reshape(n, q, -1)).reshape(n, -1)
            clouds, weights = _compact(ordered.reshape(n, weights.shape[1], p, d), weights)
        rows = action.rows(clouds.reshape(-1, p, d)).reshape(n, clouds.shape[1], p * d)
        return rows.astype(dtype, copy=False), weights.astype(dtype, copy=False)


def weighted_frame(
    group: Group, weights: ArrayLike | None = None, cutoff: float = 0.8
) -> WeightedFrame:
    """Weighted frame of a group of rotations, translations and permutations of points.

    Parameters
    ----------
    group : Group
        SO(d), O(d), Translations(d), SE(d) or E(d) along some axes of an array, beside Symmetric
        or Young along all other axes, or Symmetric or Young alone.
    weights : array-like of float of shape (points,), optional
        Masses, positive, for the centre of mass; equal by default. Points that may be exchanged
        must have equal ones.
    cutoff : float, default=0.8
        Points closer to the axes so far than this, relative to the farthest, span no frame. In
        [0, 1): larger values give fewer candidates, whose weights change faster.

    Returns
    -------
    WeightedFrame
        ``frames(X)`` gives candidates (n, q, d) and weights (n, q).

    Raises
    ------
    ValueError
        If the group is another one, or a parameter is out of range.

    Notes
    -----
    At most p candidates for rotations of the plane and p (p - 1) in space, twice as many with
    reflections; a few for most clouds. (d - 1) p (p - 1) / 2 + 1 for permutations of p points of
    R^d, and the product of both numbers for both. Averages of Lipschitz functions are Lipschitz in
    the points for rotations, and for permutations in the plane; for permutations in space they
    change like a square root where two roots of a pair of points merge.

    Examples
    --------
    >>> import numpy as np
    >>> from symkernel import groups
    >>> from symkernel.canonical.weighted import weighted_frame
    >>> frame = weighted_frame(groups.SO(2).along(1, (3, 2)))
    >>> candidates, weights = frame.frames([[1.0, 0.0, 0.0, 0.9, 0.1, 0.0]])
    >>> candidates.round(3) + 0.0
    array([[[ 1. ,  0. ,  0. ,  0.9,  0.1,  0. ],
            [ 0. , -1. ,  0.9,  0. ,  0. , -0.1]]])
    >>> weights.round(3)
    array([[0.679, 0.321]])
    """
    if not (isinstance(cutoff, int | float) and 0 <= cutoff < 1):
        raise ValueError(f"cutoff must be at least 0 and below 1, got {cutoff!r}")
    action = cloud_action(group)
    masses = as_weights(weights, action.n_points)
    for block in action.blocks or ():
        if np.ptp(masses[list(block)]) > 0:
            raise ValueError(f"weights must be alike for points that may be exchanged: {block}")
    return WeightedFrame(group, float(cutoff), action, masses / masses.sum())


def _compact(clouds: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Heaviest candidates first, without those that no sample needs."""
    keep = max(1, int((weights > 0).sum(axis=1).max(initial=1)))
    order = np.argsort(-weights, axis=1, kind="stable")[:, :keep]
    sorted_weights = np.take_along_axis(weights, order, axis=1)
    extra = (1,) * (clouds.ndim - 2)
    return np.take_along_axis(clouds, order.reshape(*order.shape, *extra), axis=1), sorted_weights


def _turned(clouds: Floats, cutoff: float, reflects: bool) -> tuple[Floats, Floats]:
    """Coordinates (n, q, p, d) in frames spanned by points, and weights (n, q)."""
    n, p, d = clouds.shape
    size = np.sqrt(np.square(clouds).sum(axis=2).max(axis=1, initial=0.0))[:, None]
    axes, weights = np.zeros((n, 1, 0, d)), np.ones((n, 1))
    for _ in range(d - 1):
        rest = _reduced(clouds[:, None], axes)  # (n, q, p, d)
        lengths = np.sqrt(np.square(rest).sum(axis=3))
        largest = lengths.max(axis=2)
        spanned = largest <= _ROUNDING * size  # nothing is left: any axis will do, once
        ratio = lengths / np.where(spanned, 1.0, largest)[:, :, None]
        shares = np.maximum(0.0, ratio**2 - max(cutoff**2, _ROUNDING))
        shares[spanned] = np.eye(p)[0]
        shares /= shares.sum(axis=2, keepdims=True)
        free = spanned[:, :, None] | (shares == 0)  # candidates of no weight need some axis too
        directions = np.where(free[..., None], _free_axis(axes)[:, :, None], rest)
        q = weights.shape[1]
        weights = (weights[:, :, None] * shares).reshape(n, q * p)
        longer = np.concatenate(
            [np.repeat(axes, p, axis=1), directions.reshape(n, q * p, 1, d)], axis=2
        )
        longer, weights = _compact(longer, weights)
        last = longer[:, :, -1] / np.linalg.norm(longer[:, :, -1], axis=-1, keepdims=True)
        last = _reduced(last[:, :, None], longer[:, :, :-1])[:, :, 0]
        longer[:, :, -1] = last / np.linalg.norm(last, axis=-1, keepdims=True)
        axes = longer
    last = _free_axis(axes)
    axes = np.concatenate([axes, last[:, :, None]], axis=2)
    axes[:, :, -1] *= np.where(np.linalg.det(axes) < 0, -1.0, 1.0)[:, :, None]
    turned = np.einsum("npj,nqkj->nqpk", clouds, axes)
    if not reflects:
        return turned, weights
    mirrored = turned * np.where(np.arange(d) == d - 1, -1.0, 1.0)
    return np.concatenate([turned, mirrored], axis=1), np.tile(0.5 * weights, (1, 2))


def _reduced(vectors: Floats, axes: Floats) -> Floats:
    """Vectors (..., p, d) without what they have in common with orthonormal axes (..., k, d)."""
    for _ in range(2):
        along = np.einsum("...pj,...kj->...pk", vectors, axes)
        vectors = vectors - np.einsum("...pk,...kj->...pj", along, axes)
    return vectors


def _free_axis(axes: Floats) -> Floats:
    """A unit vector orthogonal to axes (..., k, d), k < d: what is left of a basis vector."""
    d = axes.shape[-1]
    rest = _reduced(np.broadcast_to(np.eye(d), (*axes.shape[:-2], d, d)), axes)
    longest = np.square(rest).sum(axis=-1).argmax(axis=-1)
    chosen = np.take_along_axis(rest, longest[..., None, None], axis=-2)[..., 0, :]
    unit: Floats = chosen / np.linalg.norm(chosen, axis=-1, keepdims=True)
    return unit


def _ordered(clouds: Floats, blocks: tuple[tuple[int, ...], ...]) -> tuple[Floats, Floats]:
    """Clouds (n, q, p, d) with points in order, and the shares (n, q) of the angles."""
    n, _, d = clouds.shape
    pairs = np.array(
        [(i, j) for block in blocks for a, i in enumerate(block) for j in block[a + 1 :]]
    ).reshape(-1, 2)
    seen = clouds @ _basis(d)
    roots = _roots(seen[:, pairs[:, 0]] - seen[:, pairs[:, 1]]).reshape(n, -1)
    ends = np.concatenate([np.zeros((n, 1)), np.sort(roots, axis=1), np.full((n, 1), math.pi)], 1)
    arcs = np.diff(ends, axis=1) / math.pi
    middles, arcs = _compact(0.5 * (ends[:, 1:] + ends[:, :-1]), arcs)
    along = np.einsum("npk,nqk->nqp", seen, _curve(middles, d))
    order = np.empty(along.shape, dtype=np.intp)
    for block in blocks:
        members = np.array(block)
        order[:, :, members] = members[np.argsort(along[:, :, members], axis=2, kind="stable")]
    return np.take_along_axis(clouds[:, None], order[..., None], axis=2), arcs


@lru_cache(maxsize=16)
def _basis(d: int) -> Floats:
    """An orthonormal basis in which no vector with few entries has a double root."""
    i, j = np.arange(1, d + 1)[:, None], np.arange(d)
    basis: Floats = np.linalg.qr(np.sin(1.3 * i * (j + 1) + 0.4 * j))[0]
    return basis


def _curve(angles: Floats, d: int) -> Floats:
    """Directions (..., d): cos^(d-1), cos^(d-2) sin, ..., sin^(d-1)."""
    powers = np.arange(d)
    c, s = np.cos(angles)[..., None], np.sin(angles)[..., None]
    curve: Floats = c ** (d - 1 - powers) * s**powers
    return curve


def _roots(vectors: Floats) -> Floats:
    """Angles in [0, pi] where vectors (n, m, d) are orthogonal to the curve, 0 for none."""
    d = vectors.shape[2]
    if d == 1:
        return np.zeros((*vectors.shape[:2], 0))
    if d == 2:
        return np.remainder(np.arctan2(-vectors[..., 0], vectors[..., 1]), math.pi)[..., None]
    if d == 3:  # a + b cos 2 phi + c sin 2 phi
        a = 0.5 * (vectors[..., 0] + vectors[..., 2])
        b = 0.5 * (vectors[..., 0] - vectors[..., 2])
        c = 0.5 * vectors[..., 1]
        amplitude = np.hypot(b, c)
        real = (np.abs(a) <= amplitude) & (amplitude > 0)
        half = np.arccos(np.where(real, -a, 0.0) / np.where(real, amplitude, 1.0))
        both = 0.5 * (np.arctan2(c, b)[..., None] + half[..., None] * np.array([1.0, -1.0]))
        return np.where(real[..., None], np.remainder(both, math.pi), 0.0)
    return _polynomial_roots(vectors)


def _polynomial_roots(vectors: Floats) -> Floats:
    """The same by companion matrices, for d > 3.

    With phi = phi_0 + psi the form is one in cos psi and sin psi, and a polynomial in tan psi whose
    leading coefficient is the value at phi_0 + pi / 2: phi_0 is chosen to make that large.
    """
    d = vectors.shape[2]
    m = d - 1
    shifts = math.pi * np.arange(2 * m + 1) / (2 * m + 1)
    values = np.einsum("...k,sk->...s", vectors, _curve(shifts + 0.5 * math.pi, d))
    best = np.abs(values).argmax(axis=-1)
    coefficients = np.einsum("...k,...kl->...l", vectors, _turned_forms(shifts, d)[best])
    leading = coefficients[..., m]
    some = leading != 0
    companion = np.zeros((*leading.shape, m, m))
    companion[..., np.arange(1, m), np.arange(m - 1)] = 1.0
    companion[..., :, m - 1] = -coefficients[..., :m] / np.where(some, leading, 1.0)[..., None]
    roots = np.linalg.eigvals(companion)
    # Double roots come out as pairs with imaginary parts near 1e-8: there no order changes.
    real = (np.abs(roots.imag) <= 1e-9 * (1.0 + np.abs(roots.real))) & some[..., None]
    angles = np.remainder(np.arctan(roots.real) + shifts[best][..., None], math.pi)
    return np.where(real, angles, 0.0)


def _turned_forms(shifts: Floats, d: int) -> Floats:
    """Coefficients (s, d, d) of cos^(m-k) sin^k (phi_0 + psi) in cos^(m-l) sin^l psi, m = d - 1."""
    out = np.zeros((len(shifts), d, d))
    for i, shift in enumerate(shifts):
        c, s = math.cos(shift), math.sin(shift)
        for k in range(d):  # cos(phi) = c - s t and sin(phi) = s + c t, over cos psi, t = tan psi
            form = np.ones(1)
            for power in range(d - 1):
                form = np.convolve(form, [s, c] if power < k else [c, -s])
            out[i, k] = form
    return out
