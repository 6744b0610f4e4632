"""Classes learned from samples that come in parts."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.utils.estimator_checks import check_estimator
from symkernel import InvariantKernelClassifier, InvariantKernelRidge
from symkernel.exceptions import NotApplicableError

RNG = np.random.default_rng(0)
X = RNG.standard_normal((240, 3))
THREE = np.array(["low", "middle", "high"])[np.digitize(X.max(axis=1), [0.4, 1.1])]
TWO = np.where(X.max(axis=1) > 0.8, 5, 2)
PARTS = [slice(0, 100), slice(100, 101), slice(101, 240)]
WORDS = {"group": "symmetric", "solver": "nystroem", "n_components": 100, "random_state": 0}
MODEL = InvariantKernelClassifier(1e-2, **WORDS)
T = RNG.standard_normal((50, 3))


@pytest.mark.parametrize("y", [TWO, THREE], ids=["two", "three"])
@pytest.mark.parametrize("weighted", [False, True])
def test_parts_are_a_fit_of_signs(y, weighted):
    weights = RNG.uniform(0.1, 2.0, 240) if weighted else None
    signs = np.where(y[:, None] == np.unique(y), 1.0, -1.0)
    signs = signs[:, 1] if signs.shape[1] == 2 else signs
    ridge = InvariantKernelRidge(1e-2, normalize_y=False, **WORDS)
    model = clone(MODEL)
    for part in PARTS:
        own = None if weights is None else weights[part]
        model.partial_fit(X[part], y[part], np.unique(y), sample_weight=own)
        ridge.partial_fit(X[part], signs[part], own)
    np.testing.assert_allclose(model.decision_function(T), ridge.predict(T), rtol=0, atol=1e-12)
    assert model.score(X, y) > 0.9
    with pytest.raises(NotApplicableError, match="use fit"):
        model.predict_proba(T)


def test_a_fit_goes_on():
    started = clone(MODEL).fit(X[:100], THREE[:100])
    assert started.predict_proba(X[:5]).shape == (5, 3)
    started.partial_fit(X[100:], THREE[100:])
    parts = clone(MODEL).partial_fit(X[:100], THREE[:100], np.unique(THREE))
    parts.partial_fit(X[100:], THREE[100:])
    np.testing.assert_allclose(
        started.decision_function(T), parts.decision_function(T), rtol=0, atol=1e-5
    )
    with pytest.raises(NotApplicableError, match="use fit"):
        started.predict_proba(T)


def test_a_part_may_hold_one_class():
    model = clone(MODEL)
    for label in ("low", "middle", "high"):
        some = label == THREE
        model.partial_fit(X[some], THREE[some], classes=["low", "middle", "high"])
    assert model.score(X, THREE) > 0.9
    assert model.classes_.tolist() == ["high", "low", "middle"]


def test_what_is_wrong_is_named():
    with pytest.raises(ValueError, match="classes must be passed on the first call"):
        clone(MODEL).partial_fit(X, THREE)
    with pytest.raises(ValueError, match="at least two classes"):
        clone(MODEL).partial_fit(X, THREE, classes=["low"])
    with pytest.raises(ValueError, match="'middle', which is not among classes"):
        clone(MODEL).partial_fit(X, THREE, classes=["low", "high"])
    model = clone(MODEL).partial_fit(X, THREE, classes=np.unique(THREE))
    with pytest.raises(ValueError, match="is not the same as on last call"):
        model.partial_fit(X, THREE, classes=["low", "high"])
    with pytest.raises(ValueError, match="3 features"):
        model.partial_fit(X[:, :2], THREE)
    for solver in ("auto", "cholesky", "pcg"):
        assert not hasattr(clone(MODEL).set_params(solver=solver), "partial_fit")


@pytest.mark.full
@pytest.mark.filterwarnings("ignore")  # the checks fit odd data on purpose
def test_scikit_learn_contract():
    repeated = "centres are chosen among samples, of which repeated ones are others"
    names = [f"check_sample_weight_equivalence_on_{kind}_data" for kind in ("dense", "sparse")]
    model = InvariantKernelClassifier(solver="nystroem", n_components=10, random_state=0)
    check_estimator(model, expected_failed_checks=dict.fromkeys(names, repeated), on_skip=None)


def test_given_centres_are_refused_in_words():
    with pytest.raises(ValueError, match="taken by InvariantNystroem"):
        clone(MODEL).set_params(centers=X[:5]).fit(X, TWO)
