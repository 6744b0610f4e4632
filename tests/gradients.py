"""Samples of functions with gradients: of a ring, and of a molecule; and descriptors."""

from __future__ import annotations

import numpy as np
from catalog import METHANE
from sklearn.gaussian_process.kernels import RBF
from symkernel import groups

RNG = np.random.default_rng(3)
G = groups.Dihedral(4)
X = RNG.normal(size=(9, 4))
T = RNG.normal(size=(5, 4))
RIDGE = {"kernel": RBF(1.5), "group": G}


def target(X):
    """Invariant under the dihedral group, and its gradient."""
    y = np.cos(X - np.roll(X, 1, axis=1)).sum(axis=1)
    s = -np.sin(X - np.roll(X, 1, axis=1))
    return y, s - np.roll(s, -1, axis=1)


Y, DY = target(X)


def differences(f, X, step=1e-3):
    """Derivatives of a function of samples (n, d), of fourth order, along every feature."""
    found = []
    for h in step * np.eye(X.shape[1]):
        near, far = f(X + h) - f(X - h), f(X + 2 * h) - f(X - 2 * h)
        found.append((8 * near - far) / (12 * step))
    return np.stack(found, axis=-1)


def assert_same(model, want, where=T, tolerance=1e-9):
    got = model.predict(where, return_std=True, return_gradient=True)
    for one, other in zip(got, want, strict=True):
        np.testing.assert_allclose(one, other, atol=tolerance * np.abs(other).max())


Z_METHANE, R_METHANE = METHANE
MOLECULE = groups.molecule(Z_METHANE, R_METHANE, include="feasible")


def frames(n, seed=0, scale=0.1):
    return R_METHANE + scale * np.random.default_rng(seed).normal(size=(n, 5, 3))


def energy(R):
    """Springs, and repulsion, between all atoms; with its gradient."""
    edges = R[:, :, None] - R[:, None]
    r = np.linalg.norm(edges, axis=3) + np.eye(R.shape[1])
    off = 1.0 - np.eye(R.shape[1])
    values = 0.5 * ((np.exp(-r) + 0.3 * (r - 1.2) ** 2) * off).sum(axis=(1, 2))
    slope = (-np.exp(-r) + 0.6 * (r - 1.2)) * off
    return values, ((slope / r)[..., None] * edges).sum(axis=2)


class Squares:
    """A descriptor of one's own: squares, and a product of neighbours."""

    def value(self, X):
        return np.hstack([X**2, X[:, :1] * X[:, 1:2]])

    def jacobian(self, X):
        n, d = X.shape
        J = np.zeros((n, d + 1, d))
        J[:, np.arange(d), np.arange(d)] = 2 * X
        J[:, d, 0], J[:, d, 1] = X[:, 1], X[:, 0]
        return J
