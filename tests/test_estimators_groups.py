"""What a group adds: invariant predictions, equal to training on every transformed sample."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from sklearn.gaussian_process.kernels import RBF, Matern
from sklearn.kernel_ridge import KernelRidge
from symkernel import (
    InvariantKernel,
    InvariantKernelClassifier,
    InvariantKernelRidge,
    InvariantKernelRidgeCV,
    groups,
)
from symkernel.kernels import Laplacian, Polynomial

RNG = np.random.default_rng(3)

GROUPS = {
    "C6": groups.Cyclic(6),
    "D6": groups.Dihedral(6),
    "S4": groups.Symmetric(4),
    "signs": groups.SignFlips(4),
    "B3": groups.Hyperoctahedral(3),
    "image": groups.Image((3, 3), "D4"),
    "T on points": groups.PointGroup("T").along(1, (2, 3)),
    "S2 x C3": groups.Symmetric(2).along(0, (2, 2)) * groups.PointGroup("C3", 2).along(1, (2, 2)),
}


def data(group, n=14, n_targets=2):
    X = RNG.normal(size=(n, group.degree))
    return X, RNG.normal(size=(n, n_targets))


@pytest.mark.parametrize("name", GROUPS)
def test_predictions_are_invariant(name):
    group = GROUPS[name]
    X, y = data(group)
    T = RNG.normal(size=(5, group.degree))
    classes = np.arange(len(X)) % 3
    for model in (
        InvariantKernelRidge(0.1, group=group).fit(X, y),
        InvariantKernelRidge(0.1, kernel="poly", group=group).fit(X, y[:, 0]),
    ):
        want = model.predict(T)
        for g in itertools.islice(group.elements(), 60):
            np.testing.assert_allclose(model.predict(group.apply(g, T)), want, atol=1e-11)
    classifier = InvariantKernelClassifier(0.1, group=group).fit(X, classes)
    for g in group.sample(5, random_state=0):
        np.testing.assert_allclose(
            classifier.decision_function(group.apply(g, T)),
            classifier.decision_function(T),
            atol=1e-11,
        )


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("kernel", ["rbf", "polynomial", Matern(1.5, nu=1.5)], ids=str)
@pytest.mark.parametrize("name", GROUPS)
def test_equals_plain_regression_on_all_transformed_samples(name, kernel, weighted):
    """Training with K_G on n samples is training with K on their n |G| images, ridge |G| alpha."""
    group = GROUPS[name]
    X, y = data(group, n=7)
    weights = RNG.uniform(0.5, 2.0, len(X)) if weighted else None
    elements = list(group.elements())
    images = np.concatenate([group.apply(g, X) for g in elements])
    order = len(elements)
    plain = KernelRidge(0.3 * order, kernel=kernel, gamma=0.4)
    plain.fit(images, np.tile(y, (order, 1)), None if weights is None else np.tile(weights, order))
    T = RNG.normal(size=(4, group.degree))
    ours = InvariantKernelRidge(0.3, kernel=kernel, gamma=0.4, group=group).fit(X, y, weights)
    want = plain.predict(T)
    np.testing.assert_allclose(ours.predict(T), want, atol=1e-10 * max(1, np.abs(want).max()))


@pytest.mark.parametrize("name", ["symmetric", "cyclic", "dihedral", "sign_flips", "alternating"])
def test_named_groups_are_bound_in_fit(name):
    X, y = RNG.normal(size=(12, 5)), RNG.normal(size=12)
    model = InvariantKernelRidge(group=name).fit(X, y)
    assert model.group_ == groups.from_name(name, 5) == model.kernel_.group
    assert model.group == name and isinstance(model.kernel_, InvariantKernel)
    explicit = InvariantKernelRidge(group=model.group_).fit(X, y)
    np.testing.assert_array_equal(model.predict(X), explicit.predict(X))
    wider = model.fit(RNG.normal(size=(12, 4)), y)
    assert wider.group_.degree == 4


@pytest.mark.parametrize("normalize", [False, True])
def test_a_kernel_that_brings_its_group(normalize):
    X, y = RNG.normal(size=(12, 5)), RNG.normal(size=12)
    kernel = InvariantKernel(RBF(1.3), "cyclic", normalize=normalize)
    model = InvariantKernelRidge(0.1, kernel=kernel).fit(X, y)
    assert kernel.group == "cyclic" and model.group_ == groups.Cyclic(5)
    assert model.kernel_.normalize is normalize
    want = KernelRidge(0.1, kernel=kernel).fit(X, y)
    np.testing.assert_allclose(model.dual_coef_, want.dual_coef_, atol=1e-12)
    np.testing.assert_allclose(model.predict(X), want.predict(X), atol=1e-12)


def test_kernel_objects_are_averaged():
    X, y = RNG.normal(size=(12, 4)), RNG.normal(size=12)
    for kernel in (RBF(0.8), Matern(1.1, nu=2.5), Polynomial(2), Laplacian(0.5)):
        model = InvariantKernelRidge(0.1, kernel=kernel, group="symmetric").fit(X, y)
        brought = InvariantKernelRidge(0.1, kernel=InvariantKernel(kernel, "symmetric")).fit(X, y)
        np.testing.assert_array_equal(model.predict(X), brought.predict(X))


def test_plan_names_the_method():
    X, y = RNG.normal(size=(12, 4)), RNG.normal(size=12)
    model = InvariantKernelRidge(group="cyclic", method="sum").fit(X, y)
    assert model.plan().method == "sum" and "4 elements" in str(model.plan())


@pytest.mark.parametrize(
    "model",
    [
        InvariantKernelRidge(0.1),
        InvariantKernelRidgeCV([0.01, 0.1, 1.0], [0.02, 0.1, 0.5]),
        InvariantKernelClassifier(0.1),
    ],
    ids=lambda m: type(m).__name__,
)
@pytest.mark.filterwarnings("ignore::symkernel.exceptions.GridEdgeWarning")
def test_samples_of_the_shape_of_the_group(model):
    G = groups.Image((4, 4), "D4")
    X, y = RNG.normal(size=(20, 4, 4)), np.arange(20) % 2
    model = model.set_params(group=G)
    folded = model.fit(X, y)
    assert folded.n_features_in_ == 16
    values, score = folded.predict(X), folded.score(X, y)
    np.testing.assert_array_equal(folded.predict(X.tolist()), values)
    np.testing.assert_array_equal(folded.predict(X.reshape(20, 16)), values)
    np.testing.assert_array_equal(model.fit(X.reshape(20, 16), y).predict(X), values)
    turned = folded.predict(np.rot90(X, axes=(1, 2)))
    np.testing.assert_allclose(turned, values, atol=1e-11)
    assert folded.score(X, y) == score
    brought = type(model)(kernel=InvariantKernel(RBF(4.0), G))
    assert brought.fit(X, y).predict(X).shape == (20,)


def test_data_frames_keep_their_names():
    frame = pd.DataFrame(RNG.normal(size=(12, 3)), columns=["a", "b", "c"])
    model = InvariantKernelRidge(group="symmetric").fit(frame, np.arange(12.0))
    assert model.feature_names_in_.tolist() == ["a", "b", "c"]
    np.testing.assert_allclose(
        model.predict(frame),
        model.predict(frame.rename(columns={"a": "c", "c": "a"})[["a", "b", "c"]]),
        atol=1e-12,
    )


def test_single_precision():
    X, y = RNG.normal(size=(30, 5)), RNG.normal(size=(30, 2))
    double = InvariantKernelRidge(0.1, group="dihedral").fit(X, y).predict(X)
    X32, y32 = X.astype(np.float32), y.astype(np.float32)
    single = InvariantKernelRidge(0.1, group="dihedral").fit(X32, y32)
    assert single.dual_coef_.dtype == single.predict(X32).dtype == np.float32
    np.testing.assert_allclose(single.predict(X32), double, atol=1e-4)
    np.testing.assert_allclose(single.predict(X), double, atol=1e-4)


def test_the_symmetry_helps():
    """Learning the largest of five features from few samples."""
    X, T = RNG.normal(size=(60, 5)), RNG.normal(size=(200, 5))
    plain = InvariantKernelRidge(1e-3, gamma=0.1).fit(X, X.max(axis=1))
    invariant = InvariantKernelRidge(1e-3, gamma=0.1, group="symmetric").fit(X, X.max(axis=1))
    errors = [np.mean((m.predict(T) - T.max(axis=1)) ** 2) for m in (plain, invariant)]
    assert errors[1] < 0.5 * errors[0]
