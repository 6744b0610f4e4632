"""Find invariant functions of a level from its values at points.

phi(g x) = D(g) phi(x) holds at every x, so that D(g) is found from twice as many random points as
there are functions, by least squares: the basis is orthonormal, and the equations are as well
conditioned as random matrices of that shape, at every level.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import expm, qr, solve_triangular

from symkernel.backends.modes import thread_count
from symkernel.groups import Group, OrthogonalMatrix
from symkernel.groups.elements import Element
from symkernel.groups.lie import LieGenerator
from symkernel.groups.motion import Motion
from symkernel.spectral.fixed_space import blas_threads, fixed_space
from symkernel.spectral.manifold import Level, Manifold
from symkernel.spectral.subspace import DenseSubspace, InvariantSubspace

__all__ = ["DenseManifold"]

Array = NDArray[np.float64]

# Largest |D^T D - I| of a map that counts as an isometry.
_ORTHOGONAL = 1e-7
# Levels up to this size are solved on one thread.
_SMALL = 400
# Rows of samples that one thread works on at a time.
_ROWS = 256


class DenseManifold(Manifold):
    """A manifold whose levels are small enough for dense matrices."""

    @abstractmethod
    def _ascending(self, X: Array, top: int | float) -> Iterator[Array]:
        """Yield the bases of all levels up to ``top`` at points, each (multiplicity, n)."""

    @abstractmethod
    def _weight(self, level: int | float) -> float:
        """Bound of the frequencies of t -> phi(exp(t A) x) for |A| = 1."""

    def _eigenfunctions(self, X: Array, level: int | float) -> Array:
        last = np.zeros((0, len(X)))
        for values in self._ascending(X, level):
            last = values
        return np.ascontiguousarray(last.T)

    def check(self, group: Group) -> None:
        """Raise unless the group maps the manifold to itself by isometries."""
        self._check_group(group)
        points = self.random_points(16, 0)
        for name, g in self._named_maps(group, self._telling_levels()[0]):
            moved = g.apply(points)
            defect, words = self._defect(moved)
            if defect.max() > _ORTHOGONAL:
                raise ValueError(
                    f"group must act on {self!r}: {name} takes samples off it ({words})"
                )
        for known in self._telling_levels():
            sampler = _Sampler(self, known)
            for name, g in self._named_maps(group, known):
                if sampler.equation(g)[1] > _ORTHOGONAL:
                    raise ValueError(
                        f"group must act on {self!r} by isometries: {name} does not map "
                        "eigenfunctions to eigenfunctions"
                    )

    def _telling_levels(self) -> list[Level]:
        """Levels whose functions tell points apart: what maps them to themselves is an isometry."""
        return [next(known for known in self.all_levels() if known.level > 0)]

    def _named_maps(self, group: Group, known: Level) -> Iterator[tuple[str, Element]]:
        for k, g in enumerate(group.generators):
            yield f"generator {k}", g
        for k, xi in enumerate(group.lie_algebra):
            yield f"element {k} of its Lie algebra", self._step(xi, known)

    # exp(t A) fixes a vector if and only if A kills it, when t times every frequency of A stays
    # below 2 pi; a quarter turn at most keeps singular values comparable with those of A.
    def _step(self, xi: LieGenerator, known: Level) -> Element:
        size = float(np.linalg.norm(xi.matrix, 2)) if xi.matrix.any() else 0.0
        rate = self._weight(known.level) * max(size, float(np.abs(xi.shift).max(initial=0.0)))
        time = 0.5 * math.pi / rate
        if not xi.matrix.any():
            return Motion(None, time * xi.shift)
        return OrthogonalMatrix(expm(time * xi.matrix))

    def invariants(self, group: Group, level: int | float, tol: float = 1e-9) -> InvariantSubspace:
        """Return the invariant functions of one level.

        Representation matrices of the generators, and of a short step along each element of the
        Lie algebra, and their joint null space: O(multiplicity^3) for each.
        """
        self.check(group)
        return self._dense_invariants(group, self._level(level), tol)

    def _dense_invariants(self, group: Group, known: Level, tol: float) -> DenseSubspace:
        # Constants are fixed by everything.
        maps = [g for _, g in self._named_maps(group, known)] if known.level > 0 else []
        combinations, gap, residual = None, math.inf, 0.0
        if maps:
            # Threads of LAPACK cost more than they give on small matrices.
            with blas_threads(1 if known.multiplicity <= _SMALL else None):
                found = fixed_space(self._equations(maps, known), tol)
            combinations, gap, residual = found.basis, found.gap, found.residual
        return DenseSubspace(
            level=known.level,
            eigenvalue=known.eigenvalue,
            multiplicity=known.multiplicity,
            gap=gap,
            residual=residual,
            combinations=combinations,
            basis=partial(self._eigenfunctions, level=known.level),
        )

    def _equations(self, maps: Sequence[Element], known: Level) -> list[Array]:
        """Return D(g)^T - I for each map."""
        sampler = _Sampler(self, known)
        return [sampler.equation(g)[0] for g in maps]

    # Of each map: functions at twice as many points, two products, and a share of the null space.
    def _search_work(self, group: Group, known: Level) -> float:
        maps = len(group.generators) + len(group.lie_algebra)
        return 1e3 * known.multiplicity + 15.0 * maps * float(known.multiplicity) ** 3

    def _evaluate(self, parts: Sequence[InvariantSubspace], X: Array, n_jobs: int | None) -> Array:
        """Return the functions of several levels, block by block of rows."""
        sizes = [part.dimension for part in parts]
        out = np.empty((len(X), sum(sizes)))
        wanted = {part.level: part for part in parts if part.dimension}
        starts = dict(zip((p.level for p in parts), np.cumsum([0, *sizes[:-1]]), strict=True))

        if not wanted:
            return out
        top = max(wanted)

        def fill(start: int) -> None:
            rows = slice(start, start + _ROWS)
            levels = self._ascending(X[rows], top)
            for known, values in zip(self.all_levels(), levels, strict=False):
                part = wanted.get(known.level)
                if part is not None:
                    first = starts[known.level]
                    columns = slice(first, first + part.dimension)
                    out[rows, columns] = _combined(part, values.T)

        threads = thread_count(n_jobs)
        # Blocks are the parallel work: products within them must not start threads of their own.
        with (
            blas_threads(1 if threads > 1 else None),
            ThreadPoolExecutor(threads) as pool,
        ):
            for _ in pool.map(fill, range(0, len(X), _ROWS)):
                pass
        return out


def _combined(part: InvariantSubspace, values: Array) -> Array:
    if isinstance(part, DenseSubspace):
        return part.combined(values)
    return np.asarray(values @ part.coefficients)


class _Sampler:
    """Points at which one level is known, and the factors of its least-squares problem."""

    def __init__(self, manifold: DenseManifold, known: Level) -> None:
        self._manifold, self._level = manifold, known.level
        self._points = manifold.random_points(2 * known.multiplicity + 16, 0)
        values = manifold._eigenfunctions(self._points, known.level)
        self._q, self._r = qr(values, mode="economic", check_finite=False)

    # D^T - I, and the largest defect of D as an orthogonal matrix that gives phi(g x).
    def equation(self, g: Element) -> tuple[Array, float]:
        moved = self._manifold._eigenfunctions(g.apply(self._points), self._level)
        inner = self._q.T @ moved
        matrix = solve_triangular(self._r, inner, check_finite=False)
        identity = np.eye(len(matrix))
        misfit = float(np.abs(moved - self._q @ inner).max())
        defect = max(misfit, float(np.abs(matrix.T @ matrix - identity).max()))
        # One step of Newton-Schulz leaves a matrix orthogonal to rounding.
        matrix = matrix @ (1.5 * identity - 0.5 * (matrix.T @ matrix))
        return matrix - identity, defect
