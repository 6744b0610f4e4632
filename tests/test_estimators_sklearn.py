"""The drop-in rule: group=None is scikit-learn's KernelRidge, number for number."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csc_matrix, csr_matrix
from sklearn.gaussian_process.kernels import (
    RBF,
    ConstantKernel,
    DotProduct,
    Matern,
    RationalQuadratic,
    WhiteKernel,
)
from sklearn.kernel_ridge import KernelRidge
from sklearn.metrics.pairwise import rbf_kernel
from symkernel import InvariantKernel, InvariantKernelRidge, groups
from symkernel.estimators import _kernel

RNG = np.random.default_rng(5)
X = RNG.uniform(0.1, 1.0, size=(40, 6))  # positive: the chi2 kernels ask for that
T = RNG.uniform(0.1, 1.0, size=(15, 6))
Y = RNG.normal(size=(40, 3))
WEIGHTS = RNG.uniform(0.0, 3.0, 40)
WEIGHTS[4] = 0.0


def manhattan(x, y, scale=1.0):
    return np.exp(-np.abs(x - y).sum() / scale)


KERNELS = {
    **{
        name: {"kernel": name}
        for name in ("rbf", "laplacian", "poly", "polynomial", "linear", "cosine", "sigmoid")
    },
    "chi2": {"kernel": "chi2", "gamma": 1.0},
    "additive_chi2": {"kernel": "additive_chi2", "alpha": 60.0},  # negative definite
    "rbf gamma": {"kernel": "rbf", "gamma": 2.5},
    "polynomial all": {"kernel": "polynomial", "gamma": 0.3, "degree": 2, "coef0": 0.5},
    "polynomial real degree": {"kernel": "polynomial", "degree": 1.5},
    "sigmoid all": {"kernel": "sigmoid", "gamma": 0.2, "coef0": -0.3},
    "callable": {"kernel": manhattan},
    "callable with parameters": {"kernel": manhattan, "kernel_params": {"scale": 3.0}},
    "Matern": {"kernel": Matern(0.7, nu=2.5)},
    "RationalQuadratic": {"kernel": RationalQuadratic(0.7, 0.5)},
    "DotProduct": {"kernel": DotProduct(0.5)},
    "anisotropic": {"kernel": RBF([0.5, 1, 2, 1, 1, 3])},
    "sum": {"kernel": ConstantKernel(2.0) * RBF(0.8) + WhiteKernel(0.1)},
    "invariant": {"kernel": InvariantKernel(RBF(0.8), groups.Cyclic(6))},
    "composed invariant": {
        "kernel": ConstantKernel(2.0) * InvariantKernel(RBF(0.8), "dihedral") + DotProduct(0.1)
    },
}


def both(X, y, T, sample_weight=None, **parameters):
    parameters = {"alpha": 0.5, "kernel": "rbf", **parameters}
    ours = InvariantKernelRidge(**parameters).fit(X, y, sample_weight)
    theirs = KernelRidge(**parameters).fit(X, y, sample_weight)
    return ours, ours.predict(T), theirs, theirs.predict(T)


def assert_same(ours, got, theirs, want, tolerance=1e-10):
    assert got.shape == want.shape and got.dtype == want.dtype
    scale = np.abs(theirs.dual_coef_).max()
    np.testing.assert_allclose(ours.dual_coef_, theirs.dual_coef_, atol=tolerance * scale)
    np.testing.assert_allclose(got, want, atol=tolerance * max(scale, np.abs(want).max()))


@pytest.mark.filterwarnings("ignore:Singular matrix:UserWarning")
@pytest.mark.filterwarnings("ignore::scipy.linalg.LinAlgWarning")  # cosine & co. are indefinite
@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["plain", "weighted"])
@pytest.mark.parametrize("targets", [1, 3])
@pytest.mark.parametrize("name", KERNELS)
def test_every_kernel(name, targets, weights):
    y = Y[:, 0] if targets == 1 else Y
    assert_same(*both(X, y, T, weights, **KERNELS[name]))


@pytest.mark.parametrize("weights", [None, WEIGHTS, 2.5, 3])
@pytest.mark.parametrize("alpha", [0.1, [0.1], [0.1, 1.0, 0.1], np.array([3.0, 0.2, 0.01])])
def test_alpha_per_target(alpha, weights):
    assert_same(*both(X, Y, T, weights, alpha=alpha))


def test_precomputed():
    K, before = rbf_kernel(X), rbf_kernel(X)
    assert_same(*both(K, Y, rbf_kernel(T, X), WEIGHTS, kernel="precomputed"))
    assert (before == K).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64, int])
@pytest.mark.parametrize("y_dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kernel", ["rbf", "linear"])
def test_dtypes(dtype, y_dtype, kernel):
    A, B = (10 * X).astype(dtype), (10 * T).astype(dtype)
    single = np.float32 in (dtype, y_dtype)
    parameters = {"alpha": 5.0, "kernel": kernel, "gamma": 0.01}
    assert_same(*both(A, Y.astype(y_dtype), B, **parameters), tolerance=1e-4 if single else 1e-10)


@pytest.mark.parametrize("kind", [csr_matrix, csc_matrix])
@pytest.mark.parametrize("kernel", ["rbf", "linear", "polynomial", "laplacian", "cosine"])
def test_sparse(kind, kernel):
    A, B = kind(np.where(X > 0.5, X, 0)), kind(np.where(T > 0.5, T, 0))
    assert_same(*both(A, Y, B, kernel=kernel))


@pytest.mark.parametrize("kind", [np.asarray, csr_matrix, csc_matrix])
def test_prediction_in_blocks_of_rows(kind, monkeypatch):
    monkeypatch.setattr(_kernel, "_BLOCK_ENTRIES", 4 * len(X))
    assert_same(*both(kind(X), Y, kind(T)))


def test_data_frames():
    names = [f"feature {i}" for i in range(6)]
    frame, test = pd.DataFrame(X, columns=names), pd.DataFrame(T, columns=names)
    ours, got, _, want = both(frame, Y[:, 0], test)
    assert ours.feature_names_in_.tolist() == names and ours.n_features_in_ == 6
    np.testing.assert_allclose(got, want, atol=1e-10)
    with pytest.raises(ValueError, match="feature names should match"):
        ours.predict(test.rename(columns={"feature 0": "other"}))


def test_default_gamma_of_chi2():
    """KernelRidge fails here, for it hands gamma=None on; chi2_kernel's own default is 1."""
    given = InvariantKernelRidge(kernel="chi2", gamma=1.0).fit(X, Y).predict(T)
    np.testing.assert_array_equal(InvariantKernelRidge(kernel="chi2").fit(X, Y).predict(T), given)


def test_threads_do_not_change_the_numbers():
    one = InvariantKernelRidge(n_jobs=1).fit(X, Y).predict(T)
    two = InvariantKernelRidge(n_jobs=2).fit(X, Y).predict(T)
    np.testing.assert_allclose(one, two, atol=1e-12)


@pytest.mark.parametrize("name", ["matern", "arc_cosine"])
def test_names_that_scikit_learn_lacks(name):
    """Comparing a group with none needs the same names on both sides."""
    plain = InvariantKernelRidge(0.1, kernel=name).fit(X, Y)
    trivial = InvariantKernelRidge(0.1, kernel=name, group="trivial").fit(X, Y)
    np.testing.assert_allclose(plain.predict(T), trivial.predict(T), atol=1e-9)


def test_parameters_mean_the_same_with_a_group():
    for parameters in (
        {"kernel": "rbf"},
        {"kernel": "rbf", "gamma": 2.0},
        {"kernel": "laplacian"},
        {"kernel": "laplacian", "gamma": 0.4},
        {"kernel": "poly"},
        {"kernel": "polynomial", "degree": 2, "gamma": 0.3, "coef0": 0.5},
        {"kernel": "linear"},
        {"kernel": Matern(0.7, nu=1.5)},
    ):
        want = KernelRidge(0.5, **parameters).fit(X, Y, WEIGHTS).predict(T)
        got = InvariantKernelRidge(0.5, group="trivial", **parameters).fit(X, Y, WEIGHTS)
        np.testing.assert_allclose(got.predict(T), want, atol=1e-10, err_msg=str(parameters))
