"""Standard deviations of predictions: those of scikit-learn's Gaussian processes, to 1e-8."""

from __future__ import annotations

import pickle

import catalog
import numpy as np
import pytest
from scipy.linalg import LinAlgWarning
from scipy.sparse import csr_matrix
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, Matern
from sklearn.metrics.pairwise import pairwise_kernels
from symkernel import InvariantKernel, InvariantKernelRidge, InvariantKernelRidgeCV, groups

RNG = np.random.default_rng(5)
X = RNG.normal(size=(30, 4))
T = np.concatenate([RNG.normal(size=(8, 4)), X[:2]])
Y = np.column_stack([X.max(axis=1), np.abs(X).sum(axis=1), X.prod(axis=1)])
WEIGHTS = RNG.uniform(0.2, 3.0, size=30)
G = groups.Cyclic(4)


def process(kernel, alpha, y, samples=X):
    return GaussianProcessRegressor(kernel, alpha=alpha, optimizer=None).fit(samples, y)


def assert_same(found, want):
    assert found[0].shape == want[0].shape and found[1].shape == want[1].shape
    np.testing.assert_allclose(found[0], want[0], rtol=0, atol=1e-8)
    np.testing.assert_allclose(found[1], want[1], rtol=0, atol=1e-8)


@pytest.mark.parametrize("case", catalog.CASES, ids=str)
def test_equal_to_gaussian_process(case):
    kernel = InvariantKernel(case.kernel, case.group)
    samples = catalog.samples(case.group, 12)
    rng = np.random.default_rng(2)
    y, tests = rng.normal(size=12), rng.normal(size=(5, case.group.degree))
    found = InvariantKernelRidge(0.1, kernel=kernel).fit(samples, y)
    want = process(kernel, 0.1, y, samples).predict(tests, return_std=True)
    scale = 1.0 + np.sqrt(kernel.diag(tests).max())  # polynomials reach thousands
    np.testing.assert_allclose(found.predict(tests, True)[1] / scale, want[1] / scale, atol=1e-8)


@pytest.mark.parametrize("group", [None, G, "symmetric"])
@pytest.mark.parametrize("kernel", [RBF(1.3), Matern(2.0, nu=1.5)])
@pytest.mark.parametrize("y", [Y[:, 0], Y], ids=["one target", "three"])
def test_shapes_are_those_of_scikit_learn(kernel, group, y):
    model = InvariantKernelRidge(0.05, kernel=kernel, group=group).fit(X, y)
    reference = kernel if group is None else InvariantKernel(kernel, group)
    want = process(reference, 0.05, y).predict(T, return_std=True)
    assert_same(model.predict(T, return_std=True), want)
    assert_same(model.predict(T, return_std=True), want)  # from the factor that was kept
    np.testing.assert_array_equal(model.predict(T), model.predict(T, return_std=True)[0])


@pytest.mark.parametrize("group", [None, G])
def test_one_alpha_for_each_target(group):
    alphas = [1e-3, 0.1, 2.0]
    model = InvariantKernelRidge(alphas, kernel=RBF(1.3), group=group).fit(X, Y)
    kernel = RBF(1.3) if group is None else InvariantKernel(RBF(1.3), group)
    want = [process(kernel, a, Y[:, i]).predict(T, True) for i, a in enumerate(alphas)]
    assert_same(
        model.predict(T, True), [np.column_stack(parts) for parts in zip(*want, strict=True)]
    )


@pytest.mark.parametrize("group", [None, G])
def test_weights_are_noise_of_each_sample(group):
    noise = RNG.uniform(0.01, 1.0, size=30)
    kernel = RBF(1.3) if group is None else InvariantKernel(RBF(1.3), group)
    want = process(kernel, noise, Y[:, 0]).predict(T, return_std=True)
    model = InvariantKernelRidge(0.3, kernel=RBF(1.3), group=group)
    assert_same(model.fit(X, Y[:, 0], 0.3 / noise).predict(T, True), want)
    # A weight of zero is absence, with several alphas (eigenvectors) and with one (Cholesky).
    weights = np.where(np.arange(30) < 7, 0.0, WEIGHTS)
    for alpha in (0.3, [0.3, 0.3, 0.5]):
        model = InvariantKernelRidge(alpha, kernel=RBF(1.3), group=group)
        without = model.fit(X[7:], Y[7:], weights[7:]).predict(T, True)
        assert_same(model.fit(X, Y, weights).predict(T, True), without)


@pytest.mark.parametrize(
    "kernel", ["rbf", "laplacian", "polynomial", "linear", "chi2", "cosine", "matern"]
)
def test_named_kernels_without_a_group(kernel):
    samples, tests = np.abs(X), np.abs(T)
    model = InvariantKernelRidge(0.2, kernel=kernel).fit(samples, Y[:, 0])
    if kernel == "matern":
        K, C, prior = model.kernel_(samples), model.kernel_(tests, samples), np.ones(len(tests))
    else:
        options = {"gamma": 1.0 if kernel == "chi2" else 0.25, "degree": 3, "coef0": 1}
        call = lambda A, B: pairwise_kernels(A, B, kernel, filter_params=True, **options)  # noqa: E731
        K, C, prior = call(samples, samples), call(tests, samples), call(tests, tests).diagonal()
    solved = np.linalg.solve(K + 0.2 * np.eye(30), C.T)
    want = np.sqrt(np.maximum(prior - np.einsum("mn,nm->m", C, solved), 0.0))
    np.testing.assert_allclose(model.predict(tests, True)[1], want, rtol=0, atol=1e-7)


def test_callables_sparse_samples_and_gram_matrices():
    dense = InvariantKernelRidge(0.2, gamma=0.3).fit(X, Y).predict(T, True)
    sparse = InvariantKernelRidge(0.2, gamma=0.3).fit(csr_matrix(X), Y)
    assert_same(sparse.predict(csr_matrix(T), True), dense)
    called = InvariantKernelRidge(0.2, kernel=lambda a, b: np.exp(-0.3 * ((a - b) ** 2).sum()))
    assert_same(called.fit(X, Y).predict(T, True), dense)
    given = InvariantKernelRidge(0.2, kernel="precomputed").fit(RBF()(X), Y)
    with pytest.raises(ValueError, match=r"return_std=True needs k\(x, x\).*precomputed"):
        given.predict(RBF()(T, X), return_std=True)


def test_normalized_targets_and_searches():
    plain = InvariantKernelRidge(0.1, kernel=RBF(1.3), group=G).fit(X, Y)
    raised = InvariantKernelRidge(0.1, kernel=RBF(1.3), group=G, normalize_y=True).fit(X, Y + 1e3)
    np.testing.assert_allclose(raised.predict(T, True)[1], plain.predict(T, True)[1], atol=1e-12)
    search = InvariantKernelRidgeCV(
        [0.1], length_scales=[1.3], kernel=RBF(), group=G, normalize_y=False
    ).fit(X, Y)
    assert_same(search.predict(T, True), plain.predict(T, True))


def test_invariant_and_monotone():
    model = InvariantKernelRidge(1e-6, gamma=0.3, group="symmetric").fit(X, Y[:, 0])
    _, std = model.predict(T, return_std=True)
    np.testing.assert_allclose(model.predict(T[:, ::-1], True)[1], std, atol=1e-7)
    assert (std[-2:] < 2e-3).all() and (std[:-2] > std[-2:].max()).all()  # the last are in X
    far = model.predict(T + 1e3, return_std=True)[1]
    np.testing.assert_allclose(far**2, model.kernel_.diag(T + 1e3))  # nothing is known there


def test_singular_systems():
    """The pseudo-inverse is meant: of samples that repeat, the distinct ones count."""
    repeated = np.concatenate([X, X[:, [1, 2, 3, 0]]])
    model = InvariantKernelRidge(0.0, gamma=0.3, group=G)
    once = model.fit(X, Y[:, 0]).predict(T, True)[1]
    with pytest.warns(LinAlgWarning, match="not positive definite"):
        model.fit(repeated, np.concatenate([Y[:, 0], Y[:, 0]]))
    np.testing.assert_allclose(model.predict(T, True)[1] ** 2, once**2, atol=1e-9)


def test_indefinite_kernels_are_told():
    model = InvariantKernelRidge(1e-2, kernel="sigmoid", gamma=2.0)
    with pytest.warns(LinAlgWarning, match="indefinite"):
        model.fit(X, Y[:, 0])
    with pytest.warns(UserWarning, match="not positive definite"):
        assert (model.predict(T, return_std=True)[1] >= 0).all()


def test_float32_and_pickles():
    model = InvariantKernelRidge(0.1, gamma=0.3, group=G).fit(X, Y)
    mean, std = model.predict(T, return_std=True)
    single = InvariantKernelRidge(0.1, gamma=0.3, group=G)
    single.fit(X.astype(np.float32), Y.astype(np.float32))
    found = single.predict(T.astype(np.float32), return_std=True)
    assert found[0].dtype == found[1].dtype == np.float32
    np.testing.assert_allclose(found[1], std, atol=1e-5)
    fresh = InvariantKernelRidge(0.1, gamma=0.3, group=G).fit(X, Y)
    assert len(pickle.dumps(model)) == len(pickle.dumps(fresh))  # without the factor
    assert_same(pickle.loads(pickle.dumps(model)).predict(T, True), (mean, std))
