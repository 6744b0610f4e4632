"""Join Fourier modes into orbits with phases, under motions of a lattice's torus.

A motion g.x = W x + w takes the mode exp(2 pi i k.x) to exp(2 pi i k.w) times the mode of W^T k:
modes go to modes, up to a phase. A function sum_k c_k exp(2 pi i k.x) is invariant when c at W^T k
is exp(2 pi i k.w) c_k for every generator. Along an orbit that fixes c up to one factor, unless two
ways to the same mode come with different phases: then c is 0 there. Crystallographers call such
modes systematically absent.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from symkernel.groups.lattice_motion import LatticeMotion

__all__ = ["PhasedOrbits", "PhasedSums", "find_rows", "phased_orbits", "phased_sums"]

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class PhasedOrbits:
    """Orbits of modes, each with the phases of its invariant function.

    Attributes
    ----------
    labels : int64, shape (modes,)
        Number of the orbit; -1 for modes whose orbit has no invariant function.
    phases : int64, shape (modes,)
        Phase of the coefficient of every mode, in units of a turn over ``modulus``; even.
    modulus : int
    count : int
        Number of orbits that have an invariant function.
    """

    labels: Integers
    phases: Integers
    modulus: int
    count: int


def phased_orbits(modes: Integers, motions: Sequence[LatticeMotion]) -> PhasedOrbits:
    """Join modes that motions map to each other, and drop orbits whose phases disagree.

    Parameters
    ----------
    modes : int64, shape (modes, d)
        All different; the motions must map them to each other.
    motions : sequence of LatticeMotion
        Generators.

    Notes
    -----
    Exact, in integers. O(modes log(modes)) for every generator: the order of the group does not
    matter.
    """
    n = len(modes)
    turn = math.lcm(*(g.fractions[1] for g in motions)) if motions else 1
    modulus = 2 * turn
    steps = []
    for g in motions:
        numerators, denominator = g.fractions
        gained = (modes @ numerators) % denominator * (modulus // denominator)
        steps.append((find_rows(modes, modes @ g.rotation), gained))
    rows = np.concatenate([np.arange(n)] * (len(steps) + 1))
    columns = np.concatenate([np.arange(n), *(target for target, _ in steps)])
    graph = coo_array((np.ones(len(rows), bool), (rows, columns)), shape=(n, n))
    count, found = connected_components(graph, directed=False)
    labels = np.asarray(found, np.int64)
    phases = np.full(n, -1, np.int64)
    front = np.unique(labels, return_index=True)[1]
    phases[front] = 0
    while len(front):
        reached = []
        for target, gained in steps:
            new = phases[target[front]] < 0
            source = front[new]
            phases[target[source]] = (phases[source] + gained[source]) % modulus
            reached.append(target[source])
        front = np.unique(np.concatenate(reached)) if reached else front[:0]
    agrees = np.ones(count, bool)
    for target, gained in steps:
        agrees[labels[(phases[target] - phases - gained) % modulus != 0]] = False
    number = np.where(agrees, np.cumsum(agrees) - 1, -1)
    return PhasedOrbits(number[labels], phases, modulus, int(agrees.sum()))


@dataclass(frozen=True, eq=False)
class PhasedSums:
    """Orthonormal real functions as weighted sums of cosines and sines of modes.

    Attributes
    ----------
    rows : int64, shape (terms,)
        Which mode.
    weights : float64, shape (terms,)
    real, imaginary : int32, shape (terms,)
        The function that takes the cosine, and the sine; -1 for none.
    sums : int
        Number of functions.
    """

    rows: Integers
    weights: Floats
    real: NDArray[np.int32]
    imaginary: NDArray[np.int32]
    sums: int


def phased_sums(modes: Integers, orbits: PhasedOrbits) -> PhasedSums:
    """Return a basis of the real functions that orbits with phases stand for.

    Of an orbit that holds -k with k there is one: its phases add up to the same over all such
    pairs, and half of that is taken off. Of an orbit beside that of the -k there are two, its real
    and its imaginary part.
    """
    labels = orbits.labels
    if not orbits.count:
        none = np.zeros(0, np.int32)
        return PhasedSums(np.zeros(0, np.int64), np.zeros(0), none, none, 0)
    conjugate = find_rows(modes, -modes)
    live = np.flatnonzero(labels >= 0)
    partner = np.full(orbits.count, -1)
    partner[labels[live]] = labels[conjugate[live]]
    here = np.arange(orbits.count)
    width = np.where(partner == here, 1, 2) * (here <= partner)
    start = np.concatenate([[0], np.cumsum(width)[:-1]]).astype(np.int64)
    half = np.zeros(orbits.count, np.int64)
    half[labels[live]] = (
        (orbits.phases[live] + orbits.phases[conjugate[live]]) % orbits.modulus // 2
    )
    own = partner[labels] == labels
    keep = live[np.where(own, np.arange(len(modes)) <= conjugate, labels < partner[labels])[live]]
    own, orbit = own[keep], labels[keep]
    turns = orbits.phases[keep] - np.where(own, half[orbit], 0)
    angle = 2.0 * math.pi * (turns % orbits.modulus) / orbits.modulus
    cosine, sine = np.cos(angle), np.sin(angle)
    for values in (cosine, sine):
        values[np.abs(values) < 1e-15] = 0.0  # quarter turns, exactly
    sizes = np.bincount(labels[live], minlength=orbits.count)[orbit]
    scale = np.where(conjugate[keep] == keep, 1.0, np.where(own, 2.0, math.sqrt(2.0)))
    scale = scale / np.sqrt(sizes)
    first = start[orbit]
    second = np.where(own, -1, first + 1)
    none = np.full(len(keep), -1)
    # cos(k.x + a) = cos a cos k.x - sin a sin k.x and sin(k.x + a) = sin a cos k.x + cos a sin k.x
    rows = np.concatenate([keep, keep, keep])
    weights = np.concatenate([scale * cosine, -scale * sine, scale * sine])
    real = np.concatenate([first, none, second])
    imaginary = np.concatenate([second, first, none])
    used = (weights != 0.0) & ((real >= 0) | (imaginary >= 0))
    return PhasedSums(
        rows[used],
        weights[used],
        real[used].astype(np.int32),
        imaginary[used].astype(np.int32),
        int(width.sum()),
    )


def find_rows(modes: Integers, queries: Integers) -> Integers:
    """Return the row of each of some modes, given in another order, among all of them."""
    n = len(modes)
    both = np.concatenate([modes, queries])
    distinct, ranks = np.unique(both, axis=0, return_inverse=True)
    ranks = ranks.reshape(-1)
    if len(distinct) != n:
        raise ValueError("motions must map the modes of a level to each other")
    place = np.empty(n, np.int64)
    place[ranks[:n]] = np.arange(n)
    return place[ranks[n:]]
