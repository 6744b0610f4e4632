"""Searches that leave samples out together with their gradients, against explicit refits."""

from __future__ import annotations

import copy
import itertools
import pickle
import warnings

import numpy as np
import pytest
from covering import covered
from gradients import DY, RIDGE, G, T, X, Y, target
from sklearn import config_context
from sklearn.base import clone
from sklearn.gaussian_process.kernels import RBF, Matern
from sklearn.model_selection import cross_validate
from symkernel import InvariantKernelRidge, InvariantKernelRidgeCV
from symkernel.exceptions import GridEdgeWarning, NotApplicableError

ALPHAS = [1e-6, 1e-3, 1.0]
LENGTHS = [0.5, 1.5, 4.0]
WEIGHTS = np.array([1.0, 0.5, 2.0, 1.0, 3.0, 1.0, 0.2, 1.0, 1.0])


def some(kind):
    """Values and gradients, of which some may be missing."""
    y, dy = Y.copy(), DY.copy()
    if kind == "mixed":
        y[[1, 4]] = np.nan
        dy[[0, 4, 5]] = np.nan
    if kind == "gradients":
        y[:] = np.nan
    if kind == "one value":
        y[1:] = np.nan
    return y, dy


def explicit(y, dy, alpha, kernel, centred, weights):
    """Minus the mean of relative squared errors of both kinds, by a fit for every sample."""
    w = np.ones(len(X)) if weights is None else weights
    values, slopes = np.full(y.shape, np.nan), np.full(dy.shape, np.nan)
    for i in np.flatnonzero(w):
        rest_y, rest = y.copy(), dy.copy()
        rest_y[i], rest[i] = np.nan, np.nan
        model = InvariantKernelRidge(alpha, kernel=kernel, group=G, normalize_y=centred)
        model.fit(X, rest_y, sample_weight=weights, gradient=rest)
        value, slope = model.predict(X[i : i + 1], return_gradient=True)
        values[i], slopes[i] = y[i] - value[0], dy[i] - slope[0]
    errors = []
    seen = ~np.isnan(y) & (w > 0)
    if seen.any():
        mean = np.average(y[seen], weights=w[seen]) if centred else 0.0
        variance = np.average((y[seen] - mean) ** 2, weights=w[seen]) or 1.0
        errors.append(np.average(values[seen] ** 2, weights=w[seen]) / variance)
    seen = ~np.isnan(dy[:, 0]) & (w > 0)
    if seen.any():
        square = (dy[seen] ** 2).sum(axis=1) @ w[seen]
        errors.append((slopes[seen] ** 2).sum(axis=1) @ w[seen] / square)
    return -np.mean(errors)


def searched(y, dy, weights=None, **words):
    words = {"alphas": ALPHAS, "length_scales": LENGTHS, "store_cv_results": True, **words}
    model = InvariantKernelRidgeCV(kernel=words.pop("kernel", RBF()), group=G, **words)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", GridEdgeWarning)
        return model.fit(X, y, sample_weight=weights, gradient=dy)


@pytest.mark.filterwarnings("ignore:The mean of y")
@covered(
    "kind, centred, weighted",
    itertools.product(
        ["both", "mixed", "gradients", "one value"], [True, False], ["equal", "weights", "a zero"]
    ),
)
def test_scores_are_those_of_refits(kind, centred, weighted):
    y, dy = some(kind)
    zero = WEIGHTS * (np.arange(9) != 3)
    weights = {"equal": None, "weights": WEIGHTS, "a zero": zero}[weighted]
    model = searched(y + 3.0, dy, weights, normalize_y=centred)
    want = [
        explicit(y + 3.0, dy, alpha, RBF(length), centred, weights)
        for length in LENGTHS
        for alpha in ALPHAS
    ]
    np.testing.assert_allclose(model.cv_results_["mean_test_score"], want, rtol=1e-5)
    best = int(np.argmax(want))
    assert model.length_scale_ == LENGTHS[best // 3] and model.alpha_ == ALPHAS[best % 3]
    assert model.best_score_ == pytest.approx(want[best], rel=1e-5)


@pytest.mark.parametrize("kernel", [RBF(), Matern(nu=2.5)])
def test_the_fit_is_that_of_the_best_pair(kernel):
    model = searched(Y, DY, kernel=kernel)
    best = clone(kernel).set_params(length_scale=model.length_scale_)
    plain = InvariantKernelRidge(model.alpha_, kernel=best, group=G, normalize_y=True)
    plain.fit(X, Y, gradient=DY)
    for again in (model, pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        for one, other in zip(
            again.predict(T, return_std=True, return_gradient=True),
            plain.predict(T, return_std=True, return_gradient=True),
            strict=True,
        ):
            np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-9)
    assert model.dual_coef_.shape == (45,) and model.intercept_ == pytest.approx(Y.mean())


def test_gamma_and_default_grids():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", GridEdgeWarning)
        model = InvariantKernelRidgeCV(group=G).fit(X, Y, gradient=DY)
    assert model.gamma_ > 0.0 and model.best_score_ > -0.1
    plain = InvariantKernelRidge(model.alpha_, gamma=model.gamma_, group=G, normalize_y=True)
    np.testing.assert_allclose(
        model.predict(T), plain.fit(X, Y, gradient=DY).predict(T), rtol=1e-6, atol=1e-8
    )
    model = InvariantKernelRidgeCV([1e-3, 1.0], gammas=[5.0, 10.0], refit=False)
    with pytest.warns(GridEdgeWarning) as told:
        model.fit(X, Y, gradient=DY)
    assert all(one.filename == __file__ for one in told)
    assert not hasattr(model, "dual_coef_")


def test_no_values_at_all():
    model = searched(None, DY)
    plain = InvariantKernelRidge(model.alpha_, kernel=RBF(model.length_scale_), group=G).fit(
        X, gradient=DY
    )
    np.testing.assert_allclose(model.predict(T), plain.predict(T), atol=1e-9)
    with pytest.raises(ValueError, match="requires y"):
        InvariantKernelRidgeCV(group=G).fit(X)


def test_gradients_choose_what_values_cannot():
    """Nine values tell little of the length; with their gradients they are 45 numbers."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", GridEdgeWarning)
        words = {"group": G, "kernel": RBF(), "alphas": 10.0 ** np.arange(-8, 1)}
        with_gradients = InvariantKernelRidgeCV(**words).fit(X, Y, gradient=DY)
        without = InvariantKernelRidgeCV(**words).fit(X, Y)
    truth = target(T)[0]
    errors = [np.abs(model.predict(T) - truth).max() for model in (with_gradients, without)]
    assert errors[0] < 0.5 * errors[1]


def test_singular_systems_have_no_score():
    again = np.concatenate([X[:1], X[:8]])
    y, dy = np.append(Y[:1], Y[:8]), np.concatenate([DY[:1], DY[:8]])
    model = InvariantKernelRidgeCV(
        [0.0, 1e-3], kernel=RBF(), length_scales=[1.5], group=G, store_cv_results=True
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", GridEdgeWarning)
        model.fit(again, y, gradient=dy)
    assert np.isnan(model.cv_results_["mean_test_score"][0]) and model.alpha_ == 1e-3
    model.set_params(alphas=[0.0])
    with pytest.raises(ValueError, match="add larger alphas"):
        model.fit(again, y, gradient=dy)


def test_too_little_memory(monkeypatch):
    monkeypatch.setattr("symkernel.backends.memory.available_bytes", lambda: 10_000)
    with pytest.raises(MemoryError, match="45 values and derivatives, and its eigenvectors"):
        searched(Y, DY)


def test_gradients_are_routed():
    words = {"alphas": ALPHAS, "length_scales": [1.5], "kernel": RBF(), "group": G}
    with config_context(enable_metadata_routing=True), warnings.catch_warnings():
        warnings.simplefilter("ignore", GridEdgeWarning)
        model = InvariantKernelRidgeCV(**words)
        model.set_fit_request(gradient=True, sample_weight=False)
        kept = cross_validate(model, X, Y, cv=3, params={"gradient": DY}, return_estimator=True)
        assert all(m.dual_coef_.shape == (30,) for m in kept["estimator"])
        with pytest.raises(ValueError, match="gradient"):
            cross_validate(InvariantKernelRidgeCV(**words), X, Y, cv=3, params={"gradient": DY})


def test_a_fit_without_gradients_forgets_them():
    model = searched(Y, DY)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", GridEdgeWarning)
        model.fit(X, Y)
        fresh = InvariantKernelRidgeCV(ALPHAS, kernel=RBF(), length_scales=LENGTHS, group=G).fit(
            X, Y
        )
    np.testing.assert_array_equal(model.predict(T), fresh.predict(T))
    assert model.predict(T, return_gradient=True)[1].shape == T.shape


@pytest.mark.parametrize(
    ("words", "match"),
    [
        ({"solver": "pcg"}, "solver='auto' or 'cholesky'"),
        ({"solver": "nystroem"}, "GridSearchCV"),
        ({"cv": "gcv"}, "cv='gcv'"),
        ({"scoring": "r2"}, "scoring judges values alone"),
    ],
)
def test_what_gradients_do_not_go_with(words, match):
    with pytest.raises(NotApplicableError, match=match):
        InvariantKernelRidgeCV(**RIDGE, **words).fit(X, Y, gradient=DY)


def test_two_samples_are_needed():
    with pytest.raises(ValueError, match="needs 2 samples of positive weight with a value"):
        searched(Y, DY, (np.arange(9) == 3).astype(float))
    one = np.full(9, np.nan), np.where(np.arange(9)[:, None] == 2, DY, np.nan)
    with pytest.raises(ValueError, match="got 1 sample"):
        searched(*one)
    with pytest.raises(ValueError, match="NaN everywhere"):
        searched(np.full(9, np.nan), np.full(DY.shape, np.nan))
