"""Measure the distance between orbits, and align one sample with another."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from symkernel.alignment.base import Array, Route
from symkernel.alignment.choose import choose_route
from symkernel.alignment.samples import scale_of
from symkernel.alignment.transporters import rescaled
from symkernel.backends.memory import require_memory
from symkernel.canonical.transporters import Transporters
from symkernel.exceptions import ApproximationWarning, NotApplicableError
from symkernel.groups import Group
from symkernel.groups.along import places
from symkernel.groups.registry import bound_to, is_by_name, names_of, require_group, with_columns
from symkernel.validation import RandomState, as_array, as_count, as_generator, check_pair

__all__ = ["Alignment", "align", "orbit_distance"]

# Bounds that agree to this share of the norms of both samples have met.
_MET = 1e-9


@dataclass(frozen=True, eq=False)
class Alignment:
    """Samples of X next to which samples of Y were brought.

    Parameters
    ----------
    distance : ndarray of shape (n,), or (n, m) for all pairs
        |x_i - g_i y_i|: the least over the group where ``exact``, else an upper bound.
    element : Transporters
        The g_i, as a sequence of group elements; ``element.apply(Y)`` moves them all. For all pairs
        there are n m of them, those of the first row of X first.
    lower_bound : ndarray of the shape of distance
        No element brings the samples nearer than this; equal to ``distance`` up to rounding where
        that is certified.
    exact : bool
        Whether every distance is certified to be the least: always, for routes that find it; for
        alternation where upper and lower bounds meet.
    method : str
        Name of the route.
    steps : tuple of str
        What was done, in order, in words.
    """

    distance: NDArray[Any]
    element: Transporters
    lower_bound: NDArray[Any]
    exact: bool
    method: str
    steps: tuple[str, ...]

    @property
    def gap(self) -> NDArray[Any]:
        """How much shorter than ``distance`` the least distance can be."""
        gap: NDArray[Any] = self.distance - self.lower_bound
        return gap

    def __len__(self) -> int:
        return len(self.distance)

    def __str__(self) -> str:
        how = "exact up to rounding" if self.exact else "upper bounds, see gap"
        return f"{' -> '.join(self.steps)}\nmethod={self.method!r}, {how}"


def orbit_distance(
    X: ArrayLike,
    Y: ArrayLike | None = None,
    *,
    group: Group,
    squared: bool = False,
    method: str = "auto",
    weights: ArrayLike | None = None,
    n_restarts: int = 24,
    random_state: RandomState = 0,
    n_jobs: int | None = None,
) -> NDArray[Any]:
    """Distances between orbits: min over g of |x - g y| for all pairs of samples.

    Parameters
    ----------
    X : array-like of shape (n, d) or (n, *group.shape)
    Y : array-like of shape (m, d) or (m, *group.shape), optional
        None means X.
    group : Group
        Orthogonal, with translations or not: finite groups, SO and O on points, SE and E, products
        of rotations with permutations of points; ``G.on(columns)`` is bound to the columns of X.
        For a Torus the distance is the chordal one of angles, sum_i |e^(i x_i) - e^(i y_i)|^2 in
        the square.
    squared : bool, default=False
        Squares of the distances.
    method : str, default="auto"
        "chamber" is a closed form for reflection groups, |c(x) - c(y)|; "matching" an assignment of
        points; "rotation" Kabsch's alignment, for each of a few permutations of points;
        "enumeration" takes every element of a finite group; "angles" is for Torus; "alternation"
        takes assignments and rotations in turns and gives upper bounds; "columns" is for groups on
        columns (``G.on``), each by itself. "auto" takes the cheapest exact one, or else the
        alternation, with a warning where its bounds do not meet.
    weights : array-like of shape (p,), optional
        Masses of the p points, for rotations and translations alone:
        sum_i w_i |x_i - g y_i|^2 is least.
    n_restarts : int, default=24
        Random starts of the alternation, beside those from principal axes.
    random_state : int, numpy Generator, numpy RandomState or None, default=0
        Source of random starts.
    n_jobs : int, optional
        Number of threads; None takes as many as OpenMP is set to, -1 all processors.

    Returns
    -------
    ndarray of shape (n, m)
        float32 if X and Y are, else float64.

    Raises
    ------
    ValueError
        For samples of another shape, NaN or infinity, an unknown method, or one that does not apply
        to the group; the message gives the reason.
    TypeError
        For what is no group, and arrays on a GPU.
    MemoryError
        If the result would not fit; raised before it is allocated.

    Warns
    -----
    ApproximationWarning
        If ``method="auto"`` came to the alternation, and some of its distances may not be least.

    Notes
    -----
    A distance between orbits is a metric (on orbits), but a kernel of it is positive semidefinite
    for reflection groups only: see ``InvariantKernel(..., method="orbit_distance")``.

    Distances are computed from differences wherever |x|^2 + |y|^2 - 2 x . g y would cancel: samples
    of one orbit are at distance 0 up to the rounding of the samples themselves, not at 1e-8.

    Costs per pair: chamber O(d log d), once per sample; matching O(p^3); rotation O(p); enumeration
    O(|G| d), or O(d log d) for shifts of a grid; nothing of size |G| n m is stored.

    Examples
    --------
    >>> import numpy as np
    >>> from symkernel import groups, orbit_distance
    >>> x, y = np.array([[0.0, 1.0, 3.0]]), np.array([[3.0, 0.0, 1.5]])
    >>> orbit_distance(x, y, group=groups.Cyclic(3))
    array([[0.5]])
    >>> cloud = np.random.default_rng(0).standard_normal((1, 5, 3))
    >>> mirrored = cloud * [1.0, 1.0, -1.0]
    >>> bool(orbit_distance(cloud, mirrored, group=groups.E(3).along(1, (5, 3))) < 1e-14)
    True
    >>> bool(orbit_distance(cloud, mirrored, group=groups.SE(3).along(1, (5, 3))) > 0.1)
    True
    """
    group, Y = _bound(group, X, Y)
    route, first, second = _prepare(X, Y, group, method, weights, n_restarts, random_state)
    exponent = 0 if group._on_angles else scale_of(first, second)
    one = np.ldexp(first, -exponent) if exponent else first
    two = np.ldexp(second, -exponent) if exponent and second is not None else second
    shape = (len(first), len(first if second is None else second))
    require_memory(
        shape,
        first.itemsize,
        "the matrix of distances",
        "Call it with some rows of X at a time, X[i : i + 1000], against all of Y.",
    )
    squares = route.squares(one, two, n_jobs)
    if not route.exact and method == "auto":
        gap = route.largest_gap()
        if gap > _MET * np.sqrt(np.square(one).sum(axis=1).max(initial=0.0)):
            warnings.warn(
                f"no route to the least distance over {group!r} is within reach: alternation gives "
                f"upper bounds, up to {np.ldexp(gap, exponent):.3g} above lower bounds. Ask for "
                f"method={route.name!r} to silence this; align() reports the gap of every pair",
                ApproximationWarning,
                stacklevel=2,
            )
    if not squared:
        squares = np.sqrt(squares)
    scaled: NDArray[Any] = np.ldexp(squares, 2 * exponent if squared else exponent)
    return scaled


def align(
    X: ArrayLike,
    Y: ArrayLike,
    *,
    group: Group,
    pairwise: bool = False,
    method: str = "auto",
    weights: ArrayLike | None = None,
    n_restarts: int = 24,
    random_state: RandomState = 0,
    n_jobs: int | None = None,
) -> Alignment:
    """Bring samples of Y as near to samples of X as a group allows.

    Parameters
    ----------
    X : array-like of shape (n, d) or (n, *group.shape)
    Y : array-like of shape (m, d) or (m, *group.shape)
        Row i is aligned with row i of X; where one of the two has a single row, with that.
    group : Group
        As for ``orbit_distance``.
    pairwise : bool, default=False
        Align every row of Y with every row of X.
    method, weights, n_restarts, random_state, n_jobs
        As for ``orbit_distance``.

    Returns
    -------
    Alignment
        With ``distance``, ``element``, ``exact``, ``lower_bound``, ``gap``, ``method``, ``steps``.

    Raises
    ------
    ValueError
        As ``orbit_distance``, and if X and Y have different numbers of rows, both more than one.

    Notes
    -----
    Of several nearest elements one is returned: for enumeration the first, for matching and
    rotation whichever the algorithm meets. In collinear and planar clouds rotations that agree on
    them are equally near.

    Examples
    --------
    >>> import numpy as np
    >>> from symkernel import align, groups
    >>> G = groups.Cyclic(4)
    >>> found = align([[1.0, 2.0, 3.0, 5.0]], [[3.0, 5.0, 1.0, 2.0]], group=G)
    >>> found.distance, found.exact
    (array([0.]), True)
    >>> found.element[0]
    Permutation([2, 3, 0, 1])
    """
    group, Y = _bound(group, X, Y)
    route, first, second = _prepare(X, Y, group, method, weights, n_restarts, random_state)
    assert second is not None
    n, m = len(first), len(second)
    shape: tuple[int, ...] = (n, m)
    if pairwise:
        first, second = np.repeat(first, m, axis=0), np.tile(second, (n, 1))
    else:
        if n != m and 1 not in (n, m):
            raise ValueError(
                f"X has {n} rows and Y has {m}: rows are aligned with rows, or with a single one; "
                "pairwise=True aligns all with all"
            )
        count = m if n == 1 else n
        shape = (count,)
        first = np.broadcast_to(first, (count, first.shape[1]))
        second = np.broadcast_to(second, (count, second.shape[1]))
    on_angles = group._on_angles
    exponent = 0 if on_angles else scale_of(first, second)
    one, two = (np.ascontiguousarray(np.ldexp(Z, -exponent)) for Z in (first, second))
    found = route.pairs(one, two, n_jobs)
    distance, lower = np.sqrt(found.squares), np.sqrt(np.maximum(found.lower, 0))
    sizes = np.sqrt(np.square(one).sum(axis=1)) + np.sqrt(np.square(two).sum(axis=1))
    element = rescaled(found.element, exponent)
    return Alignment(
        np.ldexp(distance, exponent).reshape(shape),
        element,
        np.ldexp(lower, exponent).reshape(shape),
        route.exact or bool((distance - lower <= _MET * sizes).all()),
        route.name,
        route.steps,
    )


def _bound(group: Any, X: Any, Y: Any) -> tuple[Group, Any]:
    """Bind a group on columns to those of X, and bring those of Y into their order."""
    if is_by_name(group):
        Y = with_columns(Y, names_of(X), names_of(Y))
    bound: Group = bound_to(group, X)
    require_group(bound)
    return bound, Y


def _prepare(
    X: ArrayLike,
    Y: ArrayLike | None,
    group: Group,
    method: str,
    weights: ArrayLike | None,
    n_restarts: int,
    random_state: RandomState,
) -> tuple[Route, Array, Array | None]:
    first, second = check_pair(X, Y, group, squares=False, host="alignments are computed")
    by_feature = None if weights is None else _feature_weights(weights, group)
    starts = as_count(n_restarts, "n_restarts", 0)
    route = choose_route(group, method, by_feature, starts, as_generator(random_state))
    return route, first, second


def _feature_weights(weights: ArrayLike, group: Group) -> Array:
    """Weights of points as one weight per feature."""
    factors = group.structure.nontrivial
    axes = {f.axes for f in factors}
    if len(axes) != 1 or not all(f.group.role.rotates or f.group.role.translates for f in factors):
        raise NotApplicableError(
            "weights are for rotations and translations, which leave every point where it is; "
            f"{group!r} does not"
        )
    shape = factors[0].shape
    at = places(axes.pop(), shape)
    values = np.asarray(as_array(weights, "weights"), np.float64)
    if values.shape != (len(at),):
        raise ValueError(
            f"weights must have shape ({len(at)},), one for every point; got {values.shape}"
        )
    if not np.isfinite(values).all() or (values < 0).any() or not values.any():
        raise ValueError("weights must be finite, at least 0, and not all 0")
    by_feature = np.empty(prod(shape))
    by_feature[at] = values[:, None]
    return by_feature
