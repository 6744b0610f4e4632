"""Regression that prefers symmetry: what it keeps, what it breaks, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import subspace_angles
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import LeaveOneOut
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator
from symkernel import lie
from symkernel.lie.operator import LieOperator
from test_rmd17 import load_example

recovery = load_example("recovery_study")
noise = load_example("promote_under_noise")


def radial(n, d=3, level=0.05, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.uniform(-1, 1, (n, d))
    return X, (X**2).sum(axis=1) + level * rng.standard_normal(n)


def promote(*args, **parameters):
    parameters.setdefault("random_state", 0)
    return lie.SymmetryPromotingRegressor(*args, **parameters)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("penalty", ["nuclear", "log-det"])
def test_scikit_learn_contract(penalty):
    check_estimator(promote(penalty=penalty, n_gammas=4, cv=2))


def test_log_det_keeps_what_is_planted():
    X, y = radial(80)
    model = promote(lie.monomials(3), "special_euclidean", penalty="log-det").fit(X, y)
    planted = lie.special_orthogonal(3).generators.reshape(3, -1).T
    kept = model.kept_.generators.reshape(model.kept_.dim, -1).T
    assert (model.kept_.dim, model.broken_.dim) == (3, 3)
    assert subspace_angles(planted, kept).max() < 0.1
    assert np.all(model.singular_values_[3:] < 1e-3)
    assert np.all(model.singular_values_[:3] > 0.1)
    assert model.score(X, y) > 0.97
    # kept and broken are the whole candidate, orthogonal to each other.
    broken = model.broken_.generators.reshape(3, -1)
    np.testing.assert_allclose(broken @ kept, 0, atol=1e-12)
    assert model.gap_ is None
    lines = model.report().splitlines()
    assert "3 of 6 dimensions kept" in lines[0]
    assert [line.split()[0] for line in lines[1:]] == ["broken"] * 3 + ["kept"] * 3


def test_kept_directions_do_not_change_the_model():
    X, y = radial(80, d=2)
    model = promote(lie.monomials(4), "special_euclidean", penalty="log-det").fit(X, y)
    assert model.kept_.dim == 1
    moved = LieOperator(model.dictionary_, model.kept_, X).columns(model.coef_)
    kept_size = np.sqrt(np.sum(moved**2))
    broken = LieOperator(model.dictionary_, model.broken_, X).columns(model.coef_)
    assert kept_size < 1e-3 * np.sqrt(np.sum(broken**2))


def test_nuclear_norm_without_noise_interpolates_and_keeps():
    # Eleven samples of fifteen coefficients: the symmetry supplies the rest.
    X, y = radial(11, d=4, level=0.0)
    model = promote(lie.monomials(2), "special_euclidean", gamma=0.0, tol=1e-9).fit(X, y)
    np.testing.assert_allclose(model.predict(X), y, atol=1e-10)
    grid = np.random.default_rng(1).uniform(-1, 1, (50, 4))
    np.testing.assert_allclose(model.predict(grid), (grid**2).sum(axis=1), atol=1e-4)
    assert model.kept_.dim == 6
    assert 0 <= model.gap_ < 1e-6


def test_large_gamma_keeps_all():
    X, y = radial(40)
    with pytest.warns(UserWarning, match="constant: every transformation"):
        model = promote(lie.monomials(2), "special_euclidean", gamma=1e3).fit(X, y)
    assert (model.kept_.dim, model.broken_.dim) == (6, 0)
    np.testing.assert_allclose(model.predict(X), y.mean(), atol=1e-4)


def test_grid_starts_where_all_is_kept():
    X, y = radial(40)
    model = promote(lie.monomials(2), "special_orthogonal").fit(X, y)
    largest = model.cv_results_["gamma"][0]
    top = promote(lie.monomials(2), "special_orthogonal", gamma=largest, tol=1e-9).fit(X, y)
    assert top.kept_.dim == 3
    assert model.gamma_ in model.cv_results_["gamma"]
    results = model.cv_results_
    assert model.gamma_ >= results["gamma"][np.argmin(results["mean_mse"])]
    chosen = results["mean_mse"][results["gamma"] == model.gamma_]
    assert chosen <= results["mean_mse"].min() + 2 * results["std_mse"].max()


def test_candidates_by_name_are_chosen_from():
    X, y = radial(60)
    candidates = {"turns": "special_orthogonal", "shifts": lie.translations(3)}
    model = promote(lie.monomials(3), candidates, penalty="log-det").fit(X, y)
    assert model.algebra_name_ == "turns"
    assert set(model.cv_results_["algebra"]) == {"turns", "shifts"}
    assert model.kept_.dim == 3
    listed = promote(lie.monomials(3), ["special_orthogonal", lie.translations(3)]).fit(X, y)
    assert set(listed.cv_results_["algebra"]) == {"special_orthogonal", "translations(3)"}


def test_leave_one_out_and_given_gammas():
    X, y = radial(25, d=2)
    model = promote(lie.monomials(2), gammas=[1e-3, 1e-1], cv=LeaveOneOut(), penalty="log-det").fit(
        X, y
    )
    np.testing.assert_array_equal(model.cv_results_["gamma"], [1e-1, 1e-3])


@pytest.mark.parametrize("measure", ["data", "gaussian", "points"])
def test_measures_agree_on_what_is_kept(measure):
    X, y = radial(100, d=2)
    points = np.random.default_rng(5).standard_normal((200, 2)) if measure == "points" else measure
    model = promote(lie.monomials(3), measure=points, penalty="log-det").fit(X, y)
    assert model.kept_.dim == 1


def test_clone_and_pipeline():
    X, y = radial(50, d=2)
    model = make_pipeline(StandardScaler(), clone(promote(penalty="log-det", n_gammas=5)))
    assert model.fit(X, y).score(X, y) > 0.9


def test_too_few_samples_are_told():
    X, y = radial(4)
    with pytest.warns(UserWarning, match="at least 5 samples"):
        promote(lie.monomials(6), "special_orthogonal", gamma=1e-3).fit(X, y)


def test_flat_samples_are_told():
    X, y = radial(40)
    X[:, 2] = X[:, 0] - X[:, 1]
    with pytest.warns(UserWarning, match="affine subspace of dimension 2 of 3"):
        promote(lie.monomials(2), gamma=1e-2).fit(X, y)


def test_constant_targets_are_told():
    X, _ = radial(40)
    with pytest.warns(UserWarning, match="constant: every transformation"):
        model = promote(lie.monomials(2)).fit(X, np.full(40, 2.0))
    assert model.kept_.dim == 6
    np.testing.assert_allclose(model.predict(X), 2.0)


def test_iteration_limit_is_told():
    X, y = radial(40)
    with pytest.warns(ConvergenceWarning, match="max_iter=3"):
        promote(lie.monomials(3), gamma=1e-3, max_iter=3).fit(X, y)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"penalty": "rank"}, "penalty must be"),
        ({"gamma": -1.0}, "gamma must be finite and not negative"),
        ({"gamma": "auto"}, "a number or 'cv'"),
        ({"gamma": 0.0, "penalty": "log-det"}, "gamma=0 interpolates"),
        ({"gammas": [0.0, 1.0]}, "gammas must be positive"),
        ({"n_gammas": 0}, "n_gammas must be a positive integer"),
        ({"cv": 1}, "cv must be at least 2"),
        ({"tol": 2.0}, "tol must lie between 0 and 1"),
        ({"measure": "cube"}, "measure must be"),
        ({"measure": np.zeros((3, 2))}, "measure must have shape"),
        ({"algebra": lie.affine(2)}, "acts on 2 features, the samples have 3"),
        ({"algebra": "so3"}, "algebra must be one of"),
        ({"algebra": []}, "at least one candidate"),
        ({"gamma": 0.0, "dictionary": lie.monomials(1)}, "targets cannot be interpolated"),
    ],
)
def test_bad_parameters(parameters, message):
    X, y = radial(20)
    with pytest.raises(ValueError, match=message):
        promote(**parameters).fit(X, y)


def test_cv_of_a_wrong_type():
    X, y = radial(20)
    with pytest.raises(TypeError, match="cv must be an integer or a splitter"):
        promote(cv="five").fit(X, y)


def test_recovery_study_agrees_with_the_published_medians(tmp_path):
    found = recovery.study([("translations", 5), ("special_euclidean", 5)], n_jobs=1)
    for (a, m, r, measure), needed in found.items():
        published = recovery.PUBLISHED[a, m][r - 1]
        median = np.median(needed)
        if measure == "points":
            assert abs(median - published) <= max(2, 0.1 * published), (a, m, r)
        else:
            assert median <= published + 2
    assert "15.5" in recovery.table(found)
    recovery.plot(found, tmp_path / "recovery.png")
    assert (tmp_path / "recovery.png").read_bytes().startswith(b"\x89PNG")


def test_log_det_recovers_under_noise_where_the_nuclear_norm_does_not(tmp_path):
    outcomes = {150: [noise.run(150, seed) for seed in range(8)]}
    found = {p: sum(noise.recovered(o[p]) for o in outcomes[150]) for p in noise.PENALTIES}
    assert found["log-det"] >= 7
    assert found["nuclear"] == 0
    assert all(o["log-det"].gain > 1 for o in outcomes[150])
    assert "of 8" in noise.table([150], outcomes)
    noise.plot(outcomes, tmp_path / "noise.png")
    assert (tmp_path / "noise.png").read_bytes().startswith(b"\x89PNG")
