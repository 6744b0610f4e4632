"""Polynomials on R^d, graded by degree."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from symkernel.backends.modes import enumerate_modes, mode_orbits, mode_sums
from symkernel.groups import Group, SignedPermutation
from symkernel.groups._checks import RandomState, as_count, as_generator
from symkernel.spectral import monomials
from symkernel.spectral.fixed_space import fixed_space
from symkernel.spectral.manifold import GradedByDegree, Level
from symkernel.spectral.subspace import InvariantSubspace, JoinedModes, ModeSubspace

__all__ = ["Polynomials"]

Array = NDArray[np.float64]


class Polynomials(GradedByDegree):
    """Homogeneous polynomials on R^d; a level is a degree.

    The basis of degree l is sqrt(l! / a!) x^a over multi-indices a with |a| = l, in
    lexicographic order of their words. It is orthonormal for Bombieri's inner product, which
    orthogonal maps preserve: the sum of phi(x) phi(y) over the basis is (x . y)^l, and over the
    invariant functions it is the average of (x . g y)^l over the group. Not orthonormal for a
    measure on R^d; "eigenvalues" are degrees.

    Parameters
    ----------
    d : int
        Number of features, at least 1.

    Examples
    --------
    >>> from symkernel.spectral import Polynomials
    >>> [level.multiplicity for level in Polynomials(3).levels(3)]
    [1, 3, 6, 10]
    >>> Polynomials(2).eigenfunctions([[2.0, 3.0]], 1)
    array([[2., 3.]])
    """

    def __init__(self, d: int) -> None:
        self._d = as_count(d, "d")

    @property
    def dim(self) -> int:
        """Dimension of R^d."""
        return self._d

    @property
    def ambient(self) -> int:
        """Number of features, d."""
        return self._d

    def _of_degree(self, degree: int) -> Level:
        return Level(degree, float(degree), math.comb(self._d + degree - 1, degree))

    def _total(self, degree: int) -> int:
        return math.comb(self._d + degree, degree)

    def random_points(self, n: int, random_state: RandomState = None) -> Array:
        """Return independent standard normal samples, (n, d)."""
        return as_generator(random_state).standard_normal((as_count(n, "n", 0), self._d))

    def check(self, group: Group) -> None:
        """Raise unless the group is linear: shifts mix degrees."""
        self._check_group(group)
        if not group.is_linear:
            raise ValueError(
                f"group must fix the origin to act on polynomials by degree, {group!r} shifts it: "
                "centre the samples and take the linear part"
            )

    def invariants(self, group: Group, level: int | float, tolerance: float = 1e-9) -> ModeSubspace:
        """Return the invariant polynomials of one degree.

        Signed permutations among the generators are solved by orbits of monomials; what other
        generators leave of them, and the Lie algebra, by a sparse null space.
        """
        self.check(group)
        known = self._listed_level(level)
        degree = int(known.level)
        largest = max(1, degree)
        words = enumerate_modes(self._d, degree, largest, fourier=False)
        signed = [g for g in group.generators if isinstance(g, SignedPermutation)]
        maps, map_signs = monomials.letter_maps(signed, self._d, largest)
        labels, signs, count = mode_orbits(words, maps, map_signs)
        alive = labels >= 0
        sizes = np.append(np.bincount(labels[alive], minlength=count), 1)  # label -1 at the end
        entries = signs / np.sqrt(sizes[labels]) * alive
        equations = monomials.equations(group, self._d, degree)
        mixing, gap, residual = None, math.inf, 0.0
        if equations:
            keep = np.flatnonzero(alive)
            within = sparse.csr_matrix(
                (entries[keep], (keep, labels[keep])), shape=(len(words), count)
            )
            found = fixed_space(equations, tolerance, within)
            mixing, gap, residual = found.basis, found.gap, found.residual
            used = np.flatnonzero((mixing != 0.0).any(axis=1))
            number = np.full(count + 1, -1, np.int32)  # the last one stands for void orbits
            number[used] = np.arange(len(used))
            labels, mixing, count = number[labels], mixing[used], len(used)
            alive = labels >= 0
        words = words[alive]
        return ModeSubspace(
            level=known.level,
            eigenvalue=known.eigenvalue,
            multiplicity=known.multiplicity,
            gap=gap,
            residual=residual,
            words=words,
            weights=entries[alive] * monomials.bombieri(words, degree),
            real=labels[alive],
            sums=count,
            largest=largest,
            mixing=mixing,
            express=self._express,
        )

    # Listing a monomial and its images takes about a microsecond; the null space of other
    # generators is that of a sparse matrix.
    def _search_work(self, group: Group, known: Level) -> float:
        count = float(known.multiplicity)
        signed = sum(isinstance(g, SignedPermutation) for g in group.generators)
        others = len(group.generators) - signed + len(group.lie_algebra)
        null_space: float = count * min(count, 1500.0) ** 1.5
        return 1e3 * count * (1.0 + signed) + 10.0 * others * null_space

    def _fewest_sums(self, group: Group, degree: int) -> float:
        """Lower bound of the number of orbits of monomials under a finite group."""
        if not group.is_finite or not group.is_signed_permutation:
            return 0.0
        return self._of_degree(degree).multiplicity / float(group.order)

    def _express(self, part: ModeSubspace) -> Array:
        matrix = monomials.sum_matrix(part, self._d)
        return np.asarray(matrix.toarray() if part.mixing is None else matrix @ part.mixing)

    def _eigenfunctions(self, X: Array, level: int | float) -> Array:
        degree = int(level)
        words = enumerate_modes(self._d, degree, max(1, degree), fourier=False)
        columns = np.arange(len(words), dtype=np.int32)
        weights = monomials.bombieri(words, degree)
        return mode_sums(X, words, weights, columns, None, len(words), max(1, degree))

    def _evaluate(self, parts: Sequence[InvariantSubspace], X: Array, n_jobs: int | None) -> Array:
        return JoinedModes([p for p in parts if isinstance(p, ModeSubspace)])(X, n_jobs)

    def _defect(self, X: Array) -> tuple[Array, str]:
        return np.zeros(len(X)), ""

    def _arguments(self) -> tuple[Any, ...]:
        return (self._d,)
