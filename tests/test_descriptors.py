"""Descriptors: values, Jacobians, and what scikit-learn asks of a transformer."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
from catalog import METHANE
from scipy.spatial.distance import pdist
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from symkernel import descriptors, groups
from symkernel.descriptors import InversePairDistances, PairDistances

RNG = np.random.default_rng(4)
BOTH = pytest.mark.parametrize("kind", [InversePairDistances, PairDistances])


@BOTH
@pytest.mark.parametrize("n_atoms", [2, 3, 7])
def test_values_are_those_of_scipy(kind, n_atoms):
    R = RNG.normal(size=(5, n_atoms, 3))
    want = np.stack([pdist(frame) for frame in R])
    want = want if kind is PairDistances else 1 / want
    np.testing.assert_allclose(kind(n_atoms).value(R), want, rtol=1e-13)
    np.testing.assert_array_equal(
        kind(n_atoms).value(R.reshape(5, -1)), kind(n_atoms).value(R.tolist())
    )


@BOTH
def test_jacobians_are_derivatives(kind):
    R, step = RNG.normal(size=(4, 12)), 1e-5
    describe = kind(4)
    J = describe.jacobian(R)
    assert J.shape == (4, 6, 12)
    for k, h in enumerate(step * np.eye(12)):
        want = (describe.value(R + h) - describe.value(R - h)) / (2 * step)
        np.testing.assert_allclose(J[:, :, k], want, rtol=1e-7, atol=1e-8)


@BOTH
def test_motions_change_nothing_and_permutations_permute(kind):
    z, R = METHANE
    R = R + 0.05 * RNG.normal(size=(3, 5, 3))
    mol = groups.molecule(z, R, include="feasible")
    describe, acting = kind(5), mol.on_pairs()
    motions = groups.E(3).along(1, (5, 3))
    for g in motions.sample(3, random_state=0):
        moved = g.apply(R.reshape(3, 15))
        np.testing.assert_allclose(describe.value(moved), describe.value(R), rtol=1e-12)
    for g in mol.permutations.sample(5, random_state=1):
        assert any(
            np.allclose(h.apply(describe.value(R)), describe.value(R[:, g.indices]), rtol=1e-13)
            for h in acting.elements()
        )


@BOTH
def test_dtypes(kind):
    R = RNG.normal(size=(3, 4, 3))
    single = R.astype(np.float32)
    for found in (kind(4).value(single), kind(4).jacobian(single), kind(4).fit_transform(single)):
        assert found.dtype == np.float32
    np.testing.assert_allclose(kind(4).jacobian(single), kind(4).jacobian(R), rtol=1e-4, atol=1e-5)
    assert kind(4).value((10 * R).astype(int)[:0].reshape(0, 12)).shape == (0, 6)


@BOTH
@pytest.mark.parametrize("gap", [0.0, 1e-160])
def test_overlapping_atoms_are_named(kind, gap):
    R = RNG.normal(size=(4, 5, 3))
    R[2, 3] = R[2, 1]
    R[2, 1], R[2, 3] = 0.0, 0.0
    R[2, 3, 0] = gap
    for call in (kind(5).value, kind(5).jacobian, kind(5).fit):
        with pytest.raises(ValueError, match="atoms 1 and 3 of sample 2 overlap"):
            call(R)


@BOTH
def test_near_atoms_are_no_overlap(kind):
    R = np.zeros((1, 2, 3))
    R[0, 1, 2] = 1e-90
    J = kind(2).jacobian(R)
    assert np.isfinite(J).all()
    np.testing.assert_allclose(J[0, 0, 5], 1.0 if kind is PairDistances else -1e180)


@BOTH
def test_as_a_transformer(kind):
    R = RNG.normal(size=(6, 9))
    describe = kind(3).fit(R)
    assert describe.n_features_in_ == 9
    np.testing.assert_array_equal(describe.transform(R), kind(3).value(R))
    np.testing.assert_array_equal(
        pickle.loads(pickle.dumps(clone(describe).fit(R))).transform(R), kind(3).value(R)
    )
    word = "distance" if kind is PairDistances else "inverse_distance"
    names = [f"{word}0_1", f"{word}0_2", f"{word}1_2"]
    assert describe.get_feature_names_out().tolist() == names
    frame = kind(3).set_output(transform="pandas").fit_transform(R)
    assert list(frame.columns) == names
    columns = pd.DataFrame(R, columns=[f"x{i}" for i in range(9)])
    np.testing.assert_array_equal(kind(3).fit_transform(columns), kind(3).value(R))
    piped = make_pipeline(kind(3), StandardScaler()).fit_transform(R)
    np.testing.assert_allclose(piped.mean(axis=0), 0.0, atol=1e-12)


@BOTH
def test_messages(kind):
    R = RNG.normal(size=(2, 9))
    with pytest.raises(ValueError, match=r"shape \(n, 9\) or \(n, 3, 3\).*got shape \(2, 8\)"):
        kind(3).value(R[:, :8])
    with pytest.raises(ValueError, match=r"got shape \(2, 9, 1\)"):
        kind(3).value(R[:, :, None])
    with pytest.raises(ValueError, match="NaN"):
        kind(3).value(R * np.nan)
    with pytest.raises(ValueError, match="n_atoms must be at least 2, got 1"):
        kind(1).fit(R)
    with pytest.raises(TypeError, match="n_atoms must be an integer"):
        kind(3.0).value(R)
    with pytest.raises(ValueError, match="9 features as input"):
        kind(3).fit(R).transform(R[:, :6])
    assert descriptors.__all__ == ["InversePairDistances", "PairDistances"]
