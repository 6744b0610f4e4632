"""Find a finite orbit on which a group of matrices acts faithfully."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

__all__ = ["Cells", "FaithfulOrbit", "faithful_orbit", "fixed_vectors", "follow_orbit"]

Array = NDArray[np.float64]
_T = TypeVar("_T")

# Projections whose cells name a point, and their width in tolerances: one in ten points lies
# so near an edge that both cells are looked up.
_PROJECTIONS = 5
_WIDTH = 100.0
# Orbits are followed to this length first, then four times as far, ...
_FIRST = 256
# ... and from this length on until so many have failed.
_FEW_FROM, _FEW = 2048, 6
# Coordinate axes are given up when so many fail; on more features than this they come first.
_AXES, _MANY_FEATURES = 16, 32
# Words whose fixed vectors are tried, and their greatest length.
_WORDS, _LONGEST = 48, 12
# Shorter parts of unit vectors, and smaller singular values of orbits, are rounding errors.
_RANK = 1e-4


@dataclass(frozen=True, eq=False)
class FaithfulOrbit:
    """Unit vectors that generators permute, and that span all but the vectors they all fix.

    Attributes
    ----------
    points : float64, shape (n, d)
    images : int64, shape (m, n)
        Generator k takes point i to point images[k, i].
    fixed : float64, shape (f, d)
        Orthonormal basis of the vectors that all generators fix.
    """

    points: Array
    images: NDArray[np.int64]
    fixed: Array


class Cells:
    """Points looked up by value, up to a tolerance.

    A point is named by the cells into which a few projections fall; where one lies near an edge,
    the next cell is looked up as well.
    """

    def __init__(self, d: int, tolerance: float) -> None:
        rng = np.random.default_rng(0)
        rows = rng.standard_normal((_PROJECTIONS, d))
        self._projections = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).T
        self._slack = 1.0 / _WIDTH
        self._width = _WIDTH * tolerance * max(1.0, d**0.5)
        self._cells: dict[tuple[int, ...], int] = {}

    def keys(self, Y: Array) -> list[list[tuple[int, ...]]]:
        """Return the names of points (n, d), the cell that holds each one first."""
        places = (Y @ self._projections) / self._width
        whole = np.floor(places)
        part = places - whole
        cells = whole.astype(np.int64)
        found = [[tuple(row)] for row in cells.tolist()]
        near = (part < self._slack) | (part > 1.0 - self._slack)
        for i in np.flatnonzero(near.any(axis=1)):
            steps = [
                (0, -1 if part[i, k] < 0.5 else 1) if near[i, k] else (0,)
                for k in range(_PROJECTIONS)
            ]
            found[i] = [
                tuple(c + s for c, s in zip(found[i][0], step, strict=True))
                for step in itertools.product(*steps)
            ]
        return found

    def get(self, names: list[tuple[int, ...]]) -> int:
        """Return the number of the point with one of these names, -1 for none."""
        for name in names:
            number = self._cells.get(name)
            if number is not None:
                return number
        return -1

    def put(self, names: list[tuple[int, ...]], number: int) -> None:
        """Give the point in the first of these cells a number."""
        self._cells[names[0]] = number


def fixed_vectors(matrices: Array, tolerance: float) -> tuple[Array, Array]:
    """Return orthonormal bases of the vectors that matrices (m, d, d) all fix, and of the others.

    Returns
    -------
    (f, d) and (d - f, d)
    """
    d = matrices.shape[1]
    moved = matrices - np.eye(d)
    values, vectors = np.linalg.eigh(np.einsum("mij,mik->jk", moved, moved))
    still = values <= tolerance**2 * d
    return np.ascontiguousarray(vectors[:, still].T), np.ascontiguousarray(vectors[:, ~still].T)


def faithful_orbit(matrices: Array, limit: int, tolerance: float) -> FaithfulOrbit | None:
    """Return orbits of at most ``limit`` points on which orthogonal matrices act faithfully.

    Vectors with large stabilisers are tried first: coordinate axes, roots of reflections, what all
    generators but one fix, axes of random words; each less what earlier orbits span, which leaves
    its orbit no longer. O(points x generators x d^2) for each.

    Parameters
    ----------
    matrices : float64, shape (m, d, d)
    limit : int
    tolerance : float
        Points whose entries agree within it are the same.

    Returns
    -------
    FaithfulOrbit or None
        None where no such orbits are found.
    """
    fixed, rest = fixed_vectors(matrices, tolerance)
    source = _candidates(matrices, rest, tolerance)
    seen: list[tuple[bool, Array]] = []
    spanned = fixed
    points: list[Array] = []
    images: list[NDArray[np.int64]] = []
    cap, total = min(_FIRST, limit), 0
    while len(spanned) < matrices.shape[1]:
        failed, failed_axes = 0, 0
        for is_axis, vector in itertools.chain(tuple(seen), _noted(source, seen)):
            if (is_axis and failed_axes >= _AXES) or (cap >= _FEW_FROM and failed >= _FEW):
                continue
            part = vector - (spanned @ vector) @ spanned
            length = float(np.linalg.norm(part))
            if length < 0.01:
                continue
            part = part / length
            part -= (spanned @ part) @ spanned  # what rounding has left in an invariant space
            found = follow_orbit(matrices, part / np.linalg.norm(part), cap, tolerance)
            if found is None:
                failed, failed_axes = failed + 1, failed_axes + is_axis
                continue
            images.append(found[1] + total)
            points.append(found[0])
            total += len(found[0])
            _, s, directions = np.linalg.svd(found[0], full_matrices=False)
            spanned = np.concatenate([spanned, directions[s > _RANK * s[0]]])
            if len(spanned) == matrices.shape[1]:
                break
        if cap >= limit:
            break
        cap = min(4 * cap, limit)
    if len(spanned) < matrices.shape[1]:
        return None
    d = matrices.shape[1]
    return FaithfulOrbit(
        np.concatenate([np.zeros((0, d)), *points]),
        np.concatenate([np.zeros((len(matrices), 0), np.int64), *images], axis=1),
        fixed,
    )


def _noted(source: Iterator[_T], seen: list[_T]) -> Iterator[_T]:
    for item in source:
        seen.append(item)
        yield item


def _candidates(matrices: Array, rest: Array, tolerance: float) -> Iterator[tuple[bool, Array]]:
    """Yield unit vectors (d,) whose orbits may be short, and whether they are axes.

    Those expected to have the shortest orbits come first.
    """
    d = matrices.shape[1]
    if not len(rest):
        return
    rng = np.random.default_rng(0)
    axes_first = d > _MANY_FEATURES or all(map(_near_monomial, matrices))
    if axes_first:
        yield from ((True, axis) for axis in np.eye(d))
    several = []
    for stacked in _subgroups(matrices, rng):
        # within the space that something moves
        own = np.einsum("ai,mij,bj->mab", rest, stacked, rest, optimize=True)
        still = fixed_vectors(own, tolerance)[0] @ rest
        if len(still) == 1:
            yield False, still[0]
        elif 1 < len(still) < len(rest):
            several.append((len(still), rng.standard_normal(len(still)) @ still))
    if not axes_first:
        yield from ((True, axis) for axis in np.eye(d))
    for _, vector in sorted(several, key=lambda pair: pair[0]):
        yield False, vector / np.linalg.norm(vector)
    vector = rng.standard_normal(len(rest)) @ rest
    yield False, vector / np.linalg.norm(vector)


def _subgroups(matrices: Array, rng: np.random.Generator) -> Iterator[Array]:
    """Yield generators (k, d, d) of subgroups, up to a sign: all but one, one, and random words."""
    if len(matrices) > 1:
        yield from (np.delete(matrices, k, axis=0) for k in range(len(matrices)))
    for matrix in matrices:
        yield from (matrix[None], -matrix[None])
    for _ in range(_WORDS):
        word = np.eye(matrices.shape[1])
        for k in rng.integers(len(matrices), size=rng.integers(1, _LONGEST + 1)):
            word = word @ matrices[k]
        yield from (word[None], -word[None])


def _near_monomial(matrix: Array) -> bool:
    return bool((np.abs(matrix).max(axis=1) > 1.0 - 1e-6).all())


def follow_orbit(
    matrices: Array, start: Array, cap: int, tolerance: float
) -> tuple[Array, NDArray[np.int64]] | None:
    """Follow a unit vector: its orbit (n, d) and its images (m, n), None beyond ``cap`` points.

    None as well where points come nearer to one another than they can be told apart.
    """
    cells = Cells(len(start), tolerance)
    points = np.tile(start, (min(cap, 64), 1))
    cells.put(cells.keys(points[:1])[0], 0)
    images: list[list[int]] = [[] for _ in matrices]
    done, count = 0, 1
    while done < count:
        frontier = points[done:count]
        done = count
        for matrix, row in zip(matrices, images, strict=True):
            moved = frontier @ matrix.T
            moved /= np.linalg.norm(moved, axis=1, keepdims=True)
            numbers = []
            for i, names in enumerate(cells.keys(moved)):
                number = cells.get(names)
                if number < 0:
                    if count == cap:
                        return None
                    if count == len(points):
                        points = np.concatenate([points, points])
                    points[count] = moved[i]
                    cells.put(names, count)
                    number, count = count, count + 1
                numbers.append(number)
            if np.abs(points[numbers] - moved).max() > tolerance:
                return None
            row.extend(numbers)
    found = np.array(images, np.int64)
    if (np.sort(found, axis=1) != np.arange(count)).any():
        return None
    return points[:count].copy(), found
