"""Max filtering: its features against all elements, and among scikit-learn's tools."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from catalog import GROUPS, samples
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import check_estimator
from symkernel import MaxFilter, groups, orbit_distance
from threadpoolctl import threadpool_limits


@pytest.mark.filterwarnings("ignore")  # the checks fit odd data on purpose
@pytest.mark.parametrize("group", [None, "cyclic", "symmetric", "sign_flips", "O"])
@pytest.mark.parametrize("templates", ["gaussian", "samples"])
def test_check_estimator(group, templates):
    with threadpool_limits(1):
        results = check_estimator(MaxFilter(templates, group), on_skip=None)
    assert len(results) > 40


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", [n for n, g in GROUPS.items() if g.is_finite])
def test_features_are_largest_inner_products(name, dtype):
    group, tolerance = GROUPS[name], 1e-13 if dtype == np.float64 else 3e-5
    X, T = samples(group, 11, dtype=dtype), samples(group, 5, seed=1, dtype=dtype)
    found = MaxFilter(T, group).fit_transform(X)
    assert found.dtype == dtype
    moved = np.stack([g.apply(T.astype(float)) for g in group.elements()])
    truth = np.einsum("nd,gkd->nkg", X.astype(float), moved).max(axis=2)
    np.testing.assert_allclose(found, truth, atol=tolerance)


def test_rotations_and_permutations_of_points():
    group = groups.Symmetric(4).along(0, (4, 3)) * groups.SO(3).along(1, (4, 3))
    rng = np.random.default_rng(0)
    X = rng.standard_normal((6, 4, 3))
    model = MaxFilter(group=group, n_templates=9, random_state=1).fit(X)
    moved = np.stack(
        [g.apply(x) for g, x in zip(group.sample(6, 2), X.reshape(6, -1), strict=True)]
    )
    np.testing.assert_allclose(model.transform(moved), model.transform(X), atol=1e-13)
    features, distances = model.transform(X), orbit_distance(X, group=group)
    change = np.abs(features[:, None] - features[None]).max(axis=2)
    assert (change <= distances + 1e-12).all()  # Lipschitz, templates have length one
    assert features.shape == (6, 9)


def test_generic_templates_tell_orbits_apart():
    group = groups.Cyclic(6)
    beads = np.array(np.meshgrid(*[[0.0, 1.0, 2.0]] * 6)).reshape(6, -1).T
    features = MaxFilter(group=group, random_state=0).fit_transform(beads)
    assert len(np.unique(features.round(9), axis=0)) == 130  # necklaces of 6 beads in 3 colours
    bracelets = MaxFilter(group="dihedral", random_state=0).fit_transform(beads)
    assert len(np.unique(bracelets.round(9), axis=0)) == 92


def test_scales_beyond_the_range_of_squares():
    X, T = np.random.default_rng(0).standard_normal((2, 5, 4))
    plain = MaxFilter(T, "cyclic").fit_transform(X)
    for a, b in ((1e200, 1e-200), (1e-300, 1e10), (1e250, 1e20)):
        scaled = MaxFilter(T * b, "cyclic").fit_transform(X * a)
        np.testing.assert_allclose(scaled / b / a, plain, atol=1e-13)
    assert not MaxFilter(T, "cyclic").fit_transform(np.zeros((2, 4))).any()


def test_names_frames_clones_and_pipelines():
    X = np.random.default_rng(0).standard_normal((60, 4))
    model = MaxFilter(group="cyclic", n_templates=3, random_state=0).set_output(transform="pandas")
    frame = model.fit_transform(X)
    assert list(frame.columns) == ["maxfilter0", "maxfilter1", "maxfilter2"]
    assert list(model.get_feature_names_out()) == list(frame.columns)
    again = clone(model).fit(X)
    np.testing.assert_array_equal(again.templates_, model.templates_)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).transform(X), frame)
    y = (X.max(axis=1) - X.min(axis=1) > 2).astype(int)
    learner = make_pipeline(MaxFilter(group="cyclic", random_state=0), LogisticRegression())
    learner.fit(X, y)
    np.testing.assert_array_equal(learner.predict(np.roll(X, 1, axis=1)), learner.predict(X))


def test_templates_from_samples():
    X = np.random.default_rng(0).standard_normal((5, 4))
    few = MaxFilter("samples", n_templates=3, random_state=0).fit(X).templates_
    assert len(np.unique(few, axis=0)) == 3
    assert all((row == X).all(axis=1).any() for row in few)
    assert MaxFilter("samples", random_state=0).fit(X).templates_.shape == (8, 4)


def test_errors_name_the_argument():
    X = np.zeros((3, 4))
    for model, message in (
        (MaxFilter(np.zeros((2, 3))), r"templates has 3 features; Trivial\(4\) acts on 4"),
        (MaxFilter([[np.nan] * 4]), "templates contains NaN"),
        (MaxFilter("uniform"), "templates must be an array"),
        (MaxFilter(n_templates=0), "n_templates must be"),
        (MaxFilter(group=groups.Cyclic(3)), "X has 4 features"),
        (MaxFilter(group=groups.Translations(4)), "shifts samples"),
        (MaxFilter(group="Torus"), "shifts samples"),
        (MaxFilter(group="rings"), "unknown group 'rings'"),
    ):
        with pytest.raises(ValueError, match=message):
            model.fit(X)
    with pytest.raises(TypeError, match="group must be a Group, a name or None"):
        MaxFilter(group=3).fit(X)


def test_templates_of_any_shape_and_a_group_in_their_place():
    group = groups.Symmetric(4).along(0, (4, 3))
    clouds = np.random.default_rng(0).standard_normal((5, 4, 3))
    folded = MaxFilter(clouds[:2], group=group).fit(clouds)
    flat = MaxFilter(clouds[:2].reshape(2, 12), group=group).fit(clouds)
    np.testing.assert_array_equal(folded.transform(clouds), flat.transform(clouds))
    with pytest.raises(ValueError, match=r"templates has samples of shape \(3, 4\)"):
        MaxFilter(clouds.transpose(0, 2, 1), group=group).fit(clouds)
    with pytest.raises(TypeError, match=r"MaxFilter\(group=Symmetric"):
        MaxFilter(group).fit(clouds)
