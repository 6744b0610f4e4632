"""Align many points by assignment and rotation in turns, from many starts.

No polynomial algorithm is known for the least distance. Each turn is a minimum over one of the two
factors, so the distance falls until neither helps: an upper bound. Lower bounds come from what no
element changes; where the two meet, the distance is certified.
"""

from __future__ import annotations

import itertools

import numpy as np

from symkernel.alignment.base import Array, Pairs, Route
from symkernel.alignment.routes.rotation import Cloud, cloud_of
from symkernel.alignment.transporters import PointTransporters
from symkernel.backends import pairs
from symkernel.exceptions import NotApplicableError
from symkernel.groups import Group

__all__ = ["Alternation"]

# Pairs times starts that are worked on at once.
_BATCH = 20_000
# Turns; far fewer are taken, as every one of them strictly shortens the distance.
_MOST_TURNS = 100


class Alternation(Route):
    """Iterated closest points: an assignment, a rotation, and so on, from several starts.

    Starts are the alignments of principal axes with all their signs, and random rotations. The
    result is an upper bound. Lower bounds are |r_x - r_y| for the sorted radii of points of one
    kind, and |s_x - s_y| for the singular values of the clouds (von Neumann's trace inequality):
    neither changes under permutations and rotations.

    Parameters
    ----------
    group : Group
        SO(d) or O(d) with d = 2 or 3 on points, beside Symmetric or Young on the points.
    n_restarts : int
        Number of random rotations.
    random_state : numpy Generator
        Where they come from; the same for all pairs.

    Raises
    ------
    NotApplicableError
        For other groups.

    Notes
    -----
    Besl and McKay, IEEE PAMI 14 (1992), with one-to-one correspondences.
    """

    name = "alternation"
    exact = False

    def __init__(self, group: Group, n_restarts: int, random_state: np.random.Generator) -> None:
        self._cloud = cloud = cloud_of(group)
        self._points, self._dimension = cloud.places.shape
        factors = cloud.factors
        lone = len(factors) == 1 and factors[0].group.degree == self._points
        if not (lone and factors[0].group.role.exchanges) or self._dimension not in (2, 3):
            raise NotApplicableError(
                f"{group!r} is not Symmetric or Young on points beside rotations of the plane or "
                "of space"
            )
        blocks = factors[0].group.role.blocks
        self._blocks = tuple(map(len, blocks))
        order = np.array([point for block in blocks for point in block])
        # the points of a block next to each other
        self._cloud = Cloud(cloud.places[order], cloud.reflections, cloud.permutations, factors)
        self._identity = np.arange(self._points, dtype=np.int32)[None]
        normal = random_state.standard_normal((n_restarts, self._dimension, self._dimension))
        turns = np.linalg.qr(normal)[0]
        improper = np.linalg.det(turns) < 0
        if cloud.reflections:
            improper[1::2] = ~improper[1::2]  # every other one a reflection
        turns[improper, :, 0] *= -1
        self._turns = turns
        self._gap = 0.0
        kind = f"{'O' if cloud.reflections else 'SO'}({self._dimension})"
        starts = len(self._frame_signs()) + n_restarts
        self.steps = (
            f"assignment of {self._points} points and best {kind} in turns, from {starts} starts",
            "lower bounds from sorted radii and singular values",
        )

    def squares(self, X: Array, Y: Array | None, n_jobs: int | None = None) -> Array:
        """Upper bounds of the squared distances of all pairs, (n, m); ``Y=None`` means X."""
        x = self._cloud.points(X)
        y = x if Y is None else self._cloud.points(Y)
        found, lower = np.empty((2, len(x), len(y)))
        # the inverse of an element serves the mirrored pair
        i, j = np.triu_indices(len(x)) if Y is None else np.indices(found.shape).reshape(2, -1)
        step = max(1, _BATCH // (len(self._frame_signs()) + len(self._turns)))
        for start in range(0, len(i), step):
            a, b = i[start : start + step], j[start : start + step]
            found[a, b] = self._align(x[a], y[b], n_jobs)[0]
            lower[a, b] = self._lower(x[a], y[b])
            if Y is None:
                found[b, a], lower[b, a] = found[a, b], lower[a, b]
        self._gap = float((np.sqrt(found) - np.sqrt(np.minimum(lower, found))).max(initial=0.0))
        return found.astype(X.dtype, copy=False)

    def pairs(self, X: Array, Y: Array, n_jobs: int | None = None) -> Pairs:
        """Row i of X aligned with row i of Y."""
        x, y = self._cloud.points(X), self._cloud.points(Y)
        squares = np.empty(len(x))
        matrices = np.empty((len(x), self._dimension, self._dimension))
        match = np.empty((len(x), self._points), dtype=np.int32)
        step = max(1, _BATCH // (len(self._frame_signs()) + len(self._turns)))
        for start in range(0, len(x), step):
            part = slice(start, start + step)
            squares[part], matrices[part], match[part] = self._align(x[part], y[part], n_jobs)
        lower = np.minimum(self._lower(x, y), squares)
        element = PointTransporters(matrices, self._cloud.places, match)
        return Pairs(
            squares.astype(X.dtype, copy=False), element, lower.astype(X.dtype, copy=False)
        )

    def largest_gap(self) -> float:
        """Largest distance between upper and lower bounds in the last call of ``squares``."""
        return self._gap

    def _align(self, x: Array, y: Array, n_jobs: int | None) -> tuple[Array, Array, Array]:
        """Best squares, rotations and matches of clouds row by row, over all starts."""
        count = len(x)
        starts = self._starts(x, y)  # (n, k, r, r)
        tries = starts.shape[1]
        owner = np.repeat(np.arange(count), tries)
        R = starts.reshape(-1, self._dimension, self._dimension)
        best = np.full(len(owner), np.inf)
        match = np.zeros((len(owner), self._points), dtype=np.int32)
        active = np.arange(len(owner))
        eye = np.eye(self._dimension)[None]
        for _ in range(_MOST_TURNS):
            mine, theirs = x[owner[active]], y[owner[active]]
            turned = np.ascontiguousarray(np.einsum("nab,npb->npa", R[active], theirs))
            found = pairs.match_rows(mine, turned, self._blocks, eye, False, n_jobs)[1]
            moved = np.take_along_axis(theirs, found[:, :, None].astype(np.intp), axis=1)
            square, turn, _ = pairs.rotate_rows(
                mine, np.ascontiguousarray(moved), self._identity, self._cloud.reflections, n_jobs
            )
            shorter = square < best[active]
            better = active[shorter]
            best[better], R[better] = square[shorter], turn[shorter]
            match[better] = found[shorter]
            active = better[square[shorter] > 0]
            if not len(active):
                break
        choice = np.arange(count) * tries + best.reshape(count, tries).argmin(axis=1)
        return best[choice], R[choice], match[choice]

    def _frame_signs(self) -> Array:
        signs = np.array(list(itertools.product((1.0, -1.0), repeat=self._dimension)))
        return signs if self._cloud.reflections else signs[signs.prod(axis=1) > 0]

    def _starts(self, x: Array, y: Array) -> Array:
        """Rotations from the principal axes of y to those of x, and random ones, (n, k, r, r)."""
        frames = []
        for cloud in (x, y):
            axes = np.linalg.eigh(np.einsum("npa,npb->nab", cloud, cloud))[1]
            axes[:, :, 0] *= np.where(np.linalg.det(axes) < 0, -1.0, 1.0)[:, None]
            frames.append(axes)
        own = np.einsum("nak,sk,nbk->nsab", frames[0], self._frame_signs(), frames[1])
        return np.concatenate([own, np.tile(self._turns, (len(x), 1, 1, 1))], axis=1)

    def _lower(self, x: Array, y: Array) -> Array:
        """Lower bounds of the squares, row by row."""
        radii = []
        for cloud in (x, y):
            values = np.linalg.norm(cloud, axis=2)
            start = 0
            for size in self._blocks:
                values[:, start : start + size].sort(axis=1)
                start += size
            radii.append(values)
        by_radius = np.square(radii[0] - radii[1]).sum(axis=1)
        extents = [np.linalg.svd(cloud, compute_uv=False) for cloud in (x, y)]
        by_extent = np.square(extents[0] - extents[1]).sum(axis=1)
        lower: Array = np.maximum(by_radius, by_extent)
        return lower
