"""Kernels of canonical forms: invariant, positive semidefinite, with the gradients they have."""

from __future__ import annotations

import numpy as np
import pytest
from catalog import GROUPS, KERNELS, samples
from oracles import base_kernel
from scipy.optimize import check_grad
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, Matern, WhiteKernel
from symkernel import InvariantKernel, InvariantKernelRidge, groups
from symkernel.canonical import canonical_form
from symkernel.exceptions import NotApplicableError

FINITE = {name: G for name, G in GROUPS.items() if G.is_finite}
CLOUD = (4, 3)
MOTIONS = groups.SE(3).along(1, CLOUD)
CENTRED = groups.Translations(3).along(1, CLOUD) * groups.Symmetric(4).along(0, CLOUD)


def moved(group, X, seed=1):
    return np.stack([g.apply(x) for g, x in zip(group.sample(len(X), seed), X, strict=True)])


@pytest.mark.parametrize("name", FINITE)
def test_base_kernel_of_representatives(name):
    group = FINITE[name]
    X, Y = samples(group, 12, 1), samples(group, 7, 2)
    k = InvariantKernel(RBF(1.3), group, method="canonical")
    C, D = (canonical_form(group).representatives(Z) for Z in (X, Y))
    np.testing.assert_allclose(k(X, Y), base_kernel(RBF(1.3), C, D), atol=1e-13)
    np.testing.assert_allclose(k(moved(group, X), Y), k(X, Y), atol=1e-13)
    K = k(X)
    np.testing.assert_array_equal(K, K.T)
    assert np.linalg.eigvalsh(K).min() > -1e-12
    np.testing.assert_allclose(k.diag(X), K.diagonal(), atol=1e-14)
    V = np.random.default_rng(3).standard_normal((7, 2))
    np.testing.assert_allclose(k.matvec(X, Y, V), k(X, Y) @ V, atol=1e-12)


@pytest.mark.parametrize("name", KERNELS)
def test_every_base_kernel(name):
    group = GROUPS["dihedral"]
    X = samples(group, 9, 4)
    k = InvariantKernel(KERNELS[name], group, method="canonical")
    C = canonical_form(group).representatives(X)
    if name == "von_mises":  # the form is that of the points (cos, sin), not of the angles
        np.testing.assert_allclose(k(moved(group, X), X), k(X), atol=1e-12)
        return
    np.testing.assert_allclose(k(X), base_kernel(KERNELS[name], C, C), atol=1e-10)
    _, gradient = k(X, eval_gradient=True)
    plain = InvariantKernel(KERNELS[name], groups.Trivial(5))
    np.testing.assert_array_equal(gradient, plain(C, eval_gradient=True)[1])


def test_normalised_and_single_precision():
    group = GROUPS["S3 x C5"]
    X = samples(group, 8, 5, dtype=np.float32)
    k = InvariantKernel(KERNELS["polynomial"], group, method="canonical", normalize=True)
    K = k(X)
    assert K.dtype == np.float32
    np.testing.assert_allclose(K.diagonal(), 1.0)
    np.testing.assert_allclose(K, k(X.astype(float)), atol=1e-5)


@pytest.mark.parametrize("group", [MOTIONS, CENTRED, groups.O(3)], ids=["SE", "T x S4", "O"])
def test_continuous_groups(group):
    X = np.random.default_rng(6).standard_normal((10, group.degree))
    k = InvariantKernel(Matern(2.0, nu=2.5), group, method="canonical")
    np.testing.assert_allclose(k(moved(group, X), X), k(X), atol=1e-9)
    assert np.linalg.eigvalsh(k(X)).min() > -1e-12


def test_the_plan_says_what_it_is():
    text = str(InvariantKernel(RBF(), groups.Cyclic(5), method="canonical").plan())
    assert "base kernel of the representatives" in text
    assert "method='canonical', an invariant kernel of its own, not the group average" in text
    text = str(InvariantKernel(RBF(), CENTRED, method="canonical").plan())
    assert "centre along axis 1" in text and "not the group average" in text
    plan = InvariantKernel(RBF(), "cyclic", method="canonical").plan(4)
    assert "not the group average" in plan._repr_html_()
    assert InvariantKernel(RBF(), groups.Cyclic(5)).plan().method != "canonical"


@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("group", [*FINITE.values(), CENTRED], ids=[*FINITE, "T x S4"])
def test_gradients_in_samples(group, normalize):
    X = np.random.default_rng(7).standard_normal((5, group.degree))
    x = np.random.default_rng(8).standard_normal(group.degree)
    w = np.array([1.0, -0.5, 0.3, 0.8, -1.2])
    k = InvariantKernel(KERNELS["polynomial"], group, method="canonical", normalize=normalize)
    found = check_grad(
        lambda z: float((k(z[None], X) @ w)[0]), lambda z: k.gradient_x(z[None], X, w)[0], x
    )
    assert found < 1e-5 * max(1.0, np.abs(k.gradient_x(x[None], X, w)).max())
    g = group.sample(1, random_state=3)[0]
    turned = g.apply(k.gradient_x(x[None], X, w)[0]) - g.apply(np.zeros_like(x))
    np.testing.assert_allclose(k.gradient_x(g.apply(x)[None], X, w)[0], turned, atol=1e-9)


def test_no_gradient_through_a_frame():
    X = np.random.default_rng(9).standard_normal((5, 12))
    k = InvariantKernel(RBF(), MOTIONS, method="canonical")
    with pytest.raises(NotApplicableError, match=r"depends on the sample.*method='auto'"):
        k.gradient_x(X, X, np.ones(5))


def test_learners():
    rng = np.random.default_rng(10)
    X = rng.normal(size=(60, 4))
    y = np.sort(X, axis=1) @ np.array([1.0, -1.0, 2.0, 0.5])
    k = InvariantKernel(RBF(3.0), "symmetric", method="canonical")
    process = GaussianProcessRegressor(k + WhiteKernel(1e-3, "fixed"), normalize_y=True).fit(X, y)
    assert process.kernel_.k1.base.length_scale != 3.0  # chosen by the gradients
    np.testing.assert_allclose(process.predict(X[:, ::-1]), process.predict(X), atol=1e-9)
    ridge = InvariantKernelRidge(1e-3, group="symmetric", method="canonical", gamma=0.1).fit(X, y)
    assert ridge.plan().method == "canonical"
    np.testing.assert_allclose(ridge.predict(X[:, ::-1]), ridge.predict(X), atol=1e-12)
    assert ridge.score(rng.permuted(X, axis=1), y) > 0.99
