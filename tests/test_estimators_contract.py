"""The estimators among scikit-learn's tools: its own checks, clone, pickle, searches, pipelines."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from joblib import Parallel, delayed, parallel_config
from sklearn import config_context
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.gaussian_process.kernels import RBF, Matern
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator
from symkernel import (
    InvariantKernel,
    InvariantKernelClassifier,
    InvariantKernelRidge,
    InvariantKernelRidgeCV,
    groups,
)
from threadpoolctl import threadpool_limits

RNG = np.random.default_rng(1)
X = RNG.normal(size=(40, 4))
Y = X.max(axis=1)

NO_REPETITION = (
    "leave-one-out leaves a sample of weight two out whole, but its two copies one at a time"
)
WEIGHTS = "check_sample_weight_equivalence_on_dense_data"
SPARSE_WEIGHTS = "check_sample_weight_equivalence_on_sparse_data"


def search(**words):
    return InvariantKernelRidgeCV([1e-3, 1e-2, 1e-1, 1.0], [0.05], **words)


@pytest.mark.filterwarnings("ignore")  # the checks fit odd data on purpose
@pytest.mark.parametrize("group", [None, "cyclic", "dihedral", "sign_flips"])
@pytest.mark.parametrize("make", [InvariantKernelRidge, search, InvariantKernelClassifier])
def test_check_estimator(make, group):
    expected = {}
    if make is search:
        expected = {WEIGHTS: NO_REPETITION}
        if group is None:
            expected[SPARSE_WEIGHTS] = NO_REPETITION
    with threadpool_limits(1):  # thousands of tiny fits
        results = check_estimator(make(group=group), expected_failed_checks=expected, on_skip=None)
    assert len(results) > 40
    failed = {r["check_name"] for r in results if r["status"] == "xfail"}
    assert failed == set(expected)


EVERY = [
    InvariantKernelRidge(0.1),
    InvariantKernelRidge(0.1, kernel="laplacian", group="symmetric"),
    InvariantKernelRidge(0.1, kernel=Matern(2.0, nu=1.5), group=groups.Dihedral(4)),
    InvariantKernelRidge([0.1], kernel=InvariantKernel(RBF(), "cyclic"), n_jobs=1),
    InvariantKernelRidgeCV([1e-3, 1e-2, 1e-1], [0.02, 0.1, 0.5], group="cyclic"),
    InvariantKernelRidgeCV([1e-3, 1e-2], length_scales=[1.0], kernel=RBF(), group=groups.Cyclic(4)),
    InvariantKernelClassifier(0.1, group=groups.SignFlips(4)),
]


@pytest.mark.filterwarnings("ignore::symkernel.exceptions.GridEdgeWarning")
@pytest.mark.parametrize("model", EVERY, ids=lambda m: repr(m).replace("\n", "")[:60])
def test_clone_and_pickle(model):
    y = (Y > 1).astype(int) if is_classifier(model) else Y
    assert is_classifier(model) != is_regressor(model)
    fitted = clone(model).fit(X, y)
    copy = pickle.loads(pickle.dumps(fitted))
    again = clone(fitted).fit(X, y)
    if is_classifier(model):
        assert (copy.predict(X) == fitted.predict(X)).all()
    else:  # up to the rounding of BLAS, which depends on memory alignment
        np.testing.assert_allclose(copy.predict(X), fitted.predict(X), atol=1e-12)
        np.testing.assert_allclose(again.predict(X), fitted.predict(X), atol=1e-9)
    assert copy.group_ == fitted.group_
    assert repr(clone(model)) == repr(model)


def test_grid_search_over_everything():
    space = {
        "alpha": [1e-3, 1e-1],
        "gamma": [0.05, 0.5],
        "group": [None, "symmetric", groups.Cyclic(4)],
    }
    found = GridSearchCV(InvariantKernelRidge(), space, cv=3).fit(X, Y)
    assert found.best_params_["group"] == "symmetric"  # the largest of four: any order will do
    assert found.best_estimator_.group_ == groups.Symmetric(4)
    nested = GridSearchCV(
        InvariantKernelRidge(0.01, kernel=Matern(nu=2.5), group="symmetric"),
        {"kernel__length_scale": [0.5, 2.0, 8.0]},
    ).fit(X, Y)
    assert nested.best_params_["kernel__length_scale"] > 0.5


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_joblib(backend):
    model = InvariantKernelRidge(0.01, group=groups.Symmetric(4))
    alone = cross_val_score(model, X, Y, cv=4)
    with parallel_config(backend=backend):
        together = cross_val_score(model, X, Y, cv=4, n_jobs=2)
        predictions = Parallel(n_jobs=2)(delayed(clone(model).fit)(X, Y * s) for s in (1, 2))
    np.testing.assert_allclose(together, alone)
    np.testing.assert_allclose(2 * predictions[0].predict(X), predictions[1].predict(X))


def test_pipeline():
    model = make_pipeline(StandardScaler(), InvariantKernelRidge(1e-3, group="symmetric"))
    weights = RNG.uniform(0.5, 1.5, 40)
    model.fit(X, Y, invariantkernelridge__sample_weight=weights)
    direct = InvariantKernelRidge(1e-3, group="symmetric")
    direct.fit(StandardScaler().fit_transform(X), Y, weights)
    np.testing.assert_allclose(model.predict(X), direct.predict(StandardScaler().fit_transform(X)))


def test_pairwise_data_are_split_on_both_axes():
    gram = InvariantKernel(RBF(), "symmetric")(X)
    given = cross_val_score(InvariantKernelRidge(0.01, kernel="precomputed"), gram, Y)
    computed = cross_val_score(InvariantKernelRidge(0.01, kernel=RBF(), group="symmetric"), X, Y)
    np.testing.assert_allclose(given, computed, atol=1e-9)


def test_weights_are_routed():
    with config_context(enable_metadata_routing=True):
        model = InvariantKernelClassifier(0.1, group="cyclic").set_fit_request(sample_weight=True)
        y = np.column_stack([Y > 1, Y > 0.5]).astype(int)
        weights = RNG.uniform(0.5, 1.5, 40)
        both = MultiOutputClassifier(model).fit(X, y, sample_weight=weights)
    one = clone(model).fit(X, y[:, 1], weights)
    np.testing.assert_array_equal(both.predict(X)[:, 1], one.predict(X))
