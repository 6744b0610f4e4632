"""Compute volumes of the orbits of SO(n) and O(n) on points of spheres."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, multigammaln

from symkernel.backends.element_tables import SignedPermutationTable, table_matrices
from symkernel.groups import Group, SignedPermutation
from symkernel.groups.along import places
from symkernel.groups.factor import Factor
from symkernel.groups.structure import product_of

__all__ = ["inverse_volumes", "n_copies", "n_images", "shift_images"]

Array = NDArray[np.float64]

# Finite factors of more elements than this are not listed to find those that keep an orbit.
_LISTED = 200_000
# Points of one orbit agree to this.
_SAME = 1e-6


def inverse_volumes(
    n: int, blocks: Sequence[int], n_samples: int, rng: np.random.Generator
) -> tuple[Array, int]:
    """Return numbers whose mean is that of 1 / vol(Gx), and the dimension of the orbits.

    Parameters
    ----------
    n : int
        Dimension of the space that is turned.
    blocks : sequence of int
        Points x_1 .. x_p of R^n lie on as many spheres as there are blocks, that many on each: the
        sphere of all their coordinates.
    n_samples : int
        How many numbers.
    rng : numpy Generator

    Returns
    -------
    values : ndarray of shape (n_samples,)
        1 / vol(Gx) up to vol(G) / vol(H), H the rotations that fix x: their standard deviation is
        finite.
    dim : int

    Notes
    -----
    With s_1 .. s_m, m = min(p, n), the singular values of x as a matrix (p, n), a rotation of unit
    speed in the plane of two of their directions moves x at the speed sqrt(s_i^2 + s_j^2), and in a
    plane of one and another direction at the speed s_i: vol(Gx) is the product of all, which
    vanishes too often, where points are collinear, for the mean of 1 / vol(Gx) over uniform points
    to have a variance. For p < n the Gram matrix S = x x^T has a density det(S)^((n-p)/2) times
    that of as many points of R^p (Wishart), which cancels the product of the s_i: points of R^p are
    drawn, and the constant is the moment of det(S) known from Wishart's distribution. For p = 2
    nothing is left to vary. O(n_samples p^2 min(p, n)).
    """
    p = sum(blocks)
    columns = min(p, n)
    drawn = rng.standard_normal((n_samples, p, columns))
    start = 0
    for size in blocks:
        part = drawn[:, start : start + size]
        part /= np.sqrt((part**2).sum(axis=(1, 2), keepdims=True))
        start += size
    squares = np.linalg.svd(drawn, compute_uv=False) ** 2
    first, second = np.triu_indices(columns, 1)
    values = 1.0 / np.sqrt((squares[:, first] + squares[:, second]).prod(axis=1))
    if p < n:
        moment = multigammaln(n / 2.0, p) - multigammaln(p / 2.0, p)
        moment += sum(gammaln(k * p / 2.0) - gammaln(k * n / 2.0) for k in blocks)
        values *= math.exp(-moment)
    return values, columns * (columns - 1) // 2 + columns * (n - columns)


def n_copies(factor: Factor) -> int:
    """Count the points that SO(n) or O(n) turns together."""
    return math.prod(factor.shape) // factor.group.degree


def n_images(head: Factor, others: Sequence[Factor], x: Array) -> int:
    """Count the orbits of SO(n) or O(n) that finite factors take the one of x to.

    All their elements, less those that map every orbit to itself: maps that belong to both, and
    -1, where the points leave a direction to turn in.

    Parameters
    ----------
    head : Factor
        SO(n) or O(n).
    others : sequence of Factor
        Finite factors.
    x : ndarray of shape (d,)
        A sample in general position.

    Raises
    ------
    ValueError
        If factors beside the rotations act along their axes and have too many elements.
    """
    if not others:
        return 1
    finite = product_of(others)
    if any(set(f.axes) & set(head.axes) for f in others):
        images = _images(finite, x)
    else:
        # maps of points that keep all their distances in general position are 1 and -1
        minus = SignedPermutation(np.arange(len(x)), np.full(len(x), -1))
        images = np.stack([x, -x]) if finite.contains(minus) else x[None]
    at = places(head.axes, head.shape)
    kept = _turned(x[at], images[:, at], head.group.role.reflections)
    return int(finite.order) // int(kept.sum())


def shift_images(basis: Array, others: Sequence[Factor], x: Array, period: float) -> int:
    """Count as ``n_images`` for shifts of a torus with an orthonormal basis (k, d)."""
    if not others:
        return 1
    finite = product_of(others)
    if ((np.abs(basis) > _SAME).sum(axis=1) > 2).all():
        return int(finite.order)  # signed permutations tell three coordinates apart
    apart = _images(finite, x) - x
    # one coordinate says how far each set is shifted, up to periods
    shifts = np.zeros_like(apart)
    for row in basis:
        moved = np.flatnonzero(np.abs(row) > _SAME)
        shifts[:, moved] = apart[:, moved[:1]] * row[moved] / row[moved[0]]
    turns = (apart - shifts) / period
    kept = np.abs(turns - np.round(turns)).max(axis=1) < _SAME
    return int(finite.order) // int(kept.sum())


def _images(finite: Group, x: Array) -> Array:
    """Images (order, d) of a sample under all elements."""
    if finite.order > _LISTED:
        raise ValueError(
            f"group must have at most {_LISTED:,} elements beside its continuous part, to find "
            f"those that keep an orbit as it is; {finite!r} has more"
        )
    table = finite.table(_LISTED)
    if isinstance(table, SignedPermutationTable):
        moved = x[table.indices]
        return moved if table.signs is None else moved * table.signs
    return np.asarray(table_matrices(table) @ x)


def _turned(points: Array, images: Array, reflections: bool) -> NDArray[np.bool_]:
    """Whether rotations take points (p, n) to each of their images (k, p, n) (Kabsch)."""
    u, _, vt = np.linalg.svd(points.T @ images)
    if not reflections:
        u[:, :, -1] *= np.linalg.det(u @ vt)[:, None]  # the direction that matters least
    found: NDArray[np.bool_] = np.abs(points @ (u @ vt) - images).max(axis=(1, 2)) < _SAME
    return found
