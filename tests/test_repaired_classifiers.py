"""Classifiers beside their repairs: trained on moved copies, averaged, invariant."""

import numpy as np
import pytest
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.gaussian_process.kernels import RBF
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import StratifiedKFold, check_cv
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.svm import SVC
from sklearn.utils.estimator_checks import check_estimator
from symkernel import diagnostics, groups
from symkernel.diagnostics import Augmented, compare_repairs

RNG = np.random.default_rng(5)
X = RNG.standard_normal((160, 3))
LABELS = np.where(np.linalg.norm(X, axis=1) > 1.5, "far", "near")


@pytest.mark.filterwarnings("ignore")  # the checks fit odd data on purpose
@pytest.mark.parametrize("group", ["trivial", "cyclic"])
def test_check_estimator(group):
    results = check_estimator(Augmented(LogisticRegression(), group), on_skip=None, on_fail=None)
    failed = {r["check_name"] for r in results if r["status"] == "failed"}
    assert len(results) > 40
    # the data of this check have no symmetry: images of samples mislead
    assert failed <= ({"check_classifiers_train"} if group == "cyclic" else set())


def test_it_is_what_the_estimator_inside_is():
    model = Augmented(KNeighborsClassifier(3), "cyclic").fit(X[:80], LABELS[:80])
    assert is_classifier(model)
    assert not is_regressor(model)
    assert isinstance(check_cv(3, LABELS, classifier=is_classifier(model)), StratifiedKFold)
    assert model.classes_.tolist() == ["far", "near"]
    assert model.score(X[80:], LABELS[80:]) == accuracy_score(LABELS[80:], model.predict(X[80:]))
    assert model.predict_proba(X[:5]).shape == (5, 2)
    assert not hasattr(model, "decision_function")
    assert hasattr(Augmented(RidgeClassifier(), "cyclic"), "decision_function")
    regressor = Augmented(KNeighborsRegressor(3), "cyclic").fit(X, X[:, 0])
    assert is_regressor(regressor)
    assert not hasattr(regressor, "predict_proba")
    assert regressor.score(X, X[:, 0]) == r2_score(X[:, 0], regressor.predict(X))
    report = diagnostics.invariance_report(model, X[80:], group=groups.Cyclic(3))
    assert report.std > 0  # of probabilities
    with pytest.raises(ValueError, match="labels do not turn"):
        Augmented(KNeighborsClassifier(), groups.SO(3), output="vector").fit(X, LABELS)


def test_classifiers_are_compared_by_their_share_of_wrong_labels():
    plain = SVC(kernel=RBF(1.0), C=10.0)
    with pytest.raises(TypeError, match="predict_proba"):
        compare_repairs(plain, X[:80], LABELS[:80], X[80:], LABELS[80:], group=groups.O(3))
    options = {"group": groups.O(3), "n_images": 20, "random_state": 0}
    data = (X[:80], LABELS[:80], X[80:120], LABELS[80:120])
    table = compare_repairs(KNeighborsClassifier(5), *data, **options)
    assert [row.name for row in table.rows] == ["plain", "augmented", "symmetrized"]
    for row in table.rows:
        assert row.rmse == np.mean(row.model.predict(X[80:120]) != LABELS[80:120])
    assert table["augmented"].rmse < table["plain"].rmse
    assert table["symmetrized"].std < 0.5 * table["plain"].std
    assert "error rate" in str(table)
    own = clone(KNeighborsClassifier(3))
    assert "invariant" in [
        r.name for r in compare_repairs(own, *data, invariant=own, **options).rows
    ]
