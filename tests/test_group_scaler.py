"""Standardisation that commutes with a group, over the whole catalog."""

from __future__ import annotations

import catalog
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.compose import make_column_transformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator
from symkernel import GroupScaler, InvariantKernelRidge, groups

CONTINUOUS = {
    "SO(3)": groups.SO(3).along(1, (5, 3)),
    "O(2)": groups.O(2).along(0, (2, 4)),
    "E(3)": groups.E(3).along(1, (4, 3)),
    "SE(2)": groups.SE(2).along(1, (6, 2)),
    "translations of R^3": groups.Translations(3).along(1, (5, 3)),
    "S4 x E(3)": groups.Symmetric(4).along(0, (4, 3)) * groups.E(3).along(1, (4, 3)),
    "S4 x translations": groups.Symmetric(4).along(0, (4, 2))
    * groups.Translations(2).along(1, (4, 2)),
}
EVERY = {n: g for n, g in {**catalog.GROUPS, **CONTINUOUS}.items() if not n.startswith("torus")}
# With a kernel that has an exact average on the machine of every test.
AVERAGED = {n: g for n, g in EVERY.items() if "translations of" not in n}


def data(group, n=30, seed=3):
    """Samples whose features have different means and scales, so that there is much to undo."""
    rng = np.random.default_rng(seed)
    d = group.degree
    return rng.normal(size=(n, d)) * np.geomspace(0.2, 5.0, d) + rng.normal(size=d) * 3


@pytest.mark.parametrize("name", EVERY)
def test_it_commutes_with_the_group(name):
    """T(g x) = A T(x) + D^-1 b, which is T(x) moved by an element of the group as well."""
    group = EVERY[name]
    X = data(group)
    scaler = GroupScaler(group).fit(X)
    transformed = scaler.transform(X)
    for g in group.sample(5, random_state=0):
        origin = g.apply(np.zeros(group.degree))
        want = g.apply(transformed) - origin + origin / scaler.scale_
        assert_allclose(scaler.transform(g.apply(X)), want, atol=1e-12)
        again = GroupScaler(group).fit(g.apply(X))  # the fit does not see the group either
        assert_allclose(again.scale_, scaler.scale_, rtol=1e-12)
        assert_allclose(again.mean_, scaler.mean_, atol=1e-12)
    assert_allclose(scaler.inverse_transform(transformed), X, rtol=0, atol=1e-13)


@pytest.mark.parametrize("name", AVERAGED)
def test_pipelines_are_invariant(name):
    group = AVERAGED[name]
    X = data(group, 15)
    y = np.sin(X).sum(axis=1)
    model = make_pipeline(GroupScaler(group), InvariantKernelRidge(0.1, group=group)).fit(X, y)
    want = model.predict(X)
    for g in group.sample(4, random_state=1):
        assert_allclose(model.predict(g.apply(X)), want, rtol=0, atol=1e-12 * np.abs(y).max())


def test_standard_scaler_breaks_it_and_this_does_not():
    group = groups.Symmetric(4)
    X = data(group)
    y = X.max(axis=1)
    moved = X[:, [1, 2, 3, 0]]
    broken = make_pipeline(StandardScaler(), InvariantKernelRidge(0.1, group=group)).fit(X, y)
    assert np.abs(broken.predict(moved) - broken.predict(X)).max() > 0.1
    kept = make_pipeline(GroupScaler(group), InvariantKernelRidge(0.1, group=group)).fit(X, y)
    assert_allclose(kept.predict(moved), kept.predict(X), rtol=0, atol=1e-12)


def test_means_and_scales():
    X = data(groups.Trivial(6))
    weights = np.random.default_rng(0).uniform(0.1, 2.0, len(X))
    for group in (None, "trivial", groups.Trivial(6)):
        want = StandardScaler().fit(X, sample_weight=weights)
        found = GroupScaler(group).fit(X, sample_weight=weights)
        assert_allclose(found.mean_, want.mean_, rtol=1e-13)
        assert_allclose(found.scale_, want.scale_, rtol=1e-13)
        assert_allclose(found.transform(X), want.transform(X), rtol=1e-12, atol=1e-14)
    # One mean for an orbit; none where signs change; none along rotations and translations.
    assert_allclose(GroupScaler("symmetric").fit(X).mean_, np.full(6, X.mean()))
    assert_allclose(GroupScaler("symmetric").fit(X).scale_, np.full(6, X.std()))
    assert not GroupScaler("sign_flips").fit(X).mean_.any()
    assert_allclose(GroupScaler("sign_flips").fit(X).scale_, np.sqrt((X**2).mean(axis=0)))
    for group in (groups.SO(3).along(1, (2, 3)), groups.E(3).along(1, (2, 3))):
        assert_allclose(GroupScaler(group).fit(X).mean_, 0.0, atol=1e-14)
    rotated = GroupScaler(groups.SO(3).along(1, (2, 3))).fit(X).scale_  # one length per point
    assert_allclose(rotated, np.sqrt((X**2).reshape(-1, 2, 3).mean(axis=(0, 2))).repeat(3))
    assert len(set(GroupScaler(groups.E(3).along(1, (2, 3))).fit(X).scale_)) == 1
    # Two fixed directions of a rotation by 120 degrees on features in turn: (1, 1, 1) twice.
    cyclic = groups.Cyclic(3).along(0, (3, 2))
    rows = X.reshape(-1, 3, 2).mean(axis=(0, 1))
    assert_allclose(GroupScaler(cyclic).fit(X).mean_, np.tile(rows, 3))
    # A reflection x -> -x of one feature with a swap: the fixed vector is (1, -1).
    swap = groups.PermutationGroup([groups.SignedPermutation([1, 0], [-1, -1])])
    half = (X[:, 0].mean() - X[:, 1].mean()) / 2
    assert_allclose(GroupScaler(swap).fit(X[:, :2]).mean_, [half, -half])


def test_a_sample_far_away_is_the_same_sample():
    """Translations: the scale is that of the centred cloud, with the divisor of what is left."""
    group = groups.Translations(3).along(1, (5, 3))
    clouds = np.random.default_rng(0).normal(size=(400, 5, 3))
    clouds += 1e3 * np.random.default_rng(1).normal(size=(400, 1, 3))
    scaler = GroupScaler(group).fit(clouds)
    centred = clouds - clouds.mean(axis=1, keepdims=True)
    shape = centred.mean(axis=0)
    assert_allclose(scaler.mean_, shape.ravel(), atol=1e-9)
    centred -= shape
    scale = np.sqrt((centred**2).sum(axis=(0, 1)) / (400 * 4))
    assert_allclose(scaler.scale_, np.tile(scale, 5), rtol=1e-9)
    alone = GroupScaler(groups.Translations(3)).fit(clouds[:, 0])
    assert_array_equal(alone.scale_, np.ones(3))  # nothing is left of one point


def test_what_does_not_vary_is_not_divided():
    X = np.column_stack([np.full(20, 0.1), np.arange(20.0)])
    scaler = GroupScaler().fit(X)
    assert scaler.scale_[0] == 1.0 and np.abs(scaler.transform(X)[:, 0]).max() < 1e-15
    assert_allclose(GroupScaler(with_std=False).fit_transform(X), X - X.mean(axis=0))
    assert_allclose(GroupScaler(with_mean=False).fit_transform(X), X / scaler.scale_)


def test_data_frames_and_parts_of_them():
    X = data(groups.Symmetric(3))
    frame = pd.DataFrame(X, columns=["a", "b", "c"]).assign(mass=1.0)
    scaler = GroupScaler("symmetric").fit(frame[["a", "b", "c"]])
    assert scaler.get_feature_names_out().tolist() == ["a", "b", "c"]
    pandas = GroupScaler("symmetric").set_output(transform="pandas")
    assert pandas.fit_transform(frame[["a", "b", "c"]]).columns.tolist() == ["a", "b", "c"]
    assert_allclose(scaler.inverse_transform(scaler.transform(frame[["a", "b", "c"]])), X)
    parts = make_column_transformer(
        (GroupScaler("symmetric"), ["a", "b", "c"]), ("passthrough", ["mass"])
    )
    found = parts.fit_transform(frame)
    assert_allclose(found[:, :3], scaler.transform(frame[["a", "b", "c"]]))
    assert_array_equal(found[:, 3], 1.0)
    with pytest.raises(ValueError, match="feature names should match"):
        scaler.transform(frame[["b", "a", "c"]])


def test_shapes_and_precision():
    group = groups.SO(3).along(1, (4, 3))
    X = data(group)
    flat = GroupScaler(group).fit(X)
    shaped = GroupScaler(group).fit(X.reshape(-1, 4, 3))
    assert_array_equal(flat.scale_, shaped.scale_)
    assert_array_equal(flat.transform(X), shaped.transform(X.reshape(-1, 4, 3)))
    single = flat.transform(X.astype(np.float32))
    assert single.dtype == flat.inverse_transform(single).dtype == np.float32
    assert_allclose(single, flat.transform(X), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("words", "X", "error", "message"),
    [
        ({"group": groups.Torus(2)}, np.ones((5, 2)), ValueError, "acts on angles.*leave them"),
        ({"group": groups.Cyclic(3)}, np.ones((5, 2)), ValueError, "X has 2 features; Cyclic"),
        (
            {"group": 3},
            np.ones((5, 2)),
            TypeError,
            "group must be a Group, a name or None; got int",
        ),
        ({"with_mean": "no"}, np.ones((5, 2)), TypeError, "with_mean must be True or False"),
        ({}, np.full((5, 2), np.nan), ValueError, "NaN"),
    ],
    ids=lambda value: str(value)[:20] if isinstance(value, str) else "",
)
def test_what_is_refused(words, X, error, message):
    with pytest.raises(error, match=message):
        GroupScaler(**words).fit(X)
    with pytest.raises(ValueError, match="X has 3 features; fit saw 2"):
        GroupScaler().fit(np.eye(2)).inverse_transform(np.ones((1, 3)))


@pytest.mark.parametrize("group", [None, "symmetric", "sign_flips"])
def test_check_estimator(group):
    results = check_estimator(GroupScaler(group), on_skip=None)
    assert len(results) > 40 and not [r for r in results if r["status"] == "failed"]
