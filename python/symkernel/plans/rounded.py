"""Closed forms computed in double precision and rounded to the data's, block by block."""

from __future__ import annotations

from typing import Any

import numpy as np

from symkernel.backends import execute
from symkernel.backends.arrays import namespace
from symkernel.backends.forms import FormTable, Powers, Rates
from symkernel.backends.prepared import rows_of
from symkernel.plans.base import Array

# Entries in double precision that are held at a time beside the result: 64 MB.
_BLOCK = 1 << 23


def gram(
    table: FormTable,
    rates: Rates | Powers,
    X: Array,
    Y: Array | None,
    dtype: np.dtype[Any],
    n_jobs: int | None,
) -> Array:
    """Gram matrix (n, m) of the closed form, computed as X is and rounded to the dtype."""
    if X.dtype == dtype:
        return execute.form_gram(table, rates, X, Y, n_jobs)
    X, Y = rows_of(X), rows_of(Y)
    K: Array = namespace(X).empty((len(X), len(X) if Y is None else len(Y)), dtype=dtype)
    for rows in _rows(*K.shape):
        if Y is not None:
            K[rows] = execute.form_gram(table, rates, X[rows], Y, n_jobs)
            continue
        K[rows, rows] = execute.form_gram(table, rates, X[rows], None, n_jobs)
        if rows.start > 0:
            left = slice(0, rows.start)
            K[rows, left] = execute.form_gram(table, rates, X[rows], X[left], n_jobs)
            K[left, rows] = K[rows, left].T
    return K


def gram_gradient(
    table: FormTable,
    rates: Rates | Powers,
    X: Array,
    dtype: np.dtype[Any],
    n_jobs: int | None,
    per_feature: bool = False,
) -> tuple[Array, Array]:
    """K(X, X) and its derivatives (n, n, planes - 1), computed as X is, rounded to the dtype.

    Derivatives per feature, (n, n, d), are those of length scales.
    """
    if X.dtype == dtype:
        return execute.form_gradient(table, rates, X, None, n_jobs, per_feature)
    X = rows_of(X)
    n, planes = len(X), X.shape[1] if per_feature else len(rates.values) - 1
    K, dK = namespace(X).empty((n, n), dtype=dtype), namespace(X).empty((n, n, planes), dtype=dtype)
    for rows in _rows(n, n * (1 + planes)):
        K[rows, rows], dK[rows, rows] = execute.form_gradient(
            table, rates, X[rows], None, n_jobs, per_feature
        )
        if rows.start > 0:
            left = slice(0, rows.start)
            part = execute.form_gradient(table, rates, X[rows], X[left], n_jobs, per_feature)
            K[rows, left], dK[rows, left] = part
            K[left, rows] = K[rows, left].T
            dK[left, rows] = dK[rows, left].transpose(1, 0, 2)
    return K, dK


def matvec(
    table: FormTable,
    rates: Rates | Powers,
    X: Array,
    Y: Array | None,
    V: Array,
    n_jobs: int | None,
) -> Array:
    """K(X, Y) V, computed as X is and rounded to the dtype of V."""
    product = execute.form_matvec(table, rates, X, Y, V.astype(X.dtype, copy=False), n_jobs)
    return product.astype(V.dtype, copy=False)


def _rows(n: int, width: int) -> list[slice]:
    """Rows of about _BLOCK entries in all."""
    count = max(64, _BLOCK // max(width, 1))
    return [slice(i, min(i + count, n)) for i in range(0, n, count)]
