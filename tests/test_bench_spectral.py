"""The benchmark of invariant features: answers agree, reports are well formed."""

import importlib
import json

import pytest

spectral = importlib.import_module("symkernel.bench.spectral")


def test_every_case_runs_and_is_reported(tmp_path, capsys):
    path = tmp_path / "results.json"
    assert spectral.main(["--quick", "--threads", "1", "2", "--json", str(path)]) == 0
    results = json.loads(path.read_text())["spectral"]
    assert len(results) == 2 * len(spectral.CASES)
    assert all(0 < r["features"] < r["functions"] for r in results)
    text = capsys.readouterr().out
    assert all(case.title in text for case in spectral.CASES)


def test_a_wrong_answer_is_not_timed(monkeypatch):
    monkeypatch.setattr(spectral.InvariantBasis, "transform", lambda self, X: X)
    with pytest.raises(AssertionError, match="differ by"):
        spectral.run(["torus"], quick=True)
