"""Centred targets: means that are subtracted and added, also in exact leave-one-out."""

from __future__ import annotations

import warnings

import catalog
import numpy as np
import pytest
from sklearn.gaussian_process.kernels import RBF
from sklearn.kernel_ridge import KernelRidge
from sklearn.pipeline import make_pipeline
from symkernel import GroupScaler, InvariantKernelRidge, InvariantKernelRidgeCV, groups
from symkernel.lie.kernel_models import as_kernel_model

RNG = np.random.default_rng(8)
X = RNG.normal(size=(24, 4))
T = RNG.normal(size=(6, 4))
Y = np.column_stack([X.max(axis=1) + 3.0, np.abs(X).sum(axis=1) - 50.0])
WEIGHTS = RNG.uniform(0.2, 3.0, size=24)
CYCLIC = groups.Cyclic(4)
GROUPS = [None, "symmetric", CYCLIC]


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("weights", [None, WEIGHTS])
@pytest.mark.parametrize("y", [Y, Y[:, 1]], ids=["two targets", "one"])
def test_the_weighted_mean_is_subtracted(y, weights, group):
    mean = np.average(y, axis=0, weights=weights)
    model = InvariantKernelRidge(0.1, gamma=0.3, group=group, normalize_y=True).fit(X, y, weights)
    plain = InvariantKernelRidge(0.1, gamma=0.3, group=group).fit(X, y - mean, weights)
    np.testing.assert_allclose(model.intercept_, mean, rtol=1e-15)
    np.testing.assert_allclose(model.predict(T), plain.predict(T) + mean, rtol=1e-13)
    assert np.ndim(model.intercept_) == y.ndim - 1 and not np.any(plain.intercept_)
    # A constant added to the targets is a constant added to the predictions.
    moved = model.predict(T) + 1e3
    np.testing.assert_allclose(model.fit(X, y + 1e3, weights).predict(T), moved, rtol=1e-12)


@pytest.mark.parametrize("kernel", ["rbf", "laplacian", "polynomial", "linear"])
def test_without_a_group_it_stays_kernel_ridge(kernel):
    want = KernelRidge(alpha=0.2, kernel=kernel, gamma=0.3).fit(X, Y, WEIGHTS).predict(T)
    found = InvariantKernelRidge(0.2, kernel=kernel, gamma=0.3).fit(X, Y, WEIGHTS).predict(T)
    np.testing.assert_allclose(found, want, rtol=1e-9)


def refits(model, y, weights):
    """Predictions for every sample by a model fitted without it."""
    found = np.empty_like(y)
    for i in range(len(X)):
        rest = np.arange(len(X)) != i
        left = None if weights is None else weights[rest]
        found[i] = model.fit(X[rest], y[rest], left).predict(X[i : i + 1])[0]
    return found


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("weights", [None, WEIGHTS])
@pytest.mark.parametrize("normalize_y", [None, True, False])
def test_leave_one_out_is_exact(normalize_y, weights, group):
    """The mean is that of the samples that are left, as if every fit were made."""
    search = InvariantKernelRidgeCV([0.03], [0.3], group=group, normalize_y=normalize_y)
    search.fit(X, Y, weights)
    centred = group is not None if normalize_y is None else normalize_y
    assert np.any(search.intercept_) == centred
    model = InvariantKernelRidge(0.03, gamma=0.3, group=group, normalize_y=centred)
    errors = ((refits(model, Y, weights) - Y) ** 2).mean(axis=1)
    np.testing.assert_allclose(-search.best_score_, np.average(errors, weights=weights), rtol=1e-10)
    # Integer targets and a scorer of scikit-learn, which gets predictions.
    scored = search.set_params(scoring="neg_mean_absolute_error").fit(X, Y.astype(int), weights)
    errors = np.abs(refits(model, Y.astype(int).astype(float), weights) - Y.astype(int))
    want = np.average(errors.mean(axis=1), weights=weights)
    np.testing.assert_allclose(-scored.best_score_, want, rtol=1e-10)


def test_searches_do_not_see_the_unit_of_zero():
    """Energies in kelvin or celsius: the same choice, and the same predictions."""
    words = {"alphas": [1e-4, 1e-3, 1e-2, 1.0], "gammas": [0.03, 0.1, 0.3, 1.0]}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # edges of the grid are not the matter
        first = InvariantKernelRidgeCV(**words, group="symmetric").fit(X, Y[:, 0])
        moved = InvariantKernelRidgeCV(**words, group="symmetric").fit(X, Y[:, 0] - 97e3)
    assert (first.alpha_, first.gamma_) == (moved.alpha_, moved.gamma_)
    np.testing.assert_allclose(moved.predict(T) + 97e3, first.predict(T), atol=1e-8)


def test_raw_energies_are_told_about():
    """Means of -97,000 with a spread of 4: without a constant worse than the mean by far."""
    group = groups.E(3).along(1, (4, 3))
    clouds = catalog.samples(group, 60)[4:]
    pairs = np.linalg.norm(clouds.reshape(-1, 4, 1, 3) - clouds.reshape(-1, 1, 4, 3), axis=-1)
    energy = pairs.sum(axis=(1, 2)) - 97e3
    model = InvariantKernelRidge(group=group)
    with pytest.warns(UserWarning, match=r"mean of y, -969.*, dwarfs .*normalize_y=True"):
        model.fit(clouds[:40], energy[:40])
    by_the_mean = np.abs(energy[40:] - energy[:40].mean()).mean()
    assert np.abs(model.predict(clouds[40:]) - energy[40:]).mean() > 10 * by_the_mean
    model.set_params(normalize_y=True).fit(clouds[:40], energy[:40])
    assert np.abs(model.predict(clouds[40:]) - energy[40:]).mean() < by_the_mean


def test_what_is_not_worth_a_warning():
    """Warnings are errors here: constants, no group, small means, and targets that are centred."""
    invariant = InvariantKernelRidge(group="cyclic")
    invariant.fit(X, np.full(24, 1e6))
    invariant.fit(X, Y[:, 0] + 20)
    InvariantKernelRidge().fit(X, Y + 1e6)
    InvariantKernelRidge(group="cyclic", normalize_y=True).fit(X, Y + 1e6)
    with pytest.warns(UserWarning, match=r"mean of y, 1e\+06"):
        invariant.fit(X, np.column_stack([Y[:, 0], Y[:, 1] + 1e6 + 50]))


def test_single_precision_and_what_is_refused():
    low, high = X.astype(np.float32), Y.astype(np.float32)
    model = InvariantKernelRidge(0.1, group="cyclic", normalize_y=True)
    found = model.fit(low, high).predict(low)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, model.fit(X, Y).predict(X), rtol=1e-5)
    with pytest.raises(TypeError, match="normalize_y must be True or False; got None"):
        InvariantKernelRidge(normalize_y=None).fit(X, Y)
    with pytest.raises(TypeError, match="normalize_y must be True, False or None; got 'no'"):
        InvariantKernelRidgeCV(normalize_y="no").fit(X, Y)


def test_other_parts_know_the_constant():
    """A fitted model taken as a function by the Lie derivative keeps its values."""
    for normalize_y, y in ((True, Y[:, 1]), (True, Y), (False, Y)):
        ridge = InvariantKernelRidge(0.1, kernel=RBF(1.0), group=CYCLIC, normalize_y=normalize_y)
        for model in (ridge, make_pipeline(GroupScaler(CYCLIC), ridge)):
            function = as_kernel_model(model.fit(X, y), 4)
            want = model.predict(T).reshape(len(T), -1)
            np.testing.assert_allclose(function.values(T), want, rtol=1e-12)
