"""Compute how rotations act on real spherical harmonics: Wigner's matrices."""

from __future__ import annotations

import itertools
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lstsq

from symkernel.spectral.harmonics import solid_harmonics

__all__ = ["wigner"]

Array = NDArray[np.float64]

# Degrees whose constant matrices are found together.
_TOGETHER = 16


def wigner(rotations: Array, degree: int) -> Array:
    """Return D^l(R), (n, 2l + 1, 2l + 1), with Y(R x) = D^l(R) Y(x) for real harmonics.

    R = Rz(a) Ry(b) Rz(c) and Ry(b) = P Rz(b) P^T with one fixed P, so that D is two constant
    orthogonal matrices between plane rotations: stable at every degree. Where b vanishes a is
    whatever rounding makes it, and c makes up for it.
    """
    if degree == 0:
        return np.ones((len(rotations), 1, 1))
    a = np.arctan2(rotations[:, 1, 2], rotations[:, 0, 2])
    b = np.arctan2(np.hypot(rotations[:, 0, 2], rotations[:, 1, 2]), rotations[:, 2, 2])
    cos, sin = np.cos(a), np.sin(a)
    # The second row of Rz(-a) R = Ry(b) Rz(c) is (sin c, cos c, 0).
    c = np.arctan2(
        cos * rotations[:, 1, 0] - sin * rotations[:, 0, 0],
        cos * rotations[:, 1, 1] - sin * rotations[:, 0, 1],
    )
    fixed = _axis_change(degree)
    inner = _turned_columns(fixed, b) @ fixed.T
    return _turned_columns(_turned_columns(inner.transpose(0, 2, 1), -a).transpose(0, 2, 1), c)


# M D(Rz(t)) for each angle: D turns the pair (cos m, sin m) by [[cos mt, -sin mt], [sin mt, cos
# mt]]. As D(Rz(t))^T = D(Rz(-t)), rows are turned through transposes.
def _turned_columns(matrix: Array, angle: Array) -> Array:
    degree = (matrix.shape[-1] - 1) // 2
    multiple = angle[:, None] * np.arange(1, degree + 1)
    cos, sin = np.cos(multiple)[:, None, :], np.sin(multiple)[:, None, :]
    out = np.empty((len(angle), *matrix.shape[-2:]))
    even, odd = matrix[..., 1::2], matrix[..., 2::2]
    out[..., 0] = matrix[..., 0]
    out[..., 1::2] = even * cos + odd * sin
    out[..., 2::2] = odd * cos - even * sin
    return out


def _axis_change(degree: int) -> Array:
    """D^l of the rotation P with P e_z = e_y, P e_x = e_z, P e_y = e_x: Ry(b) = P Rz(b) P^T."""
    block, place = divmod(degree, _TOGETHER)
    return _axis_changes(block)[place]


@lru_cache(maxsize=64)
def _axis_changes(block: int) -> list[Array]:
    """D^l(P) for degrees in a row, from one pass over the harmonics."""
    first, last = block * _TOGETHER, block * _TOGETHER + _TOGETHER - 1
    rng = np.random.default_rng(0)
    points = rng.standard_normal((3, 4 * last + 16))
    points /= np.linalg.norm(points, axis=0)
    pairs = zip(
        solid_harmonics(points, last), solid_harmonics(points[[1, 2, 0]], last), strict=True
    )
    found = []
    for values, moved in itertools.islice(pairs, first, None):
        count = 2 * len(values) + 14  # as many as 4 l + 16
        matrix = lstsq(values[:, :count].T, moved[:, :count].T)[0].T
        found.append(np.asarray(matrix @ (1.5 * np.eye(len(matrix)) - 0.5 * matrix.T @ matrix)))
    return found
