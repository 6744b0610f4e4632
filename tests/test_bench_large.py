"""The benchmark of many samples: answers agree, reports are well formed, wrong answers stop it."""

import hashlib
import importlib
import json

import numpy as np
import pytest
from symkernel import InvariantKernelRidge, cli

main = importlib.import_module("symkernel.bench.large.__main__").main
measure, programs, runner, samples, tables, tasks = (
    importlib.import_module(f"symkernel.bench.large.{name}")
    for name in ("measure", "programs", "runner", "samples", "tables", "tasks")
)


def test_it_runs_and_is_reported(tmp_path, capsys):
    path, picture = tmp_path / "results.json", tmp_path / "picture.png"
    words = ["bench", "large", "--quick", "--part", "octahedral", "iterations", "molecules"]
    assert cli.main([*words, "--json", str(path), "--picture", str(picture)]) == 0
    found = json.loads(path.read_text())
    task = tasks.octahedral_task()
    expected = {
        (program.name, n)
        for n in runner.QUICK_SIZES
        for program in programs.PROGRAMS
        if program.installed and program.takes(task, n)
    }
    assert {(row["program"], row["n"]) for row in found["fits"]} == expected
    assert set(found["answers"]["octahedral"]) == {name for name, _ in expected}
    assert all(row["peak_bytes"] >= 0 and 0 < row["error"] < 1.2 for row in found["fits"])
    assert [row["n"] for row in found["iterations"]] == list(runner.QUICK_STEPS)
    assert found["molecules"]["curve"][-1][1] < 1.05
    text = capsys.readouterr().out
    assert "grows as n^" in text and "memory over X" in text and "Quick run" in text
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_a_program_in_a_process_of_its_own():
    task = tasks.octahedral_task()
    rows = measure.growth(task, [300], 30, 1, [programs.OURS], lambda text: None)
    assert [(row["n"], row["centers"]) for row in rows] == [(300, 30)]


def test_a_wrong_answer_is_not_timed(monkeypatch):
    right = InvariantKernelRidge.predict
    monkeypatch.setattr(InvariantKernelRidge, "predict", lambda model, X: 1.01 * right(model, X))
    with pytest.raises(AssertionError, match="is off by"):
        runner.run(["octahedral"], quick=True)


def test_errors_that_disagree_are_refused():
    task = tasks.octahedral_task()
    rows = [
        {"program": name, "error": error}
        for name, error in ((programs.OURS, 0.2), (programs.AVERAGED, 0.3))
    ]
    with pytest.raises(AssertionError, match="errors on octahedral differ"):
        measure._agree(task, rows)


def test_samples_of_a_seed_do_not_depend_on_their_number(tmp_path):
    X, y = samples.samples(12_000)
    some, targets = samples.samples(11_000)
    np.testing.assert_array_equal(X[:11_000], some)
    np.testing.assert_array_equal(y[:11_000], targets)
    samples.write(tmp_path, samples.blocks(12_000), 12_000)
    for mapped in (True, False):
        for found, wanted in zip(samples.read(tmp_path, mapped), (X, y), strict=True):
            assert isinstance(found, np.memmap) == mapped
            np.testing.assert_array_equal(found, wanted)
    quiet = samples.samples(12_000, noise=0.0)[1]
    assert np.std(y - quiet) == pytest.approx(samples.NOISE, rel=0.05)
    assert abs(quiet.mean()) < 5 * quiet.std() / np.sqrt(len(quiet))  # less its expectation
    moved = X[:5].reshape(5, 8, 3)[:, :, [2, 0, 1]] * [1, -1, -1]
    distances = np.linalg.norm(moved[:, 1:] - moved[:, :1], axis=2)
    np.testing.assert_allclose(np.log(distances).mean(axis=1) - quiet[:5], samples._EXPECTED)
    with pytest.raises(ValueError, match="7 samples were to be written, and 5 came"):
        samples.write(tmp_path, samples.blocks(5), 7)


def _collisions(names, n=60):
    rng = np.random.default_rng(0)
    columns = {
        name: rng.integers(2, size=n) if name == "label"
        else rng.uniform(-np.pi, np.pi, n) if name.lower().endswith("phi")
        else rng.exponential(size=n)
        for name in names
    }  # fmt: skip
    return np.stack(list(columns.values()), axis=1)


def _file(path):
    return [str(path), hashlib.sha256(path.read_bytes()).hexdigest()]


@pytest.mark.parametrize(("name", "vectors"), [("higgs", 6), ("susy", 3)])
def test_collisions(tmp_path, capsys, name, vectors):
    path = tmp_path / "events.csv"
    rows = _collisions(getattr(tables, name.upper()))
    np.savetxt(path, rows, delimiter=",")
    file, digest = _file(path)
    options = ["--table", name, "--file", file, "--centers", "10", "--sha256"]
    assert main([*options, digest]) == 0
    assert "averaged kernel" in capsys.readouterr().out
    with pytest.raises(ValueError, match="has the SHA-256"):
        main([*options, "0" * 64])
    table = tables.LOADERS[name](path, 40)
    assert table.X.shape == (40, rows.shape[1] - 1)
    np.testing.assert_array_equal(table.y, 2 * rows[:40, 0] - 1)
    lengths = np.linalg.norm(table.X[:, : 2 * vectors].reshape(40, vectors, 2), axis=2)
    first = getattr(tables, name.upper()).index("missing_energy_magnitude")
    which = 1 if name == "higgs" else 2
    ratio = lengths[:, which] / rows[:40, first]
    np.testing.assert_allclose(ratio, ratio[0])


def test_trips(tmp_path):
    path = tmp_path / "trips.csv"
    line = "2015-01-05 10:00:{:02d},2015-01-05 10:{:02d}:00,1,2.5,-73.9,40.7,-73.95,40.8"
    lines = [line.format(i, 5 + i) for i in range(30)]
    lines.append("2015-01-05 10:00:00,2015-01-05 10:10:00,1,2.5,0.0,0.0,-73.95,40.8")  # at sea
    lines.append("2015-01-05 10:00:00,2015-01-05 10:00:01,1,2.5,-73.9,40.7,-73.95,40.8")  # a second
    path.write_text("\n".join([",".join(tables.TAXI), *lines]))
    table = tables.taxi(path, 100)
    assert table.X.shape == (30, 8) and table.group is None
    seconds = np.log([60 * (5 + i) - i for i in range(30)])
    np.testing.assert_allclose(table.y, seconds - seconds.mean())


def test_bags_do_not_depend_on_the_order_of_atoms(tmp_path):
    rng = np.random.default_rng(0)
    z = np.array([[6, 1, 1, 8, 0], [8, 1, 1, 0, 0], [7, 1, 1, 1, 0]] * 10)
    R = rng.standard_normal((30, 5, 3))
    energy = rng.standard_normal(30)
    path = tmp_path / "qm9.npz"
    np.savez(path, R=R, z=z, U0=energy)
    table = tables.qm9(path, 30)
    order = [3, 1, 4, 0, 2]
    np.savez(path, R=R[:, order], z=z[:, order], U0=energy)
    np.testing.assert_allclose(tables.qm9(path, 30).X, table.X)
    assert tables.fit_table("qm9", path, _file(path)[1], 30, 5, 1)["fits"].keys() == {
        "plain kernel"
    }


@pytest.mark.data
def test_digits_are_moved():
    task = tasks.digits_task()
    X, y = next(task.parts(300))
    assert X.shape == (300, 196) and (y.sum(axis=1) == -8).all()
    assert programs.check(task, 40, 10, (programs.OURS,))[programs.OURS] < 1e-5
    with pytest.raises(ValueError, match="n must be at most 18000, got 20000"):
        next(task.parts(20_000))


def test_unknown_programs_are_named():
    with pytest.raises(ValueError, match="unknown program 'nobody'"):
        runner.run(["octahedral"], only=["nobody"], quick=True)
