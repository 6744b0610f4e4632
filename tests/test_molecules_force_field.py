"""Force fields: what is learned, predicted, stored, compared, chosen and refused."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from force_fields import ETHANOL, WATER, Springs, ethanol, fitted, silent, water
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from symkernel import groups
from symkernel.exceptions import GroupTooLargeError
from symkernel.molecules import ForceField, Frames, read_structures
from symkernel.molecules.checks import bond_tension, check_frames, work_along_forces
from symkernel.molecules.selection import greedy_choice
from symkernel.molecules.storage import FORMAT
from symkernel.molecules.units import Units

RMD17 = Path(os.environ.get("SYMKERNEL_DATA", "../shared/data")) / "rmd17" / "ethanol.npz"
needs_data = pytest.mark.skipif(
    not RMD17.is_file(), reason=f"{RMD17} is absent; set SYMKERNEL_DATA"
)


@pytest.fixture(scope="module")
def ff():
    return fitted(ethanol(40), noise=1e-6)  # of which rounding is small


@pytest.fixture(scope="module")
def small():
    return fitted(water(20))


def arrays(frames, units="eV"):
    own = Units.of(units)
    return {
        "z": frames.numbers,
        "positions": own.lengths_from_angstrom(frames.positions),
        "energies": own.energies_from_ev(frames.energies),
        "forces": own.forces_from_ev(frames.forces),
        "units": own,
    }


# ---- laws ---------------------------------------------------------------------------------------


def test_a_molecule_is_learned(ff, small):
    for model, test in ((ff, ethanol(30, seed=9)), (small, water(30, seed=9))):
        scores = model.score_table(test)
        assert scores.energy.mae < 0.2 * 1000 * test.energies.std()
        assert scores.force.rmse < 0.2 * 1000 * np.sqrt((test.forces**2).mean())


def test_forces_are_minus_the_gradient_of_the_energy(ff):
    R = ethanol(2, seed=5).positions
    _, F = ff.predict(R)
    step = 2e-3
    for k, a, c in ((0, 0, 0), (0, 8, 2), (1, 3, 1), (1, 5, 0)):
        moved = np.repeat(R[k][None], 4, axis=0)
        moved[:, a, c] += step * np.array([-2, -1, 1, 2])
        E = ff.predict(moved)[0]
        slope = (E[0] - 8 * E[1] + 8 * E[2] - E[3]) / (12 * step)
        assert abs(F[k, a, c] + slope) < 1e-7


def test_forces_turn_with_the_molecule(ff):
    R = ethanol(3, seed=6).positions
    Q = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    E, F = ff.predict(R)
    turned, forces = ff.predict(R @ Q + [1.0, -2.0, 3.0])
    np.testing.assert_allclose(turned, E, rtol=0, atol=1e-11)
    np.testing.assert_allclose(forces, F @ Q, rtol=0, atol=1e-11)
    np.testing.assert_allclose(F.sum(axis=1), 0, atol=1e-11)


def test_like_atoms_may_swap(ff):
    R = ethanol(3, seed=7).positions
    E, F = ff.predict(R)
    assert len(ff.permutations_) == 6
    for p in ff.permutations_:
        swapped, forces = ff.predict(R[:, p])
        np.testing.assert_allclose(swapped, E, rtol=0, atol=1e-10)
        np.testing.assert_allclose(forces, F[:, p], rtol=0, atol=1e-9)


def test_permutations_by_name_and_as_arrays():
    frames = ethanol(12)
    assert len(fitted(frames, permutations="all").permutations_) == 12
    assert len(fitted(frames, permutations="none").permutations_) == 1
    given = fitted(frames, permutations=[[0, 1, 2, 3, 4, 6, 7, 5, 8]])
    np.testing.assert_array_equal(np.unique(given.permutations_[:, 5]), [5, 6, 7])
    found = groups.molecule(*ETHANOL, include="feasible").permutations
    images = {tuple(g.indices) for g in found.elements()}
    assert {tuple(p) for p in fitted(frames).permutations_} == images


def test_one_structure_answers_as_one(ff):
    frames = ethanol(3, seed=1)
    E, F = ff.predict(frames.positions)
    one, forces = ff.predict(frames.positions[1])
    assert np.ndim(one) == 0
    assert forces.shape == (9, 3)
    assert one == pytest.approx(E[1], abs=1e-12)
    np.testing.assert_allclose(forces, F[1], atol=1e-12)
    np.testing.assert_array_equal(ff.predict(frames)[0], E)


def test_many_structures_are_taken_block_by_block(small, capsys):
    frames = water(230, seed=12)
    E, F = small.predict(frames)
    one = [small.predict(R) for R in frames.positions[[0, 99, 100, 200, 229]]]
    np.testing.assert_allclose(E[[0, 99, 100, 200, 229]], [e for e, _ in one], atol=1e-11)
    np.testing.assert_allclose(F[[0, 99, 100, 200, 229]], [f for _, f in one], atol=1e-10)
    assert small.predict(frames[[]])[1].shape == (0, 3, 3)
    shown = clone(small).set_params(verbose=True).fit(frames[:5])
    capsys.readouterr()
    shown.score_table(frames)
    assert "230/230" in capsys.readouterr().err


def test_standard_deviations_grow_away_from_the_data(small):
    near = water(4, seed=0)
    far = Frames(near.numbers, 1.3 * near.positions)
    for k in (2, 3):
        inside = small.predict(near, return_std=True)[k]
        outside = small.predict(far, return_std=True)[k]
        assert inside.shape == small.predict(near)[k - 2].shape
        assert outside.mean() > 3 * inside.mean()
    E, _, sE, _ = small.predict(near.positions[0], return_std=True)
    assert np.ndim(sE) == np.ndim(E) == 0


# ---- data ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("units", ["kcal/mol", ("Hartree", "Bohr"), ("kJ/mol", "nm")])
def test_units_of_fit_are_those_of_predict(ff, units):
    frames, test = ethanol(40), ethanol(4, seed=2)
    own = Units.of(units)
    other = silent(noise=1e-6).fit(**arrays(frames, units))
    R = own.lengths_from_angstrom(test.positions)
    E, F = other.predict(R)
    expected_E, expected_F = ff.predict(test.positions)
    np.testing.assert_allclose(own.energies_to_ev(E), expected_E, rtol=0, atol=1e-6)
    np.testing.assert_allclose(own.forces_to_ev(F), expected_F, rtol=0, atol=1e-4)
    again = other.predict(test.positions, units=("eV", "Angstrom"))
    np.testing.assert_allclose(again[0], expected_E, rtol=0, atol=1e-6)
    np.testing.assert_allclose(other.predict(test)[0], E, rtol=1e-9)  # frames are in Angstrom
    std = other.predict(R[:1], return_std=True)
    own_std = ff.predict(test.positions[:1], return_std=True)
    np.testing.assert_allclose(own.energies_to_ev(std[2]), own_std[2], rtol=0.05)
    np.testing.assert_allclose(own.forces_to_ev(std[3]), own_std[3], rtol=0.05)


def test_files_and_atoms_are_read_by_fit(tmp_path):
    pytest.importorskip("ase")
    frames = water(12)
    expected = fitted(frames).predict(frames)[0]
    np.testing.assert_allclose(fitted(frames.to_ase()).predict(frames)[0], expected, atol=1e-12)
    np.savez(tmp_path / "w.npz", z=frames.numbers, R=frames.positions, E=frames.energies,
             F=frames.forces)  # fmt: skip
    model = fitted(tmp_path / "w.npz")
    np.testing.assert_allclose(model.predict(frames.to_ase())[0], expected, atol=1e-12)
    np.testing.assert_allclose(model.predict(frames.to_ase()[2])[0], expected[2], atol=1e-12)


def test_energies_alone_and_forces_alone():
    frames = water(30)
    given = arrays(frames)
    E = silent().fit(**{**given, "forces": None}).predict(frames)[0]
    np.testing.assert_allclose(E, frames.energies, atol=1e-2)
    F = silent().fit(**{**given, "energies": None}).predict(frames)[1]
    np.testing.assert_allclose(F, frames.forces, atol=1e-2)


def test_structures_without_forces_count_for_their_energies():
    frames = water(24)
    F = frames.forces.copy()
    F[12:] = np.nan
    F[3, 1, 2] = np.nan
    with pytest.warns(UserWarning, match="1 structures lack some of their forces"):
        model = silent().fit(**{**arrays(frames), "forces": F})
    assert (model.summary_["n_energies"], model.summary_["n_forces"]) == (24, 11)
    np.testing.assert_allclose(model.predict(frames)[0], frames.energies, atol=1e-2)


def test_structures_of_which_nothing_is_known_are_left_out():
    frames = water(12)
    frames.energies[2] = np.nan
    frames.forces[2] = np.nan
    with pytest.warns(UserWarning, match="1 structures have neither energy nor forces"):
        assert fitted(frames).n_structures_ == 11
    frames.energies[:], frames.forces[:] = np.nan, np.nan
    with pytest.raises(ValueError, match="none of the 12 structures has an energy or forces"):
        fitted(frames)


def test_repeated_structures():
    frames = water(12)
    with pytest.warns(UserWarning, match="3 of 15 structures repeat another one"):
        assert fitted(frames + frames[:3]).n_structures_ == 12
    Q = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    turned = Frames(
        frames.numbers,
        frames.positions[4:6] @ Q + 1.0,
        frames.energies[4:6],
        frames.forces[4:6] @ Q,
    )
    with pytest.warns(UserWarning, match="2 of 14 structures repeat another one"):
        assert fitted(turned + frames).n_structures_ == 12
    with pytest.warns(UserWarning, match="12 of 14 structures repeat another one"):
        assert fitted(frames[[0, 1] + 12 * [0]]).n_structures_ == 2
    other = frames[:2]
    other = Frames(other.numbers, other.positions, other.energies + 0.01, other.forces)
    with pytest.warns(UserWarning, match="2 of 14 structures repeat the positions"):
        model = fitted(frames + other)
    assert np.isfinite(model.predict(frames)[0]).all()


# ---- signs and scales ---------------------------------------------------------------------------


def changed(frames, energy=1.0, force=1.0):
    return Frames(frames.numbers, frames.positions, energy * frames.energies, force * frames.forces)


def test_good_data_pass_in_silence():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for n in (1, 2, 3, 5, 20, 100):
            check_frames(ethanol(n))
            check_frames(water(n))
            check_frames(changed(ethanol(n), energy=np.nan))
            check_frames(changed(ethanol(n), force=np.nan))


def test_forces_of_the_wrong_sign_are_told():
    for frames in (water(30), ethanol(10)):
        with pytest.warns(
            UserWarning, match="wrong sign: stretched bonds are pulled further apart"
        ):
            check_frames(changed(frames, force=-1.0))
    # atoms that are not held by covalent bonds: energies tell
    clusters = Springs(np.array([18, 18, 18]), 4.0 * WATER[1]).frames(40)
    with pytest.warns(UserWarning, match="wrong sign: energies rise along them"):
        check_frames(changed(clusters, force=-1.0))


@pytest.mark.parametrize(
    ("energy", "force", "words"),
    [
        (23.06, 1.0, "energies and forces have different scales.*energies in kcal/mol"),
        (1.0 / 27.2, 1.0, "energies and forces have different scales.*energies in Hartree"),
        (1.0, 23.06, "forces or positions are not in eV and Angstrom.*kcal/mol/Angstrom"),
        (23.06, 23.06, "forces or positions are not in eV and Angstrom.*kcal/mol/Angstrom"),
        (1.0 / 27.2, 1.0 / 51.4, "forces or positions are not in eV and Angstrom.*Hartree/Bohr"),
    ],
)
def test_mixed_units_are_told(energy, force, words):
    with pytest.warns(UserWarning, match=words):
        check_frames(changed(ethanol(200), energy, force))


def test_positions_in_other_units_are_told():
    frames = water(12)
    given = arrays(frames)
    bohr = {**given, "positions": frames.positions / 0.529177, "forces": frames.forces * 0.529177}
    with pytest.warns(UserWarning, match="R must be in Angstrom: multiply bohr by 0.529177"):
        silent().fit(**bohr)
    nm = pytest.warns(UserWarning, match="forces or positions are not in eV and Angstrom")
    with nm, pytest.raises(ValueError, match="R must be in Angstrom"):
        silent().fit(**{**given, "positions": frames.positions / 10})


def test_correlations_of_both_checks():
    frames = ethanol(50)
    found = bond_tension(frames)
    assert found.n == 8 * 50
    assert found.correlation > 0.9
    # Morse: 2 D a^2, and springs to other atoms beside it
    assert found.stiffness == pytest.approx(2 * 4.5 * 1.9**2, rel=0.2)
    pairs = work_along_forces(frames)
    assert pairs.correlation > 0.8
    assert 0.6 < pairs.ratio < 1.4


@pytest.mark.parametrize("change", [{}, {"positions": None}, {"z": None}])
def test_what_fit_needs(change):
    given = {**arrays(water(9)), **change} if change else {}
    with pytest.raises(TypeError, match="fit needs frames, or z and positions"):
        silent().fit(**given)


def test_refused_fits():
    frames = water(9)
    with pytest.raises(TypeError, match="not both"):
        silent().fit(frames, energies=frames.energies)
    with pytest.raises(ValueError, match="at least two atoms"):
        silent().fit(z=[1], positions=np.zeros((1, 1, 3)), energies=[0.0])
    with pytest.raises(ValueError, match="permutations must be one of feasible, all, none"):
        fitted(frames, permutations="some")
    with pytest.raises(ValueError, match="must exchange like atoms of H2O"):
        fitted(frames, permutations=[[1, 0, 2]])
    with pytest.raises(ValueError, match="permutations: "):
        fitted(frames, permutations=[[1, 1, 2]])
    with pytest.raises(TypeError, match="verbose must be True or False"):
        ForceField(verbose="no").fit(frames)
    broken = frames.positions.copy()
    broken[4, 1] += 3.0
    with pytest.raises(ValueError, match=r"on the mean of all frames.*permutations=\"none\""):
        fitted(Frames(frames.numbers, broken, frames.energies))
    eight = Springs(np.full(8, 18), 4.0 * np.indices((2, 2, 2)).reshape(3, 8).T).frames(3)
    with pytest.raises(GroupTooLargeError, match='permutations="none"'):
        fitted(eight)


def test_refused_predictions(small):
    with pytest.raises(NotFittedError):
        ForceField().predict(WATER[1])
    for name, arguments in (("save", ["x.npz"]), ("calculator", []), ("select", [WATER[1], 1])):
        with pytest.raises(NotFittedError):
            getattr(ForceField(), name)(*arguments)
    with pytest.raises(ValueError, match=r"positions must have shape \(n, 3, 3\)"):
        small.predict(ETHANOL[1])
    with pytest.raises(ValueError, match="contain NaN in 1 of 1 structures"):
        small.predict(np.full((3, 3), np.nan))
    with pytest.raises(ValueError, match="atoms of the training data in their order"):
        small.predict(ethanol(1))
    with pytest.raises(ValueError, match="atoms of the training data in their order"):
        small.score_table(ethanol(3))
    with pytest.raises(ValueError, match="no energy and no forces are known"):
        small.score_table(Frames(*WATER))


# ---- as an estimator ----------------------------------------------------------------------------


def test_parameters_and_text():
    assert repr(ForceField()) == "ForceField()"
    model = ForceField(permutations="all", noise=1e-8, verbose=False)
    assert "noise=1e-08" in repr(model)
    assert clone(model).get_params() == model.get_params()
    model.set_params(permutations="none")
    assert model.permutations == "none"
    frames = water(9)
    assert len(model.fit(frames).permutations_) == 1
    assert model.summary_["n_energies"] == 9
    np.testing.assert_array_equal(model.reference_, frames.positions[int(frames.energies.argmin())])


def test_the_model_is_fitted_with_what_was_asked_for(monkeypatch):
    from symkernel.molecules import force_field

    asked = {}

    def recorded(numbers, positions, energies, forces, permutations, **options):
        asked.update(options, shapes=[np.shape(a) for a in (positions, energies, forces)])
        raise KeyboardInterrupt

    monkeypatch.setattr(force_field, "fit_potential", recorded)
    options = {"n_search": 30, "noise": 1e-7, "local": False, "solver": "pcg",
               "random_state": 5, "n_jobs": 2}  # fmt: skip
    with pytest.raises(KeyboardInterrupt):
        silent(**options).fit(water(9), checkpoint="here.npz")
    assert asked.pop("shapes") == [(9, 3, 3), (9,), (9, 3, 3)]
    assert callable(asked.pop("progress"))
    assert asked == {**options, "checkpoint": "here.npz", "hyperparameters": None}


def test_progress_is_told(capsys, monkeypatch):
    ForceField().fit(water(5))
    assert re.search(r"\d+/\d+", capsys.readouterr().err)
    fitted(water(5))
    assert capsys.readouterr().err == ""
    for name in ("tqdm", "tqdm.auto"):
        monkeypatch.setitem(sys.modules, name, None)  # as if it were not installed
    ForceField().fit(water(5))
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) >= 2
    assert all(re.fullmatch(r"\S.*: \d+/\d+.*", line) for line in lines)


# ---- files --------------------------------------------------------------------------------------


def test_saved_models_give_equal_digits(tmp_path, ff):
    test = ethanol(5, seed=3)
    model = silent(permutations="all").fit(**arrays(ethanol(20), "kcal/mol"))
    model.save(tmp_path / "m")
    found = ForceField.load(tmp_path / "m")
    assert [file.name for file in tmp_path.iterdir()] == ["m"]
    for one, other in zip(model.predict(test, True), found.predict(test, True), strict=True):
        np.testing.assert_array_equal(one, other)
    assert found.get_params() == model.get_params()
    assert found.units_ == Units("kcal/mol", "Angstrom")
    assert found.summary_["molecule"] == model.summary_["molecule"]
    np.testing.assert_array_equal(found.reference_, model.reference_)
    with np.load(tmp_path / "m", allow_pickle=False) as data:
        assert all(not data[name].dtype.hasobject for name in data.files)


def test_files_that_are_refused(tmp_path, small):
    path = tmp_path / "m.npz"
    with pytest.raises(FileNotFoundError, match="does not exist"):
        ForceField.load(path)
    for write in (
        lambda: path.write_text("no zip"),
        lambda: path.write_bytes(b""),
        lambda: np.savez(path, R=WATER[1]),
        lambda: np.savez(path, about=np.array("[1]")),
        lambda: np.savez(path, about=np.array("no JSON")),
    ):
        write()
        with pytest.raises(ValueError, match=r"is no force field that ForceField\.save wrote"):
            ForceField.load(path)
    small.save(path)
    with np.load(path) as data:
        content = {name: data[name] for name in data.files}
    for name in ("potential.numbers", "about"):
        damaged = {key: value for key, value in content.items() if key != name}
        if name == "about":
            damaged["about"] = np.array(str(content["about"]).replace('"reference"', '"other"'))
        np.savez(path, **damaged)
        with pytest.raises(ValueError, match=r"is damaged: KeyError"):
            ForceField.load(path)
    newer = str(content["about"]).replace(f'"format": {FORMAT}', f'"format": {FORMAT + 1}')
    np.savez(path, **{**content, "about": np.array(newer)})
    with pytest.raises(ValueError, match=f"format {FORMAT + 1} of a newer symkernel.*upgrade"):
        ForceField.load(path)


def test_a_save_that_fails_leaves_the_old_file(tmp_path, small, monkeypatch):
    small.save(tmp_path / "m.npz")
    before = (tmp_path / "m.npz").read_bytes()

    def full(*_, **__):
        raise OSError("no space left")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(OSError, match="no space"):
        small.save(tmp_path / "m.npz")
    assert (tmp_path / "m.npz").read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


# ---- errors, curves, choices --------------------------------------------------------------------


def test_scores_are_those_of_the_predictions(small):
    test = water(15, seed=4)
    test.energies[3] = np.nan
    E, F = small.predict(test)
    scores = small.score_table(test)
    errors = 1000 * np.delete(E - test.energies, 3)
    assert (scores.energy.n, scores.force.n) == (14, 15 * 9)
    assert scores.energy.mae == pytest.approx(np.abs(errors).mean())
    assert scores.energy.rmse == pytest.approx(np.sqrt((errors**2).mean()))
    assert scores.force.largest == pytest.approx(1000 * np.abs(F - test.forces).max())
    hydrogen = 1000 * np.abs(F - test.forces)[:, 1:].mean()
    assert scores.by_element["H"] == pytest.approx(hydrogen)
    assert (scores.energy_unit, scores.force_unit) == ("meV", "meV/A")
    text = str(scores)
    assert f"{scores.energy.mae:.3g}" in text
    assert "on H" in text
    kcal = small.score_table(test, "kcal/mol")
    assert kcal.force.mae == pytest.approx(scores.force.mae / 43.36410390059322)
    assert kcal.to_dict()["energy_unit"] == "kcal/mol"
    alone = Frames(test.numbers, test.positions, test.energies)
    assert "none known" in str(small.score_table(alone))


def test_learning_curve(small):
    model, frames = silent(), water(60)
    curve = model.learning_curve(frames, [20, 5], n_repeats=2)
    assert curve.sizes == (5, 20)
    assert curve.energy_mae.shape == curve.seconds.shape == (2, 2)
    assert (curve.force_mae[:, 1] < curve.force_mae[:, 0]).all()
    assert not hasattr(model, "potential_")
    again = model.learning_curve(frames, [20, 5], n_repeats=2)
    np.testing.assert_array_equal(curve.force_mae, again.force_mae)
    held = model.learning_curve(frames, [60], test=water(9, seed=8))
    assert str(held).splitlines()[1].split()[0] == "60"
    assert held.to_dict()["sizes"] == (60,)
    with pytest.raises(ValueError, match="sizes must be up to 59"):
        model.learning_curve(frames, [60])


def test_pictures(tmp_path, small, monkeypatch):
    plt = pytest.importorskip("matplotlib.pyplot")
    test = water(30, seed=4)
    figure = small.plot(test)
    left, middle, right = figure.axes
    assert "MAE" in left.get_title()
    # the line of equality, and the points
    x, y = middle.lines[1].get_data()
    np.testing.assert_array_equal(x, test.forces.ravel())
    np.testing.assert_array_equal(y, small.predict(test)[1].ravel())
    assert right.get_yscale() == "log"
    figure.savefig(tmp_path / "p.png")
    small.plot(Frames(test.numbers, test.positions, test.energies)).savefig(tmp_path / "q.png")
    curve = silent().learning_curve(test, [5, 10])
    curve.plot().savefig(tmp_path / "r.png")
    assert len(list(tmp_path.iterdir())) == 3
    plt.close("all")


def test_greedy_choice_is_greedy():
    A = np.random.default_rng(0).normal(size=(12, 5))
    C = A @ A.T
    rows, variances = greedy_choice(C, 4)
    chosen: list[int] = []
    for row, variance in zip(rows, variances, strict=True):
        S = C[np.ix_(chosen, chosen)]
        left = np.diag(C) - np.einsum(
            "ij,ij->i", C[:, chosen] @ np.linalg.pinv(S) if chosen else C[:, chosen], C[:, chosen]
        )
        assert row == left.argmax()
        assert variance == pytest.approx(left.max(), rel=1e-8)
        chosen.append(int(row))
    assert len(greedy_choice(C, 12)[0]) == 5  # the rank
    assert len(greedy_choice(np.zeros((3, 3)), 2)[0]) == 0


def test_select(small):
    pool = water(30, seed=11)
    stretched = Frames(pool.numbers, 1.2 * pool.positions[:1])
    rows = small.select(pool + stretched, 5)
    assert rows[0] == 30
    assert len(set(rows)) == 5
    np.testing.assert_array_equal(small.select((pool + stretched).positions, 5), rows)
    # twice the same structure is chosen once
    with pytest.warns(UserWarning, match="only . of 3 structures"):
        assert len(small.select(pool[[0, 0, 0]], 3)) < 3
    with pytest.raises(ValueError, match="k must be at most 30"):
        small.select(pool, 31)


def test_importing_the_library_imports_neither_ase_nor_molecules():
    code = (
        "import sys, symkernel; "
        "assert not [m for m in sys.modules if m.startswith(('ase', 'symkernel.molecules'))]; "
        "symkernel.molecules.ForceField; "
        "assert 'ase' not in sys.modules and 'matplotlib' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.data
@needs_data
@pytest.mark.parametrize("name", ["ethanol", "benzene", "aspirin"])
def test_signs_and_scales_of_real_data(name):
    frames = read_structures(RMD17.with_name(f"{name}.npz"), units=("kcal/mol", "Angstrom"))
    for seed, n in enumerate((3, 10, 30, 300)):
        part = frames.split(n, seed)[0]
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            check_frames(part)
        with pytest.warns(UserWarning, match="wrong sign"):
            check_frames(changed(part, force=-1.0))
        for energy, force, words in (
            (1.0, 23.06, "forces or positions are not in eV and Angstrom.*kcal/mol"),
            (1.0, 1 / 51.4, "forces or positions are not in eV and Angstrom.*Hartree/Bohr"),
            (23.06, 1.0, "different scales.*energies in kcal/mol"),
            (1 / 27.2, 1.0, "different scales.*energies in Hartree"),
        ):
            if n >= 10:
                with pytest.warns(UserWarning, match=words):
                    check_frames(changed(part, energy, force))


@pytest.mark.data
@needs_data
def test_ethanol_of_rmd17():
    frames = read_structures(RMD17, units=("kcal/mol", "Angstrom"))
    with np.load(RMD17) as data:
        training, test = data["train_idx"][0][:50], data["test_idx"][0][:200]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = fitted(frames[training])
    assert len(model.permutations_) == 6
    scores = model.score_table(frames[test])
    # one length scale, unchosen, gives 17 / 90; the covariance of energies is 0.2 eV
    assert scores.energy.mae < 20
    assert scores.force.mae < 100
    assert np.median(model.potential_.distances(frames[test].positions)) < 2.0


@pytest.mark.data
@pytest.mark.full
@needs_data
@pytest.mark.parametrize(("n", "energy", "force"), [(50, 13.0, 60.0), (100, 7.5, 33.0)])
def test_ethanol_untouched(n, energy, force):
    with np.load(RMD17) as data:
        training, test = data["train_idx"][0][:n], data["test_idx"][0]
    frames = read_structures(RMD17, units=("kcal/mol", "Angstrom"))
    scores = ForceField(verbose=False).fit(frames[training]).score_table(frames[test])
    # measured: 8.2 / 38.5 and 4.3 / 22.8
    assert scores.energy_unit == "meV"
    assert scores.energy.mae < energy
    assert scores.force.mae < force
