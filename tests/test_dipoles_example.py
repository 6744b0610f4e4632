"""The example of dipoles: its labels turn, and a model that turns learns them from less."""

from __future__ import annotations

import numpy as np
import pytest
from symkernel.groups import SO
from test_rmd17 import load_example

example = load_example("dipoles")
FOLDER = example.default_folder()
needs_data = pytest.mark.skipif(
    not (FOLDER / "rmd17").is_dir(),
    reason=f"{FOLDER / 'rmd17'} is absent; set SYMKERNEL_DATA to the folder holding rmd17/",
)


def test_labels_turn_and_do_not_depend_on_the_origin():
    z = np.array([8, 1, 1])
    R = np.array([[[0.0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]]])
    mu = example.dipoles(z, R)
    turn = SO(3).sample(1, random_state=0)[0].as_matrix()
    np.testing.assert_allclose(example.dipoles(z, R @ turn.T + 1.0), mu @ turn.T, atol=1e-13)
    assert mu[0] @ R[0, 1:].sum(axis=0) > 0  # from the oxygen, which is negative
    assert example.hydrogens(z, R).order == 2


@pytest.mark.data
@needs_data
def test_a_model_that_turns_needs_fewer_structures():
    structures = example.load(FOLDER)
    assert example.hydrogens(structures.z, structures.R).order == 12
    X, Y = structures.R, structures.dipole
    errors = {}
    for name, group in example.models(structures).items():
        model = example.chosen(group, X[:50], Y[:50])
        errors[name] = np.sqrt(((model.predict(X[-200:]) - Y[-200:]) ** 2).mean())
    blind, turning, like = errors.values()
    assert turning < 0.8 * blind
    assert like < 0.4 * blind
    assert like < 0.6 * turning
    lines = example.table([50], {k: np.array([v]) for k, v in errors.items()}, 1.0)
    assert "times less than without symmetry" in lines


def test_absent_data_is_told(tmp_path, capsys):
    assert example.main([str(tmp_path)]) == 1
    assert "ethanol.npz does not exist" in capsys.readouterr().err
