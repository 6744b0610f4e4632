"""The benchmark of reports: spreads agree, results are well formed."""

import importlib
import json

import pytest

diagnostics = importlib.import_module("symkernel.bench.diagnostics")


def test_cases_run_and_are_reported(tmp_path, capsys):
    path = tmp_path / "results.json"
    names = ["kernel ridge", "linear"]
    chosen = [f"--case={name}" for name in names]
    assert diagnostics.main(["--quick", *chosen, "--json", str(path)]) == 0
    results = json.loads(path.read_text())["reports"]
    assert [r["case"] for r in results] == names
    for result in results:
        assert result["images"] == 75 * result["samples"]
        assert result["seconds"].keys() == {"report", "predictions"}
        assert result["peak_bytes"] >= 0
    text = capsys.readouterr().out
    assert "60 samples x 75 rotations" in text
    assert all(name in text for name in names)


def test_a_wrong_spread_is_not_timed(monkeypatch):
    monkeypatch.setattr(diagnostics, "loop_std", lambda model, X: 1.0)
    with pytest.raises(AssertionError, match="spreads of linear differ"):
        diagnostics.run(["linear"], quick=True)
