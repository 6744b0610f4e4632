"""Repaired models among scikit-learn's tools, and classifiers."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.exceptions import NotFittedError
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import LinearRegression, LogisticRegression, RidgeClassifier
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator
from symkernel import diagnostics, groups
from symkernel.diagnostics import Augmented, Symmetrized, SymmetrizedClassifier

RNG = np.random.default_rng(3)
X = RNG.standard_normal((60, 3))
Y = np.linalg.norm(X, axis=1)
LABELS = np.where(np.median(Y) < Y, "far", "near")
C3 = groups.Cyclic(3)

REPAIRED = [
    Symmetrized(KernelRidge(kernel="rbf"), "cyclic"),
    Symmetrized(KernelRidge(kernel="rbf"), groups.O(3), grid="2i"),
    Symmetrized(KernelRidge(kernel="rbf"), groups.SO(3), n_random=5, random_state=0),
    Augmented(KernelRidge(kernel="rbf"), "dihedral", n_images=2, random_state=0),
    SymmetrizedClassifier(LogisticRegression(), "sign_flips"),
    SymmetrizedClassifier(KNeighborsClassifier(3), groups.O(3), n_random=7, random_state=0),
]


@pytest.mark.filterwarnings("ignore")  # the checks fit odd data on purpose
@pytest.mark.parametrize("group", ["trivial", "cyclic"])
@pytest.mark.parametrize(
    "make",
    [
        lambda group: Symmetrized(LinearRegression(), group),
        lambda group: Augmented(LinearRegression(), group),
        lambda group: SymmetrizedClassifier(LogisticRegression(), group),
    ],
    ids=["Symmetrized", "Augmented", "SymmetrizedClassifier"],
)
def test_check_estimator(make, group):
    results = check_estimator(make(group), on_skip=None, on_fail=None)
    failed = {r["check_name"] for r in results if r["status"] == "failed"}
    assert len(results) > 40
    # the data of these checks have no symmetry, so that averages explain them badly
    badly = {"check_regressors_train", "check_classifiers_train"}
    assert failed <= (badly if group == "cyclic" else set())


def test_names_of_features_are_remembered():
    frame = pytest.importorskip("pandas").DataFrame(X, columns=["a", "b", "c"])
    for make in (Symmetrized, Augmented):
        model = make(KernelRidge(kernel="rbf"), C3, random_state=0).fit(frame, Y)
        assert model.feature_names_in_.tolist() == ["a", "b", "c"]
        plain = make(KernelRidge(kernel="rbf"), C3, random_state=0).fit(X, Y)
        np.testing.assert_allclose(model.predict(frame), plain.predict(X), rtol=1e-12)
        with pytest.raises(ValueError, match="feature names should match"):
            model.predict(frame[["b", "a", "c"]])


@pytest.mark.parametrize("model", REPAIRED, ids=lambda m: repr(m).replace("\n", "")[:60])
def test_clone_and_pickle(model):
    y = LABELS if is_classifier(model) else Y
    assert is_classifier(model) != is_regressor(model)
    fitted = clone(model).fit(X, y)
    copy = pickle.loads(pickle.dumps(fitted))
    again = clone(fitted).set_params(**model.get_params(deep=False)).fit(X, y)
    for other in (copy, again):
        if is_classifier(model):
            np.testing.assert_array_equal(other.predict(X), fitted.predict(X))
        else:  # up to the rounding of BLAS, which depends on memory alignment
            np.testing.assert_allclose(other.predict(X), fitted.predict(X), rtol=1e-12)


def test_searches_reach_the_model_inside():
    for make in (
        lambda m: Symmetrized(m, C3),
        lambda m: Augmented(m, C3, n_images=2),
    ):
        model = make(KernelRidge(kernel="rbf", gamma=0.3))
        search = GridSearchCV(model, {"estimator__alpha": [1e-4, 1.0, 1e4]}, cv=3).fit(X, Y)
        assert search.best_params_["estimator__alpha"] < 1e4
        assert cross_val_score(search.best_estimator_, X, Y, cv=3).mean() > 0.3
    classifier = SymmetrizedClassifier(KNeighborsClassifier(), C3)
    search = GridSearchCV(classifier, {"estimator__n_neighbors": [1, 7]}, cv=3).fit(X, LABELS)
    assert search.best_score_ > 0.6


def test_models_in_pipelines():
    inside = make_pipeline(StandardScaler(), KernelRidge(kernel="rbf"))
    model = Symmetrized(inside, C3).fit(X, Y)
    diagnostics.assert_invariant(model, X, group=C3, atol=1e-12)
    last = make_pipeline(StandardScaler(with_std=False), Symmetrized(KernelRidge(), C3)).fit(X, Y)
    assert last.predict(X).shape == (60,)


# ---- classifiers ---------------------------------------------------------------------------------


def test_probabilities_are_averaged():
    plain = KNeighborsClassifier(5).fit(X, LABELS)
    model = SymmetrizedClassifier(plain, C3)  # fitted: can be used at once
    probabilities, std = model.predict_proba(X, return_std=True)
    images = np.stack([plain.predict_proba(np.roll(X, k, axis=1)) for k in range(3)])
    np.testing.assert_allclose(probabilities, images.mean(axis=0), atol=1e-15)
    np.testing.assert_allclose(std, images.std(axis=0), atol=1e-15)
    assert set(model.predict(X)) == {"far", "near"}
    assert (model.predict(X) == model.predict(np.roll(X, 1, axis=1))).all()
    refitted = clone(model).fit(X, LABELS)
    assert refitted.score(X, LABELS) > 0.6
    assert refitted.classes_.tolist() == ["far", "near"]


def test_reports_on_classifiers_are_about_probabilities():
    plain = KNeighborsClassifier(5).fit(X[:40], LABELS[:40])
    report = diagnostics.invariance_report(plain, X[40:], group=C3, y=LABELS[40:], random_state=0)
    images = np.stack([plain.predict_proba(np.roll(X[40:], k, axis=1)) for k in range(3)])
    assert abs(report.std - np.sqrt(images.var(axis=0).mean())) < 1e-14
    truth = LABELS[40:, None] == plain.classes_
    np.testing.assert_allclose(
        report.error["rmse"] ** 2, ((plain.predict_proba(X[40:]) - truth) ** 2).mean()
    )
    with pytest.raises(ValueError, match="labels that are none of the model's"):
        diagnostics.invariance_report(plain, X[:2], group=C3, y=["near", "nearer"])
    scores = RidgeClassifier().fit(X, LABELS)
    report = diagnostics.invariance_report(scores, X, group=C3)
    assert report.mean.shape == (60,)
    with pytest.raises(AssertionError, match="not invariant"):
        diagnostics.assert_invariant(scores, X, group=C3)


def test_labels_are_not_averaged():
    with pytest.raises(TypeError, match="use SymmetrizedClassifier"):
        Symmetrized(LogisticRegression(), C3).fit(X, LABELS)
    with pytest.raises(TypeError, match="use SymmetrizedClassifier"):
        Symmetrized(LogisticRegression().fit(X, LABELS), C3).predict(X)
    with pytest.raises(TypeError, match="no predict_proba"):
        SymmetrizedClassifier(RidgeClassifier().fit(X, LABELS), C3).predict(X)
    with pytest.raises(NotFittedError):
        SymmetrizedClassifier(LogisticRegression(), C3).predict(X)
    with pytest.raises(ValueError, match=r"returned a tuple of 2: .*predict\(X\)\[0\]"):
        diagnostics.invariance_report(lambda Z: (Z[:, 0], Z), X, group=C3)
