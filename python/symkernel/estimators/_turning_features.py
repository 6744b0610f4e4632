"""Make vectors of samples of points that turn with them, for a test of targets."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

# Kinds of points that have vectors of their own.
_KINDS = 32
# Kinds whose pairs have fields of their own.
_PAIRED = 4
# Directions of functions that are averaged over a finite group.
_DIRECTIONS = 3
# Pairs of points of all samples together, beyond which none are looked at.
PAIRS = 2_000_000


def vectors_of(
    points: Array, labels: NDArray[np.intp], maps: Array | None, proper: bool
) -> tuple[Array, Array]:
    r"""Return vectors (n, K, r) of samples of points (n, P, r): the first few, and all.

    :math:`\sum_p z_p` and :math:`\sum_p |z_p|^2 z_p` over each kind of points, the latter of points
    less their mean as well; under proper maps vectors at right angles to those; under finitely many
    maps h also :math:`\operatorname{E}_h h^T u (w \cdot h z)^m` with u and w fixed, m up to 3.
    """
    kinds = _members(labels)
    first: Array = np.einsum("cp,npa->nca", kinds, points)
    found = [first]
    for z in (points, points - points.mean(axis=1, keepdims=True)):
        found.append(np.einsum("cp,npa->nca", kinds, (z**2).sum(axis=2, keepdims=True) * z))
    if proper:
        found.append(_across(np.concatenate(found, axis=1)))
    if maps is not None:
        found.append(_averaged(_principal(first), maps))
    return first, np.concatenate(found, axis=1)


def fields_of(points: Array, labels: NDArray[np.intp], proper: bool) -> Array:
    r"""Return fields (n, K, P, r), a vector for every point, of samples of points (n, P, r).

    Positions, those times their squared length, and sums over other points q of
    :math:`\phi(|z_p - z_q|) (z_p - z_q)`: with Gaussians, and with springs about mean distances.
    """
    n, P, r = points.shape
    kinds = _members(labels)
    squares = (points**2).sum(axis=2, keepdims=True)
    found = [points, squares * points, np.broadcast_to(points.sum(1, keepdims=True), points.shape)]
    if proper and r == 2:
        found.append(_quarter(points))
    if len(kinds) <= _PAIRED:
        sums = np.einsum("cp,npa->nca", kinds, points)
        for k in kinds:
            found += [own * k[:, None] for own in sums[:, :, None].swapaxes(0, 1)]
            found.append(points * k[:, None])
    if n * P * P <= PAIRS:
        found += _pair_fields(points, labels)
    return np.stack(found, axis=1)


def _pair_fields(points: Array, labels: NDArray[np.intp]) -> list[Array]:
    between = points[:, :, None] - points[:, None]
    lengths = np.sqrt((between**2).sum(axis=3))
    kind = labels[:, None] * (labels.max() + 1) + labels
    _, kind = np.unique(kind, return_inverse=True)
    kind = kind.reshape(len(labels), -1)
    apart = ~np.eye(len(labels), dtype=bool)
    counts = np.bincount(kind[apart], minlength=kind.max() + 1).clip(1)
    means = np.bincount(kind[apart], lengths.mean(0)[apart], minlength=kind.max() + 1) / counts
    rest = means[kind]
    shortest = rest[apart].min(initial=np.inf)
    if not 0 < shortest < np.inf:
        return []
    springs = np.where(apart, 1 - rest / np.where(lengths > 0, lengths, np.inf), 0.0)
    found = [springs * np.where(apart, shortest / rest.clip(shortest), 0.0) ** k for k in (0, 3, 9)]
    found += [np.exp(-((lengths / (width * shortest)) ** 2)) for width in (0.5, 1.0, 2.0)]
    return [np.einsum("npq,npqa->npa", own, between, optimize=True) for own in found]


def _members(labels: NDArray[np.intp]) -> Array:
    """Points of every kind as rows of 0 and 1, (kinds, P); not of too many kinds."""
    kinds = np.unique(labels)
    kinds = kinds[np.linspace(0, len(kinds) - 1, min(len(kinds), _KINDS)).astype(np.intp)]
    return np.asarray(kinds[:, None] == labels, np.float64)


def _principal(vectors: Array) -> Array:
    """The sum (n, r) of vectors (n, K, r) that varies most."""
    flat = vectors.swapaxes(0, 1).reshape(vectors.shape[1], -1)
    return np.asarray(np.einsum("k,nka->na", np.linalg.eigh(flat @ flat.T)[1][:, -1], vectors))


def _across(vectors: Array) -> Array:
    """Vectors at right angles to one or two of some, (n, K', r)."""
    if vectors.shape[2] == 2:
        return _quarter(vectors)
    pairs = list(combinations(range(min(vectors.shape[1], 2 * _PAIRED)), 2))
    found = [np.cross(vectors[:, i], vectors[:, j]) for i, j in pairs]
    return np.stack(found, axis=1) if found else vectors[:, :0]


def _quarter(vectors: Array) -> Array:
    """Vectors in the plane, a quarter turn on."""
    return np.stack([-vectors[..., 1], vectors[..., 0]], axis=-1)


def _averaged(vectors: Array, maps: Array) -> Array:
    """Averages (n, K, r) over maps of functions of vectors (n, r) with values along directions."""
    r = maps.shape[1]
    to, of = np.random.default_rng(0).standard_normal((2, _DIRECTIONS, r))
    seen = np.einsum("ud,kde,ne->kun", of, maps, vectors, optimize=True)
    found = [
        np.einsum("kun,kde,ud->nue", seen**m, maps, to, optimize=True) / len(maps)
        for m in (1, 2, 3)
    ]
    return np.concatenate(found, axis=1)
