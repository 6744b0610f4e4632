"""Compute the spectrum of the Lie derivative: how far combinations are from symmetries."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symkernel.lie.operator import triangle
from symkernel.lie.rows import Rows

__all__ = ["Spectrum", "null_representatives", "spectrum_of"]

Array = NDArray[Any]

# Combinations of fields smaller than this share of the largest, on the data, count as vanishing.
_VANISHES = 1e-9


@dataclass(frozen=True)
class Spectrum:
    """Singular values of the Lie derivative, relative to the size of its parts.

    Attributes
    ----------
    values : ndarray of shape (k,)
        Ascending, each in [0, sqrt 2]: root mean square of L F over that of |DF| |xi| and |B F|.
    vectors : ndarray of shape (q, k)
        Combinations of the fields in its columns, of size 1 on the data.
    vanishing : ndarray of shape (q, q - k)
        Orthonormal combinations that vanish on the data, or leave their tangent space.
    normal : ndarray
        Triangular factor of the normal parts.
    """

    values: NDArray[np.float64]
    vectors: NDArray[np.float64]
    vanishing: NDArray[np.float64]
    normal: NDArray[np.float64]


def spectrum_of(blocks: Iterable[Rows], dim: int) -> Spectrum:
    """Return the spectrum of rows that come in blocks; memory O(q^2) beside a block.

    Triangular factors, not sums of squares, so that a symmetry shows as 1e-15 and not as 1e-8.
    """
    L = np.zeros((0, dim))
    N = np.zeros((0, dim))
    M = np.zeros((0, dim))
    for rows in blocks:
        L = _shorter(L, rows.derivative)
        N = _shorter(N, rows.size)
        M = _shorter(M, rows.normal)
    lengths = np.linalg.norm(N, axis=0)
    scale = np.where(lengths > _VANISHES * lengths.max(initial=0.0), lengths, 1.0)
    scale = np.where(lengths > 0, scale, 1.0)
    _, s, rows_ = np.linalg.svd(N / scale, full_matrices=True)
    s = np.concatenate([s, np.zeros(dim - len(s))])
    kept = s > _VANISHES * max(s[0], 1.0) if dim else np.zeros(0, bool)
    basis = rows_.T / scale[:, None]
    white = basis[:, kept] / s[kept]
    vanishing = np.linalg.qr(basis[:, ~kept])[0] if not kept.all() else np.zeros((dim, 0))
    _, values, right = np.linalg.svd(L @ white, full_matrices=True)
    values = np.concatenate([values, np.zeros(white.shape[1] - len(values))])
    return Spectrum(values[::-1], (white @ right.T)[:, ::-1], vanishing, M)


def null_representatives(spectrum: Spectrum, count: int) -> NDArray[np.float64]:
    """Return an orthonormal basis (q, count) of the first combinations.

    Each may be changed by what vanishes: the change makes its normal part, then itself, smallest.
    """
    c = spectrum.vectors[:, :count]
    Z = spectrum.vanishing
    if Z.shape[1] and count:
        c = c / np.linalg.norm(c, axis=0)
        A = spectrum.normal
        if len(A):
            across = A @ Z
            _, s, rows = np.linalg.svd(across, full_matrices=True)
            s = np.concatenate([s, np.zeros(Z.shape[1] - len(s))])
            used = s > _VANISHES * max(1.0, float(np.abs(A).max()))
            c = c - Z @ (np.linalg.pinv(across, rcond=_VANISHES) @ (A @ c))
            Z = Z @ rows[~used].T
        c = c - Z @ (Z.T @ c)
    return sparse_rotation(np.linalg.qr(c)[0]) if count else c


def sparse_rotation(basis: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn an orthonormal basis (q, k) towards few nonzero entries, by varimax.

    Kaiser, The varimax criterion for analytic rotation in factor analysis, Psychometrika 23 (1958);
    the iteration with one SVD per step. The span stays.
    """
    k = basis.shape[1]
    if k < 2:
        return _signed(basis)
    turn = np.linalg.qr(np.random.default_rng(0).standard_normal((k, k)))[0]
    last = 0.0
    for _ in range(200):
        turned = basis @ turn
        target = turned**3 - turned * (turned**2).mean(axis=0)
        left, s, right = np.linalg.svd(basis.T @ target)
        turn = left @ right
        if s.sum() <= last * (1 + 1e-13):
            break
        last = s.sum()
    return _signed(basis @ turn)


def _signed(basis: NDArray[np.float64]) -> NDArray[np.float64]:
    """Order columns by their largest entry, and make that entry positive."""
    magnitude = np.abs(basis)
    first = np.argmax(magnitude > magnitude.max(axis=0) * (1 - 1e-6), axis=0)
    order = np.argsort(first, kind="stable")
    signs = np.sign(basis[first, np.arange(basis.shape[1])])
    return np.ascontiguousarray((basis * signs)[:, order])


def _shorter(kept: NDArray[np.float64], rows: NDArray[np.float64]) -> NDArray[np.float64]:
    dim = kept.shape[1]
    stacked = np.concatenate([kept, rows.reshape(rows.shape[0] * rows.shape[1], dim)])
    return triangle(stacked) if len(stacked) > dim else stacked
