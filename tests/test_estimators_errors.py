"""Every error at the door names the argument, what was expected and what came."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import LinAlgWarning
from scipy.sparse import csr_matrix
from sklearn.exceptions import NotFittedError
from sklearn.gaussian_process.kernels import RBF, ConstantKernel
from symkernel import (
    InvariantKernel,
    InvariantKernelClassifier,
    InvariantKernelRidge,
    InvariantKernelRidgeCV,
    groups,
)
from symkernel.backends import memory
from symkernel.kernels import Laplacian

RNG = np.random.default_rng(0)
X = RNG.normal(size=(12, 8))
Y = np.arange(12) % 3

MODELS = (InvariantKernelRidge, InvariantKernelRidgeCV, InvariantKernelClassifier)
every_model = pytest.mark.parametrize("model", MODELS, ids=lambda m: m.__name__)


@pytest.mark.parametrize("model", [InvariantKernelRidge, InvariantKernelClassifier])
@pytest.mark.parametrize(
    ("alpha", "error", "match"),
    [
        (-0.5, ValueError, "alpha must be finite and not negative, got -0.5"),
        (np.nan, ValueError, "alpha must be finite and not negative, got nan"),
        (np.inf, ValueError, "got inf"),
        ("large", TypeError, "alpha must be a number"),
        ([[1.0]], ValueError, "1-D"),
    ],
)
def test_alpha(model, alpha, error, match):
    with pytest.raises(error, match=match):
        model(alpha).fit(X, Y)


def test_alpha_per_target_must_fit_the_targets():
    with pytest.raises(ValueError, match=r"one number per target; got shape \(3,\) for 2 targets"):
        InvariantKernelRidge([1.0, 2.0, 3.0]).fit(X, np.ones((12, 2)))


@every_model
@pytest.mark.parametrize("group", [None, "cyclic"])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nan_and_infinity(model, group, bad):
    spoiled = X.copy()
    spoiled[3, 2] = bad
    with pytest.raises(ValueError, match=r"NaN|infinity"):
        model(group=group).fit(spoiled, Y)
    with pytest.raises(ValueError, match=r"NaN|infinity"):
        model(group=group).fit(X, np.where(Y == 1, bad, Y))
    with pytest.raises(ValueError, match=r"NaN|infinity"):
        InvariantKernelRidge(group=group).fit(X, Y).predict(spoiled)


@every_model
def test_number_of_features(model):
    ten = RNG.normal(size=(12, 10))
    with pytest.raises(ValueError, match=r"X has 10 features; Dihedral\(8\) acts on 8"):
        model(group=groups.Dihedral(8)).fit(ten, Y)
    with pytest.raises(ValueError, match=r"X has 10 features; Dihedral\(8\) acts on 8"):
        model(kernel=InvariantKernel(RBF(), groups.Dihedral(8))).fit(ten, Y)
    fitted = InvariantKernelRidge(group="dihedral").fit(X, Y)
    with pytest.raises(ValueError, match="X has 10 features, but InvariantKernelRidge is expect"):
        fitted.predict(ten)


@every_model
def test_shape_of_samples(model):
    image = groups.Image((4, 4), "D4")
    with pytest.raises(ValueError, match=r"samples of shape \(2, 8\); .*acts on .* \(4, 4\)"):
        model(group=image).fit(RNG.normal(size=(12, 2, 8)), Y)
    with pytest.raises(ValueError, match=r"Cyclic\(4\)\.along\(0, \(4, 4\)\)"):
        model(group="cyclic").fit(RNG.normal(size=(12, 4, 4)), Y)
    fitted = InvariantKernelRidge(group=image).fit(RNG.normal(size=(12, 4, 4)), Y)
    with pytest.raises(ValueError, match=r"samples of shape \(4, 4, 1\)"):
        fitted.predict(RNG.normal(size=(12, 4, 4, 1)))


@every_model
def test_unknown_names_list_the_known_ones(model):
    with pytest.raises(ValueError, match=r"kernel='gauss' is unknown; .*'chi2'.*'rbf'"):
        model(kernel="gauss").fit(X, Y)
    with pytest.raises(ValueError, match=r"kernel='gauss' has no invariant form.*'matern'.*'rbf'"):
        model(kernel="gauss", group="cyclic").fit(X, Y)
    with pytest.raises(ValueError, match=r"kernel='chi2' has no invariant form"):
        model(kernel="chi2", group="cyclic").fit(X, Y)
    with pytest.raises(
        ValueError, match=r"'precomputed' cannot be averaged.*InvariantKernel\(base, group\)\(X\)"
    ):
        model(kernel="precomputed", group="cyclic").fit(X @ X.T, Y)
    with pytest.raises(ValueError, match=r"'round'.* symmetric, .*cyclic"):
        model(group="round").fit(X, Y)
    with pytest.raises(ValueError, match=r"method='magic' is unknown.*'sum'"):
        model(group="cyclic", method="magic").fit(X, Y)


@every_model
def test_words_that_do_not_fit_together(model):
    kernel = InvariantKernel(RBF(), groups.Cyclic(8))
    with pytest.raises(ValueError, match=r"group='cyclic'.*its own group Cyclic\(8\).*once"):
        model(kernel=kernel, group="cyclic").fit(X, Y)
    with pytest.raises(ValueError, match="its own method 'auto'"):
        model(kernel=kernel, method="sum").fit(X, Y)
    with pytest.raises(ValueError, match="callable kernel cannot be averaged"):
        model(kernel=lambda x, y: 1.0, group="cyclic").fit(X, Y)
    with pytest.raises(TypeError, match="combine the averages"):
        model(kernel=ConstantKernel() * RBF(), group="cyclic").fit(X, Y)
    with pytest.raises(ValueError, match="L1 distance"):
        rotation = groups.PointGroup("C3").along(1, (2, 3))
        model(kernel=Laplacian(), group=rotation).fit(X[:, :6], Y)


@pytest.mark.parametrize(
    ("words", "error", "match"),
    [
        ({"gamma": -1.0}, ValueError, "gamma must be finite and not negative, got -1.0"),
        ({"gamma": "scale"}, TypeError, "gamma must be a number, got 'scale'"),
        ({"degree": -2}, ValueError, "degree must be finite and not negative, got -2"),
        ({"coef0": np.nan}, ValueError, "coef0 must be finite, got nan"),
        ({"kernel": 7}, TypeError, "kernel must be a name, a kernel object or a callable; got int"),
        ({"group": 7}, TypeError, "group must be a Group, a name or None; got int"),
        ({"kernel_params": 7}, TypeError, "kernel_params must be a dict or None; got int"),
        ({"n_jobs": 0}, ValueError, "n_jobs must not be 0"),
        ({"n_jobs": 1.5}, TypeError, "n_jobs must be an integer or None, got 1.5"),
    ],
)
def test_parameters(words, error, match):
    with pytest.raises(error, match=match):
        InvariantKernelRidge(**words).fit(X, Y)


@every_model
@pytest.mark.parametrize(
    ("weights", "match"),
    [
        (np.ones(5), r"shape \(12,\), one weight per sample; got shape \(5,\)"),
        (np.ones((12, 2)), r"got shape \(12, 2\)"),
        (np.r_[-1.0, np.ones(11)], "must not be negative; got -1"),
        (np.r_[np.nan, np.ones(11)], "NaN"),
        (np.zeros(12), "zero for every sample"),
    ],
)
def test_sample_weight(model, weights, match):
    with pytest.raises(ValueError, match=match):
        model().fit(X, Y, weights)


def test_gram_matrix_larger_than_memory(monkeypatch):
    """Refused before anything is computed, with the number of GB it needs."""
    monkeypatch.setattr(memory, "available_bytes", lambda: 10**6)
    many, y = np.zeros((50_000, 2)), np.arange(50_000) % 2
    direct = {"solver": "cholesky"}
    for model, size in (
        (InvariantKernelRidge(group="symmetric", **direct), "20.0 GB"),
        (InvariantKernelRidge(**direct), "20.0 GB"),
        (InvariantKernelClassifier(group="cyclic", **direct), "20.0 GB"),
        (InvariantKernelRidgeCV([1.0], [1.0], group="cyclic", **direct), "80.0 GB"),
    ):
        with pytest.raises(MemoryError, match=f"50000 samples.* needs {size}; 0.0 GB"):
            model.fit(many, y)
    with pytest.raises(MemoryError, match=r"needs 10.0 GB"):
        InvariantKernelRidge(**direct).fit(many.astype(np.float32), y)
    for model in (InvariantKernelRidge(group="symmetric"), InvariantKernelClassifier()):
        with pytest.raises(MemoryError, match=r"50,000 samples by any method: the least is .* MB"):
            model.fit(many, y)


def test_group_too_large_to_enumerate():
    with pytest.raises(ValueError, match="20922789888000 elements"):
        InvariantKernelRidge(group="symmetric", method="sum").fit(RNG.normal(size=(12, 16)), Y)


def test_singular_system_is_said_and_solved():
    X2 = np.repeat(X, 2, axis=0)
    with pytest.warns(LinAlgWarning, match=r"alpha=0 .*12 of 24 .* a larger alpha"):
        model = InvariantKernelRidge(0.0, gamma=0.1, group="cyclic").fit(X2, np.repeat(Y, 2) * 1.0)
    np.testing.assert_allclose(model.predict(X), Y, atol=1e-6)


def test_order_of_calls():
    for call in ("predict", "plan"):
        with pytest.raises(NotFittedError):
            getattr(InvariantKernelRidge(), call)(*([X] if call == "predict" else []))
    with pytest.raises(ValueError, match="not averaged over a group"):
        InvariantKernelRidge().fit(X, Y).plan()


def test_precomputed_must_be_square():
    with pytest.raises(ValueError, match=r"square Gram matrix in fit; got shape \(12, 8\)"):
        InvariantKernelRidge(kernel="precomputed").fit(X, Y)


@every_model
def test_sparse_samples_have_no_group(model):
    with pytest.raises(TypeError, match="X is sparse, a dense array is required"):
        model(group="cyclic").fit(csr_matrix(X), Y)


def test_parameters_set_after_fit_wait_for_the_next_fit():
    model = InvariantKernelRidge(group="cyclic").fit(X, Y)
    before = model.predict(X)
    model.set_params(group=None, kernel="linear")
    np.testing.assert_array_equal(model.predict(X), before)
