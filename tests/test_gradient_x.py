"""Gradients with respect to samples: against formulas, references and finite differences."""

from __future__ import annotations

import itertools
from functools import cache

import catalog
import mpmath
import numpy as np
import oracles
import pytest
import test_angles
import test_closed_forms
from catalog import GROUPS, KERNELS, NORMALIZED, samples
from covering import covered
from oracles import cloud
from sklearn.gaussian_process.kernels import RBF, DotProduct, Matern, RationalQuadratic
from symkernel import InvariantKernel, groups
from symkernel.backends import cpu
from symkernel.exceptions import NotApplicableError
from symkernel.kernels import ArcCosine, Laplacian, Polynomial, Quadrature, Sample, VonMises
from symkernel.plans.rotation_rules import rotation_rule

ISAS = cpu.info()["available_isas"]
TOLERANCE = {np.float64: 1e-12, np.float32: 1e-5}
CASES_BY_METHOD = [(c, m) for c, m in catalog.CASES_BY_METHOD if m != "auto"]


def weights(m, c=2, seed=3):
    return np.random.default_rng(seed).standard_normal((m, c))


def differences(k, X, Y, W, step=1e-4):
    """Gradients by central differences of fourth order."""
    columns = []
    for h in step * np.eye(X.shape[1]):
        near = k.matvec(X + h, Y, W) - k.matvec(X - h, Y, W)
        far = k.matvec(X + 2 * h, Y, W) - k.matvec(X - 2 * h, Y, W)
        columns.append((8 * near - far) / (12 * step))
    return np.stack(columns, axis=-1)


def turned(g, gradient):
    """Gradients moved by an element: shifts move samples, not gradients."""
    flat = gradient.reshape(-1, gradient.shape[-1])
    if hasattr(g, "rotation"):  # not orthogonal: gradients go by the inverse transpose
        return (flat @ np.linalg.inv(g.rotation)).reshape(gradient.shape)
    return (g.apply(flat) - g.apply(0 * flat)).reshape(gradient.shape)


def on_every_isa(check):
    before = cpu.info()["isa"]
    try:
        for isa in ISAS:
            cpu.set_isa(isa)
            check()
    finally:
        cpu.set_isa(before)


# ---- finite groups: sums over elements ----------------------------------------------------------


@cache
def oracle_problem(case):
    """Samples with coincident, opposite, zero and repeated ones, and the gradient."""
    X, Y = samples(case.group, 14, seed=1), samples(case.group, 35, seed=2)
    Y[5], Y[6], Y[7] = X[0], X[4], -X[6]
    W = weights(35)
    want, scale = oracles.orbit_gradient(case.kernel, case.group, X, Y, W)
    return X, Y, W, want, scale.max()


@covered(
    "case, method, isa, dtype",
    [(*row, *rest) for row in CASES_BY_METHOD for rest in itertools.product(ISAS, TOLERANCE)],
)
def test_agrees_with_oracle_on_every_isa_and_dtype(case, method, isa, dtype):
    X, Y, W, want, scale = oracle_problem(case)
    k = InvariantKernel(case.kernel, case.group, method=method)
    before = cpu.info()["isa"]
    try:
        cpu.set_isa(isa)
        got = k.gradient_x(X.astype(dtype), Y.astype(dtype), W.astype(dtype))
    finally:
        cpu.set_isa(before)
    assert got.dtype == dtype
    assert got.shape == want.shape
    assert np.abs(got - want).max() <= TOLERANCE[dtype] * scale


@covered("case, method", CASES_BY_METHOD)
def test_invariance(case, method):
    X, Y, W = samples(case.group, 6, seed=4)[4:], samples(case.group, 9, seed=5), weights(9)
    k = InvariantKernel(case.kernel, case.group, method=method)
    want = k.gradient_x(X, Y, W)
    scale = oracles.orbit_gradient(case.kernel, case.group, X, Y, W)[1].max()
    for g in case.group.sample(4, random_state=0):
        assert np.abs(k.gradient_x(g.apply(X), Y, W) - turned(g, want)).max() <= 1e-11 * scale
        assert np.abs(k.gradient_x(X, g.apply(Y), W) - want).max() <= 1e-11 * scale


@covered("case, method, normalize", [row for row in NORMALIZED if row[1] != "auto"])
def test_against_finite_differences(case, method, normalize):
    X, Y = samples(case.group, 7, seed=6)[4:], samples(case.group, 9, seed=7)
    W = weights(9)
    k = InvariantKernel(case.kernel, case.group, method=method, normalize=normalize)
    step = 1e-7 if case.kernel_name == "laplacian" else 1e-4  # kinks are everywhere
    got, want = k.gradient_x(X, Y, W), differences(k, X, Y, W, step)
    # relative to the terms: the averages of some kernels are constant
    scale = oracles.orbit_gradient(case.kernel, case.group, X, Y, W)[1].max()
    if normalize:
        scale *= 1 / k.clone_with_theta(k.theta).set_params(normalize=False).diag(X).min()
    assert np.abs(got - want).max() <= 1e-6 * scale


# ---- closed forms -------------------------------------------------------------------------------


def rotated(Y, n, reflections, degree):
    """Clouds in n dimensions turned by every node of a rule exact to a degree, and its shares."""
    rule = rotation_rule(n, degree, reflections)
    clouds = Y.reshape(len(Y), -1, n)
    return [(clouds @ matrix.T).reshape(Y.shape) for matrix in rule.matrices], rule.weights


INTEGRALS = {
    "SO(2)": (groups.SO(2), 2, False, 60),
    "O(2)": (groups.O(2), 2, True, 60),
    "SO(3)": (groups.SO(3), 3, False, 24),
    "O(3)": (groups.O(3), 3, True, 24),
}


def degenerate_pairs(n):
    """Clouds of full rank, planar, collinear, zero, repeated, with equal or vanishing singular
    values, and mirror images."""
    X = 0.7 * test_closed_forms.degenerate(4, n)
    return X, np.concatenate([X[:-1], 0.8 * cloud(4, n, 0.45).reshape(1, -1)])


@cache
def integral_problem(name):
    _, n, reflections, degree = INTEGRALS[name]
    X, Y = degenerate_pairs(n)
    W = weights(len(Y))
    orbit, shares = rotated(Y, n, reflections, degree)
    return X, Y, W, *oracles.mean_gradient(RBF(1.0), orbit, X, W, shares)


@pytest.mark.parametrize("name", INTEGRALS)
def test_rotations_agree_with_quadrature(name):
    group, n, _, _ = INTEGRALS[name]
    X, Y, W, want, scale = integral_problem(name)
    k = InvariantKernel(RBF(1.0), group.along(1, (4, n)), method="closed_form")

    def check():
        for dtype, tolerance in ((np.float64, 1e-12), (np.float32, 3e-5)):
            got = k.gradient_x(X.astype(dtype), Y.astype(dtype), W.astype(dtype))
            assert got.dtype == dtype
            assert np.abs(got - want).max() <= tolerance * scale.max()

    on_every_isa(check)


@pytest.mark.parametrize("points", [1, 4])
@pytest.mark.parametrize("degree", [0, 1, 2, 5, 8])
@pytest.mark.parametrize("name", INTEGRALS)
def test_polynomial_kernels_agree_with_exact_quadrature(name, degree, points):
    """Clouds, and single vectors, whose form is that of the sphere."""
    group, n, reflections, _ = INTEGRALS[name]
    base = Polynomial(degree, gamma=0.7, coef0=0.4)
    X, Y = (Z[:, : points * n] for Z in degenerate_pairs(n))
    W = weights(len(Y))
    orbit, shares = rotated(Y, n, reflections, degree)
    want, scale = oracles.mean_gradient(base, orbit, X, W, shares)
    acting = group.along(1, (points, n)) if points > 1 else group
    k = InvariantKernel(base, acting, method="closed_form")

    def check():
        for dtype, tolerance in ((np.float64, 1e-12), (np.float32, 1e-5)):
            got = k.gradient_x(X.astype(dtype), Y.astype(dtype), W.astype(dtype))
            assert got.dtype == dtype
            assert np.abs(got - want).max() <= tolerance * max(scale.max(), 1e-300)

    on_every_isa(check)


SHAPE = (4, 3)
POLYNOMIAL = {
    "O(5) vector": groups.O(5),
    "SO(2)": groups.SO(2).along(1, (4, 2)),
    "E(3)": groups.E(3).along(1, SHAPE),
    "SO(3) and permutations": groups.SO(3).along(1, SHAPE) * groups.Cyclic(4).along(0, SHAPE),
}


@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("name", POLYNOMIAL)
def test_polynomial_kernels_against_finite_differences(name, normalize):
    group = POLYNOMIAL[name]
    plain = groups.Trivial(group.degree)
    X, Y, W = samples(plain, 7, seed=1)[4:], samples(plain, 5, seed=2), weights(5)
    for base in (Polynomial(6, gamma=0.1, coef0=0.9), DotProduct(0.8)):
        k = InvariantKernel(base, group, method="closed_form", normalize=normalize)
        want = differences(k, X, Y, W)
        scale = max(np.abs(want).max(), 1.0)
        np.testing.assert_allclose(k.gradient_x(X, Y, W), want, atol=1e-9 * scale)


@pytest.mark.parametrize("d", range(2, 7))
def test_spheres_agree_with_precise_differences(d):
    X, Y = samples(groups.SO(d), 3, seed=1), samples(groups.SO(d), 4, seed=2)
    X[2] = 0
    want = np.empty((3, 4, d))
    with mpmath.workdps(40):
        for i, x in enumerate(X):
            for j, y in enumerate(Y):

                def value(x, y=y):
                    product = mpmath.norm(x) * mpmath.norm(list(y))
                    exponent = -(mpmath.norm(x) ** 2 + mpmath.norm(list(y)) ** 2) / 2
                    return mpmath.exp(exponent) * mpmath.hyp0f1(mpmath.mpf(d) / 2, product**2 / 4)

                for a in range(d):
                    h = mpmath.mpf(10) ** -12
                    up, down = (
                        [mpmath.mpf(v) + s * h * (b == a) for b, v in enumerate(x)] for s in (1, -1)
                    )
                    want[i, j, a] = (value(up) - value(down)) / (2 * h)
    for group in (groups.SO(d), groups.O(d)):
        k = InvariantKernel(RBF(1.0), group, method="closed_form")
        np.testing.assert_allclose(k.gradient_x(X, Y, np.eye(4)), want, rtol=1e-11, atol=1e-14)


BASES = [RBF(0.9), Matern(1.2, nu=1.5), Matern(1.3, nu=3.2), RationalQuadratic(1.1, alpha=0.9)]


@covered("name, base, normalize", itertools.product(test_closed_forms.GROUPS, BASES, [False, True]))
def test_closed_forms_against_finite_differences(name, base, normalize):
    group = test_closed_forms.GROUPS[name]
    X, Y = (test_closed_forms.samples(group, a) for a in ((1.3, 0.7), (0.45, 2.1)))
    W = weights(len(Y))
    k = InvariantKernel(base, group, method="closed_form", normalize=normalize)
    want = differences(k, X, Y, W, step=3e-4)
    np.testing.assert_allclose(k.gradient_x(X, Y, W), want, atol=1e-6 * np.abs(want).max())
    for g in group.sample(2, random_state=0):
        got = k.gradient_x(g.apply(X), Y, W)
        np.testing.assert_allclose(got, turned(g, want), atol=1e-6 * np.abs(want).max())


@pytest.mark.parametrize("name", test_closed_forms.SUMS)
def test_closed_forms_of_finite_groups_agree_with_brute_force(name):
    group = test_closed_forms.SUMS[name]
    shape = group.shape if len(group.shape) == 2 else (group.degree, 1)
    X = np.concatenate([test_closed_forms.samples(group), test_closed_forms.degenerate(*shape)])
    W = weights(len(X))
    for length_scale in (0.4, 1.0):
        base = RBF(length_scale)
        want, scale = oracles.orbit_gradient(base, group, X, X, W)
        k = InvariantKernel(base, group, method="closed_form")
        assert np.abs(k.gradient_x(X, X, W) - want).max() <= 1e-12 * scale.max()
        got = k.gradient_x(X.astype(np.float32), X.astype(np.float32), W.astype(np.float32))
        assert np.abs(got - want).max() <= 2e-5 * scale.max()


@pytest.mark.parametrize("s", [10.0, 300.0, 1e4])
@pytest.mark.parametrize("group", [groups.SO(3), groups.O(3)], ids=["SO(3)", "O(3)"])
def test_sharp_kernels_on_clouds(group, s):
    """Where only rotations near the best count, the gradient is that of the aligned kernel."""
    k = InvariantKernel(RBF(1.0), group.along(1, (4, 3)), method="closed_form")
    Y = np.sqrt(s) * cloud(4, 3, 0.7).reshape(1, -1)
    X = Y + 0.3 * cloud(4, 3, 1.9).reshape(1, -1)
    value = k(X, Y)[0, 0]
    got = k.gradient_x(X, Y, [1.0]) / value
    logarithm = []
    for h in 1e-4 * np.eye(12):
        logarithm.append(np.log(k(X + h, Y) / k(X - h, Y))[0, 0] / 2e-4)
    np.testing.assert_allclose(got[0], logarithm, atol=1e-6 * np.abs(got).max() + 1e-12 * s)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("scale", [1e-12, 1e6, 1e12])
@pytest.mark.parametrize("name", test_closed_forms.GROUPS)
def test_extreme_data_is_finite_or_refused(name, scale, dtype):
    group = test_closed_forms.GROUPS[name]
    X = test_closed_forms.samples(group, scale=scale).astype(dtype)
    w = weights(len(X))[:, 0].astype(dtype)
    k = InvariantKernel(RBF(1.0), group, method="closed_form")
    try:
        gradient = k.gradient_x(X, X, w)
    except ValueError as refusal:
        assert "too small for data of radius" in str(refusal)
    else:
        assert np.isfinite(gradient).all()
    k = InvariantKernel(RBF(scale), group, method="closed_form", normalize=True)
    unit = InvariantKernel(RBF(1.0), group, method="closed_form", normalize=True)
    want = unit.gradient_x(*[test_closed_forms.samples(group)] * 2, w.astype(np.float64))
    got = scale * k.gradient_x(X, X, w)
    tolerance = 1e-10 if dtype is np.float64 else 2e-4
    np.testing.assert_allclose(got, want, atol=tolerance * np.abs(want).max())


def test_permanents_of_many_points_are_refused_with_the_reason():
    k = InvariantKernel(RBF(1.0), groups.Symmetric(21))
    with pytest.raises(NotApplicableError, match=r"permanents of all minors.*at most 20"):
        k.gradient_x(np.zeros((1, 21)), np.zeros((1, 21)), [1.0])


# ---- angles, quadrature, samples, length scales per feature -------------------------------------


@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("name", test_angles.FINITE | test_angles.TORUS)
def test_angles_against_finite_differences(name, normalize):
    group = (test_angles.FINITE | test_angles.TORUS)[name]
    X, Y = test_angles.angles(group, 6, 2), test_angles.angles(group, 5, 3)
    W = weights(5)
    k = InvariantKernel(VonMises(1.7), group, normalize=normalize)
    np.testing.assert_allclose(k.gradient_x(X, Y, W), differences(k, X, Y, W), atol=1e-8)


@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("method", [Quadrature(4), Sample(5)])
@pytest.mark.parametrize("name", [n for n in KERNELS if n not in ("laplacian", "von_mises")])
def test_approximate_methods_against_finite_differences(name, method, normalize):
    """The gradient is that of the approximation itself, also far from the origin."""
    shape = (4, 3)
    space = groups.SO(3).along(1, shape) * groups.Cyclic(4).along(0, shape)
    for group in (space, space * groups.Translations(3).along(1, shape), groups.Symmetric(12)):
        if group.is_finite and isinstance(method, Quadrature):
            continue
        X, Y = samples(groups.Trivial(12), 3, seed=1) + 0.4, samples(groups.Trivial(12), 5, seed=2)
        W = weights(5)
        k = InvariantKernel(KERNELS[name], group, method=method, normalize=normalize)
        want = differences(k, X, Y, W)
        scale = max(np.abs(want).max(), 1e-3)
        np.testing.assert_allclose(k.gradient_x(X, Y, W), want, atol=2e-6 * scale)


@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("method", ["sum", "fourier", "closed_form"])
def test_translations_beside_finite_groups(method, normalize):
    rest = groups.Symmetric(3) if method == "closed_form" else groups.Dihedral(3)
    group = groups.Translations(2).along(1, (3, 2)) * rest.along(0, (3, 2))
    X, Y, W = samples(groups.Trivial(6), 5, seed=1), samples(groups.Trivial(6), 4), weights(4)
    k = InvariantKernel(RBF(1.2), group, method=method, normalize=normalize)
    got = k.gradient_x(X, Y, W)
    np.testing.assert_allclose(got, differences(k, X, Y, W), atol=1e-8)
    np.testing.assert_allclose(got.reshape(5, 2, 3, 2).sum(axis=2), 0.0, atol=1e-14)


@pytest.mark.parametrize("name", ["SO(3)", "O(2)", "sign flips", "permanent 5", "Oh"])
def test_single_precision_at_large_exponents(name):
    """Samples that single precision cannot give exponents for are computed with in double."""
    group = test_closed_forms.GROUPS[name]
    X = 8 * test_closed_forms.samples(group).astype(np.float32)
    Y = X[::-1] + np.float32(0.1)
    W = weights(len(X)).astype(np.float32)
    for normalize in (False, True):
        k = InvariantKernel(RBF(1.0), group, method="closed_form", normalize=normalize)
        got, want = k.gradient_x(X, Y, W), k.gradient_x(*(Z.astype(np.float64) for Z in (X, Y, W)))
        assert got.dtype == np.float32
        np.testing.assert_allclose(got, want, atol=2e-6 * np.abs(want).max())


@pytest.mark.parametrize("normalize", [False, True])
def test_length_scale_per_feature(normalize):
    scale = [0.8, 0.8, 0.8, 1.6, 1.6, 1.6]
    for method, base in (("sum", Matern(scale, nu=2.5)), ("closed_form", RBF(scale))):
        group = groups.PointGroup("Oh").along(1, (2, 3))
        X, Y, W = samples(group, 5, seed=9), samples(group, 6, seed=8), weights(6)
        k = InvariantKernel(base, group, method=method, normalize=normalize)
        np.testing.assert_allclose(k.gradient_x(X, Y, W), differences(k, X, Y, W), atol=1e-8)


# ---- kinks and near coincidences ---------------------------------------------------------------

KINKED = {"matern12": Matern(1.3, nu=0.5), "laplacian": Laplacian(0.3), "arc_cosine0": ArcCosine(0)}


@pytest.mark.parametrize("method", ["sum", "fourier"])
@pytest.mark.parametrize("name", ["cyclic", "I", "Oh on points", "C12 on 2 channels", "D4 image"])
@pytest.mark.parametrize("kernel", KINKED)
def test_coincident_samples_add_nothing(kernel, name, method):
    """A moved copy of x has no direction from x, whatever rounding says: its term is 0."""
    group = GROUPS[name]
    if kernel == "laplacian" and (method == "fourier" or not group.is_signed_permutation):
        return
    k = InvariantKernel(KINKED[kernel], group, method=method)
    Y = samples(group, 2, seed=1) + 0.3
    w = np.array([1.0, 0.0])  # the other sample moves the center of the data
    for g in group.sample(5, random_state=0):
        X = g.apply(Y[:1])
        want, scale = oracles.orbit_gradient(KINKED[kernel], group, X, Y, w[:, None])
        assert np.abs(k.gradient_x(X, Y, w) - want[:, 0]).max() < 1e-12 * scale.max()
        X, Y_, w_ = (a.astype(np.float32) for a in (X, Y, w))
        assert np.abs(k.gradient_x(X, Y_, w_) - want[:, 0]).max() < 1e-5 * scale.max()


@pytest.mark.parametrize("kernel", KINKED)
def test_samples_that_fix_themselves(kernel):
    """Where g x = x the kink is in K(x, x) itself, which normalised kernels divide by."""
    for name in ("symmetric", "I", "Oh on points"):
        group = GROUPS[name]
        if kernel == "laplacian" and name == "I":
            continue
        k = InvariantKernel(KINKED[kernel], group, method="sum", normalize=True)
        X = np.concatenate([samples(group, 3, seed=1)[1:2], np.zeros((1, group.degree))])
        if name == "I":
            X[0] = [0, 0, 1]
        for g in group.sample(3, random_state=1):
            gradient = k.gradient_x(g.apply(X), X, [1.0, 0.5])
            want = turned(g, k.gradient_x(X, X, [1.0, 0.5]))
            np.testing.assert_allclose(gradient, want, atol=1e-10)
            assert np.isfinite(gradient).all()


@pytest.mark.parametrize("distance", [1e-2, 1e-4, 1e-6, 1e-9])
@pytest.mark.parametrize("kernel", ["matern12", "arc_cosine0"])
def test_directions_of_close_samples(kernel, distance):
    """A bounded product of an unbounded slope and a difference that cancels."""
    group = GROUPS["hyperoctahedral"] if kernel == "matern12" else GROUPS["cyclic"]
    Y = np.concatenate([np.round(samples(group, 1, seed=1), 3), 0 * samples(group, 1)])
    step = np.round(samples(group, 1, seed=2), 3)
    for g in group.sample(4, random_state=0):
        X = g.apply(Y[:1]) + distance * step
        w = np.array([[1.0], [0.0]])
        want, scale = oracles.orbit_gradient(KERNELS[kernel], group, X, Y, w)
        got = InvariantKernel(KERNELS[kernel], group, method="sum").gradient_x(X, Y, w)
        rounding = 1e-13 if kernel == "matern12" else 1e-16 / distance + 1e-13
        assert np.abs(got - want).max() <= rounding * scale.max()


# ---- shapes, sizes, threads, errors -------------------------------------------------------------

SIZES = {
    "permutations": (groups.Dihedral(5), "sum", Matern(1.3, nu=0.5)),
    "L1": (groups.SignFlips(4), "sum", Laplacian(0.3)),
    "matrices": (groups.PointGroup("I"), "sum", RBF(1.0)),
    "points": (groups.PointGroup("Td").along(1, (4, 3)), "sum", ArcCosine(1)),
    "irreps": (groups.Image((4, 4), "D4"), "fourier", RBF(2.0)),
    "shifts": (groups.Cyclic(12).along(0, (12, 2)), "fourier", RBF(2.0)),
    "SO(3)": (groups.SO(3).along(1, (4, 3)), "closed_form", RBF(1.0)),
    "flips": (groups.SignFlips(4), "closed_form", RBF(1.0)),
    "permanents": (groups.Young("aabab"), "closed_form", RBF(1.0)),
}


@pytest.mark.parametrize("name", SIZES)
def test_every_remainder_of_tiles(name):
    group, method, base = SIZES[name]
    k = InvariantKernel(base, group, method=method, normalize=True)
    X, Y, W = samples(group, 40, seed=1), samples(group, 70, seed=2), weights(70, 3)
    whole = [k.gradient_x(X, Y[:m], W[:m]) for m in (0, 1, 7, 16, 33, 70)]
    assert not whole[0].any()

    def check():
        for n in (0, 1, 2, 4, 5, 12, 13, 25):
            for m, want in zip((0, 1, 7, 16, 33, 70), whole, strict=True):
                got = k.gradient_x(X[:n], Y[:m], W[:m], n_jobs=1)
                np.testing.assert_allclose(got, want[:n], rtol=1e-10, atol=1e-11)
                for c in range(3):
                    got = k.gradient_x(X[:n], Y[:m], W[:m, c], n_jobs=3)
                    np.testing.assert_allclose(got, want[:n, c], rtol=1e-10, atol=1e-11)

    on_every_isa(check)


def test_many_columns_of_weights_go_in_turns():
    group = groups.Cyclic(2).along(0, (2, 20_000))
    X = np.random.default_rng(0).standard_normal((2, 40_000))
    k = InvariantKernel(RBF(200.0), group)
    W = weights(2, 5)
    got = k.gradient_x(X, X, W)
    for c in range(5):
        np.testing.assert_allclose(got[:, c], k.gradient_x(X, X, W[:, c]), rtol=1e-12, atol=1e-18)


def test_gradients_come_in_the_shape_of_the_samples():
    group = groups.SO(3).along(1, (4, 3)) * groups.Translations(3).along(1, (4, 3))
    X, Y = samples(group, 3, seed=1), samples(group, 5, seed=2)
    W = weights(5)
    k = InvariantKernel(RBF(1.0), group)
    flat = k.gradient_x(X, Y, W)
    assert flat.shape == (3, 2, 12)
    shaped = k.gradient_x(X.reshape(3, 4, 3), Y, W)
    assert np.array_equal(shaped, flat.reshape(3, 2, 4, 3))
    assert np.array_equal(k.gradient_x(X.reshape(3, 4, 3), Y, W[:, 0]), shaped[:, 0])
    assert np.allclose(shaped.sum(axis=2), 0, atol=1e-14)  # no net force
    turning = np.cross(X.reshape(3, 1, 4, 3), shaped).sum(axis=2)
    assert np.allclose(turning, 0, atol=1e-14)  # and no net torque
    assert np.array_equal(k.gradient_x(X, None, W[:3]), k.gradient_x(X, X, W[:3]))
    assert np.array_equal(k.gradient_x(X.tolist(), Y.tolist(), [1, 2, 3, 4, 5]).shape, (3, 12))


def test_group_by_name():
    X = np.random.default_rng(0).standard_normal((5, 4))
    w = weights(5)[:, 0]
    got = InvariantKernel(RBF(1.0), "cyclic").gradient_x(X, X, w)
    assert np.array_equal(got, InvariantKernel(RBF(1.0), groups.Cyclic(4)).gradient_x(X, X, w))


ERRORS = [
    (np.full((2, 8), np.nan), [1.0, 1.0], "X contains NaN"),
    (np.ones((2, 7)), [1.0, 1.0], r"X has 7 features; Dihedral\(8\) acts on 8"),
    (np.ones((2, 8)), [1.0], r"weights must have shape \(2,\) or \(2, c\), got \(1,\)"),
    (np.ones((2, 8)), np.ones((2, 1, 1)), r"weights must have shape \(2,\)"),
    (np.ones((2, 8)), 1.0, r"weights must have shape \(2,\)"),
    (np.ones((2, 8)), [1.0, np.inf], "weights contains NaN or infinity"),
    (np.ones((2, 8)), [1.0, 1j], "weights must be real"),
    (np.ones((2, 8)), ["a", "b"], "weights must hold numbers"),
]


@pytest.mark.parametrize(("X", "w", "message"), ERRORS)
def test_bad_input_is_refused(X, w, message):
    with pytest.raises((TypeError, ValueError), match=message):
        InvariantKernel(RBF(1.0), groups.Dihedral(8)).gradient_x(X, np.ones((2, 8)), w)


def test_a_result_larger_than_memory_is_refused(monkeypatch):
    monkeypatch.setattr("symkernel.backends.memory.available_bytes", lambda: 1000)
    with pytest.raises(MemoryError, match="the gradient of shape 100 x 1 x 3"):
        k = InvariantKernel(RBF(1.0), groups.Cyclic(3))
        k.gradient_x(np.ones((100, 3)), np.ones((2, 3)), [1.0, 1.0])
