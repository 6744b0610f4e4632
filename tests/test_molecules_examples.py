"""The examples of force fields, smaller than as published."""

from __future__ import annotations

import json

import numpy as np
import pytest
from force_fields import Springs, water
from test_rmd17 import load_example, needs_data

pytest.importorskip("ase")
pytest.importorskip("matplotlib")

from ase.io import write


def test_from_a_file_to_dynamics(tmp_path, capsys):
    force_field = load_example("force_field")
    write(tmp_path / "water.xyz", water(60).to_ase())
    status = force_field.main(
        [
            *(str(tmp_path / "water.xyz"), "--n-train", "40", "--picoseconds", "0.05"),
            *("--temperature", "100", "--output", str(tmp_path / "out")),
        ]
    )
    text = capsys.readouterr().out
    assert status == 0, text
    written = {file.name for file in (tmp_path / "out").iterdir()}
    assert written == {"errors.png", "H2O.npz", "run.traj", "run.png"}
    line = text.split("vibrations (1/cm):\n")[1].splitlines()[0]
    found = [float(word) for word in line.split()]
    assert len(found) == 3
    # 2 D a^2 of the bonds, on the reduced mass of O-H
    stiffness = 2 * Springs.depth * Springs.width**2
    mass = 1 / (1 / 15.999 + 1 / 1.008)
    stretch = 521.47 * np.sqrt(stiffness / mass)  # of eV/A^2 and amu, in 1/cm
    assert found[-1] == pytest.approx(stretch, rel=0.05)


def test_the_example_says_which_data_it_needs(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("SYMKERNEL_DATA", str(tmp_path))
    assert load_example("force_field").main(["--output", str(tmp_path)]) == 1
    assert "set SYMKERNEL_DATA" in capsys.readouterr().err


@pytest.mark.full
def test_what_is_asked_for_tells_more_than_what_is_drawn(tmp_path):
    active = load_example("active_learning")
    found = active.main(["--pool", "100", "--rounds", "3", "--output", str(tmp_path / "a.png")])
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    for one in found.values():
        assert one.sizes == [5, 10, 15, 20]
        assert one.mean[-1] < one.mean[0] / 2
    assert found["select"].mean[-1] < found["at random"].mean[-1]


@needs_data
@pytest.mark.full
def test_errors_beside_published_ones(tmp_path, capsys):
    curves = load_example("force_field_curves")
    path = tmp_path / "errors.json"
    curves.main(["--molecules", "benzene", "--sizes", "10", "20", "--json", str(path)])
    found = json.loads(path.read_text())
    (few, few_forces, _), (more, more_forces, _) = found["benzene 10"], found["benzene 20"]
    assert more < few < 5.0 and more_forces < few_forces < 20.0  # a constant has 83 and 662
    assert "FCHL19" in capsys.readouterr().out
