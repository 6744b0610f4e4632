"""Evaluate spherical harmonics on spheres of any dimension."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.linalg import qr

from symkernel.groups import Group
from symkernel.groups.elements import Element
from symkernel.plans.letters import bombieri
from symkernel.spectral import monomials
from symkernel.spectral.harmonics import harmonic_count, solid_harmonics
from symkernel.spectral.manifold import GradedByDegree, Level, is_trivial
from symkernel.spectral.partition_subspace import (
    PartitionSubspace,
    by_partitions,
    raised_partitions,
)
from symkernel.spectral.polynomials import Polynomials
from symkernel.spectral.representation import DenseManifold
from symkernel.spectral.subspace import (
    DenseSubspace,
    InvariantSubspace,
    ModeSubspace,
    evaluate_levels,
)
from symkernel.spectral.wigner import wigner
from symkernel.validation import RandomState, as_count, as_generator

__all__ = ["Sphere"]

Array = NDArray[np.float64]


class Sphere(GradedByDegree, DenseManifold):
    """Unit vectors of R^d, a sphere of dimension d - 1; a level is a degree.

    Eigenfunctions are real hyperspherical harmonics with the last coordinate as their pole, for
    d = 3 the real spherical harmonics; the eigenvalue of degree l is l (l + d - 2). Every group of
    orthogonal maps acts.

    Parameters
    ----------
    n_features : int
        d, the number of coordinates, at least 2.

    Notes
    -----
    On the circle and on S^2 invariant functions come from representation matrices of the
    generators. In more dimensions they are the invariant polynomials of degree l orthogonal to
    |x|^2 times those of degree l - 2: Bombieri's inner product makes harmonic polynomials of
    a degree orthogonal to these multiples and agrees with the inner product of the sphere on
    them up to the factor d (d + 2) ... (d + 2l - 2) / l!, so that nothing needs to be
    integrated. Values are sums of monomials with rounding errors of up to
    sqrt(prod_j (d + 2j)/(j + 1)) units, j < l: three digits at d = 10, l = 10, six at d = 4,
    l = 30.

    Examples
    --------
    >>> from symkernel import groups
    >>> from symkernel.spectral import Sphere
    >>> Sphere(3).invariants(groups.PointGroup("I"), 6).dimension
    1
    """

    def __init__(self, n_features: int) -> None:
        self._d = as_count(n_features, "n_features", 2)

    @property
    def dim(self) -> int:
        """Dimension of the sphere, d - 1."""
        return self._d - 1

    @property
    def n_features(self) -> int:
        """Number of features, d."""
        return self._d

    def _of_degree(self, degree: int) -> Level:
        count = harmonic_count(self._d, degree)
        return Level(degree, float(degree * (degree + self._d - 2)), count)

    # Every polynomial is that of harmonic ones of its degree and of |x|^2 times lower ones.
    def _total(self, degree: int) -> int:
        one_less = math.comb(self._d + degree - 2, degree - 1) if degree else 0
        return math.comb(self._d + degree - 1, degree) + one_less

    def random_points(self, n: int, random_state: RandomState = None) -> Array:
        """Return independent uniform unit vectors, (n, d)."""
        points = as_generator(random_state).standard_normal((as_count(n, "n", 0), self._d))
        return np.asarray(points / np.linalg.norm(points, axis=1, keepdims=True))

    def check(self, group: Group) -> None:
        """Raise unless the group is linear: orthogonal maps all act, shifts do not."""
        self._check_group(group)
        if not group.is_linear:
            raise ValueError(f"group must fix the origin to act on a sphere, {group!r} shifts it")

    def invariants(self, group: Group, level: int | float, tol: float = 1e-9) -> InvariantSubspace:
        """Return the invariant harmonics of one degree."""
        self.check(group)
        known = self._level(level)
        if self._d <= 3 or is_trivial(group):
            return self._dense_invariants(group, known, tol)
        degree = int(known.level)
        polynomials = Polynomials(self._d)
        upper = polynomials.invariants(group, degree, tol)
        mixing = upper.mixing
        if degree >= 2:
            lower = polynomials.invariants(group, degree - 2, tol)
            mixing = self._harmonic(upper, lower)
        factors = [(self._d + 2 * j) / (j + 1) for j in range(degree)]
        return replace(
            upper,
            eigenvalue=known.eigenvalue,
            multiplicity=known.multiplicity,
            weights=upper.weights * math.sqrt(math.prod(factors)),
            mixing=mixing,
            express=self._express,
        )

    def _harmonic(
        self, upper: ModeSubspace | PartitionSubspace, lower: ModeSubspace | PartitionSubspace
    ) -> Array:
        """Return what is orthogonal to |x|^2 times the lower polynomials, over the upper sums."""
        start = np.eye(upper.sums) if upper.mixing is None else upper.mixing
        if not lower.dimension:
            return start
        if isinstance(upper, PartitionSubspace):
            image = raised_partitions(upper, self._as_partitions(upper, lower))
        else:
            assert isinstance(lower, ModeSubspace)
            image = self._raised(upper, lower)
        # Injective, and well conditioned: the squares of its singular values are at least 2 d.
        q = qr(image, check_finite=False)[0]
        return np.asarray(start @ q[:, lower.dimension :])

    # The level below may have few enough monomials to be listed: not here.
    @staticmethod
    def _as_partitions(
        upper: PartitionSubspace, lower: ModeSubspace | PartitionSubspace
    ) -> PartitionSubspace:
        if isinstance(lower, PartitionSubspace):
            return lower
        degree = int(lower.level)
        words = (lower.eigenvalue, lower.multiplicity, upper.express)
        return by_partitions(upper.blocks, degree, *words)

    def _raised(self, upper: ModeSubspace, lower: ModeSubspace) -> Array:
        """|x|^2 times the lower polynomials, over the upper ones."""
        degree = int(upper.level)
        image = _sums(upper).T @ (
            monomials.raising(self._d, degree, lower.words, lower.largest, upper.words)
            @ _sums(lower)
        )
        image = image.toarray()
        if upper.mixing is not None:
            image = upper.mixing.T @ image
        if lower.mixing is not None:
            image = image @ lower.mixing
        return np.asarray(image)

    # On S^2 the matrices are known: Wigner's, and (-1)^l for the point reflection.
    def _equations(self, maps: Sequence[Element], known: Level) -> list[Array]:
        if self._d != 3:
            return super()._equations(maps, known)
        found = []
        for g in maps:
            matrix = np.asarray(g.as_matrix(), np.float64)
            sign = 1.0 if np.linalg.det(matrix) > 0.0 else -1.0
            image = sign ** int(known.level) * wigner(sign * matrix[None], int(known.level))[0]
            found.append(image.T - np.eye(known.multiplicity))
        return found

    def _search_work(self, group: Group, known: Level) -> float:
        if self._d <= 3 or is_trivial(group):
            return super()._search_work(group, known)
        # Polynomials of two degrees, and an orthogonal matrix of their invariant sums.
        degree, polynomials = int(known.level), Polynomials(self._d)
        return sum(
            polynomials._search_work(group, polynomials._of_degree(each))
            for each in (degree, degree - 2)
            if each >= 0
        ) + (4.0 * polynomials._fewest_sums(group, degree) ** 3)

    def _express(self, part: InvariantSubspace) -> Array:
        points = self.random_points(2 * part.multiplicity + 16, 0)
        basis = self._eigenfunctions(points, part.level)
        return np.asarray(np.linalg.lstsq(basis, part.evaluate(points), rcond=None)[0])

    def _ascending(self, X: Array, top: int | float) -> Iterator[Array]:
        return solid_harmonics(np.ascontiguousarray(X.T), int(top))

    def _weight(self, level: int | float) -> float:
        return float(level)

    # The addition theorem: multiplicity times the Gegenbauer polynomial that is 1 at x.y = 1.
    # (Mueller, Spherical Harmonics, 1966; recurrence of DLMF 18.9, which at d = 2 is Chebyshev's.)
    def _reproducing(self, X: Array, Y: Array, top: int | float) -> Iterator[Array]:
        unit = X / np.linalg.norm(X, axis=1, keepdims=True)
        t = np.clip(unit @ (Y / np.linalg.norm(Y, axis=1, keepdims=True)).T, -1.0, 1.0)
        before, now = np.zeros_like(t), np.ones_like(t)
        yield now
        for known in self.levels(top)[1:]:
            last = known.level - 1  # (last + d - 2) P = (2 last + d - 2) t P_last - last P_(last-1)
            below = last + self._d - 2
            share = last / below if last else 0.0
            before, now = now, (1.0 + share) * t * now - share * before
            yield known.multiplicity * now

    def _pair_work(self, top: int | float) -> float:
        return 4.0 * float(top) + self._d

    def _evaluate(self, parts: Sequence[InvariantSubspace], X: Array, n_jobs: int | None) -> Array:
        if any(isinstance(part, DenseSubspace) for part in parts):
            return super()._evaluate(parts, X, n_jobs)
        return evaluate_levels(parts, X, n_jobs)

    def _defect(self, X: Array) -> tuple[Array, str]:
        return np.abs(np.linalg.norm(X, axis=1) - 1.0), "samples are unit vectors"

    def _arguments(self) -> tuple[Any, ...]:
        return (self._d,)


def _sums(part: ModeSubspace) -> Any:
    """Return the sums over their own monomials u_a, sparse (modes, sums)."""
    entries = part.weights / bombieri(part.words, int(part.level))
    rows = np.arange(len(entries))
    return sparse.csr_matrix((entries, (rows, part.real)), shape=(len(entries), part.sums))
