"""The classifier: ridge regression on +-1 targets."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import make_blobs
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import RidgeClassifier
from sklearn.utils.class_weight import compute_sample_weight
from symkernel import InvariantKernelClassifier

RNG = np.random.default_rng(2)
X, CODES = make_blobs(60, 4, centers=3, cluster_std=3.0, random_state=1)
NAMES = np.array(["ash", "birch", "cedar"])
T = RNG.normal(size=(11, 4), scale=5)
WEIGHTS = RNG.uniform(0.0, 2.0, 60)


@pytest.mark.parametrize("weights", [None, WEIGHTS])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_one_regression_per_class(n_classes, weights):
    used = n_classes > CODES
    y, w = NAMES[CODES[used]], None if weights is None else weights[used]
    model = InvariantKernelClassifier(0.3, gamma=0.05).fit(X[used], y, w)
    assert model.classes_.tolist() == NAMES[:n_classes].tolist()
    columns = []
    for name in NAMES[:n_classes]:
        signs = np.where(y == name, 1.0, -1.0)
        columns.append(KernelRidge(0.3, kernel="rbf", gamma=0.05).fit(X[used], signs, w).predict(T))
    want = columns[1] if n_classes == 2 else np.column_stack(columns)
    np.testing.assert_allclose(model.decision_function(T), want, atol=1e-10)
    np.testing.assert_array_equal(model.predict(T), NAMES[np.argmax(columns, axis=0)])


def test_linear_kernel_is_the_ridge_classifier():
    want = RidgeClassifier(0.7, fit_intercept=False).fit(X, CODES)
    got = InvariantKernelClassifier(0.7, kernel="linear").fit(X, CODES)
    np.testing.assert_allclose(got.decision_function(T), want.decision_function(T), atol=1e-9)
    assert got.score(X, CODES) == want.score(X, CODES)


def test_balanced_weights_go_through_sample_weight():
    y = (CODES == 0).astype(int)
    balanced = compute_sample_weight("balanced", y)
    plain = InvariantKernelClassifier(10.0, gamma=0.001).fit(X, y)
    weighted = InvariantKernelClassifier(10.0, gamma=0.001).fit(X, y, balanced)
    assert (weighted.predict(X) == 1).sum() > (plain.predict(X) == 1).sum()


def test_labels_of_any_kind():
    for labels in (CODES * 2 - 7, CODES.astype(bool), NAMES[CODES], NAMES[CODES].astype(object)):
        model = InvariantKernelClassifier(0.1, group="cyclic").fit(X, labels)
        predicted = model.predict(X)
        assert predicted.dtype == labels.dtype and set(predicted) <= set(labels)


def test_single_precision():
    model = InvariantKernelClassifier(0.1, group="cyclic").fit(X.astype(np.float32), CODES)
    assert model.decision_function(X.astype(np.float32)).dtype == np.float32


@pytest.mark.parametrize(
    ("y", "weights", "alpha", "match"),
    [
        (np.zeros(60), None, 1.0, "one class"),
        (CODES, (CODES == 1).astype(float), 1.0, "of positive weight"),
        (RNG.normal(size=60), None, 1.0, "Unknown label type"),
        (CODES, None, [1.0, 2.0], "alpha must be one number"),
    ],
)
def test_errors(y, weights, alpha, match):
    with pytest.raises(ValueError, match=match):
        InvariantKernelClassifier(alpha).fit(X, y, weights)
