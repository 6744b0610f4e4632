"""Transformers that bring data to a manifold."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.utils.estimator_checks import parametrize_with_checks
from symkernel import groups
from symkernel.spectral import InvariantBasis, Sphere, Stereographic, ToSphere, ToTorus


def data(n=30, d=4, seed=0):
    return np.random.default_rng(seed).standard_normal((n, d)) * 3 + 1


@parametrize_with_checks([ToTorus(), Stereographic()])
def test_scikit_learn_accepts_them(estimator, check):
    check(estimator)


def test_torus_fills_the_part_asked_for():
    X = data()
    for shared in (True, False):
        Z = ToTorus(period=6.0, fill=0.5, shared=shared).fit_transform(X)
        spans = Z.max(axis=0) - Z.min(axis=0)
        assert np.isclose(Z.max(), 1.5)
        assert np.isclose(Z.min(), -1.5)
        assert np.allclose(spans, 3.0) == (not shared)


def test_torus_scaling_commutes_with_permutations_and_signs():
    X = data()
    g = groups.Cyclic(4).generators[0]
    scaler = ToTorus().fit(X)
    np.testing.assert_array_equal(scaler.transform(g.apply(X)), g.apply(scaler.transform(X)))
    flips = ToTorus(centered=False).fit(X)
    np.testing.assert_array_equal(flips.transform(-X), -flips.transform(X))
    assert np.abs(flips.transform(X)).max() == pytest.approx(0.5)


def test_torus_clips_new_samples_and_keeps_constant_ones():
    scaler = ToTorus(fill=1.0).fit([[0.0], [2.0]])
    np.testing.assert_allclose(scaler.transform([[9.0], [-9.0], [1.5]]), [[1.0], [-1.0], [0.5]])
    np.testing.assert_array_equal(ToTorus().fit_transform([[3.0], [3.0]]), [[0.0], [0.0]])


@pytest.mark.parametrize(
    ("transformer", "words"),
    [
        (ToTorus(period=0.0), "period must be positive"),
        (ToTorus(fill=0.0), "fill must lie in"),
        (ToTorus(fill=1.5), "fill must lie in"),
        (Stereographic(-1.0), "scale must be positive"),
    ],
)
def test_parameters_are_checked(transformer, words):
    with pytest.raises(ValueError, match=words):
        clone(transformer).fit(data())


def test_sphere():
    X = data()
    Z = ToSphere().fit_transform(X)
    np.testing.assert_allclose(np.linalg.norm(Z, axis=1), 1.0, rtol=1e-14)
    np.testing.assert_allclose(Z * np.linalg.norm(X, axis=1, keepdims=True), X, rtol=1e-13)
    tiny = ToSphere().fit_transform([[3e-300, 4e-300], [3e300, 4e300]])
    np.testing.assert_allclose(tiny, [[0.6, 0.8], [0.6, 0.8]], rtol=1e-14)
    with pytest.raises(ValueError, match="sample 1 is zero"):
        ToSphere().fit(X).transform([[1.0, 0, 0, 0], [0.0, 0, 0, 0]])


def test_stereographic_projection_can_be_undone():
    X = data()
    projection = Stereographic().fit(X)
    Z = projection.transform(X)
    assert Z.shape == (30, 5)
    np.testing.assert_allclose(np.linalg.norm(Z, axis=1), 1.0, rtol=1e-13)
    back = Z[:, :-1] / (1 - Z[:, -1:]) * projection.scale_
    np.testing.assert_allclose(back, X, rtol=1e-10)
    assert abs(np.median(Z[:, -1])) < 0.1
    assert len(projection.get_feature_names_out()) == 5


@pytest.mark.parametrize(
    "group",
    [groups.Symmetric(3), groups.SignFlips(3), groups.PointGroup("I"), groups.Trivial(3)],
    ids=repr,
)
def test_lifted_groups_act_alike(group):
    X = data(d=3)
    projection = Stereographic(2.0).fit(X)
    lifted = Stereographic.lift(group)
    assert lifted.order == group.order
    for g, big in zip(group.generators, lifted.generators, strict=True):
        np.testing.assert_allclose(
            projection.transform(g.apply(X)), big.apply(projection.transform(X)), atol=1e-13
        )
    basis = InvariantBasis(Sphere(4), lifted, max_level=2)
    Z = projection.transform(X)
    features = basis.fit_transform(Z)
    for g in group.generators:
        np.testing.assert_allclose(
            basis.transform(projection.transform(g.apply(X))), features, atol=1e-12
        )


def test_infinite_groups_are_not_lifted():
    with pytest.raises(ValueError, match="group must be finite"):
        Stereographic.lift(groups.SO(3))
