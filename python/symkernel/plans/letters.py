"""Write monomials as rows of letters: letter i * largest + e - 1 is x_i^e, and -1 is none."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from symkernel.groups import SignedPermutation

__all__ = ["Words", "bombieri", "letter_maps"]

Array = NDArray[np.float64]
Words = NDArray[np.int32]


def letter_maps(
    elements: Sequence[SignedPermutation], d: int, largest: int
) -> tuple[NDArray[np.int32], NDArray[np.int8]]:
    """Map letters (i, e) to (g[i], e) with the sign s_i^e: (g.x)_i^e = s_i^e x[g[i]]^e."""
    powers = np.arange(largest)
    maps = np.empty((len(elements), d * largest), np.int32)
    signs = np.ones((len(elements), d * largest), np.int8)
    for row, g in enumerate(elements):
        maps[row] = (g.indices[:, None] * largest + powers).reshape(-1)
        if g.signs is not None:
            odd = powers % 2 == 0  # place e - 1
            signs[row] = np.where(odd, g.signs[:, None], 1).reshape(-1)
    return maps, signs


def bombieri(words: Words, degree: int, largest: int | None = None) -> Array:
    """Return sqrt(l! / a!) for each word, whose letters have powers up to ``largest``, or l.

    Factorials are multiplied up exactly to rounding, as products of few factors.
    """
    largest = max(1, degree) if largest is None else largest
    powers = np.where(words < 0, 0, words % largest + 1)
    if largest > 150:  # factorials leave the range of doubles
        logs = gammaln(np.arange(largest + 1) + 1.0)
        return np.asarray(np.exp(0.5 * (logs[degree] - logs[powers].sum(axis=1))))
    factorial = np.cumprod([1.0, *range(1, largest + 1)])
    return np.asarray(np.sqrt(factorial[degree] / factorial[powers].prod(axis=1)))
