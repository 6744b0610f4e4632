"""Evaluate real spherical harmonics in any dimension, by recurrences of polynomials.

On the sphere of R^j write x = (x', t). The solid harmonics of degree l are

    S^(j)_{l, l'}(x) = |x|^{l - l'} p_{l - l'}(t / |x|) S^(j-1)_{l'}(x'),   l' = 0..l,

where p_k are the polynomials orthonormal for (1 - t^2)^{l' + (j-3)/2}, up to the constant that
makes the product orthonormal for the uniform probability measure, and S^(2)_m = sqrt 2 (x_1 + i
x_2)^m, real and imaginary part. Homogeneous in x, no term divides by |x'|: poles are points like
others. (Avery, Hyperspherical Harmonics, 1989; the three-term recurrence of the ultraspherical
polynomials is that of DLMF 18.9 made orthonormal.)
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

__all__ = ["harmonic_count", "solid_harmonics"]

Array = NDArray[np.float64]


def harmonic_count(d: int, degree: int) -> int:
    """Return the dimension of the harmonic polynomials of a degree in d variables."""
    lower = math.comb(d + degree - 3, degree - 2) if degree >= 2 else 0
    return math.comb(d + degree - 1, degree) - lower


def solid_harmonics(x: Array, top: int) -> Iterator[Array]:
    """Yield the harmonics of degree 0, 1, ..., top at points x (d, n): arrays (count, n).

    On unit vectors they are orthonormal for the uniform probability measure. Time
    O(n) per function.
    """
    if len(x) == 2:
        yield from _circle(x, top)
        return
    parts = list(solid_harmonics(x[:-1], top))
    lower = np.concatenate(parts)
    # Row of the polynomial that each function of the lower sphere is multiplied by: l'.
    rows = np.repeat(np.arange(top + 1), [len(part) for part in parts])
    ends = np.searchsorted(rows, np.arange(top + 1), side="right")
    d = len(x)
    t = x[-1]
    square = np.einsum("in,in->n", x, x)
    weight: Array = np.arange(top + 1, dtype=np.float64) + (d - 2) / 2.0  # lambda = l' + (d - 2)/2
    starts = 1.0 / np.sqrt(_falls(d, top))
    # Row l' holds r^k p_k for k = l - l': all of them take one step when l does.
    now = np.zeros((top + 1, len(t)))
    before = np.zeros((top + 1, len(t)))
    for degree in range(top + 1):
        if degree:
            k = degree - np.arange(degree)  # the k that is reached
            step = 1.0 / _offdiagonal(k, weight[:degree])[:, None]
            last = _offdiagonal(k - 1, weight[:degree])[:, None]
            # (t p_k - b_k r^2 p_{k-1}) / b_{k+1}, written over p_{k-1}
            after = before[:degree]
            after *= -last * step
            after *= square
            after += (now[:degree] * t) * step
            before, now = now, before
        now[degree] = starts[degree]
        yield _products(now, lower[: ends[degree]], rows, degree)


def _products(now: Array, lower: Array, rows: NDArray[np.int64], degree: int) -> Array:
    out = np.empty_like(lower)
    if len(lower) == 2 * degree + 1:  # on S^2: a constant, then pairs
        np.multiply(now[0], lower[0], out=out[0])
        np.multiply(now[1 : degree + 1], lower[1::2], out=out[1::2])
        np.multiply(now[1 : degree + 1], lower[2::2], out=out[2::2])
        return out
    return np.multiply(now[rows[: len(lower)]], lower, out=out)


def _circle(x: Array, top: int) -> Iterator[Array]:
    z = x[0] + 1j * x[1]
    power = np.ones_like(z)
    yield np.ones((1, x.shape[1]))
    for _ in range(top):
        power = power * z
        yield math.sqrt(2.0) * np.stack([power.real, power.imag])


def _falls(d: int, top: int) -> Array:
    """Mean of (1 - t^2)^m over the sphere of R^d, m = 0..top."""
    m = np.arange(top)
    ratios = ((d - 1) / 2.0 + m) / (d / 2.0 + m)
    return np.cumprod(np.concatenate([[1.0], ratios]))


def _offdiagonal(k: NDArray[np.int64], weight: Array) -> Array:
    """b_k of t p_{k-1} = b_k p_k + b_{k-1} p_{k-2}: b_k^2 = k (k + 2w - 1)/(4 (k + w)(k + w - 1)).

    For k = 1 the factor k + 2w - 1 = 2w cancels against k + w - 1 = w; b_0 = 0 multiplies nothing.
    """
    k = np.asarray(k, np.float64)
    first = k <= 1
    ratio = np.where(first, 2.0, (k + 2 * weight - 1) / np.where(first, 1.0, k + weight - 1))
    return np.asarray(np.sqrt(k * ratio / (4.0 * (k + weight))))
