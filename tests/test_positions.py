"""Conditional invariance: positions on orbits exchanged between samples."""

from __future__ import annotations

import numpy as np
import pytest
from catalog import GROUPS
from sklearn.gaussian_process.kernels import RBF
from sklearn.linear_model import Ridge
from symkernel import diagnostics, groups
from symkernel.canonical import canonical_form
from symkernel.diagnostics.positions import Positions

CLOUD = groups.Symmetric(4).along(0, (4, 3)) * groups.O(3).along(1, (4, 3))
LINEAR = {name: G for name, G in GROUPS.items() if G.is_linear} | {
    "SO(3)": groups.SO(3),
    "O(2) on points": groups.O(2).along(1, (3, 2)),
    "molecules": CLOUD,
}


class InvariantMean(Ridge):
    """Predicts the mean of y: invariant, and blind to everything else."""

    def fit(self, X, y):
        self.mean_ = np.mean(y, axis=0)
        return self

    def predict(self, X):
        return np.broadcast_to(self.mean_, (len(X), *np.shape(self.mean_)))


def biased(rng, n):
    """Points whose direction prefers one side, independently of their distance from 0."""
    angle, radius = rng.vonmises(0.5, 2.0, n), rng.uniform(0.5, 2.0, n)
    return radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1), radius, angle


def share_rejected(n_sets, n, target, **options):
    rng = np.random.default_rng(0)
    rejected = 0
    for seed in range(n_sets):
        X, radius, angle = biased(rng, n)
        y = target(radius, angle, rng)
        options = {"estimator": InvariantMean(), "n_resamples": 19, **options}
        outcome = diagnostics.invariance_test(
            X, y, group=groups.SO(2), random_state=seed, **options
        )
        rejected += outcome.pvalue <= 0.05
    return rejected / n_sets


def invariant_target(radius, angle, rng):
    return radius**2 + radius * rng.standard_normal(len(radius))  # noise that depends on the orbit


def test_level_holds_where_the_law_of_x_is_not_invariant():
    share = share_rejected(1000, 24, invariant_target, randomize="positions")
    assert 0.035 <= share <= 0.065
    # random elements would take the law of X for a law of y given X that is not invariant
    assert share_rejected(100, 60, invariant_target, kernel=RBF(0.3)) > 0.2
    share = share_rejected(100, 60, invariant_target, kernel=RBF(0.3), randomize="positions")
    assert share <= 0.12


def test_targets_that_depend_on_the_position_are_found():
    share = share_rejected(
        100,
        60,
        lambda radius, angle, rng: radius + np.sin(angle) + 0.3 * rng.standard_normal(len(angle)),
        randomize="positions",
    )
    assert share > 0.9


@pytest.mark.parametrize("name", LINEAR)
def test_samples_are_put_together_again_and_exchanged_along_the_group(name):
    group = LINEAR[name]
    rng = np.random.default_rng(1)
    X = rng.standard_normal((20, group.degree))
    X[::5] = np.round(X[::5])  # ties: several elements lead to such a sample
    positions = Positions(group, X, rng)
    np.testing.assert_allclose(positions.samples(), X, atol=1e-13)
    order = rng.permutation(20)
    from_other = positions.samples(order)
    # the orbits are those of the other samples
    forms = [canonical_form(group).canonicalize(Z) for Z in (from_other, X[order])]
    sure = ~forms[1].degenerate  # elsewhere rounding decides between representatives
    assert sure.sum() >= 10
    np.testing.assert_allclose(
        forms[0].representative[sure], forms[1].representative[sure], atol=1e-7
    )


def test_an_element_is_drawn_among_those_that_lead_to_a_sample():
    # All samples are the fixed point 0: the element h is uniform on C_4.
    group = groups.Cyclic(4)
    positions = Positions(group, np.zeros((4000, 4)), np.random.default_rng(0))
    positions._forms = np.tile(np.arange(4.0), (4000, 1))
    counts = np.bincount(positions.samples()[:, 0].astype(int), minlength=4)
    assert np.abs(counts - 1000).max() < 5 * np.sqrt(750)


def test_positions_refuse_what_they_cannot_do():
    X = np.zeros((5, 3))
    options = {"group": groups.SO(3), "randomize": "positions"}
    with pytest.raises(ValueError, match="it needs y"):
        diagnostics.invariance_test(X, **options)
    with pytest.raises(ValueError, match="tests y given X"):
        diagnostics.invariance_test(X, np.zeros(5), alternative="law", **options)
    with pytest.raises(ValueError, match="randomize must be"):
        diagnostics.invariance_test(X, np.zeros(5), group=groups.SO(3), randomize="orbits")
    with pytest.raises(ValueError, match="shifts angles"):
        diagnostics.invariance_test(
            X, np.zeros(5), group=groups.Torus(3), randomize="positions", estimator=InvariantMean()
        )
