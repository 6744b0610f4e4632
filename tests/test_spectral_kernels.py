"""Kernels given by their spectrum, averaged over groups through their invariant functions."""

import pickle

import numpy as np
import pytest
from scipy.special import eval_legendre, zeta
from sklearn.base import clone
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel
from sklearn.kernel_ridge import KernelRidge
from symkernel import InvariantKernel, InvariantKernelRidge, groups
from symkernel.exceptions import NotApplicableError
from symkernel.kernels import Polynomial
from symkernel.spectral import (
    SO3,
    HeatKernel,
    InvariantBasis,
    PolynomialKernel,
    Polynomials,
    Product,
    SobolevKernel,
    SpectralRegressor,
    Sphere,
    Torus,
)
from symkernel.spectral import kernels as spectral_kernels
from symkernel.spectral import plan as spectral_plan

ACTIONS = [
    (Torus(3), groups.Symmetric(3), 6),
    (Torus(4), groups.Hyperoctahedral(4), 3),
    (Sphere(3), groups.PointGroup("I"), 12),
    (Sphere(3), groups.PointGroup("O"), 8),
    (Sphere(4), groups.Alternating(4), 4),
    (SO3(), groups.PointGroup("T").along(0, (3, 3)), 3),
    (Product(Torus(1), Sphere(3)), groups.SignFlips(4), 12),
]
BASES = [
    lambda manifold, level: HeatKernel(manifold, 0.05, max_level=level),
    lambda manifold, level: SobolevKernel(manifold, 4.0, 0.5, max_level=level),
]


def averaged(kernel, group, X, Y):
    return np.mean([kernel(X, group.apply(g, Y)) for g in group.elements()], axis=0)


@pytest.mark.parametrize(("manifold", "group", "level"), ACTIONS, ids=str)
@pytest.mark.parametrize("make", BASES)
def test_equals_the_average_over_all_elements(make, manifold, group, level):
    base = make(manifold, level)
    k = InvariantKernel(base, group, method="spectral")
    X, Y = manifold.random_points(9, 0), manifold.random_points(7, 1)
    expected = averaged(base, group, X, Y)
    scale = base.diag(X).max()
    np.testing.assert_allclose(k(X, Y), expected, rtol=0, atol=1e-12 * scale)
    np.testing.assert_allclose(k(X), k(X, X), rtol=0, atol=1e-13 * scale)
    np.testing.assert_allclose(k.diag(X), np.diag(k(X)), rtol=0, atol=1e-13 * scale)
    V = np.random.default_rng(2).standard_normal((7, 2))
    np.testing.assert_allclose(k.matvec(X, Y, V), k(X, Y) @ V, rtol=0, atol=1e-12 * scale)
    features = k.plan().features(X)
    assert features.shape == (9, k.plan().n_features)
    np.testing.assert_allclose(features @ features.T, k(X), rtol=0, atol=1e-13 * scale)
    assert np.linalg.eigvalsh(k(X)).min() > -1e-12 * scale


@pytest.mark.parametrize(("manifold", "group", "level"), ACTIONS, ids=str)
def test_invariant_under_generators_and_products_of_them(manifold, group, level):
    k = InvariantKernel(HeatKernel(manifold, 0.05, max_level=level), group)
    X, Y = manifold.random_points(6, 0), manifold.random_points(6, 1)
    expected, scale = k(X, Y), k.base.diag(X).max()
    rng = np.random.default_rng(3)
    generators = group.generators
    word = generators[0]
    for g in [generators[i] for i in rng.integers(len(generators), size=20)]:
        word = group.compose(word, g)
        for element in (g, word):
            moved = k(group.apply(element, X), Y)
            np.testing.assert_allclose(moved, expected, rtol=0, atol=1e-12 * scale)


def test_plain_kernels_have_their_known_values():
    X, Y = Sphere(3).random_points(5, 0), Sphere(3).random_points(6, 1)
    t = np.clip(X @ Y.T, -1, 1)
    degrees = range(13)
    heat = sum((2 * n + 1) * np.exp(-0.1 * n * (n + 1)) * eval_legendre(n, t) for n in degrees)
    np.testing.assert_allclose(HeatKernel(Sphere(3), 0.1, max_level=12)(X, Y), heat, atol=1e-12)
    sobolev = sum(
        (2 * n + 1) * (1 + 0.25 * n * (n + 1)) ** -3 * eval_legendre(n, t) for n in degrees
    )
    plain = SobolevKernel(Sphere(3), 3.0, 0.5, max_level=12)
    np.testing.assert_allclose(plain(X, Y), sobolev, atol=1e-12)
    # a Gaussian wound around the circle, as a density relative to the uniform one
    x, time = np.linspace(-np.pi, np.pi, 7)[:, None], 0.2
    wound = sum(
        np.exp(-((x[:, 0] + 2 * np.pi * k) ** 2) / (4 * time)) / np.sqrt(4 * np.pi * time)
        for k in range(-9, 10)
    )
    heat = HeatKernel(Torus(1, 2 * np.pi), time, max_level=400)
    np.testing.assert_allclose(heat(x, [[0.0]])[:, 0], 2 * np.pi * wound, atol=1e-13)


@pytest.mark.parametrize(
    "base",
    [
        HeatKernel(Torus(2), 0.05, max_level=4),
        SobolevKernel(Torus(2), 3.0, 0.7, max_level=4, smoothness_bounds=(1.1, 10.0)),
        SobolevKernel(Torus(2), 3.0, 0.7, max_level=4),
        PolynomialKernel(3, 0.7, 0.4),
    ],
    ids=repr,
)
@pytest.mark.parametrize("normalize", [False, True])
def test_gradient_agrees_with_differences(base, normalize):
    k = InvariantKernel(base, groups.Symmetric(2), normalize=normalize)
    X = Torus(2).random_points(6, 0)
    K, gradient = k(X, eval_gradient=True)
    np.testing.assert_allclose(K, k(X), atol=1e-13)
    assert gradient.shape == (6, 6, len(k.theta))
    for p in range(len(k.theta)):
        step = np.zeros_like(k.theta)
        step[p] = 1e-5
        up, down = k.clone_with_theta(k.theta + step)(X), k.clone_with_theta(k.theta - step)(X)
        np.testing.assert_allclose(gradient[:, :, p], (up - down) / 2e-5, atol=1e-8)
    if isinstance(base, HeatKernel):
        plain = base(X, eval_gradient=True)[1]
        assert plain.shape == (6, 6, 1)


# ---- truncation ---------------------------------------------------------------------------------


@pytest.mark.parametrize("level", [0, 3, 20])
def test_truncation_is_the_rest_of_the_diagonal(level):
    heat = HeatKernel(Sphere(3), 0.02, max_level=level)
    n = np.arange(level + 1, 200)
    rest = np.sum((2 * n + 1) * np.exp(-0.02 * n * (n + 1)))
    np.testing.assert_allclose(heat.truncation(), rest, rtol=1e-12)
    # sum 2 / (1 + n^2) with pi coth(pi) - 1 = sum over n >= 1
    sobolev = SobolevKernel(Torus(1, 2 * np.pi), 1.0, max_level=level**2)
    n = np.arange(1, level + 1)
    rest = np.pi / np.tanh(np.pi) - 1.0 - np.sum(2.0 / (1.0 + n**2))
    np.testing.assert_allclose(sobolev.truncation(), rest, rtol=2e-3)
    plan = InvariantKernel(sobolev, groups.SignFlips(1)).plan()
    np.testing.assert_allclose(plan.error, rest * np.tanh(np.pi) / np.pi, rtol=2e-3)
    assert not plan.exact
    assert f"about {plan.error:.2g}" in str(plan)


def test_truncation_of_slow_spectra_follows_weyl():
    # levels n (n + 1) with 2n + 1 functions: sum (2n + 1) / (1 + n (n + 1))^2 by hand to 1e6
    n = np.arange(11.0, 1e6)
    rest = np.sum((2 * n + 1) / (1 + n * (n + 1)) ** 2)
    kernel = SobolevKernel(Sphere(3), 2.0, max_level=10)
    np.testing.assert_allclose(kernel.truncation(), rest, rtol=1e-5)
    # 4 zeta(s) beta(s) - 1 lattice sums: sum over Z^2 without 0 of |k|^-4 = 4 zeta(2) Catalan
    catalan = 0.915965594177219
    long_scale = 1e4
    torus = SobolevKernel(Torus(2, 2 * np.pi), 2.0, long_scale, max_level=0)
    expected = 4 * zeta(2) * catalan / long_scale**4
    np.testing.assert_allclose(torus.truncation(), expected, rtol=1e-4)


def test_truncation_bounds_what_more_levels_add():
    X = Sphere(3).random_points(30, 0)
    group = groups.PointGroup("O")
    short = InvariantKernel(SobolevKernel(Sphere(3), 2.5, max_level=6), group)
    long = InvariantKernel(SobolevKernel(Sphere(3), 2.5, max_level=40), group)
    assert np.abs(long(X) - short(X)).max() <= short.base.truncation()


# ---- use ----------------------------------------------------------------------------------------


def test_kernel_ridge_is_weighted_ridge_in_the_basis():
    manifold, group = Sphere(3), groups.PointGroup("O")
    X, T = manifold.random_points(60, 0), manifold.random_points(9, 1)
    y = (X**4).sum(axis=1)
    k = InvariantKernel(SobolevKernel(manifold, 3.0, max_level=8), group)
    machine = KernelRidge(kernel=k, alpha=1e-3).fit(X, y)
    features = k.plan().features(X)
    c = np.linalg.solve(features.T @ features + 1e-3 * np.eye(features.shape[1]), features.T @ y)
    np.testing.assert_allclose(machine.predict(T), k.plan().features(T) @ c, atol=1e-10)
    ours = InvariantKernelRidge(1e-3, kernel=k).fit(X, y)
    np.testing.assert_allclose(ours.predict(T), machine.predict(T), atol=1e-8)
    np.testing.assert_allclose(
        SpectralRegressor(manifold, group, max_level=8, alpha=1e-9).fit(X, y).predict(T),
        (T**4).sum(axis=1),
        atol=1e-8,
    )


def test_gaussian_process_and_protocol():
    manifold = Torus(2)
    X = manifold.random_points(40, 0)
    y = np.cos(np.pi * X).sum(axis=1)
    base = HeatKernel(manifold, 0.3, max_level=8)
    k = ConstantKernel(1.0, "fixed") * InvariantKernel(base, groups.Symmetric(2))
    k += WhiteKernel(1e-6, "fixed")
    model = GaussianProcessRegressor(k, random_state=0).fit(X, y)
    assert model.kernel_.k1.k2.base.time != 0.3
    assert model.score(X[:, ::-1], y) > 0.999
    kernel = InvariantKernel(base, groups.Symmetric(2), method="spectral")
    again = pickle.loads(pickle.dumps(kernel))
    np.testing.assert_array_equal(again(X), kernel(X))
    assert clone(base) == base and clone(base) is not base
    assert clone(base).set_params(time=1.0) != base
    assert repr(base) == "HeatKernel(Torus(2, 2.0), time=0.3, max_level=8)"
    assert "SobolevKernel(Torus(2, 2.0), 2.0, " in repr(SobolevKernel(manifold, 2.0))
    named = InvariantKernel(base, "symmetric")
    np.testing.assert_array_equal(named(X), kernel(X))
    single = kernel(X.astype(np.float32))
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, kernel(X), atol=1e-4)
    assert kernel(X[:0], X).shape == (0, 40)
    np.testing.assert_allclose(
        kernel.gram_packed(X).sum() * 2 - kernel.diag(X).sum(), kernel(X).sum(), rtol=1e-12
    )


def test_blocks_change_nothing(monkeypatch):
    k = InvariantKernel(SobolevKernel(Sphere(3), 3.0, max_level=20), groups.PointGroup("T"))
    X, Y = Sphere(3).random_points(30, 0), Sphere(3).random_points(20, 1)
    V = np.ones((20, 1))
    whole = k(X), k(X, Y), k.diag(X), k.matvec(X, Y, V), *k(X, eval_gradient=True)
    monkeypatch.setattr(spectral_kernels, "_TOGETHER", 3)
    monkeypatch.setattr(spectral_plan, "_BLOCK_ENTRIES", 20)
    k = clone(k)
    pieces = k(X), k(X, Y), k.diag(X), k.matvec(X, Y, V), *k(X, eval_gradient=True)
    for a, b in zip(whole, pieces, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-13)


# ---- polynomials --------------------------------------------------------------------------------

LINEAR = [
    groups.Symmetric(5),
    groups.Cyclic(5),
    groups.Hyperoctahedral(4),
    groups.PointGroup("I"),
    groups.Symmetric(3).along(0, (3, 2)),
    groups.Symmetric(3).along(0, (3, 2)) * groups.Cyclic(2).along(1, (3, 2)),
]


@pytest.mark.parametrize("group", LINEAR, ids=str)
@pytest.mark.parametrize(("degree", "coef0"), [(0, 1.0), (1, 0.5), (4, 1.0), (5, 0.0), (3, 2.0)])
def test_polynomial_kernel_equals_the_orbit_sum(group, degree, coef0):
    rng = np.random.default_rng(4)
    X, Y = rng.standard_normal((6, group.degree)), rng.standard_normal((5, group.degree))
    by_sum = InvariantKernel(Polynomial(degree, 0.7, coef0), group, method="sum")
    k = InvariantKernel(PolynomialKernel(degree, 0.7, coef0), group)
    assert k.plan().method == "spectral" and k.plan().exact
    scale = np.abs(k.base.diag(np.concatenate([X, Y]))).max()
    np.testing.assert_allclose(k(X, Y), by_sum(X, Y), rtol=0, atol=1e-12 * scale)
    asked = InvariantKernel(PolynomialKernel(degree, 0.7, coef0), group, method="sum")
    np.testing.assert_array_equal(asked(X, Y), by_sum(X, Y))


def test_polynomial_kernel_of_rotations_equals_the_moments():
    group = groups.SO(3).along(1, (3, 3))
    X = np.random.default_rng(5).standard_normal((6, 9))
    k = InvariantKernel(PolynomialKernel(4), group, method="spectral")
    closed = InvariantKernel(Polynomial(4), group, method="closed_form")
    np.testing.assert_allclose(k(X), closed(X), rtol=0, atol=1e-10 * k.diag(X).max())


def test_partitions_and_orbits_agree_where_nothing_can_be_enumerated():
    n = 30
    X = np.random.default_rng(6).standard_normal((5, n)) / 3
    by_partitions = InvariantKernel(PolynomialKernel(4), groups.Symmetric(n))
    swap, cycle = groups.Symmetric(n).generators
    by_orbits = InvariantKernel(PolynomialKernel(4), groups.PermutationGroup([swap, cycle]))
    assert by_partitions.plan().n_features == by_orbits.plan().n_features == 12
    assert "monomial symmetric" in str(by_partitions.plan())
    np.testing.assert_allclose(by_partitions(X), by_orbits(X), rtol=1e-11)


# ---- errors -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("base", "message"),
    [
        (HeatKernel(Torus(2), -1.0), "time must be positive and finite"),
        (HeatKernel(Torus(2), max_level=-1), "max_level must be finite and not negative"),
        (HeatKernel(Polynomials(2)), "manifold must be compact"),
        (SobolevKernel(Torus(2), 1.0), "smoothness must be more than half the dimension 2"),
        (SobolevKernel(Torus(2), np.inf), "smoothness must be positive"),
        (SobolevKernel(Torus(2), 2.0, 0.0), "length_scale must be positive"),
        (HeatKernel(Torus(3)), "group must act on the 3 features"),
        (PolynomialKernel(1.5), "degree must be a non-negative integer"),
    ],
)
def test_errors(base, message):
    with pytest.raises(ValueError, match=message):
        InvariantKernel(base, groups.Symmetric(2))(np.zeros((2, 2)))


def test_refusals():
    X = np.zeros((2, 2))
    with pytest.raises(NotApplicableError, match="needs a base kernel that is given by its spectr"):
        InvariantKernel(RBF(), groups.Symmetric(2), method="spectral")(X)
    heat = HeatKernel(Torus(2))
    with pytest.raises(TypeError, match="use method='spectral'"):
        InvariantKernel(heat, groups.Symmetric(2), method="sum")(X)
    with pytest.raises(NotApplicableError, match="no derivatives in the samples"):
        InvariantKernel(heat, groups.Symmetric(2)).gradient_x(X, X, [1.0, 1.0])
    with pytest.raises(TypeError, match="manifold must be a Manifold, got int"):
        HeatKernel(3)(X)
    with pytest.raises(ValueError, match="must lie on Sphere"):
        HeatKernel(Sphere(2))(X)
    with pytest.raises(ValueError, match="only be evaluated when Y is None"):
        heat(X, X, eval_gradient=True)
    assert not heat.is_stationary()
    basis = InvariantBasis(Torus(2), groups.Symmetric(2), max_level=10)
    assert heat.spectral_plan(groups.Symmetric(2)).n_features == basis.dimensions.sum()


def test_invariant_functions_are_kept_while_hyperparameters_change():
    for base in (HeatKernel(Torus(2), max_level=5), PolynomialKernel(3)):
        k = InvariantKernel(base, groups.Cyclic(2))
        X = Torus(2).random_points(4, 0)
        k(X)
        kept = base._kept
        k.theta = k.theta + 0.5
        changed = k(X)
        assert base._kept is kept
        np.testing.assert_array_equal(clone(k)(X), changed)
        other = InvariantKernel(base, groups.Trivial(2))
        assert other.plan().n_features > k.plan().n_features
