"""Bad input of force fields, from the arguments of fit to the message."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from force_fields import WATER, Springs, ethanol, silent, water
from symkernel.molecules import Frames


def given(frames, **changes):
    """Arguments of fit, some of them changed."""
    own = {
        "z": frames.numbers,
        "positions": frames.positions,
        "energies": frames.energies,
        "forces": frames.forces,
    }
    return {**own, **changes}


def test_good_input_passes_in_silence():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        silent().fit(**given(water(20)))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"forces": -1.0}, "wrong sign"),
        ({"energies": 23.06}, "different scales.*kcal/mol"),
        ({"forces": 23.06}, "not in eV and Angstrom"),
        ({"energies": 23.06, "forces": 23.06}, "kcal/mol"),
    ],
)
def test_signs_and_units_are_told_by_fit(changes, words):
    frames = water(30)
    scaled = {name: factor * getattr(frames, name) for name, factor in changes.items()}
    with pytest.warns(UserWarning, match=words):
        silent(n_search=6).fit(**given(frames, **scaled))


def test_forces_of_some_alone():
    """Missing ones count for energies only, half-missing ones with a word."""
    frames = water(24)
    F = frames.forces.copy()
    F[::2] = np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = silent().fit(**given(frames, forces=F))
    assert (model.summary_["n_energies"], model.summary_["n_forces"]) == (24, 12)
    F[1, 0, 0] = np.nan
    with pytest.warns(UserWarning, match="1 structures lack some of their forces"):
        model = silent().fit(**given(frames, forces=F))
    assert model.summary_["n_forces"] == 11


def test_positions_that_are_not_finite():
    frames = water(12)
    R = frames.positions.copy()
    R[3, 1] = np.nan
    with pytest.raises(ValueError, match="positions contain NaN in 1 of 12 structures"):
        silent().fit(**given(frames, positions=R))
    pytest.importorskip("ase")
    atoms = frames.to_ase()
    atoms[3].positions[1] = np.nan
    with pytest.warns(UserWarning, match="1 of 12 structures are left out"):
        assert silent().fit(atoms).n_structures_ == 11


def test_atoms_at_one_place():
    frames = water(12)
    R = frames.positions.copy()
    R[3, 1] = R[3, 0]
    with pytest.raises(ValueError, match="atoms"):
        silent().fit(**given(frames, positions=R))


def test_repeated_frames():
    frames = water(12)
    with pytest.warns(UserWarning, match="12 of 24 structures repeat another one"):
        model = silent().fit(frames + frames)
    alone = silent().fit(frames)
    np.testing.assert_array_equal(model.predict(frames)[1], alone.predict(frames)[1])


def test_repeated_frames_that_contradict_each_other_are_averaged():
    frames = water(12)
    other = Frames(frames.numbers, frames.positions, frames.energies + 0.02, frames.forces)
    with pytest.warns(UserWarning, match="12 of 24 structures repeat the positions"):
        model = silent().fit(frames + other)
    E, F = model.predict(frames)
    np.testing.assert_allclose(E, frames.energies + 0.01, atol=2e-3)
    assert np.abs(F - frames.forces).max() < 0.1 * np.abs(frames.forces).max()
    assert np.isfinite(model.predict(frames, return_std=True)[3]).all()


def test_atoms_in_another_order_are_matched_by_fit_and_refused_by_predict():
    SinglePointCalculator = pytest.importorskip("ase.calculators.singlepoint").SinglePointCalculator
    frames = ethanol(6)
    order = np.array([2, 0, 1, 3, 4, 5, 6, 7, 8])
    structures = frames.to_ase()
    for k in (3, 5):
        E, F = structures[k].get_potential_energy(), structures[k].get_forces()[order]
        structures[k] = structures[k][order]
        structures[k].calc = SinglePointCalculator(structures[k], energy=E, forces=F)
    model = silent(n_search=6, local=False)
    with pytest.warns(UserWarning, match="2 structures list their atoms in another order"):
        model.fit(structures)
    wanted = silent(n_search=6, local=False).fit(frames)
    for one, other in zip(model.predict(frames), wanted.predict(frames), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-8)
    with pytest.raises(ValueError, match="atoms of the training data in their order"):
        model.predict(structures[5])


def test_one_structure_makes_a_model_and_two_atoms_do():
    hydrogen = Springs(np.array([1, 1]), np.array([[0.0, 0, 0], [0, 0, 0.74]]))
    for molecule in (Springs(*WATER, bond=1.3), hydrogen):
        frames = molecule.frames(1)
        E, F = silent().fit(frames).predict(frames)
        np.testing.assert_allclose(E, frames.energies, atol=1e-6)
        np.testing.assert_allclose(F, frames.forces, atol=1e-3 * np.abs(frames.forces).max())
