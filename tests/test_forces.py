"""Forces: gradients through descriptors of molecules and of one's own."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from gradients import (
    DY,
    MOLECULE,
    RNG,
    G,
    Squares,
    T,
    X,
    Y,
    assert_same,
    differences,
    energy,
    frames,
)
from sklearn.gaussian_process.kernels import RBF, Matern
from symkernel import InvariantKernelRidge, groups
from symkernel.descriptors import InversePairDistances, PairDistances
from symkernel.estimators import _joint_system


@pytest.mark.parametrize("descriptor", [InversePairDistances(5), PairDistances(5)])
def test_forces_of_a_molecule(descriptor):
    R, test = frames(12), frames(20, seed=1)
    e, g = energy(R)
    model = InvariantKernelRidge(
        1e-8,
        kernel=Matern(3.0, nu=2.5),
        group=MOLECULE.on_pairs(),
        descriptor=descriptor,
        normalize_y=True,
    ).fit(R, e, gradient=g)
    value, gradient = model.predict(test, return_gradient=True)
    want, slope = energy(test)
    assert np.abs(value - want).mean() < 0.05 * want.std()
    assert np.abs(gradient - slope).mean() < 0.05 * slope.std()
    flat = test.reshape(20, 15)
    np.testing.assert_allclose(
        differences(model.predict, flat), gradient.reshape(20, 15), atol=1e-7
    )
    # forces turn with the molecule, add up to nothing and have no torque
    for motion in groups.E(3).along(1, (5, 3)).sample(3, random_state=0):
        moved = model.predict(motion.apply(flat), return_gradient=True)
        np.testing.assert_allclose(moved[0], value, rtol=1e-11)
        turned = motion.apply(gradient.reshape(20, 15)) - motion.apply(np.zeros((20, 15)))
        np.testing.assert_allclose(moved[1], turned, atol=1e-10)
    for p in MOLECULE.permutations.sample(4, random_state=1):
        moved = model.predict(test[:, p.indices], return_gradient=True)
        np.testing.assert_allclose(moved[0], value, rtol=1e-11)
        np.testing.assert_allclose(moved[1], gradient[:, p.indices], atol=1e-10)
    np.testing.assert_allclose(gradient.sum(axis=1), 0.0, atol=1e-10)
    np.testing.assert_allclose(np.cross(test, gradient).sum(axis=1), 0.0, atol=1e-10)
    assert model.X_fit_.shape == (12, 10) and model.n_features_in_ == 15
    assert (model.predict(test, return_std=True)[1] < 0.1).all()


GEOMETRIES = {  # and 3 n - 6 of them bent, 3 n - 5 straight, of flat ones what distances see
    "dimer": (np.array([[0, 0, 0], [0, 0, 1.1]]), 1),
    "water": (np.array([[0, 0, 0], [0, 0, 0.96], [0, 0.93, -0.24]]), 3),
    "straight": (np.array([[0, 0, 0], [0, 0, 1.16], [0, 0, -1.16]]), 2),
    "flat ring": (
        np.array([[np.cos(a), np.sin(a), 0] for a in np.arange(6) * np.pi / 3]) * 1.4,
        9,
    ),
    "bent ring": (
        np.array([[np.cos(a), np.sin(a), 0.1 * (-1) ** k] for k, a in enumerate(np.arange(6))]),
        12,
    ),
}


@pytest.mark.parametrize("name", GEOMETRIES)
def test_directions_that_distances_do_not_see_are_dropped_and_change_nothing(name, monkeypatch):
    R, rank = GEOMETRIES[name]
    scales = np.array([1.0, 1.03, 0.98, 1.1])[:, None, None]
    R = R * scales
    e, g = energy(R)
    words = {"kernel": Matern(2.0, nu=2.5), "descriptor": InversePairDistances(R.shape[1])}
    model = InvariantKernelRidge(1e-4, **words).fit(R, e, gradient=g)
    assert len(model._fitted.system.observed) == 4 * (1 + rank)
    assert model.dual_coef_.shape == (4 * (1 + 3 * R.shape[1]),)
    test = R[:2] + 0.05 * RNG.normal(size=R[:2].shape)
    got = model.predict(test, return_std=True, return_gradient=True)
    eye = np.eye(3 * R.shape[1])
    monkeypatch.setattr(_joint_system, "row_spaces", lambda J: np.stack([eye] * len(J)))
    whole = InvariantKernelRidge(1e-4, **words).fit(R, e, gradient=g)
    assert len(whole._fitted.system.observed) == 4 * (1 + 3 * R.shape[1])
    want = whole.predict(test, return_std=True, return_gradient=True)
    for one, other in zip(got, want, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-9 * np.abs(other).max())


def test_a_descriptor_of_ones_own():
    model = InvariantKernelRidge(1e-3, kernel=Matern(2.0, nu=2.5), descriptor=Squares())
    model.fit(X, Y, gradient=DY)
    gradient = model.predict(T, return_gradient=True)[1]
    np.testing.assert_allclose(differences(model.predict, T), gradient, atol=1e-8)
    np.testing.assert_allclose(model.predict(-T), model.predict(T), rtol=1e-12)


@pytest.mark.parametrize("targets", [1, 2])
def test_values_alone_through_a_descriptor(targets):
    """The same as features computed outside, and with gradients inside."""
    y = Y if targets == 1 else np.column_stack([Y, -Y])
    model = InvariantKernelRidge(0.1, kernel=RBF(2.0), descriptor=Squares()).fit(X, y)
    outside = InvariantKernelRidge(0.1, kernel=RBF(2.0)).fit(Squares().value(X), y)
    np.testing.assert_array_equal(model.predict(T), outside.predict(Squares().value(T)))
    std = model.predict(T, return_std=True)[1]
    np.testing.assert_allclose(std, outside.predict(Squares().value(T), return_std=True)[1])
    gradient = model.predict(T, return_gradient=True)[1]
    np.testing.assert_allclose(differences(model.predict, T), gradient, atol=1e-9)


def test_no_gradients_at_all_through_a_descriptor():
    got = InvariantKernelRidge(0.1, kernel=RBF(2.0), descriptor=Squares())
    got.fit(X, Y, gradient=np.full_like(DY, np.nan))
    want = InvariantKernelRidge(0.1, kernel=RBF(2.0), descriptor=Squares()).fit(X, Y)
    assert_same(got, want.predict(T, return_std=True, return_gradient=True))


def test_bad_descriptors():
    class Wrong(Squares):
        def value(self, X):
            return np.zeros((len(X) + 1, 2))

    class Flat(Squares):
        def jacobian(self, X):
            return np.zeros((len(X), 4, 5))

    with pytest.raises(TypeError, match="has no value"):
        InvariantKernelRidge(descriptor=np.sin).fit(X, Y)
    with pytest.raises(ValueError, match=r"value\(X\) must have shape \(9, n_features"):
        InvariantKernelRidge(descriptor=Wrong()).fit(X, Y)
    with pytest.raises(ValueError, match=r"jacobian\(X\) must have shape \(9, 5, 4\)"):
        InvariantKernelRidge(descriptor=Flat()).fit(X, Y, gradient=DY)
    with pytest.raises(ValueError, match="kernel='precomputed' does not take"):
        InvariantKernelRidge(descriptor=Squares(), kernel="precomputed").fit(np.eye(9), Y)
    with pytest.raises(ValueError, match='device="cuda" is not for them'):
        InvariantKernelRidge(descriptor=Squares(), device="cuda").fit(X, Y)
    with pytest.raises(ValueError, match="X has 5 features; Dihedral"):
        InvariantKernelRidge(descriptor=Squares(), group=G).fit(X, Y)
    model = InvariantKernelRidge(descriptor=PairDistances(2)).fit(RNG.normal(size=(4, 6)), Y[:4])
    with pytest.raises(ValueError, match="atoms 0 and 1 of sample 1 overlap"):
        model.predict([[0, 0, 0, 0, 0, 1], [2, 2, 2, 2, 2, 2]])


# ---- real data ---------------------------------------------------------------------------------

FILE = Path(os.environ.get("SYMKERNEL_DATA", "../shared/data")) / "rmd17" / "ethanol.npz"


@pytest.mark.data
@pytest.mark.skipif(not FILE.is_file(), reason=f"{FILE} is absent; set SYMKERNEL_DATA")
def test_ethanol_from_a_hundred_structures_with_forces():
    with np.load(FILE) as data:
        train, test = data["train_idx"][0][:100], data["test_idx"][0][:400]
        z, R = data["z"], data["R"].astype(float)
        E, F = data["E"] * 43.364, data["F"] * 43.364  # kcal/mol in meV
    group = groups.molecule(z, R[train], include="feasible").on_pairs()
    assert group.order == 6
    model = InvariantKernelRidge(
        1e-9,
        kernel=Matern(5.0, nu=2.5),
        group=group,
        descriptor=InversePairDistances(9),
        normalize_y=True,
    ).fit(R[train], E[train], gradient=-F[train])
    energies, gradient = model.predict(R[test], return_gradient=True)
    assert np.abs(energies - E[test]).mean() <= 12.0
    assert np.abs(gradient + F[test]).mean() <= 58.0
