"""The power exponential kernel: values, gradients and limits, over every instruction set."""

from __future__ import annotations

import numpy as np
import oracles
import pytest
from catalog import GROUPS, samples
from numpy.testing import assert_allclose
from sklearn.base import clone
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, Matern
from symkernel import InvariantKernel, groups
from symkernel.backends import cpu
from symkernel.exceptions import ApproximationWarning, NotApplicableError
from symkernel.expressions import evaluate
from symkernel.kernels import PowerExponential

ISAS = cpu.info()["available_isas"]
EXPONENTS = (0.3, 1.0, 1.7, 2.0)
PERMUTATIONS = ("cyclic", "hyperoctahedral", "translations")
RNG = np.random.default_rng(0)


@pytest.fixture(params=ISAS)
def isa(request):
    before = cpu.info()["isa"]
    cpu.set_isa(request.param)
    yield request.param
    cpu.set_isa(before)


def differences(f, at, step):
    """Derivatives of f by central differences of fourth order, along each of the steps."""
    columns = [
        (8 * (f(at + h) - f(at - h)) - f(at + 2 * h) + f(at - 2 * h)) / (12 * step)
        for h in step * np.eye(len(at))
    ]
    return np.stack(columns, axis=-1)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("exponent", EXPONENTS)
@pytest.mark.parametrize("name", PERMUTATIONS)
def test_values(isa, name, exponent, dtype):
    group = GROUPS[name]
    X, Y = samples(group, 19, seed=1, dtype=dtype), samples(group, 35, seed=2, dtype=dtype)
    Y[5] = X[0]  # coincident pairs come from differences, whatever the exponent
    for length in (1.3, 40.0, 0.02):
        base = PowerExponential(length, exponent=exponent)
        k = InvariantKernel(base, group)
        want = oracles.orbit_mean(base, group, X, Y)
        tolerance = 2e-13 if dtype == np.float64 else 4e-6
        assert np.abs(k(X, Y) - want).max() <= tolerance
        assert np.abs(k(X) - oracles.orbit_mean(base, group, X, X)).max() <= tolerance
        assert k(X, Y).dtype == dtype


@pytest.mark.parametrize("length", [1.3, [0.8, 1.4, 2.0]])
def test_it_is_the_rbf_and_the_exponential_kernel(isa, length):
    X = RNG.normal(size=(20, 3))
    length = np.asarray(length)
    for exponent, same in ((2.0, RBF(length / np.sqrt(2.0))), (1.0, Matern(length, nu=0.5))):
        k = PowerExponential(length, exponent=exponent)
        K, gradient = k(X, eval_gradient=True)
        want, slopes = same(X, eval_gradient=True)
        assert_allclose(K, want, atol=1e-14)
        assert_allclose(gradient[:, :, 1:], slopes, atol=1e-13)
        W = RNG.normal(size=(20, 2))
        ours, theirs = (InvariantKernel(b, groups.Trivial(3)) for b in (k, same))
        assert_allclose(ours.gradient_x(X, X, W), theirs.gradient_x(X, X, W), atol=1e-11)


@pytest.mark.parametrize("exponent", EXPONENTS[:-1])
@pytest.mark.parametrize("method", ["sum", "fourier"])
@pytest.mark.parametrize("length", [1.3, [0.8, 0.8, 0.8, 1.4, 1.4, 1.4]])
def test_gradients_for_hyperparameters(isa, exponent, method, length):
    group = groups.Cyclic(3).along(1, (2, 3))
    k = InvariantKernel(PowerExponential(length, exponent=exponent), group, method=method)
    X = samples(group, 9, seed=3)
    K, gradient = k(X, eval_gradient=True)
    assert gradient.shape == (9, 9, 1 + len(np.unique(length)))
    want = differences(lambda theta: k.clone_with_theta(theta)(X), k.theta, 1e-3)
    assert_allclose(gradient, want, atol=1e-9)
    assert_allclose(K, k(X), atol=1e-14)
    single = k(X.astype(np.float32), eval_gradient=True)[1]
    assert single.dtype == np.float32
    assert_allclose(single, gradient, atol=5e-5)


@pytest.mark.parametrize("exponent", EXPONENTS)
@pytest.mark.parametrize("name", PERMUTATIONS)
def test_gradients_in_samples(isa, name, exponent):
    group = GROUPS[name]
    base = PowerExponential(1.6, exponent=exponent)
    X, Y = samples(group, 9, seed=1), samples(group, 20, seed=2)
    Y[5] = X[0]  # a kink, or a place where the gradient vanishes
    W = RNG.normal(size=(20, 2))
    want, scale = oracles.orbit_gradient(base, group, X, Y, W)
    for method in ("sum", "auto"):
        k = InvariantKernel(base, group, method=method)
        assert np.abs(k.gradient_x(X, Y, W) - want).max() <= 1e-11 * scale.max()
    x = X[4]
    around = differences(lambda z: k.matvec(z[None], Y, W)[0], x, 1e-4)
    assert_allclose(k.gradient_x(x[None], Y, W)[0], around, atol=1e-7)


def test_samples_that_nearly_coincide(isa):
    x = np.array([[1.0, 2.0, 3.0]])
    group = groups.Symmetric(3)
    for exponent in (0.5, 1.0, 1.5):
        base = PowerExponential(1.0, exponent=exponent)
        for distance in (1e-3, 1e-7, 1e-11):
            y = x[:, ::-1] + distance * np.array([1.0, -0.5, 0.25])
            got = InvariantKernel(base, group)(x, y)
            assert_allclose(got, oracles.orbit_mean(base, group, x, y), rtol=1e-14)


def test_rotations_have_no_closed_form_and_a_quadrature():
    group = groups.SO(3).along(1, (4, 3))
    base = PowerExponential(2.5, exponent=1.6)
    for closed, reason in (
        (group, "kink at distance 0"),
        (groups.Symmetric(12), "no rule is known"),
    ):
        with pytest.raises(NotApplicableError, match=reason):
            InvariantKernel(base, closed, method="closed_form").plan()
    with pytest.warns(ApproximationWarning):
        plan = InvariantKernel(base, group).plan()
    assert plan.method == "quadrature"
    X = RNG.normal(size=(4, 12))
    k = InvariantKernel(base, group, method="quadrature")
    turned = np.stack([g.apply(x) for g, x in zip(group.sample(4, 0), X, strict=True)])
    with pytest.warns(ApproximationWarning):
        error = np.abs(k(turned, X) - k(X)).max()
    assert error < 1e-2


def test_it_is_a_scikit_learn_kernel():
    k = PowerExponential(1.5, exponent=0.8)
    assert clone(k).get_params() == k.get_params()
    assert [h.name for h in k.hyperparameters] == ["exponent", "length_scale"]
    assert_allclose(np.exp(k.theta), [0.8, 1.5])
    assert k.is_stationary() and evaluate(repr(k)) == k
    X = RNG.normal(size=(40, 3))
    y = np.exp(-np.abs(X).sum(axis=1))
    model = GaussianProcessRegressor(
        InvariantKernel(PowerExponential(), "symmetric"), alpha=1e-6, random_state=0
    ).fit(X, y)
    start = model.log_marginal_likelihood(InvariantKernel(PowerExponential(), "symmetric").theta)
    assert model.log_marginal_likelihood_value_ > start
    assert 0.1 <= model.kernel_.base.exponent <= 2.0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"exponent": 2.01}, "exponent must be at most 2, got 2.01"),
        ({"exponent": 0.0}, "exponent must be positive and finite, got 0.0"),
        ({"length_scale": -1.0}, "length_scale must be positive and finite, got -1.0"),
        ({"length_scale": [1.0, 2.0]}, "length_scale has shape"),
    ],
)
def test_what_is_refused(words, message):
    with pytest.raises(ValueError, match=message):
        PowerExponential(**words)(np.ones((2, 3)))
