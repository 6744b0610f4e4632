"""The example on QM7: sets of atoms against sorted bags, smaller than as published."""

from __future__ import annotations

import numpy as np
import pytest
from test_rmd17 import load_example

example = load_example("qm7_sets")
FOLDER = example.default_folder()
needs_data = pytest.mark.skipif(
    not (FOLDER / "qm7").is_dir(),
    reason=f"{FOLDER / 'qm7'} is absent; set SYMKERNEL_DATA to the folder holding qm7/",
)


def test_surroundings_do_not_change_under_motions_and_follow_permutations():
    rng = np.random.default_rng(0)
    z, R = np.array([6, 1, 1, 8, 1]), 1.5 * rng.standard_normal((5, 3))
    X = example.surroundings(z, R)
    turn = np.linalg.qr(rng.standard_normal((3, 3)))[0]
    np.testing.assert_allclose(example.surroundings(z, R @ turn + 3.0), X, rtol=1e-10)
    order = rng.permutation(5)
    np.testing.assert_allclose(example.surroundings(z[order], R[order]), X[order], rtol=1e-12)


def test_bags_are_sorted_and_padded():
    z = np.array([[1, 1, 6, 0], [6, 1, 0, 0]])
    R = np.zeros((2, 4, 3))
    R[0, :3, 0], R[1, :2, 0] = [0.0, 1.0, 3.0], [0.0, 2.0]
    bags = example.as_bags(example.Molecules(z, R, np.zeros(2)))
    np.testing.assert_allclose(bags, [[1.0, 3.0, 2.0], [0.0, 3.0, 0.0]])  # HH, then CH


@pytest.mark.data
@needs_data
@pytest.mark.filterwarnings("ignore::symkernel.exceptions.GridEdgeWarning")  # of few molecules
def test_sets_of_atoms_beat_bags():
    molecules = example.load(FOLDER)
    few = example.Molecules(*(part[:1500] for part in vars(molecules).values()))
    curves = {
        name: example.learning_curve(name, few, (100, 200), 1, 500) for name in example.MODELS
    }
    bags, sets = curves["sorted bags"], curves["sets of atoms"]
    assert (sets < 0.7 * bags).all() and (sets[:, 1] < sets[:, 0]).all()
    assert "sets / bags at 200" in example.table((100, 200), curves)


def test_absent_data_is_told(tmp_path, capsys):
    assert example.main([str(tmp_path)]) == 1
    assert "qm7_5000.npz does not exist" in capsys.readouterr().err
