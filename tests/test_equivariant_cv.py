"""Leave-one-out choice of hyperparameters for targets that turn with their samples."""

from __future__ import annotations

import pickle
from itertools import product

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.gaussian_process.kernels import RBF, Matern
from sklearn.metrics import make_scorer, mean_absolute_error, r2_score
from sklearn.utils.estimator_checks import check_estimator
from symkernel import (
    EquivariantKernelRidge,
    EquivariantKernelRidgeCV,
    InvariantKernelRidgeCV,
    groups,
)
from symkernel.estimators._equivariant_search import BlockSearch
from symkernel.exceptions import GridEdgeWarning
from symkernel.groups import SE, SO, O, PointGroup, Representation, Symmetric
from symkernel.kernels import EquivariantKernel, Polynomial

pytestmark = pytest.mark.filterwarnings("ignore::symkernel.exceptions.GridEdgeWarning")

SHAPE = (3, 3)
SWAPS = groups.Young("OHH").along(0, SHAPE)
VECTOR, TRIVIAL, TENSOR = (Representation(k) for k in ("vector", "trivial", "tensor"))
CASES = {
    "vectors": (SE(3).along(1, SHAPE), VECTOR),
    "a sum": (SWAPS * O(3).along(1, SHAPE), VECTOR + 2 * TRIVIAL + VECTOR),
    "tensors": (SO(3).along(1, SHAPE), TENSOR),
    "charges": (SWAPS, Representation("permutation")),
    "forces": (PointGroup("D2").along(1, SHAPE), Representation("same")),
    "in the plane": (SO(2).along(1, (4, 2)), VECTOR),
}
ALPHAS = np.array([1e-6, 1e-2, 1.0])
GAMMAS = [0.05, 0.3]
N = 8


def data(name, n=N):
    group, output = CASES[name]
    rng = np.random.default_rng(3)
    X = 0.8 * rng.standard_normal((n, group.degree))
    stays = output.mean(group) @ np.full(output.size(group), 2.0)
    return group, output, X, stays + rng.standard_normal((n, len(stays)))


def left_out(model, X, Y, weights=None):
    """Predictions of every sample by a fit to all others."""
    found = np.empty_like(Y)
    for i in range(len(X)):
        rest = np.arange(len(X)) != i
        own = None if weights is None else weights[rest]
        found[i] = clone(model).fit(X[rest], Y[rest], own).predict(X[[i]])[0]
    return found


@pytest.mark.parametrize("centred", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", CASES)
def test_errors_are_those_of_refits(name, weighted, centred):
    group, output, X, Y = data(name)
    weights = np.random.default_rng(4).uniform(0.3, 2, N) if weighted else None
    kernel = EquivariantKernel(RBF(1.3), group, output)
    found = BlockSearch(X, Y, ALPHAS, weights, centred, None).residuals(kernel)
    for alpha, residuals in zip(ALPHAS, found, strict=True):
        model = EquivariantKernelRidge(
            alpha, group=group, output=output, kernel=RBF(1.3), normalize_y=centred
        )
        want = Y - left_out(model, X, Y, weights)
        np.testing.assert_allclose(residuals, want, rtol=0, atol=1e-9)


@pytest.mark.parametrize("scoring", [None, "neg_mean_absolute_error", "r2"])
@pytest.mark.parametrize("name", ["vectors", "a sum"])
def test_the_best_pair_is_that_of_refits(name, scoring):
    group, output, X, Y = data(name)
    weights = np.linspace(0.5, 2, N)
    words = {"group": group, "output": output}
    search = EquivariantKernelRidgeCV(
        ALPHAS, GAMMAS, scoring=scoring, store_cv_results=True, **words
    ).fit(X, Y, weights)
    scores = {}
    for gamma, alpha in product(GAMMAS, ALPHAS):
        model = EquivariantKernelRidge(alpha, gamma=gamma, normalize_y=True, **words)
        predicted = left_out(model, X, Y, weights)
        if scoring == "r2":
            scores[gamma, alpha] = r2_score(Y, predicted, sample_weight=weights)
        else:
            errors = np.abs(predicted - Y) ** (2 if scoring is None else 1)
            scores[gamma, alpha] = -np.average(errors.mean(axis=1), weights=weights)
    table = search.cv_results_
    np.testing.assert_allclose(table["mean_test_score"], list(scores.values()), rtol=1e-9)
    gamma, alpha = max(scores, key=scores.get)
    assert (search.gamma_, search.alpha_) == (gamma, alpha)
    assert search.best_score_ == table["mean_test_score"][table["rank_test_score"] == 1][0]
    same = EquivariantKernelRidge(alpha, gamma=gamma, normalize_y=True, **words)
    same.fit(X, Y, weights)
    np.testing.assert_array_equal(search.dual_coef_, same.dual_coef_)
    for ours, theirs in zip(
        search.predict(X, return_std=True), same.predict(X, return_std=True), strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_array_equal(search.leave_one_out(), same.leave_one_out())
    assert search.output_ == output and search.group_ == group


@pytest.mark.filterwarnings("ignore")  # the checks fit odd data on purpose
def test_contract():
    # Repetitions of a sample are left out one at a time.
    expected = {"check_sample_weight_equivalence_on_dense_data": "leave-one-out"}
    results = check_estimator(
        EquivariantKernelRidgeCV([0.1, 1.0], [0.1]), expected_failed_checks=expected, on_skip=None
    )
    assert len(results) > 40
    assert {r["check_name"] for r in results if r["status"] == "xfail"} == set(expected)


@pytest.mark.parametrize("group", [None, "cyclic"])
@pytest.mark.parametrize("weighted", [False, True])
def test_of_numbers_it_is_the_invariant_search(group, weighted):
    rng = np.random.default_rng(0)
    X, Y = rng.standard_normal((20, 4)), 3 + rng.standard_normal((20, 3))
    weights = rng.uniform(0, 2, 20) if weighted else None
    ours = EquivariantKernelRidgeCV(
        ALPHAS, GAMMAS, group=group, output=3 * TRIVIAL, store_cv_results=True
    ).fit(X, Y, weights)
    theirs = InvariantKernelRidgeCV(ALPHAS, GAMMAS, group=group, store_cv_results=True)
    theirs.fit(X, Y, weights)
    for name in ("mean_test_score", "param_gamma", "param_alpha"):
        np.testing.assert_allclose(ours.cv_results_[name], theirs.cv_results_[name], rtol=1e-9)
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X), atol=1e-9)
    assert ours.fit(X, Y[:, 0]).predict(X).shape == (20,) if group is None else True


def test_grids_follow_the_kernel():
    group, output, X, Y = data("vectors", 12)
    words = {"group": group, "output": output}
    search = EquivariantKernelRidgeCV([0.1], length_scales=[0.7, 2.0], kernel=Matern(nu=2.5))
    search.set_params(**words).fit(X, Y)
    same = EquivariantKernelRidge(0.1, kernel=Matern(search.length_scale_, nu=2.5), **words)
    np.testing.assert_array_equal(search.predict(X), same.fit(X, Y).predict(X))
    named = EquivariantKernelRidgeCV(
        [0.1], length_scales=[0.7, 2.0], kernel="matern", kernel_params={"nu": 2.5}, **words
    ).fit(X, Y)
    np.testing.assert_array_equal(named.predict(X), search.predict(X))
    forces = CASES["forces"][0]
    of_gamma = EquivariantKernelRidgeCV([0.1], [0.2, 0.5], kernel=Polynomial(2), output="same")
    assert of_gamma.set_params(group=forces).fit(X, X).gamma_ in (0.2, 0.5)
    default = EquivariantKernelRidgeCV(**words).fit(X, Y)
    shifted = X.reshape(-1, *SHAPE) + 100 * np.arange(12)[:, None, None]
    assert EquivariantKernelRidgeCV(**words).fit(shifted, Y).gamma_ == pytest.approx(default.gamma_)


def test_dipoles_are_found_to_be_smooth():
    """Of noiseless dipoles the search finds a fit that predicts new ones, in any orientation."""
    rng = np.random.default_rng(1)
    X, T = rng.standard_normal((60, 3, 3)), rng.standard_normal((200, 3, 3))

    def dipoles(R):
        return np.einsum(
            "p,npa->na", [1.0, -0.7, -0.3], R * np.exp(-0.1 * (R**2).sum(2))[..., None]
        )

    search = EquivariantKernelRidgeCV([1e-8, 1e-6, 1e-4], group=SO(3).along(1, SHAPE))
    search.fit(X, dipoles(X))
    assert r2_score(dipoles(T), search.predict(T)) > 0.95
    R = np.linalg.qr(rng.standard_normal((3, 3)))[0]
    R *= np.linalg.det(R)
    np.testing.assert_allclose(search.predict(T @ R.T), search.predict(T) @ R.T, atol=1e-9)


def test_weight_zero_is_absence():
    group, output, X, Y = data("vectors", 12)
    weights = np.where(np.arange(12) % 4, 1.0, 0.0)
    kept = weights > 0
    words = {"group": group, "output": output, "length_scales": [1.0, 2.0], "kernel": RBF()}
    with_zeros = EquivariantKernelRidgeCV(ALPHAS, **words).fit(X, Y, weights)
    without = EquivariantKernelRidgeCV(ALPHAS, **words).fit(X[kept], Y[kept])
    assert with_zeros.alpha_ == without.alpha_
    assert with_zeros.best_score_ == pytest.approx(without.best_score_, rel=1e-9)
    np.testing.assert_allclose(with_zeros.predict(X), without.predict(X), atol=1e-10)


def test_parameters_copies_and_names():
    X = pd.DataFrame(np.random.default_rng(0).standard_normal((12, 3)), columns=list("abc"))
    group = Symmetric(2).on(["a", "c"])
    search = EquivariantKernelRidgeCV(ALPHAS, GAMMAS).set_params(group=group, output="same")
    again = clone(search)
    assert again.get_params()["output"] == "same" and not hasattr(again, "alpha_")
    again.fit(X, X**3)
    np.testing.assert_allclose(again.predict(X[["b", "c", "a"]]), again.predict(X), atol=1e-12)
    loaded = pickle.loads(pickle.dumps(again))
    np.testing.assert_array_equal(loaded.predict(X), again.predict(X))
    assert (loaded.alpha_, loaded.gamma_) == (again.alpha_, again.gamma_)


def test_search_without_refit():
    group, output, X, Y = data("vectors")
    search = EquivariantKernelRidgeCV(ALPHAS, GAMMAS, group=group, output=output).fit(X, Y)
    search.set_params(refit=False).fit(X, Y)
    assert search.alpha_ in ALPHAS and not hasattr(search, "dual_coef_")
    for call in (search.predict, lambda X: search.leave_one_out()):
        with pytest.raises(NotFittedError):
            call(X)


@pytest.mark.filterwarnings("always::symkernel.exceptions.GridEdgeWarning")
def test_edges_and_progress(capsys):
    group, output, X, Y = data("vectors")
    search = EquivariantKernelRidgeCV([1e-3, 1e-2, 0.1], [0.3], group=group, output=output)
    with pytest.warns(GridEdgeWarning, match=r"best alpha, 0.1, is the largest") as caught:
        search.set_params(verbose=1).fit(X, Y)
    assert caught[0].filename == __file__
    assert "1/1" in capsys.readouterr().err


def test_scorers_of_scikit_learn():
    group, output, X, Y = data("tensors")
    scorer = make_scorer(mean_absolute_error, greater_is_better=False)
    words = {"group": group, "output": output}
    search = EquivariantKernelRidgeCV([0.1], [0.1], scoring=scorer, **words).fit(X, Y)
    model = EquivariantKernelRidge(0.1, gamma=0.1, normalize_y=True, **words)
    want = -mean_absolute_error(Y, left_out(model, X, Y))
    assert search.best_score_ == pytest.approx(want, rel=1e-9)


@pytest.mark.parametrize(
    ("words", "error", "match"),
    [
        ({"alphas": [0.1, -1.0]}, ValueError, "alphas must be finite and not negative"),
        ({"gammas": [0.1, 0.0]}, ValueError, "gammas must be positive"),
        ({"gammas": [0.1], "kernel": RBF()}, ValueError, "no parameter gamma; it has length_scale"),
        ({"length_scales": [1.0]}, ValueError, "no parameter length_scale; it has gamma"),
        ({"scoring": 3}, TypeError, "scoring must be"),
        ({"normalize_y": "yes"}, TypeError, "normalize_y must be True, False or None"),
        ({"output": "tensor"}, ValueError, r"y must have shape \(n_samples, 6\)"),
        ({"kernel": "precomputed"}, ValueError, "precomputed"),
    ],
)
def test_refusals(words, error, match):
    group, _, X, Y = data("vectors")
    with pytest.raises(error, match=match):
        EquivariantKernelRidgeCV(**{"group": group, **words}).fit(X, Y)


def test_too_few_samples():
    group, _, X, Y = data("vectors")
    search = EquivariantKernelRidgeCV([0.1], [0.1], group=group)
    with pytest.raises(ValueError, match="minimum of 2"):
        search.fit(X[:1], Y[:1])
    with pytest.raises(ValueError, match="2 samples of positive weight; got 1"):
        search.fit(X, Y, np.eye(N)[0])
    assert np.isfinite(search.fit(X[:2], Y[:2]).best_score_)
    with pytest.raises(ValueError, match="add larger alphas"):
        search.set_params(alphas=[0.0]).fit(X[[0, 0, 0]], Y[:3])
