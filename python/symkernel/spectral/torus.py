"""Evaluate Fourier modes on flat tori of periodic coordinates."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symkernel.backends.modes import enumerate_modes, find_modes, mode_orbits
from symkernel.groups import Group, SignedPermutation
from symkernel.spectral.manifold import Level
from symkernel.spectral.periodic import STILL, Periodic, conjugates, motions_of, phases
from symkernel.spectral.subspace import ModeSubspace
from symkernel.validation import as_count

__all__ = ["Torus"]

Array = NDArray[np.float64]


class Torus(Periodic):
    """The torus of d periodic coordinates, with values in [-period/2, period/2).

    Coordinates are read modulo the period. The level of a function, which ``max_level`` bounds, is
    the sum |k|^2 of its squared integer frequencies, a pure number; its eigenvalue is
    (2 pi / period)^2 times that. The basis of a level is
    sqrt(2) cos(w k.x), sqrt(2) sin(w k.x) for one k of each pair +-k, w = 2 pi / period.

    Signed permutations of the coordinates act, and shifts: those of ``groups.Torus`` and
    ``groups.Translations``, along axes too. With period 1 ``groups.SpaceGroup`` acts where its
    rotations are signed permutations; see ``LatticeTorus`` for the others.

    Parameters
    ----------
    n_features : int
        d, the number of coordinates, at least 1.
    period : float, default=2.0
        The same for all. ``2 * np.pi`` is the period of the angles of ``groups.Torus``.

    Examples
    --------
    >>> from symkernel.spectral import Torus
    >>> [level.multiplicity for level in Torus(10).levels(3)]
    [1, 20, 180, 960]
    """

    _levels_are = "sums of squared integer frequencies, |k|^2"

    def __init__(self, n_features: int, period: float = 2.0) -> None:
        self._d = as_count(n_features, "n_features")
        try:
            self._period = float(period)
        except (TypeError, ValueError):
            raise TypeError(f"period must be a number, got {period!r}") from None
        if not 0.0 < self._period < math.inf:
            raise ValueError(f"period must be positive and finite, got {period!r}")

    def all_levels(self) -> Iterator[Level]:
        """Yield all sums of d squares, without end."""
        if self._d == 1:  # squares thin out: no table of what lies between
            for k in itertools.count():
                yield Level(k * k, self._frequency**2 * k * k, 2 if k else 1)
        bound = 16
        start = 0
        while True:
            counts = _squares(self._d, bound)
            for level in range(start, bound):
                if counts[level]:
                    yield Level(level, self._frequency**2 * level, counts[level])
            start, bound = bound, 2 * bound

    def check(self, group: Group) -> None:
        """Raise unless the group consists of signed permutations and shifts of coordinates."""
        self._check_group(group)
        if group._on_lattice:
            self._check_lattice(group)
            return
        for g in group.generators:
            linear, shift = g._parts()
            if shift is not None and shift.any():
                raise ValueError(f"group must be given by linear generators and shifts, got {g!r}")
            if not isinstance(linear, SignedPermutation):
                raise ValueError(
                    f"group must permute the coordinates of a torus up to sign: {g!r} does not map "
                    "the torus to itself"
                )
        if any(xi.matrix.any() for xi in group.lie_algebra):
            raise ValueError(f"group must not turn coordinates of a torus, {group!r} does")

    def _check_lattice(self, group: Group) -> None:
        if not math.isclose(self._period, 1.0, rel_tol=1e-9):
            raise ValueError(
                f"{group!r} acts on fractional coordinates, of period 1: use "
                f"Torus({self._d}, 1.0), not {self!r}"
            )
        for motion in motions_of(group):
            if (np.count_nonzero(motion.rotation, axis=0) != 1).any():
                raise ValueError(
                    f"group must permute the coordinates of a torus up to sign: {motion!r} does "
                    "not; LatticeTorus(lattice) has the metric that such rotations keep"
                )

    def _words(self, level: int | float) -> tuple[NDArray[np.int32], int]:
        largest = max(1, math.isqrt(int(level)))
        return enumerate_modes(self._d, int(level), largest, fourier=True), largest

    def invariants(self, group: Group, level: int | float, tol: float = 1e-9) -> ModeSubspace:
        """Return the invariant functions of one level: orbit sums of Fourier modes.

        ``tol`` is not used: there is no linear algebra.
        """
        self.check(group)
        known = self._listed_level(level)
        if group._on_lattice:
            return self._phased(group, known)
        words, largest = self._words(known.level)
        for xi in group.lie_algebra:
            words = words[np.abs(phases(words, largest, xi.shift)) <= STILL]
        signed = [g._parts()[0] for g in group.generators]
        maps, signs = _letter_maps(signed, self._d, largest)
        labels, _, count = mode_orbits(words, maps, signs)
        conjugate = find_modes(words, conjugates(words, largest))
        partner = np.empty(count, np.int64)
        partner[labels] = labels[conjugate]
        own = partner[labels] == labels  # -k lies in the orbit of k
        sizes = np.bincount(labels, minlength=count)[labels]
        rows = np.arange(len(words))
        zero = conjugate == rows
        # Of k and -k, and of an orbit and its conjugate, one is enough.
        keep = np.where(own, rows <= conjugate, labels < partner[labels])
        weights = np.where(zero, 1.0, np.where(own, 2.0, math.sqrt(2.0))) / np.sqrt(sizes)
        width = np.where(partner == np.arange(count), 1, 2) * (np.arange(count) <= partner)
        first = np.concatenate([[0], np.cumsum(width)[:-1]]).astype(np.int64)
        real = first[labels].astype(np.int32)
        imaginary = np.where(own, -1, real + 1).astype(np.int32)
        return ModeSubspace(
            level=known.level,
            eigenvalue=known.eigenvalue,
            multiplicity=known.multiplicity,
            words=words[keep],
            weights=weights[keep],
            real=real[keep],
            imaginary=imaginary[keep],
            sums=int(width.sum()),
            largest=largest,
            frequency=self._frequency,
            express=self._express,
        )

    # The sum over a level is the coefficient of q^level in the product of the theta functions
    # 1 + 2 sum_k q^(k^2) cos(k w (x_i - y_i)) of the coordinates.
    def _reproducing(self, X: Array, Y: Array, top: int | float) -> Iterator[Array]:
        known = self.levels(top)
        last = int(known[-1].level)
        series = np.zeros((last + 1, len(X), len(Y)))
        series[0] = 1.0
        for x, y in zip(self._frequency * X.T, self._frequency * Y.T, strict=True):
            cosine = np.outer(np.cos(x), np.cos(y)) + np.outer(np.sin(x), np.sin(y))
            factor, before, now = series.copy(), np.ones_like(cosine), cosine
            for k in range(1, math.isqrt(last) + 1):
                factor[k * k :] += (2.0 * now) * series[: last + 1 - k * k]
                before, now = now, 2.0 * cosine * now - before
            series = factor
        for level, *_ in known:
            yield series[int(level)]

    def _pair_work(self, top: int | float) -> float:
        return self._d * (math.sqrt(top) + 2.0) * (float(top) + 1.0)

    def _arguments(self) -> tuple[Any, ...]:
        return (self._d, self._period)


def _squares(d: int, bound: int) -> list[int]:
    """Return the number of integer vectors of d entries with squares summing to 0..bound - 1.

    The d-th power of 1 + 2 q + 2 q^4 + 2 q^9 + ..., in exact integers: with theta' known,
    n c_n = sum_k (d k - (n - k)) a_k c_{n-k}, the power rule of series.
    """
    counts = [1] + [0] * (bound - 1)
    roots = [k * k for k in range(1, math.isqrt(bound - 1) + 1)]
    for n in range(1, bound):
        total = sum(2 * (d * s - (n - s)) * counts[n - s] for s in roots if s <= n)
        counts[n] = total // n
    return counts


def _letter_maps(
    elements: list[Any], d: int, largest: int
) -> tuple[NDArray[np.int32], NDArray[np.int8]]:
    """Letters (i, e) go to (g[i], s_i e): k . g x = sum_i k_i s_i x[g[i]]."""
    place = np.arange(2 * largest)
    maps = np.empty((len(elements), d * 2 * largest), np.int32)
    for row, g in enumerate(elements):
        turned = np.tile(place, (d, 1))
        if g.signs is not None:
            turned[g.signs < 0] = place[::-1]
        maps[row] = (g.indices[:, None] * 2 * largest + turned).reshape(-1)
    return maps, np.ones(maps.shape, np.int8)
