"""Closed forms against brute force and precise references, on ordinary and on bad input."""

from __future__ import annotations

import mpmath
import numpy as np
import oracles
import pytest
from oracles import cloud
from sklearn.gaussian_process.kernels import RBF, Matern, RationalQuadratic
from symkernel import InvariantKernel, groups
from symkernel.kernels import ArcCosine

MIRROR = np.array([1.0, 1.0, -1.0])


def points(group, p, r):
    return group.along(1, (p, r))


# Groups with a reference of their own: the mean of exp(tr M^T g), and the points it acts on.
INTEGRALS = {
    "SO(3)": (points(groups.SO(3), 4, 3), oracles.mean_rotations_3, (4, 3)),
    "O(3)": (points(groups.O(3), 4, 3), oracles.mean_orthogonal_3, (4, 3)),
    "SO(2)": (points(groups.SO(2), 5, 2), oracles.mean_rotations_2, (5, 2)),
    "O(2)": (points(groups.O(2), 5, 2), oracles.mean_orthogonal_2, (5, 2)),
    **{f"SO({d}) vector": (groups.SO(d), oracles.mean_sphere, (1, d)) for d in range(2, 7)},
    **{f"O({d}) vector": (groups.O(d), oracles.mean_sphere, (1, d)) for d in range(2, 7)},
}

# Finite groups: brute force is exact.
SUMS = {
    "sign flips": groups.SignFlips(7),
    **{f"permanent {n}": groups.Symmetric(n) for n in range(2, 8)},
    "permanent of points": groups.Symmetric(5).along(0, (5, 2)),
    "permanent, points last": groups.Symmetric(4).along(1, (3, 4)),
    **{f"signed permanent {n}": groups.Hyperoctahedral(n) for n in range(2, 6)},
    "signed permanent of points": groups.Hyperoctahedral(3).along(0, (3, 2)),
    "Oh": points(groups.PointGroup("Oh"), 4, 3),
    "O": points(groups.PointGroup("O"), 4, 3),
    "Oh and permutations": groups.Cyclic(3).along(0, (3, 3))
    * points(groups.PointGroup("Oh"), 3, 3),
}

# Products that are no sum and no integral alone; laws hold for them too.
PRODUCTS = {
    "SE(3)": points(groups.SE(3), 4, 3),
    "E(3) and permutations": points(groups.E(3), 4, 3) * groups.Cyclic(4).along(0, (4, 3)),
    "S4 and E(2)": groups.Symmetric(4).along(0, (4, 2)) * points(groups.E(2), 4, 2),
}
GROUPS = {k: v[0] for k, v in INTEGRALS.items()} | SUMS | PRODUCTS


def samples(group, a=(1.3, 0.7, 0.45, 2.1), scale=1.0):
    """Clouds of full rank, and their mirror images."""
    d = group.degree
    r = group.shape[-1] if len(group.shape) > 1 else d
    X = np.stack([cloud(d // r, r, value).ravel() for value in a])
    mirrored = X.reshape(len(X), -1, r).copy()
    mirrored[:, :, -1] *= -1
    return scale * np.concatenate([X, mirrored.reshape(X.shape)])


def closed(group, length_scale=1.0, **options):
    return InvariantKernel(RBF(length_scale), group, method="closed_form", **options)


# ---- values ------------------------------------------------------------------------------------


def test_reference_values_of_rotations():
    k = closed(points(groups.SO(3), 4, 3))
    X, Y = cloud(4, 3, 1.3).reshape(1, -1), cloud(4, 3, 0.7)
    assert k(X, Y.reshape(1, -1))[0, 0] == pytest.approx(0.006275149332835945, rel=1e-13)
    mirrored = (Y * MIRROR).reshape(1, -1)
    assert k(X, mirrored)[0, 0] == pytest.approx(0.0064089692355477085, rel=1e-13)


@pytest.mark.parametrize("length_scale", [0.3, 1.0, 4.0])
@pytest.mark.parametrize("name", INTEGRALS)
def test_integrals_agree_with_precise_references(name, length_scale):
    group, mean, shape = INTEGRALS[name]
    X, Y = samples(group, (1.3, 0.7)), samples(group, (0.45, 2.1))
    want = oracles.rbf_average(mean, X.reshape(-1, *shape), Y.reshape(-1, *shape), length_scale)
    k = closed(group, length_scale)
    assert oracles.relative_error(k(X, Y), want) < 1e-12
    X, Y = X.astype(np.float32), Y.astype(np.float32)
    want = oracles.rbf_average(
        mean, X.astype(float).reshape(-1, *shape), Y.astype(float).reshape(-1, *shape), length_scale
    )
    got = k(X, Y)
    assert got.dtype == np.float32
    # |x|^2 + |y|^2 cancels against the integral: relative to the exponent, of its own size
    exponent = ((X**2).sum(1)[:, None] + (Y**2).sum(1)) / (2 * length_scale**2)
    seen = want > 1e-30
    error = np.abs(got - want) / want / np.maximum(exponent / 4, 1)
    assert error[seen].max() < 5e-6


@pytest.mark.parametrize("length_scale", [0.4, 1.0, 4.0])
@pytest.mark.parametrize("name", SUMS)
def test_sums_agree_with_brute_force(name, length_scale):
    group = SUMS[name]
    X, Y = samples(group, (1.3, 0.7)), samples(group, (0.45, 2.1))
    k = closed(group, length_scale)
    want = oracles.orbit_mean(RBF(length_scale), group, X, Y)
    assert oracles.relative_error(k(X, Y), want) < 1e-12
    X, Y = X.astype(np.float32), Y.astype(np.float32)
    want = oracles.orbit_mean(RBF(length_scale), group, X, Y)
    exponent = ((X**2).sum(1)[:, None] + (Y**2).sum(1)) / (2 * length_scale**2)
    seen = want > 1e-30
    error = np.abs(k(X, Y) - want) / want / np.maximum(exponent / 4, 1)
    assert error[seen].max() < 5e-6


@pytest.mark.parametrize("s", [1e-6, 0.1, 10.0, 300.0, 1e3, 3e4])
def test_large_arguments_on_the_logarithm(s):
    X = np.sqrt(s) * np.eye(3).reshape(1, 9)  # M = s I: c(M) = exp(s) (I0(2s) - I1(2s))
    k = closed(points(groups.SO(3), 3, 3))
    with mpmath.workdps(60):
        a = mpmath.mpf(float(X[0, 0])) ** 2
        c = (mpmath.besseli(0, 2 * a) - mpmath.besseli(1, 2 * a)) * mpmath.exp(-2 * a)
        assert abs(np.log(k(X)[0, 0]) - float(mpmath.log(c))) < 1e-12
    a, b = np.sqrt(s) * np.array([[1.0, 0, 0]]), np.sqrt(s) * np.array([[0, 0.6, 0.8]])
    with mpmath.workdps(60):
        z = mpmath.mpf(float(np.linalg.norm(a) * np.linalg.norm(b)))
        want = mpmath.log(mpmath.sinh(z) / z) - mpmath.mpf(float((a @ a.T + b @ b.T)[0, 0] / 2))
    assert abs(np.log(closed(groups.SO(3))(a, b)[0, 0]) - float(want)) < max(1e-12, 4e-16 * s)


@pytest.mark.parametrize("s", [10.0, 1e3, 3e4, 1e6])
@pytest.mark.parametrize("name", ["SO", "O"])
def test_large_arguments_of_clouds_that_nearly_coincide(name, s):
    """Rounding of the exponents, of size |x|^2 / l^2, is what remains."""
    mean = {"SO": oracles.mean_rotations_3, "O": oracles.mean_orthogonal_3}[name]
    rng = np.random.default_rng(0)
    X = rng.standard_normal((2, 5, 3))
    length_scale = np.sqrt(np.linalg.norm(X[0], 2) ** 2 / s)
    Y = X + 0.3 * length_scale * rng.standard_normal(X.shape)
    k = closed(points(getattr(groups, name)(3), 5, 3), length_scale)
    for i in range(2):
        got = k(X[i].reshape(1, 15), Y[i].reshape(1, 15))
        want = oracles.rbf_average(mean, X[i : i + 1], Y[i : i + 1], length_scale)
        exponent = np.sum(X[i] ** 2) / length_scale**2
        assert abs(np.log(got / want)).max() < max(1e-12, 4e-16 * exponent)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 20.0])
@pytest.mark.parametrize(
    "base",
    [
        Matern(1.3, nu=2.5),
        Matern(1.3, nu=3.2),
        RationalQuadratic(),
        RationalQuadratic(0.7, alpha=0.3),
        RationalQuadratic(0.7, alpha=0.01),
    ],
)
def test_mixtures_are_made_for_the_distances_that_occur(base, scale):
    shape = (5, 2)
    X, Y = (scale * cloud(*shape, a).reshape(1, -1) for a in (1.3, 0.7))
    angles = 2 * np.pi * np.arange(400) / 400
    turn = np.array([[np.cos(angles), -np.sin(angles)], [np.sin(angles), np.cos(angles)]])
    orbit = np.einsum("abk,pb->kpa", turn, Y.reshape(shape)).reshape(400, -1)
    want = base(X, orbit).mean()
    k = InvariantKernel(base, points(groups.SO(2), *shape))
    assert k(X, Y)[0, 0] == pytest.approx(want, abs=1e-12)
    rates = k.plan()._prepared(X, Y)[2]
    assert len(rates.rates) <= k.plan().cost.maps


def test_exponents_too_small_for_a_mixture():
    group = groups.Symmetric(4)
    assert InvariantKernel(RationalQuadratic(alpha=0.01), group).plan().method == "sum"
    X = np.random.default_rng(0).standard_normal((3, 4))
    for base in (RationalQuadratic(alpha=1e-3), RationalQuadratic(alpha=0.05)):
        want = oracles.orbit_mean(base, group, X)
        assert oracles.relative_error(InvariantKernel(base, group)(X), want) < 1e-12
        got = InvariantKernel(base, group, method="closed_form")(X)
        np.testing.assert_allclose(got, want, atol=1e-12)
    with pytest.raises(ValueError, match="nu must be at least"):
        InvariantKernel(Matern(nu=0.05), group).plan()


# ---- degenerate clouds -------------------------------------------------------------------------


def degenerate(p, r):
    """Zero, coincident, collinear, planar, repeated, equal singular values, and mirror images."""
    rng = np.random.default_rng(0)
    direction, square = rng.standard_normal(r), np.zeros((p, r))
    square[:r] = np.eye(p, r)[:r]
    planar = cloud(p, r, 0.9)
    planar[:, -1] = 0
    repeated = cloud(p, r, 1.1)
    repeated[1] = repeated[0]
    flipped = cloud(p, r, 1.3)
    flipped[:, -1] *= -1
    shapes = [
        np.zeros((p, r)),
        np.tile(direction, (p, 1)),
        np.outer(np.arange(p) - 0.5, direction),
        planar,
        repeated,
        square,
        -square,
        1e-9 * cloud(p, r, 1.3),
        cloud(p, r, 1.3),
        flipped,
    ]
    return np.stack([s.ravel() for s in shapes])


@pytest.mark.parametrize("length_scale", [0.3, 1.0])
@pytest.mark.parametrize("name", ["SO(3)", "O(3)", "SO(2)", "O(2)", "SO(5) vector"])
def test_degenerate_clouds_under_rotations(name, length_scale):
    group, mean, (p, r) = INTEGRALS[name]
    X = degenerate(p, r) if p > 1 else degenerate(r, 2)[:, :r]
    clouds = X.reshape(-1, p, r)
    want = oracles.rbf_average(mean, clouds, clouds, length_scale)
    k = closed(group, length_scale)
    assert oracles.relative_error(k(X), want) < 1e-12
    gradient = k(X, eval_gradient=True)[1]
    assert np.isfinite(gradient).all()
    moved = [k.clone_with_theta(k.theta + s * 1e-5)(X) for s in (-1, 1)]
    np.testing.assert_allclose(gradient[:, :, 0], (moved[1] - moved[0]) / 2e-5, 1e-6, 1e-9)


@pytest.mark.parametrize(
    "name", ["Oh", "O", "permanent of points", "signed permanent of points", "sign flips"]
)
def test_degenerate_clouds_under_finite_groups(name):
    group = SUMS[name]
    shape = group.shape if len(group.shape) == 2 else (group.degree, 1)
    X = degenerate(*shape)
    for length_scale in (0.4, 1.0):
        want = oracles.orbit_mean(RBF(length_scale), group, X)
        assert oracles.relative_error(closed(group, length_scale)(X), want) < 1e-12


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("scale", [1e-12, 1e3, 1e6, 1e12])
@pytest.mark.parametrize("name", GROUPS)
def test_extreme_data_have_finite_values(name, scale, dtype):
    X = samples(GROUPS[name], scale=scale).astype(dtype)
    K = closed(GROUPS[name])(X)
    assert np.isfinite(K).all()
    assert K.min() >= 0
    assert K.max() <= 1.001
    K = closed(GROUPS[name], scale)(X)  # in units of the data
    want = closed(GROUPS[name])(samples(GROUPS[name]))
    np.testing.assert_allclose(K, want, 1e-10 if dtype is np.float64 else 1e-4)


# ---- laws --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", GROUPS)
def test_invariant_under_the_group(name):
    group = GROUPS[name]
    k, X, Y = closed(group), samples(group, (1.3, 0.7)), samples(group, (0.45, 2.1))
    want = k(X, Y)
    for g in group.sample(6, random_state=0):
        assert oracles.relative_error(k(g.apply(X), Y), want) < 2e-12
        assert oracles.relative_error(k(X, g.apply(Y)), want) < 2e-12


@pytest.mark.parametrize("name", GROUPS)
def test_diagonal_products_and_normalised_values(name):
    group = GROUPS[name]
    X, Y = samples(group), samples(group, (0.9, 0.3))
    V = np.random.default_rng(0).standard_normal((len(Y), 2))
    for option in (False, True):
        k = closed(group, normalize=option)
        np.testing.assert_allclose(k.diag(X), np.diag(k(X)), rtol=1e-13)
        np.testing.assert_allclose(k.matvec(X, Y, V), k(X, Y) @ V, rtol=1e-11, atol=1e-14)
        assert np.linalg.eigvalsh(k(X))[0] > -1e-13
    assert np.all(k(X, X) <= 1 + 1e-12)
    np.testing.assert_allclose(np.diag(k(X)), 1.0)


BASES = [RBF(0.9), Matern(1.2, nu=1.5), RationalQuadratic(1.1, alpha=0.9)]


@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("base", BASES, ids=["rbf", "matern", "rational_quadratic"])
@pytest.mark.parametrize("name", GROUPS)
def test_gradient_against_finite_differences(name, base, normalize):
    X = samples(GROUPS[name], (1.3, 0.7))
    k = InvariantKernel(base, GROUPS[name], method="closed_form", normalize=normalize)
    _, gradient = k(X, eval_gradient=True)
    for i in range(len(k.theta)):
        step = 1e-5 * np.eye(len(k.theta))[i]
        moved = [k.clone_with_theta(k.theta + s * step)(X) for s in (-1, 1)]
        want = (moved[1] - moved[0]) / 2e-5
        np.testing.assert_allclose(gradient[:, :, i], want, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("base", [RBF, Matern], ids=["rbf", "matern32"])
@pytest.mark.parametrize("name", [*GROUPS, "Young", "centred points"])
def test_length_scale_per_feature(name, base, normalize):
    group = {
        "Young": groups.Young("abab").along(0, (4, 2)),
        "centred points": groups.Translations(3).along(1, (4, 3)) * points(groups.O(3), 4, 3),
    }.get(name) or GROUPS[name]
    labels = group.mixed_features
    X = samples(group, (1.3, 0.7, 0.45))
    options = {"method": "closed_form", "normalize": normalize}
    k = InvariantKernel(base(1.0 + 0.3 * labels), group, **options)
    K, gradient = k(X, eval_gradient=True)
    np.testing.assert_allclose(K, k(X), rtol=1e-12)
    assert gradient.shape == (len(X), len(X), max(labels) + 1)
    for label in range(max(labels) + 1):
        step = np.eye(max(labels) + 1)[label]
        moved = [k.clone_with_theta(k.theta + s * step)(X) for s in (-1e-5, 1e-5)]
        want = (moved[1] - moved[0]) / 2e-5
        np.testing.assert_allclose(gradient[:, :, label], want, rtol=1e-6, atol=1e-8)
    if labels.max() == 0:  # equal scales are one scale
        one = InvariantKernel(base(1.0), group, **options)(X, eval_gradient=True)[1]
        np.testing.assert_allclose(gradient.sum(axis=2), one[:, :, 0], rtol=1e-9, atol=1e-11)
    single = InvariantKernel(base(1.0 + 0.3 * labels), group, **options)
    got = single(X.astype(np.float32), eval_gradient=True)[1]
    np.testing.assert_allclose(got, gradient, atol=3e-5 * max(np.abs(gradient).max(), 1))


def test_length_scales_of_points_that_move_together_must_agree():
    group = groups.Translations(2).along(1, (3, 2))
    k = InvariantKernel(RBF([1.0, 1.0, 2.0, 2.0, 2.0, 2.0]), group, method="closed_form")
    with pytest.raises(ValueError, match="mixes features 0 and 2"):
        k(np.zeros((1, 6)))


def test_derivatives_of_large_permanents_are_refused_with_the_reason():
    group = groups.Young("a" * 21 + "b")
    k = InvariantKernel(RBF(1.0 + group.mixed_features), group, method="closed_form")
    with pytest.raises(ValueError, match="a length scale per feature need the permanents of all"):
        k(np.zeros((1, 22)), eval_gradient=True)


# ---- shapes that must be told apart ------------------------------------------------------------


@pytest.mark.parametrize("permuted", [False, True])
def test_mirror_images(permuted):
    shape = (4, 3)
    X = cloud(*shape, 1.3)
    pair = np.stack([X.ravel(), (X * MIRROR).ravel()])
    rest = groups.Translations(3).along(1, shape)
    if permuted:
        rest = rest * groups.Symmetric(4).along(0, shape)
    told = closed(points(groups.SO(3), *shape) * rest, 0.1, normalize=True)(pair)
    same = closed(points(groups.O(3), *shape) * rest, 0.1, normalize=True)(pair)
    assert told[0, 1] < 0.9
    assert same[0, 1] == pytest.approx(1.0, abs=1e-12)


def test_same_sorted_distances_but_different_shape():
    trapezium = np.array([[0.0, 0], [4, 0], [1, 1], [3, 1]])
    kite = np.array([[0.0, 0], [4, 0], [1, 1], [1, -1]])
    i, j = np.triu_indices(4, 1)
    first, second = (np.sort(np.linalg.norm(c[i] - c[j], axis=1)) for c in (trapezium, kite))
    np.testing.assert_allclose(first, second, rtol=1e-15)
    group = groups.Symmetric(4).along(0, (4, 2)) * points(groups.E(2), 4, 2)
    X = np.stack([trapezium.ravel(), kite.ravel()])
    k = closed(group, 0.5, normalize=True)
    assert k(X)[0, 1] < 0.5
    (g,) = group.sample(1, random_state=3, scale=10.0)
    assert k(X[:1], g.apply(X[:1]))[0, 0] == pytest.approx(1.0, abs=1e-11)


# ---- refusals ----------------------------------------------------------------------------------


def test_gradients_at_a_length_scale_below_rounding_are_refused():
    k = closed(points(groups.SO(3), 4, 3), 1e-9)
    X = samples(k.group)
    with pytest.raises(ValueError, match="length scale 1e-09 is too small for data of radius"):
        k.gradient_x(X, X, np.ones(len(X)))


@pytest.mark.parametrize(
    ("base", "group", "method", "message"),
    [
        (RBF(), groups.Cyclic(4), "closed_form", r"Cyclic\(4\) has no closed form here"),
        (RBF(), groups.PointGroup("I"), "closed_form", "has no closed form here"),
        (RBF(), groups.Symmetric(30), "closed_form", "has no closed form here"),
        (ArcCosine(1), groups.SO(3), "closed_form", "not a mixture of RBF kernels"),
        (Matern(nu=0.5), groups.SO(3), "closed_form", "kink"),
        (RBF(), groups.SO(3), "sum", "infinitely many"),
        (RBF(), points(groups.O(3), 4, 3), "sum", "method='closed_form' averages over it"),
        (RBF([1.0, 2.0, 1.0]), groups.SO(3), "auto", "length_scale per feature"),
    ],
)
def test_what_does_not_apply_is_refused_with_the_reason(base, group, method, message):
    with pytest.raises(ValueError, match=message):
        InvariantKernel(base, group, method).plan()
