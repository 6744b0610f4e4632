"""Small molecules, and joint covariances of their energies and derivatives in plain NumPy."""

from __future__ import annotations

import itertools

import numpy as np
from force_fields import ETHANOL, WATER, Springs
from oracles import radial
from symkernel.descriptors import InversePairDistances
from symkernel.molecules._geometry import Geometry
from symkernel.molecules._metrics import (
    FreeWeights,
    LocalWeights,
    PairWeights,
    pairs_of,
    squares_of,
)
from symkernel.molecules._search import Known
from symkernel.molecules._system import System

RING = 2 * np.pi * np.arange(6) / 6
RING = np.stack([np.cos(RING), np.sin(RING), 0 * RING], axis=1)


def swaps(n, like):
    """All permutations of n atoms of which some are alike, (G, n)."""
    found = np.tile(np.arange(n), (len(list(itertools.permutations(like))), 1))
    found[:, like] = list(itertools.permutations(like))
    return found


# Atoms, a structure, and all elements of a group.
MOLECULES = {
    "hydrogen": (np.array([1, 1]), np.array([[0.0, 0, 0], [0, 0, 0.74]]), swaps(2, [0, 1])),
    "water": (*WATER, swaps(3, [1, 2])),
    "carbon dioxide": (
        np.array([6, 8, 8]),
        np.array([[0.0, 0, 0], [0, 0, 1.16], [0, 0, -1.16]]),
        swaps(3, [1, 2]),
    ),
    "ammonia": (
        np.array([7, 1, 1, 1]),
        np.array([[0, 0, 0.1], *(RING[::2] - np.array([0, 0, 0.3]))]),
        swaps(4, [1, 2, 3]),
    ),
    "benzene": (np.repeat([6, 1], 6), np.concatenate([1.39 * RING, 2.48 * RING]), swaps(12, [])),
    "ethanol": (*ETHANOL, swaps(9, [5, 6, 7])),
}


def structures(name, n, seed=0, spread=0.05):
    """Positions (n, N, 3) near a molecule, turned and moved; as it is, without spread."""
    rest = MOLECULES[name][1]
    rng = np.random.default_rng(seed)
    R = rest + spread * rng.normal(size=(n, *rest.shape))
    Q = np.linalg.qr(rng.normal(size=(n, 3, 3)))[0]
    return R @ Q + rng.normal(size=(n, 1, 3))


def known(name, n, kind="both", seed=0, spread=0.05):
    """What is known of n structures, and their positions: "energies", "forces", "both", "mixed"."""
    numbers, rest, _ = MOLECULES[name]
    R = structures(name, n, seed, spread)
    E, F = Springs(numbers, rest)(R)
    E = E - E.mean()
    if kind == "energies":
        F[:] = np.nan
    if kind == "forces":
        E[:] = np.nan
    if kind == "mixed":
        F[::3] = np.nan
        E[1::3] = np.nan
    return Known(Geometry(R), E, F), R


def group_of(name):
    """Permutations of atoms, and of pairs."""
    permutations = MOLECULES[name][2]
    return permutations, pairs_of(permutations)


def parametrisation(kind, name):
    """Weights of some kind, and random parameters."""
    permutations, pairs = group_of(name)
    rest = MOLECULES[name][1]
    n = len(rest)
    if kind == "pairs":
        weights = PairWeights(pairs)
    elif kind == "local":
        distances = 1.0 / Geometry(structures(name, 20)).features
        squares = squares_of(permutations, distances.mean(axis=0), np.arange(n))
        weights = LocalWeights(pairs, squares)
    else:
        weights = FreeWeights(pairs, permutations)
    rng = np.random.default_rng(1)
    parameters = np.log(20.0) + rng.normal(size=weights.size)
    if kind == "local":
        parameters[-1] = 0.2
    if kind == "free":
        parameters[weights.size - len(np.unique(permutations.min(axis=0))) :] -= np.log(20.0)
    return weights, parameters


def components_of(name, kind="local"):
    """A sum of kernels that the group leaves as it is."""
    weights, parameters = parametrisation(kind, name)
    return weights.components(parameters)


def covariances(components, pairs, X, Y):
    """Covariances (n, 1 + p, m, 1 + p) of values and gradients at X (n, p) with those at Y."""
    n, m, p = len(X), len(Y), X.shape[1]
    found = np.zeros((n, 1 + p, m, 1 + p))
    for i, j, g in np.ndindex(n, m, len(pairs)):
        G = np.eye(p)[pairs[g]]  # G x is x[pairs[g]]
        d = G @ X[i] - Y[j]
        for W, amplitude in zip(components.metrics, components.amplitudes, strict=True):
            phi = [amplitude / len(pairs) * f for f in radial(components.kernel, W @ d**2)[:3]]
            block = found[i, :, j]
            block[0, 0] += phi[0]
            block[1:, 0] += 2 * phi[1] * G.T @ (W * d)
            block[0, 1:] -= 2 * phi[1] * W * d
            block[1:, 1:] -= G.T @ (2 * phi[1] * np.diag(W) + 4 * phi[2] * np.outer(W * d, W * d))
    return found


def reader(system, R):
    """What makes the rows of a system of values and gradients at all structures, (N, n, 1 + p)."""
    n, atoms = R.shape[:2]
    J = InversePairDistances(atoms).jacobian(R)
    p = J.shape[1]
    T = np.zeros((len(system), n, 1 + p))
    T[np.arange(len(system.valued)), system.valued, 0] = 1.0
    for k, i in enumerate(system.sloped):
        rows = len(system.valued) + k * system.m + np.arange(system.m)
        basis = system.turned(i, np.eye(system.m)).reshape(system.m, -1)
        T[rows, i, 1:] = basis @ J[i].T
    return T


def dense(components, pairs, system, R, other=None, S=None):
    """The matrix of a system, or of its rows with those of another."""
    other, S = (system, R) if other is None else (other, S)
    X, Y = Geometry(R).features, Geometry(S).features
    K = covariances(components, pairs, X, Y)
    one, two = reader(system, R), reader(other, S)
    return np.einsum("aix,ixjy,bjy->ab", one, K, two, optimize=True)


def system_of(own, pairs):
    """The system of all that is known."""
    return System(own.geometry, pairs, own.valued, own.sloped)


def bordered(A, right, count, sums=0.0):
    """Solve [[A, 1], [1^T, 0]] [x; c] = [right; sums], 1 in the first `count` rows."""
    n = len(A)
    M = np.zeros((n + 1, n + 1))
    M[:n, :n], M[:count, n], M[n, :count] = A, 1.0, 1.0
    rows = np.arange(n + (count > 0))
    M = M[np.ix_(rows, rows)]
    full = np.concatenate([right, np.broadcast_to(sums, (1, right.shape[1]))])[rows]
    found = np.linalg.solve(M, full)
    return found[:n], found[n] if count else np.zeros(right.shape[1])
