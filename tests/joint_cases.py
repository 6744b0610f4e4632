"""Groups of clouds, samples and references of joint covariances in closed form."""

from __future__ import annotations

import itertools
from functools import cache

import numpy as np
import pytest
from oracles import cloud
from sklearn.gaussian_process.kernels import RBF, Matern, RationalQuadratic
from symkernel import groups
from symkernel.backends.packed import unpack
from symkernel.kernels.joint_flips import FlipPairs
from symkernel.kernels.joint_mixture import joint_mixture
from symkernel.kernels.translate import spec_of
from symkernel.plans.recognise import recognise
from symkernel.plans.rotation_rules import rotation_rule

BASES = {
    "rbf": RBF(1.3),
    "matern32": Matern(1.3, nu=1.5),
    "matern52": Matern(1.3, nu=2.5),
    "matern72": Matern(1.3, nu=3.5),
    "rational_quadratic": RationalQuadratic(1.3, alpha=0.7),
}


def on_points(group, points, dimension):
    return group.along(1, (points, dimension))


def permuted(group, points, dimension, permutations):
    return on_points(group, points, dimension) * permutations.along(0, (points, dimension))


# Every group with one kernel, every kernel with some groups, and the rest where all is asked for.
def cases(names, some):
    few = [(name, "rbf") for name in names] + [(n, k) for n in some for k in BASES if k != "rbf"]
    rest = [case for case in itertools.product(names, BASES) if case not in few]
    return [*few, *(pytest.param(*case, marks=pytest.mark.full) for case in rest)]


ROTATIONS = {
    "SO(2)": (on_points(groups.SO(2), 4, 2), 4, 2, False),
    "O(2)": (on_points(groups.O(2), 3, 2), 3, 2, True),
    "SO(2) x S3": (permuted(groups.SO(2), 3, 2, groups.Symmetric(3)), 3, 2, False),
    "O(2) x C4": (permuted(groups.O(2), 4, 2, groups.Cyclic(4)), 4, 2, True),
    "SO(3)": (on_points(groups.SO(3), 4, 3), 4, 3, False),
    "O(3)": (on_points(groups.O(3), 5, 3), 5, 3, True),
    "SO(3) x C3": (permuted(groups.SO(3), 3, 3, groups.Cyclic(3)), 3, 3, False),
    "O(3) x S3": (permuted(groups.O(3), 3, 3, groups.Symmetric(3)), 3, 3, True),
    "SE(3)": (on_points(groups.SE(3), 4, 3), 4, 3, False),
    "E(3) x S3": (permuted(groups.E(3), 3, 3, groups.Symmetric(3)), 3, 3, True),
    "SE(2)": (on_points(groups.SE(2), 3, 2), 3, 2, False),
    "one vector of the plane": (groups.SO(2), 1, 2, False),
    "one vector of space": (groups.SO(3), 1, 3, False),
    "coordinates first": (groups.SO(3).along(0, (3, 4)), 4, 3, False),
}
FLIPS = {
    "features": groups.SignFlips(5),
    "one feature": groups.SignFlips(1),
    "points": groups.SignFlips(3).along(0, (3, 2)),
    "coordinates": groups.SignFlips(2).along(1, (3, 2)),
}


def nasty(points, dimension):
    """Clouds of full rank, planar, collinear, coincident, zero, repeated and mirrored ones."""
    X = np.stack([cloud(points, dimension, a) for a in (0.3, 0.7, 1.1)])
    line = np.outer(np.arange(points) - 1.2, 0.3 * np.arange(1.0, dimension + 1))
    flat = X[0].copy()
    flat[:, -1] = 0.0
    mirrored = X[1] * np.r_[np.ones(dimension - 1), -1.0]
    equal = np.ones((points, dimension))
    clouds = [*X, line, flat, mirrored, equal, 0.0 * equal, X[0], np.repeat(X[2, :1], points, 0)]
    return 0.5 * np.stack(clouds).reshape(len(clouds), -1)


def distinct(points, dimension):
    X = np.stack([cloud(points, dimension, a) for a in (0.2, 0.9, 1.7)])
    return 0.8 * X.reshape(3, -1)


def in_layout(name, X):
    """Clouds, point by point, as the group has their features."""
    if name != "coordinates first":
        return X
    _, points, dimension, _ = ROTATIONS[name]
    return X.reshape(len(X), points, dimension).transpose(0, 2, 1).reshape(len(X), -1)


def radial(base, s):
    """phi and two derivatives for s = |x - y|^2 / l^2; the second of Matern 3/2 is 0 at s = 0."""
    if isinstance(base, RationalQuadratic):
        u, alpha = 1.0 + s / (2.0 * base.alpha), base.alpha
        return (
            u**-alpha,
            -0.5 * u ** (-alpha - 1.0),
            (alpha + 1.0) / (4.0 * alpha) * u ** (-alpha - 2.0),
        )
    if not isinstance(base, Matern):
        e = np.exp(-s / 2.0)
        return e, -e / 2.0, e / 4.0
    a = np.sqrt(2.0 * base.nu * s)
    e = np.exp(-a)
    over = np.divide(1.0, a, out=np.zeros_like(a), where=a > 0.0)
    if base.nu == 1.5:
        return (1.0 + a) * e, -1.5 * e, 2.25 * e * over
    if base.nu == 2.5:
        return (1.0 + a + a * a / 3.0) * e, -5.0 / 6.0 * (1.0 + a) * e, 25.0 / 12.0 * e
    return (
        (1.0 + a + 0.4 * a**2 + a**3 / 15.0) * e,
        -0.7 * (1.0 + a + a * a / 3.0) * e,
        49.0 / 60.0 * (1.0 + a) * e,
    )


def joint_matrix(joint, X):
    observed = joint.observe(X)
    return unpack(joint.gram_packed(observed), len(observed))


def blocks(K, n, d):
    """Values (n, n), slopes (n, d, n) and mixed (n, d, n, d) of a joint matrix."""
    return K[:n, :n], K[n:, :n].reshape(n, d, n), K[n:, n:].reshape(n, d, n, d)


@cache
def elements(name):
    """Matrices on centred rows and their shares: a rule exact to a high degree, permutations."""
    _, points, dimension, reflections = ROTATIONS[name]
    rule = rotation_rule(dimension, 50 if dimension == 2 else 18, reflections)
    turns = [np.kron(np.eye(points), R) for R in rule.matrices]
    shares = np.asarray(rule.weights)
    if " x " in name:
        permutations = {"C3": groups.Cyclic(3), "C4": groups.Cyclic(4), "S3": groups.Symmetric(3)}
        moves = permutations[name.split(" x ")[1]].elements()
        moved = [np.kron(g.as_matrix(), np.eye(dimension)) for g in moves]
        turns = [P @ R for P in moved for R in turns]
        shares = np.tile(shares / len(moved), len(moved))
    return np.stack(turns), shares


def oracle(name, base, X):
    """Joint matrix from the second derivatives of a kernel of distances, averaged by the rule."""
    _, points, dimension, _ = ROTATIONS[name]
    matrices, shares = elements(name)
    n, d = X.shape
    centre = np.eye(d)
    if "E(" in name:
        centre = np.kron(np.eye(points) - 1.0 / points, np.eye(dimension))
    length = base.length_scale
    Z = X @ centre / length
    values, slopes = np.zeros((n, n)), np.zeros((n, d, n))
    mixed = np.zeros((n, d, n, d))
    for i, j in itertools.product(range(n), repeat=2):
        apart = Z[i] - matrices @ Z[j]
        phi, first, second = radial(base, (apart**2).sum(axis=1))
        back = (apart[:, None] @ matrices)[:, 0]
        values[i, j] = shares @ phi
        slopes[i, :, j] = 2.0 * (shares * first) @ apart
        mixed[i, :, j] = np.tensordot(-2.0 * shares * first, matrices, 1)
        mixed[i, :, j] -= 4.0 * (apart.T * (shares * second)) @ back
    slopes = np.einsum("ab,ibj->iaj", centre, slopes) / length
    mixed = np.einsum("ab,ibjc,ce->iaje", centre, mixed, centre) / length**2
    return values, slopes, mixed


def differences(f, x, step=2e-3):
    """Derivatives of sixth order of a function of one sample, along every axis, last."""
    found = []
    for h in step * np.eye(len(x)):
        sides = [(c, (f(x + k * h) - f(x - k * h)) / step) for k, c in ((1, 45), (2, -9), (3, 1))]
        found.append(sum(c * side for c, side in sides) / 60)
    return np.stack(found, axis=-1)


def flip_pairs(group, base):
    return FlipPairs(recognise(group.structure), *joint_mixture(spec_of(base, group)))
