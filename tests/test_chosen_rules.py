"""A rule that samples have chosen: one for fit and prediction, and for what plan() tells."""

from __future__ import annotations

import copy
import pickle
import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, Matern, WhiteKernel
from sklearn.kernel_ridge import KernelRidge
from symkernel import InvariantKernel, InvariantKernelRidge, groups
from symkernel.exceptions import ApproximationWarning
from symkernel.kernels import ArcCosine, Quadrature
from symkernel.plans.base import BaseSpec
from symkernel.plans.quadrature import Quadrature as QuadraturePlan

CLOUDS = groups.SO(3).along(1, (4, 3))
NINE = groups.SO(3).along(1, (9, 3)) * groups.Symmetric(9).along(0, (9, 3))


def samples(group, n, seed=0, scale=0.3):
    return np.random.default_rng(seed).standard_normal((n, group.degree)) * scale


def degree(kernel):
    return kernel.plan().chosen[0]


# Kernels whose degree follows the data, by the bound and by measured errors.
KERNELS = (
    InvariantKernel(RBF(1.0), CLOUDS, "quadrature"),
    InvariantKernel(ArcCosine(2), CLOUDS, "quadrature"),
    InvariantKernel(RBF(1.0), NINE, "quadrature"),
)


@pytest.mark.parametrize("k", KERNELS, ids=repr)
def test_the_first_call_chooses_and_the_next_ones_follow(k):
    k = clone(k)
    X = samples(k.group, 8)
    assert k.plan().chosen is None and "degree chosen from the data" in str(k.plan())
    K = k(X)
    first = k.plan().chosen
    assert first[0] > 0
    assert k.plan().error < 1e-6 and f"error about {k.plan().error:.1e}" in str(k.plan())
    tiny = X[:3] / 20
    fixed = QuadraturePlan(k.plan().base, k.group, first[0], two_sided=first[1])
    np.testing.assert_array_equal(k(tiny, X), fixed.gram(tiny, X))
    np.testing.assert_array_equal(k.matvec(tiny, X, np.eye(8)), fixed.matvec(tiny, X, np.eye(8)))
    np.testing.assert_array_equal(k.diag(tiny), fixed.diag(tiny))
    k(tiny)
    assert k.plan().chosen == first
    np.testing.assert_array_equal(k(X), K)
    alone = clone(k)
    assert alone.plan().chosen is None
    alone(tiny)
    if isinstance(k.base, RBF):  # an arc-cosine kernel knows no length: angles choose its degree
        assert degree(alone) <= first[0]


def test_nothing_is_learnt_from_no_samples_and_from_zeros():
    plan = QuadraturePlan(BaseSpec("rbf", (1.0,)), CLOUDS)
    assert plan.gram(np.zeros((2, 12))).tolist() == [[1.0, 1.0], [1.0, 1.0]]
    assert plan.error == 1e-15 and plan.chosen is None
    assert plan.gram(np.zeros((0, 12))).shape == (0, 0)
    plan.gram(samples(CLOUDS, 3))
    assert plan.chosen is not None


def test_samples_that_the_rule_does_not_serve_choose_again():
    k = InvariantKernel(RBF(1.0), CLOUDS, "quadrature")
    small, large = samples(CLOUDS, 4, scale=0.02), samples(CLOUDS, 4, scale=0.6)
    k(small)
    first = degree(k)
    with pytest.warns(ApproximationWarning, match=f"quadrature of degree {first} .* above the"):
        k(large, small[:1] * 30)  # two sets: the rule stays
    assert degree(k) == first
    K = k(large)
    assert degree(k) > first and k.plan().error < 1e-6
    np.testing.assert_array_equal(K, InvariantKernel(RBF(1.0), CLOUDS, "quadrature")(large))


def test_changed_parameters_choose_anew():
    k = InvariantKernel(RBF(1.0), CLOUDS, "quadrature")
    X = samples(CLOUDS, 4)
    k(X)
    before, plan = degree(k), k.plan()
    assert k.plan() is plan
    k.theta = k.theta + 2.0
    assert k.plan() is not plan and k.plan().chosen is None
    k(X)
    assert degree(k) < before
    k.set_params(method=Quadrature(5))
    assert k.plan().chosen is None and "of degree 5" in str(k.plan())
    k.set_params(method="quadrature", base=Matern(nu=2.5))
    assert k.plan().base.name == "matern52"
    k.set_params(group=groups.O(3).along(1, (4, 3)))
    assert "O(3)" in str(k.plan())
    named = InvariantKernel(RBF(), "symmetric", method="closed_form")
    assert named.plan(3) is named.plan(3)
    assert named.plan(4) is not named.plan(3)
    assert "permanent" in str(named.plan(4))


@pytest.mark.parametrize("copied", [lambda k: pickle.loads(pickle.dumps(k)), copy.deepcopy])
@pytest.mark.parametrize("k", KERNELS, ids=repr)
def test_a_copy_keeps_the_rule_without_the_plan(k, copied):
    k = clone(k)
    assert copied(k).plan().chosen is None  # nothing to keep
    X = samples(k.group, 5)
    K = k(X)
    again = copied(k)
    assert again._remembered.plan is None
    assert "of degree" in str(again.plan())
    np.testing.assert_array_equal(again(X), K)
    tiny = X[:2] / 20
    np.testing.assert_array_equal(again(tiny, X), k(tiny, X))
    twice = copied(again)
    np.testing.assert_array_equal(twice(tiny, X), k(tiny, X))
    assert k == again and k.get_params().keys() == again.get_params().keys()
    assert len(pickle.dumps(k)) < 4000
    again.method = Quadrature(5)
    assert again.plan().chosen is None


@pytest.mark.parametrize("group", [CLOUDS, NINE], ids=repr)
@pytest.mark.parametrize("how", ["ridge", "process", "sklearn ridge"])
def test_a_regression_predicts_with_the_kernel_it_was_fitted_with(group, how):
    """On the training samples f = y - alpha c to rounding, if both matrices are of one rule."""
    X = samples(group, 12, scale=0.4)
    y = np.sin(np.linalg.norm(X, axis=1) * 3)
    k = InvariantKernel(RBF(0.9), group, "quadrature")
    if how == "ridge":
        model = InvariantKernelRidge(alpha=1e-9, kernel=k).fit(X, y)
        want = y - 1e-9 * model.dual_coef_
    elif how == "process":
        kernel = ConstantKernel(1.0) * k + WhiteKernel(1e-9)
        model = GaussianProcessRegressor(kernel, alpha=1e-9, optimizer=None).fit(X, y)
        want = y - 2e-9 * model.alpha_
    else:
        model = KernelRidge(alpha=1e-9, kernel=k).fit(X, y)
        want = y - 1e-9 * model.dual_coef_
    for predict in (model.predict, pickle.loads(pickle.dumps(model)).predict):
        np.testing.assert_allclose(predict(X), want, atol=1e-9)
        for i in range(len(X)):
            np.testing.assert_allclose(predict(X[i : i + 1]), want[i : i + 1], atol=1e-9)


def test_the_plan_of_a_fitted_model_knows_its_error():
    X = samples(CLOUDS, 6)
    model = InvariantKernelRidge(kernel=Matern(2.0, nu=0.5), group=CLOUDS)
    with pytest.warns(ApproximationWarning) as caught:
        model.fit(X, X[:, 0])
    assert len(caught) == 2  # none is exact; the tolerance is missed
    error = model.plan().error
    assert 1e-6 < error < 1 and f"error about {error:.1e}" in str(model.plan())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.predict(X)
        pickle.loads(pickle.dumps(model)).predict(X)
