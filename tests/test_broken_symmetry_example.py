"""The study of broken symmetry, smaller than it runs by itself; its data are made there."""

from __future__ import annotations

import numpy as np
import pytest
from test_rmd17 import load_example

pytest.importorskip("ase")
pytest.importorskip("matplotlib")
study = load_example("broken_symmetry")


def test_forces_are_the_gradient_of_the_energy():
    clouds = study.boltzmann(3, 600.0, np.random.default_rng(0), steps=50)
    forces = study.energy_and_forces(clouds)[1]
    for place in np.ndindex(3, 3):
        step = np.zeros((3, 3))
        step[place] = 1e-5
        energies = [study.energy_and_forces(clouds + sign * step)[0] for sign in (1, -1)]
        numerical = (energies[1] - energies[0]) / 2e-5
        np.testing.assert_allclose(forces[(slice(None), *place)], numerical, atol=1e-6)


def test_averages_remove_the_break_and_conserve_the_angular_momentum(tmp_path, capsys):
    fall, better = study.main(quick=True, folder=tmp_path)
    assert fall > 30
    assert better > 30
    text = capsys.readouterr().out
    assert "E_rot falls" in text
    assert "broken, and it matters" in text
    for name in ("broken_symmetry", "broken_symmetry_dynamics"):
        picture = tmp_path / f"{name}.png"
        assert picture.read_bytes().startswith(b"\x89PNG")
