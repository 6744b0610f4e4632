"""Describe Lie algebras: the velocities with which a continuous group can move samples."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from symkernel.groups._checks import read_only
from symkernel.validation import as_floats

__all__ = ["LieGenerator"]


@dataclass(frozen=True, eq=False)
class LieGenerator:
    """The vector field xi(x) = matrix @ x + shift; x + t xi(x) is a group element to order t.

    Attributes
    ----------
    matrix : float64, shape (d, d)
        Antisymmetric.
    shift : float64, shape (d,)

    Examples
    --------
    >>> from symkernel.groups import SO
    >>> (xi,) = SO(2).lie_algebra
    >>> (xi.apply([1.0, 0.0]) * 2**0.5).round(12)
    array([0., 1.])
    """

    matrix: NDArray[np.float64]
    shift: NDArray[np.float64]

    @property
    def degree(self) -> int:
        """Number of features d."""
        return len(self.shift)

    def apply(self, X: ArrayLike) -> NDArray[Any]:
        """Return xi(x) for samples ``X`` of shape (..., d)."""
        array = as_floats(X)
        if array.ndim == 0 or array.shape[-1] != self.degree:
            found = array.shape[-1] if array.ndim else 0
            raise ValueError(f"X has {found} features; the generator acts on {self.degree}")
        dtype = array.dtype
        return np.asarray(array @ self.matrix.T.astype(dtype) + self.shift.astype(dtype))

    def as_affine(self) -> NDArray[np.float64]:
        """Return the matrix (d + 1, d + 1) that acts on (x, 1); its exponential is a motion."""
        affine = np.zeros((self.degree + 1, self.degree + 1))
        affine[:-1, :-1] = self.matrix
        affine[:-1, -1] = self.shift
        return affine


def rotation_generators(n: int) -> tuple[LieGenerator, ...]:
    """Return the orthonormal basis (E_ji - E_ij) / sqrt 2, i < j, of the antisymmetric matrices.

    Each turns axis i towards axis j.
    """
    found = []
    for i in range(n):
        for j in range(i + 1, n):
            matrix = np.zeros((n, n))
            matrix[j, i], matrix[i, j] = math.sqrt(0.5), -math.sqrt(0.5)
            found.append(turning(matrix))
    return tuple(found)


def turning(matrix: NDArray[np.float64]) -> LieGenerator:
    """Return the generator x -> matrix @ x."""
    return LieGenerator(read_only(matrix), read_only(np.zeros(len(matrix))))


def shifting(vector: NDArray[np.float64]) -> LieGenerator:
    """Return the generator x -> vector."""
    d = len(vector)
    # A view of one zero: shifts of many features should not cost d^2 numbers each.
    return LieGenerator(np.broadcast_to(np.float64(0.0), (d, d)), read_only(vector.copy()))


def orthonormal_rows(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return an orthonormal basis of the span of rows of about unit length; the first ones stay.

    Gram-Schmidt, each row twice; what is left below 1e-9 counts as dependent.
    """
    kept: list[NDArray[np.float64]] = []
    for row in rows:
        rest = row
        for _ in range(2):
            for unit in kept:
                rest = rest - (unit @ rest) * unit
        length = float(np.linalg.norm(rest))
        if length > 1e-9:
            kept.append(rest / length)
    return np.stack(kept) if kept else np.zeros((0, rows.shape[1]))


def orthonormal_matrices(generators: Iterable[LieGenerator]) -> tuple[LieGenerator, ...]:
    """Return an orthonormal basis of the span of linear generators."""
    given = list(generators)
    if not given:
        return ()
    d = given[0].degree
    basis = orthonormal_rows(np.stack([xi.matrix.reshape(-1) for xi in given]))
    return tuple(turning(row.reshape(d, d).copy()) for row in basis)
