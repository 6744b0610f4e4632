"""Bring clouds into frames that turn with them, up to rotations and motions."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from symkernel.backends.frames import FrameTable, labelled_frames, permuted_frames
from symkernel.canonical.base import CanonicalForm, CanonicalForms
from symkernel.canonical.clouds import (
    CloudTransporters,
    as_weights,
    cloud_action,
    stabilizer_orders,
)
from symkernel.canonical.points import features_of
from symkernel.canonical.transporters import (
    ComposedTransporters,
    PermutationTransporters,
    Transporters,
)
from symkernel.groups import Group

__all__ = ["FrameForm", "PermutedFrameForm"]

Array = NDArray[Any]

# Per dtype: what rounding of the coordinates of a sample does to the choices of a frame.
_TOLERANCE = {8: 1e-8, 4: 1e-5}
_BAND = {8: 1e-4, 4: 1e-2}  # moments closer to a tie than this decide nothing
_NULL = {8: 1e-12, 4: 1e-5}  # thickness, relative to the size, of a planar cloud
_TIE = {8: 1e-6, 4: 1e-4}  # coordinates that agree to this are equal
_ROUNDING = {8: 1e-12, 4: 1e-5}


class _Frames(CanonicalForm):
    """What forms by frames share: the action, masses and the tolerance."""

    exact = False

    def __init__(self, group: Group, weights: ArrayLike | None, tolerance: float | None) -> None:
        self.group = group
        self._action = cloud_action(group)
        self._weights = as_weights(weights, self._action.n_points)
        if tolerance is not None and not (np.isfinite(tolerance) and tolerance >= 0):
            raise ValueError(f"tolerance must be a number of at least 0, got {tolerance!r}")
        self.tolerance = None if tolerance is None else float(tolerance)

    def _table(self, X: Array) -> FrameTable:
        size = X.dtype.itemsize
        action = self._action
        return FrameTable(
            self._weights, action.moves, not action.reflects, _BAND[size], _NULL[size]
        )

    def _degenerate(self, gap: NDArray[np.float64], X: Array) -> NDArray[np.bool_]:
        limit = _TOLERANCE[X.dtype.itemsize] if self.tolerance is None else self.tolerance
        found: NDArray[np.bool_] = gap <= limit
        return found

    def _motions(
        self, axes: NDArray[np.float64], centres: NDArray[np.float64]
    ) -> CloudTransporters:
        shifts = None
        if self._action.moves:
            shifts = -np.einsum("nij,nj->ni", axes, centres)
        return CloudTransporters(self._action.places, axes, shifts)


class FrameForm(_Frames):
    r"""Canonical form under SO(d), O(d), SE(d) or E(d) along some axes: coordinates in a frame.

    The axes of a cloud :math:`x_1, \dots, x_p` with masses :math:`w_i` are the eigenvectors of
    :math:`\sum_i w_i x_i x_i^T` in descending order, each turned so that
    :math:`\sum_i w_i y_{ik}^3 > 0` in the new coordinates y, or, where that nearly vanishes,
    :math:`\sum_i w_i y_{ik} |x_i|^2 > 0`. In the plane the first axis points along
    :math:`\sum_i w_i |x_i|^2 x_i`, or :math:`\sum_i w_i x_i`. Rotations have the last axis complete
    a right-handed frame, so that mirror images stay distinct. Where these moments decide nothing
    (equal eigenvalues, clouds with symmetries), the axes are spanned by points: what is left of the
    first point that keeps 0.553 of the largest length, again and again (Gram-Schmidt).
    ``SE`` and ``E`` move the centre of mass to the origin first.

    Parameters
    ----------
    group : Group
        SO(d), O(d), SE(d) or E(d) along some axes of an array.
    weights : array-like of float of shape (points,), optional
        Masses of the points, positive; equal by default.
    method : {"moment", "qr"}, default="moment"
        "qr" takes the frame that is spanned by points in every case: it sees labels, where
        "moment" gives the same frame for the points in any order, but for undecided clouds.
    tolerance : float, optional
        Samples whose gap is at most this are degenerate; 1e-8 by default, 1e-5 for float32.

    Raises
    ------
    ValueError
        If the group is another one, the weights are not positive or of another number, or the
        method is unknown.

    Notes
    -----
    There is no continuous canonical form (Dym, Lawrence & Siegel, arXiv 2402.16077). The gap is an
    estimate, right to first order, of the distance to the nearest cloud where another choice is
    made, relative to :math:`(\sum_i w_i |x_i|^2)^{1/2}`: a difference of singular values over
    :math:`\sqrt 2`, or an odd moment over its gradient. Moments decide when they do so by 1e-4
    (1e-2 for float32), so that a cloud with an exact symmetry is not degenerate: its frame is that
    of points.

    ``stabilizer_order`` counts the elements that fix every point: 1 where points span d
    dimensions (d - 1 for rotations), 2 for reflections through a hyperplane that holds all points,
    else infinitely many. Directions thinner than 1e-12 of the size (1e-5) count as not spanned.

    O(p d^2 + d^3) per sample, computed in double precision for either type.

    Examples
    --------
    >>> import numpy as np
    >>> from symkernel.groups import SO
    >>> from symkernel.canonical.frames import FrameForm
    >>> G = SO(3).along(1, (5, 3))
    >>> X = np.random.default_rng(0).standard_normal((1, 15))
    >>> (g,) = G.sample(1, random_state=1)
    >>> form = FrameForm(G)
    >>> bool(np.allclose(form.representatives(X), form.representatives(g.apply(X))))
    True
    """

    def __init__(
        self,
        group: Group,
        weights: ArrayLike | None = None,
        method: Literal["moment", "qr"] = "moment",
        tolerance: float | None = None,
    ) -> None:
        super().__init__(group, weights, tolerance)
        if method not in ("moment", "qr"):
            raise ValueError(f"method must be 'moment' or 'qr', got {method!r}")
        if self._action.blocks is not None or not (self._action.turns or self._action.dim == 1):
            raise ValueError(
                f"{group!r} does more or less than turn clouds of labelled points: FrameForm is for"
                " SO(d), O(d), SE(d) and E(d); ShiftForm and PermutedFrameForm are for the others"
            )
        self.method = method
        centre = ("centre of mass to the origin",) if self._action.moves else ()
        axes = {
            "moment": "axes from second moments, their directions from odd ones",
            "qr": "axes spanned by the first points that are far enough out",
        }
        self.steps = (*centre, axes[method], "coordinates in that frame")

    def canonicalize(self, X: Array, n_jobs: int | None = None) -> CanonicalForms:
        """Representatives of the rows of X, (n, d), float32 or float64 and finite."""
        X = features_of(X, self.group.degree)
        action = self._action
        found = labelled_frames(action.clouds(X), self._table(X), self.method, n_jobs)
        return CanonicalForms(
            action.rows(found.coordinates),
            self._motions(found.axes, found.centres),
            stabilizer_orders(action, found.ranks),
            found.margins,
            self._degenerate(found.margins, X),
        )

    def representatives(self, X: Array, n_jobs: int | None = None) -> Array:
        """Only the representatives, (n, d)."""
        X = features_of(X, self.group.degree)
        action = self._action
        found = labelled_frames(action.clouds(X), self._table(X), self.method, n_jobs)
        return action.rows(found.coordinates)


class PermutedFrameForm(_Frames):
    r"""Canonical form of clouds up to rotations and exchanges of points: a molecule's.

    The moment frame of ``FrameForm`` does not depend on the order of points; in it the points of
    every kind are sorted by their coordinates. Where moments decide nothing, as for a cube or a
    tetrahedron, all frames spanned by points that are farthest out are tried, each axis from what
    the axes before it leave of the points, and the one with the lexicographically least sorted
    cloud wins. Coordinates that agree to 1e-6 of the size (1e-4 for float32) count as equal, so
    that symmetric clouds have a well-defined form.

    Parameters
    ----------
    group : Group
        Symmetric or Young along some axes of an array, times SO(d), O(d), SE(d) or E(d) along the
        others.
    weights : array-like of float of shape (points,), optional
        Masses of the points, positive and alike among points that may be exchanged; equal by
        default.
    tolerance : float, optional
        Samples whose gap is at most this are degenerate; 1e-8 by default, 1e-5 for float32.

    Raises
    ------
    ValueError
        If the group is another one, or weights differ among points that may be exchanged.

    Notes
    -----
    ``stabilizer_order`` counts the rotations that permute the points (24 for a cube under SO(3),
    48 under O(3)), times the exchanges of coinciding points; -1 for collinear clouds in space.

    O(p d^2 + d^3 + p log p) per sample that moments decide. Others take a sort for each
    candidate: as many as there are ordered (d - 1)-tuples (d-tuples with reflections) of points
    that are farthest out, 8 x 6 for a cube under SO(3); at most p (p - 1) in space.

    Examples
    --------
    >>> import numpy as np
    >>> from symkernel import groups
    >>> from symkernel.canonical.frames import PermutedFrameForm
    >>> cube = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], float)
    >>> G = groups.Symmetric(8).along(0, (8, 3)) * groups.O(3).along(1, (8, 3))
    >>> PermutedFrameForm(G).canonicalize(cube.reshape(1, -1)).stabilizer_order[0]
    48
    """

    def __init__(
        self, group: Group, weights: ArrayLike | None = None, tolerance: float | None = None
    ) -> None:
        super().__init__(group, weights, tolerance)
        if not self._action.turns:
            raise ValueError(
                f"{group!r} does not turn clouds of points: PermutedFrameForm is for SO(d), O(d), "
                "SE(d) and E(d) beside Symmetric or Young"
            )
        blocks = self._action.blocks
        if blocks is None:  # every point is of a kind of its own
            blocks = tuple((i,) for i in range(self._action.n_points))
        self._blocks = blocks
        for block in blocks:
            masses = self._weights[list(block)]
            if masses.min() != masses.max():
                raise ValueError(
                    f"weights must be alike for points that may be exchanged; points {block} have "
                    f"weights in ratios {masses.tolist()}"
                )
        centre = ("centre of mass to the origin",) if self._action.moves else ()
        self.steps = (
            *centre,
            "axes from second moments, their directions from odd ones; where these decide nothing "
            "the best of all frames spanned by the points farthest out",
            "sort the points of every kind in that frame",
        )

    def canonicalize(self, X: Array, n_jobs: int | None = None) -> CanonicalForms:
        """Representatives of the rows of X, (n, d), float32 or float64 and finite."""
        X = features_of(X, self.group.degree)
        action, size = self._action, X.dtype.itemsize
        found = permuted_frames(
            action.clouds(X), self._table(X), self._blocks, _TIE[size], _ROUNDING[size], n_jobs
        )
        order = PermutationTransporters(action.permuted(found.order))
        parts: tuple[Transporters, ...] = (self._motions(found.axes, found.centres), order)
        return CanonicalForms(
            action.rows(found.coordinates),
            ComposedTransporters(parts),
            stabilizer_orders(action, found.ranks, found.symmetries, found.coincident),
            found.margins,
            self._degenerate(found.margins, X),
        )
