"""Find the vectors that several equations send to zero, with their spectral gap."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.linalg import eigh, svd
from scipy.sparse.linalg import eigsh
from threadpoolctl import ThreadpoolController

__all__ = ["FixedSpace", "blas_threads", "fixed_space"]

Array = NDArray[np.float64]

# Blocks up to this size are solved on one thread.
_SMALL = 400
# Larger blocks are solved by filtered subspace iteration.
_DENSE = 1500
# Singular values on both sides of the tolerance must keep this distance from it.
_CLEARANCE = 100.0
# Vectors beyond the null space that the iteration must see.
_GUARD = 8


@dataclass(frozen=True)
class FixedSpace:
    """Orthonormal columns ``basis`` (k, r), and the singular values around the tolerance."""

    basis: Array
    gap: float
    residual: float


@cache
def _controller() -> Any:
    return ThreadpoolController()


def blas_threads(count: int | None) -> Any:
    """Return a context in which BLAS uses that many threads; None for as many as it does.

    Libraries are looked up once: that costs as much as the null space of a hundred functions.
    """
    if count is None:
        return nullcontext()
    return _controller().limit(limits=count, user_api="blas")


def fixed_space(
    equations: Sequence[Any], tol: float, within: Any = None, dense: int = _DENSE
) -> FixedSpace:
    """Return the common null space of matrices E_s (rows, m), perhaps within a subspace.

    Parameters
    ----------
    equations : sequence of ndarray or sparse matrices
        D(g)^T - I for the generators g of a group.
    tol : float
        Singular values of the stacked equations up to this count as zero.
    within : sparse matrix (m, k), or None
        Orthonormal columns; the null space is looked for in their span, and given in their
        coordinates.
    dense : int, default=1500
        Largest block that is solved by a singular value decomposition. The columns fall into
        blocks that no equation connects, such as the degrees in each point of a cloud. Larger
        blocks are solved by subspace iteration with a Chebyshev filter (Zhou, Saad, Tiago and
        Chelikowsky, Phys. Rev. E 74, 066704, 2006), which only multiplies by the equations.

    Raises
    ------
    ValueError
        If a singular value lies within a factor 100 of the tolerance.
    """
    products = [e if within is None else e @ within for e in equations]
    if all(sparse.issparse(e) for e in products):
        stacked = sparse.vstack(products, format="csr")
        size = stacked.shape[1]
        blocks = _blocks(stacked) if size else []
    else:
        stacked = np.concatenate(
            [e.toarray() if sparse.issparse(e) else np.asarray(e) for e in products]
        )
        size = stacked.shape[1]
        blocks = [np.arange(size)]
    if size == 0:
        return FixedSpace(np.zeros((0, 0)), math.inf, 0.0)
    columns, gap, residual = [], math.inf, 0.0
    by_column = stacked.tocsc() if sparse.issparse(stacked) else stacked
    # Threads of LAPACK cost more than they give on small matrices.
    with blas_threads(1 if max(map(len, blocks)) <= _SMALL else None):
        for block in blocks:
            part = by_column[:, block] if len(blocks) > 1 else by_column
            vectors, above, below = _solve(part, tol, dense)
            gap, residual = min(gap, above), max(residual, below)
            basis = np.zeros((size, vectors.shape[1]))
            basis[block] = vectors
            columns.append(basis)
    check_gap(gap, residual, tol)
    joined = np.concatenate(columns, axis=1) if columns else np.zeros((size, 0))
    return FixedSpace(joined, gap, residual)


def check_gap(gap: float, residual: float, tol: float) -> None:
    """Raise when it is not clear which singular values are zero."""
    if gap < _CLEARANCE * tol or residual * _CLEARANCE > tol:
        raise ValueError(
            f"tol={tol:g} does not separate invariant functions from others: the "
            f"largest singular value that counts as zero is {residual:.3g}, the smallest positive "
            f"one {gap:.3g}; both must differ from tol by a factor of {_CLEARANCE:g}. "
            "Rotations by 2 pi/n need a tol well below 2 pi/n, inexact generators one well "
            "above their errors"
        )


def _blocks(stacked: Any) -> list[NDArray[np.int64]]:
    """Sets of columns that share no row with columns outside."""
    pattern = stacked.copy()
    pattern.eliminate_zeros()
    pattern.data = np.ones_like(pattern.data)
    count, labels = sparse.csgraph.connected_components(pattern.T @ pattern, directed=False)
    order = np.argsort(labels, kind="stable")
    return np.split(order, np.cumsum(np.bincount(labels, minlength=count))[:-1])


def _solve(part: Any, tol: float, dense: int) -> tuple[Array, float, float]:
    """Null vectors (k, r), smallest positive and largest zero singular value."""
    size = part.shape[1]
    if size > dense:
        return _iterate(part.tocsr() if sparse.issparse(part) else part, tol)
    matrix = part
    if sparse.issparse(part):
        rows = np.unique(part.indices) if sparse.isspmatrix_csc(part) else np.arange(part.shape[0])
        matrix = part.tocsr()[rows].toarray()
    if len(matrix) < size:
        matrix = np.concatenate([matrix, np.zeros((size - len(matrix), size))])
    _, values, rows_t = svd(matrix, full_matrices=False, check_finite=False)
    zero = values <= tol
    return rows_t[zero].T, *_around(values, zero)


def _around(values: Array, zero: NDArray[np.bool_]) -> tuple[float, float]:
    return float(values[~zero].min(initial=math.inf)), float(values[zero].max(initial=0.0))


def _iterate(part: Any, tol: float) -> tuple[Array, float, float]:
    """Smallest singular vectors of a large matrix by Chebyshev-filtered subspace iteration."""
    normal = part.T @ part
    size = normal.shape[0]
    rng = np.random.default_rng(0)
    largest = eigsh(normal, 1, tol=1e-2, v0=rng.standard_normal(size), return_eigenvectors=False)
    top = 1.1 * float(largest[0])
    if top <= 0.0:
        return np.eye(size), math.inf, 0.0
    width = min(size, 4 * _GUARD)
    vectors = np.linalg.qr(rng.standard_normal((size, width)))[0]
    cut = 0.1 * top
    for _ in range(200):
        vectors = np.linalg.qr(_filtered(normal, vectors, cut, top))[0]
        image = normal @ vectors
        squares, turn = eigh(vectors.T @ image)
        vectors = vectors @ turn
        # Singular values from the equations themselves: their squares lose half the digits.
        values = np.linalg.norm(part @ vectors, axis=0)
        errors = np.linalg.norm(image @ turn - vectors * squares, axis=0)
        zero = values <= tol
        positive = squares > 1e-12 * top
        # Ritz values ascend: an eigenvalue lies within `errors` of each, so that the first positive
        # one is no unfinished zero when its error is small beside it.
        first = int(np.argmax(positive))
        if width == size or (
            int(positive.sum()) >= min(_GUARD, size - int(zero.sum()))
            and bool((zero | positive).all())
            and bool(errors[first] <= 1e-2 * squares[first])
            and float(values[zero].max(initial=0.0)) <= 1e-13 * math.sqrt(top)
        ):
            return vectors[:, zero], *_around(values, zero)
        if int(positive.sum()) < _GUARD:
            extra = rng.standard_normal((size, min(width, size - width)))
            vectors, width = np.concatenate([vectors, extra], axis=1), width + extra.shape[1]
            vectors = np.linalg.qr(vectors)[0]
        else:
            cut = float(np.clip(squares[-1], 1e-8 * top, 0.5 * top))
    raise ValueError(
        f"the invariant functions did not separate in {size} unknowns: there is hardly any "
        "spectral gap"
    )


def _filtered(normal: Any, vectors: Array, cut: float, top: float, degree: int = 24) -> Array:
    """Chebyshev polynomial in ``normal`` that is small on [cut, top] and large below."""
    centre, half = (top + cut) / 2.0, (top - cut) / 2.0
    scale = half / (0.0 - centre)
    # T_k((N - centre)/half) / T_k(-centre/half), by the scaled three-term recurrence.
    first = scale
    before, now = vectors, (normal @ vectors - centre * vectors) * (first / half)
    for _ in range(1, degree):
        after_scale = 1.0 / (2.0 / first - scale)
        after = (normal @ now - centre * now) * (2.0 * after_scale / half)
        after -= scale * after_scale * before
        before, now, scale = now, after, after_scale
    return np.asarray(now)
