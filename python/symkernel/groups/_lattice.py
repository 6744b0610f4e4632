"""Reduce lattices, and find integer relations of real numbers."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

__all__ = ["lattice_basis", "reduced", "relations"]

Array = NDArray[np.float64]

# Weight of a relation's defect beside its coefficients.
_DEFECT = 1e11
# Share of the length that relations of random numbers have.
_SHORT = 0.3
# Turns by p/q of a circle are told from others up to this q, and when they are so near; of random
# numbers one in ten thousand is.
_DENOMINATOR = 20_000
_NEAR, _ACCURACY = 1e-8, 1e-13
# Weight of vectors beside the coefficients that make them up.
_VECTORS = 1e6


def reduced(rows: Array) -> Array:
    """Return a reduced basis of the lattice of independent rows (Lenstra, Lenstra, Lovasz 1982)."""
    basis = rows.astype(np.float64).copy()
    n, k = len(basis), 1
    while k < n:
        q, mu = _gram_schmidt(basis)
        for j in range(k - 1, -1, -1):
            factor = np.rint(basis[k] @ q[j] / (q[j] @ q[j]))
            if factor:
                basis[k] -= factor * basis[j]
        q, mu = _gram_schmidt(basis)
        if q[k] @ q[k] >= (0.75 - mu[k, k - 1] ** 2) * (q[k - 1] @ q[k - 1]):
            k += 1
        else:
            basis[[k - 1, k]] = basis[[k, k - 1]]
            k = max(k - 1, 1)
    return basis


def _gram_schmidt(basis: Array) -> tuple[Array, Array]:
    q = basis.copy()
    mu = np.eye(len(basis))
    for i in range(len(basis)):
        for j in range(i):
            mu[i, j] = (basis[i] @ q[j]) / (q[j] @ q[j])
            q[i] -= mu[i, j] * q[j]
    return q, mu


def relations(turns: Array) -> Array:
    """Return integers m (r, k) that span all those with m . turns an integer, up to rounding.

    Rational numbers are found first, by themselves; relations among the others are those far
    shorter than random numbers have.
    """
    k = len(turns)
    found = []
    open_ = []
    for j, turn in enumerate(turns.tolist()):
        near = Fraction(turn).limit_denominator(_DENOMINATOR)
        q = near.denominator
        if abs(float(near) - turn) <= max(_NEAR / q**2, _ACCURACY):
            found.append(q * np.eye(k)[j])
        else:
            open_.append(j)
    if len(open_) > 1:
        n = len(open_)
        rows = np.zeros((n + 1, n + 1))
        rows[:n, :n] = np.eye(n)
        rows[:n, n] = _DEFECT * turns[open_]
        rows[n, n] = _DEFECT
        longest = _SHORT * _DEFECT ** (1.0 / (n + 1))
        for row in reduced(rows):
            if np.linalg.norm(row) <= longest:
                full = np.zeros(k)
                full[open_] = row[:n]
                found.append(full)
    return np.array(found).reshape(-1, k)


def lattice_basis(vectors: Array) -> Array:
    """Return integers (r, k) that make a basis of the lattice that vectors (k, r) generate."""
    k, r = vectors.shape
    scale = _VECTORS / float(np.linalg.norm(vectors, axis=1).max())
    rows = reduced(np.concatenate([np.eye(k), scale * vectors], axis=1))
    size = np.linalg.norm(rows[:, k:], axis=1)
    chosen = np.argsort(-size)[:r]
    return np.rint(rows[chosen, :k])
