"""Clouds of points with known symmetries, and the moment frame in plain NumPy."""

from __future__ import annotations

import itertools
import math

import numpy as np


def _signs(*rows):
    """All changes of sign of the entries of rows."""
    found = {
        tuple(np.multiply(s, row) + 0.0)
        for row in rows
        for s in itertools.product((1, -1), repeat=len(row))
    }
    return np.array(sorted(found))


def _ring(n, z=0.0):
    angles = 2 * np.pi * np.arange(n) / n
    return np.stack([np.cos(angles), np.sin(angles), np.full(n, z)], axis=1)


_GOLD = (1 + math.sqrt(5)) / 2
_TETRAHEDRON = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]], float)

# Points, a letter of kind for each, and the orders of the stabilisers in the permutations of like
# points times SO(3) and times O(3).
MOLECULES = {
    "tetrahedron": (_TETRAHEDRON, "HHHH", 12, 24),
    "methane": (np.vstack([np.zeros(3), _TETRAHEDRON]), "CHHHH", 12, 24),
    "chloromethane": (np.vstack([np.zeros(3), _TETRAHEDRON]), "CHHHK", 3, 6),
    "cube": (_signs([1, 1, 1]), "C" * 8, 24, 48),
    "octahedron": (_signs([1, 0, 0], [0, 1, 0], [0, 0, 1]), "S" * 6, 24, 48),
    "icosahedron": (_signs([0, 1, _GOLD], [1, _GOLD, 0], [_GOLD, 0, 1]), "B" * 12, 60, 120),
    "hexagon": (_ring(6), "C" * 6, 12, 24),
    "ammonia": (np.vstack([[0, 0, 0.4], _ring(3)]), "NHHH", 3, 6),
    "water": (np.array([[0, 0, 0.1], [0, 0.8, -0.5], [0, -0.8, -0.5]]), "OHH", 2, 4),
    "antiprism": (
        np.vstack([_ring(4, 0.7), _ring(8)[1::2] * [1, 1, 0] - [0, 0, 0.7]]),
        "F" * 8,
        8,
        16,
    ),
    "helix": (np.array([[1, 0, -3], [0, 1, -1], [-1, 0, 1], [0, -1, 3]]) / 3, "C" * 4, 2, 2),
    "line": (np.array([[0, 0, 1.0], [0, 0, 2], [0, 0, 4]]), "HHH", -1, -1),
    "carbon dioxide": (np.array([[0, 0, 0], [0, 0, 1.1], [0, 0, -1.1]]), "COO", -1, -1),
    "points at the origin": (np.zeros((3, 3)), "HHH", -1, -1),
    "three kinds": (np.array([[0.3, 0.1, 0], [1, 0.2, 0.7], [0.1, 1, 0.4]]), "HNO", 1, 1),
    "pairs": (np.repeat([[0.3, 0.1, 0], [1, 0.2, 0.7], [0.1, 1, 0.4]], 2, axis=0), "H" * 6, 8, 8),
}


def moment_frame(cloud, weights, proper):
    """Coordinates of one cloud (p, d), d > 2, in its moment frame; nothing may be near a tie."""
    values, vectors = np.linalg.eigh((cloud * weights[:, None]).T @ cloud)
    axes = vectors[:, ::-1].T
    d = len(values)
    for k in range(d - 1 if proper else d):
        if weights @ (cloud @ axes[k]) ** 3 < 0:
            axes[k] *= -1
    if proper and np.linalg.det(axes) < 0:
        axes[-1] *= -1
    return cloud @ axes.T
