"""``symkernel train``, ``evaluate``, ``predict`` and ``md``."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from force_fields import ethanol, fitted, water
from symkernel import cli
from symkernel.molecules import ForceField, read_structures
from symkernel.molecules.units import Units

pytest.importorskip("ase")
pytest.importorskip("matplotlib")

from ase.io import read, write


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("water")
    frames = water(60)
    write(path / "water.xyz", frames.to_ase())
    write(path / "more.traj", water(10, seed=5).to_ase())
    write(path / "ethanol.xyz", ethanol(3).to_ase())
    fitted(frames[:30]).save(path / "model.npz")
    return path


def run(capsys, *arguments):
    """Exit status, standard output and error of a command."""
    status = cli.main([str(a) for a in arguments])
    return status, *capsys.readouterr()


def test_train_and_evaluate_the_rest(folder, tmp_path, capsys):
    model, picture, found = (tmp_path / name for name in ("m.npz", "p.png", "t.json"))
    status, out, err = run(
        capsys, "train", folder / "water.xyz", "--n-train", 40, "--evaluate", "rest",
        "-o", model, "--plot", picture, "--json", found, "--seed", 3,
    )  # fmt: skip
    assert status == 0, err
    assert "40 of 60 structures of H2O" in out
    assert re.search(r"\d+/\d+", err)  # progress
    told = json.loads(found.read_text())
    training, rest = read_structures(folder / "water.xyz").split(40, 3)
    scores = ForceField.load(model).score_table(rest)
    assert told["errors"] == json.loads(json.dumps(scores.to_dict()))
    assert told["n_train"] == len(training)
    assert told["n_test"] == 20
    assert told["training"]["n_forces"] == 40
    assert f"{scores.force.mae:.3g}" in out
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_train_defaults_to_everything_and_a_name(folder, tmp_path, capsys):
    write(tmp_path / "w.xyz", water(12).to_ase())
    status, _, err = run(
        capsys, "train", tmp_path / "w.xyz", "--quiet", "--evaluate", folder / "more.traj"
    )
    assert (status, err) == (0, "")
    assert ForceField.load(tmp_path / "w.model.npz").n_structures_ == 12


def test_json_on_standard_output_is_alone(folder, capsys):
    status, out, err = run(
        capsys, "evaluate", folder / "model.npz", folder / "more.traj", "--json", "-", "--quiet",
        "--units", "kcal/mol", "Angstrom",
    )  # fmt: skip
    assert status == 0
    told = json.loads(out)
    assert told["errors"]["energy_unit"] == "kcal/mol"
    assert "MAE" in err


def test_predict(folder, tmp_path, capsys):
    model, data = folder / "model.npz", folder / "more.traj"
    expected = ForceField.load(model).predict(read_structures(data), return_std=True)
    status, _, err = run(
        capsys, "predict", model, data, "-o", tmp_path / "p.xyz", "--std", "--quiet"
    )
    assert (status, err) == (0, "")
    structures = read(tmp_path / "p.xyz", ":")
    np.testing.assert_allclose(
        [a.get_potential_energy() for a in structures], expected[0], atol=1e-7
    )
    np.testing.assert_allclose([a.get_forces() for a in structures], expected[1], atol=1e-7)
    np.testing.assert_allclose([a.info["energy_std"] for a in structures], expected[2], atol=1e-7)
    np.testing.assert_allclose([a.arrays["forces_std"] for a in structures], expected[3], atol=1e-7)
    own = Units.of(("kcal/mol", "Bohr"))
    frames = read_structures(data)
    np.savez(tmp_path / "in.npz", z=frames.numbers, R=own.lengths_from_angstrom(frames.positions))
    status, _, err = run(
        capsys, "predict", model, tmp_path / "in.npz", "-o", tmp_path / "p.npz", "--quiet",
        "--units", "kcal/mol", "Bohr",
    )  # fmt: skip
    assert (status, err) == (0, "")
    back = read_structures(tmp_path / "p.npz")  # its units are stated
    np.testing.assert_allclose(back.energies, expected[0], atol=1e-9)
    np.testing.assert_allclose(back.forces, expected[1], atol=1e-9)


def test_atoms_in_another_order_are_matched(folder, tmp_path, capsys):
    frames = water(5).reordered([1, 2, 0])
    write(tmp_path / "w.traj", frames.to_ase())
    found = tmp_path / "f.json"
    status, _, err = run(
        capsys, "evaluate", folder / "model.npz", tmp_path / "w.traj", "--json", found, "--quiet"
    )
    assert (status, err) == (0, "")
    straight = ForceField.load(folder / "model.npz").score_table(water(5))
    assert json.loads(found.read_text())["errors"]["force"]["mae"] == pytest.approx(
        straight.force.mae, rel=1e-5
    )


def test_md(folder, tmp_path, capsys):
    status, out, err = run(
        capsys, "md", folder / "model.npz", "--start", folder / "water.xyz", "--temperature", 50,
        "--time", 0.02, "--every", 5, "-o", tmp_path / "r.traj", "--plot", tmp_path / "r.png",
        "--json", tmp_path / "r.json", "--nve",
    )  # fmt: skip
    assert status == 0, err
    told = json.loads((tmp_path / "r.json").read_text())
    assert told["n_steps"] == 40
    assert told["stopped"] == ""
    assert told["energy_change_per_atom"] < 0.01
    assert len(read(tmp_path / "r.traj", ":")) == 9
    assert (tmp_path / "r.png").stat().st_size > 5000
    assert "40 steps" in out


@pytest.mark.filterwarnings("ignore:the structure is")
def test_md_of_what_leaves_the_data_has_status_one(folder, capsys):
    status, out, _ = run(
        capsys, "md", folder / "model.npz", "--temperature", 30000, "--time", 1, "--quiet"
    )
    assert status == 1
    assert "stopped: after" in out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["train", "no.xyz"], "train: no.xyz does not exist"),
        (["train", "{}/water.xyz", "--n-train", "61"], "--n-train must be at most 60"),
        (["train", "{}/water.xyz", "--n-train", "0"], "--n-train must be at least 1"),
        (["train", "{}/water.xyz", "--evaluate", "rest"], "--evaluate rest needs --n-train"),
        (["train", "{}/water.xyz", "--n-train", "60", "--evaluate", "rest"], "no rest is left"),
        (["train", "{}/water.xyz", "--plot", "{}/x.png"], "--plot needs structures"),
        (["train", "{}/water.xyz", "-o", "/no/such/m.npz"], "the folder /no/such"),
        (["train", "{}/water.xyz", "--units", "stone", "A"], "unit of energy must be one of"),
        (["train", "{}/water.xyz", "--index", "x"], "index must be such as"),
        (["train", "{}/water.xyz", "--energy-key", "x"], "has 'x'"),
        (["train", "{}/water.xyz", "{}/ethanol.xyz"], "got C2H6O beside H2O"),
        (["evaluate", "{}/water.xyz", "{}/water.xyz"], "is no force field"),
        (["evaluate", "{}/model.npz", "{}/ethanol.xyz"], "got C2H6O beside H2O"),
        (["predict", "{}/no.npz", "{}/water.xyz", "-o", "{}/p.npz"], "no.npz does not exist"),
        (["md", "{}/model.npz", "--time", "-1"], "--time and --timestep must be positive"),
        (["md", "{}/model.npz", "--temperature", "-1"], "temperature must be"),
        (["md", "{}/model.npz", "-o", "{}/r.pdb"], "trajectory must end in"),
    ],
)
def test_errors_are_one_sentence_and_status_two(folder, tmp_path, monkeypatch, capsys, arguments,
                                                words):  # fmt: skip
    monkeypatch.chdir(tmp_path)
    status, _, err = run(capsys, *(a.format(folder) for a in arguments), "--quiet")
    assert status == 2
    assert words in err
    assert len(err.strip().splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_an_interrupted_training_says_where_it_goes_on(folder, tmp_path, capsys, monkeypatch):
    from symkernel.molecules import force_field

    def interrupted(*_, checkpoint, **__):
        checkpoint.write_text("state")
        raise KeyboardInterrupt

    monkeypatch.setattr(force_field, "fit_potential", interrupted)
    status, _, err = run(
        capsys, "train", folder / "water.xyz", "-o", tmp_path / "m.npz", "--checkpoint",
        tmp_path / "state", "--quiet",
    )  # fmt: skip
    assert status == 130
    assert "state: the same command goes on from here" in err
    assert not (tmp_path / "m.npz").exists()


def test_pictures_need_matplotlib_before_the_work(folder, capsys, monkeypatch):
    import importlib.util

    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "matplotlib" else found(name)
    )
    status, out, err = run(
        capsys, "evaluate", folder / "model.npz", folder / "more.traj", "--plot", "p.png"
    )
    assert (status, out) == (2, "")
    assert "pip install 'symkernel[demo]'" in err


def test_warnings_are_sentences(tmp_path, capsys):
    frames = water(20)
    frames.forces *= -1.0
    write(tmp_path / "w.xyz", frames.to_ase())
    status, _, err = run(capsys, "train", tmp_path / "w.xyz", "--quiet")
    assert status == 0
    assert err.startswith("symkernel train: forces have the wrong sign")
    assert len(err.strip().splitlines()) == 1
