"""Find the vector fields that are tangent to a set of points."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.neighbors import NearestNeighbors

from symkernel.lie.discovery import Discovery
from symkernel.lie.fields import Fields
from symkernel.lie.judge import Options, check_samples, report, resampled
from symkernel.lie.rows import Sampled, TangentRows
from symkernel.lie.spectrum import spectrum_of
from symkernel.lie.tangent import Frame, frame_of, usual_frame
from symkernel.lie.threshold import Threshold, as_threshold, by_noise, by_rounding
from symkernel.validation import RandomState, as_array, as_count, as_generator, as_rows

__all__ = ["discover_tangent"]

Array = NDArray[Any]

# Accuracy of normals that polynomials give.
_EXACT = 1e-10
# A direction whose share of the spread among neighbours is below this is normal to the set.
_THIN = 0.25


def discover_tangent(
    points: ArrayLike,
    algebra: Fields,
    *,
    normals: ArrayLike | None = None,
    dimension: int | None = None,
    n_neighbors: int | None = None,
    threshold: float | str = "auto",
    n_bootstrap: int = 20,
    random_state: RandomState = 0,
) -> Discovery:
    """Find the vector fields whose flows take a set to itself, from points of the set.

    Parameters
    ----------
    points : array-like of shape (n, d)
        Points of a curve, a surface or a level set.
    algebra : Fields
        Vector fields among which symmetries are looked for.
    normals : array-like of shape (n, d) or (n, c, d), optional
        Normals at the points, such as gradients of the c functions of which it is a level set, of
        any length. None: from polynomials that vanish on the points, or else from the principal
        axes of each point's neighbours.
    dimension : int, optional
        Dimension of the set; None: from the spread of neighbours. Asks for principal axes.
    n_neighbors : int, optional
        Neighbours for principal axes, the point among them; None: 3 d, at least 12. Asks for
        principal axes.
    threshold, n_bootstrap, random_state
        As in ``discover``; "auto" is a few times the angle between normals from all neighbours and
        from half of them, and rounding where normals are exact.

    Returns
    -------
    Discovery
        The residual of a direction is the root mean square of the normal part of xi over that of
        xi, in [0, 1]. Fields that vanish on the points are not counted.

    Raises
    ------
    ValueError
        If shapes do not fit, there are too few points, or the points fill the space.

    Notes
    -----
    Source: section on submanifolds of Otto, Zolman, Kutz and Brunton, A unified framework to
    enforce, discover, and promote symmetry in machine learning, JMLR 26 (2025).

    Examples
    --------
    >>> import numpy as np
    >>> from symkernel import lie
    >>> X = np.random.default_rng(0).standard_normal((200, 3))
    >>> sphere = X / np.linalg.norm(X, axis=1, keepdims=True)
    >>> lie.discover_tangent(sphere, lie.affine(3)).name
    'so(3), acting on columns 0-2'
    """
    if not isinstance(algebra, Fields):
        raise TypeError(f"algebra must be an Algebra or other Fields, got {type(algebra).__name__}")
    X = as_rows(points, "points", algebra.n_features)
    n = len(X)
    if n < 2:
        raise ValueError(f"points must hold at least 2 points, got {n}")
    count = as_count(n_bootstrap, "n_bootstrap", 0)
    options = Options(as_threshold(threshold), None, count, as_generator(random_state))
    flat = frame_of(X, curved=False)
    frame = flat if flat.is_full else usual_frame(X)
    limit: Threshold | None = None
    floor = 0.0
    if normals is not None:
        across = _given(normals, X, frame)
        limit = by_rounding(_EXACT, "of normals that are given")
    else:
        exact = None
        if dimension is None and n_neighbors is None:
            exact = _exact(X, frame)
        if exact is not None:
            across, reason = exact
            limit = by_rounding(_EXACT, f"of {reason}")
        else:
            across, floor = _principal(X, frame, dimension, n_neighbors)
    maker = TangentRows(algebra, X, frame)
    data = Sampled(np.zeros((n, across.shape[1])), across)
    notes: list[str] = []
    check_samples(n, algebra.dim, across.shape[1], notes)
    spectrum = spectrum_of(maker.blocks(data), algebra.dim)
    if limit is None:
        cause = "normals from all neighbours and from half of them differ by"
        limit = by_noise(floor, cause, spectrum.values)
    limit = options.threshold or limit
    return report(maker, spectrum, limit, resampled(maker, data, limit, options), notes)


def _given(normals: ArrayLike, X: NDArray[np.float64], frame: Frame) -> NDArray[np.float64]:
    n, d = X.shape
    covectors = np.asarray(as_array(normals, "normals"), np.float64)
    covectors = covectors[:, None] if covectors.ndim == 2 else covectors
    if covectors.ndim != 3 or covectors.shape[0] != n or covectors.shape[2] != d:
        raise ValueError(
            f"normals must have shape ({n}, {d}) or ({n}, c, {d}), got {np.shape(normals)}"
        )
    if not np.isfinite(covectors).all():
        raise ValueError("normals contain NaN or infinity")
    moved = covectors @ frame.back
    _, s, right = np.linalg.svd(moved, full_matrices=False)
    if (s[:, -1] <= 1e-12 * s[:, 0]).any() or not s[:, 0].all():
        raise ValueError("normals must be independent at every point, and not zero")
    return np.asarray(right)


def _exact(X: NDArray[np.float64], frame: Frame) -> tuple[NDArray[np.float64], str] | None:
    """Unit normals from polynomials that vanish on the points; None if there are none."""
    found = frame_of(X)
    if found.is_full:
        return None
    d = X.shape[1]
    # The projection on tangent vectors in the coordinates of the frame that measures.
    inner = np.eye(found.to.shape[0]) if found.tangents is None else found.tangents
    tangential = frame.to @ found.back @ inner
    full = np.broadcast_to(tangential, (len(X), *tangential.shape[-2:]))
    left, _, _ = np.linalg.svd(full)
    return np.ascontiguousarray(left[:, :, found.dimension : d].transpose(0, 2, 1)), found.reason


def _principal(
    X: NDArray[np.float64], frame: Frame, dimension: int | None, n_neighbors: int | None
) -> tuple[NDArray[np.float64], float]:
    """Unit normals (n, c, d) by principal axes of neighbours, and their uncertainty."""
    n, d = X.shape
    k = max(12, 3 * d) if n_neighbors is None else as_count(n_neighbors, "n_neighbors", 4)
    if k > n:
        raise ValueError(f"n_neighbors={k} is more than the {n} points")
    Z = (X - X.mean(axis=0)) @ frame.to.T
    near = NearestNeighbors(n_neighbors=k).fit(Z).kneighbors(Z, return_distance=False)
    sizes, axes = _axes(Z[near])
    if dimension is None:
        spread = np.median(sizes / sizes[:, :1], axis=0)
        inside = int((spread > _THIN).sum())
    else:
        inside = as_count(dimension, "dimension", 1)
    if inside >= d:
        raise ValueError(
            f"points fill all {d} dimensions: a field is tangent to that anyway; give the "
            "dimension of the set, normals, or more points"
        )
    half = max(inside + 1, k // 2)
    _, fewer = _axes(Z[near[:, :half]])
    normal, other = axes[:, inside:], fewer[:, inside:]
    # Cosines of the angles between the two normal spaces.
    cosines = np.linalg.svd(np.matmul(normal, other.transpose(0, 2, 1)), compute_uv=False)
    sines = np.sqrt(np.maximum(0.0, 1 - cosines[:, -1] ** 2))
    return np.ascontiguousarray(normal), float(np.mean(sines))


def _axes(clouds: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Principal sizes (n, r) and axes (n, d, d), largest first, of clouds (n, k, d)."""
    centred = clouds - clouds.mean(axis=1, keepdims=True)
    covariance = np.matmul(centred.transpose(0, 2, 1), centred)
    values, vectors = np.linalg.eigh(covariance)
    sizes = np.sqrt(np.maximum(values[:, ::-1], 0.0))
    return sizes, np.ascontiguousarray(vectors[:, :, ::-1].transpose(0, 2, 1))
