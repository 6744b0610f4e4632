"""The options of a method belong to the method, and the text of a kernel makes it again."""

from __future__ import annotations

import pickle
from math import inf

import numpy as np
import pytest
import sklearn.gaussian_process.kernels as skl
import symkernel.kernels
import symkernel.spectral
from catalog import GROUPS, KERNELS, leaves_invariant
from sklearn.base import clone
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, Matern, WhiteKernel
from sklearn.model_selection import GridSearchCV
from symkernel import InvariantKernel, InvariantKernelRidge, groups
from symkernel.exceptions import NotApplicableError
from symkernel.kernels import Laplacian, Polynomial, Quadrature, Sample, VonMises
from symkernel.spectral import HeatKernel, PolynomialKernel, SobolevKernel, Sphere

CLOUDS = groups.SO(3).along(1, (4, 3))
X = np.random.default_rng(0).standard_normal((5, 12))

NAMES = {
    name: value
    for module in (skl, symkernel.spectral, groups, symkernel.kernels)
    for name, value in vars(module).items()
    if not name.startswith("_")
} | {"inf": inf}


def test_a_degree_is_that_of_the_quadrature():
    k = InvariantKernel(RBF(1.0), CLOUDS, Quadrature(degree=7))
    assert "of degree 7" in str(k.plan())
    ridge = InvariantKernelRidge(group=CLOUDS, kernel="rbf", method=Quadrature(7), degree=2)
    ridge.fit(X, X[:, 0])
    assert "of degree 7" in str(ridge.kernel_.plan())
    assert ridge.kernel_.method == Quadrature(7)


@pytest.mark.parametrize(
    ("name", "method"), [("quadrature", Quadrature()), ("sample", Sample(32, random_state=0))]
)
def test_a_name_means_the_defaults(name, method):
    named, told = (InvariantKernel(RBF(1.0), CLOUDS, given) for given in (name, method))
    np.testing.assert_array_equal(named(X), told(X))


def test_samples_and_seeds_change_the_kernel():
    values = [
        InvariantKernel(RBF(2.0), CLOUDS, method)(X)
        for method in (Sample(8), Sample(9), Sample(8, random_state=1), Sample(8))
    ]
    assert not np.array_equal(values[0], values[1])
    assert not np.array_equal(values[0], values[2])
    np.testing.assert_array_equal(values[0], values[3])


@pytest.mark.parametrize("option", ["degree", "n_samples", "random_state"])
def test_what_a_method_ignores_is_refused(option):
    with pytest.raises(TypeError, match=option):
        InvariantKernel(RBF(1.0), CLOUDS, method="sum", **{option: 9})
    with pytest.raises(ValueError, match=f"Invalid parameter {option}"):
        InvariantKernel(RBF(1.0), CLOUDS).set_params(**{option: 9})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Quadrature(-1), "degree must be an integer of at least 0, got -1"),
        (lambda: Quadrature(2.5), "degree must be an integer"),
        (lambda: Quadrature(True), "degree must be an integer"),
        (lambda: Sample(0), "n_samples must be an integer of at least 1, got 0"),
        (lambda: Sample(-5), "n_samples must be an integer"),
        (lambda: Sample("8"), "n_samples must be an integer"),
        (lambda: Sample(8, None), "random_state must be an integer"),
        (lambda: Sample(8, -1), "random_state must be an integer of at least 0"),
    ],
)
def test_options_are_checked_where_they_are_made(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_no_method_at_all():
    with pytest.raises(TypeError, match=r"method must be a name, Quadrature\(degree\) or Sample"):
        InvariantKernel(RBF(), CLOUDS, method=7)(X)
    with pytest.raises(ValueError, match="method='quadratur' is unknown"):
        InvariantKernel(RBF(), CLOUDS, method="quadratur")(X)
    with pytest.raises(NotApplicableError, match="needs a base kernel that is given by its spect"):
        InvariantKernel(RBF(), CLOUDS, method="spectral")(X)


def test_options_are_values():
    method = Sample(np.int64(64), random_state=np.uint8(3))
    assert repr(method) == "Sample(n_samples=64, random_state=3)"
    assert {method, Sample(64, 3)} == {method}
    assert method != Sample(64) and Quadrature(3) != Quadrature()
    for copied in (clone, pickle.loads):
        given = method if copied is clone else pickle.dumps(method)
        assert (copied(given, safe=False) if copied is clone else copied(given)) == method
    with pytest.raises(AttributeError):
        method.n_samples = 3
    k = InvariantKernel(RBF(), CLOUDS, method)
    assert clone(k) == k and clone(k).method == method


def test_a_grid_over_methods():
    model = InvariantKernelRidge(kernel="rbf", group=CLOUDS)
    grid = {"method": [Quadrature(3), Quadrature(9), "closed_form"]}
    search = GridSearchCV(model, grid, cv=2).fit(X, X[:, 0] ** 2)
    assert search.best_params_["method"] in grid["method"]


# ---- text --------------------------------------------------------------------------------------

THIRD = 1.0 / 3.0
BASES = [
    *KERNELS.values(),
    RBF(np.float64(THIRD), (1e-3, 7.0)),
    RBF([THIRD, 2.0, 2.0], "fixed"),
    RBF(np.array([THIRD, 1.0]), [(1e-3, 1.0), (1e-2, THIRD)]),
    Matern(THIRD, nu=inf),
    Matern(nu=THIRD),
    skl.RationalQuadratic(THIRD, alpha=1e-9, alpha_bounds="fixed"),
    skl.DotProduct(0.0, sigma_0_bounds="fixed"),
    Polynomial(2, THIRD, coef0_bounds=(0.1, THIRD)),
    Laplacian(THIRD, "fixed"),
    VonMises(THIRD, (1e-2, 3.0)),
    HeatKernel(Sphere(3), THIRD, max_level=7),
    SobolevKernel(Sphere(4), 2.0, THIRD, max_level=inf, length_scale_bounds="fixed"),
    PolynomialKernel(2, THIRD),
]


def again(kernel):
    return eval(repr(kernel), dict(NAMES))


@pytest.mark.parametrize("base", BASES, ids=repr)
def test_text_makes_the_kernel_again(base):
    if type(base).__module__.startswith("symkernel"):
        assert again(base) == base
    for group in (
        "symmetric",
        groups.Symmetric(3),
        CLOUDS * groups.Translations(3).along(1, (4, 3)),
    ):
        k = InvariantKernel(base, group)
        assert again(k) == k
        assert repr(again(k)) == repr(k)


@pytest.mark.parametrize("name", GROUPS)
def test_text_names_every_group(name):
    k = InvariantKernel(RBF(THIRD), GROUPS[name], Sample(7), normalize=True, device="cpu")
    if "<" not in repr(GROUPS[name]):  # many generators are counted, not listed
        assert again(k) == k


def test_text_tells_kernels_apart():
    words = [
        {},
        {"method": "sum"},
        {"method": "quadrature"},
        {"method": Quadrature(3)},
        {"method": Sample()},
        {"method": Sample(33)},
        {"method": Sample(random_state=1)},
        {"normalize": True},
        {"device": "cpu"},
    ]
    kernels = [InvariantKernel(RBF(1.0), CLOUDS, **given) for given in words]
    kernels += [InvariantKernel(base, CLOUDS) for base in BASES]
    kernels += [InvariantKernel(RBF(1.0 + 2e-16), CLOUDS), InvariantKernel(RBF(1.0001), CLOUDS)]
    assert len({repr(k) for k in kernels}) == len(kernels)


# ---- setting parameters ------------------------------------------------------------------------


def test_a_new_base_and_its_parameters_in_one_call():
    for params in (
        {"base": Matern(), "base__nu": 2.5},
        {"base__nu": 2.5, "base": Matern()},
    ):
        k = InvariantKernel(RBF(), "cyclic").set_params(**params)
        assert k.base == Matern(nu=2.5)
    k.set_params(base=RBF(), base__length_scale=3.0, group="symmetric", method=Sample(3))
    assert k == InvariantKernel(RBF(3.0), "symmetric", Sample(3))
    with pytest.raises(ValueError, match="Invalid parameter nu for kernel RBF"):
        k.set_params(base__nu=1.5)
    assert k.set_params() is k


def test_a_new_base_inside_of_sums_and_products():
    k = ConstantKernel() * InvariantKernel(RBF(), "cyclic") + WhiteKernel()
    k.set_params(k1__k2__base=Matern(), k1__k2__base__nu=2.5, k2__noise_level=0.1)
    assert k.k1.k2 == InvariantKernel(Matern(nu=2.5), "cyclic")
    process = skl_process(k)
    process.set_params(kernel__k1__k2__base=Matern(2.0), kernel__k1__k2__base__nu=0.5)
    assert process.kernel.k1.k2.base == Matern(2.0, nu=0.5)


def skl_process(kernel):
    from sklearn.gaussian_process import GaussianProcessRegressor

    return GaussianProcessRegressor(kernel)


@pytest.mark.parametrize("name", KERNELS)
def test_every_base_says_the_same_as_its_text(name):
    group = next(G for G in GROUPS.values() if leaves_invariant(G, name) or not G.is_finite)
    k = InvariantKernel(KERNELS[name], group)
    Z = np.random.default_rng(1).standard_normal((4, group.degree))
    np.testing.assert_array_equal(again(k)(Z), k(Z))
