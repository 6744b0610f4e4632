"""Hyperparameters: one for every orbit of features, and a value for every theta in the bounds."""

from __future__ import annotations

import warnings
from contextlib import suppress
from functools import cache
from itertools import cycle

import numpy as np
import pytest
from catalog import GROUPS, KERNELS, samples
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, Matern, WhiteKernel
from symkernel import InvariantKernel, groups
from symkernel.exceptions import ApproximationWarning

CONTINUOUS = {
    "SO3": groups.SO(3).along(1, (4, 3)),
    "O3": groups.O(3).along(1, (4, 3)),
    "E3": groups.E(3).along(1, (4, 3)),
    "SO2": groups.SO(2).along(1, (4, 2)),
    "O2": groups.O(2).along(1, (4, 2)),
    "sphere": groups.SO(4),
    "SO3 x S3": groups.SO(3).along(1, (3, 3)) * groups.Symmetric(3).along(0, (3, 3)),
    "O on points": groups.PointGroup("O").along(1, (3, 3)),
    "about z": groups.SO(2).on([0, 1], 3),
    "cloud and columns": groups.E(3).along(1, (3, 3)).on(range(9), 12)
    * groups.Cyclic(2).on([9, 11], 12),
    "shifts": groups.Translations(3).along(1, (4, 3)),
}
EVERY = GROUPS | CONTINUOUS
# Exact plans, which take a moment each; angles have no length scales.
LINEAR = {name: G for name, G in EVERY.items() if not name.startswith("torus")}
TURNING = [name for name in CONTINUOUS if name != "shifts"]


def orbits(group):
    """Sets of features that some element of the group mixes, by going from one to the next."""
    support = np.eye(group.degree, dtype=bool)
    for g in group.sample(20, random_state=0):
        matrix = np.array([g.apply(row) - g.apply(0 * row) for row in np.eye(group.degree)])
        support |= np.abs(matrix) > 1e-9
    for xi in group.lie_algebra:  # what a shift moves together
        support |= np.outer(xi.shift != 0, xi.shift != 0)
    reached = np.linalg.matrix_power((support | support.T).astype(float), group.degree) > 0
    return {tuple(np.flatnonzero(row)) for row in reached}


@pytest.mark.parametrize("name", LINEAR)
def test_one_entry_for_every_orbit_of_features(name):
    group = LINEAR[name]
    sets = sorted(orbits(group))
    assert sets == sorted(
        tuple(np.flatnonzero(group.mixed_features == k)) for k in range(len(sets))
    )
    bounds = (1e-3, 1e3)
    k = InvariantKernel(RBF(np.ones(group.degree), bounds), group)
    assert k.n_dims == len(k.theta) == len(k.bounds) == len(sets)
    assert k.hyperparameters[0].n_elements == len(sets)
    theta = np.linspace(-1.0, 1.0, len(sets))
    moved = k.clone_with_theta(theta)
    np.testing.assert_allclose(moved.theta, theta, atol=1e-15)
    for entry, features in zip(theta, sets, strict=True):  # in the order of first members
        np.testing.assert_allclose(moved.base.length_scale[list(features)], np.exp(entry))
    combined = ConstantKernel(2.0) * k + WhiteKernel()
    assert combined.n_dims == len(sets) + 2
    combined.theta = combined.theta + 0.1
    np.testing.assert_allclose(combined.k1.k2.theta, 0.1)


def test_bounds_are_what_features_have_in_common():
    G = groups.PermutationGroup([[1, 0, 2]])
    bounds = [(1e-3, 1.0), (1e-2, 2.0), (1.0, 9.0)]
    k = InvariantKernel(RBF([1.0, 1.0, 3.0], bounds), G)
    np.testing.assert_allclose(np.exp(k.bounds), [(1e-2, 1.0), (1.0, 9.0)])
    np.testing.assert_allclose(k.hyperparameters[0].bounds, [(1e-2, 1.0), (1.0, 9.0)])
    apart = InvariantKernel(RBF([1.0] * 3, [(1e-3, 0.1), (1.0, 2.0), (1.0, 9.0)]), G)
    with pytest.raises(ValueError, match=r"length_scale_bounds have nothing in common .*\[0, 1\]"):
        _ = apart.bounds
    fixed = InvariantKernel(RBF([1.0] * 3, "fixed"), G)
    assert fixed.theta.size == fixed.bounds.size == 0
    assert fixed(np.eye(3), eval_gradient=True)[1].shape == (3, 3, 0)


def test_refusals():
    k = InvariantKernel(RBF([1.0, 2.0, 1.0]), "cyclic")
    for use in (lambda: k.theta, lambda: k(np.eye(3)), lambda: k.plan(3)):
        with pytest.raises(ValueError, match="length_scale per feature must be constant"):
            use()
    with pytest.raises(ValueError, match="length_scale has shape"):
        _ = InvariantKernel(RBF([1.0, 1.0]), groups.Cyclic(3)).theta
    with pytest.raises(ValueError, match="theta must have 1 entries, got 3"):
        InvariantKernel(RBF([1.0] * 3), "cyclic").theta = np.zeros(3)
    one = InvariantKernel(RBF([2.0]), "cyclic")  # one length scale, as in scikit-learn
    np.testing.assert_array_equal(one(np.eye(3)), InvariantKernel(RBF(2.0), "cyclic")(np.eye(3)))


def pairs_of(groups_, kernels):
    """Every group, with kernels in turn; all kernels come."""
    turn = cycle(kernels)
    return [(name, next(turn)) for name in groups_]


LENGTHS = {"rbf": lambda s: RBF(s), "matern32": lambda s: Matern(s, nu=1.5)}


@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize(("name", "kernel"), pairs_of(LINEAR, LENGTHS))
def test_gradient_of_tied_length_scales(name, kernel, normalize):
    group = LINEAR[name]
    scale = 1.5 + 0.3 * group.mixed_features
    k = InvariantKernel(LENGTHS[kernel](scale), group, normalize=normalize)
    X = samples(group, 5, seed=2)
    gradient = k(X, eval_gradient=True)[1]
    assert gradient.shape == (5, 5, k.n_dims)
    for i, step in enumerate(np.eye(k.n_dims)):
        moved = [k.clone_with_theta(k.theta + s * step)(X) for s in (-1e-5, 1e-5)]
        want = (moved[1] - moved[0]) / 2e-5
        np.testing.assert_allclose(gradient[:, :, i], want, rtol=1e-5, atol=2e-8)
    single = k(X.astype(np.float32), eval_gradient=True)[1]
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, gradient, atol=1e-4 * max(1.0, np.abs(gradient).max()))


FREE = [name for name in KERNELS if KERNELS[name].n_dims]


@cache
def served(name):
    """Base kernels with hyperparameters that can be averaged over the group."""
    found = []
    for kernel in FREE:
        with suppress(TypeError, ValueError, ApproximationWarning):
            InvariantKernel(KERNELS[kernel], EVERY[name]).plan()
            found.append(kernel)
    return found


@pytest.mark.parametrize("at", [0, 1])
@pytest.mark.parametrize("name", EVERY)
def test_every_theta_within_the_bounds_has_a_value(name, at):
    group = EVERY[name]
    for kernel in served(name):
        k = InvariantKernel(KERNELS[kernel], group)
        k = k.clone_with_theta(k.bounds[:, at])
        for scale, dtype in ((1.0, np.float64), (1e3, np.float64), (1.0, np.float32)):
            K, gradient = k(samples(group, 5, scale=scale, dtype=dtype), eval_gradient=True)
            assert K.dtype == dtype
            assert np.isfinite(K).all() and np.isfinite(gradient).all()


@pytest.mark.parametrize(("name", "kernel"), pairs_of(LINEAR, LENGTHS))
@pytest.mark.parametrize("at", [0, 1])
def test_every_length_scale_per_feature_within_the_bounds_has_a_value(name, kernel, at):
    group = LINEAR[name]
    k = InvariantKernel(LENGTHS[kernel](np.ones(group.degree)), group)
    ends = [k.bounds[:, at], np.where(np.arange(k.n_dims) % 2, *k.bounds.T)]
    for theta in ends:
        for scale, dtype in ((1.0, np.float64), (1e3, np.float64), (1.0, np.float32)):
            X = samples(group, 4, scale=scale, dtype=dtype)
            K, gradient = k.clone_with_theta(theta)(X, eval_gradient=True)
            assert np.isfinite(K).all() and np.isfinite(gradient).all()


@pytest.mark.parametrize(("name", "kernel"), pairs_of(EVERY, FREE) + pairs_of(CONTINUOUS, LENGTHS))
def test_a_process_fits_with_restarts_and_default_bounds(name, kernel):
    group = EVERY[name]
    kernel = kernel if kernel in served(name) else served(name)[0]
    X = samples(group, 6, seed=1)
    y = np.random.default_rng(2).standard_normal(6)
    k = ConstantKernel() * InvariantKernel(KERNELS[kernel], group) + WhiteKernel()
    model = GaussianProcessRegressor(k, n_restarts_optimizer=1, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X, y)
    assert np.isfinite(model.log_marginal_likelihood_value_)
    assert np.isfinite(model.predict(X, return_std=True)).all()
    for theta in model.kernel_.bounds.T:
        value, slope = model.log_marginal_likelihood(theta, eval_gradient=True)
        assert not np.isnan(value) and not np.isnan(slope).any()


def test_a_process_over_tied_length_scales():
    X = np.random.default_rng(0).standard_normal((20, 3))
    y = np.sin(X).sum(axis=1)
    kernel = InvariantKernel(RBF([1.0, 1.0, 1.0]), "symmetric") + WhiteKernel()
    model = GaussianProcessRegressor(kernel, n_restarts_optimizer=1, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # there is no noise to be found
        model.fit(X, y)
    assert model.kernel_.n_dims == 2
    assert np.ptp(model.kernel_.k1.base.length_scale) == 0
    np.testing.assert_allclose(model.predict(X), model.predict(X[:, [1, 2, 0]]), atol=1e-9)
    moved = model.kernel_.theta + np.array([[-1e-5, 0.0], [1e-5, 0.0]])
    low, high = (model.log_marginal_likelihood(theta) for theta in moved)
    slope = model.log_marginal_likelihood(model.kernel_.theta, eval_gradient=True)[1]
    assert slope[0] == pytest.approx((high - low) / 2e-5, abs=1e-5)


# ---- lengths far below the radius --------------------------------------------------------------

# Dimension of the orbit of a generic sample: averages at coincident orbits fall with that power.
POWERS = {
    "SO3": 3,
    "O3": 3,
    "E3": 3,
    "SO2": 1,
    "O2": 1,
    "sphere": 3,
    "SO3 x S3": 3,
    "about z": 1,
    "cloud and columns": 3,
    "O on points": 0,
}


@pytest.mark.parametrize("per_feature", [False, True])
@pytest.mark.parametrize("name", TURNING)
def test_values_at_coincident_orbits_follow_the_power_law(name, per_feature):
    """Relative errors are the rounding of the data, and l^2 / r^2 of the law itself at 1e-3."""
    group, power = CONTINUOUS[name], POWERS[name]
    X = samples(group, 2, seed=4)
    moved = np.array([g.apply(x) for g, x in zip(group.sample(2, random_state=5), X, strict=True)])
    ones = np.ones(group.degree) if per_feature else 1.0
    broad = InvariantKernel(RBF(1e-3 * ones), group)
    want = broad.diag(X)
    for length in (1e-5, 1e-7, 1e-9, 1e-11):
        k = InvariantKernel(RBF(length * ones), group)
        share = (length / 1e-3) ** power
        tolerance = 3e-5 + (50 * np.finfo(float).eps * np.abs(X).max() / length) ** 2
        np.testing.assert_allclose(k.diag(X), want * share, rtol=3e-5)
        K, gradient = k(X, eval_gradient=True)
        np.testing.assert_allclose(K, np.diag(want * share), rtol=3e-5)
        np.testing.assert_allclose(np.diag(k(X, moved)), want * share, rtol=tolerance)
        slope = np.diag(gradient.sum(axis=2)) / (want * share)
        np.testing.assert_allclose(slope, power, atol=5e-3 if per_feature else 3e-5)
        unit = InvariantKernel(RBF(length * ones), group, normalize=True)
        np.testing.assert_allclose(unit(X), np.eye(2), atol=1e-12)


@pytest.mark.parametrize("name", TURNING)
def test_near_pairs_far_below_the_radius(name):
    """Orbits at a distance of one length scale: exp(-1/2) of the value at distance zero."""
    group = CONTINUOUS[name]
    x = samples(group, 1, seed=6)[0]
    tangents = [xi.apply(x) for xi in group.lie_algebra]
    offset = np.random.default_rng(7).standard_normal(group.degree)
    if tangents:
        basis, sizes, _ = np.linalg.svd(np.array(tangents).T, full_matrices=False)
        basis = basis[:, sizes > 1e-9 * sizes[0]]
        offset -= basis @ (basis.T @ offset)
    offset /= np.linalg.norm(offset)
    for length in (1e-5, 1e-7, 1e-8):
        k = InvariantKernel(RBF(length), group)
        y = group.sample(1, random_state=8)[0].apply(x + length * offset)
        share = float(k([x], [y])[0, 0] / k.diag([x])[0])
        assert share == pytest.approx(np.exp(-0.5), rel=1e-4 + 1e-14 / length)
        assert k([x], [x + 60 * length * offset])[0, 0] == 0


def test_the_octahedral_group_at_any_radius():
    G = groups.PointGroup("Oh").along(1, (3, 3))
    for group, radius in ((groups.PointGroup("Oh"), 1.5e6), (G, 1e9), (G, 1e12)):
        X = np.random.default_rng(0).standard_normal((4, group.degree)) * radius
        moved = np.array(
            [g.apply(x) for g, x in zip(group.sample(4, random_state=1), X, strict=True)]
        )
        for method in ("auto", "sum", "closed_form"):
            k = InvariantKernel(RBF(1.0), group, method)
            np.testing.assert_allclose(k(X, moved), np.eye(4) / 48, rtol=1e-12)
            np.testing.assert_allclose(k.diag(X), 1 / 48, rtol=1e-12)


@pytest.mark.parametrize("name", TURNING)
def test_forces_are_refused_where_they_have_no_digits(name):
    group = CONTINUOUS[name]
    X = samples(group, 3)
    k = InvariantKernel(RBF(1e-9), group, method="closed_form")
    with pytest.raises(ValueError, match=r"too small for .* exceeds the gradients in samples"):
        k.gradient_x(X, X, np.ones(3))
