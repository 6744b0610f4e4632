"""The example of symmetry discovery."""

from __future__ import annotations

import pytest
from symkernel import groups, lie
from test_rmd17 import load_example, needs_data

example = load_example("discover_symmetry")


def test_the_group_found_in_noise_makes_a_better_model(tmp_path):
    found, errors = example.rotations(1)
    assert found.group() == groups.SO(3)
    assert found.angle(lie.special_orthogonal(3)) < 0.02
    assert errors["SO(3)"] < 0.5 * errors["no symmetry"]
    boosts = example.lorentz(1)
    assert boosts.angle(lie.lorentz(4)) <= 1e-7
    example.draw({"a": found, "b": boosts}, errors, tmp_path / "spectra.png")
    assert (tmp_path / "spectra.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.full
@pytest.mark.data
@needs_data
def test_trajectories_tell_their_symmetries():
    found = example.trajectories(example.default_folder(), 1)
    assert [outcome.dimension for outcome in found.values()] == [0, 1, 3]
    assert found["Hopf"].group() == groups.SO(2)
    assert found["Kepler"].group() == groups.SO(3).along(1, (2, 3))
    assert found["Kepler"].angle(lie.special_orthogonal(3).along(1, (2, 3))) < 1e-2
