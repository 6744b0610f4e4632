"""Parametrise sums of kernels whose metrics a group of permutations leaves as they are."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from symkernel.backends.joint import Components

Array = NDArray[Any]

# Twice differentiable with continuous second derivatives, and no smoother than energies are.
KERNEL = "matern72"

# With more atoms than this, hydrogens are no centres; with more centres, there is one component.
_MOST_CENTERS = 24


def centers_of(numbers: Array) -> Array:
    """Return the atoms around which kernels are local, or none for one kernel of all pairs."""
    atoms = np.arange(len(numbers))
    if len(atoms) > _MOST_CENTERS:
        atoms = atoms[numbers != 1]
    return atoms if 2 < len(atoms) <= _MOST_CENTERS else atoms[:0]


class PairWeights:
    """One kernel, with one weight per orbit of pairs.

    Parameters
    ----------
    pairs : ndarray of int of shape (G, p)
        What the group does to the pairs.
    """

    def __init__(self, pairs: Array) -> None:
        self._orbits = _orbits(pairs)
        self.size = int(self._orbits.max()) + 1

    def start(self, scale: float) -> Array:
        """Return parameters of equal weights."""
        return np.full(self.size, np.log(scale))

    def bounds(self, start: Array) -> list[tuple[float, float]]:
        """Return how far each parameter may go."""
        return [(x - 12.0, x + 5.0) for x in start]

    def components(self, parameters: Array) -> Components:
        """Return the kernel of logarithms of weights."""
        return Components(KERNEL, np.exp(parameters)[self._orbits][None], np.ones(1))

    def back(self, parameters: Array, metrics: Array, amplitudes: Array) -> Array:
        """Return derivatives for the parameters from those for metrics and amplitudes."""
        own = metrics * self.components(parameters).metrics
        return np.bincount(self._orbits, own[0], self.size)


class LocalWeights:
    r"""One kernel per atom, its weights fading with the distance of the pair from the atom.

    Parameters
    ----------
    pairs : ndarray of int of shape (G, p)
        What the group does to the pairs.
    squares : ndarray of shape (C, p)
        Sums of the squared mean distances of both atoms of a pair from the centre, averaged over
        the group.

    Notes
    -----
    .. math:: W_{cq} = w_q e^{-d_{cq}^2 / 2 A^2} \cdot
        \frac{\sum_q w_q}{\sum_q w_q e^{-d_{cq}^2 / 2 A^2}}

    with one w per orbit of pairs and one range A. The group permutes the kernels, and their sum is
    invariant.
    """

    def __init__(self, pairs: Array, squares: Array) -> None:
        self._orbits = _orbits(pairs)
        self._squares = squares
        self._count = int(self._orbits.max()) + 1
        self.size = self._count + 1

    def start(self, scale: float) -> Array:
        """Return parameters of equal weights, and a range of the median distance."""
        range_ = 0.5 * np.log(0.5 * np.median(self._squares))
        return np.append(np.full(self._count, np.log(scale)), range_)

    def bounds(self, start: Array) -> list[tuple[float, float]]:
        """Return how far each parameter may go."""
        weights = [(x - 12.0, x + 5.0) for x in start[:-1]]
        return [*weights, (start[-1] - 2.0, start[-1] + 1.5)]

    def components(self, parameters: Array) -> Components:
        """Return the kernels of logarithms of weights and of the range."""
        weights, faded, sums = self._parts(parameters)
        count = len(self._squares)
        return Components(KERNEL, faded * (weights.sum() / sums), np.full(count, 1.0 / count))

    def back(self, parameters: Array, metrics: Array, amplitudes: Array) -> Array:
        """Return derivatives for the parameters from those for metrics and amplitudes."""
        weights, faded, sums = self._parts(parameters)
        total = weights.sum()
        inner = (metrics * faded).sum(axis=1, keepdims=True)
        of_faded = (metrics - inner / sums) * (total / sums)
        own = (of_faded * faded).sum(axis=0) + weights * (inner / sums).sum()
        range_ = (of_faded * faded * self._squares).sum() * np.exp(-2.0 * parameters[-1])
        return np.append(np.bincount(self._orbits, own, self._count), range_)

    def _parts(self, parameters: Array) -> tuple[Array, Array, Array]:
        weights = np.exp(parameters[:-1])[self._orbits]
        exponents = -0.5 * np.exp(-2.0 * parameters[-1]) * self._squares
        exponents -= exponents.max(axis=1, keepdims=True)  # a common factor, which cancels
        faded = weights * np.exp(exponents)
        return weights, faded, faded.sum(axis=1, keepdims=True)


class FreeWeights:
    """One kernel per atom, with one weight per orbit of atoms with pairs, and an amplitude.

    Parameters
    ----------
    pairs : ndarray of int of shape (G, p)
        What the group does to the pairs.
    centers : ndarray of int of shape (G, C)
        What it does to the kernels: g takes kernel c to kernel centers[g, c].
    """

    def __init__(self, pairs: Array, centers: Array) -> None:
        count, p = centers.shape[1], pairs.shape[1]
        # (g.x)[q] = x[pairs[g, q]]: the kernel of g.c has at pairs[g, q] the weight of c at q.
        both = (centers[:, :, None] * p + pairs[:, None, :]).reshape(len(pairs), -1)
        self._orbits = _orbits(both).reshape(count, p)
        self._kinds = _orbits(centers)
        self._count = int(self._orbits.max()) + 1
        self.size = self._count + int(self._kinds.max()) + 1

    def start(self, components: Components) -> Array:
        """Return parameters that give these components."""
        weights, amplitudes = components.metrics, components.amplitudes
        share = np.bincount(self._orbits.ravel())
        mean = np.bincount(self._orbits.ravel(), weights.ravel()) / share
        kinds = np.bincount(self._kinds, amplitudes) / np.bincount(self._kinds)
        floor = 1e-9 * mean.max()  # what has faded may come back
        return np.concatenate([np.log(np.maximum(mean, floor)), np.log(kinds)])

    def bounds(self, start: Array) -> list[tuple[float, float]]:
        """Return how far each parameter may go."""
        return [(x - 8.0, x + 5.0) for x in start]

    def components(self, parameters: Array) -> Components:
        """Return the kernels of logarithms of weights and amplitudes."""
        grown = np.exp(parameters)
        metrics = grown[: self._count][self._orbits]
        return Components(KERNEL, metrics, grown[self._count :][self._kinds])

    def back(self, parameters: Array, metrics: Array, amplitudes: Array) -> Array:
        """Return derivatives for the parameters from those for metrics and amplitudes."""
        own = self.components(parameters)
        weights = (metrics * own.metrics).ravel()
        return np.concatenate(
            [
                np.bincount(self._orbits.ravel(), weights, self._count),
                np.bincount(self._kinds, amplitudes * own.amplitudes, self.size - self._count),
            ]
        )


Weights = PairWeights | LocalWeights | FreeWeights


def pairs_of(permutations: Array) -> Array:
    """Return what permutations (G, n) of atoms do to their pairs, (G, p)."""
    n = permutations.shape[1]
    first, second = np.triu_indices(n, 1)
    place = np.zeros((n, n), np.int64)
    place[first, second] = place[second, first] = np.arange(len(first))
    found: Array = place[permutations[:, first], permutations[:, second]]
    return found


def squares_of(permutations: Array, mean_distances: Array, centers: Array) -> Array:
    """Return, for every centre and pair, the squared distances of both atoms from it, (C, p)."""
    n = permutations.shape[1]
    first, second = np.triu_indices(n, 1)
    tied = mean_distances[pairs_of(permutations)].mean(axis=0)
    square = np.zeros((n, n))
    square[first, second] = square[second, first] = tied**2
    found: Array = square[centers][:, first] + square[centers][:, second]
    return found


def _orbits(images: Array) -> Array:
    """Number the orbits of permutations (G, k) of k things: (k,), from 0 on."""
    least = images.min(axis=0)
    return np.unique(least, return_inverse=True)[1]
