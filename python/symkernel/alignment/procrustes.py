"""Turn clouds onto clouds in any dimension, by LAPACK's singular value decomposition."""

from __future__ import annotations

import numpy as np

from symkernel.alignment.base import Array

__all__ = ["procrustes"]

# Below this share of the largest, singular values of M = X^T Y, squares of extents, are refined.
_THIN = 1e-4


def procrustes(X: Array, Y: Array, reflections: bool) -> tuple[Array, Array]:
    """Best rotations of clouds, row by row.

    Parameters
    ----------
    X, Y : ndarray of shape (n, p, r)
        Points; float64.
    reflections : bool
        Whether the determinant may be -1.

    Returns
    -------
    squares : ndarray of shape (n,)
        sum_i |x_i - R y_i|^2.
    rotations : ndarray of shape (n, r, r)

    Notes
    -----
    Kabsch (1976), Umeyama (1991). The singular values of M are squares of the extents of a cloud,
    so that directions in which clouds are thin drown in the rounding of M; there the clouds are
    turned into the frames found, and the thin directions aligned by themselves.
    """
    U, s, Vt = np.linalg.svd(np.einsum("npa,npb->nab", X, Y))
    thin = s < _THIN * s[:, :1]
    for i in np.flatnonzero(thin.any(axis=1) & (s[:, 0] > 0)):
        k = int(np.count_nonzero(~thin[i]))
        flipped = np.linalg.det(U[i]) * np.linalg.det(Vt[i]) < 0
        x, y = X[i] @ U[i][:, k:], Y[i] @ Vt[i][k:].T
        if flipped:  # within the thin directions the proper turns are the improper ones
            x[:, -1] *= -1
        turn = procrustes(x[None], y[None], reflections)[1][0]
        if flipped:
            turn[-1] *= -1
        Vt[i][k:] = turn @ Vt[i][k:]
    signs = np.ones_like(s)
    if not reflections:
        signs[:, -1] = np.where(np.linalg.det(U) * np.linalg.det(Vt) < 0, -1.0, 1.0)
    R = np.einsum("nab,nb,nbc->nac", U, signs, Vt)
    difference = X - np.einsum("nab,npb->npa", R, Y)
    return np.einsum("npa,npa->n", difference, difference), R
