"""Evaluate Fourier modes of periodic coordinates: what tori have in common."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symkernel.backends.modes import find_modes, mode_sums
from symkernel.groups import Group
from symkernel.groups.lattice_motion import LatticeMotion
from symkernel.spectral.manifold import Level, Manifold
from symkernel.spectral.phased_modes import phased_orbits, phased_sums
from symkernel.spectral.subspace import InvariantSubspace, JoinedModes, ModeSubspace
from symkernel.validation import RandomState, as_count, as_generator

__all__ = ["STILL", "Periodic", "conjugates", "half", "motions_of", "phases", "words_of"]

Array = NDArray[np.float64]

#: Frequencies as large as |k . b| along a shift b of unit length count as moved by it.
STILL = 1e-9


class Periodic(Manifold):
    """A manifold of d periodic coordinates, with values in [-period/2, period/2).

    The basis of a level is sqrt(2) cos(w k.x), sqrt(2) sin(w k.x) for one k of each pair +-k,
    w = 2 pi / period.
    """

    _d: int
    _period: float

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

    @abstractmethod
    def _words(self, level: int | float) -> tuple[NDArray[np.int32], int]:
        """All modes of a level as words in lexicographic order, and their largest exponent."""

    def random_points(self, n: int, random_state: RandomState = None) -> Array:
        """Return independent uniform samples, (n, d)."""
        half = self._period / 2.0
        rng = as_generator(random_state)
        return rng.uniform(-half, half, (as_count(n, "n", 0), self._d))

    def modes(self, level: int | float) -> NDArray[np.int64]:
        """Return the frequencies k of a level, int64 (multiplicity, d)."""
        return _dense(*self._words(self._level(level).level), self._d)

    # Orbit sums with phases, under motions of the lattice.
    def _phased(self, group: Group, known: Level) -> ModeSubspace:
        words, largest = self._words(known.level)
        for xi in group.lie_algebra:
            words = words[np.abs(phases(words, largest, xi.shift)) <= STILL]
        modes = _dense(words, largest, self._d)
        sums = phased_sums(modes, phased_orbits(modes, motions_of(group)))
        return ModeSubspace(
            level=known.level,
            eigenvalue=known.eigenvalue,
            multiplicity=known.multiplicity,
            words=words[sums.rows],
            weights=sums.weights,
            real=sums.real,
            imaginary=sums.imaginary,
            sums=sums.sums,
            largest=largest,
            frequency=self._frequency,
            express=self._express,
        )

    # cos(k) and sin(k) in the basis, where sin(-k) = -sin(k).
    def _express(self, part: ModeSubspace) -> Array:
        assert part.imaginary is not None
        words, largest = self._words(part.level)
        kept, number = half(words, largest)
        place = np.full(len(words), -1)
        place[kept] = number
        same = place[find_modes(words, part.words)]
        other = place[find_modes(words, conjugates(part.words, largest))]
        sign = np.where(same >= 0, 1.0, -1.0)
        start = np.where(same >= 0, same, other)
        out = np.zeros((part.multiplicity, part.sums))
        scale = part.weights / (math.sqrt(2.0) if part.level else 1.0)
        even = part.real >= 0
        np.add.at(out, (start[even], part.real[even]), scale[even])
        odd = part.imaginary >= 0
        np.add.at(out, (start[odd] + 1, part.imaginary[odd]), (scale * sign)[odd])
        return out

    def _eigenfunctions(self, X: Array, level: int | float) -> Array:
        words, largest = self._words(level)
        kept, number = half(words, largest)
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

    def _evaluate(self, parts: Sequence[InvariantSubspace], X: Array, n_jobs: int | None) -> Array:
        return JoinedModes([p for p in parts if isinstance(p, ModeSubspace)])(X, n_jobs)

    def _defect(self, X: Array) -> tuple[Array, str]:
        return np.zeros(len(X)), ""


def motions_of(group: Group) -> list[LatticeMotion]:
    """Return the generators of a group as motions of fractional coordinates."""
    found = []
    for g in group.generators:
        motion = LatticeMotion.of(g) or LatticeMotion.of(g._parts()[0])
        assert motion is not None  # manifolds have checked the group
        found.append(motion)
    return found


def words_of(modes: NDArray[np.int64]) -> tuple[NDArray[np.int32], int]:
    """Return modes (n, d) as words in lexicographic order, and their largest exponent."""
    largest = max(1, int(np.abs(modes).max(initial=0)))
    width = max(1, int((modes != 0).sum(axis=1).max(initial=0)))
    words = np.full((len(modes), width), -1, np.int32)
    row, coordinate = np.nonzero(modes)
    exponent = modes[row, coordinate]
    counts = (modes != 0).sum(axis=1)
    column = np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)
    place = np.where(exponent < 0, exponent + largest, exponent + largest - 1)
    words[row, column] = coordinate * 2 * largest + place
    return np.ascontiguousarray(words[np.lexsort(words.T[::-1])]), largest


def _dense(words: NDArray[np.int32], largest: int, d: int) -> NDArray[np.int64]:
    modes = np.zeros((len(words), d), np.int64)
    coordinate, exponent = exponents(words, largest)
    np.add.at(modes, (np.arange(len(words))[:, None], np.maximum(coordinate, 0)), exponent)
    return modes


def exponents(words: NDArray[np.int32], largest: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return coordinate and exponent of every letter; exponent 0 where there is none."""
    coordinate, place = np.divmod(words, 2 * largest)
    exponent = np.where(place < largest, place - largest, place - largest + 1)
    return coordinate, np.where(words < 0, 0, exponent)


def phases(words: NDArray[np.int32], largest: int, shift: Array) -> Array:
    """K . b for each mode."""
    coordinate, exponent = exponents(words, largest)
    return np.asarray((exponent * shift[np.maximum(coordinate, 0)]).sum(axis=1))


def conjugates(words: NDArray[np.int32], largest: int) -> NDArray[np.int32]:
    """Return the words of -k."""
    coordinate, place = np.divmod(words, 2 * largest)
    turned = coordinate * 2 * largest + (2 * largest - 1 - place)
    return np.where(words < 0, -1, turned).astype(np.int32)


def half(words: NDArray[np.int32], largest: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Rows of one mode of each pair +-k, and the column of its cosine; its sine is next."""
    rows = np.flatnonzero(np.arange(len(words)) <= find_modes(words, conjugates(words, largest)))
    return rows, 2 * np.arange(len(rows))
