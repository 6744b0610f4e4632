"""Evaluate Fourier modes on flat tori of periodic coordinates."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symkernel.backends.modes import enumerate_modes, find_modes, mode_orbits, mode_sums
from symkernel.groups import Group, SignedPermutation
from symkernel.spectral.manifold import Level, Manifold
from symkernel.spectral.subspace import InvariantSubspace, JoinedModes, ModeSubspace
from symkernel.validation import RandomState, as_count, as_generator

__all__ = ["Torus"]

Array = NDArray[np.float64]

# Frequencies as large as |k . b| along a shift b of unit length count as moved by it.
_STILL = 1e-9


class Torus(Manifold):
    """The torus of d periodic coordinates, with values in [-period/2, period/2).

    Coordinates are read modulo the period. The level of a function is the sum of its squared
    integer frequencies; its eigenvalue is (2 pi / period)^2 times that. The basis of a level is
    sqrt(2) cos(w k.x), sqrt(2) sin(w k.x) for one k of each pair +-k, w = 2 pi / period.

    Signed permutations of the coordinates act, and shifts: those of ``groups.Torus`` and
    ``groups.Translations``, along axes too.

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

    def __init__(self, n_features: int, period: float = 2.0) -> None:
        self._d = as_count(n_features, "n_features")
        try:
            self._period = float(period)
        except (TypeError, ValueError):
            raise TypeError(f"period must be a number, got {period!r}") from None
        if not 0.0 < self._period < math.inf:
            raise ValueError(f"period must be positive and finite, got {period!r}")

    @property
    def dim(self) -> int:
        """Dimension of the torus, d."""
        return self._d

    @property
    def n_features(self) -> int:
        """Number of features, d."""
        return self._d

    @property
    def period(self) -> float:
        """Period of every coordinate."""
        return self._period

    @property
    def _frequency(self) -> float:
        return 2.0 * math.pi / self._period

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

    def random_points(self, n: int, random_state: RandomState = None) -> Array:
        """Return independent uniform samples, (n, d)."""
        half = self._period / 2.0
        rng = as_generator(random_state)
        return rng.uniform(-half, half, (as_count(n, "n", 0), self._d))

    def check(self, group: Group) -> None:
        """Raise unless the group consists of signed permutations and shifts of coordinates."""
        self._check_group(group)
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

    def _words(self, level: int) -> tuple[NDArray[np.int32], int]:
        largest = max(1, math.isqrt(level))
        return enumerate_modes(self._d, level, largest, fourier=True), largest

    def invariants(self, group: Group, level: int | float, tol: float = 1e-9) -> ModeSubspace:
        """Return the invariant functions of one level: orbit sums of Fourier modes.

        ``tol`` is not used: there is no linear algebra.
        """
        self.check(group)
        known = self._listed_level(level)
        words, largest = self._words(int(known.level))
        for xi in group.lie_algebra:
            words = words[np.abs(_phases(words, largest, xi.shift)) <= _STILL]
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

    # cos(k) and sin(k) in the basis, where sin(-k) = -sin(k).
    def _express(self, part: ModeSubspace) -> Array:
        assert part.imaginary is not None
        words, largest = self._words(int(part.level))
        kept, number = _half(words, largest)
        place = np.full(len(words), -1)
        place[kept] = number
        same = place[find_modes(words, part.words)]
        other = place[find_modes(words, conjugates(part.words, largest))]
        sign = np.where(same >= 0, 1.0, -1.0)
        start = np.where(same >= 0, same, other)
        out = np.zeros((part.multiplicity, part.sums))
        scale = part.weights / (math.sqrt(2.0) if part.level else 1.0)
        np.add.at(out, (start, part.real), scale)
        odd = part.imaginary >= 0
        np.add.at(out, (start[odd] + 1, part.imaginary[odd]), (scale * sign)[odd])
        return out

    def _eigenfunctions(self, X: Array, level: int | float) -> Array:
        words, largest = self._words(int(level))
        kept, number = _half(words, largest)
        sines = np.where(number >= 0, number + 1, -1) if level else np.full(1, -1)
        weights = np.full(len(kept), math.sqrt(2.0) if level else 1.0)
        return mode_sums(
            X,
            words[kept],
            weights,
            number.astype(np.int32),
            sines.astype(np.int32),
            len(words),
            largest,
            self._frequency,
        )

    def _search_work(self, group: Group, known: Level) -> float:
        return 1e3 * known.multiplicity * (1.0 + len(group.generators))

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

    def _evaluate(self, parts: Sequence[InvariantSubspace], X: Array, n_jobs: int | None) -> Array:
        return JoinedModes([p for p in parts if isinstance(p, ModeSubspace)])(X, n_jobs)

    def _defect(self, X: Array) -> tuple[Array, str]:
        return np.zeros(len(X)), ""

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


def _exponents(words: NDArray[np.int32], largest: int) -> tuple[NDArray[Any], NDArray[Any]]:
    coordinate, place = np.divmod(words, 2 * largest)
    exponent = np.where(place < largest, place - largest, place - largest + 1)
    return coordinate, np.where(words < 0, 0, exponent)


def _phases(words: NDArray[np.int32], largest: int, shift: Array) -> Array:
    """K . b for each mode."""
    coordinate, exponent = _exponents(words, largest)
    return np.asarray((exponent * shift[np.maximum(coordinate, 0)]).sum(axis=1))


def conjugates(words: NDArray[np.int32], largest: int) -> NDArray[np.int32]:
    """Return the words of -k."""
    coordinate, place = np.divmod(words, 2 * largest)
    turned = coordinate * 2 * largest + (2 * largest - 1 - place)
    return np.where(words < 0, -1, turned).astype(np.int32)


def _half(words: NDArray[np.int32], largest: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Rows of one mode of each pair +-k, and the column of its cosine; its sine is next."""
    rows = np.flatnonzero(np.arange(len(words)) <= find_modes(words, conjugates(words, largest)))
    return rows, 2 * np.arange(len(rows))


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
