"""Probabilities of classes: calibrated on exact leave-one-out values, true to predictions."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.linalg import LinAlgWarning
from scipy.optimize import minimize_scalar
from scipy.sparse import csr_matrix
from scipy.special import softmax
from sklearn.datasets import load_iris
from sklearn.metrics import log_loss
from sklearn.model_selection import cross_val_predict
from symkernel import InvariantKernel, InvariantKernelClassifier, groups
from symkernel.estimators._calibration import fit_slope, identical_rows, left_out_values

RNG = np.random.default_rng(4)
X = RNG.normal(size=(60, 4))
NOISE = RNG.normal(size=60)
CODES = {
    "two": (X.max(axis=1) + 0.3 * NOISE > 1).astype(int),
    "four": np.digitize(X.sum(axis=1) + 0.3 * NOISE, [-1.5, 0.0, 1.5]),
}
WEIGHTS = RNG.integers(1, 4, size=60).astype(float)
T = RNG.normal(size=(200, 4))


def model(**words):
    return InvariantKernelClassifier(0.3, **{"group": "symmetric", "gamma": 0.3, **words})


@pytest.mark.parametrize("group", [None, "symmetric", groups.Cyclic(4)])
@pytest.mark.parametrize("classes", CODES)
@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_rows_sum_to_one_and_agree_with_predictions(classes, weights, group):
    labels = np.array(["a", "b", "c", "d"])[CODES[classes]]
    fitted = model(group=group).fit(X, labels, weights)
    found = fitted.predict_proba(T)
    assert found.shape == (200, len(fitted.classes_)) and (found >= 0).all()
    assert_allclose(found.sum(axis=1), 1.0, rtol=1e-14)
    assert_array_equal(fitted.classes_[found.argmax(axis=1)], fitted.predict(T))
    assert_allclose(fitted.predict_log_proba(T), np.log(found), atol=1e-12)
    if group is not None:
        assert_allclose(fitted.predict_proba(np.roll(T, 1, axis=1)), found, atol=1e-11)


@pytest.mark.parametrize("classes", CODES)
@pytest.mark.parametrize("group", [None, "symmetric"])
@pytest.mark.parametrize("weights", [np.ones(60), WEIGHTS], ids=["plain", "weighted"])
def test_values_are_those_of_refits(classes, group, weights):
    """Without the sample, and without those that are identical to it."""
    codes, rows = CODES[classes], X.copy()
    rows[[7, 20]] = rows[3]
    rows[14] = rows[21]
    labels = identical_rows(rows)
    assert_array_equal(labels, identical_rows(csr_matrix(rows)))
    assert len(set(labels)) == 57 and labels[3] == labels[7] == labels[20] != labels[14]
    fitted = model(group=group).fit(rows, codes, weights)
    targets = fitted._targets(codes, float).reshape(60, -1)
    found = left_out_values(
        fitted.dual_coef_.reshape(60, -1),
        fitted._factor().inverse_diagonal()[:, 0],
        0.3,
        targets,
        weights,
        labels,
    )
    for i in range(0, 60, 7):
        less = np.where(labels == labels[i], 0.0, weights)
        want = model(group=group).fit(rows, codes, less).decision_function(rows[i : i + 1])
        assert_allclose(found[i], np.ravel(want), rtol=1e-9, atol=1e-11)


def test_weights_are_repetitions():
    again = np.repeat(np.arange(60), WEIGHTS.astype(int))
    for codes in CODES.values():
        weighted = model().fit(X, codes, WEIGHTS).predict_proba(T)
        repeated = model().fit(X[again], codes[again]).predict_proba(T)
        assert_allclose(weighted, repeated, rtol=1e-8)
    absent = np.where(np.arange(60) < 9, 0.0, WEIGHTS)
    without = model().fit(X[9:], codes[9:], WEIGHTS[9:]).predict_proba(T)
    assert_allclose(model().fit(X, codes, absent).predict_proba(T), without, rtol=1e-8)


def test_the_slope_is_the_best():
    for codes in CODES.values():
        values = RNG.normal(size=(60, codes.max() + 1)) + 1.5 * np.eye(codes.max() + 1)[codes]
        counts = np.bincount(codes, WEIGHTS)[codes][:, None]
        own = np.eye(values.shape[1])[codes] == 1
        others = 1 / (counts + 2) / (values.shape[1] - 1)
        targets = np.where(own, (counts + 1) / (counts + 2), others)

        def loss(a, values=values, targets=targets):
            return -(WEIGHTS @ (targets * np.log(softmax(a * values, axis=1))).sum(axis=1))

        best = minimize_scalar(loss, bounds=(0, 50), method="bounded", options={"xatol": 1e-9})
        assert fit_slope(values, codes, WEIGHTS) == pytest.approx(best.x, rel=1e-5)
    # Values that separate give a finite slope, and values that mislead none.
    assert 1.0 < fit_slope(np.eye(3)[np.arange(30) % 3], np.arange(30) % 3, np.ones(30)) < 10
    assert fit_slope(-np.eye(3), np.arange(3), np.ones(3)) == 0.0


def test_they_are_calibrated():
    """Better than the share of the classes, and than taking leave-one-out for granted."""
    data, target = load_iris(return_X_y=True)
    noisy = data + np.random.default_rng(0).normal(size=data.shape)
    classifier = InvariantKernelClassifier(0.1)
    found = cross_val_predict(classifier, noisy, target, cv=5, method="predict_proba")
    values = cross_val_predict(classifier, noisy, target, cv=5, method="decision_function")
    loss = log_loss(target, found)
    assert loss < 0.7 * np.log(3)
    # No slope chosen with the answers at hand would do much better.
    best = min(log_loss(target, softmax(a * values, axis=1)) for a in np.geomspace(0.1, 50, 40))
    assert loss < 1.03 * best


def test_ties_of_rounding_keep_the_prediction():
    fitted = model().fit(X, CODES["four"])
    fitted.dual_coef_ = fitted.dual_coef_ * 1e-25  # all probabilities are 1/4 to the last digit
    found = fitted.predict_proba(T)
    assert_allclose(found, 0.25, rtol=1e-15)
    assert_array_equal(found.argmax(axis=1), fitted.predict(T))
    fitted.dual_coef_ = fitted.dual_coef_ * 1e29  # and here 0 and 1
    assert_array_equal(fitted.predict_proba(T).argmax(axis=1), fitted.predict(T))
    assert np.isfinite(fitted.predict_log_proba(T)).all()


def test_pickles_precision_and_kernels():
    fitted = model().fit(X, CODES["four"])
    want = fitted.predict_proba(T)
    assert_allclose(pickle.loads(pickle.dumps(fitted)).predict_proba(T), want, rtol=1e-12)
    single = model().fit(X.astype(np.float32), CODES["four"]).predict_proba(T.astype(np.float32))
    assert_allclose(single, want, atol=1e-4)
    kernel = InvariantKernel(fitted.kernel_.base, "symmetric")
    full = model(kernel=kernel, group=None, gamma=None).fit(X, CODES["four"])
    assert_allclose(full.predict_proba(T), want, rtol=1e-10)


def test_singular_systems_are_told():
    fitted = InvariantKernelClassifier(0.0, kernel="linear")
    with pytest.warns(LinAlgWarning, match="not positive definite"):
        fitted.fit(np.zeros((4, 2)), [0, 1, 0, 1])
    with pytest.raises(ValueError, match=r"alpha=0\.0 leaves the system singular"):
        fitted.predict_proba(np.ones((1, 2)))
