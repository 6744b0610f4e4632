"""InvariantBasis as a scikit-learn transformer, and its errors."""

import math
import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from symkernel import groups
from symkernel.spectral import SO3, InvariantBasis, Polynomials, Sphere, Torus

icosahedral = groups.PointGroup("I")


def points(n=20, d=3):
    return Sphere(d).random_points(n, 0)


def test_dimensions_are_known_before_fit():
    basis = InvariantBasis(Sphere(3), icosahedral, max_level=12)
    assert basis.dimensions.tolist() == [1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 1]
    assert not hasattr(basis, "levels_")
    basis.fit(points())
    assert [level.level for level in basis.levels_] == list(range(13))
    assert basis.n_features_in_ == 3
    assert 0.1 < basis.gap_ <= 2.0 * math.sqrt(2)


def test_parameters_can_change():
    basis = InvariantBasis(Sphere(3), icosahedral, max_level=6)
    assert len(basis.dimensions) == 7
    basis.set_params(group=groups.PointGroup("O"))
    assert basis.dimensions.tolist() == [1, 0, 0, 0, 1, 0, 1]
    basis.set_params(group=None, max_level=2)
    assert basis.dimensions.tolist() == [1, 3, 5]


@pytest.mark.parametrize(("budget", "levels"), [(1, 1), (10, 1), (11, 2), (175, 3), (176, 4)])
def test_n_components_takes_whole_levels(budget, levels):
    basis = InvariantBasis(Torus(10), groups.SignFlips(10), n_components=budget)
    assert len(basis.dimensions) == levels
    assert basis.dimensions.sum() <= budget


def test_n_components_takes_levels_without_invariant_functions():
    # degree 6 would be the second one
    basis = InvariantBasis(Sphere(3), icosahedral, n_components=1)
    assert basis.dimensions.tolist() == [1, 0, 0, 0, 0, 0]


def test_n_components_out_of_reach():
    basis = InvariantBasis(Sphere(3), groups.SO(3), n_components=2)
    with pytest.raises(ValueError, match="n_components=2 was not reached"):
        basis.fit(points())


def test_scikit_learn_protocol():
    pd = pytest.importorskip("pandas")
    basis = InvariantBasis(Torus(3), groups.Symmetric(3), max_level=4)
    X = Torus(3).random_points(9, 0)
    features = basis.fit_transform(X)
    names = basis.get_feature_names_out()
    assert names.tolist() == [f"invariantbasis{k}" for k in range(features.shape[1])]
    copy = clone(basis)
    assert copy.get_params() == basis.get_params()
    np.testing.assert_array_equal(copy.fit(X).transform(X), features)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(basis)).transform(X), features)
    frame = basis.set_output(transform="pandas").transform(X)
    assert isinstance(frame, pd.DataFrame)
    assert frame.columns.tolist() == names.tolist()
    np.testing.assert_array_equal(frame.to_numpy(), features)


@pytest.mark.parametrize(
    "manifold", [Sphere(3), Sphere(4), Torus(4), SO3(), Polynomials(5)], ids=repr
)
@pytest.mark.parametrize("n", [0, 1, 31, 33, 300])
def test_blocks_and_threads_change_nothing(manifold, n):
    top = 3
    X = manifold.random_points(301, 0)
    basis = InvariantBasis(manifold, groups.Trivial(manifold.n_features), max_level=top, n_jobs=1)
    whole = basis.fit(X).transform(X)
    if n == 0:
        with pytest.raises(ValueError, match="0 sample"):
            basis.transform(X[:0])
        return
    for jobs in (1, 2, None, -1):
        basis.set_params(n_jobs=jobs)
        np.testing.assert_allclose(basis.transform(X[:n]), whole[:n], atol=1e-12, rtol=1e-12)


def test_pipeline_learns_an_invariant_target():
    sphere = Sphere(3)
    X = sphere.random_points(400, 0)
    vertex = np.array([0.0, 1.0, (1 + 5**0.5) / 2])
    vertex /= np.linalg.norm(vertex)
    corners = np.unique([g.apply(vertex).round(9) for g in icosahedral.elements()], axis=0)
    y = np.exp(2 * (X @ corners.T)).mean(axis=1)
    model = make_pipeline(
        InvariantBasis(sphere, icosahedral, max_level=20), Ridge(1e-10, fit_intercept=False)
    ).fit(X, y)
    fresh = sphere.random_points(100, 1)
    truth = np.exp(2 * (fresh @ corners.T)).mean(axis=1)
    np.testing.assert_allclose(model.predict(fresh), truth, atol=1e-7)
    for g in icosahedral.generators:
        np.testing.assert_allclose(model.predict(g.apply(fresh)), model.predict(fresh), atol=1e-12)


@pytest.mark.parametrize(
    ("bounds", "error", "words"),
    [
        ({}, ValueError, "got neither"),
        ({"max_level": -1}, ValueError, "max_level must be finite and not negative"),
        ({"max_level": "two"}, TypeError, "max_level must be a number"),
        ({"n_components": 0}, ValueError, "n_components must be at least 1"),
        ({"n_components": 1.5}, TypeError, "n_components must be an integer"),
        ({"max_level": 2, "tol": -1.0}, ValueError, "tol must be finite"),
    ],
)
def test_bounds_are_checked(bounds, error, words):
    basis = InvariantBasis(Sphere(3), icosahedral, **bounds)
    with pytest.raises(error, match=words):
        basis.fit(points())
    with pytest.raises(error, match=words):
        _ = basis.dimensions


def test_wrong_manifolds_groups_and_samples():
    with pytest.raises(TypeError, match="manifold must be a Manifold or a name, got int"):
        InvariantBasis(3, icosahedral, max_level=1).fit(points())
    with pytest.raises(ValueError, match="unknown manifold 'cube'"):
        InvariantBasis("cube", icosahedral, max_level=1).fit(points())
    with pytest.raises(ValueError, match="'I'"):
        InvariantBasis(Sphere(3), "I", max_level=1).fit(points())
    with pytest.raises(ValueError, match="does not map the torus"):
        InvariantBasis(Torus(3), icosahedral, max_level=1).fit(points())
    basis = InvariantBasis(Sphere(3), icosahedral, max_level=1)
    with pytest.raises(ValueError, match="X must lie on Sphere"):
        basis.fit(2 * points())
    basis.fit(points())
    with pytest.raises(ValueError, match="X must lie on Sphere"):
        basis.transform(2 * points())
    with pytest.raises(ValueError, match="expecting 3 features"):
        basis.transform(points(d=4))
    with pytest.raises(ValueError, match="level must be one of those used"):
        basis.projector(2)
    with pytest.raises(ValueError, match="n_jobs must not be 0"):
        basis.set_params(n_jobs=0).transform(points())


@pytest.mark.parametrize("tolerance", [1e-1, 1e-3, 1e-15])
def test_a_tolerance_without_a_gap_is_refused(tolerance):
    basis = InvariantBasis(Sphere(3), groups.PointGroup("C5000"), max_level=10, tol=tolerance)
    with pytest.raises(ValueError, match="does not separate invariant functions"):
        basis.fit(points())


def test_a_small_gap_is_no_problem():
    basis = InvariantBasis(Sphere(3), groups.PointGroup("C5000"), max_level=10)
    assert basis.dimensions.tolist() == [1] * 11
    gap = abs(np.exp(2j * np.pi / 5000) - 1)
    assert abs(basis.fit(points()).gap_ - gap) < 1e-9


def test_single_precision_stays():
    X = points().astype(np.float32)
    basis = InvariantBasis(Sphere(3), icosahedral, max_level=10).fit(X)
    features = basis.transform(X)
    assert features.dtype == np.float32
    np.testing.assert_allclose(features, basis.transform(X.astype(np.float64)), atol=1e-5)


def test_levels_too_large_to_list():
    with pytest.raises(ValueError, match=r"level 6 of Polynomials.* functions; at most"):
        Polynomials(100).invariants(groups.Cyclic(100), 6)


def test_dimensions_are_read_only():
    with pytest.raises(AttributeError):
        InvariantBasis(Sphere(3), None, max_level=1).dimensions = [1]
