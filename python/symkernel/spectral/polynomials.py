"""Evaluate polynomials on R^d, graded by degree."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from symkernel.backends.modes import enumerate_modes, mode_orbits, mode_sums
from symkernel.groups import Group, SignedPermutation
from symkernel.plans.letters import bombieri, letter_maps
from symkernel.spectral import monomials
from symkernel.spectral.fixed_space import fixed_space
from symkernel.spectral.manifold import GradedByDegree, Level
from symkernel.spectral.partition_subspace import (
    Blocks,
    PartitionSubspace,
    blocks_of,
    by_partitions,
)
from symkernel.spectral.subspace import InvariantSubspace, ModeSubspace, evaluate_levels
from symkernel.validation import RandomState, as_count, as_generator

__all__ = ["Polynomials"]

Array = NDArray[np.float64]

# Up to so many monomials of a degree are listed.
_FEW_MODES = 10_000
# Up to so many their orbits are not worth counting.
_FEW_ORBITS = 2000


class Polynomials(GradedByDegree):
    """Homogeneous polynomials on R^d; a level is a degree.

    The basis of degree l is sqrt(l! / a!) x^a over multi-indices a with |a| = l, in
    lexicographic order of their words. It is orthonormal for Bombieri's inner product, which
    orthogonal maps preserve: the sum of phi(x) phi(y) over the basis is (x . y)^l, and over the
    invariant functions it is the average of (x . g y)^l over the group. Not orthonormal for a
    measure on R^d; "eigenvalues" are degrees.

    Parameters
    ----------
    n_features : int
        d, the number of features, at least 1.

    Examples
    --------
    >>> from symkernel.spectral import Polynomials
    >>> [level.multiplicity for level in Polynomials(3).levels(3)]
    [1, 3, 6, 10]
    >>> Polynomials(2).eigenfunctions([[2.0, 3.0]], 1)
    array([[2., 3.]])
    """

    def __init__(self, n_features: int) -> None:
        self._d = as_count(n_features, "n_features")

    @property
    def dim(self) -> int:
        """Dimension of R^d."""
        return self._d

    @property
    def n_features(self) -> int:
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

    def invariants(
        self, group: Group, level: int | float, tol: float = 1e-9
    ) -> ModeSubspace | PartitionSubspace:
        """Return the invariant polynomials of one degree.

        Permutations of all features, those within blocks and those with changes of sign have
        partitions for orbits, which are taken where monomials are many. Signed permutations
        among other generators are solved by orbits of monomials; what the rest leaves of them,
        and the Lie algebra, by a sparse null space.
        """
        self.check(group)
        blocks = self._by_partitions(group, int(self._level(level).level))
        if blocks is not None:
            of = self._level(level)
            return by_partitions(blocks, int(of.level), of.eigenvalue, of.multiplicity, self._over)
        known = self._level(level) if group.role.flips else self._listed_level(level)
        degree = int(known.level)
        largest = max(1, degree)
        if group.role.flips:
            return self._even(known)
        words = enumerate_modes(self._d, degree, largest, fourier=False)
        signed = [g for g in group.generators if isinstance(g, SignedPermutation)]
        maps, map_signs = letter_maps(signed, self._d, largest)
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
            found = fixed_space(equations, tol, within)
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
            weights=entries[alive] * bombieri(words, degree),
            real=labels[alive],
            sums=count,
            largest=largest,
            mixing=mixing,
            express=self._express,
        )

    def _even(self, known: Level) -> ModeSubspace:
        """Monomials with even exponents: those that no change of sign changes."""
        degree = int(known.level)
        largest, half = max(1, degree), max(1, degree // 2)
        words = np.full((0, min(self._d, degree)), -1, np.int32)
        if degree % 2 == 0:
            roots = enumerate_modes(self._d, half if degree else 0, half, fourier=False)
            coordinate, place = np.divmod(roots, half)
            words = np.full((len(roots), min(self._d, degree)), -1, np.int32)
            squared = np.where(roots < 0, -1, coordinate * largest + 2 * place + 1)
            words[:, : roots.shape[1]] = squared
        return ModeSubspace(
            level=known.level,
            eigenvalue=known.eigenvalue,
            multiplicity=known.multiplicity,
            words=words,
            weights=bombieri(words, degree),
            real=np.arange(len(words), dtype=np.int32),
            sums=len(words),
            largest=largest,
            express=self._express,
        )

    def _by_partitions(self, group: Group, degree: int) -> Blocks | None:
        """Blocks of features whose partitions are far fewer than the monomials, or None."""
        blocks = blocks_of(group, degree)
        listed = self._of_degree(degree).multiplicity
        if blocks is None or listed <= _FEW_MODES or listed < 20 * blocks.count(degree):
            return None
        return blocks

    # Listing a monomial and its images takes about a microsecond; the null space of other
    # generators is that of a sparse matrix.
    def _search_work(self, group: Group, known: Level) -> float:
        blocks = self._by_partitions(group, int(known.level))
        if blocks is not None:
            return 1e5 * blocks.count(int(known.level))
        if group.role.flips:
            return 1e3 * self._fewest_sums(group, int(known.level))
        count = float(known.multiplicity)
        signed = sum(isinstance(g, SignedPermutation) for g in group.generators)
        others = len(group.generators) - signed + len(group.lie_algebra)
        null_space: float = count * min(count, 1500.0) ** 1.5
        return 1e3 * count * (1.0 + signed) + 10.0 * others * null_space

    def _fewest_sums(self, group: Group, degree: int) -> float:
        """Lower bound of the number of orbits of monomials under a finite group."""
        blocks = self._by_partitions(group, degree)
        if blocks is not None:
            return float(blocks.count(degree))
        if group.role.flips:
            return float(self._of_degree(degree // 2).multiplicity * (degree % 2 == 0))
        count = self._of_degree(degree).multiplicity
        if count <= _FEW_ORBITS or not (group.is_finite and group.is_signed_permutation):
            return 0.0
        return float(count // int(group.order))

    def _over(self, part: PartitionSubspace) -> Array:
        self._listed_level(part.level)
        return part.over_monomials(self._d)

    def _express(self, part: ModeSubspace) -> Array:
        matrix = monomials.sum_matrix(part, self._d)
        return np.asarray(matrix.toarray() if part.mixing is None else matrix @ part.mixing)

    def _eigenfunctions(self, X: Array, level: int | float) -> Array:
        degree = int(level)
        words = enumerate_modes(self._d, degree, max(1, degree), fourier=False)
        columns = np.arange(len(words), dtype=np.int32)
        weights = bombieri(words, degree)
        return mode_sums(X, words, weights, columns, None, len(words), max(1, degree))

    def _evaluate(self, parts: Sequence[InvariantSubspace], X: Array, n_jobs: int | None) -> Array:
        return evaluate_levels(parts, X, n_jobs)

    def _defect(self, X: Array) -> tuple[Array, str]:
        return np.zeros(len(X)), ""

    def _arguments(self) -> tuple[Any, ...]:
        return (self._d,)
