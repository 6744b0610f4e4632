"""Least squares inside the functions that have a symmetry."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator
from symkernel import groups, lie
from symkernel.lie.enforce import invariant_ridge


def cloud(n, d, seed=0):
    return np.random.default_rng(seed).normal(size=(n, d))


class Exponentials:
    """A dictionary of the user's: 1, exp(x0 + x1), exp(x0), exp(x1)."""

    def values(self, X):
        one = np.ones(len(X))
        return np.stack([one, np.exp(X[:, 0] + X[:, 1]), np.exp(X[:, 0]), np.exp(X[:, 1])], 1)

    def jacobians(self, X):
        both, first, second = (np.exp(a) for a in (X[:, 0] + X[:, 1], X[:, 0], X[:, 1]))
        none = np.zeros(len(X))
        return np.stack(
            [np.stack([none, both, first, none], 1), np.stack([none, both, none, second], 1)], 2
        )


@pytest.mark.filterwarnings("ignore")
def test_scikit_learn_contract():
    check_estimator(lie.EnforcedRegressor())


@pytest.mark.parametrize("alpha", [0.0, 0.3])
@pytest.mark.parametrize("degree", [2, 4, 5])
def test_radial_functions_are_polynomials_of_the_square(degree, alpha):
    X, rng = cloud(60, 3), np.random.default_rng(1)
    y = np.exp(-(X**2).sum(axis=1)) + 0.1 * rng.normal(size=60)
    model = lie.EnforcedRegressor(lie.monomials(degree), "special_orthogonal", alpha=alpha)
    model.fit(X, y)
    assert model.n_invariants_ == degree // 2 + 1
    turn = groups.SO(3).sample(1, random_state=0)[0]
    np.testing.assert_allclose(model.predict(turn.apply(X)), model.predict(X), atol=1e-10)
    if not alpha:
        square = (X**2).sum(axis=1)
        powers = np.vander(square, degree // 2 + 1)
        truth = powers @ np.linalg.lstsq(powers, y)[0]
        np.testing.assert_allclose(model.predict(X), truth, atol=1e-9)


def test_without_symmetry_it_is_ridge_regression():
    X = cloud(40, 2)
    y = np.sin(X).sum(axis=1)
    model = lie.EnforcedRegressor(lie.monomials(3), None, alpha=0.5).fit(X, y)
    features = lie.monomials(3, 2).values(X)[:, 1:]
    truth = Ridge(alpha=0.5).fit(features, y).predict(features)
    np.testing.assert_allclose(model.predict(X), truth, atol=1e-10)
    assert model.algebra_ is None and model.n_invariants_ == 10


def test_components_need_elements():
    X = cloud(80, 2)
    y = X[:, 0] ** 2 * X[:, 1] ** 2 + X[:, 0] ** 3 * X[:, 1] - X[:, 0] * X[:, 1] ** 3
    quarter = np.array([[0.0, -1.0], [1.0, 0.0]])
    turned = lie.EnforcedRegressor(lie.monomials(4), None, elements=[quarter]).fit(X, y)
    np.testing.assert_allclose(turned.predict(X), y, atol=1e-9)
    np.testing.assert_allclose(turned.predict(X @ quarter.T), turned.predict(X), atol=1e-9)
    both = lie.EnforcedRegressor(
        lie.monomials(4), None, elements=[quarter, np.diag([-1.0, 1.0])]
    ).fit(X, y)
    # Under the whole square group the odd part of y is gone.
    assert both.n_invariants_ < turned.n_invariants_
    np.testing.assert_allclose(both.predict(X * [-1, 1]), both.predict(X), atol=1e-9)


def test_reflection_joins_the_components_of_the_orthogonal_group():
    # x0 y1 - x1 y0 is invariant under rotations of two points, and odd under reflections.
    X = cloud(200, 4)
    y = X[:, 0] * X[:, 3] - X[:, 1] * X[:, 2] + X[:, 0] * X[:, 2] + X[:, 1] * X[:, 3]
    rotations = lie.special_orthogonal(2).along(1, (2, 2))
    turned = lie.EnforcedRegressor(lie.monomials(2), rotations).fit(X, y)
    np.testing.assert_allclose(turned.predict(X), y, atol=1e-9)
    mirror = np.diag([1.0, -1.0, 1.0, -1.0])
    full = lie.EnforcedRegressor(lie.monomials(2), rotations, elements=[mirror]).fit(X, y)
    assert (turned.n_invariants_, full.n_invariants_) == (5, 4)
    np.testing.assert_allclose(full.predict(X @ mirror), full.predict(X), atol=1e-9)


def test_equivariant_targets_turn_with_the_samples():
    X = cloud(100, 2)
    field = X * (1 + (X**2).sum(axis=1, keepdims=True))
    field = field + 0.5 * np.stack([-X[:, 1], X[:, 0]], axis=1)
    rotation = lie.special_orthogonal(2)
    model = lie.EnforcedRegressor(lie.monomials(3), rotation, output=rotation.linear_parts).fit(
        X, field
    )
    assert model.n_invariants_ == 4  # x and its quarter turn, times 1 and |x|^2
    assert model.coef_.shape == (10, 2)
    np.testing.assert_allclose(model.predict(X), field, atol=1e-9)
    flip = np.diag([1.0, -1.0])
    mirrored = lie.EnforcedRegressor(
        lie.monomials(3), rotation, output=rotation.linear_parts, elements=[flip],
        element_output=[flip],
    ).fit(X, field)  # fmt: skip
    assert mirrored.n_invariants_ == 2


def test_targets_without_output_share_the_invariants():
    X = cloud(50, 3)
    square = (X**2).sum(axis=1)
    Y = np.stack([square, 1 - square**2], axis=1)
    model = lie.EnforcedRegressor(lie.monomials(4)).fit(X, Y)
    np.testing.assert_allclose(model.predict(X), Y, atol=1e-9)
    single = lie.EnforcedRegressor(lie.monomials(4)).fit(X, Y[:, 1])
    np.testing.assert_allclose(single.coef_, model.coef_[:, 1], atol=1e-9)


def test_dictionary_of_the_user():
    X = cloud(30, 2)
    y = 2 + 3 * np.exp(X[:, 0])
    model = lie.EnforcedRegressor(Exponentials(), lie.Algebra([[[0, 0, 0], [0, 0, 1.0]]]))
    model.fit(X, y)
    assert model.n_invariants_ == 2
    np.testing.assert_allclose(model.predict(X + np.array([0.0, 5.0])), y, atol=1e-8)


def test_clone_and_pipeline():
    X = cloud(50, 3)
    y = (X**2).sum(axis=1)
    model = make_pipeline(StandardScaler(), clone(lie.EnforcedRegressor(lie.monomials(2), None)))
    assert model.fit(X, y).score(X, y) > 1 - 1e-12


def test_kernels_of_a_group():
    X = cloud(30, 4)
    y = (X**2).sum(axis=1)

    class Found:
        def group(self):
            return groups.SO(2).along(1, (2, 2))

    model = invariant_ridge(Found(), alpha=1e-3, gamma=0.3).fit(X, y)
    turn = groups.SO(2).along(1, (2, 2)).sample(1, random_state=0)[0]
    np.testing.assert_allclose(model.predict(turn.apply(X)), model.predict(X), atol=1e-8)
    with pytest.raises(TypeError, match="symmetry must be a Group"):
        invariant_ridge("SO(2)")


def test_too_few_samples_are_counted():
    X = cloud(2, 3)
    with pytest.raises(ValueError, match="at least 3 samples"):
        lie.EnforcedRegressor(lie.monomials(4)).fit(X, X[:, 0])
    lie.EnforcedRegressor(lie.monomials(4), alpha=1.0).fit(X, X[:, 0])


def test_rank_deficient_samples_are_told():
    X = cloud(30, 3)
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    with pytest.warns(UserWarning, match="determine 1 of 3"):
        lie.EnforcedRegressor(lie.monomials(4)).fit(X, np.ones(30))


def test_only_constants_are_told():
    X = cloud(30, 2)
    with pytest.warns(UserWarning, match="only constants"):
        model = lie.EnforcedRegressor(lie.monomials(3), "special_euclidean").fit(X, X[:, 0])
    np.testing.assert_allclose(model.predict(X), X[:, 0].mean())


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"algebra": lie.special_orthogonal(2)}, "acts on 2 features, the samples have 3"),
        ({"algebra": "rotations"}, "algebra must be one of"),
        ({"dictionary": lie.monomials(2, 4)}, "4 features, the samples have 3"),
        ({"alpha": -1.0}, "alpha must be finite and not negative"),
        ({"algebra": None, "output": np.zeros((1, 1, 1))}, "algebra is None"),
        ({"element_output": [np.eye(1)]}, "elements is None"),
        ({"output": np.zeros((3, 2, 2))}, "output moves 2 targets, but y has 1"),
    ],
)
def test_bad_parameters(parameters, message):
    X = cloud(20, 3)
    with pytest.raises(ValueError, match=message), warnings.catch_warnings():
        warnings.simplefilter("error")
        lie.EnforcedRegressor(**parameters).fit(X, X[:, 0])


def test_algebra_of_a_wrong_type():
    X = cloud(20, 3)
    with pytest.raises(TypeError, match="algebra must be an Algebra"):
        lie.EnforcedRegressor(algebra=np.eye(3)).fit(X, X[:, 0])
