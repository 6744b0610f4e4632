"""Tell what set samples lie on: flat, the zero set of polynomials, or neither."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symkernel.lie.dictionary import monomials

__all__ = ["Frame", "frame_of", "usual_frame"]

Array = NDArray[Any]

# Directions in which samples spread less than this share of their largest spread are normal.
_FLAT = 1e-7
# Polynomials whose root mean square on the data is below this share of their size vanish on it.
_ZERO = 1e-8
# Largest degree, and number of monomials, of the polynomials tried.
_DEGREE, _MONOMIALS = 4, 300
# A gradient smaller than this share of the typical one has no direction.
_SINGULAR = 1e-6


@dataclass(frozen=True)
class Frame:
    """Coordinates in which the samples have unit covariance, and their tangent spaces.

    Attributes
    ----------
    to : ndarray of shape (r, d)
        Takes vectors to coordinates on the span of the data.
    back : ndarray of shape (d, r)
        Takes them back.
    tangents : ndarray of shape (n, r, r) or None
        Projections on the tangent spaces at the samples, in coordinates; None if all of the span.
    dimension : int
        Dimension of the set.
    reason : str
        What the set is, if it is not all of the space.
    """

    to: NDArray[np.float64]
    back: NDArray[np.float64]
    dimension: int
    tangents: NDArray[np.float64] | None = field(default=None, repr=False)
    reason: str = ""

    @property
    def is_full(self) -> bool:
        """Whether the samples fill the space."""
        return self.dimension == int(self.to.shape[1])

    def rows(self, at: slice | NDArray[np.int64]) -> Frame:
        """Return the frame of some of the samples."""
        if self.tangents is None:
            return self
        return Frame(self.to, self.back, self.dimension, self.tangents[at], self.reason)

    def components(self, vectors: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the tangential part of vectors (n, q, d), in coordinates, (n, q, r)."""
        z = vectors @ self.to.T
        return z if self.tangents is None else np.matmul(z, self.tangents)

    def slopes(self, jacobians: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the tangential part of covectors (n, p, d), in coordinates, (n, p, r)."""
        z = jacobians @ self.back
        return z if self.tangents is None else np.matmul(z, self.tangents)

    def normal(self, vectors: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the part of vectors (n, q, d) across the set; no columns if there is none."""
        if self.is_full:
            return np.zeros((*vectors.shape[:2], 0))
        return vectors - self.components(vectors) @ self.back.T


def frame_of(X: NDArray[np.float64], *, curved: bool = True) -> Frame:
    """Find the set that samples lie on.

    Parameters
    ----------
    X : ndarray of shape (n, d)
    curved : bool, default=True
        Whether to look for polynomials of degree 2 to 4 that vanish on the samples, where there are
        enough samples to tell.

    Returns
    -------
    Frame
    """
    n, d = X.shape
    spread = X.std(axis=0)
    typical = float(np.abs(X).max(initial=0.0))
    units = np.where(spread > 1e-12 * max(typical, 1e-300), spread, 1.0)
    centred = (X - X.mean(axis=0)) / units
    _, s, axes = np.linalg.svd(centred / np.sqrt(max(1, n)), full_matrices=False)
    kept = s > _FLAT * max(1.0, s.max(initial=0.0))
    s, axes = s[kept], axes[kept]
    to = axes / s[:, None] / units
    back = (axes * s[:, None]).T * units[:, None]
    r = len(s)
    reason = "" if r == d else f"a flat subspace of dimension {r}"
    frame = Frame(to, back, r, None, reason)
    if not curved or r < 2:
        return frame
    Z = centred @ (axes / s[:, None]).T
    found = _level_set(Z)
    if found is None:
        return frame
    tangents, dimension, degree = found
    text = f"a level set of polynomials of degree {degree}, of dimension {dimension}"
    return Frame(to, back, dimension, tangents, text + (f", in {reason}" if reason else ""))


def usual_frame(points: NDArray[np.float64]) -> Frame:
    """Return the usual coordinates in one unit, for samples that may not span the space."""
    d = points.shape[1]
    spread = float(np.sqrt(points.var(axis=0).mean())) or 1.0
    return Frame(np.eye(d) / spread, np.eye(d) * spread, d)


def _level_set(
    Z: NDArray[np.float64],
) -> tuple[NDArray[np.float64], int, int] | None:
    """Projections on the tangent spaces (n, r, r), their dimension and the degree; None if none.

    The gradients of all polynomials that vanish on the samples span the normal spaces.
    """
    n, r = Z.shape
    for degree in range(2, _DEGREE + 1):
        terms = monomials(degree, r)
        if terms.n_terms > min(_MONOMIALS, n // 3):
            return None
        phi = terms.values(Z)
        phi /= np.sqrt((phi**2).mean(axis=0))
        _, s, rows = np.linalg.svd(phi / np.sqrt(n), full_matrices=False)
        null = s < _ZERO * s[0]
        if not null.any():
            continue
        scale = np.sqrt((terms.values(Z) ** 2).mean(axis=0))
        slopes = np.tensordot(rows[null] / scale, terms.jacobians(Z), ([1], [1]))
        normals = slopes.transpose(1, 2, 0)  # (n, r, number of polynomials)
        left, sizes, _ = np.linalg.svd(normals, full_matrices=False)
        codimension = int(np.median((sizes > _SINGULAR * np.median(sizes[:, 0])).sum(axis=1)))
        across = left[:, :, :codimension]
        tangents = np.eye(r) - np.matmul(across, across.transpose(0, 2, 1))
        return tangents, r - codimension, degree
    return None
