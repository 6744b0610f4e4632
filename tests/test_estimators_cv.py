"""Leave-one-out choice of hyperparameters."""

from __future__ import annotations

import builtins
import sys

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.gaussian_process.kernels import RBF, Matern, RationalQuadratic
from sklearn.metrics import make_scorer, median_absolute_error, r2_score
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.model_selection import LeaveOneOut, cross_val_predict
from symkernel import InvariantKernel, InvariantKernelRidge, InvariantKernelRidgeCV, groups
from symkernel.exceptions import GridEdgeWarning
from symkernel.kernels import Polynomial

RNG = np.random.default_rng(8)
X = RNG.normal(size=(24, 4))
Y = np.column_stack([X.max(axis=1), np.abs(X).sum(axis=1)]) + 0.1 * RNG.normal(size=(24, 2))
T = RNG.normal(size=(9, 4))
ALPHAS = [1e-4, 1e-2, 1.0]
GAMMAS = [0.01, 0.1, 1.0]
WEIGHTS = RNG.uniform(0.2, 2.0, 24)

ignore_edges = pytest.mark.filterwarnings("ignore::symkernel.exceptions.GridEdgeWarning")
pytestmark = ignore_edges


def left_out(model, X, y, weights=None):
    """Leave-one-out predictions, one fit each."""
    predictions = np.empty_like(y)
    for train, test in LeaveOneOut().split(X):
        w = None if weights is None else weights[train]
        predictions[test] = clone(model).fit(X[train], y[train], w).predict(X[test])
    return predictions


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["plain", "weighted"])
@pytest.mark.parametrize("group", [None, "symmetric"])
@pytest.mark.parametrize("scoring", [None, "neg_mean_absolute_error", "r2"])
def test_scores_are_those_of_leaving_one_out(group, weights, scoring):
    search = InvariantKernelRidgeCV(
        ALPHAS, GAMMAS, group=group, scoring=scoring, store_cv_results=True
    ).fit(X, Y, weights)
    results = search.cv_results_
    for row, score in zip(results["params"], results["mean_test_score"], strict=True):
        # Searches with a group centre the targets, by the samples that are left.
        model = InvariantKernelRidge(group=group, normalize_y=group is not None, **row)
        predicted = left_out(model, X, Y, weights)
        if scoring == "r2":
            want = r2_score(Y, predicted, sample_weight=weights)
        else:
            power = 2 if scoring is None else 1
            want = -np.average((np.abs(Y - predicted) ** power).mean(axis=1), weights=weights)
        assert score == pytest.approx(want, rel=1e-7, abs=1e-9)


def test_the_best_pair_is_chosen_and_fitted():
    search = InvariantKernelRidgeCV(ALPHAS, GAMMAS, group="cyclic", store_cv_results=True)
    search.fit(X, Y)
    table = pd.DataFrame(search.cv_results_)
    assert len(table) == 9
    best = table.loc[table["mean_test_score"].idxmax()]
    assert best["rank_test_score"] == 1
    assert (search.alpha_, search.gamma_) == (best["param_alpha"], best["param_gamma"])
    assert search.best_score_ == best["mean_test_score"]
    words = {"gamma": search.gamma_, "group": "cyclic", "normalize_y": True}
    same = InvariantKernelRidge(search.alpha_, **words).fit(X, Y)
    np.testing.assert_array_equal(search.dual_coef_, same.dual_coef_)
    np.testing.assert_array_equal(search.predict(T), same.predict(T))
    assert search.group_ == groups.Cyclic(4) and search.plan().method == same.plan().method


@pytest.mark.parametrize(
    ("kernel", "want"),
    [
        (Matern(nu=2.5), Matern(0.7, nu=2.5)),
        (RBF(), RBF(0.7)),
        (RationalQuadratic(alpha=0.3), RationalQuadratic(0.7, alpha=0.3)),
    ],
    ids=str,
)
@pytest.mark.parametrize("group", [None, "cyclic"])
def test_length_scales_replace_that_of_the_kernel(kernel, want, group):
    search = InvariantKernelRidgeCV(
        [0.1], length_scales=[0.7], kernel=kernel, group=group, normalize_y=False
    )
    search.fit(X, Y)
    assert search.length_scale_ == 0.7 and kernel.length_scale == 1.0
    same = InvariantKernelRidge(0.1, kernel=want, group=group).fit(X, Y)
    np.testing.assert_array_equal(search.predict(T), same.predict(T))


def test_length_scales_of_names_and_of_invariant_kernels():
    want = InvariantKernelRidge(0.1, kernel=Matern(2.0, nu=1.5), group="cyclic").fit(X, Y)
    for words in (
        {"kernel": "matern", "kernel_params": {"nu": 1.5}, "group": "cyclic"},
        {"kernel": InvariantKernel(Matern(nu=1.5), "cyclic")},
        {"kernel": InvariantKernel(Matern(nu=1.5), groups.Cyclic(4))},
    ):
        search = InvariantKernelRidgeCV([0.1], length_scales=[2.0], normalize_y=False, **words)
        search.fit(X, Y)
        np.testing.assert_array_equal(search.predict(T), want.predict(T))


def test_gammas_of_kernel_objects_and_length_per_feature():
    words = {"kernel": Polynomial(2), "group": "cyclic", "normalize_y": False}
    search = InvariantKernelRidgeCV([0.1], [0.3], **words).fit(X, Y)
    want = InvariantKernelRidge(0.1, kernel=Polynomial(2, gamma=0.3), group="cyclic").fit(X, Y)
    np.testing.assert_array_equal(search.predict(T), want.predict(T))
    scales = np.array([[1.0, 1, 2, 2], [2.0, 2, 1, 1]])
    search = InvariantKernelRidgeCV(
        [0.1], length_scales=scales, kernel=RBF(np.ones(4)), store_cv_results=True
    ).fit(X, Y)
    assert search.length_scale_.tolist() in scales.tolist()
    own = InvariantKernelRidgeCV([0.1], kernel=RBF([1.0, 1, 2, 2])).fit(X, Y)
    assert own.length_scale_ is None


@pytest.mark.parametrize(
    "kernel", ["rbf", "laplacian", "matern", Matern(nu=1.5), "linear", "polynomial", "arc_cosine"]
)
@pytest.mark.parametrize("group", [None, "symmetric"])
def test_default_grids(kernel, group):
    """They follow the units of the data, and end in a useful model."""
    first = InvariantKernelRidgeCV(kernel=kernel, group=group).fit(X, Y)
    assert np.isfinite(first.best_score_)
    if kernel in ("rbf", "laplacian"):
        scaled = InvariantKernelRidgeCV(kernel=kernel, group=group).fit(100 * X, Y)
        power = 2 if kernel == "rbf" else 1
        assert scaled.gamma_ == pytest.approx(first.gamma_ / 100**power)
        assert scaled.best_score_ == pytest.approx(first.best_score_)


def test_weight_zero_is_absence():
    weights = WEIGHTS.copy()
    weights[[2, 7, 11]] = 0
    kept = weights > 0
    with_zeros = InvariantKernelRidgeCV(group="cyclic").fit(X, Y, weights)
    without = InvariantKernelRidgeCV(group="cyclic").fit(X[kept], Y[kept], weights[kept])
    assert with_zeros.alpha_ == without.alpha_
    assert with_zeros.gamma_ == pytest.approx(without.gamma_)
    np.testing.assert_allclose(with_zeros.predict(T), without.predict(T), atol=1e-7)


def test_precomputed_and_sparse():
    K = rbf_kernel(X, gamma=0.1)
    search = InvariantKernelRidgeCV(ALPHAS, [0.1]).fit(X, Y)
    given = InvariantKernelRidgeCV(ALPHAS, kernel="precomputed").fit(K, Y)
    assert given.alpha_ == search.alpha_ and not hasattr(given, "gamma_")
    np.testing.assert_allclose(given.predict(rbf_kernel(T, X, gamma=0.1)), search.predict(T))
    weights = np.where(np.arange(24) < 5, 0.0, 1.0)
    given.fit(K, Y, weights)
    sparse = InvariantKernelRidgeCV(ALPHAS, [0.1]).fit(csr_matrix(X), Y, weights)
    assert sparse.best_score_ == pytest.approx(given.best_score_)
    assert InvariantKernelRidgeCV(ALPHAS).fit(csr_matrix(X), Y).gamma_ > 0


@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_scorers_are_those_of_scikit_learn(weights):
    scorer = make_scorer(median_absolute_error, greater_is_better=False)
    search = InvariantKernelRidgeCV([0.01], [0.1], scoring=scorer).fit(X, Y[:, 0], weights)
    predicted = left_out(InvariantKernelRidge(0.01, gamma=0.1), X, Y[:, 0], weights)
    want = -median_absolute_error(Y[:, 0], predicted, sample_weight=weights)
    assert search.best_score_ == pytest.approx(want)


def test_agrees_with_cross_val_predict():
    search = InvariantKernelRidgeCV([0.01], [0.1], group="dihedral").fit(X, Y[:, 0])
    model = InvariantKernelRidge(0.01, gamma=0.1, group="dihedral", normalize_y=True)
    predicted = cross_val_predict(model, X, Y[:, 0], cv=LeaveOneOut())
    assert search.best_score_ == pytest.approx(-np.mean((predicted - Y[:, 0]) ** 2))


def test_search_without_refit():
    search = InvariantKernelRidgeCV(ALPHAS, GAMMAS)
    search.fit(X, Y)
    search.set_params(refit=False).fit(X, Y)
    assert search.alpha_ in ALPHAS and not hasattr(search, "dual_coef_")
    with pytest.raises(NotFittedError):
        search.predict(T)


# ---- warnings at the edge ----------------------------------------------------------------------


@pytest.mark.filterwarnings("always::symkernel.exceptions.GridEdgeWarning")
def test_best_value_at_the_edge_warns():
    with pytest.warns(GridEdgeWarning, match=r"best alpha, 0.0001, is the largest .* larger"):
        InvariantKernelRidgeCV([1e-6, 1e-5, 1e-4], [0.1]).fit(X, Y)
    with pytest.warns(GridEdgeWarning, match=r"best gamma, 0.3, is the smallest .* smaller"):
        InvariantKernelRidgeCV([0.01], [0.3, 1.0, 3.0]).fit(X, Y)
    with pytest.warns(GridEdgeWarning, match=r"best length_scale, .* try .* length_scales as well"):
        InvariantKernelRidgeCV([0.01], length_scales=[0.4, 0.8], kernel=RBF()).fit(X, Y)


@pytest.mark.filterwarnings("error::symkernel.exceptions.GridEdgeWarning")
def test_no_edge_where_there_is_nothing_beyond():
    InvariantKernelRidgeCV([0.1], [0.1]).fit(X, Y)  # one value
    smooth = X @ np.ones(4)
    InvariantKernelRidgeCV([0.0, 1e-2, 1.0], kernel="poly", group="symmetric").fit(X, smooth)
    InvariantKernelRidgeCV([1e-13, 1e-12, 1.0], [0.5]).fit(X, Y)  # flat at the edge


# ---- progress ----------------------------------------------------------------------------------


def test_progress_bar(capsys):
    InvariantKernelRidgeCV(ALPHAS, GAMMAS, verbose=1).fit(X, Y)
    shown = capsys.readouterr()
    assert "leave-one-out" in shown.err and "3/3" in shown.err and "gamma=1" in shown.err
    assert shown.out == ""
    InvariantKernelRidgeCV(ALPHAS, GAMMAS).fit(X, Y)
    assert capsys.readouterr().err == ""


def test_progress_without_tqdm(capsys, monkeypatch):
    original = builtins.__import__

    def refuse(name, *arguments, **options):
        if name.startswith("tqdm"):
            raise ImportError(name)
        return original(name, *arguments, **options)

    monkeypatch.delitem(sys.modules, "tqdm", raising=False)
    monkeypatch.setattr(builtins, "__import__", refuse)
    InvariantKernelRidgeCV(ALPHAS, GAMMAS, verbose=1).fit(X, Y)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 4 and "install tqdm" in lines[0] and "3/3 gamma=1" in lines[3]


# ---- errors ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "error", "match"),
    [
        ({"alphas": [0.1, -1.0]}, ValueError, "alphas must be finite and not negative, got -1"),
        ({"alphas": []}, ValueError, "alphas"),
        ({"gammas": []}, ValueError, "gammas is empty"),
        ({"gammas": [0.1, 0.0]}, ValueError, "gammas must be positive"),
        ({"gammas": [0.1], "kernel": RBF()}, ValueError, "no parameter gamma; it has length_scale"),
        ({"length_scales": [1.0]}, ValueError, "no parameter length_scale; it has gamma"),
        ({"gammas": [1.0], "kernel": "linear"}, ValueError, "no hyperparameter to search"),
        ({"length_scales": [np.nan], "kernel": RBF()}, ValueError, "length_scales must be"),
        ({"scoring": "nonsense"}, ValueError, "nonsense"),
        ({"scoring": 3}, TypeError, "scoring must be"),
        ({"alphas": [0.0], "kernel": "linear"}, ValueError, "add larger alphas"),
    ],
)
def test_errors(words, error, match):
    with pytest.raises(error, match=match):
        InvariantKernelRidgeCV(**words).fit(X, Y)


def test_two_samples_of_positive_weight_are_needed():
    with pytest.raises(ValueError, match="1 sample"):
        InvariantKernelRidgeCV().fit(X, Y, np.eye(24)[0])
    with pytest.raises(ValueError, match="1 sample"):
        InvariantKernelRidgeCV().fit(X[:1], Y[:1])
