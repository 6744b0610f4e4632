"""The benchmark of force fields beside sGDML: errors are checked, reports are well formed."""

import importlib
import json
import sys

import numpy as np
import pytest
from force_fields import water

bench = importlib.import_module("symkernel.bench.force_fields")
programs = importlib.import_module("symkernel.bench.force_programs")
SIZES = (20, 10, 10)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Springs of water as a file like those of revised MD17, in kcal/mol."""
    path = tmp_path_factory.mktemp("data") / "water.npz"
    frames = water(60)
    kcal = 1000.0 / bench.KCAL_PER_MOL
    order = np.random.default_rng(1).permutation(60)
    np.savez(
        path,
        z=frames.numbers,
        R=frames.positions,
        E=kcal * frames.energies,
        F=kcal * frames.forces,
        train_idx=order[None, :40],
        test_idx=order[None, 40:],
    )
    return path


def reported(data, path, *arguments):
    """Results of a quick run, whose entries are checked."""
    given = ["--quick", "--threads", "1", "--data", str(data), "--json", str(path), *arguments]
    assert bench.main(given) == 0
    results = json.loads(path.read_text())["force_fields"]["results"]
    for kinds in results.values():
        assert set(kinds) == {bench.CHOSEN, bench.GIVEN, bench.CALL}
        assert kinds[bench.CHOSEN]["permutations"] == 2
        for own in kinds.values():
            assert own["energy_error"] <= bench.QUICK_LEVELS[0]
            assert own["force_error"] <= bench.QUICK_LEVELS[1]
        # what is given is what was chosen, and a stored model predicts as the fitted one
        chosen, given, call = (kinds[w]["force_error"] for w in (bench.CHOSEN, bench.GIVEN, "call"))
        assert given == pytest.approx(chosen, rel=1e-3)
        assert call == pytest.approx(given, rel=1e-9)
    return results


def test_it_runs_and_is_reported(data, tmp_path, capsys):
    found = reported(data, tmp_path / "results.json", "--program", bench.OURS)
    assert set(found) == {bench.OURS}
    text = capsys.readouterr().out
    assert "hyperparameters chosen" in text and "one structure" in text


@pytest.mark.full
def test_all_programs(data, tmp_path, capsys):
    found = reported(data, tmp_path / "results.json")
    assert {bench.OURS, bench.FEW, bench.ONE} <= set(found)
    assert (bench.SGDML in found) != ("sGDML is not there" in capsys.readouterr().out)


def test_a_wrong_answer_is_not_reported(data):
    with pytest.raises(AssertionError, match="errors of symkernel are"):
        bench.run(data, 1, 1, None, SIZES, (np.nan, np.nan), 1, [bench.OURS])


def test_programs_read_the_rows_of_one_split(data):
    rows = bench.rows_of(data, *SIZES)
    with np.load(data) as found:
        training, test = found["train_idx"][0], found["test_idx"][0]
        np.testing.assert_array_equal(rows["E_train"], found["E"][training[:20]])
        np.testing.assert_array_equal(rows["F_valid"], found["F"][training[30:]])
        np.testing.assert_array_equal(rows["R_test"], found["R"][test[:10]])
    with pytest.raises(ValueError, match="more than the 40 of the split"):
        bench.rows_of(data, 30, 20, 10)


def test_a_python_without_sgdml_is_passed_over(tmp_path):
    own = bench.sgdml_python(None)
    assert own in (None, sys.executable) or own == bench.os.environ.get("SYMKERNEL_SGDML")
    assert bench.sgdml_python(str(tmp_path / "nowhere")) in (None, sys.executable)


def test_length_scales_are_tried_as_long_as_errors_fall():
    rows = {"R": np.zeros((1, 2, 3)), "F": np.ones((1, 2, 3))}

    class Told:
        def __init__(self, model):
            self._error = {10: 3.0, 20: 2.0, 30: 4.0}[model["sig"]]

        def predict(self, R):
            return None, 1.0 + np.full((1, 6), self._error)

    tried = []

    class Trainer:
        def train(self, task):
            tried.append(task["sig"])
            return task

    program = object.__new__(programs.SGDML)
    program._predictor = Told
    assert program._search(Trainer(), {}, rows)["sig"] == 20
    assert tried == [10, 20, 30]


def test_data_that_is_absent_is_said(tmp_path, capsys):
    assert bench.main(["--data", str(tmp_path / "none.npz")]) == 1
    assert "does not exist" in capsys.readouterr().err
