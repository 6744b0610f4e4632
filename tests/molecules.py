"""Molecules whose permutations are known."""

from __future__ import annotations

import importlib

import numpy as np
from catalog import METHANE

_made = importlib.import_module("symkernel.bench.molecules")
alkane, fullerene = _made.alkane, _made.fullerene

WATER = (["O", "H", "H"], np.array([[0, 0, 0], [0, 0, 0.96], [0, 0.93, -0.24]]))


def rays(count, angle, start=0.0):
    """Unit vectors around the z axis, at an angle from it."""
    turns = start + 2 * np.pi * np.arange(count) / count
    across = np.sin(angle)
    return np.stack([across * np.cos(turns), across * np.sin(turns), 0 * turns + np.cos(angle)], 1)


def neopentane():
    four = METHANE[1][1:] / np.linalg.norm(METHANE[1][1], axis=-1)
    z, R = ["C"] * 5, [np.zeros(3), *(1.54 * v for v in four)]
    for v in four:
        for other in four:
            if other is not v:  # staggered: against the other bonds of the centre
                z.append("H")
                R.append(1.54 * v - 1.09 * other)
    return z, np.array(R)


def flat(*angles):
    """Unit vectors in the plane, angles in degrees."""
    turns = np.deg2rad(angles)
    return np.stack([np.cos(turns), np.sin(turns), 0 * turns], axis=1)


def phenyl(centre, towards):
    """Carbon and hydrogen of a ring, the first carbon alone at an angle in degrees."""
    around = flat(*(towards + 60 * np.arange(6)))
    return centre + 1.40 * around, centre + 2.49 * around[1:]


def toluene():
    carbon, hydrogen = phenyl(np.zeros(3), 0)
    methyl = np.array([2.91, 0, 0])
    ends = 1.09 * rays(3, np.deg2rad(70.5))[:, [2, 0, 1]]  # around the x axis
    R = np.concatenate([carbon, [methyl], hydrogen, methyl + ends])
    return ["C"] * 7 + ["H"] * 8, R


def naphthalene():
    shift = np.array([1.40 * np.cos(np.pi / 6), 0, 0])
    rings = [phenyl(s * shift, 30) for s in (-1, 1)]
    carbon = np.unique(np.concatenate([c for c, _ in rings]).round(6), axis=0)
    ends = np.concatenate([s * shift + 2.49 * flat(*(30 + 60 * np.arange(6))) for s in (-1, 1)])
    away = np.linalg.norm(ends[:, None] - carbon, axis=-1)
    return ["C"] * 10 + ["H"] * 8, np.concatenate([carbon, ends[away.min(axis=1) > 0.9][:8]])


def azobenzene():
    nitrogen = 0.625 * flat(0)[0]
    bond = flat(66)[0]  # at 114 degrees from N to N
    carbon, hydrogen = phenyl(nitrogen + (1.42 + 1.40) * bond, 66 + 180)
    half = np.concatenate([[nitrogen], carbon, hydrogen])
    return (["N"] + ["C"] * 6 + ["H"] * 5) * 2, np.concatenate([half, -half])


ETHYLENE = (
    ["C", "C", "H", "H", "H", "H"],
    [[0, 0, 0.667], [0, 0, -0.667], *([0, y, z] for z in (1.23, -1.23) for y in (0.92, -0.92))],
)
ALLENE = (
    ["C"] * 3 + ["H"] * 4,
    [[0, 0, 0], [0, 0, 1.31], [0, 0, -1.31], [0.93, 0, 1.87], [-0.93, 0, 1.87],
     [0, 0.93, -1.87], [0, -0.93, -1.87]],
)  # fmt: skip
SF6 = (["S"] + ["F"] * 6, 1.56 * np.vstack([np.zeros(3), np.eye(3), -np.eye(3)]))
PF5 = (
    ["P"] + ["F"] * 5,
    1.55 * np.vstack([np.zeros(3), rays(3, np.pi / 2), rays(1, 0), -rays(1, 0)]),
)
# molecule: all, feasible with mirror images, feasible without
KNOWN = {
    "argon": ((["Ar"], np.zeros((1, 3))), 1, 1, 1),
    "hydrogen": ((["H", "H"], [[0, 0, 0], [0, 0, 0.74]]), 2, 2, 2),
    "water": (WATER, 2, 2, 2),
    "methane": (METHANE, 24, 24, 12),
    # turns inside out
    "ammonia": ((["N", "H", "H", "H"], [[0, 0, 0], *(1.01 * rays(3, 1.95))]), 6, 6, 6),
    "phosphane": ((["P", "H", "H", "H"], [[0, 0, 0], *(1.42 * rays(3, 2.13))]), 6, 6, 3),
    "planar BF3": ((["B", "F", "F", "F"], [[0, 0, 0], *(1.3 * rays(3, np.pi / 2))]), 6, 6, 6),
    "ethylene": (ETHYLENE, 8, 4, 4),
    "allene": (ALLENE, 8, 8, 8),  # an axis of chirality, which the rule does not see
    "SF6": (SF6, 720, 48, 24),
    "PF5": (PF5, 120, 12, 6),
    # as published with sGDML, with mirror images
    "toluene": (toluene(), 12, 12, 6),
    "naphthalene": (naphthalene(), 4, 4, 4),
    "azobenzene": (azobenzene(), 8, 8, 8),
    "propane": (alkane(3), 144, 36, 18),
    "heptane": (alkane(7), 2304, 36, 18),
    "neopentane": (neopentane(), 24 * 6**4, 24 * 3**4, 12 * 3**4),
    "C60": (fullerene(), 120, 120, 60),
}  # fmt: skip
