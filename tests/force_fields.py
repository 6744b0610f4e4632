"""Small molecules with potentials in closed form, and frames of them."""

from __future__ import annotations

import numpy as np
from symkernel.molecules import ForceField, Frames

WATER = (np.array([8, 1, 1]), np.array([[0.0, 0, 0], [0, 0, 0.96], [0, 0.93, -0.24]]))
ETHANOL = (
    np.array([6, 6, 8, 1, 1, 1, 1, 1, 1]),
    np.array(
        [
            [0.007, -0.569, 0.0],
            [-1.285, 0.250, 0.0],
            [1.130, 0.314, 0.0],
            [0.039, -1.195, 0.890],
            [0.039, -1.195, -0.890],
            [-1.317, 0.877, 0.890],
            [-1.317, 0.877, -0.890],
            [-2.142, -0.424, 0.0],
            [1.986, -0.137, 0.0],
        ]
    ),
)


class Springs:
    """Morse bonds and springs between all other pairs of atoms, at rest in a given structure.

    E = sum over bonds of D (1 - exp(-a (r - r0)))^2 + sum over other pairs of k (r - r0)^2 / 2, as
    stiff for all pairs.
    """

    depth, width, stiffness = 4.5, 1.9, 1.2

    def __init__(self, numbers, positions, bond=1.6):
        self.numbers, self.rest = numbers, positions
        self.i, self.j = np.triu_indices(len(numbers), 1)
        self.lengths = np.linalg.norm(positions[self.i] - positions[self.j], axis=1).round(2)
        self.bonds = self.lengths < bond

    def __call__(self, R):
        """Energies (n,) in eV and forces (n, N, 3) of positions (n, N, 3) in Angstrom."""
        ways = R[:, self.i] - R[:, self.j]
        r = np.linalg.norm(ways, axis=-1)
        x = r - self.lengths
        fall = np.exp(-self.width * x)
        E = np.where(self.bonds, self.depth * (1 - fall) ** 2, self.stiffness * x**2 / 2)
        slope = np.where(
            self.bonds, 2 * self.depth * self.width * (1 - fall) * fall, self.stiffness * x
        )
        along = (slope / r)[:, :, None] * ways
        F = np.zeros_like(R)
        for p, (i, j) in enumerate(zip(self.i, self.j, strict=True)):
            F[:, i] -= along[:, p]
            F[:, j] += along[:, p]
        return E.sum(axis=1), F

    def frames(self, n, seed=0, spread=0.05):
        """Frames of n structures around the one at rest, turned and moved at random."""
        rng = np.random.default_rng(seed)
        R = self.rest + spread * rng.normal(size=(n, *self.rest.shape))
        Q = np.linalg.qr(rng.normal(size=(n, 3, 3)))[0]
        R = R @ Q + rng.normal(size=(n, 1, 3))
        return Frames(self.numbers, R, *self(R))


def water(n=20, seed=0):
    """Frames of water."""
    return Springs(*WATER, bond=1.3).frames(n, seed)


def ethanol(n=20, seed=0):
    """Frames of ethanol."""
    return Springs(*ETHANOL).frames(n, seed)


def silent(**options):
    """A force field that shows no progress, and chooses hyperparameters on a few structures."""
    return ForceField(**{"n_search": 12, "verbose": False, **options})


def fitted(frames, **options):
    """A silent force field, fitted."""
    return silent(**options).fit(frames)
