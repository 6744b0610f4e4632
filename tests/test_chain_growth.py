"""Stabiliser chains of long groups by generators: exact orders, and work that grows smoothly."""

from __future__ import annotations

import math

import numpy as np
import pytest
from symkernel.groups import PermutationGroup


def wreath(inner, k, m):
    """Generators of inner wr S_m on m blocks of k points."""
    points = np.arange(k * m).reshape(m, k)
    rows = []
    for g in inner:
        row = points.copy()
        row[0] = np.asarray(g)
        rows.append(row.ravel())
    swapped = points.copy()
    swapped[[0, 1]] = points[[1, 0]]
    return [*rows, swapped.ravel(), np.roll(points, -1, axis=0).ravel()]


def beside(*sets):
    """Generators of the direct product: each set on points of its own."""
    total = sum(len(rows[0]) for rows in sets)
    out, start = [], 0
    for rows in sets:
        for row in rows:
            g = np.arange(total)
            g[start : start + len(row)] = start + np.asarray(row)
            out.append(g)
        start += len(rows[0])
    return out


def cycle(k):
    return [np.roll(np.arange(k), -1)]


def symmetric(m):
    swapped = np.arange(m)
    swapped[[0, 1]] = [1, 0]
    return [*cycle(m), swapped]


SIGNS = {m: (wreath(cycle(2), 2, m), 2**m * math.factorial(m)) for m in (8, 40, 60, 64, 80, 100)}
OTHERS = {
    "C3 wr S50": (wreath(cycle(3), 3, 50), 3**50 * math.factorial(50)),
    "S3 wr S40": (wreath(symmetric(3), 3, 40), 6**40 * math.factorial(40)),
    "S60 x S60": (beside(symmetric(60), symmetric(60)), math.factorial(60) ** 2),
    "C2 wr S40 x S40": (
        beside(wreath(cycle(2), 2, 40), symmetric(40)),
        2**40 * math.factorial(40) ** 2,
    ),
    "C2^40": (beside(*[cycle(2)] * 40), 2**40),
    "S3^20": (beside(*[symmetric(3)] * 20), 6**20),
    # C2 wr S_40 whose signs multiply to one: the Weyl group of type D
    "D40": (
        [
            np.array([3, 2, 1, 0, *range(4, 80)]),
            *wreath([], 2, 40),
        ],
        2**39 * math.factorial(40),
    ),
}


@pytest.mark.parametrize("m", SIGNS)
def test_signed_permutations_by_generators(m):
    generators, order = SIGNS[m]
    assert PermutationGroup(generators).order == order


@pytest.mark.parametrize("name", OTHERS)
def test_wreath_like_and_intransitive_groups(name):
    generators, order = OTHERS[name]
    group = PermutationGroup(generators)
    assert group.order == order
    assert all(group.contains(element) for element in group.sample(4, 0))
