"""The same averages where the library has a closed form: its formula in NumPy, and other ways.

Every function takes samples X (n, d) and Y (m, d), the length scale of the RBF kernel and a number
of threads, and returns K (n, m). NumPy and SciPy take their threads from the runner's limits.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import TypeAlias

import numpy as np
from scipy.special import i0e
from symkernel.backends import cpu
from symkernel.backends.element_tables import PointTable
from symkernel.plans.rotation_rules import rotation_rule

from .peers import Array

FORMULA_PEERS = ("numpy + scipy", "rotation grid", "thewalrus")
FormulaPeer: TypeAlias = Callable[[Array, Array, float, int], Array]

# Fewest nodes, and lowest degree of a grid, with which every entry of the case so3 is as accurate
# as the runner asks of everyone (1e-12 in float64, 2e-5 in float32).
FISHER_NODES = {"float64": 20, "float32": 12}
GRID_DEGREE = {"float64": 40, "float32": 24}

# Pairs whose sums over half of the signs stay in the second-level cache, in Glynn's formula.
_SIGNS_AT_ONCE = 16


def fisher_gram(X: Array, Y: Array, length_scale: float, nodes: int) -> Array:
    """Matrix Fisher constant of SO(3) for clouds in R^3, vectorised over all pairs.

    With M = X^T Y / l^2 and its singular values s1 >= s2 >= |s3|, s3 with the sign of det M,
    ``exp(-s1-s2-s3) c(M) = 1/2 int exp(-(s2+s3)(1-u)) I0e((s1-s2)(1-u)/2) I0e((s1+s2)(1+u)/2) du``
    over [-1, 1], by Gauss-Legendre nodes (Wood 1993; Lee, arXiv 1710.03746).
    """
    n, m = len(X), len(Y)
    A, B = (Z.reshape(len(Z), -1, 3) / Z.dtype.type(length_scale) for Z in (X, Y))
    p = A.shape[1]
    left, right = A.transpose(0, 2, 1).reshape(3 * n, p), B.transpose(1, 0, 2).reshape(p, 3 * m)
    M = (left @ right).reshape(n, 3, m, 3).transpose(0, 2, 1, 3)
    s1, s2, s3 = np.moveaxis(np.linalg.svd(M, compute_uv=False), -1, 0)
    s3 = np.copysign(s3, np.linalg.det(M))
    near, far, decay = (s1 - s2) / 2, (s1 + s2) / 2, s2 + s3
    total = np.zeros_like(s1)
    u, w = np.polynomial.legendre.leggauss(nodes)
    for node, weight in zip(u.tolist(), w.tolist(), strict=True):  # Python floats keep float32
        factors = i0e(near * (1 - node)) * i0e(far * (1 + node))
        total += weight / 2 * factors * np.exp(decay * (node - 1))
    squares = [np.einsum("npi,npi->n", Z, Z) / 2 for Z in (A, B)]
    result: Array = total * np.exp(s1 + s2 + s3 - squares[0][:, None] - squares[1])
    return result


def fisher_peer(X: Array, Y: Array, length_scale: float, n_threads: int) -> Array:
    """Run the formula with as few nodes as the accuracy allows."""
    return fisher_gram(X, Y, length_scale, FISHER_NODES[X.dtype.name])


@cache
def _grid(points: int, degree: int) -> list[tuple[float, PointTable]]:
    """Rotations of a quadrature rule in tables of equal weights, with the weights of the tables."""
    rule = rotation_rule(3, degree)
    weights, matrices = rule.weights, rule.matrices
    keys = np.round(weights / weights.max(), 13)
    rows = np.arange(points, dtype=np.int32)[None]
    return [
        (float(weights[keys == key].sum()), PointTable(rows, matrices[keys == key], None))
        for key in np.unique(keys)
    ]


def grid_gram(X: Array, Y: Array, length_scale: float, n_threads: int, degree: int) -> Array:
    """Sum over a grid of rotations by the library's own fused loop.

    One 3 x 3 product a pair, nine multiply-adds and one exponential a rotation, nothing stored.
    One side is averaged over the cheapest rule of the degree with positive weights: z-x-z Euler
    angles, equal steps about z and Gauss-Legendre nodes in cos(beta).
    """
    K = np.zeros((len(X), len(Y)), dtype=X.dtype)
    # The native sum over a group may shift samples by their mean; a grid is no group, and a row
    # that makes the mean zero leaves nothing to shift.
    Y = np.concatenate([Y, -Y.sum(axis=0, keepdims=True)])
    for weight, table in _grid(X.shape[1] // 3, degree):
        part = cpu.gram(("rbf", (length_scale,)), table, X, Y, n_threads)
        K += X.dtype.type(weight) * part[:, :-1]
    return K


def grid_peer(X: Array, Y: Array, length_scale: float, n_threads: int) -> Array:
    """Sum over as few rotations as the accuracy allows."""
    return grid_gram(X, Y, length_scale, n_threads, GRID_DEGREE[X.dtype.name])


def _kernel_values(x: Array, Y: Array, length_scale: float) -> Array:
    """k(x_i, y_j) of one sample with all others, shape (m, d, d), in double precision."""
    difference = (x[:, None] - Y[:, None, :]).astype(np.float64)
    return np.exp(-0.5 * (difference / length_scale) ** 2)


def _signs(count: int) -> Array:
    """All vectors of signs, shape (2^count, count)."""
    bits = np.arange(2**count)[:, None] >> np.arange(count)
    return (1 - 2 * (bits & 1)).astype(np.float64)


def glynn(A: Array) -> float:
    """Permanent of one square matrix by Glynn's formula, without a loop over its 2^(n-1) terms.

    ``per A = 2^(1-n) sum over signs s, s_1 = 1, of prod_i s_i prod_j sum_i s_i a_ij``. The rows are
    split in halves: all sums over each half are formed once, and a term's factors are their sums.
    """
    n = len(A)
    half = n // 2
    lower = _signs(half)
    upper = np.hstack([np.ones((2 ** (n - half - 1), 1)), _signs(n - half - 1)])
    first, second = lower @ A[:half], upper @ A[half:]
    total = 0.0
    for start in range(0, len(second), _SIGNS_AT_ONCE):
        part = slice(start, start + _SIGNS_AT_ONCE)
        products = np.add.outer(first[:, 0], second[part, 0])
        for j in range(1, n):
            products *= np.add.outer(first[:, j], second[part, j])
        total += lower.prod(axis=1) @ products @ upper[part].prod(axis=1)
    return float(total / 2 ** (n - 1))


def _permanents(
    X: Array, Y: Array, length_scale: float, permanent: Callable[[Array], float]
) -> Array:
    values = [[permanent(A) for A in _kernel_values(x, Y, length_scale)] for x in X]
    return np.array(values) / math.factorial(X.shape[1])


def glynn_peer(X: Array, Y: Array, length_scale: float, n_threads: int) -> Array:
    """Permanents of the kernel values, pair by pair, by Glynn's formula in NumPy."""
    return _permanents(X, Y, length_scale, glynn)


def thewalrus_peer(X: Array, Y: Array, length_scale: float, n_threads: int) -> Array:
    """Permanents of the kernel values, pair by pair, by thewalrus (Glynn's formula in Numba)."""
    import thewalrus

    return _permanents(X, Y, length_scale, thewalrus.perm)
