"""Randomisation tests: exact level, power where theory has it, the scan over subgroups."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from catalog import EVERY
from scipy import stats
from sklearn.gaussian_process.kernels import RBF, DotProduct
from sklearn.linear_model import Ridge
from symkernel import diagnostics, groups
from symkernel.groups import move_randomly

DATA = os.environ.get("SYMKERNEL_DATA")


# ---- samples moved by random elements -----------------------------------------------------------


@pytest.mark.parametrize("name", EVERY)
def test_moved_samples_stay_on_their_orbit_and_cover_it_evenly(name):
    group = EVERY[name]
    if not group.is_finite:
        pytest.skip("orbits are compared element by element")
    x = np.random.default_rng(1).standard_normal(group.degree)
    moved = move_randomly(group, np.tile(x, (40 * group.order, 1)), 2)
    images = np.array([g.apply(x) for g in group.elements()])
    distance = np.abs(moved[:, None] - images[None]).max(axis=2)
    assert distance.min(axis=1).max() < 1e-12
    counts = np.bincount(distance.argmin(axis=1), minlength=group.order)
    assert group.order == 1 or stats.chisquare(counts).pvalue > 1e-6


def test_moved_samples_keep_invariants_of_continuous_groups_and_their_type():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((50, 12))
    group = groups.Symmetric(4).along(0, (4, 3)) * groups.SO(3).along(1, (4, 3))
    for dtype, tolerance in ((np.float64, 1e-13), (np.float32, 1e-5)):
        clouds = X.astype(dtype).reshape(-1, 4, 3)
        moved = move_randomly(group, X.astype(dtype), 3)
        assert moved.dtype == dtype
        after = moved.reshape(-1, 4, 3)
        lengths = [np.sort(np.linalg.norm(C, axis=2), axis=1) for C in (clouds, after)]
        np.testing.assert_allclose(lengths[1], lengths[0], rtol=tolerance)
        spans = [np.linalg.eigvalsh(np.swapaxes(C, 1, 2) @ C) for C in (clouds, after)]
        np.testing.assert_allclose(spans[1], spans[0], atol=50 * tolerance)
        assert np.abs(after - clouds).max() > 0.1


def test_motions_turn_before_they_shift():
    X = np.zeros((200, 3))
    moved = move_randomly(groups.SE(3), X, 0, scale=1e-3)
    assert 0 < np.abs(moved).max() < 1e-2  # a rotation after the shift would not show here
    far = move_randomly(groups.SE(3), X + np.array([100.0, 0, 0]), 0, scale=1e-3)
    np.testing.assert_allclose(np.linalg.norm(far, axis=1), 100.0, atol=0.01)


def test_angles_are_shifted_together():
    group = groups.Torus(1).along(1, (4, 1))
    X = np.random.default_rng(0).uniform(0, 6, (30, 4))
    moved = move_randomly(group, X, 0)
    steps = np.exp(1j * (moved - X))
    np.testing.assert_allclose(steps, steps[:, :1] + 0 * steps, atol=1e-12)
    assert np.abs(steps[:, 0].mean()) < 0.6


def test_move_randomly_names_what_does_not_fit():
    with pytest.raises(ValueError, match=r"X must have shape \(n_samples, 3\)"):
        move_randomly(groups.Cyclic(3), np.zeros((2, 4)))
    assert move_randomly(groups.Cyclic(3), np.zeros((0, 3))).shape == (0, 3)


# ---- level --------------------------------------------------------------------------------------


def share_rejected(sets, group, n_resamples=19, **options):
    return np.mean(
        [
            diagnostics.invariance_test(
                X, y, group=group, n_resamples=n_resamples, random_state=seed, **options
            ).pvalue
            <= 0.05
            for seed, (X, y) in enumerate(sets)
        ]
    )


def test_level_holds_over_1000_null_sets():
    rng = np.random.default_rng(10)
    sets = [(rng.standard_normal((20, 3)), None) for _ in range(1000)]
    assert 0.04 <= share_rejected(sets, groups.SO(3)) <= 0.06


def test_level_holds_for_heavy_tails_and_atoms():
    rng = np.random.default_rng(11)
    sets = []
    for _ in range(500):
        X = rng.standard_cauchy((15, 4))
        X[::3] = 0.0  # fixed points: ties
        sets.append((move_randomly(groups.Dihedral(4), X, rng), None))
    assert share_rejected(sets, groups.Dihedral(4)) <= 0.08


def test_level_holds_for_targets_that_are_invariant():
    rng = np.random.default_rng(12)
    sets = []
    for _ in range(300):
        X = rng.standard_normal((24, 2))
        sets.append((X, np.sin(X @ X.T).diagonal() + 0.1 * rng.standard_normal(24)))
    share = share_rejected(sets, groups.SO(2), estimator=InvariantRidge())
    assert 0.02 <= share <= 0.08


class InvariantRidge(Ridge):
    """Least squares in the squared length, which rotations do not change."""

    def fit(self, X, y):
        return super().fit((X**2).sum(axis=1, keepdims=True), y)

    def predict(self, X):
        return super().predict((X**2).sum(axis=1, keepdims=True))


# ---- power --------------------------------------------------------------------------------------


@pytest.mark.full
def test_power_is_that_of_the_chi_squared_test():
    # With a linear kernel and x -> -x the statistic is |sum_i x_i|^2: for Gaussian samples of mean
    # mu the noncentral chi-squared law with noncentrality n |mu|^2.
    d, n, noncentrality = 3, 100, 12.3
    theory = stats.ncx2.sf(stats.chi2.ppf(0.95, d), d, noncentrality)
    assert 0.8 < theory < 0.87
    inversion = groups.MatrixGroup([-np.eye(d)])
    rng = np.random.default_rng(13)
    shift = np.sqrt(noncentrality / n / d)
    sets = [(rng.standard_normal((n, d)) + shift, None) for _ in range(400)]
    share = share_rejected(sets, inversion, n_resamples=99, kernel=DotProduct(0.0))
    assert share >= 0.78
    assert abs(share - theory) < 0.06


def test_law_and_target_are_told_apart():
    rng = np.random.default_rng(14)
    X = rng.standard_normal((150, 2))
    y = np.linalg.norm(X, axis=1) + 0.3 * X[:, 0]
    options = {"group": groups.SO(2), "random_state": 0}
    assert diagnostics.invariance_test(X, **options).pvalue > 0.05
    assert diagnostics.invariance_test(X, y, **options).pvalue == 1 / 200
    assert diagnostics.invariance_test(X, np.linalg.norm(X, axis=1), **options).pvalue > 0.05
    labels = np.where(X[:, 0] > 0, "right", "left")
    assert diagnostics.invariance_test(X, labels, **options).rejected()
    moved = X + np.array([1.5, 0.0])
    joint = diagnostics.invariance_test(moved, y, alternative="law", **options)
    assert joint.rejected(0.01)
    assert "joint law" in joint.null
    assert joint.zscore > 3


# ---- errors -------------------------------------------------------------------------------------


def test_errors_name_the_argument():
    X = np.zeros((5, 3))
    with pytest.raises(ValueError, match="at least 2 samples, got 1"):
        diagnostics.invariance_test(X[:1], group=groups.SO(3))
    with pytest.raises(ValueError, match="has translations"):
        diagnostics.invariance_test(X, group=groups.SE(3))
    with pytest.raises(TypeError, match="group must be a Group or a name, got int"):
        diagnostics.invariance_test(X, group=3)
    with pytest.raises(ValueError, match="alternative must be"):
        diagnostics.invariance_test(X, group=groups.SO(3), alternative="both")
    with pytest.raises(ValueError, match="needs y"):
        diagnostics.invariance_test(X, group=groups.SO(3), alternative="target")
    with pytest.raises(ValueError, match="NaN"):
        diagnostics.invariance_test(X + np.nan, group=groups.SO(3))
    with pytest.raises(ValueError, match="y contains NaN"):
        diagnostics.invariance_test(X, np.full(5, np.nan), group=groups.SO(3))
    with pytest.raises(ValueError, match=r"y must have shape \(5,\)"):
        diagnostics.invariance_test(X, np.zeros(4), group=groups.SO(3))
    with pytest.raises(ValueError, match="level must lie"):
        diagnostics.invariance_test(X, group="symmetric", n_resamples=1).rejected(2.0)


def test_constant_samples_are_no_evidence():
    outcome = diagnostics.invariance_test(np.zeros((5, 3)), group=groups.SO(3), random_state=0)
    assert outcome.pvalue == 1.0
    assert outcome.zscore == 0.0


# ---- the scan over subgroups -------------------------------------------------------------------


def test_scan_descends_only_below_rejected_groups_and_shares_the_level():
    rng = np.random.default_rng(15)
    first, second = (groups.PermutationGroup([g]) for g in ([1, 0, 2, 3], [0, 1, 3, 2]))
    both = groups.PermutationGroup([[1, 0, 2, 3], [0, 1, 3, 2]])
    X = rng.standard_normal((300, 4)) + np.array([0.0, 0.0, 1.0, 2.0])
    found = diagnostics.subgroup_scan(
        X,
        candidates={"first": first, "second": second, "both": both, "none": groups.Trivial(4)},
        kernel=RBF(1.0),
        random_state=0,
    )
    assert found.name == "first"
    assert found.maximal == ("first",)
    assert set(found.tests) == {"both", "first", "second"}
    assert found.tested_level == 0.025  # two candidates of which neither lies in the other
    assert "largest group not rejected: first" in str(found)
    invariant = move_randomly(both, X, rng)
    kept = diagnostics.subgroup_scan(invariant, candidates=[first, second, both], random_state=1)
    assert kept.group == both
    assert len(kept.tests) == 1


def test_scan_finds_the_trivial_group_where_all_are_rejected():
    X = np.random.default_rng(0).standard_normal((200, 3)) + np.array([2.0, 1.0, 0.0])
    found = diagnostics.subgroup_scan(X, candidates=[groups.SO(3), groups.Cyclic(3)])
    assert found.name == "trivial"
    assert found.group.order == 1


def test_scan_refuses_what_cannot_be_decided():
    X = np.zeros((5, 3))
    with pytest.raises(ValueError, match="hold one group twice"):
        diagnostics.subgroup_scan(X, candidates={"a": groups.Cyclic(3), "b": groups.Cyclic(3)})
    with pytest.raises(ValueError, match="different numbers of features"):
        diagnostics.subgroup_scan(X, candidates=[groups.Cyclic(3), groups.Cyclic(4)])
    with pytest.raises(ValueError, match="other than the trivial"):
        diagnostics.subgroup_scan(X, candidates=[groups.Trivial(3)])
    with pytest.raises(ValueError, match="take at least 20"):
        diagnostics.subgroup_scan(X, candidates=[groups.Cyclic(3)], n_resamples=9)
    with pytest.raises(TypeError, match=r"candidates\['x'\] must be a Group"):
        diagnostics.subgroup_scan(X, candidates={"x": 3})


@pytest.mark.data
@pytest.mark.skipif(DATA is None, reason="SYMKERNEL_DATA names no folder with data sets")
def test_scan_finds_c4_on_rotated_digits():
    images = np.load(Path(DATA) / "mnist" / "mnist_train_20000.npz")["x"][:400] / 255.0
    images = images.reshape(-1, 14, 2, 14, 2).mean(axis=(2, 4))
    rng = np.random.default_rng(0)
    turned = np.stack(
        [np.rot90(image, k) for image, k in zip(images, rng.integers(4, size=400), strict=True)]
    )
    grid = np.arange(196).reshape(14, 14)
    candidates = {
        "1": groups.Trivial(196),
        "C2": groups.PermutationGroup([np.rot90(grid, 2).ravel().tolist()]),
        "C4": groups.Image((14, 14), "C4"),
        "D4": groups.Image((14, 14), "D4"),
    }
    found = diagnostics.subgroup_scan(
        turned.reshape(400, 196), candidates=candidates, random_state=0
    )
    assert found.name == "C4"
    assert found.tested_level == 0.05  # a chain
    plain = diagnostics.subgroup_scan(
        images.reshape(400, 196), candidates=candidates, random_state=0
    )
    assert plain.name == "trivial"
