"""How many digits closed forms have: logarithms to 1e-12, in single precision to 5e-6.

Every closed form of an RBF kernel, at exponents 2t|x||y| = s from 1e-8 to 3e4 and wherever the
value has not underflowed, against 40-digit arithmetic. Inputs are exact in single precision.
"""

from __future__ import annotations

import itertools
from itertools import pairwise

import mpmath
import numpy as np
import oracles
import pytest
from covering import covered
from sklearn.gaussian_process.kernels import RBF
from symkernel import InvariantKernel, groups
from symkernel.backends import cpu
from symkernel.kernels import VonMises

SIZES = (1e-8, 1e-3, 1.0, 11.0, 13.0, 100.0, 1e3, 1020.0, 1030.0, 1e4, 3e4)
LOWEST, LOWEST_SINGLE = -600.0, -80.0  # logarithms of values that are compared


def mp_points(x):
    return mpmath.matrix(np.asarray(x, dtype=np.float64).tolist())


def half_norms(a, b):
    return (mpmath.fsum(v * v for v in a) + mpmath.fsum(v * v for v in b)) / 2


def log_rotations_3(x, y):
    a, b = mp_points(x), mp_points(y)
    s = oracles.signed_singular_values(a.T * b)
    return mpmath.log(oracles.scaled_matrix_fisher(*s)) + sum(s) - half_norms(a, b)


def log_mean(first, second):
    return mpmath.log((mpmath.exp(first) + mpmath.exp(second)) / 2)


def log_orthogonal_3(x, y):
    return log_mean(log_rotations_3(x, y), log_rotations_3(-x, y))


def log_bessel_0(z):
    """log I_0(z) - z."""
    if z < 100:
        return mpmath.log(mpmath.besseli(0, z)) - z
    return mpmath.log(mpmath.hyp2f0(0.5, 0.5, 1 / (2 * z)) / mpmath.sqrt(2 * mpmath.pi * z))


def log_rotations_2(x, y):
    a, b = mp_points(x), mp_points(y)
    M = a.T * b
    z = mpmath.hypot(M[0, 0] + M[1, 1], M[0, 1] - M[1, 0])
    return log_bessel_0(z) + z - half_norms(a, b)


def log_orthogonal_2(x, y):
    return log_mean(log_rotations_2(x, y), log_rotations_2(x * np.array([1, -1]), y))


def log_sphere(x, y):
    a, b = mp_points(x), mp_points(y)
    d = mpmath.mpf(a.cols)
    z = mpmath.sqrt(mpmath.fsum(v * v for v in a) * mpmath.fsum(v * v for v in b))
    if z == 0:
        return -half_norms(a, b)
    nu = d / 2 - 1
    bessel = mpmath.besseli(nu, z) * mpmath.exp(-z)
    factor = mpmath.gamma(d / 2) * (2 / z) ** nu
    return mpmath.log(factor * bessel) + z - half_norms(a, b)


def log_sum_over(group):
    """The mean over the elements of a finite group."""
    elements = list(group.elements())

    def log_value(x, y):
        total = mpmath.mpf(0)
        for g in elements:
            moved = g.apply(y.reshape(1, -1))[0]
            square = mpmath.fsum(
                (mpmath.mpf(u) - mpmath.mpf(v)) ** 2
                for u, v in zip(x.ravel().tolist(), moved.tolist(), strict=True)
            )
            total += mpmath.exp(-square / 2)
        return mpmath.log(total / len(elements))

    return log_value


def log_permanent(signed):
    """per[k(x_i, y_j)]/n!, the entries means over signs if signed."""

    def log_value(x, y):
        def entry(u, v):
            return mpmath.exp(
                -mpmath.fsum(
                    (mpmath.mpf(p) - mpmath.mpf(q)) ** 2 for p, q in zip(u, v, strict=True)
                )
                / 2
            )

        a = [[(entry(u, v) + entry(u, -v)) / 2 if signed else entry(u, v) for v in y] for u in x]
        return mpmath.log(oracles.permanent_mean(a))

    return log_value


def log_flips(x, y):
    total = mpmath.mpf(0)
    for u, v in zip(x.ravel().tolist(), y.ravel().tolist(), strict=True):
        near, far = ((mpmath.mpf(u) - s * mpmath.mpf(v)) ** 2 / 2 for s in (1, -1))
        total += log_mean(-near, -far)
    return total


FORMS = {
    "SO(3)": (groups.SO(3).along(1, (6, 3)), (6, 3), log_rotations_3),
    "O(3)": (groups.O(3).along(1, (6, 3)), (6, 3), log_orthogonal_3),
    "SO(2)": (groups.SO(2).along(1, (5, 2)), (5, 2), log_rotations_2),
    "O(2)": (groups.O(2).along(1, (5, 2)), (5, 2), log_orthogonal_2),
    **{f"SO({d}) vector": (groups.SO(d), (1, d), log_sphere) for d in (2, 3, 5, 8)},
    "O(4) vector": (groups.O(4), (1, 4), log_sphere),
    "Oh": (
        groups.PointGroup("Oh").along(1, (4, 3)),
        (4, 3),
        log_sum_over(groups.PointGroup("Oh").along(1, (4, 3))),
    ),
    "O": (
        groups.PointGroup("O").along(1, (4, 3)),
        (4, 3),
        log_sum_over(groups.PointGroup("O").along(1, (4, 3))),
    ),
    "sign flips": (groups.SignFlips(40), (1, 40), log_flips),
    "permanent": (groups.Symmetric(9), (9, 1), log_permanent(False)),
    "permanent of points": (groups.Symmetric(8).along(0, (8, 3)), (8, 3), log_permanent(False)),
    "signed permanent": (groups.Hyperoctahedral(8), (8, 1), log_permanent(True)),
    "signed points": (groups.Hyperoctahedral(6).along(0, (6, 2)), (6, 2), log_permanent(True)),
}


def clouds(shape, size, seed):
    """Clouds of squared norm `size`: full rank, planar, thin, collinear, a point apart, lines."""
    rng = np.random.default_rng(seed)
    p, r = shape
    shapes = [rng.standard_normal(shape) for _ in range(7)]
    if p > 1 and r > 1:
        shapes[1][:, -1] = 0
        shapes[2][:, 1:] *= 1e-2
        shapes[3] = np.outer(rng.standard_normal(p), rng.standard_normal(r))
        shapes[4][1:] *= 1e-3
        shapes[5][:, 1:] *= 1e-6
        shapes[6][:, 1:] *= 1e-8
    return [np.float32(s * np.sqrt(size / (s**2).sum())).astype(np.float64) for s in shapes]


def near_orbit(group, x, rng, spread):
    """A sample near the orbit of another one, exact in single precision."""
    (g,) = group.sample(1, random_state=int(rng.integers(1 << 30)))
    moved = g.apply((x + spread * rng.standard_normal(x.shape)).reshape(1, -1))
    return np.float32(moved).astype(np.float64).reshape(x.shape)


def cases(name, size):
    group, shape, log_value = FORMS[name]
    rng = np.random.default_rng(int(1000 + size))
    spread = 0.5 * min(1.0, size) ** 0.5 / np.sqrt(np.prod(shape) / 6)
    X, Y = [], []
    for x in clouds(shape, size, int(size)):
        for factor in (1, 12):
            X.append(x)
            Y.append(near_orbit(group, x, rng, factor * spread))
    X.append(X[0])
    Y.append(X[0])  # coincident
    if name.endswith("(3)") or name.endswith("(2)"):  # mirror images: det M < 0
        X.append(X[0])
        Y.append(X[0] * np.array([1.0] * (shape[1] - 1) + [-1.0]))
    with mpmath.workdps(40):
        want = np.array([float(log_value(x, y)) for x, y in zip(X, Y, strict=True)])
    X, Y = (np.stack([z.ravel() for z in Z]) for Z in (X, Y))
    return group, X, Y, want


@covered("name, size", itertools.product(FORMS, SIZES), strength=1)
def test_logarithms(name, size):
    group, X, Y, want = cases(name, size)
    k = InvariantKernel(RBF(1.0), group, method="closed_form")
    seen = want > LOWEST
    assert seen.sum() >= 4
    K = k(X, Y)
    assert np.abs(np.log(np.diag(K)[seen]) - want[seen]).max() < 1e-12
    single = k(X.astype(np.float32), Y.astype(np.float32))
    assert single.dtype == np.float32
    seen = want > LOWEST_SINGLE
    assert seen.sum() >= 4
    error = np.log(np.diag(single)[seen].astype(np.float64)) - want[seen]
    assert np.abs(error).max() < 5e-6
    # in other units, the same
    scaled = InvariantKernel(RBF(2.0**40), group, method="closed_form")
    np.testing.assert_allclose(scaled(2.0**40 * X, 2.0**40 * Y), K, rtol=1e-12, atol=1e-290)


@pytest.mark.parametrize("isa", cpu.info()["available_isas"])
@pytest.mark.parametrize("name", ["SO(3)", "O(3)", "SO(2)", "O(2)", "SO(3) vector", "Oh", "O"])
def test_logarithms_on_every_instruction_set(name, isa):
    group, X, Y, want = cases(name, 3e4)
    # tiles of many pairs: coincident, near and far in the lanes of one vector
    rng = np.random.default_rng(0)
    far = np.float32(rng.standard_normal((30, X.shape[1])) * np.sqrt(3e4 / X.shape[1]))
    X, Y = (np.concatenate([Z, far.astype(np.float64), 0 * Z[:1]]) for Z in (X, Y))
    k = InvariantKernel(RBF(1.0), group, method="closed_form")
    before = cpu.info()["isa"]
    cpu.set_isa(isa)
    try:
        K, symmetric = k(X, Y), k(X)
        seen = want > LOWEST
        error = np.log(np.diag(K)[: len(want)][seen]) - want[seen]
        assert np.abs(error).max() < 1e-12
        np.testing.assert_array_equal(symmetric, symmetric.T)
        np.testing.assert_allclose(symmetric, k(X, X.copy()), rtol=1e-12, atol=1e-300)
        np.testing.assert_allclose(k.diag(X), np.diag(symmetric), rtol=1e-12)
        V = rng.standard_normal((len(Y), 2))
        np.testing.assert_allclose(k.matvec(X, Y, V), K @ V, rtol=1e-11, atol=1e-14)
    finally:
        cpu.set_isa(before)


@pytest.mark.parametrize("name", ["SO(3)", "O(3)", "SO(2)", "O(2)"])
def test_sums_over_permutations_at_large_exponents(name):
    group, (p, r), log_value = FORMS[name]
    _, X, Y, _ = cases(name, 3e4)
    X, Y = X[:2], Y[:2]
    turn = np.roll(np.arange(p), 1)
    both = group * groups.Cyclic(p).along(0, (p, r))
    k = InvariantKernel(RBF(1.0), both, method="closed_form")
    Y = np.stack([np.roll(y.reshape(p, r), 2, axis=0).ravel() for y in Y])
    with mpmath.workdps(40):
        for i in range(2):
            y, terms = Y[i].reshape(p, r), []
            for _ in range(p):
                y = y[turn]
                terms.append(mpmath.exp(log_value(X[i].reshape(p, r), y)))
            want = float(mpmath.log(mpmath.fsum(terms) / p))
            assert abs(np.log(k(X[i : i + 1], Y[i : i + 1])[0, 0]) - want) < 1e-12


@covered("name, size", itertools.product(FORMS, [1.0, 1e3, 3e4]), strength=1)
def test_derivatives_for_the_length_scale(name, size):
    group, X, Y, want = cases(name, size)
    k = InvariantKernel(RBF(1.0), group, method="closed_form")
    moved = [k.clone_with_theta(k.theta + h) for h in (-1e-4, 1e-4)]
    for i in np.flatnonzero(want > LOWEST):
        pair = np.stack([X[i], Y[i]])
        K, gradient = k(pair, eval_gradient=True)
        assert abs(np.log(K[0, 1]) - want[i]) < 1e-12
        below, above = (np.log(m(pair)[0, 1]) for m in moved)
        slope = (above - below) / 2e-4
        assert gradient[0, 1, 0] / K[0, 1] == pytest.approx(slope, rel=1e-6, abs=1e-7)


# ---- the scaled constant of the matrix Fisher distribution ---------------------------------------

SINGULAR_VALUES = [
    (s * a, s * b, s * c)
    for s in (1e-8, 1e-3, 0.3, 3.0, 30.0, 400.0, 3e4)
    for a, b, c in ((1, 1, 1), (1, 1, 0), (1, 0, 0), (1, 0.5, 0.25), (1, 0.5, -0.25), (1, 0.5, 0.5))
] + [
    (s, b, -c)
    for s in (0.3, 30.0, 3e4)
    for b, c in ((s, min(s, 20.0)), (5.0, 5.0), (1e-3, 1e-3))
    if b <= s
]


def wood(s1, s2, s3):
    """c(M) exp(-(s1+s2+s3)) by Wood's integral of two Bessel functions (1993)."""

    def scaled_bessel(z):
        return mpmath.exp(log_bessel_0(z))

    def integrand(v):  # v = 1 - u
        return (
            mpmath.exp(-(s2 + s3) * v)
            * scaled_bessel((s1 - s2) * v / 2)
            * scaled_bessel((s1 + s2) * (2 - v) / 2)
        )

    ends = [0, *(mpmath.mpf(10) ** -k for k in range(6, -1, -1)), 2]
    return sum(mpmath.quad(integrand, [a, b]) for a, b in pairwise(ends)) / 2


@pytest.mark.parametrize("s", [(3, 2, -1), (30, 30, 30), (3e4, 1e4, -20), (3e4, 3e4, 3e4)])
def test_the_reference_agrees_with_woods_integral(s):
    with mpmath.workdps(30):
        s = [mpmath.mpf(v) for v in s]
        assert abs(oracles.scaled_matrix_fisher(*s) / wood(*s) - 1) < 1e-22


@pytest.mark.parametrize("s", SINGULAR_VALUES, ids=str)
def test_scaled_constant(s):
    """X = diag(r_i) and Y = diag(r_i, turned where s3 < 0) in random frames."""
    rng = np.random.default_rng(0)
    root = np.float32(np.sqrt(np.abs(s))).astype(np.float64)
    x, y = np.diag(root), np.diag(root * np.where(np.asarray(s) < 0, -1, 1))
    frames = groups.SO(3).sample(2, random_state=rng.integers(100))
    turned = [z @ g.as_matrix() for z, g in zip((x, y), frames, strict=True)]
    for pair in ((x, y), turned):
        with mpmath.workdps(40):
            want, both = float(log_rotations_3(*pair)), float(log_orthogonal_3(*pair))
        left, right = (z.reshape(1, -1) for z in pair)
        for group, value in ((groups.SO(3), want), (groups.O(3), both)):
            if value < LOWEST:
                continue
            k = InvariantKernel(RBF(1.0), group.along(1, (3, 3)), method="closed_form")
            assert abs(np.log(k(left, right)[0, 0]) - value) < 1e-12
            if pair[0] is x:  # exact in single precision
                single = k(left.astype(np.float32), right.astype(np.float32))[0, 0]
                if value > LOWEST_SINGLE:
                    assert abs(np.log(np.float64(single)) - value) < 5e-6


# ---- angles --------------------------------------------------------------------------------------


@pytest.mark.parametrize("kappa", [1e-6, 0.3, 2.5, 40.0, 3e3])
def test_torus(kappa):
    shape = (4, 2)
    k = InvariantKernel(VonMises(kappa), groups.Torus(2).along(1, shape))
    rng = np.random.default_rng(0)
    X = np.float32(rng.uniform(-3, 3, (5, 8))).astype(np.float64)
    Y = X.reshape(-1, *shape) + rng.uniform(-3, 3, 2)  # the same but for a shift of all
    Y = Y + rng.standard_normal(Y.shape) * min(1.0, 2 / np.sqrt(kappa))
    Y = np.float32(Y).astype(np.float64).reshape(X.shape)
    want = np.empty(len(X))
    with mpmath.workdps(40):
        for i, (x, y) in enumerate(zip(X, Y, strict=True)):
            total = mpmath.mpf(-kappa) * 8
            for u, v in zip(x.reshape(shape).T, y.reshape(shape).T, strict=True):
                z = kappa * abs(
                    mpmath.fsum(
                        mpmath.expj(mpmath.mpf(a) - mpmath.mpf(b))
                        for a, b in zip(u.tolist(), v.tolist(), strict=True)
                    )
                )
                total += log_bessel_0(z) + z
            want[i] = float(total)
    assert np.abs(np.log(np.diag(k(X, Y))) - want).max() < 1e-12
    single = k(X.astype(np.float32), Y.astype(np.float32))
    assert single.dtype == np.float32
    assert np.abs(np.log(np.diag(single).astype(np.float64)) - want).max() < 5e-6
