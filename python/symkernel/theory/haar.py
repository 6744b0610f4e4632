"""Integrate over the classes of SO(n) and O(n): Weyl's integration formula."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

from symkernel.groups import Group

__all__ = ["haar_classes"]

Array = NDArray[np.float64]

_MOST_NODES = 1_000_000


def haar_classes(group: Group, degree: int) -> tuple[Array, Array]:
    """Return a quadrature over the classes of SO(n) or O(n): weights (c,), matrices (c, n, n).

    Exact for class functions that are polynomials of up to ``degree`` in the matrix entries.

    Notes
    -----
    Every rotation is conjugate to one by angles t_1 .. t_m in m = n // 2 planes. With c = cos t
    the density of the angles is prod_(i<j) (c_i - c_j)^2, times prod (1 - c_i) for odd n. Of
    the maps that reverse orientation, those of odd n are minus the rotations; those of even n have
    eigenvalues 1, -1 and m - 1 angles with the density prod_(i<j) (c_i - c_j)^2 prod sin^2 t_i
    (Weyl, The Classical Groups, chapter VII.9). Densities and class functions are trigonometric
    polynomials, and equispaced angles are exact for them.
    """
    n = group.degree
    weights, matrices = _component(n, degree, np.ones(0))
    if not group.role.reflections:
        return weights, matrices
    if n % 2:
        return np.tile(weights, 2) / 2.0, np.concatenate([matrices, -matrices])
    other_weights, others = _component(n, degree, np.array([1.0, -1.0]))
    return np.concatenate([weights, other_weights]) / 2.0, np.concatenate([matrices, others])


def _component(n: int, degree: int, fixed: Array) -> tuple[Array, Array]:
    """Return one component: angles in planes, then the eigenvalues ``fixed``, then 1 for odd n."""
    planes = (n - len(fixed)) // 2
    count = degree + 2 * planes + 3
    if count**planes > _MOST_NODES:
        raise ValueError(
            f"group must have at most {_MOST_NODES} classes at degree {degree}: rotations of R^{n} "
            f"have {count}^{planes}"
        )
    nodes = 2.0 * np.pi * (np.arange(count) + 0.5) / count
    angles = np.stack(np.meshgrid(*[nodes] * planes, indexing="ij"), axis=-1) if planes else None
    angles = np.zeros((1, 0)) if angles is None else angles.reshape(-1, planes)
    cos, sin = np.cos(angles), np.sin(angles)
    weights = np.ones(len(angles))
    for i, j in itertools.combinations(range(planes), 2):
        weights *= (cos[:, i] - cos[:, j]) ** 2
    if len(fixed):
        weights *= (sin**2).prod(axis=1)
    elif n % 2:
        weights *= (1.0 - cos).prod(axis=1)
    matrices = np.zeros((len(angles), n, n))
    for plane in range(planes):
        i, j = 2 * plane, 2 * plane + 1
        matrices[:, i, i] = matrices[:, j, j] = cos[:, plane]
        matrices[:, j, i], matrices[:, i, j] = sin[:, plane], -sin[:, plane]
    for place, value in enumerate(fixed, start=2 * planes):
        matrices[:, place, place] = value
    if n % 2:
        matrices[:, -1, -1] = 1.0
    return weights / weights.sum(), matrices
