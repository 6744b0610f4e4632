"""Multiply manifolds, side by side in one sample."""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symkernel.spectral.manifold import Level, Manifold
from symkernel.spectral.polynomials import Polynomials
from symkernel.spectral.representation import DenseManifold
from symkernel.validation import RandomState, as_count, as_generator

__all__ = ["Product"]

Array = NDArray[np.float64]

# Eigenvalues that agree to this relative accuracy are one.
_SAME = 1e-9


class Product(DenseManifold):
    """The product of manifolds: their features one after another.

    Eigenfunctions are products of those of the factors. A level is an eigenvalue of the whole, the
    sum of one eigenvalue of each factor, with all products that have it: ``max_level`` bounds
    eigenvalues. Groups may move the factors as well as exchange equal ones, as
    ``Symmetric(2).along(0, (2, 3))`` does with ``Product(Sphere(3), Sphere(3))``.

    Parameters
    ----------
    *factors : Manifold
        At least two; not ``Polynomials``, whose products are polynomials in all features.

    Examples
    --------
    >>> from symkernel import groups
    >>> from symkernel.spectral import Product, Sphere
    >>> pairs = Product(Sphere(3), Sphere(3))
    >>> [level.multiplicity for level in pairs.levels(6)]
    [1, 6, 9, 10]
    >>> turned = groups.SO(3).along(1, (2, 3))
    >>> [pairs.invariants(turned, level.level).dimension for level in pairs.levels(6)]
    [1, 0, 1, 0]
    """

    def __init__(self, *factors: Manifold) -> None:
        if len(factors) < 2:
            raise ValueError(f"factors must be at least two manifolds, got {len(factors)}")
        for k, factor in enumerate(factors):
            if not isinstance(factor, Manifold) or isinstance(factor, Polynomials):
                raise TypeError(f"factors[{k}] must be a manifold with a Laplacian, got {factor!r}")
        self._factors = factors
        ends = np.cumsum([0, *(factor.n_features for factor in factors)]).tolist()
        self._columns = [slice(a, b) for a, b in itertools.pairwise(ends)]

    @property
    def factors(self) -> tuple[Manifold, ...]:
        """The manifolds multiplied."""
        return self._factors

    @property
    def dim(self) -> int:
        """Sum of the dimensions."""
        return sum(factor.dim for factor in self._factors)

    @property
    def n_features(self) -> int:
        """Number of features, of all factors together."""
        return int(self._columns[-1].stop)

    def all_levels(self) -> Iterator[Level]:
        """Yield all eigenvalues in ascending order, without end."""
        for known, _ in self._combined():
            yield known

    def _combined(self) -> Iterator[tuple[Level, list[tuple[Level, ...]]]]:
        """Each level with the levels of the factors that make it up, best first."""
        streams = [factor.all_levels() for factor in self._factors]
        seen: list[list[Level]] = [[next(stream)] for stream in streams]
        start = (0,) * len(streams)
        heap = [(sum(levels[0].eigenvalue for levels in seen), start)]
        queued = {start}
        while True:
            value = heap[0][0]
            together = []
            while heap and heap[0][0] <= value * (1.0 + _SAME):
                _, places = heapq.heappop(heap)
                together.append(tuple(levels[i] for levels, i in zip(seen, places, strict=True)))
                for k, levels in enumerate(seen):
                    after = (*places[:k], places[k] + 1, *places[k + 1 :])
                    if after in queued:
                        continue
                    if after[k] == len(levels):
                        levels.append(next(streams[k]))
                    queued.add(after)
                    pairs = zip(seen, after, strict=True)
                    heapq.heappush(heap, (sum(ls[i].eigenvalue for ls, i in pairs), after))
            together.sort(key=lambda levels: [level.level for level in levels])
            size = sum(int(np.prod([one.multiplicity for one in each])) for each in together)
            yield Level(value, value, size), together

    def random_points(self, n: int, random_state: RandomState = None) -> Array:
        """Return independent uniform samples, (n, n_features)."""
        rng, count = as_generator(random_state), as_count(n, "n", 0)
        return np.concatenate([f.random_points(count, rng) for f in self._factors], axis=1)

    def _ascending(self, X: Array, top: int | float) -> Iterator[Array]:
        known: dict[tuple[int, int | float], Array] = {}

        def of_factor(k: int, level: int | float) -> Array:
            if (k, level) not in known:
                values = self._factors[k]._eigenfunctions(X[:, self._columns[k]], level)
                known[k, level] = np.ascontiguousarray(values.T)
            return known[k, level]

        for level, together in self._combined():
            if level.level > top * (1.0 + _SAME):
                return
            parts = []
            for each in together:
                values = np.ones((1, len(X)))
                for k, one in enumerate(each):
                    own = of_factor(k, one.level)
                    values = (values[:, None] * own[None]).reshape(len(values) * len(own), len(X))
                parts.append(values)
            yield np.concatenate(parts)

    def _reproducing(self, X: Array, Y: Array, top: int | float) -> Iterator[Array]:
        own: list[dict[int | float, Array]] = []
        for factor, columns in zip(self._factors, self._columns, strict=True):
            below = _below(factor, top)
            sums = factor._reproducing(X[:, columns], Y[:, columns], below[-1].level)
            own.append({known.level: Z for known, Z in zip(below, sums, strict=True)})
        for level, together in self._combined():
            if level.level > top * (1.0 + _SAME):
                return
            total = np.zeros((len(X), len(Y)))
            for each in together:
                total += math.prod(Zs[one.level] for Zs, one in zip(own, each, strict=True))
            yield total

    def _pair_work(self, top: int | float) -> float:
        below = [_below(factor, top) for factor in self._factors]
        pairs = zip(self._factors, below, strict=True)
        return math.prod(map(len, below)) + sum(f._pair_work(b[-1].level) for f, b in pairs)

    def _telling_levels(self) -> list[Level]:
        firsts = [
            next(known.eigenvalue for known in factor.all_levels() if known.level > 0)
            for factor in self._factors
        ]
        return [self._level(value) for value in sorted(set(firsts))]

    # The largest frequency of each factor below the eigenvalue, added up.
    def _weight(self, level: int | float) -> float:
        return sum(
            max(_rate(factor, known) for known in _below(factor, level)) for factor in self._factors
        )

    def _defect(self, X: Array) -> tuple[Array, str]:
        found = [f._defect(X[:, c]) for f, c in zip(self._factors, self._columns, strict=True)]
        return np.max([off for off, _ in found], axis=0), "; ".join(
            dict.fromkeys(words for _, words in found if words)
        )

    def _arguments(self) -> tuple[Any, ...]:
        return self._factors


def _below(factor: Manifold, eigenvalue: float) -> list[Level]:
    """Levels of a factor with eigenvalues up to that of the product."""
    bound = eigenvalue * (1.0 + _SAME)
    return list(itertools.takewhile(lambda one: one.eigenvalue <= bound, factor.all_levels()))


def _rate(factor: Manifold, known: Level) -> float:
    if isinstance(factor, DenseManifold):
        return factor._weight(known.level)
    return float(np.sqrt(known.eigenvalue) * np.sqrt(factor.dim))
