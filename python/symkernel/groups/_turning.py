"""Turn vectors and tensors by orthogonal maps, and find the points of samples."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from symkernel.exceptions import NotApplicableError
from symkernel.groups.along import places
from symkernel.groups.base import Group

Array = NDArray[np.float64]

# Quantities, and powers of a map that turn them.
POWERS = {
    "scalar": 0,
    "pseudoscalar": 0,
    "vector": 1,
    "pseudovector": 1,
    "tensor": 2,
    "traceless": 2,
}
# Those that improper maps turn and negate.
SIGNED = ("pseudoscalar", "pseudovector")
# Entries of a map that differ by less are the same.
_SAME = 1e-8


def size_of(kind: str, dimension: int) -> int:
    """Count the components of a quantity.

    Raises
    ------
    NotApplicableError
        Of pseudovectors outside three dimensions.
    """
    if kind == "pseudovector" and dimension != 3:
        raise NotApplicableError(
            f"a pseudovector has three dimensions, and the points have {dimension} coordinates; "
            'in the plane it is a "pseudoscalar"'
        )
    symmetric = dimension * (dimension + 1) // 2
    sizes = {0: 1, 1: dimension, 2: symmetric}
    return sizes[POWERS[kind]] - (kind == "traceless")


def basis_of(kind: str, dimension: int) -> Array:
    """Return an orthonormal basis (q, r, r) of symmetric matrices, or of those without a trace."""
    squares = np.zeros((dimension, dimension, dimension))
    squares[(np.arange(dimension),) * 3] = 1.0
    if kind == "traceless":  # one axis beside those before it, the last first
        squares = np.stack(
            [
                np.diag(np.r_[-np.ones(k), k, np.zeros(dimension - 1 - k)] / np.sqrt(k * (k + 1.0)))
                for k in range(dimension - 1, 0, -1)
            ]
            or [np.zeros((0, dimension, dimension))],
        ).reshape(-1, dimension, dimension)
    pairs = list(combinations(range(dimension), 2))[::-1]  # yz, xz, xy
    mixed = np.zeros((len(pairs), dimension, dimension))
    for m, (a, b) in enumerate(pairs):
        mixed[m, a, b] = mixed[m, b, a] = np.sqrt(0.5)
    return np.concatenate([squares, mixed])


def turned(kind: str, maps: Array) -> Array:
    """Return what k orthogonal maps (k, r, r) do to the components of a quantity, (k, q, q)."""
    size_of(kind, maps.shape[-1])
    power = POWERS[kind]
    if power == 2:
        basis = basis_of(kind, maps.shape[-1])
        found = np.einsum("mab,kac,kbd,ncd->kmn", basis, maps, maps, basis, optimize=True)
    else:
        found = maps if power else np.ones((len(maps), 1, 1))
    if kind in SIGNED:
        found = found * np.round(np.linalg.det(maps))[:, None, None]
    return np.asarray(found)


def mean_turned(kind: str, dimension: int, reflections: bool) -> Array:
    """Return the mean of `turned` over all rotations of r >= 2 coordinates, (q, q)."""
    q = size_of(kind, dimension)
    if kind == "tensor":
        trace = np.einsum("maa->m", basis_of(kind, dimension))
        return np.outer(trace, trace) / dimension
    stays = kind == "scalar" or (kind == "pseudoscalar" and not reflections)
    return np.full((q, q), 1.0 if stays else 0.0)


def over_points(rows: NDArray[np.intp], D: Array) -> Array:
    """Return what exchanges points as k rows (k, P) do, and turns each by D (k, q, q)."""
    (k, points), q = rows.shape, D.shape[-1]
    found = np.zeros((k, points, q, points, q))
    each = np.arange(k)[:, None]
    found[each, np.arange(points), :, rows, :] = D[:, None]
    return found.reshape(k, points * q, points * q)


def direct_sum(blocks: Sequence[Array]) -> Array:
    """Return matrices (k, p, p) with blocks (k, q, q) along their diagonals."""
    sizes = [block.shape[-1] for block in blocks]
    found = np.zeros((len(blocks[0]), sum(sizes), sum(sizes)))
    start = 0
    for size, block in zip(sizes, blocks, strict=True):
        found[:, start : start + size, start : start + size] = block
        start += size
    return found


def points_of(group: Group, at_points: bool = False) -> NDArray[np.intp]:
    """Return the features of the points of a sample, (points, coordinates).

    Coordinates are those that a factor turns; of permutations alone, the last of two axes. Samples
    of one axis are one point, or d points of one coordinate where permutations exchange them.

    Raises
    ------
    NotApplicableError
        Of motions of a lattice, whose coordinates are not orthogonal, and of angles.
    """
    if group._on_lattice or group.structure.angles:
        raise NotApplicableError(
            f"{group!r} acts on fractional coordinates or angles, in which vectors are not turned "
            'by orthogonal maps; representations of it are "trivial" and those from matrices'
        )
    for factor in group.structure.factors:
        if not factor.group.is_permutation:
            return np.asarray(places(factor.axes, factor.shape))
    features = np.arange(group.degree)
    if len(group.shape) == 2:
        return features.reshape(group.shape)
    return features.reshape((-1, 1) if at_points else (1, -1))


def split(maps: Array, points: NDArray[np.intp], group: Group) -> tuple[NDArray[np.intp], Array]:
    """Return k maps (k, d, d) as permutations (k, P) of points and what turns each, (k, r, r).

    Raises
    ------
    ValueError
        If one does more than that.
    """
    blocks = maps[:, points[:, None, :, None], points[None, :, None, :]]
    rows = np.abs(blocks).max(axis=(3, 4)).argmax(axis=2)
    turns = blocks[np.arange(len(maps)), 0, rows[:, 0]]
    made = over_points(rows, turns).reshape(len(maps), *points.shape, *points.shape)
    if np.abs(made.transpose(0, 1, 3, 2, 4) - blocks).max(initial=0.0) > _SAME:
        raise ValueError(
            f"{group!r} does more to samples of {points.shape[0]} points with {points.shape[1]} "
            "coordinates than to exchange the points and to turn all of them alike, so that it "
            'has no vectors; use output="same", or Representation.from_matrices'
        )
    return rows, turns
