"""Find a finite orbit on which a group of matrices acts faithfully."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
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
# ... and from this length on until points of so many have failed, of six vectors at least.
_FEW_FROM, _FEW, _FAILED_POINTS = 2048, 6, 65_536
# Coordinate axes are given up when so many fail, then fewer; on many features they come first.
_AXES, _FEW_AXES, _MANY_FEATURES = 16, 2, 32
# Random words, fewer on many features, and their greatest length.
_WORDS, _FEW_WORDS, _LONGEST = 48, 24, 12
# Subgroups made of their powers.
_LINES = 32
# Words turn planes by p/q of a circle, up to this q, to this accuracy; primes that divide orders.
_LONGEST_TURN, _TURN_ACCURACY = 200, 1e-7
_PRIMES = (2, 3, 5, 7, 11, 13)
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
            if is_axis and failed_axes >= (_AXES if cap < _FEW_FROM else _FEW_AXES):
                continue
            if cap >= _FEW_FROM and failed >= max(_FEW, _FAILED_POINTS // cap):
                break
            part = vector - (spanned @ vector) @ spanned
            length = float(np.linalg.norm(part))
            if length < 0.01:
                continue
            part = part / length
            part -= (spanned @ part) @ spanned  # what rounding has left in an invariant space
            found = follow_orbit(matrices, part / np.linalg.norm(part), cap, tolerance)
            if found is None:
                failed, failed_axes = failed + (not is_axis), failed_axes + is_axis
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
    for still in itertools.chain(
        (
            fixed_vectors(rest @ np.delete(matrices, k, axis=0) @ rest.T, tolerance)[0] @ rest
            for k in range(len(matrices) if len(matrices) > 1 else 0)
        ),
        (_fixed_within(sign * m, rest, tolerance) for m in matrices for sign in (1.0, -1.0)),
        _fixed_lines(matrices, rest, tolerance),
    ):
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


def _fixed_lines(matrices: Array, rest: Array, tolerance: float) -> Iterator[Array]:
    """Yield small subspaces (k, d), one dimension if possible, that large subgroups fix.

    Powers of random words, of prime order, move few dimensions. What several of them fix together
    is made smaller one by one, down to the last dimension.
    """
    d = matrices.shape[1]
    rng = np.random.default_rng(1)
    pool: list[tuple[int, Array]] = []
    for word in _words(matrices, rng):
        for power in _prime_powers(word):
            for signed in (power, -power):
                still = _fixed_within(signed, rest, tolerance)
                if 0 < len(still) < len(rest):
                    pool.append((len(still), signed))
    for attempt in range(_LINES if pool else 0):
        # those that fix much first, or in any order
        noise = rng.uniform(0.0, 1.0 if attempt % 2 else d, len(pool))
        order = np.argsort([-size for size, _ in pool] + noise)
        basis = rest
        for k in order:
            still = _fixed_within(pool[k][1], basis, tolerance)
            if 0 < len(still) < len(basis):
                basis = still
            if len(basis) == 1:
                break
        yield basis


def _fixed_within(matrix: Array, basis: Array, tolerance: float) -> Array:
    """Return the vectors in the span of orthonormal rows that a matrix fixes, orthonormal rows."""
    moved = basis @ matrix.T - basis
    values, vectors = np.linalg.eigh(moved @ moved.T)
    return np.asarray(vectors[:, values <= tolerance**2 * matrix.shape[0]].T @ basis)


def _prime_powers(word: Array) -> list[Array]:
    """Return powers of prime order of an orthogonal matrix; none if its order is not small."""
    turns = np.angle(np.linalg.eigvals(word)) / (2.0 * math.pi)
    near = [Fraction(t).limit_denominator(_LONGEST_TURN) for t in turns.tolist()]
    if np.abs(np.array([float(f) for f in near]) - turns).max() > _TURN_ACCURACY:
        return []
    order = math.lcm(*(f.denominator for f in near))
    primes = [p for p in _PRIMES if order % p == 0]
    return [np.linalg.matrix_power(word, order // p) for p in primes]


def _words(matrices: Array, rng: np.random.Generator) -> Iterator[Array]:
    """Yield the matrices and random products of them."""
    yield from matrices
    for _ in range(_WORDS if matrices.shape[1] <= _MANY_FEATURES else _FEW_WORDS):
        word = np.eye(matrices.shape[1])
        for k in rng.integers(len(matrices), size=rng.integers(2, _LONGEST + 1)):
            word = word @ matrices[k]
        yield word


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
