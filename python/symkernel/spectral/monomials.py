"""Write monomials as rows of letters, with maps and sparse operators between degrees.

u_a = sqrt(l! / a!) x^a is orthonormal for Bombieri's inner product. The operators
S_i u_a = sqrt(a_i / l) u_{a - e_i} embed degree l into R^d tensor degree l - 1 isometrically, which
gives, from one degree to the next without cancellation,

    u(g x) = D_l(A) u(x),   D_l(A) = sum_ij A_ij S_i^T D_{l-1}(A) S_j,
    d/dt u(exp(t A) x) = l sum_ij A_ij S_i^T S_j u(x).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from symkernel.backends.modes import enumerate_modes, find_modes
from symkernel.groups import Group, SignedPermutation
from symkernel.plans.letters import Words, bombieri
from symkernel.spectral.subspace import ModeSubspace

__all__ = [
    "equations",
    "lowering",
    "raising",
    "sum_matrix",
]

Array = NDArray[np.float64]

# Share of entries beyond which a matrix is kept as an array.
_FULL = 0.1


def sum_matrix(part: ModeSubspace, d: int) -> Any:
    """Return the sums of a subspace over the basis u_a of their degree, sparse (m, sums)."""
    degree = int(part.level)
    words = enumerate_modes(d, degree, part.largest, fourier=False)
    rows = find_modes(words, part.words)
    entries = part.weights / bombieri(part.words, degree)
    return sparse.csr_matrix((entries, (rows, part.real)), shape=(len(words), part.sums))


def lowering(d: int, degree: int, largest: int) -> list[Any]:
    """Return S_i, i < d, sparse (monomials of degree - 1, monomials of degree)."""
    words = enumerate_modes(d, degree, largest, fourier=False)
    lower = enumerate_modes(d, degree - 1, largest, fourier=False)
    rows, columns, values, coordinates = [], [], [], []
    for k in range(words.shape[1]):
        column = np.flatnonzero(words[:, k] >= 0)
        coordinate, place = np.divmod(words[column, k], largest)
        reduced = words[column].copy()
        reduced[:, k] -= 1
        gone = place == 0
        reduced[gone, k:] = np.concatenate(
            [words[column][gone, k + 1 :], np.full((int(gone.sum()), 1), -1, np.int32)], axis=1
        )
        rows.append(find_modes(lower, np.ascontiguousarray(reduced[:, : lower.shape[1]])))
        columns.append(column)
        values.append(np.sqrt((place + 1) / degree))
        coordinates.append(coordinate)
    row, column, value, where = (
        np.concatenate(parts) for parts in (rows, columns, values, coordinates)
    )
    shape = (len(lower), len(words))
    return [
        sparse.csr_matrix((value[where == i], (row[where == i], column[where == i])), shape=shape)
        for i in range(d)
    ]


def equations(group: Group, d: int, degree: int) -> list[Any]:
    """Return D(g)^T - I for generators that are not signed permutations, and the Lie algebra."""
    matrices = [g.as_matrix() for g in group.generators if not isinstance(g, SignedPermutation)]
    fields = [xi.matrix for xi in group.lie_algebra]
    if not matrices and not fields:
        return []
    steps = [lowering(d, k, max(1, degree)) for k in range(1, degree + 1)]
    found = []
    for matrix in matrices:
        image = _representation(matrix, steps)
        full = isinstance(image, np.ndarray)
        identity = np.eye(len(image)) if full else sparse.identity(image.shape[0], format="csr")
        found.append(image.T - identity)
    for field in fields:
        if degree:
            lower = sparse.identity(steps[-1][0].shape[0], format="csr")
            found.append((degree * _contracted(field, steps[-1], lower)).T.tocsr())
    return found or [sparse.csr_matrix((1, 1))]


def _representation(matrix: Array, steps: list[list[Any]]) -> Any:
    """D_l(A): sparse, or an array where it is full.

    A is taken apart into rotations of coordinate planes and signs, whose matrices are sparse:
    those of A itself cost the square of their size at every degree.
    """
    image: Any = sparse.identity(steps[-1][0].shape[1] if steps else 1, format="csr")
    for factor in _plane_rotations(matrix):
        one: Any = sparse.identity(1, format="csr")
        for step in steps:
            one = _contracted(factor, step, one)
        image = image @ one if sparse.issparse(image) else (one.T @ image.T).T
        if sparse.issparse(image) and image.nnz > _FULL * image.shape[0] ** 2 > 16:
            image = image.toarray()
    return image


def _plane_rotations(matrix: Array) -> list[Array]:
    """Orthogonal A as a product of plane rotations and, last, signs (Givens)."""
    rest, factors = matrix.copy(), []
    d = len(matrix)
    for column in range(d):
        for row in range(column + 1, d):
            if abs(rest[row, column]) <= 1e-15:
                continue
            length = math.hypot(rest[column, column], rest[row, column])
            c, s = rest[column, column] / length, rest[row, column] / length
            pair = np.array([[c, -s], [s, c]])
            rest[[column, row]] = pair.T @ rest[[column, row]]
            factor = np.eye(d)
            factor[np.ix_([column, row], [column, row])] = pair
            factors.append(factor)
    return [*factors, np.diag(np.sign(np.diagonal(rest)))]


def _contracted(matrix: Array, step: list[Any], inner: Any) -> Any:
    """sum_ij A_ij S_i^T D S_j."""
    total = sparse.csr_matrix((step[0].shape[1],) * 2)
    for i, row in enumerate(matrix):
        used = np.flatnonzero(row)
        if len(used):
            combined = sum(row[j] * step[j] for j in used)
            total = total + step[i].T @ (inner @ combined)
    return total.tocsr()


def raising(d: int, degree: int, words: Words, largest: int, upper: Words) -> Any:
    """Return multiplication by |x|^2 from monomials of degree - 2 to those of degree, sparse.

    Both with respect to x^a / sqrt(a!): x_i^2 takes a to a + 2 e_i with the factor
    sqrt((a_i + 1)(a_i + 2)). The letters of ``words`` number powers up to ``largest``, those of
    ``upper`` powers up to the degree; monomials that are not among ``upper`` are left out.
    """
    coordinate, place = np.divmod(words, largest)
    wider = np.where(words < 0, -1, coordinate * degree + place)
    last = np.iinfo(np.int32).max
    queries = np.empty((d, len(words), upper.shape[1]), np.int32)
    values = np.empty((d, len(words)))
    for i in range(d):
        own = (words >= 0) & (coordinate == i)
        power = np.where(own, place + 1, 0).sum(axis=1)
        fresh = np.where(power == 0, i * degree + 1, -1)
        moved = np.concatenate([np.where(own, wider + 2, wider), fresh[:, None]], axis=1)
        ascending = np.sort(np.where(moved < 0, last, moved), axis=1)
        filled = np.full((len(words), max(moved.shape[1], upper.shape[1])), -1)
        filled[:, : moved.shape[1]] = np.where(ascending == last, -1, ascending)
        queries[i] = filled[:, : upper.shape[1]]
        values[i] = np.sqrt((power + 1.0) * (power + 2.0))
    rows = find_modes(upper, queries.reshape(-1, upper.shape[1]))
    columns = np.tile(np.arange(len(words)), d)
    there = rows >= 0
    return sparse.csr_matrix(
        (values.reshape(-1)[there], (rows[there], columns[there])), shape=(len(upper), len(words))
    )
