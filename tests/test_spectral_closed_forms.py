"""Spectral kernels without a group: closed forms of whole levels, for every type of sample."""

import copy
import pickle

import numpy as np
import pytest
from sklearn.base import clone
from symkernel import InvariantKernel, groups
from symkernel.spectral import (
    SO3,
    HeatKernel,
    Product,
    SobolevKernel,
    Sphere,
    Torus,
    reproducing,
    search,
)
from symkernel.spectral.reproducing import ReproducingPlan

MANIFOLDS = [
    (Sphere(2), 7),
    (Sphere(3), 9),
    (Sphere(4), 6),
    (Sphere(7), 4),
    (SO3(), 5),
    (Torus(1, 3.0), 16),
    (Torus(2), 17),
    (Torus(3), 9),
    (Torus(5, 2 * np.pi), 4),
    (Product(Sphere(3), Sphere(3)), 14.0),
    (Product(Torus(2, 6.0), SO3()), 8.0),
]


def kernels(manifold, level):
    return [
        HeatKernel(manifold, 0.07, max_level=level),
        SobolevKernel(manifold, 5.5, 0.4, max_level=level),
    ]


@pytest.mark.parametrize(("manifold", "level"), MANIFOLDS, ids=str)
def test_levels_sum_to_what_their_functions_do(manifold, level):
    X, Y = manifold.random_points(6, 0), manifold.random_points(5, 1)
    Y[0] = X[0]
    levels = manifold.levels(level)
    sums = list(manifold._reproducing(X, Y, level))
    assert len(sums) == len(levels)
    for known, Z in zip(levels, sums, strict=True):
        own = manifold.eigenfunctions(X, known.level)
        expected = own @ manifold.eigenfunctions(Y, known.level).T
        np.testing.assert_allclose(Z, expected, rtol=0, atol=1e-11 * known.multiplicity)
        np.testing.assert_allclose(Z[0, 0], known.multiplicity, rtol=1e-12)


@pytest.mark.parametrize(("manifold", "level"), MANIFOLDS, ids=str)
def test_plans_agree(manifold, level, monkeypatch):
    trivial = groups.Trivial(manifold.n_features)
    X, Y = manifold.random_points(7, 0), manifold.random_points(4, 1)
    V = np.random.default_rng(2).standard_normal((4, 3))
    for kernel in kernels(manifold, level):
        by_functions = kernel._by_functions(trivial)
        plan = kernel.spectral_plan(trivial)
        few = manifold.count(level) <= manifold._pair_work(level)
        assert isinstance(plan, ReproducingPlan) != few
        assert plan.n_features == by_functions.n_features == manifold.count(level)
        monkeypatch.setattr(reproducing, "_BLOCK_ENTRIES", 40)
        scale = kernel.diag(X[:1])[0]
        near = {"rtol": 0, "atol": 1e-12 * scale}
        np.testing.assert_allclose(plan.gram(X, Y), by_functions.gram(X, Y), **near)
        np.testing.assert_allclose(plan.gram(X), by_functions.gram(X), **near)
        np.testing.assert_allclose(plan.diag(X), by_functions.diag(X), **near)
        np.testing.assert_allclose(plan.diag(X), np.diag(plan.gram(X)), rtol=1e-14)
        np.testing.assert_allclose(plan.matvec(X, Y, V), plan.gram(X, Y) @ V, rtol=0, atol=1e-9)
        np.testing.assert_allclose(plan.features(X) @ plan.features(Y).T, plan.gram(X, Y), **near)
        for mine, other in zip(plan.gradient(X), by_functions.gradient(X), strict=True):
            np.testing.assert_allclose(mine, other, rtol=0, atol=1e-11 * scale)
        for mine, other in zip(plan.diag_gradient(X), by_functions.diag_gradient(X), strict=True):
            np.testing.assert_allclose(mine, other, rtol=0, atol=1e-11 * scale)


def test_levels_that_no_list_of_functions_could_hold():
    X = Sphere(10).random_points(5, 0)
    kernel = HeatKernel(Sphere(10), 0.001, max_level=200)
    assert kernel.spectral_plan(groups.Trivial(10)).n_features > 10**12
    K = kernel(X)
    assert np.isfinite(K).all()
    assert np.linalg.eigvalsh(K).min() > 0


UNITS = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [-1, 0, 0], [0, -1, 0], [0, 0, -1]])
POSITIVE = UNITS[:3]


@pytest.mark.parametrize(
    "group", [None, groups.PointGroup("O"), groups.Trivial(3)], ids=["plain", "O", "trivial"]
)
@pytest.mark.parametrize("dtype", ["int64", "int8", "bool", "float16", "O", "longdouble"])
def test_every_real_type_counts_as_float(dtype, group):
    base = HeatKernel(Sphere(3), 0.3, max_level=8)
    kernel = base if group is None else InvariantKernel(base, group)
    exact = POSITIVE.astype(np.float64) if dtype == "bool" else UNITS.astype(np.float64)
    given = exact.astype(dtype)
    K, gradient = kernel(given, eval_gradient=True)
    expected, expected_gradient = kernel(exact, eval_gradient=True)
    np.testing.assert_array_equal(K, expected)
    np.testing.assert_array_equal(gradient, expected_gradient)
    np.testing.assert_array_equal(kernel(given), kernel(exact))
    np.testing.assert_array_equal(kernel.diag(given), kernel.diag(exact))
    fresh = Sphere(3).random_points(4, 0)
    np.testing.assert_array_equal(kernel(given, fresh), kernel(exact, fresh))
    np.testing.assert_array_equal(kernel(fresh, given), kernel(fresh, exact))
    if group is None and dtype != "bool":
        right = [3.68790629, 0.59510487, 0.59510487, 0.00978782, 0.59510487, 0.59510487]
        np.testing.assert_allclose(K[0], right, atol=1e-8)


def test_float32_stays_and_complex_is_refused():
    kernel = HeatKernel(Sphere(3), 0.3, max_level=8)
    single = Sphere(3).random_points(4, 0).astype(np.float32)
    assert kernel(single).dtype == kernel.diag(single).dtype == np.float32
    for refused in (kernel, kernel.diag, lambda X: Sphere(3).eigenfunctions(X, 1)):
        with pytest.raises(ValueError, match="must be real, got complex"):
            refused(UNITS.astype(complex))


def test_invariant_functions_are_found_once_for_all_copies(monkeypatch):
    calls = []
    found = Sphere.invariants

    def counted(self, group, level, tolerance=1e-9):
        calls.append(level)
        return found(self, group, level, tolerance)

    monkeypatch.setattr(search, "_KEPT", search._Kept())
    monkeypatch.setattr(Sphere, "invariants", counted)
    X = Sphere(3).random_points(4, 0)
    base = HeatKernel(Sphere(3), 0.3, max_level=6)
    kernel = InvariantKernel(base, groups.PointGroup("O"))
    K = kernel(X)
    assert calls == list(range(7))
    copies = [clone(kernel), copy.deepcopy(kernel), pickle.loads(pickle.dumps(kernel))]
    equal = InvariantKernel(HeatKernel(Sphere(3), 0.3, max_level=6), groups.PointGroup("O"))
    for each in [*copies, equal]:
        np.testing.assert_array_equal(each(X), K)
    assert calls == list(range(7))
    clone(kernel).set_params(base__max_level=8)(X)
    assert calls == list(range(9))
    InvariantKernel(base, groups.PointGroup("T"))(X)
    assert calls == [*range(9), *range(7)]


def test_what_is_kept_is_bounded(monkeypatch):
    monkeypatch.setattr(search, "_KEPT_BYTES", 5000)
    monkeypatch.setattr(search, "_KEPT", search._Kept())
    group = groups.PointGroup("O")
    for level in range(12):
        part = search.found_subspace(Sphere(3), group, level, 1e-9)
        assert search._KEPT._bytes <= 5000
    assert search.found_subspace(Sphere(3), groups.PointGroup("O"), 11, 1e-9) is part
    assert 0 < len(search._KEPT._found) < 12
