"""Evaluate eigenfunctions of the rotation group as a manifold."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symkernel.groups import SO, Group
from symkernel.groups.elements import Element
from symkernel.spectral.fixed_space import fixed_space
from symkernel.spectral.manifold import GradedByDegree, Level
from symkernel.spectral.representation import DenseManifold
from symkernel.spectral.subspace import DenseSubspace, InvariantSubspace
from symkernel.spectral.wigner import wigner
from symkernel.validation import RandomState, as_count

__all__ = ["SO3"]

Array = NDArray[np.float64]

# Larger differences of matrix entries are no rounding.
_SAME = 1e-9


class SO3(GradedByDegree, DenseManifold):
    """Rotation matrices of space, as nine features in C order; a level is a degree.

    With Y(R x) = D^l(R) Y(x) for the real spherical harmonics of degree l, the basis of level l is
    sqrt(2l + 1) D^l_ij(R), (2l + 1)^2 functions, the real form of Wigner's D functions; eigenvalue
    l (l + 1). Groups act from the left along axis 0 of (3, 3), R -> A R, and from the right along
    axis 1, R -> R A^T; so does every map of the nine features that takes rotations to rotations.

    Examples
    --------
    >>> from symkernel import groups
    >>> from symkernel.spectral import SO3
    >>> left = groups.PointGroup("O").along(0, (3, 3))
    >>> [SO3().invariants(left, l).dimension for l in range(5)]
    [1, 0, 0, 0, 9]
    """

    @property
    def dim(self) -> int:
        """Dimension of the group of rotations, 3."""
        return 3

    @property
    def n_features(self) -> int:
        """Number of features, 9."""
        return 9

    def _of_degree(self, degree: int) -> Level:
        return Level(degree, float(degree * (degree + 1)), (2 * degree + 1) ** 2)

    def _total(self, degree: int) -> int:
        return (degree + 1) * (2 * degree + 1) * (2 * degree + 3) // 3

    def random_points(self, n: int, random_state: RandomState = None) -> Array:
        """Return independent uniform rotations, (n, 9)."""
        elements = SO(3).sample(as_count(n, "n", 0), random_state)
        return np.array([g.as_matrix().reshape(-1) for g in elements]).reshape(-1, 9)

    def invariants(self, group: Group, level: int | float, tol: float = 1e-9) -> InvariantSubspace:
        """Return the invariant functions of one level.

        If every generator acts from one side, they are products of invariant vectors of the two
        sides, found in 2l + 1 unknowns each; else the whole level has (2l + 1)^2.
        """
        self.check(group)
        known = self._level(level)
        sides = self._sides(group, known) if known.level > 0 else None
        if sides is None or not any(sides):
            return self._dense_invariants(group, known, tol)
        degree = int(known.level)
        gap, residual, vectors = np.inf, 0.0, []
        for matrices in sides:
            if not matrices:
                vectors.append(np.eye(2 * degree + 1))
                continue
            identity = np.eye(2 * degree + 1)
            # <C, D(A) D(R) D(B)^T> = <D(A)^T C D(B), D(R)>: both sides fixed by transposes.
            found = fixed_space(
                [wigner(matrix[None], degree)[0].T - identity for matrix in matrices], tol
            )
            vectors.append(found.basis)
            gap, residual = min(gap, found.gap), max(residual, found.residual)
        return DenseSubspace(
            level=known.level,
            eigenvalue=known.eigenvalue,
            multiplicity=known.multiplicity,
            gap=gap,
            residual=residual,
            combinations=np.asarray(np.kron(vectors[0], vectors[1]), np.float64),
            basis=partial(self._eigenfunctions, level=known.level),
        )

    def _sides(self, group: Group, known: Level) -> tuple[list[Array], list[Array]] | None:
        left: list[Array] = []
        right: list[Array] = []
        for _, g in self._named_maps(group, known):
            pair = _factors(g)
            if pair is None:
                return None
            moved = [np.abs(matrix - np.eye(3)).max() > _SAME for matrix in pair]
            if all(moved):
                return None
            for side, matrix, moves in zip((left, right), pair, moved, strict=True):
                if moves:
                    side.append(matrix)
        return left, right

    def _search_work(self, group: Group, known: Level) -> float:
        if known.level > 0 and self._sides(group, known) is not None:
            maps = len(group.generators) + len(group.lie_algebra)
            return 1e3 * known.multiplicity + 50.0 * maps * known.multiplicity * (
                2.0 * known.level + 1.0
            )
        return super()._search_work(group, known)

    def _ascending(self, X: Array, top: int | float) -> Iterator[Array]:
        rotations = X.reshape(-1, 3, 3)
        for degree in range(int(top) + 1):
            values = wigner(rotations, degree) * np.sqrt(2.0 * degree + 1.0)
            yield values.reshape(len(X), (2 * degree + 1) ** 2).T

    def _eigenfunctions(self, X: Array, level: int | float) -> Array:
        values = wigner(X.reshape(-1, 3, 3), int(level)) * np.sqrt(2.0 * level + 1.0)
        return np.ascontiguousarray(values.reshape(len(X), (2 * int(level) + 1) ** 2))

    # (2l + 1) times the character sin((l + 1/2) w) / sin(w / 2) of the angle w of R^T S.
    def _reproducing(self, X: Array, Y: Array, top: int | float) -> Iterator[Array]:
        t = np.clip((X @ Y.T - 1.0) / 2.0, -1.0, 1.0)
        before, now = -np.ones_like(t), np.ones_like(t)
        for degree in range(int(top) + 1):
            yield (2 * degree + 1) * now
            before, now = now, 2.0 * t * now - before

    def _pair_work(self, top: int | float) -> float:
        return 4.0 * float(top) + 9.0

    # R -> A R B^T has the weights of A and of B together.
    def _weight(self, level: int | float) -> float:
        return 2.0 * float(level)

    def _defect(self, X: Array) -> tuple[Array, str]:
        matrices = X.reshape(-1, 3, 3)
        off = np.abs(matrices.transpose(0, 2, 1) @ matrices - np.eye(3)).max(axis=(1, 2), initial=0)
        turned = np.linalg.det(matrices) < 0
        return np.where(turned, 2.0, off), "samples are 3 x 3 rotation matrices, flattened"

    def _arguments(self) -> tuple[Any, ...]:
        return ()


def _factors(g: Element) -> tuple[Array, Array] | None:
    """Rotations (A, B) with g.R = A R B^T, or None."""
    tensor = g.as_matrix().reshape(3, 3, 3, 3).transpose(0, 2, 1, 3).reshape(9, 9)
    u, values, vt = np.linalg.svd(tensor)
    left, right = u[:, 0].reshape(3, 3), vt[0].reshape(3, 3)
    left, right = left * np.sqrt(3.0), right * (values[0] / np.sqrt(3.0))
    if np.abs(np.kron(left, right) - g.as_matrix()).max() > _SAME:
        return None
    if np.linalg.det(left) < 0:
        left, right = -left, -right
    return (left, right) if np.linalg.det(right) > 0 else None
