"""Generators of permutation groups known from the literature, and their orders."""

from __future__ import annotations

from collections.abc import Sequence
from math import factorial, gcd

import numpy as np

Rows = list[list[int]]

#: Janko's matrices over the field of 11 elements (J. Algebra 3, 1966): they generate J1.
_JANKO_Y = np.roll(np.eye(7, dtype=np.int64), 1, axis=1)
_JANKO_Z = np.array([
    [-3, 2, -1, -1, -3, -1, -3],
    [-2, 1, 1, 3, 1, 3, 3],
    [-1, -1, -3, -1, -3, -3, 2],
    [-1, -3, -1, -3, -3, 2, -1],
    [-3, -1, -3, -3, 2, -1, -1],
    [1, 3, 3, -2, 1, 1, 3],
    [3, 3, -2, 1, 1, 3, 1],
])  # fmt: skip

# Cycles of the points 1, 2, ..., as they are printed.
_TURNS = (
    ((1, 3, 8, 6), (2, 5, 7, 4), (9, 33, 25, 17), (10, 34, 26, 18), (11, 35, 27, 19)),
    ((9, 11, 16, 14), (10, 13, 15, 12), (1, 17, 41, 40), (4, 20, 44, 37), (6, 22, 46, 35)),
    ((17, 19, 24, 22), (18, 21, 23, 20), (6, 25, 43, 16), (7, 28, 42, 13), (8, 30, 41, 11)),
    ((25, 27, 32, 30), (26, 29, 31, 28), (3, 38, 43, 19), (5, 36, 45, 21), (8, 33, 48, 24)),
    ((33, 35, 40, 38), (34, 37, 39, 36), (3, 9, 46, 32), (2, 12, 47, 29), (1, 14, 48, 27)),
    ((41, 43, 48, 46), (42, 45, 47, 44), (14, 22, 30, 38), (15, 23, 31, 39), (16, 24, 32, 40)),
)
_MATHIEU = (
    (tuple(range(1, 24)),),
    ((3, 17, 10, 7, 9), (4, 13, 14, 19, 5), (8, 18, 11, 12, 23), (15, 20, 22, 21, 16)),
    (
        (1, 24), (2, 23), (3, 12), (4, 16), (5, 18), (6, 10), (7, 20), (8, 14), (9, 21),
        (11, 17), (13, 22), (15, 19),
    ),
)  # fmt: skip

RUBIK_ORDER = 43_252_003_274_489_856_000  # 8! 3^8 12! 2^12 / 12
M24_ORDER = 244_823_040
J1_ORDER = 175_560


def rubik() -> Rows:
    """Return the six turns of Rubik's cube on its 48 moving facelets."""
    return [_from_cycles(48, turn) for turn in _TURNS]


def m24() -> Rows:
    """Return Mathieu's group on 24 points."""
    return [_from_cycles(24, cycles) for cycles in _MATHIEU]


def symmetric(n: int) -> Rows:
    """Return a transposition and the cycle of all n points."""
    return [[1, 0, *range(2, n)], [*range(1, n), 0]]


def psl2(q: int) -> Rows:
    """Return PSL(2, q), q an odd prime, on the projective line: 0..q-1 and q for infinity.

    z + 1, -1/z, and a^2 z for a primitive root a.
    """
    root = next(
        a for a in range(2, q + 1) if q == 3 or len({pow(a, k, q) for k in range(q - 1)}) == q - 1
    )
    return [
        [*((z + 1) % q for z in range(q)), q],
        [q, *(-pow(z, -1, q) % q for z in range(1, q)), 0],
        [*(z * root * root % q for z in range(q)), q],
    ]


def psl2_order(q: int) -> int:
    """Return q (q^2 - 1) / gcd(2, q - 1)."""
    return q * (q * q - 1) // gcd(2, q - 1)


def j1() -> Rows:
    """Return Janko's first group on the 266 cosets of its subgroup PSL(2, 11).

    A coset is a set of twelve points of the projective space, the orbit of one of them under
    generators of that subgroup, (YZ)^5 of order 2 and ZYYZY.
    """
    Y, Z = _JANKO_Y, _JANKO_Z
    twice = np.linalg.matrix_power(Y @ Z % 11, 5) % 11
    start = _orbit((1, 0, 10, 10, 9, 10, 5), [twice, Z @ Y @ Y @ Z @ Y % 11])
    sets = [frozenset(start)]
    places = {sets[0]: 0}
    rows: Rows = [[], []]
    for points in sets:  # grows while it is read
        for row, matrix in zip(rows, (Y, Z), strict=True):
            image = frozenset(_project(np.array(point) @ matrix) for point in points)
            if image not in places:
                places[image] = len(sets)
                sets.append(image)
            row.append(places[image])
    return rows


def _orbit(start: tuple[int, ...], matrices: Sequence[np.ndarray]) -> list[tuple[int, ...]]:
    orbit = [start]
    for point in orbit:  # grows while it is read
        for matrix in matrices:
            image = _project(np.array(point) @ matrix)
            if image not in orbit:
                orbit.append(image)
    return orbit


def _project(vector: np.ndarray) -> tuple[int, ...]:
    """Return the multiple, modulo 11, whose first entry that is not 0 is 1."""
    entries = [int(value) % 11 for value in vector]
    first = next(value for value in entries if value)
    return tuple(value * pow(first, -1, 11) % 11 for value in entries)


def _from_cycles(n: int, cycles: Sequence[Sequence[int]]) -> list[int]:
    images = list(range(n))
    for cycle in cycles:
        for k, point in enumerate(cycle):
            images[point - 1] = cycle[(k + 1) % len(cycle)] - 1
    return images


def known_orders(quick: bool) -> dict[str, tuple[Rows, int]]:
    """Return the groups that are timed: generators and order by name."""
    n = 12 if quick else 50
    q = 11 if quick else 101
    groups = {
        "Rubik's cube": (rubik(), RUBIK_ORDER),
        "M24": (m24(), M24_ORDER),
        f"S_{n}": (symmetric(n), factorial(n)),
        f"PSL(2, {q})": (psl2(q), psl2_order(q)),
    }
    return groups if quick else {**groups, "J1 on 266 points": (j1(), J1_ORDER)}
