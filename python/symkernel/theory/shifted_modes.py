"""Count Fourier modes that continuous shifts of a torus leave alone."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from symkernel.exceptions import GroupTooLargeError
from symkernel.groups import Group, SignedPermutation

__all__ = ["shifted_series"]

Array = NDArray[np.float64]


def shifted_series(group: Group, top: int) -> list[int]:
    """Count invariants on a torus of continuous shifts beside permutations.

    Modes k with k . b = 0 for all shifts b, averaged over the linear part: of those that an
    element leaves alone, one frequency for each positive cycle, the sum of frequency times shift
    over a cycle is carried along.
    """
    basis = group._shift_basis
    linear = group._linear
    if any(f.group.role.rotates for f in linear.factors()):
        raise ValueError(f"group must not turn coordinates of a torus, {group!r} does")
    if not linear.is_finite or linear.order > 200_000:
        raise GroupTooLargeError(
            repr(linear), linear.order, 200_000, "InvariantBasis counts from generators"
        )
    sums = [0] * (top + 1)
    known: dict[tuple[tuple[int, tuple[float, ...]], ...], list[int]] = {}
    for g in linear.elements():
        assert isinstance(g, SignedPermutation)
        cycles = tuple(sorted(_carried(g, basis)))
        if cycles not in known:
            known[cycles] = _balanced(cycles, len(basis), top)
        sums = [a + b for a, b in zip(sums, known[cycles], strict=True)]
    return [n // int(linear.order) for n in sums]


def _carried(g: SignedPermutation, basis: Array) -> list[tuple[int, tuple[float, ...]]]:
    """Length of each positive cycle, and the shifts of a mode that is +-1 along it."""
    signs = np.ones(g.degree, int) if g.signs is None else g.signs.astype(int)
    seen = np.zeros(g.degree, bool)
    found = []
    for start in range(g.degree):
        if seen[start]:
            continue
        vector, place, sign = np.zeros(g.degree), start, 1
        while not seen[place]:
            seen[place] = True
            vector[place] = sign
            sign *= int(signs[place])
            place = int(g.indices[place])
        if sign > 0:
            shift = tuple((basis @ vector).round(9).tolist())
            found.append((int(np.abs(vector).sum()), shift))
    return found


def _balanced(
    cycles: tuple[tuple[int, tuple[float, ...]], ...], shifts: int, top: int
) -> list[int]:
    states: dict[tuple[int, tuple[float, ...]], int] = {(0, (0.0,) * shifts): 1}
    for length, shift in cycles:
        following: dict[tuple[int, tuple[float, ...]], int] = {}
        for (level, carried), count in states.items():
            largest = math.isqrt((top - level) // length)
            for k in range(-largest, largest + 1):
                moved = (round(c + k * s, 6) + 0.0 for c, s in zip(carried, shift, strict=True))
                key = (level + length * k * k, tuple(moved))
                following[key] = following.get(key, 0) + count
        states = following
    out = [0] * (top + 1)
    for (level, carried), count in states.items():
        if all(abs(c) < 1e-4 for c in carried):
            out[level] += count
    return out
