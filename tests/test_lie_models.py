"""Derivatives of models: analytic, given, and by differences."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import (
    RBF,
    ConstantKernel,
    DotProduct,
    Matern,
    WhiteKernel,
)
from sklearn.kernel_ridge import KernelRidge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVR
from sklearn.tree import DecisionTreeRegressor
from symkernel import (
    InvariantKernel,
    InvariantKernelRidge,
    InvariantKernelRidgeCV,
    groups,
    lie,
)
from symkernel.exceptions import GradientError
from symkernel.lie.differentiable import as_differentiable

SYMMETRIC = InvariantKernel(RBF(1.5), groups.Symmetric(3))
MODELS = {
    "KernelRidge rbf": KernelRidge(kernel="rbf", gamma=0.3, alpha=1e-3),
    "KernelRidge rbf, default gamma": KernelRidge(kernel="rbf", alpha=1e-3),
    "KernelRidge laplacian": KernelRidge(kernel="laplacian", gamma=0.2, alpha=1e-2),
    "KernelRidge polynomial": KernelRidge(kernel="poly", degree=3, gamma=0.4, coef0=1, alpha=0.1),
    "KernelRidge linear": KernelRidge(kernel="linear", alpha=0.1),
    "KernelRidge object": KernelRidge(kernel=Matern([1.0, 2.0, 3.0], nu=2.5), alpha=1e-3),
    "KernelRidge invariant": KernelRidge(kernel=SYMMETRIC, alpha=1e-3),
    "GP": GaussianProcessRegressor(
        ConstantKernel(2.0) * Matern(2.0, nu=1.5) + WhiteKernel(1e-2),
        optimizer=None,
        normalize_y=True,
    ),
    "GP, sum": GaussianProcessRegressor(
        RBF(1.0) + 0.5 * DotProduct() + SYMMETRIC, optimizer=None, alpha=1e-2
    ),
    "SVR": SVR(C=10.0),
    "SVR object": SVR(kernel=SYMMETRIC, C=10.0),
    "ridge": InvariantKernelRidge(kernel="rbf", gamma=0.3, alpha=1e-3),
    "ridge, group": InvariantKernelRidge(kernel=RBF(1.0), group="symmetric", alpha=1e-3),
    "ridge, chosen": InvariantKernelRidgeCV(
        kernel="rbf", group="cyclic", alphas=[1e-3, 1e-2, 0.1, 1.0]
    ),
    "pipeline": make_pipeline(StandardScaler(), KernelRidge(kernel="rbf", gamma=0.3, alpha=1e-3)),
    "pipeline of one": make_pipeline(KernelRidge(kernel="rbf", gamma=0.3, alpha=1e-3)),
}


def data(n=60, d=3):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, d)) * [1.0, 2.0, 0.5]
    return X, np.sin(X).sum(axis=1) + 0.05 * rng.standard_normal(n)


@pytest.mark.filterwarnings("ignore::symkernel.exceptions.GridEdgeWarning")
@pytest.mark.parametrize("name", MODELS)
def test_gradients_of_kernel_machines_are_analytic(name):
    X, y = data()
    model = MODELS[name].fit(X, y)
    at = X[:7] + 0.05
    function = as_differentiable(model, X, (3,))
    assert function.how == "analytic, from the kernel"
    np.testing.assert_allclose(function.values(at)[:, 0], model.predict(at), atol=1e-9)
    slopes, h = function.jacobians(at), 1e-5
    assert slopes.shape == (7, 1, 3)
    for j in range(3):
        step = h * np.eye(3)[j]
        change = (model.predict(at + step) - model.predict(at - step)) / (2 * h)
        np.testing.assert_allclose(slopes[:, 0, j], change, atol=1e-6)


def test_several_outputs():
    X, y = data()
    model = KernelRidge(kernel="rbf", gamma=0.3, alpha=1e-3).fit(X, np.stack([y, y**2], axis=1))
    function = as_differentiable(model, X, (3,))
    slopes = function.jacobians(X[:4])
    step = 1e-5 * np.eye(3)[1]
    change = (model.predict(X[:4] + step) - model.predict(X[:4] - step)) / 2e-5
    np.testing.assert_allclose(slopes[:, :, 1], change, atol=1e-6)
    assert function.redraws(X[:5], 3, None, np.random.default_rng(0))[0].values.shape == (5, 2)


def test_redrawn_fits_are_fits():
    """With no noise at all a redrawn fit is the fit to the model's own predictions."""
    X, y = data()
    for model in (MODELS["KernelRidge rbf"], MODELS["GP"]):
        function = as_differentiable(model.fit(X, y), X, (3,))
        (again,) = function.redraws(X[:5], 1, 0.0, np.random.default_rng(0))
        if isinstance(model, KernelRidge):
            other = KernelRidge(kernel="rbf", gamma=0.3, alpha=1e-3).fit(X, model.predict(X))
            np.testing.assert_allclose(again.values[:, 0], other.predict(X[:5]), atol=1e-8)
        drawn = function.redraws(X, 40, 0.1, np.random.default_rng(0))
        spread = np.std([fit.values for fit in drawn], axis=0).mean()
        assert 0 < spread < 0.1  # smoothing leaves less than the noise


@pytest.mark.parametrize("alpha", [0.3, 1.0])
def test_noise_is_estimated(alpha):
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (400, 2))
    y = np.sin(2 * X[:, 0]) + 0.1 * rng.standard_normal(400)
    model = KernelRidge(kernel="rbf", gamma=1.0, alpha=alpha).fit(X, y)
    assert as_differentiable(model, X, (2,)).noise == pytest.approx(0.1, rel=0.15)


def test_other_models_get_differences_and_a_warning():
    X, y = data()
    model = KernelRidge(kernel="cosine", alpha=1.0).fit(X, y)
    with pytest.warns(UserWarning, match="finite differences"):
        function = as_differentiable(model, X, (3,))
    assert function.fitted and function.error < 1e-5
    with pytest.warns(UserWarning, match="the function are finite differences"):
        function = as_differentiable(lambda X: np.sin(X[:, 0]), X, (3,))
    slopes = function.jacobians(X)
    np.testing.assert_allclose(slopes[:, 0, 0], np.cos(X[:, 0]), atol=1e-9)
    assert not slopes[:, 0, 1:].any()


def test_steps_have_no_derivatives():
    X, _ = data()
    with pytest.raises(GradientError, match="no derivatives"):
        as_differentiable(lambda X: np.floor(1e5 * X[:, 0]) / 1e5, X, (3,))
    model = DecisionTreeRegressor().fit(X, X[:, 0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert not as_differentiable(model, X, (3,)).jacobians(X).any()


def test_given_gradients_are_checked():
    X, _ = data()
    good = as_differentiable((lambda X: (X**2).sum(1), lambda X: 2 * X), X, (3,))
    assert good.jacobians(X).shape == (60, 1, 3)
    with pytest.raises(GradientError, match="not that of the function"):
        as_differentiable((lambda X: (X**2).sum(1), lambda X: X), X, (3,))
    with pytest.raises(GradientError, match="shape"):
        as_differentiable((lambda X: (X**2).sum(1), lambda X: X[:, :2]), X, (3,))
    with pytest.raises(TypeError, match="pair"):
        as_differentiable((lambda X: X,), X, (3,))
    with pytest.raises(TypeError, match="model"):
        as_differentiable(3.0, X, (3,))
    with pytest.raises(ValueError, match="one row per sample"):
        as_differentiable(lambda X: X[:2], X, (3,))


def test_objects_with_their_own_jacobian():
    class Fitted:
        def predict(self, X):
            return X[:, 0] ** 2

        def jacobian(self, X):
            return X * [2.0, 0, 0]

    X, _ = data()
    function = as_differentiable(Fitted(), X, (3,))
    assert function.how == "given" and function.fitted
    np.testing.assert_array_equal(function.jacobians(X)[:, 0], X * [2.0, 0, 0])


def test_regressors_in_a_dictionary():
    class Fitted:
        dictionary_ = lie.monomials(2)
        coef_ = np.array([0.0, 0, 0, 0, 1.0, 0, 0, 1.0, 0, 1.0])

        def predict(self, X):
            return (X**2).sum(axis=1)

    X, _ = data()
    function = as_differentiable(Fitted(), X, (3,))
    assert function.fitted and "dictionary" in function.how
    np.testing.assert_allclose(function.jacobians(X)[:, 0], 2 * X, atol=1e-12)
    found = lie.discover(Fitted(), X, lie.affine(3))
    assert found.angle(lie.special_orthogonal(3)) < 1e-7 and "gap" in found.reason
